//go:build unix

package manager

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// newGroup has the command lead a process group of its own, so that a Ctrl-C in
// the terminal reaches us alone, and all that it starts can be ended with it.
func newGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// inherit gives the command an open file. Python closes it in what it starts
// itself, which is in the group all the same.
func inherit(cmd *exec.Cmd, f *os.File) { cmd.ExtraFiles = append(cmd.ExtraFiles, f) }

// InterruptGroup asks all processes of a group to end, as Ctrl-C does.
func InterruptGroup(group int) { _ = syscall.Kill(-group, syscall.SIGINT) }

// KillGroup ends all processes of a group.
func KillGroup(group int) { _ = syscall.Kill(-group, syscall.SIGKILL) }

// Alive says whether a process runs. One that has ended and that nobody has
// asked for its exit code does not.
func Alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // Linux has it
	_, state, ok := bytes.Cut(stat, []byte(") "))
	return err != nil || !ok || !bytes.HasPrefix(state, []byte("Z"))
}
