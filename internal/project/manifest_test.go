//go:build unix

package project

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

func TestParseRequirement(t *testing.T) {
	for in, want := range map[string]Requirement{
		"flask":                                  {Name: "flask"},
		"fastapi[standard]":                      {Name: "fastapi", Extras: []string{"standard"}},
		"uvicorn [standard, watch] >= 0.30 , <1": {Name: "uvicorn", Extras: []string{"standard", "watch"}, Specifier: ">=0.30,<1"},
		"Django (>=4.2,<5)":                      {Name: "Django", Specifier: ">=4.2,<5"},
		"tomli; python_version<'3.11'":           {Name: "tomli", Marker: "python_version<'3.11'"},
		"a==1.*;sys_platform=='win32'":           {Name: "a", Specifier: "==1.*", Marker: "sys_platform=='win32'"},
		"pip @ https://e.test/p.zip;x ; os_name=='a'": {
			Name: "pip", URL: "https://e.test/p.zip;x", Marker: "os_name=='a'"},
		"x===1.0-local":  {Name: "x", Specifier: "===1.0-local"},
		"x[]~=1.0":       {Name: "x", Specifier: "~=1.0"},
		"zope.interface": {Name: "zope.interface"},
	} {
		got, err := ParseRequirement(in)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", in, err, diff)
		}
	}
	for _, in := range []string{"", "==1", "a b", "a[b", "a[b,,c]", "a>>1", "a @", "a (>=1", "a;", "./local", "https://e.test/a.whl", "a=1"} {
		if r, err := ParseRequirement(in); err == nil {
			t.Errorf("%q is read as %+v", in, r)
		}
	}
	if _, err := ParseRequirement("git+https://me:s3cret@e.test/x.git"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error shows a token: %v", err)
	}
	for in, want := range map[string]string{"Flask_SQLAlchemy": "flask-sqlalchemy", "zope.-_interface": "zope-interface", "djangorestframework": "djangorestframework"} {
		if got := NormalizeName(in); got != want {
			t.Errorf("NormalizeName(%q) = %q", in, got)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		spec, version string
		want          bool
	}{
		{">=3.8", "3.9.18", true}, {">=3.10", "3.9.18", false}, {">=3.11.4", "3.11", true}, {"<3.12", "3.11", true},
		{"<3.12", "3.12.0", false}, {"==3.11.*", "3.11.7", true}, {"==3.11.*", "3.12.1", false}, {"~=3.10", "3.13.0", true},
		{"~=3.10.2", "3.11.0", false}, {"!=3.11.*", "3.11.7", false}, {"==3.11.7", "3.11", true}, {"", "3.5", true},
		{">=3.8,<4.0,!=3.9.*", "3.9.1", false}, {"nonsense", "3.9", true}, {"===3.11.7", "3.11.7", true}, {">3.10", "3.10", true},
	} {
		if got := allows(c.spec, c.version); got != c.want {
			t.Errorf("allows(%q, %q) = %v", c.spec, c.version, got)
		}
	}
	for in, want := range map[string]string{
		"^3.10": ">=3.10,<4", "~3.10": ">=3.10,<3.11", "3.11.*": "==3.11.*", ">=3.9, <4.0": ">=3.9,<4.0", ">=3.9 <4": ">=3.9,<4",
		"^0.3.1": ">=0.3.1,<0.4", "*": "", ">= 3.8": ">=3.8", "^3.9 || ^4.0": ">=3.9,<4", "~=3.10": "~=3.10", "^": ">=,<9999",
	} {
		if got := poetrySpecifier(in); got != want {
			t.Errorf("poetrySpecifier(%q) = %q", in, got)
		}
	}
}

const requirementsText = `# comment
-i https://pypi.example/simple
Flask==3.0.0  # the app
gunicorn \
    >= 22 ; \
    sys_platform != "win32"
-r more/base.txt
-c constraints.txt
-rshort.txt
-e ./libs/own#egg=own
git+https://e.test/x.git@v1#egg=Some_Git
https://e.test/wheels/thing-1.0-py3-none-any.whl
cryptography==42.0 --hash=sha256:00 \
  # a comment ends it
requests
not a requirement
last`

// TestParseRequirementsAsPip: corners in which fuzzing found pip to see other
// lines, other names or other files.
func TestParseRequirementsAsPip(t *testing.T) {
	for in, want := range map[string]string{
		"a\rb\rc==1\r":              "1 a, 2 b, 3 c==1",
		"a\x0cb\u2028c":             "1 a, 2 b, 3 c",
		"a ; \nb_\nc===\n":          "1 a, 2 b_, 3 c===",
		"a==1 -\nb --x y\n":         "1 a==1, 2 b",
		"a\x1f\nb\u00a0# c\n":       "1 a, 2 b",
		"\\b\\\nc\nd\n":             "1 bc, 3 d",
		"-c a b\n--requirement=c\n": "1 -c a, 2 -r c",
		"-c =a\n-r \"b c\"\n":       "1 -c =a, 2 -r b c",
	} {
		f, err := ParseRequirements([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range f.Lines {
			got = append(got, fmt.Sprint(l.Line, " ", l.Name, l.Specifier))
		}
		for _, i := range f.Includes {
			got = append(got, fmt.Sprintf("%d %s %s", i.Line, map[bool]string{true: "-c", false: "-r"}[i.Constraint], i.File))
		}
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestParseRequirements(t *testing.T) {
	src := []byte(requirementsText)
	f, err := ParseRequirements(src)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range f.Lines {
		got = append(got, NormalizeName(l.Name)+l.Specifier)
	}
	want := []string{"flask==3.0.0", "gunicorn>=22", "own", "some-git", "thing", "cryptography==42.0", "requests", "last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if l := f.Lines[1]; l.Line != 4 || string(src[l.Start:l.End]) != "gunicorn \\\n    >= 22 ; \\\n    sys_platform != \"win32\"" {
		t.Errorf("line %d, %q", l.Line, src[l.Start:l.End])
	}
	if l := f.Lines[7]; l.Line != 17 || l.End != len(src) {
		t.Errorf("%+v", l)
	}
	wantIncludes := []RequirementsInclude{{"more/base.txt", false, 7}, {"constraints.txt", true, 8}, {"short.txt", false, 9}}
	if diff := cmp.Diff(wantIncludes, f.Includes); diff != "" {
		t.Error(diff)
	}
	if f.Hashed != 13 || len(f.Problems) != 1 || f.Problems[0].Line != 16 {
		t.Errorf("hashed %d, problems %v", f.Hashed, f.Problems)
	}

	// The same in the encodings that Windows writes.
	units := utf16.Encode([]rune(strings.ReplaceAll(requirementsText, "\n", "\r\n")))
	for mark, order := range map[string]binary.AppendByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		enc := []byte(mark)
		for _, u := range units {
			enc = order.AppendUint16(enc, u)
		}
		g, err := ParseRequirements(enc)
		if err != nil || !g.UTF16 || len(g.Lines) != len(f.Lines) || len(g.Includes) != 3 {
			t.Errorf("UTF-16 %q: %v, %+v", mark, err, g)
		}
	}
	g, err := ParseRequirements(append([]byte("\xef\xbb\xbf"), "Django\n"...))
	if err != nil || len(g.Lines) != 1 || g.Lines[0].Start != 3 {
		t.Errorf("BOM: %v %+v", err, g)
	}
	if _, err := ParseRequirements([]byte("f\x00l\x00")); err == nil {
		t.Error("bytes that are no text are read")
	}
	c, _ := ParseRequirements([]byte("#\n# This file is autogenerated by pip-compile with Python 3.11\n# by the following command:\n#\n#    pip-compile --output-file=r.txt requirements.in\n#\nasgiref==3.8\n"))
	if c.Compiled != 2 || c.CompiledBy != "pip-compile --output-file=r.txt requirements.in" {
		t.Errorf("%+v", c)
	}
}

// scanFor scans a layout with nothing of this machine's environment in it.
func scanFor(t *testing.T, dir string, o Options, env map[string]string) *Project {
	t.Helper()
	o.Getenv = func(name string) string {
		if v, ok := env[name]; ok {
			return v
		}
		if name == "HOME" {
			return "/nonexistent"
		}
		return ""
	}
	p, err := Scan(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func depStrings(p *Project) []string {
	out := []string{}
	for _, d := range p.Dependencies {
		out = append(out, strings.Join([]string{d.Name + d.Specifier, d.Group, d.File + ":" + itoa(d.Line)}, "|"))
	}
	return out
}

func itoa(n int) string { return string(rune('0'+n/10)) + string(rune('0'+n%10)) }

func TestManifests(t *testing.T) {
	p := scanFor(t, layout(t, `
-- pyproject.toml --
[project]
name = "my-app"
requires-python = ">=3.9"
dependencies = [
    "fastapi[standard]>=0.100", # the framework
    "djangorestframework",
    "broken requirement",
]
[project.optional-dependencies]
docs = ["sphinx"]
[dependency-groups]
test = ["pytest", {include-group = "lint"}]
lint = ["ruff"]
[tool.poetry.dependencies]
python = "^3.11"
Flask = "^3.0"
sentry-sdk = {version = "*", extras = ["flask"], optional = true}
local = {path = "../local"}
multi = [{version = "1", python = "<3.12"}, {version = "2"}]
[tool.poetry.group.dev.dependencies.black]
version = "24"
[tool.uv]
dev-dependencies = ["mypy"]
[tool.pdm.dev-dependencies]
web = ["httpx"]
[tool.hatch.envs.default]
dependencies = ["coverage"]
-- Pipfile --
[packages]
requests = "*"
[dev-packages]
tox = ">=4"
[requires]
python_version = "3.11"
[oops
-- requirements.txt --
-r requirements/base.txt
-r requirements.txt
-r gone.txt
gunicorn
-- requirements/base.txt --
Django>=5
-r ../../../../etc/hosts
-- requirements/dev.txt --
-r base.txt
django-debug-toolbar
-- setup.cfg --
[options]
install_requires =
    celery>=5  # tasks
    redis
python_requires = >=3.10
[options.extras_require]
dev =
    ipdb
-- setup.py --
import setuptools
setuptools.setup(
    name="x",
    install_requires=["boto3>=1", *more(),
                      "attrs"],
    extras_require={"s3": ["s3fs"]},
)
`), Options{Manager: "pip"}, nil)
	want := []string{
		"fastapi>=0.100||pyproject.toml:05", "djangorestframework||pyproject.toml:06",
		"sphinx|docs|pyproject.toml:10", "pytest|test|pyproject.toml:12", "ruff|lint|pyproject.toml:13",
		"flask^3.0||pyproject.toml:16", "sentry-sdk*|optional|pyproject.toml:17", "local||pyproject.toml:18",
		"multi1||pyproject.toml:19", "black24|dev|pyproject.toml:20",
		"mypy|dev|pyproject.toml:23", "httpx|web|pyproject.toml:25", "coverage|hatch:default|pyproject.toml:27",
		"gunicorn||requirements.txt:04", "django>=5||requirements/base.txt:01", "django-debug-toolbar|dev|requirements/dev.txt:02",
		"celery>=5||setup.cfg:03", "redis||setup.cfg:04", "ipdb|dev|setup.cfg:08",
		"boto3>=1||setup.py:04", "attrs||setup.py:05", "s3fs|s3|setup.py:06",
	}
	opt := cmp.Transformer("sort", func(in []string) map[string]bool {
		out := map[string]bool{}
		for _, s := range in {
			out[s] = true
		}
		return out
	})
	if diff := cmp.Diff(want, depStrings(p), opt); diff != "" {
		t.Error(diff)
	}
	if p.Dependency("Django") == nil || p.Dependency("rest") != nil || p.Dependency("django-debug_toolbar").Group != "dev" {
		t.Error("Dependency")
	}
	if p.Python.Requires != ">=3.9,>=3.11,<4,>=3.10" || p.Name != "my-app" {
		t.Errorf("requires %q, name %q", p.Python.Requires, p.Name)
	}
	// Each manifest that is broken says where; the others are read all the same.
	got := map[string]bool{}
	for _, q := range p.Problems {
		got[q.Code+" "+q.Where()] = true
		if q.Fix == "" {
			t.Errorf("%s has no way out", q.Code)
		}
	}
	for _, w := range []string{"requirement-broken pyproject.toml:7", "manifest-broken Pipfile:7", "include-missing requirements.txt:3", "include-missing requirements/base.txt:2"} {
		if !got[w] {
			t.Errorf("no problem %q in %v", w, got)
		}
	}
}

func TestManagerTable(t *testing.T) {
	const pep621 = "-- pyproject.toml --\n[project]\nname = \"a\"\n"
	for name, c := range map[string]struct {
		layout, flag, dir      string
		want, manifest, folder string
		evidence, problem      string
	}{
		"uv lock":           {layout: pep621 + "-- uv.lock --\n-- requirements.txt --\n", want: "uv", manifest: "pyproject.toml", evidence: "uv.lock: lock file of uv"},
		"lock before table": {layout: "-- pyproject.toml --\n[tool.poetry]\nname='a'\n-- pdm.lock --\n", want: "pdm", manifest: "pyproject.toml", evidence: "pdm.lock: lock file of pdm"},
		"poetry table":      {layout: "-- pyproject.toml --\n\n[tool.poetry]\nname='a'\n-- requirements.txt --\n", want: "poetry", manifest: "pyproject.toml", evidence: "pyproject.toml:2: [tool.poetry]"},
		"only a lint table": {layout: "-- pyproject.toml --\n[tool.ruff]\n-- requirements.txt --\n", want: "pip", manifest: "requirements.txt", evidence: "requirements.txt: requirements file of pip"},
		"backend is weaker than a table": {layout: pep621 + "[tool.uv]\npackage = true\n[tool.poetry]\npackages = []\n[build-system]\nbuild-backend='poetry.core.masonry.api'\n",
			want: "uv", manifest: "pyproject.toml", evidence: "pyproject.toml:3: [tool.uv]"},
		"backend":               {layout: pep621 + "[build-system]\nbuild-backend='pdm.backend'\n", want: "pdm", manifest: "pyproject.toml", evidence: `pyproject.toml:4: build-backend = "pdm.backend"`},
		"pipfile":               {layout: "-- Pipfile --\n[packages]\n-- requirements.txt --\n", want: "pipenv", manifest: "Pipfile", evidence: "Pipfile: manifest of pipenv"},
		"pep 621":               {layout: pep621, want: "pip", manifest: "pyproject.toml", evidence: "pyproject.toml:1: [project], and no manager's own table"},
		"requirements folder":   {layout: "-- requirements/dev.txt --\n-- requirements/base.txt --\nflask\n", want: "pip", manifest: "requirements/base.txt", evidence: "requirements/base.txt: requirements file of pip"},
		"nothing":               {layout: "-- app.py --\n", want: "pip", evidence: "no lock file, no manager's table and no manifest: pip alone"},
		"two locks":             {layout: pep621 + "-- uv.lock --\n-- poetry.lock --\n", problem: "two-locks"},
		"two tables":            {layout: "-- pyproject.toml --\n[project]\nname = \"a\"\n[tool.uv]\n[tool.pdm]\n", problem: "two-managers"},
		"two locks, flag":       {layout: pep621 + "-- uv.lock --\n-- poetry.lock --\n", flag: "poetry", want: "poetry", manifest: "pyproject.toml", evidence: "--manager poetry"},
		"flag without manifest": {layout: "-- requirements.txt --\n", flag: "uv", want: "uv", manifest: "pyproject.toml", problem: "manifest-missing", evidence: "--manager uv"},
		"above the app":         {layout: pep621 + "-- uv.lock --\n-- backend/app.py --\n", dir: "backend", want: "uv", manifest: "pyproject.toml", folder: ".", evidence: "uv.lock: lock file of uv"},
		"nearest wins":          {layout: pep621 + "-- uv.lock --\n-- backend/requirements.txt --\n", dir: "backend", want: "pip", manifest: "requirements.txt", folder: "backend", evidence: "backend/requirements.txt: requirements file of pip"},
		"lock that git ignores": {layout: pep621 + "-- .gitignore --\n*.lock\n-- uv.lock --\n", want: "uv", manifest: "pyproject.toml", evidence: "uv.lock: lock file of uv"},
		"broken pyproject":      {layout: "-- pyproject.toml --\n[project\n", want: "pip", problem: "manifest-broken", evidence: "pyproject.toml: a manifest that cannot be read"},
		"uv workspace": {layout: "-- pyproject.toml --\n[tool.uv.workspace]\nmembers = ['packages/*']\n-- uv.lock --\n-- packages/api/pyproject.toml --\n[project]\nname='api'\n",
			dir: "packages/api", want: "uv", manifest: "pyproject.toml", folder: "packages/api", evidence: "packages/api/pyproject.toml:1: [project], and no manager's own table"},
	} {
		t.Run(name, func(t *testing.T) {
			p := scanFor(t, layout(t, c.layout), Options{Manager: c.flag}, nil)
			if c.dir != "" {
				if err := p.Settle(t.Context(), c.dir); err != nil {
					t.Fatal(err)
				}
			}
			m := p.Manager
			if m.Name != c.want || m.Manifest != c.manifest || c.folder != "" && m.Dir != c.folder {
				t.Errorf("%+v", m)
			}
			if c.evidence != "" {
				e := m.Evidence[0]
				got := strings.TrimPrefix(e.File+":"+itoa(e.Line)+": "+e.Fact, ":00: ")
				got = strings.Replace(strings.Replace(got, ":00: ", ": ", 1), ":0", ":", 1)
				if got != c.evidence {
					t.Errorf("evidence %q, want %q", got, c.evidence)
				}
			}
			found := false
			for _, q := range p.Blockers() {
				found = found || q.Code == c.problem
				if strings.HasPrefix(c.problem, "two-") && q.Code == c.problem && !strings.Contains(q.Fix, "--manager") {
					t.Errorf("%+v does not name the flag", q)
				}
			}
			for _, q := range p.Problems {
				found = found || q.Code == c.problem
			}
			if found != (c.problem != "") {
				t.Errorf("problems %v, want %q", p.Problems, c.problem)
			}
			if name == "uv workspace" && (m.Lock != "../../uv.lock" || m.Workspace != ".") {
				t.Errorf("%+v", m)
			}
		})
	}
}

// A manifest above the folder that was given is found up to the repository,
// and refused with the folder to give instead.
func TestManifestAboveTheRoot(t *testing.T) {
	dir := layout(t, "-- .git/HEAD --\n-- pyproject.toml --\n[project]\nname='a'\n-- uv.lock --\n-- backend/app.py --\n")
	p := scanFor(t, dir+"/backend", Options{}, nil)
	if p.Manager.Name != "uv" || p.Manager.Dir != ".." {
		t.Errorf("%+v", p.Manager)
	}
	b := p.Blockers()
	if len(b) != 1 || b[0].Code != "manifest-above" || !strings.Contains(b[0].Fix, "--app backend/FILE") {
		t.Errorf("%+v", b)
	}
	// Without a repository nothing above is looked at.
	dir = layout(t, "-- pyproject.toml --\n[project]\nname='a'\n-- uv.lock --\n-- backend/app.py --\n")
	if p := scanFor(t, dir+"/backend", Options{}, nil); p.Manager.Name != "pip" || p.Manager.Dir != "." {
		t.Errorf("%+v", p.Manager)
	}
}
