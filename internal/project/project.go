// Package project knows a Python project as its owner does: its files, its
// manifests and package manager, its interpreter, its environment file. It
// reads; it never runs the project's code and never writes.
//
// What makes an app of one framework or another is not here but in the
// framework's own room under recipe, which is given the Tree.
package project

import "authfit/internal/problem"

// Project is what inspect found. Paths in it are relative to Root, with
// slashes, unless they say otherwise.
type Project struct {
	Root     string            `json:"root"`           // absolute
	Name     string            `json:"name,omitempty"` // as its pyproject.toml has it
	Apps     []App             `json:"apps"`
	Chosen   *int              `json:"chosen"` // index into Apps, or nil
	Manager  Manager           `json:"manager"`
	Python   Python            `json:"python"`
	SDK      SDK               `json:"sdk"`
	Env      Env               `json:"env"`
	Problems []problem.Problem `json:"problems"`
	// Dependencies are those of the manifests in the manager's folder.
	Dependencies []Dependency `json:"dependencies"`
	// Present is what there is already of a login, and of what it will meet.
	Present []Present `json:"present"`

	// Packages says that the manifest names the packages that the project is.
	Packages bool `json:"-"`
	// Setuptools says that setuptools builds the project where its manager
	// installs it too.
	Setuptools bool `json:"-"`

	// Commands says that the project installs commands of its own: it may be a
	// tool, and a web app in it only a part of that.
	Commands bool `json:"-"`

	Tree *Tree `json:"-"`

	scan    *scan
	settled []problem.Problem // those of Settle
}

// App returns the chosen app, or nil.
func (p *Project) App() *App {
	if p.Chosen == nil {
		return nil
	}
	return &p.Apps[*p.Chosen]
}

// Evidence is where a fact was seen.
type Evidence struct {
	File string `json:"file"`
	Line int    `json:"line"` // from 1; 0 for the file as a whole
	Fact string `json:"fact"` // "app = Flask(__name__)"
}

// An App is something that serves requests (or, for vanilla, the lack of it).
type App struct {
	// Framework is django, flask, fastapi, vanilla, or "other:name" for a web
	// framework that has no room.
	Framework string `json:"framework"`
	// Dir is the folder that the app is started from ("." for Root): the one
	// with manage.py, or the one on sys.path.
	Dir   string `json:"dir"`
	Entry Entry  `json:"entry"`
	// Factory is the function that makes the app, where one does.
	Factory string `json:"factory"`
	// Run is how the framework's own server is told of it: "pkg.mod:app".
	Run      string `json:"run,omitempty"`
	Settings string `json:"settings"` // Django: the file
	URLs     string `json:"urls"`     // Django: the root URLconf's file
	// Manifest is the file, relative to Root, in which the app's manager has
	// its dependencies; empty without one.
	Manifest string     `json:"manifest,omitempty"`
	Evidence []Evidence `json:"evidence"`
	// Confidence orders the candidates of one framework: higher is surer.
	Confidence int `json:"-"`
}

// Flag is what --app takes to mean this app.
func (a *App) Flag() string {
	if a.Entry.Object == "" {
		return a.Entry.File
	}
	return a.Entry.File + ":" + a.Entry.Object
}

// Entry is the object that serves requests: its file, the line that makes it,
// and its name. For Django it is manage.py, for a factory the function.
type Entry struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Object string `json:"object"`
}

// Manager is the package manager that the project is kept with.
type Manager struct {
	Name     string     `json:"name"`               // uv, poetry, pipenv, pdm, pip, hatch, rye, conda
	Dir      string     `json:"dir"`                // where its manifest is, relative to Root: "." or "..", for instance
	Manifest string     `json:"manifest,omitempty"` // relative to Dir: pyproject.toml, Pipfile, requirements.txt; empty for pip alone
	Lock     string     `json:"lock,omitempty"`     // relative to Dir, where there is one
	Path     string     `json:"path,omitempty"`     // the executable, absolute; empty where none was found (see manager.For)
	Evidence []Evidence `json:"evidence"`

	// Workspace is the folder of the uv workspace that Dir is a member of,
	// relative to Root; empty outside one. The lock and the environment are there.
	Workspace string `json:"workspace,omitempty"`
}

// Python is the interpreter that the project's code runs with.
type Python struct {
	Interpreter  string   `json:"interpreter"`        // absolute; empty where there is none yet
	Version      string   `json:"version"`            // "3.11.7", or "3.11" where that is all that was to be read
	Venv         string   `json:"venv"`               // absolute; empty outside one
	Requires     string   `json:"requires,omitempty"` // the project's own requires-python
	SitePackages []string `json:"-"`                  // absolute
	Home         string   `json:"-"`                  // of Venv: the folder of the interpreter it was made with
	// Base is the interpreter to make an environment with where Venv is empty,
	// absolute; Version is its version then.
	Base string `json:"base,omitempty"`
	// Planned is where the environment will be where Venv is empty, absolute.
	Planned  string     `json:"planned,omitempty"`
	Evidence []Evidence `json:"evidence"`
}

// Executable is the interpreter that the project's code runs with once its
// environment is made: Interpreter, or the one that will be in Planned.
func (p *Python) Executable() string {
	if p.Interpreter != "" || p.Planned == "" {
		return p.Interpreter
	}
	return venvPython(p.Planned)
}

// SDK is the workos package in the project's environment and manifests.
type SDK struct {
	Installed string `json:"installed"` // its version, or empty
	Dialect   string `json:"dialect"`   // "5", "6", or empty
	// Declared is the line of a manifest that asks for it, and Locked are the
	// releases in the lock file: more than one where it has another for other
	// Pythons.
	Declared *Dependency `json:"declared,omitempty"`
	Locked   []Locked    `json:"locked,omitempty"`
	// WouldInstall is the version that the manager's resolver comes to, where
	// it was asked, and HeldBack what keeps it from a newer one, or from any.
	WouldInstall string     `json:"would_install,omitempty"`
	HeldBack     []Evidence `json:"held_back_by,omitempty"`
}

// Locked is a release in a lock file.
type Locked struct {
	Version string `json:"version"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// Env is the project's environment file.
type Env struct {
	File         string              `json:"file"` // relative; ".env" also where it does not exist yet
	Target       string              `json:"-"`    // the file of the project that File is a link to: git keeps that; else empty
	Exists       bool                `json:"exists"`
	Keys         map[string]KeyState `json:"keys"` // of the WORKOS_ names that login needs
	IgnoredByGit bool                `json:"ignored_by_git"`
	// TrackedByGit says that git has the file already: what is in it is shared.
	TrackedByGit bool `json:"tracked_by_git,omitempty"`
}

// KeyState is what can be said of a value without showing it.
type KeyState string

// The states of a key.
const (
	KeyOK        KeyState = "ok"
	KeyMissing   KeyState = "missing"
	KeyMalformed KeyState = "malformed"
)
