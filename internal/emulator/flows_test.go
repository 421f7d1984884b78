package emulator

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// submit posts the form of a page with an action.
func (b *bench) submit(page answer, status int, says, action string, pairs ...string) answer {
	b.Helper()
	return b.post("/user_management/authorize", values(url.Values{
		"authorization": {b.id(page, status, says)}, "action": {action},
	}, pairs...))
}

// totpNow is the code that an authenticator app shows now.
func (b *bench) totpNow(secret string) string {
	b.Helper()
	code, err := totp.GenerateCode(secret, b.clock.Now())
	if err != nil {
		b.Fatal(err)
	}
	return code
}

// Somebody without an account signs in by a code alone, and has one then.
func TestMagicCodePage(t *testing.T) {
	b := newBench(t, &Emulator{})
	const email = "magic@example.test"
	page := b.get("/user_management/authorize", goodAuthorization())
	refused := b.submit(page, 200, "Sign in", "send-code", "email", "nobody")
	page = b.submit(refused, 422, "Enter an email address", "send-code", "email", email)
	wrong := b.submit(page, 200, "Check your email", "magic-code", "code", "000000x")
	again := b.submit(wrong, 422, "The code is wrong", "resend-code")
	got := b.tokensAfter(b.submit(again, 200, "Check your email", "magic-code", "code", " "+b.mailed(email)+" "))
	if got.AuthenticationMethod != methodMagicAuth || got.User.Email != email || !got.User.EmailVerified {
		t.Errorf("got %+v", got)
	}
}

// A code can be guessed at ten times.
func TestMagicCodeAttempts(t *testing.T) {
	b := newBench(t, &Emulator{})
	page := b.submit(b.get("/user_management/authorize", goodAuthorization()), 200, "Sign in", "send-code", "email", DefaultEmail)
	id := b.id(page, 200, "Check your email")
	code := b.mailed(DefaultEmail)
	for range maxAttempts {
		b.post("/user_management/authorize", url.Values{"authorization": {id}, "action": {"magic-code"}, "code": {"wrong"}})
	}
	a := b.post("/user_management/authorize", url.Values{"authorization": {id}, "action": {"magic-code"}, "code": {code}})
	b.id(a, 422, "too many wrong codes")
}

// The link in the mail sets a new password, once, and ends all sessions.
func TestForgottenPassword(t *testing.T) {
	b := newBench(t, &Emulator{})
	before := b.login()
	id := b.open(goodAuthorization())
	page := b.get("/user_management/authorize/forgot-password", url.Values{"authorization": {id}})
	for _, email := range []string{"nobody@example.test", DefaultEmail} { // the same answer
		a := b.submit(page, 200, "Forgot your password?", "forgot-password", "email", email)
		if a.status != 200 || !strings.Contains(a.body, "If there is an account with "+email) {
			t.Errorf("%s: %d %s", email, a.status, a.body)
		}
	}
	if n := len(b.e.Mail("nobody@example.test")); n != 0 {
		t.Errorf("%d mails to nobody", n)
	}
	link := b.e.Mail(DefaultEmail)[0].Link
	token := strings.TrimPrefix(link, b.url+"/reset-password?token=")
	if a := b.get("/reset-password", url.Values{"token": {token}}); a.status != 200 || !strings.Contains(a.body, "Set a new password") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.post("/reset-password", url.Values{"token": {token}, "password": {"short"}}); a.status != 422 || !strings.Contains(a.body, "at least 8") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.post("/reset-password", url.Values{"token": {token}, "password": {"a new password"}}); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.post("/reset-password", url.Values{"token": {token}, "password": {"another password"}}); a.status != 400 {
		t.Errorf("a second time: %d %s", a.status, a.body)
	}
	b.wantOAuthError(b.post(tokenPath, refreshExchange(before.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
	a := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization())))
	b.id(a, 422, "Wrong email or password")
	b.callback(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "password", "a new password")))
}

// A local identity is picked in the place of a provider's page.
func TestProviders(t *testing.T) {
	for _, at := range []url.Values{goodAuthorization("provider", "GoogleOAuth"), goodAuthorization()} {
		b := newBench(t, &Emulator{})
		page := b.get("/user_management/authorize", at)
		if at.Get("provider") == "authkit" { // by the button on the sign-in page
			page = b.get("/user_management/authorize/identity", url.Values{"authorization": {b.id(page, 200, "Google")}, "provider": {"GoogleOAuth"}})
		}
		if !strings.Contains(page.body, DefaultEmail) {
			t.Errorf("%s cannot be picked:\n%s", DefaultEmail, page.body)
		}
		got := b.tokensAfter(b.submit(page, 200, "Sign in with Google", "pick-identity", "email", "new@gmail.test"))
		if got.AuthenticationMethod != "GoogleOAuth" || !got.User.EmailVerified || got.User.Email != "new@gmail.test" {
			t.Errorf("got %+v", got)
		}
		if a := b.api("GET", "/user_management/users/"+got.User.ID+"/identities", ""); !strings.Contains(a.body, `"provider":"GoogleOAuth"`) {
			t.Errorf("identities: %s", a.body)
		}
	}
}

// withConnection is an organisation whose people sign in by its identity provider.
func withConnection() *Emulator {
	return &Emulator{Connections: []Connection{{
		ID: "conn_north", OrganizationID: NorthOrganizationID, Name: "North Okta", Domains: []string{"north.test"}, Required: true,
	}}}
}

func TestConnections(t *testing.T) {
	b := newBench(t, withConnection())
	for _, query := range []url.Values{
		goodAuthorization("provider", "-", "connection_id", "conn_north"),
		goodAuthorization("provider", "-", "organization_id", NorthOrganizationID),
	} {
		page := b.get("/user_management/authorize", query)
		refused := b.submit(page, 200, "Sign in with North Okta", "pick-identity", "email", DefaultEmail)
		got := b.tokensAfter(b.submit(refused, 422, "is not one of North Okta", "pick-identity", "email", "kim@north.test"))
		if got.AuthenticationMethod != methodSSO || got.OrganizationID != NorthOrganizationID {
			t.Errorf("got %+v", got)
		}
	}
	// Nobody of theirs comes in by a password or a code.
	page := b.submit(b.get("/user_management/authorize", goodAuthorization()), 200, "Sign in", "sign-in", "email", "kim@north.test", "password", "whatever it is")
	b.id(page, 200, "Sign in with North Okta")
	page = b.submit(b.get("/user_management/authorize", goodAuthorization()), 200, "Sign in", "send-code", "email", "kim@north.test")
	b.id(page, 200, "Sign in with North Okta")
	for _, form := range []url.Values{
		{"grant_type": {"password"}, "email": {"kim@north.test"}, "password": {"x"}},
		{"grant_type": {grantMagicAuth}, "email": {"kim@north.test"}, "code": {"123456"}},
	} {
		a := b.post(tokenPath, values(form, "client_id", DefaultClientID, "client_secret", DefaultAPIKey))
		if a.status != 403 || !strings.Contains(a.body, `"error":"sso_required"`) || !strings.Contains(a.body, `"connection_ids":["conn_north"]`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

var secretInPage = regexp.MustCompile(`<code>([A-Z2-7]{32})</code>`)

// A factor is enrolled on the way where one is required, asked for at the next
// sign-in, and takes each code once.
func TestFactorPages(t *testing.T) {
	b := newBench(t, &Emulator{RequireMFA: true})
	page := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization())))
	if !strings.Contains(page.body, `src="data:image/png;base64,`) {
		t.Error("there is no QR code")
	}
	found := secretInPage.FindStringSubmatch(page.body)
	if found == nil {
		t.Fatalf("no key in\n%s", page.body)
	}
	secret := found[1]
	page = b.submit(page, 200, "Set up a second factor", "enroll-factor", "code", "000000x")
	code := b.totpNow(secret)
	b.callback(b.submit(page, 422, "The code is wrong", "enroll-factor", "code", code))

	page = b.post("/user_management/authorize", signInForm(b.open(goodAuthorization())))
	page = b.submit(page, 200, "Enter your code", "challenge-factor", "code", code)
	b.clock.Advance(time.Minute)
	got := b.tokensAfter(b.submit(page, 422, "was used already", "challenge-factor", "code", b.totpNow(secret)))
	if got.AuthenticationMethod != methodPassword {
		t.Errorf("got %+v", got)
	}
	// Nor does it matter from which provider they come.
	b.clock.Advance(time.Minute)
	page = b.get("/user_management/authorize", goodAuthorization("provider", "GitHubOAuth"))
	page = b.submit(page, 200, "Sign in with GitHub", "pick-identity", "email", DefaultEmail)
	b.callback(b.submit(page, 200, "Enter your code", "challenge-factor", "code", b.totpNow(secret)))
}

// The steps cannot be left out: a form of a later one is refused.
func TestStepsInOrder(t *testing.T) {
	b := newBench(t, &Emulator{RequireMFA: true})
	fresh := b.open(goodAuthorization())
	half := b.id(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()))), 200, "Set up a second factor")
	for id, actions := range map[string][]string{
		fresh: {"verify-email", "enroll-factor", "challenge-factor", "choose-organization", "consent", "magic-code", "resend-code"},
		half:  {"challenge-factor", "choose-organization", "consent", "magic-code"},
	} {
		for _, action := range actions {
			a := b.post("/user_management/authorize", url.Values{
				"authorization": {id}, "action": {action}, "code": {"123456"}, "organization_id": {NorthOrganizationID},
			})
			if a.header.Get("Location") != "" || a.status == 200 && action != "resend-code" {
				t.Errorf("%s: %d to %q", action, a.status, a.header.Get("Location"))
			}
		}
	}
}

func TestConsent(t *testing.T) {
	b := newBench(t, &Emulator{})
	page := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization("prompt", "consent"))))
	if got := b.callback(b.submit(page, 200, "is going to know you as", "cancel")); got.Get("error") != "access_denied" {
		t.Errorf("got %v", got)
	}
	page = b.post("/user_management/authorize", signInForm(b.open(goodAuthorization("prompt", "login consent"))))
	b.tokensAfter(b.submit(page, 200, "is going to know you as", "consent"))
}

// An invitation is accepted by who signs up with its email, whether the app knows
// of it or the link in the mail has only been opened.
func TestInvitationPages(t *testing.T) {
	for _, byCookie := range []bool{false, true} {
		b := newBench(t, &Emulator{})
		a := b.api("POST", "/user_management/invitations", `{"email": "guest@example.test", "organization_id": "`+SouthOrganizationID+`", "role_slug": "admin"}`)
		var made invitationObject
		if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if link := b.e.Mail("guest@example.test")[0].Link; link != made.AcceptURL {
			t.Errorf("the mail leads to %s", link)
		}
		query := goodAuthorization("screen_hint", "sign-up", "invitation_token", made.Token)
		request := b.request("GET", "/user_management/authorize?"+query.Encode(), "", "")
		if byCookie {
			opened := b.get("/invitation", url.Values{"invitation_token": {made.Token}})
			cookie, err := http.ParseSetCookie(opened.header.Get("Set-Cookie"))
			if err != nil || opened.status != 200 || !strings.Contains(opened.body, "to join South Workshop") {
				t.Fatalf("%v: %d %s", err, opened.status, opened.body)
			}
			query.Del("invitation_token")
			request = b.request("GET", "/user_management/authorize?"+query.Encode(), "", "")
			request.AddCookie(cookie)
		}
		page := b.do(request)
		back := b.submit(page, 200, "Create an account", "sign-up", "email", "guest@example.test", "password", "long enough")
		got := b.tokensAfter(back) // the email is verified by the invitation
		claimed := b.decode(got.AccessToken)
		if got.OrganizationID != SouthOrganizationID || claimed.Role != "admin" || !got.User.EmailVerified {
			t.Errorf("got %+v", claimed)
		}
		if a := b.api("GET", "/user_management/invitations/"+made.ID, ""); !strings.Contains(a.body, `"state":"accepted"`) || !strings.Contains(a.body, got.User.ID) {
			t.Errorf("got %s", a.body)
		}
		b.wantRedirect(goodAuthorization("invitation_token", made.Token), "invitation_invalid", "accepted")
	}
}

// Somebody else cannot come in by an invitation.
func TestInvitationOfAnother(t *testing.T) {
	b := newBench(t, &Emulator{})
	a := b.api("POST", "/user_management/invitations", `{"email": "guest@example.test", "organization_id": "`+SouthOrganizationID+`"}`)
	var made invitationObject
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		t.Fatal(err)
	}
	back := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization("invitation_token", made.Token))))
	if got := b.callback(back); got.Get("error") != "invitation_cannot_be_used_for_email" || got.Has("code") {
		t.Errorf("got %v", got)
	}
}

// A device waits, is let in on a page, and gets its tokens once.
func TestDevice(t *testing.T) {
	b := newBench(t, &Emulator{})
	begin := func() (deviceCode, userCode string) {
		a := b.post("/user_management/authorize/device", url.Values{"client_id": {DefaultClientID}})
		var out struct {
			DeviceCode string `json:"device_code"`
			UserCode   string `json:"user_code"`
			Complete   string `json:"verification_uri_complete"`
			Interval   int
		}
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 || out.Interval != 5 || !strings.HasSuffix(out.Complete, out.UserCode) {
			t.Fatalf("%v: %d %s", err, a.status, a.body)
		}
		return out.DeviceCode, out.UserCode
	}
	ask := func(code string) answer {
		return b.post(tokenPath, url.Values{"grant_type": {grantDevice}, "client_id": {DefaultClientID}, "device_code": {code}})
	}
	device, user := begin()
	b.wantOAuthError(ask(device), 400, "authorization_pending", "yet")
	b.wantOAuthError(ask(device), 400, "slow_down", "longer")
	b.clock.Advance(deviceInterval)
	b.wantOAuthError(ask(device), 400, "slow_down", "longer") // the interval has grown

	if a := b.post("/device", url.Values{"user_code": {"XXXX-XXXX"}}); a.status != 422 {
		t.Errorf("a wrong code: %d", a.status)
	}
	page := b.post("/device", url.Values{"user_code": {strings.ToLower(strings.ReplaceAll(user, "-", ""))}})
	page = b.post("/user_management/authorize", signInForm(b.id(page, 200, "Sign in")))
	if done := b.submit(page, 200, "Sign the device in?", "consent"); done.status != 200 || !strings.Contains(done.body, "Your device is signed in") {
		t.Fatalf("%d %s", done.status, done.body)
	}
	var got authenticateResponse
	if a := ask(device); json.Unmarshal([]byte(a.body), &got) != nil || a.status != 200 || got.User.Email != DefaultEmail {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.tokens(refreshExchange(got.RefreshToken, "client_secret", "-"))
	b.wantOAuthError(ask(device), 400, "invalid_grant", "was used")

	device, user = begin()
	page = b.post("/device", url.Values{"user_code": {user}})
	b.submit(page, 200, "Sign in", "cancel")
	b.wantOAuthError(ask(device), 400, "access_denied", "refused")
	device, _ = begin()
	b.clock.Advance(deviceLifetime)
	b.wantOAuthError(ask(device), 400, "expired_token", "expired")
	b.wantOAuthError(b.post("/user_management/authorize/device", url.Values{"client_id": {"client_other"}}), 400, "invalid_client", "unknown client_id")
}

// The steps of a sign-in without a page: verified email, second factor, and each
// of the three challenged by another grant.
func TestStepUps(t *testing.T) {
	b := newBench(t, &Emulator{RequireMFA: true})
	b.api("POST", "/user_management/users", `{"email": "late@example.test", "password": "long enough"}`)
	grant := func(kind string, pairs ...string) answer {
		return b.post(tokenPath, values(url.Values{
			"grant_type": {kind}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
		}, pairs...))
	}
	token := b.wantStepUp(grant("password", "email", "late@example.test", "password", "long enough"), "email_verification_required", "email_verification_id")
	b.wantAPIError(grant(grantEmailVerification, "pending_authentication_token", token, "code", "wrong"), 400, "invalid_one_time_code", "wrong")
	token = b.wantStepUp(grant(grantEmailVerification, "pending_authentication_token", token, "code", b.mailed("late@example.test")), "mfa_enrollment", "user")

	id := b.api1("/user_management/users?email=late@example.test")
	var enrolled struct {
		Factor    factorObject    `json:"authentication_factor"`
		Challenge challengeObject `json:"authentication_challenge"`
	}
	if a := b.api("POST", "/user_management/users/"+id+"/auth_factors", `{"type": "totp"}`); json.Unmarshal([]byte(a.body), &enrolled) != nil || a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	mfa := func(challenge string) answer {
		return grant(grantTOTP, "pending_authentication_token", token, "authentication_challenge_id", challenge, "code", b.totpNow(enrolled.Factor.TOTP.Secret))
	}
	if a := mfa(enrolled.Challenge.ID); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.wantAPIError(mfa(enrolled.Challenge.ID), 400, "invalid_pending_authentication_token", "invalid")

	b.clock.Advance(time.Minute)
	token = b.wantStepUp(grant("password", "email", "late@example.test", "password", "long enough"), "mfa_challenge", "authentication_factors")
	var asked challengeObject
	if a := b.api("POST", "/auth/factors/"+enrolled.Factor.ID+"/challenge", ""); json.Unmarshal([]byte(a.body), &asked) != nil || a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := mfa(asked.ID); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Of another user's factor a code does not count.
	b.clock.Advance(time.Minute)
	token = b.wantStepUp(grant("password", "email", DefaultEmail, "password", DefaultPassword), "mfa_enrollment")
	if a := b.api("POST", "/auth/factors/"+enrolled.Factor.ID+"/challenge", ""); json.Unmarshal([]byte(a.body), &asked) != nil {
		t.Fatal(a.body)
	}
	b.wantAPIError(mfa(asked.ID), 400, "user_mismatch", "another user")
}

// A link to a page is nobody's key: once somebody has signed in on it, it is over.
func TestLinksEndAtSignIn(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization())
	page := b.post("/user_management/authorize", signInForm(id, "email", LocalMember))
	next := b.id(page, 200, "Choose an organization")
	if next == id {
		t.Error("the id of the links goes on")
	}
	for _, path := range []string{signInPath, signUpPath} {
		if a := b.get(path, url.Values{"authorization": {id}}); a.status != 400 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// An injected delay ends with its client.
func TestDelayEndsWithItsClient(t *testing.T) {
	b := newBench(t, &Emulator{Failures: []Failure{{Path: "/sso/jwks/{clientId}", Delay: int(time.Hour.Milliseconds()), Count: 1}}})
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/sso/jwks/"+DefaultClientID, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		b.e.ServeHTTP(w, r.WithContext(ctx))
		done <- w.Code
	}()
	cancel()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the request still waits")
	}
}
