package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"authfit/internal/recipe"
	"authfit/internal/sdk"
)

func newSDK(app *App) *cobra.Command {
	readme := false
	cmd := &cobra.Command{
		Use:   "sdk",
		Short: "Say what the installed WorkOS SDK can do",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.sdk(cmd.Context(), readme) },
	}
	cmd.Flags().BoolVar(&readme, "readme", false, "print the README that the SDK was installed with")
	return cmd
}

func (a *App) sdk(ctx context.Context, readme bool) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	if err := a.recover(ctx, dir, false); err != nil {
		return err
	}
	p, err := recipe.Inspect(ctx, dir, a.recipeOptions())
	if err != nil {
		return err
	}
	s, err := sdk.Read(p.Python.SitePackages)
	if err != nil {
		return err
	}
	switch {
	case a.json():
		return a.writeJSON(struct {
			Schema string `json:"schema"`
			*sdk.SDK
		}{"authfit.sdk/1", s})
	case readme:
		_, err := fmt.Fprint(a.Out, s.README)
		return err
	}
	_, err = fmt.Fprintln(a.Out, s.Text())
	return err
}
