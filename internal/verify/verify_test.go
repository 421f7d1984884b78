package verify

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
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
	opts.scratch = t.TempDir()
	if opts.Environ == nil {
		opts.Environ = os.Environ()
	}
	// By its environment a process of this run is known again.
	opts.Environ = append(opts.Environ, "AUTHFIT_TEST_RUN="+opts.scratch)
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
	assertNothingLeft(t, opts.scratch)
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
		if err == nil && strings.Contains(string(env), "AUTHFIT_TEST_RUN="+tmp) {
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

// An app that has nothing at / can have a login all the same.
func TestNoHomePage(t *testing.T) {
	pl := flaskPlan(python(t))
	pl.Login.HomeUser = false
	report := run(t, Options{Root: project(t, `@app.get("/")`, `@app.get("/elsewhere")`), Plan: pl, Login: true})
	if report.Outcome != OK {
		t.Errorf("outcome %q", report.Outcome)
	}
}

// An app that sends every visitor of its home page to a login of its own shows
// nobody there.
func TestHomeOfAnotherLogin(t *testing.T) {
	home := `@app.get("/")` + "\ndef gate():\n    return redirect('/enter')\n\n\n@app.get('/enter')\ndef enter():\n    return 'Your password?'\n\n\n" + `@app.get("/elsewhere")`
	report := run(t, Options{Root: project(t, `@app.get("/")`, home), Plan: flaskPlan(python(t)), Login: true})
	if report.Outcome != OK {
		t.Errorf("outcome %q", report.Outcome)
	}
}

// The app is asked under the name that the project's own redirect URI has.
func TestHostOfTheRedirectURI(t *testing.T) {
	dir := project(t, "app = Flask(__name__)", "app = Flask(__name__)\n@app.before_request\ndef host():\n    if not request.host.startswith('127.0.0.1'):\n        return 'Invalid host header', 400")
	write(t, filepath.Join(dir, ".env"), dotenv+"WORKOS_REDIRECT_URI=http://127.0.0.1:5000/callback\n")
	report := run(t, Options{Root: dir, Plan: flaskPlan(python(t)), Login: true})
	if report.Outcome != OK {
		t.Errorf("outcome %q", report.Outcome)
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
	environ := append(os.Environ(), "AUTHFIT_TEST_RUN="+tmp)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, Options{Root: dir, Plan: flaskPlan(python(t)), Login: true, Environ: environ, scratch: tmp, Progress: func(c Check) {
		if c.ID == "boot" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, wanted that of the context", err)
	}
	assertNothingLeft(t, tmp)
}

// A caller that panics while the app runs leaves nothing behind either.
func TestPanic(t *testing.T) {
	tmp := t.TempDir()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, err := Run(t.Context(), Options{
			Root: project(t), Plan: flaskPlan(python(t)), Login: true, scratch: tmp,
			Environ: append(os.Environ(), "AUTHFIT_TEST_RUN="+tmp),
			Progress: func(c Check) {
				if c.ID == "boot" {
					panic("in the middle")
				}
			},
		})
		t.Errorf("returned %v", err)
	}()
	assertNothingLeft(t, tmp)
}

// What the copied .env says of credentials and addresses reaches nobody, also
// where the app lets the file win over the environment.
func TestCredentialsStayHere(t *testing.T) {
	var asked atomic.Int32
	spy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer spy.Close()
	seen := filepath.Join(t.TempDir(), "seen")
	dir := project(t,
		"load_dotenv()", "load_dotenv(override=True)",
		"password =", "open("+strconv.Quote(seen)+", 'a').write(' '.join(os.environ.get(n, '-') for n in ('WORKOS_API_KEY', 'WORKOS_CLIENT_ID', 'WORKOS_ISSUER')) + '\\n')\npassword =")
	write(t, filepath.Join(dir, ".env"), strings.Replace(dotenv, "http://127.0.0.1:9", spy.URL, 1))
	environ := append(os.Environ(), "WORKOS_BASE_URL="+spy.URL, "WORKOS_ISSUER="+spy.URL, "HTTP_PROXY="+spy.URL, "http_proxy="+spy.URL)

	report := run(t, Options{Root: dir, Plan: flaskPlan(python(t)), Login: true, Environ: environ})
	if report.Outcome != OK {
		t.Errorf("outcome %q", report.Outcome)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the address in .env was asked %d times", n)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if want := emulator.DefaultAPIKey + " " + emulator.DefaultClientID + " -\n"; line != want {
			t.Errorf("the app saw %q", line)
		}
	}
}

func TestChecklist(t *testing.T) {
	interpreter := python(t)
	bare := filepath.Join(t.TempDir(), "venv")
	if out, err := exec.Command(interpreter, "-m", "venv", "--without-pip", bare).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tests := []struct {
		name    string
		files   map[string]string
		python  string
		environ []string
		probes  []plan.Probe
		want    map[string]Status
		id      string
		detail  string
		fix     string
	}{
		{
			name:   "no SDK",
			python: filepath.Join(bare, "bin", "python"),
			want:   map[string]Status{"sdk": Fail, "credentials": Pass},
			id:     "sdk", detail: "ModuleNotFoundError: No module named 'workos'", fix: "install it",
		},
		{
			name:   "no interpreter",
			python: "-",
			want:   map[string]Status{"sdk": Fail, "credentials": Pass},
			id:     "sdk", detail: "no Python interpreter", fix: "authfit add",
		},
		{
			name:   "interpreter gone",
			python: "/nowhere/python",
			want:   map[string]Status{"sdk": Fail, "credentials": Pass},
			id:     "sdk", detail: `python -c "import workos ..." does not start: no such file or directory`, fix: "install it",
		},
		{
			name:  "SDK hidden by a file of the app's",
			files: map[string]string{"workos.py": "client = None\n"},
			want:  map[string]Status{"sdk": Fail, "credentials": Pass},
			id:    "sdk", detail: "ImportError: cannot import name 'WorkOSClient'", fix: "rename workos.py",
		},
		{
			name:  "credentials swapped",
			files: map[string]string{".env": "WORKOS_API_KEY=client_abcdef\nWORKOS_CLIENT_ID=sk_abcdef\n"},
			want:  map[string]Status{"sdk": Pass, "credentials": Fail},
			id:    "credentials", detail: "WORKOS_API_KEY in .env does not begin with sk_; WORKOS_CLIENT_ID in .env does not begin with client_", fix: "dashboard",
		},
		{
			name:  "credentials missing and placeholder",
			files: map[string]string{".env": "WORKOS_API_KEY=sk_...\n"},
			want:  map[string]Status{"sdk": Pass, "credentials": Fail},
			id:    "credentials", detail: "WORKOS_API_KEY in .env is a placeholder; WORKOS_CLIENT_ID is not set",
		},
		{
			name:    "the environment wins",
			environ: []string{"WORKOS_API_KEY=nonsense"},
			want:    map[string]Status{"sdk": Pass, "credentials": Fail},
			id:      "credentials", detail: "WORKOS_API_KEY in the environment does not begin with sk_",
		},
		{
			name:   "no environment file",
			files:  map[string]string{".env": ""},
			want:   map[string]Status{"sdk": Pass, "credentials": Fail},
			id:     "credentials",
			detail: "WORKOS_API_KEY is not set; WORKOS_CLIENT_ID is not set",
		},
		{
			name:   "framework complains",
			probes: []plan.Probe{{ID: "framework", Argv: []string{"{python}", "-c", "pass"}}, {ID: "framework", Argv: []string{"{python}", "-c", "import missing_module"}}},
			want:   map[string]Status{"sdk": Pass, "credentials": Pass, "framework": Fail},
			id:     "framework", detail: "ModuleNotFoundError: No module named 'missing_module'", fix: "import missing_module",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := project(t)
			for name, text := range tt.files {
				write(t, filepath.Join(dir, name), text)
			}
			pl := flaskPlan(interpreter)
			pl.Probes = tt.probes
			switch tt.python {
			case "":
			case "-":
				pl.Python = ""
			default:
				pl.Python = tt.python
			}
			report := run(t, Options{Root: dir, Plan: pl, Environ: append(os.Environ(), tt.environ...)})
			if diff := cmp.Diff(tt.want, statuses(report)); diff != "" {
				t.Errorf("statuses:\n%s", diff)
			}
			c := find(t, report, tt.id)
			if !strings.Contains(c.Detail, tt.detail) || !strings.Contains(c.Fix, tt.fix) {
				t.Errorf("%q, fix %q", c.Detail, c.Fix)
			}
		})
	}
}

// A failure to boot shows the end of what the app wrote, and no secret in it.
func TestBootFailureShowsOutput(t *testing.T) {
	dir := project(t, "app = Flask(__name__)", `for i in range(30): print("step", i)
raise RuntimeError("cannot sign with " + os.environ["APP_SECRET"])`)
	pl := flaskPlan(python(t))
	pl.Probes = nil
	c := find(t, run(t, Options{Root: dir, Plan: pl, Login: true}), "boot")
	lines := strings.Split(c.Detail, "\n")
	if !strings.Contains(lines[0], `RuntimeError: cannot sign with *** (app.py:`) || !strings.Contains(lines[0], "exit status 1") {
		t.Errorf("first line %q", lines[0])
	}
	if len(lines) != 21 {
		t.Errorf("%d lines, wanted one and the app's last 20", len(lines))
	}
}

func TestPlanWithoutLogin(t *testing.T) {
	pl := flaskPlan(python(t))
	pl.Login = nil
	report := run(t, Options{Root: project(t), Plan: pl, Login: true})
	if s := statuses(report); s["boot"] != Fail || s["denied"] != Skip {
		t.Errorf("statuses %v", s)
	}
}

func TestKeep(t *testing.T) {
	scratch := t.TempDir()
	report, err := Run(t.Context(), Options{Root: project(t), Plan: flaskPlan(python(t)), Keep: true, scratch: scratch})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(report.Scratch, "app", "app.py")); err != nil || filepath.Dir(report.Scratch) != scratch {
		t.Errorf("kept %q: %v", report.Scratch, err)
	}
}
