package devserver

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// files are those that can keep a server from starting, by their paths, with
// what changes when somebody saves them.
type files map[string]stamp

type stamp struct {
	modified time.Time
	size     int64
}

// look finds the Python and environment files in a folder. What cannot be read
// is left out: it is no file of the app's either.
func look(root string) files {
	found := files{}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir():
			if path != root && aside(path, d.Name()) {
				return filepath.SkipDir
			}
		case strings.HasSuffix(path, ".py") || strings.HasPrefix(d.Name(), ".env") || d.Name() == ".flaskenv":
			if info, err := os.Stat(path); err == nil { // of what a link leads to
				found[path] = stamp{info.ModTime(), info.Size()}
			}
		}
		return nil
	})
	return found
}

// aside says whether a folder holds none of the app's own code.
func aside(path, name string) bool {
	if strings.HasPrefix(name, ".") || name == "node_modules" || name == "__pycache__" {
		return true
	}
	_, err := os.Lstat(filepath.Join(path, "pyvenv.cfg"))
	return err == nil
}

// change waits until the files in root are others than before, and names one of
// them. It is false when the context is done first.
func change(ctx context.Context, root string, before files) (string, bool) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", false
		case <-tick.C:
		}
		if path := differing(before, look(root)); path != "" {
			rel, err := filepath.Rel(root, path)
			return filepath.ToSlash(rel), err == nil
		}
	}
}

// differing is the first path, by its name, that is not the same in both; empty
// where there is none.
func differing(a, b files) string {
	var paths []string
	for path := range maps.Keys(a) {
		if b[path] != a[path] {
			paths = append(paths, path)
		}
	}
	for path := range maps.Keys(b) {
		if _, ok := a[path]; !ok {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return slices.Min(paths)
}
