package fastapi

import (
	"bytes"
	"path"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/problem"
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
	i, ok := constructor.Instance(d.Project, d.App)
	if !ok {
		d.Refuse(problem.New("app-lost", "%s is not made here", d.App.Entry.Object).At(d.App.Entry.File, d.App.Entry.Line).
			WithFix("name the app with --app FILE:NAME"))
		return
	}
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
	constructor.RefuseTaken(d, d.Login.LoginURL, d.Login.Callback, d.Login.Logout, d.Login.Account)
	constructor.HookUp(d, i, authModule, "prefix")
	d.Login.HomeUser = showUser(d, i)
}

// showUser gives the app's templates the user and their base the links. It
// reports whether the home page has a template that shows them.
func showUser(d *authkit.Draft, i project.Instance) bool {
	t, shown := d.Project.Tree, false
	for _, engine := range t.Instances("fastapi", "Jinja2Templates") {
		shown = addContext(d, engine, i) || shown
	}
	for _, engine := range t.Instances("starlette", "Jinja2Templates") {
		shown = addContext(d, engine, i) || shown
	}
	if !shown {
		d.Note("no Jinja2Templates: the login is at " + d.Login.LoginURL + ", and endpoints take user: CurrentUser")
		return false
	}
	file, template := homeTemplate(t, d.App.Dir)
	start, ok := "", false
	if template != "" {
		start, ok = authkit.Template(t, file, template)
	}
	return authkit.AddLinks(d, i.File, start, links) && ok
}

// addContext gives a Jinja2Templates the context processor that tells
// templates who is signed in.
func addContext(d *authkit.Draft, engine, app project.Instance) bool {
	const processor = "workos_auth.template_user"
	if bytes.Contains(d.Source(engine.File), []byte(processor)) {
		return true
	}
	if engine.Factory != nil {
		return false
	}
	line, ok := importOf(d.Project.Tree, engine.File, app.File)
	if !ok {
		return false
	}
	done := false
	d.EditPython(engine.File, "templates know who is signed in", func(f *pysyntax.File) ([]edit.Edit, error) {
		for s := range f.Stmts() {
			assign, ok := s.(*pysyntax.Assign)
			if !ok || strings.Join(strings.Fields(f.Text(s)), " ") != engine.Text {
				continue
			}
			call, ok := assign.Value.(*pysyntax.Call)
			if !ok || call.Keyword("env") != nil {
				return nil, nil
			}
			done = true
			edits := f.AddImport(line(f))
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

// importOf gives the import of the routes, which lie beside the app's file, as
// another file of the same project writes it. It says no where the two are not
// below one folder of sys.path.
func importOf(t *project.Tree, from, app string) (func(*pysyntax.File) string, bool) {
	base, own := t.ModulePath(app)
	fromBase, _ := t.ModulePath(from)
	if base != fromBase {
		return nil, false
	}
	pkg := own
	if path.Base(app) != "__init__.py" {
		pkg = strings.TrimSuffix(strings.TrimSuffix(own, strings.TrimSuffix(path.Base(app), ".py")), ".")
	}
	return func(f *pysyntax.File) string {
		if pkg == "" || path.Dir(from) == path.Dir(app) {
			return authkit.ImportLine(f, pkg, "workos_auth", pkg != "")
		}
		return "from " + pkg + " import workos_auth"
	}, true
}

// homeTemplate is what the endpoint of "/" renders, and the file it is in.
func homeTemplate(t *project.Tree, dir string) (file, template string) {
	for _, name := range t.Under(dir) {
		if path.Ext(name) != ".py" || project.Aside(name) {
			continue
		}
		f, _ := t.Python(name)
		if f == nil {
			continue
		}
		for s := range f.Stmts() {
			if def, ok := s.(*pysyntax.FunctionDef); ok && authkit.RoutedAt(f, def, "/") {
				if template = rendered(f, def); template != "" {
					return name, template
				}
			}
		}
	}
	return "", ""
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
