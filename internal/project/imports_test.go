package project

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/pysyntax"
)

func imported(src string) []string {
	var out []string
	scanImports([]byte(src), nil, func(name []byte) { out = append(out, string(name)) })
	return out
}

func TestScanImports(t *testing.T) {
	for src, want := range map[string][]string{
		"import a":                                    {"a"},
		"import a.b as c, d . e, f":                   {"a.b", "d.e", "f"},
		"from a.b import c, d as e":                   {"a.b.c", "a.b.d"},
		"from a import *":                             {"a.*"},
		"from a import(b,  # c\n  d,\n)":              {"a.b", "a.d"},
		"from . import a\nfrom ..b import c":          {".a", "..b.c"},
		"from.a import b\nfrom.import c":              {".a.b", ".c"},
		"from a \\\n import b, \\\r\n  c":             {"a.b", "a.c"},
		"try: import a\nexcept E: import b; import c": {"a", "b", "c"},
		"if x: from a import b; from c import d":      {"a.b", "c.d"},
		"\xef\xbb\xbfimport a":                        {"a"},
		"reimport = importlib.import_module('x')":     nil,
		"# we import a\nx = 1  # import b":            nil,
		"import":                                      nil,
		"from a import":                               nil,
		"yield from a\nimport b":                      {"b"},
		"raise E from e; import b":                    {"b"},
		"\timport a\r\n\fimport b":                    {"a", "b"},
	} {
		if diff := cmp.Diff(want, imported(src)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", src, diff)
		}
	}
}

// What the parser finds, the scan has found.
func FuzzScanImports(f *testing.F) {
	for _, src := range []string{
		"import a.b as c, d\nfrom . import (x, # y\n z as w)\nif a: from b import *\n",
		"from a \\\n import b; import c\ndef f():\n\timport d . e\n",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := pysyntax.Parse(src)
		if err != nil || slices.ContainsFunc(src, func(c byte) bool { return c >= 0x80 }) {
			return
		}
		found := imported(string(src))
		for s := range file.Stmts() {
			for _, want := range importsOf(s) {
				if !slices.Contains(found, want) {
					t.Errorf("%q is not among %q of %q", want, found, src)
				}
			}
		}
	})
}

func importsOf(s pysyntax.Stmt) []string {
	var out []string
	switch s := s.(type) {
	case *pysyntax.Import:
		for _, a := range s.Names {
			out = append(out, a.Name)
		}
	case *pysyntax.ImportFrom:
		module := strings.Repeat(".", s.Level) + s.Module
		if s.Module != "" {
			module += "."
		}
		for _, a := range s.Names {
			out = append(out, module+a.Name)
		}
	}
	return out
}
