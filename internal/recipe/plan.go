package recipe

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/manager"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"
	"authfit/internal/sdk"
)

// localURL is where `authfit emulate` listens when nothing else is said.
const localURL = "http://127.0.0.1:4100"

// Plan is what the login needs in the project: commands, edits, keys, probes.
// What stands in the way is in its Problems; then the rest is not complete. The
// manager may be nil where nothing is to be installed.
func Plan(p *project.Project, m manager.Manager, o Options) (*plan.Plan, error) {
	chosen := chooseSDK(p, o.MoveSDK)
	out := &plan.Plan{
		Schema: plan.Schema, Python: p.Python.Executable(), Options: o.plan(),
		SDK: plan.SDK{Dialect: chosen.Dialect, Needs: authkit.NeedsFor(chosen.Dialect, o.With...)},
	}
	for _, q := range p.Blockers() {
		if q.Code != "python-too-wide" || !o.NoInstall { // that is about an install
			out.Problems = append(out.Problems, q)
		}
	}
	r, none := room(p)
	if none != nil {
		out.Problems = append(out.Problems, *none)
		return out, nil
	}
	app := p.App()
	out.Framework = app.Framework
	out.Problems = append(out.Problems, chosen.Problems...)
	d := &authkit.Draft{Project: p, App: app, Prefix: o.URLPrefix, Notes: chosen.Notes, Users: o.Users}
	d.Variant.Dialect, d.Variant.Features = chosen.Dialect, o.With
	refuseUsers(d)
	refuseName(d)
	r.Draft(d)

	pkgs := packages(p, app, chosen.Package)
	if m != nil && !o.NoInstall {
		out.Commands = m.Add(pkgs)
		if len(out.Commands) > 0 {
			out.Restores = restores(p, m)
		}
	}
	moveLine(d, chosen.Package)
	listPackages(d, pkgs)
	ignoreEnv(d)
	out.Env = envKeys(d)
	if p.SDK.Installed != "" && !o.MoveSDK && len(chosen.Problems) == 0 {
		lacks, err := MissingFromSDK(p.Python.SitePackages, out.SDK)
		if err != nil {
			return nil, err
		}
		out.Problems = append(out.Problems, lacks...)
	}

	var err error
	if out.Files, err = d.Files(); err != nil {
		return nil, err
	}
	out.Probes = append([]plan.Probe{
		{ID: "sdk", Why: "the SDK can be imported"},
		{ID: "credentials", Why: "the credentials are there and of their form"},
	}, d.Probes...)
	out.Login = d.Login
	out.Notes = append(out.Notes, d.Notes...)
	out.Problems = append(out.Problems, d.Problems...)
	hideNotes(out.Notes)
	hideProblems(out.Problems)
	out.Portable(p.Root, p.Manager.Dir, p.Manager.Workspace)
	return out, nil
}

// reRun is how a server may be told which app to run: MODULE:NAME, where nothing
// can be taken for an option, or for a place to be filled in.
var reRun = regexp.MustCompile(`^[\pL\pN_./][^{}\pC]*$`)

// refuseName refuses an app that cannot be named in a command.
func refuseName(d *authkit.Draft) {
	if run := d.App.Run; run != "" && !reRun.MatchString(run) {
		d.RefuseAt("app-name", d.App.Entry.File, d.App.Entry.Line, "rename the file to a name that Python can import: letters, digits and underscores",
			"the app cannot be started by the name %q", run)
	}
}

// restores are the files that the manager's commands change, as they are now.
func restores(p *project.Project, m manager.Manager) []plan.Restore {
	var out []plan.Restore
	for _, file := range m.Restores() {
		r := plan.Restore{Path: file}
		if src, err := p.Tree.Read(file); err == nil {
			r.SHA256Before = plan.Sum(src)
		}
		out = append(out, r)
	}
	return out
}

// refuseUsers refuses users of another framework.
func refuseUsers(d *authkit.Draft) {
	at := d.App.Entry
	switch kinds := map[string]string{"django": "django", "flask-login": "flask"}; {
	case d.Users == "" || d.Users == "session":
	case kinds[d.Users] == "":
		d.RefuseAt("usage", "", 0, "use --users session, django or flask-login", "there are no users called %q", d.Users)
	case kinds[d.Users] != d.App.Framework:
		d.RefuseAt("usage", at.File, at.Line, "leave --users away", "--users %s is not for an app of %s", d.Users, d.App.Framework)
	}
}

// packages are those that the login needs: the SDK, and what reads .env. A
// framework is the project's own to bring, unless nothing says what it needs.
func packages(p *project.Project, app *project.App, workos manager.Requirement) []manager.Requirement {
	dotenv, flask := manager.PythonDotenv, manager.Flask
	if p.Python.Old() || p.Python.RequiresOld() {
		dotenv, flask = manager.PythonDotenv5, manager.Flask5
		if p.Manager.UsesPip() { // pip looks for what runs on its Python by itself
			dotenv.Range, flask.Range = "", ""
		}
	}
	pkgs := []manager.Requirement{workos, dotenv}
	if app.Framework == "vanilla" {
		return append(pkgs, flask)
	}
	if p.Manager.Manifest == "" {
		for _, r := range manager.Frameworks[app.Framework] {
			if r.Name == flask.Name {
				r = flask
			}
			if project.InstalledVersion(p.Python.SitePackages, r.Name) == "" {
				pkgs = append(pkgs, r)
			}
		}
	}
	return pkgs
}

// listPackages adds the packages to the requirements file of a project that is
// kept with pip; the other managers write their manifests themselves.
func listPackages(d *authkit.Draft, pkgs []manager.Requirement) {
	m := d.Project.Manager
	if !m.UsesPip() {
		return
	}
	if m.Manifest == "pyproject.toml" && listInProject(d, pkgs) {
		return
	}
	if !strings.HasSuffix(m.Manifest, ".txt") {
		if m.Manifest != "" {
			where := "the dependencies in " + m.Manifest
			if m.Name == "conda" {
				where = "the list below pip: in " + m.Manifest
			}
			d.Note("add workos and python-dotenv to " + where + ": pip keeps no list of its own")
		}
		return
	}
	missing := unlisted(d, pkgs)
	if missing == nil {
		return
	}
	file := manager.Listing(d.Project)
	d.Edit(file, "the packages", func(src []byte) ([]edit.Edit, error) {
		return at(file)(manager.RequirementLines(src, missing))
	})
}

// unlisted are the packages that the project does not list to run with.
func unlisted(d *authkit.Draft, pkgs []manager.Requirement) (missing []manager.Requirement) {
	for _, r := range pkgs {
		if dep := d.Project.Dependency(r.Name); dep == nil || dep.Group != "" {
			missing = append(missing, manager.Pin(d.Project, r))
		}
	}
	return missing
}

// listInProject adds the packages to the [project] dependencies, and says
// whether there is such a list.
func listInProject(d *authkit.Draft, pkgs []manager.Requirement) bool {
	name := path.Join(d.Project.Manager.Dir, "pyproject.toml")
	missing := unlisted(d, pkgs)
	if _, ok := manager.ProjectLines(d.Source(name), missing); !ok {
		return false
	}
	d.Edit(name, "the packages", func(src []byte) ([]edit.Edit, error) {
		if missing == nil {
			return nil, nil
		}
		edits, _ := manager.ProjectLines(src, missing)
		return edits, nil
	})
	return true
}

// ignoreEnv keeps git from taking .env.
func ignoreEnv(d *authkit.Draft) {
	env := d.Project.Env
	if env.IgnoredByGit || !inRepository(d.Project.Root) {
		return
	}
	file := cmp.Or(env.Target, env.File)
	if env.TrackedByGit {
		d.RefuseAt("env-tracked", file, 0, "take it out of git, which leaves the file where it is (git rm --cached "+file+"), "+
			"put it into .gitignore, and commit both; what has been secret in it is in the history, so have it issued anew",
			"git tracks %s, so a secret in it would be shared", file)
		return
	}
	name := path.Join(path.Dir(file), ".gitignore")
	if !d.Project.Tree.Has(name) {
		d.Create(name, []byte(path.Base(file)+"\n"), "keep the secrets out of git")
		return
	}
	d.Edit(name, "keep the secrets out of git", func(src []byte) ([]edit.Edit, error) {
		return edit.AppendLines(src, path.Base(file)), nil
	})
}

func inRepository(dir string) bool {
	for {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}

// envKeys are the keys that the environment file lacks. Without credentials
// they are the local emulator's own, and the SDK is told where that is.
func envKeys(d *authkit.Draft) []plan.EnvKey {
	env := d.Project.Env
	missing := func(key string) bool { return env.Keys[key] == project.KeyMissing }
	port := "8000"
	if d.App.Framework == "flask" || d.App.Framework == "vanilla" {
		port = "5000"
	}
	var keys []plan.EnvKey
	add := func(key string, source plan.EnvSource, value, why string) {
		if missing(key) {
			keys = append(keys, plan.EnvKey{File: env.File, Key: key, Source: source, Value: value, Why: why})
		}
	}
	add("WORKOS_API_KEY", plan.EnvLocal, "", "the SDK's secret; for now the local emulator's")
	add("WORKOS_CLIENT_ID", plan.EnvLocal, "", "which application this is; for now the local emulator's")
	if len(keys) > 0 {
		keys = append(keys, plan.EnvKey{File: env.File, Key: "WORKOS_BASE_URL", Source: plan.EnvLiteral, Value: localURL, Why: "the local emulator; goes with the credentials"})
		d.Note("no credentials in " + env.File + ": the local emulator's are used (authfit emulate); put yours in from the WorkOS dashboard and remove WORKOS_BASE_URL")
	}
	if d.Login != nil {
		host := cmp.Or(d.Host, "localhost")
		if missing("WORKOS_REDIRECT_URI") {
			d.Note("open the app at http://" + host + ":" + port + ", as WORKOS_REDIRECT_URI has it: to a browser, localhost and 127.0.0.1 are two sites, and a login begun on one cannot end on the other")
		}
		add("WORKOS_REDIRECT_URI", plan.EnvLiteral, "http://"+host+":"+port+d.Login.Callback, "where AuthKit sends people back to; register it in the WorkOS dashboard")
	}
	add("WORKOS_COOKIE_PASSWORD", plan.EnvFernet, "", "the key that seals the session")
	return keys
}

// MissingFromSDK reads the SDK in an environment and names what it lacks of what
// a plan's code needs. A plan without a dialect has no code of ours.
func MissingFromSDK(sitePackages []string, want plan.SDK) ([]problem.Problem, error) {
	installed, err := sdk.Read(sitePackages)
	if err != nil {
		return nil, err
	}
	if want.Dialect != "" && installed.Dialect != want.Dialect && len(installed.Problems) == 0 {
		return []problem.Problem{*otherInstalled(installed.Version, want.Dialect)}, nil
	}
	needs, err := sdk.ParseNeeds(want.Needs)
	if err != nil {
		return nil, err
	}
	var out []problem.Problem
	for _, p := range append(installed.Problems, installed.Missing(needs)...) {
		out = append(out, *p)
	}
	return out, nil
}

// otherInstalled says that the package manager came to an SDK of another kind
// than the one that the code was written for.
func otherInstalled(version, dialect string) *problem.Problem {
	wanted := map[string]string{authkit.SDK5: manager.WorkOS5.Version}[dialect]
	return problem.New("sdk-other-installed", "the package manager installed workos %s, where %s was expected", version, cmp.Or(wanted, manager.WorkOS.Version)).
		WithDetail("something that the project asks for keeps the other away: `authfit inspect --resolve` names it").
		WithFix("loosen that; or add workos %s to the project by hand, and run authfit again: it keeps the SDK that is there", version)
}
