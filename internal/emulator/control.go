package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"
)

// control is what the inspector changes of the emulator itself.
type control struct {
	moved    atomic.Int64                  // the clock, in nanoseconds
	lifetime atomic.Pointer[time.Duration] // of access tokens; nil: as configured

	mu       sync.Mutex
	failures []*injection
}

// Failure is what the next requests of a route get.
type Failure struct {
	// Method and Path say which route, its parameters in braces. Empty: any.
	Method string
	Path   string
	// Status is answered in place of what would be. Zero: what would be.
	Status int
	// Delay is how long the answer takes, in milliseconds.
	Delay int
	// Count is how many requests get it. Zero: one; below zero: all.
	Count int

	at *yaml.Node // in a file of seeds, for its line
}

// checked gives a failure with the path as the table of routes has it. An error says
// that no request ever gets it.
func (f Failure) checked() (Failure, error) {
	route, there := failing(f.Method, f.Path)
	switch {
	case !there:
		return f, fmt.Errorf("there is no route %s to fail; without method and path it is any", strings.TrimSpace(f.Method+" "+f.Path))
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return f, errors.New("status is that of an error, from 400 to 599")
	case f.Delay < 0 || f.Delay > maxDelay:
		return f, errors.New("delay_ms is of two minutes at most")
	case f.Status == 0 && f.Delay == 0:
		return f, errors.New("a failure has a status or a delay_ms")
	}
	f.Path = route
	if f.Count == 0 {
		f.Count = 1
	}
	return f, nil
}

// set puts the clock and the failures to what an emulator begins with.
func (c *control) set(e *Emulator) {
	c.moved.Store(int64(e.ClockAhead))
	c.lifetime.Store(nil)
	c.mu.Lock()
	c.failures = nil
	c.mu.Unlock()
	for _, f := range e.Failures {
		if f, err := f.checked(); err == nil { // otherwise checkSeeds says so
			c.add(f, e.Now())
		}
	}
}

// keptControl is what a state file keeps of a control.
type keptControl struct {
	Moved    time.Duration
	Lifetime *time.Duration
	Failures []injection
}

const theControl = "control" // the id: there is one

// saveControl keeps what has changed.
func (e *Emulator) saveControl() *failure {
	return e.store.do(e.noteControl)
}

// noteControl is that inside of the store.
func (e *Emulator) noteControl() {
	c := &e.control
	e.store.controls.put(theControl, &keptControl{c.offset(), c.lifetime.Load(), c.list()})
}

// restore puts everything to what a state file has kept.
func (c *control) restore(kept *keptControl) {
	c.moved.Store(int64(kept.Moved))
	c.lifetime.Store(kept.Lifetime)
	c.failures = nil
	for i := range kept.Failures {
		c.failures = append(c.failures, &kept.Failures[i])
	}
}

func (c *control) add(f Failure, now time.Time) injection {
	c.mu.Lock()
	defer c.mu.Unlock()
	added := injection{newID("failure_", now), f.Method, f.Path, f.Status, f.Delay, f.Count}
	c.failures = append(c.failures, &added)
	return added
}

func (c *control) offset() time.Duration { return time.Duration(c.moved.Load()) }

// tokenLifetime is how long the next access token is valid. Below zero it has
// expired when it is issued.
func (e *Emulator) tokenLifetime() time.Duration {
	if set := e.control.lifetime.Load(); set != nil {
		return *set
	}
	return e.AccessTokenLifetime
}

// injection is a failure that the next requests of a route get.
type injection struct {
	ID string `json:"id"`
	// Method and Path say which route, as the table has it. Empty: any.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Status is answered in place of what would be; 0: what would be.
	Status int `json:"status,omitempty"`
	// Delay is how long the answer takes, in milliseconds.
	Delay int `json:"delay_ms,omitempty"`
	// Count is how many requests get it. Below 0: all until it is removed.
	Count int `json:"count"`
}

// next gives the failure that a request gets, or nil.
func (c *control) next(r *route) *injection {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, f := range c.failures {
		if f.Method != "" && f.Method != r.method || f.Path != "" && f.Path != r.path {
			continue
		}
		found := *f
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				c.failures = append(c.failures[:i:i], c.failures[i+1:]...)
			}
		}
		return &found
	}
	return nil
}

// inject fails or delays a request as the inspector was told to, and reports
// whether it has been answered.
func (c *control) inject(on *call, r *route) bool {
	f := c.next(r)
	if f == nil {
		return false
	}
	if f.Count > 0 {
		_ = on.e.saveControl() // what a state file did not take is in memory
	}
	if f.Delay > 0 {
		delay := time.Duration(f.Delay) * time.Millisecond
		on.extend(delay)
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-on.r.Context().Done():
		}
	}
	if f.Status == 0 {
		return false
	}
	on.w.Header().Set("Retry-After", "1")
	on.fail(apiFailure(f.Status, "injected_failure", "this failure was asked for in the inspector: "+http.StatusText(f.Status)))
	return true
}

// extend gives a request more time than the server gives to any other. Where the
// connection has no deadline there is none to move.
func (c *call) extend(by time.Duration) {
	connection := http.NewResponseController(c.w)
	until := time.Now().Add(by + answerTime)
	_, _ = connection.SetReadDeadline(until), connection.SetWriteDeadline(until)
}

// list gives the failures that are still to come.
func (c *control) list() []injection {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]injection, len(c.failures))
	for i, f := range c.failures {
		all[i] = *f
	}
	return all
}

// maxFailures is how many can wait at once.
const maxFailures = 100

// remove takes away a failure, or all where id is empty. It reports whether there
// was one.
func (c *control) remove(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.failures)
	c.failures = slices.DeleteFunc(c.failures, func(f *injection) bool { return id == "" || f.ID == id })
	return len(c.failures) < before
}
