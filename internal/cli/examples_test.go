package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/verify"
)

// TestExamples adds a login to each example with its real package manager,
// sees it work, adds it again, and takes it back.
func TestExamples(t *testing.T) {
	if os.Getenv("AUTHFIT_TEST_PYTHON") == "" {
		t.Fatal("run `make test`: it sets up the package managers that this test needs")
	}
	// The copy's environment lies in the copy, whatever is activated here.
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("POETRY_VIRTUALENVS_IN_PROJECT", "true")
	t.Setenv("PIPENV_VENV_IN_PROJECT", "1")
	for _, example := range []struct{ name, framework, manager string }{
		{"django", "django", "uv"},
		{"flask", "flask", "pip"},
		{"fastapi", "fastapi", "poetry"},
		{"pipenv", "flask", "pipenv"},
		{"vanilla", "vanilla", "pip"},
	} {
		t.Run(example.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), example.name)
			if err := verify.CopyProject(filepath.Join("../../examples", example.name), dir); err != nil {
				t.Fatal(err)
			}
			before := snapshot(dir)

			var facts struct {
				Apps    []struct{ Framework string }
				Chosen  *int
				Manager struct{ Name string }
			}
			run(t, 0, &facts, "inspect", "-C", dir, "--output", "json")
			if facts.Chosen == nil || facts.Apps[*facts.Chosen].Framework != example.framework || facts.Manager.Name != example.manager {
				t.Fatalf("inspect: %+v", facts)
			}

			var report addReport
			run(t, 0, &report, "add", "-C", dir, "--yes", "--output", "json")
			for _, want := range []string{"login", "callback", "session", "protected", "logout", "bad_state", "replayed_code", "denied"} {
				if status(report, want) != verify.Pass {
					t.Errorf("%s: %s", want, status(report, want))
				}
			}
			added := snapshot(dir)
			run(t, 0, nil, "add", "-C", dir, "--yes", "--no-verify")
			if snapshot(dir) != added {
				t.Error("a second add changed something")
			}
			run(t, 0, nil, "undo", "-C", dir)
			if after := snapshot(dir); after != before {
				t.Errorf("undo did not give every byte back:\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

func status(r addReport, id string) verify.Status {
	for _, c := range r.Checks {
		if c.ID == id {
			return c.Status
		}
	}
	return "missing"
}

// run runs the command line in this process, and reads its JSON into out.
func run(t *testing.T, want int, out any, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := Main(args, strings.NewReader(""), &stdout, &stderr); got != want {
		t.Fatalf("authfit %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, want, stdout.String(), stderr.String())
	}
	if out != nil {
		if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
			t.Fatalf("authfit %s: %v\n%s", strings.Join(args, " "), err, stdout.String())
		}
	}
}
