// Package verify says whether login works in a project: the checklist of the
// installation, and a real login through the app's own routes against a local
// AuthKit.
//
// The user's code runs only in a scratch copy of the project, never in the
// project's own folder, and never with the project's credentials.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/mask"
	"authfit/internal/plan"
)

// Status is how a check ended.
type Status string

// The statuses. A check is skipped when another failed that it builds on.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip"
)

// A Check is one line of the report.
type Check struct {
	ID     string `json:"id"`
	Status Status `json:"status"`
	// Detail is what was seen. The first line can stand alone; more follow
	// only where an app or a tool wrote something that explains a failure.
	Detail string `json:"detail"`
	// Fix says where to look; empty unless Status is fail.
	Fix string `json:"fix"`
}

// The outcomes of a Report.
const (
	OK     = "ok"     // no check failed
	Failed = "failed" // at least one did
)

// A Report is the outcome and every check, in the order in which they ran.
type Report struct {
	Outcome string  `json:"outcome"`
	Checks  []Check `json:"checks"`
	// Scratch is the folder that Options.Keep has left.
	Scratch string `json:"scratch,omitempty"`
}

// Options say what to verify. Root and Plan must be set.
type Options struct {
	Root string     // the project's folder
	Plan *plan.Plan // of which Python, Probes and Login are used
	// Login asks for the walk through the app's login too.
	Login bool
	// Environ is the environment the app runs in, KEY=value. Nil: os.Environ().
	Environ []string
	// EnvFile is the project's environment file, relative to Root. Empty: the
	// .env that python-dotenv would find from the app's folder.
	EnvFile string
	// Progress is called with each check when it ends. May be nil.
	Progress func(Check)
	// Keep leaves the scratch copy where it is; Report.Scratch names it.
	Keep bool

	scratch string // where the copy is made, for tests; empty: the system's temporary folder
}

// Run runs the checks, one after another. What is wrong with the project is in
// the Report; the error is for what kept the checks from running, such as a
// full disk or a cancelled context. When Run returns, also by a panic, no
// process that it started is left, nor (without Keep) a file.
func Run(ctx context.Context, opts Options) (*Report, error) {
	r, err := newRunner(opts)
	if err != nil {
		return nil, err
	}
	defer r.clean()
	r.sdk(ctx)
	r.credentials()
	r.probes(ctx)
	if opts.Login {
		r.login(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return r.report, nil
}

// A runner is one run: the project, its copy, and what was found so far.
type runner struct {
	opts    Options
	root    string            // the project, absolute, links resolved
	tmp     string            // the scratch folder: the copy and what else is written
	dir     string            // the copy
	python  string            // the project's interpreter
	port    int               // for the app, or the proxy in front of it
	appPort int               // for the app
	envFile string            // the project's environment file, relative to root, or empty
	environ map[string]string // the process environment
	file    map[string]string // what the project's environment file sets
	secrets map[string]string // made up for this run
	skipped []string          // files too large to copy
	mask    func(string) string
	report  *Report
}

func newRunner(opts Options) (_ *runner, err error) {
	r := &runner{opts: opts, python: opts.Plan.Interpreter(opts.Root), report: &Report{Outcome: OK, Checks: []Check{}}}
	if r.root, err = filepath.Abs(opts.Root); err != nil {
		return nil, err
	}
	if r.root, err = filepath.EvalSymlinks(r.root); err != nil {
		return nil, err
	}
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	r.environ = envMap(opts.Environ)
	if r.port, err = FreePort(); err != nil {
		return nil, fmt.Errorf("no free port on this machine: %w", err)
	}
	r.appPort = r.port
	if l := opts.Plan.Login; l != nil && l.Strip != "" {
		if r.appPort, err = FreePort(); err != nil {
			return nil, fmt.Errorf("no free port on this machine: %w", err)
		}
	}
	if r.secrets, err = newSecrets(); err != nil {
		return nil, err
	}
	if r.envFile = opts.EnvFile; r.envFile == "" {
		r.envFile = findDotenv(r.root, filepath.Join(r.root, r.appRel()))
	}
	// A file that is not there is the finding of a check, not an error.
	src, err := readEnv(filepath.Join(r.root, filepath.FromSlash(r.envFile)))
	if err != nil && r.envFile != "" && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the environment file %s: %w", r.envFile, reason(err))
	}
	r.file = envValues(src)
	if err := r.copy(); err != nil {
		r.clean()
		return nil, err
	}
	r.mask = mask.Values(r.known(), r.environ, r.file, r.secrets)
	if opts.Keep {
		r.report.Scratch = r.tmp
	}
	return r, nil
}

// copy makes the scratch copy and takes the project's credentials out of it.
func (r *runner) copy() (err error) {
	if r.tmp, err = os.MkdirTemp(r.opts.scratch, "authfit-verify-"); err != nil {
		return err
	}
	// Python names files by their real paths, and the report is to know them.
	if r.tmp, err = filepath.EvalSymlinks(r.tmp); err != nil {
		return err
	}
	r.dir = filepath.Join(r.tmp, "app")
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return err
	}
	if r.skipped, err = copyProject(r.root, r.dir); err != nil {
		return fmt.Errorf("copying the project to a scratch folder: %w", err)
	}
	names := []string{}
	for name := range r.replaced("") {
		names = append(names, name)
	}
	return detach(names, r.dir, r.appDir())
}

// reSettings are files that may hold the app's secrets.
var reSettings = regexp.MustCompile(`(?i)settings|config|secret|(^|/)(app|main|wsgi|asgi|manage|__init__)\.py$`)

// known are the secrets that the app's own files hold, which it might print:
// those in the environment file have any name.
func (r *runner) known() []string {
	out := slices.DeleteFunc(slices.Collect(maps.Values(r.file)), func(v string) bool { return !mask.Random(v) })
	_ = filepath.WalkDir(r.dir, func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Ext(file) == ".py" && reSettings.MatchString(filepath.ToSlash(file[len(r.dir):])) {
			if src, err := os.ReadFile(file); err == nil && len(src) < 1<<20 {
				out = append(out, mask.Known(string(src))...)
			}
		}
		return nil
	})
	return out
}

func (r *runner) clean() {
	if r.tmp != "" && !r.opts.Keep {
		_ = os.RemoveAll(r.tmp) // in the temporary folder: the system's to clean, if not ours
	}
}

// appRel is the folder that the app is started from, relative to the project.
func (r *runner) appRel() string {
	if l := r.opts.Plan.Login; l != nil {
		return filepath.FromSlash(l.Dir)
	}
	return ""
}

// appDir is that folder in the copy.
func (r *runner) appDir() string { return filepath.Join(r.dir, r.appRel()) }

func (r *runner) add(c Check) {
	c.Detail, c.Fix = r.mask(c.Detail), r.mask(c.Fix)
	if c.Status == Fail {
		r.report.Outcome = Failed
	}
	r.report.Checks = append(r.report.Checks, c)
	if r.opts.Progress != nil {
		r.opts.Progress(c)
	}
}

// A failure is what a check saw that is wrong, and where to look.
type failure struct{ detail, fix string }

// Error is what was seen.
func (f *failure) Error() string { return f.detail }

func failed(fix, format string, args ...any) error {
	return &failure{fmt.Sprintf(format, args...), fix}
}

// try runs one check: the detail of a pass, or an error. It says whether the
// check passed. Nothing is added once the context is done, as what is seen
// then says nothing about the project.
func (r *runner) try(ctx context.Context, id string, check func() (string, error)) bool {
	if ctx.Err() != nil {
		return false
	}
	detail, err := check()
	if ctx.Err() != nil {
		return false
	}
	if err == nil {
		r.add(Check{ID: id, Status: Pass, Detail: detail})
		return true
	}
	c := Check{ID: id, Status: Fail, Detail: err.Error()}
	var f *failure
	if errors.As(err, &f) {
		c.Fix = f.fix
	}
	r.add(c)
	return false
}

// indent puts lines below the line of a detail.
func indent(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("\n  " + line)
	}
	return b.String()
}
