package pysyntax

import (
	"authfit/internal/edit"
)

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
