package fastapi

import (
	"fmt"
	"strings"

	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

var guards = authkit.Guards{Module: "workos_auth", Login: "require_user"}

// A route is one of the app's with what guards it.
type route struct {
	authkit.Listed
	made authkit.Route
	// own are the dependencies of authfit's in the route's own call.
	own []own
}

// An own guard is authfit's, where it stands.
type own struct {
	authkit.Guard
	at pysyntax.Expr
}

// Routes lists what the app serves.
func (Recipe) Routes(p *project.Project, app *project.App) authkit.Listing {
	d := &authkit.Draft{Project: p, App: app}
	_, listing := list(d, constructor.Survey(d))
	return listing
}

// list finds what guards the routes; they have the order of the listing's.
func list(d *authkit.Draft, s authkit.Survey) (routes []route, listing authkit.Listing) {
	listing = authkit.Listing{Unseen: s.Unseen, Module: s.Generated, PerRoute: true}
	everywhere := middlewares(d, s)
	for _, made := range s.Routes {
		r := route{made: made}
		f := s.File(made.File)
		file, def := handler(s, made)
		r.Listed = authkit.Listed{Path: made.Path, Methods: methods(f, made), File: made.File, Line: made.Line, Login: s.Login(made.File)}
		switch {
		case def != nil:
			r.View, r.File, r.Line = def.Name.ID, file, s.File(file).Line(def.Pos())
		case made.Call.Positional(1) != nil:
			r.View = strings.Join(strings.Fields(f.Text(made.Call.Positional(1))), " ")
		}
		r.guards(s, file, def)
		for _, e := range everywhere {
			if made.Steps == nil || made.Steps[len(made.Steps)-1].Group == "" {
				r.Other(e)
			}
		}
		routes = append(routes, r)
	}
	routes = append(routes, mounts(d, s)...)
	for i := range routes {
		routes[i].Sum()
		listing.Routes = append(listing.Routes, routes[i].Listed)
	}
	listing.Notes = documentation(d, s)
	return routes, listing
}

// handler is the function that answers a route, and its file; nil where that is
// not in the project.
func handler(s authkit.Survey, r authkit.Route) (string, *pysyntax.FunctionDef) {
	if r.View != nil {
		return r.File, r.View
	}
	endpoint := r.Call.Positional(1)
	if endpoint == nil {
		endpoint = r.Call.Keyword("endpoint")
	}
	file, stmt := s.Definition(r.File, pysyntax.Dotted(endpoint))
	def, _ := stmt.(*pysyntax.FunctionDef)
	return file, def
}

// methods are the HTTP methods of a route.
func methods(f *pysyntax.File, r authkit.Route) []string {
	if strings.Contains(r.Method, "websocket") {
		return []string{"WEBSOCKET"}
	}
	if !strings.HasSuffix(r.Method, "route") {
		return []string{strings.ToUpper(r.Method)}
	}
	given := r.Call.Keyword("methods")
	if given == nil {
		return []string{"GET"}
	}
	var found []string
	pysyntax.Walk(given, func(n pysyntax.Node) bool {
		if s, ok := n.(*pysyntax.String); ok {
			if text, ok := f.StringValue(s); ok {
				found = append(found, strings.ToUpper(text))
			}
		}
		return true
	})
	return found
}

// guards notes the dependencies that let only some people in: the route's own,
// those of its function's parameters, and those of its routers and of the app.
func (r *route) guards(s authkit.Survey, file string, def *pysyntax.FunctionDef) {
	for _, e := range dependencies(r.made.Call) {
		found := look(s, r.made.File, e, depth)
		if inner, ok := depends(s.File(r.made.File), e); ok {
			if g, ok := guards.Read(s.File(r.made.File), inner, r.Login); ok {
				r.own = append(r.own, own{g, inner})
			}
		}
		r.note(found, "dependencies of the route")
	}
	if def != nil {
		r.note(parameters(s, file, def, depth), "")
	}
	for _, step := range r.made.Steps {
		f := s.File(step.File)
		for _, e := range dependencies(step.Call) {
			r.note(look(s, step.File, e, depth), fmt.Sprintf("%s at %s:%d", pysyntax.Dotted(step.Call.Func), step.File, f.Line(step.Call.Pos())))
		}
	}
}

// A finding is a dependency that guards: authfit's, or by its name another.
type finding struct {
	guard authkit.Guard
	own   bool
	name  string
}

func (r *route) note(found []finding, by string) {
	for _, d := range found {
		said := strings.TrimPrefix(by+": "+d.name, ": ")
		if d.own {
			r.Guarded(d.guard, said)
		} else {
			r.Other(said)
		}
	}
}

// depth is how many dependencies of dependencies are followed.
const depth = 5

// dependencies are the elements of a call's argument of that name.
func dependencies(call *pysyntax.Call) []pysyntax.Expr {
	switch e := call.Keyword("dependencies").(type) {
	case *pysyntax.List:
		return e.Elts
	case *pysyntax.Tuple:
		return e.Elts
	case nil:
		return nil
	default:
		return []pysyntax.Expr{e}
	}
}

// depends is the X of Depends(X) and Security(X).
func depends(f *pysyntax.File, e pysyntax.Expr) (pysyntax.Expr, bool) {
	call, ok := e.(*pysyntax.Call)
	if !ok {
		return nil, false
	}
	name := authkit.Origin(f, pysyntax.Dotted(call.Func))
	name = name[strings.LastIndexByte(name, '.')+1:]
	if name != "Depends" && name != "Security" {
		return nil, false
	}
	if call.Positional(0) != nil {
		return call.Positional(0), true
	}
	return call.Keyword("dependency"), call.Keyword("dependency") != nil
}

// parameters are the guards among the dependencies of a function: in a default,
// in an Annotated, in a name for one.
func parameters(s authkit.Survey, file string, def *pysyntax.FunctionDef, hops int) (found []finding) {
	for _, p := range def.Params {
		for _, e := range []pysyntax.Expr{p.Default, p.Annotation} {
			if e != nil {
				found = append(found, look(s, file, e, hops)...)
			}
		}
	}
	return found
}

// look says what guards an expression stands for: Depends(...), an Annotated
// with one, a list of some, or a name for any of these.
func look(s authkit.Survey, file string, e pysyntax.Expr, hops int) (found []finding) {
	f := s.File(file)
	if hops == 0 || f == nil {
		return nil
	}
	if inner, ok := depends(f, e); ok {
		return dependency(s, file, inner, hops)
	}
	switch e := e.(type) {
	case *pysyntax.Name, *pysyntax.Attribute:
		if g, ok := guards.Read(f, e, s.Login(file)); ok {
			return []finding{{g, true, pysyntax.Dotted(e)}}
		}
		if at, value := s.Value(file, pysyntax.Dotted(e)); value != nil {
			return look(s, at, value, hops-1)
		}
	case *pysyntax.Subscript:
		if name := pysyntax.Dotted(e.X); name != "Annotated" && !strings.HasSuffix(name, ".Annotated") {
			return nil
		}
		if args, ok := e.Index.(*pysyntax.Tuple); ok {
			for _, arg := range args.Elts[1:] {
				found = append(found, look(s, file, arg, hops)...)
			}
		}
	case *pysyntax.Starred:
		return look(s, file, e.X, hops)
	case *pysyntax.List:
		for _, element := range e.Elts {
			found = append(found, look(s, file, element, hops)...)
		}
	}
	return found
}

// dependency says what guards there are in what Depends is given.
func dependency(s authkit.Survey, file string, e pysyntax.Expr, hops int) []finding {
	f := s.File(file)
	if g, ok := guards.Read(f, e, s.Login(file)); ok {
		return []finding{{g, true, f.Text(e)}}
	}
	called := e
	if call, ok := e.(*pysyntax.Call); ok {
		called = call.Func
	}
	name := pysyntax.Dotted(called)
	other := []finding{{name: strings.TrimLeft(authkit.Origin(f, name), ".")}}
	at, stmt := s.Definition(file, name)
	switch def := stmt.(type) {
	case *pysyntax.FunctionDef:
		if below := parameters(s, at, def, hops-1); below != nil && below[0].own {
			return below // it takes the user from authfit's
		} else if below != nil || authkit.Refuses(s.File(at), def) || authkit.IsGuardName(name) && !s.Login(at) {
			return other
		}
		return nil
	case *pysyntax.ClassDef:
		if authkit.Refuses(s.File(at), def) || authkit.IsGuardName(name) {
			return other
		}
		return nil
	}
	if at, value := s.Value(file, name); value != nil { // oauth2_scheme = OAuth2PasswordBearer(...)
		if call, ok := value.(*pysyntax.Call); ok {
			origin := authkit.Origin(s.File(at), pysyntax.Dotted(call.Func))
			_, class := s.Definition(at, pysyntax.Dotted(call.Func))
			if strings.HasPrefix(origin, "fastapi.security.") || class != nil && authkit.Refuses(s.File(at), class) {
				return other
			}
		}
	}
	if strings.HasPrefix(other[0].name, "fastapi.security.") || authkit.IsGuardName(name) {
		return other
	}
	return nil
}

// middlewares are those of the project that turn requests away for want of a
// login.
func middlewares(d *authkit.Draft, s authkit.Survey) (found []string) {
	for name, f := range d.Project.Tree.Sources("add_middleware", ".middleware(") {
		if s.Login(name) {
			continue
		}
		for stmt := range f.Stmts() {
			def, ok := stmt.(*pysyntax.FunctionDef)
			if !ok || !authkit.Refuses(f, def) {
				continue
			}
			for _, e := range def.Decorators {
				if call, ok := e.(*pysyntax.Call); ok && strings.HasSuffix(pysyntax.Dotted(call.Func), ".middleware") {
					found = append(found, fmt.Sprintf("middleware %s (%s:%d)", def.Name.ID, name, f.Line(def.Pos())))
				}
			}
		}
		f.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if !ok || !strings.HasSuffix(pysyntax.Dotted(call.Func), ".add_middleware") || call.Positional(0) == nil {
				return true
			}
			class := pysyntax.Dotted(call.Positional(0))
			if at, stmt := s.Definition(name, class); stmt != nil && !s.Login(at) && authkit.Refuses(s.File(at), stmt) {
				found = append(found, fmt.Sprintf("middleware %s (%s:%d)", class, name, f.Line(call.Pos())))
			}
			return true
		})
	}
	return found
}

// mounts are the apps that are served below a path.
func mounts(d *authkit.Draft, s authkit.Survey) (found []route) {
	for name, f := range d.Project.Tree.Sources(".mount(") {
		f.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if !ok || !strings.HasSuffix(pysyntax.Dotted(call.Func), ".mount") || call.Positional(1) == nil {
				return true
			}
			path, literal := f.StringValue(call.Positional(0))
			if !literal {
				return true
			}
			inner := call.Positional(1)
			view := strings.Join(strings.Fields(f.Text(inner)), " ")
			if made, ok := inner.(*pysyntax.Call); ok {
				view = pysyntax.Dotted(made.Func)
			}
			found = append(found, route{
				Listed: authkit.Listed{Path: strings.TrimSuffix(path, "/") + "/*", View: view, File: name, Line: f.Line(call.Pos()), Below: true},
				made:   authkit.Route{File: name, Call: call, Method: "mount"},
			})
			return true
		})
	}
	return found
}

// documentation notes what FastAPI serves by itself.
func documentation(d *authkit.Draft, s authkit.Survey) []string {
	for _, i := range d.Project.Tree.Instances("fastapi", "FastAPI") {
		if i.File != d.App.Entry.File {
			continue
		}
		var paths []string
		for _, page := range []struct{ argument, path string }{{"docs_url", "/docs"}, {"redoc_url", "/redoc"}, {"openapi_url", "/openapi.json"}} {
			value := i.Call.Keyword(page.argument)
			if text, ok := s.File(i.File).StringValue(value); ok {
				paths = append(paths, text)
			} else if value == nil {
				paths = append(paths, page.path)
			} else if page.argument == "openapi_url" {
				return nil // without it there is no documentation
			}
		}
		if paths != nil {
			return []string{"FastAPI itself serves " + strings.Join(paths, ", ") + ", to everybody"}
		}
	}
	return nil
}
