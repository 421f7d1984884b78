// Package manager knows the package managers uv, Poetry, pipenv, PDM and pip:
// the commands by which each adds packages to a project and installs what the
// project declares, and the files that these commands change. Building the
// commands is pure; Run runs one.
package manager

import (
	"context"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
)

// A Requirement is a package to add. Version is the one that authfit was
// tested with, empty where any will do; managers with a lock file choose for
// themselves, within Range.
type Requirement struct {
	Name    string
	Version string
	// Range is PEP 440's specifier of the versions that will do, empty where all
	// will: ">=5.46,<6".
	Range string
	// Marker is PEP 508's, for managers that lock for every Python.
	Marker string
	// Move says that the package is to be moved to Version, or into Range, where
	// the project has another.
	Move bool
}

// The packages that authfit adds, with the versions that it was tested with.
var (
	WorkOS       = Requirement{Name: "workos", Version: "10.8.0"}
	PythonDotenv = Requirement{Name: "python-dotenv", Version: "1.2.4"}
	Flask        = Requirement{Name: "Flask", Version: "3.1.3"}
)

// The same for a project that Python 3.8 or 3.9 has to run. The cryptography
// that workos 5 needs leaves two releases of Python out, and Poetry and PDM add
// only what runs on all that the project lets in.
var (
	WorkOS5       = Requirement{Name: "workos", Version: "5.46.0", Range: ">=5.46,<6"}
	PythonDotenv5 = Requirement{Name: "python-dotenv", Version: "1.0.1", Range: ">=1.0.1"}
	Flask5        = Requirement{Name: "Flask", Version: "3.0.3", Range: ">=3.0.3"}
)

// NotFirst39 is the marker for what needs the cryptography that workos 5 does.
const NotFirst39 = `python_full_version != "3.9.0" and python_full_version != "3.9.1"`

// Frameworks are the packages that an app of a framework runs with. They are
// installed where no file says what the project needs.
var Frameworks = map[string][]Requirement{
	"django":  {{Name: "Django"}},
	"fastapi": {{Name: "fastapi"}, {Name: "uvicorn"}},
	"flask":   {Flask},
}

// A Manager builds the commands of one package manager for one project. The
// commands are complete: they make the environment where there is none, and
// they name the interpreter or the environment, so that what is activated in
// the shell does not matter.
type Manager interface {
	// Name is uv, poetry, pipenv, pdm or pip.
	Name() string
	// Add makes the packages dependencies of the project and installs them, in
	// one call, with all else that the project needs where there was no
	// environment. Packages that are dependencies and installed already are left
	// out; with none left, and an environment, there is no command.
	Add(pkgs []Requirement) []plan.Command
	// Install brings all that the project declares into its environment.
	Install() []plan.Command
	// Lock resolves the project's dependencies with one more, given as PEP 508
	// has it, without installing anything into the project. It changes the manager's files: it is
	// for a copy of them (see Resolve).
	Lock(spec string) []plan.Command
	// Locked is the version of a package that Lock's commands came to in a copy
	// of the project, from the files there or from what the commands wrote;
	// empty where they left it as it is installed.
	Locked(copied, name, words string) string
	// Restores are the files that Add's commands may change or make, relative
	// to the root: manifest, lock, and what the tool keeps beside them. Those
	// that are not there may come into being.
	Restores() []string
}

// tool is what the managers have in common.
type tool struct {
	p    *project.Project
	argv []string // how the tool is called
}

// New returns the project's manager, called as argv: the name alone, or a path
// as Find gives it. It is for plans that will not be run; others use For. The
// project's manager has to be decided (project.Manager.Name is not empty).
func New(p *project.Project, argv ...string) Manager {
	t := tool{p: p, argv: argv}
	switch p.Manager.Name {
	case "uv":
		return uv{t}
	case "poetry":
		return poetry{t}
	case "pipenv":
		return pipenv{t}
	case "pdm":
		return pdm{t}
	}
	return pip{t}
}

// For finds the project's manager on this machine, and notes where in
// p.Manager.Path. The error is a *problem.Problem that says how to get it.
func For(ctx context.Context, p *project.Project, getenv func(string) string) (Manager, error) {
	if p.Manager.Name == "" {
		return nil, problem.New("two-managers", "it is not decided which package manager keeps the project").
			WithFix("say it with --manager")
	}
	if p.Manager.UsesPip() {
		p.Manager.Path = p.Python.Executable()
		// An environment made by uv has no pip in it; its owner uses uv pip.
		if p.Python.Venv != "" && project.InstalledVersion(p.Python.SitePackages, "pip") == "" {
			if argv := Find(ctx, "uv", p, getenv); argv != nil {
				return New(p, argv...), nil
			}
		}
		return New(p), nil
	}
	argv := Find(ctx, p.Manager.Name, p, getenv)
	if argv == nil {
		return nil, notFound(p.Manager)
	}
	p.Manager.Path = argv[0]
	return New(p, argv...), nil
}

// metadata are the files that setuptools writes into its .egg-info folder.
var metadata = []string{"PKG-INFO", "SOURCES.txt", "dependency_links.txt", "entry_points.txt", "requires.txt", "top_level.txt"}

// eggInfo are the folders in which setuptools may keep what it knows of the
// project, which it writes when a manager installs the project itself: beside
// the code, which may be in src. Empty for another build backend.
func (t tool) eggInfo() []string {
	if !t.p.Setuptools || t.p.Name == "" {
		return nil
	}
	name := strings.ReplaceAll(t.p.Name, "-", "_") + ".egg-info"
	return t.files(name, path.Join("src", name))
}

// Folders are those that the commands of the project's manager may make in the
// project beside its environment, relative to the root.
func Folders(p *project.Project) []string {
	if p.Manager.UsesPip() { // which does not install the project itself
		return nil
	}
	return tool{p: p}.eggInfo()
}

// notFound says how to get a manager.
func notFound(m project.Manager) error {
	install := map[string]string{
		"uv":     "curl -LsSf https://astral.sh/uv/install.sh | sh, or pipx install uv",
		"poetry": "pipx install poetry (python-poetry.org/docs/#installation)",
		"pipenv": "pipx install pipenv (pipenv.pypa.io)",
		"pdm":    "pipx install pdm (pdm-project.org)",
	}[m.Name]
	p := problem.New("manager-not-found", "the project is kept with %s, which is not on PATH", m.Name).
		WithFix("install it: %s", install)
	if len(m.Evidence) > 0 {
		e := m.Evidence[0]
		p = p.At(e.File, e.Line).WithDetail("seen: %s", e.Fact)
	}
	return p
}

// Find finds a tool: on PATH, in the project's environment, where installers
// for one person put it, or as a module of python3. It returns how to call it,
// or nil.
func Find(ctx context.Context, name string, p *project.Project, getenv func(string) string) []string {
	if getenv == nil {
		getenv = os.Getenv
	}
	env := p.Python.Venv
	for _, file := range []string{
		project.LookPath(name, getenv("PATH")),
		inFolder(binDir(env), name, env != ""),
		inFolder(filepath.Join(getenv("HOME"), ".local", "bin"), name, getenv("HOME") != ""),
		inFolder(filepath.Join(getenv("POETRY_HOME"), "bin"), name, name == "poetry" && getenv("POETRY_HOME") != ""),
	} {
		// The shims of pyenv and asdf are there for every version, and fail for
		// those that do not have the tool.
		if file != "" && (filepath.Base(filepath.Dir(file)) != "shims" || !p.RunsOwn(file) && works(ctx, p.Root, file, "--version")) {
			return []string{file}
		}
	}
	for _, python := range []string{p.Python.Base, project.LookPath("python3", getenv("PATH"))} {
		if python != "" && !p.RunsOwn(python) && works(ctx, p.Root, python, "-P", "-m", name, "--version") {
			return []string{python, "-m", name}
		}
	}
	return nil
}

func inFolder(dir, name string, ok bool) string {
	if !ok {
		return ""
	}
	return project.LookPath(name, dir)
}

// binDir is where an environment has its programs.
func binDir(env string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(env, "Scripts")
	}
	return filepath.Join(env, "bin")
}

// works says whether a program can be asked for its version.
func works(ctx context.Context, dir string, argv ...string) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	return cmd.Run() == nil
}

// command is a call of the tool in the manifest's folder.
func (t tool) command(why string, env []string, args ...string) plan.Command {
	return plan.Command{Argv: append(slices.Clone(t.argv), args...), Dir: dirOf(t.p.Manager.Dir), Env: env, Why: why}
}

// dirOf is a folder as a plan has it.
func dirOf(dir string) string {
	if dir == "." {
		return ""
	}
	return dir
}

// inEnvironment makes poetry, pipenv and PDM use the project's environment:
// all of them take an activated one.
func (t tool) inEnvironment() []string {
	if t.p.Python.Venv == "" {
		return nil
	}
	return []string{"VIRTUAL_ENV=" + t.p.Python.Venv}
}

// missing are those of the packages that are not both declared to run with
// and installed. Without a manifest there is nothing to declare them in.
func (t tool) missing(pkgs []Requirement) []Requirement {
	var out []Requirement
	for _, r := range pkgs {
		if r.Move || t.p.Manager.Manifest != "" && !t.declared(r) || project.InstalledVersion(t.p.Python.SitePackages, r.Name) == "" {
			out = append(out, r)
		}
	}
	return out
}

func (t tool) declared(r Requirement) bool {
	d := t.p.Dependency(r.Name)
	return d != nil && d.Group == ""
}

// undeclared are those that are not yet dependencies, or not as they are to be.
func (t tool) undeclared(pkgs []Requirement) []Requirement {
	return slices.DeleteFunc(slices.Clone(pkgs), func(r Requirement) bool { return t.declared(r) && !r.Move })
}

// specs are the packages as a manager with a lock file is given them.
func specs(pkgs []Requirement) []string {
	var out []string
	for _, r := range pkgs {
		spec := strings.ToLower(r.Name) + r.Range
		if r.Marker != "" {
			spec += " ; " + r.Marker
		}
		out = append(out, spec)
	}
	return out
}

func names(pkgs []Requirement) []string {
	var out []string
	for _, r := range pkgs {
		out = append(out, strings.ToLower(r.Name))
	}
	return out
}

// addWhy says what a call is for.
func addWhy(pkgs []Requirement) string {
	if i := slices.IndexFunc(pkgs, func(r Requirement) bool { return r.Move }); i >= 0 {
		return "move " + pkgs[i].Name + " to " + pkgs[i].Version + " or newer, and have " + strings.Join(names(pkgs), " and ") + " in the project's dependencies and environment"
	}
	return "add " + strings.Join(names(pkgs), " and ") + " to the project's dependencies and install them"
}

// restores are files in the manager's folder that its commands change, and those
// that setuptools has written there before and writes again.
func (t tool) restores(names ...string) []string {
	out := t.files(names...)
	for _, dir := range t.eggInfo() {
		for _, name := range metadata {
			if file := path.Join(dir, name); t.p.Tree.Has(file) {
				out = append(out, file)
			}
		}
	}
	return out
}

// files are paths in the manager's folder, relative to the root.
func (t tool) files(names ...string) []string {
	var out []string
	for _, n := range names {
		out = append(out, path.Join(t.p.Manager.Dir, n))
	}
	return out
}
