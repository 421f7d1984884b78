package authkit

import (
	"slices"
	"strings"

	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// A Route is a path that the app serves.
type Route struct {
	File string
	Line int
	Path string // with the prefixes of its groups
	// View is the function that the route decorates; nil for other routes.
	View *pysyntax.FunctionDef
	// Class is the class that it decorates, as some extensions have it.
	Class *pysyntax.ClassDef
	// Method is the name of what makes the route, and Call the call of it:
	// "get" in "@app.get(...)".
	Method string
	Call   *pysyntax.Call
	// Steps are the calls that hold for all routes of the groups that it is in,
	// innermost first: what makes a group, and what adds it to another or to the
	// app, and at the end what makes the app.
	Steps []Step
	text  string // of the view, decorators included
}

// A Step is a call that is about all routes of a group or app.
type Step struct {
	File   string
	Call   *pysyntax.Call
	Group  string // see Survey.Group
	Prefix string // what the paths of its routes begin with
	// Writes says that the last part of the prefix is written in this call.
	Writes bool
}

// In finds the view again in its file, which was edited elsewhere since.
func (r *Route) In(f *pysyntax.File) *pysyntax.FunctionDef {
	for s := range f.Stmts() {
		if def, ok := s.(*pysyntax.FunctionDef); ok && wholeText(f, def) == r.text {
			return def
		}
	}
	return nil
}

// wholeText is a function's source from its first decorator on.
func wholeText(f *pysyntax.File, def *pysyntax.FunctionDef) string {
	var text strings.Builder
	for _, d := range def.Decorators {
		text.WriteString(f.Text(d) + "\n")
	}
	return text.String() + f.Text(def)
}

// routes are those of the project's own files, the app's own file first. What
// other apps of the project serve, mounted below a path or on their own, is not
// among them.
func (c Constructor) routes(d *Draft) []Route { return c.survey(d, c.Routes).Routes }

// Survey finds all of the app's routes, and what can be seen of those that are
// computed. It takes no call for a route that only has the name of one, such as
// that of an HTTP client.
func (c Constructor) Survey(d *Draft) Survey {
	s := c.survey(d, slices.Concat(c.Routes, c.MoreRoutes))
	s.Routes = slices.DeleteFunc(s.Routes, func(r Route) bool { return !r.certain() })
	return s
}

// A Survey is what is to be seen of an app's routes without running it.
type Survey struct {
	Routes []Route
	Unseen []project.Evidence // routes and prefixes that are computed
	// Generated is the file of the login's routes; empty where there is none.
	Generated string

	names  *names
	groups groups
}

// certain reports whether the call makes a route for sure: it decorates
// something, or its name leaves no doubt.
func (r *Route) certain() bool {
	return r.View != nil || r.Class != nil || strings.HasPrefix(r.Method, "add_")
}

func (c Constructor) survey(d *Draft, methods []string) Survey {
	names := newNames(d.Project.Tree)
	s := Survey{names: names, groups: c.groups(d, names), Generated: generatedFile(d)}
	for _, method := range methods {
		names.calls(method, func(name string, f *pysyntax.File, call *pysyntax.Call) {
			attr, ok := call.Func.(*pysyntax.Attribute)
			if !ok || attr.Attr.ID != method {
				return
			}
			owner := s.groups.owner(names, name, attr.X)
			if s.groups.others[owner] {
				return
			}
			r := Route{File: name, Line: f.Line(call.Pos()), Method: method, Call: call}
			if r.View, r.Class = viewOf(f, call); r.View != nil {
				r.text = wholeText(f, r.View)
			}
			path := argument(call, 0, "path")
			if path == nil {
				path = call.Keyword("rule")
			}
			rule, ok := names.text(name, f, path, 5)
			if !ok {
				if r.certain() && path != nil && !d.generatedRoutes(name) {
					s.Unseen = append(s.Unseen, evidence(name, f, call))
				}
				return
			}
			for _, w := range s.groups.ways(owner, 10) {
				r.Path, r.Steps = w.prefix+rule, w.steps
				s.Routes = append(s.Routes, r)
			}
		})
	}
	s.Unseen = append(s.Unseen, s.groups.computed...)
	isOwn := func(r Route) bool { return r.File == d.App.Entry.File }
	own := slices.DeleteFunc(slices.Clone(s.Routes), func(r Route) bool { return !isOwn(r) })
	s.Routes = append(own, slices.DeleteFunc(s.Routes, isOwn)...)
	return s
}

func evidence(file string, f *pysyntax.File, n pysyntax.Node) project.Evidence {
	return project.Evidence{File: file, Line: f.Line(n.Pos()), Fact: strings.Join(strings.Fields(f.Text(n)), " ")}
}

// Definition finds the def or class that a name in a file means, and its file.
// It is nil where that is not in the project.
func (s Survey) Definition(file, dotted string) (string, pysyntax.Stmt) {
	at, ok := s.names.resolve(file, dotted)
	if !ok { // a name of a function's own
		at = object{file, dotted}
	}
	f, _ := s.names.tree.Python(at.file)
	if f == nil {
		return "", nil
	}
	for stmt, place := range f.Stmts() {
		if slices.ContainsFunc(place.Parents, func(p pysyntax.Stmt) bool { _, in := p.(*pysyntax.ClassDef); return in }) {
			continue
		}
		switch stmt := stmt.(type) {
		case *pysyntax.FunctionDef:
			if stmt.Name.ID == at.name {
				return at.file, stmt
			}
		case *pysyntax.ClassDef:
			if stmt.Name.ID == at.name {
				return at.file, stmt
			}
		}
	}
	return "", nil
}

// Value is what a name in a file is given, in a function too, and in which file.
func (s Survey) Value(file, dotted string) (string, pysyntax.Expr) {
	return s.names.value(file, dotted)
}

// File is a file of the project, parsed.
func (s Survey) File(name string) *pysyntax.File {
	f, _ := s.names.tree.Python(name)
	return f
}

// Group is what a Step calls the group of routes that an expression in a file
// means; empty for the app.
func (s Survey) Group(file string, e pysyntax.Expr) string {
	owner := s.groups.owner(s.names, file, e)
	if s.groups.apps[owner] != nil {
		return ""
	}
	return owner.key()
}

// Login reports whether a file is the generated one.
func (s Survey) Login(file string) bool { return s.Generated != "" && file == s.Generated }

// Module says how the project's files import the generated module.
func (s Survey) Module(d *Draft, g Guards) Module {
	return Module{
		Guards: g, File: s.Generated,
		Is: func(file string, level int, module string) bool {
			at, ok := s.names.moduleFile(file, level, module)
			return ok && at == s.Generated
		},
		Line: func(f *pysyntax.File, file, member string) (string, bool) {
			line, ok := ImportRoutes(d.App, f, file)
			return ImportMember(line, authModule, member), ok
		},
	}
}

// viewOf is the function or class that the call decorates.
func viewOf(f *pysyntax.File, call *pysyntax.Call) (*pysyntax.FunctionDef, *pysyntax.ClassDef) {
	for s := range f.Stmts() {
		switch s := s.(type) {
		case *pysyntax.FunctionDef:
			if slices.Contains(s.Decorators, pysyntax.Expr(call)) {
				return s, nil
			}
		case *pysyntax.ClassDef:
			if slices.Contains(s.Decorators, pysyntax.Expr(call)) {
				return nil, s
			}
		}
	}
	return nil, nil
}

// refuseTaken refuses login routes whose path the app serves itself.
func (c Constructor) refuseTaken(d *Draft) {
	paths := []string{d.Prefix + "/login", d.Prefix + "/callback", d.Prefix + "/logout", d.Prefix + "/account"}
	for _, r := range c.routes(d) {
		if generated(d, r.File) || !slices.Contains(paths, strings.TrimSuffix(r.Path, "/")) {
			continue
		}
		d.RefuseAt("route-taken", r.File, r.Line,
			"give the login another place: --url-prefix /auth", "the app has a route %s already", r.Path)
	}
}

// Home is the view of "/", or nil: what the route decorates, or what it names,
// of which File and Line are then told.
func (c Constructor) Home(d *Draft) *Route {
	s := c.survey(d, c.Routes)
	for _, r := range s.Routes {
		if r.Path != "/" {
			continue
		}
		if r.View == nil {
			s.named(&r)
		}
		if r.View != nil {
			return &r
		}
	}
	return nil
}

// named finds the view that a route's call names: add_url_rule("/", view_func=home),
// or Home.as_view("home"), of which it is the method for GET.
func (s Survey) named(r *Route) {
	for _, e := range []pysyntax.Expr{r.Call.Keyword("view_func"), r.Call.Positional(2), r.Call.Keyword("endpoint"), r.Call.Positional(1)} {
		made, methods := e.(*pysyntax.Call)
		if methods {
			attr, ok := made.Func.(*pysyntax.Attribute)
			if !ok || attr.Attr.ID != "as_view" {
				continue
			}
			e = attr.X
		}
		name := pysyntax.Dotted(e)
		if name == "" {
			continue
		}
		file, def := s.Definition(r.File, name)
		view, _ := def.(*pysyntax.FunctionDef)
		if class, ok := def.(*pysyntax.ClassDef); ok && methods {
			for _, m := range class.Body {
				if def, ok := m.(*pysyntax.FunctionDef); ok && (def.Name.ID == "get" || def.Name.ID == "dispatch_request") {
					view = def
				}
			}
		}
		if view != nil {
			f := s.File(file)
			r.File, r.Line, r.View, r.text = file, f.Line(view.Pos()), view, wholeText(f, view)
			return
		}
	}
}

// groups are the groups of routes and how they come to their prefixes.
type groups struct {
	own        map[object]group
	registered map[object][]registration
	override   bool
	apps       map[object][]Step // what makes an app; those of object{} are the chosen one's
	others     map[object]bool   // the project's other apps
	instances  []project.Instance
	computed   []project.Evidence // prefixes that are not to be seen
}

// A group is one Blueprint or APIRouter, with the prefix of its own.
type group struct {
	prefix string
	file   string
	call   *pysyntax.Call
}

// A registration adds a group to an app or to another group.
type registration struct {
	owner  object
	prefix string
	given  bool // there is an argument for the prefix
	file   string
	call   *pysyntax.Call
}

func (c Constructor) groups(d *Draft, names *names) groups {
	tree := names.tree
	g := groups{
		own: map[object]group{}, registered: map[object][]registration{}, override: c.Override,
		apps: map[object][]Step{}, others: map[object]bool{},
	}
	for _, i := range tree.Instances(c.Module, c.Class) {
		g.instances = append(g.instances, i)
		if i.Factory == nil && (i.File != d.App.Entry.File || i.Name != d.App.Entry.Object) {
			g.others[object{i.File, i.Name}] = true
		}
	}
	for _, i := range c.instances(d) {
		at := object{i.File, i.Name}
		step := Step{File: i.File, Call: i.Call, Group: ""}
		g.apps[at] = append(g.apps[at], step)
		g.apps[object{}] = append(g.apps[object{}], step)
	}
	for _, i := range tree.Instances(c.Module, c.Groups) {
		g.instances = append(g.instances, i)
		f, _ := tree.Python(i.File)
		prefix, _ := g.prefixOf(names, i.File, f, i.Call, c.GroupPrefix)
		g.own[object{i.File, i.Name}] = group{prefix, i.File, i.Call}
	}
	names.calls(c.Register, func(name string, f *pysyntax.File, call *pysyntax.Call) {
		attr, ok := call.Func.(*pysyntax.Attribute)
		if !ok || call.Positional(0) == nil {
			return
		}
		added := g.owner(names, name, call.Positional(0))
		if added == (object{}) {
			if dotted := pysyntax.Dotted(call.Positional(0)); strings.Contains(Origin(f, dotted), ".") {
				g.computed = append(g.computed, evidence(name, f, call)) // of an installed package
			}
			return
		}
		r := registration{owner: g.owner(names, name, attr.X), file: name, call: call}
		if d.generatedRoutes(name) {
			r.prefix, r.given = c.loginPrefix(d)
		} else {
			r.prefix, r.given = g.prefixOf(names, name, f, call, c.GroupPrefix)
		}
		g.registered[added] = append(g.registered[added], r)
	})
	return g
}

// owner is the app or group that an expression in a file means. One that a
// function of the file makes is known by its name alone.
func (g groups) owner(names *names, file string, e pysyntax.Expr) object {
	dotted := pysyntax.Dotted(e)
	if at, ok := names.resolve(file, dotted); ok {
		return at
	}
	if slices.ContainsFunc(g.instances, func(i project.Instance) bool { return i.File == file && i.Name == dotted && dotted != "" }) {
		return object{file, dotted}
	}
	return object{}
}

// key is what a Step calls the object.
func (o object) key() string { return o.file + ":" + o.name }

// loginPrefix is what the app's file gives init_app for the paths of the login.
func (c Constructor) loginPrefix(d *Draft) (prefix string, given bool) {
	f, _ := d.Project.Tree.Python(d.App.Entry.File)
	if f == nil {
		return "", false
	}
	callsIn(f, "init_app", func(call *pysyntax.Call) {
		if pysyntax.Dotted(call.Func) == authModule+".init_app" {
			for _, a := range call.Args {
				if text, ok := f.StringValue(a.Value); ok && strings.HasPrefix(text, "/") {
					prefix, given = text, true
				}
			}
		}
	})
	return prefix, given
}

// prefixOf is a call's argument for a prefix, and whether there is one. What is
// computed stands in braces, as it is written.
func (g *groups) prefixOf(names *names, file string, f *pysyntax.File, call *pysyntax.Call, name string) (string, bool) {
	value := call.Keyword(name)
	if value == nil || f.Text(value) == "None" {
		return "", false
	}
	if prefix, ok := names.text(file, f, value, 5); ok {
		return prefix, true
	}
	g.computed = append(g.computed, evidence(file, f, call))
	return "{" + f.Text(value) + "}", true
}

// A way is how the routes of a group come to be served.
type way struct {
	prefix string
	steps  []Step
}

// ways are those of a group's routes: one for each place where it is
// registered. An app's routes have no prefix.
func (g groups) ways(at object, hops int) []way {
	own, known := g.own[at]
	if !known || hops == 0 {
		steps := g.apps[at]
		if steps == nil {
			steps = g.apps[object{}] // the app is a parameter, or made elsewhere
		}
		return []way{{steps: steps}}
	}
	made := Step{File: own.file, Call: own.call, Group: at.key(), Prefix: own.prefix, Writes: own.prefix != ""}
	registered := g.registered[at]
	if registered == nil {
		return []way{{own.prefix, []Step{made}}} // registered where it cannot be seen: in a loop, for instance
	}
	var out []way
	for _, r := range registered {
		if g.others[r.owner] {
			continue
		}
		here := r.prefix + own.prefix
		if g.override && r.given {
			here = r.prefix
		}
		for _, outer := range g.ways(r.owner, hops-1) {
			w := way{prefix: outer.prefix + here}
			made.Prefix = w.prefix
			added := Step{File: r.file, Call: r.call, Group: at.key(), Prefix: w.prefix, Writes: r.given && own.prefix == ""}
			w.steps = append([]Step{made, added}, outer.steps...)
			out = append(out, w)
		}
	}
	return out
}

// IsText reports whether an expression is sure to be a str that can be added to.
func IsText(e pysyntax.Expr) bool {
	switch e := e.(type) {
	case *pysyntax.String:
		return !strings.ContainsAny(e.Parts[0].Prefix, "bBtT")
	case *pysyntax.BinOp:
		return IsText(e.X) && (e.Op == "+" || e.Op == "%") || IsText(e.Y) && e.Op == "+"
	case *pysyntax.Call:
		if method, ok := e.Func.(*pysyntax.Attribute); ok && IsText(method.X) {
			return method.Attr.ID == "format" || method.Attr.ID == "join"
		}
		return strings.HasSuffix("."+pysyntax.Dotted(e.Func), ".render_template_string")
	}
	return false
}
