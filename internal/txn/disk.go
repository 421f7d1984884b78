package txn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A hook is asked before every operation that changes the disk, with its name
// and path; its error stops the operation. Tests make disks fail with it, or
// end the process.
type hook func(op, name string) error

// watch is the hook where there is no other.
var watch hook = func(string, string) error { return nil }

// disk is the project's folder. Names are relative to it, with slashes.
type disk struct {
	root *os.Root
	base string // absolute, without links
	hook hook
}

func openDisk(dir string, h hook) (*disk, error) {
	base, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if base, err = filepath.EvalSymlinks(base); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = watch
	}
	return &disk{root, base, h}, nil
}

func (d *disk) close() { _ = d.root.Close() }

// state is what of a file is to come back.
type state struct {
	SHA256 string      `json:"sha256"`
	Size   int64       `json:"size"`
	Mode   fs.FileMode `json:"mode"` // permission bits, setuid, setgid, sticky
	UID    int         `json:"uid"`  // -1 where the system has none
	GID    int         `json:"gid"`
	MTime  time.Time   `json:"mtime"`
}

// invalid says that a state cannot be one that read gave.
func (s *state) invalid() bool {
	return s != nil && (s.Size < 0 || s.Mode&^modeBits != 0)
}

const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// read returns a file's state and bytes; nil and no error where there is none.
func (d *disk) read(name string) (*state, []byte, error) {
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	data, err := d.root.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	uid, gid := owner(info)
	return &state{sum(data), int64(len(data)), info.Mode() & modeBits, uid, gid, info.ModTime()}, data, nil
}

// own reads a file of authfit's own, which has to be a file: opening a FIFO would
// wait for its writer.
func (d *disk) own(name string) ([]byte, error) {
	s, data, err := d.read(name)
	if err == nil && s == nil {
		err = &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return data, err
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// exists says whether something is at name, be it a dangling link.
func (d *disk) exists(name string) (bool, error) {
	_, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// resolve follows the links in name and returns the name that a file written
// there has. The last parts need not exist. It is an error when a link leads
// out of the project, or to nothing.
func (d *disk) resolve(name string) (string, error) {
	full, rest := filepath.Join(d.base, filepath.FromSlash(name)), ""
	for {
		real, err := filepath.EvalSymlinks(full)
		if err == nil {
			rel, err := filepath.Rel(d.base, filepath.Join(real, rest))
			if err != nil || !filepath.IsLocal(rel) {
				return "", fmt.Errorf("the link leads out of the project, to %s", real)
			}
			return filepath.ToSlash(rel), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if _, err := os.Lstat(full); err == nil {
			return "", errors.New("the link leads to nothing")
		}
		rest = filepath.Join(filepath.Base(full), rest)
		full = filepath.Dir(full)
	}
}

// do carries out one operation that changes the disk, or makes a change last.
// Whatever this package does to the disk goes through it.
func (d *disk) do(op, name string, f func() error) error {
	err := d.hook(op, name)
	if err == nil {
		err = f()
	}
	return about(name, err)
}

// replace puts data at name by renaming a finished and synced file over it. A
// file that comes anew has perm, less the umask; one that was there gets what
// its state says. An mtime of zero is now.
func (d *disk) replace(name string, data []byte, was *state, perm fs.FileMode) error {
	return d.install(name, data, was, perm, d.rename)
}

// install makes a finished and synced file of data, which place then gives its
// name.
func (d *disk) install(name string, data []byte, was *state, perm fs.FileMode, place func(tmp, name string) error) error {
	tmp := tempName(name)
	err := d.fill(tmp, data, was, perm)
	if err == nil {
		err = place(tmp, name)
	}
	if err != nil {
		_ = d.remove(tmp)
		return about(name, err)
	}
	return d.syncDir(path.Dir(name))
}

func (d *disk) rename(from, to string) error {
	return d.do("rename", to, func() error { return d.root.Rename(from, to) })
}

// restore is replace for the bytes of a backup. Where there is no room for a
// second copy, the backup itself becomes the file.
func (d *disk) restore(name string, data []byte, was state, backup string) error {
	err := d.replace(name, data, &was, 0)
	if !noRoom(err) {
		return err
	}
	if err := d.dress(backup, was); err != nil {
		return err
	}
	if err := d.rename(backup, name); err != nil {
		return err
	}
	return d.syncNames(name, backup)
}

// cut is replace for the first bytes of what the file holds. Where there is no
// room for a copy, the rest is cut off in its place.
func (d *disk) cut(name string, data []byte, was state) error {
	err := d.replace(name, data, &was, 0)
	if !noRoom(err) {
		return err
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := d.do("truncate", name, func() error { return f.Truncate(int64(len(data))) }); err != nil {
		return err
	}
	if _, err := d.dressOpen(f, name, was); err != nil {
		return err
	}
	return d.do("sync", name, f.Sync)
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// appear is a rename that never takes the place of another file: the system
// itself looks whether there is one. Disks without hard links are content with
// our having looked.
func (d *disk) appear(from, to string) error {
	err := d.do("link", to, func() error { return d.root.Link(from, to) })
	switch {
	case err == nil:
		return d.remove(from)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	return d.rename(from, to)
}

// fill makes a finished and synced file.
func (d *disk) fill(name string, data []byte, was *state, perm fs.FileMode) (err error) {
	if was != nil {
		perm = 0o600
	}
	var f *os.File
	err = d.do("create", name, func() (err error) {
		f, err = d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		// What was cut off has left it. It may be a second name of another file.
		if err := d.remove(name); err != nil {
			return err
		}
		return d.fill(name, data, was, perm)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, about(name, f.Close())) }()
	err = d.do("write", name, func() error {
		_, err := f.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	if was != nil {
		if _, err := d.dressOpen(f, name, *was); err != nil {
			return err
		}
	}
	return d.do("sync", name, f.Sync)
}

// dress gives a file the owner, mode and mtime of a state, and makes that last.
func (d *disk) dress(name string, s state) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	changed, err := d.dressOpen(f, name, s)
	if err != nil || !changed {
		return err
	}
	return d.do("sync", name, func() error { return syncRead(f) })
}

// dressOpen is dress of an open file, which it does not sync.
func (d *disk) dressOpen(f *os.File, name string, s state) (changed bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if uid, gid := owner(info); uid != s.UID || gid != s.GID {
		changed = true
		if err := d.do("chown", name, func() error { return f.Chown(s.UID, s.GID) }); err != nil {
			return changed, err
		}
	}
	// After the owner, since changing that clears setuid and setgid.
	if info, err = f.Stat(); err != nil {
		return changed, err
	}
	if info.Mode()&modeBits != s.Mode {
		changed = true
		if err := d.do("chmod", name, func() error { return f.Chmod(s.Mode) }); err != nil {
			return changed, err
		}
	}
	if s.MTime.IsZero() || info.ModTime().Equal(s.MTime) {
		return changed, nil
	}
	return true, d.do("chtimes", name, func() error { return d.root.Chtimes(name, time.Time{}, s.MTime) })
}

// tempName is where the new bytes of name wait. It follows from name, so that a
// crash leaves nothing that is not found again.
func tempName(name string) string {
	return path.Join(path.Dir(name), ".authfit-"+sum([]byte(path.Base(name)))[:8]+".tmp")
}

// write makes a private file of our own, synced.
func (d *disk) write(name string, data []byte) error { return d.fill(name, data, nil, 0o600) }

func (d *disk) mkdir(name string, perm fs.FileMode) error {
	return d.do("mkdir", name, func() error { return d.root.Mkdir(name, perm) })
}

// remove removes a file or an empty folder; one that is not there is no error.
func (d *disk) remove(name string) error {
	if there, err := d.exists(name); !there || err != nil {
		return err
	}
	err := d.do("remove", name, func() error { return d.root.Remove(name) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeAll removes a folder with all that is in it.
func (d *disk) removeAll(name string) error {
	if there, err := d.exists(name); !there || err != nil {
		return err
	}
	return d.do("removeall", name, func() error { return d.root.RemoveAll(name) })
}

// syncDir makes the names in a folder last.
func (d *disk) syncDir(name string) error {
	return d.do("syncdir", name, func() error {
		f, err := d.root.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		return syncRead(f)
	})
}

// syncNames makes last that files and folders are there, or no longer are.
func (d *disk) syncNames(names ...string) error {
	var dirs []string
	for _, n := range names {
		dirs = append(dirs, path.Dir(n))
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if there, err := d.exists(dir); err != nil {
			return err
		} else if !there {
			continue // which the folder above says
		}
		if err := d.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// syncFile makes the bytes of a file last that others have written.
func (d *disk) syncFile(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return d.do("sync", name, func() error { return syncRead(f) })
}

// list returns the names in a folder, sorted; none where there is no folder.
func (d *disk) list(name string) ([]string, error) {
	f, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names, nil
}

// pyCaches are the compiled forms that Python keeps of the file name, and the
// folder with them.
func (d *disk) pyCaches(name string) (files []string, folder string) {
	stem, ok := strings.CutSuffix(path.Base(name), ".py")
	if !ok {
		return nil, ""
	}
	folder = path.Join(path.Dir(name), "__pycache__")
	names, err := d.list(folder)
	if err != nil {
		return nil, ""
	}
	for _, n := range names {
		if strings.HasPrefix(n, stem+".") && strings.HasSuffix(n, ".pyc") {
			files = append(files, path.Join(folder, n))
		}
	}
	return files, folder
}
