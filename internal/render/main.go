// Command render writes the generated modules in every form into a folder, for
// the linters and the Python tests:
//
//	go run ./internal/render .cache/rendered
//
// The folder gets one for each dialect of the SDK, each with and without the
// optional features ("6-all", "6-min"), and in each of these one for every
// framework, as an app has the modules: beside each other. What a Django project
// with sessions in cookies gets is in "6-cookies".
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"authfit/internal/recipe/authkit"
	"authfit/internal/recipe/django"
	"authfit/internal/recipe/fastapi"
	"authfit/internal/recipe/flask"
)

// rooms are the frameworks with a module of routes.
var rooms = []struct {
	name, module string
	source       []byte
	async        bool
	beside       map[string][]byte // what --users adds
}{
	{"django", "auth_views.py", django.AuthViews, false, django.UsersApp("workos_users", "auth_views")},
	{"flask", "workos_auth.py", flask.AuthModule, false, map[string][]byte{"workos_flask_login.py": flask.LoginModule}},
	{"fastapi", "workos_auth.py", fastapi.AuthModule, true, nil},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: render FOLDER")
		os.Exit(2)
	}
	if err := render(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for _, dialect := range []string{authkit.SDK5, authkit.SDK6} {
		all := slices.DeleteFunc(slices.Clone(authkit.Features), func(feature string) bool {
			return dialect == authkit.SDK5 && feature == "recent-login" // whose max_age came with 9.1
		})
		for form, features := range map[string][]string{
			"min":     nil,
			"all":     append(all, authkit.AsyncViews, authkit.UserLinks, authkit.CookieSessions),
			"cookies": {authkit.CookieSessions},
		} {
			for _, room := range rooms {
				if form == "cookies" && room.name != "django" {
					continue
				}
				v := authkit.Variant{Dialect: dialect, Async: room.async, Features: features}
				dir := filepath.Join(folder, dialect+"-"+form, room.name)
				err := errors.Join(
					os.MkdirAll(dir, 0o755),
					os.WriteFile(filepath.Join(dir, authkit.CoreModule+".py"), v.Core(), 0o644),
					os.WriteFile(filepath.Join(dir, room.module), v.Render(room.source), 0o644),
				)
				for name, content := range room.beside {
					file := filepath.Join(dir, name)
					err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, content, 0o644))
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
