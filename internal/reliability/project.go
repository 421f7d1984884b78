package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A project is a copy of an example app, made more awkward, and the authfit that
// is run in it.
type project struct {
	program []string // authfit, perhaps with what runs it
	env     []string
	dir     string
	before  string // what it is at the start, by hash; with times
	after   string // what add makes of it; without times and secrets

	// managed says that add installs: the project has an environment.
	managed  bool
	packages string // what is in the environment at the start
}

// before is when the files of a project were last changed.
var long = time.Date(2021, 3, 4, 5, 6, 7, 123456789, time.UTC)

// newProject copies the Flask example to dir, which is not there yet. Files get
// old times, modes that are not the usual ones and, where that can be, an owner
// of their own; one is behind a link, and there is an environment file. Some are
// long, so that on a full disk they need more room than one gave back.
func newProject(example, dir string, program, env []string) (*project, error) {
	p := &project{program: program, env: env, dir: dir}
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		return nil, err
	}
	name := func(rel string) string { return filepath.Join(dir, filepath.FromSlash(rel)) }
	err := errors.Join(
		os.WriteFile(name(".env"), []byte("# mine\nFLASK_DEBUG=1\n"+strings.Repeat("# and on it goes\n", 1000)+"NAME=x"), 0o640),
		lengthen(name("app.py"), 40_000), lengthen(name("templates/base.html"), 9_000),
		os.Mkdir(name("deploy"), 0o750),
		os.Rename(name("requirements.txt"), name("deploy/requirements.txt")),
		os.Symlink("deploy/requirements.txt", name("requirements.txt")),
		os.Chmod(name("app.py"), 0o750),
	)
	if err != nil {
		return nil, err
	}
	_ = os.Chown(name("templates/base.html"), 1000, 1000) // which only root can
	return p, p.begin()
}

// begin finds out what the project is, and what add makes of it.
func (p *project) begin() error {
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == ".venv" {
			return fs.SkipDir
		}
		if err == nil && d.Type().IsRegular() {
			err = os.Chtimes(path, long, long)
		}
		return err
	})
	if err != nil {
		return err
	}
	if p.before, err = p.hash(true); err != nil {
		return err
	}
	if p.packages, err = p.installed(); err != nil {
		return err
	}
	if code, said := p.add(); code != 0 {
		return fmt.Errorf("add ended with %d: %s", code, said)
	}
	if p.after, err = p.hash(false); err != nil {
		return err
	}
	if code, said := p.undo(); code != 0 {
		return fmt.Errorf("undo ended with %d: %s", code, said)
	}
	return p.wantBefore()
}

// lengthen adds empty lines to a file.
func lengthen(name string, by int) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, bytes.Repeat([]byte("\n"), by)...), 0o644)
}

// random are values that add makes anew each time.
var random = regexp.MustCompile(`(?m)^((?:FLASK_SECRET_KEY|WORKOS_COOKIE_PASSWORD)=).*$`)

// hash is what the project is: names, kinds, modes, owners, bytes and links of
// all but .authfit and the Python environment, and the times of files.
func (p *project) hash(times bool) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(p.dir, path)
		if err != nil {
			return err
		}
		if rel == ".authfit" || rel == ".venv" {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %v %s ", rel, info.Mode(), owner(info))
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprint(h, to)
		case d.Type().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !times {
				text = random.ReplaceAll(text, []byte("${1}"))
			} else {
				fmt.Fprint(h, info.ModTime().UnixNano(), " ")
			}
			fmt.Fprintf(h, "%x", sha256.Sum256(text))
		}
		fmt.Fprintln(h)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

// is says whether the project is as before or as planned, and is an error when
// it is neither.
func (p *project) is() (string, error) {
	for _, s := range []struct {
		is, hash string
		times    bool
	}{{"before", p.before, true}, {"after", p.after, false}} {
		got, err := p.hash(s.times)
		if err != nil {
			return "", err
		}
		if got == s.hash {
			return s.is, nil
		}
	}
	return "", fmt.Errorf("%s is neither as before nor as planned", p.dir)
}

func (p *project) want(want string) error {
	is, err := p.is()
	if err == nil && is != want {
		err = fmt.Errorf("%s is as %s, not as %s", p.dir, is, want)
	}
	return err
}

// wantBefore wants the project as it was, and nothing of authfit's own in it, but
// for what it keeps of a manifest that somebody may have edited after a kill.
func (p *project) wantBefore() error {
	if err := p.want("before"); err != nil {
		return err
	}
	home := filepath.Join(p.dir, ".authfit")
	left, err := os.ReadDir(home)
	for _, e := range left {
		if !p.managed || e.Name() != "kept" && e.Name() != ".gitignore" {
			return fmt.Errorf("%s/%s is still there", home, e.Name())
		}
	}
	if err == nil && len(left) == 0 {
		return fmt.Errorf("%s is still there", home)
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	packages, err := p.installed()
	if err == nil && packages != p.packages {
		err = fmt.Errorf("the environment has\n%s\nand had\n%s", packages, p.packages)
	}
	return err
}

var (
	addArgs  = []string{"add", "--no-verify", "--yes", noInstall}
	undoArgs = []string{"undo"}
	planArgs = []string{"plan", noInstall}
)

// noInstall is left away where there is an environment.
const noInstall = "--no-install"

func (p *project) add() (int, string)  { return p.run(addArgs...) }
func (p *project) undo() (int, string) { return p.run(undoArgs...) }

// command is authfit in the project, run below what is named.
func (p *project) command(below []string, args ...string) *exec.Cmd {
	argv := append(append(append([]string{}, below...), p.program...), "-C", p.dir)
	for _, arg := range args {
		if arg != noInstall || !p.managed {
			argv = append(argv, arg)
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	return cmd
}

// run runs authfit to its end: the exit code, which is -1 after a signal, and
// what it said on stderr.
func (p *project) run(args ...string) (int, string) { return ended(p.command(nil, args...)) }

func ended(cmd *exec.Cmd) (int, string) {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return -1, err.Error()
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// cutOff says whether the journals tell of a run that did not come to its end.
func (p *project) cutOff() (bool, error) {
	names, err := filepath.Glob(filepath.Join(p.dir, ".authfit/journal/*/journal.json"))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return false, err
		}
		if !bytes.Contains(text, []byte(`"state": "applied"`)) {
			return true, nil
		}
	}
	return false, err
}

// next is the next start of authfit after whatever happened: it recovers, and
// says so. Then the project is brought back to the start. is is what it was in
// between.
func (p *project) next(args []string) (is string, recovered bool, err error) {
	if recovered, err = p.cutOff(); err != nil {
		return "", false, err
	}
	code, said := p.run(args...)
	if code != 0 {
		return "", recovered, fmt.Errorf("%s then ended with %d: %s", args[0], code, said)
	}
	if says := strings.Contains(said, "an earlier run was cut off; everything was put back"); args[0] != "undo" && recovered && !says {
		return "", recovered, fmt.Errorf("%s did not say that it put things back: %s", args[0], said)
	}
	if is, err = p.is(); err != nil {
		return "", recovered, err
	}
	if wants := map[string]string{"add": "after", "undo": "before"}[args[0]]; wants != "" && is != wants {
		return is, recovered, fmt.Errorf("after %s the project is as %s", args[0], is)
	}
	if is == "after" {
		if code, said := p.undo(); code != 0 {
			return is, recovered, fmt.Errorf("undo then ended with %d: %s", code, said)
		}
	}
	return is, recovered, p.wantBefore()
}
