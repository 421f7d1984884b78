package recipe

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// Routes lists the routes of the chosen app, by their paths.
func Routes(p *project.Project) (authkit.Listing, error) {
	r, none := room(p)
	if none != nil {
		return authkit.Listing{}, none
	}
	l := r.Routes(p, p.App())
	slices.SortStableFunc(l.Routes, func(a, b authkit.Listed) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(strings.Join(a.Methods, ","), strings.Join(b.Methods, ",")))
	})
	return complete(l), nil
}

// complete has an empty list for each that is nil, for JSON.
func complete(l authkit.Listing) authkit.Listing {
	l.Routes = append([]authkit.Listed{}, l.Routes...)
	for i := range l.Routes {
		l.Routes[i].Methods = append([]string{}, l.Routes[i].Methods...)
	}
	l.Unseen = append([]project.Evidence{}, l.Unseen...)
	l.Notes = append([]string{}, l.Notes...)
	hideRoutes(l)
	return l
}

// guardWord is what a role or permission may be called: WorkOS has slugs.
var guardWord = regexp.MustCompile(`^[A-Za-z0-9_.:*-]*$`)

// Protect is the plan that puts a guard on the routes that a target means, and
// these routes. An empty plan says that all of them have it.
func Protect(p *project.Project, t authkit.Target) (*plan.Plan, []authkit.Listed, error) {
	switch {
	case t.Guard.Role != "" && t.Guard.Permission != "":
		return nil, nil, problem.New("usage", "a guard is for a role or for a permission").WithFix("leave --role or --permission out, and protect the route twice to want both")
	case !guardWord.MatchString(t.Guard.Role + t.Guard.Permission):
		return nil, nil, problem.New("usage", "%q cannot be the name of a role or permission", t.Guard.Role+t.Guard.Permission).WithFix("give its slug from the WorkOS dashboard")
	}
	r, none := room(p)
	if none != nil {
		return nil, nil, none
	}
	d := &authkit.Draft{Project: p, App: p.App()}
	guarded := complete(authkit.Listing{Routes: r.Protect(d, t)}).Routes
	out := &plan.Plan{
		Schema: plan.Schema, Framework: p.App().Framework, Python: p.Python.Executable(), SDK: plan.SDK{Needs: []string{}},
		Commands: []plan.Command{}, Env: []plan.EnvKey{}, Probes: []plan.Probe{}, Restores: []plan.Restore{},
	}
	var err error
	out.Files, err = d.Files()
	if len(out.Files) > 0 && t.Guard.Feature() != "" {
		d.AddFeature(t.Guard.Feature(), r.Routes(p, p.App()).Module, r.Module())
		out.Files, err = d.Files()
	}
	out.Notes, out.Problems = append([]string{}, d.Notes...), append([]problem.Problem{}, d.Problems...)
	hideNotes(out.Notes)
	hideProblems(out.Problems)
	out.Portable(p.Root, p.Manager.Dir, p.Manager.Workspace)
	return out, guarded, err
}

// room is the recipe of the chosen app, or why there is none.
func room(p *project.Project) (Recipe, *problem.Problem) {
	if app := p.App(); app != nil && find(app.Framework) != nil {
		return find(app.Framework), nil
	}
	for i, q := range p.Problems {
		switch q.Code {
		case "no-app", "not-python", "several-apps", "framework-unsupported", "app-unsure":
			return nil, &p.Problems[i]
		}
	}
	return nil, problem.New("no-app", "no app was found here").WithFix("`authfit inspect` says what there is")
}
