package project

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"authfit/internal/problem"
)

// A walker lists the folders of a tree, several at a time, and notes what the
// Python files import.
type walker struct {
	top      *os.Root
	index    importIndex
	slots    chan *reader
	mu       sync.Mutex // guards the lists
	problems []problem.Problem
	ignored  map[string]bool
}

// A listing is a folder that was listed: its files and the folders in it, in the
// order of their names.
type listing struct {
	path    string
	files   []string
	imports [][]uint32 // of the files; nil for one that is not Python
	folders []*listing
}

// A reader has what is needed to read one file after another.
type reader struct{ buf, scratch []byte }

// walk lists a root. ignore is what holds above it.
func walk(root *os.Root, ignore *ignores) (*walker, *listing) {
	w := &walker{top: root, index: importIndex{ids: map[string]uint32{}}, ignored: map[string]bool{}}
	w.slots = make(chan *reader, runtime.GOMAXPROCS(0))
	for range cap(w.slots) - 1 {
		w.slots <- &reader{}
	}
	top := &listing{path: "."}
	w.list(top, ignore, &reader{})
	slices.SortFunc(w.problems, func(a, b problem.Problem) int { return strings.Compare(a.File, b.File) })
	return w, top
}

// path is a file of the tree as the system knows it. Listing and the first look
// go by it, and not by the os.Root, which would ask for each part of it anew.
func (w *walker) path(file string) string {
	return filepath.Join(w.top.Name(), filepath.FromSlash(file))
}

// list lists one folder and those below it.
func (w *walker) list(at *listing, ignore *ignores, r *reader) {
	dir := w.path(at.path)
	entries, err := readDir(dir)
	if err != nil {
		w.mu.Lock()
		w.problems = append(w.problems, *problem.New("folder-unreadable", "cannot list the folder: %v", reason(err)).
			At(at.path, 0).WithFix("give yourself permission to read it, or have git ignore it"))
		w.mu.Unlock()
		return
	}
	if at.path != "." && isEnvironment(entries) {
		return
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == ".gitignore" }) {
		if src, err := readRegular(w.top, path.Join(at.path, ".gitignore")); err == nil {
			ignore = ignore.with(at.path, src)
		}
	}
	for _, e := range entries {
		name := e.Name()
		file := path.Join(at.path, name)
		switch {
		case e.IsDir():
			if !notProject[name] && !strings.HasSuffix(name, ".egg-info") && !ignore.match(file, true) {
				at.folders = append(at.folders, &listing{path: file})
			}
		case !w.regular(file, e):
		case ignore.match(file, false):
			w.mu.Lock()
			w.ignored[file] = true
			w.mu.Unlock()
		default:
			at.files = append(at.files, file)
			at.imports = append(at.imports, w.imports(filepath.Join(dir, name), r))
		}
	}
	w.below(at, ignore, r)
}

// below lists the folders in one: those for which a reader is free beside this
// one, the others, and in any case the last, with it.
func (w *walker) below(at *listing, ignore *ignores, r *reader) {
	var wg crew
	for i, f := range at.folders {
		if i == len(at.folders)-1 { // or this one would wait for the other
			w.list(f, ignore, r)
			break
		}
		select {
		case other := <-w.slots:
			wg.Go(func() {
				w.list(f, ignore, other)
				w.slots <- other
			})
		default: // all busy: here and now
			w.list(f, ignore, r)
		}
	}
	wg.Wait()
}

// readDir lists a folder in the order in which its files and what is in its
// folders come in a sorted list of paths: "a-b/c" before "a/b".
func readDir(dir string) ([]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	return entries, nil
}

// imports is what a file imports, if it is Python; not nil then.
func (w *walker) imports(file string, r *reader) []uint32 {
	if !strings.HasSuffix(file, ".py") {
		return nil
	}
	src, err := r.read(file)
	if err != nil || len(src) > maxPython {
		return []uint32{}
	}
	if ids := w.index.add(src, r.scratch); ids != nil {
		return ids
	}
	return []uint32{}
}

// read reads a regular file into the reader's own memory, where it stays until
// the next one; of one that is too long only a part. With tens of thousands of
// files the time is that of the calls to the system: open, read, close.
func (r *reader) read(file string) ([]byte, error) {
	if r.buf == nil {
		r.buf, r.scratch = make([]byte, 64<<10), make([]byte, 0, 256)
	}
	fd, err := syscall.Open(file, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = syscall.Close(fd) }()
	n := 0
	for {
		got, err := syscall.Read(fd, r.buf[n:])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		n += got
		if n < len(r.buf) || n > maxPython { // of a regular file less is given only at its end
			return r.buf[:n], nil
		}
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
}

// regular says whether the entry is a file to list: a regular one, or a symlink
// to one that stays under the root.
func (w *walker) regular(file string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	info, err := w.top.Stat(filepath.FromSlash(file))
	return err == nil && info.Mode().IsRegular()
}

// collect appends the files of a folder and of those in it, in the order of
// their paths.
func (f *listing) collect(t *Tree) {
	i := 0
	for _, sub := range f.folders {
		for ; i < len(f.files) && f.files[i] < sub.path+"/"; i++ {
			t.files, t.imports = append(t.files, f.files[i]), append(t.imports, f.imports[i])
		}
		sub.collect(t)
	}
	t.files, t.imports = append(t.files, f.files[i:]...), append(t.imports, f.imports[i:]...)
}

// isEnvironment knows a virtual environment (PEP 405: pyvenv.cfg) and a conda
// one (conda-meta) by what is in them.
func isEnvironment(entries []fs.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "pyvenv.cfg" || e.Name() == "conda-meta" && e.IsDir()
	})
}

// reason is an error without the path that the message names already.
func reason(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
