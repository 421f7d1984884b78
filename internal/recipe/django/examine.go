package django

import (
	"strings"

	"authfit/internal/edit"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// Examine finds callback views that Django would refuse: those for POST only,
// whose request would also need a CSRF token that AuthKit cannot have.
func (Recipe) Examine(p *project.Project, _ *project.App) []authkit.Finding {
	var found []authkit.Finding
	for _, c := range authkit.Callbacks(p.Tree) {
		f, _ := p.Tree.Python(c.File)
		if finding, ok := c.Refused(f, answerGET); ok {
			found = append(found, finding)
		}
	}
	return found
}

const httpDecorators = "django.views.decorators.http"

// answerGET are the edits that make a callback view answer GET.
func answerGET(f *pysyntax.File, c authkit.Callback) []edit.Edit {
	var edits []edit.Edit
	for _, d := range c.Def.Decorators {
		edits = append(edits, allowGET(f, d)...)
	}
	if c.Exchange != nil {
		edits = append(edits, readQuery(f, c)...)
	}
	if c.Class != nil && c.Def.Name.ID == "post" && c.Exchange != nil && !has(c.Class, "get") {
		edits = append(edits, replace(c.Def.Name, "get"))
	}
	return edits
}

func replace(n pysyntax.Node, with string) edit.Edit {
	return edit.Edit{Start: n.Pos(), End: n.End(), New: with}
}

func has(class *pysyntax.ClassDef, method string) bool {
	for _, s := range class.Body {
		if def, ok := s.(*pysyntax.FunctionDef); ok && def.Name.ID == method {
			return true
		}
	}
	return false
}

// allowGET mends a decorator that lets POST through only.
func allowGET(f *pysyntax.File, decorator pysyntax.Expr) []edit.Edit {
	switch d := decorator.(type) {
	case *pysyntax.Call:
		if lastName(d.Func) == "require_http_methods" && d.Positional(0) != nil {
			if e, ok := authkit.AllowGET(f, d.Positional(0)); ok {
				return []edit.Edit{e}
			}
		}
	case *pysyntax.Attribute:
		if d.Attr.ID == "require_POST" {
			return []edit.Edit{replace(d.Attr, "require_GET")}
		}
	case *pysyntax.Name:
		if d.ID == "require_POST" {
			return append(importGET(f), replace(d, "require_GET"))
		}
	}
	return nil
}

func lastName(e pysyntax.Expr) string {
	name := pysyntax.Dotted(e)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// importGET imports require_GET: in the place of require_POST where this was
// its only use.
func importGET(f *pysyntax.File) []edit.Edit {
	uses := 0
	f.Walk(func(n pysyntax.Node) bool {
		if name, ok := n.(*pysyntax.Name); ok && name.ID == "require_POST" {
			uses++
		}
		return true
	})
	if uses == 1 && !f.IsBound("require_GET") {
		for _, s := range f.Body {
			from, ok := s.(*pysyntax.ImportFrom)
			if !ok || from.Module != httpDecorators {
				continue
			}
			for _, a := range from.Names {
				if a.Name == "require_POST" && a.AsName == "" {
					return []edit.Edit{replace(a, "require_GET")}
				}
			}
		}
	}
	return f.AddImport("from " + httpDecorators + " import require_GET")
}

// readQuery makes a view that reads the code from a form read it from the
// query, and one that turns away all but POST turn away all but GET.
func readQuery(f *pysyntax.File, c authkit.Callback) []edit.Edit {
	var edits []edit.Edit
	readsQuery := false
	pysyntax.Walk(c.Def, func(n pysyntax.Node) bool {
		switch n := n.(type) {
		case *pysyntax.Attribute:
			name := "." + pysyntax.Dotted(n)
			readsQuery = readsQuery || strings.HasSuffix(name, ".request.GET")
			if strings.HasSuffix(name, ".request.POST") {
				edits = append(edits, replace(n.Attr, "GET"))
			}
		case *pysyntax.If:
			if method := guard(f, n, c.Exchange); method != nil {
				edits = append(edits, replace(method, strings.Replace(f.Text(method), "POST", "GET", 1)))
			}
		}
		return true
	})
	if readsQuery {
		return nil // it knows of GET, and does something else with POST
	}
	return edits
}

// guard is the "POST" in an if that keeps a GET request from the exchange:
// "if request.method == "POST":" around it, or "!=" before it with a way out.
func guard(f *pysyntax.File, s *pysyntax.If, exchange *pysyntax.Call) pysyntax.Expr {
	test, ok := s.Test.(*pysyntax.Compare)
	if !ok || len(test.Ops) != 1 || lastName(test.Values[0]) != "method" {
		return nil
	}
	if method, _ := f.StringValue(test.Values[1]); method != "POST" {
		return nil
	}
	last := s.Body[len(s.Body)-1]
	inside := s.Body[0].Pos() <= exchange.Pos() && exchange.Pos() < last.End()
	leaves := false
	switch last.(type) {
	case *pysyntax.Return, *pysyntax.Raise:
		leaves = true
	}
	if test.Ops[0] == "==" && inside || test.Ops[0] == "!=" && !inside && leaves {
		return test.Values[1]
	}
	return nil
}
