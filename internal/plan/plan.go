// Package plan is what authfit would do to a project, as pure data: commands,
// edits, environment keys and probes. It does no I/O; apply obeys nothing else.
package plan

import (
	"authfit/internal/edit"
	"authfit/internal/problem"
)

// Schema names the JSON form of a Plan.
const Schema = "authfit.plan/1"

// A Plan is complete and deterministic: equal projects and options give equal
// plans. It holds no secret: of the environment it has names only.
type Plan struct {
	Schema    string            `json:"schema"`
	Framework string            `json:"framework"`
	Commands  []Command         `json:"commands"`
	Files     []File            `json:"files"`
	Env       []EnvKey          `json:"env"`
	Probes    []Probe           `json:"probes"`
	Login     *Login            `json:"login,omitempty"`
	Restores  []Restore         `json:"restores"` // files the commands change (manifest, lock), journalled before they run
	SDK       SDK               `json:"sdk"`
	Python    string            `json:"python"`  // the project's interpreter, once the commands have run; relative to the project where it is in it
	Options   Options           `json:"options"` // what was asked for
	Notes     []string          `json:"notes"`
	Problems  []problem.Problem `json:"problems"`
}

// Empty says that there is nothing to apply: no command, file or key.
func (p *Plan) Empty() bool { return len(p.Commands)+len(p.Files)+len(p.Env) == 0 }

// Options are what a plan was asked for, by the flags of the same names: enough
// to make it again from the same project.
type Options struct {
	App        string   `json:"app,omitempty"`
	Framework  string   `json:"framework,omitempty"`
	Manager    string   `json:"manager,omitempty"`
	URLPrefix  string   `json:"url_prefix,omitempty"`
	With       []string `json:"with,omitempty"`
	Users      string   `json:"users,omitempty"`
	UpgradeSDK bool     `json:"upgrade_sdk,omitempty"`
	NoInstall  bool     `json:"no_install,omitempty"`
	Offline    bool     `json:"offline,omitempty"`
}

// A Restore is a file that the commands change. SHA256Before is empty where
// there is none.
type Restore struct {
	Path         string `json:"path"`
	SHA256Before string `json:"sha256_before"`
}

// A Command is run in Dir (relative to the project, "" for its folder), with
// Env added to the environment, and never through a shell. A program or an
// argument below the project is relative to Dir; in Env "{root}" stands for the
// project's folder, since variables that name folders have to be absolute.
type Command struct {
	Argv []string `json:"argv"`
	Dir  string   `json:"dir,omitempty"`
	Env  []string `json:"env,omitempty"`
	Why  string   `json:"why"`
}

// Action is what happens to a file.
type Action string

// The actions. authfit never deletes a file of the project.
const (
	Create Action = "create"
	Modify Action = "modify"
)

// A File is one changed file. Path is relative to the project, with slashes.
// Created files are one edit of an empty file.
//
// Diff is for reading: secrets that stand beside the change are masked in it, so
// that it may not apply. The edits are exact, and hold nothing of the file's.
type File struct {
	Path         string      `json:"path"`
	Action       Action      `json:"action"`
	SHA256Before string      `json:"sha256_before"` // hex; empty for a created file
	SHA256After  string      `json:"sha256_after"`
	Edits        []edit.Edit `json:"edits"`
	Diff         string      `json:"diff"`
	Why          string      `json:"why"`
}

// An EnvKey is a line to append to an environment file where the key is not
// yet there. Where Source is EnvLiteral, Value is what is written (and is no
// secret); all other values come into being when the plan is applied.
type EnvKey struct {
	File   string    `json:"file"`
	Key    string    `json:"key"`
	Source EnvSource `json:"source"`
	Value  string    `json:"value,omitempty"`
	Why    string    `json:"why"`
}

// EnvSource says where the value of an EnvKey comes from.
type EnvSource string

// The sources.
const (
	EnvLiteral EnvSource = "literal"        // Value
	EnvFernet  EnvSource = "fernet-key"     // 32 random bytes, URL-safe base64 with padding
	EnvSecret  EnvSource = "random-secret"  // 32 random bytes, hex
	EnvLocal   EnvSource = "local-emulator" // what the emulator calls its own for that key
)

// A Probe is one check of the finished project, apart from the login.
type Probe struct {
	ID   string   `json:"id"` // "sdk", "framework", "credentials"
	Argv []string `json:"argv,omitempty"`
	Dir  string   `json:"dir,omitempty"`
	Why  string   `json:"why"`
}

// Login says how the app is started and where its login is, for the walk
// through it. In Boot, Dev, Setup and Env, "{python}" stands for the project's
// interpreter, "{port}" for the port, "{origin}" for http://localhost:port and
// "{scratch}" for a folder that is removed at the end.
type Login struct {
	Dir      string     `json:"dir,omitempty"` // where Boot runs, relative to the project
	Boot     []string   `json:"boot"`
	Dev      []string   `json:"dev,omitempty"`         // the same for its developer: the framework's own server, which reloads
	Setup    [][]string `json:"setup,omitempty"`       // before it, for instance a migration of a scratch database
	Env      []string   `json:"env,omitempty"`         // KEY=value
	Paths    []string   `json:"python_path,omitempty"` // put before sys.path, relative to the project
	Strip    string     `json:"strip,omitempty"`       // what a proxy in front cuts off the paths below: "/shop"
	Home     string     `json:"home"`                  // "/"
	HomeUser bool       `json:"home_user"`             // whether Home shows who is signed in
	LoginURL string     `json:"login"`                 // "/login"
	Callback string     `json:"callback"`
	Logout   string     `json:"logout"`
	Account  string     `json:"account"` // a page that shows the user, and that only a signed-in one sees
}

// SDK is what the generated code needs of the workos package. Dialect is "5" for
// workos 5, and "6" for 8.2 and newer.
type SDK struct {
	Dialect string   `json:"dialect"`
	Needs   []string `json:"needs"` // "UserManagement.get_logout_url(session_id, return_to)"
}
