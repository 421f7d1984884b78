package django

import (
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// definition finds the def or class that a dotted name means, also where it is
// imported.
func (u code) definition(name string, depth int) (code, pysyntax.Stmt) {
	if depth == 0 {
		return u, nil
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		file := u.moduleNamed(name[:i])
		if src, ok := open(u.tree, file); file != "" && ok {
			return code{src, u.tree, u.dir}.definition(name[i+1:], depth-1)
		}
		return u, nil
	}
	for _, s := range u.Body {
		switch s := s.(type) {
		case *pysyntax.FunctionDef:
			if s.Name.ID == name {
				return u, s
			}
		case *pysyntax.ClassDef:
			if s.Name.ID == name {
				return u, s
			}
		case *pysyntax.ImportFrom:
			for _, a := range s.Names {
				if orText(a.AsName, a.Name) != name {
					continue
				}
				file, ok := importedFile(u.tree, u.dir, u.path, s.Level, s.Module)
				if src, read := open(u.tree, file); ok && read {
					return code{src, u.tree, u.dir}.definition(a.Name, depth-1)
				}
			}
		}
	}
	return u, nil
}

// templateOf is the name of the template that a view renders for everybody;
// empty where that is not plain to see.
func (u code) templateOf(view pysyntax.Expr) string {
	if call, ok := view.(*pysyntax.Call); ok { // HomeView.as_view(...)
		method, ok := call.Func.(*pysyntax.Attribute)
		if !ok || method.Attr.ID != "as_view" {
			return ""
		}
		if name := call.Keyword("template_name"); name != nil {
			value, _ := u.StringValue(name)
			return value
		}
		view = method.X
	}
	name := pysyntax.Dotted(view)
	if name == "" {
		return ""
	}
	in, def := u.definition(name, 5)
	switch def := def.(type) {
	case *pysyntax.FunctionDef:
		return in.rendered(def)
	case *pysyntax.ClassDef:
		return in.templateName(def)
	}
	return ""
}

// templateName is the template_name of a view's class that asks for no login, or
// what its get renders.
func (u code) templateName(class *pysyntax.ClassDef) string {
	for _, base := range class.Args {
		if strings.Contains(u.Text(base), "Required") {
			return ""
		}
	}
	for _, s := range class.Body {
		if value := assigned(s, "template_name"); value != nil {
			name, _ := u.StringValue(value)
			return name
		}
	}
	for _, s := range class.Body {
		if def, ok := s.(*pysyntax.FunctionDef); ok && def.Name.ID == "get" {
			return u.rendered(def)
		}
	}
	return ""
}

// rendered is the one template that a view's function renders.
func (u code) rendered(def *pysyntax.FunctionDef) string {
	for _, d := range def.Decorators {
		if !strings.Contains(u.Text(d), "require_") { // require_GET, not login_required
			return ""
		}
	}
	var names []string
	pysyntax.Walk(def, func(n pysyntax.Node) bool {
		call, ok := n.(*pysyntax.Call)
		if !ok || last(pysyntax.Dotted(call.Func)) != "render" {
			return true
		}
		value := ""
		if name := or(call.Positional(1), call.Keyword("template_name")); name != nil {
			value, _ = u.StringValue(name)
		}
		if !slices.Contains(names, value) {
			names = append(names, value)
		}
		return true
	})
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// homeTemplate is the file of the template of "/", in the project; empty where
// it is not plain to see.
func (u code) homeTemplate() string {
	in, view := u.home(u.routes(), 5)
	if view == nil {
		return ""
	}
	name := in.templateOf(view)
	if name == "" {
		return ""
	}
	file, _ := authkit.Template(u.tree, in.path, name)
	return file
}

// textHome is the view of a home page that is an HttpResponse with a text, to
// which the links can be added; nil where it is another.
func (r *room) textHome() (in code, view *pysyntax.FunctionDef) {
	in, routed := r.root.home(r.root.routes(), depth)
	if routed == nil || pysyntax.Dotted(routed) == "" || !r.Gives(r.viewsFile(), "user_links") {
		return in, nil
	}
	in, def := in.definition(pysyntax.Dotted(routed), depth)
	view, ok := def.(*pysyntax.FunctionDef)
	if !ok || view.Async || responseText(in.File, view) == nil || isTaken(in.File, viewsModule, r.importViews()) {
		return in, nil
	}
	return in, view
}

// viewsFile is the module of the login's views.
func (r *room) viewsFile() string { return path.Join(path.Dir(r.root.path), viewsModule+".py") }

// importViews imports the views of the login in a file that may be anywhere.
func (r *room) importViews() string {
	if r.pkg != "" {
		return "from " + r.pkg + " import " + viewsModule
	}
	return "import " + viewsModule
}

// appendLinks makes a view return the links behind its text.
func (r *room) appendLinks(in code, view *pysyntax.FunctionDef) {
	const links = viewsModule + ".user_links("
	if strings.Contains(string(r.Source(in.path)), links) {
		return
	}
	r.EditPython(in.path, "the home page shows who is signed in", func(f *pysyntax.File) ([]edit.Edit, error) {
		for s := range f.Stmts() {
			if now, ok := s.(*pysyntax.FunctionDef); ok && f.Text(now) == in.Text(view) {
				text := responseText(f, now)
				call := " + " + links + now.Params[0].Name.ID + ")"
				return append(f.AddImport(r.importViews()), edit.Edit{Start: text.End(), End: text.End(), New: call}), nil
			}
		}
		return nil, authkit.Unplaceable(in.path, "the home page is not to be found any more")
	})
}

// responseText is the text of the HttpResponse that a view, open to everybody,
// returns as HTML; nil where it returns anything else.
func responseText(f *pysyntax.File, view *pysyntax.FunctionDef) (text pysyntax.Expr) {
	if len(view.Params) == 0 || slices.ContainsFunc(view.Decorators, func(e pysyntax.Expr) bool { return !strings.Contains(f.Text(e), "require_") }) {
		return nil
	}
	for _, s := range view.Body {
		if r, ok := s.(*pysyntax.Return); ok {
			call, ok := r.Value.(*pysyntax.Call)
			if ok && last(pysyntax.Dotted(call.Func)) == "HttpResponse" && call.Keyword("content_type") == nil && authkit.IsText(call.Positional(0)) {
				text = call.Positional(0)
			}
		}
	}
	return text
}
