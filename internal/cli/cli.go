// Package cli is the command line: one file a command, each with its Options, a
// constructor that only parses and a run function that only runs.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"authfit/internal/problem"
	"authfit/internal/recipe"
	"authfit/internal/recipe/authkit"
	"authfit/internal/txn"
)

// The exit codes, as docs/ARCHITECTURE.md lists them.
const (
	exitOK          = 0
	exitFindings    = 1
	exitRefused     = 2
	exitRolledBack  = 3
	exitInterrupted = 130
)

// errFindings is the error of a command that did its work and found something;
// what it found has been printed.
var errFindings = errors.New("a check found something")

// errRefusedPlan is the error of a plan that was printed with its problems.
var errRefusedPlan = errors.New("the plan has problems")

// App is what every command shares: streams, and the flags that hold everywhere.
type App struct {
	In  io.Reader
	Out io.Writer // results only
	Err io.Writer // progress and errors

	Dir        string
	AppFlag    string
	Framework  string
	Manager    string
	URLPrefix  string
	With       []string // of add, plan and try
	UpgradeSDK bool     // the same
	Users      string   // the same
	Output     string
	NoInput    bool
	Offline    bool
	Quiet      bool
	Verbose    bool

	command string // as typed, without its flags: "authfit add"
}

// Main runs the command line and returns the exit code. A first SIGINT, SIGTERM
// or SIGHUP ends the context, and what was begun is put back.
func Main(args []string, in io.Reader, out, errw io.Writer) (code int) {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	// That nobody reads on is no reason to die in the middle of a change. It is not
	// ignored, since the programs that are run would inherit that.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	defer signal.Stop(unread)
	app := &App{In: in, Out: out, Err: errw}
	defer func() {
		if v := recover(); v != nil {
			code = app.crashed(problem.Caught(v))
		}
	}()
	root := newRoot(app)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	return app.report(err)
}

func newRoot(app *App) *cobra.Command {
	root := &cobra.Command{
		Use:           "authfit",
		Short:         "Fit WorkOS AuthKit into a Python web app that exists",
		Long:          "authfit finds out what a Python project is, installs the WorkOS SDK with the\nproject's own package manager, edits the code where its owner would have, fills\n.env without touching a value in it, proves that a login works, and can put\nevery byte back.",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			app.command = cmd.CommandPath()
			if app.Output != "text" && app.Output != "json" {
				return problem.New("usage", "--output is text or json, not %q", app.Output)
			}
			return app.checkFlags()
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVarP(&app.Dir, "project", "C", ".", "the project's folder")
	flags.StringVar(&app.AppFlag, "app", "", "the app, as `FILE[:NAME]`")
	flags.StringVar(&app.Framework, "framework", "", "django, flask, fastapi or vanilla")
	flags.StringVar(&app.Manager, "manager", "", "uv, poetry, pipenv, pdm, pip, hatch, rye or conda")
	flags.StringVar(&app.URLPrefix, "url-prefix", "", "what goes before the paths of the login routes, such as /auth")
	flags.StringVar(&app.Output, "output", "text", "text or json")
	flags.BoolVar(&app.NoInput, "no-input", false, "never ask")
	flags.BoolVar(&app.Offline, "offline", false, "install from the cache only (uv), or not at all")
	flags.BoolVarP(&app.Quiet, "quiet", "q", false, "results only")
	flags.BoolVarP(&app.Verbose, "verbose", "v", false, "all that the package manager and the app write")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return problem.New("usage", "%v", err).WithFix("authfit --help lists what there is")
	})
	root.AddCommand(
		newAdd(app), newTry(app), newInspect(app), newPlan(app), newVerify(app),
		newDoctor(app), newProtect(app), newUndo(app), newEmulate(app), newDev(app), newSDK(app),
	)
	return root
}

// checkFlags refuses values that no plan can be made with, and has the others in
// one form.
func (a *App) checkFlags() error {
	if a.URLPrefix != "" {
		a.URLPrefix = "/" + strings.Trim(a.URLPrefix, "/")
	}
	for _, feature := range a.With {
		if !slices.Contains(authkit.Features, feature) {
			return problem.New("usage", "--with %s: there is no such feature", feature).
				WithFix("the features are %s", strings.Join(authkit.Features, ", "))
		}
	}
	return nil
}

func (a *App) recipeOptions() recipe.Options {
	return recipe.Options{
		Framework: a.Framework, App: a.AppFlag, Manager: a.Manager, URLPrefix: a.URLPrefix,
		With: a.With, MoveSDK: a.UpgradeSDK, Users: a.Users, Offline: a.Offline,
	}
}

func (a *App) json() bool { return a.Output == "json" }

// progress writes a line about what is going on.
func (a *App) progress(format string, args ...any) {
	if !a.Quiet {
		fmt.Fprintf(a.Err, format+"\n", args...)
	}
}

// print writes a line of the result.
func (a *App) print(format string, args ...any) { fmt.Fprintf(a.Out, format+"\n", args...) }

// loginFlags are the flags of the commands that write a login.
func (a *App) loginFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&a.With, "with", nil, "what the login can do beside: `FEATURE,...` of "+strings.Join(authkit.Features, ", "))
	flags.BoolVar(&a.UpgradeSDK, "upgrade-sdk", false, "move the project's workos package to the newest that its Pythons run")
	flags.StringVar(&a.Users, "users", "", "where the app finds who is signed in: session, django (request.user) or flask-login (current_user)")
}

// writeJSON writes the one document of a command.
func (a *App) writeJSON(v any) error {
	enc := json.NewEncoder(a.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// report prints an error and gives its exit code.
func (a *App) report(err error) int {
	var rolledBack *txn.RolledBack
	var notRestored *txn.NotRestored
	var p *problem.Problem
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefusedPlan):
		return exitRefused
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.As(err, &notRestored):
		a.printError(notRestored.Problem())
		return exitRolledBack
	case errors.As(err, &rolledBack):
		if errors.Is(err, context.Canceled) {
			a.fail("interrupted; everything was put back")
			return exitInterrupted
		}
		a.printError(rolledBack.Cause)
		a.fail("everything was put back")
		return exitRolledBack
	case errors.Is(err, context.Canceled):
		a.fail("interrupted; nothing was changed")
		return exitInterrupted
	case errors.As(err, &p):
		a.printError(err)
		return exitRefused
	}
	a.printError(err)
	return exitRefused
}

// crashed says that authfit itself is at fault, in what state it leaves the
// project, and how to go on.
func (a *App) crashed(c *problem.Crash) int {
	p := problem.New("crash", "authfit has a fault and stopped: %s", c.Kind).
		WithDetail("%s", strings.Join(c.Places, "\n"))
	dir, err := a.dir()
	if err == nil && txn.Unfinished(dir) {
		a.printError(p.WithFix("the project is changed in part: run authfit again, it puts everything back first"))
		return exitRolledBack
	}
	a.printError(p.WithFix("nothing is left half done; `authfit undo` puts back what a finished add has changed"))
	return exitRefused
}

// printError prints a problem whole, as JSON too where that is wanted.
func (a *App) printError(err error) {
	var p *problem.Problem
	if !errors.As(err, &p) {
		p = problem.New("error", "%v", err)
	}
	if a.json() {
		_ = a.writeJSON(struct {
			Schema   string            `json:"schema"`
			Problems []problem.Problem `json:"problems"`
		}{"authfit.error/1", []problem.Problem{*p}})
	}
	a.fail("error: " + p.Text())
}

func (a *App) fail(text string) { fmt.Fprintln(a.Err, text) }

// dir is the project's folder, absolute.
func (a *App) dir() (string, error) { return filepath.Abs(a.Dir) }
