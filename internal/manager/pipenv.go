package manager

import "authfit/internal/plan"

// pipenv makes an environment by itself and installs what is added.
type pipenv struct{ tool }

// Name is "pipenv".
func (pipenv) Name() string { return "pipenv" }

func (t pipenv) Add(pkgs []Requirement) []plan.Command {
	pkgs = t.missing(pkgs)
	add := t.undeclared(pkgs)
	if len(add) == 0 {
		if len(pkgs) == 0 && t.p.Python.Venv != "" {
			return nil
		}
		return t.Install()
	}
	if t.p.Python.Venv != "" {
		return []plan.Command{t.command(addWhy(add), t.env(), append([]string{"install"}, specs(add)...)...)}
	}
	args := append([]string{"install", "--python", t.p.Python.Base}, specs(add)...)
	return []plan.Command{t.command("make the project's environment, and "+addWhy(add), t.env(), args...)}
}

func (t pipenv) Install() []plan.Command {
	args := []string{"install", "--dev"}
	if t.p.Python.Venv == "" {
		args = append(args, "--python", t.p.Python.Base)
	}
	return []plan.Command{t.command("install the project's dependencies", t.env(), args...)}
}

// env names the environment; without one, an activated one of something else
// is not to be taken.
func (t pipenv) env() []string {
	if env := t.inEnvironment(); env != nil {
		return append(env, "PIPENV_VERBOSITY=-1") // no notice that one is activated
	}
	return []string{"PIPENV_IGNORE_VIRTUALENVS=1"}
}

func (t pipenv) Restores() []string { return t.restores("Pipfile", "Pipfile.lock") }
