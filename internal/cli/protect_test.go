package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"authfit/internal/plan"
	"authfit/internal/verify"
)

// TestProtect adds the login to each example, protects some of its routes, and
// asks the running app: a browser is sent to sign in and a JSON client gets a
// 401, and what was not protected stays open. Then undo gives every byte back.
func TestProtect(t *testing.T) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`: it sets up the Python that this test needs")
	}
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	for _, tt := range []struct {
		example    string
		more       map[string]string // what is put into files: FILE, or FILE and the text that it goes before
		targets    []string
		kept, open []string
	}{
		{
			example: "flask",
			more: map[string]string{"app.py\n@app.errorhandler(404)": `from flask.views import MethodView


class Report(MethodView):
    def get(self):
        return "a report"


app.add_url_rule("/class", view_func=Report.as_view("report"))
app.add_url_rule("/lambda", view_func=lambda: "lambda", endpoint="anonymous")


@app.get("/plain")
def plain():
    return "hello"


`},
			targets: []string{"/tools/*", "/class", "/lambda", "app.py:plain"},
			kept:    []string{"/tools/new", "/tools/7", "/class", "/lambda", "/plain"},
			open:    []string{"/"},
		},
		{
			example: "fastapi",
			targets: []string{"/health", "/api/trails/{slug}/reports/*", "app/routers/pages.py:trail_page"},
			kept:    []string{"/health", "/api/trails/nowhere/reports", "/trails/nowhere"},
			open:    []string{"/", "/api/trails"},
		},
		{
			example: "django",
			more: map[string]string{
				"books/views.py": `

from django.http import HttpResponse
from django.views.generic import View


class Live(View):
    async def get(self, request):
        return HttpResponse('live')


async def feed(request):
    return HttpResponse('feed')
`,
				"books/urls.py\n    path('books/',": `    path('about/', TemplateView.as_view(template_name='books/home.html')),
    path('live/', views.Live.as_view()),
    path('feed/', views.feed),
    path('open/', views.feed),
`,
				"books/urls.py\nfrom . import views": "from django.views.generic import TemplateView\n",
			},
			targets: []string{"/books/add/", "/books/<int:pk>/finish/", "/about/", "/live/", "books/views.py:Live"},
			kept:    []string{"/books/add/", "/books/1/finish/", "/about/", "/live/"},
			open:    []string{"/", "/books/", "/feed/"},
		},
	} {
		t.Run(tt.example, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), tt.example)
			if err := verify.CopyProject(filepath.Join("../../examples", tt.example), dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Dir(filepath.Dir(python)), filepath.Join(dir, ".venv")); err != nil {
				t.Fatal(err)
			}
			for where, text := range tt.more {
				if err := insert(dir, where, text); err != nil {
					t.Fatal(err)
				}
			}
			before := snapshot(dir)
			common := []string{"-C", dir, "--manager", "pip", "--no-input"}
			var pl plan.Plan
			run(t, exitOK, &pl, append([]string{"plan", "--no-install", "--output", "json"}, common...)...)
			run(t, exitOK, nil, append([]string{"add", "--yes", "--no-install", "--no-verify"}, common...)...)
			for _, target := range tt.targets {
				var report protectReport
				run(t, exitOK, &report, append([]string{"protect", target, "--yes", "--output", "json"}, common...)...)
				if len(report.Protected) == 0 {
					t.Errorf("protect %s: nothing is protected", target)
				}
			}
			origin := serve(t, dir, python, *pl.Login)
			for _, path := range tt.kept {
				if status, to := get(t, origin+path, "text/html"); status/100 != 3 || !strings.Contains(to, pl.Login.LoginURL+"?next=") {
					t.Errorf("GET %s: %d to %q, want a browser to be sent to sign in", path, status, to)
				}
				if status, _ := get(t, origin+path, "application/json"); status != http.StatusUnauthorized {
					t.Errorf("GET %s: %d for a JSON client, want 401", path, status)
				}
			}
			for _, path := range tt.open {
				if status, _ := get(t, origin+path, "text/html"); status != http.StatusOK {
					t.Errorf("GET %s: %d, want 200", path, status)
				}
			}
			if status, to := get(t, origin+pl.Login.LoginURL, "text/html"); status/100 != 3 || !strings.Contains(to, "/authorize?") {
				t.Errorf("the login: %d to %q", status, to)
			}
			run(t, exitOK, nil, append([]string{"undo"}, common...)...)
			if after := snapshot(dir); after != before {
				t.Errorf("undo did not give every byte back:\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// insert puts text at the end of a file, or before a text in it.
func insert(dir, where, text string) error {
	name, at, inside := strings.Cut(where, "\n")
	file := filepath.Join(dir, name)
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !inside {
		return os.WriteFile(file, append(src, text...), 0o644)
	}
	if !strings.Contains(string(src), at) {
		return fmt.Errorf("%s has no %q", name, at)
	}
	return os.WriteFile(file, []byte(strings.Replace(string(src), at, text+at, 1)), 0o644)
}

// serve starts a copy of the app as its login says, and gives its origin.
func serve(t *testing.T, dir, python string, login plan.Login) string {
	t.Helper()
	port, err := verify.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	scratch := filepath.Join(t.TempDir(), "copy") // for what the app writes
	if err := verify.CopyProject(dir, scratch); err != nil {
		t.Fatal(err)
	}
	dir = scratch
	fill := strings.NewReplacer("{python}", python, "{port}", strconv.Itoa(port), "{scratch}", filepath.ToSlash(scratch)).Replace
	var paths []string
	for _, p := range login.Paths {
		paths = append(paths, filepath.Join(dir, p))
	}
	env := append(os.Environ(), "PYTHONPATH="+strings.Join(paths, string(filepath.ListSeparator)))
	for _, kv := range login.Env {
		env = append(env, fill(kv))
	}
	start := func(argv []string) *verify.Process {
		argv = slices.Clone(argv)
		for i := range argv {
			argv[i] = fill(argv[i])
		}
		p := &verify.Process{Argv: argv, Dir: filepath.Join(dir, login.Dir), Env: env}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		return p
	}
	for _, argv := range login.Setup {
		<-start(argv).Done()
	}
	app := start(login.Boot)
	if err := app.WaitReady(t.Context(), net.JoinHostPort("localhost", strconv.Itoa(port)), time.Minute); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(app.LastLines(20), "\n"))
	}
	return "http://localhost:" + strconv.Itoa(port)
}

// get asks for a page without following where it leads.
func get(t *testing.T, url, accept string) (status int, to string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Header.Get("Location")
}
