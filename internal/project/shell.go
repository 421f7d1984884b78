package project

import (
	"os"
	"path/filepath"
)

// A Shell is what the command python means where authfit was started.
type Shell struct {
	Python string // absolute; empty where PATH has none
	Venv   string // the environment that it is in, absolute, or empty
	// SDK is the workos package that it would import.
	SDK SDK
}

// ShellPython looks for python on PATH, then for python3. It runs nothing.
func ShellPython() Shell {
	for _, name := range []string{"python", "python3"} {
		python := LookPath(name, os.Getenv("PATH"))
		if python == "" {
			continue
		}
		s := Shell{Python: python, Venv: venvOf(python)}
		prefix := s.Venv
		if prefix == "" {
			if real, err := filepath.EvalSymlinks(python); err == nil {
				prefix = filepath.Dir(filepath.Dir(real))
			}
		}
		s.SDK = installedSDK(sitePackages(prefix))
		return s
	}
	return Shell{}
}
