package main

import (
	"context"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/edit"
	"authfit/internal/example"
	"authfit/internal/mask"
	"authfit/internal/plan"
)

// TestProperties holds every example under every variant to the properties, and a
// fourth of the layouts under one each: their names decide. `make properties` tries
// them all, and the public apps.
func TestProperties(t *testing.T) {
	subjects, err := own(example.Root())
	if err != nil {
		t.Fatal(err)
	}
	var tasks []task
	for _, s := range subjects {
		if s.kind == exampleApp {
			for _, v := range variants {
				tasks = append(tasks, task{s, v})
			}
			continue
		}
		h := fnv.New32a()
		h.Write([]byte(s.name))
		if n := int(h.Sum32()); n%4 == 0 {
			tasks = append(tasks, task{s, variants[n/4%len(variants)]})
		}
	}
	tried, checked := map[outcome]int{}, 0
	err = each(context.Background(), tasks, 2, func(r result) {
		tried[r.outcome]++
		if r.checked {
			checked++
		}
		for _, broken := range r.broken {
			t.Errorf("%s, %s: %s", r.subject.name, r.variant.name, broken)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v, the framework's own check was run %d times", tried, checked)
	// A property that is never looked at holds, too.
	if tried[added] < 130 || tried[refused] < 25 || checked < 80 {
		t.Errorf("%v, the framework's own check was run %d times", tried, checked)
	}
}

// TestApps holds the list of public apps to its form.
func TestApps(t *testing.T) {
	corpus := t.TempDir()
	for line := range strings.Lines(string(apps)) {
		name, _, _ := strings.Cut(line, " ")
		if err := os.MkdirAll(filepath.Join(corpus, strings.Replace(name, "/", "+", 1)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	all, err := publicApps(corpus)
	if err != nil || len(all) < 40 {
		t.Errorf("%d apps: %v", len(all), err)
	}
}

// TestLines holds what looks at a diff and at new lines against a file that was
// changed in ways that the diff does not tell, or against its conventions.
func TestLines(t *testing.T) {
	const before = "import os\nx = [1]\n\tx\ny = 2\n"
	for _, test := range []struct{ name, before, told, after, broken string }{
		{"as told", before, "import os\nimport re\nx = [1, 2]\n\tx\ny = 2\n", "", ""},
		{"latin-1", "x = '\xe9'\n", "import os\nx = '\xe9'\n", "", ""},
		{"no newline", "a", "a\nb", "", ""},
		{"a secret", "SECRET_KEY = '1'\n", "import os\nSECRET_KEY = '1'\n", "", ""},
		{"a secret that changes", "SECRET_KEY = '1'\n", "import os\nSECRET_KEY = '1'\n", "import os\nSECRET_KEY = '2'\n", asPlanned},
		{"a line that no hunk has", strings.Repeat("z\n", 20) + before, strings.Repeat("z\n", 20) + before + "z = 3\n", "Z\n" + strings.Repeat("z\n", 19) + before + "z = 3\n", asPlanned},
		{"a line of context", before, before + "z = 3\n", strings.Replace(before, "y = 2", "y = 3", 1) + "z = 3\n", asPlanned},
		{"a byte that is no UTF-8", "# \xe9\nx\n", "# \xe9\nx\ny\n", "# \xe8\nx\ny\n", asPlanned},
		{"another new line", before, before + "z = 3\n", before + "z = 4\n", asPlanned},
		{"more at the end", before, before + "z = 3\n", before + "z = 3\nmore\n", asPlanned},
		{"a line that is lost", before, "import os\nx = [1]\n\tx\n", "", comesBack},
		{"a value that is lost", before, "import os\nx = [2, 3]\n\tx\ny = 2\n", "", comesBack},
		{"LF in CRLF", "a\r\nb\r\n", "a\r\nb\r\nc\n", "", convention},
		{"CRLF in LF", "a\nb\n", "a\nb\nc\r\n", "", convention},
		{"LF in CR", "a\rb\r", "a\rb\rc\n", "", convention},
		{"blanks among tabs", "if a:\n\tb\n", "if a:\n\tb\n    c\n", "", convention},
		{"a mark that moves", "\uFEFFa\n", "b\n\uFEFFa\n", "", convention},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.after == "" {
				test.after = test.told
			}
			tried := &trial{project: t.TempDir()}
			if err := os.WriteFile(filepath.Join(tried.project, "f"), []byte(test.after), 0o600); err != nil {
				t.Fatal(err)
			}
			tried.lines(plan.File{
				Path: "f", Action: plan.Modify, Diff: mask.Diff(edit.Unified("f", []byte(test.before), []byte(test.told)), test.before, test.told),
			}, []byte(test.before), []byte(test.after))
			wanted(t, tried, test.broken)
		})
	}
}

func TestEnvLines(t *testing.T) {
	const before = "A='1'\n"
	for _, test := range []struct{ name, before, after, broken string }{
		{"as planned", before, before + "\n# ours\nKEY=x\n", ""},
		{"CRLF", "A=1\r\n", "A=1\r\nKEY=x\r\n", ""},
		{"no newline", "A=1", "A=1\nKEY=x\n", ""},
		{"mixed newlines", "A=1\r\nB=2\n", "A=1\r\nB=2\nKEY=x\r\n", ""},
		{"a value that changes", before, "A=1\nKEY=x\n", nothing},
		{"a key that is not planned", before, before + "KEY=x\nOTHER=y\n", nothing},
		{"a key that is missing", before, before + "# ours\n", asPlanned},
		{"LF in CRLF", "A=1\r\n", "A=1\r\nKEY=x\n", convention},
	} {
		t.Run(test.name, func(t *testing.T) {
			tried := &trial{project: t.TempDir(), plan: &plan.Plan{Env: []plan.EnvKey{{File: ".env", Key: "KEY"}}}}
			if err := os.WriteFile(filepath.Join(tried.project, ".env"), []byte(test.after), 0o600); err != nil {
				t.Fatal(err)
			}
			tried.envLines(".env", []byte(test.before))
			wanted(t, tried, test.broken)
		})
	}
}

// TestUnclaimed changes what a plan does not name.
func TestUnclaimed(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(dir string) error
		broken string
	}{
		{"as planned", func(dir string) error { return writeFile(filepath.Join(dir, "app.py"), []byte("after"), 0) }, ""},
		{"the journal", func(dir string) error { return writeFile(filepath.Join(dir, ".authfit", "x"), nil, 0o600) }, ""},
		{"another file", func(dir string) error { return writeFile(filepath.Join(dir, "other.py"), []byte("after"), 0) }, nothing},
		{"a new file", func(dir string) error { return writeFile(filepath.Join(dir, "new.py"), nil, 0o644) }, nothing},
		{"a file that is gone", func(dir string) error { return os.Remove(filepath.Join(dir, "other.py")) }, nothing},
		{"a mode", func(dir string) error { return os.Chmod(filepath.Join(dir, "app.py"), 0o755) }, nothing},
		{"a link", func(dir string) error { return os.Symlink("app.py", filepath.Join(dir, "link")) }, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"app.py", "other.py"} {
				if err := writeFile(filepath.Join(dir, name), []byte("before"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			tried := &trial{dir: dir, project: dir, plan: &plan.Plan{Files: []plan.File{{Path: "app.py"}}}}
			tried.subject = &subject{folder: "."}
			var err error
			if tried.before, err = snapshot(dir); err != nil {
				t.Fatal(err)
			}
			if err := test.change(dir); err != nil {
				t.Fatal(err)
			}
			if tried.after, err = snapshot(dir); err != nil {
				t.Fatal(err)
			}
			tried.unclaimed()
			wanted(t, tried, test.broken)
		})
	}
}

// wanted fails unless the one property is broken, or none where it is empty.
func wanted(t *testing.T, tried *trial, property string) {
	t.Helper()
	switch {
	case property == "" && len(tried.broken) > 0:
		t.Errorf("%v", tried.broken)
	case property != "" && (len(tried.broken) == 0 || !strings.HasPrefix(strings.Join(tried.broken, "\n"), property)):
		t.Errorf("%v, wanted that this is broken: %s", tried.broken, property)
	}
}
