package authkittest

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Embedded compares what a room has embedded, by its path, with the files that
// git has below the room's folder files: nothing is forgotten, and no test or
// cache gets into the program, and from there into somebody's app.
func Embedded(t *testing.T, embedded map[string][]byte) {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "files").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	if diff := cmp.Diff(strings.Fields(string(out)), slices.Sorted(maps.Keys(embedded))); diff != "" {
		t.Errorf("git -, embedded +:\n%s", diff)
	}
	for name, content := range embedded {
		if file, err := os.ReadFile(name); err != nil || !bytes.Equal(file, content) {
			t.Errorf("%s is not what was embedded: %v", name, err)
		}
	}
}
