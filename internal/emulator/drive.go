package emulator

import "time"

// What a test does to an emulator, beside asking it by HTTP.

// MoveClock puts the clock ahead by so much more, or back.
func (e *Emulator) MoveClock(by time.Duration) {
	e.setDefaults()
	e.control.moved.Add(int64(by))
}

// SetAccessTokenLifetime changes how long the next access tokens are valid. Below
// zero they have expired already; zero is what it was at first.
func (e *Emulator) SetAccessTokenLifetime(lifetime time.Duration) {
	e.setDefaults()
	if lifetime == 0 {
		e.control.lifetime.Store(nil)
		return
	}
	e.control.lifetime.Store(&lifetime)
}

// Fail has the next requests of a route fail, or take longer.
func (e *Emulator) Fail(f Failure) {
	e.setDefaults()
	if f.Count == 0 {
		f.Count = 1
	}
	e.control.add(f, e.Now())
}

// Requests are the newest 500 that were answered, oldest first.
func (e *Emulator) Requests() []Request { return e.traffic.all() }
