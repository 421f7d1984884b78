package project

import (
	"path/filepath"
	"strings"
)

// RunsOwn says whether running a program would run what came with the project:
// one that lies in it, be it its environment's Python, or a shim that its
// .tool-versions leads to a path. Such a program is not run before the project's
// owner has agreed.
func (p *Project) RunsOwn(program string) bool { return p.scan != nil && p.scan.runsOwn(program) }

func (s *scan) runsOwn(program string) bool {
	dir, name := filepath.Split(program)
	if d, err := filepath.EvalSymlinks(dir); err == nil {
		dir = d
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil || inside(s.path, real) || inside(s.path, filepath.Join(dir, name)) {
		return true
	}
	return isShim(program) && s.ownTools()
}

// isShim says whether a program is one of pyenv's or asdf's that look for what
// to run in the folder where they are run.
func isShim(program string) bool { return filepath.Base(filepath.Dir(program)) == "shims" }

// ownTools says whether the project names a tool by its path, as asdf has it.
func (s *scan) ownTools() bool {
	for at := s.tree.Root; inside(s.path, at); at = filepath.Dir(at) {
		src, err := readOutside(filepath.Join(at, ".tool-versions"))
		if err == nil && strings.Contains(string(src), "path:") {
			return true
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return false
}
