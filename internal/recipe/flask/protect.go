package flask

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

var guards = authkit.Guards{Module: "workos_auth", Login: "login_required"}

// A route is one of the app's with what guards it.
type route struct {
	authkit.Listed
	made authkit.Route
	view view
	// own are the guards of authfit's that the route or its view has itself.
	own []own
}

// A view is what answers a route.
type view struct {
	file  string                // of the def or class
	def   *pysyntax.FunctionDef // one of these, or neither
	class *pysyntax.ClassDef
	// expr is what the route is given as its view, in the file at; nil where it
	// is a decorator.
	expr pysyntax.Expr
	at   string
}

// An own guard is authfit's, where it stands.
type own struct {
	authkit.Guard
	file string
	at   pysyntax.Expr
}

// Routes lists what the app serves.
func (Recipe) Routes(p *project.Project, app *project.App) authkit.Listing {
	d := &authkit.Draft{Project: p, App: app}
	_, listing := list(d, constructor.Survey(d))
	return listing
}

// list finds what guards the routes; they have the order of the listing's.
func list(d *authkit.Draft, s authkit.Survey) ([]route, authkit.Listing) {
	listing := authkit.Listing{Unseen: s.Unseen, Module: s.Generated}
	hooks := beforeRequest(d, s)
	var routes []route
	for _, found := range s.Routes {
		r := route{made: found, view: viewOf(s, found)}
		f := s.File(found.File)
		r.Listed = authkit.Listed{Path: found.Path, File: found.File, Line: found.Line, Login: s.Login(found.File)}
		r.Methods, r.View = methods(s, r), r.view.name(f)
		if r.view.def != nil {
			r.Listed.File, r.Listed.Line = r.view.file, s.File(r.view.file).Line(r.view.def.Pos())
		} else if r.view.class != nil {
			r.Listed.File, r.Listed.Line = r.view.file, s.File(r.view.file).Line(r.view.class.Pos())
		}
		r.guards(s)
		for _, h := range hooks {
			if slices.ContainsFunc(r.made.Steps, func(step authkit.Step) bool { return step.Group == h.group }) {
				h.hold(&r.Listed)
			}
		}
		r.Sum()
		routes = append(routes, r)
		listing.Routes = append(listing.Routes, r.Listed)
	}
	if app := d.App; d.Project.Tree.IsDir(path.Join(path.Dir(app.Entry.File), "static")) {
		listing.Notes = append(listing.Notes, "Flask itself serves what is in static, to everybody")
	}
	return routes, listing
}

// viewOf resolves what answers a route.
func viewOf(s authkit.Survey, r authkit.Route) view {
	if r.View != nil || r.Class != nil {
		return view{file: r.File, def: r.View, class: r.Class}
	}
	v := view{at: r.File, expr: r.Call.Keyword("view_func")}
	if v.expr == nil {
		v.expr = r.Call.Positional(2)
	}
	e, at := v.expr, r.File
	if name := pysyntax.Dotted(e); name != "" {
		file, stmt := s.Definition(at, name)
		if v.def, _ = stmt.(*pysyntax.FunctionDef); v.def != nil {
			v.file = file
			return v
		}
		if file, value := s.Value(at, name); value != nil {
			e, at = value, file // report = Report.as_view("report")
			v.expr, v.at = value, file
		}
	}
	for {
		call, ok := e.(*pysyntax.Call)
		if !ok {
			return v
		}
		if attr, ok := call.Func.(*pysyntax.Attribute); ok && attr.Attr.ID == "as_view" {
			file, stmt := s.Definition(at, pysyntax.Dotted(attr.X))
			if v.class, _ = stmt.(*pysyntax.ClassDef); v.class != nil {
				v.file = file
			}
			return v
		}
		if e = call.Positional(0); e == nil { // a guard around it
			return v
		}
		if file, stmt := s.Definition(at, pysyntax.Dotted(e)); stmt != nil {
			if v.def, _ = stmt.(*pysyntax.FunctionDef); v.def != nil {
				v.file = file
			}
			return v
		}
	}
}

// name is what the view is called.
func (v view) name(f *pysyntax.File) string {
	switch {
	case v.def != nil:
		return v.def.Name.ID
	case v.class != nil:
		return v.class.Name.ID
	case v.expr == nil:
		return ""
	}
	if call, ok := v.expr.(*pysyntax.Call); ok && isAsView(call) {
		return strings.TrimSuffix(pysyntax.Dotted(call.Func), ".as_view")
	}
	return strings.Join(strings.Fields(f.Text(v.expr)), " ")
}

// isAsView reports whether an expression makes a view of a class.
func isAsView(e pysyntax.Expr) bool {
	call, ok := e.(*pysyntax.Call)
	return ok && strings.HasSuffix(pysyntax.Dotted(call.Func), ".as_view")
}

// verbs are the methods of a class that answer the HTTP methods of their names.
var verbs = []string{"get", "post", "put", "patch", "delete", "head", "options"}

// methods are the HTTP methods of a route.
func methods(s authkit.Survey, r route) []string {
	if slices.Contains(verbs, r.made.Method) {
		return []string{strings.ToUpper(r.made.Method)}
	}
	if given := r.made.Call.Keyword("methods"); given != nil {
		return words(s.File(r.made.File), given)
	}
	if r.view.class == nil {
		return []string{"GET"}
	}
	return r.view.methods(s, 5)
}

// methods are those that a class answers, by its own methods and those of its
// bases in the project.
func (v view) methods(s authkit.Survey, hops int) (found []string) {
	for _, stmt := range v.class.Body {
		switch stmt := stmt.(type) {
		case *pysyntax.FunctionDef:
			if slices.Contains(verbs, stmt.Name.ID) {
				found = append(found, strings.ToUpper(stmt.Name.ID))
			}
		case *pysyntax.Assign:
			if pysyntax.Dotted(stmt.Targets[0]) == "methods" {
				return words(s.File(v.file), stmt.Value)
			}
		}
	}
	for _, base := range v.class.Args {
		file, stmt := s.Definition(v.file, pysyntax.Dotted(base.Value))
		if class, ok := stmt.(*pysyntax.ClassDef); ok && hops > 0 {
			for _, m := range (view{file: file, class: class}).methods(s, hops-1) {
				if !slices.Contains(found, m) {
					found = append(found, m)
				}
			}
		}
	}
	return found
}

// words are the strings of a list that is written out.
func words(f *pysyntax.File, e pysyntax.Expr) (found []string) {
	pysyntax.Walk(e, func(n pysyntax.Node) bool {
		if s, ok := n.(*pysyntax.String); ok {
			if text, ok := f.StringValue(s); ok {
				found = append(found, strings.ToUpper(text))
			}
		}
		return true
	})
	return found
}

// guards notes what guards the route's own view.
func (r *route) guards(s authkit.Survey) {
	if v := r.view; v.expr != nil {
		for e := v.expr; ; {
			call, ok := e.(*pysyntax.Call)
			if !ok || isAsView(call) {
				break
			}
			r.guard(s, v.at, call.Func, s.File(v.at).Text(call.Func))
			if e = call.Positional(0); e == nil {
				break
			}
		}
	}
	switch v := r.view; {
	case v.def != nil:
		from := r.below(s.File(v.file))
		for i, e := range v.def.Decorators {
			if i >= from {
				r.guard(s, v.file, e, "@"+s.File(v.file).Text(e))
			} else if _, ok := guards.Read(s.File(v.file), e, r.Login); ok {
				r.By = "@" + s.File(v.file).Text(e) + " stands above the route, where it guards nothing"
			}
		}
	case v.class != nil:
		r.inherited(s, v, 5)
	}
}

// inherited notes what guards a class by its attribute decorators, be it that of
// a base.
func (r *route) inherited(s authkit.Survey, v view, hops int) {
	if list := decorators(v.class); list != nil {
		for _, e := range elements(list) {
			r.guard(s, v.file, e, "decorators of "+v.class.Name.ID)
		}
		if v.class != r.view.class {
			r.own = nil // it is the base's, and stays there
		}
		return
	}
	for _, base := range v.class.Args {
		file, stmt := s.Definition(v.file, pysyntax.Dotted(base.Value))
		if class, ok := stmt.(*pysyntax.ClassDef); ok && hops > 0 {
			r.inherited(s, view{file: file, class: class}, hops-1)
		}
	}
}

// guard notes one guard, whoever made it.
func (r *route) guard(s authkit.Survey, file string, e pysyntax.Expr, by string) {
	f := s.File(file)
	if g, ok := guards.Read(f, e, s.Login(file)); ok {
		r.own = append(r.own, own{g, file, e})
		r.Guarded(g, by)
		return
	}
	called := e
	if call, ok := e.(*pysyntax.Call); ok {
		called = call.Func
	}
	if origin := authkit.Origin(f, pysyntax.Dotted(called)); authkit.IsGuardName(origin) {
		r.Other(origin)
	}
}

// below is the place among the decorators of the view from which on they are
// part of what is served: below those that make its routes, which register what
// they are given, and not what is put around it above them.
func (r *route) below(f *pysyntax.File) int {
	from := 0
	for i, e := range r.view.def.Decorators {
		call, ok := e.(*pysyntax.Call)
		if !ok {
			continue
		}
		if attr, ok := call.Func.(*pysyntax.Attribute); ok && (attr.Attr.ID == "route" || slices.Contains(verbs, attr.Attr.ID)) {
			if _, path := f.StringValue(call.Positional(0)); path || call == r.made.Call {
				from = i + 1
			}
		}
	}
	return from
}

// decorators is the value of a class's own attribute of that name, or nil.
func decorators(class *pysyntax.ClassDef) pysyntax.Expr {
	for _, s := range class.Body {
		if a, ok := s.(*pysyntax.Assign); ok && len(a.Targets) == 1 && pysyntax.Dotted(a.Targets[0]) == "decorators" {
			return a.Value
		}
	}
	return nil
}

func elements(e pysyntax.Expr) []pysyntax.Expr {
	switch e := e.(type) {
	case *pysyntax.List:
		return e.Elts
	case *pysyntax.Tuple:
		return e.Elts
	}
	return nil
}

// A hook is a function that is asked before the views of a blueprint, or of the
// app, and may turn a request away.
type hook struct {
	group  string // see authkit.Step; empty for the app
	guards []authkit.Guard
	others bool
	by     string
}

func (h hook) hold(l *authkit.Listed) {
	for _, g := range h.guards {
		l.Guarded(g, h.by)
	}
	if h.others {
		l.Other(h.by)
	}
}

var aboutPeople = regexp.MustCompile(`(?i)current_user|is_authenticated|logged|login|sign_?in|unauthorized|forbidden|auth|session|token|\b40[13]\b`)

// beforeRequest finds the hooks that turn people away: by a guard of
// authfit's, or by an answer that has to do with who asks.
func beforeRequest(d *authkit.Draft, s authkit.Survey) (hooks []hook) {
	for name, f := range d.Project.Tree.Sources(".before_request", ".before_app_request") {
		for stmt := range f.Stmts() {
			def, ok := stmt.(*pysyntax.FunctionDef)
			if !ok {
				continue
			}
			for i, e := range def.Decorators {
				attr, ok := e.(*pysyntax.Attribute)
				if !ok || attr.Attr.ID != "before_request" && attr.Attr.ID != "before_app_request" {
					continue
				}
				h := hook{by: fmt.Sprintf("%s %s (%s:%d)", f.Text(e), def.Name.ID, name, f.Line(def.Pos()))}
				if attr.Attr.ID == "before_request" {
					h.group = s.Group(name, attr.X)
				}
				for _, below := range def.Decorators[i+1:] {
					if g, ok := guards.Read(f, below, false); ok {
						h.guards = append(h.guards, g)
					}
				}
				h.others = h.guards == nil && answers(def) && aboutPeople.MatchString(f.Text(def))
				hooks = append(hooks, h)
			}
		}
	}
	return hooks
}

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
			return put(o.file, func(_ *pysyntax.File, guard string) []edit.Edit { return []edit.Edit{authkit.Replace(o.at, guard)} })
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
		e, err := f.AppendElement(list, guard)
		if err != nil {
			return nil
		}
		return []edit.Edit{e}
	}
	line := "decorators = [" + guard + "]"
	first := class.Body[0]
	if doc, ok := first.(*pysyntax.ExprStmt); ok {
		if _, ok := doc.Value.(*pysyntax.String); ok {
			if len(class.Body) == 1 || !isAttribute(class.Body[1]) {
				return []edit.Edit{f.InsertAfter(first, "", line)}
			}
			first = class.Body[1]
		}
	}
	if isAttribute(first) {
		return []edit.Edit{f.InsertBefore(first, line)}
	}
	return []edit.Edit{f.InsertBefore(first, line, "")}
}

func isAttribute(s pysyntax.Stmt) bool {
	switch s.(type) {
	case *pysyntax.Assign, *pysyntax.AnnAssign:
		return true
	}
	return false
}
