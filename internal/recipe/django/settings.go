package django

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// A source is a Python file of the project.
type source struct {
	path string
	*pysyntax.File
}

// line is where a node begins.
func (s source) line(n pysyntax.Node) int { return s.Line(n.Pos()) }

// fact is a node as it stands there, on one line.
func (s source) fact(n pysyntax.Node) string { return strings.Join(strings.Fields(s.Text(n)), " ") }

func (s source) evidence(n pysyntax.Node) project.Evidence {
	return project.Evidence{File: s.path, Line: s.line(n), Fact: s.fact(n)}
}

// open reads a Python file, as far as its syntax is sound.
func open(t *project.Tree, name string) (source, bool) {
	f, _ := t.Python(name)
	return source{name, f}, f != nil
}

// moduleFile finds the file of a module as Python would with dir on sys.path,
// or, where the project puts another folder on sys.path, at the only place in
// the project that has such a module.
func moduleFile(t *project.Tree, dir, module string) (string, bool) {
	if file, ok := t.Module(module, dir); ok || module == "" || strings.HasPrefix(module, ".") {
		return file, ok
	}
	rel := strings.ReplaceAll(module, ".", "/")
	found := ""
	for _, f := range t.Files() {
		if !strings.HasSuffix(f, "/"+rel+".py") && !strings.HasSuffix(f, "/"+rel+"/__init__.py") {
			continue
		}
		if found != "" {
			return "", false
		}
		found = f
	}
	return found, found != ""
}

// importedFile finds the file that "from <module> import ..." in a file means.
func importedFile(t *project.Tree, dir, file string, level int, module string) (string, bool) {
	if level == 0 {
		return moduleFile(t, dir, module)
	}
	base := path.Dir(file)
	for range level - 1 {
		base = path.Join(base, "..")
	}
	rel := path.Join(base, strings.ReplaceAll(module, ".", "/"))
	for _, name := range []string{rel + ".py", rel + "/__init__.py"} {
		if t.Has(name) {
			return name, true
		}
	}
	return "", false
}

// settings are the files that a settings module is made of: its own first,
// then those that it takes over with "from .base import *", the last one first,
// since its names win.
type settings struct {
	tree  *project.Tree
	dir   string // of manage.py: on sys.path
	files []source
	// imports has, for each file, the statement that takes it over.
	imports map[string]project.Evidence
	// whole says that every file that is taken over could be read.
	whole bool
}

func readSettings(t *project.Tree, dir, file string) *settings {
	s := &settings{tree: t, dir: dir, imports: map[string]project.Evidence{}, whole: true}
	s.add(file)
	return s
}

func (s *settings) add(file string) {
	src, ok := open(s.tree, file)
	if !ok {
		s.whole = false
		return
	}
	s.files = append(s.files, src)
	type taken struct {
		file string
		by   pysyntax.Stmt
	}
	var all []taken
	for stmt, place := range src.Stmts() {
		for _, name := range s.takes(src, stmt, place) {
			all = append(all, taken{name, stmt})
		}
	}
	for _, next := range slices.Backward(all) {
		if _, seen := s.imports[next.file]; seen || next.file == s.files[0].path {
			continue
		}
		s.imports[next.file] = src.evidence(next.by)
		s.add(next.file)
	}
}

// takes are the files whose settings a statement takes over.
func (s *settings) takes(src source, stmt pysyntax.Stmt, place pysyntax.Place) []string {
	switch stmt := stmt.(type) {
	case *pysyntax.ImportFrom:
		if !slices.ContainsFunc(stmt.Names, func(a *pysyntax.Alias) bool {
			return a.Name == "*" || a.Name == "ROOT_URLCONF" || isBase(src, orText(a.AsName, a.Name))
		}) {
			return nil
		}
		if file, ok := importedFile(s.tree, s.dir, src.path, stmt.Level, stmt.Module); ok {
			return []string{file}
		}
		// What is nowhere in the project is no settings file of it, where the
		// code says that it may be missing; else it is in an installed package.
		s.whole = s.whole && (stmt.Level > 0 || slices.ContainsFunc(place.Parents, isTry))
	case *pysyntax.ExprStmt:
		// django-split-settings: include("components/*.py", optional("local.py")).
		if call, ok := stmt.Value.(*pysyntax.Call); ok && pysyntax.Dotted(call.Func) == "include" {
			return s.included(src, call)
		}
	}
	return nil
}

// isBase reports whether a class of the file is made from the one of that name:
// the settings of a class are those of the classes that it is made from.
func isBase(src source, name string) bool {
	for stmt := range src.Stmts() {
		class, ok := stmt.(*pysyntax.ClassDef)
		if ok && slices.ContainsFunc(class.Args, func(a *pysyntax.Arg) bool { return pysyntax.Dotted(a.Value) == name }) {
			return true
		}
	}
	return false
}

func isTry(s pysyntax.Stmt) bool {
	_, ok := s.(*pysyntax.Try)
	return ok
}

func (s *settings) included(src source, call *pysyntax.Call) []string {
	var found []string
	for _, arg := range call.Args {
		e := arg.Value
		if inner, ok := e.(*pysyntax.Call); ok && len(inner.Args) == 1 { // optional(...)
			e = inner.Args[0].Value
		}
		pattern, ok := src.StringValue(e)
		if !ok {
			s.whole = s.whole && arg.Keyword != nil
			continue
		}
		pattern = path.Join(path.Dir(src.path), pattern)
		for _, f := range s.tree.Files() {
			if match, err := path.Match(pattern, f); err == nil && match {
				found = append(found, f)
			}
		}
	}
	return found
}

// A binding is an assignment to a setting.
type binding struct {
	source
	name  string
	stmt  pysyntax.Stmt
	place pysyntax.Place
	value pysyntax.Expr
}

// bindings are the assignments to a name, file by file. Those in functions are
// not settings; those in classes are, for django-configurations.
func (s *settings) bindings(name string) []binding {
	var found []binding
	for _, src := range s.files {
		for stmt, place := range src.Stmts() {
			if value := assigned(stmt, name); value != nil && !inFunction(place) {
				found = append(found, binding{src, name, stmt, place, value})
			}
		}
	}
	return found
}

// assigned is what a statement assigns to the name, or nil.
func assigned(stmt pysyntax.Stmt, name string) pysyntax.Expr {
	isName := func(e pysyntax.Expr) bool { return pysyntax.Dotted(e) == name }
	switch stmt := stmt.(type) {
	case *pysyntax.Assign:
		if slices.ContainsFunc(stmt.Targets, isName) {
			return stmt.Value
		}
	case *pysyntax.AnnAssign:
		if isName(stmt.Target) {
			return stmt.Value
		}
	}
	return nil
}

func inFunction(place pysyntax.Place) bool {
	return slices.ContainsFunc(place.Parents, func(s pysyntax.Stmt) bool {
		_, ok := s.(*pysyntax.FunctionDef)
		return ok
	})
}

// lookup is the assignment to a name that holds, as far as can be seen: the
// last in the first file that has one.
func (s *settings) lookup(name string) (binding, bool) {
	all := s.bindings(name)
	for i, b := range all {
		if i+1 == len(all) || all[i+1].path != b.path {
			return b, true
		}
	}
	return binding{}, false
}

// reField is a name in an f-string.
var reField = regexp.MustCompile(`\{([A-Za-z_]\w*)\}`)

// constant is the string that an expression of one of the files comes to: a
// literal, or one made of literals and of other settings by +, %, format or an
// f-string.
func (s *settings) constant(src source, e pysyntax.Expr, depth int) (string, bool) {
	if value, ok := src.StringValue(e); ok || depth == 0 {
		return value, ok
	}
	of := func(e pysyntax.Expr) (string, bool) { return s.constant(src, e, depth-1) }
	named := func(name string) (string, bool) {
		b, ok := s.lookup(name)
		if !ok {
			return "", false
		}
		return s.constant(b.source, b.value, depth-1)
	}
	switch e := e.(type) {
	case *pysyntax.Name:
		return named(e.ID)
	case *pysyntax.BinOp:
		x, ok := of(e.X)
		right := e.Y
		if pair, tuple := right.(*pysyntax.Tuple); tuple && len(pair.Elts) == 1 && e.Op == "%" {
			right = pair.Elts[0]
		}
		y, known := of(right)
		switch {
		case !ok || !known:
		case e.Op == "+":
			return x + y, true
		case e.Op == "%" && strings.Count(x, "%") == 1 && strings.Contains(x, "%s"):
			return strings.Replace(x, "%s", y, 1), true
		}
	case *pysyntax.Call:
		method, ok := e.Func.(*pysyntax.Attribute)
		if !ok || method.Attr.ID != "format" || len(e.Args) != 1 {
			return "", false
		}
		x, ok := of(method.X)
		y, known := of(e.Positional(0))
		return strings.Replace(x, "{}", y, 1), ok && known && strings.Count(x, "{") == 1 && strings.Contains(x, "{}")
	case *pysyntax.String:
		text := src.Text(e)
		body, isF := strings.CutPrefix(strings.ToLower(text[:1]), "f")
		if !isF || body != "" || len(e.Parts) != 1 || strings.Contains(text, `"""`) || strings.Contains(text, `\`) {
			return "", false
		}
		known := true
		value := reField.ReplaceAllStringFunc(text[2:len(text)-1], func(field string) string {
			v, ok := named(field[1 : len(field)-1])
			known = known && ok
			return v
		})
		return value, known && !strings.ContainsAny(value, "{}")
	}
	return "", false
}

// find is the first string in the settings with an ending, and nil where there
// is none.
func (s *settings) find(ending string) (in source, at pysyntax.Node) {
	return s.findString(func(value string) bool { return strings.HasSuffix(value, ending) })
}

// findString is the first string in the settings that matches, and nil where
// there is none.
func (s *settings) findString(match func(string) bool) (in source, at pysyntax.Node) {
	for _, src := range s.files {
		src.Walk(func(n pysyntax.Node) bool {
			if e, ok := n.(*pysyntax.String); ok && at == nil {
				if value, ok := src.StringValue(e); ok && match(value) {
					in, at = src, n
				}
			}
			return at == nil
		})
	}
	return in, at
}

func (s *settings) mentions(ending string) bool {
	_, at := s.find(ending)
	return at != nil
}

// strings are those in the settings that match.
func (s *settings) strings(match func(string) bool) (found []string) {
	for _, src := range s.files {
		src.Walk(func(n pysyntax.Node) bool {
			if e, ok := n.(*pysyntax.String); ok {
				if value, ok := src.StringValue(e); ok && match(value) {
					found = append(found, value)
				}
			}
			return true
		})
	}
	return found
}

// lacks reports whether a list of strings, such as MIDDLEWARE, is certain not
// to have one with the ending, and where the list is.
func (s *settings) lacks(list, ending string) (binding, bool) {
	b, ok := s.lookup(list)
	if !ok || !s.whole || s.mentions(ending) {
		return b, false
	}
	for _, e := range elements(b.value) {
		if _, ok := b.StringValue(e); !ok {
			return b, false
		}
	}
	return b, elements(b.value) != nil
}

// elements are those of a list or tuple; nil for anything else.
func elements(e pysyntax.Expr) []pysyntax.Expr {
	switch e := e.(type) {
	case *pysyntax.List:
		return e.Elts
	case *pysyntax.Tuple:
		return e.Elts
	}
	return nil
}

// last is what stands behind the last dot of a dotted name.
func last(dotted string) string { return dotted[strings.LastIndexByte(dotted, '.')+1:] }
