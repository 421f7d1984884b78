package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"authfit/internal/cli"
	"authfit/internal/plan"
	"authfit/internal/problem"
)

// An outcome is what add did.
type outcome string

const (
	notApplicable outcome = "" // the variant found nothing to rewrite
	added         outcome = "added"
	refused       outcome = "refused"
	failed        outcome = "failed"
)

// A result is what came of one subject under one variant.
type result struct {
	task
	outcome outcome
	code    string   // of the problem, where it was refused
	only    bool     // it was refused though it is added to as it is
	checked bool     // the framework's own check was run on what add made
	broken  []string // the properties that do not hold, and how
}

// A trial is a run of one task.
type trial struct {
	result
	python        *python
	dir, project  string // the copy, and where in it authfit works
	plan          *plan.Plan
	before, after map[string]entry
	complaint     string // of the framework's own check, before
}

// breaks notes that a property does not hold.
func (t *trial) breaks(property, format string, args ...any) {
	t.broken = append(t.broken, property+": "+fmt.Sprintf(format, args...))
}

// The properties. Each is about a copy of a project that nobody else touches.
const (
	sameBytes  = "a plan has the same bytes whenever and wherever it is made"
	cleanly    = "a refusal changes nothing, and says where and what to do"
	once       = "a second add changes nothing"
	allBack    = "undo gives back every byte, mode, time and link"
	asPlanned  = "the diff, applied by others, gives what was written"
	nothing    = "what the plan does not name is as it was"
	comesBack  = "what a hunk takes away comes back in its place"
	convention = "new lines follow the conventions of their file"
	parses     = "what was written parses, for CPython too"
	starts     = "the framework's own check passes where it did"
)

// hold makes a copy of the subject and holds authfit to the properties.
func hold(task task, python *python) (result, error) {
	known, err := task.subject.asItIs(python)
	if err != nil {
		return result{}, err
	}
	tmp, err := os.MkdirTemp("", "authfit-properties-")
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if tmp, err = filepath.EvalSymlinks(tmp); err != nil {
		return result{}, err
	}
	t := &trial{result: result{task: task}, python: python, dir: filepath.Join(tmp, "project")}
	t.project = filepath.Join(t.dir, task.subject.folder)
	is, err := task.make(t.dir, known, python)
	if err != nil || !is {
		return t.result, err
	}
	elsewhere := filepath.Join(tmp, "else", "where", "project")
	if _, err := task.make(elsewhere, known, python); err != nil {
		return t.result, err
	}
	if t.before, err = snapshot(t.dir); err != nil {
		return t.result, err
	}
	if err := t.plans(tmp, elsewhere); err != nil {
		return t.result, err
	}
	if err := t.add(tmp, elsewhere); err != nil {
		return t.result, err
	}
	t.only = t.outcome == refused && known.outcome == added
	return t.result, nil
}

// known is what add does to a subject as it is.
type known struct {
	outcome outcome
	touched []string // relative to the copy
	env     string
}

// facts are what asItIs finds out once.
type facts struct {
	once  sync.Once
	known known
	err   error
}

// asItIs finds out what add does to the subject as it is.
func (s *subject) asItIs(python *python) (known, error) {
	s.once.Do(func() {
		s.known, s.err = s.look(python)
	})
	return s.known, s.err
}

func (s *subject) look(python *python) (k known, err error) {
	dir, err := os.MkdirTemp("", "authfit-properties-")
	if err != nil {
		return k, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := s.make(dir, python); err != nil {
		return k, err
	}
	var planned plan.Plan
	code, out, _ := authfit(filepath.Join(dir, s.folder), append([]string{"plan", "--no-install", "--output", "json"}, s.flags...)...)
	if code != 0 {
		k.outcome = refused
		return k, nil
	}
	if err := json.Unmarshal(out, &planned); err != nil {
		return k, err
	}
	k.outcome = added
	for _, f := range planned.Files {
		if f.Action == plan.Modify {
			k.touched = append(k.touched, path.Join(s.folder, f.Path))
		}
	}
	for _, e := range planned.Env {
		k.env = path.Join(s.folder, e.File)
	}
	return k, nil
}

// make makes the project in dir, in a git repository and with an environment,
// which has everything for the examples, and no package otherwise.
func (s *subject) make(dir string, python *python) error {
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, ".git"), 0o755), s.write(dir)); err != nil {
		return err
	}
	venv := filepath.Join(dir, s.folder, ".venv")
	if s.kind == exampleApp {
		return os.Symlink(python.environment(), venv)
	}
	if _, err := os.Lstat(venv); err == nil {
		return nil // it has one of its own
	}
	config, err := os.ReadFile(filepath.Join(python.environment(), "pyvenv.cfg"))
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(venv, "pyvenv.cfg"), config, 0o644),
		os.Mkdir(filepath.Join(venv, "bin"), 0o755),
		os.Symlink(python.executable, filepath.Join(venv, "bin", "python")),
	)
}

// make makes the project in dir under the variant.
func (t task) make(dir string, k known, python *python) (bool, error) {
	if err := t.subject.make(dir, python); err != nil {
		return false, err
	}
	p := place{dir: dir}
	for _, file := range k.touched {
		p.touched = append(p.touched, filepath.Join(dir, file))
	}
	if k.env != "" {
		p.env = filepath.Join(dir, k.env)
	}
	return t.variant.rewrite(p)
}

// authfit runs a command in this process.
func authfit(dir string, args ...string) (code int, out []byte, said string) {
	var stdout, stderr bytes.Buffer
	code = cli.Main(append(args, "-C", dir, "--no-input"), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.Bytes(), stderr.String()
}

func (t *trial) authfit(args ...string) (code int, out []byte, said string) {
	return authfit(t.project, append(args, t.subject.flags...)...)
}

// plans makes the plan twice, the second time of a copy elsewhere. What cannot be
// applied may name the folder that it is about.
func (t *trial) plans(tmp, elsewhere string) error {
	var first []byte
	firstCode := 0
	for i, dir := range []string{t.project, filepath.Join(elsewhere, t.subject.folder)} {
		file := filepath.Join(tmp, fmt.Sprintf("plan-%d.json", i))
		code, _, said := authfit(dir, append([]string{"plan", "--no-install", "-o", file}, t.subject.flags...)...)
		src, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			src = fmt.Appendf(nil, "%d %s", code, said) // nothing can be said but why
		} else if err != nil {
			return err
		}
		if first == nil {
			first, firstCode = src, code
		} else if firstCode == 0 && !bytes.Equal(first, src) {
			t.breaks(sameBytes, "%s", differ(first, src))
		}
	}
	after, err := snapshot(t.dir)
	if how := changed(t.before, after); len(how) > 0 {
		t.breaks(cleanly, "after plan: %s", told(how))
	}
	if t.plan = new(plan.Plan); !bytes.HasPrefix(first, []byte("{")) || json.Unmarshal(first, t.plan) != nil {
		t.plan = nil
	}
	return err
}

// differ is where two texts begin to differ.
func differ(a, b []byte) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	part := func(s []byte) []byte { return s[max(0, i-40):min(len(s), i+40)] }
	return fmt.Sprintf("%q and %q", part(a), part(b))
}

// add adds the login, looks at what came of it, and takes it back.
func (t *trial) add(tmp, elsewhere string) error {
	originals, err := t.originals()
	if err != nil {
		return err
	}
	if err := t.checkBefore(elsewhere); err != nil {
		return err
	}
	add := []string{"add", "--no-install", "--no-verify", "--yes"}
	code, out, said := t.authfit(append(add, "--output", "json")...)
	if t.after, err = snapshot(t.dir); err != nil {
		return err
	}
	switch code {
	case 0:
		t.outcome = added
	case 2:
		t.outcome = refused
		return t.refusal(out, said)
	default:
		t.outcome = failed
		t.breaks("add ends with 0 or 2", "%d: %s", code, said)
		return nil
	}
	if t.plan == nil || len(t.plan.Problems) > 0 {
		t.breaks(asPlanned, "there was no plan of it")
		return nil
	}
	t.unclaimed()
	if err := t.files(tmp, originals); err != nil {
		return err
	}
	if err := t.pythonFiles(tmp, originals); err != nil {
		return err
	}
	if err := t.checkAfter(filepath.Join(tmp, "checked")); err != nil {
		return err
	}
	code, _, said = t.authfit(add...)
	again, err := snapshot(t.dir)
	if how := changed(t.after, again); code != 0 || len(how) > 0 {
		t.breaks(once, "exit code %d, %s%s", code, told(how), unless(code == 0, said))
	}
	if err != nil {
		return err
	}
	code, _, said = authfit(t.project, "undo")
	back, err := snapshot(t.dir)
	if how := changed(t.before, back); code != 0 || len(how) > 0 {
		t.breaks(allBack, "exit code %d, %s%s", code, told(how), unless(code == 0, said))
	}
	return err
}

func unless(quiet bool, said string) string {
	if quiet {
		return ""
	}
	return ": " + said
}

// ofTheProject are problems of the project as a whole, which no one file has.
var ofTheProject = map[string]bool{"several-apps": true, "no-app": true, "not-python": true}

// refusal is exit code 2.
func (t *trial) refusal(out []byte, said string) error {
	if how := changed(t.before, t.after); len(how) > 0 {
		t.breaks(cleanly, "%s", told(how))
	}
	var s struct{ Problems []problem.Problem }
	if err := json.Unmarshal(out, &s); err != nil || len(s.Problems) == 0 {
		t.breaks(cleanly, "there is no problem in what it says: %s", said)
		return nil
	}
	p := s.Problems[0]
	t.code = p.Code
	if p.Fix == "" || p.File == "" && !ofTheProject[p.Code] {
		t.breaks(cleanly, "no file, or no way out: %s", p.Text())
	}
	return nil
}

// originals are the bytes of the files that the plan changes, through links, by
// the plan's paths; nil for a file that it makes.
func (t *trial) originals() (map[string][]byte, error) {
	found := map[string][]byte{}
	if t.plan == nil {
		return found, nil
	}
	names := map[string]bool{}
	for _, f := range t.plan.Files {
		names[f.Path] = true
	}
	for _, e := range t.plan.Env {
		names[e.File] = true
	}
	for name := range names {
		src, err := os.ReadFile(filepath.Join(t.project, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		found[name] = src
	}
	return found, nil
}

// unclaimed looks for changes that the plan does not name.
func (t *trial) unclaimed() {
	claimed := map[string]bool{}
	for _, name := range t.claimed() {
		real, err := filepath.EvalSymlinks(filepath.Join(t.project, name))
		if err != nil {
			t.breaks(nothing, "%v", err)
			return
		}
		rel, err := filepath.Rel(t.dir, real)
		if err != nil {
			t.breaks(nothing, "%v", err)
			return
		}
		claimed[filepath.ToSlash(rel)] = true
	}
	own := path.Join(t.subject.folder, ".authfit")
	for name, how := range changed(t.before, t.after) {
		is := t.after[name]
		switch {
		case name == own || strings.HasPrefix(name, own+"/"):
		case claimed[name] && how == "other bytes" && is.mode == t.before[name].mode:
		case claimed[name] && how == "new":
		case how == "new" && is.mode.IsDir() && holds(claimed, name):
		default:
			t.breaks(nothing, "%s (%s)", name, how)
		}
	}
}

// claimed are the files that the plan names.
func (t *trial) claimed() []string {
	var names []string
	for _, f := range t.plan.Files {
		names = append(names, f.Path)
	}
	for _, e := range t.plan.Env {
		names = append(names, e.File)
	}
	return names
}

// holds says whether one of the names is below a folder.
func holds(names map[string]bool, folder string) bool {
	for name := range names {
		if strings.HasPrefix(name, folder+"/") {
			return true
		}
	}
	return false
}

// pythonFiles has both parsers read what was written. A warning that was not there
// before, or syntax that Python 3.8 does not know, is of our making too.
func (t *trial) pythonFiles(tmp string, originals map[string][]byte) error {
	written := map[string]string{} // what was there before, by what is there now
	paths := []string{}
	for _, f := range t.plan.Files {
		if path.Ext(f.Path) != ".py" {
			continue
		}
		now := filepath.Join(t.project, f.Path)
		written[now] = ""
		paths = append(paths, now)
		if f.Action == plan.Modify {
			was := filepath.Join(tmp, "before", f.Path)
			if err := writeFile(was, originals[f.Path], 0o600); err != nil {
				return err
			}
			written[now] = was
			paths = append(paths, was)
		}
		t.parse(f.Path)
	}
	said, err := t.python.compile(paths)
	if err != nil {
		return err
	}
	for now, was := range written {
		a := said[now]
		b := said[was] // nothing is said of no file
		if a.Error != "" && b.Error == "" {
			t.breaks(parses, "%s: %s", now, a.Error)
		}
		if len(a.Warnings) > len(b.Warnings) {
			t.breaks(parses, "%s: %v", now, a.Warnings)
		}
		if a.Old != "" && b.Old == "" {
			t.breaks(parses, "%s: %s", now, a.Old)
		}
	}
	return nil
}

// checkBefore runs the framework's own check on a copy that has no login yet. Only
// what the examples need is installed here, and plain Python has no framework.
func (t *trial) checkBefore(dir string) (err error) {
	if t.checks() && t.plan.Framework != "vanilla" {
		t.complaint, err = t.check(dir)
	}
	return err
}

// checkAfter runs it again on a copy of what add has made of the project, if it
// passed before: apps write databases and caches where they are started.
func (t *trial) checkAfter(dir string) error {
	if !t.checks() || t.complaint != "" {
		return nil
	}
	if err := copyFolder(t.dir, dir, math.MaxInt64); err != nil {
		return err
	}
	complaint, err := t.check(dir)
	if complaint != "" {
		t.breaks(starts, "%s", complaint)
	}
	t.checked = true
	return err
}

func (t *trial) checks() bool {
	return t.subject.kind == exampleApp && t.plan != nil && len(t.plan.Problems) == 0
}

// check runs the plan's probe of the framework on a copy of the project.
func (t *trial) check(dir string) (string, error) {
	dir = filepath.Join(dir, t.subject.folder)
	var complaints strings.Builder
	for _, p := range t.plan.Probes {
		if p.ID != "framework" {
			continue
		}
		if p.Argv[0] != "{python}" {
			return "", fmt.Errorf("%v is no command of the interpreter", p.Argv)
		}
		var folders []string
		for _, folder := range t.plan.Login.Paths {
			folders = append(folders, filepath.Join(dir, folder))
		}
		complaint, err := t.python.check(filepath.Join(dir, p.Dir), p.Argv[1:], folders, t.plan.Login.Env)
		if err != nil {
			return "", err
		}
		complaints.WriteString(complaint)
	}
	return complaints.String(), nil
}
