package project

import (
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Where each manager keeps the environment of a project. The rules are the
// managers' own, as read in their sources; a test holds the computed paths
// against the ones that Poetry and pipenv say.

// An environment is a folder where one is, or would be made.
type environment struct {
	path string // absolute
	fact string // why it is the project's
}

// environments are the places where the manager would look, the first first,
// and where it would make one for an interpreter of the version base ("3.12").
func (s *scan) environments(dir string, m Manager, found *manifests, base string) (look []environment, planned string) {
	home := s.abs(m.Dir)
	dotVenv := environment{filepath.Join(home, ".venv"), ".venv"}
	switch m.Name {
	case "uv":
		return s.uvEnvironments(m)
	case "poetry":
		return s.poetryEnvironments(home, found, base)
	case "pipenv":
		return s.pipenvEnvironments(home, found)
	case "pdm":
		return s.pdmEnvironments(home, base)
	case "hatch":
		return s.hatchEnvironments(m.Dir, found), ""
	case "rye":
		return []environment{dotVenv}, ""
	case "conda":
		return s.condaEnvironments(found), ""
	}
	// pip has no rule. The usual names, nearest first, then any folder that is
	// an environment, then pyenv's.
	for _, d := range s.upward(dir) {
		for _, name := range []string{".venv", "venv", "env"} {
			look = append(look, environment{filepath.Join(s.abs(d), name), name})
		}
		entries, _ := os.ReadDir(s.abs(d))
		for _, e := range entries {
			if file := filepath.Join(s.abs(d), e.Name()); e.IsDir() && isFile(filepath.Join(file, "pyvenv.cfg")) {
				look = append(look, environment{file, "a folder with pyvenv.cfg"})
			}
		}
		if version, _ := s.pythonVersionFile(d); version != "" {
			look = append(look, environment{filepath.Join(s.pyenvRoot(), "versions", version), ".python-version names a virtual environment of pyenv"})
		}
		if d == m.Dir && found.conda != nil {
			look = append(look, s.condaEnvironments(found)...)
		}
		if d == m.Dir {
			break // what lies above the manifest is another project's
		}
	}
	return look, dotVenv.path
}

// uvEnvironments: UV_PROJECT_ENVIRONMENT, relative to the workspace, or .venv
// there.
func (s *scan) uvEnvironments(m Manager) ([]environment, string) {
	home := s.abs(m.Dir)
	if m.Workspace != "" {
		home = s.abs(m.Workspace)
	}
	e := environment{filepath.Join(home, ".venv"), ".venv"}
	if named := s.o.Getenv("UV_PROJECT_ENVIRONMENT"); named != "" {
		if !filepath.IsAbs(named) {
			named = filepath.Join(home, named)
		}
		e = environment{named, "UV_PROJECT_ENVIRONMENT"}
	}
	return []environment{e}, e.path
}

// reUnsafe is what Poetry keeps out of the name of an environment, and
// rePipenvUnsafe what pipenv does.
var (
	reUnsafe       = regexp.MustCompile("[ $`!*@\"\\\\\r\n\t]")
	rePipenvUnsafe = regexp.MustCompile("[ &$`!*@\"()\\[\\]\\\\\r\n\t]")
)

// poetryEnvironments follows EnvManager.get of Poetry 2: .venv unless
// virtualenvs.in-project is false, else a folder in virtualenvs.path that is
// named by the project, a hash of its path and the Python.
func (s *scan) poetryEnvironments(home string, found *manifests, base string) (look []environment, planned string) {
	c := s.poetryConfig(home)
	dotVenv := filepath.Join(home, ".venv")
	inProject := c.get("virtualenvs.in-project")
	if inProject != "false" {
		look = append(look, environment{dotVenv, ".venv"})
	}
	name := cmp.Or(found.name(), "non-package-mode")
	stem := poetryEnvName(NormalizeName(name), home)
	folder := c.path("virtualenvs.path")
	// envs.toml is where `poetry env use` notes its choice.
	var envs map[string]struct{ Minor string }
	if src, err := readOutside(filepath.Join(folder, "envs.toml")); err == nil && toml.Unmarshal(src, &envs) == nil && envs[stem].Minor != "" {
		look = append(look, environment{filepath.Join(folder, stem+"-py"+envs[stem].Minor), "poetry env use"})
	}
	if base != "" {
		look = append(look, environment{filepath.Join(folder, stem+"-py"+base), "poetry's folder of environments"})
	}
	made, _ := filepath.Glob(escapeGlob(filepath.Join(folder, stem)) + "-py*")
	slices.SortFunc(made, func(a, b string) int { return CompareVersions(pySuffix(b), pySuffix(a)) })
	for _, e := range made {
		look = append(look, environment{e, "poetry's folder of environments"})
	}
	if inProject == "true" || inProject == "" && isDir(dotVenv) {
		return look, dotVenv
	}
	return look, filepath.Join(folder, stem+"-py"+base)
}

func pySuffix(dir string) string {
	_, v, _ := strings.Cut(filepath.Base(dir), "-py")
	return v
}

// poetryEnvName is EnvManager.generate_env_name.
func poetryEnvName(name, dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if runtime.GOOS == "windows" { // os.path.normcase
		dir = strings.ToLower(strings.ReplaceAll(dir, "/", `\`))
	}
	sum := sha256.Sum256([]byte(dir))
	return cut(reUnsafe.ReplaceAllString(strings.ToLower(name), "_"), 42) + "-" + base64.URLEncoding.EncodeToString(sum[:])[:8]
}

// cut is the first n characters of s.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// poetryConfig is Poetry's configuration: POETRY_ variables, then the
// project's poetry.toml, then the user's config.toml. auth.toml, which holds
// passwords, is not read.
type poetryConfig struct {
	scan  *scan
	home  string
	files []*tomlValue
}

func (s *scan) poetryConfig(home string) *poetryConfig {
	c := &poetryConfig{scan: s, home: home}
	folder := s.o.Getenv("POETRY_CONFIG_DIR")
	if folder == "" {
		folder = filepath.Join(s.userDir("config"), "pypoetry")
	}
	for _, f := range []string{filepath.Join(home, "poetry.toml"), filepath.Join(folder, "config.toml")} {
		if src, err := readOutside(f); err == nil {
			if v, p := parseTOML(src); p == nil {
				c.files = append(c.files, v)
			}
		}
	}
	return c
}

// get is a setting as text, empty where it is not set.
func (c *poetryConfig) get(key string) string {
	name := "POETRY_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
	if v := c.scan.o.Getenv(name); v != "" {
		if key == "virtualenvs.in-project" {
			return fmt.Sprint(slices.Contains([]string{"true", "1"}, strings.ToLower(v)))
		}
		return v
	}
	for _, f := range c.files {
		v := f.get(strings.Split(key, ".")...)
		if b, ok := v.boolean(); ok {
			return fmt.Sprint(b)
		}
		if s := v.str(); s != "" {
			return s
		}
	}
	return ""
}

// path is a setting that is a folder, with its {placeholders} filled in.
func (c *poetryConfig) path(key string) string {
	v := c.get(key)
	if v == "" {
		switch key {
		case "virtualenvs.path":
			v = "{cache-dir}/virtualenvs"
		case "cache-dir":
			v = filepath.Join(c.scan.userDir("cache"), "pypoetry")
			if runtime.GOOS == "windows" {
				v = filepath.Join(v, "Cache")
			}
		}
	}
	if strings.Contains(v, "{cache-dir}") {
		v = strings.ReplaceAll(v, "{cache-dir}", c.path("cache-dir"))
	}
	v = c.scan.expandUser(strings.ReplaceAll(v, "{project-dir}", c.home))
	if !filepath.IsAbs(v) {
		v = filepath.Join(c.home, v)
	}
	return filepath.Clean(v)
}

// pipenvEnvironments follows VenvLocator.get_location of pipenv: in the
// project where that is asked for or .venv is there already, else a folder in
// WORKON_HOME that is named by the project and a hash of the Pipfile's path.
func (s *scan) pipenvEnvironments(home string, found *manifests) (look []environment, planned string) {
	dotVenv := environment{filepath.Join(home, ".venv"), ".venv"}
	workon := s.o.Getenv("WORKON_HOME")
	if workon == "" {
		workon = "~/.virtualenvs"
		if runtime.GOOS != "windows" {
			data := s.o.Getenv("XDG_DATA_HOME")
			if data == "" {
				data = "~/.local/share"
			}
			workon = data + "/virtualenvs"
		}
	}
	workon = s.expandUser(os.Expand(workon, func(name string) string { return s.o.Getenv(name) }))
	if !filepath.IsAbs(workon) {
		workon = filepath.Join(home, workon)
	}
	name := s.o.Getenv("PIPENV_CUSTOM_VENV_NAME")
	if name == "" {
		name = pipenvEnvName(filepath.Join(home, "Pipfile"))
		if py := s.o.Getenv("PIPENV_PYTHON"); filepath.IsAbs(py) {
			name += "-" + filepath.Base(py)
		} else if py != "" {
			name += "-" + py
		}
	}
	central := environment{filepath.Join(workon, name), "pipenv's folder of environments"}
	if src, err := readOutside(dotVenv.path); err == nil { // a file that names the place
		if text := strings.TrimSpace(string(src)); strings.ContainsAny(text, `/\`) {
			central = environment{filepath.Join(home, text), ".venv names it"}
		} else if text != "" {
			central = environment{filepath.Join(workon, text), ".venv names it"}
		}
		return []environment{central}, central.path
	}
	in, set := pipenvBool(s.o.Getenv("PIPENV_VENV_IN_PROJECT"), s.o.Getenv("PIPENV_NO_VENV_IN_PROJECT"))
	if !set {
		in, set = found.pipfile.get("pipenv", "venv_in_project").boolean()
	}
	switch {
	case set && in:
		return []environment{dotVenv}, dotVenv.path
	case !set && isDir(dotVenv.path):
		return []environment{central, dotVenv}, dotVenv.path
	}
	return []environment{central}, central.path
}

// pipenvBool is pipenv's get_from_env for a name and its NO_ form. As there, a
// value that is no boolean counts for true.
func pipenvBool(yes, no string) (value, set bool) {
	isFalse := func(v string) bool { return slices.Contains([]string{"0", "false", "no", "off"}, strings.ToLower(v)) }
	switch {
	case yes != "":
		return !isFalse(yes), true
	case no != "":
		return isFalse(no), true
	}
	return false, false
}

// pipenvEnvName is VenvLocator.name for the Pipfile at that path.
func pipenvEnvName(pipfile string) string {
	name := cut(rePipenvUnsafe.ReplaceAllString(filepath.Base(filepath.Dir(pipfile)), "_"), 42)
	sum := sha256.Sum256([]byte(pipfile))
	return name + "-" + base64.URLEncoding.EncodeToString(sum[:6])
}

// pdmEnvironments follows Project.resolve_interpreter of PDM: the saved
// interpreter, an environment in the project, or one in venv.location that is
// named by the folder, a hash of its path and the Python.
func (s *scan) pdmEnvironments(home, base string) (look []environment, planned string) {
	if src, err := readOutside(filepath.Join(home, ".pdm-python")); err == nil {
		if env := venvOf(strings.TrimSpace(string(src))); env != "" {
			look = append(look, environment{env, ".pdm-python"})
		}
	}
	for _, name := range []string{".venv", "venv", "env"} {
		look = append(look, environment{filepath.Join(home, name), name})
	}
	config := s.o.Getenv("PDM_CONFIG_FILE")
	if config == "" {
		config = filepath.Join(s.userDir("config"), "pdm", "config.toml")
	}
	folder, inProject := filepath.Join(s.userDir("data"), "pdm", "venvs"), true
	for _, f := range []string{config, filepath.Join(home, "pdm.toml")} {
		src, err := readOutside(f)
		if err != nil {
			continue
		}
		if v, p := parseTOML(src); p == nil {
			if l := v.get("venv", "location").str(); l != "" && f == config {
				folder = s.expandUser(l)
			}
			if b, ok := v.get("venv", "in_project").boolean(); ok {
				inProject = b
			}
		}
	}
	if v := s.o.Getenv("PDM_VENV_IN_PROJECT"); v != "" {
		inProject = slices.Contains([]string{"true", "1", "yes", "on"}, strings.ToLower(v))
	}
	sum := md5.Sum([]byte(filepath.ToSlash(home)))
	stem := filepath.Base(home) + "-" + base64.URLEncoding.EncodeToString(sum[:])[:8] + "-"
	made, _ := filepath.Glob(escapeGlob(filepath.Join(folder, stem)) + "*")
	for _, e := range made {
		look = append(look, environment{e, "PDM's folder of environments"})
	}
	if inProject {
		return look, filepath.Join(home, ".venv")
	}
	return look, filepath.Join(folder, stem+base)
}

// reVersionName is a version, or the name of an environment of pyenv's.
var reVersionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// pyenvRoot is where pyenv keeps its versions.
func (s *scan) pyenvRoot() string {
	if r := s.o.Getenv("PYENV_ROOT"); r != "" {
		return r
	}
	return s.expandUser("~/.pyenv")
}

// pythonVersionFile reads the .python-version of a folder: its first word
// that is no comment, and the line of it.
func (s *scan) pythonVersionFile(dir string) (version string, line int) {
	src, err := s.read(path.Join(dir, ".python-version"))
	if err != nil {
		return "", 0
	}
	for l := range strings.Lines(string(src)) {
		line++
		if l = strings.TrimSpace(l); l != "" && l[0] != '#' {
			l = strings.TrimPrefix(strings.TrimPrefix(l, "cpython-"), "cpython@")
			if !reVersionName.MatchString(l) { // it becomes a part of a path
				return "", 0
			}
			return l, line
		}
	}
	return "", 0
}

// userDir is the folder of a person's "config", "cache" or "data", as
// Python's platformdirs finds it.
func (s *scan) userDir(kind string) string {
	if runtime.GOOS == "windows" {
		if kind == "config" {
			return s.o.Getenv("APPDATA")
		}
		return s.o.Getenv("LOCALAPPDATA")
	}
	if d := strings.TrimSpace(s.o.Getenv("XDG_" + strings.ToUpper(kind) + "_HOME")); d != "" {
		return d
	}
	if runtime.GOOS == "darwin" {
		return s.expandUser(map[string]string{
			"config": "~/Library/Application Support", "cache": "~/Library/Caches", "data": "~/Library/Application Support",
		}[kind])
	}
	return s.expandUser(map[string]string{"config": "~/.config", "cache": "~/.cache", "data": "~/.local/share"}[kind])
}

// expandUser is Python's Path.expanduser for a leading "~".
func (s *scan) expandUser(file string) string {
	rest, ok := strings.CutPrefix(file, "~")
	if !ok || rest != "" && rest[0] != '/' && rest[0] != filepath.Separator {
		return file
	}
	home := s.o.Getenv("HOME")
	if runtime.GOOS == "windows" {
		home = s.o.Getenv("USERPROFILE")
	}
	return filepath.Join(home, rest)
}

// readOutside reads a file of the person or of an environment, which need not
// lie in the project. It waits for nothing.
func readOutside(file string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readRegular(root, filepath.Base(file))
}

func isFile(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

func isDir(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.IsDir()
}

// escapeGlob makes a path safe in filepath.Glob.
func escapeGlob(file string) string {
	if runtime.GOOS == "windows" { // where a backslash is no escape
		return file
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(file)
}
