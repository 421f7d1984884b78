package txn

import (
	"io/fs"
	"syscall"
)

// identity says which file this is; empty where that cannot be said.
func identity(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return asIdentity(s.Ino, int64(s.Ctim.Sec), int64(s.Ctim.Nsec)) //nolint:unconvert // 32 bits on some
}
