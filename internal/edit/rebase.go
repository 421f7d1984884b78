package edit

// Rebase moves edits of a text to what the text became by others: both are of
// the same text, sorted, without overlap, as Between gives them. It says no
// where an edit meets or touches one of the others, since which comes first is
// then for a person to say.
func Rebase(others, edits []Edit) (moved []Edit, ok bool) {
	for _, e := range edits {
		by := 0
		for _, o := range others {
			if o.Start <= e.End && e.Start <= o.End {
				return nil, false
			}
			if o.End < e.Start {
				by += len(o.New) - (o.End - o.Start)
			}
		}
		moved = append(moved, Edit{Start: e.Start + by, End: e.End + by, New: e.New})
	}
	return moved, true
}
