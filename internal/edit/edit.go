// Package edit changes text by byte ranges, so that what an edit does not name
// stays as it was, and shows a change as a unified diff.
package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// An Edit replaces the bytes from Start up to End by New. An insertion has
// Start equal to End.
type Edit struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	New   string `json:"new"`
}

// Apply returns src with the edits made. Their order is free, except that
// insertions at one place are made in the order given. Equal replacements are
// made once; edits that overlap, or lie outside src, are an error.
func Apply(src []byte, edits ...Edit) ([]byte, error) {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return a.End - b.End
	})
	var out []byte
	at := 0
	var last *Edit
	for i := range sorted {
		e := sorted[i]
		if e.Start < 0 || e.End < e.Start || e.End > len(src) {
			return nil, fmt.Errorf("edit of bytes %d to %d lies outside the %d bytes there are", e.Start, e.End, len(src))
		}
		if last != nil && *last == e && e.End > e.Start {
			continue
		}
		if e.Start < at {
			return nil, fmt.Errorf("edits overlap at byte %d", e.Start)
		}
		out = append(out, src[at:e.Start]...)
		out = append(out, e.New...)
		at, last = e.End, &sorted[i]
	}
	return append(out, src[at:]...), nil
}

// Unified is the change from before to after as a unified diff of the file at
// path; empty when they are equal. A file that is made anew has a nil before.
func Unified(path string, before, after []byte) string {
	from := "a/" + path
	if before == nil {
		from = "/dev/null"
	}
	return strings.ToValidUTF8(udiff.Unified(from, "b/"+path, string(before), string(after)), "\uFFFD")
}
