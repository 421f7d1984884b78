package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"authfit/internal/recipe"
	"authfit/internal/txn"
)

func newUndo(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "undo",
		Short: "Put every byte back",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.undo(cmd.Context()) },
	}
}

func (a *App) undo(ctx context.Context) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	p, err := recipe.Inspect(ctx, dir, a.recipeOptions())
	if err != nil {
		return err
	}
	r, err := txn.Undo(ctx, txn.Options{
		Root: p.Root, Environment: a.environment(p),
		Progress: func(step string) { a.progress("%s", step) },
	})
	if errors.Is(err, txn.ErrNothing) {
		err = nil
		a.progress("nothing to undo")
	}
	if err != nil {
		return err
	}
	if a.json() {
		return a.writeJSON(struct {
			Schema string `json:"schema"`
			*txn.Result
		}{"authfit.undo/1", r})
	}
	for _, f := range r.Files {
		a.print("put back  %s", f)
	}
	for _, k := range r.Env {
		a.print("removed   %s from %s", k.Key, k.File)
	}
	for _, p := range r.Packages {
		a.print("removed   %s", p)
	}
	for _, n := range r.Notes {
		a.print("note: %s", n)
	}
	return nil
}
