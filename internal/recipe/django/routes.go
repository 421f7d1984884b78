package django

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// A loginRoute is a route of the login, below the prefix.
type loginRoute struct{ path, view, name string }

// loginRoutes are those that every login has, and featureRoutes those of a
// feature.
var (
	loginRoutes = []loginRoute{
		{"login/", "login_view", "workos_login"},
		{"callback/", "callback_view", "workos_callback"},
		{"logout/", "logout_view", "workos_logout"},
		{"account/", "account_view", "workos_account"},
	}
	featureRoutes = map[string]loginRoute{
		"sign-up":       {"signup/", "sign_up_view", "workos_sign_up"},
		"organizations": {"organization/", "organization_view", "workos_organization"},
	}
)

// wanted are the routes that the login is to have.
func (r *room) wanted() []loginRoute {
	routes := slices.Clone(loginRoutes)
	for _, feature := range authkit.Features {
		if extra, ok := featureRoutes[feature]; ok && slices.Contains(r.Variant.Features, feature) {
			routes = append(routes, extra)
		}
	}
	return routes
}

func itoa(n int) string { return strconv.Itoa(n) }

// depth is how many inclusions are followed in search of a route, and how many
// names in search of a setting's value.
const depth = 5

// calls make the routes; path and module are what these are called in the file.
func (r *room) calls(routes []loginRoute, path, module string, s style) []string {
	var calls []string
	for _, l := range routes {
		calls = append(calls, path+"("+s.str(r.prefix+l.path)+", "+module+"."+l.view+", name="+s.str(l.name)+")")
	}
	return calls
}

// routed finds the route to the login in the project, whoever put it there.
// Ours is one to the view of that name; any other has taken the name.
func (r *room) routed() (in source, ours, found bool) {
	login := loginRoutes[0]
	for name, f := range r.Project.Tree.Sources(login.name) {
		f.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if !ok || found {
				return !found
			}
			if value, _ := f.StringValue(call.Keyword("name")); value == login.name {
				in, found = source{name, f}, true
				ours = last(pysyntax.Dotted(or(call.Positional(1), call.Keyword("view")))) == login.view
				if !ours {
					r.RefuseAt("name-taken", name, f.Line(call.Pos()), "give that route another name",
						"a route of the app is called %s already", login.name)
				}
			}
			return true
		})
	}
	return in, ours, found
}

// editURLs makes the views and routes to them in the root URLconf.
func (r *room) editURLs() {
	r.CreateModule(path.Dir(r.root.path), viewsModule, AuthViews, r.pkg != "", "the views of the login")
	switch in, _, found := r.routed(); {
	case found:
		r.addFeatures(in)
		return
	case r.taken():
		return
	}
	r.EditPython(r.root.path, "routes to the login", func(f *pysyntax.File) ([]edit.Edit, error) {
		path, module := "path", viewsModule
		paths, views := "from django.urls import path", authkit.ImportLine(f, r.pkg, viewsModule, r.pkg != "")
		if isTaken(f, path, paths) {
			path, paths = "url_path", paths+" as url_path"
		}
		if isTaken(f, module, views) { // django.contrib.auth's own, as its documentation has them
			module, views = "workos_views", views+" as workos_views"
		}
		return inSteps(f,
			func(f *pysyntax.File) ([]edit.Edit, error) {
				return r.addRoutes(f, r.calls(r.wanted(), path, module, styleOf(f)))
			},
			addImport(paths), addImport(views))
	})
}

// addFeatures puts the routes of features beside the login's own, where these
// are already and they are not.
func (r *room) addFeatures(in source) {
	var missing []loginRoute
	for _, l := range r.wanted() {
		if !strings.Contains(string(in.Src), l.name) {
			missing = append(missing, l)
		}
	}
	if missing == nil {
		return
	}
	r.EditPython(in.path, "routes of the login", func(f *pysyntax.File) ([]edit.Edit, error) {
		var edits []edit.Edit
		f.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if !ok || edits != nil {
				return edits == nil
			}
			if name, _ := f.StringValue(call.Keyword("name")); name != loginRoutes[0].name {
				return true
			}
			module, _, _ := strings.Cut(pysyntax.Dotted(or(call.Positional(1), call.Keyword("view"))), "."+loginRoutes[0].view)
			edits = []edit.Edit{before(f, call, r.calls(missing, pysyntax.Dotted(call.Func), module, styleOf(f)))}
			return false
		})
		return edits, nil
	})
}

// taken refuses routes that the project has for the paths of the login.
func (r *room) taken() bool {
	for _, l := range r.wanted() {
		for _, b := range r.root.bindings() {
			for _, e := range b.routes() {
				if h, at := r.root.takes(e, r.prefix+l.path, depth); h == exact {
					r.RefuseAt("route-taken", at.File, at.Line, "give the login another place: --url-prefix /signin",
						"the app has a route for /%s already", r.prefix+l.path)
					return true
				}
			}
		}
	}
	return false
}

// isTaken reports whether a file has a name by anything but an import.
func isTaken(f *pysyntax.File, name, by string) bool {
	return f.IsBound(name) && len(f.AddImport(by)) > 0
}

// addRoutes puts the routes at the end of the list that urlpatterns is, though
// before what would take their paths; where there is no list, behind the last
// statement that adds to urlpatterns.
func (r *room) addRoutes(f *pysyntax.File, routes []string) ([]edit.Edit, error) {
	u := code{source{r.root.path, f}, r.root.tree, r.root.dir}
	var list pysyntax.Expr
	var in, end bound
	known := true
	for _, b := range u.bindings() {
		if !b.topLevel() {
			continue
		}
		end = b
		if b.anew {
			list, known = nil, true
		}
		if b.namespaced() { // there the routes would have other names
			list = nil
		}
		known = known && u.gives(b, depth)
		for _, term := range b.terms {
			if e := r.catchAll(u, b, term); e != nil && list == nil {
				if isList(term) {
					return []edit.Edit{before(f, e, routes)}, nil
				}
				return []edit.Edit{{Start: b.value.Pos(), End: b.value.Pos(), New: display(f, routes) + " + "}}, nil
			}
			if isList(term) && list == nil && !takesIn(term) {
				list, in = term, b
			}
		}
	}
	switch {
	case list != nil:
		return appendRoutes(f, in, list, routes)
	case end.stmt != nil && known:
		e, err := f.InsertAfter(end.stmt, "", "urlpatterns += "+display(f, routes))
		return []edit.Edit{e}, err
	}
	problem := authkit.Unplaceable(r.root.path, "urlpatterns is no list that can be seen at the top level of the file")
	if all := u.bindings(); len(all) > 0 {
		problem.Line = f.Line(all[0].stmt.Pos())
	}
	return nil, r.byHand(problem, viewsModule)
}

// catchAll is the first element of a term of urlpatterns that takes a path of
// the login among others.
func (r *room) catchAll(u code, b bound, term pysyntax.Expr) pysyntax.Expr {
	for _, e := range routesOf(term) {
		if takesIn(e) { // what it includes was looked at already
			continue
		}
		for _, l := range r.wanted() {
			if h, _ := u.takes(e, r.prefix+l.path, depth); h == wide {
				return e
			}
		}
	}
	return nil
}

// gives reports whether it is certain that a statement makes urlpatterns a list.
func (u code) gives(b bound, depth int) bool {
	if from, ok := b.stmt.(*pysyntax.ImportFrom); ok {
		file, ok := importedFile(u.tree, u.dir, u.path, from.Level, from.Module)
		src, read := open(u.tree, file)
		if !ok || !read || depth == 0 {
			return false
		}
		inner := code{src, u.tree, u.dir}
		all := inner.bindings()
		return len(all) > 0 && !slices.ContainsFunc(all, func(b bound) bool { return !inner.gives(b, depth-1) })
	}
	return !slices.ContainsFunc(b.terms, func(e pysyntax.Expr) bool { return !u.isList(e, depth) })
}

// isList reports whether an expression is certain to give a list.
func (u code) isList(e pysyntax.Expr, depth int) bool {
	switch e := e.(type) {
	case *pysyntax.List:
		return true
	case *pysyntax.Comp:
		return e.Kind == '['
	case *pysyntax.Call:
		return slices.Contains([]string{"list", "static", "i18n_patterns", "format_suffix_patterns", "staticfiles_urlpatterns"}, last(pysyntax.Dotted(e.Func)))
	case *pysyntax.Attribute: // router.urls
		router, ok := u.assigned(pysyntax.Dotted(e.X)).(*pysyntax.Call)
		return ok && e.Attr.ID == "urls" && strings.HasSuffix(pysyntax.Dotted(router.Func), "Router")
	case *pysyntax.Name:
		value := u.assigned(e.ID)
		return e.ID == "urlpatterns" || value != nil && depth > 0 && !slices.ContainsFunc(terms(value), func(e pysyntax.Expr) bool { return !u.isList(e, depth-1) })
	}
	return false
}

// assigned is the last value that the file gives a name, or nil.
func (u code) assigned(name string) (value pysyntax.Expr) {
	for _, s := range u.Body {
		if v := assigned(s, name); v != nil {
			value = v
		}
	}
	return value
}

// isList reports whether an expression is written out as a list or tuple.
func isList(e pysyntax.Expr) bool {
	switch e := e.(type) {
	case *pysyntax.List:
		return true
	case *pysyntax.Tuple:
		return e.Parens
	}
	return false
}

// display is a list of the routes, on lines of their own.
func display(f *pysyntax.File, routes []string) string {
	newline := f.Newline()
	return "[" + newline + lines(f, f.IndentUnit(), routes) + "]"
}

func lines(f *pysyntax.File, indent string, routes []string) string {
	var b strings.Builder
	for _, route := range routes {
		b.WriteString(indent + route + "," + f.Newline())
	}
	return b.String()
}

// appendRoutes adds the routes to a list: as the list has its elements, or
// behind it where these are all on one line.
func appendRoutes(f *pysyntax.File, in bound, list pysyntax.Expr, routes []string) ([]edit.Edit, error) {
	_, isTuple := list.(*pysyntax.Tuple)
	oneLine := f.Line(list.Pos()) == f.Line(list.End()-1)
	switch {
	case oneLine && len(elements(list)) == 0 && !isTuple:
		return []edit.Edit{{Start: list.Pos(), End: list.End(), New: display(f, routes)}}, nil
	case oneLine && len(in.terms) == 1 && !isTuple:
		return insertAfter(f, in.stmt, "", "urlpatterns += "+display(f, routes))
	}
	var steps []step
	for _, route := range routes {
		steps = append(steps, func(f *pysyntax.File) ([]edit.Edit, error) {
			e, err := f.AppendElement(again(f, list), route)
			return []edit.Edit{e}, err
		})
	}
	return inSteps(f, steps...)
}

// again finds a list in a file that was changed behind the list's start.
func again(f *pysyntax.File, list pysyntax.Expr) (found pysyntax.Expr) {
	f.Walk(func(n pysyntax.Node) bool {
		if e, ok := n.(pysyntax.Expr); ok && isList(e) && e.Pos() == list.Pos() {
			found = e
		}
		return found == nil
	})
	return found
}

// before inserts elements before another and the comments that stand above it;
// on the same line where the other has none of its own.
func before(f *pysyntax.File, e pysyntax.Expr, routes []string) edit.Edit {
	src := string(f.Src)
	start := strings.LastIndexAny(src[:e.Pos()], "\r\n") + 1
	indent := src[start:e.Pos()]
	if strings.TrimSpace(indent) != "" {
		return edit.Edit{Start: e.Pos(), End: e.Pos(), New: strings.Join(routes, ", ") + ", "}
	}
	for {
		above := strings.TrimRight(src[:start], "\r\n")
		above = above[strings.LastIndexAny(above, "\r\n")+1:]
		if !strings.HasPrefix(strings.TrimSpace(above), "#") || strings.HasSuffix(src[:start], "\n\n") {
			break
		}
		start = strings.LastIndex(src[:start], above)
	}
	return edit.Edit{Start: start, End: start, New: lines(f, indent, routes)}
}
