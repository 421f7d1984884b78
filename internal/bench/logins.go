package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A login is how one of the AuthKits is logged in to: the authorization request,
// the form of the page where there is one, and the token request. Its texts hold
// CODE where the code goes and AUTHORIZATION where the id of the page goes.
type login struct {
	authorize          string // path and query
	form               string
	token, contentType string
	exchange           string
}

// The authorization request of every login, with PKCE (RFC 7636, appendix B).
const (
	loginRedirect  = "http://localhost:8000/callback"
	loginVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	loginChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func authorizationQuery(clientID string, more ...string) string {
	query := url.Values{
		"client_id": {clientID}, "redirect_uri": {loginRedirect}, "response_type": {"code"}, "state": {"a state"},
		"code_challenge": {loginChallenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		query.Set(more[i], more[i+1])
	}
	return query.Encode()
}

// A client is a connection that is kept open. It does no more than it must,
// because it shares the processors with what it asks: it writes its requests
// itself and leaves the answers to net/http.
type client struct {
	address string
	conn    net.Conn
	answers *bufio.Reader
}

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{address, conn, bufio.NewReader(conn)}, nil
}

// answer is what came back: where it leads to, and what it shows.
type answer struct {
	status   int
	location string
	body     string
}

func (c *client) ask(method, path, contentType, body string) (answer, error) {
	request := method + " " + path + " HTTP/1.1\r\nHost: " + c.address + "\r\n"
	if method == http.MethodPost {
		request += fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	if err := c.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return answer{}, err
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"+body); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.Close {
		err = fmt.Errorf("%s does not keep its connection open", path)
	}
	return answer{response.StatusCode, response.Header.Get("Location"), string(text)}, err
}

// logIn logs in and returns the answer to the token request.
func (c *client) logIn(l login) (string, error) {
	a, err := c.ask(http.MethodGet, l.authorize, "", "")
	if err == nil && a.status == http.StatusOK && l.form != "" {
		id := hidden.FindStringSubmatch(a.body)
		if id == nil {
			return "", fmt.Errorf("the page has no form to sign in with")
		}
		path, _, _ := strings.Cut(l.authorize, "?")
		a, err = c.ask(http.MethodPost, path, "application/x-www-form-urlencoded", strings.Replace(l.form, "AUTHORIZATION", id[1], 1))
	}
	if err != nil {
		return "", err
	}
	_, after, ok := strings.Cut(a.location, "code=")
	if !ok {
		return "", fmt.Errorf("no code: status %d, on to %q", a.status, a.location)
	}
	code, _, _ := strings.Cut(after, "&")
	a, err = c.ask(http.MethodPost, l.token, l.contentType, strings.Replace(l.exchange, "CODE", code, 1))
	if err == nil && !strings.Contains(a.body, `"access_token":`) {
		err = fmt.Errorf("no token: status %d, %s", a.status, a.body)
	}
	return a.body, err
}

// keptAnswers is more than the sessions that an emulator keeps.
const keptAnswers = 11_000

// A load is what came of n logins.
type load struct {
	clients int
	taken   []time.Duration // for each login, sorted
	total   time.Duration
	last    []string // the answers to the newest token requests, in the order of their logins
}

func (l load) perSecond() float64 { return float64(len(l.taken)) / l.total.Seconds() }

// share is the time that so many of a hundred logins took at most.
func (l load) share(percent int) time.Duration { return l.taken[(len(l.taken)*percent-1)/100] }

// logInOften logs in n times, over one connection for each client.
func logInOften(address string, l login, n, clients int) (load, error) {
	out := load{clients: clients, taken: make([]time.Duration, n), last: make([]string, min(n, keptAnswers))}
	all := make([]*client, clients)
	for i := range all {
		var err error
		if all[i], err = dial(address); err != nil {
			return load{}, err
		}
		defer all[i].conn.Close()
	}
	failed := make([]error, clients)
	var next atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for c := range clients {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && failed[c] == nil; i = next.Add(1) - 1 {
				start := time.Now()
				var text string
				text, failed[c] = all[c].logIn(l)
				out.taken[i] = time.Since(start)
				if kept := i - int64(n-len(out.last)); kept >= 0 {
					out.last[kept] = text
				}
			}
		})
	}
	wg.Wait()
	out.total = time.Since(start)
	slices.Sort(out.taken)
	for _, err := range failed {
		if err != nil {
			return load{}, err
		}
	}
	return out, nil
}
