package project

import (
	"bytes"
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/pysyntax"
)

// An Instance is where the project makes an object of a framework's class:
// "app = Flask(__name__)".
type Instance struct {
	File string
	Line int
	// Name is what the object is bound to.
	// Empty for one that a function returns without naming it.
	Name string
	// Text is the call as it stands there, on one line.
	Text string
	Stmt pysyntax.Stmt
	Call *pysyntax.Call
	// Factory is the function that makes it; nil at module level.
	Factory *pysyntax.FunctionDef
	// InClass says that a method of a class makes it, or the class's body.
	InClass bool
}

// aside are folders whose apps are not the project's: they show or try
// something.
var aside = map[string]bool{
	"test": true, "tests": true, "testing": true, "doc": true, "docs": true, "docs_src": true,
	"example": true, "examples": true, "sample": true, "samples": true, "demo": true, "demos": true,
	"migrations": true, "alembic": true, "benchmark": true, "benchmarks": true,
	"vendor": true, "vendored": true, "third_party": true, "node_modules": true,
	"templates": true, "cookiecutter": true,
}

// packagers are what a setup.py that builds a package imports.
var packagers = []string{"setuptools", "distutils", "skbuild", "numpy.distutils"}

// Aside reports whether a file lies where a project's own app does not: among
// tests, documentation, examples, vendored code, in the template of a project.
func (t *Tree) Aside(file string) bool {
	if t.all {
		return false
	}
	if aside, found := t.asideFolder(file); found {
		return t.meant == "" || !strings.HasPrefix(file, aside+"/") || !strings.HasPrefix(t.meant, aside+"/")
	}
	base := path.Base(file)
	return base == "conftest.py" || strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") ||
		base == "setup.py" && t.importsAny(file, packagers...) ||
		base == "env.py" && t.importsAny(file, "alembic")
}

// asideFolder is the folder of its own that a file among examples, tests and so
// on lies in: "examples/login" for "examples/login/app.py".
func (t *Tree) asideFolder(file string) (string, bool) {
	parts := strings.Split(path.Dir(file), "/")
	i := slices.IndexFunc(parts, func(part string) bool {
		return aside[part] || strings.Contains(part, "{{") || reShown.MatchString(part) && t.library()
	})
	if i < 0 {
		return "", false
	}
	return path.Join(parts[:min(i+2, len(parts))]...), true
}

// reShown are names that a library gives to the project that shows or tries it.
// In a project that is no library they may well be the owner's choice.
var reShown = regexp.MustCompile(`^((example|sample|demo|test)s?[-_]?(apps?|projects?|sites?)|sandbox|\w+_template)$`)

// library says whether the project is made to be installed by others.
func (t *Tree) library() bool {
	t.libraryOnce.Do(func() {
		pyproject, _ := t.Read("pyproject.toml") // none is as good as empty
		t.isLibrary = t.Exists("setup.cfg") && t.Exists("setup.py") || t.importsAny("setup.py", packagers...) || bytes.Contains(pyproject, []byte("[build-system]"))
	})
	return t.isLibrary
}

// importsAny says whether a file imports one of the modules. It tells a setup.py
// that builds a package, and an env.py of Alembic's, from modules that have the
// name by chance.
func (t *Tree) importsAny(file string, modules ...string) bool {
	i, ok := slices.BinarySearch(t.files, file)
	return ok && slices.ContainsFunc(t.imports[i], func(id uint32) bool {
		return slices.ContainsFunc(modules, func(m string) bool { return below(t.index.names[id], m) })
	})
}

// Mean takes a file for the project's own, and what lies with it, even where
// that is Aside: it was asked for by name.
func (t *Tree) Mean(file string) { t.meant = file }

// Everything says whether nothing is Aside from now on.
func (t *Tree) Everything(yes bool) { t.all = yes }

// Instances finds where the class of a module is called and the result bound to
// a name or returned, outside of classes, tests, documentation and the like. The
// project's own subclasses count.
func (t *Tree) Instances(module, class string) []Instance {
	return slices.DeleteFunc(t.Calls(module, class), func(i Instance) bool { return i.InClass })
}

// Calls are Instances, and those that a class of the project keeps to itself:
// "self.app = Application()".
func (t *Tree) Calls(module, class string) []Instance {
	var found []Instance
	classes := map[string][]string{} // the subclasses, by file
	top, _, _ := strings.Cut(module, ".")
	for name, f := range t.Importing(top) {
		calls := calledAs(f, module, class)
		for s := range f.Stmts() {
			if s, ok := s.(*pysyntax.ClassDef); ok && calls[s.Name.ID] {
				classes[name] = append(classes[name], s.Name.ID)
			}
		}
		found = append(found, instances(name, f, calls)...)
	}
	for file, names := range classes {
		for name, f := range t.Using(file) {
			if calls := importedAs(f, moduleStem(file), names); name != file && len(calls) > 0 {
				found = append(found, instances(name, f, calls)...)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Instance) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Stmt.Pos()-b.Stmt.Pos())
	})
	return slices.CompactFunc(found, func(a, b Instance) bool { return a.Stmt == b.Stmt })
}

// importedAs are the names under which a file can call classes that it imports
// from a module, known by the last part of its name.
func importedAs(f *pysyntax.File, stem string, classes []string) map[string]bool {
	names := map[string]bool{}
	for s := range f.Stmts() {
		from, ok := s.(*pysyntax.ImportFrom)
		if !ok || from.Module != stem && !strings.HasSuffix(from.Module, "."+stem) {
			continue
		}
		for _, a := range from.Names {
			if slices.Contains(classes, a.Name) {
				names[or(a.AsName, a.Name)] = true
			}
		}
	}
	return names
}

// instances are those that a file makes by calling one of the names.
func instances(name string, f *pysyntax.File, calls map[string]bool) []Instance {
	var found []Instance
	for s, place := range f.Stmts() {
		target, value := assigned(s)
		if r, ok := s.(*pysyntax.Return); ok {
			value = r.Value
		}
		call, ok := value.(*pysyntax.Call)
		if !ok || !calls[pysyntax.Dotted(call.Func)] {
			continue
		}
		i := Instance{
			File: name, Line: f.Line(s.Pos()), Stmt: s, Call: call,
			Name: pysyntax.Dotted(target),
			Text: strings.Join(strings.Fields(f.Text(s)), " "),
		}
		for _, parent := range place.Parents {
			switch p := parent.(type) {
			case *pysyntax.FunctionDef:
				i.Factory = p
			case *pysyntax.ClassDef:
				i.InClass = true
			}
		}
		if i.Name != "" || target == nil && i.Factory != nil {
			found = append(found, i)
		}
	}
	return found
}

// Importers finds where files import a module that is not the project's own,
// once a file. Imports inside of functions do not count: they are for what may
// be missing.
func (t *Tree) Importers(module string) []Evidence {
	var found []Evidence
	if !t.Imported(module) || t.IsLocalModule(module) {
		return nil
	}
	for name, f := range t.Importing(module) {
		for s, place := range f.Stmts() {
			inside := slices.ContainsFunc(place.Parents, func(p pysyntax.Stmt) bool { _, ok := p.(*pysyntax.FunctionDef); return ok })
			if !inside && imports(s, module) {
				found = append(found, Evidence{File: name, Line: f.Line(s.Pos()), Fact: f.Text(s)})
				break
			}
		}
	}
	return found
}

// imports reports whether a statement is an absolute import of a module or of
// what is below it.
func imports(s pysyntax.Stmt, module string) bool {
	below := func(m string) bool { return m == module || strings.HasPrefix(m, module+".") }
	switch s := s.(type) {
	case *pysyntax.Import:
		return slices.ContainsFunc(s.Names, func(a *pysyntax.Alias) bool { return below(a.Name) })
	case *pysyntax.ImportFrom:
		return s.Level == 0 && below(s.Module)
	}
	return false
}

// Assigned finds where the result of calling a function of a file is bound to a
// name at module level: "app = create_app()". It goes by the function's name, so
// that it may find another function of that name, too.
func (t *Tree) Assigned(file, function string) []Instance {
	var found []Instance
	for name, f := range t.Using(file) {
		for _, s := range f.Body {
			target, value := assigned(s)
			call, ok := value.(*pysyntax.Call)
			if !ok || !strings.HasSuffix("."+pysyntax.Dotted(call.Func), "."+function) || pysyntax.Dotted(target) == "" {
				continue
			}
			found = append(found, Instance{
				File: name, Line: f.Line(s.Pos()), Name: pysyntax.Dotted(target),
				Text: strings.Join(strings.Fields(f.Text(s)), " "), Stmt: s, Call: call,
			})
		}
	}
	return found
}

// assigned is the target and the value of an assignment, or nil. Of several
// targets, as in "application = app = Flask(__name__)", it is the one called
// app, else the first.
func assigned(s pysyntax.Stmt) (target, value pysyntax.Expr) {
	switch s := s.(type) {
	case *pysyntax.Assign:
		for _, t := range s.Targets {
			if target == nil || pysyntax.Dotted(t) == "app" {
				target = t
			}
		}
		return target, s.Value
	case *pysyntax.AnnAssign:
		return s.Target, s.Value
	}
	return nil, nil
}

// calledAs are the names, dotted ones too, under which a file can call the
// class: as imported, or as a subclass of its own.
func calledAs(f *pysyntax.File, module, class string) map[string]bool {
	names := map[string]bool{}
	for s := range f.Stmts() {
		switch s := s.(type) {
		case *pysyntax.Import:
			for _, a := range s.Names {
				switch {
				case a.AsName != "" && a.Name == module:
					names[a.AsName+"."+class] = true
				case a.AsName == "" && (a.Name == module || strings.HasPrefix(a.Name, module+".")):
					names[module+"."+class] = true
				}
			}
		case *pysyntax.ImportFrom:
			if s.Level > 0 {
				continue
			}
			for _, a := range s.Names {
				if s.Module+"."+a.Name == module { // from aiohttp import web
					names[or(a.AsName, a.Name)+"."+class] = true
				}
				if s.Module != module && !strings.HasPrefix(s.Module, module+".") {
					continue
				}
				if a.Name == class || a.Name == "*" && s.Module == module {
					names[or(a.AsName, class)] = true
				}
			}
		case *pysyntax.ClassDef:
			for _, base := range s.Args {
				if base.Keyword == nil && names[pysyntax.Dotted(base.Value)] {
					names[s.Name.ID] = true
				}
			}
		}
	}
	return names
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// IsLocalModule reports whether an absolute import of module means a file of
// the project.
func (t *Tree) IsLocalModule(module string) bool {
	top, _, _ := strings.Cut(module, ".")
	return slices.ContainsFunc(t.files, func(f string) bool {
		at, ok := "", false
		switch {
		case !strings.HasSuffix(f, ".py"):
		case path.Base(f) == top+".py":
			at, ok = path.Dir(f), true
		case strings.HasPrefix(f, top+"/"):
			at, ok = ".", true
		default:
			at, _, ok = strings.Cut(f, "/"+top+"/")
		}
		// A module of a package is not found by its last name alone.
		return ok && !t.Exists(path.Join(at, "__init__.py"))
	})
}

// ModulePath is how Python names a file: base is the folder that has to be on
// sys.path for it, relative to the root, and module the dotted name. Packages
// are known by their __init__.py, and folders without one by what the file
// itself imports: "from app.models import X" in app/main.py means that the
// folder above app is on the path.
func (t *Tree) ModulePath(file string) (base, module string) {
	parts := strings.Split(strings.TrimSuffix(file, ".py"), "/")
	if parts[len(parts)-1] == "__init__" {
		parts = parts[:len(parts)-1]
	}
	top := len(parts) - 1
	for top > 0 && t.Exists(path.Join(path.Join(parts[:top]...), "__init__.py")) {
		top--
	}
	if path.Base(file) == "__init__.py" && top == len(parts) {
		top--
	}
	for at := top - 1; at >= 0; at-- {
		if f, _ := t.Python(file); f != nil && t.importsBelow(f, path.Join(parts[:at+1]...), parts[at]) {
			top = at
		}
	}
	// A folder with an __init__.py is no package to code that imports what lies
	// in it by a name of its own.
	if f, _ := t.Python(file); f != nil && !importsWithin(f, parts[top]) {
		for at := top + 1; at < len(parts); at++ {
			if t.importsFolder(f, path.Join(parts[:at]...), parts[at]) {
				top = at
				break
			}
		}
	}
	return path.Join(append([]string{"."}, parts[:top]...)...), strings.Join(parts[top:], ".")
}

// importsWithin reports whether a file imports relatively or from the package.
func importsWithin(f *pysyntax.File, pkg string) bool {
	for s := range f.Stmts() {
		if from, ok := s.(*pysyntax.ImportFrom); ok && from.Level > 0 || imports(s, pkg) {
			return true
		}
	}
	return false
}

// importsFolder reports whether a file imports what lies in a folder as if that
// were on sys.path. A package with the name of another one, such as a folder
// flask, is not meant by that name alone.
func (t *Tree) importsFolder(f *pysyntax.File, folder, own string) bool {
	for s := range f.Stmts() {
		from, ok := s.(*pysyntax.ImportFrom)
		if !ok || from.Level > 0 || from.Module == "" || from.Module == own && !t.IsLocalModule(own) {
			continue
		}
		file := path.Join(folder, strings.ReplaceAll(from.Module, ".", "/"))
		if t.Exists(file+"/__init__.py") || strings.Contains(from.Module, ".") && t.Exists(file+".py") {
			return true
		}
	}
	return false
}

// importsBelow reports whether a file imports by a package's name what lies in a
// folder of that name, and not in a package that is installed: a folder fastapi
// may hold the app, and not FastAPI.
func (t *Tree) importsBelow(f *pysyntax.File, folder, pkg string) bool {
	there := func(dotted string) bool {
		rest, ok := strings.CutPrefix(dotted, pkg)
		if !ok || rest == "" || rest[0] != '.' {
			return false
		}
		file := path.Join(folder, strings.ReplaceAll(rest[1:], ".", "/"))
		return t.Exists(file+".py") || t.IsDir(file)
	}
	for s := range f.Stmts() {
		switch s := s.(type) {
		case *pysyntax.Import:
			if slices.ContainsFunc(s.Names, func(a *pysyntax.Alias) bool { return there(a.Name) }) {
				return true
			}
		case *pysyntax.ImportFrom:
			if s.Level == 0 && (there(s.Module) || slices.ContainsFunc(s.Names, func(a *pysyntax.Alias) bool { return there(s.Module + "." + a.Name) })) {
				return true
			}
		}
	}
	return false
}

// ImportsFrom reports whether the file has an absolute import below the package.
func (t *Tree) ImportsFrom(file, pkg string) bool {
	f, _ := t.Python(file)
	if f == nil {
		return false
	}
	for s := range f.Stmts() {
		if imports(s, pkg) {
			return true
		}
	}
	return false
}
