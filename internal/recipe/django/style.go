package django

import (
	"strings"

	"authfit/internal/pysyntax"
)

// A style is how a file writes strings and indents.
type style struct {
	quote string
	unit  string // one level of indentation
}

// styleOf takes over single quotes where the file has more of them.
func styleOf(f *pysyntax.File) style {
	single := 0
	f.Walk(func(n pysyntax.Node) bool {
		if s, ok := n.(*pysyntax.String); ok {
			for _, part := range s.Parts {
				switch text := strings.TrimPrefix(f.Text(part), part.Prefix); {
				case strings.HasPrefix(text, `'''`), strings.HasPrefix(text, `"""`):
				case strings.HasPrefix(text, `'`):
					single++
				default:
					single--
				}
			}
		}
		return true
	})
	if single > 0 {
		return style{`'`, f.IndentUnit()}
	}
	return style{`"`, f.IndentUnit()}
}

// str is a string literal. The text has no quote and no backslash in it.
func (s style) str(text string) string { return s.quote + text + s.quote }
