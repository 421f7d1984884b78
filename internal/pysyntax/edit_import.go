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
	if len(wanted) == 0 {
		return nil
	}
	run := f.importRun()
	if len(run) == 0 {
		return []edit.Edit{f.firstImports(wanted)}
	}
	var edits []edit.Edit
	slots := make([][]imported, len(run)+1) // slot i is before run[i]
	for _, w := range wanted {
		if e, ok := f.extendable(run, w); ok {
			edits = append(edits, e)
			continue
		}
		i := f.slot(run, w)
		slots[i] = append(slots[i], w)
	}
	for i, ws := range slots {
		edits = append(edits, f.fill(run, i, ws)...)
	}
	return edits
}

// slot is where in a run an import belongs: behind the last of its section that
// sorts before it, else before the first of its section, else behind the
// sections before its own.
func (f *File) slot(run []Stmt, w imported) int {
	lastOf, firstOf, lastBefore := -1, -1, -1
	for i, s := range run {
		have := f.classify(s)
		switch {
		case have.section == w.section && compareImports(have, w) <= 0:
			lastOf = i
		case have.section == w.section && firstOf < 0:
			firstOf = i
		case have.section < w.section:
			lastBefore = i
		}
	}
	switch {
	case lastOf >= 0:
		return lastOf + 1
	case firstOf >= 0:
		return firstOf
	}
	return lastBefore + 1
}

// fill puts imports into a slot, with an empty line between sections where the
// file has them.
func (f *File) fill(run []Stmt, slot int, ws []imported) []edit.Edit {
	if len(ws) == 0 {
		return nil
	}
	apart := f.keepsSections(run)
	if slot == 0 {
		lines := joined(ws, apart)
		if apart && f.classify(run[0]).section != ws[len(ws)-1].section {
			lines = append(lines, "")
		}
		return []edit.Edit{f.insertBefore(run[0], lines...)}
	}
	prev := run[slot-1]
	n := slices.IndexFunc(ws, func(w imported) bool { return w.section != f.classify(prev).section })
	if n < 0 {
		return []edit.Edit{f.insertAfter(prev, joined(ws, apart)...)}
	}
	same, others := joined(ws[:n], apart), joined(ws[n:], apart)
	follows := slot < len(run) && f.adjacent(prev, run[slot])
	if slot < len(run) && !follows && f.classify(run[slot]).section == ws[len(ws)-1].section {
		edits := []edit.Edit{f.insertBefore(run[slot], others...)}
		if len(same) > 0 {
			edits = append(edits, f.insertAfter(prev, same...))
		}
		return edits
	}
	if apart {
		same = append(same, "")
		if follows {
			others = append(others, "")
		}
	}
	return []edit.Edit{f.insertAfter(prev, append(same, others...)...)}
}

// joined are the lines of sorted imports, with an empty one between sections.
func joined(ws []imported, apart bool) []string {
	var lines []string
	for i, w := range ws {
		if apart && i > 0 && w.section != ws[i-1].section {
			lines = append(lines, "")
		}
		lines = append(lines, w.text)
	}
	return lines
}

// keepsSections says whether the run has an empty line between any two imports
// of different sections. Many take the project's own modules and relative
// imports for one.
func (f *File) keepsSections(run []Stmt) bool {
	section := func(s Stmt) int { return min(f.classify(s).section, firstParty) }
	for i, s := range run[1:] {
		if f.adjacent(run[i], s) && section(run[i]) != section(s) {
			return false
		}
	}
	return true
}

// adjacent says whether no line between two statements is empty.
func (f *File) adjacent(a, b Stmt) bool {
	for line := f.Line(a.End()) + 1; line < f.Line(firstByte(b)); line++ {
		start, end := f.lineOf(f.lineStart(line))
		if strings.TrimSpace(f.text[start:end]) == "" {
			return false
		}
	}
	return true
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
	case f.Local != nil && f.Local(top), top == "workos_auth", top == "workos_authkit", top == "workos_flask_login", top == "auth_views":
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

// firstImports puts imports into a file that has none: behind the docstring, or
// before the first statement.
func (f *File) firstImports(ws []imported) edit.Edit {
	lines := joined(ws, true)
	switch {
	case len(f.Body) == 0:
		at := len(f.text)
		newline := ""
		if strings.HasSuffix(strings.TrimRight(f.text, "\r\n"), `\`) {
			newline = f.Newline() // behind a line that goes on
		}
		if at > 0 && lineEnd(f.text, f.lineStart(f.Line(at))) == at && !strings.HasSuffix(f.text, "\n") && !strings.HasSuffix(f.text, "\r") && f.text != bom {
			newline = f.Newline()
		}
		return edit.Edit{Start: at, End: at, New: newline + strings.Join(lines, f.Newline()) + f.Newline()}
	case isDocstring(f.Body[0]):
		if len(f.Body) > 1 && f.adjacent(f.Body[0], f.Body[1]) {
			lines = append(lines, "")
		}
		return f.insertAfter(f.Body[0], append([]string{""}, lines...)...)
	}
	return f.insertBefore(f.Body[0], append(lines, "")...)
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
