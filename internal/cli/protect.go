package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/recipe"
	"authfit/internal/recipe/authkit"
)

type protectOptions struct {
	target authkit.Target
	list   bool
	yes    bool
}

func newProtect(app *App) *cobra.Command {
	o := &protectOptions{}
	cmd := &cobra.Command{
		Use:   "protect TARGET | --list",
		Short: "Keep a route for people who are signed in",
		Long:  "protect puts the login's guard on a route, where the app's owner would. TARGET is\na path (/dashboard), the path of a folder of routes (/admin/* or /admin/), or a\nview (app/views.py:Report). --list lists the routes and how each is protected,\nwithout running the app. What is changed, undo puts back.",
		Args: func(_ *cobra.Command, args []string) error {
			if o.list != (len(args) == 0) || len(args) > 1 {
				return problem.New("usage", "protect wants one target, or --list").WithFix("authfit protect --list lists what can be one")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.list {
				return app.listRoutes(cmd.Context())
			}
			for _, name := range []string{"role", "permission"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
					return problem.New("usage", "--%s is empty", name).WithFix("give its slug, or leave the flag out to ask for a login only")
				}
			}
			o.target.Name = args[0]
			return app.protect(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.list, "list", false, "list all routes and how each is protected; changes nothing")
	cmd.Flags().StringVar(&o.target.Guard.Role, "role", "", "for people who have this role, by its slug")
	cmd.Flags().StringVar(&o.target.Guard.Permission, "permission", "", "for people who have this permission, by its slug")
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	return cmd
}

// planFields are a plan's fields, to stand among others in one document.
type planFields plan.Plan

// protectReport is what protect writes as JSON: its plan, and the routes that
// are guarded now.
type protectReport struct {
	planFields
	Protected []protectedRoute `json:"protected"`
}

// A protectedRoute is a route with the guard that it has now.
type protectedRoute struct {
	Path    string   `json:"path"`
	Methods []string `json:"methods"`
	View    string   `json:"view"`
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Guard   string   `json:"guard"`
	Before  string   `json:"before"` // how it was protected
}

func (a *App) protect(ctx context.Context, o *protectOptions) error {
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
	pl, routes, err := recipe.Protect(p, o.target)
	if err != nil {
		return err
	}
	if err := firstProblem(pl); err != nil {
		return err
	}
	if !pl.Empty() {
		if !o.yes {
			if err := a.confirm(pl, "say --yes; `authfit undo` takes it back"); err != nil {
				return err
			}
		}
		if _, err := a.apply(ctx, &planned{project: p, plan: pl}); err != nil {
			return err
		}
	}
	return a.printProtected(o.target.Guard, pl, routes)
}

func (a *App) printProtected(g authkit.Guard, pl *plan.Plan, routes []authkit.Listed) error {
	report := protectReport{planFields: planFields(*pl), Protected: []protectedRoute{}}
	report.Schema = "authfit.protect/1"
	for _, r := range routes {
		report.Protected = append(report.Protected, protectedRoute{r.Path, r.Methods, r.View, r.File, r.Line, g.String(), r.Protected})
	}
	if a.json() {
		return a.writeJSON(report)
	}
	for _, r := range routes {
		state := "protected"
		if r.Holds(g) {
			state = "already"
		}
		a.print("%-10s %s  %s", state, r.Path, at(r.File, r.Line))
	}
	if pl.Empty() {
		a.progress("nothing to do")
	}
	return nil
}

func (a *App) listRoutes(ctx context.Context) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	p, err := recipe.Inspect(ctx, dir, a.recipeOptions())
	if err != nil {
		return err
	}
	l, err := recipe.Routes(p)
	if err != nil {
		return err
	}
	if a.json() {
		return a.writeJSON(struct {
			Schema string `json:"schema"`
			authkit.Listing
		}{"authfit.routes/1", l})
	}
	var lines strings.Builder
	table := tabwriter.NewWriter(&lines, 0, 0, 2, ' ', 0)
	for _, r := range l.Routes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n",
			cmp.Or(strings.Join(r.Methods, ","), "any"), r.Path, r.Protected, r.View, at(r.File, r.Line), r.By)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(lines.String()) {
		a.print("%s", strings.TrimRight(line, " \n"))
	}
	for _, e := range l.Unseen {
		a.print("not seen: %s", place(e))
	}
	for _, n := range l.Notes {
		a.print("note: %s", n)
	}
	return nil
}
