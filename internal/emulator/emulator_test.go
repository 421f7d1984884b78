package emulator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNotServed(t *testing.T) {
	b := newBench(t, &Emulator{})
	for _, path := range []string{"/", "/nowhere", "/user_management/authorize/", "/user_management/users/a/b/c", "/directories"} {
		b.wantAPIError(b.get(path, nil), 404, "not_served_by_emulator", "does not serve GET "+path)
	}
	if last := b.log[len(b.log)-1]; last.Status != 404 || !strings.Contains(last.Outcome, "does not serve") {
		t.Errorf("logged %+v", last)
	}
}

func TestMethods(t *testing.T) {
	b := newBench(t, &Emulator{})
	tests := []struct{ method, path, allow string }{
		{"PUT", "/user_management/authorize", "GET, POST"},
		{"POST", signUpPath, "GET"},
		{"GET", "/user_management/authenticate", "POST"},
		{"POST", "/user_management/sessions/logout", "GET"},
		{"DELETE", "/sso/jwks/" + DefaultClientID, "GET"},
	}
	for _, test := range tests {
		a := b.do(b.request(test.method, test.path, "", ""))
		b.wantAPIError(a, 405, "method_not_allowed", test.path)
		if got := a.header.Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow %q, want %q", test.method, test.path, got, test.allow)
		}
	}
}

func TestHost(t *testing.T) {
	b := newBench(t, &Emulator{})
	tests := []struct {
		host string
		want int
	}{
		{"localhost", 200}, {"LOCALHOST:4100", 200}, {"127.0.0.1:4100", 200}, {"127.1.2.3", 200}, {"[::1]:4100", 200}, {"[::1]", 200},
		{"evil.test", 421}, {"evil.test:4100", 421}, {"localhost.evil.test", 421}, {"127.0.0.1.evil.test", 421},
		{"192.168.1.5", 421}, {"0.0.0.0", 421}, {"[::]", 421}, {"127.0.0.1@evil.test", 421},
	}
	for _, test := range tests {
		r := httptest.NewRequest("GET", "/sso/jwks/"+DefaultClientID, nil)
		r.Host = test.host
		w := httptest.NewRecorder()
		b.e.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: got %d, want %d", test.host, w.Code, test.want)
		}
	}
}

func TestLongQuery(t *testing.T) {
	b := newBench(t, &Emulator{})
	b.wantAPIError(b.get("/user_management/authorize", goodAuthorization("state", strings.Repeat("x", maxQuery))), 414, "query_too_long", "8 KiB")
	b.open(goodAuthorization("state", strings.Repeat("x", maxQuery-512)))
}

func TestRegisterRedirectURI(t *testing.T) {
	own := []string{"http://localhost:1/cb"}
	e := &Emulator{RedirectURIs: own}
	for range 2 {
		e.RegisterRedirectURI("http://localhost:2/cb")
	}
	if diff := cmp.Diff([]string{"http://localhost:1/cb", "http://localhost:2/cb"}, e.registered()); diff != "" {
		t.Error(diff)
	}
	if len(own) != 1 || len(e.RedirectURIs) != 1 {
		t.Error("the caller's list changed")
	}
}

// Not one secret of a whole login is in the log, and what is there is readable.
func TestLog(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization())
	b.post("/user_management/authorize", signInForm(id, "password", "my other password"))
	code := b.callback(b.post("/user_management/authorize", signInForm(id))).Get("code")
	got := b.tokens(codeExchange(code))
	got2 := b.tokens(refreshExchange(got.RefreshToken))
	b.post(tokenPath, codeExchange(code, "client_id", DefaultAPIKey, "surprise", "new parameter"))
	b.get(logoutPath, url.Values{"session_id": {b.decode(got.AccessToken).SessionID}, "return_to": {"http://localhost:8000/"}})

	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, r := range b.log {
		line := r.String()
		for _, p := range r.Params {
			line += " " + p.String()
		}
		lines = append(lines, line)
		for _, secret := range []string{
			id, code, got.RefreshToken, got2.RefreshToken, got.AccessToken, DefaultAPIKey, DefaultPassword,
			"my other password", testVerifier, "the state", "new parameter",
		} {
			if strings.Contains(line, secret) {
				t.Errorf("the log has %q in it: %s", secret, line)
			}
		}
	}
	wantOutcomes := []string{
		"sign-in page", "sign-in refused: Wrong email or password", "code for " + DefaultEmail,
		"authorization_code: tokens for " + DefaultEmail, "refresh_token: tokens for", "invalid_client: unknown client_id",
		"key set", "session ended: session_",
	}
	if len(lines) != len(wantOutcomes) {
		t.Fatalf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for i, want := range wantOutcomes {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	if got := b.log[0].Param("redirect_uri"); got != testRedirectURI {
		t.Errorf("redirect_uri logged as %q", got)
	}
}

func TestLogLineStaysOneLine(t *testing.T) {
	r := Request{Method: "GET", Path: "/a\n\x1b[31mb", Status: 404, Outcome: "x\r\ny\u2028z", Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	if got, want := r.String(), "03:04:05 404 GET /a??[31mb: x??y?z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLimits(t *testing.T) {
	now := time.Now()
	e := &Emulator{}
	e.setDefaults()
	s := e.store
	u, _ := s.users.by(emailKey(DefaultEmail))
	by := redemption{clientID: DefaultClientID, now: now}
	in := signedIn{UserID: u.ID, AuthTime: now, Method: methodPassword}
	var firstPage, firstCode string
	var firstToken, secondToken string
	for i := range maxSessions + 1 {
		page := s.begin(authorization{clientID: DefaultClientID}, now)
		code := s.issueCode(&authorization{clientID: DefaultClientID, signedIn: in}, now)
		out, f := s.newSession(in, by)
		if f != nil {
			t.Fatal(f)
		}
		switch i {
		case 0:
			firstPage, firstCode, firstToken = page, code, out.refreshToken
		case 1:
			secondToken = out.refreshToken
		case 2: // the first session is used, so it is not the one to go
			next, f := s.rotate(firstToken, "", by)
			if f != nil {
				t.Fatal(f)
			}
			firstToken = next.refreshToken
		}
	}
	if s.pending.len() != maxPending || s.grants.len() != maxGrants || s.sessions.len() != maxSessions {
		t.Errorf("%d pages, %d codes, %d sessions", s.pending.len(), s.grants.len(), s.sessions.len())
	}
	if got, want := refreshKeys(s), maxSessions+1; got != want { // one of them has its previous token too
		t.Errorf("%d refresh tokens, want %d", got, want)
	}
	if _, ok := s.waiting(firstPage, now); ok {
		t.Error("the oldest page is still there")
	}
	if _, f := s.redeem(firstCode, "", by); f == nil {
		t.Error("the oldest code is still there")
	}
	if _, f := s.rotate(secondToken, "", by); f == nil {
		t.Error("the session refreshed longest ago is still there")
	}
	if _, f := s.rotate(firstToken, "", by); f != nil {
		t.Errorf("the session refreshed since is gone: %+v", f)
	}
}

// refreshKeys counts the refresh tokens that sessions are found by.
func refreshKeys(s *store) int {
	n := 0
	for key := range s.sessions.found {
		if !strings.HasPrefix(key, "user_") {
			n++
		}
	}
	return n
}

func TestListen(t *testing.T) {
	for _, addr := range []string{
		":4100", "0.0.0.0:0", "[::]:0", "192.168.0.1:0", "example.test:0", "localhost.evil.test:0", "*:0", "[fe80::1]:0",
	} {
		if l, err := Listen(addr); err == nil {
			l.Close()
			t.Errorf("%s: listens on %s", addr, l.Addr())
		} else if !strings.Contains(err.Error(), "not on loopback") || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if _, err := Listen("127.0.0.1"); err == nil || !strings.Contains(err.Error(), "127.0.0.1:4100") {
		t.Errorf("no port: %v", err)
	}
	for addr, want := range map[string]string{"127.0.0.1:0": "127.0.0.1:", "localhost:0": "127.0.0.1:", "LocalHost:0": "127.0.0.1:", "127.0.0.9:0": "127.0.0.9:"} {
		l, err := Listen(addr)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		l.Close()
		if !strings.HasPrefix(l.Addr().String(), want) {
			t.Errorf("%s: listens on %s", addr, l.Addr())
		}
	}
}

func TestStart(t *testing.T) {
	e := &Emulator{}
	server, err := e.Start("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(server.URL, "http://localhost:") || strings.HasSuffix(server.URL, ":0") {
		t.Errorf("URL %q", server.URL)
	}
	response, err := http.Get(server.URL + "/sso/jwks/" + DefaultClientID)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("got %s", response.Status)
	}
	if _, err := (&Emulator{}).Start(strings.TrimPrefix(server.URL, "http://")); err == nil {
		t.Error("two servers on one port")
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(server.URL); err == nil {
		t.Error("still answers after Close")
	}
	if _, err := e.Start("0.0.0.0:0"); err == nil {
		t.Error("starts on every interface")
	}
}

// Whole logins, side by side; what it is for is `go test -race`.
func TestParallelLogins(t *testing.T) {
	b := newBench(t, &Emulator{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				got := b.login()
				b.e.RegisterRedirectURI(testRedirectURI)
				b.tokens(refreshExchange(got.RefreshToken))
				b.get(logoutPath, url.Values{"session_id": {b.decode(got.AccessToken).SessionID}})
			}
		})
	}
	group.Wait()
}

func TestIDs(t *testing.T) {
	at := time.UnixMilli(1469918176385) // the example of the ULID specification
	if got := newID("user_", at); !strings.HasPrefix(got, "user_01ARYZ6S41") || len(got) != len("user_")+26 {
		t.Errorf("got %q", got)
	}
	// Apps keep this id, so it may never change.
	if got, want := stableID("user_", DefaultEmail), "user_5SE8HEMTETVXWJQAMQZ9V8XJW4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ulid([16]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
