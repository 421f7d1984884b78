package django

import (
	"bytes"
	"embed"
	"maps"
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/pysyntax"
)

// usersFiles are the app that makes people who sign in with AuthKit users of
// Django. It is one of its own, beside the package of the URLconf.
//
//go:embed files/workos_users/*.py files/workos_users/migrations/*.py
var usersFiles embed.FS

const (
	usersApp       = "workos_users"
	userMiddleware = ".middleware.authkit_user"
	userBackend    = ".backends.AuthKitBackend"
	modelBackend   = "django.contrib.auth.backends.ModelBackend"
	authMiddleware = ".AuthenticationMiddleware"
)

// users makes the app, and enters it into the settings.
func (r *room) users() {
	if r.Users != "django" || !r.hasAuth() {
		return
	}
	r.createUsersApp()
	r.appendSetting("INSTALLED_APPS", r.usersModule(), "")
	r.followUser()
	if r.settings.bindings("AUTHENTICATION_BACKENDS") != nil {
		r.appendSetting("AUTHENTICATION_BACKENDS", r.usersModule(), userBackend)
	} else if r.settings.unseen() {
		r.refuseUsers("AUTHENTICATION_BACKENDS")
	}
	r.noteUsers()
}

// hasAuth refuses a project without Django's own users.
func (r *room) hasAuth() bool {
	needs := func(list, name string) {
		at := binding{source: source{path: r.app.Settings}}
		line := 0
		if b, ok := r.settings.lookup(list); ok {
			at, line = b, b.line(b.stmt)
		}
		r.RefuseAt("no-users", at.path, line, "add '"+name+"' to it, or leave --users django away",
			"request.user is Django's, and %s has no %s", list, name)
	}
	_, app := r.settings.findString(func(value string) bool {
		return value == "django.contrib.auth" || strings.HasPrefix(value, "django.contrib.auth.apps.")
	})
	if app == nil {
		needs("INSTALLED_APPS", "django.contrib.auth")
	}
	if !r.settings.mentions(authMiddleware) {
		needs("MIDDLEWARE", "django.contrib.auth.middleware.AuthenticationMiddleware")
	}
	return len(r.Problems) == 0
}

// usersModule is how the app is imported.
func (r *room) usersModule() string {
	if i := strings.LastIndexByte(r.pkg, '.'); i >= 0 {
		return r.pkg[:i+1] + usersApp
	}
	return usersApp
}

func (r *room) createUsersApp() {
	dir := path.Dir(r.root.path)
	views := viewsModule
	if r.pkg != "" {
		dir, views = path.Dir(dir), r.pkg+"."+viewsModule
	}
	app := UsersApp(r.usersModule(), views)
	for _, name := range slices.Sorted(maps.Keys(app)) {
		r.Create(path.Join(dir, name), app[name], "the users that AuthKit's people are at Django")
	}
}

// UsersApp are the files of the app for an import by the name of module, beside
// views that are imported as views.
func UsersApp(module, views string) map[string][]byte {
	app := map[string][]byte{}
	for _, folder := range []string{usersApp, usersApp + "/migrations"} {
		entries, err := usersFiles.ReadDir("files/" + folder)
		if err != nil {
			panic(err) // it was embedded
		}
		for _, e := range entries {
			name := path.Join(folder, e.Name())
			content, _ := usersFiles.ReadFile("files/" + name) // nil for the inner folder
			content = bytes.Replace(content, []byte("\nfrom "+viewsModule+" import"), []byte("\nfrom "+views+" import"), 1)
			content = bytes.Replace(content, []byte(`name = "`+usersApp+`"`), []byte(`name = "`+module+`"`), 1)
			if !e.IsDir() {
				app[name] = content
			}
		}
	}
	return app
}

// appendSetting adds a name of the app to the list that a setting is.
func (r *room) appendSetting(setting, module, ending string) {
	if _, there := r.settings.findString(func(value string) bool {
		value, _, _ = strings.Cut(value, ".apps.")
		return strings.HasSuffix("."+value, "."+usersApp+ending)
	}); there != nil {
		return
	}
	if !r.appendTo(setting, module+ending, "the users that AuthKit's people are at Django") {
		r.refuseUsers(setting)
	}
}

// appendTo adds a string to the list that a setting is. It says no where that
// list cannot be seen.
func (r *room) appendTo(setting, text, why string) bool {
	file, name, ok := r.settings.listOf(setting, depth)
	if !ok {
		return false
	}
	r.EditPython(file, why, func(f *pysyntax.File) ([]edit.Edit, error) {
		var edits []edit.Edit
		for stmt, place := range f.Stmts() {
			value := assigned(stmt, name)
			if value == nil || inFunction(place) || uses(value, name) {
				continue
			}
			for _, term := range slices.Backward(terms(value)) {
				if isList(term) {
					e, err := f.AppendElement(term, styleOf(f).str(text))
					if err != nil {
						return nil, err
					}
					edits = append(edits, e)
					break
				}
			}
		}
		return edits, nil
	})
	return true
}

// listOf follows a setting to the list that its owner would add to: the last of
// those that it sums up, LOCAL_APPS in "DJANGO_APPS + LOCAL_APPS". It is given by
// its file and name. What adds to the setting later, in a file for development
// perhaps, is left aside.
func (s *settings) listOf(setting string, depth int) (file, name string, ok bool) {
	for _, b := range s.bindings(setting) {
		switch {
		case uses(b.value, setting):
			continue
		case ok && b.path != file && name == setting:
			return file, name, true // what that file takes over has another
		}
		inFile, inName := s.lastList(b, depth)
		if inFile == "" || ok && (inFile != file || inName != name) {
			return "", "", false
		}
		file, name, ok = inFile, inName, true
	}
	return file, name, ok
}

func (s *settings) lastList(b binding, depth int) (file, name string) {
	for _, term := range slices.Backward(terms(b.value)) {
		if isList(term) {
			return b.path, b.name
		}
		if other, ok := term.(*pysyntax.Name); ok && depth > 0 {
			if file, name, ok := s.listOf(other.ID, depth-1); ok {
				return file, name
			}
		}
	}
	return "", ""
}

// unseen reports whether the settings take over those of an installed package,
// which may have what is not to be found here.
func (s *settings) unseen() bool {
	for _, src := range s.files {
		for stmt := range src.Stmts() {
			from, ok := stmt.(*pysyntax.ImportFrom)
			if !ok || !slices.ContainsFunc(from.Names, func(a *pysyntax.Alias) bool { return a.Name == "*" }) {
				continue
			}
			if _, here := importedFile(s.tree, s.dir, src.path, from.Level, from.Module); !here && from.Level == 0 {
				return true
			}
		}
	}
	return false
}

// uses reports whether a value is made of what the name was before.
func uses(value pysyntax.Expr, name string) (found bool) {
	pysyntax.Walk(value, func(n pysyntax.Node) bool {
		id, ok := n.(*pysyntax.Name)
		found = found || ok && id.ID == name
		return !found
	})
	return found
}

// followUser puts the app's middleware directly below Django's own, which gives
// the request its user.
func (r *room) followUser() {
	there := r.settings.mentions(usersApp + userMiddleware)
	if !there && !r.addMiddleware(authMiddleware, r.usersModule()+userMiddleware, "request.user follows AuthKit") {
		r.refuseUsers("MIDDLEWARE")
	}
}

// addMiddleware puts a middleware directly below the one with an ending. It says
// no where that cannot be seen.
func (r *room) addMiddleware(ending, name, why string) bool {
	below := func(f *pysyntax.File) ([]edit.Edit, error) { return insertBelow(f, ending, styleOf(f).str(name)) }
	if r.settings.mentions(name) {
		return true
	}
	for _, src := range r.settings.files {
		if edits, err := below(src.File); len(edits) > 0 || err != nil {
			r.EditPython(src.path, why, below)
			return true
		}
	}
	return false
}

// insertBelow puts an element behind the one with an ending, in every list of
// strings that has such a one.
func insertBelow(f *pysyntax.File, ending, element string) (edits []edit.Edit, err error) {
	f.Walk(func(n pysyntax.Node) bool {
		list, ok := n.(pysyntax.Expr)
		if !ok || err != nil {
			return err == nil
		}
		all := elements(list)
		for i, e := range all {
			if value, _ := f.StringValue(e); !strings.HasSuffix(value, ending) {
				continue
			}
			if i+1 < len(all) {
				edits = append(edits, before(f, all[i+1], []string{element}))
				continue
			}
			var last edit.Edit
			last, err = f.AppendElement(list, element)
			edits = append(edits, last)
		}
		return err == nil
	})
	return edits, err
}

// refuseUsers says what to put into settings that are computed.
func (r *room) refuseUsers(setting string) {
	p := problem.New("edit-unplaceable", "%s is no list that can be seen in the settings", setting).At(r.app.Settings, 0)
	if b, ok := r.settings.lookup(setting); ok {
		p = p.At(b.path, b.line(b.stmt))
	}
	r.Refuse(p.WithDetail("the settings need:\n%s", strings.Join([]string{
		`in INSTALLED_APPS: "` + r.usersModule() + `"`,
		`in MIDDLEWARE, directly below AuthenticationMiddleware: "` + r.usersModule() + userMiddleware + `"`,
		`in AUTHENTICATION_BACKENDS, at its end: "` + r.usersModule() + userBackend + `"`,
	}, "\n")).WithFix("put them in by hand, then run authfit again for the rest"))
}

// userSettings are the settings of the users that are not there yet.
func (r *room) userSettings(st style, indent string) (lines []string) {
	if r.Users != "django" {
		return nil
	}
	if r.settings.bindings("AUTHENTICATION_BACKENDS") == nil {
		lines = append(lines, "AUTHENTICATION_BACKENDS = [",
			indent+st.str(modelBackend)+",",
			indent+st.str(r.usersModule()+userBackend)+",",
			"]")
	}
	if r.settings.bindings("LOGIN_URL") == nil {
		lines = append(lines, "LOGIN_URL = "+st.str(loginRoutes[0].name))
	}
	return lines
}

// noteUsers says what is left to the owner.
func (r *room) noteUsers() {
	if len(r.Problems) > 0 {
		return
	}
	r.Note("run python manage.py migrate where the site runs: " + usersApp + " has a table")
	r.Note("nobody becomes an existing user by an email address: to let one sign in with AuthKit, enter the id from the WorkOS dashboard " +
		"for that user, in the admin or by WorkOSUser.objects.create(user=..., workos_id=...)")
	if b, ok := r.settings.lookup("LOGIN_URL"); ok {
		if value, _ := r.settings.constant(b.source, b.value, depth); value != loginRoutes[0].name && value != "/"+r.prefix+loginRoutes[0].path {
			r.Note(b.path + ":" + itoa(b.line(b.stmt)) + `: LOGIN_URL stays as it is; Django's @login_required leads to AuthKit with LOGIN_URL = "` + loginRoutes[0].name + `"`)
		}
	}
	if r.settings.mentions("django.contrib.admin") {
		r.Note("staff who are signed in go straight to the admin; to have it send others to AuthKit instead of its own form, put " +
			"admin.site.login = login_required(admin.site.login) into " + r.root.path + " (from django.contrib.auth.decorators)")
	}
	r.noteModel()
}

// filled are the fields of a user that the backend fills where they are there.
var filled = []string{"email", "username", "first_name", "last_name", "name", "full_name"}

// noteModel names the fields that a user model of the project's own wants, and
// that AuthKit knows nothing of.
func (r *room) noteModel() {
	b, ok := r.settings.lookup("AUTH_USER_MODEL")
	if !ok {
		return
	}
	model, _ := r.settings.constant(b.source, b.value, depth)
	label, name, ok := strings.Cut(model, ".")
	if !ok {
		return
	}
	for file, f := range r.Project.Tree.Sources("class " + name) {
		if !strings.Contains("/"+file, "/"+label+"/") {
			continue
		}
		for s := range f.Stmts() {
			class, ok := s.(*pysyntax.ClassDef)
			if !ok || class.Name.ID != name {
				continue
			}
			for _, s := range class.Body {
				wanted := elements(assigned(s, "REQUIRED_FIELDS"))
				if e := assigned(s, "USERNAME_FIELD"); e != nil {
					wanted = []pysyntax.Expr{e}
				}
				for _, e := range wanted {
					if field, ok := f.StringValue(e); ok && !slices.Contains(filled, field) {
						r.Note(file + ":" + itoa(f.Line(s.Pos())) + ": say in new_user in " + usersApp + "/backends.py what a new user's " + field + " is")
					}
				}
			}
		}
	}
}
