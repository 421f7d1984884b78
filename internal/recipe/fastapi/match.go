// Package fastapi gives a FastAPI app its login.
package fastapi

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

// Recipe is FastAPI's.
type Recipe struct{}

// constructor says how a FastAPI app is made. The file names are those in which
// "fastapi run" looks (fastapi-cli, discover.py).
var constructor = authkit.Constructor{
	Framework:   "fastapi",
	Module:      "fastapi",
	Class:       "FastAPI",
	Files:       []string{"main.py", "app.py", "api.py"},
	Routes:      []string{"get", "post", "api_route", "route", "add_api_route"},
	MoreRoutes:  []string{"put", "patch", "delete", "head", "options", "trace", "add_route", "websocket", "add_websocket_route", "add_api_websocket_route", "websocket_route"},
	Groups:      "APIRouter",
	GroupPrefix: "prefix",
	Register:    "include_router",
	Async:       true,
	Mount:       "mount",
}

// Name is "fastapi".
func (Recipe) Name() string { return "fastapi" }

// Module is the source of the module with the login's routes.
func (Recipe) Module() []byte { return AuthModule }

// Find gives the project's FastAPI apps, the surest first.
func (Recipe) Find(p *project.Project) []project.App { return constructor.Find(p) }

// Look finds what the app has already that a login will meet.
func (Recipe) Look(p *project.Project, app *project.App) ([]project.Present, []problem.Problem) {
	return constructor.Present(p, app), nil
}
