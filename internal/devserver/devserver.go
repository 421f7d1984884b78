// Package devserver keeps an app's own development server running, and settles
// where the app and its AuthKit are and what the app is told of that.
//
// Most errors the frameworks' reloaders live through: they show them, and load
// the app again once it is mended. Some they end with: Flask's when the app
// cannot be imported at the start, Django's when manage.py or the settings
// cannot. Then the server is started again as soon as a file has changed.
package devserver

import (
	"context"
	"sync"
	"time"

	"authfit/internal/verify"
)

// A Server is what is to be kept running. Set the fields, then call Run.
type Server struct {
	Argv []string
	Dir  string // to run it in
	Env  []string
	Addr string // where it listens
	Root string // the folder whose files bring it back
	// Mask is applied to every line of the server's. Nil: as it is.
	Mask func(string) string
	// Output gets each line that the server writes, and Note what becomes of it.
	Output, Note func(line string)
	// Ready is called once, when the server takes connections.
	Ready func()
}

const (
	// bootLimit is after how long it is said that nothing listens yet.
	bootLimit = time.Minute
	// pollEvery is how often files are looked at while the server is down, and
	// the least time between two starts.
	pollEvery = 300 * time.Millisecond
)

// Run keeps the server running until the context is done. Nothing of it is left
// then. It is an error that it cannot be started at all.
func (s *Server) Run(ctx context.Context) error {
	var once sync.Once
	for {
		// Before the start: what is changed after it, while the app is loaded or
		// the reloader ends, must not be missed.
		before := look(s.Root)
		p := &verify.Process{Argv: s.Argv, Dir: s.Dir, Env: s.Env, Mask: s.Mask, Output: s.Output}
		if err := p.Start(); err != nil {
			return err
		}
		s.watch(ctx, p, &once)
		if ctx.Err() != nil {
			return nil
		}
		s.Note("the server has ended (" + p.Ending() + "); it is started again when a file has changed")
		name, ok := change(ctx, s.Root, before)
		if !ok {
			return nil
		}
		s.Note(name + " has changed; the server is started again")
	}
}

// watch waits until the server has ended, and ends it with the context.
func (s *Server) watch(ctx context.Context, p *verify.Process, once *sync.Once) {
	var ready sync.WaitGroup
	ready.Go(func() {
		switch err := p.WaitReady(ctx, s.Addr, bootLimit); {
		case err == nil:
			once.Do(s.Ready)
		case p.Running() && ctx.Err() == nil:
			s.Note(err.Error() + ": is that where the server is told to listen?")
		}
	})
	select {
	case <-p.Done():
	case <-ctx.Done():
	}
	p.Stop()
	ready.Wait()
}
