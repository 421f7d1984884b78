package authkit

import (
	"regexp"
	"slices"

	"authfit/internal/edit"
	"authfit/internal/pysyntax"
)

// Changes are edits of several files, each of which is changed once: so that
// the places that an edit names are those in the file as it was read, and
// several views in a file need one import.
type Changes struct {
	files   []string
	edits   map[string][]edit.Edit
	imports map[string][]string
	gone    map[string][]string // names that a file may not need any more
}

// Add adds edits of a file and the imports that they need. What is there
// already is not added again: one view may serve several routes.
func (c *Changes) Add(file string, imports []string, edits ...edit.Edit) {
	if c.edits == nil {
		c.edits, c.imports, c.gone = map[string][]edit.Edit{}, map[string][]string{}, map[string][]string{}
	}
	if !slices.Contains(c.files, file) {
		c.files = append(c.files, file)
	}
	for _, e := range edits {
		if !slices.Contains(c.edits[file], e) {
			c.edits[file] = append(c.edits[file], e)
		}
	}
	for _, line := range imports {
		if line != "" && !slices.Contains(c.imports[file], line) {
			c.imports[file] = append(c.imports[file], line)
		}
	}
}

// Replace has a guard give way to another, and its name go from the imports
// where nothing else uses it.
func (c *Changes) Replace(file string, old pysyntax.Expr, with, imported string) {
	c.Add(file, []string{imported}, edit.Edit{Start: old.Pos(), End: old.End(), New: with})
	if name, ok := old.(*pysyntax.Name); ok {
		c.gone[file] = append(c.gone[file], name.ID)
	}
}

// draft writes them into a draft.
func (c *Changes) draft(d *Draft, why string) {
	for _, file := range c.files {
		d.EditPython(file, why, func(f *pysyntax.File) ([]edit.Edit, error) {
			after, err := edit.Apply(f.Src, append(f.AddImports(c.imports[file]...), c.edits[file]...)...)
			if err != nil {
				return nil, err
			}
			for _, name := range c.gone[file] {
				after = forget(after, name)
			}
			return edit.Between(f.Src, fit(f.Src, after)), nil
		})
	}
}

// forget takes a name out of an import of several where nothing uses it.
func forget(src []byte, name string) []byte {
	f, err := pysyntax.Parse(src)
	if err != nil || len(regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).FindAll(src, 2)) != 1 {
		return src
	}
	for _, s := range f.Body {
		from, ok := s.(*pysyntax.ImportFrom)
		if !ok || len(from.Names) < 2 {
			continue
		}
		i := slices.IndexFunc(from.Names, func(a *pysyntax.Alias) bool { return a.Name == name })
		switch {
		case i < 0:
			continue
		case i+1 < len(from.Names):
			return slices.Concat(src[:from.Names[i].Pos()], src[from.Names[i+1].Pos():])
		}
		return slices.Concat(src[:from.Names[i-1].End()], src[from.Names[i].End():])
	}
	return src
}

// Wrap puts a call around an expression.
func Wrap(e pysyntax.Expr, function string) []edit.Edit {
	return []edit.Edit{{Start: e.Pos(), End: e.Pos(), New: function + "("}, {Start: e.End(), End: e.End(), New: ")"}}
}
