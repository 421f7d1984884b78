package recipe

import (
	"cmp"
	"path"
	"slices"

	"authfit/internal/project"
)

// otherFrameworks are web frameworks that have no room: the class whose object
// is the app, by the module it is imported from.
var otherFrameworks = []struct{ name, module, class string }{
	{"starlette", "starlette", "Starlette"},
	{"quart", "quart", "Quart"},
	{"litestar", "litestar", "Litestar"},
	{"aiohttp", "aiohttp.web", "Application"},
	{"tornado", "tornado.web", "Application"},
	{"bottle", "bottle", "Bottle"},
	{"sanic", "sanic", "Sanic"},
	{"falcon", "falcon", "App"},
	{"falcon", "falcon.asgi", "App"},
	{"pyramid", "pyramid", "Configurator"},
	{"blacksheep", "blacksheep", "Application"},
	{"robyn", "robyn", "Robyn"},
	{"dash", "dash", "Dash"},
	{"connexion", "connexion", "FlaskApp"},
	{"connexion", "connexion", "AsyncApp"},
	{"connexion", "connexion", "App"},
	{"apiflask", "apiflask", "APIFlask"},
	{"flask-openapi3", "flask_openapi3", "OpenAPI"},
	{"chalice", "chalice", "Chalice"},
	{"esmerald", "esmerald", "Esmerald"},
	{"baize", "baize.asgi", "Router"},
	{"emmett", "emmett", "App"},
	{"muffin", "muffin", "Application"},
	{"masonite", "masonite.foundation", "Application"},
	{"reflex", "reflex", "App"},
	{"morepath", "morepath", "App"},
}

// wholeModules are web frameworks that a script uses without making an app.
var wholeModules = []string{
	"bottle", "cherrypy", "streamlit", "gradio", "nicegui", "fasthtml", "chainlit", "panel", "solara", "flet", "pywebio",
	"odoo", "frappe",
}

// alone are libraries that count as a framework only where there is no other:
// what is made with one uses them, too.
var alone = []string{"web", "tg", "tornado", "aiohttp.web", "pyramid", "starlette", "werkzeug"}

// properNames are those of frameworks whose module is called otherwise.
var properNames = map[string]string{"web": "web.py", "tg": "turbogears", "aiohttp.web": "aiohttp"}

// isFramework says whether a name is that of a framework: what such a project
// makes an app for is not to be served by it.
func isFramework(name string) bool {
	return name != "" && (slices.Contains(wholeModules, name) || slices.ContainsFunc(otherFrameworks, func(o struct{ name, module, class string }) bool { return o.name == name }))
}

// others are the apps of frameworks without a room. They are named so that they
// are refused, and not taken for a project without a framework. known says that
// there are apps of frameworks that have a room.
func others(p *project.Project, known bool) []project.App {
	var apps []project.App
	for _, o := range otherFrameworks {
		for _, i := range p.Tree.Calls(o.module, o.class) {
			dir, module := p.Tree.ModulePath(i.File)
			entry := project.Entry{File: i.File, Line: i.Line, Object: i.Name}
			factory := ""
			if i.Factory != nil && i.Name == "" {
				f, _ := p.Tree.Python(i.File)
				factory = i.Factory.Name.ID
				entry.Line, entry.Object = f.Line(i.Factory.Pos()), factory
			}
			run := module + ":" + entry.Object
			if i.InClass {
				run = ""
			}
			apps = append(apps, project.App{
				Framework:  "other:" + o.name,
				Dir:        dir,
				Entry:      entry,
				Factory:    factory,
				Run:        run,
				Evidence:   []project.Evidence{{File: i.File, Line: i.Line, Fact: i.Text}},
				Confidence: 10,
			})
		}
	}
	if len(apps) > 0 {
		return apps
	}
	modules := wholeModules
	if !known && !slices.ContainsFunc([]string{"flask", "fastapi", "django"}, p.Tree.Imported) {
		modules = slices.Concat(wholeModules, alone)
	}
	for _, module := range modules {
		name := cmp.Or(properNames[module], module)
		seen := p.Tree.Importers(module)
		if len(seen) == 0 || project.NormalizeName(p.Name) == name {
			continue
		}
		return []project.App{{
			Framework:  "other:" + name,
			Dir:        path.Dir(seen[0].File),
			Entry:      project.Entry{File: seen[0].File, Line: seen[0].Line},
			Evidence:   seen[:1],
			Confidence: 10,
		}}
	}
	return nil
}
