package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A sandbox is a folder in which authfit is run as a process of its own, with a
// home, a PATH and an environment that hold nothing of this machine's.
type sandbox struct {
	t   *testing.T
	dir string // the project is in app
	env []string
	log strings.Builder // all that was written by what ran
}

// newSandbox writes a project, its files given by their names.
func newSandbox(t *testing.T, files map[string]string) *sandbox {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the traps are shell scripts")
	}
	s := &sandbox{t: t, dir: t.TempDir()}
	for name, text := range files {
		s.write(filepath.Join("app", name), text, 0o644)
	}
	authfit, err := exec.LookPath("authfit")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(s.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"authfit", "authfit-panics"} {
		if err := os.Symlink(filepath.Join(filepath.Dir(authfit), name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(basePython(t), filepath.Join(bin, "python3")); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"HOME=" + s.dir, "PATH=" + bin + ":/usr/bin:/bin", "TMPDIR=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1"}
	return s
}

// write writes a file of the sandbox.
func (s *sandbox) write(name, text string, mode fs.FileMode) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		s.t.Fatal(err)
	}
}

// environment gives the project an environment that has the packages of the
// tests' own, with a python that notes its arguments in the sandbox's argv.
func (s *sandbox) environment() {
	s.t.Helper()
	python := os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		s.t.Fatal("run `make test`: it sets up the Python that this test needs")
	}
	venv := filepath.Dir(filepath.Dir(python))
	packages, err := filepath.Glob(filepath.Join(venv, "lib/python3*/site-packages"))
	if err != nil || len(packages) != 1 {
		s.t.Fatal(packages, err)
	}
	cfg, err := os.ReadFile(filepath.Join(venv, "pyvenv.cfg"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("app/.venv/pyvenv.cfg", string(cfg), 0o644)
	// Each package is a link of its own: what is taken out here stays there.
	lib := filepath.Join(s.dir, "app/.venv/lib", filepath.Base(filepath.Dir(packages[0])), "site-packages")
	entries, err := os.ReadDir(packages[0])
	if err := errors.Join(err, os.MkdirAll(lib, 0o755)); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(packages[0], e.Name()), filepath.Join(lib, e.Name())); err != nil {
			s.t.Fatal(err)
		}
	}
	s.write("app/.venv/bin/python", s.noting(python), 0o755)
	// The packages' programs are not there, and have not gone just now.
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(s.dir, "app/.venv/bin"), long, long); err != nil {
		s.t.Fatal(err)
	}
}

// noting is a program that notes its arguments and becomes another.
func (s *sandbox) noting(program string) string {
	return fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$0\" \"$@\" >>%q\nexec %q \"$@\"\n", filepath.Join(s.dir, "argv"), program)
}

// run runs authfit in the project, with nothing to read, and returns its exit
// code and what it wrote.
func (s *sandbox) run(args ...string) (int, string) {
	s.t.Helper()
	return s.program("authfit", args...)
}

func (s *sandbox) program(name string, args ...string) (int, string) {
	s.t.Helper()
	var out bytes.Buffer
	cmd := s.command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	// One that waits for ever, at a FIFO, is a failure with a name.
	waits := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	defer waits.Stop()
	_ = cmd.Wait() // the exit code says it
	fmt.Fprintf(&s.log, "$ %s %s\n%s", name, strings.Join(args, " "), out.String())
	journals, err := filepath.Glob(filepath.Join(s.dir, "app/.authfit/journal/*/journal.json"))
	for _, file := range journals {
		// Neither a FIFO nor what a link leads to.
		real, err := filepath.EvalSymlinks(file)
		if err == nil && real != file {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			text, err := os.ReadFile(file)
			if err != nil {
				s.t.Fatal(err)
			}
			s.log.Write(text)
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func (s *sandbox) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.dir, "bin", name), args...)
	cmd.Dir, cmd.Env = filepath.Join(s.dir, "app"), s.env
	return cmd
}

// exits runs authfit and wants an exit code.
func (s *sandbox) exits(code int, args ...string) string {
	s.t.Helper()
	got, out := s.run(args...)
	if got != code {
		s.t.Fatalf("authfit %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// trap is a program that leaves a mark when it is run.
func (s *sandbox) trap() string {
	return fmt.Sprintf("#!/bin/sh\necho \"$0 $*\" >>%q\nexit 1\n", filepath.Join(s.dir, "ran"))
}

// pyTrap is the same as Python.
func (s *sandbox) pyTrap() string {
	return fmt.Sprintf("open(%q, 'a').write(__file__ + '\\n')\n", filepath.Join(s.dir, "ran"))
}

// ran is what the traps have noted.
func (s *sandbox) ran() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "ran"))
	return string(text)
}

const plainApp = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.route(\"/\")\ndef home():\n    return \"hello\"\n"

// TestNothingRunsUnasked: what only looks, and what is not agreed to, runs no
// program and no code that came with the project, wherever it lies in wait.
func TestNothingRunsUnasked(t *testing.T) {
	manifests := map[string]map[string]string{
		"pip":    {"requirements.txt": "flask\n"},
		"uv":     {"pyproject.toml": "[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = [\"flask\"]\n[tool.uv]\n"},
		"poetry": {"pyproject.toml": "[tool.poetry]\nname = \"shop\"\nversion = \"1\"\n[tool.poetry.dependencies]\nflask = \"*\"\n"},
		"pdm":    {"pyproject.toml": "[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = [\"flask\"]\n[tool.pdm]\n", "pdm.lock": ""},
		"pipenv": {"Pipfile": "[packages]\nflask = \"*\"\n"},
	}
	looking := [][]string{
		{"inspect"}, {"inspect", "--output", "json"}, {"plan"}, {"plan", "--no-install", "--output", "json"}, {"plan", "-o", "../plan.json"},
		{"add"}, {"add", "--no-input", "--no-install"}, {"add", "--plan", "../plan.json"}, {"protect", "--list"}, {"protect", "/"}, {"sdk"}, {"sdk", "--readme"}, {"undo"},
	}
	for name, files := range manifests {
		for _, env := range []string{"ready", "broken", "none"} {
			t.Run(name+"/"+env, func(t *testing.T) {
				t.Parallel()
				s := newSandbox(t, files)
				s.layTraps(env)
				for _, args := range looking {
					s.run(args...)
				}
				if s.ran() != "" {
					t.Errorf("these were run:\n%s\nby one of\n%s", s.ran(), s.log.String())
				}
				if !strings.Contains(s.log.String(), "flask") || !strings.Contains(s.log.String(), "app.py") {
					t.Errorf("nothing was looked at:\n%s", s.log.String())
				}
				// The traps are ones: verify runs the app, by its purpose.
				if s.run("verify"); env == "ready" && !strings.Contains(s.ran(), ".venv/bin/python") {
					t.Errorf("verify has not run the environment's python:\n%s", s.log.String())
				}
			})
		}
	}
}

// layTraps puts them wherever something of the project might be run.
func (s *sandbox) layTraps(env string) {
	s.write("app/app.py", plainApp+s.pyTrap(), 0o644)
	for _, name := range []string{"sitecustomize.py", "usercustomize.py", "conftest.py", "manage.py", "setup.py", "uv.py", "poetry.py", "pip.py"} {
		s.write(filepath.Join("app", name), s.pyTrap(), 0o644)
	}
	programs := []string{"python", "python3", "python3.12", "uv", "poetry", "pdm", "pipenv", "pip", "git", "sh", "flask"}
	dirs := []string{"app", "app/bin", "app/shims", "app/node_modules/.bin"}
	if env != "none" {
		s.write("app/.venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n", 0o644)
		s.write("app/.venv/lib/python3.12/site-packages/trap.pth", "import os; "+s.pyTrap(), 0o644)
		s.write("app/.venv/lib/python3.12/site-packages/sitecustomize.py", s.pyTrap(), 0o644)
		dirs = append(dirs, "app/.venv/bin")
	}
	switch env {
	case "broken": // python leads nowhere, python3 does not
		programs = slices.DeleteFunc(programs, func(p string) bool { return p == "python" })
	case "none": // python3 might have the manager as a module
		programs = []string{"python", "python3", "git", "sh"}
	}
	for _, dir := range dirs {
		for _, program := range programs {
			s.write(filepath.Join(dir, program), s.trap(), 0o755)
		}
	}
	s.write("app/.tool-versions", "python path:./bin\npoetry path:./bin\n", 0o644)
	s.write("app/.python-version", "../../../bin\n", 0o644)
	s.write("app/.git/HEAD", "ref: refs/heads/main\n", 0o644)
	s.write("app/.git/config", "[core]\n\tfsmonitor = "+filepath.Join(s.dir, "app/bin/sh")+"\n\thooksPath = "+filepath.Join(s.dir, "app/bin")+"\n\tpager = "+filepath.Join(s.dir, "app/bin/sh")+"\n", 0o644)
	for _, dir := range []string{"app/.git/objects", "app/.git/refs"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	path := []string{".", "", "bin", "./bin"}
	for _, dir := range append([]string{"app/node_modules/.bin"}, dirs...) {
		path = append(path, filepath.Join(s.dir, dir))
	}
	for i, kv := range s.env {
		if old, ok := strings.CutPrefix(kv, "PATH="); ok {
			s.env[i] = "PATH=" + strings.Join(path, ":") + ":" + old
		}
	}
	s.env = append(s.env, "VIRTUAL_ENV="+filepath.Join(s.dir, "app/.venv"))
}

// The secrets of the project below, and of who calls authfit. planted is in all.
const planted = "pl4nted"

func secretApp(rest string) string {
	return `import os

from flask import Flask

DATABASE_URL = "postgresql://me:pl4nted-in-url@db.example/shop"
app = Flask(__name__)
app.secret_key = "pl4nted-secret-key"
app.config["STRIPE_TOKEN"] = os.environ.get("STRIPE_TOKEN", "pl4nted-default")
print("starting with", app.secret_key, DATABASE_URL, os.environ.get("WORKOS_API_KEY"), open("settings.py").read())
if os.path.exists(".env"):
    print(open(".env").read())


api_token = "pl4nted-by-a-route"


@app.route("/")
def home():
    return "hello"


def login_required(token):
    return lambda view: view


@app.route("/guarded")
@login_required(token="pl4nted-in-guard")
def guarded():
    return "hello"
` + rest
}

func secretFiles(rest string) map[string]string {
	return map[string]string{
		"app.py":           secretApp(rest),
		"settings.py":      "SECRET_KEY = (\n    'pl4nted-over-lines'\n)\nAWS = dict(access_key=\"pl4nted-key\")\n",
		".env":             "WORKOS_CLIENT_ID=client_pl4nted0000\nDB_PASSWORD='pl4nted-password'\nFAVOURITE=pl4nted-unknown\n# OLD_TOKEN=pl4nted-comment\n",
		"requirements.txt": "--index-url https://me:pl4nted-index@127.0.0.1:9/simple\nflask\nworkos @ https://pl4nted-token-1@127.0.0.1:9/workos.whl\n",
		"pip.conf":         "[global]\nextra-index-url = https://me:pl4nted-pip@127.0.0.1:9/simple\n",
	}
}

// TestSecretsStayIn plants secrets everywhere and looks for them in all that
// authfit writes, whatever happens, and in the arguments of all that it runs.
func TestSecretsStayIn(t *testing.T) {
	for name, run := range map[string]func(*sandbox){
		"all goes well":     allGoesWell,
		"the app is broken": appIsBroken,
		"pip fails":         pipFails,
		"uv fails":          uvFails,
		"interrupted":       interrupted,
		"a fault":           aFault,
		"django":            django,
		"code is quoted":    codeIsQuoted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, nil)
			for _, program := range []string{"git", "uv"} {
				path, err := exec.LookPath(program)
				if err != nil {
					t.Fatal(err)
				}
				s.write("bin/"+program, s.noting(path), 0o755)
			}
			s.env = append(s.env, "WORKOS_API_KEY=sk_live_pl4nted0000", "OTHER_PASSWORD=pl4nted-in-environment",
				"PIP_RETRIES=0", "PIP_INDEX_URL=http://me:pl4nted-pip-index@127.0.0.1:9/simple",
				"UV_HTTP_RETRIES=0", "UV_DEFAULT_INDEX=http://me:pl4nted-uv-index@127.0.0.1:9/simple")
			run(s)
			argv, err := os.ReadFile(filepath.Join(s.dir, "argv"))
			if err != nil {
				t.Error("nothing was run: ", err)
			}
			for line := range strings.Lines(s.log.String() + "\n" + string(argv)) {
				if strings.Contains(line, planted) {
					t.Errorf("a secret has come out: %s", line)
				}
			}
			if t.Failed() {
				t.Log(s.log.String())
			}
		})
	}
}

// project writes the files of a project, and makes it a repository.
func (s *sandbox) project(files map[string]string) {
	s.t.Helper()
	for name, text := range files {
		s.write(filepath.Join("app", name), text, 0o600)
	}
	if err := exec.Command("git", "init", "--quiet", filepath.Join(s.dir, "app")).Run(); err != nil {
		s.t.Fatal(err)
	}
}

// both runs authfit twice, for a person and for a program.
func (s *sandbox) both(code int, args ...string) {
	s.t.Helper()
	s.exits(code, args...)
	s.exits(code, append(args, "--output", "json")...)
}

func allGoesWell(s *sandbox) {
	s.project(secretFiles(""))
	s.environment()
	s.both(0, "inspect")
	s.both(0, "plan", "--no-install", "-o", "../plan.json")
	s.both(2, "add", "--no-install")
	s.exits(0, "add", "--plan", "../plan.json", "--yes")
	s.private()
	s.both(0, "add", "--no-install", "--no-verify", "--yes")
	s.exits(0, "verify", "--login", "--output", "json")
	s.exits(0, "doctor")
	s.exits(0, "doctor", "--fix", "--output", "json")
	s.both(0, "protect", "--list")
	s.both(2, "protect", "/")
	s.exits(0, "protect", "/", "--yes", "--output", "json")
	s.both(0, "sdk")
	s.both(0, "undo")
	s.exits(0, "add", "--no-install", "--yes", "--no-verify", "--output", "json")
	s.exits(0, "undo", "--output", "json")
	plan, err := os.ReadFile(filepath.Join(s.dir, "plan.json"))
	if err != nil || !strings.Contains(string(plan), "app.secret_key = \\\"***\\\"") {
		s.t.Errorf("the secret key does not stand beside the change: %v\n%s", err, plan)
	}
	s.log.Write(plan)
}

// private wants what authfit keeps to be for its owner only, and nothing of the
// environment file to be in it.
func (s *sandbox) private() {
	s.t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "app/.authfit"), func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			s.t.Errorf("%s is for others, too: %v", file, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		n++
		src, err := os.ReadFile(file)
		if bytes.Contains(src, []byte("pl4nted-password")) || bytes.Contains(src, []byte("pl4nted-unknown")) {
			s.t.Errorf("%s has what is in .env", file)
		}
		return err
	})
	if err != nil || n == 0 {
		s.t.Errorf("%d files, %v", n, err)
	}
}

func appIsBroken(s *sandbox) {
	s.project(secretFiles("\nprint(dict(os.environ))\nprint('no', app.secret_key, flush=True)\nos._exit(1)\n"))
	s.environment()
	s.exits(1, "add", "--no-install", "--yes")
	s.exits(1, "verify", "--output", "json")
	s.exits(1, "doctor")
	s.exits(1, "doctor", "--fix", "--output", "json")
	s.exits(0, "undo")
	if !strings.Contains(s.log.String(), "starting with *** ") || !strings.Contains(s.log.String(), "no ***") {
		s.t.Error("what the app printed is not told")
	}
}

func pipFails(s *sandbox) {
	files := secretFiles("")
	files["requirements.txt"] = "--index-url http://me:pl4nted-index@127.0.0.1:9/simple\nflask\nno-such-package-at-all\n" +
		"private @ http://pl4nted-token@127.0.0.1:9/private-1-py3-none-any.whl\n"
	s.project(files)
	s.environment()
	s.both(0, "inspect")
	s.both(0, "plan")
	s.both(3, "add", "--yes", "-v")
	s.both(2, "add", "--yes", "--offline")
	if !strings.Contains(s.log.String(), "me:***@127.0.0.1") {
		s.t.Errorf("pip does not name the index")
	}
}

func uvFails(s *sandbox) {
	s.project(map[string]string{
		"app.py": secretApp(""), "uv.toml": "[[index]]\nurl = \"http://me:pl4nted-in-uv@127.0.0.1:9/simple\"\n", ".env": secretFiles("")[".env"],
		"pyproject.toml": "[project]\nname = \"shop\"\nversion = \"1\"\nrequires-python = \">=3.10\"\ndependencies = [\"flask\"]\n\n" +
			"[[tool.poetry.source]]\nname = \"own\"\nurl = \"https://me:pl4nted-source@127.0.0.1:9/\"\n\n[tool.uv]\n",
		"uv.lock": "",
	})
	s.both(0, "inspect")
	s.both(0, "plan")
	s.both(3, "add", "--yes", "-v")
}

// interrupted sends Ctrl-C while pip waits for an index.
func interrupted(s *sandbox) {
	index, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer index.Close()
	files := secretFiles("")
	files["requirements.txt"] = "--index-url http://me:pl4nted-index@" + index.Addr().String() + "/simple\nflask\nno-such-package-at-all\n"
	s.project(files)
	s.environment()
	var out bytes.Buffer
	cmd := s.command("authfit", "add", "--yes", "-v")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	conn, err := index.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait()
	s.log.WriteString(out.String())
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		s.t.Errorf("exit code %d\n%s", code, out.String())
	}
}

// aFault has authfit itself fail, in the middle and before anything happens.
func aFault(s *sandbox) {
	s.project(secretFiles(""))
	s.environment()
	before := snapshot(filepath.Join(s.dir, "app"))
	for _, format := range []string{"text", "json"} {
		s.env = append(s.env, "PANIC_AT=writing app.py")
		code, out := s.program("authfit-panics", "add", "--no-install", "--yes", "--output", format)
		if code != exitRolledBack || !strings.Contains(out, "authfit has a fault") || !strings.Contains(out, "txn/apply.go:") || !strings.Contains(out, "run authfit again") {
			s.t.Errorf("exit code %d\n%s", code, out)
		}
		if out := s.exits(0, "plan", "--no-install", "--output", format); !strings.Contains(out, "an earlier run was cut off; everything was put back") {
			s.t.Errorf("nothing was put back:\n%s", out)
		}
		if after := snapshot(filepath.Join(s.dir, "app")); after != before {
			s.t.Errorf("it is not as it was:\n%s", cmp.Diff(before, after))
		}
		s.env = append(s.env, "PANIC_AT=there is no terminal")
		code, out = s.program("authfit-panics", "add", "--no-install", "--output", format)
		if code != exitRefused || !strings.Contains(out, "authfit has a fault") || !strings.Contains(out, "nothing is left half done") {
			s.t.Errorf("exit code %d\n%s", code, out)
		}
	}
}

func codeIsQuoted(s *sandbox) {
	s.project(map[string]string{"requirements.txt": "flask\n", "app.py": "from flask import Flask\n\n\ndef create_app(secret_key):\n    app = Flask(__name__)\n" +
		"    app.secret_key = secret_key\n    return app\n\n\napp = create_app(secret_key=\"pl4nted-argument\")\n"})
	s.both(0, "inspect")
	s.both(0, "plan", "--no-install")
	s.both(0, "protect", "--list")
	if !strings.Contains(s.log.String(), `create_app(secret_key="***")`) {
		s.t.Error("the app's making is not quoted")
	}
}

func django(s *sandbox) {
	s.project(map[string]string{
		"manage.py":        "import os\nos.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"shop.settings\")\n",
		"shop/__init__.py": "", "requirements.txt": "django\n", ".env": secretFiles("")[".env"],
		"shop/urls.py": "from django.urls import path\nfrom django.views.generic import TemplateView\n\nTOKEN = \"pl4nted-in-urls\"\n" +
			"urlpatterns = [\n    path(\"about/\", TemplateView.as_view(template_name=\"about.html\", api_token=\"pl4nted-in-view\")),\n]\n",
		"shop/settings.py": "SECRET_KEY = \"pl4nted-django\"\nMIDDLEWARE = [\n    \"django.contrib.sessions.middleware.SessionMiddleware\",\n]\nSECRET_KEY_FALLBACKS = [\"pl4nted-old\"]\n" +
			"ROOT_URLCONF = \"shop.urls\"\nDATABASES = {\"default\": {\"ENGINE\": \"django.db.backends.postgresql\", \"PASSWORD\": \"pl4nted-db\"}}\n" +
			"INSTALLED_APPS = [\n    \"django.contrib.sessions\",\n]\nEMAIL_HOST_PASSWORD = \"pl4nted-mail\"\n",
	})
	s.both(0, "inspect")
	s.both(0, "plan", "--no-install")
	s.both(0, "plan", "--no-install", "--with", "roles")
	s.exits(0, "add", "--no-install", "--no-verify", "--yes")
	s.private()
	s.both(0, "protect", "--list")
	s.both(0, "undo")
	if !strings.Contains(s.log.String(), "***") {
		s.t.Error("no secret stands beside a change")
	}
}

// link makes a link in the project; to a file outside of it by "../outside/...".
func (s *sandbox) link(to, name string) {
	s.t.Helper()
	name = filepath.Join(s.dir, "app", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.RemoveAll(name), os.Symlink(to, name)); err != nil {
		s.t.Fatal(err)
	}
}

// fifo makes a FIFO in the project, at which a reader waits for ever.
func (s *sandbox) fifo(name string) {
	s.t.Helper()
	name = filepath.Join(s.dir, "app", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.RemoveAll(name), exec.Command("mkfifo", name).Run()); err != nil {
		s.t.Fatal(err)
	}
}

// TestNoPathOut: whatever a project's files and links lead to outside of it is
// not changed, and not told.
func TestNoPathOut(t *testing.T) {
	const refused, added = exitRefused, exitOK
	for name, c := range map[string]struct {
		add int // its exit code
		lay func(*sandbox)
	}{
		"app":              {added, func(s *sandbox) { s.link("../outside/app.py", "app.py") }}, // which is not seen: there is none
		"app as hard link": {added, func(s *sandbox) { s.hard("outside/app.py", "app/app.py") }},
		"app inside":       {added, func(s *sandbox) { s.write("app/src/app.txt", plainApp, 0o644); s.link("src/app.txt", "app.py") }},
		"new file":         {refused, func(s *sandbox) { s.link("../outside/new.py", "workos_auth.py") }},
		"new file is FIFO": {refused, func(s *sandbox) { s.fifo("workos_authkit.py") }},
		"new file to null": {refused, func(s *sandbox) { s.link("/dev/null", "workos_auth.py") }},
		"templates": {added, func(s *sandbox) {
			s.write("outside/templates/base.html", "<nav>outs1de</nav><body>{% block body %}{% endblock %}</body>", 0o644)
			s.link("../outside/templates", "templates")
		}},
		"template folder": {added, func(s *sandbox) {
			s.write("outside/base.html", "<nav>outs1de</nav><body>{% block body %}{% endblock %}</body>", 0o644)
			s.write("app/app.py", strings.Replace(plainApp, "__name__)", fmt.Sprintf("__name__, template_folder=%q)", filepath.Join(s.dir, "outside")), 1), 0o644)
		}},
		".env":              {refused, func(s *sandbox) { s.link("../outside/.env", ".env") }},
		".env to be made":   {refused, func(s *sandbox) { s.link("../outside/new.env", ".env") }},
		".env is FIFO":      {refused, func(s *sandbox) { s.fifo(".env") }},
		"requirements":      {added, func(s *sandbox) { s.link("../outside/requirements.txt", "requirements.txt") }},
		"requirements FIFO": {added, func(s *sandbox) { s.fifo("requirements.txt") }},
		".gitignore":        {refused, func(s *sandbox) { s.project(nil); s.link("../outside/.gitignore", ".gitignore") }},
		"home":              {refused, func(s *sandbox) { s.link("../outside", ".authfit") }},
		"home to be made":   {refused, func(s *sandbox) { s.link("../outside/new", ".authfit") }},
		"journals":          {refused, func(s *sandbox) { s.link("../../outside", ".authfit/journal") }},
		"lock":              {refused, func(s *sandbox) { s.link("../../outside/app.py", ".authfit/lock") }},
		"lock to be made":   {refused, func(s *sandbox) { s.link("../../outside/new", ".authfit/lock") }},
		"lock inside":       {refused, func(s *sandbox) { s.link("../app.py", ".authfit/lock") }},
		"lock is FIFO":      {refused, func(s *sandbox) { s.fifo(".authfit/lock") }},
		"home's .gitignore": {added, func(s *sandbox) { s.link("../../outside/new", ".authfit/.gitignore") }},
		"a journal":         {refused, func(s *sandbox) { s.link("../../../outside", ".authfit/journal/000001") }},
		"a journal is FIFO": {refused, func(s *sandbox) { s.fifo(".authfit/journal/000001/journal.json") }},
		"compiled files":    {added, func(s *sandbox) { s.link("../outside/__pycache__", "__pycache__") }},
		"environment":       {added, func(s *sandbox) { s.link("../outside/venv", ".venv") }},
		"included above": {added, func(s *sandbox) {
			s.write("app/requirements.txt", "flask\n-r ../outside/requirements.txt\n-c ../outside/app.py\n", 0o644)
		}},
		"included from root": {added, func(s *sandbox) {
			s.write("app/requirements.txt", "flask\n-r "+s.dir+"/outside/requirements.txt\n-e /etc/passwd\n", 0o644)
		}},
		"packages above": {added, func(s *sandbox) {
			s.write("app/pyproject.toml", "[project]\nname = \"../../outside\"\nversion = \"1\"\n[tool.setuptools]\npackages = [\"../outside\"]\npackage-dir = {\"\" = \"../outside\"}\n", 0o644)
		}},
		"path dependency": {added, func(s *sandbox) {
			os.Remove(filepath.Join(s.dir, "app/requirements.txt"))
			s.write("app/pyproject.toml", "[tool.poetry]\nname = \"shop\"\nversion = \"1\"\n[tool.poetry.dependencies]\nflask = \"*\"\nown = {path = \"../outside\"}\n\"-e ../outside\" = \"*\"\n", 0o644)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, map[string]string{"app.py": plainApp, "requirements.txt": "flask\n", ".env": "A=1\n"})
			s.outside()
			c.lay(s)
			outside, project := snapshot(filepath.Join(s.dir, "outside")), s.look()
			s.run("inspect", "--output", "json")
			s.run("plan", "--no-install")
			s.run("protect", "--list")
			s.run("doctor")
			if got, out := s.run("add", "--no-install", "--no-verify", "--yes"); got != c.add {
				t.Errorf("add: exit code %d, want %d\n%s", got, c.add, out)
			}
			s.run("protect", "/", "--yes")
			s.run("undo")
			if after := snapshot(filepath.Join(s.dir, "outside")); after != outside {
				t.Errorf("something outside has changed:\n%s", cmp.Diff(outside, after))
			}
			if after := s.look(); after != project {
				t.Errorf("the project is not as it was:\n%s", cmp.Diff(project, after))
			}
			if strings.Contains(s.log.String(), "outs1de") {
				t.Error("what is outside is told")
			}
			if t.Failed() {
				t.Log(s.log.String())
			}
		})
	}
}

// outside makes the files that lie beside the project.
func (s *sandbox) outside() {
	for name, text := range map[string]string{
		"app.py": plainApp + "# outs1de\n", "requirements.txt": "flask\nouts1de\n", ".env": "OUTS1DE=outs1de\n", ".gitignore": "outs1de\n",
		"__pycache__/workos_auth.cpython-312.pyc": "outs1de", "000001/journal.json": "outs1de", "venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.12.0\n",
	} {
		s.write(filepath.Join("outside", name), text, 0o644)
	}
	s.write("outside/venv/bin/python", "#!/bin/sh\nexit 1\n", 0o755)
}

// hard makes a hard link to a file, which takes another's place.
func (s *sandbox) hard(to, name string) {
	s.t.Helper()
	s.write("outside/app.py", plainApp, 0o644)
	name = filepath.Join(s.dir, name)
	if err := errors.Join(os.Remove(name), os.Link(filepath.Join(s.dir, to), name)); err != nil {
		s.t.Fatal(err)
	}
}

// look is the project, by the names, links and sizes of its files: a FIFO in it
// cannot be read. What is authfit's own in it is authfit's.
func (s *sandbox) look() string {
	var b strings.Builder
	err := filepath.WalkDir(filepath.Join(s.dir, "app"), func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.Name() == ".authfit" || strings.Contains(file, "/.authfit/") || strings.Contains(file, "/.git/") {
			return nil
		}
		to, _ := os.Readlink(file)
		size := info.Size()
		if d.IsDir() {
			size = 0
		}
		fmt.Fprintln(&b, file, info.Mode(), size, to)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

// TestSwappedForLink puts a link out of the project where a file or a folder was
// when the plan was made.
func TestSwappedForLink(t *testing.T) {
	start := func(t *testing.T) (s *sandbox, outside string) {
		t.Parallel()
		s = newSandbox(t, map[string]string{"shop/__init__.py": "", "shop/main.py": strings.Replace(plainApp, "\"/\"", "\"/shop\"", 1), "requirements.txt": "flask\n"})
		s.outside()
		for _, name := range []string{"__init__.py", "main.py"} {
			src, err := os.ReadFile(filepath.Join(s.dir, "app/shop", name))
			if err != nil {
				t.Fatal(err)
			}
			s.write("outside/shop/"+name, string(src), 0o644)
		}
		return s, snapshot(filepath.Join(s.dir, "outside"))
	}
	for _, name := range []string{"shop", "shop/main.py"} {
		t.Run("before apply/"+name, func(t *testing.T) {
			s, outside := start(t)
			s.exits(0, "plan", "--no-install", "-o", "../plan.json")
			s.link(strings.Repeat("../", strings.Count(name, "/")+1)+"outside/"+name, name)
			s.exits(2, "add", "--plan", "../plan.json", "--yes", "--no-verify")
			if after := snapshot(filepath.Join(s.dir, "outside")); after != outside {
				t.Error(cmp.Diff(outside, after))
			}
		})
	}
	for at, swap := range map[string]string{"writing shop/workos_authkit.py": "shop", "writing shop/main.py": "shop", "writing requirements.txt": "requirements.txt"} {
		t.Run("while it is "+at, func(t *testing.T) {
			s, outside := start(t)
			s.env = append(s.env, "PANIC_AT="+at, "SWAP="+swap)
			code, out := s.program("authfit-panics", "add", "--no-install", "--no-verify", "--yes")
			if code != exitRolledBack {
				t.Errorf("exit code %d\n%s", code, out)
			}
			if after := snapshot(filepath.Join(s.dir, "outside")); after != outside {
				t.Errorf("%s\n%s", cmp.Diff(outside, after), out)
			}
		})
	}
}

// TestForeignJournal: a journal that came with the project, or that was copied
// with it, is obeyed by undo only, which somebody has to ask for.
func TestForeignJournal(t *testing.T) {
	t.Parallel()
	s := newSandbox(t, map[string]string{"app.py": plainApp, "requirements.txt": "flask\n", "data/mine.txt": "mine", ".env": "A=1\n"})
	env := slices.Clone(s.env)
	s.layTraps("ready")
	app := plainApp + s.pyTrap()
	s.env = append(env, "PANIC_AT=writing app.py") // without the traps' PATH
	if code, out := s.program("authfit-panics", "add", "--no-install", "--yes"); code != exitRolledBack {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(s.dir, "app"), filepath.Join(s.dir, "copy")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// What comes with a commit may name more than was done.
	const journal = ".authfit/journal/000001/journal.json"
	src, err := os.ReadFile(filepath.Join(s.dir, "app", journal))
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.NewReplacer(`"environment": []`, `"environment": ["data"]`,
		`"commands_done": true`, `"packages": {"before": {}, "after": {}}, "commands_done": true`).Replace(string(src))
	if strings.Count(forged, `["data"]`)+strings.Count(forged, `"packages"`) != 2 {
		t.Fatalf("nothing is forged in %s", src)
	}
	if err := os.Remove(filepath.Join(s.dir, "app/.authfit/journal/000001/mark")); err != nil {
		t.Fatal(err)
	}
	s.write("app/.authfit/journal/000001/mark", "", 0o600)
	s.write(filepath.Join("app", journal), forged, 0o600)
	for _, dir := range []string{"app", "copy"} {
		before := snapshot(filepath.Join(s.dir, dir))
		for _, args := range [][]string{{"plan"}, {"add", "--yes"}, {"verify"}, {"doctor"}, {"protect", "/", "--yes"}, {"inspect"}, {"sdk"}} {
			out := s.exits(exitRefused, append(args, "-C", filepath.Join(s.dir, dir))...)
			if !strings.Contains(out, "it is not obeyed unasked") {
				t.Errorf("%v: %s", args, out)
			}
		}
		if after := snapshot(filepath.Join(s.dir, dir)); after != before {
			t.Error(cmp.Diff(before, after))
		}
		if s.ran() != "" {
			t.Errorf("these were run:\n%s", s.ran())
		}
	}
	s.exits(0, "undo", "-C", filepath.Join(s.dir, "copy"))
	if src, err := os.ReadFile(filepath.Join(s.dir, "copy/app.py")); err != nil || string(src) != app {
		t.Errorf("undo has not put app.py back: %v\n%s", err, src)
	}
}

// panics is authfit with a fault, which shows when it says what $PANIC_AT is.
func panics() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, &faulty{os.Getenv("PANIC_AT")}))
}

type faulty struct{ at string }

func (f *faulty) Write(p []byte) (int, error) {
	if f.at != "" && strings.Contains(string(p), f.at) {
		f.at = ""
		if swap := os.Getenv("SWAP"); swap != "" { // somebody puts a link there just then
			if err := errors.Join(os.Rename(swap, swap+".was"), os.Symlink("../outside/"+swap, swap)); err != nil {
				return 0, err
			}
			return os.Stderr.Write(p)
		}
		src, _ := os.ReadFile("app.py")
		panic("a fault that quotes a file: " + string(src))
	}
	return os.Stderr.Write(p)
}
