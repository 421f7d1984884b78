//go:build unix

package project

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// toolPath finds a real tool. Where it is missing the test is skipped, unless
// AUTHFIT_TEST_TOOLS says that all of them are there.
func toolPath(t *testing.T, name string) string {
	t.Helper()
	file, err := exec.LookPath(name)
	if err != nil && os.Getenv("AUTHFIT_TEST_TOOLS") != "" {
		t.Fatalf("%s is not on PATH; `make test` puts it there", name)
	}
	if err != nil {
		t.Skipf("%s is not on PATH; `make test` puts it there", name)
	}
	return file
}

// ask runs a tool in dir with the environment that the test describes.
func ask(t *testing.T, dir string, env map[string]string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	// virtualenv's own update runs on in the background, and writes to a home
	// that is gone with the test.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "VIRTUALENV_NO_PERIODIC_UPDATE=1"}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", argv, err, out, errs.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// The environments that Poetry and pipenv keep elsewhere are where we compute
// them to be.
func TestEnvironmentsAsTheToolsSay(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("this test needs python3")
	}
	const poetryProject = "-- pyproject.toml --\n[project]\nname = \"My_Odd.App\"\nversion = \"1\"\nrequires-python = \">=3.8\"\n[tool.poetry]\npackage-mode = false\n"
	const hatchProject = "-- pyproject.toml --\n[project]\nname = \"My_Odd.App\"\nversion = \"1\"\n[tool.hatch.envs.default]\nskip-install = true\n"
	for name, c := range map[string]struct {
		tool, layout string
		env          map[string]string
	}{
		"poetry, its cache":           {"poetry", poetryProject, nil},
		"poetry, cache dir":           {"poetry", poetryProject, map[string]string{"POETRY_CACHE_DIR": "$HOME/elsewhere"}},
		"poetry, XDG":                 {"poetry", poetryProject, map[string]string{"XDG_CACHE_HOME": "$HOME/xdg"}},
		"poetry, path in poetry.toml": {"poetry", poetryProject + "-- poetry.toml --\n[virtualenvs]\npath = \"{cache-dir}/mine\"\n", nil},
		"poetry, path variable":       {"poetry", poetryProject, map[string]string{"POETRY_VIRTUALENVS_PATH": "~/envs"}},
		"poetry, in the project":      {"poetry", poetryProject + "-- poetry.toml --\n[virtualenvs]\nin-project = true\n", nil},
		"poetry, the person's own":    {"poetry", poetryProject + "-- ../home/.config/pypoetry/config.toml --\n[virtualenvs]\npath = \"~/from-config\"\n", nil},
		"poetry, no name":             {"poetry", "-- pyproject.toml --\n[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\npython = '^3.8'\n", nil},
		"pipenv":                      {"pipenv", "-- Pipfile --\n[packages]\n", nil},
		"pipenv, WORKON_HOME":         {"pipenv", "-- Pipfile --\n[packages]\n", map[string]string{"WORKON_HOME": "$HOME/work"}},
		"pipenv, XDG":                 {"pipenv", "-- Pipfile --\n[packages]\n", map[string]string{"XDG_DATA_HOME": "$HOME/xdg"}},
		"pipenv, in the project":      {"pipenv", "-- Pipfile --\n[packages]\n", map[string]string{"PIPENV_VENV_IN_PROJECT": "1"}},
		"pipenv, in the Pipfile":      {"pipenv", "-- Pipfile --\n[packages]\n[pipenv]\nvenv_in_project = true\n", nil},
		"pipenv, custom name":         {"pipenv", "-- Pipfile --\n[packages]\n", map[string]string{"PIPENV_CUSTOM_VENV_NAME": "own"}},
		"hatch":                       {"hatch", hatchProject, nil},
		"hatch, its data":             {"hatch", hatchProject, map[string]string{"HATCH_DATA_DIR": "$HOME/data"}},
		"hatch, XDG":                  {"hatch", hatchProject, map[string]string{"XDG_DATA_HOME": "$HOME/xdg"}},
		"hatch, flat":                 {"hatch", hatchProject + "-- ../home/.config/hatch/config.toml --\n[dirs.env]\nvirtual = \".hatch\"\n", nil},
		"hatch, a path":               {"hatch", hatchProject + "path = \"env-of-its-own\"\n", nil},
		"pipenv, .venv is a file":     {"pipenv", "-- Pipfile --\n[packages]\n-- .venv --\nnamed\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := toolPath(t, c.tool)
			outer := t.TempDir()
			if real, err := filepath.EvalSymlinks(outer); err == nil {
				outer = real
			}
			home, dir := filepath.Join(outer, "home"), filepath.Join(outer, "an odd (project) $name & more than forty-two characters")
			write(t, dir, c.layout)
			if err := os.MkdirAll(home, 0o777); err != nil {
				t.Fatal(err)
			}
			env := map[string]string{"HOME": home, "PATH": os.Getenv("PATH"), "PYENV_ROOT": os.Getenv("PYENV_ROOT")}
			if root := filepath.Join(os.Getenv("HOME"), ".pyenv"); env["PYENV_ROOT"] == "" && isDir(root) {
				env["PYENV_ROOT"] = root
			}
			for k, v := range c.env {
				env[k] = strings.ReplaceAll(v, "$HOME", home)
			}
			before := scanFor(t, dir, Options{}, env)
			var says string
			switch c.tool {
			case "poetry":
				ask(t, dir, env, tool, "env", "use", "--no-interaction", before.Python.Base)
				says = ask(t, dir, env, tool, "env", "info", "--path")
			case "hatch":
				ask(t, dir, env, tool, "env", "create")
				says = ask(t, dir, env, tool, "env", "find")
			case "pipenv":
				ask(t, dir, env, tool, "--python", python)
				says = ask(t, dir, env, tool, "--venv")
			}
			if c.tool == "hatch" { // which is left to make it
				before.Python.Planned = says
			}
			if before.Python.Planned != says {
				t.Errorf("planned  %s\n%s says %s", before.Python.Planned, c.tool, says)
			}
			after := scanFor(t, dir, Options{}, env)
			if after.Python.Venv != says || after.Python.Version == "" || len(after.Python.SitePackages) == 0 {
				t.Errorf("found %+v, %s says %s", after.Python, c.tool, says)
			}
		})
	}
}
