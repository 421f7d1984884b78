package manager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
)

// A Resolution is what the project's manager would install of a package.
type Resolution struct {
	// Version is the one that its resolver comes to; empty where it comes to
	// none.
	Version string
	// HeldBack are the lines of the project's manifests that keep a newer
	// version away, or any at all, as far as the resolver's words name them.
	HeldBack []project.Evidence
	// Err is what the resolver said where it came to no version, a *RunError.
	Err error
}

// Resolve asks the project's manager which version of a package it would
// install beside what the project declares. It is asked in a copy of the
// project's manifests, so that nothing of the project or its environment
// changes. Where that is an older version than r's, the manager is asked once
// more for r's, to hear what stands in the way. The error is for a copy that
// cannot be made, or a context that has ended.
func Resolve(ctx context.Context, p *project.Project, m Manager, r Requirement, out io.Writer) (Resolution, error) {
	version, err := ask(ctx, p, m, r.Name, r.Name, out)
	var failed *RunError
	if errors.As(err, &failed) && failed.Code >= 0 {
		return Resolution{HeldBack: heldBack(p, r.Name, failed.Tail), Err: err}, nil
	}
	if err != nil || version == "" || project.CompareVersions(version, r.Version) >= 0 {
		return Resolution{Version: version}, err
	}
	_, err = ask(ctx, p, m, r.Name, r.Name+">="+r.Version, out)
	if errors.As(err, &failed) && failed.Code >= 0 {
		return Resolution{Version: version, HeldBack: heldBack(p, r.Name, failed.Tail)}, nil
	}
	return Resolution{Version: version}, err
}

// ask has the manager resolve the project's dependencies with one more, in a
// copy of its manifests, and reads the version from what it wrote there.
func ask(ctx context.Context, p *project.Project, m Manager, name, spec string, out io.Writer) (string, error) {
	copied, err := os.MkdirTemp("", "authfit-resolve-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(copied) }()
	if err := copyManifests(p, copied); err != nil {
		return "", err
	}
	if d, ok := m.(interface {
		declare(copied, spec string) error
	}); ok {
		if err := d.declare(copied, spec); err != nil {
			return "", err
		}
	}
	var said bytes.Buffer
	for _, c := range m.Lock(spec) {
		if err := Run(ctx, c, copied, io.MultiWriter(out, &said)); err != nil {
			return "", err
		}
	}
	if version := m.Locked(copied, name, said.String()); version != "" {
		return version, nil
	}
	return project.InstalledVersion(p.Python.SitePackages, name), nil
}

// reManifest are the files that a resolver may read.
var reManifest = regexp.MustCompile(`^(pyproject\.toml|(uv|poetry|pdm)\.(toml|lock)|Pipfile(\.lock)?|setup\.(py|cfg)|hatch\.toml|\.python-version|(README|LICENSE).*|.*\.(txt|in))$`)

func copyManifests(p *project.Project, dir string) error {
	for _, name := range p.Tree.Files() {
		if !reManifest.MatchString(path.Base(name)) {
			continue
		}
		src, err := p.Tree.Read(name)
		if err != nil {
			continue // the resolver says what it misses
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, src, 0o600)); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(dir, filepath.FromSlash(p.Manager.Dir)), 0o700)
}

// heldBack are the project's requirements, that for Python included, which the
// words of a resolver name: those with a bound, beside the package itself.
func heldBack(p *project.Project, name, words string) []project.Evidence {
	var out []project.Evidence
	for _, d := range p.Dependencies {
		if d.Name == "" || d.Name == project.NormalizeName(name) || d.Specifier == "" || d.Specifier == "*" || d.Group != "" {
			continue
		}
		spelled := strings.ReplaceAll(regexp.QuoteMeta(d.Name), "-", "[-_.]")
		named := regexp.MustCompile(`(?i)(^|[^\w.-])` + spelled + `($|[^\w-])`)
		e := project.Evidence{File: d.File, Line: d.Line, Fact: d.Name + d.Specifier}
		if named.MatchString(words) && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	if rePythonWords.MatchString(words) {
		for _, e := range p.Python.Evidence {
			if strings.HasPrefix(e.Fact, "requires-python") || strings.HasPrefix(e.Fact, "python") {
				out = append(out, e)
			}
		}
	}
	return out
}

var rePythonWords = regexp.MustCompile(`(?i)requires-python|supported Python range|does not satisfy Python|Requires Python`)

// HeldBackProblem says what keeps the newest SDK, or any, from the project.
func (r Resolution) HeldBackProblem(tested Requirement) *problem.Problem {
	var p *problem.Problem
	switch {
	case r.Err != nil:
		p = problem.New("sdk-unresolvable", "the project's package manager does not bring %s together with what the project asks for", tested.Name)
		var said *problem.Problem
		if errors.As(r.Err, &said) {
			p = p.WithDetail("%s", said.Detail).WithFix("%s", said.Fix)
		}
	case len(r.HeldBack) > 0:
		p = problem.New("sdk-held-back", "%s %s would be installed, and not %s", tested.Name, r.Version, tested.Version).
			WithFix("loosen what is named here, if the project can do with it")
	default:
		return nil
	}
	var lines []string
	for _, e := range r.HeldBack {
		lines = append(lines, e.File+": "+e.Fact)
	}
	if len(r.HeldBack) > 0 {
		p = p.At(r.HeldBack[0].File, r.HeldBack[0].Line)
		p.Detail = strings.Trim("in the way: "+strings.Join(lines, ", ")+"\n"+p.Detail, "\n")
	}
	return p
}

// lockedTOML is the version of a package in a lock file with [[package]]
// tables: uv's, Poetry's and PDM's.
func lockedTOML(file, name string) string {
	src, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	var lock struct {
		Package []struct{ Name, Version string }
	}
	if err := toml.Unmarshal(src, &lock); err != nil {
		return ""
	}
	for _, p := range lock.Package {
		if project.NormalizeName(p.Name) == project.NormalizeName(name) {
			return p.Version
		}
	}
	return ""
}

// inCopy is a file of the manager's folder in a copy of the project.
func (t tool) inCopy(copied, name string) string {
	return filepath.Join(copied, filepath.FromSlash(path.Join(t.p.Manager.Dir, name)))
}

const lockWhy = "resolve the project's dependencies in a copy"

// Lock is "uv add" without the environment.
func (u uv) Lock(spec string) []plan.Command {
	return []plan.Command{u.command(lockWhy, u.python(), "add", "--no-sync", spec)}
}

// Locked reads uv.lock, in a workspace the one of its root.
func (u uv) Locked(copied, name, _ string) string {
	lock := u.p.Manager.Lock
	if lock == "" {
		lock = "uv.lock"
	}
	return lockedTOML(u.inCopy(copied, lock), name)
}

// Lock is "poetry add" for the lock file alone. The environment that Poetry
// wants all the same is made in the copy, unless the project has one.
func (t poetry) Lock(spec string) []plan.Command {
	env := t.inEnvironment()
	if env == nil {
		env = []string{"POETRY_VIRTUALENVS_IN_PROJECT=true"}
	}
	return []plan.Command{t.command(lockWhy, env, "add", "--lock", "--no-interaction", spec)}
}

// Locked reads poetry.lock.
func (t poetry) Locked(copied, name, _ string) string {
	return lockedTOML(t.inCopy(copied, "poetry.lock"), name)
}

// Lock is "pdm add" without the environment.
func (t pdm) Lock(spec string) []plan.Command {
	env := t.inEnvironment()
	if env == nil && t.p.Python.Base != "" {
		env = []string{"PDM_PYTHON=" + t.p.Python.Base, "PDM_IGNORE_SAVED_PYTHON=1"}
	}
	return []plan.Command{t.command(lockWhy, env, "add", "--no-sync", spec)}
}

// Locked reads pdm.lock.
func (t pdm) Locked(copied, name, _ string) string {
	return lockedTOML(t.inCopy(copied, "pdm.lock"), name)
}

// declare adds a package to the copy's Pipfile: pipenv has no command that adds
// one without installing it.
func (t pipenv) declare(copied, spec string) error {
	file := t.inCopy(copied, "Pipfile")
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name, version, bound := strings.Cut(spec, ">=")
	line := name + ` = "*"`
	if bound {
		line = name + ` = ">=` + version + `"`
	}
	const section = "[packages]"
	lines := strings.Split(string(src), "\n")
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) == section }); i >= 0 {
		lines = slices.Insert(lines, i+1, line)
	} else {
		lines = append(lines, section, line)
	}
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600)
}

// Lock is "pipenv lock". The environment that pipenv wants for it is made in
// the copy, unless the project has one.
func (t pipenv) Lock(string) []plan.Command {
	env := t.env()
	args := []string{"lock"}
	if t.p.Python.Venv == "" {
		env = append(env, "PIPENV_VENV_IN_PROJECT=1")
		args = append(args, "--python", t.p.Python.Base)
	}
	return []plan.Command{t.command(lockWhy, env, args...)}
}

// Locked reads Pipfile.lock.
func (t pipenv) Locked(copied, name, _ string) string {
	var lock struct {
		Default map[string]struct{ Version string }
	}
	src, err := os.ReadFile(t.inCopy(copied, "Pipfile.lock"))
	if err != nil || json.Unmarshal(src, &lock) != nil {
		return ""
	}
	return strings.TrimPrefix(lock.Default[project.NormalizeName(name)].Version, "==")
}

// report is where pip writes what it would install.
const report = "authfit-pip-report.json"

// Lock is "pip install --dry-run" with a report, in the project's environment
// or, without one, with the interpreter that one would be made with. uv, where
// it stands in for pip, has no report, and says it.
func (t pip) Lock(spec string) []plan.Command {
	declared := t.declaredArgs()
	if len(t.argv) > 0 {
		c := t.install(lockWhy, append(declared, spec)...)
		c.Argv = append(c.Argv, "--dry-run")
		return []plan.Command{c}
	}
	c := t.command(lockWhy, nil)
	python, args := t.p.Python.Interpreter, []string{}
	if python == "" {
		python, args = t.p.Python.Base, []string{"--ignore-installed"}
	}
	c.Argv = slices.Concat([]string{python, "-m", "pip", "install", "--dry-run", "--report", report}, args, declared, []string{spec})
	return []plan.Command{c}
}

// Locked reads pip's report, or uv's words.
func (t pip) Locked(copied, name, words string) string {
	for line := range strings.Lines(words) {
		if would, version, ok := strings.Cut(strings.TrimSpace(line), "=="); ok && len(t.argv) > 0 && would == "+ "+name {
			return version
		}
	}
	var said struct {
		Install []struct {
			Metadata struct{ Name, Version string }
		}
	}
	src, err := os.ReadFile(t.inCopy(copied, report))
	if err != nil || json.Unmarshal(src, &said) != nil {
		return ""
	}
	for _, i := range said.Install {
		if project.NormalizeName(i.Metadata.Name) == project.NormalizeName(name) {
			return i.Metadata.Version
		}
	}
	return ""
}
