package txn

import (
	"fmt"
	"io/fs"
	"path"

	"authfit/internal/problem"
)

// A project may come with a journal in it: in an archive, or in a commit that
// was forced. Recover obeys a journal unasked, and what it obeys can remove
// files and run the environment's Python. So each journal has a mark, an empty
// file, and says which file that is by what nobody can choose beforehand: its
// inode, and the time at which that was last changed. In a copy it is another.

const markFile = "mark"

// mark makes the mark of a journal that is begun.
func (d *disk) mark(j *journal) (err error) {
	name := path.Join(j.dir, markFile)
	if err := d.write(name, nil); err != nil {
		return err
	}
	j.Mark, err = d.markAt(name)
	return err
}

// markAt says which file a mark is; empty where there is none.
func (d *disk) markAt(name string) (string, error) {
	info, err := d.root.Lstat(name)
	if err != nil || info.Mode()&fs.ModeType != 0 {
		return "", err
	}
	return identity(info), nil
}

// madeHere refuses journals that are to be recovered and were not begun in this
// very folder.
func (d *disk) madeHere(all []*journal) error {
	for _, j := range all {
		if here, err := d.markAt(path.Join(j.dir, markFile)); err != nil || here != j.Mark {
			return problem.New("unfinished", "an earlier run was cut off, in this folder or in one that it was copied from").
				At(j.dir, 0).WithDetail("%s says what to put back, and comes from elsewhere: it is not obeyed unasked", path.Join(j.dir, "journal.json")).
				WithFix("to put everything back that it names: authfit undo; to keep the files as they are, remove %s", home)
		}
	}
	return nil
}

// asIdentity is the text of an identity. The device is not in it: some have
// another number after the system has started anew.
func asIdentity(inode uint64, sec, nsec int64) string {
	return fmt.Sprintf("%d:%d.%09d", inode, sec, nsec)
}
