// Package git asks and drives the git program: what stands in the way of a
// commit, and one commit of named files, which is wholly there or not at all.
//
// Whatever only asks runs nothing that a repository's own configuration names:
// no hook, no monitor of the file system. The commit itself runs the owner's
// hooks, as `git commit` does.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"authfit/internal/problem"
)

// A Repo is the repository in whose work tree a folder lies.
type Repo struct {
	program string
	root    string // the folder
	foreign bool   // whether it may be another user's
	prefix  string // its path below the top of the work tree, with a slash behind; empty at the top
}

// Open finds the repository of the folder root. Program is the path of git,
// empty where there is none. The error is a *problem.Problem.
func Open(ctx context.Context, program, root string) (*Repo, error) {
	if program == "" {
		return nil, problem.New("no-git", "there is no git on PATH").WithFix("install git, or leave --commit away")
	}
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	r := &Repo{program: program, root: root}
	// Without a work tree, as in .git itself, the first of these fails.
	out, err := r.ask(ctx, "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, problem.New("no-repository", "git has no repository here").WithDetail("%v", err).
			WithFix("make one (git init) and commit what is there, or leave --commit away")
	}
	_, prefix, _ := strings.Cut(out, "\n")
	r.prefix = strings.TrimSuffix(prefix, "\n")
	return r, nil
}

// Dir is the folder, without links.
func (r *Repo) Dir() string { return r.root }

// asking is how long git may take to answer.
const asking = 2 * time.Minute

// Ask has git say something about the folder dir. It changes nothing and runs
// nothing of the repository's choosing; paths among args are no patterns. Git
// answers about a repository of another user's, too, with which it would do
// nothing else: in a container, that is often the person's own.
func Ask(ctx context.Context, program, dir string, args ...string) (string, error) {
	return (&Repo{program: program, root: dir, foreign: true}).ask(ctx, args...)
}

func (r *Repo) ask(ctx context.Context, args ...string) (string, error) {
	return r.run(ctx, "", args...)
}

// run runs git with the repository's hooks turned off and gives what it writes.
func (r *Repo) run(ctx context.Context, input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	off := []string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull}
	if args[0] != "check-ignore" { // which wants paths and does not know the option
		off = append(off, "--literal-pathspecs")
	}
	if r.foreign {
		off = append(off, "-c", "safe.directory=*")
	}
	cmd := r.command(ctx, append(off, args...)...)
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1")
	cmd.Stdin = strings.NewReader(input)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = &Error{Args: args, Said: strings.TrimSpace(said.String()), Err: err}
	}
	return string(out), err
}

// located are the variables that tell git of another repository than the one
// that it is asked about, as they are set in a hook, and those that change what
// a path means.
var located = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE",
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
}

// grace is how long git has to end after an interrupt.
const grace = 10 * time.Second

// command is git, which an interrupt ends: a kill would leave its locks behind.
func (r *Repo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.program, append([]string{"-C", r.root}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(located, name)
	})
	cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = grace
	return cmd
}

// An Error is a git that did not do what it was asked to.
type Error struct {
	Args []string
	Said string // git's own words, and those of a hook
	Err  error
}

// Error is what git said.
func (e *Error) Error() string {
	if e.Said != "" {
		return e.Said
	}
	return fmt.Sprintf("git %s: %v", e.Args[0], e.Err)
}

// Unwrap is how it ended. One that Ctrl-C in the terminal ended, before we had
// seen that ourselves, was cancelled.
func (e *Error) Unwrap() []error {
	if exit, ok := errors.AsType[*exec.ExitError](e.Err); ok && exit.ExitCode() < 0 && strings.Contains(exit.Error(), "interrupt") {
		return []error{e.Err, context.Canceled}
	}
	return []error{e.Err}
}

// A tail passes on what is written and remembers the end of it.
type tail struct {
	out  io.Writer
	last []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.last = append(t.last, p...)
	if over := len(t.last) - 4<<10; over > 0 {
		t.last = slices.Delete(t.last, 0, over)
	}
	_, _ = t.out.Write(p) // a terminal that is gone is no reason to break off
	return len(p), nil
}
