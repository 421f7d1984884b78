package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// invited opens the link in the mail of an invitation, and gives the cookie that
// this leaves in the browser.
func (b *bench) invited(email string) *http.Cookie {
	b.Helper()
	if a := b.api("POST", "/user_management/invitations", `{"email": "`+email+`", "organization_id": "`+NorthOrganizationID+`"}`); a.status != 201 {
		b.Fatalf("%d %s", a.status, a.body)
	}
	mails := b.e.Mail(email)
	page := b.get(strings.TrimPrefix(mails[len(mails)-1].Link, b.url), nil)
	return b.cookie(page)
}

// cookie is what an answer leaves in the browser of an invitation.
func (b *bench) cookie(a answer) *http.Cookie {
	b.Helper()
	for _, cookie := range (&http.Response{Header: a.header}).Cookies() {
		if cookie.Name == invitationCookie {
			return cookie
		}
	}
	b.Fatalf("no cookie: %d %s", a.status, a.body)
	return nil
}

// openWith opens the sign-in page with a cookie.
func (b *bench) openWith(cookie *http.Cookie) answer {
	b.Helper()
	r := b.request("GET", "/user_management/authorize?"+goodAuthorization().Encode(), "", "")
	r.AddCookie(cookie)
	return b.do(r)
}

// An invitation that a browser remembers is for the next sign-in, whoever signs
// in, and keeps nobody out afterwards.
func TestInvitationIsForOneSignIn(t *testing.T) {
	b := newBench(t, &Emulator{})
	cookie := b.invited(DefaultEmail)
	page := b.openWith(cookie)
	if !strings.Contains(page.body, `value="`+DefaultEmail+`"`) {
		t.Errorf("the page does not know who is invited:\n%s", page.body)
	}
	a := b.post("/user_management/authorize", signInForm(b.id(page, 200, "Sign in")))
	if got := b.decode(b.tokensAfter(a).AccessToken).OrganizationID; got != NorthOrganizationID {
		t.Errorf("in the organization %q", got)
	}
	if left := b.cookie(a); left.MaxAge >= 0 {
		t.Errorf("the browser keeps %v", left)
	}

	// Another tab may have it still.
	again := b.post("/user_management/authorize", signInForm(b.id(b.openWith(cookie), 200, "Sign in")))
	if got := b.callback(again); got.Get("code") == "" {
		t.Errorf("after an invitation that is over: %v", got)
	}

	// It is for one email.
	other := b.post("/user_management/authorize", signInForm(b.id(b.openWith(b.invited("new@example.test")), 200, "Sign in")))
	if got := b.callback(other).Get("error"); got != "invitation_cannot_be_used_for_email" {
		t.Errorf("somebody else gets %q", got)
	}
	if left := b.cookie(other); left.MaxAge >= 0 {
		t.Errorf("the browser keeps %v", left)
	}
}

// Who has turned to a provider, or was sent to one by their email, can turn back
// and go another way.
func TestTurnBack(t *testing.T) {
	b := newBench(t, &Emulator{Connections: []Connection{{
		OrganizationID: NorthOrganizationID, Name: "North ID", Domains: []string{"north.test"}, Required: true,
	}}})
	for name, away := range map[string]func(id string) answer{
		"by a button": func(id string) answer {
			return b.get("/user_management/authorize/identity", url.Values{"authorization": {id}, "provider": {"GoogleOAuth"}})
		},
		"by an email": func(id string) answer {
			return b.post("/user_management/authorize", signInForm(id, "email", "ann@north.test"))
		},
	} {
		id := b.id(away(b.open(goodAuthorization())), 200, "Sign in another way")
		b.id(b.get("/user_management/authorize/sign-in", url.Values{"authorization": {id}}), 200, "<h1>Sign in</h1>")
		b.id(b.get("/user_management/authorize/identity", url.Values{"authorization": {id}, "provider": {"GitHubOAuth"}}), 200, "<h1>Sign in with GitHub</h1>")
		b.id(b.get("/user_management/authorize/sign-in", url.Values{"authorization": {id}}), 200, "<h1>Sign in</h1>")
		got := b.tokensAfter(b.post("/user_management/authorize", signInForm(id)))
		if got.AuthenticationMethod != "Password" {
			t.Errorf("%s, and back: signed in by %s", name, got.AuthenticationMethod)
		}
	}
	// What the app asks for is no detour.
	page := b.get("/user_management/authorize", goodAuthorization("provider", "GoogleOAuth"))
	if strings.Contains(page.body, "another way") {
		t.Errorf("another way than the app's:\n%s", page.body)
	}
}

// Whoever lets a device in sees its code, so that it is not somebody else's.
func TestDeviceShowsItsCode(t *testing.T) {
	b := newBench(t, &Emulator{})
	e := b.e
	e.setDefaults()
	d := &device{Code: "x", UserCode: "BCDF-GHJK", ClientID: e.ClientID, Expires: b.clock.Now().Add(time.Minute)}
	e.store.do(func() { e.store.devices.put(d.Code, d) })
	page := b.post("/device", url.Values{"user_code": {"bcdfghjk"}})
	b.id(b.post("/user_management/authorize", signInForm(b.id(page, 200, "to continue to your device"))), 200, "BCDF-GHJK")
}

// A browser gets pages where a program gets JSON.
func TestRefusalsForBrowsers(t *testing.T) {
	b := newBench(t, &Emulator{})
	for _, test := range []struct {
		method, path, host string
		status             int
		says               string
	}{
		{"GET", "/", "", 404, "There is no such page"},
		{"GET", tokenPath, "", 405, "takes POST"},
		{"GET", "/sso/logout?token=x", "", 404, "used already"},
		{"GET", "/", "evil.test", 421, "localhost"},
		{"GET", "/?" + strings.Repeat("x", maxQuery+1), "", 414, "longer than 8 KiB"},
	} {
		r := b.request(test.method, test.path, "", "")
		r.Host = test.host
		program := b.do(r)
		r.Header.Set("Accept", "text/html,*/*;q=0.8")
		browser := b.do(r)
		if program.status != test.status || !strings.HasPrefix(program.body, `{"code":`) {
			t.Errorf("%s: a program gets %d %s", test.path, program.status, program.body)
		}
		if browser.status != test.status || !strings.Contains(browser.body, "<h1>") || !strings.Contains(browser.body, test.says) {
			t.Errorf("%s: a browser gets %d %s", test.path, browser.status, browser.body)
		}
	}
}

func TestMarked(t *testing.T) {
	for text, want := range map[string]string{
		"plain <b>":       "plain &lt;b&gt;",
		"run `a --b <c>`": "run <code>a --b &lt;c&gt;</code>",
		"odd ` one":       "odd <code> one</code>",
	} {
		if got := string(marked(text)); got != want {
			t.Errorf("%q gives %q, not %q", text, got, want)
		}
	}
}

// Whoever signs in at the page of somebody who has not finished begins anew: with
// their own second factor, and a code to their own email.
func TestSomebodyElseSignsIn(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	code := func(b *bench) string {
		text, err := totp.GenerateCode(secret, b.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	grace := DefaultUsers()[1]
	grace.TOTPSecret = secret
	b := newBench(t, &Emulator{Users: []User{
		grace,
		{Email: "ann@example.test", Password: DefaultPassword, EmailVerified: true, TOTPSecret: secret},
		{Email: "ben@example.test", Password: DefaultPassword},
	}})
	answer := func(id string) answer {
		return b.post("/user_management/authorize", url.Values{"authorization": {id}, "action": {"challenge-factor"}, "code": {code(b)}})
	}
	signIn := func(id, email, says string) string {
		return b.id(b.post("/user_management/authorize", signInForm(id, "email", email)), 200, says)
	}
	id := signIn(b.open(goodAuthorization()), LocalMember, "Enter your code")
	id = b.id(answer(id), 200, "Choose an organization")
	id = signIn(id, "ann@example.test", "Enter your code")
	if got := b.callback(answer(id)); got.Get("code") == "" {
		t.Errorf("somebody else's factor was asked for: %v", got)
	}

	id = b.open(goodAuthorization())
	b.post("/user_management/authorize", url.Values{"authorization": {id}, "action": {"send-code"}, "email": {LocalMember}})
	page := b.post("/user_management/authorize", signInForm(id, "email", "ben@example.test"))
	if !strings.Contains(page.body, "sent to ben@example.test") {
		t.Errorf("the page says of somebody else that a code was sent:\n%s", page.body)
	}
	b.callback(b.verify(page, "ben@example.test"))
}
