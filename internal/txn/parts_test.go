package txn

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/plan"
)

// withEntries has the fixture's environment list what lies in it.
func (f *fixture) withEntries() Options {
	o := f.options()
	o.Environment.Entries = func() ([]string, error) {
		found, err := filepath.Glob(f.path(f.envDir() + "/*"))
		return found, err
	}
	o.Environment.RemoveEntries = func(names []string) error {
		for _, name := range names {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
		return nil
	}
	return o
}

// TestParts: what a command that failed has installed in part goes too, though
// it is no package yet; what somebody has there of their own stays.
func TestParts(t *testing.T) {
	f := newFixture(t, false)
	f.write(t, "env/mine/x.py", "")
	before := f.snapshot(t)
	o := f.withEntries()
	o.Run = func(ctx context.Context, _ plan.Command) error {
		f.write(t, "env/workos/client.py", "")
		return errors.New("killed")
	}
	_, err := Apply(context.Background(), o)
	var back *RolledBack
	if !errors.As(err, &back) {
		t.Fatalf("%v", err)
	}
	f.wantSame(t, before)
}

// TestPartsOfAFinishedInstall: once the commands are done, what has come beside
// the packages is not theirs.
func TestPartsOfAFinishedInstall(t *testing.T) {
	f := newFixture(t, false)
	if _, err := Apply(context.Background(), f.withEntries()); err != nil {
		t.Fatal(err)
	}
	f.write(t, "env/mine/x.py", "")
	if _, err := Undo(context.Background(), f.withEntries()); err != nil {
		t.Fatal(err)
	}
	f.read(t, "env/mine/x.py")
}

// TestRestOfAnUninstall: what a package manager passes over, since it was killed
// in the middle of taking it out, goes too.
func TestRestOfAnUninstall(t *testing.T) {
	f := newFixture(t, false)
	before := f.snapshot(t)
	if _, err := Apply(context.Background(), f.withEntries()); err != nil {
		t.Fatal(err)
	}
	f.write(t, "env/~orkos/client.py", "put aside")
	f.write(t, "env/mine/x.py", "")
	o := f.withEntries()
	o.Environment.Uninstall = func(context.Context, []string) error { return nil }
	if _, err := Undo(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	f.read(t, "env/mine/x.py")
	if err := os.RemoveAll(f.path("env/mine")); err != nil {
		t.Fatal(err)
	}
	f.wantSame(t, before)
}

// TestLockSays: the lock file names who has it by the command that was typed.
func TestLockSays(t *testing.T) {
	f := newFixture(t, true)
	o := f.options()
	o.Command = "authfit add"
	o.Run = func(context.Context, plan.Command) error {
		_, err := Undo(context.Background(), newOptions(f))
		p := wantProblem(t, err, "locked")
		if !strings.HasPrefix(p.Detail, "it is authfit add, process ") {
			t.Errorf("%q", p.Detail)
		}
		return nil
	}
	if _, err := Apply(context.Background(), o); err != nil {
		t.Fatal(err)
	}
}
