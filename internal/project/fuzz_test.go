package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzManifests reads a project whose only manifest is any bytes. Reading ends,
// and what is said of the file is said of a line that it has.
func FuzzManifests(f *testing.F) {
	names := []string{
		"requirements.txt", "pyproject.toml", "Pipfile", "setup.cfg", "setup.py", "environment.yml",
		"hatch.toml", "poetry.toml", ".python-version", ".gitignore", ".env", "Procfile",
	}
	for i, seed := range []string{
		"Flask>=3 ; python_version >= \"3.8\"\n-r other.txt\n-e git+https://x.test/y#egg=z\nuvicorn[standard]==0.1 --hash=sha256:00 \\\n  --hash=sha256:11\n",
		"[project]\nname = \"x\"\nrequires-python = \">=3.10\"\ndependencies = [\"flask\"]\n[dependency-groups]\ndev = [{include-group = \"x\"}]\n[tool.poetry.dependencies]\npython = \"^3.8\"\na = [{version = \"1\"}]\n[tool.uv.workspace]\nmembers = [\"a/*\"]\n",
		"[packages]\nflask = {version = \"*\", extras = [\"async\"]}\n[requires]\npython_version = \"3.11\"\n",
		"[options]\ninstall_requires =\n    flask>=2\n    x; python_version<'3'\npython_requires = >=3.8\n[options.extras_require]\ndev = pytest\n",
		"from setuptools import setup\nsetup(install_requires=['flask', \"x\"], extras_require={'a': ['b']}, python_requires='>=3')\n",
		"name: shop\nprefix: /x\ndependencies:\n  - python=3.11\n  - a::b=1=c\n  - pip:\n      - flask\n      - -r x.txt\n",
		"[envs.default]\npath = \".hatch\"\n",
		"[virtualenvs]\npath = \"{cache-dir}/x\"\nin-project = true\n",
		"# x\n3.12.1\n",
		"/a/**/b\n!c\n[a-z]*\\ \n",
		"export A='b # c'\nWORKOS_API_KEY=sk_test\nB=\"${A}\"\n",
		"web: cd src && gunicorn --chdir=x 'a.b:c()' & uvicorn x:y \\\n --factory\n",
	} {
		f.Add(uint8(i), []byte(seed))
		f.Add(uint8(i), []byte("\xff\xfeF\x00l\x00a\x00s\x00k\x00"))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		dir := t.TempDir()
		name := names[int(which)%len(names)]
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Scan(t.Context(), dir, Options{Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Tree.Close()
		p.Tree.EntryPoints()
		text, _, _, err := decode(data)
		if err != nil {
			text = data
		}
		lines := 1 // at most, where "\r\n" ends them; pip and Python end them in many ways
		for _, c := range string(text) {
			if strings.ContainsRune("\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029", c) {
				lines++
			}
		}
		for _, d := range p.Dependencies {
			if d.Name != NormalizeName(d.Name) || d.File != name || d.Line < 1 || d.Line > lines {
				t.Errorf("%+v in %d lines", d, lines)
			}
		}
		for _, q := range p.Problems {
			if q.File == name && (q.Line < 0 || q.Line > lines) {
				t.Errorf("%+v in %d lines", q, lines)
			}
		}
		for _, e := range append(p.Manager.Evidence, p.Python.Evidence...) {
			if e.File == name && e.Line > lines {
				t.Errorf("%+v in %d lines", e, lines)
			}
		}
	})
}
