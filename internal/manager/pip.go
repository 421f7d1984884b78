package manager

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/project"
)

// pip installs and keeps no list of its own: the lines of the requirements file
// or of pyproject.toml are edits of the plan (see RequirementLines and
// ProjectLines). Where nothing lists the packages, the owner has to be told.
//
// Where argv is uv, it stands in for pip in an environment that has none.
type pip struct{ tool }

// Name is "pip".
func (pip) Name() string { return "pip" }

func (t pip) Add(pkgs []Requirement) []plan.Command {
	if t.p.Python.Venv != "" && t.done(pkgs) {
		return nil
	}
	pkgs = slices.DeleteFunc(slices.Clone(pkgs), func(r Requirement) bool {
		return !r.Move && t.declared(r) && strings.HasSuffix(t.p.Manager.Manifest, ".txt") // -r brings it
	})
	args := t.declaredArgs()
	if moved := slices.IndexFunc(pkgs, func(r Requirement) bool { return r.Move }); moved >= 0 && t.declared(pkgs[moved]) {
		// The file still has the old version, so pip is told of the rest.
		moved := append(t.listed(pkgs[moved].Name), t.specs(pkgs)...)
		if t.p.Python.Venv != "" {
			return []plan.Command{t.install(addWhy(pkgs), moved...)}
		}
		return append(t.Install(), t.install(addWhy(pkgs), moved...))
	}
	args = append(args, t.specs(pkgs)...)
	if len(args) == 0 {
		return t.make()
	}
	why := "install the project's dependencies"
	if len(pkgs) > 0 {
		why = "install " + strings.Join(names(pkgs), " and ") + " beside what the project needs"
	}
	return append(t.make(), t.install(why, args...))
}

// done says that nothing is to be installed. Only a requirements file, which
// authfit edits, can make a package a dependency; without one it is enough that
// it is there.
func (t pip) done(pkgs []Requirement) bool {
	if strings.HasSuffix(t.p.Manager.Manifest, ".txt") {
		return len(t.missing(pkgs)) == 0
	}
	return !slices.ContainsFunc(pkgs, func(r Requirement) bool {
		return r.Move || project.InstalledVersion(t.p.Python.SitePackages, r.Name) == ""
	})
}

func (t pip) Install() []plan.Command {
	args := t.declaredArgs()
	if len(args) == 0 {
		return t.make()
	}
	return append(t.make(), t.install("install the project's dependencies", args...))
}

// Restores is empty: pip changes no file of the project.
func (t pip) Restores() []string { return nil }

// make makes the environment where there is none.
func (t pip) make() []plan.Command {
	if t.p.Python.Venv != "" {
		return nil
	}
	return []plan.Command{{
		Argv: []string{t.p.Python.Base, "-m", "venv", t.p.Python.Planned}, Dir: dirOf(t.p.Manager.Dir),
		Why: "make the project's environment",
	}}
}

// install is a call of pip in the environment, or of uv pip for it.
func (t pip) install(why string, args ...string) plan.Command {
	c := t.command(why, nil)
	c.Argv = append(pipArgv(t.p, t.argv), append([]string{"install"}, args...)...)
	if len(t.argv) > 0 {
		c.Argv = append(c.Argv, "--python", t.p.Python.Executable())
	}
	return c
}

// pipArgv is how pip is called for the project's environment.
func pipArgv(p *project.Project, uv []string) []string {
	if len(uv) > 0 {
		return append(slices.Clone(uv), "pip")
	}
	return []string{p.Python.Executable(), "-m", "pip"}
}

// declaredArgs are the arguments that install what the project declares: its
// requirements file, or what its manifest lists to run with. The project itself
// is not installed; that would write into its folder.
func (t pip) declaredArgs() []string {
	m := t.p.Manager
	if m.Name != "pip" { // it has made the environment with what the project declares
		return nil
	}
	if strings.HasSuffix(m.Manifest, ".txt") || strings.HasSuffix(m.Manifest, ".in") {
		return []string{"-r", t.requirements()}
	}
	return t.listed("")
}

// requirements is the file to install from, relative to the manifest's folder:
// the manifest. An environment that was made from another one, for development,
// has all that their common base lists and not what else the manifest does: it
// is to stay without that, so there it is the base.
func (t pip) requirements() string {
	m := t.p.Manager
	base := Listing(t.p)
	if base == path.Join(m.Dir, m.Manifest) || t.p.Python.Venv == "" {
		return m.Manifest
	}
	for _, d := range t.p.Dependencies {
		if d.File == base && d.Name != "" && d.Marker == "" && project.InstalledVersion(t.p.Python.SitePackages, d.Name) == "" {
			return m.Manifest
		}
	}
	if rel := strings.TrimPrefix(base, m.Dir+"/"); rel != base || m.Dir == "." {
		return rel
	}
	return m.Manifest
}

// listed are what the manifest and what it includes list to run with, one by
// one, but for one package.
func (t pip) listed(without string) []string {
	m := t.p.Manager
	text := strings.HasSuffix(m.Manifest, ".txt") || strings.HasSuffix(m.Manifest, ".in")
	var args []string
	for _, d := range t.p.Dependencies {
		if d.Group != "" || !text && d.File != path.Join(m.Dir, m.Manifest) || d.Name == "" || d.Name == without {
			continue
		}
		if u, err := url.Parse(d.URL); err != nil || u.User != nil || text && d.URL != "" {
			continue // it may hold a token, which is not for a plan; or be a path
		}
		args = append(args, requirementText(d))
	}
	return args
}

// requirementText writes a dependency as PEP 508 has it.
func requirementText(d project.Dependency) string {
	s := d.Name
	if len(d.Extras) > 0 {
		s += "[" + strings.Join(d.Extras, ",") + "]"
	}
	if d.URL != "" {
		s += " @ " + d.URL
	} else {
		s += d.Specifier
	}
	if d.Marker != "" {
		s += " ; " + d.Marker
	}
	return s
}

func (t pip) specs(pkgs []Requirement) []string {
	var out []string
	for _, r := range pkgs {
		out = append(out, t.spec(r))
	}
	return out
}

// spec is the argument for a package: as the manifest has it, or will have it.
func (t pip) spec(r Requirement) string {
	d := t.p.Dependency(r.Name)
	switch {
	case d == nil || d.Group != "":
	case r.Move:
		return d.Name + moved(r, d.Specifier)
	case d.Specifier != "":
		return d.Name + d.Specifier
	}
	r = Pin(t.p, r)
	op := "=="
	if m := t.p.Manager; strings.HasSuffix(m.Manifest, ".txt") || strings.HasSuffix(m.Manifest, ".in") {
		if src, err := t.p.Tree.Read(Listing(t.p)); err == nil {
			if f, err := project.ParseRequirements(src); err == nil {
				op = style(f)
			}
		}
	}
	return specifier(r, op)
}

// Pin gives a package the version that is installed already, if one is: what
// the project runs with is what its file is to say.
func Pin(p *project.Project, r Requirement) Requirement {
	if r.Move {
		return r
	}
	if v := project.InstalledVersion(p.Python.SitePackages, r.Name); v != "" {
		r.Version = v
	}
	return r
}
