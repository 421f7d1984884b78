package pysyntax_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/pysyntax"
)

// BenchmarkParse parses the standard library and the site-packages of the
// Python that AUTHFIT_TEST_PYTHON names, on one processor when run with -cpu 1.
func BenchmarkParse(b *testing.B) {
	sources, size := realSources(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, src := range sources {
			_, _ = pysyntax.Parse(src)
		}
	}
}

// realSources are thousands of files that people wrote, and their bytes.
func realSources(b *testing.B) (sources [][]byte, size int64) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		b.Fatal("set AUTHFIT_TEST_PYTHON to a Python, as `make setup` does in .cache/env")
	}
	dirs, err := exec.Command(python, "-c", "import sysconfig as s; print(s.get_path('stdlib')); print(s.get_path('purelib'))").Output()
	if err != nil {
		b.Fatal(err)
	}
	for _, dir := range strings.Fields(string(dirs)) {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".py") {
				return err
			}
			src, err := os.ReadFile(path)
			sources, size = append(sources, src), size+int64(len(src))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return sources, size
}
