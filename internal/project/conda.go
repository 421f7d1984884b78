package project

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"authfit/internal/problem"
)

// condaFiles are the names that conda itself looks for.
var condaFiles = []string{"environment.yml", "environment.yaml"}

// condaFile is the environment.yml of a folder; empty without one.
func (s *scan) condaFile(dir string) string {
	for _, f := range condaFiles {
		if s.has(path.Join(dir, f)) {
			return f
		}
	}
	return ""
}

// condaEnvironment reads a file that `conda env create` reads. A broken one is
// nil, and a problem.
func (m *manifests) condaEnvironment(file string) *yaml.Node {
	src, ok := m.read(file)
	if !ok {
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		m.problems = append(m.problems, *problem.New("manifest-broken", "not valid YAML: %s", strings.TrimPrefix(err.Error(), "yaml: ")).
			At(file, yamlLine(err)).WithFix("mend the line; what the file declares is not known now"))
		return nil
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	return doc.Content[0]
}

var reYAMLLine = regexp.MustCompile(`line (\d+)`)

// yamlLine is the line that the library names in its error, which has no field
// for it; 0 where it names none.
func yamlLine(err error) (line int) {
	if m := reYAMLLine.FindStringSubmatch(err.Error()); m != nil {
		_, _ = fmt.Sscan(m[1], &line)
	}
	return line
}

// field is the value of a key of a mapping, or nil.
func field(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// readConda notes the dependencies of an environment.yml: conda's own, and
// below "pip:" those that it gives to pip.
func (m *manifests) readConda(file string) {
	list := field(m.conda, "dependencies")
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, item := range list.Content {
		if pip := field(item, "pip"); pip != nil {
			m.readCondaPip(pip, file)
			continue
		}
		if item.Kind != yaml.ScalarNode {
			continue
		}
		name, specifier := condaSpec(item.Value)
		switch {
		case name == "":
		case name == "python":
			m.require(specifier, item.Value, file, item.Line)
		default:
			m.deps = append(m.deps, Dependency{Name: NormalizeName(name), Specifier: specifier, File: file, Line: item.Line})
		}
	}
}

func (m *manifests) readCondaPip(list *yaml.Node, file string) {
	for _, item := range list.Content {
		f, err := ParseRequirements([]byte(item.Value))
		if err != nil {
			continue
		}
		for _, p := range f.Problems {
			m.problems = append(m.problems, *p.At(file, item.Line))
		}
		for _, l := range f.Lines {
			m.addRequirement(l.Requirement, "", file, item.Line)
		}
		for _, inc := range f.Includes {
			if !inc.Constraint {
				m.readRequirements(path.Join(path.Dir(file), inc.File), "", 1)
			}
		}
	}
}

var reCondaSpec = regexp.MustCompile(`^(?:[^:\s]+::)?([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)$`)

// condaSpec takes a match specification of conda's apart (conda's manual,
// "Package match specifications"): channel::name, name=1.2 (any 1.2), name==1.2,
// name>=1,<2, name=1.2=build. The specifier is PEP 440's.
func condaSpec(text string) (name, specifier string) {
	m := reCondaSpec.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", ""
	}
	rest := strings.ReplaceAll(m[2], " ", "")
	exact, isExact := strings.CutPrefix(rest, "==")
	fuzzy, isFuzzy := strings.CutPrefix(rest, "=")
	switch {
	case isExact:
		exact, _, _ = strings.Cut(exact, "=")
		return m[1], "==" + exact
	case isFuzzy:
		fuzzy, _, built := strings.Cut(fuzzy, "=")
		if built || strings.HasSuffix(fuzzy, "*") {
			return m[1], "==" + fuzzy
		}
		return m[1], "==" + fuzzy + ".*"
	case rest != "" && rest[0] >= '0' && rest[0] <= '9':
		return m[1], "==" + rest
	}
	return m[1], rest
}

// condaEnvironments are the places of the environment that an environment.yml
// names: among those that conda has noted down, and in the usual folders of its
// installations.
func (s *scan) condaEnvironments(found *manifests) (look []environment) {
	add := func(dir, fact string) {
		if !slices.ContainsFunc(look, func(e environment) bool { return e.path == dir }) {
			look = append(look, environment{dir, fact})
		}
	}
	if prefix := field(found.conda, "prefix"); prefix != nil && filepath.IsAbs(prefix.Value) {
		add(prefix.Value, "prefix: in environment.yml")
	}
	named := field(found.conda, "name")
	if named == nil || !reVersionName.MatchString(named.Value) {
		return look
	}
	fact := "conda's environment " + named.Value
	if src, err := readOutside(s.expandUser("~/.conda/environments.txt")); err == nil {
		for line := range strings.Lines(string(src)) {
			if dir := strings.TrimSpace(line); filepath.Base(dir) == named.Value && filepath.IsAbs(dir) {
				add(dir, fact)
			}
		}
	}
	folders := filepath.SplitList(s.o.Getenv("CONDA_ENVS_PATH"))
	if root := s.o.Getenv("MAMBA_ROOT_PREFIX"); root != "" {
		folders = append(folders, filepath.Join(root, "envs"))
	}
	for _, root := range []string{"miniconda3", "miniforge3", "mambaforge", "anaconda3", "micromamba", ".conda"} {
		folders = append(folders, filepath.Join(s.expandUser("~"), root, "envs"))
	}
	for _, f := range folders {
		add(filepath.Join(f, named.Value), fact)
	}
	return look
}
