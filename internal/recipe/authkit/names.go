package authkit

import (
	"path"
	"slices"
	"strings"

	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// names knows which file and object a name in a file stands for.
type names struct {
	tree    *project.Tree
	entries []project.EntryPoint
	bases   []string          // see entryBases
	modules map[string]module // by file, as found so far
}

func newNames(t *project.Tree) *names {
	n := &names{tree: t, entries: t.EntryPoints(), modules: map[string]module{}}
	n.bases = n.entryBases()
	return n
}

// entryBases are the folders that have to be on sys.path for what Procfiles,
// Dockerfiles and the like name: the folder that the command is run in, as far
// as it says so, or the only one below it that has such a module.
func (n *names) entryBases() []string {
	var bases []string
	for _, e := range n.entries {
		module, object := e.Module()
		if e.Kind == "python" || path.Ext(e.File) == ".py" || object == "" {
			continue
		}
		rel := strings.ReplaceAll(module, ".", "/")
		found := []string{}
		for _, base := range []string{path.Clean(e.Dir), path.Join(e.Dir, "src")} {
			if n.tree.Exists(path.Join(base, rel+".py")) || n.tree.Exists(path.Join(base, rel, "__init__.py")) {
				found = append(found, base)
				break
			}
		}
		if len(found) == 0 {
			for _, f := range n.tree.Under(path.Clean(e.Dir)) {
				for _, end := range []string{"/" + rel + ".py", "/" + rel + "/__init__.py"} {
					if base, ok := strings.CutSuffix(f, end); ok && !n.tree.Aside(f) {
						found = append(found, base)
					}
				}
			}
		}
		if len(found) == 1 && !slices.Contains(bases, found[0]) {
			bases = append(bases, found[0])
		}
	}
	return bases
}

// An object is what a file binds a name to.
type object struct{ file, name string }

// A module is a file as Python names it: base is the folder on sys.path.
type module struct{ base, name string }

// module is how Python names a file. Of folders without __init__.py the
// project's own commands and imports tell which of them are packages.
func (n *names) module(file string) (base, name string) {
	m, known := n.modules[file]
	if !known {
		m.base, m.name = n.findModule(file)
		n.modules[file] = m
	}
	return m.base, m.name
}

func (n *names) findModule(file string) (base, name string) {
	base, name = n.tree.ModulePath(file)
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__"), "/")
	for top := range parts {
		dir := path.Join(append([]string{"."}, parts[:top]...)...)
		if slices.Contains(n.bases, dir) {
			return dir, strings.Join(parts[top:], ".")
		}
	}
	top := len(parts) - strings.Count(name, ".") - 1
	if packages := n.relativeImports(file); packages > len(parts)-1-top && packages < len(parts) {
		top = len(parts) - 1 - packages
		base, name = path.Join(append([]string{"."}, parts[:top]...)...), strings.Join(parts[top:], ".")
	}
	if own, _, _ := strings.Cut(name, "."); n.tree.ImportsFrom(file, own) {
		return base, name // it says itself where its package is
	}
	for at := range top {
		if dotted := strings.Join(parts[at:], "."); n.tree.Imported(dotted) || n.launched(dotted) {
			return path.Join(append([]string{"."}, parts[:at]...)...), dotted
		}
	}
	return base, name
}

// launched reports whether code of the project names the module to a server.
func (n *names) launched(dotted string) bool {
	return slices.ContainsFunc(n.entries, func(e project.EntryPoint) bool {
		module, _ := e.Module()
		return module == dotted && path.Ext(e.File) == ".py"
	})
}

// relativeImports is how many packages a file has to be in for the relative
// imports that it makes.
func (n *names) relativeImports(file string) int {
	levels := 0
	if f, _ := n.tree.Python(file); f != nil {
		for s := range f.Stmts() {
			if from, ok := s.(*pysyntax.ImportFrom); ok {
				levels = max(levels, from.Level)
			}
		}
	}
	if path.Base(file) == "__init__.py" { // which is the package that one dot means
		levels--
	}
	return levels
}

// names reports whether an entry point that a file of the project names is this
// app, the call of its factory included.
func (n *names) names(e project.EntryPoint, app project.App, i project.Instance) bool {
	_, own := n.module(i.File)
	module, object := e.Module()
	if e.Target == app.Run || e.Target == i.File || path.Join(e.Dir, e.Target) == i.File {
		return true
	}
	if (module == own || module == own+".py") && (object == "" || object == i.Name || object == app.Factory) {
		return true
	}
	file, ok := n.tree.Module(module, e.Dir)
	if !ok || object == "" || file == i.File {
		return false
	}
	at, ok := n.resolve(file, object) // "from .core import app" in the package's __init__.py
	return ok && at.file == i.File && at.name == i.Name
}

// calls visits the calls of a method or function, by its last name, in the
// project's own files.
func (n *names) calls(method string, visit func(name string, f *pysyntax.File, call *pysyntax.Call)) {
	for name, f := range n.tree.Sources(method) {
		callsIn(f, method, func(call *pysyntax.Call) { visit(name, f, call) })
	}
}

// callsIn visits the calls of a method or function, by its last name, in a file.
func callsIn(f *pysyntax.File, method string, visit func(call *pysyntax.Call)) {
	f.Walk(func(node pysyntax.Node) bool {
		if call, ok := node.(*pysyntax.Call); ok && strings.HasSuffix("."+pysyntax.Dotted(call.Func), "."+method) {
			visit(call)
		}
		return true
	})
}

// resolve follows a dotted name through the imports of a file to the object of
// the project's that it stands for.
func (n *names) resolve(file, dotted string) (object, bool) {
	return n.follow(file, dotted, 10)
}

func (n *names) follow(file, dotted string, hops int) (object, bool) {
	f, _ := n.tree.Python(file)
	if f == nil || dotted == "" || hops == 0 {
		return object{}, false
	}
	first, rest, nested := strings.Cut(dotted, ".")
	for s := range f.Stmts() {
		switch s := s.(type) {
		case *pysyntax.Import:
			for _, a := range s.Names {
				module, tail := a.Name, rest
				if a.AsName == "" {
					var ok bool
					if tail, ok = strings.CutPrefix(dotted, a.Name+"."); !ok {
						continue
					}
				} else if a.AsName != first || !nested {
					continue
				}
				if at, ok := n.moduleFile(file, 0, module); ok {
					return n.follow(at, tail, hops-1)
				}
			}
		case *pysyntax.ImportFrom:
			for _, a := range s.Names {
				if a.AsName != first && (a.AsName != "" || a.Name != first) {
					continue
				}
				if at, ok := n.moduleFile(file, s.Level, join(s.Module, a.Name)); ok && nested {
					return n.follow(at, rest, hops-1)
				}
				if at, ok := n.moduleFile(file, s.Level, s.Module); ok && at != file {
					return n.follow(at, join(a.Name, rest), hops-1)
				}
				return object{}, false // of an installed package
			}
		}
	}
	if !nested && !binds(f, first) {
		for s := range f.Stmts() {
			from, ok := s.(*pysyntax.ImportFrom)
			if !ok || len(from.Names) == 0 || from.Names[0].Name != "*" {
				continue
			}
			if at, ok := n.moduleFile(file, from.Level, from.Module); ok && at != file {
				if found, ok := n.follow(at, dotted, hops-1); ok {
					return found, true
				}
			}
		}
		return object{}, false
	}
	return object{file, first}, !nested
}

// value is what a name in a file is given, and in which file.
func (n *names) value(file, dotted string) (string, pysyntax.Expr) {
	at, ok := n.resolve(file, dotted)
	if !ok {
		at = object{file, dotted}
	}
	f, _ := n.tree.Python(at.file)
	if f == nil {
		return "", nil
	}
	for s := range f.Stmts() {
		switch s := s.(type) {
		case *pysyntax.Assign:
			for _, target := range s.Targets {
				if pysyntax.Dotted(target) == at.name {
					return at.file, s.Value
				}
			}
		case *pysyntax.AnnAssign:
			if pysyntax.Dotted(s.Target) == at.name && s.Value != nil {
				return at.file, s.Value
			}
		}
	}
	return "", nil
}

// text is the string that an expression gives, as far as it is to be seen:
// written out, added up, put into an f-string, kept in a constant or in a field
// of a settings class. It looks through as many names as hops says.
func (n *names) text(file string, f *pysyntax.File, e pysyntax.Expr, hops int) (string, bool) {
	if text, ok := f.StringValue(e); ok || e == nil || hops == 0 {
		return text, ok
	}
	switch e := e.(type) {
	case *pysyntax.BinOp:
		x, ok := n.text(file, f, e.X, hops)
		y, also := n.text(file, f, e.Y, hops)
		return x + y, ok && also && e.Op == "+"
	case *pysyntax.String:
		return n.formatted(file, f, e, hops)
	case *pysyntax.Name, *pysyntax.Attribute:
		if at, value := n.value(file, pysyntax.Dotted(e)); value != nil {
			in, _ := n.tree.Python(at)
			return n.text(at, in, value, hops-1)
		}
	}
	if attr, ok := e.(*pysyntax.Attribute); ok {
		return n.field(file, attr, hops)
	}
	return "", false
}

// formatted is the text of a plain f-string: f"{PREFIX}/users".
func (n *names) formatted(file string, f *pysyntax.File, s *pysyntax.String, hops int) (string, bool) {
	var b strings.Builder
	for _, part := range s.Parts {
		quotes := len(part.Prefix) + 1
		if !strings.EqualFold(part.Prefix, "f") {
			return "", false
		}
		at := part.Pos() + quotes
		for _, field := range part.Fields {
			text, ok := n.text(file, f, field, hops-1)
			if !ok || f.Src[field.Pos()-1] != '{' || f.Src[field.End()] != '}' {
				return "", false
			}
			b.WriteString(string(f.Src[at:field.Pos()-1]) + text)
			at = field.End() + 1
		}
		b.Write(f.Src[at : part.End()-1])
	}
	text := b.String()
	return text, !strings.ContainsAny(text, "\\\"'\n") && !strings.Contains(text, "{{")
}

// field is the value that the class of a settings object gives a field:
// settings.API_PREFIX, where "settings = Settings()".
func (n *names) field(file string, attr *pysyntax.Attribute, hops int) (string, bool) {
	at, value := n.value(file, pysyntax.Dotted(attr.X))
	call, ok := value.(*pysyntax.Call)
	if !ok {
		return "", false
	}
	class, ok := n.resolve(at, pysyntax.Dotted(call.Func))
	f, _ := n.tree.Python(class.file)
	if !ok || f == nil {
		return "", false
	}
	for s := range f.Stmts() {
		def, ok := s.(*pysyntax.ClassDef)
		if !ok || def.Name.ID != class.name {
			continue
		}
		for _, s := range def.Body {
			if a, ok := s.(*pysyntax.AnnAssign); ok && pysyntax.Dotted(a.Target) == attr.Attr.ID {
				return n.text(class.file, f, a.Value, hops-1)
			}
			if a, ok := s.(*pysyntax.Assign); ok && pysyntax.Dotted(a.Targets[0]) == attr.Attr.ID {
				return n.text(class.file, f, a.Value, hops-1)
			}
		}
	}
	return "", false
}

// binds reports whether a file gives the name a meaning itself.
func binds(f *pysyntax.File, name string) bool {
	return slices.ContainsFunc(f.Bindings(), func(b pysyntax.Binding) bool { return b.Name == name })
}

func join(a, b string) string { return strings.Trim(a+"."+b, ".") }

// moduleFile is the file of a module that a file imports, by a relative import
// of a level above 0.
func (n *names) moduleFile(from string, level int, module string) (string, bool) {
	if level == 0 {
		base, _ := n.module(from)
		return n.tree.Module(module, base)
	}
	dir := path.Dir(from)
	for range level - 1 {
		dir = path.Dir(dir)
	}
	at := path.Join(dir, strings.ReplaceAll(module, ".", "/"))
	for _, name := range []string{at + ".py", path.Join(at, "__init__.py")} {
		if n.tree.Exists(name) {
			return name, true
		}
	}
	return "", false
}
