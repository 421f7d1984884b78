package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// snapshot is every file, folder and link below root with its mode and what is
// in it, but for environments and what Python leaves beside the code it runs.
func snapshot(root string) (map[string]string, error) {
	seen := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "__pycache__" || isEnvironment(path)) {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		content, err := contentOf(path, info.Mode())
		seen[rel] = fmt.Sprintf("%s %s", info.Mode(), content)
		return err
	})
	return seen, err
}

func isEnvironment(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil
}

func contentOf(path string, mode fs.FileMode) (string, error) {
	switch {
	case mode&fs.ModeSymlink != 0:
		return os.Readlink(path)
	case mode.IsRegular():
		src, err := os.ReadFile(path)
		return fmt.Sprintf("%x", sha256.Sum256(src)), err
	}
	return "", nil
}

// packages is what is installed in the app's environment, by the metadata's folders.
func (t *trial) packages() (map[string]string, error) {
	found, err := filepath.Glob(filepath.Join(t.dir, ".venv", "lib", "python*", "site-packages", "*-info"))
	if len(found) == 0 && err == nil {
		err = fmt.Errorf("there are no packages in %s", filepath.Join(t.dir, ".venv"))
	}
	seen := map[string]string{}
	for _, dir := range found {
		seen[filepath.Base(dir)] = ""
	}
	return seen, err
}

// compare holds what there is after undo against what there was.
func (t *trial) compare(kind string, before, after map[string]string) {
	names := slices.Collect(maps.Keys(before))
	for name := range after {
		if _, was := before[name]; !was {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		was, before := before[name]
		is, after := after[name]
		how := ""
		switch {
		case !after:
			how = "is gone"
		case !before:
			how = "is left"
		case was != is:
			how = "is another"
		}
		if how != "" {
			t.undo = "no"
			t.note("undo", "the %s %s %s", kind, name, how)
		}
	}
}
