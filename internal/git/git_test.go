package git

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/problem"
)

// A lab is a repository of its own, on the branch main, and nobody's settings.
type lab struct {
	*Repo
	t *testing.T
}

func newLab(t *testing.T, args ...string) *lab {
	t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal("this test needs git")
	}
	dir := t.TempDir()
	config := filepath.Join(t.TempDir(), "config")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	text := "[user]\nname = Ada\nemail = ada@example.test\n[core]\nquotePath = false\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &lab{&Repo{program: program, root: dir}, t}
	l.git(append([]string{"init", "-q"}, args...)...)
	l.git("symbolic-ref", "HEAD", "refs/heads/main")
	if l.Repo, err = Open(t.Context(), program, dir); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) git(args ...string) string {
	l.t.Helper()
	out, err := l.ask(l.t.Context(), args...)
	if err != nil {
		l.t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSuffix(out, "\n")
}

func (l *lab) write(name, text string) {
	l.t.Helper()
	file := filepath.Join(l.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		l.t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		l.t.Fatal(err)
	}
}

// state is all that a commit changes: where HEAD is, the branches, and the index.
func (l *lab) state() string {
	l.t.Helper()
	at, err := l.head(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.Join([]string{at.ref, at.id, l.git("for-each-ref"), l.git("ls-files", "-s")}, "\n")
}

// A commit that a hook refuses leaves HEAD, branches and index as they were,
// wherever HEAD is; without the hook it is made there.
func TestCommitIsWhollyThereOrNotAtAll(t *testing.T) {
	at := map[string]func(*lab){
		"a branch without a commit": func(*lab) {},
		"a branch":                  func(l *lab) { l.git("commit", "-q", "--allow-empty", "-m", "first") },
		"no branch": func(l *lab) {
			l.git("commit", "-q", "--allow-empty", "-m", "first")
			l.git("checkout", "-q", "--detach")
		},
	}
	for where, set := range at {
		for branch, format := range map[string]string{"": "sha1", "add/login": "sha256"} {
			t.Run(where+", "+branch, func(t *testing.T) {
				l := newLab(t, "--object-format="+format)
				l.write("staged.txt", "staged")
				set(l)
				l.git("add", "staged.txt")
				l.write("new.py", "new")
				l.write("other.py", "other")
				before := l.state()
				l.write(".git/hooks/pre-commit", "#!/bin/sh\necho 'not today'\nexit 1\n")
				_, err := l.Commit(t.Context(), branch, "message", []string{"new.py"}, t.Output())
				if err == nil || err.Error() != "not today" {
					t.Errorf("the error is %v", err)
				}
				if diff := cmp.Diff(before, l.state()); diff != "" {
					t.Errorf("something is left of it:\n%s", diff)
				}
				l.write(".git/hooks/pre-commit", "#!/bin/sh\n")
				made, err := l.Commit(t.Context(), branch, "message", []string{"new.py"}, t.Output())
				if err != nil {
					t.Fatal(err)
				}
				if got := l.git("show", "--name-only", "--format=%H", "HEAD"); got != made.ID+"\n\nnew.py" {
					t.Errorf("HEAD is %q", got)
				}
				if got := l.git("diff", "--cached", "--name-only"); got != "staged.txt" {
					t.Errorf("staged is %q", got)
				}
				want := branch
				if want == "" && where != "no branch" {
					want = "main"
				}
				if made.Branch != want {
					t.Errorf("it is on %q, want %q", made.Branch, want)
				}
			})
		}
	}
}

// An interrupt that comes when the commit is there changes nothing about that.
func TestInterruptedTooLate(t *testing.T) {
	l := newLab(t)
	l.write(".git/hooks/post-commit", "#!/bin/sh\nkill -INT $PPID\nsleep 1\n")
	l.write("new.py", "new")
	made, err := l.Commit(t.Context(), "", "message", []string{"new.py"}, t.Output())
	if err != nil || made.ID != l.git("rev-parse", "HEAD") {
		t.Fatalf("%+v, %v", made, err)
	}
	if got := l.git("status", "--porcelain"); got != "" {
		t.Errorf("status: %q", got)
	}
}

// Names are names, also where git would take them for patterns or options.
func TestNamesAreNoPatterns(t *testing.T) {
	l := newLab(t)
	files := []string{":(glob)*", ":!x", "*.py", "-q", "a b.py", "fünf\nzeilen.py", "sub/[a].py"}
	l.write("innocent.py", "1")
	l.write("sub/a.py", "1")
	for _, f := range files {
		l.write(f, "1")
	}
	l.git("add", ".")
	l.git("commit", "-q", "-m", "first")
	l.write("innocent.py", "2")
	l.write("sub/a.py", "2")
	if err := l.Clean(t.Context(), files); err != nil {
		t.Errorf("clean files are refused: %v", err)
	}
	for _, f := range files {
		l.write(f, "2")
	}
	var p *problem.Problem
	if err := l.Clean(t.Context(), files); !errors.As(err, &p) || strings.Count(p.Detail, "it has changes") != len(files) {
		t.Errorf("changed files: %v", err)
	}
	if _, err := l.Commit(t.Context(), "", "message", files, t.Output()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(" M innocent.py\n M sub/a.py", l.git("status", "--porcelain")); diff != "" {
		t.Error(diff)
	}
	l.write(".gitignore", "*.py\n")
	if got, err := l.Ignored(t.Context(), []string{"new.py", "*.py", ":(glob)x", ":(glob)x.py"}); err != nil || !cmp.Equal(got, []string{"new.py", ":(glob)x.py"}) {
		t.Errorf("ignored are %q, %v", got, err)
	}
}
