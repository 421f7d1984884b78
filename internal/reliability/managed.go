package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// managers are those with which authfit is killed while it installs.
var managers = []string{"uv", "pip"}

// newManaged copies the example to dir, which is not there yet, as a project of
// a package manager with an environment.
func newManaged(manager, example, dir string, program []string) (*project, error) {
	p := &project{program: program, dir: dir, managed: true}
	if err := os.CopyFS(dir, os.DirFS(example)); err != nil {
		return nil, err
	}
	do := func(argv ...string) error {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
		return nil
	}
	var err error
	switch manager {
	case "uv":
		err = errors.Join(
			os.Remove(filepath.Join(dir, "requirements.txt")), os.Remove(filepath.Join(dir, "requirements-dev.txt")),
			os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte(`[project]
name = "example"
version = "1"
requires-python = ">=3.10"
dependencies = ["flask"]
`), 0o644),
			do("uv", "sync", "--quiet"))
	case "pip":
		err = errors.Join(do("python3", "-m", "venv", ".venv"),
			do(".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"))
	}
	if err != nil {
		return nil, err
	}
	return p, p.begin()
}

// installed are the distributions in the environment, with their versions; it is
// an error when a file is missing that one says it has.
func (p *project) installed() (string, error) {
	records, err := filepath.Glob(filepath.Join(p.dir, ".venv/lib/python*/site-packages/*.dist-info"))
	if err != nil || !p.managed {
		return "", err
	}
	var names []string
	for _, dir := range records {
		names = append(names, filepath.Base(dir))
		f, err := os.Open(filepath.Join(dir, "RECORD"))
		if err != nil {
			return "", err
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			if _, err := os.Stat(filepath.Join(filepath.Dir(dir), row[0])); err != nil && !strings.HasSuffix(row[0], ".pyc") {
				return "", err
			}
		}
	}
	return strings.Join(names, "\n"), nil
}
