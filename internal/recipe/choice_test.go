package recipe

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"authfit/internal/manager"
	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
	"authfit/internal/sdk"
)

// Manifests, lock files and environments, as text.
const (
	flaskApp = "-- app.py --\nfrom flask import Flask\napp = Flask(__name__)\n"
	locked5  = "\n[[package]]\nname = \"workos\"\nversion = \"5.46.0\"\n"
	locked10 = "\n[[package]]\nname = \"workos\"\nversion = \"10.8.0\"\n"
)

func pyproject(table, python string, needs ...string) string {
	text := "-- pyproject.toml --\n[project]\nname = \"shop\"\nrequires-python = \"" + python + "\"\ndependencies = [\n"
	for _, n := range needs {
		text += "    \"" + n + "\",\n"
	}
	return text + "]\n[tool." + table + "]\n"
}

func requirements(lines ...string) string {
	return "-- requirements.txt --\n" + strings.Join(lines, "\n") + "\n"
}

// environment is a .venv of a Python with a workos; empty for none.
func environment(python, workos string) string {
	minor := strings.Join(strings.Split(python, ".")[:2], ".")
	text := "-- .venv/pyvenv.cfg --\nversion = " + python + "\n-- .venv/bin/python --\n-- .venv/lib/python" + minor + "/site-packages/pip-24.0.dist-info/METADATA --\n"
	if workos != "" {
		text += "-- .venv/lib/python" + minor + "/site-packages/workos-" + workos + ".dist-info/METADATA --\n"
	}
	return text
}

// Which SDK a project gets, by what its manifest, lock file and environment say.
func TestChooseSDK(t *testing.T) {
	py311, py39 := environment("3.11.7", ""), environment("3.9.18", "")
	const pinned = "workos==5.46.0"
	for name, c := range map[string]struct {
		layout  string
		move    bool
		dialect string
		pkg     string // as a manager with a lock file is given it, "!" before one that is moved
		problem string // code, place and a word
		note    string
	}{
		"none":                  {layout: requirements("flask") + py311, dialect: "6", pkg: "workos"},
		"none, on 3.9":          {layout: requirements("flask") + py39, dialect: "5", pkg: "workos>=5.46,<6", note: "the project's Python is 3.9.18"},
		"none, on 3.8":          {layout: requirements("flask") + environment("3.8.18", ""), dialect: "5", pkg: "workos>=5.46,<6"},
		"none, lets 3.9 in, uv": {layout: pyproject("uv", ">=3.9") + py311, dialect: "5", pkg: "workos>=5.46,<6", note: "pyproject.toml:3 lets a Python before 3.10 in"},
		"none, lets 3.8 in, poetry": {layout: pyproject("poetry", ">=3.8") + py311, dialect: "5",
			pkg: "workos>=5.46,<6 ; " + manager.NotFirst39},
		"none, lets 3.9.2 in, pdm":  {layout: pyproject("pdm", ">=3.9.2") + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"none, new Pythons, poetry": {layout: pyproject("poetry", ">=3.10") + py311, dialect: "6", pkg: "workos"},
		"none, to be moved":         {layout: requirements("flask") + py311, move: true, dialect: "6", pkg: "workos>=10.8.0"},
		"declared, uv":              {layout: pyproject("uv", ">=3.11", pinned) + py311, dialect: "5", pkg: "workos>=5.46,<6", note: "keeps it"},
		"declared, poetry's own":    {layout: "-- pyproject.toml --\n[tool.poetry]\nname = 'a'\n[tool.poetry.dependencies]\npython = '>=3.11'\nworkos = '^5.40'\n" + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"declared, pdm":             {layout: pyproject("pdm", ">=3.11", "workos~=5.40") + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"declared, pipenv":          {layout: "-- Pipfile --\n[packages]\nworkos = \"==5.46.0\"\n" + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"declared, pip":             {layout: requirements("flask", pinned) + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"declared, conda":           {layout: "-- environment.yml --\nname: x\ndependencies:\n  - python=3.11\n  - pip:\n    - workos==5.46.0\n" + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"declared, any":             {layout: requirements("workos") + py311, dialect: "6", pkg: "workos"},
		"declared, any, on 3.9":     {layout: requirements("workos") + py39, dialect: "5", pkg: "workos>=5.46,<6"},
		"declared, 8.3":             {layout: requirements("workos==8.3.0") + py311, dialect: "6", pkg: "workos"},
		"declared, a series":        {layout: requirements("workos==9.0.*") + py311, dialect: "6", pkg: "workos"},
		"declared for tests":        {layout: "-- pyproject.toml --\n[project]\nname = 'a'\nrequires-python = '>=3.11'\ndependencies = []\n[dependency-groups]\ndev = ['workos==5.40.0']\n[tool.uv]\n" + py311, dialect: "5", pkg: "workos==5.40.0"},
		"locked, uv":                {layout: pyproject("uv", ">=3.11", "workos>=5") + "-- uv.lock --\n" + locked5 + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"locked, not declared":      {layout: pyproject("uv", ">=3.11") + "-- uv.lock --\n" + locked5 + py311, dialect: "5", pkg: "workos==5.46.0"},
		"locked, poetry":            {layout: pyproject("poetry", ">=3.11", "workos>=5") + "-- poetry.lock --\n" + locked5 + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"locked, pipenv":            {layout: "-- Pipfile --\n[packages]\nworkos = \"*\"\n-- Pipfile.lock --\n{\"default\": {\"workos\": {\"version\": \"==5.46.0\"}}}\n" + py311, dialect: "5", pkg: "workos>=5.46,<6"},
		"installed, pip":            {layout: requirements("flask") + environment("3.11.7", "5.40.0"), dialect: "5", pkg: "workos>=5.40.0,<6"},
		"installed, uv":             {layout: pyproject("uv", ">=3.11") + environment("3.11.7", "5.40.0"), dialect: "5", pkg: "workos==5.40.0"},
		"installed, 8.3, uv":        {layout: pyproject("uv", ">=3.11") + environment("3.11.7", "8.3.0"), dialect: "6", pkg: "workos==8.3.0"},
		"installed, the newest, uv": {layout: pyproject("uv", ">=3.11") + environment("3.11.7", "10.8.0"), dialect: "6", pkg: "workos"},
		"moved, uv":                 {layout: pyproject("uv", ">=3.11", pinned) + py311, move: true, dialect: "6", pkg: "!workos>=10.8.0"},
		"moved, installed only":     {layout: requirements("flask") + environment("3.11.7", "5.40.0"), move: true, dialect: "6", pkg: "!workos>=10.8.0"},
		"moved, locked":             {layout: pyproject("uv", ">=3.11", "workos>=5") + "-- uv.lock --\n" + locked5 + py311, move: true, dialect: "6", pkg: "!workos>=10.8.0"},
		"moved, from a broken one":  {layout: requirements("workos==6.0.0") + py311, move: true, dialect: "6", pkg: "!workos>=10.8.0"},
		"moved, on 3.9":             {layout: requirements("workos==5.20.0") + py39, move: true, dialect: "5", pkg: "!workos>=5.46,<6"},
		"moved already":             {layout: requirements("workos==10.8.0") + environment("3.11.7", "10.8.0"), move: true, dialect: "6", pkg: "workos>=10.8.0"},
		"no verifier":               {layout: requirements("flask", "workos==6.0.0") + py311, dialect: "6", problem: "sdk-broken-refresh requirements.txt:2 6.0.0, sdk-no-verifier requirements.txt:2 6.0.0"},
		"broken refresh":            {layout: pyproject("uv", ">=3.11", "workos~=8.0.0") + py311, dialect: "6", problem: "sdk-broken-refresh pyproject.toml:5 ~=8.0.0"},
		"broken refresh, below 8.2": {layout: pyproject("pdm", ">=3.11", "workos>=7,<8.2") + py311, dialect: "6", problem: "sdk-broken-refresh pyproject.toml:5 >=7,<8.2"},
		"broken refresh, locked":    {layout: pyproject("uv", ">=3.11", "workos") + "-- uv.lock --\n" + strings.Replace(locked5, "5.46.0", "8.1.0", 1) + py311, dialect: "6", problem: "sdk-broken-refresh pyproject.toml:5 8.1.0"},
		"broken refresh, installed": {layout: requirements("flask") + environment("3.11.7", "6.1.0"), dialect: "6", problem: "sdk-broken-refresh .venv:0 6.1.0"},
		"too old":                   {layout: "-- Pipfile --\n[packages]\nworkos = \"==4.16.0\"\n" + py311, dialect: "6", problem: "sdk-too-old Pipfile:2 4.16.0"},
		"5.x without return_to":     {layout: requirements("workos==5.12.0") + py311, dialect: "5", problem: "sdk-too-old requirements.txt:1 5.12.0"},
		"asks for what 3.9 has not": {layout: requirements("workos>=8.2") + py39, dialect: "5", problem: "sdk-needs-python requirements.txt:1 >=8.2"},
		"environment out of date":   {layout: requirements("workos==10.8.0") + environment("3.11.7", "5.46.0"), dialect: "5", problem: "sdk-out-of-step requirements.txt:1 5.46.0"},
		"lock and environment":      {layout: pyproject("uv", ">=3.11", "workos") + "-- uv.lock --\n" + locked10 + environment("3.11.7", "5.46.0"), dialect: "5", problem: "sdk-out-of-step pyproject.toml:5 5.46.0"},
		"uv locks two":              {layout: pyproject("uv", ">=3.9", "workos") + "-- uv.lock --\n" + locked5 + locked10 + py311, dialect: "5", problem: "sdk-out-of-step pyproject.toml:5 5.46.0"},
		"uv would lock two":         {layout: pyproject("uv", ">=3.9", "workos") + py311, dialect: "5", problem: "sdk-out-of-step pyproject.toml:5 3.9"},
		"uv locks one for all":      {layout: pyproject("uv", ">=3.9", "workos>=5.40,<6") + "-- uv.lock --\n" + locked5 + py311, dialect: "5", pkg: "workos>=5.46,<6"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range txtar.Parse([]byte(c.layout + flaskApp)).Files {
				file := filepath.Join(dir, f.Name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, f.Data, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			env := func(name string) string { return map[string]string{"HOME": dir}[name] }
			p, err := project.Scan(context.Background(), dir, project.Options{Getenv: env})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Tree.Close()
			if b := p.Blockers(); len(b) > 0 && p.Manager.Name != "conda" {
				t.Fatalf("%+v", b)
			}
			got := chooseSDK(p, c.move)
			if got.Dialect != c.dialect {
				t.Errorf("dialect %q, want %q", got.Dialect, c.dialect)
			}
			spec := got.Package.Name + got.Package.Range
			if got.Package.Marker != "" {
				spec += " ; " + got.Package.Marker
			}
			if got.Package.Move {
				spec = "!" + spec
			}
			if c.problem == "" && spec != c.pkg {
				t.Errorf("package %q, want %q", spec, c.pkg)
			}
			wanted := strings.Split(c.problem, ", ")
			if c.problem == "" {
				wanted = nil
			}
			if len(got.Problems) != len(wanted) {
				t.Fatalf("problems %+v, want %q", got.Problems, c.problem)
			}
			for i, want := range wanted {
				q, words := got.Problems[i], strings.SplitN(want, " ", 3)
				where := strings.TrimPrefix(q.File, dir+"/")
				if q.Code != words[0] || where+":"+strconv.Itoa(q.Line) != words[1] || !strings.Contains(q.Summary, words[2]) || q.Fix == "" {
					t.Errorf("problem %s at %s:%d: %s (%s)\nwant %s", q.Code, where, q.Line, q.Summary, q.Fix, want)
				}
			}
			if notes := strings.Join(got.Notes, "\n"); !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

// The way out is a command of the project's own manager.
func TestWayOutOfABrokenSDK(t *testing.T) {
	for name, want := range map[string]string{
		"uv": `uv add "workos>=10.8.0"`, "poetry": `poetry add "workos>=10.8.0"`, "pdm": `pdm add "workos>=10.8.0"`,
		"pipenv": `pipenv install "workos>=10.8.0"`, "pip": `pip install "workos>=10.8.0", and the same in requirements.txt`,
	} {
		p := &project.Project{Manager: project.Manager{Name: name, Manifest: "requirements.txt"}}
		p.SDK.Declared = &project.Dependency{Name: "workos", Specifier: "==8.0.0", File: "requirements.txt", Line: 3}
		got := chooseSDK(p, false)
		if len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Fix, "authfit add --upgrade-sdk") || !strings.Contains(got.Problems[0].Fix, want) {
			t.Errorf("%s: %+v", name, got.Problems)
		}
	}
}

// What the generated code calls is there in the oldest and the newest release of
// each dialect.
func TestNeedsFor(t *testing.T) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("no Python: run `make test`, which sets up AUTHFIT_TEST_PYTHON")
	}
	for version, dialect := range map[string]string{"5.13.0": "5", "5.46.0": "5", "8.2.0": "6", "10.8.0": "6"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out, err := exec.Command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile",
				"--ignore-requires-python", "--target", dir, "workos=="+version).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			problems, err := MissingFromSDK([]string{dir}, plan.SDK{Dialect: dialect, Needs: authkit.NeedsFor(dialect)})
			if err != nil || len(problems) > 0 {
				t.Errorf("%v, %+v", err, problems)
			}
			// Only 9.1 and newer take what a recent login asks for.
			recent := plan.SDK{Dialect: dialect, Needs: authkit.NeedsFor(dialect, "recent-login")}
			if problems, err = MissingFromSDK([]string{dir}, recent); err != nil || len(problems) != map[bool]int{true: 0, false: 1}[version == "10.8.0"] {
				t.Errorf("for recent-login: %v, %+v", err, problems)
			}
			other := map[string]string{"5": "6", "6": "5"}[dialect]
			if problems, err = MissingFromSDK([]string{dir}, plan.SDK{Dialect: other}); err != nil || len(problems) != 1 || problems[0].Code != "sdk-other-installed" {
				t.Errorf("as dialect %s: %v, %+v", other, err, problems)
			}
		})
	}
	for _, dialect := range []string{authkit.SDK5, authkit.SDK6} {
		if _, err := sdk.ParseNeeds(authkit.NeedsFor(dialect)); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(authkit.NeedsFor(""), authkit.NeedsFor(authkit.SDK6)); diff != "" {
		t.Error(diff)
	}
}
