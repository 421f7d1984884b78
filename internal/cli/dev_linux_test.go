package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDevAtTerminal runs dev as a person does: what stands before the lines is
// coloured, the browser is opened, and a Ctrl-C that is typed ends both.
func TestDevAtTerminal(t *testing.T) {
	for _, c := range []struct {
		name             string
		env, flags       []string
		coloured, opened bool
	}{
		{"as ever", nil, nil, true, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, nil, false, true},
		{"--no-open", nil, []string{"--no-open"}, true, false},
		{"without a screen", []string{"DISPLAY="}, nil, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, port := t.TempDir(), freePort(t)
			opened := filepath.Join(dir, "opened")
			writeFile(t, filepath.Join(dir, "index.html"), "hello")
			writeFile(t, filepath.Join(dir, "xdg-open"), "#!/bin/sh\necho \"$1\" >"+opened+"\n")
			if err := os.Chmod(filepath.Join(dir, "xdg-open"), 0o755); err != nil {
				t.Fatal(err)
			}
			env := append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir(), "DISPLAY=:0", "WAYLAND_DISPLAY=", "TERM=xterm", "NO_COLOR=",
				"PATH="+dir+":"+os.Getenv("PATH"))
			args := append([]string{"dev", "-C", dir, "--port", strconv.Itoa(port), "--authkit-port", strconv.Itoa(freePort(t))}, c.flags...)
			term, cmd := atTerminal(t, append(env, c.env...), append(args, "--", os.Getenv("AUTHFIT_TEST_PYTHON"), "-m", "http.server", "--bind", "127.0.0.1", "{port}"))
			d := &dev{T: t, cmd: cmd}
			origin := fmt.Sprintf("http://localhost:%d/", port)
			d.wait("the page", func() bool {
				answer, err := http.Get(origin)
				if err == nil {
					answer.Body.Close()
				}
				return err == nil
			})
			d.wait("a request in the log", func() bool { return strings.Contains(term.String(), "\"GET / HTTP/1.1\" 200") })
			if c.opened {
				d.wait("the browser", func() bool { src, _ := os.ReadFile(opened); return string(src) == origin+"\n" })
			}
			if _, err := term.keys.WriteString("\x03"); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("authfit dev: %v, want exit code 0\n%s", err, term)
			}
			if _, err := http.Get(origin); err == nil {
				t.Error("the server still answers")
			}
			if !strings.Contains(term.String(), "no login yet: `authfit add`") {
				t.Errorf("it is not said that there is no login:\n%s", term)
			}
			if coloured := strings.Contains(term.String(), "\x1b[32mapp     |\x1b[0m "); coloured != c.coloured || !c.coloured && strings.Contains(term.String(), "\x1b") {
				t.Errorf("coloured: %v, want %v:\n%q", coloured, c.coloured, term)
			}
			if _, err := os.Stat(opened); (err == nil) != c.opened {
				t.Errorf("the browser was opened: %v, want %v", err == nil, c.opened)
			}
		})
	}
}

// A terminalScreen is what a program wrote to one, and the keys that are typed at it.
type terminalScreen struct {
	lockedBuffer
	keys *os.File
}

// atTerminal starts authfit at a terminal of its own.
func atTerminal(t *testing.T, env, args []string) (*terminalScreen, *exec.Cmd) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	authfit, err := exec.LookPath("authfit")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(authfit, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, screen, screen, screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &terminalScreen{keys: keys}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			if err != nil {
				return // the program has ended
			}
			_, _ = s.Write(b[:n])
		}
	}()
	return s, cmd
}

// TestDevUnread closes what dev writes to: whoever started it is gone, and dev
// goes too.
func TestDevUnread(t *testing.T) {
	authfit, err := exec.LookPath("authfit")
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	cmd := exec.Command(authfit, "dev", "-C", t.TempDir(), "--port", strconv.Itoa(port), "--authkit-port", strconv.Itoa(freePort(t)),
		"--", os.Getenv("AUTHFIT_TEST_PYTHON"), "-m", "http.server", "--bind", "127.0.0.1", "{port}")
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	cmd.Stdout = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt) })
	write.Close()
	if _, err := read.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	read.Close()
	d := &dev{T: t, cmd: cmd}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	d.wait("dev to end", func() bool {
		if answer, err := http.Get(fmt.Sprintf("http://localhost:%d/", port)); err == nil {
			answer.Body.Close()
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("authfit dev: %v", err)
			}
			return true
		default:
			return false
		}
	})
}
