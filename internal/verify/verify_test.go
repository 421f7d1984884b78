package verify

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"authfit/internal/emulator"
	"authfit/internal/plan"
)

// python is the interpreter that the tests' apps run with.
func python(t *testing.T) string {
	t.Helper()
	p := os.Getenv("AUTHFIT_TEST_PYTHON")
	if p == "" {
		t.Fatal("no Python: run `make test`, or set AUTHFIT_TEST_PYTHON to a Python with workos, flask, django, fastapi and uvicorn")
	}
	return p
}

// The .env of the tests' project: what looks like real credentials, and an
// address that must not be asked.
const dotenv = `# keep me
WORKOS_API_KEY=sk_live_realrealrealreal
export WORKOS_CLIENT_ID="client_real"
WORKOS_BASE_URL='http://127.0.0.1:9'
APP_SECRET=quite-secret-value
`

// project makes a project of the good app with replacements (old, new, ...).
func project(t *testing.T, replacements ...string) string {
	t.Helper()
	src, err := os.ReadFile("testdata/app/app.py")
	if err != nil {
		t.Fatal(err)
	}
	app := string(src)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(app, replacements[i]) {
			t.Fatalf("the app has no %q to replace", replacements[i])
		}
		app = strings.ReplaceAll(app, replacements[i], replacements[i+1])
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "app.py"), app)
	write(t, filepath.Join(dir, ".env"), dotenv)
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func flaskPlan(python string) *plan.Plan {
	return &plan.Plan{
		Python: python,
		Probes: []plan.Probe{
			{ID: "sdk"},
			{ID: "framework", Argv: []string{"{python}", "-c", "import app; app.app"}},
			{ID: "credentials"},
		},
		Login: &plan.Login{
			Boot:     []string{"{python}", "-m", "flask", "--app", "app", "run", "--port", "{port}"},
			Paths:    []string{"."},
			Home:     "/",
			HomeUser: true,
			LoginURL: "/login",
			Callback: "/callback",
			Logout:   "/logout",
			Account:  "/account",
		},
	}
}

// run verifies with a scratch folder that is looked into afterwards.
func run(t *testing.T, opts Options) *Report {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	if opts.Environ == nil {
		opts.Environ = append(os.Environ(), "TMPDIR="+tmp)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	report, err := Run(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		t.Logf("%-13s %s  %s  [%s]", c.ID, c.Status, c.Detail, c.Fix)
		for _, secret := range []string{"realreal", "client_real", "quite-secret", emulator.DefaultAPIKey} {
			if strings.Contains(c.Detail+c.Fix, secret) {
				t.Errorf("%s shows the secret %q: %s", c.ID, secret, c.Detail)
			}
		}
	}
	assertNothingLeft(t, tmp)
	return report
}

// assertNothingLeft looks for files in tmp and for processes that run there.
func assertNothingLeft(t *testing.T, tmp string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	procs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		env, err := os.ReadFile(p)
		if err == nil && strings.Contains(string(env), "TMPDIR="+tmp) {
			cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(p), "cmdline"))
			t.Errorf("still running: %s", strings.ReplaceAll(string(cmd), "\x00", " "))
		}
	}
}

func statuses(r *Report) map[string]Status {
	m := map[string]Status{}
	for _, c := range r.Checks {
		m[c.ID] = c.Status
	}
	return m
}

func find(t *testing.T, r *Report, id string) Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no check %s in the report", id)
	return Check{}
}

func TestGoodApp(t *testing.T) {
	dir := project(t)
	before := snapshot(t, dir)
	var order []string
	report := run(t, Options{Root: dir, Plan: flaskPlan(python(t)), Login: true,
		Progress: func(c Check) { order = append(order, c.ID) }})

	want := []string{"sdk", "credentials", "framework", "boot", "login", "callback", "session", "protected", "logout", "bad_state", "replayed_code", "denied"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order of the checks:\n%s", diff)
	}
	for id, status := range statuses(report) {
		if status != Pass {
			t.Errorf("%s: %s", id, status)
		}
	}
	if report.Outcome != OK {
		t.Errorf("outcome %q", report.Outcome)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("the project's folder changed:\n%s", diff)
	}
}

// snapshot is every file with its content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCancelled(t *testing.T) {
	dir := project(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, Options{Root: dir, Plan: flaskPlan(python(t)), Login: true, Progress: func(c Check) {
		if c.ID == "boot" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, wanted that of the context", err)
	}
	assertNothingLeft(t, tmp)
}
