package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const logoutPath = "/user_management/sessions/logout"

func TestLogout(t *testing.T) {
	tests := []struct {
		name, returnTo, want string
	}{
		{"to nowhere in particular", "", "http://localhost:8000/"},
		{"to a page of the app", "http://localhost:8000/bye?x=1#y", "http://localhost:8000/bye?x=1#y"},
		{"to the host in capitals", "http://LOCALHOST:8000/", "http://LOCALHOST:8000/"},
		{"to a sign-out URI", "https://example.test/bye", "https://example.test/bye"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &Emulator{}
			if test.returnTo != "" {
				e.LogoutURIs = []string{"https://example.test/bye"}
			}
			b := newBench(t, e)
			got := b.login()
			query := url.Values{"session_id": {b.decode(got.AccessToken).SessionID}}
			if test.returnTo != "" {
				query.Set("return_to", test.returnTo)
			}
			for range 2 { // the second time the session is over already, which is no mistake
				if a := b.get(logoutPath, query); a.status != http.StatusFound || a.header.Get("Location") != test.want {
					t.Errorf("got %d to %q: %s", a.status, a.header.Get("Location"), a.body)
				}
			}
			b.wantOAuthError(b.post(tokenPath, refreshExchange(got.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
		})
	}
}

// The token before the last one dies with the session too, grace period or not.
func TestLogoutAfterRefresh(t *testing.T) {
	b := newBench(t, &Emulator{LogoutURIs: []string{"https://example.test/bye"}})
	first := b.login()
	second := b.tokens(refreshExchange(first.RefreshToken))
	a := b.get(logoutPath, url.Values{"session_id": {b.decode(second.AccessToken).SessionID}})
	if a.header.Get("Location") != "https://example.test/bye" {
		t.Errorf("got %d to %q", a.status, a.header.Get("Location"))
	}
	for _, token := range []string{first.RefreshToken, second.RefreshToken} {
		b.wantOAuthError(b.post(tokenPath, refreshExchange(token)), 400, "invalid_grant", "invalid refresh token")
	}
	if left := refreshKeys(b.e.store); left != 0 {
		t.Errorf("%d refresh tokens are still remembered", left)
	}
}

func TestLogoutRefused(t *testing.T) {
	b := newBench(t, &Emulator{LogoutURIs: []string{"https://example.test/bye"}})
	got := b.login()
	id := b.decode(got.AccessToken).SessionID
	tests := []struct {
		name  string
		query url.Values
		text  string
	}{
		{"no session", url.Values{}, "session_id is required"},
		{"not a session", url.Values{"session_id": {"user_1"}}, "not the id of a session"},
		{"session twice", url.Values{"session_id": {id, id}}, "more than once"},
		{"another site", url.Values{"return_to": {"https://evil.test/"}}, "not registered"},
		{"another scheme", url.Values{"return_to": {"https://localhost:8000/"}}, "not registered"},
		{"another port", url.Values{"return_to": {"http://localhost:8001/"}}, "not registered"},
		{"another loopback name", url.Values{"return_to": {"http://127.0.0.1:8000/"}}, "not registered"},
		{"the origin as a user", url.Values{"return_to": {"http://localhost:8000@evil.test/"}}, "not registered"},
		{"a user at the origin", url.Values{"return_to": {"http://me@localhost:8000/"}}, "not registered"},
		{"a backslash in the path", url.Values{"return_to": {`http://localhost:8000/\evil.test`}}, "not registered"},
		{"a blank", url.Values{"return_to": {"http://localhost:8000/ x"}}, "not registered"},
		{"a backslash", url.Values{"return_to": {`http://localhost:8000\@evil.test/`}}, "not registered"},
		{"a line break", url.Values{"return_to": {"http://localhost:8000/\r\nSet-Cookie: x=1"}}, "not registered"},
		{"no scheme", url.Values{"return_to": {"//localhost:8000/"}}, "not registered"},
		{"a path", url.Values{"return_to": {"/"}}, "not registered"},
		{"a script", url.Values{"return_to": {"javascript:alert(1)"}}, "not registered"},
		{"below a sign-out URI", url.Values{"return_to": {"https://example.test/bye/x"}}, "not registered"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			query := test.query
			if query.Has("return_to") {
				query.Set("session_id", id)
			}
			b.wantAPIError(b.get(logoutPath, query), 422, "invalid_request_parameters", test.text)
		})
	}
	b.wantAPIError(b.get(logoutPath+"?session_id=%zz", nil), 422, "invalid_request_parameters", "encoded")
	b.tokens(refreshExchange(got.RefreshToken)) // none of them ended the session

	// A browser gets the same refusal as a page.
	r := b.request("GET", logoutPath+"?session_id=x", "", "")
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	if a := b.do(r); a.status != 422 || !strings.Contains(a.body, "<h1>Signing out failed</h1>") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

func TestLogoutWithoutApp(t *testing.T) {
	b := newBench(t, &Emulator{})
	b.e.store.redirects.removeBy("uri:" + testRedirectURI)
	a := b.get(logoutPath, url.Values{"session_id": {newID("session_", b.clock.Now())}})
	if a.status != http.StatusOK || !strings.Contains(a.body, "<h1>Signed out</h1>") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}
