package txn

import (
	"context"
	"encoding/json"
	"os"
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
		"something behind it": string(aJournal(func(*journal) {})) + "x",
		"unknown field":       strings.Replace(string(aJournal(func(*journal) {})), `"files"`, `"filez"`, 1),
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
