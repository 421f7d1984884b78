//go:build unix

package project

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"authfit/internal/problem"
)

// layout writes the files of a txtar archive to a new folder. A name that ends
// in a slash is a folder.
func layout(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, archive)
	return dir
}

func write(t *testing.T, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if strings.HasSuffix(f.Name, "/") {
			if err := os.MkdirAll(name, 0o777); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, dir string) *Tree {
	t.Helper()
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

func TestTreeSkipsWhatIsNotTheProject(t *testing.T) {
	dir := layout(t, `
-- .git/config --
-- .gitignore --
*.log
/build/
local/*
!local/keep.py
.env
-- app.py --
print("hi")
-- .env --
SECRET=1
-- debug.log --
-- build/gen.py --
-- sub/build/own.py --
-- sub/.gitignore --
own.txt
!debug.log
-- sub/own.txt --
-- sub/debug.log --
-- local/drop.py --
-- local/keep.py --
-- node_modules/x/setup.py --
-- pkg/__pycache__/a.pyc --
-- myenv/pyvenv.cfg --
-- myenv/lib/python3.12/site-packages/flask/app.py --
-- conda/conda-meta/history --
-- conda/bin/flask.py --
-- a.egg-info/requires.txt --
-- .authfit/journal.json --
`)
	tree := open(t, dir)
	want := []string{".gitignore", "app.py", "local/keep.py", "sub/.gitignore", "sub/build/own.py", "sub/debug.log"}
	if diff := cmp.Diff(want, tree.Files()); diff != "" {
		t.Error(diff)
	}
	if tree.Exists(".env") || !tree.Has(".env") || tree.Has("build/nothing.py") {
		t.Error("an ignored file is not in the tree but can be asked for")
	}
	if src, err := tree.Read(".env"); err != nil || string(src) != "SECRET=1\n" {
		t.Errorf("Read(.env) = %q, %v", src, err)
	}
	if !tree.IsDir("sub/build") || tree.IsDir("build") {
		t.Error("IsDir")
	}
	if diff := cmp.Diff([]string{"sub/.gitignore", "sub/build/own.py", "sub/debug.log"}, tree.Under("sub")); diff != "" {
		t.Error(diff)
	}
}

// A folder of a repository follows the .gitignore files above it, but not
// where they ignore the folder itself: it was named, so it is meant.
func TestTreeFollowsOuterIgnores(t *testing.T) {
	dir := layout(t, `
-- .git/info/exclude --
*.bak
-- .gitignore --
apps/api/secret.py
*.log
/scratch/
-- apps/.gitignore --
!keep.log
-- apps/api/app.py --
-- apps/api/secret.py --
-- apps/api/a.log --
-- apps/api/a.bak --
-- apps/api/keep.log --
-- scratch/x/app.py --
-- scratch/x/a.log --
`)
	if diff := cmp.Diff([]string{"app.py", "keep.log"}, open(t, filepath.Join(dir, "apps/api")).Files()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a.log", "app.py"}, open(t, filepath.Join(dir, "scratch/x")).Files()); diff != "" {
		t.Error(diff)
	}
}

func TestTreeOddFiles(t *testing.T) {
	dir := layout(t, `
-- app.py --
x = 1
-- pkg/a.py --
-- outside/ --
`)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(syscall.Mkfifo(filepath.Join(dir, "pipe.py"), 0o600))
	must(os.Symlink("app.py", filepath.Join(dir, "link.py")))
	must(os.Symlink("/etc/passwd", filepath.Join(dir, "leaves.py")))
	must(os.Symlink(".", filepath.Join(dir, "loop")))
	must(os.Symlink("nowhere", filepath.Join(dir, "dangling.py")))
	big, err := os.Create(filepath.Join(dir, "big.py"))
	must(err)
	must(big.Truncate(5 << 20))
	must(big.Close())
	huge, err := os.Create(filepath.Join(dir, "huge.py"))
	must(err)
	must(huge.Truncate(100 << 20))
	must(huge.Close())
	deep := filepath.Join(dir, strings.Repeat("d/", 1000))
	must(os.MkdirAll(deep, 0o777))
	must(os.WriteFile(filepath.Join(deep, "deep.py"), nil, 0o666))

	done := make(chan *Tree)
	go func() { done <- open(t, dir) }()
	var tree *Tree
	select {
	case tree = <-done:
	case <-time.After(time.Minute):
		t.Fatal("hangs")
	}
	want := []string{"app.py", "big.py", strings.Repeat("d/", 1000) + "deep.py", "huge.py", "link.py", "pkg/a.py"}
	if diff := cmp.Diff(want, tree.Files()); diff != "" {
		t.Error(diff)
	}
	for _, f := range []string{"pipe.py", "leaves.py", "dangling.py", "../x", "huge.py", "pkg"} {
		if _, err := tree.Read(f); err == nil {
			t.Errorf("Read(%s) should be refused", f)
		}
		if f != "huge.py" && tree.Has(f) {
			t.Errorf("Has(%s)", f)
		}
	}
	if _, err := tree.Python("big.py"); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("Python(big.py): %v", err)
	}
}

func TestTreeFolderWithoutPermission(t *testing.T) {
	if os.Getuid() == 0 {
		// root may read everything; the walk is asked about a folder that is
		// gone by the time it is listed, which fails in the same place.
		dir := layout(t, "-- app.py --\n")
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		w := &walker{top: root}
		w.list(&listing{path: "gone"}, nil, &reader{})
		if p := w.problems; len(p) != 1 || p[0].Code != "folder-unreadable" || p[0].File != "gone" {
			t.Errorf("%+v", p)
		}
		return
	}
	dir := layout(t, "-- app.py --\n-- closed/x.py --\n")
	if err := os.Chmod(filepath.Join(dir, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o777) })
	tree := open(t, dir)
	if p := tree.Problems(); len(p) != 1 || p[0].Code != "folder-unreadable" || p[0].File != "closed" {
		t.Errorf("%+v", p)
	}
	if diff := cmp.Diff([]string{"app.py"}, tree.Files()); diff != "" {
		t.Error(diff)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := layout(t, "-- file --\n")
	for name, code := range map[string]string{"nothing": "no-folder", "file": "not-a-folder"} {
		_, err := Open(filepath.Join(dir, name))
		var p *problem.Problem
		if !errors.As(err, &p) || p.Code != code || p.Fix == "" {
			t.Errorf("Open(%s): %#v", name, err)
		}
	}
}

// The patterns are held against git's own answers.
func TestIgnoreAsGitDoes(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal("this test needs git")
	}
	patterns := `
# a comment
\#hash
\!bang
trailing   
kept\ 
*.py[co]
!important.pyc
/top
doc/*.txt
a/**/z
**/logs
**/deep/er
x/**
[Bb]in/
[!a-c].dat
[]x].sq
foo*bar?baz
build/
*a*a*a*a*a*a*a*a*a*b
unclosed[ab
back\\slash
`
	names := []string{
		"#hash", "!bang", "trailing", "kept ", "m.pyc", "m.pyo", "m.pyx", "important.pyc", "top", "sub/top",
		"doc/a.txt", "doc/b/a.txt", "a/z", "a/b/z", "a/b/c/z", "a/zz", "logs", "p/logs", "p/logs/f", "deep/er", "q/deep/er",
		"q/deep/err", "x/1", "x/y/2", "xx/1", "bin/f", "Bin/f", "p/bin/f", "bin2/f", "a.dat", "d.dat", "].sq", "x.sq", "y.sq",
		"foobarxbaz", "foo1bar2baz", "foobarbaz", "build", "s/build/f", strings.Repeat("a", 200), strings.Repeat("a", 200) + "b",
		"unclosed[ab", "unclosedab", "back\\slash", "plain.py",
	}
	dir := t.TempDir()
	run := exec.Command(git, "init", "-q", dir)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g := (*ignores)(nil).with(".", []byte(patterns))
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(patterns), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		cmd := exec.Command(git, "-c", "core.excludesFile=/dev/null", "check-ignore", "-q", "--no-index", "--", "./"+name)
		cmd.Dir = dir
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
			t.Fatalf("git check-ignore %q: %v", name, err)
		}
		want := err == nil
		got := false
		for i := range name { // the folders on the way, as the walk would meet them
			if name[i] == '/' {
				got = got || g.match(name[:i], true)
			}
		}
		got = got || g.match(name, false)
		if got != want {
			t.Errorf("%q: ignored %v, git says %v", name, got, want)
		}
	}
}
