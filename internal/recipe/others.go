package recipe

import (
	"path"

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
}

// wholeModules are web frameworks that a script uses without making an app.
var wholeModules = []string{"bottle", "cherrypy", "streamlit", "gradio", "nicegui", "web"}

// others are the apps of frameworks without a room. They are named so that they
// are refused, and not taken for a project without a framework.
func others(p *project.Project) []project.App {
	var apps []project.App
	for _, o := range otherFrameworks {
		for _, i := range p.Tree.Instances(o.module, o.class) {
			dir, module := p.Tree.ModulePath(i.File)
			apps = append(apps, project.App{
				Framework:  "other:" + o.name,
				Dir:        dir,
				Entry:      project.Entry{File: i.File, Line: i.Line, Object: i.Name},
				Run:        module + ":" + i.Name,
				Evidence:   []project.Evidence{{File: i.File, Line: i.Line, Fact: i.Text}},
				Confidence: 10,
			})
		}
	}
	if len(apps) > 0 {
		return apps
	}
	for _, module := range wholeModules {
		seen := p.Tree.Importers(module)
		if len(seen) == 0 {
			continue
		}
		if module == "web" {
			module = "web.py"
		}
		return []project.App{{
			Framework:  "other:" + module,
			Dir:        path.Dir(seen[0].File),
			Entry:      project.Entry{File: seen[0].File, Line: seen[0].Line},
			Evidence:   seen[:1],
			Confidence: 10,
		}}
	}
	return nil
}
