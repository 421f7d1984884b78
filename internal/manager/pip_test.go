//go:build unix

package manager

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"authfit/internal/project"
)

// A token in the address of a dependency gets into no plan.
func TestPipKeepsTokensOutOfPlans(t *testing.T) {
	p := &project.Project{
		Manager: project.Manager{Name: "pip", Dir: ".", Manifest: "pyproject.toml"},
		Python:  project.Python{Base: "/usr/bin/python3", Planned: "/p/.venv"},
		Dependencies: []project.Dependency{
			{Name: "own", URL: "git+https://me:s3cret@e.test/x.git", File: "pyproject.toml"},
			{Name: "open", URL: "https://e.test/x.whl", Extras: []string{"a"}, Marker: "python_version>'3'", File: "pyproject.toml"},
			{Name: "tests", Group: "dev", File: "pyproject.toml"},
		},
	}
	var all []string
	for _, c := range New(p).Add([]Requirement{WorkOS}) {
		all = append(all, strings.Join(c.Argv, " "))
	}
	want := "/usr/bin/python3 -m venv /p/.venv\n" +
		"/p/.venv/bin/python -m pip install open[a] @ https://e.test/x.whl ; python_version>'3' workos==10.8.0"
	if got := strings.Join(all, "\n"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// An environment for development gets no packages that only production has.
func TestPipLeavesOtherRequirementsOut(t *testing.T) {
	dir := t.TempDir()
	layout(t, dir, "-- requirements.txt --\n-r requirements/production.txt\n-- requirements/production.txt --\n-r base.txt\nuwsgi\n-- requirements/base.txt --\nDjango\n")
	tree, err := project.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	p := &project.Project{
		Tree: tree, Manager: project.Manager{Name: "pip", Dir: ".", Manifest: "requirements.txt"},
		Python: project.Python{Interpreter: "/p/.venv/bin/python", Venv: "/p/.venv", SitePackages: []string{filepath.Join(dir, "site-packages")}},
		Dependencies: []project.Dependency{
			{Name: "django", File: "requirements/base.txt"},
			{Name: "uwsgi", File: "requirements/production.txt"},
		},
	}
	for _, test := range []struct{ installed, want string }{
		{"", "requirements.txt"}, // nothing yet: all of it
		{"Django-6.0.dist-info", "requirements/base.txt"},
	} {
		if err := os.MkdirAll(filepath.Join(dir, "site-packages", test.installed), 0o755); err != nil {
			t.Fatal(err)
		}
		argv := New(p).Add([]Requirement{WorkOS})[0].Argv
		if i := slices.Index(argv, "-r"); i < 0 || argv[i+1] != test.want {
			t.Errorf("with %q installed: %s, want -r %s", test.installed, strings.Join(argv, " "), test.want)
		}
	}
}
