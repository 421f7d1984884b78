package emulator

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Request is one answered request, for a log line, a test or the inspector.
type Request struct {
	// ID is what the answer carried as x-request-id.
	ID     string
	Time   time.Time
	Method string
	Path   string
	// Route is the path as the table of routes has it, with its parameters in
	// braces. Empty: nothing is served there.
	Route string
	// Params are the query's, then the body's, in no order. Only those known to
	// carry no secret are shown; of any other, its length.
	Params    []Param
	UserAgent string
	Status    int
	// Outcome says in a few words what was decided and why.
	Outcome string
	// Duration is how long the answer took.
	Duration time.Duration

	authorized bool    // had an Authorization header
	claims     *claims // of the access token in the answer
}

// Param is a parameter of a request.
type Param struct {
	Name string
	// Value is what was sent, cut where it is long. Empty where it is hidden.
	Value  string
	Hidden bool
	Length int // of what is hidden, in characters; below 0: not a text

	in place
	// literal says that Value is JSON that is no string: a number, true or false.
	literal bool
}

// place is where a request had a parameter.
type place byte

const (
	inQuery place = iota
	inForm
	inJSON
)

// Shown is the value as a log may show it.
func (p Param) Shown() string {
	switch {
	case !p.Hidden:
		return p.Value
	case p.Length < 0:
		return "[hidden]"
	}
	return fmt.Sprintf("[%d characters]", p.Length)
}

func (p Param) String() string { return p.Name + "=" + p.Shown() }

// Param gives a parameter as it is shown, or nothing.
func (r Request) Param(name string) string {
	for _, p := range r.Params {
		if p.Name == name {
			return p.Shown()
		}
	}
	return ""
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
var shownParams = names(
	"action", "client_id", "code_challenge", "code_challenge_method",
	"connection_id", "domain_hint", "email", "grant_type",
	"login_hint", "max_age", "organization_id", "prompt",
	"provider", "redirect_uri", "response_type", "return_to",
	"screen_hint", "session_id",
	// Of the management API.
	"after", "authentication_challenge_id", "before", "domain", "domains", "email_verified", "expires_in_days", "external_id",
	"inviter_user_id", "limit", "name", "order", "organization_name", "origin", "role_slug", "slug", "statuses", "type", "uri", "user_id",
)

// names has each name for itself, so that a log that keeps one does not keep the
// request that it came with.
func names(all ...string) map[string]string {
	out := map[string]string{}
	for _, name := range all {
		out[name] = name
	}
	return out
}

// masked gives a parameter's value as a page may show it. A key in the wrong
// field is still a key.
func masked(name, value string) string {
	if shownParams[name] != "" && !keyIn(value) {
		return value
	}
	return fmt.Sprintf("[%d characters]", utf8.RuneCountInString(value))
}

// What the log keeps of a request, so that it stays small whatever is sent.
const (
	maxParams    = 50
	maxKeptName  = 60
	maxKept      = 1_000 // of a path, an outcome or a value
	maxAllParams = 8_000 // of all values together
)

// kept is what the log keeps of a text: a copy, because it may be a part of a
// whole request, and not all of one that is long.
func kept(text string, most int) string {
	if len(text) <= most {
		return strings.Clone(text)
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// noteParam records a parameter for the log. What is hidden is not even kept.
func (c *call) noteParam(in place, name, value string, literal bool) {
	if len(c.log.Params) >= maxParams {
		return
	}
	known := shownParams[name]
	if known != "" && !c.e.secretIn(value) && c.room+len(value) <= maxAllParams {
		p := Param{Name: known, Value: kept(value, maxKept), in: in, literal: literal}
		c.room += len(p.Value)
		c.log.Params = append(c.log.Params, p)
		return
	}
	c.hideParam(in, name, utf8.RuneCountInString(value))
}

func (c *call) hideParam(in place, name string, length int) {
	if len(c.log.Params) < maxParams {
		c.log.Params = append(c.log.Params, Param{Name: kept(name, maxKeptName), Hidden: true, Length: length, in: in})
	}
}

// secretIn reports whether an API key is in a text, this emulator's or another.
func (e *Emulator) secretIn(text string) bool {
	return keyIn(text) || strings.Contains(text, e.APIKey)
}

// keyIn reports whether something in a text begins as WorkOS's keys do. In
// "task_1" it does not.
func keyIn(text string) bool {
	for {
		before, after, found := strings.Cut(text, "sk_")
		if !found {
			return false
		}
		last, _ := utf8.DecodeLastRuneInString(before)
		if before == "" || !unicode.IsLetter(last) && !unicode.IsDigit(last) {
			return true
		}
		text = after
	}
}

// call is one request on its way to its answer.
type call struct {
	e   *Emulator
	w   http.ResponseWriter
	r   *http.Request
	now time.Time
	log Request
	// began is when the request came, by the machine's clock.
	began time.Time
	room  int // what the values in the log take
	// own says that the request is the inspector's, which is not in the log.
	own bool
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
	return &call{e: e, w: w, r: r, now: now, began: time.Now(), own: ofInspector(r.URL.Path), log: Request{
		ID: id, Time: now, Method: r.Method, Path: r.URL.Path,
	}}
}

func (c *call) finish() {
	if c.own {
		return
	}
	r := &c.log
	r.Duration = time.Since(c.began)
	if r.UserAgent = c.userAgent(); c.e.secretIn(r.UserAgent) {
		r.UserAgent = "[an API key is in it]"
	}
	r.authorized = c.r.Header.Get("Authorization") != ""
	r.Method = kept(r.Method, maxKeptName)
	r.Path, r.Outcome = c.keptText(r.Path), c.keptText(r.Outcome)
	c.e.traffic.add(*r)
	if c.e.Log != nil {
		c.e.Log(*r)
	}
}

// rescue answers for a handler that panics: it is a defect of the emulator's own,
// and whoever meets it has to see it.
func (c *call) rescue() {
	wrong := recover()
	switch wrong {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(wrong)
	}
	c.fail(apiFailure(http.StatusInternalServerError, "emulator_failed",
		fmt.Sprintf("this local AuthKit has failed, which is a defect of its own: %v", wrong)))
}

// keptText is a path or an outcome for the log. Both may repeat what was sent.
func (c *call) keptText(text string) string {
	if token := c.params["token"]; token != "" {
		text = strings.ReplaceAll(text, token, "{token}")
	}
	if c.e.secretIn(text) {
		return "[an API key is in it]"
	}
	// Tokens are that long, in a path that no route takes too, and ids are not.
	return kept(longPart.ReplaceAllString(text, "/{hidden}"), maxKept)
}

var longPart = regexp.MustCompile(`/[A-Za-z0-9_.~+=-]{40,}`)

// noteFields records the fields of a JSON body for the log, masked.
func (c *call) noteFields(in fields) {
	for name, value := range in.body {
		switch value := value.(type) {
		case string:
			c.noteParam(inJSON, name, value, false)
		case json.Number:
			c.noteParam(inJSON, name, string(value), true)
		case bool:
			c.noteParam(inJSON, name, strconv.FormatBool(value), true)
		default:
			c.hideParam(inJSON, name, -1)
		}
	}
}

// note records the parameters of a request that has them in one place.
func (c *call) note(values url.Values) {
	in := inQuery
	if c.r.Method != http.MethodGet {
		in = inForm
		if strings.Contains(c.r.Header.Get("Content-Type"), "json") {
			in = inJSON
		}
	}
	c.noteValues(in, values)
}

func (c *call) noteValues(in place, values url.Values) {
	c.log.Params = slices.Grow(c.log.Params, min(len(values), maxParams))
	for name, all := range values {
		for _, value := range all {
			c.noteParam(in, name, value, false)
		}
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
