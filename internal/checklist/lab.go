package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"authfit/internal/cli"
	"authfit/internal/emulator"
	"authfit/internal/plan"
	"authfit/internal/verify"
)

// sitecustomize moves the clock of the app: Python imports it at its start, and
// the tests write the offset in seconds into the file.
const sitecustomize = `import os, time

_now = time.time


def _moved():
    try:
        with open(os.environ["AUTHFIT_CLOCK"]) as f:
            return _now() + float(f.read() or 0)
    except (OSError, ValueError):
        return _now()


time.time = _moved
`

// A lab is an example app with its login, running, and the AuthKit behind it.
type lab struct {
	ctx     context.Context
	name    string // of the example
	tmp     string
	dir     string // the copy of the example
	python  string
	login   plan.Login
	authkit *authkit
	server  *http.Server
	base    string // of the AuthKit
	key     string // the cookie password
	app     *verify.Process
	port    int
}

// newLab copies an example, adds the login, has what is given done to the copy,
// and starts it.
func newLab(ctx context.Context, name, python string, change ...func(dir string) error) (_ *lab, err error) {
	l := &lab{ctx: ctx, name: name, python: python}
	if l.tmp, err = os.MkdirTemp("", "authfit-checklist-"); err != nil {
		return nil, err
	}
	if l.tmp, err = filepath.EvalSymlinks(l.tmp); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := l.prepare(); err != nil {
		return nil, err
	}
	for _, do := range change {
		if err := do(l.dir); err != nil {
			return nil, err
		}
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	l.key = base64.URLEncoding.EncodeToString(secret)
	if l.port, err = verify.FreePort(); err != nil {
		return nil, err
	}
	if l.authkit, err = newAuthkit(filepath.Join(l.tmp, "key.pem"), l.origin()+l.login.Callback, l.origin()+"/"); err != nil {
		return nil, err
	}
	listener, err := emulator.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.base = "http://" + listener.Addr().String()
	l.server = &http.Server{Handler: l.authkit, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.server.Serve(listener) }() // ends with Close
	for _, argv := range l.login.Setup {
		if err := l.command(argv); err != nil {
			return nil, err
		}
	}
	l.app, err = l.start(l.port, "http")
	return l, err
}

// prepare copies the example, gives it the tests' environment, and adds the login.
func (l *lab) prepare() error {
	l.dir = filepath.Join(l.tmp, l.name)
	if err := verify.CopyProject(filepath.Join(root(), "examples", l.name), l.dir); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Dir(filepath.Dir(l.python)), filepath.Join(l.dir, ".venv")); err != nil {
		return err
	}
	authfit := func(out io.Writer, args ...string) error {
		var said strings.Builder
		args = append(args, "-C", l.dir, "--manager", "pip", "--no-input")
		if code := cli.Main(args, strings.NewReader(""), out, &said); code != 0 {
			return fmt.Errorf("authfit %s: exit code %d\n%s", strings.Join(args, " "), code, said.String())
		}
		return nil
	}
	var first strings.Builder
	if err := authfit(&first, "plan", "--output", "json"); err != nil {
		return err
	}
	if err := authfit(io.Discard, "add", "--yes", "--no-install", "--no-verify"); err != nil {
		return err
	}
	var planned plan.Plan
	if err := json.Unmarshal([]byte(first.String()), &planned); err != nil {
		return err
	}
	if planned.Login == nil {
		return errors.New("the plan says nothing of a login")
	}
	l.login = *planned.Login
	custom := filepath.Join(l.tmp, "site")
	if err := os.Mkdir(custom, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(custom, "sitecustomize.py"), []byte(sitecustomize), 0o600)
}

// root is the project's own folder: the one with go.mod, here or above.
func root() string {
	dir, _ := os.Getwd()
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil || at == filepath.Dir(at) {
			return at
		}
	}
}

func (l *lab) origin() string { return "http://localhost:" + strconv.Itoa(l.port) }

// env is the app's environment when it is reached by a scheme.
func (l *lab) env(port int, scheme string) []string {
	paths := []string{filepath.Join(l.tmp, "site")}
	for _, p := range l.login.Paths {
		paths = append(paths, filepath.Join(l.dir, p))
	}
	env := append(os.Environ(),
		"WORKOS_API_KEY="+emulator.DefaultAPIKey,
		"WORKOS_CLIENT_ID="+emulator.DefaultClientID,
		"WORKOS_BASE_URL="+l.base,
		"WORKOS_REDIRECT_URI="+scheme+"://localhost:"+strconv.Itoa(port)+l.login.Callback,
		"WORKOS_COOKIE_PASSWORD="+l.key,
		"AUTHFIT_CLOCK="+filepath.Join(l.tmp, "clock"),
		"PYTHONPATH="+strings.Join(paths, string(filepath.ListSeparator)),
		"PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=localhost,127.0.0.1",
	)
	for _, kv := range l.login.Env {
		env = append(env, l.fill(kv, port))
	}
	return env
}

func (l *lab) fill(s string, port int) string {
	return strings.NewReplacer("{python}", l.python, "{port}", strconv.Itoa(port), "{origin}", l.origin(), "{scratch}", filepath.ToSlash(l.tmp)).Replace(s)
}

// process is a command in the app's folder.
func (l *lab) process(argv []string, port int, scheme string) *verify.Process {
	filled := make([]string, len(argv))
	for i, a := range argv {
		filled[i] = l.fill(a, port)
	}
	return &verify.Process{Argv: filled, Dir: filepath.Join(l.dir, l.login.Dir), Env: l.env(port, scheme)}
}

func (l *lab) command(argv []string) error {
	p := l.process(argv, l.port, "http")
	if err := p.Start(); err != nil {
		return err
	}
	defer p.Stop()
	select {
	case <-p.Done():
		return nil
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}

// start boots the app on a port and waits until it answers.
func (l *lab) start(port int, scheme string) (*verify.Process, error) {
	p := l.process(l.login.Boot, port, scheme)
	if err := p.Start(); err != nil {
		return nil, err
	}
	if err := p.WaitReady(l.ctx, net.JoinHostPort("localhost", strconv.Itoa(port)), time.Minute); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%w\n%s", err, strings.Join(p.LastLines(20), "\n"))
	}
	return p, nil
}

// moveClock sets the app's clock ahead.
func (l *lab) moveClock(by time.Duration) {
	must(os.WriteFile(filepath.Join(l.tmp, "clock"), []byte(strconv.FormatFloat(by.Seconds(), 'f', -1, 64)), 0o600))
}

func (l *lab) close() {
	if l.app != nil {
		l.app.Stop()
	}
	if l.server != nil {
		_ = l.server.Close()
	}
	_ = os.RemoveAll(l.tmp)
}

// A failure is what a line saw that is wrong. It is thrown, as testing.T's
// FailNow is, so that the lines read as what is to hold.
type failure string

func fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// must fails for what only a defect of the suite itself can bring about.
func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// notHere begins the reason why a line cannot be tried on a framework.
const notHere = "not here: "

// try runs one line: empty where it holds, else what was wrong. What it did to
// the clock and to AuthKit ends with it.
func (l *lab) try(line line) (wrong string) {
	defer func() {
		l.moveClock(0)
		l.authkit.mend()
		switch e := recover().(type) {
		case nil:
		case failure:
			wrong = strings.ReplaceAll(string(e), "\n", " ")
		default:
			panic(e)
		}
	}()
	line.try(l)
	return ""
}
