package pysyntax

import (
	"fmt"
	"strings"

	"authfit/internal/edit"
)

// AppendElement appends to a *List, *Tuple, *Set, *Dict or the arguments of a
// *Call, in the form that is there: on the same line, or on a line of its own
// with the trailing comma that the others have. A tuple without parentheses is
// an error, and so is any other expression.
func (f *File) AppendElement(list Expr, elem string) (edit.Edit, error) {
	switch e := list.(type) {
	case *List:
		return f.appendTo(e, last(e.Elts), elem, false), nil
	case *Set:
		return f.appendTo(e, last(e.Elts), elem, false), nil
	case *Dict:
		return f.appendTo(e, last(e.Values), elem, false), nil
	case *Tuple:
		if !e.Parens {
			return edit.Edit{}, fmt.Errorf("line %d: a tuple without parentheses", f.Line(e.Pos()))
		}
		return f.appendTo(e, last(e.Elts), elem, len(e.Elts) == 0), nil
	case *Call:
		return f.AppendArg(e, elem), nil
	}
	return edit.Edit{}, fmt.Errorf("not a list, tuple, set, dict or call")
}

func last[N Node](nodes []N) Node {
	if len(nodes) == 0 {
		return nil
	}
	return nodes[len(nodes)-1]
}

// AppendArg appends an argument to a call. A generator that is its only argument
// has the call's parentheses for its own, and gets others.
func (f *File) AppendArg(c *Call, arg string) edit.Edit {
	if len(c.Args) == 1 && c.Args[0].End() == c.End() {
		generator := c.Args[0]
		return edit.Edit{Start: generator.Pos(), End: generator.End(), New: "(" + f.Text(generator) + ", " + arg + ")"}
	}
	return f.appendTo(c, last(c.Args), arg, false)
}

// appendTo adds an element before the closing bracket that ends node. comma
// asks for a comma behind it also on one line, as a tuple of one needs.
func (f *File) appendTo(node, lastElem Node, elem string, comma bool) edit.Edit {
	closing := node.End() - 1
	if lastElem == nil {
		if f.Line(f.opening(node)) < f.Line(closing) {
			start, _ := f.lineOf(closing)
			indent := f.leading(closing) + f.IndentUnit()
			return edit.Edit{Start: start, End: start, New: indent + elem + "," + f.Newline()}
		}
		if comma {
			elem += ","
		}
		return edit.Edit{Start: closing, End: closing, New: elem}
	}
	end, hasComma := f.afterElement(lastElem.End(), closing)
	if f.Line(end-1) == f.Line(closing) {
		if hasComma { // (a,) or [a, b, ]
			return edit.Edit{Start: end, End: closing, New: " " + elem + ","}
		}
		return edit.Edit{Start: end, End: end, New: ", " + elem}
	}
	// On lines of their own: the indentation of the last element's first line,
	// or, where elements share the opening line, of the column they stand in.
	indent := f.leading(lastElem.Pos())
	if f.Line(lastElem.Pos()) == f.Line(node.Pos()) {
		indent = f.leading(node.Pos()) + f.IndentUnit()
	}
	text := indent + elem + ","
	at := skipLineEnd(f.text, lineEnd(f.text, end))
	if hasComma {
		return edit.Edit{Start: at, End: at, New: text + f.Newline()}
	}
	// The comma goes behind the element, and the comment of its line stays.
	return edit.Edit{Start: end, End: at, New: "," + f.text[end:at] + text + f.Newline()}
}

// opening is the bracket that opens a display, or the arguments of a call.
func (f *File) opening(node Node) int {
	c, ok := node.(*Call)
	if !ok {
		return node.Pos()
	}
	at := c.Func.End()
	for f.text[at] != '(' { // what may be before it: parentheses that end, blanks, comments
		if f.text[at] == '#' {
			at = lineEnd(f.text, at)
		}
		at++
	}
	return at
}

// afterElement skips the closing brackets of parentheses around an element and
// the comma behind it; end is behind what was skipped.
func (f *File) afterElement(from, closing int) (end int, comma bool) {
	end = from
	for at := from; at < closing; {
		switch c := f.text[at]; {
		case c == '#':
			at = lineEnd(f.text, at)
		case c == ')':
			at++
			end = at
		case c == ',':
			return at + 1, true
		default:
			at++
		}
	}
	return end, false
}

// leading is the white space at the start of the line that holds a byte.
func (f *File) leading(offset int) string {
	line := f.lineText(offset)
	return line[:len(line)-len(strings.TrimLeft(line, " \t\f"))]
}

func (f *File) lineText(offset int) string {
	start, end := f.lineOf(offset)
	return f.text[start:end]
}
