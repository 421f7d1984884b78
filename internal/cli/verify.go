package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func newVerify(app *App) *cobra.Command {
	login := false
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Go through the checklist",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.verify(cmd.Context(), login) },
	}
	cmd.Flags().BoolVar(&login, "login", false, "boot a copy of the app and walk through its login too")
	return cmd
}

func (a *App) verify(ctx context.Context, login bool) error {
	p, err := a.prepare(ctx, true)
	if err != nil {
		return err
	}
	if err := firstProblem(p.plan); err != nil {
		return err
	}
	report, err := a.check(ctx, p, login)
	if err != nil {
		return err
	}
	return a.printReport(p, report)
}
