package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestStrict goes through what other emulators let through, a line each, and
// wants it refused in the shape that WorkOS documents.
func TestStrict(t *testing.T) {
	tests := []struct {
		name string
		try  func(b *bench)
	}{
		{"a wrong client_secret", func(b *bench) {
			code := b.code(goodAuthorization())
			b.wantOAuthError(b.post(tokenPath, codeExchange(code, "client_secret", "sk_test_wrong")), 400, "invalid_client", "wrong client_secret")
			b.tokens(codeExchange(code)) // and the code is not used up by it
		}},
		{"no client_secret, and no code verifier that stands in for it", func(b *bench) {
			code := b.code(goodAuthorization("code_challenge", "-", "code_challenge_method", "-"))
			b.wantOAuthError(b.post(tokenPath, codeExchange(code, "client_secret", "-", "code_verifier", "-")), 400, "invalid_client", "client_secret is missing")
		}},
		{"a code redeemed by another client", func(b *bench) {
			code := b.code(goodAuthorization())
			b.wantOAuthError(b.post(tokenPath, codeExchange(code, "client_id", "client_other")), 400, "invalid_client", "unknown client_id")
		}},
		{"no provider", func(b *bench) {
			b.wantRedirect(goodAuthorization("provider", "-"), "invalid_request", "provider is required")
		}},
		{"response_type=token", func(b *bench) {
			b.wantRedirect(goodAuthorization("response_type", "token"), "unsupported_response_type", "must be code")
		}},
		{"PKCE plain", func(b *bench) {
			b.wantRedirect(goodAuthorization("code_challenge_method", "plain"), "invalid_request", "must be S256")
			b.wantRedirect(goodAuthorization("code_challenge_method", "-"), "invalid_request", "code_challenge_method is required")
		}},
		{"an unregistered redirect URI", func(b *bench) {
			for _, uri := range []string{testRedirectURI + "/", "https://evil.test/callback", "http://localhost:8000@evil.test/callback", testRedirectURI + "?x=1"} {
				a := b.get("/user_management/authorize", goodAuthorization("redirect_uri", uri))
				if a.status != http.StatusBadRequest || a.header.Get("Location") != "" || !strings.Contains(a.body, "Invalid redirect URI") {
					b.Errorf("%s: %d to %q", uri, a.status, a.header.Get("Location"))
				}
			}
		}},
		{"a wrong code verifier, in OAuth's shape", func(b *bench) {
			b.wantOAuthError(b.post(tokenPath, codeExchange(b.code(goodAuthorization()), "code_verifier", strings.Repeat("w", 43))), 400, "invalid_grant", "code_verifier")
		}},
		{"a code verifier without a challenge, in WorkOS's own", func(b *bench) {
			code := b.code(goodAuthorization("code_challenge", "-", "code_challenge_method", "-"))
			b.wantAPIError(b.post(tokenPath, codeExchange(code)), 400, "code_challenge_not_found", "no code_challenge")
		}},
		{"a refresh token after logout", func(b *bench) {
			got := b.login()
			b.get(logoutPath, url.Values{"session_id": {b.decode(got.AccessToken).SessionID}})
			b.wantOAuthError(b.post(tokenPath, refreshExchange(got.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
		}},
		{"a refresh token after its session was revoked", func(b *bench) {
			got := b.login()
			if a := b.api("POST", "/user_management/sessions/revoke", `{"session_id": "`+b.decode(got.AccessToken).SessionID+`"}`); a.status != 200 {
				b.Errorf("revoke: %d %s", a.status, a.body)
			}
			b.wantOAuthError(b.post(tokenPath, refreshExchange(got.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
		}},
		{"a token without auth_time", func(b *bench) {
			if b.decode(b.login().AccessToken).AuthTime == 0 {
				b.Error("there is none")
			}
		}},
		{"a form-encoded exchange that fails", func(b *bench) {
			form := codeExchange(b.code(goodAuthorization()))
			b.tokens(form) // which is posted as a form
		}},
		{"a logout to wherever", func(b *bench) {
			id := b.decode(b.login().AccessToken).SessionID
			b.wantAPIError(b.get(logoutPath, url.Values{"session_id": {id}, "return_to": {"https://evil.test/"}}), 422, "invalid_request_parameters", "return_to")
		}},
		{"the management API without its key", func(b *bench) {
			b.wantAPIError(b.get("/user_management/users", nil), 401, "unauthorized", "API key")
		}},
		{"a password sign-in with an email that nobody has verified", func(b *bench) {
			b.api("POST", "/user_management/users", `{"email": "late@example.test", "password": "long enough"}`)
			a := b.post(tokenPath, url.Values{
				"grant_type": {"password"}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
				"email": {"late@example.test"}, "password": {"long enough"},
			})
			b.wantStepUp(a, "email_verification_required", "email", "email_verification_id", "user")
		}},
		{"a thousand requests a minute as a limit", func(b *bench) {
			for range 1_100 {
				if a := b.get("/sso/jwks/"+DefaultClientID, nil); a.status != 200 {
					b.Fatalf("%d %s", a.status, a.body)
				}
			}
		}},
		{"an authentication_method that SDK 5.46 does not know", func(b *bench) {
			if got := b.login().AuthenticationMethod; got != "Password" {
				b.Errorf("%q", got)
			}
		}},
		{"an organization without allow_profiles_outside_organization", func(b *bench) {
			if a := b.api("GET", "/organizations/"+NorthOrganizationID, ""); !strings.Contains(a.body, `"allow_profiles_outside_organization":false`) {
				b.Error(a.body)
			}
		}},
		{"listening on every interface", func(b *bench) {
			for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.168.0.1:0"} {
				if _, err := (&Emulator{}).Start(addr); err == nil || !strings.Contains(err.Error(), "loopback") {
					b.Errorf("%s: %v", addr, err)
				}
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.try(newBench(t, &Emulator{})) })
	}
}

// wantRedirect wants an authorization request to be refused at the app.
func (b *bench) wantRedirect(query url.Values, code, text string) {
	b.Helper()
	got := b.callback(b.get("/user_management/authorize", query))
	if got.Get("error") != code || !strings.Contains(got.Get("error_description"), text) || got.Get("state") != "the state" || got.Has("code") {
		b.Errorf("got %v, want %s about %q", got, code, text)
	}
}

// wantStepUp wants a refusal with which another grant goes on, and gives its
// pending authentication token.
func (b *bench) wantStepUp(a answer, code string, more ...string) string {
	b.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		b.Fatalf("%v: %d %s", err, a.status, a.body)
	}
	token, _ := body["pending_authentication_token"].(string)
	if a.status != http.StatusForbidden || body["code"] != code || body["message"] == "" || token == "" {
		b.Errorf("got %d %s, want 403 with %s", a.status, a.body, code)
	}
	for _, name := range more {
		if body[name] == nil {
			b.Errorf("there is no %s in %s", name, a.body)
		}
	}
	return token
}

// TestLenient turns each check off, and wants it to let that through and nothing
// else.
func TestLenient(t *testing.T) {
	password := url.Values{
		"grant_type": {"password"}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
		"email": {"late@example.test"}, "password": {"long enough"},
	}
	// Each gives whether it was let through.
	tries := map[Check]func(b *bench) bool{
		CheckClientSecret: func(b *bench) bool {
			return b.post(tokenPath, codeExchange(b.code(goodAuthorization()), "client_secret", "sk_test_wrong")).status == 200
		},
		CheckRedirectURI: func(b *bench) bool {
			return b.get("/user_management/authorize", goodAuthorization("redirect_uri", "http://localhost:9000/x")).status == 200
		},
		CheckReturnTo: func(b *bench) bool {
			id := b.decode(b.login().AccessToken).SessionID
			return b.get(logoutPath, url.Values{"session_id": {id}, "return_to": {"http://localhost:9000/"}}).status == 302
		},
		CheckProvider: func(b *bench) bool {
			return b.get("/user_management/authorize", goodAuthorization("provider", "-")).status == 200
		},
		CheckPKCE: func(b *bench) bool {
			a := b.get("/user_management/authorize", goodAuthorization("code_challenge", testVerifier, "code_challenge_method", "plain"))
			if a.status != 200 {
				return false
			}
			a = b.post("/user_management/authorize", signInForm(b.id(a, 200, "Sign in")))
			return b.post(tokenPath, codeExchange(b.callback(a).Get("code"))).status == 200
		},
		CheckEmailVerification: func(b *bench) bool { return b.post(tokenPath, password).status == 200 },
	}
	for _, off := range Checks() {
		t.Run(string(off), func(t *testing.T) {
			b := newBench(t, &Emulator{
				Lenient: []Check{off},
				Users:   append(DefaultUsers(), User{Email: "late@example.test", Password: "long enough"}),
			})
			for _, check := range Checks() {
				try, ok := tries[check]
				if !ok {
					t.Fatalf("%s is not tried", check)
				}
				if through := try(b); through != (check == off) {
					t.Errorf("without %s: %s let through: %v", off, check, through)
				}
			}
		})
	}
}
