//go:build unix

package git

import (
	"os"
	"os/exec"
	"syscall"
)

// terminal says whether there is one to ask on, as ssh does for the passphrase of
// a key that signs.
var terminal = func() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}

// group has git's hooks end with it: git leaves them running. With a terminal,
// Ctrl-C is for all of us, and only who is in our group may ask there.
func group(cmd *exec.Cmd) (end func()) {
	if terminal() {
		return func() {}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	return func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
