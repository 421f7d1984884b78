package txn

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// crashVar tells a process of this test binary what to do, and at which
// operation to kill itself.
const crashVar = "AUTHFIT_TXN_CRASH"

// inCommand stands for the first operation of the command, whichever that is.
const inCommand = -1

func TestMain(m *testing.M) {
	if os.Getenv(crashVar) != "" {
		crash(os.Getenv(crashVar), os.Args[1], os.Args[2] == "fresh", os.Args[3])
	}
	os.Exit(m.Run())
}

// runs are what can be killed, by name.
var runs = map[string]func(context.Context, Options) (*Result, error){"apply": Apply, "undo": Undo, "partial": Undo, "recover": Recover}

// crash does what in the project at dir, and kills the process at the operation
// with the number at. It exits with 0 when it came to the end before that.
func crash(what, dir string, fresh bool, at string) {
	n, err := strconv.Atoi(at)
	if err != nil {
		panic(err)
	}
	f := &fixture{dir: dir, fresh: fresh}
	f.hook = func(op, _ string) error {
		if n--; n == 0 || n < 0 && op == "command" {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				panic(err)
			}
			select {} // until it takes effect
		}
		return nil
	}
	o := f.options()
	o.Partial = what == "partial"
	if _, err := runs[what](context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runToCrash does what in a process of its own, and says whether that was
// killed.
func (f *fixture) runToCrash(t *testing.T, what string, at int) bool {
	t.Helper()
	kind := "old"
	if f.fresh {
		kind = "fresh"
	}
	cmd := exec.Command(os.Args[0], f.dir, kind, strconv.Itoa(at))
	cmd.Env = append(os.Environ(), crashVar+"="+what)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if cmd.ProcessState.Exited() {
		t.Fatalf("%s, to be killed at operation %d, failed: %s", what, at, out)
	}
	return true
}

// addCaches leaves what Python compiles the new file to, when it is there.
func (f *fixture) addCaches(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(f.path("accounts/auth/views.py")); err == nil {
		f.write(t, "accounts/auth/__pycache__/views.cpython-312.pyc", "compiled")
	}
}

// TestCrash kills Apply at each operation in turn. The next run finds the
// project as it was, or wholly as planned.
func TestCrash(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			f := newFixture(t, fresh)
			before := f.snapshot(t)
			for n := 1; f.runToCrash(t, "apply", n); n++ {
				f.addCaches(t)
				f.recover(t)
				f.wantSame(t, before)
				if t.Failed() {
					t.Fatalf("that was operation %d", n)
				}
			}
		})
	}
}

// TestCrashOfUndo kills Undo at each operation: once it has begun, the next run
// brings it to its end.
func TestCrashOfUndo(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			f := newFixture(t, fresh)
			before := f.snapshot(t)
			for n := 1; ; n++ {
				f.apply(t)
				f.addCaches(t)
				if !f.runToCrash(t, "undo", n) {
					f.wantSame(t, before)
					return
				}
				f.recover(t)
				f.wantSame(t, before)
				if t.Failed() {
					t.Fatalf("that was operation %d", n)
				}
			}
		})
	}
}

// TestCrashOfPartialUndo kills an Undo that merges a file and keeps another, at
// each operation: the next run brings it to the same end, or finds it not begun.
func TestCrashOfPartialUndo(t *testing.T) {
	var want map[string]string
	for n := 0; ; n++ {
		f := newFixture(t, false)
		f.apply(t)
		f.write(t, "app.py", "# mine\n"+f.read(t, "app.py"))
		f.write(t, "settings.py", strings.Replace(f.read(t, "settings.py"), "AUTH = 1", "AUTH = 2", 1))
		applied := withoutTimes(dropHome(f.snapshot(t)))
		killed := f.runToCrash(t, "partial", max(n, inCommand+1)) // 0 is never reached
		if _, err := Recover(context.Background(), f.options()); err != nil {
			t.Fatalf("Recover after operation %d: %v", n, err)
		}
		got := withoutTimes(dropHome(f.snapshot(t)))
		switch {
		case n == 0:
			want = got
			if f.read(t, "app.py") != "# mine\n"+tree["app.py"].text || !strings.Contains(f.read(t, "settings.py"), "AUTH = 2") {
				t.Fatal("without a crash the edits are not there")
			}
		case cmp.Diff(want, got) != "" && cmp.Diff(applied, got) != "":
			t.Fatalf("killed at operation %d, the project is neither undone nor as it was (-undone +now):\n%s", n, cmp.Diff(want, got))
		case !killed:
			return
		}
	}
}

// TestCrashOfRecover kills Recover too, at each operation, after crashes of
// Apply in its command and between its files.
func TestCrashOfRecover(t *testing.T) {
	for _, at := range []int{33, 60} {
		t.Run(fmt.Sprintf("after operation %d", at), func(t *testing.T) {
			f := newFixture(t, false)
			before := f.snapshot(t)
			for n := 1; ; n++ {
				if !f.runToCrash(t, "apply", at) {
					t.Fatal("Apply was not killed")
				}
				killed := f.runToCrash(t, "recover", n)
				f.recover(t)
				f.wantSame(t, before)
				if t.Failed() {
					t.Fatalf("Recover was killed at operation %d", n)
				}
				if !killed {
					return
				}
			}
		})
	}
}

// TestKept: what the package manager's files hold after a crash may be the
// user's, so that it is kept, for each crash anew.
func TestKept(t *testing.T) {
	f := newFixture(t, true)
	before := f.snapshot(t)
	for _, mine := range []string{"mine = 1\n", "mine = 2\n", "mine = 1\n"} {
		if !f.runToCrash(t, "apply", inCommand) {
			t.Fatal("Apply was not killed")
		}
		f.write(t, "pyproject.toml", mine)
		r, err := Recover(context.Background(), f.options())
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Notes) != 1 {
			t.Errorf("the notes %q do not say where it is", r.Notes)
		}
	}
	if diff := cmp.Diff([]string{"mine = 1\n", "mine = 2\n"}, sorted(f.kept(t))); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if err := os.RemoveAll(filepath.Join(f.dir, home)); err != nil {
		t.Fatal(err)
	}
	f.wantSame(t, before)
}

// TestEditedAfterCrash: until the commands are done, no file of the plan is
// written. What the user does to them after a crash is theirs.
func TestEditedAfterCrash(t *testing.T) {
	f := newFixture(t, true)
	if !f.runToCrash(t, "apply", inCommand) {
		t.Fatal("Apply was not killed")
	}
	f.write(t, "app.py", "mine = 1\n")
	f.write(t, "accounts/auth/views.py", "mine = 2\n")
	f.write(t, ".env", "MINE=3\n")
	want := dropHome(f.snapshot(t))
	f.recover(t)
	f.wantSame(t, want)
}

// TestUnfinished: nothing is built upon a run that was cut off, until Recover
// has put it right; without one Recover does nothing.
func TestUnfinished(t *testing.T) {
	f := newFixture(t, true)
	if r, err := Recover(context.Background(), f.options()); r != nil || err != nil {
		t.Errorf("without a run: %v, %v", r, err)
	}
	if !f.runToCrash(t, "apply", inCommand) {
		t.Fatal("Apply was not killed")
	}
	_, err := Apply(context.Background(), f.options())
	wantProblem(t, err, "unfinished")
	f.recover(t)
	f.apply(t)
	if r, err := Recover(context.Background(), f.options()); r != nil || err != nil {
		t.Errorf("after a run that came to its end: %v, %v", r, err)
	}
}
