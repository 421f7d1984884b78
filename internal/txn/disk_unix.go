//go:build unix

package txn

import (
	"io/fs"
	"os"
	"syscall"
)

// owner returns a file's user and group.
func owner(info fs.FileInfo) (uid, gid int) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return -1, -1
}

// writable asks the system whether this process may write to the file or
// folder: access(2) with W_OK.
func writable(name string) error { return syscall.Access(name, 2) }

// mayGive says whether this process may make a file that belongs to uid.
func mayGive(uid int) bool {
	return os.Geteuid() == 0 || os.Geteuid() == uid
}

// syncRead makes a folder last, or a file that is open for reading.
func syncRead(f *os.File) error { return f.Sync() }
