package txn

import (
	"fmt"
	"slices"
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
