package project

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"authfit/internal/problem"
	"authfit/internal/pysyntax"
)

const (
	// maxPython is the size above which a file is listed but not parsed: no
	// person writes such a file, and generated ones hold no app.
	maxPython = 4 << 20
	// maxRead bounds what one file may take of memory.
	maxRead = 32 << 20
)

// A Tree is the project's files as they were when first looked at: listed
// once, read at most once, parsed at most once. It is safe for parallel use.
// Folders that are not the project (environments, .git, node_modules, what git
// ignores) are not in it.
type Tree struct {
	// Root is the absolute path of the folder, its own symlinks resolved.
	Root string

	root     *os.Root
	files    []string   // sorted
	imports  [][]uint32 // of files: ids in index, nil for what is not Python
	index    *importIndex
	ignored  map[string]bool // files that git ignores, in folders that it does not
	problems []problem.Problem
	cache    sync.Map // path to *cached

	meant string // see Mean
	all   bool   // see Everything

	libraryOnce sync.Once
	isLibrary   bool
	entriesOnce sync.Once
	entries     []EntryPoint
}

type cached struct {
	read  func() ([]byte, error)
	parse func() (*pysyntax.File, error)
}

// notProject are folders that never hold the project's own code, whatever
// .gitignore says. Environments are known by what is in them (isEnvironment).
var notProject = map[string]bool{
	".git": true, ".hg": true, ".svn": true, ".jj": true,
	"__pycache__": true, "__pypackages__": true, "site-packages": true, ".eggs": true,
	"node_modules": true, "bower_components": true,
	".tox": true, ".nox": true, ".venv": true, ".direnv": true,
	".mypy_cache": true, ".pytest_cache": true, ".ruff_cache": true, ".pytype": true, ".hypothesis": true,
	".ipynb_checkpoints": true, ".idea": true, ".vscode": true,
	".authfit": true,
}

// Open lists the files below dir. A folder that cannot be read is one of
// Problems; only dir itself must be there and be a folder.
func Open(dir string) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem.New("no-folder", "there is no folder %s", dir).
			WithFix("give the project's folder with --project DIR")
	case err != nil:
		return nil, problem.New("folder-unreadable", "cannot look at %s: %v", dir, reason(err)).
			WithFix("give yourself permission to read it, or another folder with --project DIR")
	case !info.IsDir():
		return nil, problem.New("not-a-folder", "%s is a file, not a project's folder", dir).
			WithFix("give the folder that it is in: --project %s", filepath.Dir(dir))
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, problem.New("folder-unreadable", "cannot open %s: %v", dir, reason(err)).
			WithFix("give yourself permission to read it, or another folder with --project DIR")
	}
	w, top := walk(root, outerIgnores(abs))
	if len(w.problems) > 0 && w.problems[0].File == "." {
		return nil, &w.problems[0]
	}
	t := &Tree{Root: abs, root: root, ignored: w.ignored, index: &w.index, problems: w.problems}
	top.collect(t)
	return t, nil
}

// Close lets go of the folder. A Tree that is not closed is closed by the
// garbage collector.
func (t *Tree) Close() error { return t.root.Close() }

// Files are all files, relative with slashes, sorted. The slice is the tree's
// own: do not change it.
func (t *Tree) Files() []string { return t.files }

// Under are the files in dir and below it; "." is the whole tree.
func (t *Tree) Under(dir string) []string {
	if dir == "." || dir == "" {
		return t.files
	}
	from, _ := slices.BinarySearch(t.files, dir+"/")
	to, _ := slices.BinarySearch(t.files, dir+"0") // '0' follows '/'
	return t.files[from:to]
}

// Named are the files called base, wherever they are: "manage.py".
func (t *Tree) Named(base string) []string {
	var out []string
	for _, f := range t.files {
		if path.Base(f) == base {
			out = append(out, f)
		}
	}
	return out
}

// Exists says whether the file is in the tree.
func (t *Tree) Exists(file string) bool {
	_, ok := slices.BinarySearch(t.files, path.Clean(file))
	return ok
}

// IsDir says whether there is a file of the tree in or below dir.
func (t *Tree) IsDir(dir string) bool {
	return len(t.Under(path.Clean(dir))) > 0
}

// Has says whether there is a regular file, also one that git ignores: .env,
// a lock file that is not shared, local settings.
func (t *Tree) Has(file string) bool {
	file = path.Clean(file)
	if t.Exists(file) || t.ignored[file] {
		return true
	}
	if t.IsDir(path.Dir(file)) { // which was listed, and the file was not there
		return false
	}
	info, err := t.root.Stat(filepath.FromSlash(file))
	return err == nil && info.Mode().IsRegular()
}

// Problems are the folders that could not be listed.
func (t *Tree) Problems() []problem.Problem { return t.problems }

// Read returns the bytes of a file, also of one that is not in the tree as
// long as it lies under Root. They are the tree's own: do not change them. What
// is not a regular file is never opened.
func (t *Tree) Read(file string) ([]byte, error) { return t.entry(file).read() }

// Python returns the parsed file. As with pysyntax.Parse, both results may be
// non-nil: what could be read, and why the rest could not. A file that cannot
// be read, or is over 4 MB, has an error only.
func (t *Tree) Python(file string) (*pysyntax.File, error) { return t.entry(file).parse() }

func (t *Tree) entry(file string) *cached {
	file = path.Clean(file)
	if c, ok := t.cache.Load(file); ok {
		return c.(*cached)
	}
	c := &cached{read: sync.OnceValues(func() ([]byte, error) { return readRegular(t.root, file) })}
	c.parse = sync.OnceValues(func() (*pysyntax.File, error) {
		src, err := c.read()
		if err != nil {
			return nil, err
		}
		if len(src) > maxPython {
			return nil, fmt.Errorf("%s: %d bytes are too many for a source file", file, len(src))
		}
		return pysyntax.Parse(src)
	})
	actual, _ := t.cache.LoadOrStore(file, c)
	return actual.(*cached)
}

// openRegular opens a file under root. It is opened without waiting, because
// opening a FIFO would wait for its writer, and only if it is regular. It gives
// the size in bytes, too.
func openRegular(root *os.Root, file string) (f *os.File, size int64, err error) {
	f, err = root.OpenFile(filepath.FromSlash(file), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ENXIO) { // a socket
		return nil, 0, &fs.PathError{Op: "read", Path: file, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: file, Err: errors.New("not a regular file")}
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// readRegular reads a regular file under root.
func readRegular(root *os.Root, file string) ([]byte, error) {
	f, size, err := openRegular(root, file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxRead {
		return nil, &fs.PathError{Op: "read", Path: file, Err: fmt.Errorf("%d MB are too many", size>>20)}
	}
	src := make([]byte, 0, size+1)
	for {
		n, err := f.Read(src[len(src):cap(src)])
		src = src[:len(src)+n]
		if err == io.EOF {
			return src, nil
		}
		if err != nil {
			return nil, err
		}
		if len(src) > maxRead {
			return nil, &fs.PathError{Op: "read", Path: file, Err: errors.New("it keeps growing")}
		}
		if len(src) == cap(src) {
			src = slices.Grow(src, len(src)+512)
		}
	}
}
