package authkit

import (
	"cmp"
	"path"
	"slices"
	"strings"

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
	// MoreRoutes are those whose routes a login cannot meet: "put", "websocket".
	MoreRoutes []string
	// Groups is the class of a group of routes, GroupPrefix the argument for
	// its paths' prefix, and Register the method that adds it to an app or to
	// another group: Blueprint, url_prefix and register_blueprint.
	Groups, GroupPrefix, Register string
	// Override says that a prefix given to Register takes the place of the
	// group's own, and is not put before it.
	Override bool
	// Async says that the login is to use the SDK's async client.
	Async bool
	// Mount is the method that serves one app below a path of another: "mount".
	Mount string
	// Dispatcher is the class that does so outside of the framework, for a
	// mapping of paths to apps: "DispatcherMiddleware".
	Dispatcher string
}

// The confidence in an app, the surest first.
const (
	namedElsewhere = 100 // a Procfile, Dockerfile or setting names it
	usualPlace     = 50  // where the framework itself would look
	factoryName    = 40
	somewhere      = 10
	insideFunction = 5
	mountedBelow   = -20
)

// Find gives the apps of the framework, the surest first.
func (c Constructor) Find(p *project.Project) []project.App {
	instances := p.Tree.Instances(c.Module, c.Class)
	if instances == nil {
		return nil
	}
	names := newNames(p.Tree)
	mounted := c.mounted(names, instances)
	var apps []project.App
	for _, i := range instances {
		app := c.app(names, i)
		for _, e := range names.entries {
			if names.names(e, app, i) {
				app.Confidence += namedElsewhere
				app.Evidence = append(app.Evidence, project.Evidence{File: e.File, Line: e.Line, Fact: e.Kind + " starts " + e.Target})
			}
		}
		if at, ok := mounted[object{i.File, i.Name}]; ok {
			app.Confidence = mountedBelow // the outer app is what a server is given
			app.Evidence = append(app.Evidence, at)
		}
		same := func(other project.App) bool {
			return other.Entry.File == app.Entry.File && other.Entry.Object == app.Entry.Object
		}
		if !slices.ContainsFunc(apps, same) { // the branches of an if make one app
			apps = append(apps, app)
		}
	}
	slices.SortStableFunc(apps, func(a, b project.App) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return apps
}

func (c Constructor) app(names *names, i project.Instance) project.App {
	base, module := names.module(i.File)
	app := project.App{
		Framework:  c.Framework,
		Dir:        base,
		Entry:      project.Entry{File: i.File, Line: i.Line, Object: i.Name},
		Run:        module + ":" + i.Name,
		Evidence:   []project.Evidence{{File: i.File, Line: i.Line, Fact: i.Text}},
		Confidence: somewhere,
	}
	if i.Factory != nil {
		c.factory(names, &app, i, module)
		return app
	}
	if slices.Contains(c.Files, path.Base(i.File)) && (i.Name == "app" || i.Name == "application") {
		app.Confidence = usualPlace
	}
	app.Confidence -= depth(i.File)
	return app
}

// depth makes what lies deep in the tree a little less likely.
func depth(file string) int { return min(strings.Count(file, "/"), 4) }

// factory describes an app that a function makes and returns: the entry is the
// function, and what calls it is evidence.
func (c Constructor) factory(names *names, app *project.App, i project.Instance, module string) {
	f, _ := names.tree.Python(i.File)
	name := i.Factory.Name.ID
	app.Factory = name
	app.Entry = project.Entry{File: i.File, Line: f.Line(i.Factory.Pos()), Object: name}
	app.Run = module + ":" + name
	app.Confidence = insideFunction
	if i.Name != "" && !returns(i.Factory, i.Name) {
		return
	}
	app.Confidence = factoryName
	if name != "create_app" && name != "make_app" && name != "get_app" && name != "build_app" {
		app.Confidence = somewhere
	}
	app.Confidence -= depth(i.File)
	best := -1
	if slices.ContainsFunc(names.entries, func(e project.EntryPoint) bool { return e.Target == app.Run && e.Factory }) {
		best = namedElsewhere // a server calls it by itself
	}
	for _, call := range names.tree.Assigned(i.File, name) {
		called := pysyntax.Dotted(call.Call.Func)
		if at, ok := names.resolve(call.File, called); ok && at != (object{i.File, name}) {
			continue // another function of that name
		}
		app.Evidence = append(app.Evidence, project.Evidence{File: call.File, Line: call.Line, Fact: call.Text})
		base, module := names.module(call.File)
		run := module + ":" + call.Name
		sure := 10 - depth(call.File)
		if slices.Contains(c.Files, path.Base(call.File)) || slices.Contains(servedFrom, path.Base(call.File)) {
			sure += usualPlace
		}
		if slices.ContainsFunc(names.entries, func(e project.EntryPoint) bool { return e.Target == run || e.Target == module }) {
			sure += namedElsewhere
		}
		if base == app.Dir && sure > best { // a worker may make an app of its own, further down
			best, app.Run = sure, run
		}
	}
}

// servedFrom are files in which people call a factory for a server.
var servedFrom = []string{"wsgi.py", "asgi.py", "main.py", "app.py", "server.py", "run.py"}

// returns reports whether a function returns a name, somewhere in its own body.
func returns(f *pysyntax.FunctionDef, name string) bool {
	found := false
	for _, s := range f.Body {
		pysyntax.Walk(s, func(n pysyntax.Node) bool {
			switch n := n.(type) {
			case *pysyntax.FunctionDef, *pysyntax.ClassDef, *pysyntax.Lambda:
				return false
			case *pysyntax.Return:
				found = found || n.Value != nil && pysyntax.Dotted(n.Value) == name
			}
			return true
		})
	}
	return found
}

// mounted are the apps that are served below a path of another app, each with
// the place where that is done.
func (c Constructor) mounted(names *names, apps []project.Instance) map[object]project.Evidence {
	found := map[object]project.Evidence{}
	if len(apps) < 2 {
		return found
	}
	var files []string
	for _, app := range apps {
		files = append(files, app.File)
	}
	for name, f := range names.tree.Using(files...) {
		below := func(call *pysyntax.Call, app pysyntax.Expr) {
			if at, ok := names.resolve(name, strings.TrimSuffix(pysyntax.Dotted(app), ".wsgi_app")); ok {
				found[at] = project.Evidence{File: name, Line: f.Line(call.Pos()), Fact: strings.Join(strings.Fields(f.Text(call)), " ")}
			}
		}
		if c.Mount != "" {
			callsIn(f, c.Mount, func(call *pysyntax.Call) { below(call, argument(call, 1, "app")) })
		}
		if c.Dispatcher != "" {
			callsIn(f, c.Dispatcher, func(call *pysyntax.Call) {
				if mounts, ok := argument(call, 1, "mounts").(*pysyntax.Dict); ok {
					for _, app := range mounts.Values {
						below(call, app)
					}
				}
			})
		}
	}
	return found
}

// Root is the path below which the app serves itself, by a middleware around its
// wsgi_app: DispatcherMiddleware(NotFound(), {"/shop": app.wsgi_app}), or one of
// the project's own that is given a prefix. It is empty at the root.
func (c Constructor) Root(d *Draft) string {
	made := c.instances(d)
	if made == nil {
		return ""
	}
	names := newNames(d.Project.Tree)
	for name, f := range d.Project.Tree.Sources("wsgi_app") {
		for s := range f.Stmts() {
			assign, ok := s.(*pysyntax.Assign)
			if !ok {
				continue
			}
			target := pysyntax.Dotted(assign.Targets[0])
			app, ok := strings.CutSuffix(target, ".wsgi_app")
			wrap, called := assign.Value.(*pysyntax.Call)
			if !ok || !called || name != made[0].File && made[0].Factory != nil {
				continue
			}
			if at, _ := names.resolve(name, app); at != (object{made[0].File, made[0].Name}) && (name != made[0].File || app != made[0].Name) {
				continue
			}
			if mounts, ok := argument(wrap, 1, "mounts").(*pysyntax.Dict); ok && strings.HasSuffix("."+pysyntax.Dotted(wrap.Func), "."+c.Dispatcher) {
				for i, below := range mounts.Values {
					if path, ok := f.StringValue(mounts.Keys[i]); ok && pysyntax.Dotted(below) == target {
						return strings.TrimSuffix(path, "/")
					}
				}
			}
			for _, keyword := range []string{"prefix", "script_name"} {
				if path, ok := f.StringValue(wrap.Keyword(keyword)); ok && strings.HasPrefix(path, "/") {
					return strings.TrimSuffix(path, "/")
				}
			}
		}
	}
	return ""
}

// argument is the one that a call gives by place or by name, or nil.
func argument(call *pysyntax.Call, place int, name string) pysyntax.Expr {
	if value := call.Positional(place); value != nil {
		return value
	}
	return call.Keyword(name)
}

// instances are the statements that make the app: more than one where each
// branch of an if makes its own.
func (c Constructor) instances(d *Draft) []project.Instance {
	var found []project.Instance
	for _, i := range d.Project.Tree.Instances(c.Module, c.Class) {
		object := i.Name
		if i.Factory != nil {
			object = i.Factory.Name.ID
		}
		if i.File == d.App.Entry.File && object == d.App.Entry.Object && (found == nil || i.Name == found[0].Name) {
			found = append(found, i)
		}
	}
	return found
}
