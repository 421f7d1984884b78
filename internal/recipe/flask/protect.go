package flask

import (
	"strings"

	"authfit/internal/edit"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// Protect puts a guard on the routes that the target means. A blueprint's
// routes get it one by one: whoever reads a view then sees that it is guarded,
// as with Flask-Login, and a hook in before_request would guard the blueprint's
// static files and nested blueprints, too.
func (Recipe) Protect(d *authkit.Draft, t authkit.Target) []authkit.Listed {
	s := constructor.Survey(d)
	routes, listing := list(d, s)
	module := s.Module(d, guards)
	return t.Protect(d, listing, func(i int, c *authkit.Changes) bool { return routes[i].protect(d, s, module, t.Guard, c) })
}

// protect adds the edits that put the guard there, and says whether it could.
func (r route) protect(d *authkit.Draft, s authkit.Survey, m authkit.Module, g authkit.Guard, c *authkit.Changes) bool {
	put := func(file string, place func(f *pysyntax.File, guard string) []edit.Edit) bool {
		f := s.File(file)
		name, line, p := m.Name(file, f, g)
		if p != nil {
			d.Refuse(p)
			return false
		}
		c.Add(file, []string{line}, place(f, name)...)
		return true
	}
	// One that only wants a login gives way to one that wants more.
	for _, o := range r.own {
		if o.Guard == (authkit.Guard{}) {
			name, line, p := m.Name(o.file, s.File(o.file), g)
			if p != nil {
				d.Refuse(p)
				return false
			}
			c.Replace(o.file, o.at, name, line)
			return true
		}
	}
	v := r.view
	switch {
	case v.def != nil && (v.expr == nil || pysyntax.Dotted(v.expr) != ""):
		return put(v.file, func(f *pysyntax.File, guard string) []edit.Edit {
			// Right below the route, around all other decorators: a cache, for
			// instance, must not answer before it.
			return []edit.Edit{f.InsertDecorator(v.def, r.below(f), guard)}
		})
	case v.class != nil && isAsView(v.expr) && takesDecorators(s, v, 5):
		return put(v.file, func(f *pysyntax.File, guard string) []edit.Edit { return decorateClass(f, v.class, guard) })
	case v.expr != nil:
		return put(v.at, func(_ *pysyntax.File, guard string) []edit.Edit { return authkit.Wrap(v.expr, guard) })
	}
	// A class that an extension routes to.
	guard := "workos_auth." + guards.Call(s.File(r.made.File), g)
	d.Refuse(authkit.ByHand(r.Listed, "an extension of Flask makes its view, and which attribute takes decorators is the extension's to say",
		"in "+r.View+", with Flask-RESTful and Flask-RESTX:\n    method_decorators = ["+guard+"]"))
	return false
}

// takesDecorators reports whether the view's class may be given an attribute
// decorators without hiding one that it inherits.
func takesDecorators(s authkit.Survey, v view, hops int) bool {
	if list := decorators(v.class); list != nil {
		return elements(list) != nil || strings.HasPrefix(s.File(v.file).Text(list), "[")
	}
	f := s.File(v.file)
	if len(v.class.Body) == 0 || f.Line(v.class.Body[0].Pos()) == f.Line(v.class.Pos()) || hops == 0 {
		return false // no line of its own to write it on
	}
	for _, base := range v.class.Args {
		origin := authkit.Origin(f, pysyntax.Dotted(base.Value))
		if base.Keyword != nil || strings.HasPrefix(origin, "flask.views.") || origin == "flask.MethodView" {
			continue
		}
		file, stmt := s.Definition(v.file, pysyntax.Dotted(base.Value))
		class, ok := stmt.(*pysyntax.ClassDef)
		if !ok || decorators(class) != nil || !takesDecorators(s, view{file: file, class: class}, hops-1) {
			return false
		}
	}
	return true
}

// decorateClass adds a guard to a class's list of decorators, as its last one,
// which is around the others; or gives the class such a list.
func decorateClass(f *pysyntax.File, class *pysyntax.ClassDef, guard string) []edit.Edit {
	if list := decorators(class); list != nil {
		return one(f.AppendElement(list, guard))
	}
	line := "decorators = [" + guard + "]"
	first := class.Body[0]
	if doc, ok := first.(*pysyntax.ExprStmt); ok {
		if _, ok := doc.Value.(*pysyntax.String); ok {
			if len(class.Body) == 1 || !isAttribute(class.Body[1]) {
				return one(f.InsertAfter(first, "", line))
			}
			first = class.Body[1]
		}
	}
	if isAttribute(first) {
		return one(f.InsertBefore(first, line))
	}
	return one(f.InsertBefore(first, line, ""))
}

// one is the edit alone, or none where it cannot be made.
func one(e edit.Edit, err error) []edit.Edit {
	if err != nil {
		return nil
	}
	return []edit.Edit{e}
}

func isAttribute(s pysyntax.Stmt) bool {
	switch s.(type) {
	case *pysyntax.Assign, *pysyntax.AnnAssign:
		return true
	}
	return false
}
