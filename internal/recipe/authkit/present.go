package authkit

import (
	"slices"
	"strings"

	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// loginPaths are the paths that a login wants, and loginViews the names that
// people give to its views.
var (
	loginPaths = []string{"/login", "/callback", "/logout", "/account"}
	loginViews = []string{"login", "logout", "callback"}
)

// Present finds what the app has that a login will meet: routes and views of
// those names, its templates, files served everywhere, a secret key, a prefix.
func (c Constructor) Present(p *project.Project, app *project.App) []project.Present {
	var out []project.Present
	add := func(kind, name string, e project.Evidence) {
		if !slices.ContainsFunc(out, func(q project.Present) bool { return q.Kind == kind && q.Name == name }) {
			out = append(out, project.Present{Kind: kind, Name: name, Evidence: e})
		}
	}
	d := &Draft{Project: p, App: app}
	for _, r := range c.routes(d) {
		at := project.Evidence{File: r.File, Line: r.Line, Fact: "route " + r.Path}
		if generated(d, r.File) {
			continue
		}
		if clean := strings.TrimSuffix(r.Path, "/"); slices.Contains(loginPaths, clean) {
			add("route", clean, at)
		}
		if r.View != nil && slices.Contains(loginViews, r.View.Name.ID) {
			at.Fact = "def " + r.View.Name.ID
			add("view", r.View.Name.ID, at)
		}
	}
	c.presentIn(p.Tree, app, add)
	TemplatesPresent(p.Tree, app, "Jinja", add)
	return out
}

// presentIn looks at the files that make and set up apps.
func (c Constructor) presentIn(t *project.Tree, app *project.App, add func(kind, name string, e project.Evidence)) {
	for name, f := range t.Importing(c.Module) {
		at := func(n pysyntax.Node) project.Evidence {
			return project.Evidence{File: name, Line: f.Line(n.Pos()), Fact: strings.Join(strings.Fields(f.Text(n)), " ")}
		}
		callsIn(f, c.Class, func(call *pysyntax.Call) {
			if call.Keyword("root_path") != nil {
				add("proxy", "root_path", at(call.Keyword("root_path")))
			}
		})
		if c.Mount != "" {
			callsIn(f, c.Mount, func(call *pysyntax.Call) {
				inner, ok := argument(call, 1, "app").(*pysyntax.Call)
				where, _ := f.StringValue(argument(call, 0, "path"))
				if ok && (where == "/" || where == "") && strings.HasSuffix("."+pysyntax.Dotted(inner.Func), ".StaticFiles") {
					add("static", "/", at(call))
				}
			})
		}
		for s := range f.Stmts() {
			assign, ok := s.(*pysyntax.Assign)
			if !ok || len(assign.Targets) != 1 {
				continue
			}
			key := ""
			switch target := assign.Targets[0].(type) {
			case *pysyntax.Attribute:
				key = target.Attr.ID
			case *pysyntax.Subscript:
				if key, ok = f.StringValue(target.Index); !ok || !strings.HasSuffix("."+pysyntax.Dotted(target.X), ".config") {
					continue
				}
			default:
				continue
			}
			line := project.Evidence{File: name, Line: f.Line(s.Pos()), Fact: f.Text(assign.Targets[0])} // the value may be a secret
			switch {
			case key == "secret_key" || key == "SECRET_KEY":
				add("session", "secret key", line)
			case key == "APPLICATION_ROOT":
				add("proxy", key, line)
			}
		}
	}
}

// TemplatesPresent finds the base template, or says that there is none. The
// engine is the one whose language templates are in.
func TemplatesPresent(t *project.Tree, app *project.App, engine string, add func(kind, name string, e project.Evidence)) {
	base, ok := BaseTemplate(t, app.Entry.File, "")
	if !ok {
		add("templates", "none", project.Evidence{File: app.Entry.File, Line: app.Entry.Line, Fact: "no page with a body in a folder templates: an API only"})
		return
	}
	nav := NavTemplate(t, base)
	src, err := t.Read(nav)
	if err != nil {
		return
	}
	line, fact := 1, engine+": the page's frame"
	if loc := navRegion.FindIndex(blank(src)); loc != nil {
		line, fact = strings.Count(string(src[:loc[0]]), "\n")+1, engine+": the page's navigation"
	}
	add("templates", nav, project.Evidence{File: nav, Line: line, Fact: fact})
}
