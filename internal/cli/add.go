package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"authfit/internal/emulator"
	"authfit/internal/git"
	"authfit/internal/manager"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe"
	"authfit/internal/txn"
	"authfit/internal/verify"
)

type addOptions struct {
	yes, noInstall, noVerify bool
	plan                     string // a file that `authfit plan -o` wrote
	commit                   commitOptions
}

func newAdd(app *App) *cobra.Command {
	o := &addOptions{}
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add a login to the project: inspect, show the plan, ask, apply, verify",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.plan != "" {
				if err := onlyPlan(cmd.Flags()); err != nil {
					return err
				}
			}
			return app.add(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.Flags().StringVar(&o.plan, "plan", "", "apply the plan in `FILE`, which authfit plan -o wrote, exactly or not at all")
	cmd.Flags().BoolVar(&o.noInstall, "no-install", false, "change files only; leave the environment alone")
	cmd.Flags().BoolVar(&o.noVerify, "no-verify", false, "do not try the login")
	o.commit.flags(cmd.Flags())
	app.loginFlags(cmd.Flags())
	return cmd
}

// A planned is a project with its plan.
type planned struct {
	project *project.Project
	manager manager.Manager
	plan    *plan.Plan
	commit  *commitment // of what is changed; nil for none
}

// prepare inspects the project and plans its login.
func (a *App) prepare(ctx context.Context, noInstall bool) (*planned, error) {
	dir, err := a.dir()
	if err != nil {
		return nil, err
	}
	if err := a.recover(ctx, dir, false); err != nil {
		return nil, err
	}
	o := a.recipeOptions()
	o.NoInstall = noInstall
	p, err := recipe.Inspect(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	var m manager.Manager
	if !noInstall && p.Chosen != nil && len(p.Blockers()) == 0 {
		if m, err = manager.For(ctx, p, nil); err != nil {
			return nil, err
		}
	}
	pl, err := recipe.Plan(p, m, o)
	if err != nil {
		return nil, err
	}
	if a.Offline {
		offline(p, pl)
	}
	return &planned{project: p, manager: m, plan: pl}, nil
}

// offline keeps the commands off the network. Of the package managers only uv
// can install from its cache alone.
func offline(p *project.Project, pl *plan.Plan) {
	if len(pl.Commands) == 0 {
		return
	}
	if name := p.Manager.Name; name != "uv" {
		pl.Problems = append(pl.Problems, *problem.New("offline", "%s cannot install without the network", name).
			WithFix("leave --offline away, or install nothing: --no-install"))
		return
	}
	for i := range pl.Commands {
		pl.Commands[i].Env = append(pl.Commands[i].Env, "UV_OFFLINE=1")
	}
}

// recover puts back what an earlier run left half done. Asked says that a person
// wants it, be it what a copied project brought along.
func (a *App) recover(ctx context.Context, dir string, asked bool) error {
	if _, err := os.Stat(filepath.Join(dir, ".authfit")); err != nil {
		return nil
	}
	p, err := recipe.Inspect(ctx, dir, a.recipeOptions())
	if err != nil {
		return err
	}
	r, err := txn.Recover(ctx, txn.Options{
		Root: dir, Command: a.command, Environment: a.environment(p), Asked: asked,
		Progress: func(step string) { a.progress("%s", step) },
	})
	if err != nil || r == nil {
		return err
	}
	a.progress("an earlier run was cut off; everything was put back")
	for _, note := range r.Notes {
		a.progress("note: %s", note)
	}
	return nil
}

func (a *App) add(ctx context.Context, o *addOptions) error {
	p, err := a.planFor(ctx, o)
	if err != nil {
		return err
	}
	leaveHashesToPip(p.plan)
	if err := firstProblem(p.plan); err != nil {
		return err
	}
	if !p.plan.Empty() {
		if !o.yes {
			if err := a.confirm(p.plan, "look at the plan with `authfit plan`, then say --yes"); err != nil {
				return err
			}
		}
		if err := a.beforeChange(ctx, p, o.commit); err != nil {
			return err
		}
		changed, err := a.apply(ctx, p)
		if err != nil {
			return err
		}
		err = a.finish(ctx, p, o.noVerify)
		if cause := p.mustTakeBack(ctx, err); cause != nil && changed {
			return a.takeBack(ctx, p, cause)
		}
		return err
	}
	a.progress("nothing to do: the login is there")
	if o.commit.wanted {
		a.progress("no commit was made")
	}
	return a.finish(ctx, p, o.noVerify)
}

// planFor is what add applies: a plan made now, or the one in a file.
func (a *App) planFor(ctx context.Context, o *addOptions) (*planned, error) {
	if o.plan != "" {
		return a.planFrom(ctx, o.plan)
	}
	return a.prepare(ctx, o.noInstall)
}

// leaveHashesToPip has the manager say what a requirements file with hashes
// lacks, where it is run anyhow: it names the packages, and checks them. Should
// it install them all the same, as uv does, look refuses the file.
func leaveHashesToPip(pl *plan.Plan) {
	if len(pl.Problems) != 1 || pl.Problems[0].Code != "requirements-hashed" || len(pl.Commands) == 0 {
		return
	}
	pl.Notes = append(pl.Notes, pl.Problems[0].Error())
	pl.Problems = nil
}

// takeBack takes an apply back whose verification was interrupted, or which git
// did not commit.
func (a *App) takeBack(ctx context.Context, p *planned, cause error) error {
	_, err := txn.UndoLast(context.WithoutCancel(ctx), txn.Options{
		Root: p.project.Root, Command: a.command, Environment: a.environment(p.project),
		Progress: func(step string) { a.progress("%s", step) },
	})
	if err != nil {
		if !errors.Is(cause, context.Canceled) {
			a.fail("error: " + cause.Error())
		}
		return err
	}
	return &txn.RolledBack{Cause: cause}
}

// firstProblem refuses a plan that has problems, all of them named.
func firstProblem(pl *plan.Plan) error {
	if len(pl.Problems) == 0 {
		return nil
	}
	first := pl.Problems[0]
	for _, more := range pl.Problems[1:] {
		first.Detail = strings.TrimPrefix(first.Detail+"\nalso: "+more.Text(), "\n")
	}
	return &first
}

// confirm shows the plan and asks; without a terminal it refuses, and says what
// to do instead.
func (a *App) confirm(pl *plan.Plan, instead string) error {
	if a.NoInput || !isTerminal(a.In) {
		return problem.New("not-confirmed", "there is no terminal to ask on").
			WithFix("%s", instead)
	}
	fmt.Fprint(a.Err, renderPlan(pl))
	fmt.Fprint(a.Err, "\nApply this? [y/N] ")
	answer, err := bufio.NewReader(a.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return problem.New("declined", "not applied; nothing was changed")
}

// isTerminal says whether a person can answer. /dev/null, which is what many
// programs start others with, is a device as well.
func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// apply carries the plan out, and says whether there was something to do.
func (a *App) apply(ctx context.Context, p *planned) (changed bool, err error) {
	for _, note := range p.plan.Notes {
		a.progress("note: %s", note)
	}
	r, err := txn.Apply(ctx, txn.Options{
		Root:    p.project.Root,
		Command: a.command,
		Plan:    p.plan,
		Run: func(ctx context.Context, c plan.Command) error {
			out := a.Err
			if a.Quiet {
				out = io.Discard
			}
			return manager.Run(ctx, c, p.project.Root, out)
		},
		Values: localValue,
		Check: func(ctx context.Context) error {
			if len(p.plan.Commands) == 0 {
				return nil
			}
			return a.look(ctx, p)
		},
		Environment: a.environment(p.project),
		Progress:    func(step string) { a.progress("%s", step) },
	})
	p.commit.remember(r)
	return err == nil && len(r.Files)+len(r.Env)+len(r.Packages) > 0, err
}

// look sees, once the packages are installed, which interpreter the project has
// now and whether the SDK can do what the generated code asks of it.
func (a *App) look(ctx context.Context, p *planned) error {
	fresh, err := recipe.Inspect(ctx, p.project.Root, a.recipeOptions())
	if err != nil {
		return err
	}
	p.project.Python, p.project.SDK = fresh.Python, fresh.SDK
	p.plan.Python = fresh.Python.Executable() // absolute: it is for this run
	problems, err := recipe.MissingFromSDK(fresh.Python.SitePackages, p.plan.SDK)
	if err != nil || len(problems) > 0 || p.plan.Login == nil {
		// nothing more is to be seen
	} else if again, e := recipe.Plan(fresh, nil, a.recipeOptions()); e == nil {
		// How the app is started depends on the version of the framework.
		p.plan.Login, p.plan.Probes, problems = again.Login, again.Probes, again.Problems
	} else {
		err = e
	}
	if err == nil && len(problems) > 0 {
		err = &problems[0]
	}
	return err
}

// localValue is what the emulator calls its own for a key.
func localValue(k plan.EnvKey) (string, error) {
	switch k.Key {
	case "WORKOS_API_KEY":
		return emulator.DefaultAPIKey, nil
	case "WORKOS_CLIENT_ID":
		return emulator.DefaultClientID, nil
	}
	return "", fmt.Errorf("the emulator has no %s", k.Key)
}

// finish verifies and writes the report.
func (a *App) finish(ctx context.Context, p *planned, noVerify bool) error {
	report := &verify.Report{Outcome: "skipped", Checks: []verify.Check{}}
	if !noVerify {
		var err error
		if report, err = a.check(ctx, p, true); err != nil {
			return err
		}
	}
	notMade := a.commit(ctx, p, report)
	if notMade != nil && !errors.Is(notMade, errFindings) {
		return notMade
	}
	return cmp.Or(a.printReport(p, report), notMade)
}

func (a *App) check(ctx context.Context, p *planned, login bool) (*verify.Report, error) {
	return verify.Run(ctx, verify.Options{
		Root: p.project.Root, Plan: p.plan, Login: login, EnvFile: p.project.Env.File,
		Progress: func(c verify.Check) {
			if !a.json() {
				a.print("%-5s %-14s %s", c.Status, c.ID, firstLine(c.Detail))
			} else {
				a.progress("%-5s %-14s %s", c.Status, c.ID, firstLine(c.Detail))
			}
		},
	})
}

func firstLine(s string) string {
	if !strings.Contains(s, "\n") {
		return s
	}
	return strings.ReplaceAll(s, "\n", "\n                     ")
}

// addReport is what add, try and verify write as JSON.
type addReport struct {
	Schema  string         `json:"schema"`
	Outcome string         `json:"outcome"`
	Checks  []verify.Check `json:"checks"`
	Files   []string       `json:"files"`
	Notes   []string       `json:"notes"`
	Diff    string         `json:"diff,omitempty"`
	Commit  *git.Commit    `json:"commit,omitempty"`
}

func (a *App) printReport(p *planned, r *verify.Report) error {
	out := addReport{Schema: "authfit.report/1", Outcome: r.Outcome, Checks: r.Checks, Files: []string{}, Notes: p.plan.Notes}
	for _, f := range p.plan.Files {
		out.Files = append(out.Files, f.Path)
	}
	if p.commit != nil {
		out.Commit = p.commit.made
	}
	if a.json() {
		if err := a.writeJSON(out); err != nil {
			return err
		}
	}
	failed := false
	for _, c := range r.Checks {
		if c.Status == "fail" {
			failed = true
			a.fail("fix " + c.ID + ": " + c.Fix)
		}
	}
	if failed {
		return errFindings
	}
	if !a.json() && r.Outcome != "skipped" {
		a.print("a login works")
	}
	return nil
}
