package fastapi

import (
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// Protect puts a guard on the routes that the target means: on the router where
// it means all of one, else on each route.
func (Recipe) Protect(d *authkit.Draft, t authkit.Target) []authkit.Listed {
	s := constructor.Survey(d)
	routes, listing := list(d, s)
	module := s.Module(d, guards)
	whole, atOnce := router(routes, t)
	return t.Protect(d, listing, func(i int, c *authkit.Changes) bool {
		r := routes[i]
		file, call, own := r.made.File, r.made.Call, r.own
		if atOnce {
			file, call, own = whole.File, whole.Call, ownIn(s, whole)
		} else if p := r.unplaceable(t); p != nil {
			if prefix, below := t.Prefix(); below && r.Below && r.Path != prefix+"/*" {
				d.Note(p.Error() + "; it stays as it is")
			} else {
				d.Refuse(p)
			}
			return false
		}
		f := s.File(file)
		name, line, p := module.Name(file, f, t.Guard)
		if p != nil {
			d.Refuse(p)
			return false
		}
		for _, o := range own { // one that only wants a login gives way to one that wants more
			if o.Guard == (authkit.Guard{}) {
				c.Replace(file, o.at, name, line)
				return true
			}
		}
		wrapper, from := dependsName(f)
		c.Add(file, []string{line, from}, depend(f, call, wrapper+"("+name+")")...)
		return true
	})
}

// unplaceable is the problem of a route that takes no dependencies.
func (r route) unplaceable(t authkit.Target) *problem.Problem {
	switch {
	case r.Below:
		return authkit.ByHand(r.Listed, "another app is mounted here, which keeps its own routes", "the guard belongs into that app, or into a middleware around it")
	case slices.Contains(r.Methods, "WEBSOCKET"):
		return authkit.ByHand(r.Listed, "a websocket cannot be sent to sign in", "at the beginning of "+r.View+":\n"+
			"    if workos_auth.current_user(websocket) is None:\n        raise WebSocketException(status.WS_1008_POLICY_VIOLATION)")
	case r.made.Method == "route" || r.made.Method == "add_route":
		return authkit.ByHand(r.Listed, "a route of Starlette's takes no dependencies", "@app.api_route(...) in the place of @app.route(...)")
	}
	return nil
}

// router is the one call that is about all routes that the target means and no
// others: that of the router whose prefix the target is. Where a router is
// included at several places it is the inclusion's, as it is where only that
// has the prefix.
func router(routes []route, t authkit.Target) (authkit.Step, bool) {
	prefix, ok := t.Prefix()
	if !ok || prefix == "" {
		return authkit.Step{}, false
	}
	within := func(r route) bool { return r.Path == prefix || strings.HasPrefix(r.Path, prefix+"/") }
	through := func(r route, call *pysyntax.Call) bool {
		return slices.ContainsFunc(r.made.Steps, func(s authkit.Step) bool { return s.Call == call })
	}
	var found []authkit.Step
	for _, r := range routes {
		if !within(r) || r.Login || r.Below {
			continue
		}
		for _, step := range r.made.Steps {
			exact := !slices.ContainsFunc(routes, func(r route) bool {
				return through(r, step.Call) != (within(r) && !r.Below) || within(r) && (r.Login || r.unplaceable(t) != nil && !r.Below)
			})
			if step.Prefix == prefix && exact {
				found = append(found, step)
			}
		}
		break // what is about all of them is about the first
	}
	if i := slices.IndexFunc(found, func(s authkit.Step) bool { return s.Writes }); i >= 0 {
		return found[i], true
	}
	if found != nil {
		return found[0], true
	}
	return authkit.Step{}, false
}

// ownIn are the guards of authfit's among a router's dependencies.
func ownIn(s authkit.Survey, step authkit.Step) (found []own) {
	for _, e := range dependencies(step.Call) {
		if inner, ok := depends(s.File(step.File), e); ok {
			if g, ok := guards.Read(s.File(step.File), inner, false); ok {
				found = append(found, own{g, inner})
			}
		}
	}
	return found
}

// dependsName is what a file calls Depends, and the import that it lacks.
func dependsName(f *pysyntax.File) (name, line string) {
	for _, s := range f.Body {
		switch s := s.(type) {
		case *pysyntax.Import:
			for _, a := range s.Names {
				if a.Name == "fastapi" && a.AsName != "" {
					name = a.AsName + ".Depends"
				} else if a.Name == "fastapi" {
					name = "fastapi.Depends"
				}
			}
		case *pysyntax.ImportFrom:
			for _, a := range s.Names {
				if s.Module == "fastapi" && s.Level == 0 && a.Name == "Depends" {
					if a.AsName != "" {
						return a.AsName, ""
					}
					return a.Name, ""
				}
			}
		}
	}
	if name != "" {
		return name, ""
	}
	return "Depends", "from fastapi import Depends"
}

// depend adds a dependency to a call.
func depend(f *pysyntax.File, call *pysyntax.Call, dependency string) []edit.Edit {
	have := call.Keyword("dependencies")
	if have == nil {
		return []edit.Edit{f.AppendArg(call, "dependencies=["+dependency+"]")}
	}
	if e, err := f.AppendElement(have, dependency); err == nil {
		if _, isCall := have.(*pysyntax.Call); !isCall {
			return []edit.Edit{e}
		}
	}
	return []edit.Edit{
		{Start: have.Pos(), End: have.Pos(), New: "[*"},
		{Start: have.End(), End: have.End(), New: ", " + dependency + "]"},
	}
}
