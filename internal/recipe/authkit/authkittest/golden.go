// Package authkittest runs a framework's room over small projects kept as txtar
// archives, and compares what it drafts with what they say.
package authkittest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite what the archives in testdata expect")

// Room is a framework's room, as recipe.Recipe has it.
type Room interface {
	Find(*project.Project) []project.App
	Draft(*authkit.Draft)
}

// expected is the archive's last file: what the room finds and drafts.
const expected = "want"

// sure is by how much the best of several apps has to be surer than the next,
// as in recipe.
const sure = 20

// Golden drafts the login of every project in testdata/*.txtar. The comment of
// an archive says what it shows, and how to change its files where an archive
// cannot hold them as they are:
//
//	crlf: FILE          lines end in CR LF
//	bom: FILE           starts with a byte order mark
//	no-newline: FILE    does not end with one
//	prefix: /PATH       --url-prefix
//	users: KIND         --users
//	app: OBJECT         --app, by the object's name
//
// Beyond what an archive expects, the result has to be valid Python for the
// interpreter in AUTHFIT_TEST_PYTHON, line ends and byte order marks have to
// stay, and a draft of the result has to be empty.
func Golden(t *testing.T, room Room) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || archives == nil {
		t.Fatalf("no archives in testdata: %v", err)
	}
	results := t.TempDir()
	var written []string
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			written = append(written, golden(t, room, name, filepath.Join(results, filepath.Base(name)))...)
		})
	}
	compile(t, written)
}

// golden runs one archive in dir, and returns the files that it wrote there.
func golden(t *testing.T, room Room, name, dir string) (written []string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	options := directives(archive.Comment)
	var want []byte
	for i, f := range archive.Files {
		if f.Name == expected {
			want = f.Data
			archive.Files = archive.Files[:i]
			break
		}
	}
	for _, f := range archive.Files {
		write(t, dir, f.Name, options.shape(f.Name, f.Data))
	}

	d, got := draft(t, room, dir, options)
	if d != nil && len(d.Problems) == 0 {
		diff := ""
		written, diff = apply(t, d, dir)
		got += diff
		again, _ := draft(t, room, dir, options)
		if again == nil && d.App.Framework == "vanilla" {
			again = &authkit.Draft{} // its server is a Flask app, and that room's from now on
		}
		if files, err := again.Files(); err != nil || len(files)+len(again.Problems) > 0 {
			t.Errorf("a second draft is not empty: %v %v %v", files, again.Problems, err)
		}
	}
	if *update {
		archive.Files = append(archive.Files, txtar.File{Name: expected, Data: []byte(got)})
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return written
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("want -, got + (go test -update rewrites it):\n%s", diff)
	}
	return written
}

// draft is the room's draft for the app that it is surest of, and what there
// is to say of it. There is none where the choice is open.
func draft(t *testing.T, room Room, dir string, o options) (*authkit.Draft, string) {
	t.Helper()
	tree, err := project.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	p := &project.Project{Root: tree.Root, Tree: tree}
	var out strings.Builder
	for _, a := range room.Find(p) {
		if app := o["app"]; app == nil || app[a.Entry.Object] {
			p.Apps = append(p.Apps, a)
		}
	}
	for _, a := range p.Apps {
		fmt.Fprintf(&out, "app %s:%d %s: run %s in %s (%d)\n", a.Entry.File, a.Entry.Line, a.Entry.Object, a.Run, a.Dir, a.Confidence)
	}
	if len(p.Apps) == 0 || len(p.Apps) > 1 && p.Apps[0].Confidence-p.Apps[1].Confidence < sure {
		return nil, out.String() + "undecided\n"
	}
	p.Chosen = new(int)
	d := &authkit.Draft{Project: p, App: &p.Apps[0]}
	for prefix := range o["prefix"] {
		d.Prefix = prefix
	}
	for users := range o["users"] {
		d.Users = users
	}
	room.Draft(d)
	for i := range d.Problems {
		out.WriteString("refused " + said(&d.Problems[i]) + "\n")
	}
	for _, n := range d.Notes {
		out.WriteString("note " + n + "\n")
	}
	if d.Login != nil && d.Login.HomeUser {
		out.WriteString("the home page shows the user\n")
	}
	return d, out.String()
}

func said(p *problem.Problem) string {
	return fmt.Sprintf("%s:%d: %s (%s)\n    %s", p.File, p.Line, p.Summary, p.Code, p.Fix)
}

// apply writes the files and returns their names and diffs. Of those made by
// authfit the diff has only what differs from one project to another.
func apply(t *testing.T, d *authkit.Draft, dir string) (written []string, diff string) {
	t.Helper()
	files, err := d.Files()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range files {
		before, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			before = nil
		}
		after, err := f.Apply(before)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, f.Path, after)
		written = append(written, filepath.Join(dir, f.Path))
		if before == nil {
			out.WriteString("create " + f.Path + varying(after) + "\n")
			continue
		}
		kept(t, f.Path, before, after)
		out.WriteString(visible(edit.Unified(f.Path, before, after)))
	}
	return written, out.String()
}

// varying are the lines of a generated module that tell of its surroundings.
func varying(src []byte) string {
	var out string
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "workos_authkit import") || strings.Contains(line, "init_app(app, workos, url") || strings.Contains(line, "--app") {
			out += "\n    " + line
		}
	}
	return out
}

// kept checks what no edit may touch: line ends, the byte order mark, a missing
// last line end, and that Python stays Python.
func kept(t *testing.T, name string, before, after []byte) {
	t.Helper()
	crlf := func(src []byte) bool { return bytes.Count(src, []byte("\r\n")) == bytes.Count(src, []byte("\n")) }
	bom := func(src []byte) bool { return bytes.HasPrefix(src, []byte("\uFEFF")) }
	ended := func(src []byte) bool { return bytes.HasSuffix(src, []byte("\n")) }
	if bytes.Contains(before, []byte("\r\n")) && !crlf(after) || !bytes.Contains(before, []byte("\r")) && bytes.Contains(after, []byte("\r")) {
		t.Errorf("%s: line ends are mixed: %q", name, after)
	}
	if bom(before) != bom(after) || bytes.Count(after, []byte("\uFEFF")) > 1 {
		t.Errorf("%s: the byte order mark is not where it was", name)
	}
	if ended(before) != ended(after) {
		t.Errorf("%s: the last line end came or went", name)
	}
	if strings.HasSuffix(name, ".py") {
		if _, err := pysyntax.Parse(after); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// visible shows the characters that an archive or an editor would lose.
func visible(diff string) string {
	diff = strings.NewReplacer("\r\n", "␍\n", "\uFEFF", "<BOM>").Replace(diff)
	var out strings.Builder
	for line := range strings.Lines(diff) { // an empty line of context, without a blank that editors cut off
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}

// compile has the interpreter read the Python files among those that were written.
func compile(t *testing.T, written []string) {
	t.Helper()
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("AUTHFIT_TEST_PYTHON names no interpreter: run `make test`, or `. .cache/env` before go test")
	}
	script := `import sys
for path in sys.argv[1:]:
    if path.endswith(".py"):
        compile(open(path, "rb").read(), path, "exec")`
	if out, err := exec.Command(python, append([]string{"-c", script}, written...)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// options are the directives of an archive, by name: their values.
type options map[string]map[string]bool

func directives(comment []byte) options {
	o := options{}
	for line := range strings.Lines(string(comment)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "crlf", "bom", "no-newline", "prefix", "users", "app":
			if ok && o[name] == nil {
				o[name] = map[string]bool{}
			}
			if ok {
				o[name][value] = true
			}
		}
	}
	return o
}

func (o options) shape(name string, data []byte) []byte {
	if o["crlf"][name] {
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	if o["no-newline"][name] {
		data = bytes.TrimRight(data, "\r\n")
	}
	if o["bom"][name] {
		data = append([]byte("\uFEFF"), data...)
	}
	return data
}
