package fastapi

import (
	"fmt"
	"strings"

	"authfit/internal/plan"
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
	boot := []string{"{python}", "-m", "uvicorn", d.App.Run, "--host", "127.0.0.1", "--port", "{port}"}
	if strings.HasSuffix(d.App.Run, ":"+d.App.Factory) {
		boot = append(boot, "--factory")
	}
	module, _, _ := strings.Cut(d.App.Run, ":")
	root := rootPath(d)
	d.Login = &plan.Login{
		Dir:      d.App.Dir,
		Boot:     boot,
		Paths:    []string{d.App.Dir},
		Home:     root + "/",
		LoginURL: root + d.Prefix + "/login",
		Callback: root + d.Prefix + "/callback",
		Logout:   root + d.Prefix + "/logout",
		Account:  root + d.Prefix + "/account",
	}
	d.Probes = append(d.Probes, plan.Probe{
		ID:   "framework",
		Argv: []string{"{python}", "-c", "import " + module},
		Dir:  d.App.Dir,
		Why:  "the app can be imported",
	})
	if constructor.HookUp(d, AuthModule, "prefix") {
		d.Login.HomeUser = showUser(d)
		noteGuards(d)
	}
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
