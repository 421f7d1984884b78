package manager

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
	"sync"
	"time"

	"authfit/internal/mask"
	"authfit/internal/plan"
)

const (
	// lastLines is how much of what a tool wrote goes into its error.
	lastLines = 30
	// Grace is how long a tool has to end after an interrupt.
	Grace = 5 * time.Second
)

// A RunError says how a command failed.
type RunError struct {
	Argv []string
	Code int    // the exit code; -1 where there is none
	Tail string // the last 30 lines that say something
	Err  error
}

// Error names the command and its exit code, and ends with what it wrote.
func (e *RunError) Error() string {
	if e.Tail == "" {
		return e.summary()
	}
	return e.summary() + "\n" + e.Tail
}

// summary is the command and how it ended.
func (e *RunError) summary() string {
	s := filepath.Base(e.Argv[0])
	if len(e.Argv) > 1 {
		s += " " + strings.Join(e.Argv[1:min(len(e.Argv), 4)], " ")
	}
	if e.Code >= 0 {
		return s + fmt.Sprintf(" ended with exit code %d", e.Code)
	}
	return s + ": " + e.Err.Error()
}

// Unwrap is what stopped the command: an *exec.ExitError, or the context's own
// error when it was cancelled.
func (e *RunError) Unwrap() error { return e.Err }

// Run runs a command of a plan for the project in dir, without a shell and
// without anything to read, and copies what it writes to out as it comes. When
// ctx ends, the command and all that it started are interrupted, and killed
// after five seconds. The error is a *RunError.
//
// The environment is the caller's, without what an activated environment or a
// manager around us left there, with prompts turned off, and with c.Env, where
// "{root}" is dir.
func Run(ctx context.Context, c plan.Command, dir string, out io.Writer) error {
	if err := ctx.Err(); err != nil {
		return &RunError{Argv: c.Argv, Code: -1, Err: err}
	}
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Dir = filepath.Join(dir, filepath.FromSlash(c.Dir))
	cmd.Env = environment(os.Environ(), rooted(c.Env, dir))
	tail := &tailWriter{out: out, mask: masker(cmd.Env)}
	cmd.Stdout, cmd.Stderr = tail, tail
	// A grandchild that outlives the tool may hold its output open.
	cmd.WaitDelay = Grace
	newGroup(cmd)
	l, locked := ctx.Value(lockKey{}).(lock)
	if locked {
		inherit(cmd, l.file)
	}
	if err := cmd.Start(); err != nil {
		return &RunError{Argv: c.Argv, Code: -1, Err: err}
	}
	if locked {
		l.started(cmd.Process.Pid)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	defer tail.flush()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		InterruptGroup(cmd.Process.Pid)
		select {
		case <-done: //nolint:errcheck // the context's error is the one to report
			KillGroup(cmd.Process.Pid) // the tool has ended, but what it started may not have
		case <-time.After(Grace):
			KillGroup(cmd.Process.Pid)
			<-done //nolint:errcheck // as above
		}
		return &RunError{Argv: c.Argv, Code: -1, Tail: tail.lines(), Err: context.Cause(ctx)}
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	// A tool that was killed has left what it runs itself, as pipenv does pip.
	KillGroup(cmd.Process.Pid)
	code := -1
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	}
	return &RunError{Argv: c.Argv, Code: code, Tail: tail.lines(), Err: err}
}

// rooted are the variables of a command of the project in dir.
func rooted(env []string, dir string) []string {
	var out []string
	for _, kv := range env {
		out = append(out, strings.ReplaceAll(kv, plan.Root, dir))
	}
	return out
}

// A lock is a file that the commands of a context inherit.
type lock struct {
	file    *os.File
	started func(group int)
}

type lockKey struct{}

// WithLock returns a context whose commands inherit an open file, locked with
// flock: what has it open keeps it locked, so that the lock outlives us where a
// command does. The process group of each is told to started.
func WithLock(ctx context.Context, file *os.File, started func(group int)) context.Context {
	return context.WithValue(ctx, lockKey{}, lock{file, started})
}

// dropped are variables of an activated environment, and of a manager that
// runs us ("poetry run authfit"): they would lead the tool to an environment
// that is not the project's.
var dropped = []string{
	"VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__",
	"PIPENV_ACTIVE", "POETRY_ACTIVE", "PDM_RUN_CWD", "PDM_PROJECT", "UV", "UV_RUN_RECURSION_DEPTH",
}

// quiet turns off prompts, spinners and notices of new versions.
var quiet = []string{
	"PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "POETRY_NO_INTERACTION=1", "PIPENV_NOSPIN=1",
	"PDM_NON_INTERACTIVE=1", "PDM_CHECK_UPDATE=0", "UV_NO_PROGRESS=1",
}

func environment(inherited, own []string) []string {
	env := slices.DeleteFunc(slices.Clone(inherited), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(dropped, name)
	})
	return append(append(env, quiet...), own...)
}

// masker hides the secrets in what a tool writes: those in the addresses of
// indexes, and what a package that is built prints of its environment.
func masker(env []string) func(string) string {
	vars := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		vars[name] = value
	}
	return mask.Values(nil, vars)
}

// A tailWriter passes on what is written, masked and by whole lines, and
// remembers the end of it.
type tailWriter struct {
	mu   sync.Mutex
	out  io.Writer
	mask func(string) string
	part []byte // of a line that has not ended
	last []byte
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part = append(w.part, p...)
	if end := bytes.LastIndexAny(w.part, "\r\n") + 1; end > 0 || len(w.part) > 64<<10 {
		w.pass(max(end, len(w.part)-64<<10))
	}
	return len(p), nil
}

// flush passes on a last line that has no end.
func (w *tailWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pass(len(w.part))
}

func (w *tailWriter) pass(n int) {
	text := string(w.part[:n])
	if w.mask != nil {
		text = w.mask(text)
	}
	w.part = slices.Delete(w.part, 0, n)
	w.last = append(w.last, text...)
	if over := len(w.last) - 64<<10; over > 0 {
		w.last = slices.Delete(w.last, 0, over)
	}
	if w.out != nil {
		// A terminal that is gone is no reason to break off an install.
		_, _ = io.WriteString(w.out, text)
	}
}

// lines are the last lines of those that say something.
func (w *tailWriter) lines() string {
	w.flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for line := range bytes.Lines(w.last) {
		if text := strings.TrimRight(string(line), " \r\n"); text != "" {
			out = append(out, text)
		}
	}
	out = telling(out)
	return strings.ToValidUTF8(strings.Join(out[max(0, len(out)-lastLines):], "\n"), "\uFFFD")
}
