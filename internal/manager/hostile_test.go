//go:build unix

package manager

import (
	"context"
	"slices"
	"strings"
	"testing"

	"authfit/internal/project"
)

// ours are the options in the commands; what comes from a project's files never
// begins as one.
var ours = []string{
	"-m", "-r", "-P", "--python", "--inexact", "--no-interaction", "--no-root", "--dev", "--no-sync", "--lock", "--dry-run", "--report",
	"--ignore-installed", "--no-deps", "--yes",
}

// TestHostileNames: whatever a manifest calls its packages, groups and files, no
// argument of a command becomes an option by it.
func TestHostileNames(t *testing.T) {
	const pep621 = "-- pyproject.toml --\n[project]\nname = \"-e ../x\"\nversion = \"1\"\ndependencies = [\"-e evil\", \"--index-url=http://evil\", \"$(touch x)\", \"a b\", \"ok\\n--evil\", \"ok[-e]\", \"ok @ -evil\", \"fine>=1\", \"ok>=1 --evil\"]\n" +
		"[dependency-groups]\n\"-g\" = [\"x\"]\n\"--evil\" = [\"y\"]\n[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n"
	const poetry = "-- pyproject.toml --\n[tool.poetry]\nname = \"--evil\"\nversion = \"1\"\n[tool.poetry.dependencies]\n\"-e evil\" = \"*\"\n\"--index-url=http://evil\" = \"*\"\n\"$(touch x)\" = \"*\"\n\"a\\n--evil\" = \"*\"\nok = {url = \"--evil\"}\nfine = \"^1\"\n[tool.poetry.group.\"--evil\".dependencies]\n\"-x\" = \"*\"\n"
	for _, c := range []struct{ name, manager, layout string }{
		{"requirements", "pip", "-- requirements.txt --\n-e evil\n--index-url=http://evil\n$(touch x)\nfine\n-r -evil.txt\n-- -evil.txt --\n--evil\n"},
		{"requirements by an odd name", "pip", "-- -requirements.txt --\nfine\n-- --requirements.txt --\nfine\n"},
		{"PEP 621 with pip", "pip", pep621},
		{"PEP 621 with uv", "uv", pep621},
		{"PEP 621 with pdm", "pdm", pep621},
		{"Poetry", "poetry", poetry},
		{"Poetry with pip", "pip", poetry},
		{"Pipfile", "pipenv", "-- Pipfile --\n[packages]\n\"-e evil\" = \"*\"\n\"$(touch x)\" = \"*\"\nfine = \"*\"\n[--evil]\n"},
		{"Pipfile with pip", "pip", "-- Pipfile --\n[packages]\n\"-e evil\" = \"*\"\n\"--evil\" = {version = \"--evil\"}\nfine = \"*\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			layout(t, dir, c.layout)
			p, err := project.Scan(context.Background(), dir, project.Options{Manager: c.manager, Getenv: func(string) string { return "" }})
			if err != nil {
				t.Fatal(err)
			}
			p.Python.Base, p.Python.Planned = "/usr/bin/python3", dir+"/.venv"
			m := New(p)
			if m.Name() == "" || p.Manager.Name != c.manager {
				t.Fatalf("it is kept with %+v", p.Manager)
			}
			n := 0
			for _, cmd := range slices.Concat(m.Add([]Requirement{WorkOS, PythonDotenv}), m.Install(), m.Lock("workos>=1")) {
				for i, arg := range cmd.Argv {
					n++
					option := strings.HasPrefix(arg, "-") && !slices.Contains(ours, arg) && !(i > 0 && cmd.Argv[i-1] == "-r")
					if option || strings.ContainsAny(arg, "\n$") || arg == "" {
						t.Errorf("argument %d is %q: %q", i, arg, cmd.Argv)
					}
				}
			}
			if n < 5 {
				t.Errorf("%d arguments", n)
			}
			for _, file := range append(m.Restores(), Folders(p)...) {
				if strings.HasPrefix(file, "/") || strings.HasPrefix(file, "..") {
					t.Errorf("%q leads out of the project", file)
				}
			}
		})
	}
}
