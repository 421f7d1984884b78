package recipe_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"authfit/internal/problem"
	"authfit/internal/recipe"
)

var update = flag.Bool("update", false, "write what inspect says into testdata/inspect")

// TestInspect reads the layouts of testdata/inspect: the file "want" of each is
// what inspect says of the other files. An --app flag stands in the comment's
// last line.
func TestInspect(t *testing.T) {
	for name, a := range layouts(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := unpack(t, a, dir)
			got := facts(t, dir, options(a))
			if *update {
				a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
				a.Files = append([]txtar.File{{Name: "want", Data: []byte(got)}}, a.Files...)
				if err := os.WriteFile(filepath.Join("testdata/inspect", name+".txtar"), txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInspectBroken breaks each file of each layout in turn. Inspect ends, and
// an app whose own file cannot be read or parsed is never chosen without a
// problem that names the file.
func TestInspectBroken(t *testing.T) {
	breaks := map[string]func(file string) error{
		"syntax":  func(f string) error { return appendTo(f, "\ndef broken(:\n") },
		"utf-8":   func(f string) error { return appendTo(f, "\n\xff\xfe\xc3 = 1\n") },
		"empty":   func(f string) error { return os.Truncate(f, 0) },
		"loop":    func(f string) error { return errors.Join(os.Remove(f), os.Symlink(filepath.Base(f), f)) },
		"huge":    func(f string) error { return os.Truncate(f, 100<<20) },
		"folder":  func(f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o755)) },
		"dangles": func(f string) error { return errors.Join(os.Remove(f), os.Symlink("/nowhere", f)) },
		"leaves":  func(f string) error { return errors.Join(os.Remove(f), os.Symlink("../../../../../../etc/passwd", f)) },
	}
	for name, a := range layouts(t) {
		t.Run(name, func(t *testing.T) {
			for _, file := range a.Files {
				if file.Name == "want" {
					continue
				}
				for how, damage := range breaks {
					dir := t.TempDir()
					unpack(t, a, dir)
					if err := damage(filepath.Join(dir, file.Name)); err != nil {
						t.Fatal(err)
					}
					p, err := recipe.Inspect(t.Context(), dir, options(a))
					if err != nil {
						var q *problem.Problem
						if !errors.As(err, &q) {
							t.Errorf("%s %s: %v", how, file.Name, err)
						}
						continue
					}
					app := p.App()
					if app == nil && len(p.Problems) == 0 {
						t.Errorf("%s %s: no app, and nothing said", how, file.Name)
					}
					named := slices.ContainsFunc(p.Problems, func(q problem.Problem) bool { return q.File == file.Name })
					if app != nil && app.Entry.File == file.Name && app.Entry.Line > 0 && how != "empty" && !named {
						t.Errorf("%s %s: chosen without a word", how, file.Name)
					}
					p.Tree.Close()
				}
			}
		})
	}
}

// FuzzInspect replaces a part of a file of a layout. Inspect comes to an end,
// with facts about the files that there are.
func FuzzInspect(f *testing.F) {
	var archives []*txtar.Archive
	for _, a := range layouts(f) {
		archives = append(archives, a)
	}
	slices.SortFunc(archives, func(a, b *txtar.Archive) int { return strings.Compare(string(a.Comment), string(b.Comment)) })
	for i := range archives {
		f.Add(uint(i), uint(1), uint(10), uint(20), []byte("app = Flask(__name__)\n"))
		f.Add(uint(i), uint(2), uint(0), uint(5), []byte("\xff\xfe[tool.uv]\n"))
	}
	f.Fuzz(func(t *testing.T, which, file, from, length uint, text []byte) {
		a := archives[which%uint(len(archives))]
		dir := t.TempDir()
		unpack(t, a, dir)
		target := a.Files[file%uint(len(a.Files))]
		if target.Name != "want" {
			from = min(from, uint(len(target.Data)))
			end := from + min(length, uint(len(target.Data))-from)
			data := slices.Concat(target.Data[:from], text, target.Data[end:])
			if err := os.WriteFile(filepath.Join(dir, target.Name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, err := recipe.Inspect(t.Context(), dir, recipe.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Tree.Close()
		for _, app := range p.Apps {
			if app.Framework != "vanilla" && !p.Tree.Has(app.Entry.File) {
				t.Errorf("there is no %s", app.Entry.File)
			}
		}
	})
}

// layouts are the archives of testdata/inspect by their names.
func layouts(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob("testdata/inspect/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	found := map[string]*txtar.Archive{}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".txtar")] = a
	}
	return found
}

func options(a *txtar.Archive) recipe.Options {
	lines := strings.Split(strings.TrimSpace(string(a.Comment)), "\n")
	app, _ := strings.CutPrefix(lines[len(lines)-1], "--app ")
	if app == lines[len(lines)-1] {
		return recipe.Options{}
	}
	return recipe.Options{App: app}
}

// unpack writes an archive's files and returns its file "want".
func unpack(t testing.TB, a *txtar.Archive, dir string) (want string) {
	t.Helper()
	for _, f := range a.Files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		file := filepath.Join(dir, f.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// facts are what inspect says of a folder, a line each, the chosen app with a
// star.
func facts(t *testing.T, dir string, o recipe.Options) string {
	t.Helper()
	p, err := recipe.Inspect(context.Background(), dir, o)
	if err != nil {
		return err.Error() + "\n"
	}
	defer p.Tree.Close()
	var b strings.Builder
	for i, a := range p.Apps {
		mark := " "
		if p.Chosen != nil && *p.Chosen == i {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %s in %s: %s:%d %s\n", mark, a.Framework, a.Dir, a.Entry.File, a.Entry.Line, a.Entry.Object)
		for _, f := range []struct{ name, value string }{{"manifest", a.Manifest}, {"run", a.Run}, {"factory", a.Factory}, {"settings", a.Settings}, {"urls", a.URLs}} {
			if f.value != "" {
				fmt.Fprintf(&b, "    %s %s\n", f.name, f.value)
			}
		}
	}
	fmt.Fprintf(&b, "manager %s, %s\n", p.Manager.Name, path.Join(p.Manager.Dir, p.Manager.Manifest))
	for _, d := range p.Dependencies {
		fmt.Fprintf(&b, "    needs %s\n", strings.TrimSpace(fmt.Sprintf("%s%s %s:%d %s", d.Name, d.Specifier, d.File, d.Line, d.Group)))
	}
	for _, f := range p.Present {
		fmt.Fprintf(&b, "has %s %s, %s:%d\n", f.Kind, f.Name, f.File, f.Line)
	}
	for _, q := range p.Problems {
		switch q.Code {
		case "python-missing", "python-too-old", "manager-missing": // of the machine, not of the layout
			continue
		}
		fmt.Fprintf(&b, "%s %s:%d\n", q.Code, q.File, q.Line)
		for line := range strings.Lines(q.Detail) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimSpace(line))
		}
	}
	return b.String()
}

func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
