package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLogin(t *testing.T) {
	b := newBench(t, &Emulator{})
	signedInAt := b.clock.Now()
	code := b.code(goodAuthorization())
	b.clock.Advance(time.Minute)
	a := b.post(tokenPath, codeExchange(code))
	if a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d, Cache-Control %q: %s", a.status, a.header.Get("Cache-Control"), a.body)
	}
	var got struct {
		User                 map[string]any
		AccessToken          string `json:"access_token"`
		RefreshToken         string `json:"refresh_token"`
		AuthenticationMethod string `json:"authentication_method"`
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	user := stableID("user_", DefaultEmail)
	wantUser := map[string]any{
		"object": "user", "id": user, "email": DefaultEmail, "email_verified": true,
		"first_name": "Ada", "last_name": "Local", "name": "Ada Local",
		"profile_picture_url": nil, "external_id": nil, "locale": nil, "metadata": map[string]any{},
		"last_sign_in_at": "2030-01-02T03:04:05.000Z",
		"created_at":      got.User["created_at"], "updated_at": got.User["created_at"],
	}
	if diff := cmp.Diff(wantUser, got.User); diff != "" {
		t.Error(diff)
	}
	if len(got.RefreshToken) != 43 || got.AuthenticationMethod != "Password" {
		t.Errorf("refresh token %q, method %q", got.RefreshToken, got.AuthenticationMethod)
	}

	claimed := b.decode(got.AccessToken)
	if !sessionForm.MatchString(claimed.SessionID) || len(claimed.TokenID) != 26 {
		t.Errorf("sid %q, jti %q", claimed.SessionID, claimed.TokenID)
	}
	want := claims{
		Issuer: b.url + "/user_management/" + DefaultClientID, Subject: user, ClientID: DefaultClientID,
		SessionID: claimed.SessionID, TokenID: claimed.TokenID,
		IssuedAt: b.clock.Now().Unix(), Expires: b.clock.Now().Add(5 * time.Minute).Unix(), AuthTime: signedInAt.Unix(),
	}
	if diff := cmp.Diff(want, claimed); diff != "" {
		t.Error(diff)
	}
}

// The same exchange as JSON, with null for what is missing.
func TestLoginByJSON(t *testing.T) {
	b := newBench(t, &Emulator{AccessTokenLifetime: time.Hour})
	body := `{"grant_type":"authorization_code","client_id":"` + DefaultClientID + `","client_secret":"` + DefaultAPIKey +
		`","code":"` + b.code(goodAuthorization("code_challenge", "-", "code_challenge_method", "-")) +
		`","code_verifier":null,"ip_address":null,"extra":{"a":[1]}}`
	a := b.do(b.request("POST", tokenPath, "application/json; charset=utf-8", body))
	var got authenticateResponse
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if claimed := b.decode(got.AccessToken); claimed.Expires-claimed.IssuedAt != 3600 {
		t.Errorf("lifetime %d", claimed.Expires-claimed.IssuedAt)
	}
}

// A public client proves itself by the verifier, at the exchange and by the
// refresh token afterwards.
func TestPublicClient(t *testing.T) {
	b := newBench(t, &Emulator{})
	got := b.tokens(codeExchange(b.code(goodAuthorization()), "client_secret", "-"))
	b.tokens(refreshExchange(got.RefreshToken, "client_secret", "-"))
}

func TestTokenRefused(t *testing.T) {
	const oauth, api = true, false
	noPKCE := func(b *bench) string {
		return b.code(goodAuthorization("code_challenge", "-", "code_challenge_method", "-"))
	}
	withPKCE := func(b *bench) string { return b.code(goodAuthorization()) }
	tests := []struct {
		name   string
		code   func(*bench) string
		change []string // of a good exchange of that code
		status int
		oauth  bool
		want   string
		text   string
	}{
		{"wrong secret", withPKCE, []string{"client_secret", "sk_test_wrong"}, 400, oauth, "invalid_client", "wrong client_secret"},
		{"wrong secret without PKCE", noPKCE, []string{"client_secret", "sk_test_wrong", "code_verifier", "-"}, 400, oauth, "invalid_client", "wrong client_secret"},
		{"no secret, no PKCE", noPKCE, []string{"client_secret", "-", "code_verifier", "-"}, 400, oauth, "invalid_client", "client_secret is missing"},
		{"no secret, no verifier", withPKCE, []string{"client_secret", "-", "code_verifier", "-"}, 400, oauth, "invalid_client", "client_secret is missing"},
		{"no secret, wrong verifier", withPKCE, []string{"client_secret", "-", "code_verifier", strings.Repeat("w", 43)}, 400, oauth, "invalid_grant", "does not match"},
		{"no secret, verifier for a code without challenge", noPKCE, []string{"client_secret", "-"}, 400, api, "code_challenge_not_found", "no code_challenge"},
		{"wrong verifier", withPKCE, []string{"code_verifier", strings.Repeat("w", 43)}, 400, oauth, "invalid_grant", "does not match"},
		{"challenge as verifier", withPKCE, []string{"code_verifier", testChallenge}, 400, oauth, "invalid_grant", "does not match"},
		{"missing verifier", withPKCE, []string{"code_verifier", "-"}, 400, oauth, "invalid_request", "code_verifier is required"},
		{"unneeded verifier", noPKCE, nil, 400, api, "code_challenge_not_found", "no code_challenge"},
		{"another client", withPKCE, []string{"client_id", "client_other"}, 400, oauth, "invalid_client", "unknown client_id"},
		{"no client", withPKCE, []string{"client_id", "-"}, 422, api, "invalid_request_parameters", "client_id is required"},
		{"another redirect URI", withPKCE, []string{"redirect_uri", "http://localhost:8000/other"}, 400, oauth, "invalid_grant", "redirect_uri"},
		{"made-up code", withPKCE, []string{"code", "made-up"}, 400, oauth, "invalid_grant", "expired or is invalid"},
		{"no code", withPKCE, []string{"code", "-"}, 422, api, "invalid_request_parameters", "code is required"},
		{"no grant", withPKCE, []string{"grant_type", "-"}, 422, api, "invalid_request_parameters", "grant_type is required"},
		{"unknown grant", withPKCE, []string{"grant_type", "client_credentials"}, 400, oauth, "unsupported_grant_type", "no such grant"},
		{"a grant of WorkOS not served here", withPKCE, []string{"grant_type", "urn:workos:oauth:grant-type:radar-email-challenge:code"}, 400, oauth, "unsupported_grant_type", "no such grant"},
		{"invitation", withPKCE, []string{"invitation_token", "inv_1"}, 400, oauth, "invitation_invalid", "the invitation"},
		{"password: wrong", nil, []string{"grant_type", "password", "email", DefaultEmail, "password", "wrong"}, 400, api, "invalid_credentials", "wrong email or password"},
		{"password: nobody", nil, []string{"grant_type", "password", "email", "x@example.test", "password", DefaultPassword}, 400, api, "invalid_credentials", "wrong email or password"},
		{"password: no secret", nil, []string{"grant_type", "password", "email", DefaultEmail, "password", DefaultPassword, "client_secret", "-"}, 400, oauth, "invalid_client", "client_secret is missing"},
		{"password: none", nil, []string{"grant_type", "password", "email", DefaultEmail}, 422, api, "invalid_request_parameters", "email and password"},
		{"refresh: made-up", nil, []string{"grant_type", "refresh_token", "refresh_token", "made-up"}, 400, oauth, "invalid_grant", "invalid refresh token"},
		{"refresh: none", nil, []string{"grant_type", "refresh_token"}, 422, api, "invalid_request_parameters", "refresh_token is required"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, &Emulator{})
			code := "unused"
			if test.code != nil {
				code = test.code(b)
			}
			form := codeExchange(code, test.change...)
			encoded, err := json.Marshal(flat(form))
			if err != nil {
				t.Fatal(err)
			}
			// A refusal says the same in both encodings. JSON comes second, so
			// it asks with the same code only where that code is still unused.
			got := []answer{b.post(tokenPath, form)}
			if test.code == nil || test.want == "invalid_client" || test.status == 422 {
				got = append(got, b.do(b.request("POST", tokenPath, "application/json", string(encoded))))
			}
			for _, a := range got {
				if test.oauth {
					b.wantOAuthError(a, test.status, test.want, test.text)
				} else {
					b.wantAPIError(a, test.status, test.want, test.text)
				}
				if strings.Contains(a.body, "sk_test") || strings.Contains(a.body, testVerifier) {
					t.Errorf("the answer has a secret in it: %s", a.body)
				}
			}
		})
	}
}

func flat(form url.Values) map[string]string {
	out := map[string]string{}
	for name := range form {
		out[name] = form.Get(name)
	}
	return out
}

func TestTokenUnreadable(t *testing.T) {
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	tests := []struct {
		name, contentType, body string
		status                  int
		want                    string
	}{
		{"no content type", "", `{}`, 400, "content type"},
		{"plain text", "text/plain", `{}`, 400, "content type"},
		{"broken content type", "application/json;;", `{}`, 400, "content type"},
		{"empty", jsonType, ``, 400, "not a JSON object"},
		{"array", jsonType, `[]`, 400, "not a JSON object"},
		{"cut off", jsonType, `{"grant_type":"pass`, 400, "not a JSON object"},
		{"cut off after a value", jsonType, `{"grant_type":"password"`, 400, "not a JSON object"},
		{"more after it", jsonType, `{} {}`, 400, "not a JSON object"},
		{"name twice", jsonType, `{"grant_type":"password","grant_type":"password"}`, 400, "grant_type is given more than once"},
		{"name twice", formType, `code=1&code=1`, 400, "code is given more than once"},
		{"bad escape", formType, `code=%zz`, 400, "not form-encoded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, &Emulator{})
			b.wantOAuthError(b.do(b.request("POST", tokenPath, test.contentType, test.body)), test.status, "invalid_request", test.want)
		})
	}
	b := newBench(t, &Emulator{})
	b.wantAPIError(b.do(b.request("POST", tokenPath, jsonType, strings.Repeat(" ", maxBody+1))), 413, "body_too_large", "64 KiB")
	// A number is not a text, so it is no grant type.
	b.wantAPIError(b.do(b.request("POST", tokenPath, jsonType, `{"grant_type":1}`)), 422, "invalid_request_parameters", "grant_type is required")
}

// A refused exchange is the only one that a code's own client gets, except that
// a wrong secret never reaches the code.
func TestCodeAfterARefusal(t *testing.T) {
	b := newBench(t, &Emulator{})
	code := b.code(goodAuthorization())
	b.wantOAuthError(b.post(tokenPath, codeExchange(code, "client_secret", "sk_test_wrong")), 400, "invalid_client", "")
	b.tokens(codeExchange(code))

	code = b.code(goodAuthorization())
	b.wantOAuthError(b.post(tokenPath, codeExchange(code, "code_verifier", strings.Repeat("w", 43))), 400, "invalid_grant", "does not match")
	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "already been used")
}

func TestReplayedCodeEndsItsSession(t *testing.T) {
	b := newBench(t, &Emulator{})
	code := b.code(goodAuthorization())
	got := b.tokens(codeExchange(code))
	other := b.login()
	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "already been used")
	b.wantOAuthError(b.post(tokenPath, refreshExchange(got.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
	b.tokens(refreshExchange(other.RefreshToken)) // another session of the same user goes on
}

func TestCodeExpires(t *testing.T) {
	b := newBench(t, &Emulator{})
	late, inTime := b.code(goodAuthorization()), ""
	b.clock.Advance(time.Second)
	inTime = b.code(goodAuthorization())
	b.clock.Advance(codeLifetime - time.Second)
	b.wantOAuthError(b.post(tokenPath, codeExchange(late)), 400, "invalid_grant", "expired")
	b.tokens(codeExchange(inTime))
}

// A code answers only the client it was made for. Over HTTP a second client
// fails before that, as an unknown one; this is the check behind it.
func TestCodeOfAnotherClient(t *testing.T) {
	b := newBench(t, &Emulator{})
	now := b.clock.Now()
	s := b.e.store
	u, _ := s.users.by(emailKey(DefaultEmail))
	code := s.issueCode(&authorization{clientID: "client_a", redirectURI: testRedirectURI, signedIn: signedIn{UserID: u.ID}}, now)
	if _, f := s.redeem(code, "", redemption{clientID: "client_b", now: now}); f != invalidCode {
		t.Errorf("got %+v", f)
	}
	out, f := s.redeem(code, "", redemption{clientID: "client_a", now: now})
	if f != nil {
		t.Fatalf("its own client: %+v", f)
	}
	if _, f := s.rotate(out.refreshToken, "", redemption{clientID: "client_b", now: now}); f == nil || f.code != "invalid_grant" {
		t.Errorf("refresh token of another client: %+v", f)
	}

	s.steps.put("token", &step{ClientID: "client_a", Needs: organizationChoice, SignedIn: signedIn{UserID: u.ID}, Expires: now.Add(time.Hour)})
	selection := url.Values{"pending_authentication_token": {"token"}}
	if _, _, f := b.e.pendingStep(selection, redemption{clientID: "client_b", now: now}, organizationChoice); f == nil || f.code != "invalid_pending_authentication_token" {
		t.Errorf("pending authentication token of another client: %+v", f)
	}
	if _, _, f := b.e.pendingStep(selection, redemption{clientID: "client_a", now: now}, organizationChoice); f != nil {
		t.Errorf("pending authentication token of its own client: %+v", f)
	}
}

func TestRefreshRotates(t *testing.T) {
	b := newBench(t, &Emulator{})
	first := b.login()
	before := b.decode(first.AccessToken)

	b.clock.Advance(time.Hour)
	second := b.tokens(refreshExchange(first.RefreshToken))
	after := b.decode(second.AccessToken)
	if second.RefreshToken == first.RefreshToken {
		t.Error("the refresh token did not rotate")
	}
	want := before
	want.TokenID, want.IssuedAt, want.Expires = after.TokenID, b.clock.Now().Unix(), b.clock.Now().Add(5*time.Minute).Unix()
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("the session, its user or its time of sign-in changed:\n%s", diff)
	}
	if after.TokenID == before.TokenID {
		t.Error("both access tokens have the same jti")
	}

	// Within the grace period the old token gives the same pair.
	b.clock.Advance(refreshGrace - time.Second)
	if diff := cmp.Diff(second, b.tokens(refreshExchange(first.RefreshToken))); diff != "" {
		t.Errorf("a replay within the grace period gave another pair:\n%s", diff)
	}
	b.clock.Advance(time.Second)
	b.wantOAuthError(b.post(tokenPath, refreshExchange(first.RefreshToken)), 400, "invalid_grant", "already exchanged")

	// A late replay does not end the session.
	third := b.tokens(refreshExchange(second.RefreshToken))
	// Two generations old is dead at once, grace period or not.
	fourth := b.tokens(refreshExchange(third.RefreshToken))
	b.wantOAuthError(b.post(tokenPath, refreshExchange(second.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
	b.tokens(refreshExchange(fourth.RefreshToken))
}

func TestParallelRefresh(t *testing.T) {
	b := newBench(t, &Emulator{})
	token := b.login().RefreshToken
	got := make([]authenticateResponse, 16)
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() { got[i] = b.tokens(refreshExchange(token)) })
	}
	group.Wait()
	for _, one := range got {
		if diff := cmp.Diff(got[0], one); diff != "" {
			t.Fatalf("parallel refreshes gave different pairs:\n%s", diff)
		}
	}
}

// Of many who redeem a code at once, one gets tokens.
func TestParallelRedeem(t *testing.T) {
	b := newBench(t, &Emulator{})
	code := b.code(goodAuthorization())
	status := make([]int, 16)
	var group sync.WaitGroup
	for i := range status {
		group.Go(func() { status[i] = b.post(tokenPath, codeExchange(code)).status })
	}
	group.Wait()
	counts := map[int]int{}
	for _, s := range status {
		counts[s]++
	}
	if diff := cmp.Diff(map[int]int{http.StatusOK: 1, http.StatusBadRequest: 15}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestRefreshRefused(t *testing.T) {
	b := newBench(t, &Emulator{})
	token := b.login().RefreshToken
	b.wantOAuthError(b.post(tokenPath, refreshExchange(token, "client_secret", "sk_test_wrong")), 400, "invalid_client", "wrong client_secret")
	b.wantOAuthError(b.post(tokenPath, refreshExchange(token, "client_secret", "-")), 400, "invalid_client", "client_secret is missing")
	b.wantOAuthError(b.post(tokenPath, refreshExchange(token, "client_id", "client_other")), 400, "invalid_client", "unknown client_id")
	b.tokens(refreshExchange(token)) // none of them used it up
}

func TestSessionExpires(t *testing.T) {
	b := newBench(t, &Emulator{})
	token := b.login().RefreshToken
	b.clock.Advance(sessionLifetime - time.Second)
	token = b.tokens(refreshExchange(token)).RefreshToken
	b.clock.Advance(time.Second)
	b.wantOAuthError(b.post(tokenPath, refreshExchange(token)), 400, "invalid_grant", "the session has ended")
}

func TestPasswordGrant(t *testing.T) {
	b := newBench(t, &Emulator{
		Users:   []User{{ID: "user_me", Email: "Me@Example.Test", Password: "pass word"}},
		Lenient: []Check{CheckEmailVerification},
	})
	got := b.tokens(url.Values{
		"grant_type": {"password"}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
		"email": {"me@example.test"}, "password": {"pass word"},
	})
	if got.User.ID != "user_me" || got.User.Email != "Me@Example.Test" || got.User.FirstName != nil || got.User.EmailVerified {
		t.Errorf("got %+v", got.User)
	}
	if claimed := b.decode(got.AccessToken); claimed.Subject != "user_me" || claimed.AuthTime != b.clock.Now().Unix() {
		t.Errorf("got %+v", claimed)
	}
	b.tokens(refreshExchange(got.RefreshToken))
}

// A user without a password cannot sign in with an empty one.
func TestNoPassword(t *testing.T) {
	b := newBench(t, &Emulator{Users: []User{{Email: "me@example.test"}}})
	got := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", "me@example.test", "password", "-"))
	if got.status != http.StatusUnprocessableEntity {
		t.Errorf("got %d", got.status)
	}
}

// Whatever the app says of how old a sign-in may be, each sign-in here is a new
// one, and refreshing does not make it newer.
func TestAuthTime(t *testing.T) {
	b := newBench(t, &Emulator{})
	for _, query := range []url.Values{
		goodAuthorization(), goodAuthorization("max_age", "0"), goodAuthorization("max_age", "3600"), goodAuthorization("prompt", "login"),
	} {
		b.clock.Advance(time.Hour)
		signedInAt := b.clock.Now().Unix()
		code := b.code(query)
		b.clock.Advance(time.Minute)
		got := b.tokens(codeExchange(code))
		for range 2 {
			if claimed := b.decode(got.AccessToken); claimed.AuthTime != signedInAt || claimed.IssuedAt != b.clock.Now().Unix() {
				t.Errorf("%v: auth_time %d, iat %d; want %d, %d", query, claimed.AuthTime, claimed.IssuedAt, signedInAt, b.clock.Now().Unix())
			}
			b.clock.Advance(time.Minute)
			got = b.tokens(refreshExchange(got.RefreshToken))
		}
	}
}

func TestImpersonator(t *testing.T) {
	for _, test := range []struct{ reason, want string }{
		{"ticket 42", `"impersonator":{"email":"support@example.test","reason":"ticket 42"}`},
		{"", `"impersonator":{"email":"support@example.test","reason":""}`},
	} {
		b := newBench(t, &Emulator{Users: []User{{
			Email: DefaultEmail, Password: DefaultPassword, Impersonator: &Impersonator{"support@example.test", test.reason},
		}}})
		a := b.post(tokenPath, codeExchange(b.code(goodAuthorization())))
		if !strings.Contains(a.body, test.want) || !strings.Contains(a.body, `"authentication_method":"Impersonation"`) {
			t.Errorf("got %s", a.body)
		}
		var got authenticateResponse
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Fatal(err)
		}
		b.clock.Advance(impersonationLifetime - time.Second)
		next := b.tokens(refreshExchange(got.RefreshToken))
		for _, one := range []authenticateResponse{got, next} {
			if claimed := b.decode(one.AccessToken); claimed.Actor == nil || claimed.Actor.Subject != "support@example.test" || claimed.Subject != got.User.ID {
				t.Errorf("got %+v", claimed)
			}
		}
		if diff := cmp.Diff(got.Impersonator, next.Impersonator); diff != "" {
			t.Error(diff)
		}
		b.clock.Advance(time.Second)
		b.wantOAuthError(b.post(tokenPath, refreshExchange(next.RefreshToken)), 400, "invalid_grant", "the session has ended")
	}
}
