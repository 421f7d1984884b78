package authkit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// A Constructor describes a framework whose app is an object that the project
// makes: Flask, FastAPI.
type Constructor struct {
	Framework string // "flask"
	Module    string // "flask"
	Class     string // "Flask"
	// Files are the names in which the framework itself looks for an app.
	Files []string
	// Routes are the methods that add a route: "route", "get".
	Routes []string
	// Groups are the class of a group of routes and its argument for a prefix:
	// Blueprint and url_prefix, APIRouter and prefix.
	Groups, GroupPrefix string
	// Register is the method that adds a group to the app: "register_blueprint".
	Register string
}

// The confidence in an app, the surest first.
const (
	namedElsewhere = 100 // a Procfile, Dockerfile or setting names it
	usualPlace     = 50  // where the framework itself would look
	factoryName    = 40
	somewhere      = 10
	insideFunction = 5
)

// Find gives the apps of the framework, the surest first.
func (c Constructor) Find(p *project.Project) []project.App {
	var apps []project.App
	for _, i := range p.Tree.Instances(c.Module, c.Class) {
		app := c.app(p.Tree, i)
		for _, e := range p.Tree.EntryPoints() {
			if c.named(p.Tree, app, i, e) {
				app.Confidence += namedElsewhere
				app.Evidence = append(app.Evidence, project.Evidence{File: e.File, Line: e.Line, Fact: e.Kind + " starts " + e.Target})
			}
		}
		apps = append(apps, app)
	}
	slices.SortStableFunc(apps, func(a, b project.App) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return apps
}

func (c Constructor) app(t *project.Tree, i project.Instance) project.App {
	base, module := t.ModulePath(i.File)
	app := project.App{
		Framework:  c.Framework,
		Dir:        base,
		Entry:      project.Entry{File: i.File, Line: i.Line, Object: i.Name},
		Run:        module + ":" + i.Name,
		Evidence:   []project.Evidence{{File: i.File, Line: i.Line, Fact: i.Text}},
		Confidence: somewhere,
	}
	if i.Factory != nil {
		c.factory(t, &app, i, module)
		return app
	}
	depth := strings.Count(i.File, "/")
	if slices.Contains(c.Files, path.Base(i.File)) && (i.Name == "app" || i.Name == "application") {
		app.Confidence = usualPlace
	}
	app.Confidence -= min(depth, 4)
	return app
}

// factory describes an app that a function makes and returns: the entry is the
// function, and what calls it is evidence.
func (c Constructor) factory(t *project.Tree, app *project.App, i project.Instance, module string) {
	f, _ := t.Python(i.File)
	name := i.Factory.Name.ID
	app.Factory = name
	app.Entry = project.Entry{File: i.File, Line: f.Line(i.Factory.Pos()), Object: name}
	app.Run = module + ":" + name
	app.Confidence = insideFunction
	if returns(i.Factory, i.Name) == nil {
		return
	}
	app.Confidence = factoryName - min(strings.Count(i.File, "/"), 4)
	if name != "create_app" && name != "make_app" && name != "get_app" && name != "build_app" {
		app.Confidence -= factoryName - somewhere
	}
	for _, call := range t.Assigned(name) {
		base, module := t.ModulePath(call.File)
		app.Evidence = append(app.Evidence, project.Evidence{File: call.File, Line: call.Line, Fact: call.Text})
		if base == app.Dir && strings.Contains(app.Run, ":"+name) {
			app.Run = module + ":" + call.Name
		}
	}
}

// returns is the statement of the function's own block that returns the name.
func returns(f *pysyntax.FunctionDef, name string) pysyntax.Stmt {
	for _, s := range f.Body {
		if r, ok := s.(*pysyntax.Return); ok && r.Value != nil && pysyntax.Dotted(r.Value) == name {
			return r
		}
	}
	return nil
}

// named reports whether an entry point that a file of the project names is this
// app, the call of its factory included.
func (c Constructor) named(t *project.Tree, app project.App, i project.Instance, e project.EntryPoint) bool {
	module, object, _ := strings.Cut(e.Target, ":")
	object = strings.TrimSuffix(object, "()")
	_, own := t.ModulePath(i.File)
	if e.Target == app.Run || e.Target == i.File {
		return true
	}
	return (module == own || module == own+".py") && (object == "" || object == i.Name || object == app.Factory)
}

// Instance is the statement that makes the app, found again.
func (c Constructor) Instance(p *project.Project, app *project.App) (project.Instance, bool) {
	for _, i := range p.Tree.Instances(c.Module, c.Class) {
		if i.File != app.Entry.File {
			continue
		}
		if i.Factory == nil && i.Name == app.Entry.Object || i.Factory != nil && i.Factory.Name.ID == app.Entry.Object {
			return i, true
		}
	}
	return project.Instance{}, false
}

// clientLines make the client, as WorkOS's quickstart does, in the app's file.
var clientLines = []string{
	"workos = WorkOSClient(",
	`    api_key=os.getenv("WORKOS_API_KEY"),`,
	`    client_id=os.getenv("WORKOS_CLIENT_ID"),`,
	")",
}

// HookUp makes the module of the framework's routes and calls its init_app
// where the app is made. The argument is what init_app takes for a prefix.
func (c Constructor) HookUp(d *Draft, i project.Instance, module []byte, prefixArg string) {
	dir := path.Dir(i.File)
	base, own := d.Project.Tree.ModulePath(i.File)
	inPackage := path.Clean(dir) != base
	pkg := own
	if path.Base(i.File) != "__init__.py" {
		pkg, _, _ = cutLast(own, ".")
	}
	d.CreateModule(dir, "workos_auth", module, inPackage, "the routes /login, /callback, /logout and /account")

	init := "workos_auth.init_app(" + i.Name + ", workos"
	if d.Prefix != "" {
		init += fmt.Sprintf(", %s=%q", prefixArg, d.Prefix)
	}
	if hooked(d.Source(i.File)) {
		return
	}
	d.EditPython(i.File, "imports for the login", func(f *pysyntax.File) ([]edit.Edit, error) {
		if b := clash(f, i); b != nil {
			return nil, b.At(i.File, b.Line)
		}
		return f.AddImports("import os", "from dotenv import load_dotenv", "from workos import WorkOSClient", ImportLine(f, pkg, "workos_auth", inPackage)), nil
	})
	LoadDotenv(d, i.File)
	d.EditPython(i.File, "the client and the login routes", func(f *pysyntax.File) ([]edit.Edit, error) {
		s, place, ok := again(f, i)
		if !ok {
			return nil, problem.New("app-lost", "cannot find again where the app is made").At(i.File, i.Line)
		}
		lines := append(slices.Clone(clientLines), init+")")
		if i.Factory != nil {
			for _, parent := range slices.Backward(place.Parents) {
				def, ok := parent.(*pysyntax.FunctionDef)
				if !ok {
					continue
				}
				if r := returns(def, i.Name); r != nil {
					return []edit.Edit{f.InsertBefore(r, append(lines, "")...)}, nil
				}
				break
			}
		}
		return []edit.Edit{f.InsertAfter(configured(f, s, place, i.Name), append([]string{""}, lines...)...)}, nil
	})
}

func hooked(src []byte) bool { return strings.Contains(string(src), "workos_auth.init_app(") }

// clash is a name that the hook-up needs and that the file uses for something
// else.
func clash(f *pysyntax.File, i project.Instance) *problem.Problem {
	for _, b := range f.Bindings() {
		if b.Name != "workos" && b.Name != "workos_auth" {
			continue
		}
		return problem.New("name-taken", "the name %s is already used here, perhaps by a login with WorkOS", b.Name).
			At(i.File, f.Line(b.Pos)).
			WithFix("if that is a login, `authfit doctor` tells how it stands; otherwise rename it")
	}
	return nil
}

// again finds the statement that makes the app in a file that was edited since.
func again(f *pysyntax.File, i project.Instance) (pysyntax.Stmt, pysyntax.Place, bool) {
	for s, place := range f.Stmts() {
		if strings.Join(strings.Fields(f.Text(s)), " ") == i.Text {
			return s, place, true
		}
	}
	return nil, pysyntax.Place{}, false
}

// configured is the last of the statements directly behind s that set the app
// up: "app.config[...] = ...", "app.secret_key = ...".
func configured(f *pysyntax.File, s pysyntax.Stmt, place pysyntax.Place, name string) pysyntax.Stmt {
	for _, next := range place.Block[place.Index+1:] {
		text := f.Text(next)
		if !strings.HasPrefix(text, name+".config") && !strings.HasPrefix(text, name+".secret_key") {
			break
		}
		s = next
	}
	return s
}

// ImportLine imports a module of the same folder in the file's own style.
func ImportLine(f *pysyntax.File, pkg, module string, inPackage bool) string {
	if !inPackage {
		return "import " + module
	}
	for _, s := range f.Body {
		if from, ok := s.(*pysyntax.ImportFrom); ok && from.Level > 0 {
			return "from . import " + module
		}
	}
	return "from " + pkg + " import " + module
}

// LoadDotenv calls load_dotenv() behind the imports of a file, unless the file
// does already.
func LoadDotenv(d *Draft, name string) {
	d.EditPython(name, "read .env", func(f *pysyntax.File) ([]edit.Edit, error) {
		var last pysyntax.Stmt
		for _, s := range f.Body {
			switch s := s.(type) {
			case *pysyntax.Import, *pysyntax.ImportFrom:
				last = s
			case *pysyntax.ExprStmt:
				if call, ok := s.Value.(*pysyntax.Call); ok && strings.HasSuffix("."+pysyntax.Dotted(call.Func), ".load_dotenv") {
					return nil, nil
				}
			}
			if last != nil && !isImport(s) {
				break
			}
		}
		if last == nil {
			return nil, problem.New("no-imports", "cannot find the imports").At(name, 1)
		}
		return []edit.Edit{f.InsertAfter(last, "", "load_dotenv()")}, nil
	})
}

func isImport(s pysyntax.Stmt) bool {
	switch s.(type) {
	case *pysyntax.Import, *pysyntax.ImportFrom:
		return true
	}
	return false
}

// RefuseTaken refuses login routes whose path the app serves itself.
func (c Constructor) RefuseTaken(d *Draft, paths ...string) {
	for _, name := range d.Project.Tree.Files() {
		if path.Ext(name) != ".py" || project.Aside(name) || path.Base(name) == "workos_auth.py" {
			continue
		}
		f, _ := d.Project.Tree.Python(name)
		if f == nil {
			continue
		}
		prefixes := c.groupPrefixes(d.Project.Tree, f)
		f.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if !ok {
				return true
			}
			route, group := c.route(f, call)
			if route != "" && slices.Contains(paths, prefixes[group]+route) {
				d.RefuseAt("route-taken", name, f.Line(call.Pos()),
					"give the login another place: --url-prefix /auth", "the app has a route %s already", route)
			}
			return true
		})
	}
}

// route is the path of a call that adds a route, and the object it is added to.
func (c Constructor) route(f *pysyntax.File, call *pysyntax.Call) (route, group string) {
	attr, ok := call.Func.(*pysyntax.Attribute)
	if !ok || !slices.Contains(c.Routes, attr.Attr.ID) || call.Positional(0) == nil {
		return "", ""
	}
	route, _ = f.StringValue(call.Positional(0))
	return route, pysyntax.Dotted(attr.X)
}

// groupPrefixes are the prefixes of the groups of routes that a file makes:
// their own, and what they get where they are added to the app.
func (c Constructor) groupPrefixes(t *project.Tree, f *pysyntax.File) map[string]string {
	prefixes := map[string]string{}
	for _, s := range f.Body {
		assign, ok := s.(*pysyntax.Assign)
		if !ok || len(assign.Targets) != 1 {
			continue
		}
		call, ok := assign.Value.(*pysyntax.Call)
		if !ok || !strings.HasSuffix("."+pysyntax.Dotted(call.Func), "."+c.Groups) {
			continue
		}
		group := pysyntax.Dotted(assign.Targets[0])
		own, _ := f.StringValue(call.Keyword(c.GroupPrefix))
		prefixes[group] = c.registeredPrefix(t, group) + own
	}
	return prefixes
}

// registeredPrefix is the prefix under which any file adds a group of that
// name to the app.
func (c Constructor) registeredPrefix(t *project.Tree, group string) string {
	prefix := ""
	for _, name := range t.Files() {
		if path.Ext(name) != ".py" || project.Aside(name) {
			continue
		}
		src, err := t.Read(name)
		if err != nil || !strings.Contains(string(src), c.Register) {
			continue
		}
		f, _ := t.Python(name)
		f.Walk(func(n pysyntax.Node) bool {
			call, ok := n.(*pysyntax.Call)
			if !ok || !strings.HasSuffix("."+pysyntax.Dotted(call.Func), "."+c.Register) || call.Positional(0) == nil {
				return true
			}
			if strings.HasSuffix("."+pysyntax.Dotted(call.Positional(0)), "."+group) {
				if value, ok := f.StringValue(call.Keyword(c.GroupPrefix)); ok {
					prefix = value
				}
			}
			return true
		})
	}
	return prefix
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// RoutedAt reports whether a function is decorated as the view of a path:
// "@app.get(path)", "@app.route(path)".
func RoutedAt(f *pysyntax.File, def *pysyntax.FunctionDef, at string) bool {
	for _, d := range def.Decorators {
		call, ok := d.(*pysyntax.Call)
		if !ok || call.Positional(0) == nil {
			continue
		}
		attr, ok := call.Func.(*pysyntax.Attribute)
		if !ok || attr.Attr.ID != "route" && attr.Attr.ID != "get" {
			continue
		}
		if rule, ok := f.StringValue(call.Positional(0)); ok && rule == at {
			return true
		}
	}
	return false
}
