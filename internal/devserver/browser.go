package devserver

import (
	"os"
	"os/exec"
	"runtime"
)

// Open opens an address in the user's browser where there is one to be seen. It
// says whether it tried.
func Open(address string) bool {
	name, args := opener()
	if name == "" {
		return false
	}
	cmd := exec.Command(name, append(args, address)...)
	apart(cmd) // Ctrl-C is not for the browser
	if cmd.Start() != nil {
		return false
	}
	go func() { _ = cmd.Wait() }() // some openers stay as long as the browser
	return true
}

// opener is the program that opens an address, and what comes before that; empty
// where no screen is known of.
func opener() (name string, args []string) {
	if os.Getenv("SSH_CONNECTION") != "" && os.Getenv("DISPLAY") == "" {
		return "", nil // the screen is another machine's
	}
	switch runtime.GOOS {
	case "darwin":
		return "open", nil
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler"}
	}
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return "", nil
	}
	return "xdg-open", nil
}
