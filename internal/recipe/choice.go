package recipe

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/manager"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
	"authfit/internal/sdk"
)

// A choice is which SDK a project gets, and with it what the code is written for.
type choice struct {
	Dialect  string              // authkit.SDK5 or SDK6
	Package  manager.Requirement // what the project is to depend on
	Notes    []string
	Problems []problem.Problem
}

// chooseSDK decides it. A project keeps the SDK that it has, whether that is
// installed, locked or declared, unless it is to be moved; one without any gets
// the newest that runs on all its Pythons.
func chooseSDK(p *project.Project, move bool) choice {
	c := choice{Dialect: authkit.SDK6, Package: manager.WorkOS}
	old := p.Python.Old() || p.Python.RequiresOld()
	if old {
		c.Dialect, c.Package = authkit.SDK5, manager.WorkOS5
	}
	have := current(p)
	switch {
	case move:
		c.move(p, have, old)
	case have.called != "":
		c.keep(p, have)
	case old:
		c.noteOld(p)
	}
	forAll := p.Manager.Name == "poetry" || p.Manager.Name == "pdm"
	if c.Dialect == authkit.SDK5 && forAll && p.Python.LetsFirst39In() {
		c.Package.Marker = manager.NotFirst39
	}
	return c
}

// A having is the SDK that a project has: the release that counts, what it is
// called in a problem, and where it is said.
type having struct {
	release string
	called  string // "5.46.0", or "~=5.4" where no release is decided yet; empty without any
	project.Evidence
}

// current is what the project runs with: what is installed, else locked, else
// the newest that the manifest lets in.
func current(p *project.Project) having {
	var h having
	d := p.SDK.Declared
	if d != nil {
		h.Evidence = project.Evidence{File: d.File, Line: d.Line, Fact: d.Name + d.Specifier}
	}
	switch {
	case p.SDK.Installed != "":
		h.release, h.called = p.SDK.Installed, p.SDK.Installed
	case len(p.SDK.Locked) > 0:
		h.release, h.called = p.SDK.Locked[0].Version, p.SDK.Locked[0].Version
	case d != nil:
		h.release = newestAllowed(d, resolvesForOld(p))
		h.called = cmp.Or(d.Specifier, "(any)")
		if h.release == manager.WorkOS.Version || h.release == manager.WorkOS5.Version {
			h.called = h.release
		}
	}
	if h.File == "" && len(p.SDK.Locked) > 0 {
		l := p.SDK.Locked[0]
		h.Evidence = project.Evidence{File: l.File, Line: l.Line, Fact: "workos " + l.Version}
	}
	if h.File == "" && p.SDK.Installed != "" {
		h.Evidence = project.Evidence{File: p.Python.Venv, Fact: "installed: workos " + p.SDK.Installed}
	}
	return h
}

// resolvesForOld says whether the manager looks for a release that runs on a
// Python before 3.10: pip and pipenv look for one for the interpreter alone.
func resolvesForOld(p *project.Project) bool {
	if p.Manager.UsesPip() || p.Manager.Name == "pipenv" {
		return p.Python.Old()
	}
	return p.Python.Old() || p.Python.RequiresOld()
}

// newestAllowed is about the newest release that a dependency lets in: the ones
// that authfit was tested with, else one of the right series, else one that the
// specifier names. Empty where it lets in none that runs on the Python.
func newestAllowed(d *project.Dependency, old bool) string {
	candidates := []string{manager.WorkOS.Version}
	major := 20
	if old {
		candidates, major = nil, 5
	}
	for ; major >= 1; major-- {
		if major == 5 {
			candidates = append(candidates, manager.WorkOS5.Version)
		}
		for minor := 60; minor >= 0; minor-- {
			candidates = append(candidates, fmt.Sprintf("%d.%d.90", major, minor), fmt.Sprintf("%d.%d.0", major, minor))
		}
	}
	for _, v := range strings.FieldsFunc(d.Specifier, func(r rune) bool { return strings.ContainsRune("<>=!~^|, ", r) }) {
		if !old || sdk.Dialect(v) != authkit.SDK6 {
			candidates = append(candidates, v)
		}
	}
	if i := slices.IndexFunc(candidates, d.Allows); i >= 0 {
		return candidates[i]
	}
	return ""
}

// keep leaves the project's SDK as it is, if a login can be made with it.
func (c *choice) keep(p *project.Project, have having) {
	c.outOfStep(p, have)
	if have.release == "" {
		c.refuse(p, have, problem.New("sdk-needs-python", "workos %s does not run on a Python before 3.10, which the project has or lets in", have.called))
		return
	}
	for _, q := range sdk.Defects(have.release, have.called) {
		c.refuse(p, have, q)
	}
	c.Dialect = cmp.Or(sdk.Dialect(have.release), authkit.SDK6)
	c.Package = manager.WorkOS
	if c.Dialect == authkit.SDK5 {
		c.Package = manager.WorkOS5
		c.Notes = append(c.Notes, "the project has workos "+have.called+", and keeps it: --upgrade-sdk moves it to the newest that its Pythons run")
	}
	if d := p.SDK.Declared; d != nil && d.Group == "" {
		return // its line stays
	}
	// It is not yet a dependency: as it is there, it becomes one.
	v := have.release
	c.Package.Version = v
	switch {
	case !p.Manager.UsesPip() && project.CompareVersions(v, manager.WorkOS.Version) < 0:
		c.Package.Range = "==" + v
	case c.Dialect == authkit.SDK5:
		c.Package.Range = ">=" + v + ",<6"
	}
}

// refuse adds a problem with the SDK that the project has, with its place and
// the way out.
func (c *choice) refuse(p *project.Project, have having, q *problem.Problem) {
	q = q.At(have.File, have.Line).
		WithDetail("%s", strings.TrimPrefix(q.Detail+"\nseen: "+have.Fact, "\n")).
		WithFix("move it to the newest: authfit add --upgrade-sdk, or by hand: %s", byHand(p, c.Package.Name+c.newest()))
	c.Problems = append(c.Problems, *q)
}

// newest is the range that the SDK is moved into.
func (c *choice) newest() string { return cmp.Or(c.Package.Range, ">="+c.Package.Version) }

// byHand is the command that has the project's manager take a package.
func byHand(p *project.Project, spec string) string {
	switch p.Manager.Name {
	case "uv", "poetry", "pdm", "rye":
		return p.Manager.Name + ` add "` + spec + `"`
	case "pipenv":
		return `pipenv install "` + spec + `"`
	}
	return `pip install "` + spec + `", and the same in ` + cmp.Or(p.Manager.Manifest, "what lists the project's packages")
}

// outOfStep refuses a project whose manifest, lock file and environment have
// SDKs of different kinds: code for one fails with the other.
func (c *choice) outOfStep(p *project.Project, have having) {
	var others []string
	for _, l := range p.SDK.Locked {
		if sdk.Dialect(l.Version) != sdk.Dialect(have.release) {
			others = append(others, fmt.Sprintf("%s:%d has workos %s", l.File, l.Line, l.Version))
		}
	}
	d := p.SDK.Declared
	if d != nil && p.SDK.Installed != "" && len(others) == 0 && !d.Allows(p.SDK.Installed) {
		others = append(others, fmt.Sprintf("%s:%d asks for workos%s", d.File, d.Line, d.Specifier))
	}
	if others != nil {
		q := problem.New("sdk-out-of-step", "the project has more than one workos: %s is %s", have.called, cmp.Or(map[bool]string{true: "installed"}[p.SDK.Installed != ""], "locked")).
			At(have.File, have.Line).WithDetail("%s", strings.Join(others, "\n")).
			WithFix("settle on one first, %s for instance, and install it; or say --upgrade-sdk", byHand(p, "workos>=5.46,<6"))
		c.Problems = append(c.Problems, *q)
		return
	}
	// uv locks another release for each range of Pythons, where it may.
	if d != nil && p.Manager.Name == "uv" && len(p.SDK.Locked) == 0 && p.Python.RequiresOld() &&
		sdk.Dialect(newestAllowed(d, false)) == authkit.SDK6 && newestAllowed(d, true) != "" && p.Python.LetsNewIn() {
		q := problem.New("sdk-out-of-step", "workos%s is 5.46 on Python 3.9 and %s on newer ones, and the project lets both in", d.Specifier, manager.WorkOS.Version).
			At(have.File, have.Line).WithFix("settle on one first: %s, or let only Python 3.10 and newer in", byHand(p, "workos>=5.46,<6"))
		c.Problems = append(c.Problems, *q)
	}
}

// move has the project's SDK moved to the newest that its Pythons run.
func (c *choice) move(p *project.Project, have having, old bool) {
	c.Package.Range = c.newest()
	if old {
		c.noteOld(p)
	}
	d := p.SDK.Declared
	enough := func(v string) bool { return project.CompareVersions(v, c.Package.Version) >= 0 }
	c.Package.Move = have.called != "" && (!enough(have.release) || d != nil && !d.Allows(have.release)) ||
		slices.ContainsFunc(p.SDK.Locked, func(l project.Locked) bool { return !enough(l.Version) })
	if has := sdk.Dialect(have.release); !c.Package.Move && has != "" {
		c.Dialect = has
	}
}

// noteOld says why the newest SDK is not taken.
func (c *choice) noteOld(p *project.Project) {
	why := "the project's Python is " + p.Python.Version
	if p.Python.RequiresOld() {
		why = "the project lets a Python before 3.10 in"
		for _, e := range p.Python.Evidence {
			if strings.HasPrefix(e.Fact, "lets a Python") && e.File != "" {
				why = fmt.Sprintf("%s:%d %s", e.File, e.Line, e.Fact)
			}
		}
	}
	c.Notes = append(c.Notes, "workos "+manager.WorkOS5.Version+" is used: "+strings.TrimSuffix(why, ", where only workos 5 runs")+", and newer ones need 3.10")
}

// moveLine changes the version in the file of a project that is kept with pip;
// the other managers change their manifests themselves.
func moveLine(d *authkit.Draft, r manager.Requirement) {
	dep := d.Project.SDK.Declared
	if !r.Move || dep == nil || dep.Group != "" || !d.Project.Manager.UsesPip() {
		return
	}
	why := "the version of " + r.Name
	switch {
	case strings.HasSuffix(dep.File, ".txt") || strings.HasSuffix(dep.File, ".in"):
		d.Edit(dep.File, why, func(src []byte) ([]edit.Edit, error) { return at(dep.File)(manager.MovedLine(src, r)) })
	case path.Base(dep.File) == "pyproject.toml":
		if _, ok := manager.MovedInProject(d.Source(dep.File), r); ok {
			d.Edit(dep.File, why, func(src []byte) ([]edit.Edit, error) {
				edits, _ := manager.MovedInProject(src, r)
				return edits, nil
			})
			return
		}
		fallthrough
	default:
		d.RefuseAt("sdk-by-hand", dep.File, dep.Line, "change the line to "+r.Name+r.Range+", install it, and run authfit again without --upgrade-sdk",
			"authfit does not change the version of a package in this file")
	}
}

// at puts a file's name to a problem.
func at(file string) func([]edit.Edit, error) ([]edit.Edit, error) {
	return func(edits []edit.Edit, err error) ([]edit.Edit, error) {
		if p, ok := err.(*problem.Problem); ok && p.File == "" { //nolint:errorlint // it is made there, and not wrapped
			return edits, p.At(file, p.Line)
		}
		return edits, err
	}
}
