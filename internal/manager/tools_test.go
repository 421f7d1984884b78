//go:build unix

package manager

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/project"
)

func layout(t *testing.T, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// tools ends the test where a tool is missing: as failed where
// AUTHFIT_TEST_TOOLS says that all are there, else as skipped.
func tools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("AUTHFIT_TEST_TOOLS") != "" {
			t.Fatalf("%s is not on PATH; `make test` puts it there", name)
		}
		t.Skipf("%s is not on PATH; `make test` puts it there", name)
	}
}

// sandbox keeps what the tools leave for a person (Poetry's, pipenv's and PDM's
// environments) in a folder of the test's, but shares their caches.
func sandbox(t *testing.T) string {
	t.Helper()
	outer, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("POETRY_VIRTUALENVS_PATH", filepath.Join(outer, "poetry"))
	t.Setenv("WORKON_HOME", filepath.Join(outer, "pipenv"))
	t.Setenv("XDG_DATA_HOME", filepath.Join(outer, "data"))
	if os.Getenv("PYENV_ROOT") == "" {
		t.Setenv("PYENV_ROOT", filepath.Join(os.Getenv("HOME"), ".pyenv"))
	}
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("VIRTUALENV_NO_PERIODIC_UPDATE", "1") // it runs on in the background
	return outer
}

func scan(t *testing.T, dir string) *project.Project {
	t.Helper()
	p, err := project.Scan(t.Context(), dir, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if b := p.Blockers(); len(b) > 0 {
		t.Fatalf("%+v", b)
	}
	return p
}

func runAll(t *testing.T, p *project.Project, cmds []plan.Command) {
	t.Helper()
	for _, c := range cmds {
		var out bytes.Buffer
		if err := Run(t.Context(), c, p.Root, &out); err != nil {
			t.Fatalf("%v\n%v\n%s", c.Argv, err, out.Bytes())
		}
	}
}

const (
	pep621 = "-- pyproject.toml --\n[project]\nname = \"my-app\"\nversion = \"0.1.0\"\nrequires-python = \">=3.10\"\ndependencies = [\n    \"itsdangerous>=2\",\n]\n"
	app    = "-- app.py --\nimport itsdangerous\n"
)

// Each manager, the real one, adds the real packages in one call to a project
// without an environment, and its environment is as it was after Revert.
func TestAddWithTheRealManagers(t *testing.T) {
	for name, c := range map[string]struct {
		layout, manager string
		with            []string // tools
		calls           int      // commands of Add
		changes         []string
	}{
		"uv":     {pep621 + "\n[tool.uv]\n" + app, "uv", []string{"uv"}, 1, []string{"pyproject.toml", "uv.lock"}},
		"poetry": {pep621 + "\n[tool.poetry]\npackage-mode = false\n" + app, "poetry", []string{"poetry"}, 3, []string{"poetry.lock", "pyproject.toml"}},
		"pipenv": {"-- Pipfile --\n[packages]\nitsdangerous = \">=2\"\n" + app,
			"pipenv", []string{"pipenv"}, 1, []string{"Pipfile", "Pipfile.lock"}},
		"pdm":            {pep621 + "\n[tool.pdm]\ndistribution = false\n" + app, "pdm", []string{"pdm"}, 2, []string{".pdm-python", "pdm.lock", "pyproject.toml"}},
		"pip":            {"-- requirements.txt --\nitsdangerous>=2\n" + app, "pip", nil, 2, nil},
		"pip, [project]": {pep621 + app, "pip", nil, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tools(t, c.with...)
			dir := filepath.Join(sandbox(t), "project")
			layout(t, dir, c.layout)
			before := scan(t, dir)
			if before.Manager.Name != c.manager || before.Python.Venv != "" {
				t.Fatalf("%+v %+v", before.Manager, before.Python)
			}
			was := files(t, dir)
			m, err := For(t.Context(), before, nil)
			if err != nil {
				t.Fatal(err)
			}
			cmds := m.Add([]Requirement{WorkOS, PythonDotenv})
			if len(cmds) != c.calls {
				t.Errorf("%d commands: %v", len(cmds), cmds)
			}
			runAll(t, before, cmds)
			if diff := cmp.Diff(c.changes, changed(was, files(t, dir))); diff != "" {
				t.Errorf("changed files: %s", diff)
			}
			for _, f := range c.changes {
				if !slices.Contains(m.Restores(), f) {
					t.Errorf("%s is changed, but not in %v", f, m.Restores())
				}
			}
			writeLines(t, before)

			after := scan(t, dir)
			if after.Python.Venv != before.Python.Planned {
				t.Errorf("the environment is %s, planned was %s", after.Python.Venv, before.Python.Planned)
			}
			check := exec.Command(before.Python.Executable(), "-c", "import workos, dotenv, itsdangerous")
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if after.SDK.Dialect != "6" {
				t.Errorf("%+v", after.SDK)
			}
			m, err = For(t.Context(), after, nil)
			if err != nil {
				t.Fatal(err)
			}
			if cmds := m.Add([]Requirement{WorkOS, PythonDotenv}); cmds != nil {
				t.Errorf("a second time there is something to do: %v", cmds)
			}

			// As if the two had come to an environment that was there.
			now := Installed(after)
			old := map[string]string{"itsdangerous": now["itsdangerous"]}
			if v := now["pip"]; v != "" {
				old["pip"] = v
			}
			if v := now["setuptools"]; v != "" {
				old["setuptools"] = v
			}
			runAll(t, after, Revert(t.Context(), after, old, now, nil))
			if diff := cmp.Diff(old, Installed(scan(t, dir))); diff != "" {
				t.Errorf("after Revert: %s", diff)
			}
			// Install brings back what the manifest says by now.
			m, err = For(t.Context(), scan(t, dir), nil)
			if err != nil {
				t.Fatal(err)
			}
			runAll(t, after, m.Install())
			if diff := cmp.Diff(now["itsdangerous"], Installed(scan(t, dir))["itsdangerous"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// writeLines makes the edits that the plan would make for pip.
func writeLines(t *testing.T, p *project.Project) {
	t.Helper()
	if p.Manager.Manifest != "requirements.txt" {
		return
	}
	file := filepath.Join(p.Root, "requirements.txt")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edits, err := RequirementLines(src, []Requirement{WorkOS, PythonDotenv})
	if err != nil {
		t.Fatal(err)
	}
	out, err := edit.Apply(src, edits...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out, 0o666); err != nil {
		t.Fatal(err)
	}
}

// files are the project's files with their contents, also those that git
// ignores, but for environments.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(file string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if e.Name() == ".venv" {
				return filepath.SkipDir
			}
			return nil
		}
		src, err := os.ReadFile(file)
		rel, _ := filepath.Rel(dir, file)
		out[rel] = string(src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func changed(was, is map[string]string) []string {
	var out []string
	for f, src := range is {
		if old, ok := was[f]; !ok || old != src {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// An environment made by uv has no pip: its owner's uv installs into it.
func TestPipWithAnEnvironmentOfUV(t *testing.T) {
	tools(t, "uv")
	dir := filepath.Join(sandbox(t), "project")
	layout(t, dir, "-- requirements.txt --\nitsdangerous\n"+app)
	none := scan(t, dir)
	runAll(t, none, []plan.Command{{Argv: []string{"uv", "venv", "-q", "--python", none.Python.Base, ".venv"}}})
	p := scan(t, dir)
	m, err := For(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	cmds := m.Add([]Requirement{PythonDotenv})
	if len(cmds) != 1 || cmds[0].Argv[1] != "pip" {
		t.Fatalf("%v", cmds)
	}
	runAll(t, p, cmds)
	if got := Installed(scan(t, dir)); got["python-dotenv"] == "" || got["itsdangerous"] == "" || got["pip"] != "" {
		t.Errorf("%v", got)
	}
}

func TestManagerNotFound(t *testing.T) {
	dir := t.TempDir()
	layout(t, dir, "-- poetry.lock --\n-- pyproject.toml --\n[project]\nname = \"a\"\n")
	env := func(name string) string { return map[string]string{"HOME": dir, "PATH": "/nowhere"}[name] }
	p, err := project.Scan(t.Context(), dir, project.Options{Getenv: env})
	if err != nil {
		t.Fatal(err)
	}
	_, err = For(t.Context(), p, env)
	if err == nil || !strings.Contains(err.Error(), "poetry.lock: the project is kept with poetry, which is not on PATH") {
		t.Errorf("%v", err)
	}
	// A shim that fails is no tool.
	shim := filepath.Join(dir, "shims", "poetry")
	layout(t, dir, "-- shims/poetry --\n#!/bin/sh\nexit 127\n")
	if err := os.Chmod(shim, 0o755); err != nil {
		t.Fatal(err)
	}
	p.Python.Base = ""
	if got := Find(t.Context(), "poetry", p, func(string) string { return filepath.Dir(shim) }); got != nil {
		t.Errorf("found %v", got)
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	layout(t, dir, "-- sub/x --\n")
	t.Setenv("VIRTUAL_ENV", "/elsewhere")
	t.Setenv("POETRY_ACTIVE", "1")
	sh := func(script string) plan.Command { return plan.Command{Argv: []string{"/bin/sh", "-c", script}} }

	var out bytes.Buffer
	c := sh(`pwd; echo "[$VIRTUAL_ENV] [$POETRY_ACTIVE] $PIP_NO_INPUT $OWN $1" ; read x || echo "no input"`)
	c.Dir, c.Env = "sub", []string{"OWN=a b"}
	c.Argv = append(c.Argv, "sh", "$(touch hacked); *")
	if err := Run(t.Context(), c, dir, &out); err != nil {
		t.Fatal(err)
	}
	real, _ := filepath.EvalSymlinks(filepath.Join(dir, "sub"))
	if want := real + "\n[] [] 1 a b $(touch hacked); *\nno input\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if err := Run(t.Context(), plan.Command{Argv: []string{"/bin/sh", "-c", `test "$VIRTUAL_ENV" = /ours`}, Env: []string{"VIRTUAL_ENV=/ours"}}, dir, nil); err != nil {
		t.Error(err)
	}

	err := Run(t.Context(), sh(`i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; echo bad >&2; exit 7`), dir, nil)
	var re *RunError
	if !errors.As(err, &re) || re.Code != 7 {
		t.Fatalf("%v", err)
	}
	lines := strings.Split(re.Tail, "\n")
	if len(lines) != 30 || lines[0] != "line 71" || lines[29] != "bad" || !strings.Contains(err.Error(), "exit code 7") {
		t.Errorf("%q", re.Tail)
	}

	err = Run(t.Context(), plan.Command{Argv: []string{"no-such-tool-here"}}, dir, nil)
	if !errors.As(err, &re) || re.Code != -1 {
		t.Errorf("%v", err)
	}
}

// What a cancelled command has started ends with it, also what does not mind
// an interrupt.
func TestRunCancelled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	out := &started{cancel: cancel}
	err := Run(ctx, plan.Command{Argv: []string{"/bin/sh", "-c", `(trap "" INT; sleep 300 & echo $! >child; wait) & sleep 0.2; echo up; wait`}}, dir, out)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range strings.TrimSpace(string(pid)) {
		n = n*10 + int(d-'0')
	}
	for range 200 { // a killed orphan is reaped by init, in its own time
		if syscall.Kill(n, 0) != nil || zombie(n) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("process %d still runs", n)
}

// zombie says whether a process has ended and only waits to be reaped.
func zombie(pid int) bool {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// started cancels once something is written.
type started struct{ cancel func() }

func (s *started) Write(p []byte) (int, error) {
	s.cancel()
	return len(p), nil
}
