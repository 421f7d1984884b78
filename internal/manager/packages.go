package manager

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/project"
)

// Installed are the packages in the project's environment with their versions,
// by normalised name, as their *.dist-info folders say. One without a RECORD was
// not installed to the end.
func Installed(p *project.Project) map[string]string {
	out := map[string]string{}
	for _, dir := range ownSitePackages(p) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			stem, ok := strings.CutSuffix(e.Name(), ".dist-info")
			name, version, cut := strings.Cut(stem, "-")
			if !ok || !cut || strings.HasPrefix(stem, "~") { // pip was cut off there
				continue
			}
			if _, err := os.Stat(filepath.Join(dir, e.Name(), "RECORD")); err == nil {
				out[project.NormalizeName(name)] = version
			}
		}
	}
	return out
}

// ownSitePackages are the folders of packages in the environment, without the
// system's, which are nobody's to change.
func ownSitePackages(p *project.Project) []string {
	if p.Python.Venv == "" {
		return p.Python.SitePackages
	}
	return slices.DeleteFunc(slices.Clone(p.Python.SitePackages), func(dir string) bool {
		return !strings.HasPrefix(dir, p.Python.Venv+string(filepath.Separator))
	})
}

// Entries are the names in the project's environment, relative to it, where
// packages put files: modules, metadata and programs. Without an environment
// there are none.
func Entries(p *project.Project) ([]string, error) {
	var out []string
	if p.Python.Venv == "" {
		return nil, nil
	}
	for _, dir := range append(ownSitePackages(p), binDir(p.Python.Venv)) {
		rel, err := filepath.Rel(p.Python.Venv, dir)
		if err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			out = append(out, filepath.ToSlash(filepath.Join(rel, e.Name())))
		}
	}
	return out, nil
}

// RemoveEntries takes entries out of the project's environment.
func RemoveEntries(p *project.Project, names []string) error {
	root, err := os.OpenRoot(p.Python.Venv)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, name := range names {
		if err := root.RemoveAll(filepath.FromSlash(name)); err != nil {
			return err
		}
	}
	return nil
}

// Revert returns the commands that bring the packages of an environment back
// from after to before: what came is uninstalled, what was changed or went is
// installed in its old version, without looking at what it needs. It does not
// go through the project's manager, whose files are restored by then.
func Revert(ctx context.Context, p *project.Project, before, after map[string]string, getenv func(string) string) []plan.Command {
	var came, old []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] == "" {
			came = append(came, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] != before[name] {
			old = append(old, name+"=="+before[name])
		}
	}
	if len(came)+len(old) == 0 {
		return nil
	}
	call := func(why string, args ...string) plan.Command { return plan.Command{Argv: args, Why: why} }
	python := p.Python.Executable()
	uninstall, install := []string{python, "-m", "pip", "uninstall", "--yes"}, []string{python, "-m", "pip", "install", "--no-deps"}
	if after["pip"] == "" {
		if uv := Find(ctx, "uv", p, getenv); uv != nil {
			uninstall = append(slices.Clone(uv), "pip", "uninstall", "--python", python)
			install = append(slices.Clone(uv), "pip", "install", "--no-deps", "--python", python)
		} else if p.Python.Home != "" { // pip of the interpreter that made it
			base := filepath.Join(p.Python.Home, filepath.Base(python))
			uninstall = []string{base, "-m", "pip", "--python", python, "uninstall", "--yes"}
			install = []string{base, "-m", "pip", "--python", python, "install", "--no-deps"}
		}
	}
	var out []plan.Command
	if len(came) > 0 {
		out = append(out, call("take out of the environment what was added", append(uninstall, came...)...))
	}
	if len(old) > 0 {
		out = append(out, call("put back the versions that were there", append(install, old...)...))
	}
	return out
}
