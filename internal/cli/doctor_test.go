package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/verify"
)

// brokenLogin is a login as somebody might have written it, with all that the
// doctor mends.
const brokenLogin = `import os

from flask import Flask, redirect, request, session
from workos import WorkOSClient

app = Flask(__name__)
client = WorkOSClient(api_key=os.environ["WORKOS_API_KEY"], client_id=os.environ["WORKOS_CLIENT_ID"])


@app.post("/callback")
def callback():
    answer = client.user_management.authenticate_with_code(code=request.args["code"])
    session["user"] = answer.user.email
    return redirect("/")
`

// TestDoctor lets the doctor mend a broken login in a real environment, and
// takes the repair back.
func TestDoctor(t *testing.T) {
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`: it sets up the Python that this test needs")
	}
	t.Setenv("VIRTUAL_ENV", "")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"app.py":           brokenLogin,
		"requirements.txt": "flask\nworkos\n",
		".env":             "WORKOS_API_KEY=sk_test_1234\nWORKOS_CLIENT_ID=client_1234\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, argv := range [][]string{
		{python, "-m", "venv", filepath.Join(dir, ".venv")},
		{filepath.Join(dir, ".venv/bin/python"), "-m", "pip", "install", "--quiet", "--no-compile", "flask"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	before := snapshot(dir)

	broken := diagnose(t, exitFindings, dir)
	want := map[string]verify.Status{
		"environment": verify.Pass, "credentials": verify.Pass,
		"sdk": verify.Fail, "framework": verify.Fail, "callback": verify.Fail, "session": verify.Fail,
	}
	if diff := cmp.Diff(want, broken); diff != "" {
		t.Errorf("before the repair (-want +got):\n%s", diff)
	}
	if snapshot(dir) != before {
		t.Error("doctor without --fix changed something")
	}

	for id := range want {
		want[id] = verify.Pass
	}
	if diff := cmp.Diff(want, diagnose(t, exitOK, dir, "--fix")); diff != "" {
		t.Errorf("after the repair (-want +got):\n%s", diff)
	}
	run(t, exitOK, nil, "undo", "-C", dir)
	if after := snapshot(dir); after != before {
		t.Errorf("undo did not give every byte back:\n%s", cmp.Diff(before, after))
	}
}

// diagnose runs the doctor and gives the status of every check.
func diagnose(t *testing.T, code int, dir string, args ...string) map[string]verify.Status {
	t.Helper()
	var report struct {
		Checks []struct {
			ID     string
			Status verify.Status
		}
	}
	run(t, code, &report, append([]string{"doctor", "-C", dir, "--output", "json"}, args...)...)
	got := map[string]verify.Status{}
	for _, c := range report.Checks {
		got[c.ID] = c.Status
	}
	return got
}
