package project

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"authfit/internal/problem"
)

const (
	// OldestPython is the oldest Python that workos 5 runs on, which is the
	// oldest SDK that authfit writes code for.
	OldestPython = "3.8"
	// OldestPythonSDK6 is the oldest that workos 6 and newer run on.
	OldestPythonSDK6 = "3.10"
)

// The Pythons on which only workos 5 runs, and those on which none does.
var (
	onlySDK5 = []string{"3.8", "3.9"}
	noSDK    = []string{"3.6", "3.7"}
)

func allowsAny(specifier string, versions []string) bool {
	return slices.ContainsFunc(versions, func(v string) bool { return allows(specifier, v) })
}

// RequiresOld says whether the project lets a Python in on which workos 6 and
// newer do not run, by its own requires-python.
func (p *Python) RequiresOld() bool { return p.Requires != "" && allowsAny(p.Requires, onlySDK5) }

// LetsFirst39In says whether the project lets 3.9.0 or 3.9.1 in.
func (p *Python) LetsFirst39In() bool { return allowsAny(p.Requires, []string{"3.9.0", "3.9.1"}) }

// LetsNewIn says whether the project lets a Python in on which the newest workos
// runs.
func (p *Python) LetsNewIn() bool {
	return allowsAny(p.Requires, []string{"3.10", "3.11", "3.12", "3.13", "3.14"})
}

// Old says whether the interpreter is one on which workos 6 and newer do not run.
func (p *Python) Old() bool {
	return p.Version != "" && CompareVersions(minor(p.Version), OldestPythonSDK6) < 0
}

// python finds the interpreter of an app that starts in dir.
//
// The project's own environment comes first, found as its manager finds it. An
// activated one (VIRTUAL_ENV, CONDA_PREFIX) is taken when it lies in the
// project, or when the project has none of its own; uv is the exception, which
// never looks at an activated one. One that is active and not taken is told.
// Where there is no environment, Base is what one can be made with.
func (s *scan) python(ctx context.Context, dir string, m Manager, found *manifests) (Python, []problem.Problem) {
	p := Python{Evidence: []Evidence{}}
	var specs []string
	for _, r := range found.requires {
		if !slices.Contains(specs, r.specifier) {
			specs = append(specs, r.specifier)
		}
		p.Evidence = append(p.Evidence, r.Evidence)
		if allowsAny(r.specifier, onlySDK5) {
			p.Evidence = append(p.Evidence, Evidence{File: r.File, Line: r.Line, Fact: "lets a Python before 3.10 in, where only workos 5 runs"})
		}
	}
	p.Requires = strings.Join(specs, ",")

	look, planned := s.environments(dir, m, found, "")
	active := s.active()
	if active.path != "" && m.Name != "uv" {
		if inside(s.path, active.path) || slices.ContainsFunc(look, func(e environment) bool { return sameFile(e.path, active.path) }) {
			look = slices.Insert(look, 0, active)
		} else {
			look = append(look, active)
		}
	}
	var broken *environment
	for _, e := range look {
		if !isDir(e.path) {
			continue
		}
		if !isFile(venvPython(e.path)) {
			if broken == nil && isFile(filepath.Join(e.path, "pyvenv.cfg")) {
				broken = &e
			}
			continue
		}
		s.use(&p, e)
		if active.path != "" && !sameFile(active.path, p.Venv) {
			return p, []problem.Problem{*problem.New("other-environment-active",
				"the activated environment %s is not the project's, which is %s", active.path, s.short(p.Venv)).
				WithFix("nothing has to be done: the project's own is used; `deactivate` to avoid confusion")}
		}
		return p, nil
	}
	if broken != nil {
		return p, []problem.Problem{*problem.New("environment-broken", "the environment has no interpreter: %s leads nowhere", s.short(venvPython(broken.path))).
			At(s.short(broken.path), 0).WithFix("remove the folder and make the environment anew; the Python it was made with is gone")}
	}
	if create := creates[m.Name]; create != "" {
		q := problem.New("environment-missing", "%s has not made the project's environment yet", m.Name).WithFix("make it: %s", create)
		if len(m.Evidence) > 0 {
			q = q.At(m.Evidence[0].File, m.Evidence[0].Line).WithDetail("seen: %s", m.Evidence[0].Fact)
		}
		return p, []problem.Problem{*q}
	}

	prob := s.base(ctx, dir, m, &p)
	if m.Name == "poetry" || m.Name == "pdm" { // they name the folder by the version
		_, planned = s.environments(dir, m, found, minor(p.Version))
	}
	p.Planned = planned
	return p, prob
}

// creates are the commands by which managers make an environment that authfit
// does not make for them.
var creates = map[string]string{
	"hatch": "hatch env create",
	"rye":   "rye sync",
	"conda": "conda env create --file environment.yml",
}

// active is the activated environment, if it is there. Conda's base is active
// in most shells of those who have it, and is nobody's project.
func (s *scan) active() environment {
	if v := s.o.Getenv("VIRTUAL_ENV"); v != "" && isDir(v) {
		return environment{v, "VIRTUAL_ENV is activated"}
	}
	if v := s.o.Getenv("CONDA_PREFIX"); v != "" && isDir(v) && s.o.Getenv("CONDA_DEFAULT_ENV") != "base" {
		return environment{v, "CONDA_PREFIX is activated"}
	}
	return environment{}
}

// use fills p from an environment.
func (s *scan) use(p *Python, e environment) {
	p.Venv, p.Interpreter = e.path, venvPython(e.path)
	p.Evidence = append(p.Evidence, Evidence{File: s.short(e.path), Fact: e.fact})
	cfg := readVenvConfig(e.path)
	cfgFile := s.short(filepath.Join(e.path, "pyvenv.cfg"))
	for _, key := range []string{"version", "version_info"} {
		if v, ok := cfg[key]; ok {
			p.Version = strings.Join(strings.SplitN(v.value, ".", 4)[:min(3, strings.Count(v.value, ".")+1)], ".")
			p.Evidence = append(p.Evidence, Evidence{File: cfgFile, Line: v.line, Fact: key + " = " + v.value})
			break
		}
	}
	if p.Version == "" {
		file, version := versionByPath(e.path)
		p.Version = version
		p.Evidence = append(p.Evidence, Evidence{File: s.short(file), Fact: "Python " + version})
	}
	p.SitePackages, p.Home = sitePackages(e.path), cfg["home"].value
	if strings.EqualFold(cfg["include-system-site-packages"].value, "true") {
		prefix := filepath.Dir(p.Home)
		p.SitePackages = append(p.SitePackages, sitePackages(prefix)...)
		for _, name := range []string{"python" + minor(p.Version), "python3"} { // Debian's own
			if d := filepath.Join(prefix, "lib", name, "dist-packages"); isDir(d) {
				p.SitePackages = append(p.SitePackages, d)
			}
		}
	}
}

// check says what is wrong with the interpreter for the SDK.
func (p *Python) check(m Manager, sdk SDK) []problem.Problem {
	if p.Version == "" || sdk.Installed != "" || CompareVersions(minor(p.Version), OldestPython) >= 0 {
		return nil
	}
	fix := map[string]string{
		"uv":     "uv python pin 3.12 && uv sync",
		"poetry": "poetry env use python3.12 && poetry install",
		"pipenv": "pipenv --rm && pipenv --python 3.12 install",
		"pdm":    "pdm use 3.12 && pdm install",
		"hatch":  "hatch env remove, then HATCH_PYTHON=python3.12 hatch env create",
		"rye":    "rye pin 3.12 && rye sync",
		"conda":  "conda install python=3.12",
	}[m.Name]
	if fix == "" {
		fix = "python3.12 -m venv --clear .venv, then install the requirements again"
	}
	q := problem.New("python-too-old", "the project's Python is %s, and the workos SDK needs %s or newer", p.Version, OldestPython).
		WithFix("make the environment anew: %s", fix)
	if len(p.Evidence) > 0 {
		last := p.Evidence[len(p.Evidence)-1]
		q = q.At(last.File, last.Line).WithDetail("seen: %s", last.Fact)
	}
	return []problem.Problem{*q}
}

// tooWide refuses a project that its manager would refuse: uv, Poetry and PDM
// lock for every Python that the project lets in. PDM looks for one release of
// each package for all of them, and there is none of PyJWT for both 3.8 and the
// later ones that workos 5 can do with.
func (m *manifests) tooWide(by Manager, sdk SDK) *problem.Problem {
	if by.UsesPip() || by.Name == "pipenv" || sdk.Declared != nil && sdk.Declared.Group == "" {
		return nil
	}
	for _, r := range m.requires {
		pdm := by.Name == "pdm" && allows(r.specifier, "3.8") && allows(r.specifier, "3.9")
		if pdm || allowsAny(r.specifier, noSDK) {
			q := problem.New("python-too-wide", "the project lets a Python before %s in, on which no workos SDK runs, and %s adds only what runs on all", OldestPython, by.Name)
			raise := OldestPython
			if pdm {
				q = problem.New("python-too-wide", "the project lets Python 3.8 in beside later ones, and pdm finds no release of what workos 5 needs that suits all")
				raise = "3.9"
			}
			return q.At(r.File, r.Line).WithDetail("seen: %s", r.Fact).
				WithFix(`raise the lower bound there (">=%s"), run %s lock, and run authfit again; from >=%s on it is the newest SDK`, raise, by.Name, OldestPythonSDK6)
		}
	}
	return nil
}

// short is a path relative to the root where it lies there, else absolute.
func (s *scan) short(file string) string {
	if !inside(s.tree.Root, file) {
		return file
	}
	rel, err := filepath.Rel(s.tree.Root, file)
	if err != nil {
		return file
	}
	return filepath.ToSlash(rel)
}

// inside says whether file lies in dir or is it. Both are absolute.
func inside(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return false
	}
	return true
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// venvPython is the interpreter of an environment.
func venvPython(env string) string {
	if runtime.GOOS == "windows" {
		if exe := filepath.Join(env, "python.exe"); isFile(exe) { // conda
			return exe
		}
		return filepath.Join(env, "Scripts", "python.exe")
	}
	return filepath.Join(env, "bin", "python")
}

// venvOf is the environment that an interpreter is in, or empty.
func venvOf(python string) string {
	for _, env := range []string{filepath.Dir(filepath.Dir(python)), filepath.Dir(python)} {
		if isFile(filepath.Join(env, "pyvenv.cfg")) || isDir(filepath.Join(env, "conda-meta")) {
			return env
		}
	}
	return ""
}

type configValue struct {
	value string
	line  int
}

// readVenvConfig reads pyvenv.cfg (PEP 405): lines of "key = value".
func readVenvConfig(env string) map[string]configValue {
	out := map[string]configValue{}
	src, err := readOutside(filepath.Join(env, "pyvenv.cfg"))
	if err != nil {
		return out
	}
	n := 0
	for line := range strings.Lines(string(src)) {
		n++
		if k, v, ok := strings.Cut(line, "="); ok {
			out[strings.ToLower(strings.TrimSpace(k))] = configValue{strings.TrimSpace(v), n}
		}
	}
	return out
}

var (
	reCondaPython = regexp.MustCompile(`^python-(3\.[0-9]+\.[0-9]+)-.*\.json$`)
	reLibPython   = regexp.MustCompile(`^(?:python|pypy)(3\.[0-9]+)$`)
)

// versionByPath reads the version from the names in an environment: conda's
// notes, or lib/python3.11. It returns where it was seen.
func versionByPath(env string) (file, version string) {
	for dir, re := range map[string]*regexp.Regexp{"conda-meta": reCondaPython, "lib": reLibPython} {
		entries, _ := os.ReadDir(filepath.Join(env, dir))
		for _, e := range entries {
			if m := re.FindStringSubmatch(e.Name()); m != nil && len(m[1]) > len(version) {
				file, version = filepath.Join(env, dir, e.Name()), m[1]
			}
		}
	}
	return file, version
}

// sitePackages are the folders under a prefix where packages are installed.
func sitePackages(prefix string) []string {
	var out []string
	for _, pattern := range []string{"lib/python3*/site-packages", "lib/pypy3*/site-packages", "Lib/site-packages"} {
		found, _ := filepath.Glob(escapeGlob(prefix) + "/" + pattern)
		for _, f := range found {
			if isDir(f) && !slices.ContainsFunc(out, func(o string) bool { return sameFile(o, f) }) {
				out = append(out, f)
			}
		}
	}
	return out
}

// base finds the interpreter to make an environment with: the one that
// .python-version names; else the one called python3, which is what the owner
// gets by hand, if the project and the newest SDK can do with it; else the newest
// that they can do with; else one for workos 5. uv brings its own where none fits.
func (s *scan) base(ctx context.Context, dir string, m Manager, p *Python) []problem.Problem {
	wanted := ""
	for _, d := range s.upward(dir) {
		if v, line := s.pythonVersionFile(d); v != "" {
			wanted = v
			p.Evidence = append(p.Evidence, Evidence{File: filepath.ToSlash(filepath.Join(d, ".python-version")), Line: line, Fact: v})
			break
		}
	}
	var seen []string
	var found, old, tooOld *interpreter
	for _, c := range s.interpreters(wanted) {
		py, ok := s.ask(ctx, c)
		if !ok {
			continue
		}
		suits := allows(p.Requires, py.version)
		fits := wanted == "" || wanted == py.version || strings.HasPrefix(py.version, wanted+".")
		for5 := CompareVersions(minor(py.version), OldestPythonSDK6) < 0
		if label := py.version + " at " + py.path; !slices.Contains(seen, label) {
			seen = append(seen, label)
		}
		switch {
		case suits && CompareVersions(minor(py.version), OldestPython) < 0:
			if tooOld == nil {
				tooOld = &py
			}
			continue
		case suits && fits && (!for5 || wanted != ""):
			found = &py
		case suits && !for5 && found == nil: // not the version that is asked for, but better than none
			found = &py
			if wanted != "" {
				continue
			}
		case suits && for5 && old == nil:
			old = &py
			continue
		default:
			continue
		}
		break
	}
	found = cmp.Or(found, old, tooOld) // the last is told by check
	if found != nil {
		p.Base, p.Version = found.path, found.version
		p.Evidence = append(p.Evidence, Evidence{File: found.path, Fact: "Python " + found.version + ", to make an environment with"})
		return nil
	}
	if m.Name == "uv" {
		return nil
	}
	needs := OldestPython + " or newer"
	if p.Requires != "" {
		needs += " that satisfies " + p.Requires
	}
	q := problem.New("python-missing", "there is no Python %s to make an environment with", needs).
		WithFix("install one (python.org, pyenv, or `uv python install 3.12`) and put it on PATH")
	if len(seen) > 0 {
		q = q.WithDetail("found: %s", strings.Join(seen, "; "))
	}
	return []problem.Problem{*q}
}

type interpreter struct{ path, version string }

var (
	rePythonName   = regexp.MustCompile(`^python(3\.[0-9]+)(?:\.exe)?$`)
	rePyenvVersion = regexp.MustCompile(`[/\\]versions[/\\](3\.[0-9]+\.[0-9]+)[/\\]bin[/\\]`)
)

// interpreters are the paths of interpreters to consider, in order.
func (s *scan) interpreters(wanted string) []string {
	var out []string
	add := func(file string) {
		if isFile(file) && !slices.Contains(out, file) {
			out = append(out, file)
		}
	}
	if wanted != "" {
		for _, f := range s.pyenvVersions(wanted, "python") {
			add(f)
		}
		add(s.lookPath("python" + minor(wanted)))
	}
	add(s.lookPath("python3"))
	add(s.lookPath("python"))
	for n := 20; n >= 8; n-- {
		add(s.lookPath(fmt.Sprintf("python3.%d", n)))
	}
	made, _ := filepath.Glob(escapeGlob(filepath.Join(s.pyenvRoot(), "versions")) + "/3.*/bin/python")
	slices.SortFunc(made, newestFirst)
	for _, f := range made {
		add(f)
	}
	return out
}

// ask finds the version of an interpreter: by its name, where that can be
// trusted, else by running it once. One in an environment stands for the one
// that the environment was made with.
func (s *scan) ask(ctx context.Context, file string) (interpreter, bool) {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return interpreter{}, false
	}
	if venvOf(file) != "" {
		file = real
	}
	if m := rePyenvVersion.FindStringSubmatch(real); m != nil {
		return interpreter{file, m[1]}, true
	}
	shim := isShim(real) // pyenv's and asdf's names promise nothing
	if m := rePythonName.FindStringSubmatch(filepath.Base(real)); m != nil && !shim {
		return interpreter{file, m[1]}, true
	}
	if filepath.Dir(file) == filepath.Join(s.pyenvRoot(), "shims") {
		py := s.pyenvShim(file)
		if py == "" {
			return interpreter{}, false
		}
		return s.ask(ctx, py)
	}
	if s.runsOwn(file) {
		return interpreter{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.version_info.releaselevel); print(sys.executable)")
	cmd.Dir = s.tree.Root // a shim looks for .python-version
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	lines := strings.Split(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n")
	if err != nil || len(lines) < 3 || lines[1] != "final" {
		return interpreter{}, false
	}
	if shim && filepath.IsAbs(lines[2]) {
		file = lines[2]
	}
	return interpreter{file, lines[0]}, true
}

// pyenvShim is the interpreter that a shim of pyenv's runs where no
// .python-version decides, by pyenv's rule: PYENV_VERSION, else its file
// "version", else the one behind the shims on PATH; of "3.11" the newest there
// is. Empty where the rule gives none, of which the shim could only say as much.
// Asking it instead takes half a second or more.
func (s *scan) pyenvShim(shim string) string {
	names, base := s.o.Getenv("PYENV_VERSION"), filepath.Base(shim)
	if names == "" {
		src, err := readOutside(filepath.Join(s.pyenvRoot(), "version"))
		if names = string(src); err != nil {
			names = "system"
		}
	}
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ':' || r == '\n' || r == ' ' }) {
		if name == "system" {
			behind := slices.DeleteFunc(filepath.SplitList(s.o.Getenv("PATH")), func(dir string) bool { return dir == filepath.Dir(shim) })
			if py := LookPath(base, strings.Join(behind, string(filepath.ListSeparator))); py != "" {
				return py
			}
			continue
		}
		if found := s.pyenvVersions(name, base); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// pyenvVersions are the programs of a name in the versions of pyenv's that a
// name means, the newest first: "3.11.7" is one, "3.11" may be several.
func (s *scan) pyenvVersions(version, program string) []string {
	if !reVersionName.MatchString(version) { // it becomes a part of a path
		return nil
	}
	dir := filepath.Join(s.pyenvRoot(), "versions", version)
	exact := filepath.Join(dir, "bin", program)
	if isFile(exact) {
		return []string{exact}
	}
	made, _ := filepath.Glob(escapeGlob(dir) + ".*/bin/" + program)
	slices.SortFunc(made, newestFirst)
	return made
}

// newestFirst compares two interpreters of pyenv's by the version in their path.
func newestFirst(a, b string) int {
	return CompareVersions(filepath.Base(filepath.Dir(filepath.Dir(b))), filepath.Base(filepath.Dir(filepath.Dir(a))))
}

// lookPath finds an executable on the PATH of the options; empty without one.
// Unlike exec.LookPath it takes no relative folder.
func (s *scan) lookPath(name string) string { return LookPath(name, s.o.Getenv("PATH")) }

// LookPath finds an executable by its name in the absolute folders of a PATH;
// empty without one.
func LookPath(name, pathList string) string {
	names := []string{name}
	if runtime.GOOS == "windows" {
		names = []string{name + ".exe", name + ".cmd", name + ".bat"}
	}
	for _, dir := range filepath.SplitList(pathList) {
		if !filepath.IsAbs(dir) {
			continue
		}
		for _, n := range names {
			file := filepath.Join(dir, n)
			info, err := os.Stat(file)
			if err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0) {
				return file
			}
		}
	}
	return ""
}
