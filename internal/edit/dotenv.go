package edit

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"authfit/internal/problem"
)

// An EnvFile is an environment file (".env") as python-dotenv reads it: the
// grammar is the one of python-dotenv's parser.py (1.2), on the text that
// Python's open() gives it, where every newline is "\n". Values are as written:
// python-dotenv's ${NAME} is not expanded, since that depends on where the
// program runs.
type EnvFile struct {
	bindings []envBinding
	invalid  *problem.Problem
}

// An envBinding is one statement that has a key.
type envBinding struct {
	key   string
	value string
	line  int
}

// A Pair is a key and its value.
type Pair struct {
	Key, Value string
}

// ParseEnv reads an environment file. It does not fail: statements that
// python-dotenv skips with a warning are skipped, and Problem says what keeps
// the file from being appended to.
func ParseEnv(src []byte) *EnvFile {
	f := &EnvFile{}
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		f.invalid = problem.New("env-encoding", "the environment file is not UTF-8, so python-dotenv cannot read it").
			WithFix("save it as UTF-8 (PowerShell's > writes UTF-16)")
		return f
	}
	r := envReader{src: strings.TrimPrefix(string(src), "\ufeff"), line: 1}
	for r.at < len(r.src) {
		b, state := r.statement()
		switch state {
		case envOK:
			f.bindings = append(f.bindings, b)
		case envUnterminated:
			if f.invalid == nil {
				f.invalid = problem.New("env-quote", "the quote is not closed, so what is added after it would become a part of it").
					At("", b.line).WithFix("close the quote in line %d", b.line)
			}
		}
	}
	return f
}

// Get returns the value of the last assignment to key and its line, counted
// from 1. A key that stands alone, without "=", is there and empty.
func (f *EnvFile) Get(key string) (value string, line int, ok bool) {
	for _, b := range slices.Backward(f.bindings) {
		if b.key == key {
			return b.value, b.line, true
		}
	}
	return "", 0, false
}

// Keys are the keys that are there, in the order of their first lines.
func (f *EnvFile) Keys() []string {
	seen := map[string]bool{}
	keys := []string{}
	for _, b := range f.bindings {
		if !seen[b.key] {
			seen[b.key] = true
			keys = append(keys, b.key)
		}
	}
	return keys
}

// Problem says why nothing can be appended to the file, or is nil. Its File is
// left to the caller.
func (f *EnvFile) Problem() *problem.Problem { return f.invalid }

// AppendEnv returns the edit that appends the pairs whose key src does not have
// in any form, at its end and with its own newline; none where all are there. A
// missing last newline is supplied first. Where comment is not empty, it
// stands in a line above the pairs, after an empty one.
//
// Values are written so that python-dotenv, a shell and docker's --env-file
// read the same; a value that needs quotes is for the first two (docker keeps
// quotes as a part of the value). A value that cannot be written like that, and
// a file that cannot be appended to, is a *problem.Problem without a File. No
// value is in it.
func AppendEnv(src []byte, comment string, pairs []Pair) ([]Edit, error) {
	old := ParseEnv(src)
	if p := old.Problem(); p != nil {
		return nil, p
	}
	var lines []string
	added := map[string]string{}
	for _, p := range pairs {
		if _, _, ok := old.Get(p.Key); ok {
			continue
		}
		if _, ok := added[p.Key]; ok {
			continue
		}
		value, err := quoteEnv(p)
		if err != nil {
			return nil, err
		}
		added[p.Key] = p.Value
		lines = append(lines, p.Key+"="+value)
	}
	if len(lines) == 0 {
		return nil, nil
	}
	if comment != "" {
		lines = slices.Insert(lines, 0, "# "+comment)
	}
	if needsEmptyLine(src, comment) {
		lines = slices.Insert(lines, 0, "")
	}
	edits := AppendLines(src, lines...)
	return edits, checkAppended(src, edits, old, added)
}

// needsEmptyLine says whether an empty line goes before what is added: above a
// comment, and below a last line that a shell would carry on.
func needsEmptyLine(src []byte, comment string) bool {
	body := bytes.TrimPrefix(src, []byte("\ufeff"))
	if len(body) == 0 || endsBlank(body) {
		return false
	}
	return comment != "" || bytes.HasSuffix(bytes.TrimRight(body, "\r\n"), []byte(`\`))
}

// checkAppended holds the result against what was there: every old key has its
// value, every new one is read back.
func checkAppended(src []byte, edits []Edit, old *EnvFile, added map[string]string) error {
	after, err := Apply(src, edits...)
	if err != nil {
		return err
	}
	now := ParseEnv(after)
	for key, want := range added {
		if got, _, ok := now.Get(key); !ok || got != want {
			return problem.New("env-append", "%s would not be read back from the environment file", key).
				WithFix("add the line yourself, and mend the lines above it that python-dotenv cannot read")
		}
	}
	for _, key := range old.Keys() {
		want, _, _ := old.Get(key)
		if got, line, ok := now.Get(key); !ok || got != want {
			return problem.New("env-append", "%s would change its value by the lines that are added", key).
				At("", line).WithFix("check the quotes in the environment file")
		}
	}
	return nil
}

// plainEnv are the characters that no reader of environment files treats in a
// special way, wherever they stand in a value.
const plainEnv = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

// quoteEnv writes a value. Within single quotes a shell reads everything as it
// stands and python-dotenv all but \\ and \'; within double quotes both agree
// on everything but $, ` and \. python-dotenv expands ${ in either.
func quoteEnv(p Pair) (string, error) {
	v := p.Value
	unwritable := problem.New("env-value", "the value of %s has characters that the readers of environment files do not agree on", p.Key).
		WithFix("add %s to the environment file yourself", p.Key)
	if !validEnvKey(p.Key) {
		return "", problem.New("env-key", "%q is not a name of an environment variable", p.Key)
	}
	control := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
	if strings.ContainsFunc(v, control) || strings.Contains(v, "${") {
		return "", unwritable
	}
	switch {
	case strings.Trim(v, plainEnv) == "":
		return v, nil
	case !strings.Contains(v, "'") && !strings.Contains(v, `\\`) && !strings.HasSuffix(v, `\`):
		return "'" + v + "'", nil
	case !strings.ContainsAny(v, "\"$`\\"):
		return `"` + v + `"`, nil
	}
	return "", unwritable
}

// validEnvKey follows POSIX: letters, digits and underscores, no digit first.
func validEnvKey(key string) bool {
	for i, r := range key {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return key != ""
}

// The outcomes of reading one statement.
type envState int

const (
	envOK           envState = iota
	envNone                  // a comment, an empty line, or what python-dotenv skips
	envUnterminated          // skipped because a quote is not closed
)

// An envReader follows python-dotenv's Reader: each read moves on by what it
// matches.
type envReader struct {
	src  string
	at   int
	line int // of at, from 1
}

func (r *envReader) rest() string { return r.src[r.at:] }

func (r *envReader) advance(n int) string {
	text := r.src[r.at : r.at+n]
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' || text[i] == '\r' && !strings.HasPrefix(r.src[r.at+i+1:], "\n") {
			r.line++
		}
	}
	r.at += n
	return text
}

// while moves on over the characters that satisfy ok.
func (r *envReader) while(ok func(rune) bool) string {
	rest := r.rest()
	n := strings.IndexFunc(rest, func(c rune) bool { return !ok(c) })
	if n < 0 {
		n = len(rest)
	}
	return r.advance(n)
}

// statement is parse_binding.
func (r *envReader) statement() (envBinding, envState) {
	r.while(pySpace)
	b := envBinding{line: r.line}
	if r.at == len(r.src) {
		return b, envNone
	}
	if after, ok := strings.CutPrefix(r.rest(), "export"); ok && after != "" {
		if n := len(after) - len(strings.TrimLeftFunc(after, pySpaceInLine)); n > 0 {
			r.advance(len("export") + n)
		}
	}
	var ok bool
	if b.key, ok = r.key(); !ok {
		return b, r.skip(envNone)
	}
	r.while(pySpaceInLine)
	if strings.HasPrefix(r.rest(), "=") {
		r.advance(1)
		spaced := r.while(pySpaceInLine) != ""
		if !spaced || !strings.HasPrefix(r.rest(), "#") {
			if b.value, ok = r.value(); !ok {
				return b, r.skip(envUnterminated)
			}
		}
	}
	r.while(pySpaceInLine)
	if strings.HasPrefix(r.rest(), "#") {
		r.while(inLine)
	}
	if !r.newline() {
		return b, r.skip(envNone)
	}
	if b.key == "" {
		return b, envNone
	}
	return b, envOK
}

// skip passes over the rest of the line, as python-dotenv does with a
// statement that it cannot read.
func (r *envReader) skip(s envState) envState {
	r.while(inLine)
	r.newline()
	return s
}

// newline moves over a newline or stands at the end.
func (r *envReader) newline() bool {
	rest := r.rest()
	switch {
	case rest == "":
	case strings.HasPrefix(rest, "\r\n"):
		r.advance(2)
	case rest[0] == '\n' || rest[0] == '\r':
		r.advance(1)
	default:
		return false
	}
	return true
}

// key is parse_key; a comment has an empty key.
func (r *envReader) key() (string, bool) {
	rest := r.rest()
	switch {
	case strings.HasPrefix(rest, "#"):
		return "", true
	case strings.HasPrefix(rest, "'"):
		n := strings.IndexByte(rest[1:], '\'')
		if n < 1 {
			return "", false
		}
		return universal(r.advance(n + 2)[1 : n+1]), true
	}
	key := r.while(func(c rune) bool { return c != '=' && c != '#' && !pySpace(c) })
	return key, key != ""
}

// value is parse_value; false says that a quote is not closed.
func (r *envReader) value() (string, bool) {
	rest := r.rest()
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		n := closingQuote(rest)
		if n < 0 {
			return "", false
		}
		escapes := `\'`
		if rest[0] == '"' {
			escapes = `\'"abfnrtv`
		}
		return unescape(universal(r.advance(n + 1)[1:n]), escapes), true
	}
	v := r.while(inLine)
	spaced := false
	for i, c := range v {
		if c == '#' && spaced {
			v = v[:i]
			break
		}
		spaced = pySpace(c)
	}
	return strings.TrimRightFunc(v, pySpace), true
}

// closingQuote finds the quote that closes the one text begins with, or -1.
func closingQuote(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i
		}
	}
	return -1
}

// unescape decodes a backslash before one of the characters in escapes.
func unescape(s, escapes string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(escapes, s[i+1]) >= 0 {
			i++
			if n := strings.IndexByte("abfnrtv", s[i]); n >= 0 {
				b.WriteByte("\a\b\f\n\r\t\v"[n])
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// universal makes every newline "\n", as Python does when it opens a text.
func universal(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// pySpace is \s of Python's regular expressions: unlike Go's, it has the four
// separators from U+001C.
func pySpace(c rune) bool { return unicode.IsSpace(c) || 0x1c <= c && c <= 0x1f }

func pySpaceInLine(c rune) bool { return pySpace(c) && inLine(c) }

func inLine(c rune) bool { return c != '\n' && c != '\r' }
