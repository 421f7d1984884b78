package django

import (
	_ "embed"
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

//go:embed files/auth_views.py
var authViews []byte

const viewsModule = "auth_views"

// links are the sign-in and sign-out links in Django's template language.
var links = authkit.Links{
	If:     "{% if request.session.user %}",
	Else:   "{% else %}",
	EndIf:  "{% endif %}",
	Email:  "{{ request.session.user.email }}",
	Login:  "{% url 'auth_login' %}",
	Logout: "{% url 'auth_logout' %}",
}

// Draft writes the login into the settings, the root URLconf and the base
// template, and its views beside the URLconf.
func (Recipe) Draft(d *authkit.Draft) {
	r := &room{Draft: d, prefix: "auth/"}
	if p := strings.Trim(d.Prefix, "/"); p != "" {
		r.prefix = p + "/"
	}
	if !r.open() {
		return
	}
	r.login()
	r.sessions()
	r.editSettings()
	r.editURLs()
	r.editTemplate()
}

// A room is the state of one draft.
type room struct {
	*authkit.Draft
	site
	root   code   // the root URLconf
	module string // its dotted name
	prefix string // "auth/"
}

// open finds the app again, and refuses what cannot be worked on.
func (r *room) open() bool {
	t := r.Project.Tree
	all := sites(t, r.App.Entry.File)
	i := slices.IndexFunc(all, func(s site) bool { return s.app.Entry.Object == r.App.Entry.Object })
	if i < 0 {
		r.RefuseAt("settings-unknown", r.App.Entry.File, r.App.Entry.Line,
			"move them to a settings module, and name it in a manage.py", "the settings are not in a module of their own")
		return false
	}
	r.site = all[i]
	entry := r.app.Entry
	if r.settings == nil {
		fix := "name the settings module there, and assign ROOT_URLCONF in it"
		if r.missing != "" {
			fix = "make that module, or correct the name"
		}
		r.RefuseAt("settings-unknown", entry.File, entry.Line, fix, "there is no settings module %s with a ROOT_URLCONF", r.missing)
		return false
	}
	for _, src := range r.settings.files {
		if _, err := t.Python(src.path); err != nil {
			r.Refuse(authkit.SyntaxProblem(src.path, err))
			return false
		}
	}
	b, file, p := r.settings.rootURLs()
	if p != nil {
		// Somebody followed what an earlier run said, and put the routes in.
		if file, _ = r.routedBy("auth_login", r.viewFile()); file == "" {
			r.Refuse(r.byHand(p))
			return false
		}
		r.module = moduleName(r.app.Dir, file)
	} else {
		r.module, _ = b.StringValue(b.value)
	}
	if _, err := t.Python(file); err != nil {
		r.Refuse(authkit.SyntaxProblem(file, err))
		return false
	}
	src, ok := open(t, file)
	r.root = code{src, t, r.app.Dir}
	if r.missing != "" {
		r.Note(entry.File + " names the settings " + r.missing + ", which are not there; they have to be to start the app")
	}
	return ok
}

// login says how the app is started, and checked.
func (r *room) login() {
	dir := r.app.Dir
	if dir == "." {
		dir = ""
	}
	manage := func(args ...string) []string {
		if path.Base(r.app.Entry.File) == "manage.py" {
			return append([]string{"{python}", "manage.py"}, args...)
		}
		return append([]string{"{python}", "-m", "django"}, args...)
	}
	l := &plan.Login{
		Dir:      dir,
		Boot:     manage("runserver", "--noreload", "127.0.0.1:{port}"),
		Home:     "/",
		LoginURL: "/" + r.prefix + "login/",
		Callback: "/" + r.prefix + "callback/",
		Logout:   "/" + r.prefix + "logout/",
		Account:  "/" + r.prefix + "account/",
	}
	r.Login = l
	r.Probes = append(r.Probes, plan.Probe{ID: "framework", Argv: manage("check"), Dir: dir, Why: "Django's own check of the project"})
	if r.module == "" || r.site.module == "" {
		r.Note("which settings are used is left to the environment: the check of the login takes " + settingsVariable + " from there, and does not migrate")
		return
	}
	// So that a migration can only be that of the settings that were read.
	l.Env = append(l.Env, settingsVariable+"="+r.site.module)
	db := readDatabase(r.settings)
	if !db.scratch {
		where := ""
		if db.at.stmt != nil {
			where = " (" + db.at.path + ":" + itoa(db.at.line(db.at.stmt)) + ")"
		}
		r.Note("the database is not for certain a SQLite file in the project" + where + ": the check of the login uses it as it is, and does not migrate it")
		return
	}
	for _, variable := range db.variables {
		l.Env = append(l.Env, variable+"=sqlite:///{scratch}/authfit-verify.sqlite3")
	}
	l.Setup = [][]string{manage("migrate", "--noinput")}
}

// sessions refuses a project that is certain to have no request.session.
func (r *room) sessions() {
	for _, need := range []struct{ list, ending, full string }{
		{"MIDDLEWARE", ".SessionMiddleware", "django.contrib.sessions.middleware.SessionMiddleware"},
		{"INSTALLED_APPS", "django.contrib.sessions", "django.contrib.sessions"},
	} {
		engine, ok := r.settings.lookup("SESSION_ENGINE")
		if need.list == "INSTALLED_APPS" && ok && !strings.Contains(engine.Text(engine.value), "db") {
			continue // only sessions in the database need the app's table
		}
		if b, lacks := r.settings.lacks(need.list, need.ending); lacks {
			r.RefuseAt("no-sessions", b.path, b.line(b.stmt), "add '"+need.full+"' to it",
				"the login is kept in request.session, but %s has no %s", need.list, need.full)
		}
	}
	if b, ok := r.settings.lookup("SESSION_ENGINE"); ok && strings.HasSuffix(strings.Trim(b.Text(b.value), `'"`), "signed_cookies") {
		r.Note(b.path + ":" + itoa(b.line(b.stmt)) + ": sessions in cookies hold 4,096 bytes; a user with many permissions needs more")
	}
}

// editSettings reads .env and takes the WORKOS_ settings from the environment.
func (r *room) editSettings() {
	file := r.app.Settings
	r.EditPython(file, "the credentials of WorkOS, from the environment", func(f *pysyntax.File) ([]edit.Edit, error) {
		return inSteps(f,
			func(f *pysyntax.File) ([]edit.Edit, error) { return r.addWorkOS(f) },
			func(f *pysyntax.File) ([]edit.Edit, error) {
				imports := []string{"import os"}
				if !r.loadsDotenv() {
					imports = append(imports, "from dotenv import load_dotenv")
				}
				return f.AddImports(imports...), nil
			},
			func(f *pysyntax.File) ([]edit.Edit, error) {
				if r.loadsDotenv() {
					return nil, nil
				}
				return loadDotenv(f), nil
			})
	})
}

// loadsDotenv reports whether some of the settings call load_dotenv() already.
func (r *room) loadsDotenv() bool {
	return slices.ContainsFunc(r.settings.files, func(src source) bool {
		found := false
		src.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			found = found || ok && last(pysyntax.Dotted(call.Func)) == "load_dotenv"
			return !found
		})
		return found
	})
}

// inSteps makes several changes of a file, each on the result of the one before.
func inSteps(f *pysyntax.File, steps ...func(*pysyntax.File) ([]edit.Edit, error)) ([]edit.Edit, error) {
	now := f
	for _, step := range steps {
		edits, err := step(now)
		if err != nil {
			return nil, err
		}
		if len(edits) == 0 {
			continue
		}
		after, err := edit.Apply(now.Src, edits...)
		if err != nil {
			return nil, err
		}
		if now, err = pysyntax.Parse(after); err != nil {
			return nil, err
		}
		now.Local = f.Local
	}
	return edit.Between(f.Src, now.Src), nil
}

// loadDotenv puts the call behind the imports at the top of the file.
func loadDotenv(f *pysyntax.File) []edit.Edit {
	var after pysyntax.Stmt
	for i, s := range f.Body {
		switch s := s.(type) {
		case *pysyntax.Import, *pysyntax.ImportFrom:
			after = s
			continue
		case *pysyntax.ExprStmt:
			if _, ok := s.Value.(*pysyntax.String); ok && i == 0 {
				continue
			}
		case *pysyntax.Try: // try: import tomllib
			if imports(s.Body) {
				continue
			}
		}
		break
	}
	lines := []string{"", "load_dotenv()"}
	if end := f.Line(after.End() - 1); nextLineTaken(f, end) {
		lines = append(lines, "")
	}
	return []edit.Edit{f.InsertAfter(after, lines...)}
}

func imports(block []pysyntax.Stmt) bool {
	return !slices.ContainsFunc(block, func(s pysyntax.Stmt) bool {
		switch s.(type) {
		case *pysyntax.Import, *pysyntax.ImportFrom:
			return false
		}
		return true
	})
}

// nextLineTaken reports whether the line behind a line has something on it.
func nextLineTaken(f *pysyntax.File, line int) bool {
	lines := strings.Split(strings.ReplaceAll(string(f.Src), "\r\n", "\n"), "\n")
	return line < len(lines) && strings.TrimSpace(lines[line]) != ""
}

// addWorkOS puts the WORKOS_ settings that are not there yet at the end of the
// settings: of the class that has ROOT_URLCONF, or of the file, though before
// what is taken over from local settings.
func (r *room) addWorkOS(f *pysyntax.File) ([]edit.Edit, error) {
	block, indent := f.Body, ""
	for s, place := range f.Stmts() {
		if assigned(s, "ROOT_URLCONF") == nil || len(place.Parents) == 0 {
			continue
		}
		if class, ok := place.Parents[len(place.Parents)-1].(*pysyntax.ClassDef); ok {
			block, indent = class.Body, f.IndentUnit()
		}
	}
	var lines []string
	st := styleOf(f)
	for _, s := range []struct{ name, value string }{
		{"WORKOS_API_KEY", ""},
		{"WORKOS_CLIENT_ID", ""},
		{"WORKOS_REDIRECT_URI", "http://localhost:8000/" + r.prefix + "callback/"},
		{"WORKOS_COOKIE_PASSWORD", ""},
	} {
		if r.settings.bindings(s.name) == nil {
			for _, line := range st.call(indent, s.name+" = os.environ.get", []string{st.str(s.name), st.str(s.value)}, "") {
				lines = append(lines, strings.TrimPrefix(line, indent))
			}
		}
	}
	if lines == nil {
		return nil, nil
	}
	if len(lines) > 3 {
		lines = append([]string{"# WorkOS AuthKit"}, lines...)
	}
	rest := len(block)
	for rest > 0 && takesOver(f, block[rest-1]) {
		rest--
	}
	switch {
	case rest < len(block):
		return []edit.Edit{f.InsertBefore(block[rest], append(lines, "")...)}, nil
	case indent != "":
		return []edit.Edit{f.InsertAfter(block[rest-1], append([]string{""}, lines...)...)}, nil
	}
	if !strings.HasSuffix(strings.TrimRight(string(f.Src), " \t"), f.Newline()+f.Newline()) {
		lines = append([]string{""}, lines...)
	}
	return edit.AppendLines(f.Src, lines...), nil
}

// takesOver reports whether a statement at the end of the settings only lets
// others change them: "from .local import *", alone or in an if or try, or a
// call that is given locals().
func takesOver(f *pysyntax.File, s pysyntax.Stmt) bool {
	star, other := false, false
	look := func(s pysyntax.Stmt) {
		switch s := s.(type) {
		case *pysyntax.ImportFrom:
			if slices.ContainsFunc(s.Names, func(a *pysyntax.Alias) bool { return a.Name == "*" }) {
				star = true
			}
		case *pysyntax.Import, *pysyntax.Pass:
		case *pysyntax.ExprStmt:
			text := f.Text(s)
			if strings.Contains(text, "locals()") || strings.Contains(text, "globals()") || strings.Contains(text, "exec(") {
				star = true
			}
		default:
			other = true
		}
	}
	switch s := s.(type) {
	case *pysyntax.Try:
		for _, inner := range s.Body {
			look(inner)
		}
	case *pysyntax.If:
		for _, inner := range slices.Concat(s.Body, s.Else) {
			look(inner)
		}
	default:
		look(s)
	}
	return star && !other
}

// editTemplate links to the login from the base template.
func (r *room) editTemplate() {
	where := "the login is at " + r.Login.LoginURL
	switch {
	case r.settings.mentions("django.template.backends.jinja2.Jinja2"):
		r.Note("templates of Jinja2 are left as they are; " + where)
		return
	case !r.settings.mentions("django.template.context_processors.request"):
		r.Note("no links are put into the templates, as TEMPLATES has no django.template.context_processors.request and they cannot see the session; " + where)
		return
	}
	near := path.Join(r.app.Dir, "manage.py")
	home := r.root.homeTemplate()
	notes := len(r.Notes)
	shown := authkit.AddLinks(r.Draft, near, home, links)
	if !shown && len(r.Notes) == notes {
		r.Note("there is no template to link to the login from; " + where)
	}
	r.Login.HomeUser = shown && home != "" && r.loginFree()
}

// loginFree says that no middleware of Django asks for a login on every page.
func (r *room) loginFree() bool { return !r.settings.mentions(".LoginRequiredMiddleware") }

// byHand completes a problem with the routes that somebody has to put in.
func (r *room) byHand(p *problem.Problem) *problem.Problem {
	return p.WithDetail("put into the urlpatterns of the root URLconf, with auth_views imported:\n%s", strings.Join(r.lines("", viewsModule, style{`"`, "    "}), "\n")).
		WithFix("put the routes in by hand, then run authfit again for the rest")
}

// viewFile is where the views are put.
func (r *room) viewFile() string { return path.Join(path.Dir(r.root.path), viewsModule+".py") }

var _ = project.Aside
