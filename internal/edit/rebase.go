package edit

import (
	"slices"
	"strings"
)

// Merge makes two changes of one text, base, together: that to ours and that to
// theirs, line by line. It says no where both change the same lines, or both
// insert at the same place, unless they do the very same.
func Merge(base, ours, theirs []byte) (merged []byte, ok bool) {
	others := Between(base, theirs)
	edits := slices.DeleteFunc(Between(base, ours), func(e Edit) bool { return slices.Contains(others, e) })
	moved, ok := rebase(others, edits, func(o, e Edit) bool {
		return o.Start < e.End && e.Start < o.End || o.Start == e.End && e.Start == o.End || opensLine(o, e) || opensLine(e, o)
	})
	if !ok {
		return nil, false
	}
	merged, err := Apply(theirs, moved...)
	return merged, err == nil
}

// opensLine says that an edit leaves a line open, the last one, behind which
// another edit goes on.
func opensLine(a, b Edit) bool {
	return a.End == b.Start && a.New != "" && !strings.HasSuffix(a.New, "\n")
}

// Rebase moves edits of a text to what the text became by others: both are of
// the same text, sorted, without overlap, as Between gives them. It says no
// where an edit meets or touches one of the others, since which comes first is
// then for a person to say.
func Rebase(others, edits []Edit) (moved []Edit, ok bool) {
	return rebase(others, edits, func(o, e Edit) bool { return o.Start <= e.End && e.Start <= o.End })
}

// rebase is Rebase with a rule of its own for what cannot stand side by side.
func rebase(others, edits []Edit, clash func(o, e Edit) bool) (moved []Edit, ok bool) {
	for _, e := range edits {
		by := 0
		for _, o := range others {
			if clash(o, e) {
				return nil, false
			}
			if o.End <= e.Start {
				by += len(o.New) - (o.End - o.Start)
			}
		}
		moved = append(moved, Edit{Start: e.Start + by, End: e.End + by, New: e.New})
	}
	return moved, true
}
