package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"authfit/internal/plan"
	"authfit/internal/pysyntax"
)

// parse has our own parser read a file that was written.
func (t *trial) parse(name string) {
	src, err := os.ReadFile(filepath.Join(t.project, name))
	if err == nil {
		_, err = pysyntax.Parse(src)
	}
	if err != nil {
		t.breaks(parses, "%s: %v", name, err)
	}
}

// files holds each file that was written against its diff and its conventions.
func (t *trial) files(tmp string, originals map[string][]byte) error {
	dir := filepath.Join(tmp, "patched") // the originals, for git to patch
	var patch strings.Builder
	patched := map[string][]byte{}
	for _, f := range t.plan.Files {
		before := originals[f.Path]
		after, err := os.ReadFile(filepath.Join(t.project, f.Path))
		if err != nil {
			t.breaks(asPlanned, "%v", err)
			continue
		}
		diff := t.lines(f, before, after)
		if utf8.Valid(before) && utf8.Valid(after) {
			patched[f.Path] = after
			patch.WriteString("\n" + diff) // as plan prints it
			if f.Action == plan.Modify {
				if err := writeFile(filepath.Join(dir, f.Path), before, 0o644); err != nil {
					return err
				}
			}
		}
	}
	for _, e := range t.plan.Env {
		t.envLines(e.File, originals[e.File])
		break // of a plan there is one environment file
	}
	if len(patched) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cmd := exec.Command("git", "apply", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(patch.String())
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+tmp, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.breaks(asPlanned, "git apply: %v\n%s", err, out)
		return nil
	}
	for name, want := range patched {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.breaks(asPlanned, "%s: git apply gives something else: %s (%v)", name, differ(want, got), err)
		}
	}
	return nil
}

var hunk = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// A walk goes through a diff beside the lines before and after it.
type walk struct {
	*trial
	file       plan.File
	before     []byte
	a, b       []string // the lines before and after
	i, j       int      // the next of each
	gone, came []string // of the hunk so far
	whole      strings.Builder
	lost       bool // the diff does not go with the lines
}

func (w *walk) lose(format string, args ...any) {
	w.lost = true
	w.breaks(asPlanned, "%s"+format, append([]any{w.file.Path}, args...)...)
}

// lines goes through a diff: what is in no hunk, or is context in one, has to be
// the same bytes before and after, and what a hunk takes and gives has to be what
// it shows: a byte that is no UTF-8 as U+FFFD, and a secret as stars. It returns
// the diff with the lines as they are.
func (t *trial) lines(f plan.File, before, after []byte) string {
	w := &walk{trial: t, file: f, before: before, a: splitLines(before), b: splitLines(after)}
	diff := strings.SplitAfter(f.Diff, "\n")
	for n, line := range diff {
		m := hunk.FindStringSubmatch(line)
		switch {
		case m != nil:
			w.end()
			start, _ := strconv.Atoi(m[1])
			if m[2] == "0" { // an empty side is numbered by the line before it
				start++
			}
			w.unchanged(start - 1)
			w.whole.WriteString(line)
		case n < 2 || line == "" || line[0] == '\\': // the names of the file, or that there is no newline
			w.whole.WriteString(line)
		default:
			last := n+1 < len(diff) && strings.HasPrefix(diff[n+1], `\`)
			w.line(line, last)
		}
		if w.lost {
			return f.Diff
		}
	}
	w.end()
	if w.unchanged(len(w.a)); !w.lost && w.j != len(w.b) {
		w.lose(": there is more at the end")
	}
	return w.whole.String()
}

// unchanged goes on to a line; those before it are in no hunk.
func (w *walk) unchanged(upto int) {
	for ; w.i < upto; w.i, w.j = w.i+1, w.j+1 {
		if w.i >= len(w.a) || w.j >= len(w.b) || w.a[w.i] != w.b[w.j] {
			w.lose(":%d is in no hunk, and not the same", w.i+1)
			return
		}
	}
}

// line is one of a hunk; one without a newline is the last of its file.
func (w *walk) line(line string, last bool) {
	text := line[1:]
	if last {
		text = strings.TrimSuffix(text, "\n")
	}
	is := ""
	switch {
	case line[0] == ' ' && w.i < len(w.a) && w.j < len(w.b) && w.a[w.i] == w.b[w.j]:
		is = w.a[w.i]
		w.i, w.j = w.i+1, w.j+1
	case line[0] == '-' && w.i < len(w.a):
		is = w.a[w.i]
		w.gone = append(w.gone, is)
		w.i++
	case line[0] == '+' && w.j < len(w.b):
		is = w.b[w.j]
		w.came = append(w.came, is)
		w.j++
	}
	if !shows(text, is) {
		w.lose(": the diff has %q, and the files do not", clip(line))
		return
	}
	w.whole.WriteString(line[:1] + is)
	if last {
		w.whole.WriteString("\n")
	}
}

// shows says whether a diff has a line so.
func shows(text, line string) bool {
	line = strings.ToValidUTF8(line, "\uFFFD")
	if text == line || !strings.Contains(text, "***") {
		return text == line
	}
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(text), `\*\*\*`, `.*`) + `$`).MatchString(line)
}

// end holds a hunk that ends against what came and went in it.
func (w *walk) end() {
	if len(w.gone) > 0 && !subsequence(squeezed(w.gone), squeezed(w.came)) && !contains(words(w.came), words(w.gone)) {
		w.breaks(comesBack, "%s: %q by %q", w.file.Path, clip(strings.Join(w.gone, "")), clip(strings.Join(w.came, "")))
	}
	if w.file.Action == plan.Modify {
		w.conventions(w.file.Path, w.before, w.came)
	}
	w.gone, w.came = nil, nil
}

func splitLines(src []byte) []string {
	lines := strings.SplitAfter(string(src), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// squeezed is a text without its blanks and newlines.
func squeezed(lines []string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\f", r) {
			return -1
		}
		return r
	}, strings.Join(lines, ""))
}

// subsequence says whether all of a is in b, in its order.
func subsequence(a, b string) bool {
	for i := 0; i < len(a); i++ {
		n := strings.IndexByte(b, a[i])
		if n < 0 {
			return false
		}
		b = b[n+1:]
	}
	return true
}

var word = regexp.MustCompile(`\w+|[^\w\s]`)

// words are the words and signs of lines, and how often each is there.
func words(lines []string) map[string]int {
	count := map[string]int{}
	for _, w := range word.FindAllString(strings.Join(lines, ""), -1) {
		count[w]++
	}
	return count
}

// contains says whether all of b is in a.
func contains(a, b map[string]int) bool {
	for w, n := range b {
		if a[w] < n {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "..."
	}
	return s
}

// conventions holds lines that came into a file against those that were there.
func (t *trial) conventions(name string, before []byte, came []string) {
	crlfs, lfs := bytes.Count(before, []byte("\r\n")), bytes.Count(before, []byte("\n"))
	crs := bytes.Count(before, []byte("\r")) - crlfs
	tabs := regexp.MustCompile(`(?m)^\t`).Match(before) && !regexp.MustCompile(`(?m)^ `).Match(before)
	for _, line := range came {
		ends := ""
		switch {
		case strings.HasSuffix(line, "\r\n"):
			ends = "\r\n"
		case strings.HasSuffix(line, "\n"):
			ends = "\n"
		}
		other := ends == "\r\n" && crlfs == 0 && lfs > 0 || ends == "\n" && lfs == crlfs && lfs > 0 ||
			ends != "" && lfs == 0 && crs > 0
		if other {
			t.breaks(convention, "%s: %q ends in %q", name, clip(line), ends)
		}
		if tabs && strings.HasPrefix(line, " ") {
			t.breaks(convention, "%s: %q is not indented by tabs", name, clip(line))
		}
	}
	after, err := os.ReadFile(filepath.Join(t.project, name))
	mark := []byte("\uFEFF")
	if err != nil || bytes.HasPrefix(before, mark) != bytes.HasPrefix(after, mark) || bytes.Count(before, mark) != bytes.Count(after, mark) {
		t.breaks(convention, "%s: the byte order mark is not where it was (%v)", name, err)
	}
}

// envLines wants what was there to be there, and below it the keys of the plan.
func (t *trial) envLines(name string, before []byte) {
	after, err := os.ReadFile(filepath.Join(t.project, name))
	rest, is := bytes.CutPrefix(after, before)
	if err != nil || !is {
		t.breaks(nothing, "%s: what was there is not there any more (%v)", name, err)
		return
	}
	end := "\n"
	switch n := bytes.Count(before, []byte("\n")); bytes.Count(before, []byte("\r\n")) {
	case 0:
	case n:
		end = "\r\n"
	default: // they are mixed, and any will do
		rest = lf(rest)
	}
	wanted := map[string]bool{}
	for _, e := range t.plan.Env {
		wanted[e.Key] = true
	}
	text := string(rest)
	if len(before) > 0 && !bytes.HasSuffix(before, []byte("\n")) && !bytes.HasSuffix(before, []byte("\r")) {
		text = strings.TrimPrefix(text, end)
	}
	if bytes.Count(before, []byte("\n")) == 0 && bytes.Count(before, []byte("\r")) > 0 {
		text, end = strings.ReplaceAll(text, "\r", "\n"), "\n"
	}
	for line := range strings.Lines(text) {
		body, ended := strings.CutSuffix(line, end)
		if !ended || strings.ContainsAny(body, "\r\n") {
			t.breaks(convention, "%s: a line does not end in %q", name, end)
		}
		key, _, assigned := strings.Cut(body, "=")
		switch {
		case assigned && wanted[key]:
			delete(wanted, key)
		case body == "" || strings.HasPrefix(body, "#"):
		default:
			t.breaks(nothing, "%s: a line was added that the plan does not name", name)
		}
	}
	if len(wanted) > 0 {
		t.breaks(asPlanned, "%s: %v did not come", name, sortedKeys(wanted))
	}
}
