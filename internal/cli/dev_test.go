package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"authfit/internal/emulator"
	"authfit/internal/verify"
)

// TestDev works on each example with dev: signs in, breaks the app, mends it, and
// presses Ctrl-C.
func TestDev(t *testing.T) {
	const syntaxError = "def broken(:\n"
	for _, c := range []struct {
		name, file, account string
		broken              string // what is put at the end of the file
		ends                bool   // whether the framework's own server ends with that
		env                 string // in the place of add's
		log                 string // a line that is wanted
		home                string // "" for "/"
	}{
		{name: "flask", file: "app.py", account: "/account", broken: syntaxError},
		// With the credentials of a real AuthKit, which must not be reached, nor shown.
		{name: "fastapi", file: "app/main.py", account: "/account",
			broken: "import os\nprint('the key is', os.environ['WORKOS_API_KEY'])\nraise ValueError\n",
			env:    "WORKOS_API_KEY=sk_live_dev_test_1234567890\nWORKOS_CLIENT_ID=client_dev_test\n",
			log:    "\napp     | the key is ***\n"},
		// Below a path, which a proxy cuts off.
		{name: "django", file: "readinglist/settings.py", account: "/shop/auth/account/", broken: syntaxError, ends: true, home: "/shop/"},
		{name: "vanilla", file: "server.py", account: "/account", broken: "raise SystemExit(1)\n", ends: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, python := example(t, c.name)
			if c.name == "django" {
				settings := filepath.Join(dir, filepath.FromSlash(c.file))
				writeFile(t, settings, readFile(t, settings)+"FORCE_SCRIPT_NAME = \"/shop\"\n")
				migrate := exec.Command(python, "manage.py", "migrate", "--verbosity", "0")
				migrate.Dir = dir
				if out, err := migrate.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			run(t, 0, nil, "add", "-C", dir, "--yes", "--no-install", "--no-verify", "--manager", "pip")
			port := freePort(t)
			env := filepath.Join(dir, ".env")
			edited := readFile(t, env)
			if c.env != "" {
				edited = c.env + "WORKOS_REDIRECT_URI=http://localhost:8000/callback\n"
			}
			edited = regexp.MustCompile(`(WORKOS_REDIRECT_URI=http://localhost:)\d+`).ReplaceAllString(edited, "${1}"+strconv.Itoa(port))
			writeFile(t, env, edited)
			before := withoutCaches(snapshot(dir))

			d := startDev(t, "-C", dir, "--authkit-port", strconv.Itoa(freePort(t)))
			origin := "http://localhost:" + strconv.Itoa(port)
			if want := origin + cmp.Or(c.home, "/"); d.AppURL != want || d.InspectorURL != d.AuthKitURL+"/_authfit" {
				t.Errorf("the app is at %s, want %s; the inspector is at %s", d.AppURL, want, d.InspectorURL)
			}
			account := origin + c.account
			d.signIn(account)

			file := filepath.Join(dir, filepath.FromSlash(c.file))
			whole := readFile(t, file)
			writeFile(t, file, whole+c.broken)
			if c.ends {
				d.wait("the server to end", func() bool { return strings.Contains(d.log(), "authfit | the server has ended (exit status 1)") })
			} else {
				d.wait("the app to fail", func() bool { return !d.shows(account) })
			}
			writeFile(t, file, whole)
			d.wait("the app to come back, with the session", func() bool { return d.shows(account) })
			if ended := strings.Contains(d.log(), "the server has ended"); ended != c.ends {
				t.Errorf("the server ended: %v, want %v", ended, c.ends)
			}

			d.interrupt()
			if after := withoutCaches(snapshot(dir)); after != before {
				t.Errorf("the project is another:\nbefore:\n%s\nafter:\n%s", before, after)
			}
			log := d.log()
			for _, want := range []string{"\nauthkit | ", "\napp     | ", "code for " + emulator.DefaultEmail, c.log} {
				if !strings.Contains("\n"+log, want) {
					t.Errorf("the log has no %q", want)
				}
			}
			if strings.Contains(log, "sk_live_dev_test") || strings.Contains(log, "no login yet") || strings.Contains(log, "\x1b[") {
				t.Error("the log has a secret, denies the login, or is coloured")
			}
			if t.Failed() {
				t.Logf("the log:\n%s", log)
			}
		})
	}
}

// example is a copy of an example that has the tests' environment.
func example(t *testing.T, name string) (dir, python string) {
	t.Helper()
	python = os.Getenv("AUTHFIT_TEST_PYTHON")
	if python == "" {
		t.Fatal("run `make test`: it sets up the Python that this test needs")
	}
	dir = filepath.Join(t.TempDir(), name)
	if err := verify.CopyProject(filepath.Join("../../examples", name), dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(filepath.Dir(python)), filepath.Join(dir, ".venv")); err != nil {
		t.Fatal(err)
	}
	return dir, python
}

// A dev is a run of authfit dev that a program drives.
type dev struct {
	*testing.T
	AppURL       string `json:"app_url"`
	AuthKitURL   string `json:"authkit_url"`
	InspectorURL string `json:"inspector_url"`

	cmd    *exec.Cmd
	client *http.Client
	stderr lockedBuffer
}

// startDev starts authfit dev, and reads where everything is.
func startDev(t *testing.T, args ...string) *dev {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &dev{T: t, client: &http.Client{Jar: jar, Timeout: 2 * time.Second}}
	authfit, err := exec.LookPath("authfit")
	if err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(authfit, append([]string{"dev", "--output", "json"}, args...)...)
	d.cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	d.cmd.Stderr = &d.stderr
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.cmd.Process.Signal(os.Interrupt); _ = d.cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, d)
	}
	if err != nil {
		t.Fatalf("the first line is %q: %v\n%s", line, err, d.log())
	}
	return d
}

func (d *dev) log() string { return d.stderr.String() }

// get is where a browser comes to from an address, and what it sees there; the
// page is empty where there is none.
func (d *dev) get(address string) (at, page string) {
	d.Helper()
	request, err := http.NewRequestWithContext(d.Context(), http.MethodGet, address, nil)
	if err != nil {
		d.Fatal(err)
	}
	request.Header.Set("Accept", "text/html")
	answer, err := d.client.Do(request)
	if err != nil {
		return "", ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return "", ""
	}
	return answer.Request.URL.String(), string(text)
}

// shows says whether a page for members shows who is signed in.
func (d *dev) shows(account string) bool {
	at, page := d.get(account)
	return at == account && strings.Contains(page, emulator.DefaultEmail)
}

var authorizationField = regexp.MustCompile(`name="authorization" value="([^"]+)"`)

// signIn opens a page for members only, and signs in at the AuthKit that it leads to.
func (d *dev) signIn(account string) {
	d.Helper()
	d.client.Timeout = time.Minute
	defer func() { d.client.Timeout = 2 * time.Second }()
	at, page := d.get(account)
	field := authorizationField.FindStringSubmatch(page)
	if field == nil || !strings.HasPrefix(at, d.AuthKitURL+"/") {
		d.Fatalf("%s does not lead to the sign-in page:\n%s\n%s", account, page, d.log())
	}
	answer, err := d.client.PostForm(d.AuthKitURL+"/user_management/authorize", url.Values{
		"authorization": {field[1]}, "action": {"sign-in"}, "email": {emulator.DefaultEmail}, "password": {emulator.DefaultPassword},
	})
	if err != nil {
		d.Fatal(err)
	}
	_ = answer.Body.Close()
	if !d.shows(account) {
		d.Fatalf("%s does not show who is signed in\n%s", account, d.log())
	}
}

// wait waits for something that comes about by itself.
func (d *dev) wait(what string, there func() bool) {
	d.Helper()
	for end := time.Now().Add(time.Minute); !there(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("waited in vain for %s\n%s", what, d.log())
		}
	}
}

// interrupt presses Ctrl-C, and sees that nothing is left.
func (d *dev) interrupt() {
	d.Helper()
	children := descendants(d.T, d.cmd.Process.Pid)
	if len(children) < 2 {
		d.Errorf("authfit runs %v, want a server with its reloader", children)
	}
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.Errorf("authfit dev: %v, want exit code 0", err)
	}
	left := processes(d.T)
	for pid, command := range children {
		if left[pid].command == command {
			d.Errorf("%d is left: %s", pid, command)
		}
	}
}

type process struct {
	parent  int
	command string
}

// processes are all that run, by their ids.
func processes(t *testing.T) map[int]process {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]process{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 {
			pid, _ := strconv.Atoi(f[0])
			parent, _ := strconv.Atoi(f[1])
			all[pid] = process{parent, strings.Join(f[2:], " ")}
		}
	}
	return all
}

// descendants are the processes that one has started, and those these have.
func descendants(t *testing.T, of int) map[int]string {
	t.Helper()
	all, found := processes(t), map[int]string{}
	for again := true; again; {
		again = false
		for pid, p := range all {
			if _, known := found[pid]; !known && (p.parent == of || found[p.parent] != "") {
				found[pid], again = p.command, true
			}
		}
	}
	return found
}

// withoutCaches is a snapshot without what Python and the apps themselves write.
func withoutCaches(snapshot string) string {
	lines := slices.DeleteFunc(strings.Split(snapshot, "\n"), func(line string) bool {
		return strings.Contains(line, "__pycache__") || strings.Contains(line, "sqlite") || strings.Contains(line, "instance")
	})
	return strings.Join(lines, "\n")
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := verify.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
