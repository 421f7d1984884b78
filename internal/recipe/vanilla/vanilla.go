// Package vanilla gives a Python project without a web framework a small Flask
// server with a login, as WorkOS's own quickstart does. It changes no file of
// the project's code.
package vanilla

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

//go:embed files/server.py
var server []byte

// Recipe is the one for projects without a framework. The routes are those of
// the Flask room, which the caller hands over.
type Recipe struct {
	// AuthModule is the Python module of the login routes.
	AuthModule []byte
	// Login describes a Flask app in a folder, by what "flask --app" is given,
	// with a prefix for the routes.
	Login func(dir, run, prefix string) *plan.Login
}

// Name is "vanilla".
func (Recipe) Name() string { return "vanilla" }

// frameworks are those whose apps are looked for elsewhere. A project that
// imports one of them has a web app, though none was found.
var frameworks = []string{"flask", "fastapi", "django"}

// Module is the source of the module with the login's routes.
func (r Recipe) Module() []byte { return r.AuthModule }

// Find gives one app, the server that is yet to be made in the project's own
// folder, for a project that has Python code.
func (Recipe) Find(p *project.Project) []project.App {
	// What is made with an extension, flask_openapi3 for instance, has an app.
	extensions := p.Tree.Modules(func(name string) bool {
		return slices.ContainsFunc(frameworks, func(f string) bool { return strings.HasPrefix(name, f+"_") })
	})
	for _, framework := range slices.Concat(frameworks, extensions) {
		// One that the project itself is called is made here, and not used.
		if p.Tree.Importers(framework) != nil || project.NormalizeName(p.Name) == framework {
			return nil
		}
	}
	var seen []project.Evidence
	for _, name := range p.Tree.Files() {
		if strings.HasSuffix(name, ".py") && !p.Tree.Aside(name) {
			seen = append(seen, project.Evidence{File: name, Fact: "Python without a web framework"})
			break
		}
	}
	if seen == nil && p.Manager.Manifest == "" {
		return nil
	}
	module := freeName(p.Tree)
	return []project.App{{
		Framework: "vanilla",
		Dir:       ".",
		Entry:     project.Entry{File: module + ".py", Line: 0, Object: "app"},
		Run:       module + ":app",
		Evidence:  seen,
	}}
}

// freeName is server, the quickstart's name, or another one where the project
// has a module called that.
func freeName(t *project.Tree) string {
	for _, name := range []string{"server", "login_server"} {
		if !t.Has(name+".py") && !t.Has(name+"/__init__.py") {
			return name
		}
	}
	return "workos_server"
}

// Look finds nothing: the server is yet to be made.
func (Recipe) Look(*project.Project, *project.App) ([]project.Present, []problem.Problem) {
	return nil, nil
}

// Routes lists nothing: the server is yet to be made, and is Flask's from then on.
func (Recipe) Routes(*project.Project, *project.App) authkit.Listing { return authkit.Listing{} }

// Protect refuses, for there is nothing to protect yet.
func (r Recipe) Protect(d *authkit.Draft, t authkit.Target) []authkit.Listed {
	t.Pick(d, authkit.Listing{})
	return nil
}

// Draft makes the server and its login.
func (r Recipe) Draft(d *authkit.Draft) {
	d.Login = r.Login(d.App.Dir, d.App.Run, d.Prefix)
	d.Login.HomeUser = true
	file := d.App.Entry.File
	module := strings.TrimSuffix(file, ".py")
	source := bytes.Replace(server, []byte("--app server "), []byte("--app "+module+" "), 1)
	if d.Prefix != "" {
		source = bytes.Replace(source, []byte("(app, workos)"), fmt.Appendf(nil, "(app, workos, url_prefix=%q)", d.Prefix), 1)
	}
	d.Create(file, source, "a small server with a home page")
	d.CreateModule(d.App.Dir, "workos_auth", r.AuthModule, false, "the routes /login, /callback, /logout and /account")
	d.Probes = append(d.Probes, plan.Probe{
		ID:   "framework",
		Argv: []string{"{python}", "-m", "py_compile", file, "workos_auth.py", authkit.CoreModule + ".py"},
		Dir:  d.App.Dir,
		Why:  "the server compiles",
	})
}
