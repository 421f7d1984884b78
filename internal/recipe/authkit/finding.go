package authkit

import (
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// A Finding is something in the project's own code that keeps login from
// working.
type Finding struct {
	ID      string // of the check: "callback", "session"
	Problem *problem.Problem
	// Repair writes the change that mends it into a draft; nil where only a
	// person can.
	Repair func(d *Draft)
	Env    []plan.EnvKey // that the repair needs
}

// A Callback is a function that takes the authorization code from AuthKit.
type Callback struct {
	File string
	Def  *pysyntax.FunctionDef
	// Exchange is the call that exchanges the code; nil where the function
	// leaves that to another, as the generated ones do.
	Exchange *pysyntax.Call
	// Class is the class whose method Def is, or nil.
	Class *pysyntax.ClassDef
}

// Callbacks finds the functions that exchange the code, and those that are
// called a callback in a file that speaks of WorkOS.
func Callbacks(t *project.Tree) []Callback {
	var found []Callback
	for name, f := range t.Sources("workos", "WorkOS", "WORKOS") {
		if path.Base(name) == CoreModule+".py" {
			continue
		}
		for _, c := range CallbacksIn(f) {
			c.File = name
			found = append(found, c)
		}
	}
	return found
}

// CallbacksIn finds the callbacks of one file. Their File is empty.
func CallbacksIn(f *pysyntax.File) []Callback {
	exchanges := map[*pysyntax.FunctionDef]*pysyntax.Call{}
	f.Walk(func(n pysyntax.Node) bool {
		call, ok := n.(*pysyntax.Call)
		if !ok || !strings.HasSuffix(pysyntax.Dotted(call.Func), ".authenticate_with_code") {
			return true
		}
		_, place := f.StmtAt(call.Pos())
		for _, parent := range slices.Backward(place.Parents) {
			if def, ok := parent.(*pysyntax.FunctionDef); ok {
				exchanges[def] = call
				break
			}
		}
		return true
	})
	var found []Callback
	for s, place := range f.Stmts() {
		def, ok := s.(*pysyntax.FunctionDef)
		if !ok || exchanges[def] == nil && !strings.Contains(def.Name.ID, "callback") {
			continue
		}
		c := Callback{Def: def, Exchange: exchanges[def]}
		if len(place.Parents) > 0 {
			c.Class, _ = place.Parents[len(place.Parents)-1].(*pysyntax.ClassDef)
		}
		found = append(found, c)
	}
	return found
}

// Refused is the finding for a callback that does not answer the GET request
// that AuthKit sends the browser back with (RFC 6749, section 4.1.2). The
// change gives the edits that mend it, and nothing where nothing is wrong.
func (c Callback) Refused(f *pysyntax.File, change func(*pysyntax.File, Callback) []edit.Edit) (Finding, bool) {
	if len(change(f, c)) == 0 {
		return Finding{}, false
	}
	name := c.Def.Name.ID
	repair := func(d *Draft) {
		d.EditPython(c.File, "the callback answers GET", func(f *pysyntax.File) ([]edit.Edit, error) {
			for _, again := range CallbacksIn(f) {
				if again.Def.Name.ID == name {
					if edits := change(f, again); len(edits) > 0 {
						return edits, nil
					}
				}
			}
			return nil, nil
		})
	}
	p := problem.New("callback-refused", "the callback %s answers POST only, and AuthKit sends the browser back with a GET", name).
		At(c.File, f.Line(c.Def.Pos())).WithFix("make it answer GET; `authfit doctor --fix` does")
	return Finding{ID: "callback", Problem: p, Repair: repair}, true
}

// AllowGET makes a list of HTTP methods, such as the one of methods=["POST"],
// have GET in it. It reports whether it had not.
func AllowGET(f *pysyntax.File, methods pysyntax.Expr) (edit.Edit, bool) {
	var elts []pysyntax.Expr
	switch list := methods.(type) {
	case *pysyntax.List:
		elts = list.Elts
	case *pysyntax.Tuple:
		elts = list.Elts
	case *pysyntax.Set:
		elts = list.Elts
	}
	if len(elts) == 0 {
		return edit.Edit{}, false
	}
	for _, e := range elts {
		if method, ok := f.StringValue(e); !ok || strings.EqualFold(method, "GET") {
			return edit.Edit{}, false
		}
	}
	first := f.Text(elts[0])
	quote := first[len(first)-1:]
	if len(elts) == 1 {
		return edit.Edit{Start: elts[0].Pos(), End: elts[0].End(), New: quote + "GET" + quote}, true
	}
	e, err := f.AppendElement(methods, quote+"GET"+quote)
	return e, err == nil
}

// ExamineCallbacks finds callbacks whose route is for POST only.
func (c Constructor) ExamineCallbacks(t *project.Tree) []Finding {
	var found []Finding
	for _, callback := range Callbacks(t) {
		f, _ := t.Python(callback.File)
		if finding, ok := callback.Refused(f, postRoutes); ok {
			found = append(found, finding)
		}
	}
	return found
}

// postRoutes are the edits that make the routes of a view answer GET:
// "@app.post(...)", "@app.route(..., methods=["POST"])".
func postRoutes(f *pysyntax.File, c Callback) []edit.Edit {
	var edits []edit.Edit
	for _, d := range c.Def.Decorators {
		call, ok := d.(*pysyntax.Call)
		if !ok {
			continue
		}
		attr, ok := call.Func.(*pysyntax.Attribute)
		switch {
		case !ok:
		case attr.Attr.ID == "get":
			return nil
		case attr.Attr.ID == "post":
			edits = append(edits, edit.Edit{Start: attr.Attr.Pos(), End: attr.Attr.End(), New: "get"})
		case attr.Attr.ID == "route" || attr.Attr.ID == "api_route":
			e, ok := AllowGET(f, call.Keyword("methods"))
			if !ok {
				return nil
			}
			edits = append(edits, e)
		}
	}
	return edits
}
