package edit

import "github.com/aymanbagabas/go-udiff"

// Between are edits that turn before into after, line by line. It gives the
// same edits for the same texts; applying them gives after exactly.
func Between(before, after []byte) []Edit {
	if before == nil {
		return []Edit{{New: string(after)}}
	}
	edits := []Edit{}
	for _, e := range udiff.Lines(string(before), string(after)) {
		edits = append(edits, Edit{Start: e.Start, End: e.End, New: e.New})
	}
	return edits
}
