package txn

import (
	"context"
	"errors"

	"authfit/internal/problem"
)

// NoteCommit remembers which commit of git has what the newest Apply did, for
// Undo to say that it stays.
func NoteCommit(root, id string) error {
	d, err := openDisk(root, nil)
	if err != nil {
		return err
	}
	defer d.close()
	_, l, err := d.lock(context.Background(), Options{Root: root})
	if err != nil {
		return err
	}
	all, _, err := d.load()
	switch {
	case err != nil:
	case len(all) == 0 || !isCommit(id):
		err = problem.New("journal", "there is no run for the commit %q", id)
	default:
		newest := all[len(all)-1]
		newest.Commit = id
		err = d.save(newest)
	}
	return errors.Join(err, d.unlock(l))
}

// isCommit says whether id can be the name of a commit: SHA-1 or SHA-256, in hex.
func isCommit(id string) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(id) == 40 || len(id) == 64
}
