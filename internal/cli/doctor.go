package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"authfit/internal/doctor"
	"authfit/internal/manager"
	"authfit/internal/project"
	"authfit/internal/recipe"
	"authfit/internal/verify"
)

func newDoctor(app *App) *cobra.Command {
	fix := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what keeps login from working",
		Long:  "doctor looks for what keeps a login from working, whoever wrote it: the SDK, the\nenvironment, the credentials, the framework's own check, a callback that refuses\nAuthKit's request, a session that cannot be kept. It changes nothing without --fix;\nwhat --fix changes, undo puts back.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.doctor(cmd.Context(), fix) },
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "mend what can be mended")
	return cmd
}

// doctorReport is what doctor writes as JSON.
type doctorReport struct {
	Schema string `json:"schema"`
	*doctor.Report
	// Repaired are the checks that failed before --fix and do not any more.
	Repaired []string `json:"repaired"`
}

func (a *App) doctor(ctx context.Context, fix bool) error {
	p, before, err := a.examine(ctx)
	if err != nil {
		return err
	}
	out := doctorReport{"authfit.doctor/1", before, []string{}}
	if fix && before.Outcome != verify.OK {
		if out.Report, err = a.mend(ctx, p, before); err != nil {
			return err
		}
		out.Repaired = repaired(before, out.Report)
	}
	if a.json() {
		if err := a.writeJSON(out); err != nil {
			return err
		}
	} else {
		a.printDoctor(out)
	}
	if out.Outcome != verify.OK {
		return errFindings
	}
	return nil
}

// examine inspects the project and makes the doctor's checks.
func (a *App) examine(ctx context.Context) (*planned, *doctor.Report, error) {
	dir, err := a.dir()
	if err != nil {
		return nil, nil, err
	}
	if err := a.recover(ctx, dir, false); err != nil {
		return nil, nil, err
	}
	o := a.recipeOptions()
	o.NoInstall = true
	p, err := recipe.Inspect(ctx, dir, o)
	if err != nil {
		return nil, nil, err
	}
	pl, err := recipe.Plan(p, nil, o)
	if err != nil {
		return nil, nil, err
	}
	if p.Chosen == nil || pl.Framework == "" {
		return nil, nil, firstProblem(pl)
	}
	r, err := doctor.Examine(ctx, doctor.Options{Project: p, Plan: pl, Shell: project.ShellPython()})
	return &planned{project: p, plan: pl}, r, err
}

// mend applies the repair, and examines the project again.
func (a *App) mend(ctx context.Context, p *planned, r *doctor.Report) (*doctor.Report, error) {
	var m manager.Manager
	if r.NeedsManager() {
		var err error
		if m, err = manager.For(ctx, p.project, nil); err != nil {
			return nil, err
		}
	}
	pl, err := r.Repair(p.project, m)
	if err != nil {
		return nil, err
	}
	if err := firstProblem(pl); err != nil {
		return nil, err
	}
	if pl.Empty() {
		return r, nil
	}
	if _, err := a.apply(ctx, &planned{project: p.project, manager: m, plan: pl}); err != nil {
		return nil, err
	}
	_, after, err := a.examine(ctx)
	return after, err
}

func repaired(before, after *doctor.Report) []string {
	failing := map[string]bool{}
	for _, c := range after.Checks {
		failing[c.ID] = failing[c.ID] || c.Status != verify.Pass
	}
	out := []string{}
	for _, c := range before.Checks {
		if c.Status == verify.Fail && !failing[c.ID] {
			out = append(out, c.ID)
		}
	}
	return out
}

func (a *App) printDoctor(out doctorReport) {
	for _, c := range out.Checks {
		detail := c.Detail
		if where := c.Where(); where != "" {
			detail = where + ": " + detail
		}
		a.print("%-5s %-14s %s", c.Status, c.ID, firstLine(detail))
		if c.Fix != "" {
			a.print("%20s fix: %s", "", c.Fix)
		}
	}
	if len(out.Repaired) > 0 {
		a.print("mended: %s", strings.Join(out.Repaired, ", "))
	}
	if out.Outcome == verify.OK {
		a.print("nothing is wrong here; `authfit verify --login` tries a login")
	}
}
