//go:build unix

package project

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// venv is the layout of an environment. Its interpreter is never run.
func venv(dir, version string) string {
	return "-- " + dir + "/pyvenv.cfg --\nhome = /usr/bin\nversion = " + version + "\n-- " + dir + "/bin/python --\n" +
		"-- " + dir + "/lib/python3.11/site-packages/workos-10.8.0.dist-info/METADATA --\n"
}

const flaskApp = "-- requirements.txt --\nflask\n"

func TestInterpreter(t *testing.T) {
	for name, c := range map[string]struct {
		layout  string
		env     map[string]string // "$DIR" stands for the layout's folder
		manager string
		venv    string // relative, or empty
		version string
		problem string
	}{
		".venv":                {layout: flaskApp + venv(".venv", "3.11.7") + venv("venv", "3.12.1"), venv: ".venv", version: "3.11.7"},
		"env":                  {layout: flaskApp + venv("env", "3.11.7"), venv: "env", version: "3.11.7"},
		"another name":         {layout: flaskApp + venv("py311", "3.11.7"), venv: "py311", version: "3.11.7"},
		"activated, ours":      {layout: flaskApp + venv(".venv", "3.11.7") + venv("other", "3.12.1"), env: map[string]string{"VIRTUAL_ENV": "$DIR/other"}, venv: "other", version: "3.12.1", problem: ""},
		"activated, the only":  {layout: flaskApp + venv("../elsewhere", "3.12.1"), env: map[string]string{"VIRTUAL_ENV": "$DIR/../elsewhere"}, venv: "../elsewhere", version: "3.12.1"},
		"activated, not ours":  {layout: flaskApp + venv(".venv", "3.11.7") + venv("../elsewhere", "3.12.1"), env: map[string]string{"VIRTUAL_ENV": "$DIR/../elsewhere"}, venv: ".venv", version: "3.11.7", problem: "other-environment-active"},
		"conda's base":         {layout: flaskApp + venv("../conda", "3.12.1"), env: map[string]string{"CONDA_PREFIX": "$DIR/../conda", "CONDA_DEFAULT_ENV": "base"}, problem: "python-missing"},
		"uv ignores activated": {layout: "-- pyproject.toml --\n[tool.uv]\n[project]\nname='a'\n" + venv("../elsewhere", "3.12.1"), env: map[string]string{"VIRTUAL_ENV": "$DIR/../elsewhere"}},
		"uv's variable": {layout: "-- pyproject.toml --\n[tool.uv]\n[project]\nname='a'\n" + venv(".venv", "3.11.7") + venv("py", "3.12.1"),
			env: map[string]string{"UV_PROJECT_ENVIRONMENT": "py"}, venv: "py", version: "3.12.1"},
		"uv's version_info": {layout: flaskApp + strings.Replace(venv(".venv", "3.12.1.final.0"), "version =", "version_info =", 1), venv: ".venv", version: "3.12.1"},
		"conda": {layout: flaskApp + "-- .conda/conda-meta/python-3.11.5-h955ad1f_0.json --\n-- .conda/bin/python --\n", env: map[string]string{"CONDA_PREFIX": "$DIR/.conda", "CONDA_DEFAULT_ENV": "x"},
			venv: ".conda", version: "3.11.5"},
		"too old":         {layout: flaskApp + strings.ReplaceAll(venv(".venv", "3.7.16"), "workos", "other"), venv: ".venv", version: "3.7.16", problem: "python-too-old"},
		"old, for SDK 5":  {layout: flaskApp + strings.ReplaceAll(venv(".venv", "3.8.18"), "workos", "other"), venv: ".venv", version: "3.8.18"},
		"old but has it":  {layout: flaskApp + strings.ReplaceAll(venv(".venv", "3.9.18"), "10.8.0", "5.46.0"), venv: ".venv", version: "3.9.18"},
		"broken":          {layout: flaskApp + "-- .venv/pyvenv.cfg --\nversion = 3.11.7\n", problem: "environment-broken"},
		"broken, another": {layout: flaskApp + "-- .venv/pyvenv.cfg --\nversion = 3.11.7\n" + venv("venv", "3.12.1"), venv: "venv", version: "3.12.1"},
		"pyenv's virtualenv": {layout: flaskApp + "-- .python-version --\nmysite\n" + venv("../pyenv/versions/mysite", "3.11.7"), env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"},
			venv: "../pyenv/versions/mysite", version: "3.11.7"},
		"none, and no Python":            {layout: flaskApp, problem: "python-missing"},
		"none, pyenv's version":          {layout: flaskApp + "-- .python-version --\n3.12\n-- ../pyenv/versions/3.12.1/bin/python --\n-- ../pyenv/versions/3.13.0/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"}, version: "3.12.1"},
		"none, newest of pyenv":          {layout: flaskApp + "-- ../pyenv/versions/3.9.18/bin/python --\n-- ../pyenv/versions/3.12.1/bin/python --\n-- ../pyenv/versions/3.13.0/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"}, version: "3.13.0"},
		"none, only an old one":          {layout: flaskApp + "-- ../pyenv/versions/3.9.18/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"}, version: "3.9.18"},
		"none, only one too old":         {layout: flaskApp + "-- ../pyenv/versions/3.7.16/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"}, version: "3.7.16", problem: "python-too-old"},
		"none, an old one is asked for":  {layout: flaskApp + "-- .python-version --\n3.9\n-- ../pyenv/versions/3.9.18/bin/python --\n-- ../pyenv/versions/3.12.1/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"}, version: "3.9.18"},
		"none, only old ones are let in": {layout: "-- pyproject.toml --\n[project]\nname='a'\nrequires-python='<3.10'\n-- ../pyenv/versions/3.9.18/bin/python --\n-- ../pyenv/versions/3.12.1/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"}, version: "3.9.18"},
		"none, requires-python":          {layout: "-- pyproject.toml --\n[project]\nname='a'\nrequires-python='<3.13'\n-- ../pyenv/versions/3.12.1/bin/python --\n-- ../pyenv/versions/3.13.0/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/../pyenv"}, version: "3.12.1"},
		"poetry and an old Python":       {layout: "-- pyproject.toml --\n[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\npython='^3.8'\n" + venv(".venv", "3.11.7"), venv: ".venv", version: "3.11.7"},
		"poetry and one too old":         {layout: "-- pyproject.toml --\n[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\npython='^3.7'\n" + venv(".venv", "3.11.7"), venv: ".venv", version: "3.11.7", problem: "python-too-wide"},
		"uv and one too old":             {layout: "-- pyproject.toml --\n[tool.uv]\n[project]\nname='a'\nrequires-python='>=3.7'\n" + venv(".venv", "3.11.7"), venv: ".venv", version: "3.11.7", problem: "python-too-wide"},
		"pdm and 3.8":                    {layout: "-- pyproject.toml --\n[tool.pdm]\n[project]\nname='a'\nrequires-python='>=3.8'\n" + venv(".venv", "3.11.7"), venv: ".venv", version: "3.11.7", problem: "python-too-wide"},
		"pdm and 3.9":                    {layout: "-- pyproject.toml --\n[tool.pdm]\n[project]\nname='a'\nrequires-python='>=3.9'\n" + venv(".venv", "3.11.7"), venv: ".venv", version: "3.11.7"},
		"poetry, and listed":             {layout: "-- pyproject.toml --\n[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\npython='^3.7'\nworkos='^5'\n" + venv(".venv", "3.11.7"), venv: ".venv", version: "3.11.7"},
		"poetry and new enough":          {layout: "-- pyproject.toml --\n[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\npython='>=3.10,<4'\n" + venv(".venv", "3.11.7"), venv: ".venv", version: "3.11.7"},
		".python-version leads nowhere":  {layout: flaskApp + "-- .python-version --\n../../evil\n-- ../evil/bin/python --\n", env: map[string]string{"PYENV_ROOT": "$DIR/pyenv/x"}, problem: "python-missing"},
	} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			dir := filepath.Join(outer, "project")
			write(t, dir, c.layout)
			env := map[string]string{}
			for k, v := range c.env {
				env[k] = filepath.Clean(strings.ReplaceAll(v, "$DIR", dir))
				if k == "CONDA_DEFAULT_ENV" || k == "UV_PROJECT_ENVIRONMENT" {
					env[k] = v
				}
			}
			p := scanFor(t, dir, Options{Manager: c.manager}, env)
			want := ""
			if c.venv != "" {
				want = filepath.Join(dir, c.venv)
			}
			if p.Python.Venv != want || p.Python.Version != c.version {
				t.Errorf("venv %q, version %q; want %q, %q", p.Python.Venv, p.Python.Version, want, c.version)
			}
			if want != "" && p.Python.Interpreter != filepath.Join(want, "bin", "python") {
				t.Errorf("interpreter %q", p.Python.Interpreter)
			}
			if want == "" && c.problem != "environment-broken" && p.Python.Planned != filepath.Join(dir, ".venv") {
				t.Errorf("planned %q", p.Python.Planned)
			}
			var codes []string
			for _, q := range p.Problems {
				codes = append(codes, q.Code)
				if q.Fix == "" {
					t.Errorf("%s has no way out", q.Code)
				}
			}
			if strings.Join(codes, " ") != c.problem {
				t.Errorf("problems %v, want %q", codes, c.problem)
			}
		})
	}
}

// A shim of pyenv's is not asked, which takes long: pyenv's rule is simple.
func TestPyenvShim(t *testing.T) {
	const shims = "-- shims/python3 --\n-- shims/python3.13 --\n-- shims/python --\n-- bin/python3 --\n" +
		"-- versions/3.11.2/bin/python3 --\n-- versions/3.11.10/bin/python3 --\n-- versions/3.13.0/bin/python3.13 --\n"
	for name, c := range map[string]struct {
		version, variable, shim, want string
	}{
		"the file":         {version: "3.11.2\n", shim: "python3", want: "versions/3.11.2/bin/python3"},
		"the variable":     {version: "3.11.2\n", variable: "3.11.10", shim: "python3", want: "versions/3.11.10/bin/python3"},
		"a series":         {version: "3.11\n", shim: "python3", want: "versions/3.11.10/bin/python3"},
		"several":          {version: "3.11.2\n3.13.0\n", shim: "python3.13", want: "versions/3.13.0/bin/python3.13"},
		"not in those":     {version: "3.11.2\n", shim: "python3.13"},
		"system":           {version: "system\n", shim: "python3", want: "bin/python3"},
		"no file":          {shim: "python3", want: "bin/python3"},
		"system has none":  {version: "system\n", shim: "python"},
		"not installed":    {version: "3.12.1\n", shim: "python3"},
		"not a version":    {version: "../../evil\n", shim: "python3"},
		"several, by some": {variable: "3.12.1:system", shim: "python3", want: "bin/python3"},
	} {
		t.Run(name, func(t *testing.T) {
			text := shims
			if c.version != "" {
				text += "-- version --\n" + c.version
			}
			root := layout(t, text)
			for _, f := range []string{"shims/python3", "bin/python3"} {
				if err := os.Chmod(filepath.Join(root, f), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			s := &scan{o: Options{Getenv: func(name string) string {
				return map[string]string{
					"PYENV_ROOT": root, "PYENV_VERSION": c.variable,
					"PATH": filepath.Join(root, "shims") + string(filepath.ListSeparator) + filepath.Join(root, "bin"),
				}[name]
			}}}
			want := c.want
			if want != "" {
				want = filepath.Join(root, want)
			}
			if got := s.pyenvShim(filepath.Join(root, "shims", c.shim)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestSDK(t *testing.T) {
	for version, dialect := range map[string]string{"10.8.0": "6", "6.0.0": "6", "5.46.0": "5", "4.16.0": ""} {
		p := scanFor(t, layout(t, flaskApp+strings.ReplaceAll(venv(".venv", "3.11.7"), "10.8.0", version)), Options{}, nil)
		if diff := cmp.Diff(SDK{Installed: version, Dialect: dialect}, p.SDK); diff != "" {
			t.Error(diff)
		}
	}
}

// Lock files as the managers write them.
func TestLocked(t *testing.T) {
	const pyproject = "-- pyproject.toml --\n[project]\nname = 'a'\n"
	const entry = "version = 1\n\n[[package]]\nname = \"workos-extra\"\nversion = \"1.0\"\n\n[[package]]\nname = \"workos\"\nversion = \"5.46.0\"\n"
	for name, c := range map[string]struct {
		layout string
		want   []Locked
	}{
		"uv":      {pyproject + "-- uv.lock --\n" + entry, []Locked{{"5.46.0", "uv.lock", 9}}},
		"uv, two": {pyproject + "-- uv.lock --\n" + entry + "\n[[package]]\nname = \"workos\"\nversion = \"10.8.0\"\n", []Locked{{"5.46.0", "uv.lock", 9}, {"10.8.0", "uv.lock", 13}}},
		"poetry":  {pyproject + "-- poetry.lock --\n" + entry, []Locked{{"5.46.0", "poetry.lock", 9}}},
		"pdm":     {pyproject + "-- pdm.lock --\n" + entry, []Locked{{"5.46.0", "pdm.lock", 9}}},
		"pipenv": {"-- Pipfile --\n[packages]\n-- Pipfile.lock --\n{\n    \"default\": {\n        \"workos\": {\n            \"hashes\": [\n                \"sha256:00\"\n            ],\n            \"version\": \"==5.46.0\"\n        }\n    }\n}\n",
			[]Locked{{"5.46.0", "Pipfile.lock", 7}}},
		"rye":  {pyproject + "[tool.rye]\nmanaged = true\n-- requirements.lock --\n-e file:.\nworkos==5.46.0\n", []Locked{{"5.46.0", "requirements.lock", 2}}},
		"none": {pyproject + "-- uv.lock --\nversion = 1\n", nil},
	} {
		p := scanFor(t, layout(t, c.layout), Options{}, nil)
		if diff := cmp.Diff(c.want, p.SDK.Locked); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestDependencyAllows(t *testing.T) {
	for _, c := range []struct {
		specifier, version string
		want               bool
	}{
		{"", "10.8.0", true}, {"*", "10.8.0", true}, {"==5.46.0", "5.46.0", true}, {"==5.46.0", "10.8.0", false},
		{"5.46.0", "5.46.0", true}, {"5.46.0", "5.46.1", false}, {"^5.46", "5.99.99", true}, {"^5.46", "6.0.0", false},
		{"^5 || ^10", "10.8.0", true}, {"^5|^10", "9.1.0", false}, {"~=8.0.0", "8.1.0", false}, {">=5,<6", "5.46.0", true},
	} {
		d := &Dependency{Specifier: c.specifier}
		if got := d.Allows(c.version); got != c.want {
			t.Errorf("%q and %s: %v", c.specifier, c.version, got)
		}
	}
}

func TestEnv(t *testing.T) {
	const secret = "sk_test_do_not_show"
	dir := layout(t, `
-- .gitignore --
.env
-- requirements.txt --
-- backend/app.py --
-- .env --
WORKOS_API_KEY="`+secret+`"
WORKOS_CLIENT_ID=project_123
WORKOS_REDIRECT_URI=localhost:5000/callback
WORKOS_COOKIE_PASSWORD=`+strings.Repeat("A", 43)+`=
`)
	p := scanFor(t, dir, Options{App: "backend/app.py:app"}, nil)
	want := Env{File: ".env", Exists: true, IgnoredByGit: true, Keys: map[string]KeyState{
		"WORKOS_API_KEY": KeyOK, "WORKOS_CLIENT_ID": KeyMalformed, "WORKOS_REDIRECT_URI": KeyMalformed, "WORKOS_COOKIE_PASSWORD": KeyOK,
	}}
	if diff := cmp.Diff(want, p.Env); diff != "" {
		t.Error(diff)
	}
	if all, err := json.Marshal(p); err != nil || bytes.Contains(all, []byte(secret)) {
		t.Errorf("the project holds a secret, or %v", err)
	}

	p = scanFor(t, layout(t, "-- backend/app.py --\n-- requirements.txt --\n"), Options{App: "backend/app.py"}, nil)
	if p.Env.File != "backend/.env" || p.Env.Exists || p.Env.IgnoredByGit || p.Env.Keys["WORKOS_API_KEY"] != KeyMissing {
		t.Errorf("%+v", p.Env)
	}
}

func TestCheckEnvValue(t *testing.T) {
	for _, c := range []struct {
		key, value string
		want       KeyState
	}{
		{"WORKOS_API_KEY", "", KeyMissing}, {"WORKOS_API_KEY", "sk_test_1", KeyOK}, {"WORKOS_API_KEY", "sk_", KeyMalformed},
		{"WORKOS_API_KEY", "client_1", KeyMalformed}, {"WORKOS_CLIENT_ID", "client_01", KeyOK}, {"WORKOS_CLIENT_ID", "sk_1", KeyMalformed},
		{"WORKOS_REDIRECT_URI", "http://localhost:8000/callback", KeyOK}, {"WORKOS_REDIRECT_URI", "/callback", KeyMalformed},
		{"WORKOS_REDIRECT_URI", "ftp://a/b", KeyMalformed}, {"WORKOS_REDIRECT_URI", "https:///x", KeyMalformed},
		{"WORKOS_COOKIE_PASSWORD", strings.Repeat("a", 32), KeyMalformed}, {"WORKOS_COOKIE_PASSWORD", strings.Repeat("0", 64), KeyMalformed},
		{"WORKOS_COOKIE_PASSWORD", strings.Repeat("-_A9", 10) + "AAA=", KeyOK}, {"WORKOS_COOKIE_PASSWORD", strings.Repeat("+/A9", 10) + "AAA=", KeyMalformed},
	} {
		if got := CheckEnvValue(c.key, c.value); got != c.want {
			t.Errorf("%s=%s is %s", c.key, c.value, got)
		}
	}
}

// What git says of .env, by git itself.
func TestEnvAndGit(t *testing.T) {
	path := os.Getenv("PATH")
	git := LookPath("git", path)
	if git == "" {
		t.Fatal("this test needs git")
	}
	dir := layout(t, "-- app.py --\n-- .env --\nA=1\n")
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(git, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	check := func(ignored, tracked bool) {
		t.Helper()
		e := scanFor(t, dir, Options{}, map[string]string{"PATH": path}).Env
		if e.IgnoredByGit != ignored || e.TrackedByGit != tracked {
			t.Errorf("ignored %v, tracked %v; want %v, %v", e.IgnoredByGit, e.TrackedByGit, ignored, tracked)
		}
	}
	run("init", "-q")
	check(false, false)
	write(t, dir, "-- .git/info/exclude --\n.env\n")
	check(true, false)
	run("add", "-f", ".env")
	check(false, true) // it is in, whatever is ignored
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	check(false, true) // whoever owns it
	if err := os.Unsetenv("GIT_TEST_ASSUME_DIFFERENT_OWNER"); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(dir, ".env"))
	check(false, true) // and though it is not there
	write(t, dir, "-- .env --\nA=1\n")
	run("rm", "-q", "--cached", ".env")
	write(t, dir, "-- .git/info/exclude --\n-- .gitignore --\n*env\n!.env\n")
	check(false, false)
	// A file that is to be made, and the rules of the person, for all repositories.
	remove(t, filepath.Join(dir, ".env"))
	check(false, false)
	write(t, dir, "-- .gitignore --\n-- .git/rules --\n*env\n")
	run("config", "core.excludesFile", filepath.Join(dir, ".git/rules"))
	check(true, false)
	write(t, dir, "-- .env --\n")
	check(true, false)
	run("config", "--unset", "core.excludesFile")
	// A repository cannot have us run a program of its own.
	mark := filepath.Join(dir, "ran")
	run("config", "core.fsmonitor", "touch "+mark+"; false")
	check(false, false)
	if _, err := os.Stat(mark); err == nil {
		t.Error("git ran the repository's fsmonitor")
	}
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func TestScanRefuses(t *testing.T) {
	dir := layout(t, "-- app.py --\n")
	for _, c := range []struct {
		dir  string
		o    Options
		code string
	}{
		{dir, Options{Manager: "nix"}, "unknown-manager"}, {dir, Options{App: "gone.py:app"}, "no-app-file"},
		{dir, Options{App: "../x.py"}, "no-app-file"}, {dir + "/app.py", Options{}, "not-a-folder"},
	} {
		_, err := Scan(t.Context(), c.dir, c.o)
		if err == nil || !strings.Contains(problemCode(err), c.code) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}
