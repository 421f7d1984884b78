package txn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzJournal reads whatever comes for a journal, and one in order with anything
// in its places. What is taken comes through writing and reading as it was, names
// no path out of the project, and is then recovered and undone: nothing outside
// of the project changes, by whatever links the project has, and nothing breaks.
func FuzzJournal(f *testing.F) {
	inOrder := string(aJournal(func(*journal) {}))
	for _, text := range []string{"", "null", "{}", "[]", inOrder, inOrder + "x", inOrder + inOrder, strings.Replace(inOrder, "authfit.journal/1", "2", 1)} {
		f.Add(text, "begun", "app.py", "app.py", "0000", ".env", "accounts", ".venv", "", uint32(0o644), int64(4), true)
	}
	for _, name := range []string{"app.py", "out/secret", "../secret", "link.py", "link", ".authfit/lock", ".", "accounts/../../x", `..\secret`, "C:x", "a\x00"} {
		f.Add("", "begun", name, "app.py", "0000", ".env", "accounts", ".venv", "", uint32(0o644), int64(4), true)
		f.Add("", "applied", "app.py", name, "0000", name, "accounts", ".venv", "0001", uint32(0o4755), int64(-1), true)
		f.Add("", "undoing", "app.py", "app.py", name, ".env", name, name, name, uint32(0), int64(1)<<62, false)
		f.Add("", "applied", "app.py", name, "0000", name, name, name, "0000", uint32(0o600), int64(4), true)
		f.Add("", "applied", "app.py", "app.py", "0000", ".env", "accounts", ".venv", name, uint32(0o644), int64(4), true)
	}
	f.Fuzz(func(t *testing.T, text, state, file, target, backup, env, folder, envDir, left string, mode uint32, size int64, done bool) {
		if text == "" {
			text = string(aJournal(func(j *journal) {
				j.Phase, j.CommandsDone = phase(state), done
				e := j.Files[0]
				e.Path, e.Target, e.Backup, e.Left = file, target, backup, left
				e.Before.Mode, e.Before.Size = fs.FileMode(mode), size
				e.Command = mode%2 == 1
				j.Env[0].Target, j.Env[0].Before.Size = env, size
				j.Folders[0], j.EnvDirs[0] = folder, envDir
			}))
		}
		j, err := parseJournal([]byte(text))
		if err != nil {
			return
		}
		if err := ownPaths(j); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		same, err := parseJournal(again)
		if diff := cmp.Diff(j, same, cmp.AllowUnexported(journal{}, fileEntry{})); err != nil || diff != "" {
			t.Fatalf("written and read again it is %v, %v", err, diff)
		}
		undoes(t, text)
	})
}

// ownPaths says which path of a journal does not lie in the project.
func ownPaths(j *journal) error {
	names := append(append([]string{}, j.Folders...), j.EnvDirs...)
	for _, e := range j.Files {
		names = append(names, e.Path, e.Target)
		for _, backup := range []string{e.Backup, e.Left} {
			if backup != "" && backup != filepath.Base(backup) || backup == "." || backup == ".." {
				return fmt.Errorf("%q is a backup", backup)
			}
		}
	}
	for _, e := range j.Env {
		names = append(names, e.Path, e.Target)
	}
	for _, name := range names {
		if name == "." || !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00") {
			return fmt.Errorf("%q is a path", name)
		}
	}
	return nil
}

// undoes recovers and undoes a project that has the journal and links out of it,
// and sees that nothing beside the project is another.
func undoes(t *testing.T, text string) {
	t.Helper()
	top := t.TempDir()
	p := &fixture{dir: filepath.Join(top, "project")}
	beside := &fixture{dir: top}
	for name, text := range map[string]string{"secret": "new\n", "app.py": "new\n", "accounts/auth.py": "new\n", ".env": "new\nA=1\n"} {
		beside.write(t, name, text)
	}
	for name, text := range map[string]string{
		"app.py": "new\n", "accounts/auth.py": "new\n", "uv.lock": "new\n", ".env": "new\nA=1\n", ".venv/workos": "1",
		journals + "/000001/journal.json": text, journals + "/000001/0000": "old\n", journals + "/000001/0001": "new\n",
	} {
		p.write(t, name, text)
	}
	err := errors.Join(os.Symlink("..", p.path("out")), os.Symlink(beside.path("secret"), p.path("link.py")),
		os.Symlink("../accounts", p.path("link")), os.Symlink("../../secret", p.path("accounts/secret")))
	if err != nil {
		t.Fatal(err)
	}
	before := outside(t, top)
	for _, run := range []func(context.Context, Options) (*Result, error){Recover, Undo} {
		_, _ = run(context.Background(), Options{Root: p.dir}) // may well refuse
	}
	if diff := cmp.Diff(before, outside(t, top)); diff != "" {
		t.Errorf("beside the project: %s", diff)
	}
}

// outside is all that lies beside the project: what it is and when it was
// changed. A file that was replaced by its equal has another time.
func outside(t *testing.T, top string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(top, "project") {
			return fs.SkipDir
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			all[path] += string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
