package pysyntax

import (
	"iter"

	"authfit/internal/edit"
)

// Line is the line of a byte, from 1.
func (f *File) Line(offset int) int { return 0 }

// Newline is the file's own line ending: "\n", "\r\n" or "\r", the most
// frequent where they are mixed, "\n" where there is none.
func (f *File) Newline() string { return "\n" }

// IndentUnit is one level of the file's indentation; four spaces unless the
// file shows another.
func (f *File) IndentUnit() string { return "    " }

// Walk calls visit for n and all nodes below it, in the order of the source;
// below a node for which visit returns false it does not go.
func Walk(n Node, visit func(Node) bool) {}

// Walk walks over all nodes of the file.
func (f *File) Walk(visit func(Node) bool) {}

// Place is where a statement stands.
type Place struct {
	Parents []Stmt // the statements around it, outermost first
	Block   []Stmt // the statements beside it, itself included
	Index   int    // its index in Block
}

// Stmts gives every statement of the file with its place, in the order of the source.
func (f *File) Stmts() iter.Seq2[Stmt, Place] { return func(func(Stmt, Place) bool) {} }

// StmtAt is the smallest statement that holds the byte at offset, or nil.
func (f *File) StmtAt(offset int) (Stmt, Place) { return nil, Place{} }

// StringValue is the value of a string literal, adjacent literals joined and
// escapes decoded; false for bytes, f-strings and everything else.
func (f *File) StringValue(e Expr) (string, bool) { return "", false }

// Binding is a name bound at module level.
type Binding struct {
	Name string
	Stmt Stmt // the statement that binds it
	Pos  int  // where the name (or the import's alias) stands
}

// Bindings lists the names bound at module level, in the order of the source.
func (f *File) Bindings() []Binding { return nil }

// IsBound reports whether a name is bound at module level.
func (f *File) IsBound(name string) bool { return false }

// AddImport adds one import statement, such as "import os" or "from . import
// c"; it gives no edits when the module binds the name by that very import.
func (f *File) AddImport(line string) []edit.Edit { return nil }

// AddImports adds several import statements at once.
func (f *File) AddImports(lines ...string) []edit.Edit { return nil }

// InsertAfter puts lines after a statement, at its indentation.
func (f *File) InsertAfter(s Stmt, lines ...string) edit.Edit { return edit.Edit{} }

// InsertBefore puts lines before a statement, at its indentation.
func (f *File) InsertBefore(s Stmt, lines ...string) edit.Edit { return edit.Edit{} }

// AppendElement appends to a *List, *Tuple, *Set, *Dict or the arguments of a *Call.
func (f *File) AppendElement(list Expr, elem string) (edit.Edit, error) { return edit.Edit{}, nil }

// AppendArg appends an argument to a call.
func (f *File) AppendArg(c *Call, arg string) edit.Edit { return edit.Edit{} }
