package recipe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"authfit/internal/edit"
	"authfit/internal/recipe"
)

// TestExamine reads the apps of testdata/examine: the comment of each has a
// line for every finding and for every key that the repair needs; the files
// below want are what the repair makes of those without. No other file changes,
// and the repaired app has no finding.
func TestExamine(t *testing.T) {
	archives, err := filepath.Glob("testdata/examine/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Setenv("SECRET_KEY", "")
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, wantFound, _ := strings.Cut(strings.TrimSpace(string(a.Comment))+"\n", "\n")
			before, want := map[string]string{}, map[string]string{}
			for _, f := range a.Files {
				if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
					want[name] = string(f.Data)
				} else {
					before[f.Name] = string(f.Data)
				}
			}
			found, after := examine(t, before)
			if diff := cmp.Diff(strings.TrimSpace(wantFound), strings.TrimSpace(found)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			changed := map[string]string{}
			for name, text := range after {
				if text != before[name] {
					changed[name] = text
				}
			}
			if diff := cmp.Diff(want, changed); diff != "" {
				t.Errorf("repair (-want +got):\n%s", diff)
			}
			for line := range strings.Lines(found) {
				if key, ok := strings.CutPrefix(strings.TrimSpace(line), ".env: "); ok {
					after[".env"] += key + "=value\n"
				}
			}
			if again, _ := examine(t, after); again != "" {
				t.Errorf("after the repair: %s", again)
			}
		})
	}
}

// examine gives the findings in a tree, a line each, and the repaired tree.
func examine(t *testing.T, files map[string]string) (found string, after map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := recipe.Inspect(t.Context(), dir, recipe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.App() == nil {
		t.Fatalf("no app was found: %v", p.Problems)
	}
	findings := recipe.Examine(p)
	for _, f := range findings {
		found += fmt.Sprintf("%s:%d %s\n", f.Problem.File, f.Problem.Line, f.Problem.Code)
	}
	pl, err := recipe.Repair(p, nil, findings, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range pl.Problems {
		t.Errorf("the repair is refused: %s", q.Text())
	}
	after = map[string]string{}
	for name, text := range files {
		after[name] = text
	}
	for _, f := range pl.Files {
		text, err := edit.Apply([]byte(files[f.Path]), f.Edits...)
		if err != nil {
			t.Fatal(err)
		}
		after[f.Path] = string(text)
	}
	for _, k := range pl.Env {
		found += k.File + ": " + k.Key + "\n"
	}
	return found, after
}
