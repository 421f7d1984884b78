package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"authfit/internal/example"
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
	*example.App
	ctx     context.Context
	authkit *authkit
	app     *verify.Process
}

// newLab copies an example, adds the login, has what is given done to the copy,
// and starts it.
func newLab(ctx context.Context, name, python string, change ...func(dir string) error) (_ *lab, err error) {
	l := &lab{ctx: ctx}
	if l.App, err = example.Copy(name, python); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := l.Add(); err != nil {
		return nil, err
	}
	for _, do := range change {
		if err := do(l.Dir); err != nil {
			return nil, err
		}
	}
	if err := l.giveClock(); err != nil {
		return nil, err
	}
	if l.authkit, err = newAuthkit(filepath.Join(l.Tmp, "key.pem"), l.Origin()+l.Login.Callback, l.Origin()+"/"); err != nil {
		return nil, err
	}
	if err := l.Behind(l.authkit); err != nil {
		return nil, err
	}
	if err := l.SetUp(ctx); err != nil {
		return nil, err
	}
	l.app, err = l.start(l.Port, "http")
	return l, err
}

// giveClock has the app's Python import what moves its clock.
func (l *lab) giveClock() error {
	site := filepath.Join(l.Tmp, "site")
	l.Paths, l.Env = []string{site}, []string{"AUTHFIT_CLOCK=" + l.clock()}
	if err := os.Mkdir(site, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(site, "sitecustomize.py"), []byte(sitecustomize), 0o600)
}

func (l *lab) clock() string { return filepath.Join(l.Tmp, "clock") }

// start boots the app on a port and waits until it answers.
func (l *lab) start(port int, scheme string) (*verify.Process, error) {
	return l.Start(l.ctx, l.Login.Boot, port, scheme)
}

// moveClock sets the app's clock ahead.
func (l *lab) moveClock(by time.Duration) {
	must(os.WriteFile(l.clock(), []byte(strconv.FormatFloat(by.Seconds(), 'f', -1, 64)), 0o600))
}

func (l *lab) close() {
	if l.app != nil {
		l.app.Stop()
	}
	l.App.Close()
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
