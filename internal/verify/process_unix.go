//go:build unix

package verify

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the command the leader of a process group, so that what it
// starts (a reloader's child, a worker) can be ended with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// askGroup asks every process of the group to end. It fails only where there
// is none any more.
func askGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
