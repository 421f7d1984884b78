package recipe

import (
	"path"
	"slices"
	"strings"

	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// StillImports finds where the project imports one of the files that are gone
// from it by their names: code of the owner's that used a login which was
// undone.
func StillImports(p *project.Project, gone []string) []project.Evidence {
	var modules []string
	for _, file := range gone {
		stem, ok := strings.CutSuffix(path.Base(file), ".py")
		if !ok {
			continue
		}
		if dir := path.Dir(file); !p.Tree.IsDir(dir) { // a package that went as a whole
			stem = path.Base(dir)
		}
		modules = append(modules, stem)
	}
	found := []project.Evidence{}
	if len(modules) == 0 {
		return found
	}
	for name, f := range p.Tree.Using(gone...) {
		for s := range f.Stmts() {
			if importsOneOf(s, modules) {
				first, _, _ := strings.Cut(f.Text(s), "\n")
				found = append(found, project.Evidence{File: name, Line: f.Line(s.Pos()), Fact: first})
			}
		}
	}
	return found
}

func importsOneOf(s pysyntax.Stmt, modules []string) bool {
	named := func(dotted string) bool { return slices.Contains(modules, dotted[strings.LastIndex(dotted, ".")+1:]) }
	aliased := func(a *pysyntax.Alias) bool { return named(a.Name) }
	switch s := s.(type) {
	case *pysyntax.Import:
		return slices.ContainsFunc(s.Names, aliased)
	case *pysyntax.ImportFrom:
		return named(s.Module) || slices.ContainsFunc(s.Names, aliased)
	}
	return false
}
