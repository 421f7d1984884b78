//go:build unix

package manager

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/project"
)

// Packages are damaged when what has been done to them since is not what their
// RECORD says, and not for what their owner did before.
func TestDamaged(t *testing.T) {
	venv := t.TempDir()
	layout(t, venv, `-- lib/whole/__init__.py --
-- lib/whole-1.dist-info/RECORD --
whole/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
whole-1.dist-info/RECORD,,
-- lib/other/__init__.py --
2
-- lib/other-1.dist-info/RECORD --
other/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
-- lib/gone/x.py --
-- lib/gone-1.dist-info/RECORD --
gone/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
-- lib/owners/__init__.py --
mine
-- lib/owners-1.dist-info/RECORD --
owners/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
`)
	before := time.Now().Add(-time.Hour)
	for _, name := range []string{"lib/owners/__init__.py", "lib/owners"} {
		if err := os.Chtimes(filepath.Join(venv, name), before, before.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Damaged(&project.Project{Python: project.Python{Venv: venv, SitePackages: []string{filepath.Join(venv, "lib")}}}, before)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"lib/gone-1.dist-info", "lib/other-1.dist-info"}, got); diff != "" {
		t.Error(diff)
	}
}
