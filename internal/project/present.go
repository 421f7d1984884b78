package project

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/pysyntax"
)

// A Present is something of a login, or of what a login has to live with, that
// the project has already.
type Present struct {
	// Kind is one of:
	//
	//	authkit      a part of a login with AuthKit: client, authorize, callback, session, logout
	//	sdk          a workos SDK of the 5.x dialect, declared or installed
	//	login        another login: Flask-Login, django.contrib.auth, Auth0
	//	environment  what reads the environment file
	//	session      what keeps a session, or signs one
	//	templates    the base template, or "none" where there is no template
	//	route        a path that a login wants and the app serves
	//	view         a view of the app with the name of one of a login's
	//	static       files served at every path
	//	proxy        what says that the app is reached below a path or through a proxy
	//	setting      a list in Django's settings, where it is assigned
	//	deployment   a file that starts the app
	//	variables    a file that gives the app its environment variables
	Kind string `json:"kind"`
	Name string `json:"name"`
	Evidence
}

// kinds are those of Present, in the order in which they are told.
var kinds = []string{"authkit", "sdk", "login", "session", "route", "view", "static", "templates", "setting", "environment", "proxy", "deployment", "variables"}

// SortPresent brings facts of one kind together.
func SortPresent(all []Present) {
	slices.SortStableFunc(all, func(a, b Present) int { return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind) })
}

// A library is known by the modules that code imports of it and by the names
// under which manifests have it (PEP 503).
type library struct {
	kind, name    string
	modules, dist []string
}

func lib(kind, name, modules, dist string) library {
	return library{kind, name, strings.Fields(modules), strings.Fields(dist)}
}

// libraries are those that matter to a login. What Django's settings name
// instead of importing it is known to Django's room.
var libraries = []library{
	lib("login", "Flask-Login", "flask_login", "flask-login"),
	lib("login", "Flask-Security", "flask_security", "flask-security flask-security-too"),
	lib("login", "Flask-User", "flask_user", "flask-user"),
	lib("login", "Flask-JWT-Extended", "flask_jwt_extended", "flask-jwt-extended"),
	lib("login", "Flask-HTTPAuth", "flask_httpauth", "flask-httpauth"),
	lib("login", "Flask-Dance", "flask_dance", "flask-dance"),
	lib("login", "Flask-OIDC", "flask_oidc", "flask-oidc"),
	lib("login", "Flask-AppBuilder", "flask_appbuilder", "flask-appbuilder"),
	lib("login", "FastAPI Users", "fastapi_users", "fastapi-users"),
	lib("login", "fastapi-login", "fastapi_login", "fastapi-login"),
	lib("login", "fastapi-sso", "fastapi_sso", "fastapi-sso"),
	lib("login", "AuthX", "authx", "authx"),
	lib("login", "OAuth2PasswordBearer", "fastapi.security.OAuth2PasswordBearer fastapi.security.oauth2.OAuth2PasswordBearer", ""),
	lib("login", "django-allauth", "allauth", "django-allauth"),
	lib("login", "Python Social Auth", "social_django social_core social_flask", "social-auth-app-django social-auth-app-flask"),
	lib("login", "dj-rest-auth", "dj_rest_auth rest_auth", "dj-rest-auth django-rest-auth"),
	lib("login", "djoser", "djoser", "djoser"),
	lib("login", "Simple JWT", "rest_framework_simplejwt", "djangorestframework-simplejwt"),
	lib("login", "mozilla-django-oidc", "mozilla_django_oidc", "mozilla-django-oidc"),
	lib("login", "django-auth-ldap", "django_auth_ldap", "django-auth-ldap"),
	lib("login", "djangosaml2", "djangosaml2", "djangosaml2"),
	lib("login", "Authlib", "authlib", "authlib"),
	lib("login", "Auth0", "auth0 auth0_server_python", "auth0-python auth0-server-python auth0-fastapi"),
	lib("login", "Okta", "okta okta_jwt_verifier", "okta okta-jwt-verifier"),
	lib("login", "Clerk", "clerk_backend_api", "clerk-backend-api"),
	lib("login", "Supabase", "supabase gotrue", "supabase gotrue"),
	lib("login", "Firebase", "firebase_admin pyrebase", "firebase-admin pyrebase4"),
	lib("login", "MSAL", "msal identity", "msal identity"),
	lib("login", "Keycloak", "keycloak", "python-keycloak"),
	lib("login", "Cognito", "pycognito warrant", "pycognito warrant"),
	lib("login", "Stytch", "stytch", "stytch"),
	lib("login", "Descope", "descope", "descope"),
	lib("login", "PropelAuth", "propelauth_fastapi propelauth_flask propelauth_py", "propelauth-fastapi propelauth-flask propelauth-py"),
	lib("login", "python3-saml", "onelogin.saml2", "python3-saml"),
	lib("environment", "python-dotenv", "dotenv", "python-dotenv"),
	lib("environment", "django-environ", "environ", "django-environ"),
	lib("environment", "environs", "environs", "environs"),
	lib("environment", "python-decouple", "decouple", "python-decouple"),
	lib("environment", "pydantic-settings", "pydantic_settings", "pydantic-settings"),
	lib("environment", "pydantic", "pydantic.BaseSettings", ""),
	lib("environment", "starlette.config", "starlette.config", ""),
	lib("environment", "Dynaconf", "dynaconf", "dynaconf"),
	lib("session", "SessionMiddleware", "starlette.middleware.sessions", ""),
	lib("session", "Flask-Session", "flask_session", "flask-session"),
	lib("proxy", "ProxyFix", "werkzeug.middleware.proxy_fix werkzeug.contrib.fixers", ""),
	lib("proxy", "ProxyHeadersMiddleware", "uvicorn.middleware.proxy_headers", ""),
	lib("proxy", "DispatcherMiddleware", "werkzeug.middleware.dispatcher werkzeug.wsgi.DispatcherMiddleware", ""),
}

// Already finds what the project of an app has of a login, as far as that can
// be said without knowing its framework.
func (p *Project) Already(app *App) []Present {
	out := []Present{}
	out = append(out, p.authKit()...)
	out = append(out, p.libraries()...)
	return append(out, p.Tree.deployment(app)...)
}

// authKit finds the parts of a login with the WorkOS SDK, and an SDK of the 5.x
// dialect.
func (p *Project) authKit() []Present {
	var out []Present
	if d := p.Dependency("workos"); d != nil && !d.Allows("6.0.0") && !d.Allows("10.0.0") {
		out = append(out, Present{"sdk", "workos " + d.Specifier, Evidence{d.File, d.Line, "workos" + d.Specifier}})
	} else if p.SDK.Dialect == "5" {
		out = append(out, Present{"sdk", "workos " + p.SDK.Installed, Evidence{File: p.Python.Venv, Fact: "installed: workos " + p.SDK.Installed}})
	}
	if !p.Tree.Imported("workos") {
		return out
	}
	parts := []struct{ name, call string }{
		{"client", "WorkOSClient"}, {"authorize", "get_authorization_url"}, {"authorize", "get_authorization_url_with_pkce"},
		{"callback", "authenticate_with_code"}, {"session", "load_sealed_session"}, {"logout", "get_logout_url"},
	}
	var words []string
	for _, part := range parts {
		words = append(words, part.call)
	}
	for name, f := range p.Tree.Sources(words...) {
		f.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if !ok {
				return true
			}
			dotted := pysyntax.Dotted(call.Func)
			for _, part := range parts {
				seen := slices.ContainsFunc(out, func(q Present) bool { return q.Kind == "authkit" && q.Name == part.name })
				if !seen && strings.HasSuffix("."+dotted, "."+part.call) {
					out = append(out, Present{"authkit", part.name, Evidence{name, f.Line(call.Pos()), dotted + "(...)"}})
				}
			}
			return true
		})
	}
	return out
}

// libraries are those of the table that the project's own code imports, or that
// its manifests have to run with.
func (p *Project) libraries() []Present {
	var modules []string
	for _, l := range libraries {
		modules = append(modules, l.modules...)
	}
	modules = slices.DeleteFunc(modules, p.Tree.IsLocalModule)
	imported := p.Tree.firstImports(modules)
	var out []Present
	for _, l := range libraries {
		if at := slices.IndexFunc(l.modules, func(m string) bool { return imported[m].File != "" }); at >= 0 {
			out = append(out, Present{l.kind, l.name, imported[l.modules[at]]})
			continue
		}
		for _, dist := range l.dist {
			if d := p.Dependency(dist); d != nil && d.Group == "" {
				out = append(out, Present{l.kind, l.name, Evidence{d.File, d.Line, d.Name + d.Specifier}})
				break
			}
		}
	}
	return out
}

// firstImports is where each of some modules, or an object of one given as
// "module.Object", is first imported.
func (t *Tree) firstImports(modules []string) map[string]Evidence {
	found := map[string]Evidence{}
	modules = slices.DeleteFunc(slices.Clone(modules), func(m string) bool { return !t.Imported(m) })
	for name, f := range t.Importing(modules...) {
		for s := range f.Stmts() {
			for _, m := range modules {
				if found[m].File == "" && (imports(s, m) || importsObject(s, m)) {
					found[m] = Evidence{name, f.Line(s.Pos()), strings.Join(strings.Fields(f.Text(s)), " ")}
				}
			}
		}
	}
	return found
}

// importsObject reports whether a statement is "from module import Object".
func importsObject(s pysyntax.Stmt, dotted string) bool {
	from, ok := s.(*pysyntax.ImportFrom)
	return ok && from.Level == 0 && slices.ContainsFunc(from.Names, func(a *pysyntax.Alias) bool { return from.Module+"."+a.Name == dotted })
}

// What names the variables of a web app in a file that starts it, a CI or a
// platform file. What follows may be a secret.
var (
	reAppVariable = regexp.MustCompile(`\b(DJANGO_SETTINGS_MODULE|FLASK_APP|FLASK_ENV|(?:[A-Z]+_)*SECRET_KEY|(?:[A-Z]+_)*DATABASE_URL|WORKOS_[A-Z_]+)["']?\s*[:=]`)
	reVariables   = regexp.MustCompile(`^\s*(?:-\s*)?((?:environment|env_file|envVars)\s*:|\[env\]|ENV\s+[A-Za-z_]\w*)`)
)

// deployment are the files that start the app, each by the first line that
// names it, and those that set its variables.
func (t *Tree) deployment(app *App) []Present {
	var out []Present
	for _, e := range t.EntryPoints() {
		seen := slices.ContainsFunc(out, func(p Present) bool { return p.File == e.File })
		if path.Ext(e.File) != ".py" && !seen && t.startsApp(e, app) {
			out = append(out, Present{"deployment", path.Base(e.File), Evidence{e.File, e.Line, e.Kind + " " + e.Target}})
		}
	}
	for _, file := range t.files {
		if !namesCommands(file, path.Base(file)) && !isCI(file) {
			continue
		}
		src, err := t.Read(file)
		if err != nil || len(src) > 1<<20 {
			continue
		}
		for _, re := range []*regexp.Regexp{reAppVariable, reVariables} {
			if line, name := firstLineWith(src, re); line > 0 && (re == reAppVariable || !isCI(file)) {
				out = append(out, Present{"variables", path.Base(file), Evidence{file, line, name}})
				break
			}
		}
		if i := strings.Index(string(src), "--root-path"); i >= 0 {
			out = append(out, Present{"proxy", "--root-path", Evidence{file, strings.Count(string(src[:i]), "\n") + 1, "--root-path"}})
		}
	}
	return out
}

// startsApp says whether an entry point is the app's, or at least a module of
// the project.
func (t *Tree) startsApp(e EntryPoint, app *App) bool {
	if e.Kind == "python" {
		return path.Join(e.Dir, e.Target) == app.Entry.File
	}
	module, _ := e.Module()
	if t.Exists(path.Join(e.Dir, module)) || t.Exists(path.Join(app.Dir, module)) { // "flask --app app.py"
		return true
	}
	_, near := t.Module(module, e.Dir)
	_, below := t.Module(module, app.Dir)
	return near || below
}

// firstLineWith is the first line that matches, and the match's first group.
func firstLineWith(src []byte, re *regexp.Regexp) (line int, group string) {
	for text := range strings.Lines(string(src)) {
		line++
		if m := re.FindStringSubmatch(text); m != nil && !strings.HasPrefix(strings.TrimSpace(text), "#") {
			return line, m[1]
		}
	}
	return 0, ""
}

// isCI says whether a file is one that a service for continuous integration
// reads.
func isCI(file string) bool {
	if ext := path.Ext(file); path.Dir(file) == ".github/workflows" && (ext == ".yml" || ext == ".yaml") {
		return true
	}
	return slices.Contains([]string{".gitlab-ci.yml", ".circleci/config.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "Jenkinsfile", ".travis.yml"}, file)
}
