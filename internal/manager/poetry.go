package manager

import (
	"path"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/project"
)

// poetry makes an environment by itself, with a Python of its own choosing
// unless it is told; "poetry add" installs no more than what is added.
type poetry struct{ tool }

// Name is "poetry".
func (poetry) Name() string { return "poetry" }

func (t poetry) Add(pkgs []Requirement) []plan.Command {
	pkgs = t.missing(pkgs)
	add := t.undeclared(pkgs)
	if len(add) == 0 {
		if len(pkgs) == 0 && t.p.Python.Venv != "" {
			return nil
		}
		return t.Install()
	}
	cmds := append(t.use(), t.command(addWhy(add), t.inEnvironment(), append([]string{"add", "--no-interaction"}, specs(add)...)...))
	if t.p.Python.Venv == "" {
		cmds = append(cmds, t.install())
	}
	return cmds
}

func (t poetry) Install() []plan.Command { return append(t.use(), t.install()) }

// use makes the environment where there is none.
func (t poetry) use() []plan.Command {
	if t.p.Python.Venv != "" || t.p.Python.Base == "" {
		return nil
	}
	return []plan.Command{t.command("make the project's environment", nil, "env", "use", "--no-interaction", t.p.Python.Base)}
}

func (t poetry) install() plan.Command {
	args := []string{"install", "--no-interaction"}
	if !t.hasPackage() {
		args = append(args, "--no-root")
	}
	return t.command("install the project's dependencies", t.inEnvironment(), args...)
}

// hasPackage says whether there is a package of the project's name to install.
// Without one "poetry install" fails, once all else is done.
func (t poetry) hasPackage() bool {
	name := strings.ReplaceAll(project.NormalizeName(t.p.Name), "-", "_")
	if name == "" {
		return false
	}
	tree, dir := t.p.Tree, t.p.Manager.Dir
	for _, base := range []string{dir, path.Join(dir, "src")} {
		if tree.IsDir(path.Join(base, name)) || tree.Exists(path.Join(base, name+".py")) {
			return true
		}
	}
	return t.p.Packages
}

func (t poetry) Restores() []string { return t.restores("pyproject.toml", "poetry.lock") }
