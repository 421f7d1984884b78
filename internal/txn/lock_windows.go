package txn

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks the file, unless another process has it locked. Windows keeps
// others from what is locked, so it is a byte far behind what the file says.
func tryLock(f *os.File) (bool, error) {
	behind := &windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, behind)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// release unlocks the file: closing it does.
func release(f *os.File) error { return f.Close() }
