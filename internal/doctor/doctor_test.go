package doctor

import (
	"strings"
	"testing"

	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/verify"
)

func TestEnvironment(t *testing.T) {
	venv := project.Python{Interpreter: "/p/.venv/bin/python", Venv: "/p/.venv"}
	sdk := project.SDK{Installed: "10.8.0", Dialect: "6"}
	other := *problem.New("other-environment-active", "the activated environment /q/venv is not the project's, which is .venv")
	for name, c := range map[string]struct {
		manager  string
		python   project.Python
		sdk      project.SDK
		problems []problem.Problem
		shell    project.Shell
		status   verify.Status
		says     string // in detail or fix
	}{
		"none":             {"pip", project.Python{}, project.SDK{}, nil, project.Shell{}, verify.Fail, "no environment yet"},
		"activated":        {"pip", venv, sdk, nil, project.Shell{Python: "/p/.venv/bin/python", Venv: "/p/.venv"}, verify.Pass, "is activated"},
		"not activated":    {"pip", venv, sdk, nil, project.Shell{Python: "/usr/bin/python3"}, verify.Pass, "`. .venv/bin/activate` before"},
		"run by uv":        {"uv", venv, sdk, nil, project.Shell{Python: "/usr/bin/python3"}, verify.Pass, "uv run"},
		"another active":   {"pip", venv, sdk, []problem.Problem{other}, project.Shell{Python: "/q/venv/bin/python", Venv: "/q/venv"}, verify.Fail, "deactivate, then . .venv/bin/activate"},
		"SDK elsewhere":    {"pip", venv, project.SDK{}, nil, project.Shell{Python: "/usr/bin/python3", SDK: sdk}, verify.Fail, "installed for /usr/bin/python3 instead"},
		"SDK in both":      {"pip", venv, sdk, nil, project.Shell{Python: "/usr/bin/python3", SDK: sdk}, verify.Pass, "not activated"},
		"no environment":   {"pip", project.Python{Interpreter: "/usr/bin/python3"}, sdk, nil, project.Shell{Python: "/usr/bin/python3", SDK: sdk}, verify.Pass, "/usr/bin/python3"},
		"another, with uv": {"uv", venv, sdk, []problem.Problem{other}, project.Shell{Python: "/q/venv/bin/python", Venv: "/q/venv"}, verify.Fail, "uv run"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &project.Project{Root: "/p", Python: c.python, SDK: c.sdk, Problems: c.problems, Manager: project.Manager{Name: c.manager}}
			r := &Report{}
			r.environment(Options{Project: p, Shell: c.shell})
			if len(r.Checks) != 1 || r.Checks[0].ID != "environment" {
				t.Fatalf("checks %+v, want one: environment", r.Checks)
			}
			got := r.Checks[0]
			if got.Status != c.status || !strings.Contains(got.Detail+got.Fix, c.says) {
				t.Errorf("got %s %q fix %q, want %s with %q", got.Status, got.Detail, got.Fix, c.status, c.says)
			}
			if (r.Outcome == verify.Failed) != (c.status == verify.Fail) {
				t.Errorf("outcome %q", r.Outcome)
			}
		})
	}
}
