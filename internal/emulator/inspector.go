package emulator

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// inspectorPath is where the inspector is: its page there, its API below api/.
const inspectorPath = "/_authfit"

// ofInspector reports whether a path is the inspector's.
func ofInspector(path string) bool {
	return path == inspectorPath || strings.HasPrefix(path, inspectorPath+"/")
}

// foreign tells what another site's page makes a browser send.
var foreign = http.NewCrossOriginProtection()

// guard refuses requests to the inspector that pages of others make. A site that
// can be reached by a browser could otherwise change what the developer sees, or
// read codes that sign in. Without a browser there is nothing to refuse: who can
// ask this machine's loopback can ask it all.
func guard(r *http.Request) *failure {
	if foreign.Check(r) != nil {
		return apiFailure(http.StatusForbidden, "cross_site", "another site's page may not change anything here")
	}
	from := r.Header.Get("Sec-Fetch-Site")
	opened := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		!strings.HasPrefix(r.URL.Path, inspectorPath+"/api/")
	if from != "" && from != "none" && from != "same-origin" && !opened {
		return apiFailure(http.StatusForbidden, "cross_site", "another site's page may not read this; open "+inspectorPath+" in a window of its own")
	}
	sent := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(sent); sent != "" && (err != nil || kind != "application/json") {
		return apiFailure(http.StatusUnsupportedMediaType, "unsupported_media_type", "the content type must be application/json")
	}
	return nil
}

// serveOwn answers a request to the inspector.
func (e *Emulator) serveOwn(c *call, r *route) {
	if f := guard(c.r); f != nil {
		c.fail(f)
		return
	}
	if r.own == nil {
		e.serve(c, r)
		return
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		c.fail(invalidParameters("the query is not properly encoded"))
		return
	}
	in, f := readFields(c.r)
	if f != nil {
		c.fail(f)
		return
	}
	in.query = query
	out, f := r.own(e, c, in)
	if r.method != http.MethodGet {
		e.traffic.changed()
	}
	switch {
	case f != nil:
		c.fail(f)
	case out == nil:
		c.begin(r.status, "done")
	default:
		c.json(r.status, "done", out)
	}
}

// only refuses fields that are not asked for: a test that misspells one would
// otherwise test something else.
func (in fields) only(names ...string) *failure {
	for name := range in.body {
		if !slices.Contains(names, name) {
			return invalidParameters("there is no field " + name + " here, only " + strings.Join(names, ", "))
		}
	}
	return in.check()
}

// dataObject is a list of the inspector's.
type dataObject struct {
	Data any `json:"data"`
}

type statusObject struct {
	Schema   string `json:"schema"`
	URL      string `json:"url"`
	ClientID string `json:"client_id"`
	// Clock and Lifetime are as in clockObject.
	Clock        statusClock  `json:"clock"`
	Lifetime     int          `json:"access_token_lifetime_seconds"`
	Lenient      []Check      `json:"lenient"`
	RedirectURIs []string     `json:"redirect_uris"`
	Counts       statusCounts `json:"counts"`
}

type statusClock struct {
	Now    string `json:"now"`
	Offset int    `json:"offset_seconds"`
}

type statusCounts struct {
	Requests      int `json:"requests"`
	Mail          int `json:"mail"`
	Users         int `json:"users"`
	Organizations int `json:"organizations"`
	Sessions      int `json:"sessions"`
	Failures      int `json:"failures"`
}

func (e *Emulator) inspectStatus(c *call, _ fields) (any, *failure) {
	out := statusObject{
		Schema: "authfit.inspector/1", URL: c.base(), ClientID: e.ClientID, Clock: e.clock().statusClock, Lifetime: e.clock().Lifetime,
		Lenient: append([]Check{}, e.Lenient...), RedirectURIs: e.registered(),
	}
	out.Counts = statusCounts{Requests: len(e.traffic.all()), Failures: len(e.control.list())}
	f := e.store.do(func() {
		s := e.store
		out.Counts.Mail, out.Counts.Users, out.Counts.Organizations = s.mails.len(), s.users.len(), s.organizations.len()
		out.Counts.Sessions = len(s.live(c.now))
	})
	return out, f
}

// live gives the sessions that have not ended, oldest first.
func (s *store) live(now time.Time) []*session {
	return slices.DeleteFunc(s.sessions.all(), func(n *session) bool { return !now.Before(n.expires()) })
}

// requestObject is a request as the inspector shows it.
type requestObject struct {
	ID          string            `json:"id"`
	Time        string            `json:"time"`
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Route       *string           `json:"route"`
	Params      map[string]string `json:"params"`
	Hidden      []string          `json:"hidden"` // which of the parameters are not shown
	UserAgent   string            `json:"user_agent"`
	Status      int               `json:"status"`
	Outcome     string            `json:"outcome"`
	Duration    float64           `json:"duration_ms"`
	AccessToken *tokenObject      `json:"access_token"`
}

// tokenObject is an access token without its signature, so that it is none.
type tokenObject struct {
	Header map[string]string `json:"header"`
	Claims *claims           `json:"claims"`
}

func (e *Emulator) requestResponse(r *Request) requestObject {
	out := requestObject{
		ID: r.ID, Time: timestamp(r.Time), Method: r.Method, Path: r.Path, Route: orNull(r.Route), Params: map[string]string{}, Hidden: []string{},
		UserAgent: r.UserAgent, Status: r.Status, Outcome: r.Outcome, Duration: float64(r.Duration.Microseconds()) / 1000,
	}
	for _, p := range r.Params {
		if first, twice := out.Params[p.Name]; twice {
			out.Params[p.Name] = first + ", " + p.Shown()
		} else {
			out.Params[p.Name] = p.Shown()
		}
		if p.Hidden && !slices.Contains(out.Hidden, p.Name) {
			out.Hidden = append(out.Hidden, p.Name)
		}
	}
	slices.Sort(out.Hidden)
	if r.claims != nil {
		key, _ := e.signer() // which has signed it already
		out.AccessToken = &tokenObject{map[string]string{"alg": "RS256", "kid": key.jwk.ID, "typ": "JWT"}, r.claims}
	}
	return out
}

func (e *Emulator) requestResponses(all []Request) []requestObject {
	out := make([]requestObject, len(all))
	for i := range all {
		out[i] = e.requestResponse(&all[i])
	}
	return out
}

func (e *Emulator) inspectRequests(_ *call, in fields) (any, *failure) {
	place := uint64(0)
	if id := in.query.Get("after"); id != "" {
		place = e.traffic.after(id)
	}
	return dataObject{e.requestResponses(e.traffic.since(place).requests)}, nil
}

func (e *Emulator) inspectRequest(c *call, _ fields) (any, *failure) {
	r, ok := e.traffic.get(c.params["id"])
	if !ok {
		return nil, notFound("Request", c.params["id"])
	}
	return e.requestResponse(&r), nil
}

func (e *Emulator) forgetRequests(*call, fields) (any, *failure) {
	e.traffic.clear()
	return nil, nil
}

// inspectMail gives what would have been sent, oldest first: to a test, or to who
// develops an app.
func (e *Emulator) inspectMail(_ *call, in fields) (any, *failure) {
	return dataObject{e.Mail(in.query.Get("to"))}, nil
}

func (e *Emulator) forgetMail(*call, fields) (any, *failure) {
	return nil, e.store.do(e.store.mails.clear)
}

// inspectedUser is a user with what the inspector knows beside.
type inspectedUser struct {
	userObject
	Password    bool              `json:"password"` // whether there is one
	Factors     int               `json:"factors"`
	Sessions    int               `json:"sessions"`
	Memberships []inspectedMember `json:"memberships"`
}

// inspectedMember is a membership, seen from its user or its organisation.
type inspectedMember struct {
	UserID           string   `json:"user_id"`
	Email            string   `json:"email"`
	OrganizationID   string   `json:"organization_id"`
	OrganizationName string   `json:"organization_name"`
	Status           string   `json:"status"`
	Roles            []string `json:"roles"`
}

func (s *store) inspectedMembers(key string) []inspectedMember {
	out := []inspectedMember{}
	for _, m := range s.memberships.allBy(key) {
		member := inspectedMember{UserID: m.UserID, OrganizationID: m.OrganizationID, Status: m.Status, Roles: slugs(m.Roles)}
		if u, ok := s.users.get(m.UserID); ok {
			member.Email = u.Email
		}
		if o, ok := s.organizations.get(m.OrganizationID); ok {
			member.OrganizationName = o.Name
		}
		out = append(out, member)
	}
	return out
}

func (e *Emulator) inspectUsers(c *call, _ fields) (any, *failure) {
	out := []inspectedUser{}
	f := e.store.do(func() {
		live := map[string]int{}
		for _, n := range e.store.live(c.now) {
			live[n.UserID]++
		}
		for _, u := range e.store.users.all() {
			out = append(out, inspectedUser{
				userResponse(u), u.Password != nil, len(e.store.factors.allBy(userKey(u.ID))), live[u.ID],
				e.store.inspectedMembers(userKey(u.ID)),
			})
		}
	})
	return dataObject{out}, f
}

type inspectedOrganization struct {
	organizationObject
	Memberships []inspectedMember `json:"memberships"`
}

func (e *Emulator) inspectOrganizations(*call, fields) (any, *failure) {
	out := []inspectedOrganization{}
	f := e.store.do(func() {
		for _, o := range e.store.organizations.all() {
			out = append(out, inspectedOrganization{organizationResponse(o), e.store.inspectedMembers(organizationKey(o.ID))})
		}
	})
	return dataObject{out}, f
}

type inspectedSession struct {
	sessionObject
	Email            string  `json:"email"`
	OrganizationName *string `json:"organization_name"`
}

func (e *Emulator) inspectSessions(c *call, _ fields) (any, *failure) {
	out := []inspectedSession{}
	f := e.store.do(func() {
		for _, n := range e.store.live(c.now) {
			shown := inspectedSession{sessionObject: e.store.sessionResponse(n)}
			if u, ok := e.store.users.get(n.UserID); ok {
				shown.Email = u.Email
			}
			if o, ok := e.store.organizations.get(n.OrganizationID); ok {
				shown.OrganizationName = orNull(o.Name)
			}
			out = append(out, shown)
		}
	})
	return dataObject{out}, f
}

// endSession ends a session: its next refresh is refused.
func (e *Emulator) endSession(c *call, _ fields) (any, *failure) {
	id, there := c.params["id"], false
	if f := e.store.do(func() { there = e.store.sessions.remove(id) }); f != nil {
		return nil, f
	}
	if !there {
		return nil, notFound("Session", id)
	}
	return nil, nil
}

// clockObject is what the inspector can move: the emulator's own clock, which ends
// sessions, codes and links, and how long the access tokens live that the app gets
// from now on, which it checks by its own clock.
type clockObject struct {
	statusClock
	Lifetime int `json:"access_token_lifetime_seconds"`
}

func (e *Emulator) clock() clockObject {
	return clockObject{
		statusClock{timestamp(e.now()), int(e.control.offset().Seconds())}, int(e.tokenLifetime().Seconds()),
	}
}

func (e *Emulator) inspectClock(*call, fields) (any, *failure) { return e.clock(), nil }

const (
	maxOffset   = 10 * 365 * 24 * 60 * 60 // seconds, forward or back
	maxLifetime = 30 * 24 * 60 * 60
)

func (e *Emulator) setClock(_ *call, in fields) (any, *failure) {
	offset, advance := in.number("offset_seconds", 0), in.number("advance_seconds", 0)
	lifetime := in.number("access_token_lifetime_seconds", 0)
	f := in.only("offset_seconds", "advance_seconds", "access_token_lifetime_seconds")
	switch {
	case f != nil:
		return nil, f
	case in.given("offset_seconds") && in.given("advance_seconds"):
		return nil, invalidParameters("offset_seconds and advance_seconds exclude each other")
	case abs(offset) > maxOffset || abs(advance) > maxOffset || abs(advance+int(e.control.offset().Seconds())) > maxOffset:
		return nil, invalidParameters("the clock moves by ten years at most")
	case abs(lifetime) > maxLifetime:
		return nil, invalidParameters("access_token_lifetime_seconds is of 30 days at most")
	}
	if in.given("offset_seconds") {
		e.control.moved.Store(int64(time.Duration(offset) * time.Second))
	}
	e.control.moved.Add(int64(time.Duration(advance) * time.Second))
	switch {
	case in.given("access_token_lifetime_seconds"):
		set := time.Duration(lifetime) * time.Second
		e.control.lifetime.Store(&set)
	case in.has("access_token_lifetime_seconds"): // null
		e.control.lifetime.Store(nil)
	}
	return e.clock(), e.saveControl()
}

func abs(n int) int { return max(n, -n) }

func (e *Emulator) inspectFailures(*call, fields) (any, *failure) {
	return dataObject{e.control.list()}, nil
}

const maxDelay = 2 * 60 * 1000 // milliseconds

// addFailure has the next requests of a route fail, or wait.
func (e *Emulator) addFailure(c *call, in fields) (any, *failure) {
	n := Failure{
		Method: in.text("method"), Path: in.text("path"),
		Status: in.number("status", 0), Delay: in.number("delay_ms", 0), Count: in.number("count", 1),
	}
	f := in.only("method", "path", "status", "delay_ms", "count")
	switch {
	case f != nil:
		return nil, f
	case n.Count == 0:
		return nil, invalidParameters("count is how many requests fail; below 0 it is all")
	case len(e.control.list()) >= maxFailures:
		return nil, full("failures", maxFailures)
	}
	n, err := n.checked()
	if err != nil {
		return nil, invalidParameters(err.Error())
	}
	return e.control.add(n, c.now), e.saveControl()
}

// failing gives the route's own path for a route or a path that leads to one, and
// false where there is none. Empty is any.
func failing(method, path string) (string, bool) {
	for i := range routes {
		if r := &routes[i]; (method == "" || r.method == method) && (path == "" || r.path == path) {
			return path, true
		}
	}
	r, _, methods := find(routes, method, path)
	if method == "" && len(methods) > 0 {
		r, _, _ = find(routes, methods[0], path)
	}
	if r == nil {
		return "", false
	}
	return r.path, true
}

func (e *Emulator) forgetFailures(*call, fields) (any, *failure) {
	e.control.remove("")
	return nil, e.saveControl()
}

func (e *Emulator) forgetFailure(c *call, _ fields) (any, *failure) {
	if !e.control.remove(c.params["id"]) {
		return nil, notFound("Failure", c.params["id"])
	}
	return nil, e.saveControl()
}

func (e *Emulator) inspectReset(*call, fields) (any, *failure) { return nil, e.reset() }

// reset brings back what the emulator began with. Redirect URIs stay: the app that
// has registered one is still there.
func (e *Emulator) reset() *failure {
	e.control.set(e)
	f := e.store.do(func() {
		for _, t := range e.store.tables {
			if t != persistent(e.store.redirects) {
				t.clear()
			}
		}
		e.store.pending.clear()
		e.unsent = nil
		e.plant()
		e.noteControl()
	})
	e.traffic.clear()
	return f
}
