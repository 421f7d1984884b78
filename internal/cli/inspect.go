package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"authfit/internal/project"
	"authfit/internal/recipe"
)

func newInspect(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect",
		Short: "Say what this project is, with the evidence",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.inspect(cmd.Context()) },
	}
}

func (a *App) inspect(ctx context.Context) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	p, err := recipe.Inspect(ctx, dir, a.recipeOptions())
	if err != nil {
		return err
	}
	if p.Manager.Name == "pip" {
		p.Manager.Path = p.Python.Executable()
	} else { // where it hides, or that it is missing, is add's to say: that takes running programs
		p.Manager.Path = project.LookPath(p.Manager.Name, os.Getenv("PATH"))
	}
	if a.json() {
		return a.writeJSON(struct {
			Schema string `json:"schema"`
			*project.Project
		}{"authfit.inspect/1", p})
	}
	for i, app := range p.Apps {
		mark := " "
		if p.Chosen != nil && *p.Chosen == i {
			mark = "*"
		}
		a.print("%s %-10s %s:%d %s (in %s)", mark, app.Framework, app.Entry.File, app.Entry.Line, app.Entry.Object, app.Dir)
		for _, e := range app.Evidence {
			a.print("             %s:%d  %s", e.File, e.Line, e.Fact)
		}
	}
	a.print("manager    %s", p.Manager.Name)
	for _, e := range p.Manager.Evidence {
		a.print("             %s:%d  %s", e.File, e.Line, e.Fact)
	}
	a.print("python     %s %s", p.Python.Version, p.Python.Executable())
	for _, e := range p.Python.Evidence {
		a.print("             %s:%d  %s", e.File, e.Line, e.Fact)
	}
	if p.SDK.Installed == "" {
		a.print("workos     not installed")
	} else {
		a.print("workos     %s (dialect %s)", p.SDK.Installed, p.SDK.Dialect)
	}
	for _, key := range []string{"WORKOS_API_KEY", "WORKOS_CLIENT_ID", "WORKOS_REDIRECT_URI", "WORKOS_COOKIE_PASSWORD"} {
		a.print("%-10s %s %s", p.Env.File, key, p.Env.Keys[key])
	}
	for _, q := range p.Problems {
		a.print("problem    %s", q.Text())
	}
	return nil
}
