package fastapi

import (
	"bytes"
	"fmt"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// links are the sign-in and sign-out links in Jinja, with Starlette's url_for.
var links = authkit.Links{
	If:     "{% if workos_user %}",
	Else:   "{% else %}",
	EndIf:  "{% endif %}",
	Email:  "{{ workos_user.email }}",
	Login:  "{{ url_for('workos_login').path }}",
	Logout: "{{ url_for('workos_logout').path }}",
}

// Draft hooks the login routes up where the app is made, and shows in the
// app's templates, where it has some, who is signed in.
func (Recipe) Draft(d *authkit.Draft) {
	boot := []string{"{python}", "-m", "uvicorn", d.App.Run, "--host", "127.0.0.1", "--port", "{port}"}
	if strings.HasSuffix(d.App.Run, ":"+d.App.Factory) {
		boot = append(boot, "--factory")
	}
	module, _, _ := strings.Cut(d.App.Run, ":")
	d.Login = &plan.Login{
		Dir:      d.App.Dir,
		Boot:     boot,
		Paths:    []string{d.App.Dir},
		Home:     "/",
		LoginURL: d.Prefix + "/login",
		Callback: d.Prefix + "/callback",
		Logout:   d.Prefix + "/logout",
		Account:  d.Prefix + "/account",
	}
	d.Probes = append(d.Probes, plan.Probe{
		ID:   "framework",
		Argv: []string{"{python}", "-c", "import " + module},
		Dir:  d.App.Dir,
		Why:  "the app can be imported",
	})
	if constructor.HookUp(d, authModule, "prefix") {
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

// showUser gives the app's templates the user and their base the links. It
// reports whether the home page has a template that shows them.
func showUser(d *authkit.Draft) bool {
	t, shown := d.Project.Tree, false
	for _, module := range []string{"fastapi", "starlette"} {
		for _, engine := range t.Instances(module, "Jinja2Templates") {
			shown = addContext(d, engine) || shown
		}
	}
	if !shown {
		d.Note("no Jinja2Templates to show the user in: the login is at " + d.Login.LoginURL + ", and endpoints take user: CurrentUser")
		return false
	}
	route := constructor.Home(d)
	if route == nil {
		return authkit.AddLinks(d, d.App.Entry.File, "", links) && false
	}
	f, _ := t.Python(route.File)
	start, ok := authkit.Template(t, route.File, rendered(f, route.View))
	return authkit.AddLinks(d, d.App.Entry.File, start, links) && ok
}

// addContext gives a Jinja2Templates the context processor that tells
// templates who is signed in. It reports whether the templates have it.
func addContext(d *authkit.Draft, engine project.Instance) bool {
	const processor = "workos_auth.template_user"
	if bytes.Contains(d.Source(engine.File), []byte(processor)) {
		return true
	}
	done := false
	d.EditPython(engine.File, "templates know who is signed in", func(f *pysyntax.File) ([]edit.Edit, error) {
		for s := range f.Stmts() {
			assign, ok := s.(*pysyntax.Assign)
			if !ok || strings.Join(strings.Fields(f.Text(s)), " ") != engine.Text {
				continue
			}
			call, ok := assign.Value.(*pysyntax.Call)
			line, importable := authkit.ImportRoutes(d.App, f, engine.File)
			if !ok || !importable || call.Keyword("env") != nil {
				return nil, nil
			}
			done = true
			edits := f.AddImport(line)
			if list := call.Keyword("context_processors"); list != nil {
				e, err := f.AppendElement(list, processor)
				return append(edits, e), err
			}
			return append(edits, f.AppendArg(call, "context_processors=["+processor+"]")), nil
		}
		return nil, nil
	})
	return done
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
