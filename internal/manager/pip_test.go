//go:build unix

package manager

import (
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
