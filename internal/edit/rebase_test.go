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
