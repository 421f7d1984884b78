package txn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/edit"
	"authfit/internal/plan"
)

// planted are the secrets that are in the project, or come into it. None may be
// seen anywhere but in its environment file.
const (
	planted    = "hunter2-planted"
	plantedNew = "sk_test_planted"
)

// tree is the project before anything happens: bytes by path, as people have
// them, with odd modes, old times, Windows newlines and links.
var tree = map[string]struct {
	text string
	mode fs.FileMode
}{
	"app.py":           {"from flask import Flask\n\napp = Flask(__name__)\n", 0o644},
	"manage.sh":        {"#!/bin/sh\n", 0o755},
	"conf/real.py":     {"DEBUG = True\r\nPORT = 1\r\n", 0o640},
	"pyproject.toml":   {"[project]\nname = \"x\"\n", 0o664},
	".env":             {"# mine\nSECRET=" + planted + "\nPORT=8000", 0o640},
	"env/flask":        {"3.0.0", 0o644},
	"env/pydantic":     {"2.0.0", 0o644},
	"notes/README.txt": {"not to be touched", 0o400},
}

// links by path.
var links = map[string]string{
	"settings.py": "conf/real.py",
	"latest":      "notes",
}

// long is when the files were last changed, to the nanosecond.
var long = time.Date(2021, 3, 4, 5, 6, 7, 123456789, time.UTC)

// A fixture is a project on the disk.
type fixture struct {
	dir string
	// fresh says that the project has no environment: the command makes .venv.
	fresh bool
	hook  hook
	// asked says that the project may be a copy, in which the mark of a journal is
	// another file.
	asked bool
	// said is all that was told as progress.
	said []string
}

// newFixture makes the project in a folder of the test's own.
func newFixture(t *testing.T, fresh bool) *fixture {
	t.Helper()
	f := &fixture{dir: tempDir(t), fresh: fresh}
	for path, file := range tree {
		if fresh && strings.HasPrefix(path, "env/") {
			continue
		}
		f.write(t, path, file.text)
		if err := os.Chmod(f.path(path), file.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(f.path(path), long, long); err != nil {
			t.Fatal(err)
		}
	}
	for path, to := range links {
		if err := os.Symlink(to, f.path(path)); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// tempDir is a folder of the test's own: in memory where it can be, since a sync
// of a real disk takes its time, and there are thousands.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "authfit-txn-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// write writes a file as an editor does, in place.
func (f *fixture) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(f.path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(f.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// thePlan changes a file, one behind a link, makes one in new folders, runs a
// command and fills two environment files.
func thePlan() *plan.Plan {
	change := func(path, target, add string) plan.File {
		before := []byte(tree[target].text)
		file, err := plan.NewFile(path, before, []edit.Edit{{Start: len(before), End: len(before), New: add}})
		if err != nil {
			panic(err)
		}
		return file
	}
	return &plan.Plan{
		Schema:   plan.Schema,
		Commands: []plan.Command{{Argv: []string{"uv", "add", "workos"}}},
		Restores: []plan.Restore{{Path: "pyproject.toml", SHA256Before: sum([]byte(tree["pyproject.toml"].text))}, {Path: "uv.lock"}},
		Files: []plan.File{
			change("app.py", "app.py", "\nimport auth\n"),
			change("settings.py", "conf/real.py", "AUTH = 1\r\n"),
			plan.CreateFile("accounts/auth/views.py", []byte("def login(): ...\n")),
		},
		Env: []plan.EnvKey{
			{File: ".env", Key: "PORT", Source: plan.EnvLiteral, Value: "1"},
			{File: ".env", Key: "WORKOS_API_KEY", Source: plan.EnvLocal},
			{File: ".env", Key: "WORKOS_COOKIE_PASSWORD", Source: plan.EnvFernet},
			{File: "deploy/dev.env", Key: "FLASK_SECRET_KEY", Source: plan.EnvSecret},
		},
	}
}

// options are those of a run, with a package manager of plain files: one for
// each package, in the environment's folder.
func (f *fixture) options() Options {
	o := Options{
		Root:     f.dir,
		Plan:     thePlan(),
		Values:   func(plan.EnvKey) (string, error) { return plantedNew, nil },
		Progress: func(s string) { f.said = append(f.said, s) },
		hook:     f.hook,
		Asked:    f.asked,
	}
	o.Run = func(ctx context.Context, _ plan.Command) error { return f.install(ctx) }
	o.Environment = Environment{
		Folders:   []string{".venv", ".venv"},
		Packages:  func() (map[string]string, error) { return f.packages() },
		Uninstall: func(_ context.Context, names []string) error { return f.uninstall(names) },
		Reinstall: func(_ context.Context, pinned []string) error { return f.reinstall(pinned) },
	}
	return o
}

// second are the options of a run on top of the first: without commands.
func (f *fixture) second(t *testing.T) Options {
	t.Helper()
	text := f.read(t, "app.py")
	file, err := plan.NewFile("app.py", []byte(text), []edit.Edit{{Start: len(text), End: len(text), New: "\nimport more\n"}})
	if err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.Plan = &plan.Plan{
		Files: []plan.File{file},
		Env:   []plan.EnvKey{{File: ".env", Key: "LATER", Source: plan.EnvSecret}, {File: "deploy/dev.env", Key: "LATER", Source: plan.EnvSecret}},
	}
	return o
}

func (f *fixture) envDir() string {
	if f.fresh {
		return ".venv"
	}
	return "env"
}

// install is what the command does, a step at a time, each asked of the hook.
func (f *fixture) install(ctx context.Context) error {
	file := func(name, text string) func() error {
		return func() error { return os.WriteFile(f.path(name), []byte(text), 0o644) }
	}
	steps := []func() error{
		file("pyproject.toml", tree["pyproject.toml"].text+"dependencies = [\"workos\"]\n"),
		file("uv.lock", "version = 1\n"),
		func() error { return os.MkdirAll(f.path(f.envDir()), 0o755) },
		file(f.envDir()+"/workos", "10.8.0"),
		file(f.envDir()+"/pydantic", "2.12.0"),
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return errors.New("the tool was ended") // as tools do, in words of their own
		}
		if f.hook != nil {
			if err := f.hook("command", "uv"); err != nil {
				return err
			}
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (f *fixture) packages() (map[string]string, error) {
	found := map[string]string{}
	entries, err := os.ReadDir(f.path(f.envDir()))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue // half of a package
		}
		version, err := os.ReadFile(f.path(f.envDir() + "/" + e.Name()))
		if err != nil {
			return nil, err
		}
		found[e.Name()] = string(version)
	}
	return found, nil
}

func (f *fixture) uninstall(names []string) error {
	for _, name := range names {
		if f.hook != nil {
			if err := f.hook("command", "uninstall"); err != nil {
				return err
			}
		}
		if err := os.Remove(f.path(f.envDir() + "/" + name)); err != nil {
			return err
		}
	}
	return nil
}

func (f *fixture) reinstall(pinned []string) error {
	for _, pin := range pinned {
		if f.hook != nil {
			if err := f.hook("command", "reinstall"); err != nil {
				return err
			}
		}
		name, version, _ := strings.Cut(pin, "==")
		if err := os.WriteFile(f.path(f.envDir()+"/"+name), []byte(version), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// apply applies, and fails the test when that fails.
func (f *fixture) apply(t *testing.T) *Result {
	t.Helper()
	r, err := Apply(context.Background(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// snapshot has a line for all that is in the project: kind, mode, time and sum.
// The times of packages are the package manager's.
func (f *fixture) snapshot(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := info.Mode().String()
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line = "link to " + to
		case !d.IsDir():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(text))
			if !strings.HasPrefix(rel, f.envDir()) {
				line += " " + info.ModTime().UTC().Format(time.RFC3339Nano)
			}
		}
		seen[filepath.ToSlash(rel)] = line
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// wantSame wants the project as it was, with nothing of authfit's own left.
func (f *fixture) wantSame(t *testing.T, before map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, f.snapshot(t)); diff != "" {
		t.Errorf("the project is not as it was (-before +now):\n%s", diff)
	}
}

// recover does what the next run does. Where the last one left the project as
// planned, it is undone. What was kept of the command's files is checked, and
// then removed.
func (f *fixture) recover(t *testing.T) {
	t.Helper()
	if _, err := Recover(context.Background(), f.options()); err != nil {
		t.Fatalf("Recover: %v", err)
	}
	var changed []string
	all := []string{"app.py", "conf/real.py", ".env", "pyproject.toml"}
	for _, name := range all {
		if text, err := os.ReadFile(f.path(name)); err != nil || string(text) != tree[name].text {
			changed = append(changed, name)
		}
	}
	_, err := Undo(context.Background(), f.options())
	if planned := err == nil; planned && len(changed) != len(all) {
		t.Errorf("Recover left the project half as planned: changed are %v", changed)
	}
	if err != nil && !errors.Is(err, ErrNothing) {
		t.Fatalf("Undo: %v", err)
	}
	if entries, err := os.ReadDir(f.path(home)); err == nil && len(entries) != 2 {
		t.Errorf("left in %s: %v, want .gitignore and what was kept at most", home, entries)
	}
	for _, text := range f.kept(t) {
		if !strings.HasPrefix(text, tree["pyproject.toml"].text) && text != "version = 1\n" {
			t.Errorf("kept: %q", text)
		}
	}
	if err := os.RemoveAll(f.path(home)); err != nil {
		t.Fatal(err)
	}
}

// kept are the texts of what lies in .authfit/kept.
func (f *fixture) kept(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(f.path(keptDir + "/*"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// dropHome forgets a snapshot's lines about .authfit.
func dropHome(snapshot map[string]string) map[string]string {
	maps.DeleteFunc(snapshot, func(name, _ string) bool {
		return name == home || strings.HasPrefix(name, home+"/")
	})
	return snapshot
}

// errDisk is what a disk says that fails.
var errDisk = errors.New("input/output error")

// failing gives a hook that fails at the operations that bad chooses by their
// number, from 1, and counts them.
func failing(bad func(n int) bool) (h hook, count *int) {
	count = new(int)
	return func(op, name string) error {
		*count++
		if bad(*count) {
			return fmt.Errorf("%s %s: %w", op, name, errDisk)
		}
		return nil
	}, count
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
