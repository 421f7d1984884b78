// Package recipe knows which frameworks there are, finds their apps in a
// project, and drafts the plan that gives the chosen one its login. What is
// particular to a framework is in the framework's own room below.
package recipe

import (
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
	"authfit/internal/recipe/django"
	"authfit/internal/recipe/fastapi"
	"authfit/internal/recipe/flask"
	"authfit/internal/recipe/vanilla"
)

// A Recipe is what one framework's room can do.
type Recipe interface {
	// Name is the framework's, as inspect and --framework have it.
	Name() string
	// Find gives the framework's apps in the project, the surest first. It
	// reads files and runs nothing.
	Find(p *project.Project) []project.App
	// Look finds what the app has already that a login will meet, and what
	// about it is not to be seen.
	Look(p *project.Project, app *project.App) ([]project.Present, []problem.Problem)
	// Module is the source of the Python module with the login's routes.
	Module() []byte
	// Draft writes down what d.App needs for a login. What stands in the way
	// it adds to the draft's problems.
	Draft(d *authkit.Draft)
	// Examine says what in the app's own code keeps a login from working,
	// whoever wrote it.
	Examine(p *project.Project, app *project.App) []authkit.Finding
	// Routes lists what the app serves, and what can be seen of how each route
	// is protected, whoever did that.
	Routes(p *project.Project, app *project.App) authkit.Listing
	// Protect writes a guard of the generated login before the routes that the
	// target means, and gives those that have it then. What stands in the way it
	// adds to the draft's problems.
	Protect(d *authkit.Draft, target authkit.Target) []authkit.Listed
}

// All are the recipes, in the order in which apps are looked for. Another
// framework is another room and a line here.
func All() []Recipe {
	return []Recipe{
		django.Recipe{},
		fastapi.Recipe{},
		flask.Recipe{},
		vanilla.Recipe{AuthModule: flask.AuthModule, Login: flask.Login},
	}
}
