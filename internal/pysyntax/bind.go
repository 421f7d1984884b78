package pysyntax

import "strings"

// Binding is a name bound at module level.
type Binding struct {
	Name string
	Stmt Stmt // the statement that binds it
	Pos  int  // where the name, or the import's alias, stands
}

// Bindings lists the names bound at module level, in the order of the source:
// by assignments, imports, definitions, loops and with statements, those inside
// if, try and the like included. A star import binds "*".
func (f *File) Bindings() []Binding {
	var out []Binding
	bind := func(s Stmt, e Expr) {
		if e == nil {
			return
		}
		for _, n := range targets(e) {
			out = append(out, Binding{n.ID, s, n.Pos()})
		}
	}
	for s, place := range f.Stmts() {
		if inScope(place.Parents) {
			continue
		}
		switch s := s.(type) {
		case *FunctionDef:
			out = append(out, Binding{s.Name.ID, s, s.Name.Pos()})
		case *ClassDef:
			out = append(out, Binding{s.Name.ID, s, s.Name.Pos()})
		case *TypeAlias:
			out = append(out, Binding{s.Name.ID, s, s.Name.Pos()})
		case *Import:
			for _, a := range s.Names {
				name, _, _ := strings.Cut(a.Name, ".")
				if a.AsName != "" {
					name = a.AsName
				}
				out = append(out, Binding{name, s, a.Pos()})
			}
		case *ImportFrom:
			for _, a := range s.Names {
				name := a.Name
				if a.AsName != "" {
					name = a.AsName
				}
				out = append(out, Binding{name, s, a.Pos()})
			}
		case *Assign:
			for _, t := range s.Targets {
				bind(s, t)
			}
		case *AnnAssign:
			if s.Value != nil {
				bind(s, s.Target)
			}
		case *AugAssign:
			bind(s, s.Target)
		case *For:
			bind(s, s.Target)
		case *With:
			for _, item := range s.Items {
				bind(s, item.Vars)
			}
		}
	}
	return out
}

// inScope says whether a function or class is among the parents.
func inScope(parents []Stmt) bool {
	for _, p := range parents {
		switch p.(type) {
		case *FunctionDef, *ClassDef:
			return true
		}
	}
	return false
}

// targets are the names that an assignment to e binds.
func targets(e Expr) []*Name {
	switch e := e.(type) {
	case *Name:
		return []*Name{e}
	case *Starred:
		return targets(e.X)
	case *Tuple:
		return targetsOf(e.Elts)
	case *List:
		return targetsOf(e.Elts)
	}
	return nil
}

func targetsOf(elts []Expr) []*Name {
	var out []*Name
	for _, e := range elts {
		out = append(out, targets(e)...)
	}
	return out
}

// IsBound reports whether a name is bound at module level.
func (f *File) IsBound(name string) bool {
	for _, b := range f.Bindings() {
		if b.Name == name {
			return true
		}
	}
	return false
}
