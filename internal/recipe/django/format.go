package django

import (
	"strings"
	"unicode/utf8"

	"authfit/internal/pysyntax"
)

// width is the length of a line that ruff format and black keep to.
const width = 88

// A style is how a file writes strings and indents.
type style struct {
	quote string
	unit  string // one level of indentation
}

// styleOf takes over single quotes where the file has more of them.
func styleOf(f *pysyntax.File) style {
	single, double := 0, 0
	f.Walk(func(n pysyntax.Node) bool {
		s, ok := n.(*pysyntax.String)
		if !ok {
			return true
		}
		for _, part := range s.Parts {
			text := strings.TrimPrefix(f.Text(part), part.Prefix)
			switch {
			case strings.HasPrefix(text, `'''`), strings.HasPrefix(text, `"""`):
			case strings.HasPrefix(text, `'`):
				single++
			default:
				double++
			}
		}
		return true
	})
	s := style{quote: `"`, unit: f.IndentUnit()}
	if single > double {
		s.quote = `'`
	}
	return s
}

// str is a string literal. The text has no quote and no backslash in it.
func (s style) str(text string) string { return s.quote + text + s.quote }

// call writes "head(args)tail" at an indentation as ruff format does: on one
// line if it fits, else the arguments on a line of their own, else each of them
// on one. The first line is without the indentation.
func (s style) call(indent, head string, args []string, tail string) []string {
	all := strings.Join(args, ", ")
	one := head + "(" + all + ")" + tail
	if columns(indent+one) <= width {
		return []string{one}
	}
	inner := indent + s.unit
	if columns(inner+all) <= width {
		return []string{head + "(", inner + all, indent + ")" + tail}
	}
	lines := []string{head + "("}
	for _, arg := range args {
		lines = append(lines, inner+arg+",")
	}
	return append(lines, indent+")"+tail)
}

// columns counts a tab as four, as ruff does.
func columns(line string) int {
	return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
}
