package txn

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/plan"
)

// TestUndoAfterEdits: where a file has been edited since, all of them are named
// and nothing is touched; once it is as it was, Undo goes on.
func TestUndoAfterEdits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(*testing.T, *fixture)
		code  string
		files []string // all named
	}{
		{"file that was changed", func(t *testing.T, f *fixture) {
			f.write(t, "app.py", strings.Replace(f.read(t, "app.py"), "import auth", "import auth as mine", 1))
		}, "edited", []string{"app.py"}},
		{"file that was made", func(t *testing.T, f *fixture) {
			f.write(t, "accounts/auth/views.py", "# mine\n")
		}, "edited", []string{"accounts/auth/views.py"}},
		{"file of the package manager", func(t *testing.T, f *fixture) {
			f.write(t, "pyproject.toml", strings.Replace(f.read(t, "pyproject.toml"), `"workos"`, `"workos", "mine"`, 1))
		}, "edited", []string{"pyproject.toml"}},
		{"lock file", func(t *testing.T, f *fixture) {
			f.write(t, "uv.lock", "# mine\n"+f.read(t, "uv.lock")) // would merge, but is no text to a person
		}, "edited", []string{"uv.lock"}},
		{"file that is gone", func(t *testing.T, f *fixture) {
			if err := os.Remove(f.path("app.py")); err != nil {
				t.Fatal(err)
			}
		}, "edited", []string{"app.py"}},
		{"several", func(t *testing.T, f *fixture) {
			f.write(t, "settings.py", "# mine\n") // through the link
			f.write(t, "app.py", "# mine\n")
		}, "edited", []string{"app.py", "settings.py"}},
		{"folder in a file's place", func(t *testing.T, f *fixture) {
			if err := errors.Join(os.Remove(f.path("app.py")), os.Mkdir(f.path("app.py"), 0o755)); err != nil {
				t.Fatal(err)
			}
		}, "unreadable", []string{"app.py"}},
		{"folder in .env's place", func(t *testing.T, f *fixture) {
			if err := errors.Join(os.Remove(f.path(".env")), os.Mkdir(f.path(".env"), 0o755)); err != nil {
				t.Fatal(err)
			}
		}, "unreadable", []string{".env"}},
		{"read-only folder", func(t *testing.T, f *fixture) {
			if err := os.Chmod(f.path("conf"), 0o555); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(f.path("conf"), 0o755) }) // so that it can be removed
		}, "read-only", []string{"conf"}},
		{"damaged backup", func(t *testing.T, f *fixture) {
			f.write(t, journals+"/000001/0000", "mine\n")
		}, "unreadable", []string{"app.py"}},
		{"backup that is gone", func(t *testing.T, f *fixture) {
			if err := os.Remove(f.path(journals + "/000001/0000")); err != nil {
				t.Fatal(err)
			}
		}, "unreadable", []string{"app.py"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, false)
			f.apply(t)
			tt.setup(t, f)
			before := dropHome(f.snapshot(t))
			_, err := Undo(context.Background(), f.options())
			p := wantProblem(t, err, tt.code)
			for _, name := range tt.files {
				if !strings.Contains(p.Text(), name) {
					t.Errorf("%q does not name %s", p.Text(), name)
				}
			}
			if diff := cmp.Diff(before, dropHome(f.snapshot(t))); diff != "" {
				t.Errorf("something was touched:\n%s", diff)
			}
		})
	}
}

// TestUndoWayOut does what the refusal says: the version from before goes in
// the place of the edited one.
func TestUndoWayOut(t *testing.T) {
	f := newFixture(t, false)
	before := f.snapshot(t)
	f.apply(t)
	f.write(t, "app.py", "# mine\n")
	_, err := Undo(context.Background(), f.options())
	p := wantProblem(t, err, "edited")
	_, backup, ok := strings.Cut(strings.TrimSuffix(p.Detail, ")"), "as it was before: ")
	if !ok {
		t.Fatalf("%q says of no backup", p.Detail)
	}
	f.write(t, "app.py", f.read(t, backup))
	if _, err := Undo(context.Background(), f.options()); err != nil {
		t.Fatal(err)
	}
	f.wantSame(t, before)
}

// TestUndoLeaves: what the user has added or changed beside our own changes
// stays when those go.
func TestUndoLeaves(t *testing.T) {
	line := func(text, key string) string {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, key+"=") {
				return line
			}
		}
		return ""
	}
	for _, tt := range []struct {
		name string
		edit func(*testing.T, *fixture) // after Apply
		want func(*testing.T, *fixture) // the same on the project before it
	}{
		{"values of .env", func(t *testing.T, f *fixture) {
			text := f.read(t, ".env")
			f.write(t, ".env", strings.Replace(text, line(text, "WORKOS_API_KEY"), "WORKOS_API_KEY=sk_live_mine\n", 1))
		}, func(t *testing.T, f *fixture) {
			f.write(t, ".env", tree[".env"].text+"\nWORKOS_API_KEY=sk_live_mine\n")
		}},
		{"lines of .env", func(t *testing.T, f *fixture) {
			f.write(t, ".env", strings.Replace(f.read(t, ".env"), "8000", "9000", 1)+"# mine too\nMINE=1\n")
		}, func(t *testing.T, f *fixture) {
			f.write(t, ".env", strings.Replace(tree[".env"].text, "8000", "9000", 1)+"\n# mine too\nMINE=1\n")
		}},
		{"lines of a new environment file", func(t *testing.T, f *fixture) {
			f.write(t, "deploy/dev.env", "MINE=1\n"+f.read(t, "deploy/dev.env"))
		}, func(t *testing.T, f *fixture) {
			f.write(t, "deploy/dev.env", "MINE=1\n")
			if err := os.Chmod(f.path("deploy/dev.env"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"an .env that is gone", func(t *testing.T, f *fixture) {
			if err := os.Remove(f.path(".env")); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, f *fixture) {
			if err := os.Remove(f.path(".env")); err != nil {
				t.Fatal(err)
			}
		}},
		{"files in a new folder", func(t *testing.T, f *fixture) {
			f.write(t, "accounts/mine.py", "mine\n")
		}, func(t *testing.T, f *fixture) {
			f.write(t, "accounts/mine.py", "mine\n")
		}},
		{"lines of a changed file", func(t *testing.T, f *fixture) {
			f.write(t, "app.py", "# mine\n"+strings.Replace(f.read(t, "app.py"), "__name__", "'mine'", 1)+"# mine too\n")
		}, func(t *testing.T, f *fixture) {
			f.write(t, "app.py", "# mine\n"+strings.Replace(tree["app.py"].text, "__name__", "'mine'", 1)+"# mine too\n")
		}},
		{"lines behind a link", func(t *testing.T, f *fixture) {
			f.write(t, "settings.py", "MINE = 1\r\n"+f.read(t, "settings.py"))
		}, func(t *testing.T, f *fixture) {
			f.write(t, "settings.py", "MINE = 1\r\n"+tree["conf/real.py"].text)
		}},
		{"lines of the manifest", func(t *testing.T, f *fixture) {
			f.write(t, "pyproject.toml", strings.Replace(f.read(t, "pyproject.toml"), `"x"`, `"mine"`, 1))
		}, func(t *testing.T, f *fixture) {
			f.write(t, "pyproject.toml", strings.Replace(tree["pyproject.toml"].text, `"x"`, `"mine"`, 1))
		}},
		{"our change taken out by hand, and more", func(t *testing.T, f *fixture) {
			f.write(t, "app.py", "# mine\n"+tree["app.py"].text)
		}, func(t *testing.T, f *fixture) {
			f.write(t, "app.py", "# mine\n"+tree["app.py"].text)
		}},
		{"a package", func(t *testing.T, f *fixture) {
			f.write(t, "env/requests", "2.0")
		}, func(t *testing.T, f *fixture) {
			f.write(t, "env/requests", "2.0")
		}},
		{"a package that was changed again", func(t *testing.T, f *fixture) {
			f.write(t, "env/pydantic", "3.0.0")
		}, func(t *testing.T, f *fixture) {
			f.write(t, "env/pydantic", "3.0.0")
		}},
		{"permissions", func(t *testing.T, f *fixture) {
			if err := os.Chmod(f.path("app.py"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, func(t *testing.T, f *fixture) {
			if err := os.Chmod(f.path("app.py"), 0o755); err != nil {
				t.Fatal(err)
			}
		}},
		{"files beside the journals", func(t *testing.T, f *fixture) {
			f.write(t, journals+"/.DS_Store", "Finder's")
			f.write(t, journals+"/mine/notes.txt", "mine")
		}, func(t *testing.T, f *fixture) {
			f.write(t, journals+"/.DS_Store", "Finder's")
			f.write(t, journals+"/mine/notes.txt", "mine")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, want := newFixture(t, false), newFixture(t, false)
			f.apply(t)
			tt.edit(t, f)
			tt.want(t, want)
			if _, err := Undo(context.Background(), f.options()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(withoutTimes(want.snapshot(t)), withoutTimes(f.snapshot(t))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUndoPartial: the files whose edits touch ours stay and are the user's from
// then on, with what they were before beside them, and the rest is undone.
func TestUndoPartial(t *testing.T) {
	for _, tt := range []struct {
		name string
		file string
		mine func(string) string
		kept []string // paths, of those that stay
	}{
		{"a changed file", "app.py", func(s string) string { return strings.Replace(s, "import auth", "import mine", 1) }, []string{"app.py"}},
		{"a new file", "accounts/auth/views.py", func(s string) string { return s + "# mine\n" }, []string{"accounts/auth/views.py"}},
		{"a lock file", "uv.lock", func(s string) string { return s + "# mine\n" }, []string{"pyproject.toml", "uv.lock"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, false)
			before := f.snapshot(t)
			f.apply(t)
			applied := f.snapshot(t)
			left := f.read(t, tt.file)
			f.write(t, tt.file, tt.mine(left))
			o := f.options()
			o.Partial = true
			r, err := Undo(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.kept, r.Kept); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
			if got := f.read(t, tt.file); got != tt.mine(left) {
				t.Errorf("%s: %q", tt.file, got)
			}
			now := f.snapshot(t)
			commands := tt.file == "uv.lock"
			for path := range before {
				want := before[path]
				if path == "." || path == tt.file {
					continue
				}
				if commands && (path == "pyproject.toml" || strings.HasPrefix(path, "env")) {
					want = applied[path]
				}
				if now[path] != want {
					t.Errorf("%s: %s, want %s", path, now[path], want)
				}
			}
			kept := f.kept(t)
			for _, path := range tt.kept {
				if before, there := tree[path]; there && !slices.Contains(kept, before.text) {
					t.Errorf("%s as it was before is not in %q", path, kept)
				}
			}
			if _, err := Undo(context.Background(), f.options()); !errors.Is(err, ErrNothing) {
				t.Errorf("another Undo: %v, want %v", err, ErrNothing)
			}
		})
	}
}

// withoutTimes drops the times of files, and authfit's own.
func withoutTimes(snapshot map[string]string) map[string]string {
	for name, line := range snapshot {
		if mode, rest, ok := strings.Cut(line, " "); ok && strings.HasPrefix(mode, "-") {
			sum, _, _ := strings.Cut(rest, " ")
			snapshot[name] = mode + " " + sum
		}
	}
	for _, name := range []string{home, journals, ignore, lockFile} {
		delete(snapshot, name)
	}
	return snapshot
}

// TestUndoLeavesUntouched: a file that the commands might have changed and did
// not is the user's to edit, or to make.
func TestUndoLeavesUntouched(t *testing.T) {
	f := newFixture(t, false)
	o := f.options()
	o.Plan.Restores = append(o.Plan.Restores, plan.Restore{Path: "manage.sh", SHA256Before: sum([]byte(tree["manage.sh"].text))}, plan.Restore{Path: "requirements.lock"})
	if _, err := Apply(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	f.write(t, "manage.sh", "mine\n")
	f.write(t, "requirements.lock", "mine\n")
	if _, err := Undo(context.Background(), f.options()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"manage.sh", "requirements.lock"} {
		if got := f.read(t, name); got != "mine\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestUndoOfNewEnvironment: one that was made goes as a whole, unless somebody
// has installed more into it.
func TestUndoOfNewEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		edit  func(*testing.T, *fixture)
		stays bool
	}{
		"as it was made":  {func(*testing.T, *fixture) {}, false},
		"package removed": {func(t *testing.T, f *fixture) { _ = os.Remove(f.path(".venv/pydantic")) }, false},
		"package added":   {func(t *testing.T, f *fixture) { f.write(t, ".venv/requests", "2.0") }, true},
		"package changed": {func(t *testing.T, f *fixture) { f.write(t, ".venv/pydantic", "9.9") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, true)
			f.apply(t)
			tt.edit(t, f)
			r, err := Undo(context.Background(), f.options())
			if err != nil {
				t.Fatal(err)
			}
			_, err = os.Stat(f.path(".venv"))
			if stays := err == nil; stays != tt.stays || len(r.Notes) > 0 != tt.stays {
				t.Errorf("stays: %v, want %v; notes: %q", stays, tt.stays, r.Notes)
			}
		})
	}
}

// TestFailureOfUndo has the disk fail at each operation of Undo, for good. It
// says so, and the next run brings it to its end; a refusal changed nothing.
func TestFailureOfUndo(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			f := newFixture(t, fresh)
			before := f.snapshot(t)
			for n := 1; ; n++ {
				f.hook = nil
				f.apply(t)
				applied := dropHome(f.snapshot(t))
				var count *int
				f.hook, count = failing(func(i int) bool { return i >= n })
				_, err := Undo(context.Background(), f.options())
				f.hook = nil
				var notRestored *NotRestored
				switch {
				case err == nil && *count < n:
					f.wantSame(t, before)
					return
				case err == nil: // only its own folder could not be tidied
				case errors.As(err, &notRestored):
					if !errors.Is(err, errDisk) {
						t.Errorf("operation %d: %v", n, err)
					}
				default:
					wantProblem(t, err, "unreadable")
					if diff := cmp.Diff(applied, dropHome(f.snapshot(t))); diff != "" {
						t.Errorf("refused, and something was touched:\n%s", diff)
					}
				}
				f.recover(t)
				f.wantSame(t, before)
				if t.Failed() {
					t.Fatalf("the disk was dead from operation %d on: %v", n, err)
				}
			}
		})
	}
}

// TestPackageManagerFails: when the environment cannot be put back, that is
// said, the journal stays, and the next run tries again.
func TestPackageManagerFails(t *testing.T) {
	f := newFixture(t, false)
	before := f.snapshot(t)
	f.apply(t)
	o := f.options()
	offline := errors.New("no route to host")
	o.Environment.Reinstall = func(context.Context, []string) error { return offline }
	_, err := Undo(context.Background(), o)
	var notRestored *NotRestored
	if !errors.As(err, &notRestored) || !errors.Is(err, offline) || !strings.Contains(err.Error(), "pydantic==2.0.0") {
		t.Errorf("got %v", err)
	}
	f.recover(t)
	f.wantSame(t, before)
}
