package recipe

import (
	"authfit/internal/manager"
	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// Examine says what in the chosen app's own code keeps a login from working.
func Examine(p *project.Project) []authkit.Finding {
	app := p.App()
	if app == nil || find(app.Framework) == nil {
		return nil
	}
	return find(app.Framework).Examine(p, app)
}

// Repair is the plan that mends findings, and installs packages that the
// project lacks. The manager may be nil where nothing is to be installed.
func Repair(p *project.Project, m manager.Manager, findings []authkit.Finding, pkgs []manager.Requirement) (*plan.Plan, error) {
	out := &plan.Plan{Schema: plan.Schema, Framework: p.App().Framework, Python: p.Python.Executable(), SDK: plan.SDK{Needs: []string{}}}
	d := &authkit.Draft{Project: p, App: p.App()}
	for _, f := range findings {
		if f.Repair == nil {
			continue
		}
		f.Repair(d)
		out.Env = append(out.Env, f.Env...)
	}
	if m != nil && len(pkgs) > 0 {
		out.Commands = m.Add(pkgs)
		if len(out.Commands) > 0 {
			out.Restores = restores(p, m)
		}
		listPackages(d, pkgs)
	}
	if len(out.Env) > 0 {
		ignoreEnv(d)
	}
	var err error
	out.Files, err = d.Files()
	out.Notes, out.Problems = d.Notes, d.Problems
	out.Portable(p.Root, p.Manager.Dir, p.Manager.Workspace)
	return out, err
}
