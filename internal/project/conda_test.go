package project

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCondaSpec(t *testing.T) {
	for spec, want := range map[string][2]string{
		"flask":                       {"flask", ""},
		"flask=2.0":                   {"flask", "==2.0.*"},
		"flask==2.0.1":                {"flask", "==2.0.1"},
		"flask =2.0":                  {"flask", "==2.0.*"},
		"flask=2.0.*":                 {"flask", "==2.0.*"},
		"flask=2.0.1=py311_0":         {"flask", "==2.0.1"},
		"flask==2.0.1=py311_0":        {"flask", "==2.0.1"},
		"flask>=2,<3":                 {"flask", ">=2,<3"},
		"flask 2.0.*":                 {"flask", "==2.0.*"},
		"conda-forge::flask>=2":       {"flask", ">=2"},
		"conda-forge/noarch::flask=2": {"flask", "==2.*"},
		"python=3.11":                 {"python", "==3.11.*"},
		"":                            {"", ""},
		"  ":                          {"", ""},
		"=2":                          {"", ""},
	} {
		name, specifier := condaSpec(spec)
		if got := [2]string{name, specifier}; got != want {
			t.Errorf("%q: %v, want %v", spec, got, want)
		}
	}
}

// The environment of an environment.yml is found where conda notes it down, or
// in the folder of an installation.
func TestCondaEnvironments(t *testing.T) {
	const env = "-- environment.yml --\nname: shop\ndependencies: [python=3.11, flask, {pip: [\"uvicorn>=0.20\"]}]\n-- app.py --\n"
	for name, at := range map[string]string{"noted down": "elsewhere/shop", "in an installation": "home/miniforge3/envs/shop"} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			dir, home, want := filepath.Join(outer, "project"), filepath.Join(outer, "home"), filepath.Join(outer, at)
			write(t, dir, env)
			write(t, want, "-- conda-meta/python-3.11.5-h955ad1f_0.json --\n-- bin/python --\n")
			write(t, home, "-- .conda/environments.txt --\n/nowhere/shop\n"+want+"\n")
			if name == "in an installation" {
				if err := os.Remove(filepath.Join(home, ".conda/environments.txt")); err != nil {
					t.Fatal(err)
				}
			}
			p := scanFor(t, dir, Options{}, map[string]string{"HOME": home})
			if p.Manager.Name != "conda" || p.Python.Venv != want || p.Python.Version != "3.11.5" || len(p.Blockers()) > 0 {
				t.Errorf("%+v\n%+v\n%+v", p.Manager, p.Python, p.Problems)
			}
			var needs []string
			for _, d := range p.Dependencies {
				needs = append(needs, d.Name+d.Specifier)
			}
			if diff := cmp.Diff([]string{"flask", "uvicorn>=0.20"}, needs); diff != "" {
				t.Error(diff)
			}
			if p.Python.Requires != "==3.11.*" {
				t.Errorf("requires %q", p.Python.Requires)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, env)
		p := scanFor(t, dir, Options{}, map[string]string{"HOME": dir})
		if b := p.Blockers(); len(b) != 1 || b[0].Code != "environment-missing" || b[0].Fix != "make it: conda env create --file environment.yml" {
			t.Errorf("%+v", b)
		}
	})
}
