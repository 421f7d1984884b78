package fastapi

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// links are the sign-in and sign-out links in Jinja. Starlette gives every
// template the request.
var links = authkit.Links{
	If:     "{% if request.state.workos.user %}",
	Else:   "{% else %}",
	EndIf:  "{% endif %}",
	Email:  "{{ request.state.workos.user.email }}",
	Login:  "{{ request.state.workos.login_url }}",
	SignUp: "{{ request.state.workos.sign_up_url }}",
	Logout: "{{ request.state.workos.logout_url }}",
}

// Draft hooks the login routes up where the app is made, and shows in the
// app's templates, where it has some, who is signed in.
func (Recipe) Draft(d *authkit.Draft) {
	installed := project.InstalledVersion(d.Project.Python.SitePackages, "fastapi")
	if installed != "" && project.CompareVersions(installed, "0.95") < 0 { // Annotated came with it
		d.RefuseAt("fastapi-too-old", d.App.Entry.File, d.App.Entry.Line,
			"upgrade FastAPI first", "the project has FastAPI %s, and the login needs 0.95 or newer", installed)
		return
	}
	boot := []string{"{python}", "-m", "uvicorn", d.App.Run, "--host", "127.0.0.1", "--port", "{port}"}
	if strings.HasSuffix(d.App.Run, ":"+d.App.Factory) {
		boot = append(boot, "--factory")
	}
	root := rootPath(d)
	d.Login = &plan.Login{
		Dir:      d.App.Dir,
		Boot:     boot,
		Dev:      append(slices.Clone(boot), "--reload"),
		Paths:    []string{d.App.Dir},
		Home:     root + "/",
		LoginURL: root + d.Prefix + "/login",
		Callback: root + d.Prefix + "/callback",
		Logout:   root + d.Prefix + "/logout",
		Account:  root + d.Prefix + "/account",
	}
	d.Probes = append(d.Probes, plan.Probe{
		ID:   "framework",
		Argv: importing(d.App.Run),
		Dir:  d.App.Dir,
		Why:  "the app can be imported",
	})
	home := textHome(d)
	if home != nil {
		d.Variant.Features = append(slices.Clone(d.Variant.Features), authkit.UserLinks)
	}
	if constructor.HookUp(d, AuthModule, "prefix") {
		if home != nil {
			appendLinks(d, home)
		}
		d.Login.HomeUser = home != nil || showUser(d)
		noteGuards(d)
	}
}

// reModule is a module as an import statement has it.
var reModule = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`)

// importing is the command that imports an app's module. One with another name,
// such as my-app, is imported without being a part of the code.
func importing(run string) []string {
	module, _, _ := strings.Cut(run, ":")
	if reModule.MatchString(module) {
		return []string{"{python}", "-c", "import " + module}
	}
	return []string{"{python}", "-c", "import importlib, sys; importlib.import_module(sys.argv[1])", module}
}

// noteGuards names the dependencies that hold for every route of the app: one
// that lets only members in keeps people from becoming one.
func noteGuards(d *authkit.Draft) {
	for _, i := range d.Project.Tree.Instances("fastapi", "FastAPI") {
		if i.File == d.App.Entry.File && i.Call.Keyword("dependencies") != nil {
			d.Note(fmt.Sprintf("%s:%d: the dependencies of %s hold for the login's routes, too: see that they let %s and %s through",
				i.File, i.Line, i.Name, d.Login.LoginURL, d.Login.Callback))
		}
	}
}

// rootPath is the path that a proxy puts before the app's own and cuts off
// again: a browser has to be sent to paths with it.
func rootPath(d *authkit.Draft) string {
	root := ""
	for _, i := range d.Project.Tree.Instances("fastapi", "FastAPI") {
		if i.File == d.App.Entry.File {
			f, _ := d.Project.Tree.Python(i.File)
			root, _ = f.StringValue(i.Call.Keyword("root_path"))
		}
	}
	return strings.TrimSuffix(root, "/")
}

// textHome is the route of a home page whose endpoint returns HTML as text, to
// which the links can be added; nil where it is another.
func textHome(d *authkit.Draft) *authkit.Route {
	route := constructor.Home(d)
	if route == nil {
		return nil
	}
	f, _ := d.Project.Tree.Python(route.File)
	if _, ok := authkit.ImportRoutes(d.App, f, route.File); !ok || htmlOf(f, route.View) == nil {
		return nil
	}
	if !d.Gives(path.Join(path.Dir(d.App.Entry.File), "workos_auth.py"), "user_links") {
		return nil
	}
	if _, _, ok := requestOf(f, route.View); !ok {
		return nil
	}
	return route
}

// appendLinks makes the endpoint return the links behind its text.
func appendLinks(d *authkit.Draft, route *authkit.Route) {
	if strings.Contains(string(d.Source(route.File)), "workos_auth.user_links(") {
		return
	}
	d.EditPython(route.File, "the home page shows who is signed in", func(f *pysyntax.File) ([]edit.Edit, error) {
		view := route.In(f)
		if view == nil {
			return nil, authkit.Unplaceable(route.File, "the home page is not to be found any more")
		}
		line, _ := authkit.ImportRoutes(d.App, f, route.File)
		request, edits, _ := requestOf(f, view)
		text := htmlOf(f, view)
		edits = append(edits, f.AddImports(line, "from fastapi import Request")...)
		return append(edits, edit.Edit{Start: text.End(), End: text.End(), New: " + workos_auth.user_links(" + request + ")"}), nil
	})
}

// htmlOf is the text of a page that an endpoint returns as HTML, or nil.
func htmlOf(f *pysyntax.File, view *pysyntax.FunctionDef) (text pysyntax.Expr) {
	html := func(e pysyntax.Expr) bool { return strings.HasSuffix("."+pysyntax.Dotted(e), ".HTMLResponse") }
	declared := slices.ContainsFunc(view.Decorators, func(e pysyntax.Expr) bool {
		call, ok := e.(*pysyntax.Call)
		return ok && html(call.Keyword("response_class"))
	})
	for _, s := range view.Body {
		pysyntax.Walk(s, func(n pysyntax.Node) bool {
			r, ok := n.(*pysyntax.Return)
			if !ok {
				return true
			}
			value := r.Value
			if call, ok := value.(*pysyntax.Call); ok && html(call.Func) {
				value = call.Positional(0)
				if value == nil {
					value = call.Keyword("content")
				}
			} else if !declared {
				return true
			}
			if authkit.IsText(value) || isText(f, value) {
				text = value
			}
			return true
		})
	}
	return text
}

// isText reports whether a name is that of a text at the top of the file.
func isText(f *pysyntax.File, e pysyntax.Expr) bool {
	name, ok := e.(*pysyntax.Name)
	if !ok {
		return false
	}
	for _, s := range f.Body {
		if assign, ok := s.(*pysyntax.Assign); ok && pysyntax.Dotted(assign.Targets[0]) == name.ID {
			return authkit.IsText(assign.Value)
		}
	}
	return false
}

// requestOf is what an endpoint calls the request; one that has none gets it.
func requestOf(f *pysyntax.File, view *pysyntax.FunctionDef) (name string, edits []edit.Edit, ok bool) {
	for _, p := range view.Params {
		if strings.HasSuffix("."+pysyntax.Dotted(p.Annotation), ".Request") {
			return p.Name.ID, nil, true
		}
		if p.Name.ID == "request" {
			return "", nil, false
		}
	}
	at := view.Name.End()
	if view.TypeParams != nil || f.Src[at] != '(' {
		return "", nil, false
	}
	param := "request: Request"
	if len(view.Params) > 0 {
		param += ", "
	}
	return "request", []edit.Edit{{Start: at + 1, End: at + 1, New: param}}, true
}

// showUser puts the links into the base of the app's templates. It reports
// whether the home page shows them.
func showUser(d *authkit.Draft) bool {
	t := d.Project.Tree
	if t.Instances("fastapi", "Jinja2Templates") == nil && t.Instances("starlette", "Jinja2Templates") == nil {
		d.Note("no Jinja2Templates to show the user in: the login is at " + d.Login.LoginURL + ", and endpoints take user: CurrentUser")
		return false
	}
	route := constructor.Home(d)
	if route == nil {
		authkit.AddLinks(d, d.App.Entry.File, "", links)
		return false
	}
	f, _ := t.Python(route.File)
	start, ok := authkit.Template(t, route.File, rendered(f, route.View))
	return authkit.AddLinks(d, d.App.Entry.File, start, links) && ok
}

// rendered is the template of a TemplateResponse that the endpoint makes: its
// name is an argument called name, or the first literal one.
func rendered(f *pysyntax.File, def *pysyntax.FunctionDef) (template string) {
	pysyntax.Walk(def, func(n pysyntax.Node) bool {
		call, ok := n.(*pysyntax.Call)
		if !ok || !strings.HasSuffix(pysyntax.Dotted(call.Func), ".TemplateResponse") {
			return true
		}
		for _, e := range []pysyntax.Expr{call.Keyword("name"), call.Positional(0), call.Positional(1)} {
			if s, ok := f.StringValue(e); ok && template == "" {
				template = s
			}
		}
		return true
	})
	return template
}
