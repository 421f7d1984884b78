package project

import (
	"crypto/sha256"
	"encoding/base64"
	"path"
	"path/filepath"
)

// hatchEnvironments follows VirtualEnvironment.__init__ of Hatch: the path that
// is set for the environment "default", else a folder below Hatch's own that is
// named by the project and a hash of its path.
func (s *scan) hatchEnvironments(dir string, found *manifests) []environment {
	home := s.abs(dir)
	env := found.pyproject.get("tool", "hatch", "envs", "default")
	if src, err := s.read(path.Join(dir, "hatch.toml")); err == nil {
		if v, p := parseTOML(src); p == nil && v.get("envs", "default") != nil {
			env = v.get("envs", "default")
		}
	}
	chosen := s.o.Getenv("HATCH_ENV_TYPE_VIRTUAL_PATH")
	if chosen == "" {
		chosen = env.get("path").str()
	}
	if chosen != "" {
		if !filepath.IsAbs(chosen) {
			chosen = filepath.Join(home, chosen)
		}
		return []environment{{chosen, "the path of Hatch's environment"}}
	}
	name := NormalizeName(found.pyproject.get("project", "name").str())
	sum := sha256.Sum256([]byte(home))
	id := base64.URLEncoding.EncodeToString(sum[:])[:8]
	if name == "" {
		name = id + "-unmanaged"
	}
	folder := s.hatchFolder(home)
	if folder == s.expandUser("~/.virtualenvs") || inside(home, folder) && folder != home {
		return []environment{{filepath.Join(folder, name), "Hatch's folder of environments"}}
	}
	return []environment{{filepath.Join(folder, name, id, name), "Hatch's folder of environments"}}
}

// hatchFolder is where Hatch keeps environments: dirs.env.virtual of its
// config.toml, else below its data.
func (s *scan) hatchFolder(home string) string {
	file := s.o.Getenv("HATCH_CONFIG")
	if file == "" {
		file = filepath.Join(s.userDir("config"), "hatch", "config.toml")
	}
	data := filepath.Join(s.userDir("data"), "hatch")
	if src, err := readOutside(file); err == nil {
		if v, p := parseTOML(src); p == nil {
			if dir := v.get("dirs", "env", "virtual").str(); dir != "" {
				if dir = s.expandUser(dir); !filepath.IsAbs(dir) {
					dir = filepath.Join(home, dir)
				}
				return dir
			}
			if dir := v.get("dirs", "data").str(); dir != "" {
				data = s.expandUser(dir)
			}
		}
	}
	if dir := s.o.Getenv("HATCH_DATA_DIR"); dir != "" {
		data = dir
	}
	return filepath.Join(data, "env", "virtual")
}
