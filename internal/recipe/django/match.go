// Package django is the room of Django: it finds Django projects by what their
// manage.py names, and drafts the login for one of them.
package django

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// Recipe is Django's.
type Recipe struct{}

// Name is "django".
func (Recipe) Name() string { return "django" }

// settingsVariable names the settings module in the environment.
const settingsVariable = "DJANGO_SETTINGS_MODULE"

// The confidence in an app, the surest first.
const (
	namedByManage = 60 // manage.py names the settings
	namedByServer = 50 // wsgi.py or asgi.py does
	searched      = 40 // nobody does, but there is a ROOT_URLCONF
	configured    = 30 // settings.configure(...)
)

// Module is the source of the module with the login's views.
func (Recipe) Module() []byte { return AuthViews }

// Find gives the Django projects: one for each manage.py, else for each wsgi.py
// or asgi.py, that says which settings it uses. Where that is left open there
// is one for each settings file that has a ROOT_URLCONF. App.Settings is the
// file that assigns ROOT_URLCONF, also where others take it over; App.URLs is
// empty where the URLconf is not to be seen.
func (Recipe) Find(p *project.Project) []project.App {
	var apps []project.App
	for _, base := range []string{"manage.py", "wsgi.py", "asgi.py"} {
		for _, name := range p.Tree.Named(base) {
			started := slices.ContainsFunc(apps, func(a project.App) bool {
				return base != "manage.py" && (a.Dir == "." || strings.HasPrefix(name, a.Dir+"/"))
			})
			if started || p.Tree.Aside(name) {
				continue
			}
			for _, s := range sites(p.Tree, name) {
				apps = append(apps, s.app)
			}
		}
	}
	if apps == nil {
		return configuredInPlace(p.Tree)
	}
	return apps
}

// A site is one reading of a Django project.
type site struct {
	app project.App
	// settings are those that are in effect when the app runs; module is their
	// dotted name, empty where only the environment knows it.
	settings *settings
	module   string
	// missing is the settings module that is named but not there.
	missing string
}

// sites are the readings of the project that an entry (manage.py, wsgi.py,
// asgi.py) starts: none where it is not Django's.
func sites(t *project.Tree, entry string) []site {
	src, ok := open(t, entry)
	if !ok {
		return nil
	}
	named, django := namedSettings(src)
	if !django {
		return nil
	}
	var found []site
	missing := ""
	for _, n := range named {
		file, ok := moduleFile(t, path.Dir(entry), n.module)
		if !ok {
			missing = n.module
			continue
		}
		s := newSite(t, src, n, file)
		if !slices.ContainsFunc(found, s.same) {
			found = append(found, s)
		}
	}
	if found != nil {
		return found
	}
	return searchSites(t, src, named, missing)
}

// same reports whether two readings come to the same: the settings for tests
// and those for development take over one base.
func (s site) same(o site) bool {
	return s.app.Settings == o.app.Settings && s.app.URLs == o.app.URLs
}

func newSite(t *project.Tree, entry source, n named, file string) site {
	app := project.App{
		Framework:  "django",
		Dir:        path.Dir(entry.path),
		Entry:      project.Entry{File: entry.path, Line: entry.line(n.at), Object: n.module},
		Settings:   file,
		Evidence:   []project.Evidence{entry.evidence(n.at)},
		Confidence: namedByManage,
	}
	if path.Base(entry.path) != "manage.py" {
		app.Dir = onPath(file, n.module)
		app.Confidence = namedByServer
	}
	s := site{app: app, settings: readSettings(t, app.Dir, file), module: n.module}
	s.findURLs()
	return s
}

// onPath is the folder that has to be on sys.path for a file to be the module.
func onPath(file, module string) string {
	file = strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__")
	return path.Clean(strings.TrimSuffix(file, strings.ReplaceAll(module, ".", "/")) + ".")
}

// findURLs reads ROOT_URLCONF.
func (s *site) findURLs() {
	if len(s.settings.files) == 0 { // their file cannot be read
		return
	}
	b, file, p := s.settings.rootURLs()
	if b.stmt == nil {
		return
	}
	s.app.Settings = b.path
	var trail []project.Evidence
	for at := b.path; at != s.settings.files[0].path; at = trail[0].File {
		trail = append([]project.Evidence{s.settings.imports[at]}, trail...)
	}
	s.app.Evidence = append(append(s.app.Evidence, trail...), b.evidence(b.stmt))
	if p == nil {
		s.app.URLs = file
	}
}

// rootURLs is the assignment to ROOT_URLCONF and the file that it means, or why
// that is not to be seen.
func (s *settings) rootURLs() (b binding, file string, p *problem.Problem) {
	b, ok := s.lookup("ROOT_URLCONF")
	if !ok {
		return b, "", problem.New("urlconf-unknown", "ROOT_URLCONF is not assigned here").At(s.files[0].path, 0).
			WithFix("assign it the name of the URLconf, as startproject does")
	}
	module, literal := s.constant(b.source, b.value, depth)
	for _, other := range s.bindings("ROOT_URLCONF") {
		if value, ok := s.constant(other.source, other.value, depth); other.path == b.path && (!ok || value != module) {
			literal = false
		}
	}
	if !literal {
		return b, "", problem.New("urlconf-unknown", "which URLconf is used is computed here: %s", b.fact(b.stmt)).
			At(b.path, b.line(b.stmt))
	}
	file, ok = moduleFile(s.tree, s.dir, module)
	if !ok {
		return b, "", problem.New("urlconf-unknown", "there is no file for the URLconf %s", module).
			At(b.path, b.line(b.stmt)).
			WithFix("correct ROOT_URLCONF, or run authfit in the folder that has %s", strings.ReplaceAll(module, ".", "/")+".py")
	}
	return b, file, nil
}

// searchSites is for an entry that leaves the settings to the environment, or
// names ones that are not there: every settings file with a ROOT_URLCONF.
func searchSites(t *project.Tree, entry source, all []named, missing string) []site {
	at := named{at: entry.Body[0]}
	if len(all) > 0 {
		at = all[0]
	}
	dir := path.Dir(entry.path)
	var found []site
	for _, name := range t.Under(dir) {
		if path.Ext(name) != ".py" || t.Aside(name) {
			continue
		}
		if src, err := t.Read(name); err != nil || !bytes.Contains(src, []byte("ROOT_URLCONF")) {
			continue
		}
		src, ok := open(t, name)
		if own := (&settings{tree: t, dir: dir, files: []source{src}}); !ok || own.bindings("ROOT_URLCONF") == nil {
			continue
		}
		s := newSite(t, entry, named{module: moduleName(dir, name), at: at.at}, name)
		s.missing = missing
		s.app.Confidence = searched
		if missing != "" || takenOver(t, dir, name) {
			s.module = ""
		}
		found = append(found, s)
	}
	if found == nil {
		s := site{app: project.App{
			Framework: "django", Dir: dir, Confidence: searched,
			Entry:    project.Entry{File: entry.path, Line: entry.line(at.at), Object: at.module},
			Evidence: []project.Evidence{entry.evidence(at.at)},
		}, missing: missing}
		return []site{s}
	}
	return found
}

// moduleName is how a file is imported with dir on sys.path.
func moduleName(dir, file string) string {
	if dir != "." {
		file = strings.TrimPrefix(file, dir+"/")
	}
	file = strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__")
	return strings.ReplaceAll(file, "/", ".")
}

// takenOver reports whether other settings below dir import everything from a
// settings file.
func takenOver(t *project.Tree, dir, file string) bool {
	return slices.ContainsFunc(t.Under(dir), func(name string) bool {
		src, err := t.Read(name)
		if err != nil || name == file || path.Ext(name) != ".py" || !bytes.Contains(src, []byte("import *")) {
			return false
		}
		return readSettings(t, dir, name).imports[file].File != ""
	})
}

// A named settings module is one that code puts into the environment; module is
// empty where the code computes it.
type named struct {
	module string
	at     pysyntax.Node
}

// namedSettings are the settings modules that a file's code names, those for
// tests last, and whether the file is Django's at all.
func namedSettings(src source) (found []named, django bool) {
	add := func(at pysyntax.Node, value pysyntax.Expr) {
		django = true
		modules := literals(src, value, 5)
		if modules == nil {
			found = append(found, named{"", at})
		}
		for _, m := range modules {
			found = append(found, named{m, at})
		}
	}
	src.Walk(func(n pysyntax.Node) bool {
		switch n := n.(type) {
		case *pysyntax.ImportFrom:
			django = django || n.Module == "django.core" || strings.HasPrefix(n.Module, "django.core.") ||
				strings.HasPrefix(n.Module, "configurations")
		case *pysyntax.Call:
			method, ok := n.Func.(*pysyntax.Attribute)
			if ok && method.Attr.ID == "setdefault" && last(pysyntax.Dotted(method.X)) == "environ" && isVariable(src, n.Positional(0)) {
				add(n, n.Positional(1))
			}
		case *pysyntax.Assign:
			for _, target := range n.Targets {
				item, ok := target.(*pysyntax.Subscript)
				if ok && last(pysyntax.Dotted(item.X)) == "environ" && isVariable(src, item.Index) {
					add(n, n.Value)
				}
			}
		}
		return true
	})
	slices.SortStableFunc(found, func(a, b named) int { return rank(a) - rank(b) })
	return found, django
}

// rank puts what is run every day before tests, and both before the unknown.
func rank(n named) int {
	switch {
	case n.module == "":
		return 2
	case strings.Contains(last(n.module), "test"):
		return 1
	}
	return 0
}

func isVariable(src source, e pysyntax.Expr) bool {
	if e == nil {
		return false
	}
	name, _ := src.StringValue(e)
	return name == settingsVariable
}

// literals are the strings that an expression can be, the environment left
// aside: os.environ.get("X", "this"), "this" if ... else "that".
func literals(src source, e pysyntax.Expr, depth int) []string {
	if depth == 0 {
		return nil
	}
	switch e := e.(type) {
	case *pysyntax.String:
		if value, ok := src.StringValue(e); ok {
			return []string{value}
		}
	case *pysyntax.Call:
		if fallback := or(e.Keyword("default"), e.Positional(1)); fallback != nil {
			return literals(src, fallback, depth-1)
		}
	case *pysyntax.IfExp:
		return append(literals(src, e.Body, depth-1), literals(src, e.Else, depth-1)...)
	case *pysyntax.BoolOp:
		return literals(src, e.Values[len(e.Values)-1], depth-1)
	case *pysyntax.Name:
		var all []string
		for stmt := range src.Stmts() {
			if value := assigned(stmt, e.ID); value != nil {
				all = append(all, literals(src, value, depth-1)...)
			}
		}
		return all
	}
	return nil
}

// configuredInPlace are the apps in one file that call settings.configure. They
// are Django's, and named so that nobody takes them for something else.
func configuredInPlace(t *project.Tree) []project.App {
	var apps []project.App
	for _, name := range t.Files() {
		if path.Ext(name) != ".py" || t.Aside(name) {
			continue
		}
		if src, err := t.Read(name); err != nil || !bytes.Contains(src, []byte("ROOT_URLCONF")) {
			continue
		}
		src, ok := open(t, name)
		if !ok {
			continue
		}
		src.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if ok && pysyntax.Dotted(call.Func) == "settings.configure" && call.Keyword("ROOT_URLCONF") != nil {
				apps = append(apps, project.App{
					Framework: "django", Dir: path.Dir(name), Confidence: configured,
					Entry:    project.Entry{File: name, Line: src.line(call)},
					Evidence: []project.Evidence{{File: name, Line: src.line(call), Fact: "settings.configure(...)"}},
				})
			}
			return true
		})
	}
	return apps
}
