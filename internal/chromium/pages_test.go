package chromium

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"authfit/internal/emulator"
)

// unfit lists what keeps a page from being read: missing labels and names, text
// that does not stand out from its ground (WCAG 2.2, 1.4.3), and anything wider
// than the window.
const unfit = `(() => {
  const out = [];
  if (!document.documentElement.lang) out.push("no language");
  if (!document.title) out.push("no title");
  if (document.querySelectorAll("h1").length !== 1) out.push("not one h1");
  for (const e of document.querySelectorAll("body *")) {
    const box = e.getBoundingClientRect();
    if (box.right > innerWidth - 16 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline")
      out.push("too wide: " + e.innerText);
  }
  for (const e of document.querySelectorAll("input:not([type=hidden])"))
    if (!e.labels.length) out.push("no label: " + e.name);
  for (const e of document.querySelectorAll("[aria-describedby]"))
    if (!document.getElementById(e.getAttribute("aria-describedby"))) out.push("described by nothing: " + e.name);
  const colour = text => text.match(/[\d.]+/g).map(Number);
  const light = c => {
    const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = colour(getComputedStyle(e).backgroundColor);
      if (c[3] !== 0) return c;
    }
    return [255, 255, 255];
  };
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(colour(getComputedStyle(e).color)), light(ground(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) out.push("contrast " + contrast.toFixed(1) + ": " + e.innerText);
  }
  return out.join("; ");
})()`

// A visit is a person at the emulator's pages, and the app behind them.
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
	e := &emulator.Emulator{RedirectURIs: []string{app.URL + "/callback"}}
	server, err := e.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return &visit{t, New(t, name), e, server.URL, app.URL}
}

// ask opens the page for an authorization request.
func (v *visit) ask(pairs ...string) {
	v.Helper()
	query := url.Values{
		"response_type": {"code"}, "client_id": {emulator.DefaultClientID}, "provider": {"authkit"}, "state": {"s"},
		"redirect_uri": {v.app + "/callback"},
	}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	v.Open(v.base + "/user_management/authorize?" + query.Encode())
}

// back fails unless the browser is at the app, with a code or the error.
func (v *visit) back(want string) {
	v.Helper()
	if at := v.Address(); !strings.HasPrefix(at, v.app+"/callback?"+want+"=") {
		v.Fatalf("at %s, not back at the app with a %s", at, want)
	}
}

// TestPages looks at each page of the emulator: on a desk and on a phone, light
// and dark.
func TestPages(t *testing.T) {
	pages := []struct {
		name, says string
		show       func(v *visit)
	}{
		{"sign-in", "Sign in", func(v *visit) { v.ask() }},
		{"sign-in-refused", "Wrong email or password.", func(v *visit) {
			v.ask()
			v.Fill("Email", "nobody@example.test")
			v.Fill("Password", "wrong")
			v.Click("Sign in")
		}},
		{"sign-up", "Create an account", func(v *visit) { v.ask("screen_hint", "sign-up") }},
		{"sign-up-refused", "There is an account", func(v *visit) {
			v.ask("screen_hint", "sign-up")
			v.Fill("Email", emulator.DefaultEmail)
			v.Fill("Password", "long enough")
			v.Click("Sign up")
		}},
		{"sign-up-for-members", "a member of North Workshop", func(v *visit) {
			v.ask("screen_hint", "sign-up", "organization_id", emulator.NorthOrganizationID)
			v.Fill("Email", "new@example.test")
			v.Fill("Password", "long enough")
			v.Click("Sign up")
		}},
		{"organization", "Choose an organization", func(v *visit) {
			v.ask()
			v.Fill("Email", emulator.LocalMember)
			v.Fill("Password", emulator.DefaultPassword)
			v.Click("Sign in")
		}},
		{"invalid-redirect-uri", "Invalid redirect URI", func(v *visit) {
			v.ask("redirect_uri", v.app+"/auth/callback-of-another-app-with-a-long-name/")
		}},
		{"over", "This sign-in is over", func(v *visit) {
			v.Open(v.base + "/user_management/authorize/sign-in?authorization=x")
		}},
	}
	v := newVisit(t, "authkit")
	for _, screen := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"desk", 1000, 720, false}, {"phone-dark", 360, 640, true}, {"phone", 360, 640, false}, {"desk-dark", 1000, 720, true}} {
		v.Size(screen.width, screen.height)
		v.Dark(screen.dark)
		for _, page := range pages {
			page.show(v)
			name := screen.name + "-" + page.name
			if text := v.Text(); !strings.Contains(text, page.says) {
				t.Errorf("%s does not say %q:\n%s", name, page.says, text)
			}
			if wrong := v.Evaluate(unfit); wrong != "" {
				t.Errorf("%s: %s", name, wrong)
			}
			v.Shot(name)
		}
	}
}

// TestKeyboard goes through sign-in, sign-up and the choice of an organisation
// with the keyboard alone: everything is reached in the order in which it is
// seen, and enter does what the page is for.
func TestKeyboard(t *testing.T) {
	v := newVisit(t, "keyboard")
	walk := func(stops ...string) {
		t.Helper()
		for i, want := range stops {
			if i > 0 {
				v.Type("\t")
			}
			if got := v.Focus(); got != want {
				t.Errorf("stop %d is %q, not %q", i+1, got, want)
			}
		}
	}
	v.ask()
	walk("Email", "Password", "Sign in", "Cancel", "Sign up")
	v.Shot("sign-in-focus")
	v.Enter()
	walk("Email", "First name (optional)", "Last name (optional)", "Password", "Sign up", "Cancel", "Sign in")

	v.ask("screen_hint", "sign-up")
	v.Type("keys@example.test\t\t\tlong enough")
	v.Enter()
	v.back("code")

	v.ask("login_hint", emulator.LocalMember)
	walk("Password")
	v.Type(emulator.DefaultPassword)
	v.Enter()
	v.Type("\t")
	walk("North Workshop admin", "South Workshop member", "Cancel", "Sign in")
	v.Shot("organization-focus")
	v.ask("login_hint", emulator.LocalMember)
	v.Type(emulator.DefaultPassword)
	v.Enter()
	v.Type("\t\t")
	v.Enter()
	v.back("code")

	// Cancel asks for nothing to be filled in first.
	v.ask()
	v.Type("\t\t\t")
	v.Enter()
	v.back("error")
}

// TestPagesLoadNothing holds the pages against their own policy: no script runs
// and nothing is loaded from anywhere.
func TestPagesLoadNothing(t *testing.T) {
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
