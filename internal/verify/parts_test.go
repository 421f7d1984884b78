package verify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/mask"
	"authfit/internal/plan"
)

func TestCopyProject(t *testing.T) {
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret.txt"), "not the project's")
	root := t.TempDir()
	for _, file := range []string{
		"app.py", ".env", "pkg/mod.py", "pkg/deep/data.json", "db.sqlite3",
		".git/HEAD", ".venv/pyvenv.cfg", ".venv/lib/x.py", "odd name/pyvenv.cfg",
		"node_modules/a/index.js", "pkg/__pycache__/mod.pyc", ".authfit/journal", ".mypy_cache/x",
	} {
		write(t, filepath.Join(root, file), "text of "+file)
	}
	for link, target := range map[string]string{
		"inside.py":      "pkg/mod.py",
		"absolute.py":    filepath.Join(root, "pkg/mod.py"),
		"pkg/up.py":      "../app.py",
		"outside.txt":    filepath.Join(outside, "secret.txt"),
		"dangling":       "nowhere",
		"outsidedir":     outside,
		"through-inside": "outside.txt",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	large, err := os.Create(filepath.Join(root, "dump.sql"))
	if err != nil {
		t.Fatal(err)
	}
	if err := large.Truncate(largest + 1); err != nil { // takes no space
		t.Fatal(err)
	}
	large.Close()
	if err := os.Chmod(filepath.Join(root, "pkg/mod.py"), 0o444); err != nil {
		t.Fatal(err)
	}

	to := t.TempDir()
	skipped, err := copyProject(root, to)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dump.sql"}, skipped); diff != "" {
		t.Errorf("skipped:\n%s", diff)
	}
	got := map[string]string{}
	err = filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(to, path)
		if target, err := os.Readlink(path); err == nil {
			got[rel] = "-> " + target
			return nil
		}
		text, err := os.ReadFile(path)
		got[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"inside.py": "-> pkg/mod.py", "absolute.py": "-> pkg/mod.py", "pkg/up.py": "-> ../app.py",
	}
	for _, file := range []string{"app.py", ".env", "pkg/mod.py", "pkg/deep/data.json", "db.sqlite3"} {
		want[file] = "text of " + file
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the copy:\n%s", diff)
	}
}

func TestDetach(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".env"), "A=1\nexport WORKOS_API_KEY = 'sk_a\nsk_b' # two lines\r\n# WORKOS_API_KEY=comment\nWORKOS_API_KEY_OLD=x\nWORKOS_CLIENT_ID=client_x\nB='it''s'\n")
	write(t, filepath.Join(dir, ".env.local"), "WORKOS_API_KEY=sk_c")
	if err := detach([]string{"WORKOS_API_KEY", "WORKOS_CLIENT_ID"}, dir, dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		filepath.Join(dir, ".env"):       "A=1\n\r\n# WORKOS_API_KEY=comment\nWORKOS_API_KEY_OLD=x\n\nB='it''s'\n",
		filepath.Join(dir, ".env.local"): "",
	}
	if diff := cmp.Diff(want, snapshot(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestException(t *testing.T) {
	tests := []struct{ name, output, want string }{
		{"none", "Starting\nListening", ""},
		{"in the app", `Traceback (most recent call last):
  File "/venv/lib/flask/app.py", line 9, in x
    y()
  File "/tmp/copy/pkg/views.py", line 41, in y
    d["state"]
  File "/venv/lib/werkzeug/d.py", line 2, in z
KeyError: 'state'
INFO something after it`, "KeyError: 'state' (pkg/views.py:41)"},
		{"the newest", "ValueError: old\nTraceback (most recent call last):\njinja2.exceptions.TemplateNotFound: a.html", "jinja2.exceptions.TemplateNotFound: a.html"},
		{"django", "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.", "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty."},
		{"click", "Usage: flask run\n\nError: Could not import 'app'.", "Error: Could not import 'app'."},
		{"a log line is none", "2026-01-01 ERROR in app: Exception on /callback [GET]", ""},
	}
	for _, tt := range tests {
		if got := exception(strings.Split(tt.output, "\n"), "/tmp/copy"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestProcessStopsItsChildren(t *testing.T) {
	// The child ignores the request to end, and writes its id.
	script := `import os, signal, sys, time
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("child", os.getpid(), flush=True)
    time.sleep(600)
time.sleep(600)`
	p := &Process{Argv: []string{python(t), "-c", script}, Env: os.Environ()}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	var child int
	for child == 0 {
		for _, line := range p.LastLines(5) {
			if id, ok := strings.CutPrefix(line, "child "); ok {
				child, _ = strconv.Atoi(id)
			}
		}
		if !p.Running() {
			t.Fatalf("ended: %s %v", p.Ending(), p.LastLines(5))
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.Stop()
	p.Stop() // a second time does nothing
	// Killed, but perhaps not yet taken off the table by its new parent.
	for range 100 {
		stat, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(child), "stat"))
		if syscall.Kill(child, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("the child %d still runs", child)
}

func TestProcessKeepsTheLastLines(t *testing.T) {
	script := `import sys
for i in range(1000): print("line", i)
sys.stdout.write("\x1b[31mred\x1b[0m sk_live_123456")
sys.exit(3)`
	var passed int
	p := &Process{Argv: []string{python(t), "-c", script}, Env: os.Environ(), Mask: mask.Text, Output: func(string) { passed++ }}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	err := p.WaitReady(t.Context(), "127.0.0.1:9", time.Minute)
	if err == nil || err.Error() != "the process ended: exit status 3" {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"line 998", "line 999", "red ***"}, p.LastLines(3)); diff != "" {
		t.Error(diff)
	}
	if len(p.LastLines(5000)) != keptLines || passed != 1001 {
		t.Errorf("%d lines kept, %d passed on", len(p.LastLines(5000)), passed)
	}
}

func TestWaitReadyEnds(t *testing.T) {
	p := &Process{Argv: []string{python(t), "-c", "import time; time.sleep(600)"}, Env: os.Environ()}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	if err := p.WaitReady(t.Context(), addr, 100*time.Millisecond); err == nil || !strings.Contains(err.Error(), "nothing listens on "+addr) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.WaitReady(ctx, addr, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestBrowserCookies(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = nil
		for _, c := range r.Cookies() {
			got = append(got, c.Name)
		}
		if r.URL.Path == "/set" {
			http.SetCookie(w, &http.Cookie{Name: "lax", Value: "1", Path: "/", SameSite: http.SameSiteLaxMode})
			http.SetCookie(w, &http.Cookie{Name: "strict", Value: "1", Path: "/", SameSite: http.SameSiteStrictMode})
			http.SetCookie(w, &http.Cookie{Name: "secure", Value: "1", Path: "/", Secure: true})
			http.SetCookie(w, &http.Cookie{Name: "elsewhere", Value: "1", Path: "/other"})
			http.SetCookie(w, &http.Cookie{Name: "large", Value: strings.Repeat("x", 4096), Path: "/"})
			http.SetCookie(w, &http.Cookie{Name: "gone", Value: "1", Path: "/", MaxAge: -1})
		}
	}))
	defer server.Close()
	local := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	b := newBrowser()
	defer b.close()
	set, err := b.open(t.Context(), local+"/set")
	if err != nil {
		t.Fatal(err)
	}
	step := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cookies sent:\n%s", diff)
		}
	}
	follow := func(from *page, to string) *page {
		t.Helper()
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.follow(t.Context(), from, u)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	same := follow(set, local+"/")
	step("lax", "strict", "secure")
	away := follow(same, server.URL+"/")
	step()
	back := follow(away, local+"/")
	step("lax", "secure")
	follow(back, local+"/") // the same chain of redirects
	step("lax", "secure")
	if _, err := b.open(t.Context(), local+"/"); err != nil {
		t.Fatal(err)
	}
	step("lax", "strict", "secure")
	if len(b.notes) != 2 || !strings.Contains(b.notes[1], "4096") {
		t.Errorf("notes: %q", b.notes)
	}
}

func TestBrowserStaysOnThisMachine(t *testing.T) {
	for _, address := range []string{"https://api.workos.com/", "http://192.0.2.1/", "http://example.test/"} {
		if _, err := newBrowser().open(t.Context(), address); err == nil || !strings.Contains(err.Error(), "not on this machine") {
			t.Errorf("%s: error %v", address, err)
		}
	}
}

func TestForms(t *testing.T) {
	base, _ := url.Parse("http://localhost/page?x=1")
	p := &page{url: base, body: `<form method="POST" action="/a">
<input type=hidden name=csrf value="t&amp;1"><input name=email type=email value="old">
<input type=checkbox name=on checked><input type=checkbox name=off><input name=no disabled value=1>
<textarea name=note> hi </textarea>
<select name=pick><option value=1>one<option value=2 selected>two</select>
<button type=button name=js>JS</button><button name=action value=go>Go</button><input type=submit name=stop value=Cancel>
</form><form><input name=q></form>`}
	forms := p.forms()
	if len(forms) != 2 || len(forms[0].buttons) != 2 {
		t.Fatalf("forms: %+v", forms)
	}
	want := url.Values{"csrf": {"t&1"}, "email": {"old"}, "on": {"on"}, "note": {"hi"}, "pick": {"2"}, "action": {"go"}}
	if diff := cmp.Diff(want, forms[0].values(&forms[0].buttons[0])); diff != "" {
		t.Error(diff)
	}
	if forms[1].method != http.MethodGet || forms[1].action != "/page?x=1" {
		t.Errorf("second form: %+v", forms[1])
	}
}

// The error pages of the frameworks themselves, as they write them in debug mode.
func TestTraceback(t *testing.T) {
	const script = `import json, django
from django.conf import settings
settings.configure(DEBUG=True, SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="__main__")
django.setup()
urlpatterns = []
from django.test import RequestFactory
from django.views import debug
from django.http import Http404
from starlette.middleware.errors import ServerErrorMiddleware
from werkzeug.debug.tbtools import DebugTraceback
pages = {}
request = RequestFactory().get("/callback")
try:
    {}["state"]
except KeyError as e:
    pages["Django's technical error page"] = [500, debug.ExceptionReporter(request, type(e), e, e.__traceback__).get_traceback_html()]
    pages["the Werkzeug debugger"] = [500, DebugTraceback(e).render_debugger_html(evalex=False, secret="", evalex_trusted=False)]
    starlette = ServerErrorMiddleware(None, debug=True)
    pages["Starlette's debug page"] = [500, starlette.generate_html(e)]
    pages["a traceback"] = [500, starlette.generate_plain_text(e)]
pages[""] = [404, debug.technical_404_response(request, Http404()).content.decode()]
print(json.dumps(pages))`
	cmd := exec.Command(python(t), "-c", script)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var pages map[string][2]any
	if err := json.Unmarshal(out, &pages); err != nil {
		t.Fatal(err)
	}
	if len(pages) != 5 {
		t.Errorf("%d pages", len(pages))
	}
	for want, got := range pages {
		p := &page{status: int(got[0].(float64)), body: got[1].(string)}
		if p.traceback() != want || p.broken() != (want != "") {
			t.Errorf("%q: got %q, broken %v", want, p.traceback(), p.broken())
		}
	}
	for _, p := range []*page{{status: 400, body: "<h1>Not signed in</h1>"}, {status: 200}} {
		if p.broken() {
			t.Errorf("%v is no broken page", p)
		}
	}
}

// What a plan leaves open is filled in, also in a variable.
func TestFill(t *testing.T) {
	r := &runner{environ: map[string]string{}, python: "/env/bin/python", port: 8123, appPort: 8123, tmp: filepath.FromSlash("/tmp/run"), opts: Options{Plan: &plan.Plan{Login: &plan.Login{
		Env: []string{"DATABASE_URL=sqlite:///{scratch}/db.sqlite3", "SITE={origin}/{other}"},
	}}}}
	env := envMap(r.env(nowhere))
	for name, want := range map[string]string{
		"DATABASE_URL": "sqlite:////tmp/run/db.sqlite3",
		"SITE":         "http://localhost:8123/{other}",
	} {
		if env[name] != want {
			t.Errorf("%s=%s, want %s", name, env[name], want)
		}
	}
	want := []string{"/env/bin/python", "--port=8123"}
	if diff := cmp.Diff(want, r.fillAll([]string{"{python}", "--port={port}"})); diff != "" {
		t.Error(diff)
	}
}

// A database that is not ready is told from a defect of the app.
func TestDatabaseFix(t *testing.T) {
	for exception, want := range map[string]string{
		"django.db.utils.OperationalError: no such table: django_session (auth_views.py:9)":                           "no tables",
		`psycopg.errors.UndefinedTable: relation "post" does not exist`:                                               "no tables",
		`pymysql.err.ProgrammingError: (1146, "Table 'a.b' doesn't exist")`:                                           "no tables",
		`django.db.utils.OperationalError: connection to server at "127.0.0.1", port 5432 failed: Connection refused`: "start the database",
		`sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) could not translate host name "db" to address`:  "start the database",
		"redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.":               "start the database",
		"KeyError: 'table'": "",
		"httpx.ConnectError: [Errno 111] Connection refused": "",
	} {
		got := databaseFix(exception)
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q", exception, got)
		}
	}
}
