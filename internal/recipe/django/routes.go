package django

import (
	"path"
	"strconv"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// loginRoutes are the routes of the login, below the prefix.
var loginRoutes = []struct{ path, view, name string }{
	{"login/", "login_view", "auth_login"},
	{"callback/", "callback_view", "auth_callback"},
	{"logout/", "logout_view", "auth_logout"},
	{"account/", "account_view", "auth_account"},
}

func itoa(n int) string { return strconv.Itoa(n) }

// depth is how many inclusions are followed in search of a route.
const depth = 5

// lines are the routes as they are written, each a call and a comma.
func (r *room) lines(indent, module string, s style) []string {
	var out []string
	for _, l := range loginRoutes {
		args := []string{s.str(r.prefix + l.path), module + "." + l.view, "name=" + s.str(l.name)}
		out = append(out, strings.Join(s.call(indent, "path", args, ","), "\n"))
	}
	return out
}

// routedBy is the file that has a route of that name to the views.
func (r *room) routedBy(name, _ string) (file string, ok bool) {
	for _, f := range r.Project.Tree.Files() {
		if path.Ext(f) != ".py" || project.Aside(f) {
			continue
		}
		src, err := r.Project.Tree.Read(f)
		if err == nil && strings.Contains(string(src), name) && strings.Contains(string(src), viewsModule+".") {
			return f, true
		}
	}
	return "", false
}

// editURLs makes the views and routes to them in the root URLconf.
func (r *room) editURLs() {
	pkg, inPackage := r.root.inPackage(r.module)
	r.CreateModule(path.Dir(r.root.path), viewsModule, authViews, inPackage, "the views of the login")
	if file, _ := r.routedBy(loginRoutes[0].name, r.viewFile()); file != "" {
		return
	}
	for _, l := range loginRoutes {
		for _, e := range r.root.routes() {
			if h, at := r.root.takes(e, r.prefix+l.path, depth); h == exact {
				r.RefuseAt("route-taken", at.File, at.Line, "give the login another place: --url-prefix /signin",
					"the app has a route for /%s already", r.prefix+l.path)
				return
			}
		}
	}
	r.EditPython(r.root.path, "routes to the login", func(f *pysyntax.File) ([]edit.Edit, error) {
		var steps []func(*pysyntax.File) ([]edit.Edit, error)
		for i := range loginRoutes {
			steps = append(steps, func(f *pysyntax.File) ([]edit.Edit, error) { return r.addRoute(f, i) })
		}
		steps = append(steps, func(f *pysyntax.File) ([]edit.Edit, error) {
			return f.AddImports("from django.urls import path", authkit.ImportLine(f, pkg, viewsModule, inPackage)), nil
		})
		return inSteps(f, steps...)
	})
}

// addRoute puts one of the routes before what would take every path, or at the
// end of the list that urlpatterns is; where it is no list, a list of the
// routes is added behind the last statement that makes it.
func (r *room) addRoute(f *pysyntax.File, i int) ([]edit.Edit, error) {
	u := code{source{r.root.path, f}, r.root.tree, r.root.dir}
	s := styleOf(f)
	line := strings.TrimSuffix(r.lines("", viewsModule, s)[i], ",")
	var list pysyntax.Expr
	var behind pysyntax.Stmt
	for _, b := range u.bindings() {
		if !b.topLevel() {
			continue
		}
		behind = b.stmt
		for _, term := range b.terms {
			if !isList(term) {
				continue
			}
			if list == nil || b.anew {
				list = term
			}
			for _, e := range elements(term) {
				if h, _ := u.takes(e, r.prefix+loginRoutes[i].path, depth); h == wide {
					return []edit.Edit{before(f, e, line)}, nil
				}
			}
		}
	}
	switch {
	case list != nil:
		e, err := f.AppendElement(list, line)
		return []edit.Edit{e}, err
	case behind != nil:
		return []edit.Edit{f.InsertAfter(behind, "", "urlpatterns += [", s.unit+line+",", "]")}, nil
	}
	return nil, r.byHand(authkit.Unplaceable(r.root.path, "there is no urlpatterns at the top level"))
}

func isList(e pysyntax.Expr) bool {
	switch e := e.(type) {
	case *pysyntax.List:
		return true
	case *pysyntax.Tuple:
		return e.Parens
	}
	return false
}

// before inserts an element before another, on a line of its own where the
// other has one.
func before(f *pysyntax.File, e pysyntax.Expr, line string) edit.Edit {
	src := string(f.Src)
	start := strings.LastIndexAny(src[:e.Pos()], "\r\n") + 1
	indent := src[start:e.Pos()]
	if strings.TrimSpace(indent) != "" {
		return edit.Edit{Start: e.Pos(), End: e.Pos(), New: line + ", "}
	}
	return edit.Edit{Start: start, End: start, New: indent + line + "," + f.Newline()}
}
