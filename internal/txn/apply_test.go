package txn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/plan"
	"authfit/internal/problem"
)

// kinds are the two kinds of project: one whose environment the commands make,
// and one that has an environment.
var kinds = map[string]bool{"new environment": true, "old environment": false}

func TestApplyAndUndo(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			f := newFixture(t, fresh)
			before := f.snapshot(t)

			got := f.apply(t)
			want := &Result{
				Files: []string{"app.py", "settings.py", "accounts/auth/views.py", "pyproject.toml", "uv.lock"},
				Env: []EnvKey{
					{".env", "WORKOS_API_KEY"}, {".env", "WORKOS_COOKIE_PASSWORD"}, {"deploy/dev.env", "FLASK_SECRET_KEY"},
				},
				Packages: []string{"pydantic==2.12.0", "workos==10.8.0"},
				Kept:     []string{},
				Notes:    []string{},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Apply (-want +got):\n%s", diff)
			}
			for name, text := range map[string]string{
				"app.py":                 tree["app.py"].text + "\nimport auth\n",
				"conf/real.py":           tree["conf/real.py"].text + "AUTH = 1\r\n",
				"accounts/auth/views.py": "def login(): ...\n",
			} {
				if got := f.read(t, name); got != text {
					t.Errorf("%s: %q, want %q", name, got, text)
				}
			}
			after := f.snapshot(t)
			for _, name := range []string{"app.py", "conf/real.py", ".env"} {
				if mode, _, _ := strings.Cut(after[name], " "); !strings.HasPrefix(before[name], mode+" ") {
					t.Errorf("%s: its mode has become %s", name, mode)
				}
			}
			if mode, _, _ := strings.Cut(after["deploy/dev.env"], " "); mode != "-rw-------" {
				t.Errorf("the new environment file is %s, others may not read it", mode)
			}
			if after["settings.py"] != before["settings.py"] {
				t.Errorf("the link has become %s", after["settings.py"])
			}
			env := f.read(t, ".env")
			if !strings.HasPrefix(env, tree[".env"].text+"\n\n# ") || strings.Count(env, "PORT=") != 1 {
				t.Errorf("the lines of .env that were there: %q", env)
			}

			undone, err := Undo(context.Background(), f.options())
			if err != nil {
				t.Fatal(err)
			}
			f.wantSame(t, before)
			if diff := cmp.Diff(sorted(want.Files), undone.Files); diff != "" {
				t.Errorf("Undo's files (-want +got):\n%s", diff)
			}
			if _, err := Undo(context.Background(), f.options()); !errors.Is(err, ErrNothing) {
				t.Errorf("a second Undo: %v, want %v", err, ErrNothing)
			}
		})
	}
}

// TestApplyTwice: the second time the plan no longer fits, and one made anew
// has nothing left to do.
func TestApplyTwice(t *testing.T) {
	f := newFixture(t, true)
	before := f.snapshot(t)
	f.apply(t)
	applied := dropHome(f.snapshot(t))

	_, err := Apply(context.Background(), f.options())
	wantProblem(t, err, "changed")
	if diff := cmp.Diff(applied, dropHome(f.snapshot(t))); diff != "" {
		t.Errorf("a second Apply changed something: %s", diff)
	}

	o := f.options()
	o.Plan = &plan.Plan{Env: o.Plan.Env} // the keys are there
	if r, err := Apply(context.Background(), o); err != nil || len(r.Env) > 0 {
		t.Errorf("keys that are there: %+v, %v", r, err)
	}
	o.Plan = &plan.Plan{}
	if _, err := Apply(context.Background(), o); err != nil {
		t.Errorf("an empty plan: %v", err)
	}
	if diff := cmp.Diff(applied, dropHome(f.snapshot(t))); diff != "" {
		t.Errorf("an empty plan changed something: %s", diff)
	}
	if _, err := Undo(context.Background(), f.options()); err != nil {
		t.Fatal(err)
	}
	f.wantSame(t, before)
}

// TestUndoTakesBackAll: applies stack, one Undo takes back all, and UndoLast the
// newest.
func TestUndoTakesBackAll(t *testing.T) {
	f := newFixture(t, false)
	before := f.snapshot(t)
	f.apply(t)
	second := f.second(t)
	first := dropHome(f.snapshot(t))
	if _, err := Apply(context.Background(), second); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := UndoLast(ended, f.options()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, dropHome(f.snapshot(t))); diff != "" {
		t.Errorf("UndoLast does not come back to the first (-want +got):\n%s", diff)
	}
	if _, err := Apply(context.Background(), second); err != nil {
		t.Fatal(err)
	}
	if _, err := Undo(context.Background(), f.options()); err != nil {
		t.Fatal(err)
	}
	f.wantSame(t, before)
}

// TestFailureOfRollBack has the disk fail at the last operation, and at each
// operation of the roll-back: once, and for good. What is left is put right by
// the next run.
func TestFailureOfRollBack(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			f := newFixture(t, fresh)
			before := f.snapshot(t)
			var all *int
			f.hook, all = failing(func(int) bool { return false })
			f.apply(t)
			last := *all - 1 // after it only the lock is given back
			f.hook = nil
			f.recover(t)
			for _, forGood := range []bool{false, true} {
				stuck := 0
				for n := last + 1; ; n++ {
					var count *int
					f.hook, count = failing(func(i int) bool { return i == last || i == n || forGood && i > n })
					_, err := Apply(context.Background(), f.options())
					f.hook = nil
					var notRestored *NotRestored
					if errors.As(err, &notRestored) {
						stuck++
						if !errors.Is(err, errDisk) || len(notRestored.Failures) == 0 {
							t.Errorf("failing at %d: %v", n, err)
						}
					} else if err == nil {
						t.Fatalf("failing at %d: no error", n)
					}
					f.recover(t)
					f.wantSame(t, before)
					if t.Failed() {
						t.Fatalf("failing at operation %d, for good: %v", n, forGood)
					}
					if *count < n {
						break
					}
				}
				if stuck == 0 {
					t.Error("rolling back never failed")
				}
			}
		})
	}
}

// TestCancel ends the context at each step: in the middle of a command, between
// two files, while the journal is written.
func TestCancel(t *testing.T) {
	f := newFixture(t, true)
	before := f.snapshot(t)
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(context.Background())
		count := 0
		f.hook = func(string, string) error {
			if count++; count == n {
				cancel()
			}
			return nil
		}
		_, err := Apply(ctx, f.options())
		cancel()
		if err == nil {
			if n < 50 {
				t.Errorf("cancelled at operation %d, and Apply went on", n)
			}
			return
		}
		var rolledBack *RolledBack
		if !errors.As(err, &rolledBack) || !errors.Is(err, context.Canceled) {
			t.Errorf("operation %d: %v", n, err)
		}
		f.wantSame(t, before)
		if t.Failed() {
			t.Fatalf("that was operation %d", n)
		}
	}
}

func TestCheckAfterCommands(t *testing.T) {
	f := newFixture(t, false)
	before := f.snapshot(t)
	o := f.options()
	wrong := problem.New("sdk", "the SDK lacks a function")
	o.Check = func(context.Context) error {
		if got := f.read(t, "app.py"); got != tree["app.py"].text {
			t.Errorf("a file was written before the check: %q", got)
		}
		return wrong
	}
	_, err := Apply(context.Background(), o)
	var rolledBack *RolledBack
	if !errors.As(err, &rolledBack) || !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	f.wantSame(t, before)
}

// TestRefused: what can be known beforehand is refused before anything is
// touched. Modes count for root too, who could write all the same.
func TestRefused(t *testing.T) {
	chmod := func(name string, mode os.FileMode) func(*testing.T, *fixture) {
		return func(t *testing.T, f *fixture) {
			old, err := os.Stat(f.path(name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(f.path(name), mode); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(f.path(name), old.Mode()) }) // so that it can be removed
		}
	}
	replace := func(name string, with func(path string) error) func(*testing.T, *fixture) {
		return func(t *testing.T, f *fixture) {
			if err := errors.Join(os.RemoveAll(f.path(name)), with(f.path(name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	link := func(to string) func(string) error {
		return func(path string) error { return os.Symlink(to, path) }
	}
	edited := func(name string) func(*testing.T, *fixture) {
		return func(t *testing.T, f *fixture) { f.write(t, name, "mine\n") }
	}
	for _, tt := range []struct {
		name  string
		setup func(*testing.T, *fixture)
		code  string
		file  string
	}{
		{"file edited since the plan", edited("app.py"), "changed", "app.py"},
		{"file made since the plan", edited("accounts/auth/views.py"), "changed", "accounts/auth/views.py"},
		{"file gone since the plan", replace("app.py", func(string) error { return nil }), "changed", "app.py"},
		{"target of a link edited", edited("conf/real.py"), "changed", "settings.py"},
		{"read-only file", chmod("app.py", 0o444), "read-only", "app.py"},
		{"read-only file behind a link", chmod("conf/real.py", 0o444), "read-only", "settings.py"},
		{"read-only manifest", chmod("pyproject.toml", 0o444), "read-only", "pyproject.toml"},
		{"read-only .env", chmod(".env", 0o400), "read-only", ".env"},
		{"read-only folder", chmod("conf", 0o555), "read-only", "conf"},
		{"read-only project", chmod(".", 0o555), "read-only", "."},
		{"link out of the project", replace("app.py", link("/etc/hosts")), "path", "app.py"},
		{"link to nothing", replace("app.py", link("nowhere.py")), "path", "app.py"},
		{"link to itself", replace("app.py", link("app.py")), "path", "app.py"},
		{"folder out of the project", replace("accounts", link("/tmp")), "path", "accounts/auth/views.py"},
		{"link into git's folder", replace("app.py", link(".git/config")), "path", "app.py"},
		{"two names of one file", replace("settings.py", link("app.py")), "path", "settings.py"},
		{"folder in a file's place", replace("app.py", func(p string) error { return os.Mkdir(p, 0o755) }), "unreadable", "app.py"},
		{"file in a folder's place", edited("accounts"), "path", "accounts/auth/views.py"},
		{".env that cannot be appended to", func(t *testing.T, f *fixture) { f.write(t, ".env", "A=\""+planted+"\n") }, "env-quote", ".env"},
		{"file in authfit's place", edited(".authfit"), "home", ".authfit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, true)
			if err := os.Mkdir(f.path(".git"), 0o755); err != nil {
				t.Fatal(err)
			}
			f.write(t, ".git/config", tree["app.py"].text)
			tt.setup(t, f)
			before := f.snapshot(t)
			o := f.options()
			o.Run = func(context.Context, plan.Command) error {
				t.Error("the command ran")
				return nil
			}
			_, err := Apply(context.Background(), o)
			p := wantProblem(t, err, tt.code)
			if p.File != tt.file {
				t.Errorf("it is said of %q, want %q: %v", p.File, tt.file, p)
			}
			if strings.Contains(p.Text(), planted) {
				t.Errorf("a secret is shown: %s", p.Text())
			}
			f.wantSame(t, before)
		})
	}
}

// TestOneFileTwice: an environment file that is another of the plan's files by
// another name is refused, too.
func TestOneFileTwice(t *testing.T) {
	f := newFixture(t, true)
	if err := errors.Join(os.Remove(f.path(".env")), os.Symlink("conf/real.py", f.path(".env"))); err != nil {
		t.Fatal(err)
	}
	before := f.snapshot(t)
	_, err := Apply(context.Background(), f.options())
	wantProblem(t, err, "path")
	f.wantSame(t, before)
}

// TestChangedMeanwhile: what somebody else writes while the command runs stays,
// and all else is as before.
func TestChangedMeanwhile(t *testing.T) {
	for _, name := range []string{"app.py", "conf/real.py", "accounts/auth/views.py", ".env", "deploy/dev.env"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, false)
			o := f.options()
			var before map[string]string
			o.Run = func(ctx context.Context, _ plan.Command) error {
				f.write(t, name, "mine\n")
				before = dropHome(f.snapshot(t))
				return f.install(ctx)
			}
			_, err := Apply(context.Background(), o)
			var rolledBack *RolledBack
			if !errors.As(err, &rolledBack) {
				t.Fatalf("got %v", err)
			}
			wantProblem(t, rolledBack.Cause, "changed", "path")
			f.wantSame(t, before)
		})
	}
}

// TestLock: of two at work in one project the second is refused, and says whom
// it waits for.
func TestLock(t *testing.T) {
	f := newFixture(t, true)
	o := f.options()
	inside, goOn := make(chan bool), make(chan bool)
	o.Run = func(ctx context.Context, _ plan.Command) error {
		inside <- true
		<-goOn
		return f.install(ctx)
	}
	first := make(chan error)
	go func() {
		_, err := Apply(context.Background(), o)
		first <- err
	}()
	<-inside
	second := newOptions(f)
	before := f.snapshot(t)
	for name, run := range map[string]func(context.Context, Options) (*Result, error){"Apply": Apply, "Undo": Undo, "Recover": Recover} {
		_, err := run(context.Background(), second)
		p := wantProblem(t, err, "locked")
		if want := fmt.Sprintf("process %d", os.Getpid()); !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %q does not say %q", name, p.Detail, want)
		}
	}
	f.wantSame(t, before)
	goOn <- true
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
}

// newOptions are options that share nothing with others of the fixture.
func newOptions(f *fixture) Options {
	return (&fixture{dir: f.dir, fresh: f.fresh}).options()
}

// TestSecrets looks for the secrets in all that is written and said, as the run
// succeeds, fails and is taken back.
func TestSecrets(t *testing.T) {
	f := newFixture(t, true)
	envFiles := []string{".env", "deploy/dev.env", tempName(".env"), tempName("deploy/dev.env")}
	var said []string
	home := func() {
		for name := range f.snapshot(t) {
			if info, err := os.Lstat(f.path(name)); err != nil || !info.Mode().IsRegular() || slices.Contains(envFiles, name) {
				continue
			}
			said = append(said, f.read(t, name))
		}
	}
	secrets := func() []string {
		all := []string{planted, plantedNew}
		for _, name := range envFiles {
			text, _ := os.ReadFile(f.path(name)) // may not be there
			for line := range strings.Lines(string(text)) {
				if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && key != "PORT" {
					all = append(all, value)
				}
			}
		}
		return all
	}
	var known []string
	f.hook = func(op, _ string) error {
		if op == "rename" || op == "syncdir" {
			known = append(known, secrets()...)
			home()
		}
		return nil
	}
	r := f.apply(t)
	known = append(known, secrets()...)
	home()
	f.write(t, ".env", strings.ReplaceAll(f.read(t, ".env"), plantedNew, "sk_live_changed"))
	u, err := Undo(context.Background(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	said = append(said, f.said...)
	said = append(said, fmt.Sprintf("%+v %+v", r, u))
	for n := 1; n < 100; n += 7 { // errors of all kinds
		f.hook, _ = failing(func(i int) bool { return i >= n })
		_, err := Apply(context.Background(), f.options())
		said = append(said, fmt.Sprint(err))
		f.hook = nil
		if _, err := Recover(context.Background(), f.options()); err != nil {
			said = append(said, err.Error())
		}
	}
	if len(known) < 5 || len(said) < 50 {
		t.Fatalf("%d secrets and %d texts: too few to mean anything", len(known), len(said))
	}
	for _, secret := range known {
		for _, text := range said {
			if strings.Contains(text, secret) {
				t.Fatalf("the secret %q is in %q", secret, text)
			}
		}
	}
}

// TestTimesOfNewFiles: what is written has the present time, as reloaders and
// Python's caches need it.
func TestTimesOfNewFiles(t *testing.T) {
	f := newFixture(t, true)
	f.apply(t)
	info, err := os.Stat(f.path("app.py"))
	if err != nil {
		t.Fatal(err)
	}
	if info.ModTime().Before(long.Add(time.Hour)) {
		t.Errorf("app.py was written, and is of %v", info.ModTime())
	}
}

// wantProblem wants a *problem.Problem with one of the codes.
func wantProblem(t *testing.T, err error, codes ...string) *problem.Problem {
	t.Helper()
	var p *problem.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v, want a problem %v", err, codes)
	}
	for _, code := range codes {
		if p.Code == code {
			return p
		}
	}
	t.Fatalf("got %s (%v), want %v", p.Code, p, codes)
	return nil
}
