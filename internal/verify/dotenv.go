package verify

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/edit"
)

// assignment is one statement of an environment file: an optional export, the
// value bare, or in single or double quotes and then perhaps over several lines.
var assignment = regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|)[^\r\n]*`)

// envValues are the values that an environment file gives.
func envValues(src []byte) map[string]string {
	file := edit.ParseEnv(src)
	values := map[string]string{}
	for _, key := range file.Keys() {
		values[key], _, _ = file.Get(key)
	}
	return values
}

// readEnv reads an environment file. Opening a FIFO would wait for its writer.
func readEnv(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: file, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// findDotenv looks for the environment file as python-dotenv does: in dir, then
// in the folders above it, here up to root. It is relative to root, with slashes;
// empty where there is none.
func findDotenv(root, dir string) string {
	for at := dir; within(root, at); at = filepath.Dir(at) {
		file := filepath.Join(at, ".env")
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			rel, err := filepath.Rel(root, file)
			if err != nil {
				return ""
			}
			return filepath.ToSlash(rel)
		}
		if at == root {
			break
		}
	}
	return ""
}

// detach takes what sets one of the names out of the environment files (.env,
// .env.local and so on) in each of the folders. The process environment wins
// over such a file, but not where the app loads it with override=True: then
// the project's real credentials would be used in the copy.
func detach(names []string, dirs ...string) error {
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, ".env*"))
		if err != nil {
			return err
		}
		for _, file := range files {
			info, err := os.Lstat(file)
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			cut := assignment.ReplaceAllStringFunc(string(text), func(line string) string {
				if name := assignment.FindStringSubmatch(line)[1]; slices.Contains(names, name) {
					return ""
				}
				return line
			})
			if cut != string(text) {
				if err := os.WriteFile(file, []byte(cut), info.Mode().Perm()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// envMap turns KEY=value strings into a map; the last of a name counts.
func envMap(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, kv := range env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			m[name] = value
		}
	}
	return m
}
