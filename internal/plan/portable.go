package plan

import (
	"path/filepath"
	"strings"
)

// Root stands for the project's folder in the variables of a command.
const Root = "{root}"

// Portable takes the project's own folder, which is absolute, out of the plan's
// paths, so that equal projects have equal plans wherever they lie.
func (p *Plan) Portable(root string) {
	for i, c := range p.Commands {
		dir := filepath.Join(root, filepath.FromSlash(c.Dir))
		for j, arg := range c.Argv {
			if inside(root, arg) {
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
	if inside(root, p.Python) {
		p.Python = strings.TrimPrefix(p.Python, root+string(filepath.Separator))
	}
}

// inside says whether path is below root, by its text.
func inside(root, path string) bool {
	return strings.HasPrefix(path, root+string(filepath.Separator))
}

// Interpreter is the project's interpreter for the project in root, absolute;
// empty where the plan knows none.
func (p *Plan) Interpreter(root string) string {
	if p.Python == "" || filepath.IsAbs(p.Python) {
		return p.Python
	}
	return filepath.Join(root, p.Python)
}
