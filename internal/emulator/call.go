package emulator

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Request is one answered request, for a log line or a test.
type Request struct {
	// ID is what the answer carried as x-request-id.
	ID     string
	Time   time.Time
	Method string
	Path   string
	// Params holds the query, or the body of a POST, decoded. Only parameters
	// known to carry no secret are shown; of any other, its length.
	Params map[string]string
	Status int
	// Outcome says in a few words what was decided and why.
	Outcome string

	claims *claims // of the access token in the answer
}

// String is the request as one line of a log.
func (r Request) String() string {
	return fmt.Sprintf("%s %d %s %s: %s", r.Time.Format(time.TimeOnly), r.Status, r.Method, printable(r.Path), printable(r.Outcome))
}

// printable keeps what came from the network on one line and off the
// terminal's controls.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, s)
}

// shownParams are the parameters that a log may show in full.
var shownParams = map[string]bool{
	"action": true, "client_id": true, "code_challenge": true, "code_challenge_method": true,
	"connection_id": true, "domain_hint": true, "email": true, "grant_type": true,
	"login_hint": true, "max_age": true, "organization_id": true, "prompt": true,
	"provider": true, "redirect_uri": true, "response_type": true, "return_to": true,
	"screen_hint": true, "session_id": true,
}

// masked gives a parameter's value as a log may show it. A key in the wrong
// field is still a key.
func masked(name, value string) string {
	if shownParams[name] && !strings.Contains(value, "sk_") {
		return value
	}
	return fmt.Sprintf("[%d characters]", utf8.RuneCountInString(value))
}

// call is one request on its way to its answer.
type call struct {
	e   *Emulator
	w   http.ResponseWriter
	r   *http.Request
	now time.Time
	log Request
	// params are what stands for the braces in the route's path.
	params map[string]string
}

func newCall(e *Emulator, w http.ResponseWriter, r *http.Request) *call {
	now := e.now()
	id := newID("req_", now)
	header := w.Header()
	header.Set("X-Request-Id", id)
	header.Set("X-Content-Type-Options", "nosniff")
	// Nothing here may be stored: codes, tokens and pages that lead to them.
	header.Set("Cache-Control", "no-store")
	return &call{e: e, w: w, r: r, now: now, log: Request{
		ID: id, Time: now, Method: r.Method, Path: r.URL.Path, Params: map[string]string{},
	}}
}

func (c *call) finish() {
	c.e.traffic.add(c.log)
	if c.e.Log != nil {
		c.e.Log(c.log)
	}
}

// noteFields records the fields of a body for the log, masked.
func (c *call) noteFields(in fields) {
	for name, value := range in.body {
		c.log.Params[name] = masked(name, fmt.Sprint(value))
	}
}

// note records parameters for the log, masked.
func (c *call) note(values url.Values) {
	for name, all := range values {
		c.log.Params[name] = masked(name, strings.Join(all, " "))
	}
}

// clientIP is where the request comes from.
func (c *call) clientIP() string {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// userAgent is the browser's name for itself, bounded, since it is kept.
func (c *call) userAgent() string {
	text := c.r.UserAgent()
	return strings.Clone(text[:min(len(text), 200)])
}

// base is the emulator's own base URL, as this request reached it.
func (c *call) base() string {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.r.Host
}

func (c *call) json(status int, outcome string, body any) {
	text, err := json.Marshal(body)
	if err != nil { // cannot happen: all bodies are plain structs
		panic(err)
	}
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.begin(status, outcome)
	_, _ = c.w.Write(text) // the client is gone; there is nobody to tell
}

func (c *call) fail(f *failure) {
	c.json(f.status, f.code+": "+f.text, f.body())
}

// redirect sends the browser to a checked address with parameters added to its
// query. A redirect URI may have a query of its own, which stays (RFC 6749,
// section 3.1.2).
func (c *call) redirect(to string, add url.Values, outcome string) {
	if len(add) > 0 {
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		to += separator + add.Encode()
	}
	c.w.Header().Set("Location", to)
	c.begin(http.StatusFound, outcome)
}

func (c *call) begin(status int, outcome string) {
	c.log.Status, c.log.Outcome = status, outcome
	c.w.WriteHeader(status)
}
