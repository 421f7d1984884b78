package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestStandardLibrary compares with the interpreter python3, over its own
// standard library. PYSYNTAX_PYTHON names another interpreter.
func TestStandardLibrary(t *testing.T) {
	python := os.Getenv("PYSYNTAX_PYTHON")
	if python == "" {
		python = "python3"
	}
	out, err := exec.Command(python, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").Output()
	if err != nil {
		t.Fatalf("this test needs a Python interpreter: %v", err)
	}
	paths, err := Files(strings.TrimSpace(string(out)))
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
	if compared := report.Files - report.Rejected; compared < 300 {
		t.Errorf("only %d files compared; the standard library has more", compared)
	}
	if report.Percent() < 99.9 {
		t.Errorf("%.2f%% of the files are equal, want 99.9%%", report.Percent())
	}
}
