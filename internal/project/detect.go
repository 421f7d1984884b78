package project

import (
	"path"
	"slices"
	"strings"

	"authfit/internal/problem"
)

// managers are the package managers, in the order of messages.
var managers = []string{"uv", "poetry", "pipenv", "pdm", "pip", "hatch", "rye", "conda"}

// UsesPip says that packages come into the project's environment by pip: with
// pip itself, and with managers that make the environment and have no command
// that adds a package, or none that is called here.
func (m Manager) UsesPip() bool {
	return slices.Contains([]string{"pip", "hatch", "rye", "conda"}, m.Name)
}

// A candidate is a manager with what speaks for it.
type candidate struct {
	name string
	rank int
	Evidence
}

// The table of precedence. --manager comes before all of it; nearer folders
// come before those above; in one folder the lowest rank decides.
const (
	rankLock     = iota // uv.lock, poetry.lock, pdm.lock, Pipfile.lock, conda-lock.yml, Rye's requirements.lock
	rankTable           // [tool.uv], [tool.poetry], [tool.pdm], [tool.rye], [tool.hatch.envs], or the tool's own file
	rankBackend         // the build backend of poetry, pdm or uv; many use Hatch's without Hatch
	rankManifest        // Pipfile, then requirements.txt, environment.yml, [project], setup.cfg and setup.py
)

var locks = []struct{ file, manager string }{
	{"uv.lock", "uv"}, {"poetry.lock", "poetry"}, {"pdm.lock", "pdm"}, {"Pipfile.lock", "pipenv"}, {"conda-lock.yml", "conda"},
}

// ryeLock is Rye's lock file. Others call theirs so, too: it is Rye's where
// there is a [tool.rye].
const ryeLock = "requirements.lock"

var toolFiles = []struct{ file, manager string }{
	{"uv.toml", "uv"}, {"poetry.toml", "poetry"}, {"pdm.toml", "pdm"}, {".pdm-python", "pdm"}, {"hatch.toml", "hatch"},
}

var backends = []struct{ prefix, manager string }{
	{"poetry.", "poetry"}, {"pdm.", "pdm"}, {"uv_build", "uv"},
}

// manager decides for an app that starts in dir, and returns what is declared
// in the folder of the manifest.
func (s *scan) manager(dir string) (Manager, *manifests, []problem.Problem) {
	type level struct {
		dir        string
		found      *manifests
		candidates []candidate
	}
	var levels []level
	for _, d := range s.upward(dir) {
		m := s.readManifests(d)
		levels = append(levels, level{d, m, s.candidates(d, m)})
	}
	forced := s.o.Manager
	pick := -1
	for i, l := range levels {
		ours := slices.ContainsFunc(l.candidates, func(c candidate) bool { return forced == "" || c.name == forced })
		if ours {
			pick = i
			break
		}
	}
	if pick < 0 { // the nearest manifest of any kind, or the folder itself
		pick = max(0, slices.IndexFunc(levels, func(l level) bool { return len(l.candidates) > 0 }))
	}
	l := levels[pick]
	m := Manager{Name: forced, Dir: l.dir}
	if forced != "" {
		m.Evidence = []Evidence{{Fact: "--manager " + forced}}
		for _, c := range l.candidates {
			if c.name == forced {
				m.Evidence = append(m.Evidence, c.Evidence)
			}
		}
		p := s.complete(&m, l.found)
		return m, l.found, p
	}
	if len(l.candidates) == 0 {
		m.Name = "pip"
		m.Evidence = []Evidence{{Fact: "no lock file, no manager's table and no manifest: pip alone"}}
		return m, l.found, nil
	}
	lowest := slices.MinFunc(l.candidates, func(a, b candidate) int { return a.rank - b.rank }).rank
	for _, c := range l.candidates {
		if c.rank == lowest && (m.Name == "" || c.name == m.Name) {
			m.Name = c.name
		} else if c.rank == lowest && lowest < rankManifest {
			return Manager{Dir: l.dir, Evidence: evidence(l.candidates)}, l.found, []problem.Problem{twoManagers(l.candidates, lowest)}
		}
	}
	for _, c := range l.candidates {
		if c.name == m.Name {
			m.Evidence = append(m.Evidence, c.Evidence)
		}
	}
	if lowest > rankLock && (m.Name == "pip" || m.Name == "uv") {
		for _, up := range levels[pick+1:] {
			if s.workspace(&m, up.dir, up.found) {
				break
			}
		}
	}
	p := s.complete(&m, l.found)
	return m, l.found, p
}

func evidence(cs []candidate) []Evidence {
	var out []Evidence
	for _, c := range cs {
		out = append(out, c.Evidence)
	}
	return out
}

// twoManagers is the refusal to choose between equals.
func twoManagers(cs []candidate, rank int) problem.Problem {
	var files, flags []string
	var first Evidence
	for _, c := range cs {
		if c.rank != rank {
			continue
		}
		if first.File == "" {
			first = c.Evidence
		}
		files = append(files, c.Fact+" in "+c.File)
		if rank == rankLock {
			files[len(files)-1] = c.File
		}
		if flag := "--manager " + c.name; !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	code, what := "two-managers", "more than one package manager keeps this project"
	if rank == rankLock {
		code, what = "two-locks", "the lock files of more than one package manager are here"
	}
	return *problem.New(code, "%s: %s", what, strings.Join(files, ", ")).At(first.File, first.Line).
		WithFix("say which one it is with %s, or remove what is left over of the other", strings.Join(flags, " or "))
}

// candidates are all managers that something in dir speaks for.
func (s *scan) candidates(dir string, m *manifests) []candidate {
	if m.speaks == nil {
		m.speaks = append([]candidate{}, s.findCandidates(dir, m)...)
	}
	return m.speaks
}

func (s *scan) findCandidates(dir string, m *manifests) []candidate {
	var out []candidate
	add := func(name string, rank int, file string, line int, fact string) {
		out = append(out, candidate{name, rank, Evidence{File: path.Join(dir, file), Line: line, Fact: fact}})
	}
	for _, l := range locks {
		if s.has(path.Join(dir, l.file)) {
			add(l.manager, rankLock, l.file, 0, "lock file of "+l.manager)
		}
	}
	pyproject := path.Join(dir, "pyproject.toml")
	tool := m.pyproject.get("tool")
	if tool.get("rye") != nil && s.has(path.Join(dir, ryeLock)) {
		add("rye", rankLock, ryeLock, 0, "lock file of rye")
	}
	for _, name := range []string{"uv", "poetry", "pdm", "rye", "hatch"} {
		if t := tool.get(name); t != nil && ownTable(name, t) && (name != "uv" || m.forUV()) {
			add(name, rankTable, "pyproject.toml", firstLine(t), "[tool."+name+"]")
		}
	}
	for _, f := range toolFiles {
		if s.has(path.Join(dir, f.file)) {
			add(f.manager, rankTable, f.file, 0, "configuration of "+f.manager)
		}
	}
	if backend := m.pyproject.get("build-system", "build-backend"); backend != nil {
		for _, b := range backends {
			if strings.HasPrefix(backend.str(), b.prefix) {
				add(b.manager, rankBackend, "pyproject.toml", backend.line, "build-backend = "+quoted(backend.str()))
			}
		}
	}
	if s.has(path.Join(dir, "Pipfile")) {
		add("pipenv", rankManifest, "Pipfile", 0, "manifest of pipenv")
	}
	if f := s.runtimeRequirements(dir); f != "" {
		add("pip", rankManifest, f, 0, "requirements file of pip")
	}
	if f := s.condaFile(dir); f != "" {
		add("conda", rankManifest, f, 0, "environment file of conda")
	}
	if t := m.pyproject.get("project"); t != nil {
		add("pip", rankManifest, "pyproject.toml", firstLine(t), "[project], and no manager's own table")
	} else if t := m.pyproject.get("dependency-groups"); t != nil {
		add("pip", rankManifest, "pyproject.toml", firstLine(t), "[dependency-groups], and no manager's own table")
	} else if m.pyproject == nil && s.has(pyproject) {
		// It cannot be read, but something is kept here: not above.
		add("pip", rankManifest, "pyproject.toml", 0, "a manifest that cannot be read")
	}
	for _, f := range []string{"setup.cfg", "setup.py"} {
		if slices.ContainsFunc(m.deps, func(d Dependency) bool { return d.File == path.Join(dir, f) }) {
			add("pip", rankManifest, f, 0, "manifest of setuptools")
		}
	}
	return out
}

// ownTable says whether a tool's table is there because the project is kept
// with the tool. The tables that only configure the tool's build backend are
// written by people who use another manager, too.
func ownTable(name string, t *tomlValue) bool {
	weak := map[string][]string{
		"uv":     {"build-backend", "pip"},
		"poetry": {"packages", "include", "exclude", "version", "build", "scripts", "plugins", "urls"},
		"pdm":    {"build", "version"},
		"hatch":  {"build", "version", "metadata", "publish"},
	}[name]
	return len(t.keys) == 0 || slices.ContainsFunc(t.keys, func(k string) bool { return !slices.Contains(weak, k) })
}

// forUV says whether "uv add" has something to write to. A [tool.uv] beside a
// requirements file may be for "uv pip" alone.
func (m *manifests) forUV() bool {
	if m.pyproject.get("tool", "uv", "workspace") != nil || m.pyproject.get("tool", "uv", "dev-dependencies") != nil {
		return true
	}
	project := m.pyproject.get("project")
	return project != nil && !slices.ContainsFunc(project.get("dynamic").items(), func(v *tomlValue) bool { return v.str() == "dependencies" })
}

// runtimeRequirements is the requirements file to run with, relative to dir:
// requirements.txt, or one of the usual names in requirements/.
func (s *scan) runtimeRequirements(dir string) string {
	for _, f := range s.requirementsFiles(dir) {
		if requirementsGroup(dir, f) == "" && s.has(f) {
			return relative(dir, f)
		}
	}
	return ""
}

// relative is file, which lies in or below dir, as seen from dir.
func relative(dir, file string) string {
	if dir == "." {
		return file
	}
	return strings.TrimPrefix(file, dir+"/")
}

// complete adds the manifest and the lock file of a manager that is decided.
func (s *scan) complete(m *Manager, found *manifests) []problem.Problem {
	for _, l := range locks {
		if l.manager == m.Name && m.Lock == "" && s.has(path.Join(m.Dir, l.file)) {
			m.Lock = l.file
		}
	}
	if m.Name == "rye" && s.has(path.Join(m.Dir, ryeLock)) {
		m.Lock = ryeLock
	}
	switch m.Name {
	case "conda":
		m.Manifest = s.condaFile(m.Dir)
	case "pip":
		m.Manifest = s.runtimeRequirements(m.Dir)
		for _, f := range []string{"pyproject.toml", "setup.cfg", "setup.py"} {
			declares := slices.ContainsFunc(found.deps, func(d Dependency) bool { return d.File == path.Join(m.Dir, f) }) ||
				f == "pyproject.toml" && found.pyproject.get("project") != nil
			if m.Manifest == "" && declares {
				m.Manifest = f
			}
		}
	case "pipenv":
		m.Manifest = "Pipfile"
	default:
		m.Manifest = "pyproject.toml"
	}
	if !within(m.Dir) && m.Manifest != "" {
		rel := relative(path.Join(s.rel, m.Dir), s.rel)
		return []problem.Problem{*problem.New("manifest-above", "the project is kept in %s, above the folder that was given", s.abs(m.Dir)).
			At(path.Join(m.Dir, m.Manifest), 0).
			WithFix("give that folder: --project %s, and the app with --app %s/FILE", s.abs(m.Dir), rel)}
	}
	// pipenv makes a Pipfile where there is none; the others need theirs.
	if m.Manifest == "pyproject.toml" && m.Name != "pip" && !s.has(path.Join(m.Dir, m.Manifest)) {
		return []problem.Problem{*problem.New("manifest-missing", "%s needs a pyproject.toml, and there is none", m.Name).
			At(path.Join(m.Dir, "pyproject.toml"), 0).
			WithFix("make one with `%s init`, or choose another manager with --manager", m.Name)}
	}
	return nil
}

// workspace makes m a member of the uv workspace that dir is the root of, if
// it is one: the lock file and the environment are there then.
func (s *scan) workspace(m *Manager, dir string, found *manifests) bool {
	t := found.pyproject.get("tool", "uv", "workspace")
	if t == nil || found.pyproject.get("tool", "uv") == nil {
		return false
	}
	member := path.Join(s.rel, m.Dir)
	if base := path.Join(s.rel, dir); base != "." {
		member = strings.TrimPrefix(member, base+"/")
	}
	matches := func(globs *tomlValue) *tomlValue {
		for _, g := range globs.items() {
			if globMatch(strings.Trim(path.Clean(g.str()), "/"), member) {
				return g
			}
		}
		return nil
	}
	g := matches(t.get("members"))
	if g == nil || matches(t.get("exclude")) != nil || !s.has(path.Join(m.Dir, "pyproject.toml")) {
		return false
	}
	m.Name, m.Workspace = "uv", dir
	m.Evidence = append(m.Evidence, Evidence{File: path.Join(dir, "pyproject.toml"), Line: g.line, Fact: "[tool.uv.workspace] members = " + quoted(g.str())})
	if lock := path.Join(dir, "uv.lock"); s.has(lock) {
		m.Lock = path.Join(strings.Repeat("../", strings.Count(member, "/")+1), "uv.lock")
		m.Evidence = append(m.Evidence, Evidence{File: lock, Fact: "lock file of uv"})
	}
	return true
}
