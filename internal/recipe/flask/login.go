package flask

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// LoginModule makes Flask-Login know who is signed in.
//
//go:embed files/workos_flask_login.py
var LoginModule []byte

const loginName = "workos_flask_login"

// flaskLogin hooks Flask-Login up where the app has it and loads no users of
// its own yet: else its pages want those, and only a note says how to find them.
func flaskLogin(d *authkit.Draft) {
	forced := d.Users == "flask-login"
	if d.Users != "" && !forced {
		return
	}
	managers := d.Project.Tree.Instances("flask_login", "LoginManager")
	users, byRequest := loader(d, "user_loader"), loader(d, "request_loader")
	own := users
	if own == nil {
		own = byRequest
	}
	switch {
	case len(managers) == 0 && forced:
		d.RefuseAt("no-login-manager", d.App.Entry.File, d.App.Entry.Line, "install Flask-Login and make one: login_manager = LoginManager(app)",
			"the app has no LoginManager of Flask-Login")
	case len(managers) > 1 && forced:
		d.RefuseAt("several-login-managers", managers[1].File, managers[1].Line, "call "+loginName+".init_app for the right one by hand, or leave --users away",
			"there is another LoginManager at %s:%d", managers[0].File, managers[0].Line)
	case len(managers) != 1:
	case own != nil && !forced:
		d.Note(ownUsers(own, managers[0].Name))
	case byRequest != nil:
		d.RefuseAt("request-loader-taken", byRequest.File, byRequest.Line, "let it return who workos_auth.current_user() is, or leave --users away",
			"the app has a request_loader of its own")
	default:
		hookUpManager(d, managers[0])
	}
}

// loader is where the project itself sets one of a LoginManager's loaders, or nil.
func loader(d *authkit.Draft, name string) (found *project.Evidence) {
	for file, f := range d.Project.Tree.Sources("." + name) {
		f.Walk(func(n pysyntax.Node) bool {
			a, ok := n.(*pysyntax.Attribute)
			if ok && a.Attr.ID == name && found == nil && path.Base(file) != loginName+".py" {
				found = &project.Evidence{File: file, Line: f.Line(a.Pos()), Fact: f.Text(a)}
			}
			return found == nil
		})
	}
	return found
}

// ownUsers says how people who are signed in become users of the app's own.
func ownUsers(at *project.Evidence, manager string) string {
	return fmt.Sprintf(`%s:%d: Flask-Login knows the app's own users only; to know them by AuthKit too, keep the WorkOS id (never go by the email) and put below:
    @%s.request_loader
    def load_authkit_user(request):
        person = workos_auth.current_user()
        return User.query.filter_by(workos_id=person["id"]).first() if person else None`, at.File, at.Line, manager)
}

// hookUpManager gives a LoginManager the users of AuthKit where it is made.
func hookUpManager(d *authkit.Draft, made project.Instance) {
	if strings.Contains(string(d.Source(made.File)), loginName+".init_app(") {
		return
	}
	d.EditPython(made.File, "Flask-Login knows who is signed in", func(f *pysyntax.File) ([]edit.Edit, error) {
		line, ok := authkit.ImportBeside(d.App, f, made.File, loginName)
		for s, place := range f.Stmts() {
			if !ok || strings.Join(strings.Fields(f.Text(s)), " ") != made.Text {
				continue
			}
			for _, next := range place.Block[place.Index+1:] { // what sets it up
				if !strings.HasPrefix(f.Text(next), made.Name+".") {
					break
				}
				s = next
			}
			e, err := f.InsertAfter(s, loginName+".init_app("+made.Name+")")
			return append(f.AddImport(line), e), err
		}
		return nil, authkit.Unplaceable(made.File, "the LoginManager cannot be given users here").
			WithFix("leave it: --users session")
	})
	authkit.CreateAddition(d, loginName, LoginModule, "Flask-Login's users, from the session of AuthKit")
}
