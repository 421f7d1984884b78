package txn

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// removeParts takes away what a command that did not come to its end has
// installed in part. It belongs to no package that could be uninstalled, and the
// program would import it all the same. What lay in folders that were there
// before is not seen.
func removeParts(o Options, pk *packages) error {
	if pk.After != nil || len(pk.Entries) == 0 || o.Environment.Entries == nil {
		return nil
	}
	now, err := o.Environment.Entries()
	if err != nil {
		return err
	}
	parts := slices.DeleteFunc(now, func(name string) bool { return slices.Contains(pk.Entries, name) })
	if len(parts) == 0 {
		return nil
	}
	if err := o.Environment.RemoveEntries(parts); err != nil {
		return fmt.Errorf("removing what was installed in part: %w", err)
	}
	return nil
}

// removeRest takes away what an uninstall that did not come to its end has left
// of what the commands installed: pip passes over a package without its
// metadata, which goes first, and has put folders aside as ~name. now is what
// was installed before the uninstall; with a package that somebody else has
// installed since, nobody knows whose an entry is.
func removeRest(o Options, pk *packages, now map[string]string) error {
	if len(pk.EntriesAfter) == 0 || o.Environment.Entries == nil || pk.strangers(now) {
		return nil
	}
	all, err := o.Environment.Entries()
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(all, func(name string) bool {
		ours := slices.Contains(pk.EntriesAfter, name) || strings.HasPrefix(path.Base(name), "~")
		return !ours || slices.Contains(pk.Entries, name)
	})
	if len(rest) == 0 {
		return nil
	}
	if err := o.Environment.RemoveEntries(rest); err != nil {
		return fmt.Errorf("removing the rest of what was uninstalled: %w", err)
	}
	return nil
}

// disownDamaged takes away the metadata of packages that a command which did not
// come to its end has changed in part, so that they are seen to be missing and
// are put back. PDM writes a new version over the old one, and what the metadata
// says only then.
func disownDamaged(o Options, j *journal) error {
	if j.Packages == nil || j.Packages.After != nil || o.Environment.Damaged == nil {
		return nil
	}
	damaged, err := o.Environment.Damaged(j.Began)
	if err != nil || len(damaged) == 0 {
		return err
	}
	return o.Environment.RemoveEntries(damaged)
}
