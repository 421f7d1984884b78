package layouts

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"authfit/internal/cli"
	"authfit/internal/emulator"
	"authfit/internal/plan"
	"authfit/internal/verify"
)

var update = flag.Bool("update", false, "rewrite what the archives in testdata expect")

// expected is the archive's last file: what add does to the project.
const expected = "want"

// A layout is an archive of testdata. Its comment says what it shows, and then
// line by line what is particular to it:
//
//	prefix: /PATH      --url-prefix
//	app: FILE:NAME     --app
//	front: [https] [[keeping] /PATH]
//	                   the visitor comes through a proxy that takes https, or
//	                   cuts a path off, as nginx does, or passes it on
//	env: NAME=value    in the app's environment behind that proxy
//	boot: COMMAND...   how the app is started there, if not as verify does
//	links: /PATH       a page with the links, besides the home page
//	plain: /PATH       a page that stays without them
//
// Files below checks/ are no part of the project: they are Python programs that
// are run with the app's environment once it has its login.
type layout struct {
	archive *txtar.Archive
	is      map[string][]string
	checks  []txtar.File
	want    string
}

func read(t *testing.T, name string) *layout {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	l := &layout{archive: archive, is: map[string][]string{}}
	for line := range strings.Lines(string(archive.Comment)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "prefix", "app", "front", "env", "boot", "links", "plain":
			if ok {
				l.is[name] = append(l.is[name], value)
			}
		}
	}
	return l
}

// write makes the project in dir. A manage.py is executable, as Django makes it.
func (l *layout) write(t *testing.T, dir string) {
	t.Helper()
	for _, f := range l.archive.Files {
		switch {
		case f.Name == expected:
			l.want = string(f.Data)
			continue
		case strings.HasPrefix(f.Name, "checks/"):
			l.checks = append(l.checks, f)
			continue
		}
		file, mode := filepath.Join(dir, filepath.FromSlash(f.Name)), fs.FileMode(0o644)
		if filepath.Base(file) == "manage.py" {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLayouts gives each layout its login and sees a visitor through it, at the
// app's own door and at that of the proxy before it; then it takes the login
// back and wants every byte, mode and link as it was.
func TestLayouts(t *testing.T) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("AUTHFIT_TEST_PYTHON names no interpreter: run `make test`, or `. .cache/env` before go test")
	}
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || archives == nil {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			l, dir := read(t, name), filepath.Join(t.TempDir(), "project")
			l.write(t, dir)
			if err := os.Symlink(filepath.Dir(filepath.Dir(python)), filepath.Join(dir, ".venv")); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, dir)
			planned := l.add(t, dir)
			l.compare(t, name, planned)
			if !t.Failed() {
				l.visit(t, dir, python, planned)
			}
			authfit(t, nil, dir, "undo")
			if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
				t.Errorf("undo did not give everything back: before -, after +\n%s", diff)
			}
		})
	}
}

// add gives the project its login, which verify walks through, and returns what
// was planned. Nothing is left to do for a second add.
func (l *layout) add(t *testing.T, dir string) *plan.Plan {
	t.Helper()
	var options []string
	for name, option := range map[string]string{"prefix": "--url-prefix", "app": "--app"} {
		for _, value := range l.is[name] {
			options = append(options, option, value)
		}
	}
	var planned, again plan.Plan
	authfit(t, &planned, dir, append([]string{"plan", "--output", "json"}, options...)...)
	var report struct{ Checks []verify.Check }
	authfit(t, &report, dir, append([]string{"add", "--yes", "--no-install", "--output", "json"}, options...)...)
	seen := map[string]bool{}
	for _, c := range report.Checks {
		seen[c.ID] = c.Status == verify.Pass
	}
	for _, id := range []string{"sdk", "framework", "boot", "login", "callback", "session", "protected", "logout", "bad_state", "replayed_code", "denied"} {
		if !seen[id] {
			t.Errorf("the check %s did not pass: %+v", id, report.Checks)
		}
	}
	authfit(t, &again, dir, append([]string{"plan", "--output", "json"}, options...)...)
	if len(again.Files)+len(again.Env) > 0 {
		t.Errorf("a second add would change %v %v", again.Files, again.Env)
	}
	return &planned
}

// authfit runs a command line in this process, and reads its JSON into out.
func authfit(t *testing.T, out any, dir string, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append(args, "-C", dir, "--manager", "pip", "--no-input")
	if code := cli.Main(args, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("authfit %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.String())
	}
	if out != nil {
		if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
			t.Fatalf("authfit %s: %v\n%s", strings.Join(args, " "), err, stdout.String())
		}
	}
}

// compare holds what add does against what the archive expects.
func (l *layout) compare(t *testing.T, name string, p *plan.Plan) {
	t.Helper()
	var got strings.Builder
	for _, note := range p.Notes {
		if !strings.HasPrefix(note, "no credentials in ") { // as in every layout
			fmt.Fprintln(&got, "note "+note)
		}
	}
	shown := "does not show the user"
	if p.Login.HomeUser {
		shown = "shows the user"
	}
	fmt.Fprintf(&got, "callback %s, home page %s %s\n", p.Login.Callback, p.Login.Home, shown)
	for _, f := range p.Files {
		if f.Action == plan.Create {
			fmt.Fprintln(&got, "create "+f.Path)
			continue
		}
		for line := range strings.Lines(f.Diff) { // an empty line of context, without a blank that editors cut off
			fmt.Fprintln(&got, strings.TrimRight(line, " \n"))
		}
	}
	if *update {
		files := []txtar.File{}
		for _, f := range l.archive.Files {
			if f.Name != expected {
				files = append(files, f)
			}
		}
		l.archive.Files = append(files, txtar.File{Name: expected, Data: []byte(got.String())})
		if err := os.WriteFile(name, txtar.Format(l.archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(l.want, got.String()); diff != "" {
		t.Errorf("want -, got + (go test -update rewrites it):\n%s", diff)
	}
}

// env is the app's environment, where people come to it at home and AuthKit is
// at base.
func (l *layout) env(login *plan.Login, dir, base, callback string, fill func(string) string) []string {
	paths := []string{}
	for _, p := range login.Paths {
		paths = append(paths, filepath.Join(dir, filepath.FromSlash(p)))
	}
	env := append(os.Environ(),
		"WORKOS_API_KEY="+emulator.DefaultAPIKey,
		"WORKOS_CLIENT_ID="+emulator.DefaultClientID,
		"WORKOS_BASE_URL="+base,
		"WORKOS_REDIRECT_URI="+callback,
		"PYTHONPATH="+strings.Join(paths, string(filepath.ListSeparator)),
		"PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=localhost,127.0.0.1",
	)
	for _, kv := range append(login.Env, l.is["env"]...) {
		env = append(env, fill(kv))
	}
	return env
}

// check runs the programs below checks/ in the folder that the app runs from.
func (l *layout) check(t *testing.T, python, dir string, env []string) {
	t.Helper()
	for _, f := range l.checks {
		cmd := exec.Command(python, "-c", string(f.Data))
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", f.Name, err, out)
		}
	}
}

// snapshot is what can be seen of each file, folder and link below dir, but for
// authfit's own folder, which undo leaves with nothing in it.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		about := info.Mode().String()
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			about += " to " + to
		case d.Type().IsRegular():
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			about += fmt.Sprintf(" %x", sha256.Sum256(src))
		}
		seen[path] = about
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}
