package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// heartbeat is how long a stream is silent at most, so that both ends notice
	// when the other is gone.
	heartbeat = 15 * time.Second
	// streamPause is how long requests are gathered once one was told of.
	streamPause = 50 * time.Millisecond
	// slowest is how long a reader may take to take what is written.
	slowest = 10 * time.Second
)

// inspectEvents serves GET /_authfit/api/events: server-sent events, of the name
//
//	request  a requestObject, whose id is the event's
//	changed  something was changed in the inspector: clock, failures, sessions, mail, all
//	missed   some requests before the next are not there any more
//
// It begins behind the request that the header Last-Event-ID or ?after= names, or
// with the next one.
func (e *Emulator) inspectEvents(c *call) {
	if !e.traffic.join() {
		c.fail(apiFailure(http.StatusServiceUnavailable, "too_many_readers", "too many listen already, or the emulator is stopping"))
		return
	}
	defer e.traffic.leave()
	query, _ := url.ParseQuery(c.r.URL.RawQuery) // what cannot be read is no id
	last := c.r.Header.Get("Last-Event-ID")
	if last == "" {
		last = query.Get("after")
	}
	place := e.traffic.now()
	if last != "" || query.Has("after") {
		place = e.traffic.after(last)
	}
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.begin(http.StatusOK, "events")
	s := &stream{call: c, place: place, changes: e.traffic.since(place).changes, connection: http.NewResponseController(c.w)}
	s.run()
}

// stream is what one reader gets.
type stream struct {
	*call
	connection *http.ResponseController
	place      uint64
	changes    uint64
}

// run returns when the reader is gone, or too slow, or the emulator closes.
func (s *stream) run() {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	text := []byte("retry: 1000\n\n")
	for {
		if !s.write(text) {
			return
		}
		if len(text) > 0 && !s.wait(streamPause) {
			return
		}
		n := s.e.traffic.since(s.place)
		text = s.events(&n)
		switch {
		case n.ended:
			s.write(text)
			return
		case len(text) > 0:
			continue
		}
		select {
		case <-n.wake:
		case <-beat.C:
			text = []byte(": still here\n\n")
		case <-s.r.Context().Done():
			return
		}
	}
}

func (s *stream) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.r.Context().Done():
		return false
	}
}

// events writes what there is to tell, and takes note of it.
func (s *stream) events(n *news) []byte {
	var out bytes.Buffer
	if n.missed {
		out.WriteString("event: missed\ndata: {}\n\n")
	}
	for i := range n.requests {
		text, err := json.Marshal(s.e.requestResponse(&n.requests[i]))
		if err != nil { // cannot happen: it is a plain struct
			panic(err)
		}
		fmt.Fprintf(&out, "id: %s\nevent: request\ndata: %s\n\n", n.requests[i].ID, text)
	}
	if n.changes != s.changes {
		out.WriteString("event: changed\ndata: {}\n\n")
	}
	s.place, s.changes = n.next, n.changes
	return out.Bytes()
}

// write reports whether the reader has taken it.
func (s *stream) write(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	_ = s.connection.SetWriteDeadline(time.Now().Add(slowest)) // a recorder in a test has none
	if _, err := s.w.Write(text); err != nil {
		return false
	}
	return s.connection.Flush() == nil
}
