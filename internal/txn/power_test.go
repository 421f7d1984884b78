package txn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A platter is what a disk is sure to have when the power fails, and what it
// may have beside that. It follows the operations that the hook sees.
//
// It is a worse disk than any: names made, changed or removed since their folder
// was synced are kept or lost one by one, in any combination; a file that was
// written since it was synced is as it was then, or as it is. Only a rename is
// one thing. What the package manager does to its environment counts as safe,
// since no manager syncs it; what it writes into manifests does not.
type platter struct {
	t       *testing.T
	dir     string // the real folder
	root    *node
	pending []change // in their order
	last    func()   // does to the model what the last operation did to the disk
}

// A node is a file, folder or link. A new file is safe as an empty one.
type node struct {
	now, safe        form
	names, safeNames map[string]*node // of a folder
}

type form struct {
	mode fs.FileMode
	time time.Time
	text string // of a link: where to
}

// A change is one of names in a folder, whole or not at all. A name goes where
// its node is nil.
type change struct {
	folder *node
	names  map[string]*node
}

// newPlatter has all that is in the folder, and has it safe.
func newPlatter(t *testing.T, dir string) *platter {
	p := &platter{t: t, dir: dir, last: func() {}}
	p.root = p.load(".")
	return p
}

func (p *platter) load(name string) *node {
	c := p.look(name)
	n := &node{now: c, safe: c}
	if c.mode.IsDir() {
		n.names = map[string]*node{}
		entries, err := os.ReadDir(filepath.Join(p.dir, name))
		if err != nil {
			p.t.Fatal(err)
		}
		for _, e := range entries {
			n.names[e.Name()] = p.load(path.Join(name, e.Name()))
		}
		n.safeNames = maps.Clone(n.names)
	}
	return n
}

// look is what the real file is.
func (p *platter) look(name string) form {
	full := filepath.Join(p.dir, name)
	info, err := os.Lstat(full)
	if err != nil {
		p.t.Fatal(err)
	}
	c := form{mode: info.Mode(), time: info.ModTime()}
	switch {
	case c.mode&fs.ModeSymlink != 0:
		c.text, err = os.Readlink(full)
	case c.mode.IsRegular():
		var text []byte
		text, err = os.ReadFile(full)
		c.text = string(text)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// find is the node that has the name now.
func (p *platter) find(name string) *node {
	n := p.root
	if name == "." {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		if n = n.names[part]; n == nil {
			return nil
		}
	}
	return n
}

// rename changes names in a folder, for now.
func (p *platter) rename(dir string, names map[string]*node) {
	c := change{p.find(dir), names}
	c.apply(c.folder.names)
	p.pending = append(p.pending, c)
}

func (c change) apply(names map[string]*node) {
	for name, n := range c.names {
		if names[name] = n; n == nil {
			delete(names, name)
		}
	}
}

// hook follows: what was asked the last time has been done by now.
func (p *platter) hook(op, name string) {
	p.last()
	p.last = func() { p.follow(op, name) }
}

func (p *platter) follow(op, name string) {
	n, dir, base, tmp := p.find(name), path.Dir(name), path.Base(name), tempName(name)
	switch op {
	case "command":
		p.command()
	case "create":
		if n == nil {
			c := p.look(name)
			p.rename(dir, map[string]*node{base: {now: c, safe: form{mode: c.mode, time: c.time}}})
		}
	case "mkdir":
		if n == nil {
			p.rename(dir, map[string]*node{base: p.load(name)})
		}
	case "write", "truncate", "chown", "chmod", "chtimes":
		n.now = p.look(name)
	case "sync":
		n.now = p.look(name)
		n.safe = n.now
	case "rename":
		p.rename(dir, map[string]*node{base: p.find(tmp), path.Base(tmp): nil})
	case "link":
		p.rename(dir, map[string]*node{base: p.find(tmp)})
	case "remove":
		p.rename(dir, map[string]*node{base: nil})
	case "removeall":
		for child := range n.names {
			p.follow(op, path.Join(name, child))
		}
		p.rename(dir, map[string]*node{base: nil})
	case "syncdir":
		n.safeNames = maps.Clone(n.names)
		p.pending = slices.DeleteFunc(p.pending, func(c change) bool { return c.folder == n })
	default:
		p.t.Fatalf("the model knows no %s", op)
	}
}

// command sees what the package manager has done so far.
func (p *platter) command() {
	there := func(name string) bool {
		_, err := os.Lstat(filepath.Join(p.dir, name))
		return err == nil
	}
	for _, env := range []string{".venv", "env"} {
		if there(env) {
			p.root.names[env] = p.load(env)
			p.root.safeNames[env] = p.root.names[env]
		}
	}
	for _, manifest := range []string{"pyproject.toml", "uv.lock"} {
		if !there(manifest) {
			continue
		}
		p.follow("create", manifest)
		p.follow("write", manifest)
	}
}

// kept is a tree that there may be after the power has failed: with the pending
// changes that keep names, and files as now or as they are safe.
func (p *platter) kept(keep []bool, now bool) map[string]form {
	names := map[*node]map[string]*node{}
	of := func(n *node) map[string]*node {
		if names[n] == nil {
			names[n] = maps.Clone(n.safeNames)
		}
		return names[n]
	}
	for i, c := range p.pending {
		if keep[i] {
			c.apply(of(c.folder))
		}
	}
	tree := map[string]form{}
	var walk func(name string, n *node)
	walk = func(name string, n *node) {
		tree[name] = n.safe
		if now {
			tree[name] = n.now
		}
		if n.names != nil {
			for child, c := range of(n) {
				walk(path.Join(name, child), c)
			}
		}
	}
	walk(".", p.root)
	return tree
}

// keeps are the combinations of pending changes to be tried: all, where they
// are few; else none and all, every beginning, each one without the others, the
// others without it, and some by chance.
func (p *platter) keeps(chance *rand.Rand) [][]bool {
	n := len(p.pending)
	pick := func(which func(i int) bool) []bool {
		keep := make([]bool, n)
		for i := range keep {
			keep[i] = which(i)
		}
		return keep
	}
	var all [][]bool
	if n <= 5 {
		for set := range 1 << n {
			all = append(all, pick(func(i int) bool { return set>>i&1 == 1 }))
		}
		return all
	}
	for k := range n + 1 {
		all = append(all,
			pick(func(i int) bool { return i < k }), pick(func(i int) bool { return i == k }),
			pick(func(i int) bool { return i != k }), pick(func(int) bool { return chance.IntN(2) == 1 }))
	}
	return all
}

// each calls try with every tree that the power's failing at this instant may
// leave and that has not been tried yet.
func (p *platter) each(chance *rand.Rand, tried map[string]bool, try func(map[string]form)) {
	for _, keep := range p.keeps(chance) {
		for _, now := range []bool{false, true} {
			tree := p.kept(keep, now)
			if key := fmt.Sprint(tree); !tried[key] { // maps are printed in order
				tried[key] = true
				try(tree)
			}
		}
	}
}

// writeTree puts a tree on a real disk.
func writeTree(t *testing.T, dir string, tree map[string]form) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) { // folders before what is in them
		c, full := tree[name], filepath.Join(dir, name)
		var err error
		switch {
		case c.mode.IsDir():
			err = os.Mkdir(full, 0o700)
		case c.mode&fs.ModeSymlink != 0:
			err = os.Symlink(c.text, full)
		default:
			err = errors.Join(os.WriteFile(full, []byte(c.text), 0o600), os.Chtimes(full, c.time, c.time))
		}
		if c.mode&fs.ModeSymlink == 0 {
			err = errors.Join(err, os.Chmod(full, c.mode))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerLoss lets the power fail at every operation of Apply, of an Undo of
// two of them and of Recover, keeping of what was not synced whatever it likes. With the next
// start the project is as before or as planned; it is as planned once Apply has
// said so, and as before once Undo has.
func TestPowerLoss(t *testing.T) {
	for name, fresh := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, fresh)
			before := f.snapshot(t)
			l := &powerLoss{t: t, f: f, before: before, tried: map[string]bool{}, chance: rand.New(rand.NewPCG(6, 6))}
			l.run("apply", func(tree map[string]form) { l.next(tree, "") })
			l.planned = withoutTimes(dropHome(f.snapshot(t)))
			l.ended("as planned")
			if _, err := Apply(context.Background(), f.second(t)); err != nil {
				t.Fatal(err)
			}
			l.planned = withoutTimes(dropHome(f.snapshot(t)))
			l.run("undo", func(tree map[string]form) { l.next(tree, "") })
			l.ended("as before")
			f.wantSame(t, before)
			if !f.runToCrash(t, "apply", f.number(t, "apply", "rename conf/real.py")) {
				t.Fatal("it was not killed")
			}
			l.run("recover", func(tree map[string]form) { l.next(tree, "as before") })
			l.ended("as before")
			if len(l.tried) < 300 {
				t.Errorf("%d trees are too few to mean anything", len(l.tried))
			}
			t.Logf("%d trees", len(l.tried))
		})
	}
}

type powerLoss struct {
	t       *testing.T
	f       *fixture
	before  map[string]string
	planned map[string]string // without times, and without what is authfit's own
	tried   map[string]bool
	chance  *rand.Rand
	platter *platter
	doing   string
}

// run does what, and tries what the power's failing at each operation leaves.
func (l *powerLoss) run(what string, try func(map[string]form)) {
	l.platter = newPlatter(l.t, l.f.dir)
	l.f.hook = func(op, name string) error {
		l.platter.hook(op, name)
		l.doing = what + ", before " + op + " " + name
		l.platter.each(l.chance, l.tried, try)
		return nil
	}
	_, err := runs[what](context.Background(), l.f.options())
	l.f.hook = nil
	if err != nil {
		l.t.Fatal(err)
	}
	l.platter.last()
	l.doing = what + ", at its end"
	if diff := cmp.Diff(l.f.snapshot(l.t), l.modelled().snapshot(l.t)); diff != "" {
		l.t.Fatalf("the model is not what the disk is (-disk +model):\n%s", diff)
	}
}

// ended wants what was said at the end of a run to hold whatever is lost.
func (l *powerLoss) ended(want string) {
	l.platter.each(l.chance, map[string]bool{}, func(tree map[string]form) { l.next(tree, want) })
}

// modelled is a project of what the model says that the running system has.
func (l *powerLoss) modelled() *fixture {
	f := &fixture{dir: tempDir(l.t), fresh: l.f.fresh}
	keep := make([]bool, len(l.platter.pending))
	for i := range keep {
		keep[i] = true
	}
	writeTree(l.t, f.dir, l.platter.kept(keep, true))
	return f
}

// next is the next start on a tree that was left: it puts things right.
func (l *powerLoss) next(tree map[string]form, want string) {
	l.t.Helper()
	f := &fixture{dir: tempDir(l.t), fresh: l.f.fresh, asked: true}
	writeTree(l.t, f.dir, tree)
	fail := func(format string, args ...any) {
		l.t.Fatalf("the power failed in %s, and left %v\n%s", l.doing, slices.Sorted(maps.Keys(tree)), fmt.Sprintf(format, args...))
	}
	if _, err := Recover(context.Background(), f.options()); err != nil {
		fail("Recover: %v", err)
	}
	got := withoutTimes(dropHome(f.snapshot(l.t)))
	_, err := Undo(context.Background(), f.options())
	is := "as planned"
	if errors.Is(err, ErrNothing) {
		is = "as before"
	} else if err != nil {
		fail("Undo: %v", err)
	}
	if want != "" && is != want {
		fail("the project is %s, want %s", is, want)
	}
	if l.planned != nil && is == "as planned" {
		if diff := cmp.Diff(l.planned, got); diff != "" {
			fail("not wholly as planned (-want +got):\n%s", diff)
		}
	}
	if err := os.RemoveAll(f.path(home)); err != nil { // with what was kept of a manifest
		l.t.Fatal(err)
	}
	if diff := cmp.Diff(l.before, f.snapshot(l.t)); diff != "" {
		fail("not as before (-want +got):\n%s", diff)
	}
	if err := os.RemoveAll(f.dir); err != nil {
		l.t.Fatal(err)
	}
}
