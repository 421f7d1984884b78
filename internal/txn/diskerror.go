package txn

import (
	"errors"
	"io/fs"
	"syscall"

	"authfit/internal/problem"
)

// A diskError is an error of the disk as a Problem: which of the project's files
// it is about, and what can be done. The system's own error is in it, too.
type diskError struct {
	problem *problem.Problem
	err     error
}

func (e *diskError) Error() string   { return e.problem.Error() }
func (e *diskError) Unwrap() []error { return []error{e.problem, e.err} }

// diskErrors are the errors for which there is a way out.
var diskErrors = []struct {
	err          error
	summary, fix string
}{
	{syscall.ENOSPC, "no space is left on the disk", "make room on it, and run authfit again"},
	{syscall.EDQUOT, "your share of the disk is used up", "make room in it, and run authfit again"},
	{syscall.EROFS, "the disk is mounted for reading only", "mount it for writing, and run authfit again"},
	{fs.ErrPermission, "writing here is not permitted", "run authfit as somebody who may"},
	{syscall.EIO, "the disk has failed (input/output error)", "see the system's log for what is wrong with it, and run authfit again once it is well"},
}

// about says of which file an error is. What is no error of the disk, or one
// without a way out, stays as it is.
func about(name string, err error) error {
	if known, ok := errors.AsType[*diskError](err); ok {
		return newDiskError(name, known.problem.Summary, known.problem.Fix, known.err)
	}
	for _, k := range diskErrors {
		if errors.Is(err, k.err) {
			return newDiskError(name, k.summary, k.fix, err)
		}
	}
	return err
}

func newDiskError(name, summary, fix string, err error) error {
	return &diskError{problem.New("disk", "%s", summary).At(name, 0).WithFix("%s", fix), err}
}
