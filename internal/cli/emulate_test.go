package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The fixture of docs/pytest runs in a project that has credentials of its own, and
// says what is wrong with its seeds.
func TestPythonFixture(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../docs/pytest")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("WORKOS_API_KEY=sk_test_own\nWORKOS_CLIENT_ID=client_own\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`: it sets up the Python that this test needs")
	}
	suite := func() (string, error) {
		cmd := exec.Command(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := suite(); err != nil || !strings.Contains(out, "6 passed") {
		t.Errorf("%v\n%s", err, out)
	}
	seed := filepath.Join(dir, "authkit.yaml")
	if err := os.WriteFile(seed, []byte("usrs: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := suite(); err == nil || !strings.Contains(out, "emulate does not start") || !strings.Contains(out, seed+":1: there is no field usrs here") {
		t.Errorf("a seed that is none: %v\n%s", err, out)
	}
}
