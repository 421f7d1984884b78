package emulator

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// listener reads a stream of events.
type listener struct {
	*testing.T
	stop   context.CancelFunc
	header http.Header
	lines  *bufio.Scanner
}

type event struct{ id, name, data string }

// listen opens the stream. It is closed when the test ends, or by stop.
func (b *bench) listen(query, last string) *listener {
	b.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	r := b.request("GET", inspectorPath+"/api/events"+query, "", "").WithContext(ctx)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stop()
		response.Body.Close()
	})
	if response.StatusCode != 200 {
		b.Fatalf("no events: %d", response.StatusCode)
	}
	return &listener{b.T, stop, response.Header, bufio.NewScanner(response.Body)}
}

// next gives the next event, which has to have a name.
func (l *listener) next(name string) event {
	l.Helper()
	var e event
	for l.lines.Scan() {
		field, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch {
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data = value
		case field == "" && value == "" && e.name == name:
			return e
		case field == "" && value == "" && e.name != "":
			l.Fatalf("got %+v, want %s", e, name)
		}
	}
	l.Fatalf("the stream ended before %s: %v", name, l.lines.Err())
	return e
}

func (l *listener) request() requestObject {
	l.Helper()
	e := l.next("request")
	var out requestObject
	if err := json.Unmarshal([]byte(e.data), &out); err != nil || out.ID != e.id {
		l.Fatalf("%v: %+v", err, e)
	}
	return out
}

// ends waits for the end of the stream.
func (l *listener) ends() {
	l.Helper()
	for l.lines.Scan() {
		if strings.HasPrefix(l.lines.Text(), "event:") {
			l.Errorf("got %s", l.lines.Text())
		}
	}
}

func TestInspectorEvents(t *testing.T) {
	b := newBench(t, &Emulator{})
	b.get("/before", nil)
	l := b.listen("", "")
	if got := l.header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	b.login()
	for _, want := range []string{"GET", "POST", "POST"} {
		if got := l.request(); got.Method != want || got.Status == 404 || (got.Path == tokenPath) != (got.AccessToken != nil) {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	b.inspect("PUT", "clock", `{"offset_seconds": 1}`, 200)
	l.next("changed")
	b.get("/after", nil)
	if got := l.request(); got.Path != "/after" || got.Time != "2030-01-02T03:04:06.000Z" {
		t.Errorf("%+v", got)
	}
}

// Who comes back gets what was missed, by the header that browsers send or by
// the query, and once.
func TestInspectorEventsResume(t *testing.T) {
	b := newBench(t, &Emulator{})
	for i := range 4 {
		b.get(fmt.Sprint("/", i), nil)
	}
	all := b.data("requests")
	id := func(i int) string { return all[i]["id"].(string) }
	for _, test := range []struct {
		query, last string
		from        int
	}{
		{"", id(1), 2}, {"?after=" + id(2), "", 3}, {"?after=" + id(0), id(2), 3}, {"?after=", "", 0}, {"?after=req_gone", "", 0}, {"", id(3), 4},
	} {
		l := b.listen(test.query, test.last)
		for i := test.from; i < 4; i++ {
			if got := l.request(); got.ID != id(i) {
				t.Errorf("after %+v: got %s, want request %d", test, got.Path, i)
			}
		}
		l.stop()
	}
	l := b.listen("", id(3))
	for i := range maxTraffic + 1 {
		b.e.traffic.add(Request{ID: fmt.Sprint(i)})
		if i == 0 {
			l.request()
			l.stop()
		}
	}
	l = b.listen("", id(2))
	l.next("missed")
	if got := l.request(); got.ID != "1" {
		t.Errorf("%+v", got)
	}
}

// The server's deadlines are for requests, not for streams.
func TestInspectorEventsOutliveDeadlines(t *testing.T) {
	b := newBench(t, &Emulator{})
	server := httptest.NewUnstartedServer(b.e)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	b.url = server.URL
	l := b.listen("", "")
	time.Sleep(500 * time.Millisecond)
	b.e.traffic.add(Request{ID: "late"})
	if got := l.request(); got.ID != "late" {
		t.Errorf("%+v", got)
	}
	l.stop()

	b.inspect("POST", "failures", `{"delay_ms": 500, "count": -1}`, 201)
	if a := b.post(tokenPath, codeExchange("no code")); a.status != 400 {
		t.Errorf("a delay that is longer than the deadlines: %d %s", a.status, a.body)
	}
}

// Many read at once, nobody holds up a login, and who reads nothing at all is
// told later that some are missing. When the server closes, nothing is left.
func TestInspectorEventsManyReaders(t *testing.T) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	before := runtime.NumGoroutine()
	b := newBench(t, &Emulator{})
	server, err := b.e.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.url = server.URL
	idle, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := io.WriteString(idle, "GET /_authfit/api/events?after= HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var listeners []*listener
	for range maxReaders - 1 {
		listeners = append(listeners, b.listen("", ""))
	}
	for end := time.Now().Add(10 * time.Second); b.readers() < maxReaders; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d readers", b.readers())
		}
	}
	b.refuses("GET", "events", "", 503, "too_many_readers", "too many")
	b.login()
	var all sync.WaitGroup
	for _, l := range listeners {
		all.Go(func() {
			for range 3 {
				l.request()
			}
			l.stop()
		})
	}
	all.Wait()

	// More than the connection's buffers take, while nobody reads.
	big := Request{ID: "big", Outcome: strings.Repeat("x", 20_000)}
	for range 8 * maxTraffic {
		b.e.traffic.add(big)
		if n := b.e.traffic.now(); n%maxTraffic == 0 {
			time.Sleep(2 * streamPause)
		}
	}
	b.login()
	last := b.data("requests")[maxTraffic-1]["id"].(string)
	if err := idle.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	missed := false
	lines := bufio.NewReader(idle)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		missed = missed || line == "event: missed\n"
		if line == "id: "+last+"\n" {
			break
		}
	}
	if !missed {
		t.Error("some are missing, but who reads was not told")
	}

	l := b.listen("", "")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if n := b.readers(); n != 0 {
		t.Errorf("%d readers are left", n)
	}
	l.ends()
	l.stop()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+2; time.Sleep(10 * time.Millisecond) {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		if time.Now().After(end) {
			buffer := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, and %d before:\n%s", runtime.NumGoroutine(), before, buffer[:runtime.Stack(buffer, true)])
		}
	}
}

// The end waits for who still reads.
func TestTrafficEnd(t *testing.T) {
	tr := &traffic{}
	if !tr.join() {
		t.Fatal("nobody may read")
	}
	wake := tr.since(0).wake
	ended := make(chan bool)
	go func() {
		tr.end()
		close(ended)
	}()
	<-wake
	if !tr.since(0).ended || tr.join() {
		t.Error("it goes on")
	}
	select {
	case <-ended:
		t.Error("somebody still reads")
	case <-time.After(20 * time.Millisecond):
	}
	tr.leave()
	<-ended
}

func (b *bench) readers() int {
	b.e.traffic.mu.Lock()
	defer b.e.traffic.mu.Unlock()
	return b.e.traffic.open
}

// Closing the emulator ends the streams, whoever serves it, and those that come
// afterwards.
func TestInspectorEventsEnd(t *testing.T) {
	b := newBench(t, &Emulator{})
	l := b.listen("", "")
	b.get("/sso/jwks/"+DefaultClientID, nil)
	l.request()
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	l.ends()
	b.refuses("GET", "events", "", 503, "too_many_readers", "stopping")
}
