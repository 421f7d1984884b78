package recipe

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestHostileNames: whatever an app's file is called, nothing in the commands
// that start it becomes an option, a place to be filled in, or code.
func TestHostileNames(t *testing.T) {
	plain := regexp.MustCompile(`^import [a-z_.]+$`)
	options := []string{"-m", "-c", "--app", "--host", "--port", "--factory"}
	for framework, source := range map[string]string{
		"fastapi": "from fastapi import FastAPI\n\napp = FastAPI()\n",
		"flask":   "from flask import Flask\n\napp = Flask(__name__)\n",
	} {
		for file, refused := range map[string]bool{
			"x; import os; os.system('touch pwned') #.py": false, "$(touch x).py": true, "-evil.py": true, "--help.py": true, "a b.py": false,
			"new\nline.py": true, "quote'\"x.py": false, "-d/-y.py": true, "-d/app.py": false, "{python}.py": true, "my-app.py": false, "app.py": false,
		} {
			t.Run(framework+"/"+file, func(t *testing.T) {
				dir := t.TempDir()
				name := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(source), 0o600); err != nil {
					t.Fatal(err)
				}
				p, err := Inspect(context.Background(), dir, Options{NoInstall: true})
				if err != nil {
					t.Fatal(err)
				}
				pl, err := Plan(p, nil, Options{NoInstall: true})
				if err != nil {
					t.Fatal(err)
				}
				if pl.Framework != framework {
					t.Fatalf("it is taken for %q", pl.Framework)
				}
				if len(pl.Problems) > 0 != refused {
					t.Fatalf("problems %+v, want some: %v", pl.Problems, refused)
				}
				if refused {
					return
				}
				commands := append([][]string{pl.Login.Boot}, pl.Login.Setup...)
				for _, probe := range pl.Probes {
					commands = append(commands, probe.Argv)
				}
				for _, argv := range commands {
					for i, arg := range argv {
						if strings.HasPrefix(arg, "-") && !slices.Contains(options, arg) {
							t.Errorf("%q has the option %q", argv, arg)
						}
						if i > 0 && argv[i-1] == "-c" && !plain.MatchString(arg) && !strings.HasSuffix(arg, "importlib.import_module(sys.argv[1])") {
							t.Errorf("%q is run as code", arg)
						}
					}
				}
			})
		}
	}
}
