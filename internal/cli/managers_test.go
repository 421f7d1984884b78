//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// managersVar names the package managers whose failures are tried. `make
// managers` sets it to all of them, which takes some minutes; without it uv's
// are, and of pip's those that uv does not have or that pip takes otherwise.
const managersVar = "AUTHFIT_TEST_MANAGERS"

// A site is a project whose environment a real package manager has made.
type site struct {
	manager string
	files   string
	make    [][]string
	// index are the variables that lead the manager to another package index.
	index func(url string) []string

	dir  string
	vars []string
	// jail is a process in a namespace of its own, which sees other disks; 0 for
	// none. Where the system gives us none, small keeps files small instead.
	jail  int
	small bool
}

const (
	flaskApp   = "-- app.py --\nfrom flask import Flask\n\napp = Flask(__name__)\n-- .env --\nSECRET=keep\n"
	shop       = "-- pyproject.toml --\n[project]\nname = \"shop\"\nversion = \"0.1.0\"\nrequires-python = \">=3.10\"\ndependencies = [\"flask>=3.0\"]\n"
	flaskWheel = "sha256:f4bcbefc124291925f1a26446da31a5178f9483862233b23c0c96a20701f670c" // of flask 3.1.3
)

// sites are the projects, by manager. In each environment there is a package
// besides, which workos needs in a newer version.
func sites() map[string]*site {
	pip := [][]string{{".venv/bin/python", "-m", "pip", "install", "-q", "-r", "requirements.txt"}}
	return map[string]*site{
		"uv": {files: shop + "\n[tool.uv]\n", make: [][]string{{"uv", "sync", "-q"}},
			index: func(url string) []string { return []string{"UV_DEFAULT_INDEX=" + url, "UV_HTTP_RETRIES=0"} }},
		"poetry": {files: shop + "\n[tool.poetry]\npackage-mode = false\n", make: [][]string{{"poetry", "install", "-q", "-n"}},
			index: func(url string) []string { return []string{"POETRY_PYPI_MIRROR_URL=" + url} }},
		"pipenv": {files: "-- Pipfile --\n[packages]\nflask = \">=3.0\"\n", make: [][]string{{"pipenv", "install"}},
			index: func(url string) []string { return []string{"PIPENV_PYPI_MIRROR=" + url, "PIP_RETRIES=0"} }},
		"pdm": {files: shop + "\n[tool.pdm]\ndistribution = false\n", make: [][]string{{"pdm", "venv", "create", "-q"}, {"pdm", "install", "-q"}},
			index: func(url string) []string { return []string{"PDM_PYPI_URL=" + url} }},
		"pip": {files: "-- requirements.txt --\nflask>=3.0\n", make: append([][]string{{"python3", "-m", "venv", ".venv"}}, pip...),
			index: func(url string) []string { return []string{"PIP_INDEX_URL=" + url, "PIP_RETRIES=0"} }},
		"uv pip": {files: "-- requirements.txt --\nflask>=3.0\n", make: [][]string{{"uv", "venv", "-q"}, {"uv", "pip", "install", "-q", "-r", "requirements.txt"}},
			index: func(url string) []string { return []string{"UV_DEFAULT_INDEX=" + url, "UV_HTTP_RETRIES=0"} }},
	}
}

// build makes the project and its environment.
func (s *site) build(t *testing.T) {
	t.Helper()
	s.dir = filepath.Join(t.TempDir(), "shop")
	s.vars = append(os.Environ(), "VIRTUAL_ENV=", "VIRTUALENV_NO_PERIODIC_UPDATE=1",
		"POETRY_VIRTUALENVS_IN_PROJECT=true", "PIPENV_VENV_IN_PROJECT=1", "PIPENV_IGNORE_VIRTUALENVS=1")
	for _, f := range txtar.Parse([]byte(s.files + flaskApp)).Files {
		s.write(t, f.Name, string(f.Data))
	}
	for _, argv := range append(s.make, []string{"uv", "pip", "install", "-q", "--python", ".venv/bin/python", "pyjwt==2.8.0"}) {
		if out, err := s.command(argv...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
}

func (s *site) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(s.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// swap puts other text into a file until the test ends.
func (s *site) swap(t *testing.T, name string, pairs ...string) {
	t.Helper()
	old := s.read(t, name)
	text := strings.NewReplacer(pairs...).Replace(old)
	if text == old && pairs[0] != pairs[1] {
		t.Fatalf("%s: there is no %q in %q", name, pairs[0], old)
	}
	s.write(t, name, text)
	t.Cleanup(func() { s.write(t, name, old) })
}

// manifest is the file that lists what the project needs.
func (s *site) manifest() string {
	for _, name := range []string{"requirements.txt", "Pipfile"} {
		if strings.Contains(s.files, "-- "+name+" --") {
			return name
		}
	}
	return "pyproject.toml"
}

// require lists more packages until the test ends, each a name and a specifier.
func (s *site) require(t *testing.T, pkgs ...[2]string) {
	t.Helper()
	texts := map[string][2]string{
		"requirements.txt": {"flask>=3.0\n", "flask>=3.0\n"}, "Pipfile": {"flask = \">=3.0\"\n", "flask = \">=3.0\"\n"},
		"pyproject.toml": {`"flask>=3.0"`, `"flask>=3.0"`},
	}[s.manifest()]
	for _, p := range pkgs {
		texts[1] += map[string]string{
			"requirements.txt": p[0] + p[1] + "\n", "Pipfile": p[0] + " = \"" + p[1] + "\"\n", "pyproject.toml": `, "` + p[0] + p[1] + `"`,
		}[s.manifest()]
	}
	s.swap(t, s.manifest(), texts[0], texts[1])
}

// command is a command in the project's folder.
func (s *site) command(argv ...string) *exec.Cmd {
	if strings.HasPrefix(argv[0], ".") {
		argv[0] = filepath.Join(s.dir, argv[0])
	}
	if s.jail != 0 {
		argv = append([]string{"nsenter", "--preserve-credentials", "-U", "-m", "-t", strconv.Itoa(s.jail), "sh", "-c", `cd "$0" && exec "$@"`, s.dir}, argv...)
	}
	if s.small {
		argv = append([]string{"sh", "-c", `ulimit -f 2000; exec "$0" "$@"`}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = s.dir, slices.Clone(s.vars)
	return cmd
}

// jailed runs a shell script in a namespace of its own, where it may mount disks
// for the commands that f runs. $0 is the project.
func (s *site) jailed(t *testing.T, script string, f func()) {
	t.Helper()
	if err := exec.Command("unshare", "-rm", "true").Run(); err != nil {
		t.Logf("no namespaces here (%v): files are kept small instead of the disk", err)
		s.small = true
		defer func() { s.small = false }()
		f()
		return
	}
	cmd := exec.Command("unshare", "-rm", "sh", "-ec", script+"\necho ready\nexec cat", s.dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	s.jail = cmd.Process.Pid
	defer func() { s.jail = 0 }()
	f()
}

// reInstaller are what an installer notes of itself: it may be another one that
// puts a package back.
var reInstaller = regexp.MustCompile(`\.dist-info/(INSTALLER|RECORD|REQUESTED) `)

// state is all that is in the project, with what its environment's Python finds
// installed.
func (s *site) state(t *testing.T) []string {
	t.Helper()
	root := s.dir
	if s.jail != 0 {
		root = fmt.Sprintf("/proc/%d/root%s", s.jail, s.dir)
	}
	lines := slices.DeleteFunc(strings.Split(snapshot(root), "\n"), func(line string) bool {
		return strings.Contains(line, "__pycache__") || reInstaller.MatchString(line)
	})
	out, err := s.command(".venv/bin/python", "-c",
		"import importlib.metadata as m\nfor n in sorted(f'{d.name}=={d.version}' for d in m.distributions()): print(n)").Output()
	if err != nil {
		t.Fatal(err)
	}
	return append(lines, strings.Split(string(out), "\n")...)
}

// wantState compares states, and shows the beginning of the difference.
func wantState(t *testing.T, before, after []string) {
	t.Helper()
	var diff []string
	for line := range strings.Lines(gocmp.Diff(strings.Join(before, "\n"), strings.Join(after, "\n"))) {
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
			diff = append(diff, line)
		}
	}
	if len(diff) > 0 {
		t.Errorf("the project is not as it was (-before +after), %d lines:\n%s", len(diff), strings.Join(diff[:min(20, len(diff))], ""))
	}
}

// A running is an authfit at work.
type running struct {
	*exec.Cmd
	site *site
	was  int // entries in the environment

	mu   sync.Mutex
	text bytes.Buffer
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// start starts authfit.
func (s *site) start(t *testing.T, vars []string, args ...string) *running {
	t.Helper()
	r := &running{Cmd: s.command(append([]string{"authfit"}, args...)...), site: s, was: s.entries()}
	r.Env = append(r.Env, vars...)
	r.Stdout, r.Stderr = r, r
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// end is the exit code, once it has come to its end.
func (r *running) end() int {
	_ = r.Wait()
	return r.ProcessState.ExitCode()
}

func (s *site) add(t *testing.T, vars ...string) (int, string) {
	t.Helper()
	r := s.start(t, vars, "add", "--yes", "--no-verify")
	return r.end(), r.said()
}

// entries is how much lies beside the packages in the environment.
func (s *site) entries() int {
	found, _ := filepath.Glob(filepath.Join(s.dir, ".venv/lib/python*/site-packages/*"))
	return len(found)
}

var reGroup = regexp.MustCompile(`"group":(\d+)`)

// installing waits until the package manager has begun to install, and returns
// its process group, which is what the lock says.
func (r *running) installing(t *testing.T) int {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if r.site.entries() < r.was+3 {
			continue
		}
		text, _ := os.ReadFile(filepath.Join(r.site.dir, ".authfit/lock"))
		if m := reGroup.FindAllSubmatch(text, -1); m != nil {
			group, _ := strconv.Atoi(string(m[len(m)-1][1]))
			return group
		}
	}
	t.Fatalf("nothing is installed:\n%s", r.said())
	return 0
}

// slow has uv take its time once it has installed something.
const slow = "UV_COMPILE_BYTECODE=1"

// A failure is one of a package manager, or of what comes after it.
type failure struct {
	name string
	only []string // managers that have it; all of them where there are none
	code int
	// words are what the manager says, or authfit, and fix is the way out.
	words, fix string
	run        func(t *testing.T, s *site) (code int, said string)
}

var failures = []failure{
	{"resolver conflict", nil, 3, `(?i)No solution found|version solving failed|Unable to find a resolution|ResolutionImpossible|conflict`, "loosen the versions",
		func(t *testing.T, s *site) (int, string) {
			s.require(t, [2]string{"pyjwt", "==1.7.1"}, [2]string{"workos", ">=10.8"})
			return s.add(t)
		}},
	{"offline", nil, 3, `Connection refused|All attempts to connect|from versions: none|No matching distribution found for (workos|python-dotenv)`, "package index can be reached",
		func(t *testing.T, s *site) (int, string) { return s.add(t, s.index("http://127.0.0.1:9/simple")...) }},
	{"hashed requirements", []string{"pip"}, 3, `In --require-hashes mode, all requirements must have their versions pinned|Hashes are required in --require-hashes mode`, "give the packages that are named here their hashes",
		func(t *testing.T, s *site) (int, string) {
			s.swap(t, "requirements.txt", "flask>=3.0", "flask==3.1.3 --hash="+flaskWheel)
			return s.add(t)
		}},
	{"hashed requirements", []string{"uv pip"}, 3, `requirements.txt:1: the requirements file has hashes`, "pip-compile --generate-hashes",
		func(t *testing.T, s *site) (int, string) {
			s.swap(t, "requirements.txt", "flask>=3.0", "flask==3.1.3 --hash="+flaskWheel)
			return s.add(t)
		}},
	{"hashed requirements, --no-install", []string{"pip"}, 2, `requirements.txt:1: the requirements file has hashes`, "pip-compile --generate-hashes",
		func(t *testing.T, s *site) (int, string) {
			s.swap(t, "requirements.txt", "flask>=3.0", "flask==3.1.3 --hash="+flaskWheel)
			r := s.start(t, nil, "add", "--yes", "--no-install")
			return r.end(), r.said()
		}},
	{"hashes in the lock of something else", []string{"uv", "poetry", "pipenv", "pdm"}, 3, `(?i)hash mismatch|did not match any known checksums|matches the environment or hashes|do not match the hashes`, "make the lock file again",
		func(t *testing.T, s *site) (int, string) {
			s.require(t, [2]string{"workos", ">=10.8"}, [2]string{"python-dotenv", ">=1"})
			lock := map[string]string{"uv": "uv.lock", "poetry": "poetry.lock", "pipenv": "Pipfile.lock", "pdm": "pdm.lock"}[s.manager]
			s.swap(t, lock, "\n", "\n") // is back after the test
			if out, err := s.command(s.manager, "lock").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			s.write(t, lock, regexp.MustCompile(`sha256:.`).ReplaceAllStringFunc(s.read(t, lock), func(h string) string {
				return map[bool]string{true: "sha256:0", false: "sha256:1"}[h != "sha256:0"]
			}))
			before := s.state(t)
			code, said := s.add(t)
			wantState(t, before, s.state(t))
			return code, said
		}},
	{"project's disk full", nil, 3, `(?i)No space left on device|disk is full|File too large|killed|file size limit`, "",
		func(t *testing.T, s *site) (code int, said string) {
			s.jailed(t, `d=$(mktemp -d)
mount -t tmpfs -o mode=755,size=$(($(du -sk "$0" | cut -f1) + 3000))k none $d
cp -a "$0"/. $d
mount --bind $d "$0"`, func() {
				before := s.state(t)
				code, said = s.add(t, "UV_LINK_MODE=copy")
				wantState(t, before, s.state(t))
			})
			return code, said
		}},
	{"disk of the caches full", nil, 3, `(?i)No space left on device|disk is full|File too large|killed|file size limit`, "",
		func(t *testing.T, s *site) (code int, said string) {
			tmp := t.TempDir()
			vars := []string{"TMPDIR=" + tmp}
			for _, tool := range []string{"UV", "PIP", "POETRY", "PDM", "PIPENV"} {
				vars = append(vars, tool+"_CACHE_DIR="+tmp+"/cache")
			}
			s.jailed(t, "mount -t tmpfs -o size=3000k none "+tmp, func() { code, said = s.add(t, vars...) })
			return code, said
		}},
	{"manager killed", nil, 3, `error: .*: signal: killed`, "something has ended it",
		func(t *testing.T, s *site) (int, string) {
			r := s.start(t, []string{slow}, "add", "--yes", "--no-verify")
			group := r.installing(t)
			if err := syscall.Kill(group, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			code := r.end()
			wantGone(t, group)
			return code, r.said()
		}},
	{"interrupted", nil, 130, `interrupted; everything was put back`, "", signalledAt(syscall.SIGINT)},
	{"terminal closed", []string{"uv", "pip"}, 130, `interrupted; everything was put back`, "", signalledAt(syscall.SIGHUP)},
	{"file edited meanwhile", nil, 3, `app.py: the file has changed while authfit was at work`, "run authfit again",
		func(t *testing.T, s *site) (int, string) {
			old := s.read(t, "app.py")
			r := s.start(t, nil, "add", "--yes", "--no-verify")
			r.installing(t)
			s.write(t, "app.py", old+"# mine\n")
			code := r.end()
			if now := s.read(t, "app.py"); now != old+"# mine\n" {
				t.Errorf("app.py: %q", now)
			}
			s.write(t, "app.py", old)
			return code, r.said()
		}},
	{"SDK too old", []string{"uv", "pipenv"}, 3, `workos 5[\d.]+ is older than`, "install workos 8.2 or newer",
		func(t *testing.T, s *site) (int, string) {
			s.require(t, [2]string{"pyjwt", "==1.7.1"}, [2]string{"cryptography", "<3"})
			return s.add(t)
		}},
	{"authfit killed", nil, 0, `ending the package manager that authfit add left running when it was killed \(process group \d+\)`, "",
		func(t *testing.T, s *site) (int, string) {
			r := s.start(t, []string{slow}, "add", "--yes", "--no-verify")
			group := r.installing(t)
			if err := r.Process.Kill(); err != nil {
				t.Error(err)
			}
			r.end()
			next := s.start(t, nil, "plan", "--no-install")
			code := next.end()
			wantGone(t, group)
			if !strings.Contains(next.said(), "an earlier run was cut off; everything was put back") {
				t.Errorf("%s", next.said())
			}
			// What the manager had made of its files may be somebody's: it is kept.
			if err := os.RemoveAll(filepath.Join(s.dir, ".authfit")); err != nil {
				t.Error(err)
			}
			return code, next.said()
		}},
	{"index gone for the roll-back", []string{"pip"}, 3, `not everything could be put back`, `-m pip install --no-deps pyjwt==2.8.0`,
		func(t *testing.T, s *site) (int, string) {
			old := s.read(t, "app.py")
			s.write(t, "pip.conf", "")
			r := s.start(t, []string{"PIP_CONFIG_FILE=" + s.dir + "/pip.conf", "PIP_RETRIES=0"}, "add", "--yes", "--no-verify")
			r.installing(t)
			s.write(t, "pip.conf", "[global]\nindex-url = http://127.0.0.1:9/simple\n")
			s.write(t, "app.py", old+"# mine\n")
			code := r.end()
			s.write(t, "app.py", old)
			if err := os.Remove(filepath.Join(s.dir, "pip.conf")); err != nil {
				t.Error(err)
			}
			next := s.start(t, nil, "plan", "--no-install") // goes on putting back
			if next.end() != 0 {
				t.Errorf("%s", next.said())
			}
			return code, r.said()
		}},
}

// short says whether a failure is tried where managersVar names none.
func (f failure) short(manager string) bool {
	if manager == "uv" {
		return f.name != "SDK too old"
	}
	return f.only != nil || strings.HasSuffix(f.name, "killed")
}

// signalledAt sends authfit a signal while its package manager installs.
func signalledAt(sig syscall.Signal) func(*testing.T, *site) (int, string) {
	return func(t *testing.T, s *site) (int, string) {
		r := s.start(t, []string{slow}, "add", "--yes", "--no-verify")
		group := r.installing(t)
		if err := r.Process.Signal(sig); err != nil {
			t.Error(err)
		}
		code := r.end()
		wantGone(t, group)
		return code, r.said()
	}
}

// wantGone wants no process of a group.
func wantGone(t *testing.T, group int) {
	t.Helper()
	for range 200 { // a killed orphan is reaped by init, in its own time
		if errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	out, _ := exec.Command("ps", "-o", "pid,stat,args", "-g", strconv.Itoa(group)).Output()
	t.Errorf("of the package manager there still runs\n%s", out)
}

// TestFailingManagers has the real package managers fail in every way, in
// environments that are there: each time all that was in the project and all
// that was installed is as before, and what is said has the manager's own words
// and a way out. The name of the subtest says
// whether all of it is tried.
func TestFailingManagers(t *testing.T) {
	// Under nohup SIGHUP is ignored, which programs that are started inherit; that
	// it is handled they do not.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hup) })
	part, names, all := "all failures", strings.Split(os.Getenv(managersVar), ","), sites()
	if os.Getenv(managersVar) == "" {
		part, names = "some failures, make managers tries all", []string{"uv", "pip"}
	}
	t.Run(part, func(t *testing.T) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // they wait for the disk and the index
				s := all[name]
				if s == nil {
					t.Fatalf("%s: there is no %q", managersVar, name)
				}
				s.manager = name
				s.build(t)
				for _, f := range failures {
					if f.only != nil && !slices.Contains(f.only, name) || os.Getenv(managersVar) == "" && !f.short(name) {
						continue
					}
					if !t.Run(f.name, func(t *testing.T) { s.fail(t, f) }) {
						t.Fatal("the others would not start from the same project")
					}
				}
				if code, said := s.add(t); code != 0 {
					t.Errorf("without a failure: exit code %d\n%s", code, said)
				}
			})
		}
	})
}

// fail has one failure happen, and logs it as a line of a table.
func (s *site) fail(t *testing.T, f failure) {
	before := s.state(t)
	began := time.Now()
	var code int
	var said string
	t.Run("", func(t *testing.T) { code, said = f.run(t, s) }) // what it swaps is back after it
	if code != f.code {
		t.Errorf("exit code %d, want %d", code, f.code)
	}
	words := regexp.MustCompile(f.words).FindString(strings.Join(strings.Fields(said), " ")) // some break lines at 80 columns
	fix := ""
	if at := strings.LastIndex(said, "\n  fix: "); at >= 0 {
		fix, _, _ = strings.Cut(said[at+len("\n  fix: "):], "\n")
	}
	if words == "" || !strings.Contains(fix, f.fix) || code == 3 && fix == "" {
		t.Errorf("wanted are the words %q and the fix %q", f.words, f.fix)
	}
	wantState(t, before, s.state(t))
	if t.Failed() {
		t.Logf("authfit said:\n%s", said)
	}
	t.Logf("| %s | %s | %d | %s | %s | %.1f s", s.manager, f.name, code, words, fix, time.Since(began).Seconds())
}

// TestNobodyReads: authfit goes on to its end where nobody reads what it says,
// as in `authfit add --yes | head -1`.
func TestNobodyReads(t *testing.T) {
	s := &site{files: "-- requirements.txt --\nflask>=3.0\n"}
	s.dir = filepath.Join(t.TempDir(), "shop")
	for _, f := range txtar.Parse([]byte(s.files + flaskApp)).Files {
		s.write(t, f.Name, string(f.Data))
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	cmd := exec.Command("authfit", "add", "--yes", "--no-install", "--no-verify")
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, write, write
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(s.read(t, ".env"), "WORKOS_API_KEY") {
		t.Error("it was not brought to its end")
	}
}
