//go:build unix

package git

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An interrupt ends the hook too, which would go on writing files that are being
// put back.
func TestInterruptEndsTheHook(t *testing.T) {
	was := terminal
	terminal = func() bool { return false }
	t.Cleanup(func() { terminal = was })
	l := newLab(t)
	l.write(".git/hooks/pre-commit", "#!/bin/sh\necho $$\nexec sleep 1000\n")
	l.write("new.py", "new")
	before := l.state()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pid := &canceller{cancel: cancel}
	if _, err := l.Commit(ctx, "login", "message", []string{"new.py"}, pid); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff(before, l.state()); diff != "" {
		t.Errorf("something is left of it:\n%s", diff)
	}
	out, _ := exec.Command("ps", "-o", "stat=", "-p", pid.said).Output() // fails where there is none
	if stat := strings.TrimSpace(string(out)); pid.said == "" || stat != "" && !strings.HasPrefix(stat, "Z") {
		t.Errorf("the hook %q is still %q", pid.said, stat)
	}
}

// A canceller cancels once something is said.
type canceller struct {
	said   string
	cancel context.CancelFunc
}

func (c *canceller) Write(p []byte) (int, error) {
	c.said += strings.TrimSpace(string(p))
	c.cancel()
	return len(p), nil
}
