package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"authfit/internal/cli"
	"authfit/internal/emulator"
	"authfit/internal/example"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/verify"
)

// A result is what came of one app. Its cells say "yes", "no" or "-"; why not
// is in notes.
type result struct {
	app
	miss                                    string // why it was not tried
	python, add, boot, login, protect, undo string
	routes, took                            string
	notes                                   []string
}

func (r result) whole() bool {
	return r.add == "yes" && r.boot == "yes" && r.login == "yes" && r.protect != "no" && r.undo == "yes"
}

func (r result) remarks() []string {
	if r.miss != "" {
		return []string{r.miss}
	}
	if r.remark != "" {
		return append([]string{r.remark}, r.notes...)
	}
	return r.notes
}

func (r *result) note(step, format string, args ...any) {
	r.notes = append(r.notes, step+": "+fmt.Sprintf(format, args...))
}

// try takes one app through everything. The error is for what is wrong with DIR.
func try(ctx context.Context, a app, corpus string) (result, error) {
	r := result{app: a, python: "-", add: "no", boot: "-", login: "-", protect: "-", undo: "-"}
	if reason, is := strings.CutPrefix(a.remark, "miss: "); is {
		r.miss = reason
		return r, nil
	}
	root := filepath.Join(corpus, strings.Replace(a.name, "/", "+", 1))
	t := &trial{result: &r, dir: filepath.Join(root, filepath.FromSlash(a.folder))}
	restore, err := environ(root + ".env")
	if err != nil {
		return r, err
	}
	defer restore()
	before, err := snapshot(root)
	if err != nil {
		return r, err
	}
	packages, err := t.packages()
	if err != nil {
		return r, err
	}
	if err := t.addLogin(); err != nil {
		return r, err
	}
	if r.add == "yes" {
		t.again()
		t.protectPage(ctx)
	}
	t.undoAll()
	if t.interrupted {
		return r, errors.New("interrupted")
	}
	after, err := snapshot(root)
	if err != nil {
		return r, err
	}
	left, err := t.packages()
	if err != nil {
		return r, err
	}
	t.compare("file", before, after)
	t.compare("package", packages, left)
	return r, nil
}

// environ sets what a file has a KEY=value a line of, and gives the way back.
func environ(file string) (restore func(), err error) {
	src, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(src)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			names = append(names, name)
			if err := os.Setenv(name, value); err != nil {
				return nil, err
			}
		}
	}
	return func() {
		for _, name := range names {
			_ = os.Unsetenv(name)
		}
	}, nil
}

// A trial is one app while it is tried.
type trial struct {
	*result
	dir         string // where authfit works
	interrupted bool   // a command was
}

// said is what a command wrote as JSON: a report, or an error.
type said struct {
	Checks   []verify.Check    `json:"checks"`
	Problems []problem.Problem `json:"problems"`
}

// authfit runs a command in the app's folder. What it wrote as JSON goes into
// out; its progress is kept for a note.
func (t *trial) authfit(out any, args ...string) (code int, progress string, err error) {
	args = append(args, "-C", t.dir, "--no-input", "--output", "json")
	args = append(args, t.flags...)
	var document, said strings.Builder
	code = cli.Main(args, strings.NewReader(""), &document, &said)
	t.interrupted = t.interrupted || code == 130
	if err := json.Unmarshal([]byte(document.String()), out); err != nil && code == 0 {
		return code, said.String(), err
	}
	return code, said.String(), nil
}

// addLogin adds the login, and tells what its checks saw.
func (t *trial) addLogin() error {
	var p project.Project
	if _, _, err := t.authfit(&p, "inspect"); err != nil {
		return err
	}
	t.python = minor(p.Python.Version)
	begin := time.Now()
	var s said
	code, progress, err := t.authfit(&s, "add", "--yes")
	if err != nil {
		return err
	}
	if code > 1 {
		t.note("add", "%s", why(s, progress))
		return nil
	}
	t.add, t.took = "yes", time.Since(begin).Round(time.Second).String()
	t.checks("add", s.Checks)
	return nil
}

// checks fills the cells that a report speaks of.
func (t *trial) checks(step string, checks []verify.Check) {
	t.boot, t.login = "-", "yes"
	for _, c := range checks {
		if c.ID == "boot" && c.Status == verify.Pass {
			t.boot = "yes"
		}
		if c.Status != verify.Fail {
			continue
		}
		t.note(step, "%s fails: %s", c.ID, oneLine(c.Detail))
		t.login = "no"
		if c.ID == "boot" {
			t.boot = "no"
		}
	}
	if t.boot != "yes" {
		t.login = "no"
	}
}

// again adds the login to an app that has it, which does nothing, and verifies.
func (t *trial) again() {
	var planned plan.Plan
	if code, progress, err := t.authfit(&planned, "plan", "--check"); code != 0 || err != nil {
		t.add = "no"
		t.note("add again", "the plan is not empty: %s", why(said{Problems: planned.Problems}, progress))
	}
	for _, args := range [][]string{{"add", "--yes", "--no-verify"}, {"verify", "--login"}} {
		var s said
		code, progress, err := t.authfit(&s, args...)
		if err != nil || code != 0 && len(s.Checks) == 0 {
			t.note(strings.Join(args, " "), "%s", why(s, progress))
			t.login = "no"
		}
		if code == 0 && args[0] == "add" && !strings.Contains(progress, "nothing to do") {
			t.add = "no"
			t.note("add again", "it found something to do")
		}
		if len(s.Checks) > 0 && t.login == "yes" {
			t.checks(args[0], s.Checks)
		}
	}
}

// protectPage lists the routes, protects the page, and asks for it.
func (t *trial) protectPage(ctx context.Context) {
	var listing struct {
		Routes []struct{ Path string }
		Unseen []project.Evidence
	}
	var s said
	if code, progress, err := t.authfit(&listing, "protect", "--list"); code != 0 || err != nil {
		t.note("protect --list", "%s", why(s, progress))
		t.protect = "no"
		return
	}
	t.routes = strconv.Itoa(len(listing.Routes))
	if n := len(listing.Unseen); n > 0 {
		t.routes += fmt.Sprintf(", %d not seen", n)
	}
	if t.page == "-" {
		return
	}
	t.protect = "no"
	if code, progress, err := t.authfit(&s, "protect", "--yes", t.page); code != 0 || err != nil {
		t.note("protect "+t.page, "%s", why(s, progress))
		return
	}
	answer, guarded, err := t.ask(ctx)
	switch {
	case err != nil:
		t.note("protect "+t.page, "%s", oneLine(err.Error()))
	case !guarded:
		t.note("protect "+t.page, "the page answers %s", answer)
	default:
		t.protect = "yes"
	}
}

// ask starts a copy of the app and asks for its page without a session: what it
// answers, and whether that leads to the login that was added.
func (t *trial) ask(ctx context.Context) (answer string, guarded bool, err error) {
	var planned plan.Plan
	if code, progress, err := t.authfit(&planned, "plan"); code != 0 || err != nil || planned.Login == nil {
		return "", false, fmt.Errorf("no plan of the login: %s", progress)
	}
	a, err := example.Of(t.dir, planned.Interpreter(t.dir))
	if err != nil {
		return "", false, err
	}
	defer a.Close()
	a.Login = *planned.Login
	if err := a.Behind(&emulator.Emulator{}); err != nil {
		return "", false, err
	}
	if err := a.SetUp(ctx); err != nil {
		return "", false, err
	}
	p, err := a.Start(ctx, a.Login.Boot, a.Port, "http")
	if err != nil {
		return "", false, err
	}
	defer p.Stop()
	answer, to, err := get(ctx, "http://"+net.JoinHostPort(t.host(), strconv.Itoa(a.Port))+t.page)
	return answer, to == a.Login.LoginURL, err
}

// host is the name of this machine that the app answers to: the one that add
// has put into its redirect URI.
func (t *trial) host() string {
	src, _ := os.ReadFile(filepath.Join(t.dir, ".env"))
	if bytes.Contains(src, []byte("WORKOS_REDIRECT_URI=http://127.0.0.1")) {
		return "127.0.0.1"
	}
	return "localhost"
}

// get asks for a page as a browser does: what it answers, and the path that this
// leads to.
func get(ctx context.Context, page string) (answer, to string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Accept", "text/html")
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	if place, err := resp.Location(); err == nil {
		to = place.Path
	}
	return strings.TrimSpace(resp.Status + " " + resp.Header.Get("Location")), to, nil
}

// undoAll undoes until nothing is left.
func (t *trial) undoAll() {
	t.undo = "yes"
	for range 5 {
		var s said
		code, progress, err := t.authfit(&s, "undo")
		if code != 0 || err != nil {
			t.undo = "no"
			t.note("undo", "%s", why(s, progress))
			return
		}
		if strings.Contains(progress, "nothing to undo") {
			return
		}
	}
	t.undo = "no"
	t.note("undo", "there is no end of it")
}

// why is what a command says of its failure, in a line.
func why(s said, progress string) string {
	if len(s.Problems) > 0 {
		return oneLine(s.Problems[0].Text())
	}
	lines := strings.Split(strings.TrimSpace(progress), "\n")
	return oneLine(strings.Join(lines[max(0, len(lines)-5):], "\n"))
}

// oneLine is the first lines of a text as one, for a list.
func oneLine(text string) string {
	const longest = 500
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " ..."
	}
	return text
}

// minor is "3.12" of "3.12.1".
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}
