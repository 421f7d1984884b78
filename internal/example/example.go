// Package example runs copies of the example apps, with the login that authfit
// adds to them and a local AuthKit behind it, for the checklist and the benchmark.
package example

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
	"slices"
	"strconv"
	"strings"
	"time"

	"authfit/internal/cli"
	"authfit/internal/emulator"
	"authfit/internal/plan"
	"authfit/internal/verify"
)

// An App is a copy of an example. Copy makes it, Add adds the login, Behind
// starts the AuthKit, and Start the app.
type App struct {
	Name   string // of the example
	Tmp    string // removed by Close, with all that is in it
	Dir    string // the copy, in Tmp
	Python string
	Login  plan.Login // what the plan says of the login, added or not
	Base   string     // of the AuthKit
	Key    string     // the cookie password
	Port   int
	Paths  []string // folders that Python imports from before all others
	Env    []string // KEY=value, beside what the login needs

	server *http.Server
}

// Copy copies an example, gives it an environment that has what it needs, and
// plans the login.
func Copy(name, python string) (_ *App, err error) {
	a, err := Of(filepath.Join(Root(), "examples", name), python)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if err := os.Symlink(filepath.Dir(filepath.Dir(python)), filepath.Join(a.Dir, ".venv")); err != nil {
		return nil, err
	}
	return a, a.plan()
}

// Of copies any app's folder, without its environment. What the plan says of
// its login is the caller's to set.
func Of(dir, python string) (_ *App, err error) {
	a := &App{Name: filepath.Base(dir), Python: python}
	if a.Tmp, err = os.MkdirTemp("", "authfit-example-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.Tmp, err = filepath.EvalSymlinks(a.Tmp); err != nil {
		return nil, err
	}
	a.Dir = filepath.Join(a.Tmp, a.Name)
	if err := verify.CopyProject(dir, a.Dir); err != nil {
		return nil, err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	a.Key = base64.URLEncoding.EncodeToString(secret)
	a.Port, err = verify.FreePort()
	return a, err
}

func (a *App) plan() error {
	var out strings.Builder
	if err := a.authfit(&out, "plan", "--output", "json"); err != nil {
		return err
	}
	var planned plan.Plan
	if err := json.Unmarshal([]byte(out.String()), &planned); err != nil {
		return err
	}
	if planned.Login == nil {
		return errors.New("the plan says nothing of a login")
	}
	a.Login = *planned.Login
	return nil
}

// Add adds the login.
func (a *App) Add() error {
	return a.authfit(io.Discard, "add", "--yes", "--no-install", "--no-verify")
}

func (a *App) authfit(out io.Writer, args ...string) error {
	var said strings.Builder
	args = append(args, "-C", a.Dir, "--manager", "pip", "--no-input")
	if code := cli.Main(args, strings.NewReader(""), out, &said); code != 0 {
		return fmt.Errorf("authfit %s: exit code %d\n%s", strings.Join(args, " "), code, said.String())
	}
	return nil
}

// Root is the project's own folder: the one with go.mod, here or above.
func Root() string {
	dir, _ := os.Getwd()
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil || at == filepath.Dir(at) {
			return at
		}
	}
}

// Behind serves the AuthKit that the app is to talk to.
func (a *App) Behind(authkit http.Handler) error {
	listener, err := emulator.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	a.Base = "http://" + listener.Addr().String()
	a.server = &http.Server{Handler: authkit, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }() // ends with Close
	return nil
}

// Origin is the app's own, on its first port.
func (a *App) Origin() string { return "http://localhost:" + strconv.Itoa(a.Port) }

// SetUp runs the commands that come before a start.
func (a *App) SetUp(ctx context.Context) error {
	for _, argv := range a.Login.Setup {
		if err := a.Run(ctx, argv); err != nil {
			return err
		}
	}
	return nil
}

// Run runs a command in the app's folder to its end.
func (a *App) Run(ctx context.Context, argv []string) error {
	p := a.process(argv, a.Port, "http")
	if err := p.Start(); err != nil {
		return err
	}
	select {
	case <-p.Done():
		return nil
	case <-ctx.Done():
		p.Stop()
		return ctx.Err()
	}
}

// Start starts a command that serves the app on a port, and waits until it
// answers. The scheme is that of the redirect URI.
func (a *App) Start(ctx context.Context, argv []string, port int, scheme string) (*verify.Process, error) {
	p := a.process(argv, port, scheme)
	if err := p.Start(); err != nil {
		return nil, err
	}
	if err := p.WaitReady(ctx, net.JoinHostPort("localhost", strconv.Itoa(port)), time.Minute); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%w\n%s", err, strings.Join(p.LastLines(20), "\n"))
	}
	return p, nil
}

// process is a command in the app's folder.
func (a *App) process(argv []string, port int, scheme string) *verify.Process {
	fill := strings.NewReplacer("{python}", a.Python, "{port}", strconv.Itoa(port), "{origin}", a.Origin(), "{scratch}", filepath.ToSlash(a.Tmp))
	filled := make([]string, len(argv))
	for i, arg := range argv {
		filled[i] = fill.Replace(arg)
	}
	paths := slices.Clone(a.Paths)
	for _, p := range a.Login.Paths {
		paths = append(paths, filepath.Join(a.Dir, p))
	}
	env := append(os.Environ(),
		"WORKOS_API_KEY="+emulator.DefaultAPIKey,
		"WORKOS_CLIENT_ID="+emulator.DefaultClientID,
		"WORKOS_BASE_URL="+a.Base,
		"WORKOS_REDIRECT_URI="+scheme+"://localhost:"+strconv.Itoa(port)+a.Login.Callback,
		"WORKOS_COOKIE_PASSWORD="+a.Key,
		"PYTHONPATH="+strings.Join(paths, string(filepath.ListSeparator)),
		"PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=localhost,127.0.0.1",
	)
	for _, kv := range a.Login.Env {
		env = append(env, fill.Replace(kv))
	}
	return &verify.Process{Argv: filled, Dir: filepath.Join(a.Dir, a.Login.Dir), Env: append(env, a.Env...)}
}

// Close ends the AuthKit and removes the copy. What was started is stopped by
// who started it.
func (a *App) Close() {
	if a.server != nil {
		_ = a.server.Close()
	}
	_ = os.RemoveAll(a.Tmp)
}
