package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"authfit/internal/recipe/authkit"
)

// TestRestyle has ruff look at the modules in other styles: it would change
// nothing in them. With two spaces it would join lines of the users' app that
// have become short enough; the others have none.
func TestRestyle(t *testing.T) {
	for name, test := range map[string]struct {
		style  authkit.Style
		config string
		but    string
	}{
		"single":             {authkit.Style{Single: true}, "[format]\nquote-style = \"single\"\n", ""},
		"tabs":               {authkit.Style{Indent: "\t"}, "[format]\nindent-style = \"tab\"\n", ""},
		"single, two spaces": {authkit.Style{Single: true, Indent: "  "}, "indent-width = 2\n[format]\nquote-style = \"single\"\n", "workos_users"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := render(filepath.Join(dir, "modules")); err != nil {
				t.Fatal(err)
			}
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() && d.Name() == test.but {
					if err := os.RemoveAll(path); err != nil {
						return err
					}
					return fs.SkipDir
				}
				if err != nil || d.IsDir() {
					return err
				}
				src, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				return os.WriteFile(path, authkit.Restyle(src, test.style), 0o644)
			})
			if err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(dir, "ruff.toml")
			if err := os.WriteFile(config, []byte("target-version = \"py310\"\n"+test.config), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("ruff", "format", "--diff", "--config", config, dir).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
