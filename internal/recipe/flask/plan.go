package flask

import (
	"path"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// links are the sign-in and sign-out links in Jinja, with Flask's url_for.
var links = authkit.Links{
	If:     "{% if workos_user %}",
	Else:   "{% else %}",
	EndIf:  "{% endif %}",
	Email:  "{{ workos_user.email }}",
	Login:  "{{ url_for('workos_auth.login') }}",
	Logout: "{{ url_for('workos_auth.logout') }}",
}

// Draft hooks the login routes up where the app is made, and shows on the home
// page who is signed in.
func (Recipe) Draft(d *authkit.Draft) {
	i, ok := constructor.Instance(d.Project, d.App)
	if !ok {
		d.Refuse(problem.New("app-lost", "%s is not made here", d.App.Entry.Object).At(d.App.Entry.File, d.App.Entry.Line).
			WithFix("name the app with --app FILE:NAME"))
		return
	}
	d.Login = Login(d.App.Dir, d.App.Run, d.Prefix)
	d.Probes = append(d.Probes, plan.Probe{
		ID:   "framework",
		Argv: Boot(d.App.Run, "routes"),
		Dir:  d.App.Dir,
		Why:  "flask can import the app and list its routes",
	})
	constructor.RefuseTaken(d, d.Login.LoginURL, d.Login.Callback, d.Login.Logout, d.Login.Account)
	constructor.HookUp(d, i, AuthModule, "url_prefix")
	d.Login.HomeUser = showUser(d, i)
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
func showUser(d *authkit.Draft, i project.Instance) bool {
	home := findHome(d.Project.Tree, d.App.Dir)
	if home == nil {
		d.Note("there is no home page to show the user on; workos_auth.current_user() tells who is signed in")
		return authkit.AddLinks(d, i.File, "", links)
	}
	if home.template != "" {
		start, ok := authkit.Template(d.Project.Tree, home.file, home.template)
		if ok {
			return authkit.AddLinks(d, home.file, start, links)
		}
	}
	if home.text == nil {
		d.Note(home.file + ": the home page " + home.view + " is left as it is; workos_auth.current_user() tells it who is signed in")
		return false
	}
	return home.appendLinks(d)
}

// home is the view of "/".
type home struct {
	file, view string
	template   string           // what it renders, or empty
	text       *pysyntax.String // what it returns, or nil
}

// findHome finds the view that is routed at "/", below the app's folder.
func findHome(t *project.Tree, dir string) *home {
	for _, name := range t.Under(dir) {
		if path.Ext(name) != ".py" || project.Aside(name) {
			continue
		}
		f, _ := t.Python(name)
		if f == nil {
			continue
		}
		for s := range f.Stmts() {
			def, ok := s.(*pysyntax.FunctionDef)
			if ok && authkit.RoutedAt(f, def, "/") {
				h := &home{file: name, view: def.Name.ID}
				h.read(f, def)
				return h
			}
		}
	}
	return nil
}

// read sees what the view returns at its end.
func (h *home) read(f *pysyntax.File, def *pysyntax.FunctionDef) {
	pysyntax.Walk(def, func(n pysyntax.Node) bool {
		r, ok := n.(*pysyntax.Return)
		if !ok {
			return true
		}
		switch value := r.Value.(type) {
		case *pysyntax.Call:
			name := pysyntax.Dotted(value.Func)
			if strings.HasSuffix("."+name, ".render_template") && value.Positional(0) != nil {
				h.template, _ = f.StringValue(value.Positional(0))
			}
		case *pysyntax.String:
			h.text = value
		}
		return true
	})
}

// appendLinks makes a view that returns text return the links behind it.
func (h *home) appendLinks(d *authkit.Draft) bool {
	if strings.Contains(string(d.Source(h.file)), "workos_auth.user_links()") {
		return true
	}
	dir := path.Dir(h.file)
	base, own := d.Project.Tree.ModulePath(h.file)
	if dir != path.Dir(d.App.Entry.File) {
		d.Note(h.file + ": the home page " + h.view + " is left as it is; workos_auth.user_links() gives it the links")
		return false
	}
	d.EditPython(h.file, "the home page shows who is signed in", func(f *pysyntax.File) ([]edit.Edit, error) {
		pkg := own
		if path.Base(h.file) != "__init__.py" {
			pkg = strings.TrimSuffix(own, "."+strings.TrimSuffix(path.Base(h.file), ".py"))
		}
		edits := f.AddImport(authkit.ImportLine(f, pkg, "workos_auth", dir != base))
		again := home{}
		for s := range f.Stmts() {
			if def, ok := s.(*pysyntax.FunctionDef); ok && def.Name.ID == h.view && authkit.RoutedAt(f, def, "/") {
				again.read(f, def)
			}
		}
		if again.text == nil {
			return edits, nil
		}
		end := again.text.End()
		return append(edits, edit.Edit{Start: end, End: end, New: " + workos_auth.user_links()"}), nil
	})
	return true
}
