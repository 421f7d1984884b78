//go:build unix

package devserver

import (
	"os/exec"
	"syscall"
)

// apart keeps the terminal's Ctrl-C from a command.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
