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
	"time"
)

// A hook is asked before every operation that changes the disk, with its name
// and path; its error stops the operation. Tests make disks fail with it, or
// end the process.
type hook func(op, name string) error

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
		h = func(string, string) error { return nil }
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

// replace puts data at name by renaming a finished and synced file over it. A
// file that comes anew has perm, less the umask; one that was there gets what
// its state says. An mtime of zero is now.
func (d *disk) replace(name string, data []byte, was *state, perm fs.FileMode) error {
	tmp := tempName(name)
	err := d.fill(tmp, data, was, perm)
	if err == nil {
		if err = d.hook("rename", name); err == nil {
			err = d.root.Rename(tmp, name)
		}
	}
	if err != nil {
		_ = d.root.Remove(tmp)
		return err
	}
	return d.syncDir(path.Dir(name))
}

// fill makes the finished file.
func (d *disk) fill(tmp string, data []byte, was *state, perm fs.FileMode) (err error) {
	if was != nil {
		perm = 0o600
	}
	if err := d.hook("create", tmp); err != nil {
		return err
	}
	f, err := d.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := d.hook("write", tmp); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if was != nil {
		if err := d.dress(tmp, *was); err != nil {
			return err
		}
	}
	if err := d.hook("sync", tmp); err != nil {
		return err
	}
	return f.Sync()
}

// dress gives a file the owner, mode and mtime of a state.
func (d *disk) dress(name string, s state) error {
	info, err := d.root.Lstat(name)
	if err != nil {
		return err
	}
	if uid, gid := owner(info); uid != s.UID || gid != s.GID {
		if err := d.hook("chown", name); err != nil {
			return err
		}
		if err := d.root.Lchown(name, s.UID, s.GID); err != nil {
			return err
		}
	}
	// After the owner, since changing that clears setuid and setgid.
	if info, err = d.root.Lstat(name); err != nil {
		return err
	}
	if info.Mode()&modeBits != s.Mode {
		if err := d.hook("chmod", name); err != nil {
			return err
		}
		if err := d.root.Chmod(name, s.Mode); err != nil {
			return err
		}
	}
	if s.MTime.IsZero() || info.ModTime().Equal(s.MTime) {
		return nil
	}
	if err := d.hook("chtimes", name); err != nil {
		return err
	}
	return d.root.Chtimes(name, time.Time{}, s.MTime)
}

// tempName is where the new bytes of name wait. It follows from name, so that a
// crash leaves nothing that is not found again.
func tempName(name string) string {
	return path.Join(path.Dir(name), ".authfit-"+sum([]byte(path.Base(name)))[:8]+".tmp")
}

// write makes a private file of our own, synced.
func (d *disk) write(name string, data []byte) (err error) {
	if err := d.hook("create", name); err != nil {
		return err
	}
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := d.hook("write", name); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := d.hook("sync", name); err != nil {
		return err
	}
	return f.Sync()
}

func (d *disk) mkdir(name string, perm fs.FileMode) error {
	if err := d.hook("mkdir", name); err != nil {
		return err
	}
	return d.root.Mkdir(name, perm)
}

// remove removes a file or an empty folder; one that is not there is no error.
func (d *disk) remove(name string) error {
	if err := d.hook("remove", name); err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeAll removes a folder with all that is in it.
func (d *disk) removeAll(name string) error {
	if err := d.hook("removeall", name); err != nil {
		return err
	}
	return d.root.RemoveAll(name)
}

// syncDir makes the names in a folder last.
func (d *disk) syncDir(name string) error {
	if err := d.hook("syncdir", name); err != nil {
		return err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return syncFolder(f)
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
