package cli

import (
	"context"
	"maps"
	"path/filepath"
	"strings"

	"authfit/internal/manager"
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
	for _, c := range manager.Revert(ctx, now, was, after, nil) {
		if err := manager.Run(ctx, c, p.Root, a.Err); err != nil {
			return err
		}
	}
	return nil
}
