package manager

import (
	"os/exec"
	"strconv"
	"syscall"
)

// newGroup keeps a Ctrl-C in the console from the command.
func newGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interruptGroup does nothing: Windows has no interrupt for another group.
func interruptGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) {
	_ = exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run()
}
