package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/pysyntax"
)

func interpreter(t *testing.T) string {
	t.Helper()
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`: it sets up the Python that this test compares with")
	}
	return python
}

// TestRealFiles compares over the standard library of the test's Python and
// what is installed there: Django, Flask, FastAPI and all that they depend on.
func TestRealFiles(t *testing.T) {
	python := interpreter(t)
	out, err := exec.Command(python, "-c", "import sysconfig as s; print(s.get_path('stdlib')); print(s.get_path('purelib'))").Output()
	if err != nil {
		t.Fatalf("this test needs a Python interpreter: %v", err)
	}
	paths, err := Files(strings.Fields(string(out))...)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Compare(python, paths)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.Print(&text, 10)
	t.Log(text.String())
	if compared := report.Files - report.Rejected; compared < 3000 {
		t.Errorf("only %d files compared, want 3,000", compared)
	}
	if report.Percent() < 99.9 {
		t.Errorf("%.2f%% of the files are equal, want 99.9%%", report.Percent())
	}
}

// TestNotices sees that the comparison notices what is wrong: it is given other
// nodes than those of the file.
func TestNotices(t *testing.T) {
	const src = "import os\n\n\n@cached\ndef f(a, b=1):\n    return g(a, key=[b])\n"
	file := filepath.Join(t.TempDir(), "f.py")
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := Compare(interpreter(t), []string{file})
	if err != nil || report.Equal != 1 || report.Nodes < 10 {
		t.Fatalf("the file alone: %+v, %v", report, err)
	}
	f, err := pysyntax.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	all := func() []node { return ours(f, 14) }
	for i := range all() {
		for what, change := range map[string]func([]node) []node{
			"a missing node": func(n []node) []node { return append(n[:i], n[i+1:]...) },
			"a node twice":   func(n []node) []node { return append(n, n[i]) },
			"another start":  func(n []node) []node { n[i].start++; return n },
			"another end":    func(n []node) []node { n[i].end--; return n },
			"another kind":   func(n []node) []node { n[i].kind = "Pass"; return n },
		} {
			d := Diff{}
			d.compare(f, all(), change(all()))
			if len(d.Lines) == 0 {
				t.Errorf("%s was not noticed: %+v", what, all()[i])
			}
		}
	}
}
