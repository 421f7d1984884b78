//go:build unix

package project

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/problem"
)

func problemCode(err error) string {
	var p *problem.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

func TestEntryPoints(t *testing.T) {
	tree := open(t, layout(t, `
-- .gitignore --
.env
-- Procfile --
# web: gunicorn old:app
web: gunicorn -w 4 -b 0.0.0.0:8000 --chdir backend mysite.wsgi --log-file -
worker: celery -A tasks worker
-- Dockerfile --
FROM python:3.12
ENV FLASK_APP="shop:create_app()" PORT=8000
ENV DJANGO_SETTINGS_MODULE config.settings.production
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "80"]
-- deploy/api.Dockerfile --
CMD exec gunicorn \
    --worker-class uvicorn.workers.UvicornWorker \
    'core.setup:make_app()'
-- docker-compose.yml --
services:
  web:
    command: sh -c "cd src && python -m uvicorn --factory pkg.api:build --reload"
    environment:
      - DJANGO_SETTINGS_MODULE=config.settings.local
      FLASK_APP: ${WHICH}
-- Makefile --
run:
	flask --app hello run --debug
	fastapi dev app/main.py
	python manage.py runserver; hypercorn a.b:c
-- .flaskenv --
FLASK_APP=wsgi.py
-- .env --
SECRET=uvicorn no:one
DJANGO_SETTINGS_MODULE=config.settings.dev
-- pyproject.toml --
[tool.fastapi]
entrypoint = "backend.main:app"
[tool.pdm.scripts]
start = "granian --interface asgi srv:asgi_app"
-- README.md --
uvicorn not:this
-- k8s/values.yaml --
image: gunicorn x:y
`))
	var got []string
	for _, e := range tree.EntryPoints() {
		s := fmt.Sprintf("%s:%d %s %s", e.File, e.Line, e.Kind, e.Target)
		if e.Factory {
			s += " factory"
		}
		if e.Dir != "." {
			s += " in " + e.Dir
		}
		got = append(got, s)
	}
	want := []string{
		".flaskenv:1 FLASK_APP wsgi.py",
		"Dockerfile:2 FLASK_APP shop:create_app factory",
		"Dockerfile:3 DJANGO_SETTINGS_MODULE config.settings.production",
		"Dockerfile:4 uvicorn app.main:app",
		"Makefile:2 flask hello",
		"Makefile:3 fastapi app/main.py",
		"Makefile:4 python manage.py",
		"Makefile:4 hypercorn a.b:c",
		"Procfile:2 gunicorn mysite.wsgi in backend",
		"deploy/api.Dockerfile:1 gunicorn core.setup:make_app factory in deploy",
		"docker-compose.yml:3 uvicorn pkg.api:build factory in src",
		"docker-compose.yml:5 DJANGO_SETTINGS_MODULE config.settings.local",
		"pyproject.toml:2 tool.fastapi backend.main:app",
		"pyproject.toml:4 granian srv:asgi_app",
		".env:2 DJANGO_SETTINGS_MODULE config.settings.dev",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestModule(t *testing.T) {
	tree := open(t, layout(t, `
-- .gitignore --
local.py
-- app.py --
-- pkg/__init__.py --
-- pkg/mod.py --
-- src/lib/__init__.py --
-- src/lib/core.py --
-- backend/app.py --
-- backend/src/inner.py --
-- backend/config/local.py --
`))
	for _, c := range [][3]string{
		{"app", ".", "app.py"}, {"app", "backend", "backend/app.py"}, {"pkg", ".", "pkg/__init__.py"}, {"pkg.mod", "backend", "pkg/mod.py"},
		{"lib.core", ".", "src/lib/core.py"}, {"inner", "backend", "backend/src/inner.py"}, {"config.local", "backend", "backend/config/local.py"},
		{"gone", ".", ""}, {"", ".", ""}, {"..app", "backend", ""}, {"pkg.", ".", ""}, {"../app", "backend", ""},
	} {
		file, ok := tree.Module(c[0], c[1])
		if file != c[2] || ok != (c[2] != "") {
			t.Errorf("Module(%q, %q) = %q, %v", c[0], c[1], file, ok)
		}
	}
	for _, c := range [][3]string{
		{"pkg/mod.py", ".", "pkg.mod"}, {"pkg/__init__.py", ".", "pkg"}, {"src/lib/core.py", ".", "lib.core"}, {"backend/app.py", "backend", "app"},
		{"app.py", "backend", ""}, {"my-app/x.py", ".", ""}, {"a.txt", ".", ""},
	} {
		if got := ModuleName(c[0], c[1]); got != c[2] {
			t.Errorf("ModuleName(%q, %q) = %q", c[0], c[1], got)
		}
	}
}
