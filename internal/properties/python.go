package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed python.py
var helper string

// A python is an interpreter that stays, since starting one and importing a
// framework takes longer than all that authfit does.
type python struct {
	executable string
	cmd        *exec.Cmd
	in         io.WriteCloser
	out        *bufio.Reader
}

// startPython starts the interpreter that AUTHFIT_TEST_PYTHON names.
func startPython(ctx context.Context) (*python, error) {
	p := &python{executable: os.Getenv("AUTHFIT_TEST_PYTHON")}
	if p.executable == "" {
		return nil, fmt.Errorf("AUTHFIT_TEST_PYTHON names no interpreter: run it with make, or `. .cache/env` first")
	}
	// A manager's environment lies in the project, not where its path says.
	for name, value := range map[string]string{"VIRTUAL_ENV": "", "POETRY_VIRTUALENVS_IN_PROJECT": "true", "PIPENV_VENV_IN_PROJECT": "1"} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	p.cmd = exec.CommandContext(ctx, p.executable, "-c", helper)
	p.cmd.Stderr = os.Stderr
	p.cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.cmd.Start()
}

func (p *python) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// environment is the folder of its virtual environment.
func (p *python) environment() string { return filepath.Dir(filepath.Dir(p.executable)) }

// ask sends a question and reads the answer, both as a line of JSON.
func (p *python) ask(question, answer any) error {
	if err := json.NewEncoder(p.in).Encode(question); err != nil {
		return err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the interpreter does not answer: %w", err)
	}
	return json.Unmarshal(line, answer)
}

// compiled is what the interpreter says of a file.
type compiled struct {
	Error    string   // that it does not compile, or empty
	Warnings []string // about its syntax
	Old      string   // that Python 3.8 does not read it, or empty
}

func (p *python) compile(paths []string) (all map[string]compiled, err error) {
	err = p.ask(map[string]any{"compile": paths}, &all)
	return all, err
}

// check runs `python ARGS` in a folder, in a process that has imported the
// frameworks already, and returns what it complains of.
func (p *python) check(dir string, args, path, env []string) (complaint string, err error) {
	err = p.ask(map[string]any{"check": args, "dir": dir, "path": append([]string{}, path...), "env": append([]string{}, env...)}, &complaint)
	return complaint, err
}
