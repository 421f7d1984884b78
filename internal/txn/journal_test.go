package txn

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// aJournal is one that is in order, changed by edit.
func aJournal(edit func(*journal)) []byte {
	s := func() *state {
		return &state{SHA256: sum([]byte("new\n")), Size: 4, Mode: 0o644, UID: -1, GID: -1, MTime: long}
	}
	j := &journal{
		Schema: Schema, Phase: begun, Began: long, CommandsDone: true,
		Files: []*fileEntry{
			{Path: "app.py", Target: "app.py", Before: &state{SHA256: sum([]byte("old\n")), Size: 4, Mode: 0o600}, After: s(), Backup: "0000"},
			{Path: "accounts/auth.py", Target: "accounts/auth.py", After: s()},
			{Path: "uv.lock", Target: "uv.lock", Command: true, After: s()},
		},
		Env: []*envEntry{
			{Path: ".env", Target: ".env", Before: s(), After: sum(nil), Keys: []string{"A"}, Lines: []string{sum([]byte("A=1"))}},
		},
		Folders:  []string{"accounts"},
		EnvDirs:  []string{".venv"},
		Packages: &packages{Before: map[string]string{}, After: map[string]string{"workos": "1"}},
	}
	edit(j)
	text, err := json.Marshal(j)
	if err != nil {
		panic(err)
	}
	return text
}

// TestParseJournal: a journal may have been written to lead us astray, as a
// part of somebody's project.
func TestParseJournal(t *testing.T) {
	if _, err := parseJournal(aJournal(func(*journal) {})); err != nil {
		t.Fatalf("one in order: %v", err)
	}
	for name, edit := range map[string]func(*journal){
		"another schema":           func(j *journal) { j.Schema = "authfit.journal/2" },
		"unknown phase":            func(j *journal) { j.Phase = "done" },
		"file above the project":   func(j *journal) { j.Files[0].Path = "../app.py" },
		"target above the project": func(j *journal) { j.Files[0].Target = "a/../../app.py" },
		"rooted file":              func(j *journal) { j.Files[1].Target = "/etc/passwd" },
		"file of git":              func(j *journal) { j.Files[1].Target = ".git/config" },
		"file of authfit":          func(j *journal) { j.Files[1].Target = ".authfit/lock" },
		"the project as a file":    func(j *journal) { j.Files[1].Target = "." },
		"no name":                  func(j *journal) { j.Files[1].Target = "" },
		"no file":                  func(j *journal) { j.Files[1] = nil },
		"no environment file":      func(j *journal) { j.Env[0] = nil },
		"environment file above":   func(j *journal) { j.Env[0].Target = "../.env" },
		"folder above":             func(j *journal) { j.Folders[0] = ".." },
		"environment above":        func(j *journal) { j.EnvDirs[0] = "../venv" },
		"the project as one":       func(j *journal) { j.EnvDirs[0] = "." },
		"backup elsewhere":         func(j *journal) { j.Files[0].Backup = "../../../secret" },
		"backup of nothing":        func(j *journal) { j.Files[1].Backup = "0001" },
		"no backup":                func(j *journal) { j.Files[0].Backup = "" },
		"commit of no form":        func(j *journal) { j.Commit = "\x1b[2Jmain" },
		"negative size":            func(j *journal) { j.Env[0].Before.Size = -1 },
		"mode that is none":        func(j *journal) { j.Files[0].Before.Mode = os.ModeDir },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseJournal(aJournal(edit)); err == nil {
				t.Error("it was taken for one in order")
			}
		})
	}
	for name, text := range map[string]string{
		"empty": "", "null": "null", "another type": "[]", "cut off": `{"schema":`,
		"unknown field": strings.Replace(string(aJournal(func(*journal) {})), `"files"`, `"filez"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseJournal([]byte(text)); err == nil {
				t.Error("it was taken for one in order")
			}
		})
	}
}

// TestUnreadableJournal: nothing is done on top of a journal that cannot be
// read, and its place is named.
func TestUnreadableJournal(t *testing.T) {
	f := newFixture(t, true)
	f.apply(t)
	f.write(t, journals+"/000001/journal.json", "{")
	before := dropHome(f.snapshot(t))
	for name, run := range map[string]func(context.Context, Options) (*Result, error){"Apply": Apply, "Undo": Undo, "Recover": Recover} {
		_, err := run(context.Background(), f.options())
		p := wantProblem(t, err, "journal")
		if want := journals + "/000001/journal.json"; p.File != want {
			t.Errorf("%s: it is said of %s, want %s", name, p.File, want)
		}
	}
	f.wantSame(t, mergeHome(before, f.snapshot(t)))
}

// mergeHome takes the lines about .authfit from another snapshot.
func mergeHome(snapshot, from map[string]string) map[string]string {
	for name, line := range from {
		if name == home || strings.HasPrefix(name, home+"/") {
			snapshot[name] = line
		}
	}
	return snapshot
}

// FuzzJournal takes back whatever a journal says: nothing outside of the
// project changes, and nothing breaks.
func FuzzJournal(f *testing.F) {
	for _, name := range []string{"app.py", "out/secret", "../secret", "link.py", ".authfit/lock", ".", "accounts/../../x"} {
		f.Add("begun", name, "app.py", "0000", ".env", "accounts", ".venv", uint32(0o644), int64(4), false, true)
		f.Add("applied", "app.py", name, "0000", name, "accounts", ".venv", uint32(0o4755), int64(-1), true, true)
		f.Add("undoing", "app.py", "app.py", name, ".env", name, name, uint32(0), int64(1)<<62, true, false)
	}
	f.Fuzz(func(t *testing.T, state, file, target, backup, env, folder, envDir string, mode uint32, size int64, command, done bool) {
		text := aJournal(func(j *journal) {
			j.Phase, j.CommandsDone = phase(state), done
			e := j.Files[0]
			e.Path, e.Target, e.Backup, e.Command = file, target, backup, command
			e.Before.Mode, e.Before.Size = fs.FileMode(mode), size
			j.Env[0].Target, j.Env[0].Before.Size = env, size
			j.Folders[0], j.EnvDirs[0] = folder, envDir
		})
		if _, err := parseJournal(text); err != nil {
			return
		}
		top := t.TempDir()
		p := &fixture{dir: filepath.Join(top, "project")}
		secret := filepath.Join(top, "secret")
		if err := os.WriteFile(secret, []byte("new\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"app.py": "new\n", "accounts/auth.py": "new\n", "uv.lock": "new\n", ".env": "new\nA=1\n", ".venv/workos": "1",
			journals + "/000001/journal.json": string(text), journals + "/000001/0000": "old\n",
		} {
			p.write(t, name, text)
		}
		if err := errors.Join(os.Symlink("..", p.path("out")), os.Symlink(secret, p.path("link.py"))); err != nil {
			t.Fatal(err)
		}
		for _, run := range []func(context.Context, Options) (*Result, error){Recover, Undo} {
			_, _ = run(context.Background(), Options{Root: p.dir}) // may well refuse
		}
		names, err := filepath.Glob(filepath.Join(top, "*"))
		if err != nil || len(names) != 2 {
			t.Errorf("beside the project are %v, %v", names, err)
		}
		if got, err := os.ReadFile(secret); err != nil || string(got) != "new\n" {
			t.Errorf("the file outside is %q, %v", got, err)
		}
		if info, err := os.Stat(secret); err == nil && info.Mode() != 0o600 {
			t.Errorf("the file outside is %v", info.Mode())
		}
	})
}
