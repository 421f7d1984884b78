// Package txn carries out a plan so that nothing can be lost: after a failure,
// an interruption or a crash the project is wholly as it was, after success it
// is as planned, and Undo takes the success back without needing git.
//
// Apply writes down in a journal (.authfit/journal in the project) how every
// file was before it changes the first one; rolling back, Undo and Recover are
// the same reading of that journal backwards. Every path is taken below the
// project's folder by os.Root, so that no link leads out of it.
//
// A file is replaced by renaming a finished one over it. That keeps its
// permissions, owner and times; a hard link to it is cut, as it is by git and
// by most editors.
package txn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"authfit/internal/plan"
	"authfit/internal/problem"
)

// Options are what Apply needs.
type Options struct {
	// Root is the project's folder.
	Root string
	// Command is what a person typed, such as "authfit add": it says to another
	// authfit who is at work.
	Command string
	// Plan is all that is done. Its Problems are the caller's to weigh.
	Plan *plan.Plan
	// Run runs a command of the plan and ends it when the context does.
	Run func(context.Context, plan.Command) error
	// Values gives the value of a key whose source is plan.EnvLocal. Fernet keys
	// and random secrets are made here.
	Values func(plan.EnvKey) (string, error)
	// Check, where it is set, looks at the environment that the commands left
	// behind, before the first file is written. Its error rolls back.
	Check func(context.Context) error
	// Environment is the Python environment that the commands change.
	Environment Environment
	// Partial has Undo leave the files whose later edits touch ours, and the
	// packages with the manager's, and take back the rest.
	Partial bool
	// Progress, where it is set, is told each step in a few words.
	Progress func(string)

	// Asked has Recover obey a journal that may have come from elsewhere.
	Asked bool

	hook hook
}

// Environment is the Python environment of the project, for taking back what a
// package manager did to it. Functions that are nil are not needed by a plan
// without commands.
type Environment struct {
	// Folders are those that the commands may make, relative to the project with
	// slashes: ".venv". One that was not there before goes when the plan is
	// taken back.
	Folders []string
	// Packages lists what is installed, version by name. Where there is no
	// environment it is empty, without an error.
	Packages func() (map[string]string, error)
	// Entries lists what lies where packages put their files, and RemoveEntries
	// takes some of that out: what a command that was cut off has installed in
	// part belongs to no package yet.
	Entries       func() ([]string, error)
	RemoveEntries func(names []string) error
	// Damaged lists, of the entries, the metadata of packages whose files have been
	// changed since then, and are not those that were installed.
	Damaged func(since time.Time) ([]string, error)
	// Uninstall removes the named packages, without others that need them.
	Uninstall func(ctx context.Context, names []string) error
	// Reinstall installs exactly these, each a "name==version", and nothing else.
	Reinstall func(ctx context.Context, pinned []string) error
}

// A Result is what Apply did, or what Undo and Recover took back.
type Result struct {
	Files    []string `json:"files"`    // written, removed or restored, relative to the project
	Env      []EnvKey `json:"env"`      // the keys added or removed
	Packages []string `json:"packages"` // added or removed, "name==version"
	Kept     []string `json:"kept"`     // by a partial Undo: edited since, and left as they are
	Notes    []string `json:"notes"`    // what a person should know, a sentence each
}

// An EnvKey is a key in an environment file.
type EnvKey struct {
	File string `json:"file"`
	Key  string `json:"key"`
}

// ErrNothing says that there is nothing to undo.
var ErrNothing = errors.New("nothing to undo")

// RolledBack is the error of an Apply that failed after it had begun. Everything
// was put back. Cause is context.Canceled (or has it inside) when the context
// ended.
type RolledBack struct {
	Cause error
}

// Error is that of the cause.
func (e *RolledBack) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e *RolledBack) Unwrap() error { return e.Cause }

// NotRestored says that putting back failed in some places. The journal is kept,
// so that Recover can try again, or Undo where the project was left as planned.
type NotRestored struct {
	Cause    error // why it was put back; nil for an undo
	Failures []Failure
}

// A Failure is one thing that could not be put back.
type Failure struct {
	Path   string // relative to the project; or packagesPlace
	Backup string // where the bytes from before lie, relative to the project; may be empty
	Err    error
}

// Error names each place and its backup.
func (e *NotRestored) Error() string {
	text := "not everything could be put back:\n" + strings.Join(e.lines(), "\n")
	if e.Cause != nil {
		text = fmt.Sprintf("%v; and %s", e.Cause, text)
	}
	return text
}

// Problem is the same for a person, with the way out.
func (e *NotRestored) Problem() *problem.Problem {
	lines := e.lines()
	if e.Cause != nil {
		lines = append([]string{fmt.Sprintf("it was to be, since: %v", e.Cause)}, lines...)
	}
	p := problem.New("not-restored", "not everything could be put back").
		WithDetail("%s", strings.Join(lines, "\n")).
		WithFix("mend what is named there, and run authfit again: it goes on where it had to stop")
	var packages *problem.Problem
	for _, f := range e.Failures {
		if f.Path == packagesPlace && errors.As(f.Err, &packages) && packages.Fix != "" {
			return p.WithFix("%s", packages.Fix) // it is what a person can type
		}
	}
	return p
}

// packagesPlace stands for the path in a Failure of packages.
const packagesPlace = "the Python environment"

// lines are the failures, each with its backup.
func (e *NotRestored) lines() []string {
	var lines []string
	for _, f := range e.Failures {
		line := f.Err.Error()
		if !strings.HasPrefix(line, f.Path+": ") {
			line = f.Path + ": " + line
		}
		var said *problem.Problem
		if f.Path == packagesPlace && errors.As(f.Err, &said) && said.Detail != "" {
			line += "\n" + said.Detail
		}
		if f.Backup != "" {
			line += " (as it was before: " + f.Backup + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// Unwrap returns the cause and the failures' errors.
func (e *NotRestored) Unwrap() []error {
	var errs []error
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	for _, f := range e.Failures {
		errs = append(errs, f.Err)
	}
	return errs
}
