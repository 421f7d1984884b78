package chromium

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"authfit/internal/emulator"
)

// unfit lists what keeps a page from being used and what axe does not look at:
// anything wider than the window, fields that are wrong without a word, and
// keyboard stops in another order than they are seen in.
const unfit = `(() => {
  const out = [];
  for (const e of document.querySelectorAll("body *:not(.unseen)")) {
    const box = e.getBoundingClientRect();
    if (box.right > innerWidth - 16 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline")
      out.push("too wide: " + e.innerText);
  }
  for (const e of document.querySelectorAll("[aria-invalid]"))
    if (document.getElementById(e.getAttribute("aria-describedby"))?.role !== "alert") out.push("nothing says what is wrong with " + e.name);
  for (const e of document.querySelectorAll(".field [role=alert]"))
    if (!document.querySelector("[aria-describedby=" + e.id + "][aria-invalid]")) out.push("of no field: " + e.innerText);
  let last;
  for (const e of document.querySelectorAll("a, button, input:not([type=hidden])")) {
    const box = e.getBoundingClientRect();
    if (e.tabIndex !== 0) out.push("not a keyboard stop of its own: " + e.innerText);
    if (last && (box.bottom <= last.top || box.top < last.bottom && box.right <= last.left))
      out.push("a stop that is seen before the one before: " + e.innerText);
    last = box;
  }
  return out.join("; ");
})()`

// Who can sign in beside the default users.
const (
	cautious       = "cautious@example.test" // has a second factor
	cautiousSecret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	colleague      = "colleague@east.example" // signs in where their organisation says
)

// A visit is a person at the pages of an AuthKit, and the app behind them.
type visit struct {
	*testing.T
	*Browser
	authkit *emulator.Emulator
	base    string
	app     string
}

// newVisit starts the emulator, and an app that shows what it was sent.
func newVisit(t *testing.T, name string) *visit {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<title>app</title>"+r.URL.Query().Get("error"))
	}))
	t.Cleanup(app.Close)
	v := &visit{T: t, Browser: New(t, name), app: app.URL}
	return v.to(&emulator.Emulator{
		RedirectURIs: []string{app.URL + "/callback"},
		Users: append(emulator.DefaultUsers(), emulator.User{
			Email: cautious, Password: emulator.DefaultPassword, EmailVerified: true, TOTPSecret: cautiousSecret,
		}),
		Organizations: append(emulator.DefaultOrganizations(), emulator.Organization{ID: "org_east", Name: "East Workshop"}),
		Connections: []emulator.Connection{{
			OrganizationID: "org_east", Name: "East ID", Domains: []string{"east.example"}, Required: true,
		}},
	})
}

// to is the same person with the same browser and app at another AuthKit.
func (v *visit) to(e *emulator.Emulator) *visit {
	v.Helper()
	server, err := e.Start("127.0.0.1:0")
	if err != nil {
		v.Fatal(err)
	}
	v.Cleanup(func() { server.Close() })
	return &visit{v.T, v.Browser, e, server.URL, v.app}
}

// ask opens the page for an authorization request.
func (v *visit) ask(pairs ...string) {
	v.Helper()
	v.askAt("/user_management/authorize", pairs...)
}

func (v *visit) askAt(path string, pairs ...string) {
	v.Helper()
	query := url.Values{
		"response_type": {"code"}, "client_id": {emulator.DefaultClientID}, "provider": {"authkit"}, "state": {"s"},
		"redirect_uri": {v.app + "/callback"},
	}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	v.Open(v.base + path + "?" + query.Encode())
}

// as opens the page for an authorization request, and signs in there.
func (v *visit) as(email string, pairs ...string) {
	v.Helper()
	v.ask(pairs...)
	v.signIn(email)
}

func (v *visit) signIn(email string) {
	v.Helper()
	v.Fill("Email", email)
	v.Fill("Password", emulator.DefaultPassword)
	v.Click("Sign in")
}

// back fails unless the browser is at the app, with a code or the error.
func (v *visit) back(want string) {
	v.Helper()
	if at := v.Address(); !strings.HasPrefix(at, v.app+"/callback?"+want+"=") {
		v.Fatalf("at %s, not back at the app with a %s; the page says:\n%s", at, want, v.Text())
	}
}

// mail is the newest one to somebody.
func (v *visit) mail(to string) emulator.Message {
	v.Helper()
	mails := v.authkit.Mail(to)
	if len(mails) == 0 {
		v.Fatalf("there is no mail to %s", to)
	}
	return mails[len(mails)-1]
}

// factor is what an authenticator app with this key shows in a while.
func (v *visit) factor(key string, in time.Duration) string {
	v.Helper()
	code, err := totp.GenerateCode(key, time.Now().Add(in))
	if err != nil {
		v.Fatal(err)
	}
	return code
}

// api asks the emulator as the app does, and gives a field of the answer.
func (v *visit) api(path string, body map[string]string, field string) string {
	v.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		v.Fatal(err)
	}
	r, err := http.NewRequestWithContext(v.Context(), "POST", v.base+path, bytes.NewReader(text))
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+emulator.DefaultAPIKey)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	defer response.Body.Close()
	answer := map[string]any{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		v.Fatal(err)
	}
	value, ok := answer[field].(string)
	if !ok {
		v.Fatalf("%s has no %s: %v", path, field, answer)
	}
	return value
}

// device starts a device that waits, and gives the code that it shows.
func (v *visit) device() string {
	v.Helper()
	return v.api("/user_management/authorize/device", map[string]string{"client_id": emulator.DefaultClientID}, "user_code")
}

// invite invites somebody to an organisation, and gives the link in the mail.
func (v *visit) invite(email string) string {
	v.Helper()
	v.api("/user_management/invitations", map[string]string{"email": email, "organization_id": emulator.NorthOrganizationID}, "id")
	return v.mail(email).Link
}

// unchecked lets a form through that the browser itself would refuse.
func (v *visit) unchecked() {
	v.Helper()
	v.Evaluate(`(document.querySelectorAll("form").forEach(f => f.noValidate = true), "")`)
}

// TestPages looks at each page of the emulator, on a desk and on a phone, light
// and dark, and has axe look at it.
func TestPages(t *testing.T) {
	t.Parallel()
	v := newVisit(t, "authkit")
	guarded := v.to(&emulator.Emulator{RequireMFA: true, RedirectURIs: []string{v.app + "/callback"}})
	empty := v.to(&emulator.Emulator{})
	pages := []struct {
		name, says string
		show       func()
	}{
		{"sign-in", "Sign in", func() { v.ask() }},
		{"sign-in-refused", "Wrong email or password.", func() {
			v.ask()
			v.Fill("Email", "nobody@example.test")
			v.Fill("Password", "wrong")
			v.Click("Sign in")
		}},
		{"sign-in-no-member", "not a member of South Workshop", func() { v.as(cautious, "organization_id", emulator.SouthOrganizationID) }},
		{"sign-up", "Create an account", func() { v.ask("screen_hint", "sign-up") }},
		{"sign-up-refused", "There is an account", func() {
			v.ask("screen_hint", "sign-up")
			v.unchecked()
			v.Fill("Email", emulator.DefaultEmail)
			v.Fill("Password", "short")
			v.Click("Sign up")
		}},
		{"sign-up-for-members", "a member of North Workshop", func() {
			v.ask("screen_hint", "sign-up", "organization_id", emulator.NorthOrganizationID)
			v.Fill("Email", "new@example.test")
			v.Fill("Password", "long enough")
			v.Click("Sign up")
		}},
		{"verify-email", "A code was sent to mary@example.test", func() {
			v.ask("screen_hint", "sign-up")
			v.Fill("Email", "mary@example.test")
			v.Fill("Password", emulator.DefaultPassword)
			v.Click("Sign up")
		}},
		{"verify-email-again", "Another code", func() { v.Click("Send another code") }},
		{"verify-email-refused", "The code is wrong.", func() {
			v.Fill("Code", "nonsense")
			v.Click("Continue")
		}},
		{"magic-code", "A code was sent to", func() {
			v.ask()
			v.Fill("Email", emulator.DefaultEmail)
			v.Click("Email me a code instead")
		}},
		{"magic-code-refused", "The code is wrong.", func() {
			v.Fill("Code", "nonsense")
			v.Click("Continue")
		}},
		{"forgot-password", "Forgot your password?", func() {
			v.ask()
			v.Click("Forgot your password?")
		}},
		{"forgot-password-refused", "Enter an email address", func() {
			v.unchecked()
			v.Fill("Email", "ada")
			v.Click("Send the link")
		}},
		{"forgot-password-sent", "a link to set a new password was sent", func() {
			v.Fill("Email", emulator.LocalMember)
			v.Click("Send the link")
		}},
		{"reset-password", "Set a new password", func() { v.Open(v.mail(emulator.LocalMember).Link) }},
		{"reset-password-refused", "at least 8 characters", func() {
			v.unchecked()
			v.Fill("New password", "short")
			v.Click("Set the password")
		}},
		{"reset-password-done", "Your password is changed", func() {
			v.Fill("New password", emulator.DefaultPassword)
			v.Click("Set the password")
		}},
		{"reset-password-over", "This link is over", func() { v.Open(v.mail(emulator.LocalMember).Link) }},
		{"identity", "Sign in with Google", func() {
			v.ask()
			v.Click("Google")
		}},
		{"identity-refused", "Enter an email address", func() {
			v.unchecked()
			v.Fill("Somebody", "ada")
			v.Click("Continue")
		}},
		{"identity-sso", "East Workshop", func() {
			v.ask()
			v.Fill("Email", colleague)
			v.Click("Email me a code instead")
		}},
		{"organization", "Choose an organization", func() { v.as(emulator.LocalMember) }},
		{"organization-refused", "not a member", func() {
			v.Evaluate(`document.querySelector("[name=organization_id]").value = "org_of_others"`)
			v.Click("North Workshop admin")
		}},
		{"enroll-factor", "Set up a second factor", func() { guarded.as(emulator.DefaultEmail) }},
		{"enroll-factor-refused", "The code is wrong.", func() {
			v.Fill("Code", "nonsense")
			v.Click("Continue")
		}},
		{"challenge-factor", "Enter your code", func() { v.as(cautious) }},
		{"challenge-factor-refused", "The code is wrong", func() {
			v.Fill("Code", "nonsense")
			v.Click("Continue")
		}},
		{"consent", "Continue to the app?", func() { v.as(emulator.DefaultEmail, "prompt", "consent") }},
		{"device", "Enter the code that the device shows.", func() { v.Open(v.base + "/device") }},
		{"device-refused", "no device that waits", func() {
			v.Fill("Code", "ABCD-EFGH")
			v.Click("Continue")
		}},
		{"device-sign-in", "to continue to your device", func() {
			v.Fill("Code", v.device())
			v.Click("Continue")
		}},
		{"device-consent", "Sign the device in?", func() { v.signIn(emulator.DefaultEmail) }},
		{"device-done", "Your device is signed in", func() { v.Click("Continue") }},
		{"device-denied", "Your device is not signed in", func() {
			v.Open(v.base + "/device?user_code=" + v.device())
			v.Click("Continue")
			v.Click("Cancel")
		}},
		{"invitation", "to join North Workshop", func() { v.Open(v.invite("new@example.test")) }},
		{"invitation-over", "This invitation is over", func() { v.Open(v.base + "/invitation?invitation_token=x") }},
		{"signed-out", "Signed out", func() {
			empty.Open(empty.base + "/user_management/sessions/logout?session_id=session_01H93ZY4F80QPBEZ1R5B2SHQG8")
		}},
		{"unknown-client", "Unknown client", func() { v.ask("client_id", "client_of_somebody") }},
		{"invalid-redirect-uri", "Invalid redirect URI", func() {
			v.ask("redirect_uri", v.app+"/auth/callback-of-another-app-with-a-long-name/")
		}},
		{"no-redirect-uri", "(nothing)", func() { empty.ask() }},
		{"unreadable", "cannot be read", func() { v.Open(v.base + "/user_management/authorize?state=%zz") }},
		{"over", "This sign-in is over", func() { v.Open(v.base + "/user_management/authorize/sign-in?authorization=x") }},
		{"no-sign-out", "Signing out failed", func() {
			v.Open(v.base + "/user_management/sessions/logout?session_id=session_01H93ZY4F80QPBEZ1R5B2SHQG8&return_to=http://localhost:1/bye")
		}},
		{"no-such-page", "There is no such page", func() { v.Open(v.base + "/login") }},
	}
	screens := []struct {
		name          string
		width, height int64
		dark          bool
	}{{"desk", 1000, 720, false}, {"desk-dark", 1000, 720, true}, {"phone-dark", 360, 640, true}, {"phone", 360, 640, false}}
	for _, page := range pages {
		page.show()
		if text := v.Text(); !strings.Contains(text, page.says) {
			t.Fatalf("%s does not say %q:\n%s", page.name, page.says, text)
		}
		for _, screen := range screens {
			v.Size(screen.width, screen.height)
			v.Dark(screen.dark)
			name := page.name + "-" + screen.name
			if wrong := v.Evaluate(unfit); wrong != "" {
				t.Errorf("%s: %s", name, wrong)
			}
			if wrong := v.Axe(); wrong != "" {
				t.Errorf("%s: %s", name, wrong)
			}
			v.Shot(name)
		}
	}
}

// stops fails unless the keyboard stops are these, from the one that has the
// focus when the page opens, or else from the first.
func (v *visit) stops(want ...string) {
	v.Helper()
	for i, name := range want {
		if i > 0 || v.Evaluate(`document.activeElement.localName`) == "body" {
			v.Type("\t")
		}
		if got := v.Focus(); got != name {
			v.Errorf("stop %d is %q, not %q", i+1, got, name)
		}
		if v.Evaluate(`getComputedStyle(document.activeElement).outlineStyle`) == "none" {
			v.Errorf("nobody sees that %q has the focus", name)
		}
	}
}

// reach goes to a stop with the tab key.
func (v *visit) reach(name string) {
	v.Helper()
	for range 20 {
		if v.Focus() == name {
			return
		}
		v.Type("\t")
	}
	v.Fatalf("the tab key does not lead to %q on:\n%s", name, v.Text())
}

// press goes to a button or link, and presses the enter key.
func (v *visit) press(name string) {
	v.Helper()
	v.reach(name)
	v.Enter()
}

// enter types into what has the focus, and presses the enter key.
func (v *visit) enter(text string) {
	v.Helper()
	v.Type(text)
	v.Enter()
}

// says fails unless the page does.
func (v *visit) says(text string) {
	v.Helper()
	if all := v.Text(); !strings.Contains(all, text) {
		v.Fatalf("the page does not say %q:\n%s", text, all)
	}
}

// TestKeyboard goes through every flow with the keyboard alone: the cursor is
// where the next thing is typed, everything is reached in the order in which it
// is seen, and enter does what the page is for.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	v := newVisit(t, "keyboard")
	password := emulator.DefaultPassword

	// To sign in, and to cancel: that asks for nothing to be filled in first.
	v.ask()
	v.stops("Email", "Password", "Forgot your password?", "Sign in", "Email me a code instead",
		"Google", "Microsoft", "GitHub", "Apple", "Sign up", "Cancel", "Inspector")
	v.ask()
	v.enter(emulator.DefaultEmail + "\t" + "wrong")
	v.says("Wrong email or password.")
	v.stops("Password")
	v.enter(password)
	v.back("code")
	v.ask()
	v.press("Cancel")
	v.back("error")

	// To sign up, and to verify the email.
	v.ask()
	v.press("Sign up")
	v.stops("Email", "First name (optional)", "Last name (optional)", "Password", "Sign up", "Sign in", "Cancel")
	v.ask("screen_hint", "sign-up")
	v.enter("keys@example.test\tKay\tKeys\tlong enough")
	v.stops("Code", "Continue", "Send another code", "Cancel")
	v.reach("Code")
	v.press("Send another code")
	v.says("Another code")
	v.enter("nonsense")
	v.says("The code is wrong.")
	v.enter(v.mail("keys@example.test").Code)
	v.back("code")

	// A code by mail in place of a password.
	v.ask()
	v.Type("keys@example.test")
	v.press("Email me a code instead")
	v.stops("Code", "Continue", "Send another code", "Sign in another way", "Cancel")
	v.reach("Code")
	v.enter(v.mail("keys@example.test").Code)
	v.back("code")

	// A forgotten password.
	v.ask("login_hint", "keys@example.test")
	v.press("Forgot your password?")
	v.stops("Email", "Send the link", "Sign in")
	v.press("Send the link")
	v.stops("inspector", "Back to sign in")
	v.Open(v.mail("keys@example.test").Link)
	v.stops("New password", "Set the password")
	v.reach("New password")
	v.enter("another one")
	v.press("Go to the app")
	v.ask("login_hint", "keys@example.test")
	v.stops("Password")
	v.enter("another one")
	v.back("code")

	// A provider: somebody who is here, and somebody new.
	v.ask()
	v.press("GitHub")
	v.stops("Ada Local ada@example.test", "Grace Local grace@example.test", cautious, "Kay Keys keys@example.test",
		"Somebody else's email", "Continue", "Sign in another way", "Cancel")
	v.press("Kay Keys keys@example.test")
	v.back("code")
	v.ask("provider", "GoogleOAuth")
	v.reach("Somebody else's email")
	v.enter("new@example.test")
	v.back("code")

	// An organization's identity provider, by the email and as the app asks.
	v.ask()
	v.Type(colleague)
	v.press("Email me a code instead")
	v.stops("Email", "Continue", "Sign in another way", "Cancel")
	v.press("Continue")
	v.back("code")
	v.askAt("/sso/authorize", "organization", "org_east", "provider", "")
	v.stops(colleague)
	v.Enter()
	v.back("code")

	// An organization.
	v.ask("login_hint", emulator.LocalMember)
	v.enter(password)
	v.stops("North Workshop admin", "South Workshop member", "Sign in", "Cancel")
	v.press("South Workshop member")
	v.back("code")

	// Consent, given and not.
	for button, want := range map[string]string{"Continue": "code", "Cancel": "error"} {
		v.ask("login_hint", emulator.DefaultEmail, "prompt", "consent")
		v.enter(password)
		v.stops("Continue", "Cancel")
		v.press(button)
		v.back(want)
	}

	// A second factor, enrolled and then asked for. A code is taken once: the next
	// one is good already, for those whose clock is ahead.
	guarded := v.to(&emulator.Emulator{RequireMFA: true, RedirectURIs: []string{v.app + "/callback"}})
	guarded.ask("login_hint", emulator.DefaultEmail)
	v.enter(password)
	v.stops("Code that the app shows", "Continue", "Cancel")
	v.reach("Code that the app shows")
	key := v.Evaluate(`document.querySelector(".qr code").textContent`)
	v.enter(v.factor(key, 0))
	v.back("code")
	guarded.ask("login_hint", emulator.DefaultEmail)
	v.enter(password)
	v.stops("Code", "Continue", "Cancel")
	v.reach("Code")
	v.enter(v.factor(key, time.Minute/2))
	v.back("code")

	// A device, let in and refused.
	for button, want := range map[string]string{"Continue": "Your device is signed in", "Cancel": "Your device is not signed in"} {
		code := v.device()
		v.Open(v.base + "/device")
		v.stops("Code", "Continue")
		v.reach("Code")
		v.enter(strings.ToLower(code))
		v.enter(emulator.DefaultEmail + "\t" + password)
		v.says(code)
		v.stops("Continue", "Cancel")
		v.press(button)
		v.says(want)
	}

	// An invitation.
	v.Open(v.invite("guest@example.test"))
	v.press("Go to the app")
	v.ask("screen_hint", "sign-up")
	v.stops("First name (optional)", "Last name (optional)", "Password")
	v.enter("long enough")
	v.back("code")
}

// TestPagesLoadNothing holds the pages against their own policy: no script runs
// and nothing is loaded from anywhere.
func TestPagesLoadNothing(t *testing.T) {
	t.Parallel()
	v := newVisit(t, "policy")
	v.ask()
	for _, test := range []struct{ expression, want string }{
		{`String(performance.getEntriesByType("resource").length)`, "0"},
		{`String(document.scripts.length)`, "0"},
		{`getComputedStyle(document.querySelector("main")).maxWidth`, "400px"}, // the style sheet is let through
		{`(document.body.append(Object.assign(document.createElement("script"), {text: "window.ran = 1"})), String(window.ran))`, "undefined"},
	} {
		if got := v.Evaluate(test.expression); got != test.want {
			t.Errorf("%s is %q, not %q", test.expression, got, test.want)
		}
	}
}
