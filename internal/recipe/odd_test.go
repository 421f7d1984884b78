//go:build unix

package recipe_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"authfit/internal/recipe"
)

// TestInspectOdd puts beside an app what a folder can have that no owner meant
// to be read. Inspect finds the app all the same, soon, and says what it could
// not look into.
func TestInspectOdd(t *testing.T) {
	const app = "from flask import Flask\n\napp = Flask(__name__)\n"
	for name, c := range map[string]struct {
		odd     func(dir string) error
		problem string // its code; empty where there is nothing to say
	}{
		"a FIFO": {odd: func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "pipe.py"), 0o644) }},
		"a FIFO for a manifest": {odd: func(dir string) error {
			return syscall.Mkfifo(filepath.Join(dir, "pyproject.toml"), 0o644)
		}},
		"a FIFO for .env":               {odd: func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, ".env"), 0o644) }, problem: "env-unreadable"},
		"a FIFO for .gitignore":         {odd: func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, ".gitignore"), 0o644) }},
		"a FIFO for the environment":    {odd: func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, ".venv"), 0o644) }},
		"a link to its own folder":      {odd: func(dir string) error { return os.Symlink(".", filepath.Join(dir, "again")) }},
		"a link to the folder above":    {odd: func(dir string) error { return os.Symlink("..", filepath.Join(dir, "up")) }},
		"a link to the root":            {odd: func(dir string) error { return os.Symlink("/", filepath.Join(dir, "root")) }},
		"links in a ring":               {odd: ring},
		"1,000 nested folders":          {odd: nested},
		"100 MB of Python":              {odd: func(dir string) error { return sparse(filepath.Join(dir, "big.py"), 100<<20) }},
		"100 MB of requirements":        {odd: func(dir string) error { return sparse(filepath.Join(dir, "requirements.txt"), 100<<20) }, problem: "manifest-unreadable"},
		"a file without permission":     {odd: func(dir string) error { return closed(filepath.Join(dir, "shut.py")) }},
		"a folder without permission":   {odd: func(dir string) error { return os.Mkdir(filepath.Join(dir, "shut"), 0) }, problem: "folder-unreadable"},
		"a manifest without permission": {odd: func(dir string) error { return closed(filepath.Join(dir, "pyproject.toml")) }, problem: "manifest-unreadable"},
		"a name that is no UTF-8":       {odd: func(dir string) error { return os.WriteFile(filepath.Join(dir, "\xff.py"), []byte(app), 0o644) }},
		"a name with a newline":         {odd: func(dir string) error { return os.Mkdir(filepath.Join(dir, "a\nb"), 0o755) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "wsgi.py"), []byte(app), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := c.odd(dir); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "shut"), 0o755) })
			got := inspectAsNobody(t, dir)
			if !strings.Contains(got, "* flask in .: wsgi.py:3 app\n") {
				t.Errorf("the app is not found:\n%s", got)
			}
			if c.problem != "" && !strings.Contains(got, "\n"+c.problem+" ") {
				t.Errorf("no word of %s:\n%s", c.problem, got)
			}
		})
	}
}

// inspectAsNobody inspects in a process of its own, which must end within ten
// seconds, and which is not root: to root nothing is forbidden.
func inspectAsNobody(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestInspectChild$")
	cmd.Env = append(os.Environ(), "AUTHFIT_INSPECT="+dir, "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1")
	if os.Geteuid() == 0 {
		const nobody = 65534
		for at := dir; at != "/"; at = filepath.Dir(at) { // the way to the folder, which the test's own are closed on
			if strings.HasPrefix(at, os.TempDir()) {
				if err := os.Chmod(at, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		self = filepath.Join(t.TempDir(), "inspect")
		if err := copyFile(cmd.Path, self); err != nil {
			t.Fatal(err)
		}
		for at := filepath.Dir(self); strings.HasPrefix(at, os.TempDir()); at = filepath.Dir(at) {
			if err := os.Chmod(at, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Path = self
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	cmd.Dir = dir
	timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestInspectChild is what inspectAsNobody runs.
func TestInspectChild(t *testing.T) {
	dir := os.Getenv("AUTHFIT_INSPECT")
	if dir == "" {
		return // only the other test's child has something to do
	}
	if _, err := os.Stdout.WriteString(facts(t, dir, recipe.Options{})); err != nil {
		t.Fatal(err)
	}
}

func copyFile(from, to string) error {
	src, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, src, 0o755)
}

func ring(dir string) error {
	if err := os.Symlink("b", filepath.Join(dir, "a")); err != nil {
		return err
	}
	return os.Symlink("a", filepath.Join(dir, "b"))
}

// nested makes the folders one in another: their path is longer than the system
// takes in one piece.
func nested(dir string) error {
	root, err := os.OpenRoot(dir)
	for range 1000 {
		if err != nil {
			return err
		}
		if err = root.Mkdir("folder", 0o755); err != nil {
			return err
		}
		var next *os.Root
		next, err = root.OpenRoot("folder")
		root.Close()
		root = next
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return root.WriteFile("deep.py", []byte("x = 1\n"), 0o644)
}

func sparse(file string, size int64) error {
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return err
	}
	return os.Truncate(file, size)
}

func closed(file string) error {
	if err := os.WriteFile(file, []byte("x = 1\n"), 0o644); err != nil {
		return err
	}
	return os.Chmod(file, 0)
}
