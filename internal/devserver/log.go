package devserver

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// A Log is one stream of lines that come from several places at once, each with
// where it comes from before it.
type Log struct {
	W      io.Writer
	Colour bool // of what stands before a line
	// Unread is called when a line cannot be written since nobody reads any more:
	// whoever started this is gone, and would not stop it.
	Unread func()

	mu sync.Mutex
}

// colours are those of the places, by their names; they are ANSI's own, which a
// terminal shows as its user wants them.
var colours = map[string]string{"app": "32", "authkit": "35", "authfit": "36"}

// Line writes one line.
func (l *Log) Line(from, text string) {
	before := fmt.Sprintf("%-7s |", from)
	if l.Colour {
		before = "\x1b[" + colours[from] + "m" + before + "\x1b[0m"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := fmt.Fprintln(l.W, before+" "+text); errors.Is(err, syscall.EPIPE) {
		l.Unread()
	}
}
