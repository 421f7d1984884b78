package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Process is a server that is started, waited for and stopped, together with
// every process that it starts itself. Set the fields, then call Start.
type Process struct {
	Argv []string
	Dir  string
	Env  []string
	// Mask is applied to every line before it is kept or passed on. Nil: as it is.
	Mask func(string) string
	// Output gets each line as it comes, for a person who watches. Nil: nothing.
	Output func(line string)

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // how it ended; read after done
	log  tail
}

// keptLines is how much of a process's output is kept: enough for a traceback
// of the deep call stacks of web frameworks.
const keptLines = 400

// stopGrace is how long a process may take to end when it is asked to.
const stopGrace = 3 * time.Second

// Start starts the process in a group of its own.
func (p *Process) Start() error {
	p.log.mask, p.log.pass = p.Mask, p.Output
	p.cmd = exec.Command(p.Argv[0], p.Argv[1:]...)
	p.cmd.Dir, p.cmd.Env = p.Dir, p.Env
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	// A grandchild that outlives the process holds its output open; waiting
	// for that would have no end.
	p.cmd.WaitDelay = time.Second
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.done = make(chan struct{})
	go func() {
		p.err = p.cmd.Wait()
		killGroup(p.cmd)
		p.log.flush()
		close(p.done)
	}()
	return nil
}

// WaitReady waits until addr ("127.0.0.1:8000") takes connections. It is an
// error when the process ends before that, the context is done, or the limit
// is over.
func (p *Process) WaitReady(ctx context.Context, addr string, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("nothing listens on %s after %s", addr, limit))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr); err == nil {
			conn.Close()
			// What answers could be another program, on whose port this one failed.
			if p.Running() {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("the process ended: %s", p.Ending())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ending is "exit status 1" or "signal: killed"; it is called once Done is closed.
func (p *Process) Ending() string {
	if p.err == nil {
		return "exit status 0"
	}
	if errors.Is(p.err, exec.ErrWaitDelay) {
		return "exit status 0, leaving children behind"
	}
	return p.err.Error()
}

// Stop ends the process and its whole group: asked first, killed after a few
// seconds. It may be called more than once, and before Start.
func (p *Process) Stop() {
	if p.done == nil {
		return
	}
	if p.Running() {
		askGroup(p.cmd)
		select {
		case <-p.done:
		case <-time.After(stopGrace):
		}
		killGroup(p.cmd)
	}
	<-p.done
}

// LastLines are the last n lines that the process wrote, masked.
func (p *Process) LastLines(n int) []string { return p.log.last(n) }

// mark is a place in the output, for since.
func (p *Process) mark() int { return p.log.count() }

// since are the lines written after a mark, as far as they are kept.
func (p *Process) since(mark int) []string { return p.log.last(p.log.count() - mark) }

// tail keeps the last lines of what is written to it.
type tail struct {
	mu    sync.Mutex
	lines []string
	total int // lines ever written
	part  []byte
	mask  func(string) string
	pass  func(string)
}

// Write takes output apart into lines.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.part = append(t.part, b...)
	for {
		line, rest, found := bytes.Cut(t.part, []byte("\n"))
		if !found {
			// A progress bar has no line ends: keep what it can hold.
			if len(t.part) > 1<<16 {
				t.part = t.part[len(t.part)-1<<15:]
			}
			return len(b), nil
		}
		t.add(string(line))
		t.part = append([]byte(nil), rest...)
	}
}

func (t *tail) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.part) > 0 {
		t.add(string(t.part))
		t.part = nil
	}
}

var terminalCodes = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

func (t *tail) add(line string) {
	const longest = 2000
	line = strings.TrimRight(line, "\r")
	line = terminalCodes.ReplaceAllString(strings.ToValidUTF8(line, "\uFFFD"), "")
	if t.mask != nil {
		line = t.mask(line)
	}
	if t.pass != nil {
		t.pass(line)
	}
	if len(line) > longest {
		line = strings.ToValidUTF8(line[:longest], "") + "..."
	}
	t.total++
	t.lines = append(t.lines, line)
	if len(t.lines) > keptLines {
		t.lines = t.lines[len(t.lines)-keptLines:]
	}
}

func (t *tail) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

func (t *tail) last(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines[max(0, len(t.lines)-n):]...)
}

// given counts the ports that FreePort gave.
var given atomic.Int64

// FreePort is a TCP port that is free on loopback. The kernel would give one
// again until its server is up, to another test or program too: so each process
// has a hundred ports of its own, below those that the kernel gives, and takes
// them in turn.
func FreePort() (int, error) {
	const first, blocks, size = 12000, 190, 100
	block := first + os.Getpid()%blocks*size
	for range size {
		port := block + int(given.Add(1))%size
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no port from %d to %d is free", block, block+size-1)
}
