package fastapi

import (
	"os"
	"path/filepath"
	"testing"

	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
	"authfit/internal/recipe/authkit/authkittest"
)

func TestDraft(t *testing.T) { authkittest.Golden(t, Recipe{}) }

func TestProtect(t *testing.T) { authkittest.Protect(t, Recipe{}) }

func TestProtectAll(t *testing.T) { authkittest.ProtectAll(t, Recipe{}) }

func FuzzProtect(f *testing.F) { authkittest.FuzzProtect(f, Recipe{}) }

func TestEmbedded(t *testing.T) {
	authkittest.Embedded(t, map[string][]byte{"files/workos_auth.py": AuthModule})
}

// A FastAPI that does not know Annotated takes CurrentUser for a request's body.
func TestTooOld(t *testing.T) {
	for version, want := range map[string]string{"0.94.1": "fastapi-too-old", "0.95.0": "", "0.115.2": ""} {
		dir, packages := t.TempDir(), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.py"), []byte("from fastapi import FastAPI\n\napp = FastAPI()\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(packages, "fastapi-"+version+".dist-info"), 0o755); err != nil {
			t.Fatal(err)
		}
		tree, err := project.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		p := &project.Project{Root: tree.Root, Tree: tree, Python: project.Python{SitePackages: []string{packages}}}
		p.Apps = Recipe{}.Find(p)
		d := &authkit.Draft{Project: p, App: &p.Apps[0]}
		Recipe{}.Draft(d)
		got := ""
		if len(d.Problems) > 0 {
			got = d.Problems[0].Code
		}
		if got != want {
			t.Errorf("FastAPI %s: %q, want %q", version, got, want)
		}
	}
}
