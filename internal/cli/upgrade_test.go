package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/manager"
	"authfit/internal/project"
)

// TestUpgradeSDK has each manager, the real one, keep workos 5.46, move it to
// the newest where that is asked for, and take it back byte for byte.
func TestUpgradeSDK(t *testing.T) {
	if os.Getenv("AUTHFIT_TEST_PYTHON") == "" {
		t.Fatal("run `make test`: it sets up the package managers that this test needs")
	}
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("POETRY_VIRTUALENVS_IN_PROJECT", "true")
	t.Setenv("PIPENV_VENV_IN_PROJECT", "1")
	pyproject := func(table string) map[string]string {
		return map[string]string{"pyproject.toml": "[project]\nname = \"shop\"\nversion = \"1\"\nrequires-python = \">=3.10,<4\"\ndependencies = [\n    \"workos==5.46.0\",  # login\n]\n\n" + table}
	}
	for name, files := range map[string]map[string]string{
		"uv":     pyproject("[tool.uv]\npackage = false\n"),
		"poetry": pyproject("[tool.poetry]\npackage-mode = false\n"),
		"pdm":    pyproject("[tool.pdm]\ndistribution = false\n"),
		"pipenv": {"Pipfile": "[packages]\nworkos = \"==5.46.0\"  # login\n"},
		"pip":    {"requirements.txt": "workos==5.46.0  # login\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "shop")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			files["app.py"] = "from flask import Flask\n\napp = Flask(__name__)\n"
			for file, text := range files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			install(t, dir)
			before := read(t, dir)

			if name != "pdm" && name != "pipenv" { // which take half a minute for it
				run(t, 0, nil, "add", "-C", dir, "--yes", "--no-verify")
				kept := read(t, dir)
				wantSDK(t, kept, "5.46.0", "==5.46.0")
				if !strings.Contains(kept["workos_authkit.py"], "from workos.session import Session\n") {
					t.Error("the login is not written for workos 5")
				}
				run(t, 0, nil, "undo", "-C", dir)
				if diff := cmp.Diff(before, read(t, dir)); diff != "" {
					t.Errorf("undo left (-before +after):\n%s", diff)
				}
			}

			upgrade := []string{"add", "-C", dir, "--yes", "--no-verify", "--upgrade-sdk"}
			run(t, 0, nil, upgrade...)
			moved := read(t, dir)
			wantSDK(t, moved, manager.WorkOS.Version, "="+manager.WorkOS.Version)
			if !strings.Contains(moved["workos_authkit.py"], "seal_session_from_auth_response") {
				t.Error("the login is not written for the newest workos")
			}
			run(t, 0, nil, upgrade...)
			if diff := cmp.Diff(moved, read(t, dir)); diff != "" {
				t.Errorf("a second time something changed:\n%s", diff)
			}
			run(t, 0, nil, "undo", "-C", dir)
			if diff := cmp.Diff(before, read(t, dir)); diff != "" {
				t.Errorf("undo left (-before +after):\n%s", diff)
			}
		})
	}
}

// install makes the project's environment with its own manager.
func install(t *testing.T, dir string) {
	t.Helper()
	p, err := project.Scan(t.Context(), dir, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := manager.For(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range m.Install() {
		if err := manager.Run(t.Context(), c, dir, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
}

// read are the project's files, and under "workos" the release that is installed.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	p, err := project.Scan(t.Context(), dir, project.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Tree.Close()
	out := map[string]string{"workos": p.SDK.Installed}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			src, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] = string(src)
		}
	}
	return out
}

// wantSDK wants a release to be installed, and the manifest to ask for it with
// the comment behind it, which pipenv drops.
func wantSDK(t *testing.T, files map[string]string, release, specifier string) {
	t.Helper()
	if files["workos"] != release {
		t.Errorf("workos %s is installed, want %s", files["workos"], release)
	}
	manifest := files["pyproject.toml"] + files["Pipfile"] + files["requirements.txt"]
	for line := range strings.Lines(manifest) {
		if strings.Contains(line, "workos") && strings.Contains(line, specifier) && (strings.Contains(line, "# login") || files["Pipfile"] != "") {
			return
		}
	}
	t.Errorf("the manifest asks for no workos%s with its comment:\n%s", specifier, manifest)
}
