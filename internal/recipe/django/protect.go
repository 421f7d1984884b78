package django

import (
	"fmt"
	"path"
	"slices"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// Protect puts a guard on the routes that the target means: on the project's
// own views, and around those of packages in the URLconf.
func (Recipe) Protect(d *authkit.Draft, t authkit.Target) []authkit.Listed {
	r := &room{Draft: d}
	if !r.open() {
		return nil
	}
	routes, listing := r.list()
	module := r.guardModule(listing.Module)
	return t.Protect(d, listing, func(i int, c *authkit.Changes) bool {
		s := routes[i]
		prefix, below := t.Prefix()
		switch {
		case s.Below && below && s.Path != prefix+"/*":
			d.Note(fmt.Sprintf("%s:%d: %s: %s; it stays as it is", s.File, s.Line, s.Path, s.why))
			return false
		case s.Below || s.why != "" && (s.class == nil || isAsync(s.of, s.class, depth)):
			d.Refuse(authkit.ByHand(s.Listed, s.why, "routes to the views that are to be kept, before this one:\n    path("+
				styleOf(s.in.File).str("...")+", "+guards.Call(s.in.File, t.Guard)+"(view)),"))
			return false
		}
		if p := s.protect(module, t.Guard, c); p != nil {
			d.Refuse(p)
			return false
		}
		for _, other := range routes {
			if s.class != nil && other.class != nil && other.class != s.class && extends(other.of, other.class, s.class, depth) {
				d.Note(fmt.Sprintf("%s:%d: %s extends %s, and is guarded with it", other.File, other.Line, other.View, s.View))
			}
		}
		return true
	})
}

// extends reports whether a class has another among its bases.
func extends(in code, class, base *pysyntax.ClassDef, depth int) bool {
	return depth > 0 && slices.ContainsFunc(class.Args, func(a *pysyntax.Arg) bool {
		at, stmt := in.definition(pysyntax.Dotted(a.Value), depth)
		def, ok := stmt.(*pysyntax.ClassDef)
		return ok && (def == base || extends(at, def, base, depth-1))
	})
}

// guardModule says how the project's files import the views of the login.
func (r *room) guardModule(file string) authkit.Module {
	return authkit.Module{
		Guards: guards, File: file, Members: true,
		Is: func(from string, level int, module string) bool {
			at, ok := importedFile(r.root.tree, r.root.dir, from, level, module)
			return ok && at == file
		},
		Line: func(f *pysyntax.File, from, member string) (string, bool) {
			line := "import " + viewsModule
			switch {
			case r.pkg != "" && path.Dir(from) == path.Dir(file):
				line = authkit.ImportLine(f, r.pkg, viewsModule, true)
			case r.pkg != "":
				line = "from " + r.pkg + " import " + viewsModule
			}
			return authkit.ImportMember(line, viewsModule, member), true
		},
	}
}

// protect adds the edits that put the guard there.
func (s served) protect(m authkit.Module, g authkit.Guard, c *authkit.Changes) *problem.Problem {
	put := func(in code, place func(name string) []edit.Edit, imports ...string) *problem.Problem {
		name, line, p := m.Name(in.path, in.File, g)
		if p == nil {
			c.Add(in.path, append(imports, line), place(name)...)
		}
		return p
	}
	for _, o := range s.own { // one that only wants a login gives way to one that wants more
		if o.Guard == (authkit.Guard{}) {
			name, line, p := m.Name(o.in.path, o.in.File, g)
			if p == nil {
				c.Replace(o.in.path, o.at, name, line)
			}
			return p
		}
	}
	// What the URLconf puts around a view, a cache perhaps, must not answer
	// before the guard; and only there a coroutine that as_view() makes is known
	// to be one.
	_, wrapped := s.view.(*pysyntax.Call)
	if call, ok := s.view.(*pysyntax.Call); ok && isAsView(call) {
		wrapped = false
	}
	switch {
	case wrapped || s.class != nil && isAsync(s.of, s.class, depth):
	case s.def != nil:
		// Above all other decorators: a cache must not answer before it.
		return put(s.of, func(name string) []edit.Edit { return []edit.Edit{s.of.InsertDecorator(s.def, 0, name)} })
	case s.class != nil:
		decorator, line := methodDecorator(s.of.File)
		return put(s.of, func(name string) []edit.Edit {
			dispatch := styleOf(s.of.File).str("dispatch")
			return []edit.Edit{s.of.InsertDecorator(s.class, 0, decorator+"("+name+", name="+dispatch+")")}
		}, line)
	}
	return put(s.in, func(name string) []edit.Edit { return authkit.Wrap(s.view, name) })
}

// methodDecorator is what a file calls method_decorator, and the import that it
// lacks.
func methodDecorator(f *pysyntax.File) (name, line string) {
	for _, s := range f.Body {
		if from, ok := s.(*pysyntax.ImportFrom); ok && from.Module == "django.utils.decorators" {
			for _, a := range from.Names {
				if a.Name == "method_decorator" {
					return orText(a.AsName, a.Name), ""
				}
			}
		}
	}
	return "method_decorator", "from django.utils.decorators import method_decorator"
}

// isAsync reports whether a class answers in coroutines: as_view() makes one
// then, which method_decorator would not await.
func isAsync(in code, class *pysyntax.ClassDef, depth int) bool {
	for _, s := range class.Body {
		if def, ok := s.(*pysyntax.FunctionDef); ok && def.Async && slices.Contains(verbs, def.Name.ID) {
			return true
		}
	}
	for _, base := range class.Args {
		if at, stmt := in.definition(pysyntax.Dotted(base.Value), depth); depth > 0 {
			if def, ok := stmt.(*pysyntax.ClassDef); ok && isAsync(at, def, depth-1) {
				return true
			}
		}
	}
	return false
}
