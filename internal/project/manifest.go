package project

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
	"go.yaml.in/yaml/v3"

	"authfit/internal/problem"
)

// A Dependency is a line of a manifest.
type Dependency struct {
	// Name is normalised (PEP 503); empty for a path or an address that does
	// not give one.
	Name   string   `json:"name"`
	Extras []string `json:"extras,omitempty"`
	// Specifier is PEP 440's, or the manifest's own where it has its own
	// language: "^2.1" (Poetry), "*" (Pipfile). Empty lets any version in.
	Specifier string `json:"specifier,omitempty"`
	Marker    string `json:"marker,omitempty"`
	URL       string `json:"-"` // may hold a token
	// Group is empty for what the project needs to run, otherwise the name of
	// the group, extra or file: "dev", "test", "requirements-dev".
	Group string `json:"group,omitempty"`
	File  string `json:"file"`
	Line  int    `json:"line"`
}

// Dependency returns the project's dependency of that name, a runtime one
// before any other, or nil.
func (p *Project) Dependency(name string) *Dependency {
	name = NormalizeName(name)
	var found *Dependency
	for i := range p.Dependencies {
		if d := &p.Dependencies[i]; d.Name == name && (found == nil || found.Group != "" && d.Group == "") {
			found = d
		}
	}
	return found
}

// manifests are what is declared in one folder.
type manifests struct {
	scan     *scan
	deps     []Dependency
	requires []requires
	problems []problem.Problem
	// pyproject is nil where there is none or it is broken.
	pyproject *tomlValue
	pipfile   *tomlValue
	conda     *yaml.Node
	speaks    []candidate     // nil until they are looked for
	seen      map[string]bool // requirements files that were read
}

// requires is what a manifest asks of Python.
type requires struct {
	specifier string // PEP 440
	Evidence
}

// readManifests reads all manifests in dir, each whatever became of the others,
// once.
func (s *scan) readManifests(dir string) *manifests {
	if m := s.found[dir]; m != nil {
		return m
	}
	m := &manifests{scan: s, seen: map[string]bool{}}
	s.found[dir] = m
	if m.pyproject = m.toml(path.Join(dir, "pyproject.toml")); m.pyproject != nil {
		m.readPyproject(path.Join(dir, "pyproject.toml"))
	}
	if m.pipfile = m.toml(path.Join(dir, "Pipfile")); m.pipfile != nil {
		m.readPipfile(path.Join(dir, "Pipfile"))
	}
	for _, f := range s.requirementsFiles(dir) {
		m.readRequirements(f, requirementsGroup(dir, f), 0)
	}
	if f := s.condaFile(dir); f != "" {
		m.conda = m.condaEnvironment(path.Join(dir, f))
		m.readConda(path.Join(dir, f))
	}
	m.readSetupCfg(path.Join(dir, "setup.cfg"))
	m.readSetupPy(path.Join(dir, "setup.py"))
	return m
}

// name is the project's name, as pyproject.toml has it; empty without one.
func (m *manifests) name() string {
	if n := m.pyproject.get("project", "name").str(); n != "" {
		return n
	}
	return m.pyproject.get("tool", "poetry", "name").str()
}

// setuptools says whether setuptools builds the project: its backend, or the
// one of a project that is built and names none (PEP 517). uv builds what has a
// [build-system], and what says that it is a package.
func (m *manifests) setuptools() bool {
	system := m.pyproject.get("build-system")
	if backend := system.get("build-backend").str(); backend != "" {
		return strings.HasPrefix(backend, "setuptools.")
	}
	isPackage, _ := m.pyproject.get("tool", "uv", "package").boolean()
	return system != nil || isPackage
}

// read returns the bytes of a manifest; false where it is not there, or cannot
// be read, which is a problem.
func (m *manifests) read(file string) ([]byte, bool) {
	src, err := m.scan.read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		m.problems = append(m.problems, *problem.New("manifest-unreadable", "cannot read it: %v", reason(err)).
			At(file, 0).WithFix("make it readable; what it declares is not known now"))
		return nil, false
	}
	return src, true
}

func (m *manifests) toml(file string) *tomlValue {
	src, ok := m.read(file)
	if !ok {
		return nil
	}
	v, p := parseTOML(src)
	if p != nil {
		p.File = file
		p.Fix = "mend the line; what the file declares is not known now"
		m.problems = append(m.problems, *p)
	}
	return v
}

// add notes a specifier of PEP 508.
func (m *manifests) add(spec, group, file string, line int) {
	r, err := ParseRequirement(spec)
	if err != nil {
		m.problems = append(m.problems, *problem.New("requirement-broken", "%v", err).
			At(file, line).WithFix("write it as NAME, NAME==VERSION or NAME @ URL"))
		return
	}
	m.addRequirement(r, group, file, line)
}

func (m *manifests) addRequirement(r Requirement, group, file string, line int) {
	m.deps = append(m.deps, Dependency{
		Name: NormalizeName(r.Name), Extras: r.Extras, Specifier: r.Specifier, Marker: r.Marker, URL: r.URL,
		Group: group, File: file, Line: line,
	})
}

func (m *manifests) addAll(list *tomlValue, group, file string) {
	for _, v := range list.items() {
		if s := v.str(); s != "" {
			m.add(s, group, file, v.line)
		}
	}
}

func (m *manifests) require(specifier, fact, file string, line int) {
	if specifier != "" {
		m.requires = append(m.requires, requires{specifier, Evidence{File: file, Line: line, Fact: fact}})
	}
}

// readPyproject reads PEP 621's table, the groups of PEP 735 and the tools'
// own tables.
func (m *manifests) readPyproject(file string) {
	t := m.pyproject
	project, tool := t.get("project"), t.get("tool")
	if v := project.get("requires-python"); v.str() != "" {
		m.require(strings.Join(strings.Fields(v.str()), ""), "requires-python = "+quoted(v.str()), file, v.line)
	}
	m.addAll(project.get("dependencies"), "", file)
	project.get("optional-dependencies").each(func(extra string, list *tomlValue) { m.addAll(list, extra, file) })
	// An {include-group = "..."} adds what is listed in its own group anyway.
	t.get("dependency-groups").each(func(group string, list *tomlValue) { m.addAll(list, group, file) })

	poetry := tool.get("poetry")
	poetry.get("dependencies").each(func(name string, v *tomlValue) { m.addPoetry(name, v, "", file) })
	poetry.get("dev-dependencies").each(func(name string, v *tomlValue) { m.addPoetry(name, v, "dev", file) })
	poetry.get("group").each(func(group string, g *tomlValue) {
		g.get("dependencies").each(func(name string, v *tomlValue) { m.addPoetry(name, v, group, file) })
	})
	m.addAll(tool.get("uv", "dev-dependencies"), "dev", file)
	m.addAll(tool.get("rye", "dev-dependencies"), "dev", file)
	tool.get("pdm", "dev-dependencies").each(func(group string, list *tomlValue) { m.addAll(list, group, file) })
	tool.get("hatch", "envs").each(func(env string, v *tomlValue) {
		m.addAll(v.get("dependencies"), "hatch:"+env, file)
		m.addAll(v.get("extra-dependencies"), "hatch:"+env, file)
	})
}

// addPoetry reads a dependency in Poetry's language: a constraint, a table, or
// a list of tables for different markers.
func (m *manifests) addPoetry(name string, v *tomlValue, group, file string) {
	if v.kind == unstable.Array {
		if len(v.list) == 0 {
			return
		}
		v = v.list[0]
	}
	spec := v.str()
	if v.table != nil {
		spec = v.get("version").str()
	}
	if reName.FindString(name) != name {
		m.problems = append(m.problems, *problem.New("requirement-broken", "%q is not the name of a package", name).
			At(file, v.line).WithFix("correct the name"))
		return
	}
	if NormalizeName(name) == "python" {
		if group == "" {
			m.require(poetrySpecifier(spec), "python = "+quoted(spec), file, v.line)
		}
		return
	}
	d := Dependency{Name: NormalizeName(name), Specifier: spec, Marker: v.get("markers").str(), Group: group, File: file, Line: v.line}
	if v.table != nil && v.kind != unstable.InlineTable {
		d.Line = firstLine(v)
	}
	for _, e := range v.get("extras").items() {
		d.Extras = append(d.Extras, e.str())
	}
	for _, key := range []string{"url", "git", "path", "file"} {
		if u := v.get(key).str(); u != "" {
			d.URL = u
		}
	}
	if optional, _ := v.get("optional").boolean(); optional && group == "" {
		d.Group = "optional"
	}
	m.deps = append(m.deps, d)
}

func firstLine(v *tomlValue) int {
	line := v.line
	if line == 0 && len(v.keys) > 0 {
		line = v.table[v.keys[0]].line
	}
	return line
}

// readPipfile reads a Pipfile: [packages] is what runs, every other section
// of packages a group.
func (m *manifests) readPipfile(file string) {
	m.pipfile.each(func(section string, packages *tomlValue) {
		switch section {
		case "source", "requires", "scripts", "pipenv", "pipfile":
			return
		}
		group := section
		if section == "packages" {
			group = ""
		} else if section == "dev-packages" {
			group = "dev"
		}
		packages.each(func(name string, v *tomlValue) { m.addPoetry(name, v, group, file) })
	})
	r := m.pipfile.get("requires")
	if v := r.get("python_full_version"); v.str() != "" {
		m.require("=="+v.str(), "python_full_version = "+quoted(v.str()), file, v.line)
	} else if v := r.get("python_version"); v.str() != "" {
		m.require("=="+v.str()+".*", "python_version = "+quoted(v.str()), file, v.line)
	}
}

// readRequirements reads a requirements file and what it includes.
func (m *manifests) readRequirements(file, group string, depth int) {
	if m.seen[file] || depth > 20 {
		return
	}
	m.seen[file] = true
	src, ok := m.read(file)
	if !ok {
		return
	}
	f, err := ParseRequirements(src)
	if err != nil {
		m.problems = append(m.problems, *problem.New("manifest-unreadable", "%v", err).
			At(file, 0).WithFix("save it as UTF-8"))
		return
	}
	for _, p := range f.Problems {
		m.problems = append(m.problems, *p.At(file, p.Line))
	}
	for _, l := range f.Lines {
		m.addRequirement(l.Requirement, group, file, l.Line)
	}
	for _, inc := range f.Includes {
		if inc.Constraint || reURL.MatchString(inc.File) {
			continue // a constraint is no dependency; an address is not ours to ask
		}
		target := path.Join(path.Dir(file), strings.ReplaceAll(inc.File, `\`, "/"))
		if _, err := m.scan.read(target); err != nil && !m.seen[target] {
			m.problems = append(m.problems, *problem.New("include-missing", "cannot read %s, which it includes: %v", inc.File, reason(err)).
				At(file, inc.Line).WithFix("correct the line or restore the file"))
			continue
		}
		m.readRequirements(target, group, depth+1)
	}
}

// requirementsFiles are the requirements files of a folder by the names in
// use, the one for running first.
func (s *scan) requirementsFiles(dir string) []string {
	out := []string{path.Join(dir, "requirements.txt")}
	if !within(dir) {
		return out
	}
	for _, f := range s.tree.Under(dir) {
		rel := strings.TrimPrefix(f, strings.TrimPrefix(path.Clean(dir)+"/", "./"))
		base := path.Base(rel)
		if path.Ext(base) != ".txt" && path.Ext(base) != ".in" || strings.Count(rel, "/") > 1 {
			continue
		}
		inFolder := path.Dir(rel) == "requirements" || path.Dir(rel) == "reqs"
		if !inFolder && (path.Dir(rel) != "." || !strings.Contains(base, "requirements")) {
			continue
		}
		// Of pip-tools' pair the .in is what its owner wrote, and the .txt all
		// that follows from it; the .txt is what is installed.
		if path.Ext(base) == ".in" && s.tree.Has(strings.TrimSuffix(f, ".in")+".txt") {
			continue
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b string) int {
		return rank(requirementsGroup(dir, a)) - rank(requirementsGroup(dir, b))
	})
	return slices.Compact(out)
}

func rank(group string) int {
	if group == "" {
		return 0
	}
	return 1
}

// requirementsGroup is the group of a requirements file by its name: none for
// requirements.txt and the usual names of the runtime ones.
func requirementsGroup(dir, file string) string {
	stem := strings.TrimSuffix(path.Base(file), path.Ext(file))
	word := strings.Trim(strings.Replace(stem, "requirements", "", 1), "-_.")
	switch word {
	case "", "base", "common", "core", "main", "prod", "production", "all", "default":
		return ""
	case "development", "local":
		return "dev"
	case "tests", "testing":
		return "test"
	}
	return word
}

// quoted puts double quotes around a value as manifests have them.
func quoted(s string) string { return `"` + s + `"` }
