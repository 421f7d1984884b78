package txn

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"authfit/internal/problem"
)

// The folder for what authfit remembers of a project, and what is in it.
const (
	home     = ".authfit"
	lockFile = home + "/lock"
	ignore   = home + "/.gitignore"
	journals = home + "/journal"
	keptDir  = home + "/kept"
)

// A holder is who has the lock, as the lock file says.
type holder struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

// lock makes the home folder where there is none and takes the lock in it. When
// another process has it, a *problem.Problem says which.
func (d *disk) lock() (*flock.Flock, error) {
	// A process that ends its work takes the folder away, perhaps between two
	// steps here; then they are done again.
	for range 100 {
		if err := d.makeHome(); err != nil {
			return nil, err
		}
		l, ok, err := d.tryLock()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			_ = d.remove(home) // fails unless it is empty
			return nil, err
		case !ok:
			return nil, d.lockedBy()
		case !d.sameFile(l):
			_ = l.Unlock()
			continue
		}
		if err := d.signLock(); err != nil {
			return nil, errors.Join(err, d.unlock(l))
		}
		return l, nil
	}
	return nil, d.lockedBy()
}

// tryLock makes the lock's file, where there is none, and tries to lock it.
func (d *disk) tryLock() (*flock.Flock, bool, error) {
	err := d.do("create", lockFile, func() error {
		f, err := d.root.OpenFile(lockFile, os.O_RDONLY|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		return f.Close()
	})
	if err != nil {
		return nil, false, err
	}
	l := flock.New(filepath.Join(d.base, filepath.FromSlash(lockFile)))
	ok, err := l.TryLock()
	return l, ok, about(lockFile, err)
}

func (d *disk) makeHome() error {
	err := d.mkdir(home, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := d.root.Lstat(home)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // taken away this very moment
	}
	if err == nil && !info.IsDir() {
		return problem.New("home", "this has to be a folder of authfit's own").At(home, 0).
			WithFix("move it away")
	}
	return err
}

// sameFile says whether the locked file is still the one with the name.
func (d *disk) sameFile(l *flock.Flock) bool {
	locked, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := d.root.Lstat(lockFile)
	return err == nil && os.SameFile(locked, named)
}

// signLock says in the lock file who has it, and keeps git out of the folder.
func (d *disk) signLock() error {
	if there, err := d.exists(ignore); err != nil {
		return err
	} else if !there {
		if err := d.write(ignore, []byte("*\n")); err != nil {
			return err
		}
	}
	text, err := json.Marshal(holder{os.Getpid(), time.Now().Truncate(time.Second)})
	if err != nil {
		return err
	}
	return d.writeLock(append(text, '\n'))
}

func (d *disk) writeLock(text []byte) error {
	return d.do("write", lockFile, func() error { return d.root.WriteFile(lockFile, text, 0o600) })
}

func (d *disk) lockedBy() error {
	p := problem.New("locked", "another authfit is at work in this project").
		WithFix("wait until it has ended")
	var h holder
	if text, err := d.root.ReadFile(lockFile); err == nil && json.Unmarshal(text, &h) == nil {
		p = p.WithDetail("it is process %d, since %s", h.PID, h.Since.Format(time.DateTime))
	}
	return p
}

// unlock gives the lock back. When no journal is left, what authfit made in the
// home folder goes, and with it the folder, unless something else is in it. The
// lock's file goes before the lock is given back: whoever has it open then
// finds in sameFile that it is no longer the one.
func (d *disk) unlock(l *flock.Flock) error {
	err := d.clearHome()
	return errors.Join(err, l.Unlock())
}

func (d *disk) clearHome() error {
	left, err := d.list(journals)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return d.writeLock(nil) // nobody has it
	}
	if err := d.remove(journals); err != nil {
		return err
	}
	if ours, err := d.homeIsOurs(); err != nil || !ours {
		return errors.Join(err, d.remove(lockFile))
	}
	for _, f := range []string{ignore, lockFile, home} {
		if err := d.remove(f); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

// homeIsOurs says whether nothing but this package's files is in the home
// folder.
func (d *disk) homeIsOurs() (bool, error) {
	names, err := d.list(home)
	other := slices.ContainsFunc(names, func(n string) bool {
		return !slices.Contains([]string{lockFile, ignore, journals}, path.Join(home, n))
	})
	return !other, err
}
