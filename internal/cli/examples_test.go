package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/verify"
)

// TestExamples adds a login to each example with its real package manager,
// sees it work and committed, adds it again, and takes it back.
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
			repo := filepath.Dir(dir) // of which the project is a folder
			gitAsAda(t)
			runGit(t, repo, "init", "-q")
			runGit(t, repo, "add", ".")
			runGit(t, repo, "commit", "-q", "-m", "first")
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
			run(t, 0, &report, "add", "-C", dir, "--yes", "--commit", "--output", "json")
			if got := runGit(t, dir, "show", "--name-only", "--relative", "--format=", "HEAD"); report.Commit == nil || got != strings.Join(report.Commit.Files, "\n")+"\n" {
				t.Errorf("committed is %s, reported %+v", got, report.Commit)
			}
			if left := runGit(t, repo, "status", "--porcelain"); left != "" {
				t.Errorf("neither committed nor ignored is %s", left)
			}
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

// gitAsAda has git know Ada, and nothing of this machine's configuration.
func gitAsAda(t *testing.T) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(config, []byte("[user]\nname = Ada\nemail = ada@example.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
}

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
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
