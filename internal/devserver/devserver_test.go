package devserver

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/problem"
)

// TestCallback wants an address of this machine, whatever the variables have.
func TestCallback(t *testing.T) {
	const otherwise = "http://localhost:5000/callback"
	for given, want := range map[string]string{
		"":                                 otherwise,
		"http://localhost:8000/callback":   "http://localhost:8000/callback",
		"http://127.0.0.1:8000/auth/back/": "http://127.0.0.1:8000/auth/back/",
		"http://localhost/callback":        "http://localhost/callback",
		"https://shop.example/auth/back":   "http://localhost:5000/auth/back",
		"https://localhost:8000/callback":  "http://localhost:5000/callback",
		"http://[::1]:8000/callback":       "http://localhost:5000/callback",
		"https://shop.example":             otherwise,
		"%zz":                              otherwise,
	} {
		if got := settings(t, "", "WORKOS_REDIRECT_URI="+given).Callback(otherwise).String(); got != want {
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}

// TestAuthKit wants the AuthKit where the project has it, if that is this machine.
func TestAuthKit(t *testing.T) {
	type at struct {
		Host string
		Port int
	}
	for base, want := range map[string]at{
		"":                           {"127.0.0.1", 4100},
		"http://127.0.0.1:4100":      {"127.0.0.1", 4100},
		"http://localhost:4321/":     {"localhost", 4321},
		"https://api.example.test":   {"127.0.0.1", 4100},
		"http://authkit.internal:80": {"127.0.0.1", 4100},
		"https://127.0.0.1:4100":     {"127.0.0.1", 4100},
	} {
		host, port := settings(t, "", "WORKOS_BASE_URL="+base).AuthKit()
		if diff := cmp.Diff(want, at{host, port}); diff != "" {
			t.Errorf("%q: %s", base, diff)
		}
	}
}

// TestTell wants what the app needs to be set, and the rest to be as it was.
func TestTell(t *testing.T) {
	s := settings(t, `
		HOME=/home/ada
		WORKOS_BASE_URL=https://api.example.test
		PYTHONPATH=/lib
		NO_PROXY=example.test
		FLASK_APP=mine
	`, `
		WORKOS_ISSUER=https://auth.example.test
		WORKOS_COOKIE_PASSWORD=
		DJANGO_SETTINGS_MODULE=shop.local
	`)
	set, err := Wiring{
		APIKey: "sk_1", ClientID: "client_1", AuthKit: "http://127.0.0.1:4100", RedirectURI: "http://localhost:8000/callback",
		Env:   []string{"FLASK_APP=app", "DJANGO_SETTINGS_MODULE=shop.settings", "OTHER=x"},
		Paths: []string{"/app"},
	}.Tell(s)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := base64.URLEncoding.DecodeString(set["WORKOS_COOKIE_PASSWORD"]); err != nil || len(key) != 32 {
		t.Errorf("the cookie password %q is no Fernet key: %v", set["WORKOS_COOKIE_PASSWORD"], err)
	}
	got := slices.DeleteFunc(s.Environ(set), func(kv string) bool { return strings.HasPrefix(kv, "WORKOS_COOKIE_PASSWORD=") })
	want := []string{
		"FLASK_APP=mine",
		"HOME=/home/ada",
		"NO_PROXY=example.test,localhost,127.0.0.1",
		"OTHER=x",
		"PYTHONPATH=/app" + string(filepath.ListSeparator) + "/lib",
		"PYTHONUNBUFFERED=1",
		"WORKOS_API_KEY=sk_1",
		"WORKOS_BASE_URL=http://127.0.0.1:4100",
		"WORKOS_CLIENT_ID=client_1",
		"WORKOS_ISSUER=http://127.0.0.1:4100/user_management/client_1",
		"WORKOS_REDIRECT_URI=http://localhost:8000/callback",
		"no_proxy=localhost,127.0.0.1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTellLeaves wants a cookie password that is there to stay.
func TestTellLeaves(t *testing.T) {
	for _, s := range []Settings{
		settings(t, "WORKOS_COOKIE_PASSWORD=there", ""),
		settings(t, "", "WORKOS_COOKIE_PASSWORD=there"),
	} {
		set, err := Wiring{}.Tell(s)
		if err != nil {
			t.Fatal(err)
		}
		if value, ok := set["WORKOS_COOKIE_PASSWORD"]; ok {
			t.Errorf("it is set to %q", value)
		}
		if value, ok := set["WORKOS_ISSUER"]; ok {
			t.Errorf("there was no issuer, and it is set to %q", value)
		}
	}
}

// TestGet wants the process to win over the file, with an empty value too.
func TestGet(t *testing.T) {
	s := settings(t, "A=process EMPTY=", "A=file\nEMPTY=file\nB=file")
	for name, want := range map[string]string{"A": "process", "EMPTY": "", "B": "file", "C": ""} {
		if got := s.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestOverruled(t *testing.T) {
	s := settings(t, "", "WORKOS_BASE_URL=https://api.example.test\nWORKOS_CLIENT_ID=client_1")
	for name, set := range map[string]map[string]string{
		"WORKOS_BASE_URL": {"WORKOS_BASE_URL": "http://127.0.0.1:4100", "WORKOS_CLIENT_ID": "client_1"},
		"":                {"WORKOS_CLIENT_ID": "client_1", "WORKOS_API_KEY": "sk_1"},
	} {
		if got, found := s.Overruled(set); got != name || found != (name != "") {
			t.Errorf("%v: %q, want %q", set, got, name)
		}
	}
}

// TestMask wants the values of secrets hidden, and nothing else: what a developer
// looks for in the log may have the form of one.
func TestMask(t *testing.T) {
	s := settings(t, "WORKOS_API_KEY=sk_live_0123456789\nSSH_KEY=welcome", "STRIPE_SECRET=whsec_0123456789")
	const line = "welcome sk_live_0123456789 whsec_0123456789 GET /reset?token=abc"
	if got, want := s.Mask()(line), "welcome *** *** GET /reset?token=abc"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().(*net.TCPAddr).Port
	for _, asked := range []int{busy, -1, 65536} {
		_, err := Port("--port", asked, 8000)
		var p *problem.Problem
		if !errors.As(err, &p) || p.Fix == "" {
			t.Errorf("port %d: %v, want a problem with a fix", asked, err)
		}
	}
	next, err := Port("--port", 0, busy)
	if err != nil || next == busy {
		t.Fatalf("beside %d: %d, %v", busy, next, err)
	}
	if other, err := Port("--port", 0, next, next); err != nil || other == next {
		t.Errorf("beside %d, which is to be left: %d, %v", next, other, err)
	}
	if _, err := Port("--port", next, 0, next); err == nil {
		t.Errorf("port %d was given twice", next)
	}
	if got, err := Port("--port", next, 0); err != nil || got != next {
		t.Errorf("port %d was asked for: %d, %v", next, got, err)
	}
	// On another address that localhost may mean.
	if six, err := net.Listen("tcp", "[::1]:0"); err == nil {
		defer six.Close()
		if _, err := Port("--port", six.Addr().(*net.TCPAddr).Port, 0); err == nil {
			t.Error("a port of [::1] that is taken was given")
		}
	}
}

// TestFiles changes files as a developer does, and some that are none of theirs.
func TestFiles(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"app.py", "pkg/views.py", ".env", "notes.txt", ".venv/lib/x.py", "env/pyvenv.cfg", "env/x.py", "node_modules/x.py"} {
		write(name, "")
	}
	before := look(root)
	for _, c := range []struct {
		name string
		do   func()
		want string
	}{
		{"nothing", func() {}, ""},
		{"what is not looked at", func() {
			for _, name := range []string{"notes.txt", ".venv/lib/x.py", "env/x.py", "node_modules/x.py"} {
				write(name, "changed")
			}
		}, ""},
		{"a line", func() { write("pkg/views.py", "x = 1\n") }, "pkg/views.py"},
		{"the time alone", func() {
			if err := os.Chtimes(filepath.Join(root, "app.py"), time.Time{}, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}, "app.py"},
		{"a new file", func() { write("a/new.py", "") }, "a/new.py"},
		{"a file that goes", func() {
			if err := os.Remove(filepath.Join(root, "a", "new.py")); err != nil {
				t.Fatal(err)
			}
		}, "a/new.py"},
		{"the environment file", func() { write(".env", "A=b\n") }, ".env"},
	} {
		c.do()
		after := look(root)
		got := differing(before, after)
		if got != "" {
			rel, _ := filepath.Rel(root, got)
			got = filepath.ToSlash(rel)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		before = after
	}
	if len(before) != 3 {
		t.Errorf("looked at %v, want three files", slices.Collect(maps.Keys(before)))
	}
}

// TestRun runs a server that ends with an error, and has it come back by a change
// that was made before it ended.
func TestRun(t *testing.T) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`: it sets up the Python that this test needs")
	}
	root := t.TempDir()
	file := filepath.Join(root, "app.py")
	// It mends itself while it runs, as somebody does who is faster than the reloader.
	const broken = "open(__file__, 'w').write('import http.server, sys\\nhttp.server.test(port=int(sys.argv[1]), bind=\"127.0.0.1\")\\n')\nraise SystemExit(3)\n"
	if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	port, err := Port("--port", 0, 18000)
	if err != nil {
		t.Fatal(err)
	}
	ready, notes := make(chan bool, 2), []string{}
	argv := Fill([]string{"{python}", "app.py", "{port}"}, python, port)
	s := &Server{
		Argv: argv, Dir: root, Root: root, Addr: net.JoinHostPort("127.0.0.1", argv[2]),
		Output: func(string) {}, Note: func(line string) { notes = append(notes, line) }, Ready: func() { ready <- true },
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	case <-ctx.Done():
		t.Fatal("it did not come back")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	want := []string{"the server has ended (exit status 3); it is started again when a file has changed", "app.py has changed; the server is started again"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Error(diff)
	}
	if !free(port) {
		t.Errorf("something is left on port %d", port)
	}
	s.Argv = []string{filepath.Join(root, "missing")}
	if err := s.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	(&Log{W: &b}).Line("app", "one")
	(&Log{W: &b, Colour: true}).Line("authkit", "two")
	if got, want := b.String(), "app     | one\n\x1b[35mauthkit |\x1b[0m two\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// settings are those of a process and an environment file; lines are trimmed.
func settings(t *testing.T, environ, file string) Settings {
	t.Helper()
	trim := func(text string) []string { return strings.Fields(text) }
	return NewSettings(trim(environ), []byte(strings.Join(trim(file), "\n")))
}
