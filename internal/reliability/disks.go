package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// page is the least that a file takes of a disk in memory.
const page = 4096

// A disk is a small one in memory, mounted where nobody else sees it.
type disk struct{ dir string }

// mount mounts a disk of so many pages.
func mount(dir string, pages int) (*disk, error) {
	return &disk{dir}, command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", pages*page), "tmpfs", dir)
}

func command(argv ...string) error {
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return nil
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// leave fills the disk up, but for so many pages.
func (d *disk) leave(pages int) error {
	f, err := os.Create(d.filler())
	if err != nil {
		return err
	}
	defer f.Close()
	bytes := make([]byte, page)
	n := int64(0)
	for {
		if _, err := f.Write(bytes); err != nil {
			break // full
		}
		n++
	}
	if n < int64(pages) {
		return fmt.Errorf("there is no room for %d pages", pages)
	}
	return f.Truncate((n - int64(pages)) * page)
}

// room makes room.
func (d *disk) room() error { return os.Remove(d.filler()) }

// A full is what came of add and undo on a disk with less and less room.
type full struct {
	enough  int // so many pages are enough
	refused int // runs that ended with exit 2
	failed  int // and with 3
	later   int // of which the next start, with room, had to bring something to its end
}

// fullDisk runs args with no page left, then with one, until there is enough
// room; start brings the project to where the run begins.
func (p *project) fullDisk(d *disk, start func() error, args ...string) (f full, err error) {
	done := map[string]string{"add": "after", "undo": "before"}[args[0]]
	for well := 0; well < 5; f.enough++ {
		if err := start(); err != nil {
			return f, err
		}
		was, err := p.is()
		if err != nil {
			return f, err
		}
		if err := d.leave(f.enough); err != nil {
			return f, err
		}
		code, said := p.run(args...)
		is, err := p.is()
		stuck := code == 3 && strings.Contains(said, "not everything could be put back")
		if stuck {
			f.later++
		} else if err != nil {
			return f, fmt.Errorf("%d pages: ended with %d: %w", f.enough, code, err)
		}
		if code != 0 && !strings.Contains(said, says["ENOSPC"]) {
			return f, fmt.Errorf("%d pages: ended with %d, and does not say why: %s", f.enough, code, said)
		}
		switch code {
		case 0:
			well++
			was = done
		case 2:
			well, f.refused = 0, f.refused+1
		case 3:
			well, f.failed = 0, f.failed+1
		default:
			return f, fmt.Errorf("%d pages: ended with %d: %s", f.enough, code, said)
		}
		if !stuck && is != was {
			return f, fmt.Errorf("%d pages: ended with %d, and the project is as %s", f.enough, code, is)
		}
		if stuck && args[0] == "add" {
			return f, fmt.Errorf("%d pages: not everything came back: %s", f.enough, said)
		}
		if err := d.room(); err != nil {
			return f, err
		}
		if is, _, err := p.next(planArgs); err != nil || stuck && is != "before" {
			return f, fmt.Errorf("%d pages, then room: as %s: %w", f.enough, is, err)
		}
	}
	f.enough -= 5
	return f, nil
}

// readOnly runs args on a disk that is mounted for reading only.
func (p *project) readOnly(args ...string) error {
	if err := command("mount", "--bind", p.dir, p.dir); err != nil {
		return err
	}
	err := command("mount", "-o", "remount,bind,ro", p.dir)
	if err == nil {
		code, said := p.run(args...)
		if code != 2 || !strings.Contains(said, says["EROFS"]) {
			err = fmt.Errorf("%s on a disk for reading only: ended with %d: %s", args[0], code, said)
		}
	}
	if uerr := command("umount", p.dir); err == nil {
		err = uerr
	}
	return err
}
