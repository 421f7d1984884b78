// Package pysyntax reads Python source into a lossless list of tokens and a
// tree with byte ranges, and makes edits on it that leave every other byte as
// it was.
//
// It knows the grammar of Python 3.8 to 3.14. Ranges are those of CPython's
// ast module, counted in bytes of the file; the command in the folder conform
// compares the two over any number of files.
package pysyntax

import "fmt"

// File is a parsed source file. It is not changed after Parse, and may be read
// by several goroutines.
type File struct {
	// Src is the source as it was given, with its byte order mark.
	Src []byte
	// Body has the statements of the module.
	Body []Stmt
	// Encoding is the declared encoding in lower case, such as "latin-1";
	// "utf-8" where nothing is declared (PEP 263).
	Encoding string
	// Local reports whether a top-level module name is the project's own, for
	// AddImport. Nil knows relative imports only. The caller may set it.
	Local func(module string) bool

	text  string // Src as a string, which all strings in the tree are part of
	utf8  bool   // it is valid UTF-8 if Parse found no error
	lines func() []int32
}

// SyntaxError says why source is not Python, and where.
type SyntaxError struct {
	Offset int // in bytes, from 0
	Line   int // from 1
	Column int // in bytes, from 1
	Msg    string
}

// Error is "line:column: message".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
}

// Text is the source of a node.
func (f *File) Text(n Node) string { return f.text[n.Pos():n.End()] }
