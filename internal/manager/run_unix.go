//go:build unix

package manager

import (
	"os/exec"
	"syscall"
)

// newGroup has the command lead a process group of its own, so that a Ctrl-C in
// the terminal reaches us alone, and all that it starts can be ended with it.
func newGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interruptGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
