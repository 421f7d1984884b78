package txn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/problem"
)

// A fault is how the disk fails, and what is to be said of it.
type fault struct {
	err  error
	says string
}

var faults = []fault{
	{syscall.ENOSPC, "no space is left on the disk"},
	{syscall.EACCES, "not permitted"},
	{syscall.EIO, "input/output error"},
	{syscall.EROFS, "for reading only"},
}

// A failure is one fault at one operation of the disk.
type failure struct {
	fault
	at    int  // the number of the operation, from 1
	on    bool // the disk stays as it is from then on
	short bool // writes have written a part of their bytes

	count int
	hit   []string // the operations that failed
}

func (b *failure) String() string {
	return fmt.Sprintf("%v at operation %d (from then on: %v, writes by half: %v): %v", b.err, b.at, b.on, b.short, b.hit)
}

// hook lets the operations fail. The package manager has failures of its own.
func (b *failure) hook(f *fixture) hook {
	return func(op, name string) error {
		if op == "command" {
			return nil
		}
		if b.count++; b.count != b.at && !(b.on && b.count > b.at) {
			return nil
		}
		if b.short && op == "write" {
			if err := os.WriteFile(f.path(name), []byte("half of it, whatever that"), 0o600); err != nil {
				return err
			}
		}
		b.hit = append(b.hit, op+" "+name)
		return &os.PathError{Op: op, Path: name, Err: b.err}
	}
}

// eachFailure calls try with each fault at each operation, once and from then
// on, with writes that write nothing and such that write a part, until there is
// no operation with the number.
func eachFailure(t *testing.T, f *fixture, try func(b *failure)) {
	t.Helper()
	tried := 0
	for _, fault := range faults {
		for _, how := range []failure{{}, {on: true}, {short: true}, {short: true, on: true}} {
			if how.short && !errors.Is(fault.err, syscall.ENOSPC) {
				continue
			}
			for at := 1; ; at++ {
				b := &failure{fault: fault, at: at, on: how.on, short: how.short}
				f.hook = b.hook(f)
				try(b)
				if t.Failed() {
					t.Fatal(b)
				}
				if len(b.hit) == 0 {
					break
				}
				tried++
			}
		}
	}
	t.Logf("%d failures", tried)
}

// want looks at what a run said that a disk failed. It may have come to its end
// all the same: without hard links, without room for copies, and with something
// of its own left over in .authfit.
func (b *failure) want(t *testing.T, err error, notes []string) {
	t.Helper()
	if len(b.hit) == 0 {
		if err != nil {
			t.Errorf("nothing failed, and yet: %v", err)
		}
		return
	}
	op, name, _ := strings.Cut(b.hit[0], " ")
	if err == nil {
		tidied := strings.HasPrefix(name, home) && strings.Contains(strings.Join(notes, " "), b.says)
		if op != "link" && !tidied && !errors.Is(b.err, syscall.ENOSPC) {
			t.Error("it failed unsaid")
		}
		return
	}
	var rolledBack *RolledBack
	var notRestored *NotRestored
	var p *problem.Problem
	if !errors.As(err, &rolledBack) && !errors.As(err, &notRestored) && !errors.As(err, &p) {
		t.Errorf("an error of no kind: %v", err)
	}
	if !errors.Is(err, b.err) || !strings.Contains(err.Error(), b.says) {
		t.Errorf("%q does not say %q", err, b.says)
	}
	if !errors.As(err, &p) || p.File == "" || p.Fix == "" || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("%q does not say which file it is, or what to do", err)
	}
}

// TestFaults has the disk fail in every way at every operation of Apply. If that
// was once, everything is as before, or as planned, at once; if the disk stays
// so, after the next start with a disk that is well.
func TestFaults(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, fresh)
			before := f.snapshot(t)
			eachFailure(t, f, func(b *failure) {
				r, err := Apply(context.Background(), f.options())
				f.hook = nil
				var notes []string
				if r != nil {
					notes = r.Notes
				}
				b.want(t, err, notes)
				var notRestored *NotRestored
				if err != nil && !errors.As(err, &notRestored) {
					if diff := cmp.Diff(dropHome(before), dropHome(f.snapshot(t))); diff != "" {
						t.Errorf("everything was said to be as before (-before +now):\n%s", diff)
					}
				} else if err != nil && !b.on {
					t.Errorf("it failed once, and then not everything came back: %v", err)
				}
				f.recover(t)
				f.wantSame(t, before)
			})
		})
	}
}

// TestFaultsOfUndo does the same to Undo: where it refuses, nothing has been
// touched; else the next start brings it to its end.
func TestFaultsOfUndo(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, fresh)
			before := f.snapshot(t)
			eachFailure(t, f, func(b *failure) {
				hook := f.hook
				f.hook = nil
				f.apply(t)
				f.addCaches(t)
				after := dropHome(f.snapshot(t))
				f.hook = hook
				r, err := Undo(context.Background(), f.options())
				f.hook = nil
				var notes []string
				if r != nil {
					notes = r.Notes
				}
				b.want(t, err, notes)
				var notRestored *NotRestored
				if err != nil && !errors.As(err, &notRestored) {
					if diff := cmp.Diff(after, dropHome(f.snapshot(t))); diff != "" {
						t.Errorf("undo refused, and changed something (-before +now):\n%s", diff)
					}
				}
				f.recover(t)
				f.wantSame(t, before)
			})
		})
	}
}

// TestFaultsOfRecover does the same to Recover after a crash in the middle of
// the command, between the files, and of Undo.
func TestFaultsOfRecover(t *testing.T) {
	for name, crash := range map[string]struct{ what, at string }{
		"in the command":    {"apply", "command uv"},
		"between the files": {"apply", "rename conf/real.py"},
		"of undo":           {"undo", "rename app.py"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, true)
			before := f.snapshot(t)
			if crash.what == "undo" {
				f.apply(t)
			}
			if !f.runToCrash(t, crash.what, f.number(t, crash.what, crash.at)) {
				t.Fatal("it was not killed")
			}
			crashed := tempDir(t)
			copyTree(t, f.dir, crashed)
			f.asked = true
			eachFailure(t, f, func(b *failure) {
				copyTree(t, crashed, f.dir)
				r, err := Recover(context.Background(), f.options())
				f.hook = nil
				var notes []string
				if r != nil {
					notes = r.Notes
				}
				b.want(t, err, notes)
				f.recover(t)
				f.wantSame(t, before)
			})
		})
	}
}

// number is that of an operation of what, found with a copy of the project.
func (f *fixture) number(t *testing.T, what, operation string) int {
	t.Helper()
	trial := &fixture{dir: tempDir(t), fresh: f.fresh}
	copyTree(t, f.dir, trial.dir)
	count, number := 0, 0
	trial.hook = func(op, name string) error {
		if count++; number == 0 && op+" "+name == operation {
			number = count
		}
		return nil
	}
	if _, err := runs[what](context.Background(), trial.options()); err != nil || number == 0 {
		t.Fatalf("%s does not come to %q: %v", what, operation, err)
	}
	return number
}

// copyTree makes a folder equal to another: bytes, modes, links and times.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-pPR", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestChangedInTheLastInstant: what an editor writes while the new file lies
// finished beside it stays; a file that comes to be even after the last look.
func TestChangedInTheLastInstant(t *testing.T) {
	for _, tt := range []struct{ operation, file string }{
		{"sync " + tempName("app.py"), "app.py"},
		{"sync " + tempName(".env"), ".env"},
		{"link accounts/auth/views.py", "accounts/auth/views.py"},
		{"link deploy/dev.env", "deploy/dev.env"},
	} {
		t.Run(tt.operation, func(t *testing.T) {
			f := newFixture(t, false)
			f.hook = func(op, name string) error {
				if op+" "+name == tt.operation {
					f.write(t, tt.file, "mine\n")
				}
				return nil
			}
			_, err := Apply(context.Background(), f.options())
			var rolledBack *RolledBack
			if !errors.As(err, &rolledBack) {
				t.Fatalf("got %v", err)
			}
			wantProblem(t, err, "changed")
			if got := f.read(t, tt.file); got != "mine\n" {
				t.Errorf("%s is %q", tt.file, got)
			}
			for name := range f.snapshot(t) {
				if strings.HasSuffix(name, ".tmp") {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}

// TestLeftoverTemporary: what lies where a new file is made may be another name
// of a file, and is not written through.
func TestLeftoverTemporary(t *testing.T) {
	f := newFixture(t, false)
	before := f.read(t, "manage.sh")
	if err := errors.Join(os.Link(f.path("manage.sh"), f.path(tempName("app.py"))), os.Symlink("manage.sh", f.path(tempName(".env")))); err != nil {
		t.Fatal(err)
	}
	f.apply(t)
	if got := f.read(t, "manage.sh"); got != before {
		t.Errorf("manage.sh has become %q", got)
	}
}
