package django

import (
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// A style is how a file writes strings and indents.
type style struct {
	quote string
	unit  string // one level of indentation
}

// styleOf takes over single quotes where the file has more of them.
func styleOf(f *pysyntax.File) style { return style{authkit.Quote(f), f.IndentUnit()} }

// str is a string literal. The text has no quote and no backslash in it.
func (s style) str(text string) string { return s.quote + text + s.quote }
