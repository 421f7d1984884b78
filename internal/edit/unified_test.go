package edit

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnifiedApplies has git apply diffs of all kinds where their headers say, and
// nowhere else.
func TestUnifiedApplies(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 60 {
		dir := t.TempDir()
		var before, after strings.Builder
		for i := range random.IntN(60) {
			line := fmt.Sprintf("line %d\n", i)
			before.WriteString(line)
			switch random.IntN(8) {
			case 0: // gone
			case 1:
				after.WriteString(line + "new\nnew\n")
			case 2:
				after.WriteString("changed\n")
			default:
				after.WriteString(line)
			}
		}
		after.WriteString(strings.Repeat("end\n", random.IntN(2)))
		diff := Unified("f", []byte(before.String()), []byte(after.String()))
		if diff == "" {
			continue
		}
		file := filepath.Join(dir, "f")
		if err := os.WriteFile(file, []byte(before.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		// With no context to look for, git puts a hunk where its header says.
		cmd := exec.Command("git", "apply", "--verbose", "--unidiff-zero", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(diff)
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "offset") {
			t.Fatalf("%d: %v %s\n%s", n, err, out, diff)
		}
		if got, _ := os.ReadFile(file); string(got) != after.String() {
			t.Fatalf("%d: got %q, want %q", n, got, after.String())
		}
		added := 0
		for header := range strings.Lines(diff) {
			var a, b, c, d int
			if k, _ := fmt.Sscanf(header, "@@ -%d,%d +%d,%d @@", &a, &b, &c, &d); k == 4 && b > 0 && d > 0 {
				if c != a+added {
					t.Fatalf("%d: %s: should begin at +%d", n, header, a+added)
				}
				added += d - b
			} else if strings.HasPrefix(header, "@@") {
				break // a side of one line or none: git has looked at it
			}
		}
	}
}
