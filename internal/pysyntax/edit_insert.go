package pysyntax

import (
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/problem"
)

// InsertAfter puts lines after a statement, at its indentation and with the
// file's line ending; "" is an empty line. A comment behind the statement stays
// with it. Where another statement follows on the same line, after a semicolon,
// the lines go behind that whole line. It is an error where lines of their own
// would not be in the statement's block: see placed.
func (f *File) InsertAfter(s Stmt, lines ...string) (edit.Edit, error) {
	if err := f.placed(s); err != nil {
		return edit.Edit{}, err
	}
	return f.insertAfter(s, lines...), nil
}

func (f *File) insertAfter(s Stmt, lines ...string) edit.Edit {
	text := f.block(f.lineAt(firstByte(s)).indent, lines)
	at, ended := f.behindLine(s.End())
	if !ended {
		text = f.Newline() + strings.TrimSuffix(text, f.Newline())
	}
	return edit.Edit{Start: at, End: at, New: text}
}

// InsertBefore puts lines before a statement, at its indentation. Its
// decorators and the comments directly above it belong to it. Where it stands
// behind others on its line, after a semicolon, the lines go before that whole
// line. The error is as that of InsertAfter.
func (f *File) InsertBefore(s Stmt, lines ...string) (edit.Edit, error) {
	if err := f.placed(s); err != nil {
		return edit.Edit{}, err
	}
	return f.insertBefore(s, lines...), nil
}

func (f *File) insertBefore(s Stmt, lines ...string) edit.Edit {
	l := f.lineAt(firstByte(s))
	return edit.Edit{Start: l.comments, End: l.comments, New: f.block(l.indent, lines)}
}

// InsertDecorator puts a decorator on a line of its own over a def or class:
// before the i-th that it has, or directly over it where i is their number.
func (f *File) InsertDecorator(s Stmt, i int, decorator string) edit.Edit {
	next := s.Pos()
	if decorators := decoratorsOf(s); i < len(decorators) {
		next = decorators[i].Pos()
	}
	l := f.lineAt(next)
	return edit.Edit{Start: l.start, End: l.start, New: f.block(l.indent, []string{"@" + decorator})}
}

// placed says why a line of its own can be neither before nor after a statement
// and in its block: it stands behind the colon of its block, or is an elif. The
// error is a *problem.Problem without a File.
func (f *File) placed(s Stmt) error {
	_, at := f.StmtAt(s.Pos())
	first := f.lineAt(firstByte(s)).first
	_, isIf := s.(*If)
	elif := isIf && strings.HasPrefix(f.text[s.Pos():], "elif")
	begins := func(o Stmt) bool { return o.Pos() == first }
	if !elif && (len(decoratorsOf(s)) > 0 || slices.ContainsFunc(at.Block, begins)) {
		return nil
	}
	return problem.New("edit-unplaceable", "no line can be put beside the statement, which has no line of its own").
		At("", f.Line(s.Pos())).WithFix("put it on a line of its own, then run authfit again")
}

// A logicalLine is one of Python's logical lines, which may be several lines.
type logicalLine struct {
	start    int // where its first line begins, behind a byte order mark
	first    int // its first token
	comments int // where the comments directly above it begin, else start
	indent   string
}

// lineAt is the logical line that holds a byte. Only the tokens tell it from the
// lines within a string or a bracket.
func (f *File) lineAt(offset int) logicalLine {
	l, begun := logicalLine{comments: -1}, false
	empty := true // no comment on the present line
	restart := func(at int) { l.start, empty = at, true }
	for _, t := range f.Tokens() {
		switch t.Kind {
		case KindSpace, KindContinuation, KindIndent, KindDedent:
		case KindBOM:
			restart(t.End())
		case KindNewline:
			if t.End() > offset {
				return l.indented(f)
			}
			l.comments, begun = -1, false
			restart(t.End())
		case KindComment:
			// The first two lines may say the encoding, or what runs the file.
			if !begun {
				empty = false
				if l.comments < 0 && f.Line(t.Pos()) > 2 {
					l.comments = l.start
				}
			}
		case KindLineEnd:
			if begun {
				continue
			}
			if empty {
				l.comments = -1
			}
			restart(t.End())
		default:
			if !begun {
				l.first, begun = t.Pos(), true
			}
		}
	}
	return l.indented(f)
}

// indented fills in what follows from the rest. An indentation that goes on
// behind a backslash is kept as a whole: CPython counts its tabs in another way.
func (l logicalLine) indented(f *File) logicalLine {
	if l.comments < 0 {
		l.comments = l.start
	}
	l.indent = f.text[l.start:l.first]
	return l
}

// behindLine is behind the logical line that holds a byte; ended says whether
// the line has an end, as the last of a file may have none.
func (f *File) behindLine(offset int) (at int, ended bool) {
	for _, t := range f.Tokens() {
		if t.Kind == KindNewline && t.Pos() >= offset && t.End() > t.Pos() {
			return t.End(), true
		}
	}
	return len(f.text), false
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
