// Package flask gives a Flask app its login.
package flask

import (
	_ "embed"

	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// AuthModule is the Python module with the login routes.
//
//go:embed files/workos_auth.py
var AuthModule []byte

// Recipe is Flask's.
type Recipe struct{}

// constructor says how a Flask app is made. The file names are those in which
// the flask command looks (Flask's documentation, "Application Discovery").
var constructor = authkit.Constructor{
	Framework:   "flask",
	Module:      "flask",
	Class:       "Flask",
	Files:       []string{"wsgi.py", "app.py"},
	Routes:      []string{"route", "get", "post", "add_url_rule"},
	MoreRoutes:  []string{"put", "patch", "delete"},
	Groups:      "Blueprint",
	GroupPrefix: "url_prefix",
	Register:    "register_blueprint",
	Override:    true,
	Dispatcher:  "DispatcherMiddleware",
}

// Name is "flask".
func (Recipe) Name() string { return "flask" }

// Module is the source of the module with the login's routes.
func (Recipe) Module() []byte { return AuthModule }

// Find gives the project's Flask apps, the surest first.
func (Recipe) Find(p *project.Project) []project.App { return constructor.Find(p) }

// Look finds what the app has already that a login will meet.
func (Recipe) Look(p *project.Project, app *project.App) ([]project.Present, []problem.Problem) {
	return constructor.Present(p, app), nil
}
