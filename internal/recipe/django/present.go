package django

import (
	"slices"
	"strings"

	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// logins are the apps that bring a login, by what INSTALLED_APPS or MIDDLEWARE
// call them.
var logins = []struct{ app, name string }{
	{"django.contrib.auth", "django.contrib.auth"},
	{"allauth", "django-allauth"},
	{"social_django", "Python Social Auth"},
	{"oauth2_provider", "Django OAuth Toolkit"},
	{"mozilla_django_oidc", "mozilla-django-oidc"},
	{"rest_framework.authtoken", "Django REST framework tokens"},
	{"rest_framework_simplejwt", "Simple JWT"},
	{"dj_rest_auth", "dj-rest-auth"},
	{"djoser", "djoser"},
	{"two_factor", "django-two-factor-auth"},
	{"axes", "django-axes"},
}

// Look finds what the settings, URLs and templates have that a login will meet.
// Settings that are named and not there are a problem, and so is a URLconf that
// is computed.
func (Recipe) Look(p *project.Project, app *project.App) ([]project.Present, []problem.Problem) {
	all := sites(p.Tree, app.Entry.File)
	i := slices.IndexFunc(all, func(s site) bool { return s.app.Entry.Object == app.Entry.Object })
	if i < 0 {
		return nil, nil
	}
	var unseen []problem.Problem
	if missing := all[i].missing; missing != "" {
		unseen = append(unseen, *problem.New("settings-missing", "there is no settings module %s, which is named here", missing).
			At(app.Entry.File, app.Entry.Line).WithFix("make that module, or correct the name"))
	}
	s := all[i].settings
	if s == nil || len(s.files) == 0 {
		return nil, unseen
	}
	if _, _, q := s.rootURLs(); q != nil {
		if q.Fix == "" {
			q = q.WithFix("`authfit plan` prints the routes to put into urlpatterns by hand")
		}
		unseen = append(unseen, *q)
	}
	var out []project.Present
	add := func(kind, name string, e project.Evidence) {
		if !slices.ContainsFunc(out, func(q project.Present) bool { return q.Kind == kind && q.Name == name }) {
			out = append(out, project.Present{Kind: kind, Name: name, Evidence: e})
		}
	}
	for _, l := range logins {
		if src, at := s.findString(func(value string) bool {
			return value == l.app || l.app != "django.contrib.auth" && strings.HasPrefix(value, l.app+".")
		}); at != nil {
			add("login", l.name, src.evidence(at))
		}
	}
	if src, at := s.find(".SessionMiddleware"); at != nil {
		add("session", "SessionMiddleware", src.evidence(at))
	}
	for _, name := range []string{"SESSION_ENGINE", "AUTH_USER_MODEL", "AUTHENTICATION_BACKENDS", "LOGIN_URL", "INSTALLED_APPS", "MIDDLEWARE", "TEMPLATES"} {
		if b, ok := s.lookup(name); ok {
			e := project.Evidence{File: b.path, Line: b.line(b.stmt), Fact: name + " = " + form(b)}
			add(map[bool]string{true: "session", false: "setting"}[name == "SESSION_ENGINE"], name, e)
		}
	}
	for _, name := range []string{"FORCE_SCRIPT_NAME", "SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST"} {
		if b, ok := s.lookup(name); ok {
			add("proxy", name, b.evidence(b.stmt))
		}
	}
	presentRoutes(p.Tree, app, add)
	engine := "Django"
	if s.mentions("django.template.backends.jinja2.Jinja2") {
		engine = "Jinja2"
	}
	authkit.TemplatesPresent(p.Tree, app, engine, add)
	return out, unseen
}

// form is a setting's value for the eye: a short one as it is, of a list how
// it is made.
func form(b binding) string {
	if text := b.fact(b.value); len(text) <= 60 {
		return text
	}
	if n := len(elements(b.value)); n > 0 {
		return itoa(n) + " elements"
	}
	return "computed"
}

// presentRoutes are the routes of the app for the paths of a login, at the root
// and below auth/.
func presentRoutes(t *project.Tree, app *project.App, add func(kind, name string, e project.Evidence)) {
	src, ok := open(t, app.URLs)
	if app.URLs == "" || !ok {
		return
	}
	u := code{src, t, app.Dir}
	for _, prefix := range []string{"", "auth/"} {
		for _, l := range loginRoutes {
			for _, e := range u.routes() {
				if h, at := u.takes(e, prefix+l.path, depth); h == exact && !strings.Contains(at.Fact, l.name) {
					add("route", "/"+prefix+l.path, at)
				}
			}
		}
	}
}
