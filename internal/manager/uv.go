package manager

import (
	"authfit/internal/plan"
)

// uv keeps one environment beside the lock, makes it by itself, and never looks
// at an activated one. "uv add" brings the environment up to the whole lock.
type uv struct{ tool }

// Name is "uv".
func (uv) Name() string { return "uv" }

func (u uv) Add(pkgs []Requirement) []plan.Command {
	pkgs = u.missing(pkgs)
	add := u.undeclared(pkgs)
	if len(add) == 0 {
		if len(pkgs) == 0 && u.p.Python.Venv != "" {
			return nil
		}
		return u.Install()
	}
	return []plan.Command{u.command(addWhy(add), u.python(), append([]string{"add"}, specs(add)...)...)}
}

// Install takes away nothing: what a person put into the environment by hand
// stays.
func (u uv) Install() []plan.Command {
	return []plan.Command{u.command("install the project's dependencies", u.python(), "sync", "--inexact")}
}

func (u uv) Restores() []string {
	lock := u.p.Manager.Lock // of the workspace, in a workspace
	if lock == "" {
		lock = "uv.lock"
	}
	return u.restores("pyproject.toml", lock)
}

// python says which interpreter to make the environment with: the one that
// inspect found, so that plan and environment agree.
func (u uv) python() []string {
	if u.p.Python.Venv != "" || u.p.Python.Base == "" {
		return nil
	}
	return []string{"UV_PYTHON=" + u.p.Python.Base}
}
