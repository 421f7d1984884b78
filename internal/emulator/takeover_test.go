package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whoever gets in, and as whom, when an account changes hands or an email does.

// newAccount signs somebody up on the page, with the email verified, and gives
// what they get.
func (b *bench) newAccount(email, password string) authenticateResponse {
	b.Helper()
	back := b.post("/user_management/authorize", signUp(b.open(goodAuthorization()), "email", email, "password", password))
	return b.tokensAfter(b.verify(back, email))
}

// Somebody who signs up with an email that was another's is nobody but
// themselves.
func TestFormerEmail(t *testing.T) {
	b := newBench(t, &Emulator{})
	alice := b.newAccount("alice@x.test", "alice's password")
	path := "/user_management/users/" + alice.User.ID
	b.api("POST", "/user_management/organization_memberships",
		`{"user_id": "`+alice.User.ID+`", "organization_id": "`+NorthOrganizationID+`", "role_slug": "admin"}`)
	b.api("POST", path+"/email_change/send", `{"new_email": "alice@new.test"}`)
	if a := b.api("POST", path+"/email_change/confirm", `{"code": "`+b.mailed("alice@new.test")+`"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	stranger := b.newAccount("alice@x.test", "stranger's password")
	if stranger.User.ID == alice.User.ID || stranger.OrganizationID != "" {
		t.Errorf("the stranger is %+v in %q", stranger.User, stranger.OrganizationID)
	}
	if again := b.tokens(refreshExchange(alice.RefreshToken)); again.User.Email != "alice@new.test" {
		t.Errorf("Alice is %+v", again.User)
	}
}

// With a user all that was under way for them goes, and their id.
func TestDeletedUser(t *testing.T) {
	b := newBench(t, &Emulator{Lenient: []Check{CheckEmailVerification}})
	code := b.callback(b.post("/user_management/authorize", signUp(b.open(goodAuthorization())))).Get("code")
	id := b.api1("/user_management/users?email=" + url.QueryEscape(newEmail))
	consent := b.id(b.post("/user_management/authorize",
		signInForm(b.open(goodAuthorization("prompt", "consent")), "email", newEmail, "password", newUsersPassword)), 200, "is going to know you")
	b.api("DELETE", "/user_management/users/"+id, "")

	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "invalid")
	if a := b.post("/user_management/authorize", url.Values{"authorization": {consent}, "action": {"consent"}}); a.status != 400 || !strings.Contains(a.body, "This sign-in is over") {
		t.Errorf("consent: %d %s", a.status, a.header.Get("Location"))
	}
	back := b.post("/user_management/authorize", signUp(b.open(goodAuthorization()), "password", "another password"))
	if got := b.tokensAfter(back); got.User.ID == id {
		t.Error("the next one with this email is the one who was deleted")
	}
	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "invalid")
}

// Nor is the id given out again by an emulator that begins with what one has kept.
func TestDeletedUserAfterRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newKept(t, file)
	id := b.newAccount(newEmail, newUsersPassword).User.ID
	b.api("DELETE", "/user_management/users/"+id, "")
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	if again := newKept(t, file).newAccount(newEmail, newUsersPassword).User.ID; again == id {
		t.Error("the next one with this email is the one who was deleted")
	}
}

// A link that was sent to an email says nothing of another one.
func TestResetOfAFormerEmail(t *testing.T) {
	b := newBench(t, &Emulator{})
	evil := b.newAccount("evil@x.test", "evil's password")
	b.api("POST", "/user_management/password_reset", `{"email": "evil@x.test"}`)
	mails := b.e.Mail("evil@x.test")
	link, err := url.Parse(mails[len(mails)-1].Link)
	if err != nil {
		t.Fatal(err)
	}
	b.api("PUT", "/user_management/users/"+evil.User.ID, `{"email": "ceo@x.test"}`)
	a := b.api("POST", "/user_management/password_reset/confirm", `{"token": "`+link.Query().Get("token")+`", "new_password": "another password"}`)
	if a.status != 400 || !strings.Contains(a.body, `"code":"password_reset_error"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.api("GET", "/user_management/users/"+evil.User.ID, ""); !strings.Contains(a.body, `"email_verified":false`) {
		t.Errorf("the email is verified by another one's link: %s", a.body)
	}
}

// Who made an account with an email that they do not have is out when the one who
// has it comes: by a code, by a provider or by their organisation.
func TestAccountMadeBeforehand(t *testing.T) {
	const victim = "victim@north.test"
	for _, query := range []url.Values{
		goodAuthorization(), goodAuthorization("provider", "GoogleOAuth"), goodAuthorization("provider", "-", "connection_id", "conn_north"),
	} {
		e := withConnection()
		e.Connections[0].Required = false
		b := newBench(t, e)
		b.post("/user_management/authorize", signUp(b.open(goodAuthorization()), "email", victim, "password", "attacker's password"))

		page := b.get("/user_management/authorize", query)
		var back answer
		if query.Get("provider") == "authkit" {
			page = b.submit(page, 200, "Sign in", "send-code", "email", victim)
			back = b.submit(page, 200, "Check your email", "magic-code", "code", b.mailed(victim))
		} else {
			// The provider does not make the account the visitor's: the email does.
			back = b.verify(b.submit(page, 200, "Sign in with", "pick-identity", "email", victim), victim)
		}
		if got := b.tokensAfter(back); !got.User.EmailVerified {
			t.Errorf("%s: got %+v", query.Get("provider"), got.User)
		}
		a := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", victim, "password", "attacker's password"))
		if a.status != 422 {
			t.Errorf("%s: the attacker gets %d %s", query.Get("provider"), a.status, a.header.Get("Location"))
		}
	}
}

// Enrolling a factor pushes nobody else's out, and one that was begun and left is
// gone with the next.
func TestFactorsAreNotPushedOut(t *testing.T) {
	b := newBench(t, &Emulator{
		RequireMFA: true,
		Users:      append(DefaultUsers(), User{Email: "safe@example.test", Password: "long enough", EmailVerified: true, TOTPSecret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}),
	})
	for range 3 {
		b.id(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()))), 200, "Set up a second factor")
	}
	if a := b.api("GET", "/user_management/users/"+b.api1("/user_management/users?email="+DefaultEmail)+"/auth_factors", ""); strings.Count(a.body, `"object":"authentication_factor"`) != 1 {
		t.Errorf("pages that were left have made %s", a.body)
	}
	for !b.e.store.factors.full() {
		id := newID("auth_factor_", b.clock.Now())
		b.e.store.factors.put(id, &factor{ID: id})
	}
	b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", LocalMember))
	b.id(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", "safe@example.test", "password", "long enough")), 200, "Enter your code")
}

// newInvitation makes an invitation to the south and gives its token.
func (b *bench) newInvitation(email string) invitationObject {
	b.Helper()
	a := b.api("POST", "/user_management/invitations", `{"email": "`+email+`", "organization_id": "`+SouthOrganizationID+`", "role_slug": "admin"}`)
	var made invitationObject
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 201 {
		b.Fatalf("%d %s", a.status, a.body)
	}
	return made
}

// An invitation is accepted by a sign-in that is complete, and by no other.
func TestInvitationWaits(t *testing.T) {
	pending := func(b *bench, i invitationObject) {
		b.Helper()
		if a := b.api("GET", "/user_management/invitations/"+i.ID, ""); !strings.Contains(a.body, `"state":"pending"`) {
			b.Errorf("it is not pending: %s", a.body)
		}
	}
	b := newBench(t, &Emulator{RequireMFA: true})
	i := b.newInvitation(DefaultEmail)
	b.wantStepUp(b.post(tokenPath, values(passwordGrant(DefaultEmail), "invitation_token", i.Token)), "mfa_enrollment")
	pending(b, i)

	b = newBench(t, &Emulator{})
	i = b.newInvitation(DefaultEmail)
	code := b.code(goodAuthorization())
	b.wantOAuthError(b.post(tokenPath, codeExchange(code, "invitation_token", i.Token, "code_verifier", strings.Repeat("w", 43))), 400, "invalid_grant", "code_verifier")
	pending(b, i)
	got := b.tokens(codeExchange(b.code(goodAuthorization()), "invitation_token", i.Token))
	if claimed := b.decode(got.AccessToken); claimed.OrganizationID != SouthOrganizationID || claimed.Role != "admin" {
		t.Errorf("got %+v", claimed)
	}
}

// A moved clock changes nothing about what the app checks by its own, nor about
// what a person's phone shows.
func TestMovedClock(t *testing.T) {
	for _, by := range []time.Duration{-2 * time.Hour, time.Hour} {
		b := newBench(t, &Emulator{ClockAhead: by, Users: []User{
			{Email: "phone@example.test", Password: "long enough", EmailVerified: true, TOTPSecret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"},
		}})
		page := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", "phone@example.test", "password", "long enough"))
		got := b.tokensAfter(b.submit(page, 200, "Enter your code", "challenge-factor", "code", b.totpNow("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")))
		signedInAt := b.clock.Now().Unix()
		for range 2 {
			if claimed := b.decode(got.AccessToken); claimed.AuthTime != signedInAt || claimed.IssuedAt != b.clock.Now().Unix() {
				t.Errorf("%v: auth_time %d, iat %d, and it is %d", by, claimed.AuthTime, claimed.IssuedAt, signedInAt)
			}
			b.clock.Advance(time.Minute)
			got = b.tokens(refreshExchange(got.RefreshToken))
		}
	}
}

// A refresh token that was exchanged is dead, also when the clock goes back.
func TestClockGoesBack(t *testing.T) {
	b := newBench(t, &Emulator{})
	first := b.login()
	b.tokens(refreshExchange(first.RefreshToken))
	b.e.MoveClock(-time.Hour)
	b.wantOAuthError(b.post(tokenPath, refreshExchange(first.RefreshToken)), 400, "invalid_grant", "already exchanged")

	a := b.post("/user_management/authorize/device", url.Values{"client_id": {DefaultClientID}})
	var out struct {
		DeviceCode string `json:"device_code"`
	}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	ask := url.Values{"grant_type": {grantDevice}, "client_id": {DefaultClientID}, "device_code": {out.DeviceCode}}
	b.wantOAuthError(b.post(tokenPath, ask), 400, "authorization_pending", "yet")
	b.e.MoveClock(-time.Minute)
	b.wantOAuthError(b.post(tokenPath, ask), 400, "authorization_pending", "yet")
}

// What is named in an open page can be gone when its form is sent.
func TestGoneMeanwhile(t *testing.T) {
	for _, action := range []string{"sign-in", "sign-up", "send-code"} {
		b := newBench(t, &Emulator{})
		id := b.open(goodAuthorization("organization_id", NorthOrganizationID))
		b.api("DELETE", "/organizations/"+NorthOrganizationID, "")
		a := b.post("/user_management/authorize", values(signInForm(id), "action", action, "email", LocalMember))
		if a.status >= 500 || a.header.Get("Location") != "" {
			t.Errorf("%s: %d %s", action, a.status, a.body)
		}
	}
}

// A handler that fails is seen by whoever meets it, and by the log.
func TestPanicIsSeen(t *testing.T) {
	b := newBench(t, &Emulator{})
	routes = append(routes, route{method: "GET", path: "/panics", page: func(*Emulator, *call) { panic("something is wrong") }})
	t.Cleanup(func() { routes = routes[:len(routes)-1] })
	b.wantAPIError(b.get("/panics", nil), 500, "emulator_failed", "something is wrong")
	if last := b.log[len(b.log)-1]; last.Status != 500 || !strings.Contains(last.Outcome, "something is wrong") {
		t.Errorf("logged %+v", last)
	}
}

// A required connection is required of who comes by another provider, too.
func TestRequiredConnectionBySocialProvider(t *testing.T) {
	b := newBench(t, withConnection())
	page := b.get("/user_management/authorize", goodAuthorization("provider", "GoogleOAuth"))
	page = b.submit(page, 200, "Sign in with Google", "pick-identity", "email", "kim@north.test")
	got := b.tokensAfter(b.submit(page, 200, "Sign in with North Okta", "pick-identity", "email", "kim@north.test"))
	if got.AuthenticationMethod != methodSSO {
		t.Errorf("got %+v", got)
	}
}

// A code to change an email is its own user's.
func TestEmailChangeOfAnother(t *testing.T) {
	b := newBench(t, &Emulator{})
	ask := func(email string) (id, code string) {
		id = b.api1("/user_management/users?email=" + email)
		b.api("POST", "/user_management/users/"+id+"/email_change/send", `{"new_email": "t@x.test"}`)
		return id, b.mailed("t@x.test")
	}
	one, _ := ask(DefaultEmail)
	_, code := ask(LocalMember)
	a := b.api("POST", "/user_management/users/"+one+"/email_change/confirm", `{"code": "`+code+`"}`)
	b.wantAPIError(a, 400, "email_change_code_incorrect", "wrong")
}

// An inactive member becomes one again by being made one, or by an invitation.
func TestMembersComeBack(t *testing.T) {
	b := newBench(t, &Emulator{})
	user := b.api1("/user_management/users?email=" + LocalMember)
	member := b.api1("/user_management/organization_memberships?user_id=" + user + "&organization_id=" + NorthOrganizationID)
	session := b.tokens(codeExchange(b.callback(b.post("/user_management/authorize",
		signInForm(b.open(goodAuthorization("organization_id", NorthOrganizationID)), "email", LocalMember))).Get("code")))
	b.api("PUT", "/user_management/organization_memberships/"+member+"/deactivate", "")
	if got := b.tokens(refreshExchange(session.RefreshToken)); got.OrganizationID != "" {
		t.Errorf("who is no member any more is in %s", got.OrganizationID)
	}
	a := b.api("POST", "/user_management/organization_memberships",
		fmt.Sprintf(`{"user_id": %q, "organization_id": %q, "role_slug": "member"}`, user, NorthOrganizationID))
	if a.status != http.StatusCreated || !strings.Contains(a.body, `"id":"`+member+`"`) || !strings.Contains(a.body, `"role":{"slug":"member"}`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = b.api("POST", "/user_management/organization_memberships", fmt.Sprintf(`{"user_id": %q, "organization_id": %q}`, user, NorthOrganizationID))
	b.wantAPIError(a, 400, "organization_membership_already_exists", "already")
}

// A change to nothing is none, and a list of nothing is one.
func TestEmptyChanges(t *testing.T) {
	b := newBench(t, &Emulator{Organizations: []Organization{{ID: "org_1", Name: "A", Domains: []Domain{{Name: "a.test"}}}}, Users: []User{{Email: "a@a.test"}}})
	b.wantAPIError(b.api("PUT", "/user_management/users/"+b.api1("/user_management/users"), `{"email": ""}`), 422, "invalid_request_parameters", "email")
	b.wantAPIError(b.api("PUT", "/organizations/org_1", `{"name": ""}`), 422, "invalid_request_parameters", "name")
	b.wantAPIError(b.api("PUT", "/organizations/org_1", `{"name": "B", "name": "C"}`), 422, "invalid_request_parameters", "more than once")
	if a := b.api("PUT", "/organizations/org_1", `{"domain_data": []}`); !strings.Contains(a.body, `"domains":[]`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Neither a key in a header nor a token in a path that leads nowhere is in the log.
func TestLogOfOddPlaces(t *testing.T) {
	b := newBench(t, &Emulator{})
	token := secret()
	for _, path := range []string{"/user_management/invitations/by_token/" + token + "/", "/_x/" + token} {
		r := b.request("GET", path, "", "")
		r.Header.Set("User-Agent", "client of sk_live_1234567890")
		b.do(r)
		last := b.log[len(b.log)-1]
		if line := last.String() + last.UserAgent; strings.Contains(line, token) || strings.Contains(line, "sk_live") {
			t.Errorf("logged %s", line)
		}
	}
	if a := b.do(b.request("HEAD", "/sso/jwks/"+DefaultClientID, "", "")); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
}

// Whatever somebody had begun for an account ends when the one who has its email
// comes, or sets a new password.
func TestNothingUnderWayIsLeft(t *testing.T) {
	const victim = "victim@x.test"
	for _, by := range []string{"a provider", "a reset"} {
		b := newBench(t, &Emulator{})
		waiting := b.id(b.post("/user_management/authorize",
			signUp(b.open(goodAuthorization()), "email", victim, "password", "attacker's password")), 200, "Verify your email")
		grant := url.Values{
			"grant_type": {"password"}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
			"email": {victim}, "password": {"attacker's password"},
		}
		token := b.wantStepUp(b.post(tokenPath, grant), "email_verification_required")
		id := b.api1("/user_management/users?email=" + victim)
		b.api("POST", "/user_management/users/"+id+"/email_change/send", `{"new_email": "evil@x.test"}`)
		code := b.mailed("evil@x.test")

		if by == "a provider" {
			page := b.get("/user_management/authorize", goodAuthorization("provider", "GoogleOAuth"))
			b.tokensAfter(b.verify(b.submit(page, 200, "Sign in with", "pick-identity", "email", victim), victim))
		} else {
			b.api("POST", "/user_management/password_reset", `{"email": "`+victim+`"}`)
			mails := b.e.Mail(victim)
			_, reset, _ := strings.Cut(mails[len(mails)-1].Link, "token=")
			if a := b.post("/reset-password", url.Values{"token": {reset}, "password": {"victim's password"}}); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		for _, action := range []string{"consent", "resend-code", "verify-email"} {
			a := b.post("/user_management/authorize", url.Values{"authorization": {waiting}, "action": {action}})
			if a.status != 400 || a.header.Get("Location") != "" {
				t.Errorf("%s, the page that was left, %s: %d %s", by, action, a.status, a.header.Get("Location"))
			}
		}
		for _, kind := range []string{organizationSelection, grantEmailVerification} {
			a := b.post(tokenPath, url.Values{
				"grant_type": {kind}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
				"pending_authentication_token": {token}, "organization_id": {NorthOrganizationID}, "code": {"123456"},
			})
			b.wantAPIError(a, 400, "invalid_pending_authentication_token", "invalid")
		}
		a := b.api("POST", "/user_management/users/"+id+"/email_change/confirm", `{"code": "`+code+`"}`)
		b.wantAPIError(a, 409, "no_pending_email_change", "not asked")
	}
}

// A code of before a password reset is none after it, and no page goes on.
func TestResetEndsSignIns(t *testing.T) {
	b := newBench(t, &Emulator{})
	code := b.code(goodAuthorization())
	consent := b.id(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization("prompt", "consent")))), 200, "is going to know you")
	b.api("POST", "/user_management/password_reset", `{"email": "`+DefaultEmail+`"}`)
	_, reset, _ := strings.Cut(b.e.Mail(DefaultEmail)[0].Link, "token=")
	b.post("/reset-password", url.Values{"token": {reset}, "password": {"a new password"}})
	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "invalid")
	if a := b.post("/user_management/authorize", url.Values{"authorization": {consent}, "action": {"consent"}}); a.status != 400 {
		t.Errorf("consent: %d %s", a.status, a.header.Get("Location"))
	}
}

// A sign-in for an organization is for its members, to the end.
func TestMembershipEndsMeanwhile(t *testing.T) {
	b := newBench(t, &Emulator{})
	query := goodAuthorization("organization_id", NorthOrganizationID)
	code := b.callback(b.post("/user_management/authorize", signInForm(b.open(query), "email", LocalMember))).Get("code")
	consent := b.id(b.post("/user_management/authorize",
		signInForm(b.open(values(query, "prompt", "consent")), "email", LocalMember)), 200, "is going to know you")
	user := b.api1("/user_management/users?email=" + LocalMember)
	b.api("DELETE", "/user_management/organization_memberships/"+
		b.api1("/user_management/organization_memberships?user_id="+user+"&organization_id="+NorthOrganizationID), "")
	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "organization_membership_not_found", "not a member")
	got := b.callback(b.post("/user_management/authorize", url.Values{"authorization": {consent}, "action": {"consent"}}))
	if got.Get("error") != "organization_membership_not_found" || got.Has("code") {
		t.Errorf("got %v", got)
	}
}

// Who has a factor shows a code of it, and not of one that was just made.
func TestNewFactorIsNoAnswer(t *testing.T) {
	b := newBench(t, &Emulator{Users: []User{
		{Email: "safe@example.test", Password: "long enough", EmailVerified: true, TOTPSecret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"},
	}})
	token := b.wantStepUp(b.post(tokenPath, values(passwordGrant("safe@example.test"), "password", "long enough")), "mfa_challenge")
	var made struct {
		Factor    factorObject    `json:"authentication_factor"`
		Challenge challengeObject `json:"authentication_challenge"`
	}
	a := b.api("POST", "/user_management/users/"+b.api1("/user_management/users")+"/auth_factors", `{"type": "totp"}`)
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		t.Fatal(err)
	}
	a = b.post(tokenPath, url.Values{
		"grant_type": {grantTOTP}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey}, "pending_authentication_token": {token},
		"authentication_challenge_id": {made.Challenge.ID}, "code": {b.totpNow(made.Factor.TOTP.Secret)},
	})
	b.wantAPIError(a, 400, "invalid_one_time_code", "a new one")

	// And where it is deleted while the page asks for it, there is nothing to show.
	page := b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", "safe@example.test", "password", "long enough"))
	for _, f := range b.e.store.factors.all() {
		b.api("DELETE", "/auth/factors/"+f.ID, "")
	}
	b.callback(b.submit(page, 200, "Enter your code", "challenge-factor", "code", "123456"))
}

// An invitation verifies the email that it was sent to, and no other.
func TestInvitationAfterAnEmailChange(t *testing.T) {
	b := newBench(t, &Emulator{})
	one := b.newAccount("one@x.test", "long enough")
	i := b.newInvitation("one@x.test")
	consent := b.id(b.post("/user_management/authorize",
		signInForm(b.open(goodAuthorization("prompt", "consent", "invitation_token", i.Token)), "email", "one@x.test", "password", "long enough")), 200, "is going to know you")
	b.api("PUT", "/user_management/users/"+one.User.ID, `{"email": "boss@x.test"}`)
	got := b.callback(b.post("/user_management/authorize", url.Values{"authorization": {consent}, "action": {"consent"}}))
	if got.Get("error") == "" || got.Has("code") {
		t.Errorf("got %v", got)
	}
	if a := b.api("GET", "/user_management/users/"+one.User.ID, ""); !strings.Contains(a.body, `"email_verified":false`) {
		t.Errorf("got %s", a.body)
	}
}
