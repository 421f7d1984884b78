package pysyntax

import (
	"slices"
	"strings"

	"authfit/internal/edit"
)

// AddImport adds one import statement, such as "import os" or "from . import
// c"; it gives no edits when the module binds the name by that very import.
func (f *File) AddImport(line string) []edit.Edit { return f.AddImports(line) }

// AddImports adds import statements to the file's own block of them, in the
// order in which isort and ruff (rule I001) keep one: __future__, the standard
// library, other packages, the project's own modules, relative imports; within
// a section "import x" before "from x import y", each by name. A section that
// is not there yet gets an empty line around it. Imports inside try and if are
// left alone.
func (f *File) AddImports(lines ...string) []edit.Edit {
	wanted := make([]imported, 0, len(lines))
	for _, line := range lines {
		g, err := Parse([]byte(line))
		if err != nil || len(g.Body) != 1 || f.imports(g.Body[0]) {
			continue
		}
		i := f.classify(g.Body[0])
		i.text = line
		wanted = append(wanted, i)
	}
	slices.SortStableFunc(wanted, compareImports)
	var edits []edit.Edit
	before := map[int]int{} // insertions, by place, so that sections stay apart
	for _, w := range wanted {
		e, section := f.placeImport(w)
		if last, ok := before[e.Start]; ok && last != w.section {
			e.New = f.Newline() + strings.TrimPrefix(e.New, f.Newline())
		} else if ok && section {
			e.New = strings.TrimPrefix(e.New, f.Newline())
		}
		before[e.Start] = w.section
		edits = append(edits, e)
	}
	return f.apart(edits, wanted)
}

// apart ends the last insertion of a new section with an empty line where the
// next section follows at once.
func (f *File) apart(edits []edit.Edit, wanted []imported) []edit.Edit {
	for i := range edits {
		if i+1 < len(edits) && edits[i+1].Start == edits[i].Start {
			continue
		}
		next, _ := f.StmtAt(edits[i].Start)
		if next == nil || next.Pos() != edits[i].Start || !isImport(next) {
			continue
		}
		if f.classify(next).section != wanted[i].section {
			edits[i].New += f.Newline()
		}
	}
	return edits
}

// imported is an import statement and what its place depends on.
type imported struct {
	section int
	from    bool
	module  string
	text    string
}

// The sections, in their order.
const (
	future = iota
	standard
	thirdParty
	firstParty
	relative
)

func compareImports(a, b imported) int {
	if a.section != b.section {
		return a.section - b.section
	}
	if a.from != b.from {
		if b.from {
			return -1
		}
		return 1
	}
	return strings.Compare(strings.ToLower(a.module), strings.ToLower(b.module))
}

func isImport(s Stmt) bool {
	switch s.(type) {
	case *Import, *ImportFrom:
		return true
	}
	return false
}

func (f *File) classify(s Stmt) imported {
	switch s := s.(type) {
	case *Import:
		return imported{section: f.section(s.Names[0].Name), module: s.Names[0].Name}
	case *ImportFrom:
		if s.Level > 0 {
			return imported{section: relative, from: true, module: strings.Repeat(".", s.Level) + s.Module}
		}
		return imported{section: f.section(s.Module), from: true, module: s.Module}
	}
	return imported{}
}

func (f *File) section(module string) int {
	top, _, _ := strings.Cut(module, ".")
	switch {
	case top == "__future__":
		return future
	case isStandard(top):
		return standard
	case f.Local != nil && f.Local(top), top == "workos_auth", top == "workos_authkit", top == "auth_views":
		return firstParty
	}
	return thirdParty
}

// imports reports whether the file has the names of an import statement by the
// very same import, at its top level.
func (f *File) imports(want Stmt) bool {
	switch w := want.(type) {
	case *Import:
		for _, s := range f.Body {
			if have, ok := s.(*Import); ok && slices.ContainsFunc(have.Names, func(a *Alias) bool {
				return a.Name == w.Names[0].Name && a.AsName == w.Names[0].AsName
			}) {
				return true
			}
		}
	case *ImportFrom:
		for _, s := range f.Body {
			have, ok := s.(*ImportFrom)
			if !ok || have.Level != w.Level || have.Module != w.Module {
				continue
			}
			if slices.ContainsFunc(have.Names, func(a *Alias) bool {
				return a.Name == w.Names[0].Name && a.AsName == w.Names[0].AsName
			}) {
				return true
			}
		}
	}
	return false
}

// placeImport puts an import into the first run of imports at the file's top
// level. It reports whether the import begins a section of its own there.
func (f *File) placeImport(w imported) (e edit.Edit, newSection bool) {
	run := f.importRun()
	if len(run) == 0 {
		return f.firstImport(w), true
	}
	if from, ok := f.extendable(run, w); ok {
		return from, false
	}
	var lastOf, lastBefore, firstAfter Stmt
	for _, s := range run {
		have := f.classify(s)
		switch {
		case have.section == w.section && compareImports(have, w) <= 0:
			lastOf = s
		case have.section == w.section && lastOf == nil && firstAfter == nil:
			firstAfter = s
		case have.section < w.section:
			lastBefore = s
		}
	}
	switch {
	case lastOf != nil:
		return f.InsertAfter(lastOf, w.text), false
	case firstAfter != nil:
		return f.InsertBefore(firstAfter, w.text), false
	case lastBefore != nil:
		return f.InsertAfter(lastBefore, "", w.text), true
	}
	return f.InsertBefore(run[0], w.text), true
}

// importRun are the imports at the top of the file: up to the first statement
// that is none, a docstring and __future__ aside.
func (f *File) importRun() []Stmt {
	var run []Stmt
	for i, s := range f.Body {
		if isImport(s) {
			run = append(run, s)
			continue
		}
		if i == 0 && isDocstring(s) {
			continue
		}
		if len(run) > 0 {
			break
		}
		if _, ok := s.(*Assign); !ok { // __version__ = ... before the imports
			if _, ok := s.(*ExprStmt); !ok {
				break
			}
		}
	}
	return run
}

func isDocstring(s Stmt) bool {
	e, ok := s.(*ExprStmt)
	if !ok {
		return false
	}
	_, ok = e.Value.(*String)
	return ok
}

// firstImport is the place in a file that has no imports: behind the docstring,
// or before the first statement.
func (f *File) firstImport(w imported) edit.Edit {
	switch {
	case len(f.Body) == 0:
		at := len(f.text)
		newline := ""
		if at > 0 && lineEnd(f.text, f.lineStart(f.Line(at))) == at && !strings.HasSuffix(f.text, "\n") && !strings.HasSuffix(f.text, "\r") && f.text != bom {
			newline = f.Newline()
		}
		return edit.Edit{Start: at, End: at, New: newline + w.text + f.Newline()}
	case isDocstring(f.Body[0]):
		return f.InsertAfter(f.Body[0], "", w.text)
	}
	return f.InsertBefore(f.Body[0], w.text, "")
}

// extendable adds a name to a "from x import a, b" that is there already, where
// isort would keep both in one statement: the names are in order without case.
func (f *File) extendable(run []Stmt, w imported) (edit.Edit, bool) {
	g, _ := Parse([]byte(w.text))
	want, ok := g.Body[0].(*ImportFrom)
	if !ok || len(want.Names) != 1 || want.Names[0].AsName != "" {
		return edit.Edit{}, false
	}
	name := want.Names[0].Name
	for _, s := range run {
		have, ok := s.(*ImportFrom)
		if !ok || have.Level != want.Level || have.Module != want.Module || have.Names[0].Name == "*" {
			continue
		}
		text := f.Text(have)
		if strings.ContainsAny(text, "#\\") {
			return edit.Edit{}, false
		}
		for _, a := range have.Names {
			if sortsBefore(name, a.Name) {
				sep := ", "
				if strings.ContainsAny(text, "\n\r") {
					sep = "," + f.Newline() + f.leading(a.Pos())
				}
				return edit.Edit{Start: a.Pos(), End: a.Pos(), New: name + sep}, true
			}
		}
		end := have.Names[len(have.Names)-1].End()
		if strings.ContainsAny(text, "\n\r") {
			return edit.Edit{Start: end, End: end, New: "," + f.Newline() + f.leading(have.Names[len(have.Names)-1].Pos()) + name}, true
		}
		return edit.Edit{Start: end, End: end, New: ", " + name}, true
	}
	return edit.Edit{}, false
}

// sortsBefore is isort's order of names in one statement: CONSTANTS, Classes,
// then the rest, each without regard to case.
func sortsBefore(a, b string) bool {
	if x, y := rank(a), rank(b); x != y {
		return x < y
	}
	return strings.ToLower(a) < strings.ToLower(b)
}

func rank(name string) int {
	switch {
	case name == strings.ToUpper(name) && len(name) > 1:
		return 0
	case name[0] >= 'A' && name[0] <= 'Z':
		return 1
	}
	return 2
}

// isStandard reports whether a module is of the standard library (Python 3.10
// to 3.14, sys.stdlib_module_names, without the private ones).
func isStandard(module string) bool {
	_, ok := slices.BinarySearch(standardModules, module)
	return ok
}
