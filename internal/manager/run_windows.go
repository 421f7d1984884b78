package manager

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// newGroup keeps a Ctrl-C in the console from the command.
func newGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// inherit does nothing: os/exec passes no files on here, and a lock of Windows
// is the process's and not the file's. A manager that outlives us is not seen.
func inherit(*exec.Cmd, *os.File) {}

// InterruptGroup does nothing: Windows has no interrupt for another group.
func InterruptGroup(int) {}

// KillGroup ends a process and all that it started.
func KillGroup(pid int) {
	_ = exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(pid)).Run()
}

// Alive says whether a process runs.
func Alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err == nil {
		_ = p.Release()
	}
	return err == nil
}
