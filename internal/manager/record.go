package manager

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"authfit/internal/project"
)

// Damaged are the *.dist-info folders, as Entries names them, of packages in the
// project's environment whose files have been changed since a time and are not
// those of their RECORD. What somebody had changed before is not looked at.
func Damaged(p *project.Project, since time.Time) ([]string, error) {
	if p.Python.Venv == "" {
		return nil, nil
	}
	var out []string
	for _, dir := range ownSitePackages(p) {
		records, err := filepath.Glob(filepath.Join(dir, "*.dist-info", "RECORD"))
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			if damaged, err := differs(dir, record, since); err != nil {
				return nil, err
			} else if !damaged {
				continue
			}
			rel, err := filepath.Rel(p.Python.Venv, filepath.Dir(record))
			if err != nil {
				return nil, err
			}
			out = append(out, filepath.ToSlash(rel))
		}
	}
	return out, nil
}

// differs says whether a file of a RECORD has become another since a time.
func differs(dir, record string, since time.Time) (bool, error) {
	text, err := os.ReadFile(record)
	if err != nil {
		return false, err
	}
	rows := csv.NewReader(strings.NewReader(string(text)))
	rows.FieldsPerRecord = -1
	lines, err := rows.ReadAll()
	if err != nil {
		return false, nil //nolint:nilerr // somebody else's RECORD says nothing about our run
	}
	for _, row := range lines {
		if len(row) < 2 {
			continue
		}
		sum, hashed := strings.CutPrefix(row[1], "sha256=")
		file := filepath.Join(dir, filepath.FromSlash(row[0]))
		if !hashed || !touched(file, since) {
			continue
		}
		src, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			if strings.HasPrefix(row[0], "../") {
				continue // a program, which may have gone long before: others come and go in its folder
			}
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if is := sha256.Sum256(src); base64.RawURLEncoding.EncodeToString(is[:]) != sum {
			return true, nil
		}
	}
	return false, nil
}

// touched says whether a file was written, made or removed since a time. One
// that was linked there keeps its own time, but its folder does not.
func touched(file string, since time.Time) bool {
	for _, name := range []string{file, filepath.Dir(file)} {
		if info, err := os.Stat(name); err == nil && !info.ModTime().Before(since) {
			return true
		}
	}
	return false
}
