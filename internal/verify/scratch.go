package verify

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// largest is the size above which a file is not copied: a dump or a model's
// weights, which no login needs.
const largest = 256 << 20

// left are folders that a copy of a project does without: history, caches,
// other languages' packages, and authfit's own.
var left = map[string]bool{
	".git": true, ".hg": true, ".svn": true, ".jj": true, ".authfit": true,
	"node_modules": true, "__pycache__": true, "__pypackages__": true,
	".tox": true, ".nox": true, ".mypy_cache": true, ".pytest_cache": true, ".ruff_cache": true, ".hypothesis": true,
}

// copyProject copies the project at root to dir, which exists. Python
// environments and the folders in left stay out, as do files that are too
// large (returned, relative), sockets and devices, and links that lead out of
// the project: what the app writes must not land in the user's files.
func copyProject(root, dir string) (skipped []string, err error) {
	err = filepath.WalkDir(root, func(from string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, from)
		if relErr != nil {
			return relErr
		}
		to := filepath.Join(dir, rel)
		switch {
		case err != nil:
			// What its owner cannot read, the app cannot either.
			if errors.Is(err, fs.ErrPermission) && rel != "." || errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		case rel == ".":
			return nil
		case d.IsDir():
			if left[d.Name()] || isEnvironment(from) {
				return filepath.SkipDir
			}
			return os.Mkdir(to, 0o700)
		case d.Type()&fs.ModeSymlink != 0:
			return copyLink(root, from, to)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if info.Size() > largest {
			skipped = append(skipped, filepath.ToSlash(rel))
			return nil
		}
		return ignoreGone(copyFile(from, to, info.Mode().Perm()|0o600))
	})
	return skipped, err
}

func isEnvironment(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil
}

// ignoreGone passes over files that vanish under the copy, or cannot be read.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// copyLink keeps a link whose target lies in the project, and only such a one.
func copyLink(root, from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return ignoreGone(err)
	}
	abs := target
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(filepath.Dir(from), abs)
	}
	// A link can lead out through another link, so the real end counts.
	real, err := filepath.EvalSymlinks(from)
	if err != nil || !within(root, abs) || !within(root, real) {
		return nil
	}
	rel, err := filepath.Rel(filepath.Dir(from), abs)
	if err != nil {
		return err
	}
	return os.Symlink(rel, to)
}

// within says whether path is dir or lies in it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
