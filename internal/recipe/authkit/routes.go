package authkit

import (
	"slices"
	"strings"

	"authfit/internal/pysyntax"
)

// A Route is a path that the app serves.
type Route struct {
	File string
	Line int
	Path string // with the prefixes of its groups
	// View is the function that the route decorates; nil for other routes.
	View *pysyntax.FunctionDef
	text string // of the view, decorators included
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

// unknown stands for a part of a path that is not written out in the code.
const unknown = "\x00"

// routes are those of the project's own files, the app's own file first. What
// other apps of the project serve, mounted below a path or on their own, is not
// among them.
func (c Constructor) routes(d *Draft) []Route {
	names := newNames(d.Project.Tree)
	groups := c.groups(names)
	others := map[object]bool{}
	for _, i := range d.Project.Tree.Instances(c.Module, c.Class) {
		if i.Factory == nil && (i.File != d.App.Entry.File || i.Name != d.App.Entry.Object) {
			others[object{i.File, i.Name}] = true
		}
	}
	var found []Route
	for _, method := range c.Routes {
		names.calls(method, func(name string, f *pysyntax.File, call *pysyntax.Call) {
			attr, ok := call.Func.(*pysyntax.Attribute)
			if !ok || attr.Attr.ID != method {
				return
			}
			rule, ok := f.StringValue(argument(call, 0, "path"))
			if !ok {
				rule, ok = f.StringValue(call.Keyword("rule"))
			}
			if !ok {
				return
			}
			owner, _ := names.resolve(name, pysyntax.Dotted(attr.X))
			if others[owner] {
				return
			}
			r := Route{File: name, Line: f.Line(call.Pos())}
			if r.View = viewOf(f, call); r.View != nil {
				r.text = wholeText(f, r.View)
			}
			for _, prefix := range groups.prefixes(owner, 10) {
				r.Path = prefix + rule
				found = append(found, r)
			}
		})
	}
	isOwn := func(r Route) bool { return r.File == d.App.Entry.File }
	own := slices.DeleteFunc(slices.Clone(found), func(r Route) bool { return !isOwn(r) })
	return append(own, slices.DeleteFunc(found, isOwn)...)
}

// viewOf is the function that the call decorates.
func viewOf(f *pysyntax.File, call *pysyntax.Call) *pysyntax.FunctionDef {
	for s := range f.Stmts() {
		if def, ok := s.(*pysyntax.FunctionDef); ok && slices.Contains(def.Decorators, pysyntax.Expr(call)) {
			return def
		}
	}
	return nil
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

// Home is the view of "/", or nil.
func (c Constructor) Home(d *Draft) *Route {
	for _, r := range c.routes(d) {
		if r.Path == "/" && r.View != nil {
			return &r
		}
	}
	return nil
}

// groups are the groups of routes and how they come to their prefixes.
type groups struct {
	own        map[object]string
	registered map[object][]registration
	override   bool
}

// A registration adds a group to an app or to another group.
type registration struct {
	owner  object
	prefix string
	given  bool // there is an argument for the prefix
}

func (c Constructor) groups(names *names) groups {
	g := groups{own: map[object]string{}, registered: map[object][]registration{}, override: c.Override}
	for _, i := range names.tree.Instances(c.Module, c.Groups) {
		f, _ := names.tree.Python(i.File)
		g.own[object{i.File, i.Name}], _ = prefixOf(f, i.Call, c.GroupPrefix)
	}
	names.calls(c.Register, func(name string, f *pysyntax.File, call *pysyntax.Call) {
		attr, ok := call.Func.(*pysyntax.Attribute)
		if !ok || call.Positional(0) == nil {
			return
		}
		group, ok := names.resolve(name, pysyntax.Dotted(call.Positional(0)))
		if !ok {
			return
		}
		r := registration{}
		r.owner, _ = names.resolve(name, pysyntax.Dotted(attr.X))
		r.prefix, r.given = prefixOf(f, call, c.GroupPrefix)
		g.registered[group] = append(g.registered[group], r)
	})
	return g
}

// prefixOf is a call's argument for a prefix, and whether there is one.
func prefixOf(f *pysyntax.File, call *pysyntax.Call, name string) (string, bool) {
	value := call.Keyword(name)
	if value == nil {
		return "", false
	}
	if prefix, ok := f.StringValue(value); ok {
		return prefix, true
	}
	return unknown, true
}

// prefixes are those under which a group's routes are served: one for each
// place where it is registered. An app's routes have none.
func (g groups) prefixes(group object, hops int) []string {
	own, known := g.own[group]
	if !known || hops == 0 {
		return []string{""}
	}
	registered := g.registered[group]
	if registered == nil {
		return []string{own} // registered where it cannot be seen: in a loop, for instance
	}
	var out []string
	for _, r := range registered {
		here := r.prefix + own
		if g.override && r.given {
			here = r.prefix
		}
		for _, outer := range g.prefixes(r.owner, hops-1) {
			out = append(out, outer+here)
		}
	}
	return out
}
