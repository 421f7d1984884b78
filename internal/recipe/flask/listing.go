package flask

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

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
		if r.onlyNames(s) {
			continue
		}
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

// onlyNames reports whether a route only gives another name to one that is there:
// add_url_rule("/", endpoint="index"), where a blueprint serves "/".
func (r route) onlyNames(s authkit.Survey) bool {
	if v := r.view; r.made.Method != "add_url_rule" || v.def != nil || v.class != nil || v.expr != nil {
		return false
	}
	return slices.ContainsFunc(s.Routes, func(other authkit.Route) bool {
		return other.Path == r.made.Path && other.Call != r.made.Call && other.View != nil
	})
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
