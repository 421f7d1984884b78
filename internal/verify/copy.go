package verify

import "os"

// CopyProject copies a project's folder into dir, which is made: without its
// environments, .git, caches and node_modules, with links that stay inside.
func CopyProject(root, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, err := copyProject(root, dir)
	return err
}
