//go:build unix

package manager

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
)

// What a tool writes when it fails is shown without its chatter, with the way
// out.
func TestFailureIsAProblem(t *testing.T) {
	for name, c := range map[string]struct{ tail, detail, fix string }{
		"pip, a pin in the way": {
			"Requirement already satisfied: six in ./.venv\nCollecting jwt\n  Downloading jwt.whl\nERROR: Cannot install jwt==2.8 and workos\nERROR: Cannot install jwt==2.8 and workos\nERROR: ResolutionImpossible: for help",
			"ERROR: Cannot install jwt==2.8 and workos\nERROR: ResolutionImpossible: for help", "loosen the versions"},
		"poetry, a pin in the way": {
			"Using version ^10.8.0 for workos\nSo, because a depends on b, version solving failed.",
			"So, because a depends on b, version solving failed.", "loosen the versions"},
		"poetry, Python": {
			"The current project's supported Python range (>=3.9) is not compatible\nversion solving failed.",
			"The current project's supported Python range (>=3.9) is not compatible\nversion solving failed.", "lower bound"},
		"uv, Python": {
			"  × No solution found when resolving dependencies:\n      hint: The `requires-python` value (>=3.8) includes Python versions",
			"  × No solution found when resolving dependencies:\n      hint: The `requires-python` value (>=3.8) includes Python versions", "lower bound"},
		"pip, no such version for this Python": {
			"ERROR: Ignored the following versions that require a different python version: 6.0 Requires-Python >=3.12\nERROR: No matching distribution found for x==6.0",
			"ERROR: Ignored the following versions that require a different python version: 6.0 Requires-Python >=3.12\nERROR: No matching distribution found for x==6.0", "another Python"},
		"pipenv, a build": {
			"ERROR: Failed building wheel for x\n--hash=sha256:00,\n--hash=sha256:11\nPackage installation failed...",
			"ERROR: Failed building wheel for x\nPackage installation failed...", "cannot be built"},
		"no network": {
			"error: Failed to fetch\n  cause: dns error", "error: Failed to fetch\n  cause: dns error", "can be reached"},
		"pip, an index that has nothing": {
			"ERROR: Could not find a version that satisfies the requirement workos (from versions: none)",
			"ERROR: Could not find a version that satisfies the requirement workos (from versions: none)", "index can be reached"},
		"pip, no hashes": {
			"ERROR: Hashes are required in --require-hashes mode, but they are missing",
			"ERROR: Hashes are required in --require-hashes mode, but they are missing", "pip-compile"},
		"PDM, other hashes": {
			"No candidate is found for `x` that\nmatches the environment or hashes",
			"No candidate is found for `x` that\nmatches the environment or hashes", "make the lock file again"},
		"pipenv, a full disk in two lines": {
			"ERROR: [Errno 28] No space left on \ndevice\n", "ERROR: [Errno 28] No space left on\ndevice", "make room"},
		"a full disk, seen as a connection that broke": {
			"OSError: No space left on device\nraise ConnectionError(e)",
			"OSError: No space left on device\nraise ConnectionError(e)", "make room"},
		"unheard of":   {"it went wrong", "it went wrong", "see to what it says"},
		"only chatter": {"Collecting a", "Collecting a", "see to what it says"},
	} {
		var p *problem.Problem
		if !errors.As(&RunError{Argv: []string{"/bin/tool", "add", "workos"}, Code: 1, Tail: said(c.tail), Err: errors.New("exit status 1")}, &p) {
			t.Errorf("%s: no problem", name)
			continue
		}
		if p.Summary != "tool add workos ended with exit code 1" {
			t.Errorf("%s: %q", name, p.Summary)
		}
		if diff := cmp.Diff(c.detail, p.Detail); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !strings.Contains(p.Fix, c.fix) {
			t.Errorf("%s: the fix is %q, wanted %q in it", name, p.Fix, c.fix)
		}
	}
	var p *problem.Problem
	if errors.As(&RunError{Argv: []string{"tool"}, Code: -1, Err: context.Canceled}, &p) {
		t.Errorf("an interrupted command is the problem %v", p)
	}
}

// said is what Run keeps of what a tool wrote.
func said(text string) string {
	w := &tailWriter{}
	_, _ = w.Write([]byte(text))
	return w.lines()
}

// A tool that something has killed is a problem with a way out, too, and
// what it ran itself is ended with it.
func TestKilledTool(t *testing.T) {
	err := Run(t.Context(), plan.Command{Argv: []string{"/bin/sh", "-c", "sleep 300 & echo $!; kill -9 $$"}}, t.TempDir(), nil)
	var p *problem.Problem
	if !errors.As(err, &p) || !strings.Contains(p.Summary, "signal: killed") || !strings.Contains(p.Fix, "run authfit again") {
		t.Fatalf("%v", p)
	}
	child, _ := strconv.Atoi(strings.TrimSpace(p.Detail))
	for range 200 { // it is reaped by init, in its own time
		if !Alive(child) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("process %d still runs", child)
}

// What setuptools writes when a manager installs the project itself is known
// beforehand.
func TestFoldersOfSetuptools(t *testing.T) {
	const name = "[project]\nname = \"my-app\"\nversion = \"1\"\n"
	both := []string{"my_app.egg-info", "src/my_app.egg-info"}
	for title, c := range map[string]struct {
		manifest string
		folders  []string
	}{
		"no build system":    {name + "[tool.uv]\n", nil},
		"a package by uv":    {name + "[tool.uv]\npackage = true\n", both},
		"no package by uv":   {name + "[tool.uv]\npackage = false\n", nil},
		"setuptools":         {name + "[tool.uv]\n[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n", both},
		"a nameless backend": {name + "[tool.pdm]\n[build-system]\nrequires = [\"setuptools\"]\n", both},
		"another backend":    {name + "[tool.uv]\n[build-system]\nbuild-backend = \"hatchling.build\"\n", nil},
		"pip":                {name + "[build-system]\nbuild-backend = \"setuptools.build_meta\"\n", nil},
	} {
		dir := t.TempDir()
		layout(t, dir, "-- pyproject.toml --\n"+c.manifest+"-- my_app.egg-info/PKG-INFO --\n")
		p := scan(t, dir)
		if diff := cmp.Diff(c.folders, Folders(p)); diff != "" {
			t.Errorf("%s: %s", title, diff)
		}
		there := strings.Contains(strings.Join(New(p).Restores(), " "), "my_app.egg-info/PKG-INFO")
		if there != (c.folders != nil) {
			t.Errorf("%s: restores %v", title, New(p).Restores())
		}
	}
}

// Packages are listed where the project's owner would: not in a file that only
// passes on to another.
func TestListing(t *testing.T) {
	for title, c := range map[string]struct{ layout, want string }{
		"a list":             {"-- requirements.txt --\nflask\n", "requirements.txt"},
		"passes on":          {"-- requirements.txt --\n-r requirements/production.txt\n-- requirements/production.txt --\n-r base.txt\ngunicorn\n-- requirements/base.txt --\ndjango\n", "requirements/base.txt"},
		"has more than base": {"-- requirements.txt --\nflask\n-r requirements-optional.txt\n-- requirements-optional.txt --\nredis\n", "requirements.txt"},
		"passes on to two":   {"-- requirements.txt --\n-r a.txt\n-r b.txt\n-- a.txt --\n-- b.txt --\n", "requirements.txt"},
		"constraints beside": {"-- requirements.txt --\n-c pins.txt\n-r common.txt\n-- common.txt --\nflask\n-- pins.txt --\n", "common.txt"},
		"leads nowhere":      {"-- requirements.txt --\n-r gone.txt\n", "requirements.txt"},
		"leads out":          {"-- requirements.txt --\n-r ../other.txt\n", "requirements.txt"},
		"in a folder":        {"-- app/requirements.txt --\n-r reqs/base.txt\n-- app/reqs/base.txt --\nflask\n", "app/reqs/base.txt"},
		"a circle":           {"-- requirements.txt --\n-r base.txt\n-- base.txt --\n-r requirements.txt\n", "base.txt"},
	} {
		dir := t.TempDir()
		layout(t, dir, c.layout)
		tree, err := project.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		manifest := "requirements.txt"
		p := &project.Project{Tree: tree, Manager: project.Manager{Name: "pip", Dir: ".", Manifest: manifest}}
		if strings.HasPrefix(c.want, "app/") {
			p.Manager.Dir = "app"
		}
		if got := Listing(p); got != filepath.ToSlash(c.want) {
			t.Errorf("%s: %s, want %s", title, got, c.want)
		}
	}
}
