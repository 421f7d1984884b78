package manager

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/project"
)

// Installed are the packages in the project's environment with their versions,
// by normalised name, as their *.dist-info folders say.
func Installed(p *project.Project) map[string]string {
	out := map[string]string{}
	for _, dir := range p.Python.SitePackages {
		if p.Python.Venv != "" && !strings.HasPrefix(dir, p.Python.Venv+string(filepath.Separator)) {
			continue // the system's, which are nobody's to change
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			stem, ok := strings.CutSuffix(e.Name(), ".dist-info")
			if name, version, cut := strings.Cut(stem, "-"); ok && cut && !strings.HasPrefix(stem, "~") { // pip was cut off there
				out[project.NormalizeName(name)] = version
			}
		}
	}
	return out
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
