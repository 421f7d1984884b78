package flask

import (
	"fmt"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// links are the sign-in and sign-out links in Jinja, with Flask's url_for.
var links = authkit.Links{
	If:      "{% if workos_user %}",
	Else:    "{% else %}",
	EndIf:   "{% endif %}",
	Email:   "{{ workos_user.email }}",
	Login:   "{{ url_for('workos_auth.login') }}",
	SignUp:  "{{ url_for('workos_auth.sign_up') }}",
	Account: "{{ url_for('workos_auth.account') }}",
	Logout:  "{{ url_for('workos_auth.logout') }}",
}

// Draft hooks the login routes up where the app is made, and shows on the home
// page who is signed in.
func (Recipe) Draft(d *authkit.Draft) {
	installed := project.InstalledVersion(d.Project.Python.SitePackages, "flask")
	if installed != "" && project.CompareVersions(installed, "2.0") < 0 {
		d.RefuseAt("flask-too-old", d.App.Entry.File, d.App.Entry.Line,
			"upgrade Flask first", "the project has Flask %s, and the login needs 2.0 or newer", installed)
		return
	}
	root := constructor.Root(d)
	d.Login = Login(d.App.Dir, d.App.Run, root+d.Prefix)
	d.Login.Home = root + "/"
	routes := Boot(d.App.Run, "routes")
	if installed != "" && project.CompareVersions(installed, "2.2") < 0 { // it has no --app yet
		d.Login.Env = append(d.Login.Env, "FLASK_APP="+d.App.Run)
		withoutApp := func(argv []string) []string { return slices.Delete(argv, 3, 5) }
		d.Login.Boot, routes = withoutApp(d.Login.Boot), withoutApp(routes)
		d.Login.Dev = append(slices.Clone(d.Login.Boot), "--reload", "--debugger")
	}
	d.Probes = append(d.Probes, plan.Probe{
		ID:   "framework",
		Argv: routes,
		Dir:  d.App.Dir,
		Why:  "flask can import the app and list its routes",
	})
	if constructor.HookUp(d, AuthModule, "url_prefix") {
		d.Login.HomeUser = showUser(d)
		flaskLogin(d)
		noteGuards(d)
	}
}

// noteGuards names the functions that may answer a request before its view is
// called: one that lets only members in keeps people from becoming one.
func noteGuards(d *authkit.Draft) {
	blueprints := map[string]bool{}
	for _, i := range d.Project.Tree.Instances("flask", "Blueprint") {
		blueprints[i.File+":"+i.Name+".before_request"] = true // for its own views only
	}
	for name, f := range d.Project.Tree.Sources(".before_request", ".before_app_request") {
		for s := range f.Stmts() {
			def, ok := s.(*pysyntax.FunctionDef)
			if !ok || !slices.ContainsFunc(def.Decorators, func(e pysyntax.Expr) bool {
				called := pysyntax.Dotted(e)
				return strings.HasSuffix(called, ".before_app_request") || strings.HasSuffix(called, ".before_request") && !blueprints[name+":"+called]
			}) {
				continue
			}
			if answers(def) {
				d.Note(fmt.Sprintf("%s:%d: %s is asked before the login's views, too: see that it lets %s and %s through",
					name, f.Line(def.Pos()), def.Name.ID, d.Login.LoginURL, d.Login.Callback))
			}
		}
	}
}

// answers reports whether a function returns something, or aborts.
func answers(def *pysyntax.FunctionDef) (found bool) {
	pysyntax.Walk(def, func(n pysyntax.Node) bool {
		switch n := n.(type) {
		case *pysyntax.Return:
			found = found || n.Value != nil
		case *pysyntax.Call:
			found = found || strings.HasSuffix("."+pysyntax.Dotted(n.Func), ".abort")
		}
		return true
	})
	return found
}

// Boot is the command line with which the project's owner runs a flask command.
func Boot(run string, command ...string) []string {
	return append([]string{"{python}", "-m", "flask", "--app", run}, command...)
}

// Login says where the routes of AuthModule are, and how the app is started.
func Login(dir, run, prefix string) *plan.Login {
	return &plan.Login{
		Dir:      dir,
		Boot:     Boot(run, "run", "--host", "127.0.0.1", "--port", "{port}"),
		Dev:      Boot(run, "--debug", "run", "--host", "127.0.0.1", "--port", "{port}"),
		Paths:    []string{dir},
		Home:     "/",
		LoginURL: prefix + "/login",
		Callback: prefix + "/callback",
		Logout:   prefix + "/logout",
		Account:  prefix + "/account",
	}
}

// showUser makes the home page say who is signed in: in its template, or in the
// text that it returns. It reports whether the home page does.
func showUser(d *authkit.Draft) bool {
	route := constructor.Home(d)
	if route == nil {
		if !authkit.AddLinks(d, d.App.Entry.File, "", links) {
			d.Note("there is no home page to show the user on; workos_auth.current_user() tells who is signed in")
		}
		return false
	}
	f, _ := d.Project.Tree.Python(route.File)
	template, text := answer(f, route.View)
	if template != "" {
		if start, ok := authkit.Template(d.Project.Tree, route.File, template); ok {
			return authkit.AddLinks(d, route.File, start, links)
		}
	}
	if text != nil && appendLinks(d, route) {
		return true
	}
	d.Note(fmt.Sprintf("%s:%d: the home page is left as it is; workos_auth.current_user() tells who is signed in", route.File, route.Line))
	return false
}

// answer is what a view returns at its end: the template that it renders, or a
// text.
func answer(f *pysyntax.File, view *pysyntax.FunctionDef) (template string, text pysyntax.Expr) {
	pysyntax.Walk(view, func(n pysyntax.Node) bool {
		r, ok := n.(*pysyntax.Return)
		if !ok {
			return true
		}
		value := r.Value
		if tuple, ok := value.(*pysyntax.Tuple); ok { // with a status
			value = tuple.Elts[0]
		}
		if call, ok := value.(*pysyntax.Call); ok && strings.HasSuffix("."+pysyntax.Dotted(call.Func), ".render_template") {
			template, _ = f.StringValue(call.Positional(0))
		} else if authkit.IsText(value) {
			text = value
		}
		return true
	})
	return template, text
}

// appendLinks makes a view that returns text return the links behind it. It
// says no where the view's file cannot import the routes.
func appendLinks(d *authkit.Draft, route *authkit.Route) (done bool) {
	if strings.Contains(string(d.Source(route.File)), "workos_auth.user_links()") {
		return true
	}
	d.EditPython(route.File, "the home page shows who is signed in", func(f *pysyntax.File) ([]edit.Edit, error) {
		line, ok := authkit.ImportRoutes(d.App, f, route.File)
		view := route.In(f)
		if !ok || view == nil {
			return nil, nil
		}
		done = true
		_, text := answer(f, view)
		return append(f.AddImport(line), edit.Edit{Start: text.End(), End: text.End(), New: " + workos_auth.user_links()"}), nil
	})
	return done
}
