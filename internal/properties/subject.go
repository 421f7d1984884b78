package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"authfit/internal/verify"
)

//go:embed apps.txt
var apps []byte

// The kinds of subjects, in the order of the table.
const (
	exampleApp = "example apps"
	layout     = "txtar layouts"
	publicApp  = "public apps"
)

var kinds = []string{exampleApp, layout, publicApp}

// A subject is a project that a login is added to.
type subject struct {
	kind, name string
	flags      []string
	folder     string                 // in which authfit works, below what write makes
	write      func(dir string) error // makes the project in dir

	facts
}

// everything is all subjects: those of the repository at root, and the public
// apps in corpus.
func everything(root, corpus string) ([]*subject, error) {
	all, err := own(root)
	if err != nil {
		return nil, err
	}
	public, err := publicApps(corpus)
	return append(all, public...), err
}

// own is the subjects of the repository at root.
func own(root string) ([]*subject, error) {
	var all []*subject
	examples, err := os.ReadDir(filepath.Join(root, "examples"))
	if err != nil {
		return nil, err
	}
	for _, e := range examples {
		from := filepath.Join(root, "examples", e.Name())
		all = append(all, &subject{
			kind: exampleApp, name: e.Name(),
			write: func(dir string) error { return verify.CopyProject(from, dir) },
		})
	}
	for _, pattern := range []string{"internal/layouts/testdata", "internal/recipe/testdata/inspect", "internal/recipe/*/testdata"} {
		files, err := filepath.Glob(filepath.Join(root, pattern, "*.txtar"))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("no layouts in %s: %w", pattern, err)
		}
		for _, file := range files {
			s, err := readLayout(root, file)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// readLayout reads an archive. Of what its comment says, this takes the flags and
// the changes of files that the tests of the archive know.
func readLayout(root, file string) (*subject, error) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, file)
	if err != nil {
		return nil, err
	}
	s := &subject{kind: layout, name: strings.TrimSuffix(filepath.ToSlash(rel), ".txtar")}
	shape := map[string][]string{}
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		if app, is := strings.CutPrefix(line, "--app "); is {
			s.flags = append(s.flags, "--app", app)
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "prefix":
			s.flags = append(s.flags, "--url-prefix", value)
		case "users":
			s.flags = append(s.flags, "--users", value)
		case "app":
			if strings.Contains(value, ":") { // else the name of an object, for the room alone
				s.flags = append(s.flags, "--app", value)
			}
		case "crlf", "bom", "no-newline":
			shape[value] = append(shape[value], name)
		}
	}
	s.write = func(dir string) error {
		for _, f := range archive.Files {
			if f.Name == "want" {
				continue
			}
			data, mode := f.Data, fs.FileMode(0o644)
			for _, how := range shape[f.Name] {
				data = shapes[how](data)
			}
			if filepath.Base(f.Name) == "manage.py" {
				mode = 0o755
			}
			if err := writeFile(filepath.Join(dir, filepath.FromSlash(f.Name)), data, mode); err != nil {
				return err
			}
		}
		return nil
	}
	return s, nil
}

// shapes are what an archive cannot hold as it is.
var shapes = map[string]func([]byte) []byte{
	"crlf":       func(src []byte) []byte { return bytes.ReplaceAll(src, []byte("\n"), []byte("\r\n")) },
	"bom":        func(src []byte) []byte { return append([]byte("\uFEFF"), src...) },
	"no-newline": func(src []byte) []byte { return bytes.TrimSuffix(src, []byte("\n")) },
}

// publicApps reads apps.txt.
func publicApps(corpus string) ([]*subject, error) {
	var all []*subject
	for n, line := range strings.Split(strings.TrimSpace(string(apps)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) != 40 {
			return nil, fmt.Errorf("apps.txt:%d: not \"owner/name commit folder flags\"", n+1)
		}
		from := filepath.Join(corpus, strings.Replace(fields[0], "/", "+", 1))
		if _, err := os.Stat(from); err != nil {
			return nil, err
		}
		all = append(all, &subject{
			kind: publicApp, name: fields[0], folder: fields[2], flags: fields[3:],
			write: func(dir string) error { return copyFolder(from, dir, largest) },
		})
	}
	return all, nil
}

// largest is the size of the largest file of a public app that is copied; larger
// ones are pictures and data.
const largest = megabyte

// copyFolder copies a folder without its repository and its largest files. Links
// are kept as they are.
func copyFolder(from, to string, largest int64) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.Name() == ".git":
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case info.Size() > largest:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return writeFile(target, data, info.Mode().Perm())
	})
}

func writeFile(file string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, mode)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
