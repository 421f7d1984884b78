package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	apps, err := readList(list)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range apps {
		if len(a.commit) != 40 {
			t.Errorf("%s: %q is no commit", a.name, a.commit)
		}
		if !slices.Contains([]string{"django", "flask", "fastapi"}, a.framework) {
			t.Errorf("%s: there is no framework %s", a.name, a.framework)
		}
		if place := a.name + " " + a.folder; seen[place] {
			t.Errorf("%s is there twice", place)
		} else {
			seen[place] = true
		}
	}
}

func TestListRefused(t *testing.T) {
	for _, src := range []string{"owner/name | flask . | one file | /", "owner/name abc | flask . | one file", "owner/name abc | flask | one file | -"} {
		if _, err := readList([]byte(src)); err == nil {
			t.Errorf("%q is taken", src)
		}
	}
}

// What is compared after undo sees a byte, a mode, a link, and what came or went.
func TestCompare(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"byte", "mode", "gone", "same"} {
		write(name, "before")
	}
	if err := os.Symlink("same", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	before, err := snapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	write("byte", "after")
	write("left", "")
	for _, err := range []error{
		os.Chmod(filepath.Join(dir, "mode"), 0o600), os.Remove(filepath.Join(dir, "gone")),
		os.Remove(filepath.Join(dir, "link")), os.Symlink("byte", filepath.Join(dir, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	after, err := snapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	tried := &trial{result: &result{undo: "yes"}}
	tried.compare("file", before, after)
	want := "undo: the file byte is another\nundo: the file gone is gone\nundo: the file left is left\nundo: the file link is another\nundo: the file mode is another"
	if got := strings.Join(tried.notes, "\n"); got != want || tried.undo != "no" {
		t.Errorf("undo %s:\n%s", tried.undo, got)
	}
}
