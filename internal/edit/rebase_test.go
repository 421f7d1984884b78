package edit

import "testing"

func TestRebase(t *testing.T) {
	const base = "a\nb\nc\nd\ne\nf\n"
	for _, c := range []struct{ others, edited, want string }{
		{base, "a\nb\nc\nd\nX\ne\nf\n", "a\nb\nc\nd\nX\ne\nf\n"},
		{"a\nB B\nc\nd\ne\nf\n", "a\nb\nc\nd\nX\ne\nf\n", "a\nB B\nc\nd\nX\ne\nf\n"},
		{"c\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nX\n", ""}, // the end was changed by both
		{"a\nb\nc\nd\ne\nf\nand more\n", "A\nb\nc\nd\ne\nf\n", "A\nb\nc\nd\ne\nf\nand more\n"},
		{"a\nb\nC\nd\ne\nf\n", "a\nb\nX\nd\ne\nf\n", ""},
	} {
		edits, ok := Rebase(Between([]byte(base), []byte(c.others)), Between([]byte(base), []byte(c.edited)))
		if ok != (c.want != "") {
			t.Errorf("%q and %q: %v", c.others, c.edited, ok)
			continue
		}
		if !ok {
			continue
		}
		got, err := Apply([]byte(c.others), edits...)
		if err != nil || string(got) != c.want {
			t.Errorf("%q and %q: %q, want %q (%v)", c.others, c.edited, got, c.want, err)
		}
	}
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		name, base, ours, theirs, want string // want "-" is a no
	}{
		{"nothing of theirs", "a\nX\nb\n", "a\nb\n", "a\nX\nb\n", "a\nb\n"},
		{"far apart", "a\nX\nb\nc\n", "a\nb\nc\n", "a\nX\nb\nC\nd\n", "a\nb\nC\nd\n"},
		{"a line after the one that goes", "a\nX\n", "a\n", "a\nX\nmine\n", "a\nmine\n"},
		{"a line before it", "a\nX\n", "a\n", "a\nmine\nX\n", "a\nmine\n"},
		{"the next line is changed", "a\nX\nb\n", "a\nb\n", "a\nX\nB\n", "a\nB\n"},
		{"the line itself is changed", "a\nX\nb\n", "a\nb\n", "a\nX2\nb\n", "-"},
		{"a line between those that go", "a\nX\nY\nb\n", "a\nb\n", "a\nX\nmine\nY\nb\n", "-"},
		{"both take it out, theirs more beside", "a\nX\nb\nc\n", "a\nb\nc\n", "a\nb\nC\n", "a\nb\nC\n"},
		{"both insert at one place", "a\nb\n", "a\nX\nb\n", "a\nmine\nb\n", "-"},
		{"both insert the same", "a\nb\n", "a\nX\nb\n", "a\nX\nb\n", "a\nX\nb\n"},
		{"no last newline", "a\nX\nb", "a\nb", "a\nX\nb\nc", "a\nb\nc"},
		{"ours takes the last newline, theirs goes on behind it", "a\nb\n", "a\nb", "a\nb\nc\n", "-"},
		{"nothing is left of theirs", "a\nX\n", "a\n", "", "-"},
	} {
		got, ok := Merge([]byte(tt.base), []byte(tt.ours), []byte(tt.theirs))
		if !ok {
			got = []byte("-")
		}
		if string(got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
