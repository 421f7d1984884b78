// Package edit changes text by byte ranges, so that what an edit does not name
// stays as it was, and shows a change as a unified diff.
package edit

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
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
// path; empty when they are equal. A file that is made anew has a nil before; an
// empty one is shown as git does.
func Unified(path string, before, after []byte) string {
	from := "a/" + path
	if before == nil {
		from = "/dev/null"
		if len(after) == 0 { // which has no lines that a hunk could show
			return fmt.Sprintf("diff --git a/%s b/%s\nnew file mode 100644\n", path, path)
		}
	}
	diff := udiff.Unified(from, "b/"+path, string(before), string(after))
	return strings.ToValidUTF8(renumbered(diff), "\uFFFD")
}

var hunkHeader = regexp.MustCompile(`(?m)^@@ -(\d+)(?:,(\d+))? \+(\d+)((?:,\d+)?) @@$`)

// renumbered is a diff with the lines counted at which its hunks begin in the
// new text: udiff leaves those out that stand between two edits of one hunk.
func renumbered(diff string) string {
	added := 0
	return hunkHeader.ReplaceAllStringFunc(diff, func(header string) string {
		m := hunkHeader.FindStringSubmatch(header)
		number := func(s string) int {
			if n, err := strconv.Atoi(strings.TrimPrefix(s, ",")); err == nil {
				return n
			}
			return 1 // a count that is left out
		}
		oldStart, oldCount, newCount := number(m[1]), number(m[2]), number(m[4])
		start := oldStart + added
		switch { // an empty side is numbered by the line before it
		case oldCount == 0 && newCount > 0:
			start++
		case newCount == 0 && oldCount > 0:
			start--
		}
		added += newCount - oldCount
		old, _, _ := strings.Cut(header, " +")
		return old + " +" + strconv.Itoa(start) + m[4] + " @@"
	})
}
