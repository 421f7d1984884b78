package manager

import "authfit/internal/plan"

// pdm makes an environment by itself; "pdm add" brings it up to the whole
// lock. The interpreter it chose is noted in .pdm-python.
type pdm struct{ tool }

// Name is "pdm".
func (pdm) Name() string { return "pdm" }

func (t pdm) Add(pkgs []Requirement) []plan.Command {
	pkgs = t.missing(pkgs)
	add := t.undeclared(pkgs)
	if len(add) == 0 {
		if len(pkgs) == 0 && t.p.Python.Venv != "" {
			return nil
		}
		return t.Install()
	}
	return append(t.create(), t.command(addWhy(add), t.inEnvironment(), append([]string{"add"}, specs(add)...)...))
}

func (t pdm) Install() []plan.Command {
	return append(t.create(), t.command("install the project's dependencies", t.inEnvironment(), "install"))
}

// create makes the environment where there is none.
func (t pdm) create() []plan.Command {
	if t.p.Python.Venv != "" || t.p.Python.Base == "" {
		return nil
	}
	return []plan.Command{t.command("make the project's environment", nil, "venv", "create", t.p.Python.Base)}
}

func (t pdm) Restores() []string { return t.restores("pyproject.toml", "pdm.lock", ".pdm-python") }
