package edit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestApply(t *testing.T) {
	tests := []struct {
		name  string
		src   string
		edits []Edit
		want  string
		err   string
	}{
		{"none", "abc", nil, "abc", ""},
		{"insert at both ends", "abc", []Edit{{3, 3, ">"}, {0, 0, "<"}}, "<abc>", ""},
		{"insertions at one place keep their order", "ab", []Edit{{1, 1, "1"}, {1, 1, "2"}}, "a12b", ""},
		{"equal insertions are both made", "ab", []Edit{{1, 1, "1"}, {1, 1, "1"}}, "a11b", ""},
		{"equal replacements are made once", "abc", []Edit{{1, 2, "X"}, {1, 2, "X"}}, "aXc", ""},
		{"touching replacements", "abcd", []Edit{{2, 4, "Y"}, {0, 2, "X"}}, "XY", ""},
		{"insertion before a replacement", "abc", []Edit{{1, 2, "X"}, {1, 1, "<"}}, "a<Xc", ""},
		{"insertion behind a replacement", "abc", []Edit{{2, 2, ">"}, {1, 2, "X"}}, "aX>c", ""},
		{"overlap", "abcd", []Edit{{0, 2, "X"}, {1, 3, "Y"}}, "", "overlap at byte 1"},
		{"insertion inside a replacement", "abcd", []Edit{{0, 3, "X"}, {1, 1, "Y"}}, "", "overlap at byte 1"},
		{"two texts for one range", "abcd", []Edit{{0, 2, "X"}, {0, 2, "Y"}}, "", "overlap at byte 0"},
		{"behind the end", "ab", []Edit{{2, 3, ""}}, "", "outside the 2 bytes"},
		{"backwards", "ab", []Edit{{2, 1, ""}}, "", "outside the 2 bytes"},
		{"before the start", "ab", []Edit{{-1, 1, ""}}, "", "outside the 2 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Apply([]byte(tt.src), tt.edits...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %q, error %v; want the error %q", got, err, tt.err)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Fatalf("got %q, error %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestApplyLeavesItsInput(t *testing.T) {
	src := []byte("abc")
	edits := []Edit{{2, 3, "Z"}, {0, 1, "X"}}
	out, err := Apply(src, edits...)
	if err != nil {
		t.Fatal(err)
	}
	out[0] = '!'
	if string(src) != "abc" || edits[0].Start != 2 {
		t.Errorf("src is now %q, edits %v", src, edits)
	}
}

func TestUnified(t *testing.T) {
	tests := []struct {
		name          string
		before, after []byte
		want          string
	}{
		{"equal", []byte("a\n"), []byte("a\n"), ""},
		{"created", nil, []byte("a\n"), "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"},
		{"created empty", nil, []byte{}, "diff --git a/f b/f\nnew file mode 100644\n"},
		{"changed", []byte("a\nb\n"), []byte("a\nc\n"), "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"},
		{"empty before", []byte{}, []byte("a\n"), "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"},
		{
			"no last newline", []byte("a"), []byte("a\nb"),
			"--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n",
		},
		{"not UTF-8", []byte("\xff\n"), []byte("a\n"), "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-\uFFFD\n+a\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Unified("f", tt.before, tt.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
