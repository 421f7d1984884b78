//go:build unix

package manager

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/project"
)

// Each manager, the real one, says which version it would install, and what
// keeps the newest one away; nothing in the project changes.
func TestResolveWithTheRealManagers(t *testing.T) {
	manifest := func(needs, table string) string {
		return "-- pyproject.toml --\n[project]\nname = \"my-app\"\nversion = \"0.1.0\"\nrequires-python = \">=3.10,<4.0\"\ndependencies = [" + needs + "]\n" + table
	}
	const pin = `"cryptography<42"`
	for name, c := range map[string]struct {
		layout string
		with   []string // tools
		older  bool     // the resolver takes an older version
		held   []string // facts
	}{
		"uv":            {manifest("", "[tool.uv]\npackage = false\n"), []string{"uv"}, false, nil},
		"uv, a pin":     {manifest(pin, "[tool.uv]\npackage = false\n"), []string{"uv"}, true, []string{"cryptography<42"}},
		"poetry":        {manifest("", "[tool.poetry]\npackage-mode = false\n"), []string{"poetry"}, false, nil},
		"poetry, a pin": {manifest(pin, "[tool.poetry]\npackage-mode = false\n"), []string{"poetry"}, false, []string{"cryptography<42"}},
		"pdm":           {manifest("", "[tool.pdm]\ndistribution = false\n"), []string{"pdm"}, false, nil},
		"pipenv":        {"-- Pipfile --\n[packages]\n", []string{"pipenv"}, false, nil},
		"pipenv, a pin": {"-- Pipfile --\n[packages]\ncryptography = \"<42\"\n", []string{"pipenv"}, true, []string{"cryptography<42"}},
		"pip":           {"-- requirements.txt --\nitsdangerous>=2\n", nil, false, nil},
		"pip, a pin":    {"-- requirements.txt --\nitsdangerous>=2\ncryptography==41.0.7\n", nil, true, []string{"cryptography==41.0.7"}},
	} {
		t.Run(name, func(t *testing.T) {
			tools(t, c.with...)
			dir := filepath.Join(sandbox(t), "project")
			layout(t, dir, c.layout+app)
			p := scan(t, dir)
			was := files(t, dir)
			m, err := For(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Resolve(t.Context(), p, m, WorkOS, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			newest := got.Version != "" && project.CompareVersions(got.Version, WorkOS.Version) >= 0
			if newest != (c.held == nil) || c.older != (got.Version != "" && !newest) {
				t.Errorf("version %q, %v", got.Version, got.Err)
			}
			var held []string
			for _, e := range got.HeldBack {
				held = append(held, e.Fact)
			}
			if diff := cmp.Diff(c.held, held); diff != "" {
				t.Errorf("held back by (-want +got):\n%s", diff)
			}
			if q := got.HeldBackProblem(WorkOS); (q != nil) != (c.held != nil) || q != nil && (q.Line == 0 || !strings.Contains(q.Detail, c.held[0])) {
				t.Errorf("problem %+v", q)
			}
			if diff := changed(was, files(t, dir)); diff != nil {
				t.Errorf("changed: %v", diff)
			}
		})
	}
}
