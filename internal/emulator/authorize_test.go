package emulator

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whatever is wrong beside client and redirect URI goes back to the app, with
// its state and without a code.
func TestAuthorizeRefusedByRedirect(t *testing.T) {
	tests := []struct {
		name  string
		query url.Values
		code  string
		text  string
	}{
		{"no provider", goodAuthorization("provider", "-"), "invalid_request", "provider is required"},
		{"an unknown provider", goodAuthorization("provider", "MyspaceOAuth"), "invalid_request", "no provider MyspaceOAuth"},
		{"no response_type", goodAuthorization("response_type", "-"), "invalid_request", "response_type is required"},
		{"implicit flow", goodAuthorization("response_type", "token"), "unsupported_response_type", "must be code"},
		{"hybrid flow", goodAuthorization("response_type", "code token"), "unsupported_response_type", "must be code"},
		{"PKCE plain", goodAuthorization("code_challenge_method", "plain"), "invalid_request", "must be S256"},
		{"PKCE method in lower case", goodAuthorization("code_challenge_method", "s256"), "invalid_request", "must be S256"},
		{"PKCE without method", goodAuthorization("code_challenge_method", "-"), "invalid_request", "code_challenge_method is required"},
		{"PKCE without challenge", goodAuthorization("code_challenge", "-"), "invalid_request", "without a code_challenge"},
		{"a verifier as challenge", goodAuthorization("code_challenge", testVerifier+"x"), "invalid_request", "43 characters"},
		{"a padded challenge", goodAuthorization("code_challenge", testChallenge[:42]+"="), "invalid_request", "43 characters"},
		{"connection_id", goodAuthorization("connection_id", "conn_1"), "connection_invalid", "no connection conn_1"},
		{"an unknown organization", goodAuthorization("organization_id", "org_1"), "organization_invalid", "no organization org_1"},
		{"invitation_token", goodAuthorization("invitation_token", "inv"), "invitation_invalid", "the invitation"},
		{"screen_hint", goodAuthorization("screen_hint", "signup"), "invalid_request", "sign-in or sign-up"},
		{"prompt", goodAuthorization("prompt", "please"), "invalid_request", "prompt must be one of"},
		{"prompt none", goodAuthorization("prompt", "none"), "login_required", "nobody is signed in"},
		{"max_age below zero", goodAuthorization("max_age", "-1"), "invalid_request", "max_age"},
		{"max_age not a number", goodAuthorization("max_age", "soon"), "invalid_request", "max_age"},
		{"provider twice", url.Values{"provider": {"authkit", "authkit"}}, "invalid_request", "provider is given more than once"},
		{"scope twice", url.Values{"scope": {"a", "b"}}, "invalid_request", "scope is given more than once"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, &Emulator{})
			query := goodAuthorization()
			if test.query.Has("redirect_uri") {
				query = test.query
			} else {
				for name, all := range test.query {
					query[name] = all
				}
			}
			got := b.callback(b.get("/user_management/authorize", query))
			if got.Get("error") != test.code || !strings.Contains(got.Get("error_description"), test.text) {
				t.Errorf("got %v, want %s about %q", got, test.code, test.text)
			}
			if got.Get("state") != "the state" || got.Has("code") {
				t.Errorf("state or code: %v", got)
			}
		})
	}
}

// What is wrong with client or redirect URI is shown, and nobody is sent away.
func TestAuthorizeRefusedByPage(t *testing.T) {
	tests := []struct {
		name  string
		query url.Values
		want  []string
	}{
		{"no client", goodAuthorization("client_id", "-"), []string{"Unknown client", "(nothing)", DefaultClientID}},
		{"another client", goodAuthorization("client_id", "client_other"), []string{"client_other", "WORKOS_CLIENT_ID=" + DefaultClientID}},
		{"no redirect URI", goodAuthorization("redirect_uri", "-"), []string{"Invalid redirect URI", "did not say", testRedirectURI}},
		{"an unknown one", goodAuthorization("redirect_uri", "https://evil.test/"),
			[]string{"https://evil.test/", "not registered", testRedirectURI, "--redirect-uri URI"}},
		{"a longer path", goodAuthorization("redirect_uri", testRedirectURI+"/x"), []string{"only in the path"}},
		{"a query", goodAuthorization("redirect_uri", testRedirectURI+"?x=1"), []string{"not registered"}},
		{"a slash", goodAuthorization("redirect_uri", testRedirectURI+"/"), []string{"only in the slash at the end"}},
		{"another loopback name", goodAuthorization("redirect_uri", "http://127.0.0.1:8000/callback"), []string{"localhost and 127.0.0.1 are two sites"}},
		{"another port", goodAuthorization("redirect_uri", "http://localhost:8001/callback"), []string{"only in the port"}},
		{"https", goodAuthorization("redirect_uri", "https://localhost:8000/callback"), []string{"only in http or https"}},
		{"a script", goodAuthorization("redirect_uri", "javascript:alert(1)"), []string{"not registered"}},
		{"registered, but no web address", goodAuthorization("redirect_uri", "myapp:callback"), []string{"not an http or https address"}},
		{"registered, but with a fragment", goodAuthorization("redirect_uri", "http://localhost/#x"), []string{"without a fragment"}},
		{"markup", goodAuthorization("redirect_uri", "<script>x</script>"), []string{"&lt;script&gt;x"}},
		{"client twice", url.Values{"client_id": {DefaultClientID, DefaultClientID}}, []string{"client_id more than once"}},
		{"redirect URI twice", url.Values{"redirect_uri": {testRedirectURI, testRedirectURI}, "client_id": {DefaultClientID}},
			[]string{"redirect_uri more than once"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, &Emulator{})
			b.e.RegisterRedirectURI("myapp:callback")
			b.e.RegisterRedirectURI("http://localhost/#x")
			got := b.get("/user_management/authorize", test.query)
			if got.status != http.StatusBadRequest || got.header.Get("Location") != "" {
				t.Errorf("got %d to %q", got.status, got.header.Get("Location"))
			}
			for _, want := range test.want {
				if !strings.Contains(got.body, want) {
					t.Errorf("the page does not say %q:\n%s", want, got.body)
				}
			}
			if strings.Contains(got.body, "<script") {
				t.Error("the page has a script")
			}
		})
	}
}

// An API key in the wrong variable is not shown to whoever looks at the screen.
func TestErrorPageKeepsSecrets(t *testing.T) {
	b := newBench(t, &Emulator{})
	got := b.get("/user_management/authorize", goodAuthorization("client_id", "sk_live_precious"))
	if strings.Contains(got.body, "precious") || !strings.Contains(got.body, "[16 characters]") {
		t.Errorf("the page shows the key:\n%s", got.body)
	}
}

func TestAuthorizeBadEncoding(t *testing.T) {
	b := newBench(t, &Emulator{})
	if got := b.get("/user_management/authorize?state=%zz", nil); got.status != http.StatusBadRequest || !strings.Contains(got.body, "cannot be read") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestSignInPage(t *testing.T) {
	b := newBench(t, &Emulator{})
	got := b.get("/user_management/authorize", goodAuthorization("login_hint", `"><b>@example.test`, "prompt", "login", "max_age", "0"))
	for _, want := range []string{
		`<label for="email">`, `<label for="password">`, `value="&#34;&gt;&lt;b&gt;@example.test"`,
		DefaultEmail, DefaultPassword, `method="post"`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, unwanted := range []string{"<script", `src="http`, `href="http`, "url(", "@import"} {
		if strings.Contains(got.body, unwanted) {
			t.Errorf("the page has %q", unwanted)
		}
	}
	names := []string{}
	for _, input := range regexp.MustCompile(`<input[^>]* name="([^"]*)"`).FindAllStringSubmatch(got.body, -1) {
		names = append(names, input[1])
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"authorization", "email", "password"}, slices.Compact(names)); diff != "" {
		t.Error("programs that fill the form in: " + diff)
	}
	header := map[string]string{}
	for _, name := range []string{"Cache-Control", "Content-Type", "Referrer-Policy", "X-Content-Type-Options"} {
		header[name] = got.header.Get(name)
	}
	want := map[string]string{
		"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
		"Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
	}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Error(diff)
	}
	if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q", policy)
	}
}

// The password of somebody's own users is theirs to know.
func TestSignInPageHidesOwnUsers(t *testing.T) {
	b := newBench(t, &Emulator{Users: []User{{Email: "me@example.test", Password: "mine alone"}}})
	page := b.get("/user_management/authorize", goodAuthorization())
	if strings.Contains(page.body, "me@example.test") || strings.Contains(page.body, "mine") || strings.Contains(page.body, DefaultPassword) {
		t.Errorf("the page gives away a user:\n%s", page.body)
	}
}

func TestSignIn(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization("state", "a b&c=ü%"))

	for _, wrong := range [][]string{
		{"password", "wrong"}, {"email", "nobody@example.test"}, {"password", "-"}, {"password", strings.ToUpper(DefaultPassword)},
	} {
		got := b.post("/user_management/authorize", signInForm(id, wrong...))
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Wrong email or password.") || got.header.Get("Location") != "" {
			t.Errorf("%v: got %d %s", wrong, got.status, got.body)
		}
		if again := idInPage.FindStringSubmatch(got.body); again == nil || again[1] != id {
			t.Errorf("%v: the page cannot be sent again", wrong)
		}
		if strings.Contains(got.body, `value="`+DefaultPassword) {
			t.Errorf("%v: the page repeats the password", wrong)
		}
	}

	got := b.callback(b.post("/user_management/authorize", signInForm(id, "email", " "+strings.ToUpper(DefaultEmail))))
	if got.Get("state") != "a b&c=ü%" || len(got.Get("code")) != 43 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	over := b.post("/user_management/authorize", signInForm(id))
	if over.status != http.StatusBadRequest || !strings.Contains(over.body, "This sign-in is over") {
		t.Errorf("the page works twice: %d %s", over.status, over.body)
	}
}

func TestSignInWithoutState(t *testing.T) {
	b := newBench(t, &Emulator{})
	got := b.callback(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization("state", "-")))))
	if got.Has("state") || got.Get("code") == "" {
		t.Errorf("got %v", got)
	}
}

func TestRedirectURIKeepsItsQuery(t *testing.T) {
	b := newBench(t, &Emulator{RedirectURIs: []string{"http://localhost:8000/cb?tenant=1"}})
	got := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization("redirect_uri", "http://localhost:8000/cb?tenant=1"))))
	if at := got.header.Get("Location"); !strings.HasPrefix(at, "http://localhost:8000/cb?tenant=1&code=") {
		t.Errorf("redirected to %q", at)
	}
}

func TestCancel(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization())
	got := b.callback(b.post("/user_management/authorize", url.Values{"authorization": {id}, "action": {"cancel"}}))
	want := url.Values{"error": {"access_denied"}, "error_description": {"the user cancelled the sign-in"}, "state": {"the state"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if over := b.post("/user_management/authorize", signInForm(id)); over.status != http.StatusBadRequest {
		t.Errorf("a cancelled page still signs in: %d", over.status)
	}
}

func TestSignInFormRefused(t *testing.T) {
	b := newBench(t, &Emulator{})
	tests := []struct {
		name   string
		form   url.Values
		status int
	}{
		{"no id", signInForm("x", "authorization", "-"), 400},
		{"a made-up id", signInForm(strings.Repeat("x", 43)), 400},
		{"no action", signInForm(b.open(goodAuthorization()), "action", "-"), 400},
		{"another action", signInForm(b.open(goodAuthorization()), "action", "delete"), 400},
		{"email twice", url.Values{"authorization": {b.open(goodAuthorization())}, "email": {DefaultEmail, DefaultEmail},
			"password": {DefaultPassword}, "action": {"sign-in"}}, 400},
		{"too large", signInForm("x", "padding", strings.Repeat("x", maxBody)), 413},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := b.post("/user_management/authorize", test.form); got.status != test.status || got.header.Get("Location") != "" {
				t.Errorf("got %d to %q, want %d", got.status, got.header.Get("Location"), test.status)
			}
		})
	}
}

// A page of another site that sends the form, even with a right id, is refused.
func TestSignInFromAnotherSite(t *testing.T) {
	b := newBench(t, &Emulator{})
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"} {
		r := b.request("POST", "/user_management/authorize", "application/x-www-form-urlencoded",
			signInForm(b.open(goodAuthorization())).Encode())
		r.Header.Set(name, value)
		if got := b.do(r); got.status != http.StatusForbidden {
			t.Errorf("%s: %s: got %d", name, value, got.status)
		}
	}
	r := b.request("POST", "/user_management/authorize", "application/x-www-form-urlencoded",
		signInForm(b.open(goodAuthorization())).Encode())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", b.url)
	if got := b.do(r); got.status != http.StatusFound {
		t.Errorf("the page's own form: got %d", got.status)
	}
}

func TestSignInPageExpires(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization())
	b.clock.Advance(pendingLifetime)
	if got := b.post("/user_management/authorize", signInForm(id)); got.status != http.StatusBadRequest {
		t.Errorf("got %d", got.status)
	}
	id = b.open(goodAuthorization())
	b.clock.Advance(pendingLifetime - time.Second)
	if got := b.post("/user_management/authorize", signInForm(id)); got.status != http.StatusFound {
		t.Errorf("a second before: got %d", got.status)
	}
}
