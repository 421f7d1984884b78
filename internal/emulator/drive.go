package emulator

import "time"

// What a test does to an emulator, beside asking it by HTTP.

// MoveClock puts the clock ahead by so much more, or back.
func (e *Emulator) MoveClock(by time.Duration) {
	e.setDefaults()
	e.control.moved.Add(int64(by))
	_ = e.saveControl() // what a state file did not take is in memory; so below
}

// SetAccessTokenLifetime changes how long the next access tokens are valid. Below
// zero they have expired already; zero is what it was at first.
func (e *Emulator) SetAccessTokenLifetime(lifetime time.Duration) {
	e.setDefaults()
	set := &lifetime
	if lifetime == 0 {
		set = nil
	}
	e.control.lifetime.Store(set)
	_ = e.saveControl()
}

// Fail has the next requests of a route fail, or take longer. An error says that no
// request ever would.
func (e *Emulator) Fail(f Failure) error {
	e.setDefaults()
	f, err := f.checked()
	if err != nil {
		return err
	}
	e.control.add(f, e.Now())
	_ = e.saveControl()
	return nil
}

// Requests are the newest 500 that were answered, oldest first.
func (e *Emulator) Requests() []Request { return e.traffic.all() }
