package chromium

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"authfit/internal/emulator"
)

// A watcher is at the inspector, and acts as the app that is watched, too.
type watcher struct{ *visit }

// send asks the emulator as a program would. The status of the answer is in what
// it says, as "http".
func (v watcher) send(method, path, contentType, body string) map[string]any {
	v.Helper()
	request, err := http.NewRequestWithContext(v.Context(), method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+emulator.DefaultAPIKey)
	request.Header.Set("User-Agent", hostile)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		v.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		v.Fatal(err)
	}
	out := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			v.Fatalf("%s %s: %d %s", method, path, response.StatusCode, text)
		}
	}
	out["http"] = response.StatusCode
	return out
}

func (v watcher) api(method, path, body string) map[string]any {
	v.Helper()
	return v.send(method, path, "application/json", body)
}

// tokens signs a user in as an app without a page would.
func (v watcher) tokens(form url.Values) map[string]any {
	v.Helper()
	form.Set("client_id", emulator.DefaultClientID)
	form.Set("client_secret", emulator.DefaultAPIKey)
	return v.send("POST", "/user_management/authenticate", "application/x-www-form-urlencoded", form.Encode())
}

func (v watcher) signIn(email string) map[string]any {
	v.Helper()
	out := v.tokens(url.Values{"grant_type": {"password"}, "email": {email}, "password": {emulator.DefaultPassword}})
	if out["access_token"] == nil {
		v.Fatalf("no tokens: %v", out)
	}
	return out
}

// sees waits until the page shows a text, or does not any more.
func (v watcher) sees(text string, there bool) {
	v.Helper()
	for end := time.Now().Add(patience); strings.Contains(v.Text(), text) != there; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			v.Fatalf("%q there: %v\n%s", text, !there, v.Text())
		}
	}
}

// press clicks a button that stays on the page. It is found by its name.
func (v watcher) press(name string) {
	v.Helper()
	found := v.Evaluate(`(name => {
		const named = [...document.querySelectorAll("button, summary")].filter(b => (b.getAttribute("aria-label") ?? b.innerText).trim() === name);
		if (named.length !== 1) return named.length + " of them";
		named[0].click();
		return "";
	})(` + "`" + name + "`" + `)`)
	if found != "" {
		v.Fatalf("the button %s: %s\n%s", name, found, v.Text())
	}
}

// hostile is what a request can have in it that would run as markup.
const hostile = `"><script>window.ran=1</script><img src=x onerror="window.ran=1">`

// fillInspector gives every section of the inspector something to show.
func (v watcher) fillInspector() {
	v.Helper()
	v.ask("redirect_uri", v.app+"/"+hostile, "state", hostile, hostile, hostile)
	v.signIn(emulator.DefaultEmail)
	v.tokens(url.Values{"grant_type": {"password"}, "email": {hostile}, "password": {hostile}})
	v.api("POST", "/user_management/magic_auth", `{"email": "`+emulator.DefaultEmail+`"}`)
	v.api("POST", "/user_management/password_reset", `{"email": "`+emulator.DefaultEmail+`"}`)
	v.api("POST", "/user_management/users", `{"email": "unverified@example.test", "first_name": "<img src=x onerror=window.ran=1>"}`)
	v.api("POST", "/organizations", `{"name": "<img src=x onerror=window.ran=1> & Sons"}`)
	v.api("POST", "/_authfit/api/failures", `{"path": "/sso/jwks/{clientId}", "status": 503, "delay_ms": 200, "count": 3}`)
	v.api("PUT", "/_authfit/api/clock", `{"advance_seconds": 660, "access_token_lifetime_seconds": 5}`)
}

// TestInspectorPages looks at each section, full and empty, on a desk and on a
// phone, light and dark, with markup in everything that comes from outside.
func TestInspectorPages(t *testing.T) {
	v := watcher{newVisit(t, "inspector")}
	look := func(what string, width, height int64, dark bool) {
		t.Helper()
		v.Size(width, height)
		v.Dark(dark)
		for _, section := range []string{"requests", "mail", "users", "organizations", "sessions", "clock", "failures"} {
			v.Open(v.base + "/_authfit/" + section)
			v.Evaluate(`([...document.querySelectorAll("details")].forEach(d => d.open = true), "")`)
			if wrong := v.Evaluate(unfit) + v.Axe(); wrong != "" {
				t.Errorf("%s %s: %s", what, section, wrong)
			}
			if ran := v.Evaluate(`String(window.ran) + document.querySelectorAll("img, main script").length`); ran != "undefined0" {
				t.Errorf("%s %s: markup of a request: %s", what, section, ran)
			}
			v.Shot(what + "-" + section)
		}
	}
	look("empty-desk", 1200, 800, false)
	v.fillInspector()
	look("phone-dark", 360, 640, true)
	look("phone", 360, 640, false)
	look("desk-dark", 1200, 800, true)
	v.Open(v.base + "/_authfit/organizations")
	v.sees("<img src=x onerror=window.ran=1> & Sons", true)
}

// TestInspectorLive watches while an app signs in, and acts by each section's
// buttons.
func TestInspectorLive(t *testing.T) {
	v := watcher{newVisit(t, "live")}
	v.Open(v.base + "/_authfit")
	v.sees("No request yet.", true)
	v.sees("live", true)
	session := v.signIn(emulator.DefaultEmail)
	v.sees("password: tokens for "+emulator.DefaultEmail, true)
	v.sees("No request yet.", false)
	// What is open stays open, and the focus where it is, when more comes.
	v.Evaluate(`(document.querySelector("summary").focus(), "")`)
	v.Type("\r")
	v.sees(`"kid":`, true)
	v.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {hostile}})
	v.sees("invalid refresh token", true)
	v.sees(`"kid":`, true)
	if at := v.Focus(); !strings.Contains(at, "password: tokens for") {
		t.Errorf("the focus is at %s", at)
	}
	all := v.authkit.Requests()
	v.Evaluate(`(navigator.clipboard.writeText = async text => { window.copied = text }, "")`)
	v.press("Copy curl for " + all[0].ID)
	v.sees("Copied.", true)
	if got := v.Evaluate("window.copied"); !strings.HasPrefix(got, "curl -i -X POST "+v.base) || !strings.HasSuffix(got, `"password=$PASSWORD"`) {
		t.Errorf("copied %s", got)
	}
	v.press("Clear the list")
	v.sees("No request yet.", true)

	v.Click("Mail 0")
	v.sees("No mail yet.", true)
	v.api("POST", "/user_management/magic_auth", `{"email": "`+emulator.DefaultEmail+`"}`)
	v.sees(v.authkit.Mail("")[0].Code, true)
	v.sees("Mail 1", true)
	v.press("Delete all mail")
	v.sees("No mail yet.", true)

	v.Click("Sessions 1")
	v.sees(emulator.DefaultEmail, true)
	v.press("Revoke the session of " + emulator.DefaultEmail)
	v.sees("Nobody is signed in.", true)
	v.sees("The session is revoked.", true)
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {fmt.Sprint(session["refresh_token"])}}
	if got := v.tokens(refresh); got["error"] != "invalid_grant" {
		t.Errorf("a session that was revoked: %v", got)
	}

	v.Click("Clock")
	v.press("Issue them expired")
	v.sees("expired when issued", true)
	issued := v.signIn(emulator.DefaultEmail)
	all = v.authkit.Requests()
	if claims := v.api("GET", "/_authfit/api/requests/"+all[len(all)-1].ID, "")["access_token"].(map[string]any)["claims"].(map[string]any); claims["exp"].(float64) >= claims["iat"].(float64) {
		t.Errorf("%v", claims)
	}
	v.press("As at the start: 5 minutes")
	v.sees("expired when issued", false)
	v.press("31 days on: sessions end")
	v.sees("31 days ahead", true)
	v.sees("Sessions 0", true)
	refresh.Set("refresh_token", fmt.Sprint(issued["refresh_token"]))
	if got := v.tokens(refresh); got["error_description"] != "the session has ended" {
		t.Errorf("a session after 31 days: %v", got)
	}
	v.Fill("Move it on by seconds", "-60")
	v.Type("\r")
	v.sees("30 days 23 hours 59 minutes ahead", true)
	v.Fill("Move it on by seconds", "999999999")
	v.Type("\r")
	v.sees("the clock moves by ten years at most", true)
	v.press("Back to now")
	v.sees("ahead", false)

	v.Click("Failures 0")
	v.Fill("Delay in milliseconds", "1")
	v.press("Add the failure")
	v.sees("status 500, after 1 ms; the next request", true)
	if got := v.tokens(refresh); got["http"] != 500 || got["code"] != "injected_failure" {
		t.Errorf("%v", got)
	}
	v.sees("No failure waits.", true)
	v.press("Add the failure")
	v.sees("Failures 1", true)
	v.press("Remove the failure of POST /user_management/authenticate")
	v.sees("Failures 0", true)

	v.api("POST", "/user_management/users", `{"email": "new@example.test"}`)
	v.sees("Users 4", true)
	v.press("Reset everything")
	v.press("Reset")
	v.sees("Everything is as at the start.", true)
	v.sees("Users 3", true)
}

// TestInspectorPolicy holds the page against its own policy.
func TestInspectorPolicy(t *testing.T) {
	v := watcher{newVisit(t, "inspector-policy")}
	v.Open(v.base + "/_authfit")
	for _, test := range []struct{ expression, want string }{
		{`performance.getEntriesByType("resource").map(e => new URL(e.name).pathname).filter(p => !p.startsWith("/_authfit")).join()`, ""},
		{`(document.body.append(Object.assign(document.createElement("script"), {text: "window.ran = 1"})), String(window.ran))`, "undefined"},
		{`(document.body.setAttribute("onclick", "window.ran = 1"), document.body.click(), String(window.ran))`, "undefined"},
	} {
		if got := v.Evaluate(test.expression); got != test.want {
			t.Errorf("%s is %q, not %q", test.expression, got, test.want)
		}
	}
	// A page of the app's can do nothing with it.
	v.signIn(emulator.DefaultEmail)
	v.Open(v.app)
	for _, test := range []string{
		`fetch("%s/_authfit/api/reset", {method: "POST", mode: "no-cors"})`,
		`fetch("%s/_authfit/api/mail")`,
		`navigator.sendBeacon("%s/_authfit/api/reset")`,
	} {
		v.Evaluate(`(Promise.resolve(` + fmt.Sprintf(test, v.base) + `).then(() => 0, () => 0).then(() => document.title = "asked"), document.title = "app")`)
		for end := time.Now().Add(patience); v.Evaluate("document.title") != "asked"; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("no answer")
			}
		}
	}
	if counts := v.api("GET", "/_authfit/api/status", "")["counts"].(map[string]any); counts["requests"] != 1.0 || counts["sessions"] != 1.0 {
		t.Errorf("%v", counts)
	}
}
