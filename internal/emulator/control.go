package emulator

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
	// Count is how many requests get it. Below zero: all.
	Count int
}

// set puts the clock and the failures to what an emulator begins with.
func (c *control) set(e *Emulator) {
	c.moved.Store(int64(e.ClockAhead))
	c.lifetime.Store(nil)
	c.mu.Lock()
	c.failures = nil
	c.mu.Unlock()
	for _, f := range e.Failures {
		c.add(f, e.Now())
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
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				c.failures = append(c.failures[:i:i], c.failures[i+1:]...)
			}
		}
		found := *f
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
