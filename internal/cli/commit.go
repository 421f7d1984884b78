package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"authfit/internal/git"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/txn"
	"authfit/internal/verify"
)

// commitOptions are the flags of a command that can commit what it has done.
type commitOptions struct {
	wanted bool
	branch string
}

func (o *commitOptions) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.wanted, "commit", false, "make one git commit of what was changed, and of nothing else")
	flags.Func("branch", "make that commit on a new branch `NAME`", func(name string) error {
		if name == "" {
			return errors.New("a branch has a name")
		}
		o.branch, o.wanted = name, true
		return nil
	})
}

// A commitment is a commit that is to be made of what a run changes. A nil one
// is none.
type commitment struct {
	repo   *git.Repo
	root   string // the project's folder, without links
	branch string
	left   map[string][]byte // what the run left, by path
	made   *git.Commit
}

// errNotCommitted is why a commit that was begun is not there.
type errNotCommitted struct{ cause error }

func (e *errNotCommitted) Error() string { return e.cause.Error() }
func (e *errNotCommitted) Unwrap() error { return e.cause }

// beforeChange says what of the owner's is not committed, and refuses what a
// commit would fail at while nothing has been changed.
func (a *App) beforeChange(ctx context.Context, p *planned, o commitOptions) error {
	repo, err := git.Open(ctx, project.LookPath("git", os.Getenv("PATH")), p.project.Root)
	if err == nil && o.wanted {
		p.commit = &commitment{repo: repo, root: repo.Dir(), branch: o.branch, left: map[string][]byte{}}
		err = p.commit.check(ctx, p.plan)
	}
	if err != nil {
		if o.wanted {
			return err
		}
		return ctx.Err() // nobody has to have git
	}
	asking, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if n, err := repo.Dirty(asking); err == nil && n > 0 {
		files := fmt.Sprintf("%d files have", n)
		if n == 1 {
			files = "1 file has"
		}
		p.plan.Notes = append(p.plan.Notes, files+" changes of yours that are not committed; they stay as they are")
	}
	return ctx.Err()
}

// check refuses what would keep the plan's files out of a commit of their own.
func (c *commitment) check(ctx context.Context, pl *plan.Plan) error {
	if err := c.repo.Ready(ctx, c.branch); err != nil {
		return err
	}
	var managed []string
	for _, r := range pl.Restores {
		managed = append(managed, r.Path)
	}
	files, err := c.kept(ctx, managed)
	if err != nil {
		return err
	}
	for _, f := range pl.Files {
		files = append(files, c.resolve(f.Path))
	}
	return c.repo.Clean(ctx, files)
}

// kept are those of the files, without links, that belong into the commit: not a
// lock file that git ignores, since its owner keeps it out, nor PDM's note of this
// machine's interpreter.
func (c *commitment) kept(ctx context.Context, files []string) ([]string, error) {
	var out []string
	for _, file := range files {
		if path.Base(file) != ".pdm-python" {
			out = append(out, c.resolve(file))
		}
	}
	ignored, err := c.repo.Ignored(ctx, out)
	return slices.DeleteFunc(out, func(file string) bool { return slices.Contains(ignored, file) }), err
}

// resolve is the path that a file of the project has without links: to git, what
// is written through a link is a change of another file.
func (c *commitment) resolve(file string) string {
	full := filepath.Join(c.root, filepath.FromSlash(file))
	for rest := ""; len(full) > len(c.root); full = filepath.Dir(full) {
		if real, err := filepath.EvalSymlinks(full); err == nil {
			if rel, err := filepath.Rel(c.root, filepath.Join(real, rest)); err == nil {
				return filepath.ToSlash(rel)
			}
		}
		rest = filepath.Join(filepath.Base(full), rest)
	}
	return file
}

// remember takes what the run has written, to know it from what others write.
func (c *commitment) remember(r *txn.Result) {
	if c == nil || r == nil {
		return
	}
	for _, file := range r.Files {
		if src, err := os.ReadFile(c.path(file)); err == nil {
			c.left[file] = src
		}
	}
}

func (c *commitment) path(file string) string {
	return filepath.Join(c.root, filepath.FromSlash(file))
}

// changed are the files that are not as the run left them.
func (c *commitment) changed() (files []string) {
	for file, src := range c.left {
		if now, err := os.ReadFile(c.path(file)); err != nil || !bytes.Equal(now, src) {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	return files
}

// commit makes the commit, once the run has changed what it had to and its
// checks have passed. What keeps it from being made without undoing the run is
// said, and is errFindings.
func (a *App) commit(ctx context.Context, p *planned, checks *verify.Report) error {
	c := p.commit
	if c == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return &errNotCommitted{err}
	}
	if checks.Outcome == verify.Failed {
		a.progress("no commit was made, since a check failed")
		return nil // printReport has the failure
	}
	files, err := c.kept(ctx, slices.Sorted(maps.Keys(c.left)))
	if err != nil {
		return &errNotCommitted{err}
	}
	if len(files) == 0 {
		a.progress("no commit was made: nothing that git keeps was changed")
		return nil
	}
	if edited := c.changed(); len(edited) > 0 {
		a.fail("error: no commit was made, since this has been edited meanwhile: " + strings.Join(edited, ", ") +
			"\n  fix: the login is in place; look at `git diff` and commit it yourself")
		return errFindings
	}
	out := a.Err
	if a.Quiet {
		out = io.Discard
	}
	made, err := c.repo.Commit(ctx, c.branch, c.message(p.plan, files), files, out)
	if made == nil {
		return &errNotCommitted{errors.Join(gitProblem(err), c.restore())}
	}
	c.made = made
	err = errors.Join(err, txn.NoteCommit(c.root, made.ID))
	if err != nil {
		a.progress("note: the commit was made, but not all that goes with it: %v", err)
	}
	if edited := c.changed(); len(edited) > 0 {
		a.progress("note: a hook of the repository has changed %s", strings.Join(edited, ", "))
	}
	where := "on " + made.Branch
	if made.Branch == "" {
		where = "on no branch (git switch -c NAME makes one for it)"
	}
	if !a.json() {
		a.print("committed %s %s: %s", made.ID[:12], where, strings.Join(files, ", "))
	}
	return nil
}

// gitProblem says in git's own words, or those of a hook, why there is no commit.
func gitProblem(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return problem.New("commit-failed", "git did not make the commit").WithDetail("%v", err).
		WithFix("mend what is named here and run authfit again, or leave --commit away and commit by hand")
}

// restore puts back what a hook has made of the run's files, such as a formatter
// that then refuses the commit: the run can only be undone as it left them.
func (c *commitment) restore() error {
	var errs []error
	for _, file := range c.changed() {
		info, err := os.Stat(c.path(file))
		mode := fs.FileMode(0o666)
		if err == nil {
			mode = info.Mode().Perm()
		}
		errs = append(errs, os.WriteFile(c.path(file), c.left[file], mode))
	}
	return errors.Join(errs...)
}

// mustTakeBack is why the run has to be taken back, or nil. Once there is a
// commit, an interrupt comes too late.
func (p *planned) mustTakeBack(ctx context.Context, err error) error {
	if p.commit != nil && p.commit.made != nil {
		return nil
	}
	if failed, ok := errors.AsType[*errNotCommitted](err); ok {
		return failed.cause
	}
	return ctx.Err()
}

// message is the commit's: what was added, and what was done to that end.
func (c *commitment) message(pl *plan.Plan, files []string) string {
	var b strings.Builder
	subject := "Change the login by WorkOS AuthKit"
	if slices.ContainsFunc(pl.Files, func(f plan.File) bool { return f.Action == plan.Create && path.Ext(f.Path) == ".py" }) {
		subject = "Add login by WorkOS AuthKit"
	}
	b.WriteString(subject + "\n\nDone by `authfit add`:\n\n")
	for _, cmd := range pl.Commands {
		fmt.Fprintf(&b, "- ran %s\n", commandLine(c.here(cmd.Argv)))
	}
	for _, file := range files {
		what := file + ", by that command"
		if i := slices.IndexFunc(pl.Files, func(f plan.File) bool { return c.resolve(f.Path) == file }); i >= 0 {
			what = map[plan.Action]string{plan.Create: "added ", plan.Modify: "changed "}[pl.Files[i].Action] + file + ": " + pl.Files[i].Why
		}
		fmt.Fprintf(&b, "- %s\n", what)
	}
	needs := "\nWherever it runs, the app needs in its environment:\n\n"
	for _, k := range pl.Env {
		if slices.Contains(project.EnvKeys, k.Key) {
			b.WriteString(needs + "- " + k.Key + "\n")
			needs = ""
		}
	}
	return b.String()
}

// here is a command without the paths of this machine.
func (c *commitment) here(argv []string) []string {
	var out []string
	for _, arg := range argv {
		if filepath.IsAbs(arg) {
			if rel, err := filepath.Rel(c.root, arg); err == nil && filepath.IsLocal(rel) {
				arg = filepath.ToSlash(rel)
			} else {
				arg = filepath.Base(arg)
			}
		}
		out = append(out, arg)
	}
	return out
}
