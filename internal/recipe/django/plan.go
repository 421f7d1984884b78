package django

import (
	_ "embed"
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// AuthViews is the Python module with the views of the login.
//
//go:embed files/auth_views.py
var AuthViews []byte

const viewsModule = "auth_views"

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
	r.hosts()
	r.users()
	r.asyncViews()
	r.editSettings()
	base, why := r.base()
	in, home := r.textHome()
	if base != "" {
		home = nil // the links are where the site's navigation is
	}
	if home != nil {
		r.Variant.Features = append(slices.Clone(r.Variant.Features), authkit.UserLinks)
	}
	r.editURLs()
	switch {
	case home != nil:
		r.appendLinks(in, home)
		r.Login.HomeUser = true
	case base != "":
		r.editTemplate(base)
	}
	if why != "" && (home == nil || why != noTemplate) {
		r.Note(why + "; the login is at " + r.Login.LoginURL)
	}
	if r.root.lacks("") {
		r.Note("the site has no page at /, where people come to when they have signed out: make one")
	}
}

// A room is the state of one draft.
type room struct {
	*authkit.Draft
	site
	root   code   // the root URLconf
	pkg    string // the package that it is in, where it is in one
	prefix string // "auth/"
}

// open finds the app again, and refuses what cannot be worked on.
func (r *room) open() bool {
	t, entry := r.Project.Tree, r.App.Entry
	all := sites(t, entry.File)
	i := slices.IndexFunc(all, func(s site) bool { return s.app.Entry.Object == entry.Object })
	if i < 0 || all[i].settings == nil {
		p := problem.New("settings-unknown", "there is no settings module with a ROOT_URLCONF").
			WithFix("move the settings to a module of their own, and name it in a manage.py")
		if i >= 0 && all[i].missing != "" {
			p = problem.New("settings-unknown", "there is no settings module %s", all[i].missing).
				WithFix("make that module, or correct the name")
		}
		r.Refuse(p.At(entry.File, entry.Line))
		return false
	}
	r.site = all[i]
	if _, err := t.Python(r.app.Settings); err != nil {
		r.Refuse(authkit.SyntaxProblem(r.app.Settings, err))
		return false
	}
	for _, src := range r.settings.files {
		if _, err := t.Python(src.path); err != nil {
			r.Refuse(authkit.SyntaxProblem(src.path, err))
			return false
		}
	}
	b, file, p := r.settings.rootURLs()
	module, _ := r.settings.constant(b.source, b.value, depth)
	if p != nil {
		// Somebody may have done what an earlier run said, and put the routes in.
		routed, _, ok := r.routed()
		if !ok {
			r.Refuse(r.byHand(p, viewsModule))
			return false
		}
		file, module = routed.path, moduleName(r.app.Dir, routed.path)
	}
	if _, err := t.Python(file); err != nil {
		r.Refuse(authkit.SyntaxProblem(file, err))
		return false
	}
	src, ok := open(t, file)
	r.root = code{src, t, r.app.Dir}
	r.pkg = r.root.inPackage(module)
	if r.missing != "" {
		r.Note(entry.File + " names the settings " + r.missing + ", which are not there; they have to be to start the app")
	}
	return ok
}

// migrate makes the tables, that of the sessions among them, for a run on a
// scratch copy. A database that is no file inside it is somebody's, and stays
// as it is.
const migrate = `from pathlib import Path
from django.core.management import call_command
from django.db import connections

for database in connections.all():
    name = str(database.settings_dict["NAME"])
    inside = Path("{scratch}") in Path(name).resolve().parents
    if database.vendor == "sqlite" and inside and not name.startswith("file:"):
        call_command("migrate", database=database.alias, interactive=False, verbosity=0)
`

// databaseURL is what the variables are called that name a database.
var databaseURL = regexp.MustCompile(`^[A-Z0-9_]*(DATABASE|DB)_URL$`)

// login says how the app is started, and checked.
func (r *room) login() {
	dir := r.app.Dir
	if dir == "." {
		dir = ""
	}
	manage := []string{"{python}", "-m", "django"}
	if path.Base(r.app.Entry.File) == "manage.py" {
		manage = []string{"{python}", "manage.py"}
	}
	command := func(args ...string) []string { return slices.Concat(manage, args) }
	r.Probes = append(r.Probes, plan.Probe{ID: "framework", Argv: command("check"), Dir: dir, Why: "Django's own check of the project"})
	strip := r.scriptName()
	r.Login = &plan.Login{
		Dir:      dir,
		Boot:     command("runserver", "--noreload", "127.0.0.1:{port}"),
		Dev:      command("runserver", "127.0.0.1:{port}"),
		Strip:    strip,
		Home:     strip + "/",
		LoginURL: strip + "/" + r.prefix + "login/",
		Callback: strip + "/" + r.prefix + "callback/",
		Logout:   strip + "/" + r.prefix + "logout/",
		Account:  strip + "/" + r.prefix + "account/",
	}
	if r.module == "" {
		r.Note("which settings are used is left to the environment: the check of the login takes " + settingsVariable + " from there")
		return
	}
	r.Login.Env = []string{settingsVariable + "=" + r.module}
	for _, name := range append([]string{"DATABASE_URL"}, r.settings.strings(databaseURL.MatchString)...) {
		if kv := name + "=sqlite:///{scratch}/authfit-verify.sqlite3"; !slices.Contains(r.Login.Env, kv) {
			r.Login.Env = append(r.Login.Env, kv)
		}
	}
	r.Login.Setup = [][]string{command("shell", "-c", migrate)}
}

// scriptName is the path below which the site is served, where the settings say
// so for every environment: a proxy cuts it off, and Django's links have it.
func (r *room) scriptName() string {
	b, ok := r.settings.lookup("FORCE_SCRIPT_NAME")
	if !ok {
		return ""
	}
	if _, place := b.StmtAt(b.stmt.Pos()); len(place.Parents) > 0 {
		return ""
	}
	name, _ := r.settings.constant(b.source, b.value, depth)
	if name = strings.Trim(name, "/"); name == "" {
		return ""
	}
	return "/" + name
}

// sessions refuses a project that is certain to have no request.session, or
// that would not let anybody through to the login.
func (r *room) sessions() {
	const middleware, app = "django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.sessions"
	refuse := func(b binding, needed string) {
		r.RefuseAt("no-sessions", b.path, b.line(b.stmt), "add '"+needed+"' to it",
			"the login is kept in request.session, but %s has no %s", b.name, needed)
	}
	if b, lacks := r.settings.lacks("MIDDLEWARE", ".SessionMiddleware"); lacks {
		refuse(b, middleware)
	}
	engine, set := r.settings.lookup("SESSION_ENGINE")
	inDatabase := !set || strings.Contains(engine.Text(engine.value), "db")
	if b, lacks := r.settings.lacks("INSTALLED_APPS", app); lacks && inDatabase {
		refuse(b, app)
	}
	r.cookieSessions()
	if src, at := r.settings.find("django.contrib.auth.middleware.LoginRequiredMiddleware"); at != nil {
		r.RefuseAt("login-required", src.path, src.line(at), "take it out, and keep views for people who are signed in with @auth_views.login_required",
			"this asks for Django's own login on every page, that of the new login too")
	}
}

// cookieSessions adds a middleware that keeps AuthKit's session apart where the
// sessions are in a cookie: that holds 4,096 bytes, and a user with many
// permissions needs more.
func (r *room) cookieSessions() {
	if !slices.ContainsFunc(r.settings.bindings("SESSION_ENGINE"), func(b binding) bool {
		return strings.Contains(b.Text(b.value), "signed_cookies")
	}) {
		return
	}
	r.Variant.Features = append(slices.Clone(r.Variant.Features), authkit.CookieSessions)
	if name := r.inViews("split_session"); !r.addMiddleware(".SessionMiddleware", name, "AuthKit's session in cookies of its own") {
		r.Note("put " + name + " into MIDDLEWARE directly below SessionMiddleware, or a user with many permissions cannot sign in: sessions in cookies hold 4,096 bytes")
	}
}

// inViews is how the settings name something of the module with the views.
func (r *room) inViews(name string) string {
	return strings.TrimPrefix(r.pkg+"."+viewsModule+"."+name, ".")
}

// asyncViews adds a middleware that loads the session where an async view renders
// a template: Django refuses to read the database there, and the links would.
func (r *room) asyncViews() {
	if !r.Gives(r.viewsFile(), "load_session") || !rendersAsync(r.Project.Tree) {
		return
	}
	r.Variant.Features = append(slices.Clone(r.Variant.Features), authkit.AsyncViews)
	name := r.inViews("load_session")
	if r.settings.mentions(name) {
		return
	}
	if !r.appendTo("MIDDLEWARE", name, "the session for templates of async views") {
		r.Note("put " + name + " into MIDDLEWARE behind SessionMiddleware, or async views cannot render the links to the login")
	}
}

// rendersAsync reports whether an async view renders a template by itself, and
// not in a thread.
func rendersAsync(t *project.Tree) (found bool) {
	for _, f := range t.Sources("async") {
		f.Walk(func(n pysyntax.Node) bool {
			def, ok := n.(*pysyntax.FunctionDef)
			if !ok || !def.Async {
				return true
			}
			pysyntax.Walk(def, func(n pysyntax.Node) bool {
				call, ok := n.(*pysyntax.Call)
				if ok {
					switch last(pysyntax.Dotted(call.Func)) {
					case "render", "TemplateResponse", "render_to_string", "render_to_response":
						found = true
					}
				}
				return !found
			})
			return !found
		})
	}
	return found
}

// hosts opens the app as 127.0.0.1 where ALLOWED_HOSTS has that and would turn
// localhost away.
func (r *room) hosts() {
	b, ok := r.settings.lookup("ALLOWED_HOSTS")
	if !ok {
		return
	}
	numeric := false
	for _, e := range elements(b.value) {
		host, literal := b.StringValue(e)
		if !literal || host == "*" || host == "localhost" || host == ".localhost" {
			return
		}
		numeric = numeric || host == "127.0.0.1"
	}
	if numeric {
		r.Host = "127.0.0.1"
	}
}

// byHand completes a problem with the routes that somebody has to put in.
func (r *room) byHand(p *problem.Problem, module string) *problem.Problem {
	lines := []string{"from django.urls import path", "import " + viewsModule + "  # or from its package"}
	for _, route := range r.calls(r.wanted(), "path", module, style{`"`, "    "}) {
		lines = append(lines, "    "+route+",")
	}
	return p.WithDetail("the root URLconf, and auth_views.py beside it, need:\n%s", strings.Join(lines, "\n")).
		WithFix("put the routes into urlpatterns by hand, then run authfit again for the rest")
}
