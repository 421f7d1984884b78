package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"authfit/internal/manager"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/recipe"
	"authfit/internal/verify"
)

func newTry(app *App) *cobra.Command {
	keep := false
	cmd := &cobra.Command{
		Use:   "try [DIR]",
		Short: "Add a login to a scratch copy of the project and prove that it works",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				app.Dir = args[0]
			}
			return app.try(cmd.Context(), keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the scratch copy for a look")
	app.loginFlags(cmd.Flags())
	return cmd
}

// try works on a copy with an environment of its own; the project stays as it is.
func (a *App) try(ctx context.Context, keep bool) error {
	from, err := a.dir()
	if err != nil {
		return err
	}
	if info, err := os.Stat(from); err != nil || !info.IsDir() {
		return problem.New("no-folder", "there is no folder %s", a.Dir).WithFix("give the project's folder: authfit try DIR")
	}
	scratch, err := os.MkdirTemp("", "authfit-try-")
	if err != nil {
		return err
	}
	if keep {
		a.progress("the copy is %s", scratch)
	} else {
		defer func() { _ = os.RemoveAll(scratch) }()
	}
	copied := filepath.Join(scratch, filepath.Base(from))
	if err := verify.CopyProject(from, copied); err != nil {
		return err
	}
	if err := setEnvironment(); err != nil {
		return err
	}
	a.Dir = copied

	p, err := a.prepare(ctx, false)
	var missing *problem.Problem
	if errors.As(err, &missing) && missing.Code == "manager-not-found" {
		if err := a.fetchManager(ctx, missing); err != nil {
			return err
		}
		p, err = a.prepare(ctx, false)
	}
	if err != nil {
		return err
	}
	if err := firstProblem(p.plan); err != nil {
		return err
	}
	if !p.plan.Empty() {
		if _, err := a.apply(ctx, p); err != nil {
			return err
		}
	}
	report, err := a.check(ctx, p, true)
	if err != nil {
		return err
	}
	if !a.json() && !a.Quiet {
		for _, f := range p.plan.Files {
			a.print("%s", f.Diff)
		}
	}
	return a.printReport(p, report)
}

// setEnvironment makes every package manager keep the environment in the folder
// that it works on, whatever is activated or configured here.
func setEnvironment() error {
	for name, value := range map[string]string{
		"VIRTUAL_ENV": "", "UV_PROJECT_ENVIRONMENT": "", "CONDA_PREFIX": "",
		"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_VIRTUALENVS_CREATE": "true",
		"PIPENV_VENV_IN_PROJECT": "1", "PIPENV_IGNORE_VIRTUALENVS": "1",
	} {
		if value == "" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// pipIndex prints the index that pip is set up to read.
const pipIndex = `from pip._internal.commands import create_command as c
print(c("install").parser.get_default_values().index_url)`

// fetchManager installs a package manager that is not on this machine into a
// cache of authfit's own, for the scratch copy only.
func (a *App) fetchManager(ctx context.Context, missing *problem.Problem) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return missing
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return missing
	}
	name := a.managerName(ctx)
	dir := filepath.Join(cache, "authfit", "managers", name)
	bin := filepath.Join(dir, "bin")
	packages := []string{name}
	if name == "poetry" { // so that it can read the index that pip reads
		packages = append(packages, "poetry-plugin-pypi-mirror")
	}
	if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
		a.progress("%s is not on this machine; for this trial it is put into %s", name, dir)
		for _, argv := range [][]string{{python, "-m", "venv", dir}, append([]string{filepath.Join(bin, "python"), "-m", "pip", "install", "--quiet"}, packages...)} {
			if err := manager.Run(ctx, plan.Command{Argv: argv}, a.Dir, a.Err); err != nil {
				return errors.Join(err, os.RemoveAll(dir))
			}
		}
	}
	if name == "poetry" && os.Getenv("POETRY_PYPI_MIRROR_URL") == "" {
		if index, err := exec.CommandContext(ctx, filepath.Join(bin, "python"), "-c", pipIndex).Output(); err == nil {
			if err := os.Setenv("POETRY_PYPI_MIRROR_URL", strings.TrimSpace(string(index))); err != nil {
				return err
			}
		}
	}
	return os.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+bin)
}

// managerName is the name of the package manager that the project is kept with.
func (a *App) managerName(ctx context.Context) string {
	p, err := recipe.Inspect(ctx, a.Dir, a.recipeOptions())
	if err != nil {
		return a.Manager
	}
	return p.Manager.Name
}
