package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// An entry is what can be seen of a file, folder or link. A folder has no time:
// it changes with what is made in it and taken away again.
type entry struct {
	mode    fs.FileMode
	content string // of a file, or where a link leads
	time    time.Time
}

// snapshot is everything below dir.
func snapshot(dir string) (map[string]entry, error) {
	seen := map[string]entry{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		e := entry{mode: info.Mode()}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			e.content, err = os.Readlink(path)
		case info.Mode().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			e.content, e.time = string(data), info.ModTime()
		}
		seen[filepath.ToSlash(rel)] = e
		return err
	})
	return seen, err
}

// changed says how each name differs from one snapshot to the next.
func changed(before, after map[string]entry) map[string]string {
	how := map[string]string{}
	for name, was := range before {
		is, there := after[name]
		switch {
		case !there:
			how[name] = "gone"
		case was.content != is.content:
			how[name] = "other bytes"
		case was.mode != is.mode:
			how[name] = fmt.Sprintf("%s instead of %s", is.mode, was.mode)
		case !was.time.Equal(is.time):
			how[name] = "another time"
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			how[name] = "new"
		}
	}
	return how
}

// told is the changes as a text, the first few of them.
func told(how map[string]string) string {
	var parts []string
	for _, name := range sortedKeys(how) {
		parts = append(parts, name+" ("+how[name]+")")
	}
	if len(parts) > 5 {
		parts = append(parts[:5], fmt.Sprintf("and %d more", len(parts)-5))
	}
	return strings.Join(parts, ", ")
}
