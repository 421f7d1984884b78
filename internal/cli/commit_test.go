package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/txn"
	"authfit/internal/verify"
)

// What somebody writes between the run and its commit is in no commit.
func TestNoCommitOfWhatWasEditedMeanwhile(t *testing.T) {
	gitAsAda(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "app.py")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n")
	runGit(t, dir, "init", "-q")
	runGit(t, dir, "add", ".")
	runGit(t, dir, "commit", "-q", "-m", "first")

	var stderr bytes.Buffer
	a := &App{Out: &stderr, Err: &stderr}
	p := &planned{project: &project.Project{Root: dir}, plan: &plan.Plan{}}
	if err := a.beforeChange(t.Context(), p, commitOptions{wanted: true}); err != nil {
		t.Fatal(err)
	}
	write("by authfit\n")
	p.commit.remember(&txn.Result{Files: []string{"app.py"}})
	write("by authfit\nby somebody\n")
	if err := a.commit(t.Context(), p, &verify.Report{}); !errors.Is(err, errFindings) {
		t.Errorf("the error is %v", err)
	}
	if !strings.Contains(stderr.String(), "edited meanwhile: app.py") {
		t.Errorf("it says %q", stderr.String())
	}
	if got := runGit(t, dir, "rev-list", "--count", "HEAD"); got != "1\n" {
		t.Errorf("there are %s commits", got)
	}
}

// A lock file that its owner keeps out of git does not stand in the way, and is in
// no commit; nor is PDM's note of this machine's interpreter.
func TestLockFilesThatGitIgnores(t *testing.T) {
	gitAsAda(t)
	dir := t.TempDir()
	for file, text := range map[string]string{"pyproject.toml": "", ".gitignore": "*.lock\n", "uv.lock": ""} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runGit(t, dir, "init", "-q")
	runGit(t, dir, "add", ".")
	runGit(t, dir, "commit", "-q", "-m", "first")
	var out bytes.Buffer
	a := &App{Out: &out, Err: &out}
	p := &planned{project: &project.Project{Root: dir}, plan: &plan.Plan{
		Restores: []plan.Restore{{Path: "pyproject.toml"}, {Path: "uv.lock"}, {Path: ".pdm-python"}},
	}}
	if err := a.beforeChange(t.Context(), p, commitOptions{wanted: true}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"pyproject.toml", "uv.lock", ".pdm-python"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("by the manager\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p.commit.remember(&txn.Result{Files: []string{".pdm-python", "pyproject.toml", "uv.lock"}})
	if err := a.commit(t.Context(), p, &verify.Report{}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if got := runGit(t, dir, "show", "--name-only", "--format=", "HEAD"); got != "pyproject.toml\n" {
		t.Errorf("committed is %q", got)
	}
}
