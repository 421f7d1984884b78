package recipe

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
)

// Options are what a person says about the project.
type Options struct {
	Framework string   // --framework
	App       string   // --app FILE[:NAME]
	Manager   string   // --manager
	URLPrefix string   // --url-prefix
	NoInstall bool     // --no-install
	MoveSDK   bool     // --upgrade-sdk
	With      []string // --with: features of authkit.Features
	Users     string   // --users
	Offline   bool     // --offline
}

// plan are the options as a plan has them.
func (o Options) plan() plan.Options {
	return plan.Options{
		App: o.App, Framework: o.Framework, Manager: o.Manager, URLPrefix: o.URLPrefix, With: o.With, Users: o.Users,
		UpgradeSDK: o.MoveSDK, NoInstall: o.NoInstall, Offline: o.Offline,
	}
}

// sure is how much surer the best of several apps has to be than the next for
// it to be taken without asking.
const sure = 20

// unlikely is the confidence below which an app is only a part of a program
// that installs commands: one that lies deep in it, and that nothing starts.
const unlikely = 9

// Inspect finds out what the project in dir is. The error, a *problem.Problem,
// is for a dir that is no folder and for options that cannot be met; all else
// that is wrong is in the project's Problems.
func Inspect(ctx context.Context, dir string, o Options) (*project.Project, error) {
	if o.Framework != "" && find(o.Framework) == nil {
		return nil, problem.New("unknown-framework", "there is no recipe for %q", o.Framework).
			WithFix("use one of --framework %s", strings.Join(names(), ", "))
	}
	p, err := project.Scan(ctx, dir, project.Options{Manager: o.Manager, App: o.App})
	if err != nil {
		return nil, err
	}
	if o.App != "" {
		p.Tree.Mean(fileOf(o.App))
	}
	p.Apps = apps(p, o)
	for i := range p.Apps {
		p.Apps[i].Manifest = p.ManifestOf(p.Apps[i].Dir)
	}
	choose(p, o)
	if app := p.App(); app != nil {
		if err := p.Settle(ctx, app.Dir); err != nil {
			return nil, err
		}
		p.Problems = append(p.Problems, broken(p.Tree, app)...)
		p.Present = p.Already(app)
		if r := find(app.Framework); r != nil {
			has, unseen := r.Look(p, app)
			p.Present = append(p.Present, has...)
			p.Problems = append(p.Problems, unseen...)
		}
		project.SortPresent(p.Present)
	}
	hideProject(p)
	return p, nil
}

// broken says which of the app's own files are not Python.
func broken(t *project.Tree, app *project.App) []problem.Problem {
	var out []problem.Problem
	for _, name := range []string{app.Entry.File, app.Settings, app.URLs} {
		if path.Ext(name) != ".py" || !t.Has(name) { // vanilla's is yet to be made
			continue
		}
		if _, err := t.Python(name); err != nil {
			out = append(out, *authkit.SyntaxProblem(name, err))
		}
	}
	return out
}

func find(framework string) Recipe {
	for _, r := range All() {
		if r.Name() == framework {
			return r
		}
	}
	return nil
}

func names() []string {
	var out []string
	for _, r := range All() {
		out = append(out, r.Name())
	}
	return out
}

// apps are those of all frameworks, or of the one that was asked for. A project
// is without a framework only when it has no app of any.
func apps(p *project.Project, o Options) []project.App {
	found := []project.App{}
	for _, r := range All() {
		if r.Name() == "vanilla" && o.Framework != "vanilla" {
			continue
		}
		if o.Framework == "" && (o.App != "" || !isFramework(project.NormalizeName(p.Name))) || o.Framework == r.Name() {
			found = append(found, r.Find(p)...)
		}
	}
	if o.Framework == "" {
		found = append(found, others(p, len(found) > 0)...)
		if len(found) == 0 && asideApps(p) == nil {
			found = find("vanilla").Find(p)
		}
	}
	// One object that is made in two branches of an if is one app.
	unique := []project.App{}
	for _, a := range found {
		same := func(b project.App) bool { return a.Entry.File == b.Entry.File && a.Entry.Object == b.Entry.Object }
		if !slices.ContainsFunc(unique, same) {
			unique = append(unique, a)
		}
	}
	return unique
}

// choose settles on one app, or says what the choice is and how to make it.
func choose(p *project.Project, o Options) {
	candidates := []int{}
	for i, a := range p.Apps {
		if o.App == "" || matches(a, o.App) {
			candidates = append(candidates, i)
		}
	}
	slices.SortStableFunc(candidates, func(i, j int) int { return p.Apps[j].Confidence - p.Apps[i].Confidence })
	if len(candidates) == 0 {
		p.Problems = append(p.Problems, *noApp(p, o))
		return
	}
	best := p.Apps[candidates[0]]
	if rivals := slices.DeleteFunc(slices.Clone(candidates), func(i int) bool { return !rival(p.Apps[i], best) }); len(rivals) > 1 {
		p.Problems = append(p.Problems, *several(p, rivals))
		return
	}
	app := best
	if o.App == "" && o.Framework == "" && p.Commands && app.Confidence < unlikely && find(app.Framework) != nil && app.Framework != "vanilla" && app.Framework != "django" {
		p.Problems = append(p.Problems, *problem.New("app-unsure", "this project installs commands, and nothing that authfit can see serves the app that lies deep in it").
			At(app.Entry.File, app.Entry.Line).WithDetail("%s", candidate(app)).
			WithFix("if this is the app that users log in to, name it with its --app flag"))
		return
	}
	if name, ok := strings.CutPrefix(app.Framework, "other:"); ok {
		p.Problems = append(p.Problems, *problem.New("framework-unsupported", "this is a %s app, for which authfit has no recipe yet", name).
			At(app.Entry.File, app.Entry.Line).
			WithFix("authfit knows %s; if the app is one of these after all, say --framework NAME", strings.Join(names(), ", ")))
	}
	p.Chosen = &candidates[0]
}

// rival reports whether an app may be meant as well as the best one: it is
// about as sure, or has a manifest of its own, as the apps of a monorepo have.
func rival(a, best project.App) bool {
	apart := a.Manifest != "" && best.Manifest != "" && a.Manifest != best.Manifest
	return best.Confidence-a.Confidence < sure || apart && a.Confidence > 0 && find(a.Framework) != nil
}

// matches reports whether an --app value, FILE or FILE:NAME, names the app.
func matches(a project.App, value string) bool {
	file := fileOf(value)
	_, name, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(value, "./"), file), ":")
	own := file == a.Entry.File || file == a.Settings || file == a.URLs ||
		slices.ContainsFunc(a.Evidence, func(e project.Evidence) bool { return e.File == file })
	return own && (name == "" || name == a.Entry.Object || strings.HasSuffix(a.Run, ":"+name))
}

// fileOf is the file of an --app value.
func fileOf(value string) string {
	if i := strings.LastIndexByte(value, ':'); i > 1 {
		value = value[:i]
	}
	return strings.TrimPrefix(value, "./")
}

func noApp(p *project.Project, o Options) *problem.Problem {
	if o.App != "" {
		return problem.New("no-app", "there is no app at %s", o.App).
			WithFix("`authfit inspect` lists the apps that there are")
	}
	if !slices.ContainsFunc(p.Tree.Files(), func(f string) bool { return strings.HasSuffix(f, ".py") }) {
		return problem.New("not-python", "there is no Python app in %s", p.Root).
			WithFix("run authfit in the app's folder, or name it: --project DIR")
	}
	fix := "name the file that makes the app: --app FILE:NAME, or the framework: --framework NAME"
	if seen := asideApps(p); seen != nil {
		return problem.New("no-app", "there are apps only among the tests, examples and documentation of this project").
			WithDetail("%s", strings.Join(seen, "\n")).
			WithFix("if one of them is meant, name it with its --app flag; if a login server beside plain Python code is, say --framework vanilla")
	}
	return problem.New("no-app", "no app of %s was found in %s", strings.Join(names(), ", "), p.Root).WithFix("%s", fix)
}

// asideApps names the first of the apps that lie where no project has its own.
func asideApps(p *project.Project) []string {
	const most = 10
	p.Tree.Everything(true)
	defer p.Tree.Everything(false)
	var lines []string
	for _, r := range All() {
		if r.Name() == "vanilla" {
			continue
		}
		for _, a := range r.Find(p) {
			lines = append(lines, candidate(a))
		}
	}
	for _, a := range others(p, true) {
		lines = append(lines, candidate(a))
	}
	return lines[:min(most, len(lines))]
}

// candidate is an app as it stands in a list to choose from.
func candidate(a project.App) string {
	return fmt.Sprintf("%s:%d  %s  --app %s", a.Entry.File, a.Entry.Line, a.Framework, a.Flag())
}

func several(p *project.Project, candidates []int) *problem.Problem {
	var lines []string
	for _, i := range candidates {
		lines = append(lines, candidate(p.Apps[i]))
	}
	return problem.New("several-apps", "there are %d apps here", len(candidates)).
		WithDetail("%s", strings.Join(lines, "\n")).
		WithFix("choose one with its --app flag")
}
