package project

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"authfit/internal/problem"
)

// Options are what a person says beside the folder.
type Options struct {
	Manager string // --manager: uv, poetry, pipenv, pdm, pip, hatch, rye or conda; empty to find out
	App     string // --app: FILE[:NAME]; its folder is where the search begins

	// Getenv gives the environment; os.Getenv where it is nil.
	Getenv func(string) string
}

// Scan finds out all about the project in dir but its Apps, which the
// frameworks' rooms know. What is wrong with the project is in its Problems;
// the error, a *problem.Problem, is for a dir that is no folder and for options
// that cannot be met.
//
// The manager, interpreter and environment file are those that hold in dir, or
// in the folder of o.App. When an app is chosen that starts elsewhere, call
// Settle with its folder.
func Scan(ctx context.Context, dir string, o Options) (*Project, error) {
	if o.Manager != "" && !slices.Contains(managers, o.Manager) {
		return nil, problem.New("unknown-manager", "%q is not a package manager that authfit knows", o.Manager).
			WithFix("use one of --manager %s", strings.Join(managers, ", "))
	}
	tree, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	s, err := newScan(tree, o)
	if err != nil {
		return nil, err
	}
	p := &Project{Root: tree.Root, Tree: tree, Apps: []App{}, Present: []Present{}, Problems: append([]problem.Problem{}, tree.Problems()...), scan: s}
	start := "."
	if o.App != "" {
		file, err := s.appFile(o.App)
		if err != nil {
			return nil, err
		}
		start = path.Dir(file)
	}
	if err := p.Settle(ctx, start); err != nil {
		return nil, err
	}
	return p, nil
}

// appFile is the file of an --app value, relative to the root.
func (s *scan) appFile(app string) (string, error) {
	file := app
	if i := strings.LastIndexByte(file, ':'); i > 1 { // not the colon of C:\
		file = file[:i]
	}
	rel := filepath.ToSlash(filepath.Clean(file))
	if filepath.IsAbs(file) {
		var err error
		if rel, err = filepath.Rel(s.tree.Root, file); err != nil {
			rel = ".."
		}
		rel = filepath.ToSlash(rel)
	}
	if !within(rel) || !s.tree.Has(rel) {
		return "", problem.New("no-app-file", "there is no file %s in %s", file, s.tree.Root).
			WithFix("give --app a path relative to the project's folder")
	}
	return rel, nil
}

// Settle finds the manager, the interpreter, the SDK and the environment file
// for an app that starts in dir, relative to Root.
func (p *Project) Settle(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := p.scan
	m, found, problems := s.manager(dir)
	p.Manager, p.Dependencies = m, found.deps
	if p.Dependencies == nil {
		p.Dependencies = []Dependency{}
	}
	problems = append(problems, found.problems...)
	p.Name, p.Packages = found.name(), found.pyproject.get("tool", "poetry", "packages") != nil
	p.Setuptools = found.setuptools()
	p.Commands = s.commands(m.Dir, found)

	var more []problem.Problem
	p.Python, more = s.python(ctx, dir, m, found)
	problems = append(problems, more...)
	p.SDK = s.sdk(p)
	problems = append(problems, p.Python.check(m, p.SDK)...)
	if q := found.tooWide(m, p.SDK); q != nil {
		problems = append(problems, *q)
	}
	p.Env, more = s.env(ctx, dir, m)
	problems = append(problems, more...)

	// Those of an earlier call no longer hold; those of others stay.
	p.Problems = slices.DeleteFunc(p.Problems, func(q problem.Problem) bool { return slices.Contains(p.settled, q) })
	p.Problems = append(p.Problems, problems...)
	p.settled = problems
	return nil
}

// ManifestOf is the manifest, relative to Root, of an app that starts in dir;
// empty without one.
func (p *Project) ManifestOf(dir string) string {
	m, _, _ := p.scan.manager(dir)
	if m.Manifest == "" {
		return ""
	}
	return path.Join(m.Dir, m.Manifest)
}

// commands says whether the manifests in dir name commands to install.
func (s *scan) commands(dir string, found *manifests) bool {
	if found.pyproject.get("project", "scripts") != nil || found.pyproject.get("tool", "poetry", "scripts") != nil {
		return true
	}
	for _, f := range []string{"setup.cfg", "setup.py"} {
		if src, err := s.read(path.Join(dir, f)); err == nil && bytes.Contains(src, []byte("console_scripts")) {
			return true
		}
	}
	return false
}

// Blockers are those of the Problems with which nothing can be added: more
// than one manager, a manifest above the root or broken that the manager would
// have to change, a Python that is too old. The others are for information.
func (p *Project) Blockers() []problem.Problem {
	var out []problem.Problem
	manifest := path.Join(p.Manager.Dir, p.Manager.Manifest)
	for _, q := range p.Problems {
		switch q.Code {
		case "two-locks", "two-managers", "python-too-old", "python-too-wide", "python-missing", "environment-broken", "environment-missing", "manifest-missing", "manifest-above":
			out = append(out, q)
		case "manifest-broken", "manifest-unreadable":
			// A pyproject.toml that cannot be read may well name another manager.
			unread := q.File == path.Join(p.Manager.Dir, "pyproject.toml") && p.Manager.Lock == ""
			if p.Manager.Manifest != "" && q.File == manifest || unread {
				out = append(out, q)
			}
		}
	}
	return out
}

// A scan reads files of the project and, where it is a folder of a repository,
// those above it: a manifest may lie there.
type scan struct {
	o    Options
	tree *Tree
	top  *os.Root // the repository, or the root itself
	rel  string   // of the root in top, with slashes
	path string   // of top, absolute

	found map[string]*manifests // by folder
	mu    sync.Mutex
	above map[string]func() ([]byte, error) // what was read above the root
}

func newScan(tree *Tree, o Options) (*scan, error) {
	s := &scan{o: o, tree: tree, top: tree.root, rel: ".", path: tree.Root, found: map[string]*manifests{}, above: map[string]func() ([]byte, error){}}
	repo := repository(tree.Root)
	if repo == "" || repo == tree.Root {
		return s, nil
	}
	rel, err := filepath.Rel(repo, tree.Root)
	if err != nil {
		return s, nil
	}
	top, err := os.OpenRoot(repo)
	if err != nil { // a folder above that may not be opened is as good as none
		return s, nil
	}
	s.top, s.rel, s.path = top, filepath.ToSlash(rel), repo
	return s, nil
}

// within says whether a path relative to the root stays under it.
func within(file string) bool {
	file = path.Clean(file)
	return file != ".." && !strings.HasPrefix(file, "../") && !path.IsAbs(file)
}

// read returns the bytes of a file given relative to the root. It may lie
// above it, up to the repository; farther away nothing is.
func (s *scan) read(file string) ([]byte, error) {
	if within(file) {
		return s.tree.Read(file)
	}
	full := path.Join(s.rel, file)
	if !within(full) {
		return nil, &fs.PathError{Op: "read", Path: file, Err: fs.ErrNotExist}
	}
	s.mu.Lock()
	read, ok := s.above[full]
	if !ok {
		read = sync.OnceValues(func() ([]byte, error) { return readRegular(s.top, full) })
		s.above[full] = read
	}
	s.mu.Unlock()
	return read()
}

// has says whether there is a regular file that read could read.
func (s *scan) has(file string) bool {
	if within(file) {
		return s.tree.Has(file)
	}
	full := path.Join(s.rel, file)
	if !within(full) {
		return false
	}
	info, err := s.top.Stat(filepath.FromSlash(full))
	return err == nil && info.Mode().IsRegular()
}

// abs is the absolute path of a file given relative to the root.
func (s *scan) abs(file string) string {
	return filepath.Join(s.tree.Root, filepath.FromSlash(file))
}

// upward are dir and the folders above it, up to the repository or, without
// one, the root: what lies farther up belongs to something else.
func (s *scan) upward(dir string) []string {
	var out []string
	for dir = path.Clean(dir); within(path.Join(s.rel, dir)); dir = path.Join(dir, "..") {
		out = append(out, dir)
	}
	return out
}

// notExist says that a file is not there, as opposed to not readable.
func notExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
