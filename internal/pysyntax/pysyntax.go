// Package pysyntax reads Python source into a lossless list of tokens and a
// tree with byte ranges, and makes edits on it that leave every other byte as
// it was.
package pysyntax

// File is a parsed source file.
type File struct {
	Src  []byte
	Body []Stmt
}

// Parse reads source. The File is never nil.
func Parse(src []byte) (*File, error) { panic("todo") }
