package plan

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/edit"
	"authfit/internal/problem"
)

// sample is a plan with something in every part.
func sample(t testing.TB) *Plan {
	t.Helper()
	app, err := NewFile("web/app.py", []byte("a = '<b>'\n"), []edit.Edit{{Start: 0, End: 0, New: "import os\n"}})
	if err != nil {
		t.Fatal(err)
	}
	return &Plan{
		Schema:    Schema,
		Framework: "flask",
		Commands:  []Command{{Argv: []string{"uv", "add", "workos"}, Dir: "web", Why: "the SDK"}},
		Files:     []File{app, CreateFile("web/workos_auth.py", []byte("x = 1\n"))},
		Env:       []EnvKey{{File: ".env", Key: "WORKOS_REDIRECT_URI", Source: EnvLiteral, Value: "http://localhost:8000/callback"}},
		Probes:    []Probe{{ID: "sdk", Argv: []string{"python", "-c", "import workos"}}},
		Login:     &Login{Dir: "web", Boot: []string{"{python}", "-m", "flask", "run"}, Home: "/"},
		Restores:  []Restore{{Path: "pyproject.toml", SHA256Before: Sum(nil)}, {Path: "uv.lock"}},
		SDK:       SDK{Needs: []string{"WorkOSClient(api_key, client_id)"}},
		Notes:     []string{"note"},
		Problems:  []problem.Problem{},
	}
}

func encode(t *testing.T, p *Plan) string {
	t.Helper()
	var b strings.Builder
	if err := p.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNewFile(t *testing.T) {
	f, err := NewFile("a.py", []byte("x\n"), []edit.Edit{{Start: 2, End: 2, New: "y\n"}})
	if err != nil {
		t.Fatal(err)
	}
	want := File{
		Path: "a.py", Action: Modify,
		SHA256Before: "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac",
		SHA256After:  Sum([]byte("x\ny\n")),
		Edits:        []edit.Edit{{Start: 2, End: 2, New: "y\n"}},
		Diff:         "--- a/a.py\n+++ b/a.py\n@@ -1 +1,2 @@\n x\n+y\n",
	}

	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	after, err := f.Apply([]byte("x\n"))
	if err != nil || string(after) != "x\ny\n" {
		t.Errorf("Apply: %q, %v", after, err)
	}
	if _, err := f.Apply([]byte("z\n")); err == nil {
		t.Error("Apply to another file: no error")
	}
	f.SHA256After = Sum(nil)
	if _, err := f.Apply([]byte("x\n")); err == nil {
		t.Error("Apply with another result: no error")
	}
	if _, err := NewFile("a.py", []byte("x\n"), []edit.Edit{{Start: 5, End: 6}}); err == nil {
		t.Error("an edit outside the file: no error")
	}
}

func TestCreatedFile(t *testing.T) {
	for _, content := range []string{"", "x\n"} {
		f := CreateFile("a.py", []byte(content))
		after, err := f.Apply(nil)
		if f.Action != Create || f.SHA256Before != "" || err != nil || string(after) != content {
			t.Errorf("%q: %+v gives %q, %v", content, f, after, err)
		}
	}
	// A file that is there and empty is modified, not created.
	f, err := NewFile("a.py", []byte{}, []edit.Edit{{New: "x\n"}})
	if err != nil || f.Action != Modify || f.SHA256Before != Sum(nil) {
		t.Errorf("an empty file: %+v, %v", f, err)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	p := sample(t)
	text := encode(t, p)
	got, err := Decode(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	if again := encode(t, got); again != text {
		t.Errorf("encoded again it differs:\n%s", cmp.Diff(text, again))
	}
	if !strings.Contains(text, "'<b>'") {
		t.Errorf("the diff is not legible:\n%s", text)
	}
}

func TestJSONHasNoNull(t *testing.T) {
	p := &Plan{Files: []File{{}}, Commands: []Command{{}}, Login: &Login{}}
	text := encode(t, p)
	if strings.Contains(text, "null") {
		t.Error(text)
	}
	if p.Env != nil || p.Files[0].Edits != nil || p.Login.Boot != nil {
		t.Errorf("encoding changed the plan: %+v", p)
	}
	inside, err := json.Marshal(map[string]any{"plan": *p})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(inside), "null") || !strings.Contains(string(inside), `"schema":"`+Schema+`"`) {
		t.Errorf("inside another document: %s", inside)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encode(t, sample(t))
	tests := map[string]string{
		"nothing":        "",
		"not JSON":       "plan",
		"null":           "null",
		"a list":         "[]",
		"another schema": strings.Replace(good, Schema, "authfit.plan/2", 1),
		"unknown field":  strings.Replace(good, `"framework"`, `"frame"`, 1),
		"more behind it": good + "{}",
		"cut off":        good[:len(good)/2],
		"a bad path":     strings.Replace(good, "web/app.py", "../app.py", 1),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(strings.NewReader(text))
			var p *problem.Problem
			if !errors.As(err, &p) || p.Fix == "" {
				t.Errorf("got %v, want a problem with a fix", err)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	if err := sample(t).Check(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Plan){
		"schema":             func(p *Plan) { p.Schema = "authfit.plan/0" },
		"no path":            func(p *Plan) { p.Files[0].Path = "" },
		"absolute":           func(p *Plan) { p.Files[0].Path = "/etc/passwd" },
		"parent":             func(p *Plan) { p.Files[0].Path = "../x.py" },
		"parent inside":      func(p *Plan) { p.Files[0].Path = "web/../../x.py" },
		"dot":                func(p *Plan) { p.Files[0].Path = "." },
		"backslash":          func(p *Plan) { p.Files[0].Path = `..\x.py` },
		"git's own":          func(p *Plan) { p.Files[0].Path = ".git/hooks/pre-commit" },
		"git's, unseen":      func(p *Plan) { p.Files[0].Path = ".gi\u200ct/config" },
		"git's, for Windows": func(p *Plan) { p.Files[0].Path = "GIT~1/config" },
		"git's with a dot":   func(p *Plan) { p.Files[0].Path = ".Git. ./config" },
		"git's stream":       func(p *Plan) { p.Files[0].Path = ".git::$INDEX_ALLOCATION/config" },
		"our own":            func(p *Plan) { p.Files[0].Path = "web/.AuthFit/x" },
		"twice":              func(p *Plan) { p.Files[1].Path = p.Files[0].Path },
		"action":             func(p *Plan) { p.Files[0].Action = "delete" },
		"created with a sum": func(p *Plan) { p.Files[1].SHA256Before = p.Files[1].SHA256After },
		"modified without":   func(p *Plan) { p.Files[0].SHA256Before = "" },
		"no sum after":       func(p *Plan) { p.Files[0].SHA256After = "" },
		"sum":                func(p *Plan) { p.Files[0].SHA256Before = strings.Repeat("G", 64) },
		"restore":            func(p *Plan) { p.Restores[0].Path = "../pyproject.toml" },
		"env file":           func(p *Plan) { p.Env[0].File = "/.env" },
		"env key":            func(p *Plan) { p.Env[0].Key = "" },
		"env source":         func(p *Plan) { p.Env[0].Source = "guess" },
		"secret":             func(p *Plan) { p.Env[0].Source = EnvSecret },
		"env file changed":   func(p *Plan) { p.Env[0].File = p.Files[0].Path },
		"env file restored":  func(p *Plan) { p.Env[0].File = p.Restores[0].Path },
		"no program":         func(p *Plan) { p.Commands[0].Argv = nil },
		"command folder":     func(p *Plan) { p.Commands[0].Dir = ".." },
		"probe folder":       func(p *Plan) { p.Probes[0].Dir = "/" },
		"folder of Windows":  func(p *Plan) { p.Commands[0].Dir = `..\x` },
		"login folder":       func(p *Plan) { p.Login.Dir = "../x" },
		"python path":        func(p *Plan) { p.Login.Paths = []string{"/lib"} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			p := sample(t)
			spoil(p)
			var prob *problem.Problem
			if err := p.Check(); !errors.As(err, &prob) || prob.Code != "plan-invalid" {
				t.Errorf("got %v, want the problem plan-invalid", err)
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	if !(&Plan{Restores: []Restore{{Path: "uv.lock"}}, Notes: []string{"n"}}).Empty() {
		t.Error("a plan that changes nothing is not empty")
	}
	if sample(t).Empty() {
		t.Error("a plan that changes something is empty")
	}
}

// What lies in the folder of a workspace belongs to the project; what lies beside
// does not.
func TestPortable(t *testing.T) {
	for _, c := range []struct{ python, want string }{
		{"/w/app/.venv/bin/python", ".venv/bin/python"},
		{"/w/.venv/bin/python", "../.venv/bin/python"},
		{"/w2/.venv/bin/python", "/w2/.venv/bin/python"},
		{"", ""},
	} {
		p := &Plan{Python: c.python, Commands: []Command{{Argv: []string{"uv", c.python}}}}
		p.Portable("/w/app", ".", "..")
		if p.Python != c.want || p.Commands[0].Argv[1] != c.want {
			t.Errorf("%s became %s and %v", c.python, p.Python, p.Commands[0].Argv)
		}
		if got := p.Interpreter("/w/app"); got != c.python {
			t.Errorf("%s is %s again", c.python, got)
		}
	}
}
