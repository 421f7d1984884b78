//go:build !unix

package verify

import (
	"os/exec"

	"authfit/internal/manager"
)

// Without process groups there is nothing to prepare.
func ownGroup(*exec.Cmd) {}

// askGroup ends the process and what it has started: there is no way to ask.
func askGroup(cmd *exec.Cmd) { manager.KillGroup(cmd.Process.Pid) }

// killGroup ends the process alone, since it may have ended, and its id may be
// another's by now.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
