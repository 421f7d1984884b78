package project

import (
	"path"
	"strings"
)

// Module finds the file of a module ("pkg.mod") as Python would with base, the
// folder that the app starts from, on sys.path: a module, or a package's
// __init__.py. Where it is not there, it looks into base's src folder, and
// then in the same way in the folders above, up to the root. A file that git
// ignores is found, too: local settings are such.
func (t *Tree) Module(name, base string) (file string, ok bool) {
	if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.ContainsAny(name, `/\ `) {
		return "", false
	}
	rel := strings.ReplaceAll(name, ".", "/")
	for dir := path.Clean(base); within(dir); dir = path.Join(dir, "..") {
		for _, at := range []string{dir, path.Join(dir, "src")} {
			for _, f := range []string{path.Join(at, rel+".py"), path.Join(at, rel, "__init__.py")} {
				if t.Has(f) {
					return f, true
				}
			}
		}
	}
	return "", false
}

// ModuleName is the name by which code that runs with base on sys.path imports
// the file; empty where it cannot: a file outside base (and its src folder), or
// with a name that is no identifier.
func ModuleName(file, base string) string {
	rel := path.Clean(file)
	if base = path.Clean(base); base != "." {
		var ok bool
		if rel, ok = strings.CutPrefix(rel, base+"/"); !ok {
			return ""
		}
	}
	rel = strings.TrimPrefix(rel, "src/")
	rel, ok := strings.CutSuffix(rel, ".py")
	if !ok || !within(rel) {
		return ""
	}
	rel = strings.TrimSuffix(rel, "/__init__")
	for part := range strings.SplitSeq(rel, "/") {
		if !reIdentifier.MatchString(part) {
			return ""
		}
	}
	return strings.ReplaceAll(rel, "/", ".")
}
