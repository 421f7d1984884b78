package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"authfit/internal/recipe"
	"authfit/internal/txn"
)

type undoOptions struct{ partial, last bool }

func newUndo(app *App) *cobra.Command {
	o := &undoOptions{}
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Put every byte back",
		Long:  "undo takes back what authfit did, all runs of it, without git: files come back byte for byte. Of a file\nthat was edited since only authfit's change goes, unless the edits touch it: then nothing is undone, and\nthe files are named.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.undo(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.partial, "partial", false, "leave the files whose later edits touch authfit's, and undo the rest")
	cmd.Flags().BoolVar(&o.last, "last", false, "take back the last run only")
	return cmd
}

func (a *App) undo(ctx context.Context, o *undoOptions) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	if err := a.recover(ctx, dir, true); err != nil {
		return err
	}
	p, err := recipe.Inspect(ctx, dir, a.recipeOptions())
	if err != nil {
		return err
	}
	undo := txn.Undo
	if o.last {
		undo = txn.UndoLast
	}
	r, err := undo(ctx, txn.Options{
		Root: p.Root, Command: a.command, Environment: a.environment(p), Partial: o.partial,
		Progress: func(step string) { a.progress("%s", step) },
	})
	if errors.Is(err, txn.ErrNothing) {
		err = nil
		a.progress("nothing to undo")
	}
	if err != nil {
		return err
	}
	if fresh, err := a.again(ctx, p); err == nil && len(r.Files) > 0 {
		for _, e := range recipe.StillImports(fresh, gone(p.Root, r.Files)) {
			r.Notes = append(r.Notes, fmt.Sprintf("%s:%d still has %q, and that module is gone", e.File, e.Line, e.Fact))
		}
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
	for _, f := range r.Kept {
		a.print("left      %s: it was edited since where authfit changed it, or is gone, and is yours from now on", f)
	}
	for _, n := range r.Notes {
		a.print("note: %s", n)
	}
	return nil
}

// gone are those of the files that are no longer there.
func gone(root string, files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool {
		_, err := os.Lstat(filepath.Join(root, filepath.FromSlash(file)))
		return err == nil
	})
}
