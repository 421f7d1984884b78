package edit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// changed is a text after changes of its lines. Three bytes are one change:
// which, where, and what.
func changed(text string, changes []byte) string {
	lines := strings.SplitAfter(text, "\n")
	for ; len(changes) >= 3 && len(lines) > 0; changes = changes[3:] {
		at := int(changes[1]) % len(lines)
		switch changes[0] % 6 {
		case 0, 1:
			lines = slices.Insert(lines, at, fmt.Sprintf("new %d\n", changes[2]))
		case 2:
			lines = slices.Delete(lines, at, min(at+1+int(changes[2])%3, len(lines)))
		case 3:
			lines[at] = strings.TrimRight(lines[at], "\n") + "!\n"
		case 4:
			lines = slices.Insert(lines, at, lines[int(changes[2])%len(lines)])
		case 5:
			lines[at] = strings.TrimRight(lines[at], "\r\n")
		}
	}
	return strings.Join(lines, "")
}

// FuzzMerge merges two changes of one text: neither order nor a change that is
// none matters, the result has each line as often as both changes say, and
// taking one change out again gives the other.
func FuzzMerge(f *testing.F) {
	for _, text := range []string{"", "a\nb\nc\nd\ne\nf\n", "a\r\nb\r\na\r\nb", "a\na\na\na\n", "\n\n\nx\n\n\n", "import os\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef home():\n    return ''\n"} {
		for i := range byte(12) {
			f.Add(text, []byte{i, i * 5, 1, i / 2, 0, i}, []byte{i * 3, i + 3, 2})
		}
	}
	f.Fuzz(func(t *testing.T, base string, first, second []byte) {
		ours, theirs := changed(base, first), changed(base, second)
		merge := func(base, ours, theirs string) (string, bool) {
			merged, ok := Merge([]byte(base), []byte(ours), []byte(theirs))
			return string(merged), ok
		}
		for _, same := range []struct{ ours, theirs, want string }{{base, theirs, theirs}, {ours, base, ours}, {ours, ours, ours}} {
			if got, ok := merge(base, same.ours, same.theirs); !ok || got != same.want {
				t.Fatalf("%q, %q and %q give %q, %v", base, same.ours, same.theirs, got, ok)
			}
		}
		merged, ok := merge(base, ours, theirs)
		if other, alsoOK := merge(base, theirs, ours); ok != alsoOK || merged != other {
			t.Fatalf("%q, %q and %q give %q, %v one way, and %q, %v the other", base, ours, theirs, merged, ok, other, alsoOK)
		}
		if !ok || share(base, ours, theirs) {
			return // what both do is done once
		}
		for line, n := range count(merged) {
			if want := count(ours)[line] + count(theirs)[line] - count(base)[line]; n != want {
				t.Fatalf("%q, %q and %q give %q, with %q %d times, want %d", base, ours, theirs, merged, line, n, want)
			}
		}
		back, ok := merge(ours, base, merged)
		if !ok || share(ours, base, merged) {
			return
		}
		// Of equal lines, and of those that touch, which was where cannot be told.
		_, apart := Rebase(Between([]byte(base), []byte(theirs)), Between([]byte(base), []byte(ours)))
		if back != theirs && (apart && distinct(base, ours, theirs, merged) || !maps.Equal(count(back), count(theirs))) {
			t.Fatalf("%q, %q and %q give %q; without ours it is %q", base, ours, theirs, merged, back)
		}
	})
}

// share says whether two changes of a text have an edit in common.
func share(base, ours, theirs string) bool {
	others := Between([]byte(base), []byte(theirs))
	return slices.ContainsFunc(Between([]byte(base), []byte(ours)), func(e Edit) bool { return slices.Contains(others, e) })
}

// distinct says that no text has the same line twice.
func distinct(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool {
		for _, n := range count(text) {
			if n > 1 {
				return true
			}
		}
		return false
	})
}

// count is how often each line is in a text.
func count(text string) map[string]int {
	n := map[string]int{}
	for line := range strings.Lines(text) {
		n[line]++
	}
	return n
}
