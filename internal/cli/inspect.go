package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"authfit/internal/manager"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe"
)

func newInspect(app *App) *cobra.Command {
	resolve := false
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Say what this project is, with the evidence",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.inspect(cmd.Context(), resolve) },
	}
	cmd.Flags().BoolVar(&resolve, "resolve", false, "ask the package manager which workos it would install; changes nothing, and needs the package index")
	return cmd
}

func (a *App) inspect(ctx context.Context, resolve bool) error {
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
	if p.Manager.UsesPip() {
		p.Manager.Path = p.Python.Executable()
	} else { // where it hides, or that it is missing, is add's to say: that takes running programs
		p.Manager.Path = project.LookPath(p.Manager.Name, os.Getenv("PATH"))
	}
	if resolve {
		if err := a.resolve(ctx, p); err != nil {
			return err
		}
	}
	if a.json() {
		return a.writeJSON(struct {
			Schema string `json:"schema"`
			*project.Project
		}{"authfit.inspect/1", p})
	}
	a.printProject(p)
	return nil
}

// resolve asks the project's manager which SDK it would install.
func (a *App) resolve(ctx context.Context, p *project.Project) error {
	if a.Offline {
		return problem.New("usage", "--resolve asks the package index, and --offline forbids it").WithFix("leave one of them out")
	}
	if blockers := p.Blockers(); len(blockers) > 0 {
		return &blockers[0]
	}
	m, err := manager.For(ctx, p, nil)
	if err != nil {
		return err
	}
	a.progress("asking %s which workos it would install", m.Name())
	var out io.Writer = io.Discard
	if a.Verbose {
		out = a.Err
	}
	found, err := manager.Resolve(ctx, p, m, manager.WorkOS, out)
	if err != nil {
		return err
	}
	p.SDK.WouldInstall, p.SDK.HeldBack = found.Version, found.HeldBack
	if q := found.HeldBackProblem(manager.WorkOS); q != nil {
		p.Problems = append(p.Problems, *q)
	}
	return nil
}

// printProject prints what the project is: a line for each fact, and indented
// below it where it was seen.
func (a *App) printProject(p *project.Project) {
	fact := func(name, format string, args ...any) { a.print("%-9s %s", name, fmt.Sprintf(format, args...)) }
	seen := func(all []project.Evidence) {
		for _, e := range all {
			a.print("            %s", place(e))
		}
	}
	for i, app := range p.Apps {
		chosen := p.Chosen != nil && *p.Chosen == i
		name := ""
		if chosen {
			name = "app"
		}
		object := cmp.Or(app.Entry.Object, "-")
		if app.Factory != "" {
			object = app.Factory + "()"
		}
		line := fmt.Sprintf("%-8s %s  %s", app.Framework, at(app.Entry.File, app.Entry.Line), object)
		if app.Dir != "." {
			line += "  in " + app.Dir + "/"
		}
		if !chosen {
			fact(name, "%s  %s  --app %s", line, cmp.Or(app.Manifest, "no manifest"), app.Flag())
			continue
		}
		fact(name, "%s", line)
		seen(app.Evidence)
		for _, f := range []struct{ name, value string }{{"run", app.Run}, {"settings", app.Settings}, {"urls", app.URLs}} {
			if f.value != "" {
				fact(f.name, "%s", f.value)
			}
		}
	}
	fact("manager", "%s", strings.Join(strings.Fields(strings.Join([]string{cmp.Or(p.Manager.Name, "undecided"), p.ManifestOf(dirOf(p))}, "  ")), "  "))
	seen(p.Manager.Evidence)
	switch {
	case p.Python.Interpreter != "":
		fact("python", "%s  %s", p.Python.Version, p.Python.Interpreter)
	case p.Python.Planned != "" && p.Python.Version != "":
		fact("python", "no environment yet; add makes %s with Python %s", p.Python.Planned, p.Python.Version)
	default:
		fact("python", "no environment yet")
	}
	seen(p.Python.Evidence)
	if p.SDK.Installed == "" {
		fact("workos", "not installed")
	} else {
		fact("workos", "%s (dialect %s)", p.SDK.Installed, p.SDK.Dialect)
	}
	if d := p.SDK.Declared; d != nil {
		seen([]project.Evidence{{File: d.File, Line: d.Line, Fact: d.Name + d.Specifier}})
	}
	for _, l := range p.SDK.Locked {
		seen([]project.Evidence{{File: l.File, Line: l.Line, Fact: "workos " + l.Version + " is locked"}})
	}
	if p.SDK.WouldInstall != "" {
		fact("", "%s would be installed", p.SDK.WouldInstall)
		seen(p.SDK.HeldBack)
	}
	var keys []string
	for _, key := range project.EnvKeys {
		keys = append(keys, key+" "+string(p.Env.Keys[key]))
	}
	fact(p.Env.File, "%s", strings.Join(keys, ", "))
	kind := ""
	for _, f := range p.Present {
		if f.Kind != kind {
			kind = f.Kind
			fact("has", "%s", kind)
		}
		line := place(f.Evidence)
		if !strings.HasPrefix(line, f.Name) {
			line = fmt.Sprintf("%-22s %s", f.Name, line)
		}
		a.print("            %s", line)
	}
	for _, q := range p.Problems {
		fact("problem", "%s", q.Text())
	}
}

// dirOf is the folder that the chosen app starts from.
func dirOf(p *project.Project) string {
	if app := p.App(); app != nil {
		return app.Dir
	}
	return "."
}

// place is a piece of evidence as a person reads it.
func place(e project.Evidence) string {
	const most = 100
	text := e.Fact
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return strings.TrimSpace(at(e.File, e.Line) + "  " + text)
}

func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
