// Package doctor finds what keeps the login of a project from working, whoever
// wrote it, and plans the repair of what can be mended without a person.
package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"authfit/internal/manager"
	"authfit/internal/mask"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe"
	"authfit/internal/recipe/authkit"
	"authfit/internal/verify"
)

// A Check is one line of the report.
type Check struct {
	verify.Check
	// File and Line are where the fault is in the project's code, if there.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Repairable says that --fix mends it.
	Repairable bool `json:"repairable"`
}

// Where is "file:line", "file" or empty.
func (c Check) Where() string { return problem.New("", "").At(c.File, c.Line).Where() }

// A Report is every check, in the order in which they were made.
type Report struct {
	Outcome string  `json:"outcome"` // verify.OK or verify.Failed
	Checks  []Check `json:"checks"`

	findings []authkit.Finding
	install  bool // the SDK, or the environment, is missing
}

// Options say what to examine.
type Options struct {
	Project *project.Project // with a chosen app
	// Plan is add's plan for the project. Of it, the probes are used; its
	// problems do not matter here.
	Plan *plan.Plan
	// Shell is what python means where authfit was started.
	Shell project.Shell
}

// Examine makes all checks. It changes nothing; what has to be run of the
// project's code runs in a scratch copy.
func Examine(ctx context.Context, o Options) (*Report, error) {
	r := &Report{Outcome: verify.OK, Checks: []Check{}}
	blockers := o.Project.Blockers()
	for _, q := range blockers {
		r.problem(q.Code, &q, false)
	}
	if !slices.ContainsFunc(blockers, func(q problem.Problem) bool { return q.Code == "environment-broken" || q.Code == "python-missing" }) {
		r.environment(o)
	}
	if err := r.checklist(ctx, o); err != nil {
		return nil, err
	}
	r.findings = recipe.Examine(o.Project)
	for _, f := range r.findings {
		r.problem(f.ID, f.Problem, f.Repair != nil)
	}
	for _, id := range []string{"callback", "session"} {
		if !slices.ContainsFunc(r.findings, func(f authkit.Finding) bool { return f.ID == id }) {
			r.add(Check{Check: verify.Check{ID: id, Status: verify.Pass, Detail: healthy[id]}})
		}
	}
	return r, nil
}

// healthy is what is said where a framework's room finds nothing.
var healthy = map[string]string{
	"callback": "no callback that refuses a GET request",
	"session":  "no session that cannot be kept",
}

func (r *Report) add(c Check) {
	c.Detail = mask.Source(c.Detail) // it may quote the code
	if c.Status == verify.Fail {
		r.Outcome = verify.Failed
	}
	r.Checks = append(r.Checks, c)
}

func (r *Report) problem(id string, p *problem.Problem, repairable bool) {
	detail := p.Summary
	if p.Detail != "" {
		detail += "\n" + p.Detail
	}
	r.add(Check{
		Check: verify.Check{ID: id, Status: verify.Fail, Detail: detail, Fix: p.Fix},
		File:  p.File, Line: p.Line, Repairable: repairable,
	})
}

// environment says whether the environment that the project has is the one
// that its owner would run it in.
func (r *Report) environment(o Options) {
	python, shell := o.Project.Python, o.Shell
	fail := func(fix, format string, args ...any) {
		r.problem("environment", problem.New("environment", format, args...).WithFix("%s", fix), false)
	}
	i := slices.IndexFunc(o.Project.Problems, func(q problem.Problem) bool { return q.Code == "other-environment-active" })
	switch {
	case python.Interpreter == "":
		r.install = true
		r.problem("environment", problem.New("environment", "the project has no environment yet").
			WithFix("`authfit doctor --fix` makes it and installs what the project needs"), true)
	case python.Venv == "":
		r.pass("environment", "%s", python.Interpreter)
	case i >= 0:
		fail("deactivate, then "+activate(o.Project), "%s: the app, started from this shell, would not run in its own",
			o.Project.Problems[i].Summary)
	case shell.Venv == python.Venv:
		r.pass("environment", "%s is activated", python.Venv)
	case shell.SDK.Installed != "" && o.Project.SDK.Installed == "":
		fail(activate(o.Project)+" before anything is installed; `authfit doctor --fix` installs the SDK there",
			"the environment %s exists and is not used: the SDK was installed for %s instead", python.Venv, shell.Python)
	case o.Project.Manager.Name == "pip":
		r.pass("environment", "%s exists and is not activated here: `%s` before the app is started", short(o.Project, python.Venv), activate(o.Project))
	default:
		r.pass("environment", "%s; %s run uses it", python.Venv, o.Project.Manager.Name)
	}
}

func (r *Report) pass(id, format string, args ...any) {
	r.add(Check{Check: verify.Check{ID: id, Status: verify.Pass, Detail: fmt.Sprintf(format, args...)}})
}

// activate is how the project's environment comes to be used.
func activate(p *project.Project) string {
	if p.Manager.Name == "pip" {
		return ". " + short(p, p.Python.Venv) + "/bin/activate"
	}
	return "start the app with " + p.Manager.Name + " run"
}

// short is a path relative to the project where it lies there.
func short(p *project.Project, file string) string {
	if rel, err := filepath.Rel(p.Root, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return file
}

// checklist makes verify's checks, without the walk through the login.
func (r *Report) checklist(ctx context.Context, o Options) error {
	if o.Project.Python.Interpreter == "" {
		for _, id := range []string{"sdk", "framework"} {
			r.add(Check{Check: verify.Check{ID: id, Status: verify.Skip, Detail: "there is no environment to run it in"}})
		}
		return nil
	}
	report, err := verify.Run(ctx, verify.Options{Root: o.Project.Root, Plan: o.Plan, EnvFile: o.Project.Env.File})
	if err != nil {
		return err
	}
	for _, c := range report.Checks {
		check := Check{Check: c}
		if c.ID == "sdk" && c.Status == verify.Fail && o.Project.SDK.Installed == "" {
			r.install, check.Repairable = true, true
		}
		r.add(check)
	}
	return nil
}

// NeedsManager says whether the repair installs something.
func (r *Report) NeedsManager() bool {
	return r.install || slices.ContainsFunc(r.findings, func(f authkit.Finding) bool { return len(f.Env) > 0 })
}

// Repair is the plan that mends what can be mended. It is empty where nothing
// can. The manager may be nil unless NeedsManager.
func (r *Report) Repair(p *project.Project, m manager.Manager) (*plan.Plan, error) {
	var pkgs []manager.Requirement
	if r.install {
		pkgs = append(pkgs, manager.WorkOS)
	}
	if r.NeedsManager() {
		pkgs = append(pkgs, manager.PythonDotenv) // the repaired code reads .env with it
	}
	return recipe.Repair(p, m, r.findings, pkgs)
}
