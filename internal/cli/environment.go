package cli

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"authfit/internal/manager"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe"
	"authfit/internal/txn"
)

// environment is how a transaction sees the project's packages and takes back
// what the package manager did to them.
func (a *App) environment(p *project.Project) txn.Environment {
	if p == nil {
		return txn.Environment{}
	}
	env := txn.Environment{
		Packages: func() (map[string]string, error) {
			now, err := a.again(context.Background(), p)
			if err != nil {
				return nil, err
			}
			return manager.Installed(now), nil
		},
		Entries: func() ([]string, error) {
			now, err := a.again(context.Background(), p)
			if err != nil {
				return nil, err
			}
			return manager.Entries(now)
		},
		Damaged: func(since time.Time) ([]string, error) {
			now, err := a.again(context.Background(), p)
			if err != nil {
				return nil, err
			}
			return manager.Damaged(now, since)
		},
		RemoveEntries: func(names []string) error {
			now, err := a.again(context.Background(), p)
			if err != nil {
				return err
			}
			return manager.RemoveEntries(now, names)
		},
		Uninstall: func(ctx context.Context, names []string) error {
			return a.revert(ctx, p, func(before map[string]string) {
				for _, name := range names {
					delete(before, name)
				}
			})
		},
		Reinstall: func(ctx context.Context, pinned []string) error {
			return a.revert(ctx, p, func(before map[string]string) {
				for _, pin := range pinned {
					name, version, _ := strings.Cut(pin, "==")
					before[name] = version
				}
			})
		},
	}
	for _, dir := range []string{p.Python.Planned, filepath.Join(p.Root, p.Manager.Dir, ".venv")} {
		if rel, err := filepath.Rel(p.Root, dir); dir != "" && err == nil && filepath.IsLocal(rel) {
			env.Folders = append(env.Folders, filepath.ToSlash(rel))
		}
	}
	env.Folders = append(env.Folders, manager.Folders(p)...)
	return env
}

// again inspects the project anew: its environment has changed since.
func (a *App) again(ctx context.Context, p *project.Project) (*project.Project, error) {
	return recipe.Inspect(ctx, p.Root, a.recipeOptions())
}

// revert brings the environment back to what before makes of its packages.
func (a *App) revert(ctx context.Context, p *project.Project, before func(map[string]string)) error {
	now, err := a.again(ctx, p)
	if err != nil {
		return err
	}
	after := manager.Installed(now)
	was := maps.Clone(after)
	before(was)
	cmds := manager.Revert(ctx, now, was, after, nil)
	for i, c := range cmds {
		err := manager.Run(ctx, c, p.Root, a.Err)
		if err != nil {
			err = a.runOffline(ctx, c, p.Root, err)
		}
		if err != nil {
			return byHand(err, cmds[i:])
		}
	}
	return nil
}

// runOffline runs a command that failed once more, where it is one of uv's: it
// can do without the package index where its cache has the packages.
func (a *App) runOffline(ctx context.Context, c plan.Command, dir string, failed error) error {
	if !slices.Contains(c.Argv, "pip") || slices.Contains(c.Argv, "-m") {
		return failed
	}
	c.Env = append(slices.Clone(c.Env), "UV_OFFLINE=1")
	if manager.Run(ctx, c, dir, io.Discard) != nil {
		return failed
	}
	return nil
}

// byHand is the failure to put packages back, with what a person can type.
func byHand(err error, cmds []plan.Command) error {
	p := problem.New("packages-not-restored", "%v", err)
	var said *problem.Problem
	if errors.As(err, &said) {
		p = problem.New("packages-not-restored", "%s", said.Summary).WithDetail("%s", said.Detail)
	}
	var lines []string
	for _, c := range cmds {
		lines = append(lines, commandLine(c.Argv))
	}
	return p.WithFix("when the package index can be reached, run authfit again, which goes on putting back, or type: %s", strings.Join(lines, " && "))
}
