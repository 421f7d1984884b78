package txn

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"authfit/internal/manager"
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

// A holder is who has the lock, as the lock file says in JSON documents, of
// which a later one adds to those before.
type holder struct {
	PID     int       `json:"pid,omitempty"`
	Command string    `json:"command,omitempty"` // "authfit add"
	Since   time.Time `json:"since,omitzero"`
	// Group is the process group of the package manager that runs, or ran last. It
	// has the lock too, since it inherits the open file.
	Group int `json:"group,omitempty"`
}

// lock makes the home folder where there is none and takes the lock in it. When
// another authfit has it, a *problem.Problem says which; a package manager that
// one left running when it was killed is ended. Commands that run with the
// context that comes back keep the lock as long as any of their processes runs.
func (d *disk) lock(ctx context.Context, o Options) (context.Context, *os.File, error) {
	// A process that ends its work takes the folder away, perhaps between two
	// steps here; then they are done again.
	for range 100 {
		if err := d.makeHome(); err != nil {
			return nil, nil, err
		}
		var f *os.File
		err := d.do("create", lockFile, func() (err error) {
			f, err = d.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			_ = d.remove(home) // fails unless it is empty
			return nil, nil, err
		}
		ok, err := tryLock(f)
		if err == nil && !ok {
			err = d.endOrphan(ctx, o, f)
		}
		if err != nil {
			return nil, nil, errors.Join(about(lockFile, err), f.Close())
		}
		if !d.sameFile(f) {
			_ = f.Close()
			continue
		}
		if err := d.signLock(o, f); err != nil {
			return nil, nil, errors.Join(err, d.unlock(f))
		}
		held := manager.WithLock(ctx, f, func(group int) {
			// Where this fails, what is left running is waited for and not ended.
			_ = d.note(f, holder{Group: group})
		})
		return held, f, nil
	}
	return nil, nil, lockedBy(holder{})
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
	if err != nil {
		return err
	}
	return d.checkHome()
}

// checkHome refuses links, which would have us make and write what they lead to,
// and whatever else is not ours.
func (d *disk) checkHome() error {
	for name, kind := range map[string]fs.FileMode{home: fs.ModeDir, lockFile: 0, journals: fs.ModeDir} {
		if info, err := d.root.Lstat(name); err == nil && info.Mode().Type() != kind {
			return problem.New("home", "this has to be authfit's own, and no link").At(name, 0).WithFix("move it away")
		}
	}
	return nil
}

// sameFile says whether the locked file is still the one with the name.
func (d *disk) sameFile(f *os.File) bool {
	locked, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := d.root.Lstat(lockFile)
	return err == nil && os.SameFile(locked, named)
}

// signLock says in the lock file who has it, and keeps git out of the folder.
func (d *disk) signLock(o Options, f *os.File) error {
	if there, err := d.exists(ignore); err != nil {
		return err
	} else if !there {
		if err := d.write(ignore, []byte("*\n")); err != nil {
			return err
		}
	}
	if err := d.do("truncate", lockFile, func() error { return f.Truncate(0) }); err != nil {
		return err
	}
	return d.note(f, holder{PID: os.Getpid(), Command: o.Command, Since: time.Now().Truncate(time.Second)})
}

// note adds a document to the lock file.
func (d *disk) note(f *os.File, h holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return d.do("write", lockFile, func() error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
}

// holder reads who has the lock, as far as the file says it.
func (d *disk) holder() (h holder) {
	text, err := d.own(lockFile)
	if err != nil {
		return h
	}
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		if dec.Decode(&h) != nil {
			return h
		}
	}
}

func lockedBy(h holder) error {
	p := problem.New("locked", "another authfit is at work in this project").
		WithFix("wait until it has ended")
	if h.PID != 0 {
		p = p.WithDetail("it is %s, process %d, since %s", cmp.Or(h.Command, "authfit"), h.PID, h.Since.Format(time.DateTime))
	}
	return p
}

// endOrphan takes the lock from a package manager that goes on by itself, since
// the authfit that ran it was killed. That it has the lock is the proof that it
// is still that one, whatever process has its number; where the lock is not
// inherited, as on Windows, there is nothing to be seen of it here.
func (d *disk) endOrphan(ctx context.Context, o Options, f *os.File) error {
	h := d.holder()
	for range 10 { // who has just got the lock has not signed it yet
		if h.PID != 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
		h = d.holder()
	}
	if h.PID == 0 || manager.Alive(h.PID) {
		return lockedBy(h)
	}
	// Who has just got the lock has not signed it yet.
	if ok, err := waitLock(ctx, f, 200*time.Millisecond); ok || err != nil {
		return err
	}
	for _, end := range []func(int){manager.InterruptGroup, manager.KillGroup} {
		if h.Group <= 1 || d.holder().PID != h.PID { // 0 and 1 would mean our own group, and everybody
			break
		}
		o.tell(fmt.Sprintf("ending the package manager that %s left running when it was killed (process group %d)", cmp.Or(h.Command, "authfit"), h.Group))
		end(h.Group)
		if ok, err := waitLock(ctx, f, manager.Grace); ok || err != nil {
			return err
		}
	}
	if now := d.holder(); now.PID != h.PID {
		return lockedBy(now)
	}
	return problem.New("locked", "%s was killed, and a program that it started is still at work in this project", cmp.Or(h.Command, "authfit")).
		WithDetail("it has %s open", lockFile).
		WithFix("wait until it has ended, or end it (`fuser %s` names it); then run authfit again", lockFile)
}

// waitLock waits for the lock.
func waitLock(ctx context.Context, f *os.File, limit time.Duration) (bool, error) {
	for end := time.Now().Add(limit); ; {
		if ok, err := tryLock(f); ok || err != nil {
			return ok, err
		}
		if time.Now().After(end) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// unlock gives the lock back. When no journal is left, what authfit made in the
// home folder goes, and with it the folder, unless something else is in it. The
// lock's file goes before the lock is given back: whoever has it open then
// finds in sameFile that it is no longer the one.
func (d *disk) unlock(f *os.File) error {
	err := d.clearHome()
	return errors.Join(err, release(f))
}

func (d *disk) clearHome() error {
	left, err := d.list(journals)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return d.do("write", lockFile, func() error { return d.root.WriteFile(lockFile, nil, 0o600) }) // nobody has it
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
