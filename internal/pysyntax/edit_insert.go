package pysyntax

import (
	"strings"

	"authfit/internal/edit"
)

// InsertAfter puts lines after a statement, at its indentation and with the
// file's line ending; "" is an empty line. A comment behind the statement stays
// with it. Where another statement follows on the same line, after a semicolon,
// the lines go behind that whole line.
func (f *File) InsertAfter(s Stmt, lines ...string) edit.Edit {
	at := lineEnd(f.text, s.End())
	for continues(f.text[:at]) && at < len(f.text) {
		at = lineEnd(f.text, skipLineEnd(f.text, at))
	}
	// A later statement of the line may span more lines: go behind it.
	for {
		next, _ := f.StmtAt(max(at-1, s.Pos()))
		if next == nil || next.End() <= at || next.Pos() > at {
			break
		}
		if _, isBlock := next.(*ClassDef); isBlock || len(blocksOf(next)) > 0 {
			break
		}
		at = lineEnd(f.text, next.End())
	}
	text := f.block(f.indentOf(s), lines)
	if at == len(f.text) {
		return edit.Edit{Start: at, End: at, New: f.Newline() + strings.TrimSuffix(text, f.Newline())}
	}
	at = skipLineEnd(f.text, at)
	return edit.Edit{Start: at, End: at, New: text}
}

// continues says whether a line ends in a backslash.
func continues(line string) bool { return strings.HasSuffix(line, `\`) }

// InsertBefore puts lines before a statement, at its indentation. Its
// decorators and the comments directly above it belong to it.
func (f *File) InsertBefore(s Stmt, lines ...string) edit.Edit {
	start, _ := f.lineOf(firstByte(s))
	for start > 0 {
		above, end := f.lineOf(start - 1)
		if !strings.HasPrefix(strings.TrimLeft(f.text[above:end], " \t\f"), "#") || f.Line(above) <= 2 {
			break
		}
		start = above
	}
	if start == 0 && strings.HasPrefix(f.text, bom) {
		start = len(bom)
	}
	return edit.Edit{Start: start, End: start, New: f.block(f.indentOf(s), lines)}
}

// InsertDecorator puts a decorator on a line of its own over a def or class:
// before the i-th that it has, or directly over it where i is their number.
func (f *File) InsertDecorator(s Stmt, i int, decorator string) edit.Edit {
	decorators, next := decoratorsOf(s), s.Pos()
	if i < len(decorators) {
		next = decorators[i].Pos()
	}
	start, end := f.lineOf(next)
	for i < len(decorators) && start > 0 && !strings.HasPrefix(strings.TrimLeft(f.text[start:end], " \t\f"), "@") {
		start, end = f.lineOf(start - 1) // "@(" may stand above what it holds
	}
	if start == 0 && strings.HasPrefix(f.text, bom) {
		start = len(bom)
	}
	return edit.Edit{Start: start, End: start, New: f.block(f.indentOf(s), []string{"@" + decorator})}
}

// firstByte is where a statement begins, its decorators included.
func firstByte(s Stmt) int {
	if decorators := decoratorsOf(s); len(decorators) > 0 {
		return decorators[0].Pos()
	}
	return s.Pos()
}

// decoratorsOf are the decorators of a def or class; other statements have none.
func decoratorsOf(s Stmt) []Expr {
	switch s := s.(type) {
	case *FunctionDef:
		return s.Decorators
	case *ClassDef:
		return s.Decorators
	}
	return nil
}

// block is lines with an indentation and the file's line ending.
func (f *File) block(indent string, lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if line != "" {
			b.WriteString(indent + line)
		}
		b.WriteString(f.Newline())
	}
	return b.String()
}
