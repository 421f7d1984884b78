package django

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

var guards = authkit.Guards{Module: viewsModule, Login: "login_required"}

// A served route is one of the site's with what guards it.
type served struct {
	authkit.Listed
	in   code          // the URLconf
	view pysyntax.Expr // in it
	// of is the file of the view, where it is the project's own: one of def and
	// class is set then.
	of    code
	def   *pysyntax.FunctionDef
	class *pysyntax.ClassDef
	// own are the guards of authfit's that the view has itself.
	own []own
	// why says that nothing can be put around the view.
	why string
}

// An own guard is authfit's, where it stands.
type own struct {
	authkit.Guard
	in code
	at pysyntax.Expr
}

// Routes lists what the site serves.
func (Recipe) Routes(p *project.Project, app *project.App) authkit.Listing {
	d := &authkit.Draft{Project: p, App: app}
	r := &room{Draft: d}
	if !r.open() {
		listing := authkit.Listing{}
		for _, q := range d.Problems {
			listing.Unseen = append(listing.Unseen, project.Evidence{File: q.File, Line: q.Line, Fact: q.Summary})
		}
		return listing
	}
	_, listing := r.list()
	return listing
}

// list finds the routes and what guards them; they have the order of the
// listing's.
func (r *room) list() ([]served, authkit.Listing) {
	l := &lister{room: r, module: r.generated()}
	l.conf(r.root, "/", depth)
	everywhere := r.everywhere()
	listing := authkit.Listing{Unseen: l.unseen, Module: l.module}
	for i := range l.found {
		s := &l.found[i]
		for _, by := range everywhere {
			if !s.Login && !s.exempt() {
				s.Other(by)
			}
		}
		s.Sum()
		listing.Routes = append(listing.Routes, s.Listed)
	}
	return l.found, listing
}

// generated is the file of the login's views, where there are routes to them.
func (r *room) generated() string {
	name := path.Join(path.Dir(r.root.path), viewsModule+".py")
	src, err := r.Project.Tree.Read(name)
	if _, ours, _ := r.routed(); err != nil || !ours || !strings.HasPrefix(string(src), `"""Login with WorkOS AuthKit`) {
		return ""
	}
	return name
}

// everywhere are the middlewares that want a login of everybody.
func (r *room) everywhere() (found []string) {
	src, at := r.settings.findString(func(value string) bool { return strings.HasSuffix(value, "LoginRequiredMiddleware") })
	if at != nil {
		value, _ := src.StringValue(at.(pysyntax.Expr))
		found = append(found, fmt.Sprintf("middleware %s (%s:%d)", value, src.path, src.line(at)))
	}
	return found
}

// exempt reports whether the view lets people past Django's middleware.
func (s *served) exempt() bool {
	var decorators []pysyntax.Expr
	switch {
	case s.def != nil:
		decorators = s.def.Decorators
	case s.class != nil:
		decorators = s.class.Decorators
	}
	return slices.ContainsFunc(decorators, func(e pysyntax.Expr) bool {
		return strings.Contains(s.of.Text(e), "login_not_required")
	})
}

// A lister collects the routes of a site.
type lister struct {
	room   *room
	module string
	found  []served
	unseen []project.Evidence
}

// conf lists all of a URLconf below a path.
func (l *lister) conf(u code, below string, depth int) {
	for _, b := range u.bindings() {
		for _, term := range b.terms {
			l.term(u, term, below, depth)
		}
		from, ok := b.stmt.(*pysyntax.ImportFrom)
		if !ok {
			continue
		}
		file, ok := importedFile(u.tree, u.dir, u.path, from.Level, from.Module)
		if src, read := open(u.tree, file); ok && read && depth > 0 {
			l.conf(code{src, u.tree, u.dir}, below, depth-1)
		} else {
			l.unseen = append(l.unseen, u.evidence(from))
		}
	}
}

// term lists a part of a sum of routes.
func (l *lister) term(u code, term pysyntax.Expr, below string, depth int) {
	if call, ok := i18n(term); ok {
		for _, e := range values(call) {
			l.element(u, e, authkit.Language(below), depth)
		}
		return
	}
	if isList(term) {
		for _, e := range elements(term) {
			l.element(u, e, below, depth)
		}
		return
	}
	switch e := term.(type) {
	case *pysyntax.Name:
		if list := u.assigned(e.ID); list != nil && e.ID != "urlpatterns" && depth > 0 {
			for _, term := range terms(list) {
				l.term(u, term, below, depth-1)
			}
			return
		}
	case *pysyntax.Call:
		name := last(pysyntax.Dotted(e.Func))
		if name == "static" || name == "staticfiles_urlpatterns" || takesIn(e) {
			return // for development only, or what was listed already
		}
		if name == "list" && len(e.Args) == 1 {
			l.term(u, e.Args[0].Value, below, depth)
			return
		}
	}
	if pysyntax.Dotted(term) != "urlpatterns" && !l.router(u, term, below) {
		l.unseen = append(l.unseen, u.evidence(term))
	}
}

// element lists one route, or all that one includes.
func (l *lister) element(u code, e pysyntax.Expr, below string, depth int) {
	if spread, ok := e.(*pysyntax.Starred); ok {
		l.term(u, spread.X, below, depth)
		return
	}
	r, ok := u.route(e)
	if !ok || depth == 0 {
		l.unseen = append(l.unseen, u.evidence(e))
		return
	}
	at := strings.TrimSuffix(below, "/") + "/" + r.shown()
	if !r.prefix {
		l.add(u, r, at)
		return
	}
	if inner, known := u.included(r); known {
		for _, e := range inner.elements {
			l.element(inner.code, e, at, depth-1)
		}
		if inner.elements == nil {
			l.unseen = append(l.unseen, u.evidence(r.call))
		}
		return
	}
	if call, ok := r.view.(*pysyntax.Call); ok && call.Positional(0) != nil && l.router(u, call.Positional(0), at) {
		return
	}
	l.addBelow(u, r, at)
}

// addBelow lists what an installed package serves below a path.
func (l *lister) addBelow(u code, r route, at string) {
	view := strings.Join(strings.Fields(u.Text(r.view)), " ")
	s := served{in: u, view: r.view, why: "include() of a package cannot be put into a decorator"}
	s.Listed = authkit.Listed{Path: strings.TrimSuffix(at, "/") + "/*", View: view, File: u.path, Line: u.line(r.call), Below: true}
	if name := authkit.Origin(u.File, pysyntax.Dotted(r.view)); strings.HasSuffix(name, "admin.site.urls") || strings.HasSuffix(name, "admin_site.urls") {
		s.Other("Django's admin, for its staff")
		s.why = "Django's admin asks for a login of its own"
	}
	l.found = append(l.found, s)
}

// router lists the view sets of a router of Django REST framework:
// router.urls, and what was registered with it.
func (l *lister) router(u code, e pysyntax.Expr, below string) bool {
	attr, ok := e.(*pysyntax.Attribute)
	if !ok || attr.Attr.ID != "urls" {
		return false
	}
	name := pysyntax.Dotted(attr.X)
	made, ok := u.assigned(name).(*pysyntax.Call)
	if !ok || !strings.HasSuffix(pysyntax.Dotted(made.Func), "Router") {
		return false
	}
	u.Walk(func(n pysyntax.Node) bool {
		call, ok := n.(*pysyntax.Call)
		if !ok || pysyntax.Dotted(call.Func) != name+".register" {
			return true
		}
		prefix, literal := u.StringValue(or(call.Positional(0), call.Keyword("prefix")))
		view := or(call.Positional(1), call.Keyword("viewset"))
		if !literal || view == nil {
			l.unseen = append(l.unseen, u.evidence(call))
			return true
		}
		at := strings.TrimSuffix(below, "/") + "/" + simple(prefix)
		for _, p := range []string{at + "/", at + "/<pk>/"} {
			s := served{in: u, view: view, why: "a router makes its views"}
			s.Listed = authkit.Listed{Path: p, File: u.path, Line: u.line(call)}
			s.resolve(u, view, l.module)
			l.found = append(l.found, s)
		}
		return true
	})
	return true
}

// add lists a route with a view of its own.
func (l *lister) add(u code, r route, at string) {
	s := served{in: u, view: r.view}
	s.Listed = authkit.Listed{Path: at, File: u.path, Line: u.line(r.call)}
	view := r.view
	for { // login_required(view), cache_page(60)(view)
		call, ok := view.(*pysyntax.Call)
		if !ok || isAsView(call) || call.Positional(0) == nil {
			break
		}
		s.guard(u, call.Func, u.Text(call.Func), l.module)
		view = call.Positional(0)
	}
	s.resolve(u, view, l.module)
	l.found = append(l.found, s)
}

func isAsView(call *pysyntax.Call) bool { return last(pysyntax.Dotted(call.Func)) == "as_view" }

// resolve finds the def or class that a view is, and what guards it.
func (s *served) resolve(u code, view pysyntax.Expr, module string) {
	name := pysyntax.Dotted(view)
	if call, ok := view.(*pysyntax.Call); ok && isAsView(call) {
		name = strings.TrimSuffix(pysyntax.Dotted(call.Func), ".as_view")
	}
	in, stmt := u.definition(name, depth)
	if stmt == nil { // report = Report.as_view()
		if at, value := u.value(name, depth); value != nil {
			if call, ok := value.(*pysyntax.Call); ok && isAsView(call) {
				in, stmt = at.definition(strings.TrimSuffix(pysyntax.Dotted(call.Func), ".as_view"), depth)
			}
		}
	}
	s.View = name
	if s.View == "" && view != nil {
		s.View = strings.Join(strings.Fields(u.Text(view)), " ")
	}
	switch def := stmt.(type) {
	case *pysyntax.FunctionDef:
		s.of, s.def, s.View = in, def, def.Name.ID
		for _, e := range def.Decorators {
			s.guard(in, e, "@"+in.Text(e), module)
		}
		s.Methods = decorated(in, def)
	case *pysyntax.ClassDef:
		s.of, s.class, s.View = in, def, def.Name.ID
		s.classGuards(in, def, module, depth)
		s.Methods = handlers(in, def, depth)
	default:
		s.Methods = generic[last(name)]
		return
	}
	s.File, s.Line, s.Login = in.path, in.line(stmt), module != "" && in.path == module
}

// value is what a name is given at the top of a file, also where it is imported.
func (u code) value(name string, depth int) (code, pysyntax.Expr) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 && depth > 0 {
		file := u.moduleNamed(name[:i])
		if src, ok := open(u.tree, file); file != "" && ok {
			return code{src, u.tree, u.dir}.value(name[i+1:], depth-1)
		}
		return u, nil
	}
	if value := u.assigned(name); value != nil || depth == 0 {
		return u, value
	}
	for _, s := range u.Body {
		from, ok := s.(*pysyntax.ImportFrom)
		if !ok {
			continue
		}
		for _, a := range from.Names {
			if orText(a.AsName, a.Name) != name {
				continue
			}
			if file, ok := importedFile(u.tree, u.dir, u.path, from.Level, from.Module); ok {
				if src, ok := open(u.tree, file); ok {
					return code{src, u.tree, u.dir}.value(a.Name, depth-1)
				}
			}
		}
	}
	return u, nil
}

// guard notes one guard, whoever made it.
func (s *served) guard(in code, e pysyntax.Expr, by, module string) {
	if g, ok := guards.Read(in.File, e, in.path == module && module != ""); ok {
		s.own = append(s.own, own{g, in, e})
		s.Guarded(g, by)
		return
	}
	called := e
	if call, ok := e.(*pysyntax.Call); ok {
		called = call.Func
		if last(pysyntax.Dotted(called)) == "permission_classes" { // Django REST framework's, on a function
			s.permissions(in, call.Positional(0))
			return
		}
	}
	if origin := authkit.Origin(in.File, pysyntax.Dotted(called)); authkit.IsGuardName(origin) {
		s.Other(origin)
	}
}

// permissions notes permission classes of Django REST framework, if they are
// not open to everybody.
func (s *served) permissions(in code, list pysyntax.Expr) {
	for _, e := range elements(list) {
		if origin := authkit.Origin(in.File, pysyntax.Dotted(e)); origin != "" && last(origin) != "AllowAny" {
			s.Other(origin)
		}
	}
}

// classGuards notes what guards a class: a decorator of dispatch, a mixin, an
// attribute, on itself and on its bases.
func (s *served) classGuards(in code, class *pysyntax.ClassDef, module string, depth int) {
	for _, e := range dispatched(in, class.Decorators) {
		s.guard(in, e, "@method_decorator("+in.Text(e)+") on "+class.Name.ID, module)
	}
	for _, stmt := range class.Body {
		if def, ok := stmt.(*pysyntax.FunctionDef); ok && def.Name.ID == "dispatch" {
			for _, e := range dispatched(in, def.Decorators) {
				s.guard(in, e, "@method_decorator("+in.Text(e)+") on dispatch", module)
			}
		}
		if list := assigned(stmt, "permission_classes"); list != nil {
			s.permissions(in, list)
		}
	}
	if class != s.class {
		s.own = nil // those of a base stay there
	}
	for _, base := range class.Args {
		name := pysyntax.Dotted(base.Value)
		if base.Keyword != nil || name == "" || depth == 0 {
			continue
		}
		at, stmt := in.definition(name, depth)
		if def, ok := stmt.(*pysyntax.ClassDef); ok {
			own := s.own
			s.classGuards(at, def, module, depth-1)
			s.own = own
		} else if origin := authkit.Origin(in.File, name); mixin.MatchString(last(origin)) {
			s.Other(origin)
		}
	}
}

// mixin are the names of classes that keep people out.
var mixin = regexp.MustCompile(`(Required|UserPassesTest|Access|Permission|Auth(enticated)?|Staff|SuperUser)\w*Mixin$`)

// dispatched are the decorators that method_decorator puts around a view's
// dispatch.
func dispatched(in code, decorators []pysyntax.Expr) (found []pysyntax.Expr) {
	for _, e := range decorators {
		call, ok := e.(*pysyntax.Call)
		if !ok || last(pysyntax.Dotted(call.Func)) != "method_decorator" || call.Positional(0) == nil {
			continue
		}
		if name, given := in.StringValue(or(call.Positional(1), call.Keyword("name"))); given && name != "dispatch" {
			continue // a guard of one HTTP method leaves the others open
		}
		if all := elements(call.Positional(0)); all != nil {
			found = append(found, all...)
		} else {
			found = append(found, call.Positional(0))
		}
	}
	return found
}

// decorated are the HTTP methods that the decorators of a function leave.
func decorated(in code, def *pysyntax.FunctionDef) (methods []string) {
	for _, e := range def.Decorators {
		name := pysyntax.Dotted(e)
		call, called := e.(*pysyntax.Call)
		if called {
			name = pysyntax.Dotted(call.Func)
		}
		switch last(name) {
		case "require_GET":
			return []string{"GET"}
		case "require_POST":
			return []string{"POST"}
		case "require_safe":
			return []string{"GET", "HEAD"}
		case "require_http_methods", "api_view":
			if !called {
				return []string{"GET"}
			}
			for _, e := range elements(call.Positional(0)) {
				if method, ok := in.StringValue(e); ok {
					methods = append(methods, strings.ToUpper(method))
				}
			}
			return methods
		}
	}
	return nil
}

// verbs are the methods of a class that answer the HTTP methods of their names.
var verbs = []string{"get", "post", "put", "patch", "delete"}

// generic are the HTTP methods of Django's own class-based views.
var generic = map[string][]string{
	"TemplateView": {"GET"}, "ListView": {"GET"}, "DetailView": {"GET"}, "ArchiveIndexView": {"GET"},
	"FormView": {"GET", "POST"}, "CreateView": {"GET", "POST"}, "UpdateView": {"GET", "POST"}, "DeleteView": {"GET", "POST"},
}

// handlers are the HTTP methods that a class answers, by its own methods and
// those of its bases.
func handlers(in code, class *pysyntax.ClassDef, depth int) (methods []string) {
	add := func(m string) {
		if !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	for _, s := range class.Body {
		if def, ok := s.(*pysyntax.FunctionDef); ok && slices.Contains(verbs, def.Name.ID) {
			add(strings.ToUpper(def.Name.ID))
		}
	}
	for _, base := range class.Args {
		name := pysyntax.Dotted(base.Value)
		for _, m := range generic[last(name)] {
			add(m)
		}
		if at, stmt := in.definition(name, depth); stmt != nil && depth > 0 {
			if def, ok := stmt.(*pysyntax.ClassDef); ok {
				for _, m := range handlers(at, def, depth-1) {
					add(m)
				}
			}
		}
	}
	slices.SortFunc(methods, func(a, b string) int {
		return slices.Index(verbs, strings.ToLower(a)) - slices.Index(verbs, strings.ToLower(b))
	})
	return methods
}

// shown is a route's pattern as a path: of a regular expression what a person
// would write, as Django's admindocs have it.
func (r route) shown() string {
	if r.regex {
		return simple(r.pattern)
	}
	return r.pattern
}

// simple is a regular expression as a path with <parameters>.
func simple(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '^', '$', '?':
		case '\\':
			if i++; i < len(pattern) && !strings.ContainsRune("AZbB", rune(pattern[i])) {
				b.WriteByte(pattern[i])
			}
		case '(':
			end := closing(pattern, i)
			if name := namedGroup.FindStringSubmatch(pattern[i:end]); name != nil {
				b.WriteString("<" + name[1] + ">")
			} else if !strings.HasPrefix(pattern[i:], "(?") {
				b.WriteString("<var>")
			} else {
				b.WriteString(simple(strings.TrimPrefix(pattern[i+1:end-1], "?:")))
			}
			i = end - 1
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// closing is the place behind the bracket that closes the one at open.
func closing(pattern string, open int) int {
	depth := 0
	for i := open; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(pattern)
}

var namedGroup = regexp.MustCompile(`^\(\?P<(\w+)>`)
