package authkit

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"authfit/internal/edit"
	"authfit/internal/pysyntax"
)

// width is the length of a line at which Black and Ruff break it.
const width = 88

// fit breaks the lines that a change made too long, as a formatter would. A file
// that had longer lines before has no formatter that minds.
func fit(before, after []byte) []byte {
	if slices.ContainsFunc(bytes.Split(before, []byte("\n")), isLong) {
		return after
	}
	for range 3 { // what is in the brackets may be too long, too
		next := breakLong(after)
		if next == nil {
			break
		}
		after = next
	}
	return after
}

// breakLong breaks calls on lines that are too long; nil where there is nothing
// to break.
func breakLong(src []byte) []byte {
	now, err := pysyntax.Parse(src)
	if err != nil {
		return nil // which is refused where the edits are made
	}
	var breaks []edit.Edit
	done := 0
	now.Walk(func(n pysyntax.Node) bool {
		call, ok := n.(*pysyntax.Call)
		if !ok || call.Pos() < done || !isLong(lineOf(src, call.Pos())) || now.Line(call.Pos()) != now.Line(call.End()) {
			return true
		}
		breaks = append(breaks, broken(now, call)...)
		done = call.End()
		return false
	})
	if breaks == nil {
		return nil
	}
	after, err := edit.Apply(src, breaks...)
	if err != nil {
		return nil
	}
	return after
}

func isLong(line []byte) bool { return utf8.RuneCount(bytes.TrimRight(line, "\r")) > width }

// lineOf is the line that has the byte at a place, without its end.
func lineOf(src []byte, at int) []byte {
	start := bytes.LastIndexByte(src[:at], '\n') + 1
	line, _, _ := bytes.Cut(src[start:], []byte("\n"))
	return line
}

// broken puts the arguments of a call on a line of their own, or, where that is
// too long, on a line each.
func broken(f *pysyntax.File, call *pysyntax.Call) []edit.Edit {
	if len(call.Args) == 0 || slices.ContainsFunc(call.Args, func(a *pysyntax.Arg) bool { return a.Star > 0 }) {
		return nil
	}
	line := string(lineOf(f.Src, call.Pos()))
	outer := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	inner := f.Newline() + outer + f.IndentUnit()
	first, last := call.Args[0], call.Args[len(call.Args)-1]
	start := first.Pos()
	closing := call.End() - 1
	if strings.TrimSpace(string(f.Src[call.Func.End():start])) != "(" || strings.Trim(string(f.Src[last.End():closing]), ", \t)") != "" {
		return nil
	}
	each := isLong([]byte(outer + f.IndentUnit() + string(f.Src[start:closing])))
	edits := []edit.Edit{{Start: start, End: start, New: inner}}
	comma := ""
	if each {
		comma = ","
		for _, a := range call.Args[1:] {
			from := a.Pos()
			for from > 0 && f.Src[from-1] == ' ' {
				from--
			}
			edits = append(edits, edit.Edit{Start: from, End: a.Pos(), New: inner})
		}
		if strings.Contains(string(f.Src[last.End():closing]), ",") {
			comma = ""
		}
	}
	return append(edits, edit.Edit{Start: closing, End: closing, New: comma + f.Newline() + outer})
}
