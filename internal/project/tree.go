package project

import "authfit/internal/pysyntax"

// A Tree is the project's files as they were when first looked at: listed
// once, read at most once, parsed at most once. It is safe for parallel use.
// Folders that are not the project (environments, .git, node_modules, what git
// ignores) are not in it.
type Tree struct {
	Root string
}

// Temporary contract; the bodies come with the package.

// Open lists the files below dir.
func Open(dir string) (*Tree, error) { panic("todo") }

// Files are all files, relative with slashes, sorted.
func (t *Tree) Files() []string { panic("todo") }

// Exists says whether the file is in the tree.
func (t *Tree) Exists(file string) bool { panic("todo") }

// Read returns the bytes of a file.
func (t *Tree) Read(file string) ([]byte, error) { panic("todo") }

// Python returns the parsed file. As with pysyntax.Parse, both results may be
// non-nil: what could be read, and why the rest could not.
func (t *Tree) Python(file string) (*pysyntax.File, error) { panic("todo") }
