package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"authfit/internal/plan"
)

type planOptions struct {
	file             string
	check, noInstall bool
}

func newPlan(app *App) *cobra.Command {
	o := &planOptions{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what add would change: commands, files, keys",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.plan(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.file, "out", "o", "", "write the plan to `FILE` as JSON")
	cmd.Flags().BoolVar(&o.check, "check", false, "exit 1 when something would change")
	cmd.Flags().BoolVar(&o.noInstall, "no-install", false, "change files only; leave the environment alone")
	app.loginFlags(cmd.Flags())
	return cmd
}

func (a *App) plan(ctx context.Context, o *planOptions) error {
	p, err := a.prepare(ctx, o.noInstall)
	if err != nil {
		return err
	}
	if o.file != "" {
		if err := writePlan(o.file, p.plan); err != nil {
			return err
		}
	}
	if a.json() {
		if err := a.writeJSON(p.plan); err != nil {
			return err
		}
	} else {
		fmt.Fprint(a.Out, renderPlan(p.plan))
	}
	if len(p.plan.Problems) > 0 {
		if a.json() {
			a.fail("error: " + p.plan.Problems[0].Text())
			return errRefusedPlan
		}
		return firstProblem(p.plan)
	}
	if o.check && !p.plan.Empty() {
		return errFindings
	}
	return nil
}

// renderPlan is the plan for a person.
func renderPlan(pl *plan.Plan) string {
	var b strings.Builder
	if len(pl.Problems) == 0 && pl.Empty() {
		return "nothing to do: the login is there\n"
	}
	for _, c := range pl.Commands {
		fmt.Fprintf(&b, "run     %s\n        %s\n", commandLine(c.Argv), c.Why)
	}
	for _, f := range pl.Files {
		fmt.Fprintf(&b, "%-7s %s\n        %s\n", f.Action, f.Path, f.Why)
	}
	for _, k := range pl.Env {
		line := k.Key
		if k.Source == plan.EnvLiteral {
			line += "=" + k.Value
		}
		fmt.Fprintf(&b, "append  %s to %s\n        %s\n", line, k.File, k.Why)
	}
	for _, f := range pl.Files {
		b.WriteString("\n" + f.Diff)
	}
	for _, n := range pl.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

// commandLine is a command as it may be pasted into a shell.
func commandLine(argv []string) string {
	var words []string
	for _, a := range argv {
		if strings.ContainsAny(a, " <>;*?$&|()\"") && !strings.Contains(a, "'") {
			a = "'" + a + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
