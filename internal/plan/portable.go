package plan

import (
	"path/filepath"
	"slices"
	"strings"
)

// Root stands for the project's folder in the variables of a command.
const Root = "{root}"

// Portable takes the folders of the project, which are absolute, out of the plan's
// paths, so that equal projects have equal plans wherever they lie: its own, root,
// and others relative to it, such as that of a workspace, which lies above.
func (p *Plan) Portable(root string, others ...string) {
	own := func(path string) bool {
		return inside(root, path) || slices.ContainsFunc(others, func(dir string) bool { return inside(filepath.Join(root, dir), path) })
	}
	for i, c := range p.Commands {
		dir := filepath.Join(root, filepath.FromSlash(c.Dir))
		for j, arg := range c.Argv {
			if own(arg) {
				if rel, err := filepath.Rel(dir, arg); err == nil {
					if strings.HasPrefix(rel, "-") { // it would be taken for an option
						rel = "." + string(filepath.Separator) + rel
					}
					p.Commands[i].Argv[j] = rel
				}
			}
		}
		for j, kv := range c.Env {
			if name, value, ok := strings.Cut(kv, "="); ok && inside(root, value) {
				p.Commands[i].Env[j] = name + "=" + Root + strings.TrimPrefix(value, root)
			}
		}
	}
	if own(p.Python) {
		if rel, err := filepath.Rel(root, p.Python); err == nil {
			p.Python = rel
		}
	}
}

// inside says whether path is below dir, by its text.
func inside(dir, path string) bool {
	return strings.HasPrefix(path, dir+string(filepath.Separator))
}

// Interpreter is the project's interpreter for the project in root, absolute;
// empty where the plan knows none.
func (p *Plan) Interpreter(root string) string {
	if p.Python == "" || filepath.IsAbs(p.Python) {
		return p.Python
	}
	return filepath.Join(root, p.Python)
}
