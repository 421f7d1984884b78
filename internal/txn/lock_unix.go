//go:build unix

package txn

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks the file, unless another process has it locked. The lock is the
// open file's: a process that inherits it keeps it locked.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// release unlocks the file, also for processes that have inherited it.
func release(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
