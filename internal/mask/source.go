package mask

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// reSecret is a name that says that its value is a secret, and reHarmless
	// one that only speaks of one: PASSWORD_HASHERS.
	reSecret   = regexp.MustCompile(`(?i)secret|passw(?:or)?d|pwd|token|credential|(?:private|api|access|auth|signing|encryption|cookie|session|jwt|fernet)[_-]?key|dsn$`)
	reHarmless = regexp.MustCompile(`(?i)(?:validators?|hashers?|urls?|uri|headers?|timeout|age|expiry|lifetime|templates?|forms?|fields?|views?|names?|endpoint|paths?|class(?:es)?|backends?|algorithms?|required|length)$`)
	reName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	// reVariable comes before the name of an environment variable, which is no
	// secret where its value is one.
	reVariable = regexp.MustCompile(`(?:environ|getenv|env|config)(?:\.\w+)*[\[(]\s*$`)

	reWord    = regexp.MustCompile(`^[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*`)
	reLiteral = regexp.MustCompile(`^(?:[rRbBfFuUtT]{1,2})?("""|'''|"|')`)
	// reGoesOn is how a line begins that adds to the value in the line before.
	reGoesOn = regexp.MustCompile(`^(?:[rRbBfFuUtT]{0,2}["']|[+%.]|or\b|if\b|else\b)`)
)

// Source hides the secrets in a source file, of whatever language, and keeps its
// lines: the string literals that are given to a name that says secret, and
// what is one by its form.
func Source(src string) string { return form(render(tokens(src), nil)) }

// Known are the secrets that a source holds, to be hidden in what its program
// writes.
func Known(src string) []string {
	var out []string
	for _, t := range tokens(src) {
		if text := t.content(); t.secret && Random(text) {
			out = append(out, text)
		}
	}
	return out
}

// Diff hides the secrets of a file in the unified diff of its change. What the
// change adds is shown as it is, unless the file had it before.
func Diff(diff, before, after string) string {
	was, is := tokens(before), tokens(after)
	had := map[string]bool{}
	for _, t := range was {
		if t.secret {
			had[t.text] = true
		}
	}
	old := strings.SplitAfter(form(render(was, nil)), "\n")
	now := strings.SplitAfter(form(render(is, had)), "\n")
	var b strings.Builder
	from, to := -1, -1 // the next line of each
	for line := range strings.Lines(diff) {
		switch {
		case strings.HasPrefix(line, "@@ "):
			from, to = hunk(line)
		case from < 0: // the names of the file
		case line[0] == '+' && to < len(now):
			line, to = "+"+now[to], to+1
		case line[0] == '-' && from < len(old):
			line, from = "-"+old[from], from+1
		case line[0] == ' ' && from < len(old):
			line, from, to = " "+old[from], from+1, to+1
		}
		b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// hunk is where the lines of a hunk begin, counted from 0.
func hunk(header string) (from, to int) {
	var before, after string
	if _, err := fmt.Sscanf(header, "@@ -%s +%s @@", &before, &after); err != nil {
		return -1, -1
	}
	first := func(s string) int {
		start, count, _ := strings.Cut(s, ",")
		n, _ := strconv.Atoi(start) // udiff writes numbers
		if count == "0" {           // an empty side is numbered by the line before it
			return n
		}
		return n - 1
	}
	return first(before), first(after)
}

// A token is a word, a string literal, or one character.
type token struct {
	text   string
	quote  string // of a literal
	prefix string // of a literal
	secret bool   // a literal that is not to be shown
}

// content is a word, or what is in a literal.
func (t token) content() string {
	if t.quote == "" {
		return t.text
	}
	return strings.TrimSuffix(t.text[len(t.prefix)+len(t.quote):], t.quote)
}

func (t token) says() bool {
	name := t.content()
	return len(name) > 1 && mayBeSecret(name) && reName.MatchString(name) && reSecret.MatchString(name) && !reHarmless.MatchString(name)
}

// render puts tokens together again with the secrets hidden: all, or those in
// only. Lines stay lines.
func render(all []token, only map[string]bool) string {
	var b strings.Builder
	for _, t := range all {
		if !t.secret || only != nil && !only[t.text] {
			b.WriteString(t.text)
			continue
		}
		b.WriteString(t.prefix + t.quote + hidden + strings.Repeat("\n"+hidden, strings.Count(t.text, "\n")) + t.quote)
	}
	return b.String()
}

// stems are parts of all that reSecret matches. Looking for them is a hundred times
// faster, which files of many thousand lines need.
var stems = []string{"secret", "passw", "pwd", "token", "credential", "key", "dsn"}

func mayBeSecret(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(stems, func(stem string) bool { return strings.Contains(text, stem) })
}

// tokens takes a source apart and marks the literals that are secrets.
func tokens(src string) []token {
	if !mayBeSecret(src) {
		return []token{{text: src}}
	}
	var all []token
	comment := false
	for i := 0; i < len(src); {
		t := token{text: src[i : i+1]}
		var word string
		var m []string
		if c := src[i]; isWord(c) || c == '"' || c == '\'' {
			word, m = reWord.FindString(src[i:]), reLiteral.FindStringSubmatch(src[i:])
		}
		switch {
		// An apostrophe in a word of a comment begins nothing, and nothing there is long.
		case m != nil && !(comment && (len(m[1]) == 3 || i > 0 && isWord(src[i-1]))):
			if end := literalEnd(src, i+len(m[0]), m[1]); end > 0 {
				t = token{text: src[i:end], quote: m[1], prefix: strings.TrimSuffix(m[0], m[1])}
			} else if word != "" {
				t.text = word
			}
		case word != "":
			t.text = word
		case src[i] == '#' && (i == 0 || strings.IndexByte(" \t\r\n", src[i-1]) >= 0):
			comment = true
		case src[i] == '\n':
			comment = false
		}
		i += len(t.text)
		all = append(all, t)
	}
	for i := 0; i < len(all); i++ {
		if all[i].says() {
			i = max(i, markValue(all, i)-1)
		}
	}
	return all
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// literalEnd is where the literal ends whose content begins at i; 0 where it
// does not.
func literalEnd(src string, i int, quote string) int {
	for ; i < len(src); i++ {
		switch {
		case src[i] == '\\':
			i++
		case strings.HasPrefix(src[i:], quote):
			return i + len(quote)
		case src[i] == '\n' && len(quote) == 1:
			return 0
		}
	}
	return 0
}

// markValue marks the literals that the name at i is given, if it is given any:
// NAME = ..., NAME: type = ..., "name": ..., x["name"] = ..., get("name", ...).
// It returns where that ends.
func markValue(all []token, i int) int {
	quoted := all[i].quote != ""
	i = skipSpace(all, i+1)
	if quoted && i < len(all) && all[i].text == "]" {
		i = skipSpace(all, i+1)
	}
	if i >= len(all) || !strings.Contains("=:,", all[i].text) || all[i].text == "," && !quoted ||
		i+1 < len(all) && all[i].text == "=" && all[i+1].text == "=" {
		return 0
	}
	waits := all[i].text != ":" || quoted // the value may begin in the next line
	const most = 200                      // of a line, to look back on
	depth, line := 0, ""
	for i++; i < len(all) && depth >= 0; i++ {
		t := &all[i]
		switch {
		case t.quote != "":
			if content := t.content(); content != "" && !(reVariable.MatchString(line) && reName.MatchString(content)) {
				t.secret = true
			}
		case strings.Contains("([{", t.text):
			depth++
		case strings.Contains(")]}", t.text):
			depth--
		case strings.Contains(",;", t.text) && depth == 0:
			return i
		case t.text == "\n" && depth == 0:
			text := strings.TrimSpace(line)
			if !strings.HasSuffix(text, `\`) && !(text == "" && waits) && !reGoesOn.MatchString(ahead(all, i+1)) {
				return i
			}
			line = ""
			continue
		}
		line = line[max(0, len(line)-most):] + t.text
	}
	return i
}

func skipSpace(all []token, i int) int {
	for i < len(all) && strings.Trim(all[i].text, " \t") == "" {
		i++
	}
	return i
}

// ahead is how the line at i begins.
func ahead(all []token, i int) string {
	if i = skipSpace(all, i); i < len(all) {
		return all[i].text
	}
	return ""
}
