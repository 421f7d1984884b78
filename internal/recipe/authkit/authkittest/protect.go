package authkittest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/project"
	"authfit/internal/recipe/authkit"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Protector is a room that guards routes, as recipe.Recipe has it.
type Protector interface {
	Find(*project.Project) []project.App
	Routes(*project.Project, *project.App) authkit.Listing
	Protect(*authkit.Draft, authkit.Target) []authkit.Listed
}

// Protect runs the archives in testdata/protect/*.txtar. In the comment of one,
// beside what Golden has, each line
//
//	protect: TARGET [role NAME | permission NAME]
//
// is one change, made on the project as the archive has it. The last file says
// how the routes are listed, and what each change does. Beyond that the result
// has to parse, to keep every byte that was there but for a guard that gives
// way, to guard what was asked for, and to have nothing left to do.
func Protect(t *testing.T, room Protector) {
	archives, err := filepath.Glob("testdata/protect/*.txtar")
	if err != nil || archives == nil {
		t.Fatalf("no archives in testdata/protect: %v", err)
	}
	results := t.TempDir()
	var written []string
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			written = append(written, protectArchive(t, room, name, filepath.Join(results, filepath.Base(name)))...)
		})
	}
	compile(t, written)
}

// ProtectAll guards every route of every project in testdata/*.txtar, one at a
// time, once the project has its login: for a login, and for a role on top of
// it. That holds to what Protect says of the result.
func ProtectAll(t *testing.T, room interface {
	Room
	Protector
}) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || archives == nil {
		t.Fatalf("no archives in testdata: %v", err)
	}
	results := t.TempDir()
	var written []string
	guarded := 0
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		options := directives(archive.Comment)
		dir := filepath.Join(results, filepath.Base(name))
		for _, f := range archive.Files {
			if f.Name != expected {
				write(t, dir, f.Name, options.shape(f.Name, f.Data))
			}
		}
		d, _ := draft(t, room, dir, options)
		if d == nil || len(d.Problems) > 0 {
			continue
		}
		apply(t, d, dir)
		for _, r := range room.Routes(opened(t, room, dir)).Routes {
			if r.Login || r.Below || strings.HasPrefix(r.Path, "{") {
				continue
			}
			for _, guard := range []authkit.Guard{{}, {Role: "admin"}} {
				p, app := opened(t, room, dir)
				d := &authkit.Draft{Project: p, App: app}
				before := room.Routes(p, app)
				room.Protect(d, authkit.Target{Name: r.Path, Guard: guard})
				for i := range d.Problems {
					t.Errorf("%s: protect %s: %s", name, r.Path, d.Problems[i].Text())
				}
				files, err := d.Files()
				if err != nil || len(d.Problems) > 0 {
					t.Errorf("%s: protect %s: %v", name, r.Path, err)
					break
				}
				for _, f := range files {
					written = append(written, changed(t, dir, f))
				}
				after := room.Routes(opened(t, room, dir))
				if len(after.Routes) != len(before.Routes) {
					t.Errorf("%s: protect %s: %d routes before, %d after", name, r.Path, len(before.Routes), len(after.Routes))
				}
				for _, now := range after.Routes {
					if now.Path == r.Path && !now.Holds(guard) {
						t.Errorf("%s: %s is %s afterwards", name, r.Path, now.Protected)
					}
				}
				guarded++
			}
		}
	}
	if guarded == 0 {
		t.Error("there were no routes")
	}
	compile(t, written)
}

// FuzzProtect replaces a part of a file of an archive in testdata/protect, and
// guards all routes that are left. That comes to an end, with edits that keep
// what was there, or with a refusal.
func FuzzProtect(f *testing.F, room Protector) {
	names, err := filepath.Glob("testdata/protect/*.txtar")
	if err != nil || names == nil {
		f.Fatalf("no archives in testdata/protect: %v", err)
	}
	var archives []*txtar.Archive
	for i, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		archives = append(archives, archive)
		for file := range archive.Files {
			f.Add(uint(i), uint(file), uint(100), uint(10), ")\n@app.get(X)(")
			f.Add(uint(i), uint(file), uint(300), uint(0), "\nclass A(A): pass\nX = X\n")
		}
	}
	f.Fuzz(func(t *testing.T, which, file, from, length uint, text string) {
		archive := archives[which%uint(len(archives))]
		dir := t.TempDir()
		for i, f := range archive.Files {
			data := f.Data
			if uint(i) == file%uint(len(archive.Files)) {
				from := min(from, uint(len(data)))
				end := from + min(length, uint(len(data))-from)
				data = slices.Concat(data[:from], []byte(text), data[end:])
			}
			write(t, dir, f.Name, data)
		}
		tree, err := project.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tree.Close() }()
		p := &project.Project{Root: tree.Root, Tree: tree, Chosen: new(int)}
		if p.Apps = room.Find(p); len(p.Apps) == 0 {
			return
		}
		for _, guard := range []authkit.Guard{{}, {Role: "admin"}} {
			d := &authkit.Draft{Project: p, App: &p.Apps[0]}
			room.Protect(d, authkit.Target{Name: "/*", Guard: guard})
			files, err := d.Files()
			if err != nil {
				t.Fatal(err)
			}
			for i := range d.Problems {
				if code := d.Problems[i].Code; code == "edit-unsafe" || code == "edit-failed" {
					t.Errorf("%s", d.Problems[i].Text())
				}
			}
			for _, f := range files {
				before, err := tree.Read(f.Path)
				if err != nil {
					t.Fatal(err)
				}
				onlyAdded(t, f.Path, before, f.Edits)
			}
		}
	})
}

// changed makes one change of a file, and gives its name.
func changed(t *testing.T, dir string, f plan.File) string {
	t.Helper()
	at := filepath.Join(dir, f.Path)
	before, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	after, err := f.Apply(before)
	if err != nil {
		t.Fatal(err)
	}
	kept(t, f.Path, before, after)
	onlyAdded(t, f.Path, before, f.Edits)
	write(t, dir, f.Path, after)
	return at
}

func protectArchive(t *testing.T, room Protector, name, dir string) (written []string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	options := directives(archive.Comment)
	want := ""
	if last := len(archive.Files) - 1; archive.Files[last].Name == expected {
		want = string(archive.Files[last].Data)
		archive.Files = archive.Files[:last]
	}
	unpack := func(to string) {
		for _, f := range archive.Files {
			write(t, to, f.Name, options.shape(f.Name, f.Data))
		}
	}
	unpack(filepath.Join(dir, "list"))
	got := list(room.Routes(opened(t, room, filepath.Join(dir, "list"))))
	n := 0
	for line := range strings.Lines(string(archive.Comment)) {
		asked, ok := strings.CutPrefix(strings.TrimSpace(line), "protect: ")
		if !ok {
			continue
		}
		n++
		at := filepath.Join(dir, fmt.Sprint(n))
		unpack(at)
		said, files := protect(t, room, at, target(asked))
		got += "\nprotect " + asked + "\n" + said
		written = append(written, files...)
	}
	if *update {
		archive.Files = append(archive.Files, txtar.File{Name: expected, Data: []byte(got)})
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return written
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got + (go test -update rewrites it):\n%s", diff)
	}
	return written
}

func target(asked string) authkit.Target {
	words := strings.Fields(asked)
	target := authkit.Target{Name: words[0]}
	if len(words) == 3 {
		switch words[1] {
		case "role":
			target.Guard.Role = words[2]
		case "permission":
			target.Guard.Permission = words[2]
		}
	}
	return target
}

// opened is the project in dir with the app that the room is surest of.
func opened(t *testing.T, room Protector, dir string) (*project.Project, *project.App) {
	t.Helper()
	tree, err := project.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	p := &project.Project{Root: tree.Root, Tree: tree, Chosen: new(int)}
	if p.Apps = room.Find(p); len(p.Apps) == 0 {
		t.Fatal("there is no app")
	}
	return p, &p.Apps[0]
}

// list is a listing as the archive has it.
func list(l authkit.Listing) string {
	var out strings.Builder
	for _, r := range l.Routes {
		fmt.Fprintf(&out, "%s %s  %s  %s:%d  %s", strings.Join(r.Methods, ","), r.Path, r.View, r.File, r.Line, r.Protected)
		if r.By != "" {
			out.WriteString("  by " + r.By)
		}
		if r.Login {
			out.WriteString("  (the login's)")
		}
		out.WriteString("\n")
	}
	for _, e := range l.Unseen {
		fmt.Fprintf(&out, "unseen %s:%d  %s\n", e.File, e.Line, e.Fact)
	}
	for _, n := range l.Notes {
		out.WriteString("note " + n + "\n")
	}
	return out.String()
}

// protect makes one change and says what came of it.
func protect(t *testing.T, room Protector, dir string, target authkit.Target) (said string, written []string) {
	t.Helper()
	p, app := opened(t, room, dir)
	d := &authkit.Draft{Project: p, App: app}
	picked := room.Protect(d, target)
	var out strings.Builder
	for _, r := range picked {
		out.WriteString("  " + r.Path + " " + r.View + "\n")
	}
	for i := range d.Problems {
		q := &d.Problems[i]
		out.WriteString("refused " + q.Text() + " (" + q.Code + ")\n")
	}
	for _, n := range d.Notes {
		out.WriteString("note " + n + "\n")
	}
	if len(d.Problems) > 0 {
		return out.String(), nil
	}
	files, err := d.Files()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		out.WriteString("nothing to do\n")
	}
	for _, file := range files {
		written = append(written, changed(t, dir, file))
		out.WriteString(visible(file.Diff))
	}
	again, app := opened(t, room, dir)
	d = &authkit.Draft{Project: again, App: app}
	for _, r := range room.Protect(d, target) {
		if !r.Holds(target.Guard) {
			t.Errorf("protect %s: %s is %s afterwards, by %s", target.Name, r.Path, r.Protected, r.By)
		}
	}
	if files, err := d.Files(); err != nil || len(files)+len(d.Problems) > 0 {
		t.Errorf("protect %s: a second time is not empty: %v %v %v", target.Name, files, d.Problems, err)
	}
	return out.String(), written
}

// onlyAdded checks that a change takes nothing away but the name of a guard.
func onlyAdded(t *testing.T, name string, before []byte, edits []edit.Edit) {
	t.Helper()
	for _, e := range edits {
		gone := before[e.Start:e.End]
		rest := e.New
		for _, word := range strings.FieldsFunc(string(gone), func(r rune) bool { return !isWord(r) }) {
			if strings.Contains(rest, word) || word == "login_required" || word == "require_user" {
				continue
			}
			t.Errorf("%s: %q took %q away", name, e.New, gone)
		}
	}
}

func isWord(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
