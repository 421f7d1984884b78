package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"authfit/internal/pysyntax"
)

// A place is a copy of a subject that a variant rewrites.
type place struct {
	dir     string
	touched []string // what add changes in the subject as it is, absolute
	env     string   // the environment file, absolute; it may not be there
}

// A variant rewrites a copy of a subject. It says whether there was something to
// rewrite.
type variant struct {
	name, what string
	rewrite    func(place) (bool, error)
}

var variants = []variant{
	{"as-is", "as it is", func(place) (bool, error) { return true, nil }},
	{"crlf", "CRLF", texts(crlf)},
	{"mixed", "LF and CRLF by turns", texts(mixed)},
	{"cr", "CR", texts(cr, lfOnly)},
	{"tabs", "indented by tabs", pythons(tabs)},
	{"bom", "a byte order mark", texts(bom)},
	{"latin-1", "latin-1 with a coding line", pythons(latin1)},
	{"no-newline", "no newline at the end", texts(noNewline)},
	{"blank-lines", "blank lines at the end", texts(blankLines)},
	{"form-feeds", "form feeds", pythons(formFeeds)},
	{"long-comment", "a comment of 1 MB", touched(longComment)},
	{"long-string", "a string of 1 MB", touched(longString)},
	{"long-expression", "long expressions", touched(longExpression)},
	{"mode-0600", "mode 0600", modes(0o600)},
	{"mode-0755", "mode 0755", modes(0o755)},
	{"linked", "files behind links", linked},
	{"read-only", "read-only files", modes(0o444)},
	{"env-odd", ".env with odd quotes and export", env(oddEnv)},
	{"env-no-newline", ".env without a last newline", env(strings.TrimSuffix(oddEnv, "\n"))},
	{"env-crlf", ".env with CRLF", env(strings.ReplaceAll(oddEnv, "\n", "\r\n"))},
	{"env-bom", ".env with a byte order mark", env("\uFEFF" + oddEnv)},
	{"env-open", ".env with an open quote", env(oddEnv + "OPEN='never closed\n")},
	{"env-utf-16", ".env in UTF-16", env("\xff\xfeA\x00=\x001\x00\n\x00")},
}

// oddEnv is what people write into environment files.
const oddEnv = "# a comment\n\nexport AUTHFIT_A='x y'\nAUTHFIT_B = \"q\\\"uote\" # said\nAUTHFIT_C=plain#no comment\n" +
	"AUTHFIT_D='two\nlines'\nAUTHFIT_E\n  AUTHFIT_F=${HOME}/x\nAUTHFIT_G=caf\u00e9\nAUTHFIT_H=\n"

var textNames = regexp.MustCompile(`(?:\.py|\.html|\.jinja2?|\.j2)$|^(?:requirements.*\.txt|pyproject\.toml|Pipfile|\.env.*|\.gitignore)$`)

// walk calls change for each text file of a place that is no link.
func (p place) walk(change func(file string, info fs.FileInfo) error) error {
	return filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !textNames.MatchString(d.Name()) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return change(path, info)
	})
}

// rewritten writes what change makes of a file; nil leaves it as it is.
func rewritten(file string, change func([]byte) []byte) (bool, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	after := change(src)
	if after == nil || bytes.Equal(src, after) {
		return false, nil
	}
	return true, os.WriteFile(file, after, 0)
}

// lfOnly are the files in which a CR alone ends no line to everyone: not in TOML,
// and not to git.
var lfOnly = regexp.MustCompile(`^(?:requirements.*\.txt|pyproject\.toml|Pipfile|\.gitignore)$`)

// texts rewrites all text files that are UTF-8, but for those of some names.
func texts(change func([]byte) []byte, but ...*regexp.Regexp) func(place) (bool, error) {
	return func(p place) (any bool, err error) {
		err = p.walk(func(file string, _ fs.FileInfo) error {
			is, err := rewritten(file, func(src []byte) []byte {
				if !utf8.Valid(src) || len(src) == 0 || slices.ContainsFunc(but, func(re *regexp.Regexp) bool { return re.MatchString(filepath.Base(file)) }) {
					return nil
				}
				return change(src)
			})
			any = any || is
			return err
		})
		return any, err
	}
}

// pythons rewrites the Python files that parse before and after.
func pythons(change func(*pysyntax.File) []byte) func(place) (bool, error) {
	return func(p place) (any bool, err error) {
		err = p.walk(func(file string, _ fs.FileInfo) error {
			if filepath.Ext(file) != ".py" {
				return nil
			}
			is, err := rewritten(file, parsing(change))
			any = any || is
			return err
		})
		return any, err
	}
}

// touched rewrites the Python files that add changes.
func touched(change func(*pysyntax.File) []byte) func(place) (bool, error) {
	return func(p place) (any bool, err error) {
		for _, file := range p.touched {
			if filepath.Ext(file) != ".py" {
				continue
			}
			is, err := rewritten(file, parsing(change))
			if err != nil {
				return false, err
			}
			any = any || is
		}
		return any, nil
	}
}

func parsing(change func(*pysyntax.File) []byte) func([]byte) []byte {
	return func(src []byte) []byte {
		f, err := pysyntax.Parse(src)
		if err != nil || len(f.Body) == 0 {
			return nil
		}
		after := change(f)
		if _, err := pysyntax.Parse(after); err != nil {
			return nil
		}
		return after
	}
}

func lf(src []byte) []byte { return bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n")) }

func crlf(src []byte) []byte { return bytes.ReplaceAll(lf(src), []byte("\n"), []byte("\r\n")) }

func cr(src []byte) []byte { return bytes.ReplaceAll(lf(src), []byte("\n"), []byte("\r")) }

func mixed(src []byte) []byte {
	var out []byte
	for i, line := range bytes.SplitAfter(lf(src), []byte("\n")) {
		if i%2 == 1 {
			line = crlf(line)
		}
		out = append(out, line...)
	}
	return out
}

func bom(src []byte) []byte {
	if bytes.HasPrefix(src, []byte("\uFEFF")) {
		return nil
	}
	return append([]byte("\uFEFF"), src...)
}

func noNewline(src []byte) []byte { return bytes.TrimRight(src, "\r\n") }

func blankLines(src []byte) []byte { return append(bytes.Clone(src), "\n   \n\n"...) }

// tabs indents by tabs where the file does by blanks, but not in its strings.
func tabs(f *pysyntax.File) []byte {
	unit := f.IndentUnit()
	if strings.Trim(unit, " ") != "" {
		return nil
	}
	inString := map[int]bool{}
	for _, t := range f.Tokens() {
		if t.Kind == pysyntax.KindString || t.Kind == pysyntax.KindFStringMiddle {
			for line := f.Line(t.Pos()) + 1; line <= f.Line(t.End()-1); line++ {
				inString[line] = true
			}
		}
	}
	var out []byte
	for at := 0; at < len(f.Src); {
		end := len(f.Src)
		if n := bytes.IndexByte(f.Src[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		line := f.Src[at:end]
		if blanks := len(line) - len(bytes.TrimLeft(line, " ")); !inString[f.Line(at)] {
			out = append(out, strings.Repeat("\t", blanks/len(unit))...)
			line = line[blanks-blanks%len(unit):]
		}
		out = append(out, line...)
		at = end
	}
	return out
}

var codingLine = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)

// latin1 declares latin-1, and has a letter of it in a comment at either end.
func latin1(f *pysyntax.File) []byte {
	if bytes.HasPrefix(f.Src, []byte("\uFEFF")) || !utf8.Valid(f.Src) {
		return nil
	}
	var out []byte
	for _, r := range string(f.Src) {
		if r > 0xff {
			return nil
		}
		out = append(out, byte(r))
	}
	lines := bytes.SplitAfter(out, []byte("\n"))
	at := 0 // the lines before the coding line
	if bytes.HasPrefix(out, []byte("#!")) {
		at = 1
	}
	rest := at
	for i, line := range lines[:min(2, len(lines))] {
		if codingLine.Match(line) {
			at, rest = i, i+1
		}
	}
	return bytes.Join([][]byte{
		bytes.Join(lines[:at], nil), []byte("# -*- coding: latin-1 -*-\n# caf\xe9\n"), bytes.Join(lines[rest:], nil), []byte("\n# na\xefve\n"),
	}, nil)
}

// formFeeds puts one before each statement of the module: on a line of its own,
// or at the start of the statement's.
func formFeeds(f *pysyntax.File) []byte {
	var out []byte
	last := 0
	for i, s := range f.Body {
		start := bytes.LastIndexByte(f.Src[:s.Pos()], '\n') + 1
		if start < last || start == 0 || s.Pos() != start {
			continue // behind a semicolon, or behind the byte order mark
		}
		out = append(out, f.Src[last:start]...)
		out = append(out, []string{"\f\n", "\f"}[i%2]...)
		last = start
	}
	return append(out, f.Src[last:]...)
}

const megabyte = 1 << 20

// longComment puts a comment behind the line of the first statement.
func longComment(f *pysyntax.File) []byte {
	at := f.Body[0].End()
	if n := bytes.IndexByte(f.Src[at:], '\n'); n >= 0 {
		at += n + 1
	} else {
		return nil
	}
	return bytes.Join([][]byte{f.Src[:at], bytes.Repeat([]byte("#"), megabyte), []byte("\n"), f.Src[at:]}, nil)
}

func longString(f *pysyntax.File) []byte {
	return append(bytes.Clone(f.Src), "\nAUTHFIT_LONG = \""+strings.Repeat("x", megabyte)+"\"\n"...)
}

func longExpression(f *pysyntax.File) []byte {
	return append(bytes.Clone(f.Src), fmt.Sprintf("\nAUTHFIT_LIST = [%s]\nAUTHFIT_SUM = 0%s\nAUTHFIT_DEEP = %s0%s\nAUTHFIT_TEXT = \"\"%s\n",
		strings.Repeat("0, ", 5_000), strings.Repeat(" + 1", 500), strings.Repeat("(", 90), strings.Repeat(")", 90), strings.Repeat(".strip()", 150))...)
}

// modes gives all text files a mode.
func modes(mode fs.FileMode) func(place) (bool, error) {
	return func(p place) (any bool, err error) {
		err = p.walk(func(file string, info fs.FileInfo) error {
			if info.Mode().Perm() == mode {
				return nil
			}
			any = true
			return os.Chmod(file, mode)
		})
		return any, err
	}
}

// linked puts a link in the place of each file that add changes.
func linked(p place) (bool, error) {
	any := false
	for _, file := range append(p.touched, p.env) {
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		any = true
		name := filepath.Base(file) + ".orig"
		if err := errors.Join(os.Rename(file, filepath.Join(filepath.Dir(file), name)), os.Symlink(name, file)); err != nil {
			return false, err
		}
	}
	return any, nil
}

// env has the environment file end with a text, or be it where that is no UTF-8.
func env(text string) func(place) (bool, error) {
	return func(p place) (bool, error) {
		if p.env == "" {
			return false, nil
		}
		src, err := os.ReadFile(p.env)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		body, marked := strings.CutPrefix(text, "\uFEFF")
		switch {
		case !utf8.ValidString(text):
			src = nil
		case strings.Contains(text, "\r\n"):
			src = crlf(src)
		}
		if len(src) > 0 && !bytes.HasSuffix(src, []byte("\n")) {
			src = append(src, '\n')
		}
		if src = append(src, body...); marked {
			src = bom(src)
		}
		return true, os.WriteFile(p.env, src, 0o600)
	}
}
