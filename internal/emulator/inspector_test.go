package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inspect asks the inspector's API, and wants an answer with a status.
func (b *bench) inspect(method, path, body string, status int) map[string]any {
	b.Helper()
	a := b.do(b.request(method, inspectorPath+"/api/"+path, "application/json", body))
	if a.status != status {
		b.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	if a.body == "" {
		return nil
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		b.Fatalf("%s %s: %v: %s", method, path, err, a.body)
	}
	return out
}

// data is a list of the inspector's.
func (b *bench) data(path string) []map[string]any {
	b.Helper()
	out := []map[string]any{}
	for _, item := range b.inspect("GET", path, "", 200)["data"].([]any) {
		out = append(out, item.(map[string]any))
	}
	return out
}

func (b *bench) refuses(method, path, body string, status int, code, text string) {
	b.Helper()
	b.wantAPIError(b.do(b.request(method, inspectorPath+"/api/"+path, "application/json", body)), status, code, text)
}

func TestInspectorStatus(t *testing.T) {
	b := newBench(t, &Emulator{Lenient: []Check{CheckPKCE}})
	b.login()
	b.api("POST", "/user_management/magic_auth", `{"email": "`+DefaultEmail+`"}`)
	b.inspect("POST", "failures", `{"status": 500}`, 201)
	b.inspect("PUT", "clock", `{"offset_seconds": 60, "access_token_lifetime_seconds": 9}`, 200)
	got := b.inspect("GET", "status", "", 200)
	want := map[string]any{
		"schema": "authfit.inspector/1", "url": b.url, "client_id": DefaultClientID,
		"clock": map[string]any{"now": "2030-01-02T03:05:05.000Z", "offset_seconds": 60.0}, "access_token_lifetime_seconds": 9.0,
		"lenient": []any{"pkce"}, "redirect_uris": []any{testRedirectURI},
		"counts": map[string]any{
			"requests": 4.0, "mail": 1.0, "users": 2.0, "organizations": 2.0, "sessions": 1.0, "failures": 1.0,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What the inspector itself is asked is no request of the app's, and fails for
// nobody.
func TestInspectorIsNoTraffic(t *testing.T) {
	b := newBench(t, &Emulator{})
	b.inspect("POST", "failures", `{"status": 500, "count": -1}`, 201)
	b.get(inspectorPath, nil)
	b.get(inspectorPath+"/nowhere", nil)
	b.get(inspectorPath+"/api/nowhere", nil)
	b.inspect("GET", "status", "", 200)
	if all := b.data("requests"); len(all) != 0 || len(b.log) != 0 {
		t.Errorf("%v %v", all, b.log)
	}
	b.wantAPIError(b.get("/_authfitted", nil), 404, "not_served_by_emulator", "/_authfitted")
	if all := b.data("requests"); len(all) != 1 || len(b.log) != 1 {
		t.Errorf("%v %v", all, b.log)
	}
}

func TestInspectorRequests(t *testing.T) {
	b := newBench(t, &Emulator{})
	r := b.request("POST", tokenPath, "application/x-www-form-urlencoded", codeExchange(b.code(goodAuthorization())).Encode())
	r.Header.Set("User-Agent", "an app")
	b.do(r)
	all := b.data("requests")
	if len(all) != 3 {
		t.Fatalf("%v", all)
	}
	got := all[2]
	if took, ok := got["duration_ms"].(float64); !ok || took <= 0 {
		t.Errorf("it took %v", got["duration_ms"])
	}
	token, _ := got["access_token"].(map[string]any)
	claims, _ := token["claims"].(map[string]any)
	if claims["iss"] != b.url+"/user_management/"+DefaultClientID || claims["exp"] != claims["iat"].(float64)+300 {
		t.Errorf("claims %v", claims)
	}
	if diff := cmp.Diff(map[string]any{"alg": "RS256", "kid": testKey().jwk.ID, "typ": "JWT"}, token["header"]); diff != "" {
		t.Error(diff)
	}
	id, outcome := got["id"], got["outcome"].(string)
	for _, name := range []string{"id", "access_token", "duration_ms", "outcome"} {
		delete(got, name)
	}
	want := map[string]any{
		"time": "2030-01-02T03:04:05.000Z", "method": "POST", "path": tokenPath, "route": tokenPath, "status": 200.0, "user_agent": "an app",
		"params": map[string]any{
			"grant_type": "authorization_code", "client_id": DefaultClientID, "client_secret": "[30 characters]",
			"code": "[43 characters]", "code_verifier": "[43 characters]",
		},
		"hidden": []any{"client_secret", "code", "code_verifier"},
	}
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(outcome, "authorization_code: tokens for "+DefaultEmail) {
		t.Error(outcome, diff)
	}

	if last := b.data("requests?after=" + all[1]["id"].(string)); len(last) != 1 || last[0]["id"] != id {
		t.Errorf("after the second: %v", last)
	}
	if last := b.data(fmt.Sprint("requests?after=", id)); len(last) != 0 {
		t.Errorf("after the last: %v", last)
	}
	if last := b.data("requests?after=req_gone"); len(last) != 3 {
		t.Errorf("after one that is gone: %v", last)
	}
	if one := b.inspect("GET", fmt.Sprint("requests/", id), "", 200); one["id"] != id {
		t.Errorf("%v", one)
	}
	b.get("/user_management/authorize", url.Values{"client_id": {"a", "b"}, "state": {"a", "bb"}})
	twice := b.data(fmt.Sprint("requests?after=", id))[0]
	if diff := cmp.Diff(map[string]any{"client_id": "a, b", "state": "[1 characters], [2 characters]"}, twice["params"]); diff != "" {
		t.Error(diff)
	}
	b.refuses("GET", "requests/req_gone", "", 404, "entity_not_found", "req_gone")
	b.refuses("GET", "requests/req_gone/curl", "", 404, "entity_not_found", "req_gone")
	b.inspect("DELETE", "requests", "", 204)
	if all := b.data("requests"); len(all) != 0 {
		t.Errorf("%v", all)
	}
	b.login()
	if all := b.data("requests"); len(all) != 3 {
		t.Errorf("%v", all)
	}
}

func TestKeyIn(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "sk_test_x": true, "http://localhost/?key=sk_x": true, "http://localhost/task_1": false, "task_1 sk_2": true, "ask_": false,
		"sk_": true, "é sk": false, "ésk_": false, "1sk_": false, "_sk_1": true,
	} {
		if got := keyIn(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// The newest 500 are kept, and of each only so much, whatever is sent.
func TestInspectorKeepsLittle(t *testing.T) {
	b := newBench(t, &Emulator{})
	form := url.Values{}
	for i := range 100 {
		form.Set(fmt.Sprint("redirect_uri", i, strings.Repeat("n", 90)), strings.Repeat("v", 90))
	}
	for name := range shownParams {
		form.Set(name, strings.Repeat("v", 1_100))
	}
	b.post(tokenPath, form)
	r := b.request("GET", strings.Repeat("/pppp", 1_400), "", "")
	r.Header.Set("User-Agent", strings.Repeat("u", 7_000))
	b.do(r)
	all := b.data("requests")
	if path, agent := all[1]["path"].(string), all[1]["user_agent"].(string); len(path) > 1_010 || len(agent) != 200 {
		t.Errorf("%d bytes of the path and %d of the user agent are kept", len(path), len(agent))
	}
	for i, got := range all {
		text, _ := json.Marshal(got)
		if len(text) < 1_000 || len(text) > 20_000 {
			t.Errorf("of request %d are %d bytes kept", i, len(text))
		}
	}
	for i := range maxTraffic + 7 {
		b.e.traffic.add(Request{ID: fmt.Sprint(i)})
	}
	all = b.data("requests")
	if len(all) != maxTraffic || all[0]["id"] != "7" || all[maxTraffic-1]["id"] != fmt.Sprint(maxTraffic+6) {
		t.Errorf("%d requests, from %v to %v", len(all), all[0]["id"], all[len(all)-1]["id"])
	}
	if after := b.data("requests?after=500"); len(after) != 6 || after[0]["id"] != "501" {
		t.Errorf("%v", after)
	}
}

// No secret of anything that signs in is anywhere in the inspector, with two
// exceptions: codes and links in the mail, which is what it is for.
func TestInspectorMasks(t *testing.T) {
	const key = "key-of-another-shape"
	b := newBench(t, &Emulator{APIKey: key})
	secrets := []string{key, DefaultPassword, testVerifier, "the state", "wrong but secret"}
	secret := func(text string) string {
		if text == "" {
			t.Fatal("no secret")
		}
		secrets = append(secrets, text)
		return text
	}
	id := secret(b.open(goodAuthorization()))
	code := secret(b.callback(b.post("/user_management/authorize", signInForm(id))).Get("code"))
	session := b.tokens(codeExchange(code, "client_secret", key))
	secret(session.AccessToken)
	secret(session.AccessToken[strings.LastIndex(session.AccessToken, ".")+1:])
	refreshed := b.tokens(refreshExchange(secret(session.RefreshToken), "client_secret", key))
	secret(refreshed.RefreshToken)
	b.post(tokenPath, codeExchange(code, "client_secret", "wrong but secret"))
	b.post(tokenPath, codeExchange(code, "client_id", key))
	b.get("/"+key, nil)
	b.get("/user_management/authorize", goodAuthorization("redirect_uri", "http://localhost/?key="+key))
	api := func(method, path, body string) string {
		t.Helper()
		r := b.request(method, path, "application/json", body)
		r.Header.Set("Authorization", "Bearer "+key)
		a := b.do(r)
		if a.status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return a.body
	}
	var made struct {
		ID    string `json:"id"`
		Token string `json:"token"`
		Code  string `json:"code"`
		TOTP  struct {
			Secret string `json:"secret"`
		} `json:"totp"`
		Reset string `json:"password_reset_token"`
	}
	read := func(text string) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &made); err != nil {
			t.Fatal(err)
		}
	}
	read(api("POST", "/user_management/invitations", `{"email": "i@example.test"}`))
	api("GET", "/user_management/invitations/by_token/"+secret(made.Token), "")
	b.get("/invitation", url.Values{"invitation_token": {made.Token}})
	read(api("POST", "/user_management/magic_auth", `{"email": "`+DefaultEmail+`"}`))
	b.post(tokenPath, url.Values{
		"grant_type": {grantMagicAuth}, "email": {DefaultEmail}, "code": {made.Code}, "client_id": {DefaultClientID}, "client_secret": {key},
	})
	secret(`"` + made.Code + `"`)
	read(api("POST", "/user_management/password_reset", `{"email": "`+DefaultEmail+`"}`))
	secret(made.Reset)
	api("POST", "/user_management/password_reset/confirm", `{"token": "`+made.Reset+`", "new_password": "`+secret("another long password")+`"}`)
	read(api("POST", "/user_management/users", `{"email": "n@example.test", "password": "`+secret("a new user's password")+`"}`))
	read(api("POST", "/user_management/users/"+made.ID+"/auth_factors", `{"type": "totp"}`))
	b.clock.Advance(time.Second)

	pages := []string{"", "/users", "/organizations", "/sessions", "/clock", "/failures"}
	for _, path := range []string{"status", "requests", "users", "organizations", "sessions", "clock", "failures"} {
		pages = append(pages, "/api/"+path)
	}
	for _, r := range b.data("requests") {
		pages = append(pages, "/api/requests/"+r["id"].(string)+"/curl")
	}
	for _, page := range pages {
		a := b.get(inspectorPath+page, nil)
		if a.status != 200 || len(a.body) < 10 {
			t.Fatalf("%s: %d %s", page, a.status, a.body)
		}
		for _, secret := range secrets {
			if strings.Contains(a.body, secret) {
				t.Errorf("%s has %q in it", page, secret)
			}
		}
	}
	events := b.listen("?after=", "")
	for range b.data("requests") {
		if got := events.next("request"); slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(got.data, secret) }) {
			t.Errorf("an event has a secret in it: %s", got.data)
		}
	}
	if mails := b.get(inspectorPath+"/mail", nil).body; !strings.Contains(mails, b.mailedCode(forMagicAuth)) || !strings.Contains(mails, "/reset-password?token=") {
		t.Errorf("no code and no link in the mail:\n%s", mails)
	}
}

// mailedCode is the code of the newest mail of a kind.
func (b *bench) mailedCode(kind string) string {
	b.Helper()
	for _, m := range slices.Backward(b.e.Mail("")) {
		if m.Kind == kind {
			return m.Code
		}
	}
	b.Fatal("no mail of " + kind)
	return ""
}

// The command is run by a shell, with a curl that says what it is given.
func TestInspectorCurl(t *testing.T) {
	b := newBench(t, &Emulator{})
	const hostile = "http://localhost/'\"$(touch x)`touch y`\x1b[31m\u202e;&\n"
	b.get("/user_management/authorize", goodAuthorization("redirect_uri", hostile, "`touch z`; $HOME", "hidden"))
	b.post(tokenPath, codeExchange("a code", "organization_id", "it's"))
	b.do(b.request("POST", tokenPath, "application/json", `{"grant_type": "it's \u001b", "code": "c"}`))
	b.api("PUT", "/user_management/users/user_'x", `{"email_verified": true, "email": "a@b.test", "password": "p", "metadata": {"a": "b"}}`)
	wants := [][]string{{
		"-i", b.url + "/user_management/authorize", "-G", "--data-urlencode", "%60touch+z%60%3B+%24HOME=<_TOUCH_Z____HOME>",
		"--data-urlencode", "client_id=" + DefaultClientID, "--data-urlencode", "code_challenge=" + testChallenge,
		"--data-urlencode", "code_challenge_method=S256", "--data-urlencode", "provider=authkit",
		"--data", "redirect_uri=" + url.QueryEscape(hostile), "--data-urlencode", "response_type=code", "--data-urlencode", "state=<STATE>",
	}, {
		"-i", "-X", "POST", b.url + tokenPath, "--data-urlencode", "client_id=" + DefaultClientID,
		"--data-urlencode", "client_secret=<WORKOS_API_KEY>", "--data-urlencode", "code=<CODE>",
		"--data-urlencode", "code_verifier=<CODE_VERIFIER>", "--data-urlencode", "grant_type=authorization_code",
		"--data-urlencode", "organization_id=it's",
	}, {
		"-i", "-X", "POST", b.url + tokenPath, "-H", "Content-Type: application/json", "-d", `{"code": "<CODE>", "grant_type": "it\u0027s \u001b"}`,
	}, {
		"-i", "-X", "PUT", b.url + "/user_management/users/user_%27x", "-H", "Authorization: Bearer <WORKOS_API_KEY>",
		"-H", "Content-Type: application/json",
		"-d", `{"email": "a@b.test", "email_verified": true, "metadata": <METADATA>, "password": "<PASSWORD>"}`,
	}}
	all := b.data("requests")
	if len(all) != len(wants) {
		t.Fatalf("%v", all)
	}
	for i, want := range wants {
		a := b.get(inspectorPath+"/api/requests/"+all[i]["id"].(string)+"/curl", nil)
		if strings.ContainsFunc(strings.ReplaceAll(a.body, "\n", ""), untypeable) || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q %q", a.header.Get("Content-Type"), a.body)
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", "curl() { printf '%s\\n' \"$@\"; }\n"+a.body)
		shell.Dir = t.TempDir()
		for _, name := range []string{"_TOUCH_Z____HOME", "STATE", "WORKOS_API_KEY", "CODE", "CODE_VERIFIER", "METADATA", "PASSWORD"} {
			shell.Env = append(shell.Env, name+"=<"+name+">")
		}
		shell.Env = append(shell.Env, "PATH=/usr/bin:/bin")
		out, err := shell.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(out)), "\n")); diff != "" {
			t.Errorf("%s\n%s", a.body, diff)
		}
		if made, _ := filepath.Glob(filepath.Join(shell.Dir, "*")); made != nil {
			t.Errorf("the shell made %v of\n%s", made, a.body)
		}
	}
}

func TestInspectorMail(t *testing.T) {
	b := newBench(t, &Emulator{})
	for _, email := range []string{DefaultEmail, LocalMember} {
		b.api("POST", "/user_management/magic_auth", `{"email": "`+email+`"}`)
	}
	if all := b.data("mail"); len(all) != 2 || all[1]["to"] != LocalMember || all[1]["code"] != b.mailed(LocalMember) {
		t.Errorf("%v", all)
	}
	if one := b.data("mail?to=" + strings.ToUpper(DefaultEmail)); len(one) != 1 || one[0]["to"] != DefaultEmail {
		t.Errorf("%v", one)
	}
	b.inspect("DELETE", "mail", "", 204)
	if all := b.data("mail"); len(all) != 0 {
		t.Errorf("%v", all)
	}
}

func TestInspectorUsers(t *testing.T) {
	b := newBench(t, &Emulator{})
	b.login()
	users := b.data("users")
	if len(users) != 2 || users[0]["sessions"] != 1.0 || users[0]["password"] != true || users[1]["email"] != LocalMember || users[1]["sessions"] != 0.0 {
		t.Fatalf("%v", users)
	}
	north := map[string]any{
		"user_id": users[1]["id"], "email": LocalMember, "organization_id": NorthOrganizationID, "organization_name": "North Workshop",
		"status": "active", "roles": []any{"admin"},
	}
	if diff := cmp.Diff(north, users[1]["memberships"].([]any)[0]); diff != "" {
		t.Error(diff)
	}
	organizations := b.data("organizations")
	if len(organizations) != 2 || organizations[0]["name"] != "North Workshop" {
		t.Fatalf("%v", organizations)
	}
	if diff := cmp.Diff([]any{north}, organizations[0]["memberships"]); diff != "" {
		t.Error(diff)
	}
}

// A session that is revoked gets no other token.
func TestInspectorRevokes(t *testing.T) {
	b := newBench(t, &Emulator{})
	gone, stays := b.login(), b.login()
	all := b.data("sessions")
	if len(all) != 2 || all[0]["email"] != DefaultEmail || all[0]["id"] != b.decode(gone.AccessToken).SessionID {
		t.Fatalf("%v", all)
	}
	b.inspect("DELETE", "sessions/"+all[0]["id"].(string), "", 204)
	b.refuses("DELETE", "sessions/"+all[0]["id"].(string), "", 404, "entity_not_found", "Session")
	b.wantOAuthError(b.post(tokenPath, refreshExchange(gone.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
	b.tokens(refreshExchange(stays.RefreshToken))
	if left := b.data("sessions"); len(left) != 1 || left[0]["id"] != all[1]["id"] {
		t.Errorf("%v", left)
	}
}

// Moving the clock ends what is kept here. Tokens are stamped by the clock that
// the app has, whose own login would break otherwise.
func TestInspectorClock(t *testing.T) {
	b := newBench(t, &Emulator{})
	code, session := b.code(goodAuthorization()), b.login()
	moved := b.inspect("PUT", "clock", `{"advance_seconds": 660}`, 200)
	if want := (map[string]any{"now": "2030-01-02T03:15:05.000Z", "offset_seconds": 660.0, "access_token_lifetime_seconds": 300.0}); !cmp.Equal(want, moved) {
		t.Error(cmp.Diff(want, moved))
	}
	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "expired")
	refreshed := b.tokens(refreshExchange(session.RefreshToken))
	fresh := b.login()
	for _, token := range []string{refreshed.AccessToken, fresh.AccessToken} {
		if got, now := b.decode(token), b.clock.Now().Unix(); got.IssuedAt != now || got.Expires != now+300 || got.AuthTime != now {
			t.Errorf("at %d: %+v", now, got)
		}
	}
	b.inspect("PUT", "clock", `{"advance_seconds": 2678400}`, 200)
	b.wantOAuthError(b.post(tokenPath, refreshExchange(refreshed.RefreshToken)), 400, "invalid_grant", "the session has ended")
	if all := b.data("sessions"); len(all) != 0 {
		t.Errorf("%v", all)
	}
	if at := b.inspect("PUT", "clock", `{"offset_seconds": -60}`, 200); at["offset_seconds"] != -60.0 {
		t.Errorf("%v", at)
	}

	b.inspect("PUT", "clock", `{"offset_seconds": 0, "access_token_lifetime_seconds": -60}`, 200)
	if got := b.decode(b.login().AccessToken); got.Expires != b.clock.Now().Unix()-60 {
		t.Errorf("%+v", got)
	}
	b.inspect("PUT", "clock", `{"access_token_lifetime_seconds": 0}`, 200)
	if got := b.decode(b.login().AccessToken); got.Expires != got.IssuedAt {
		t.Errorf("%+v", got)
	}
	if at := b.inspect("PUT", "clock", `{"access_token_lifetime_seconds": null}`, 200); at["access_token_lifetime_seconds"] != 300.0 {
		t.Errorf("%v", at)
	}
	before := b.inspect("GET", "clock", "", 200)
	for body, says := range map[string]string{
		`{"seconds": 1}`: "no field seconds", `{"offset_seconds": 1, "advance_seconds": 1}`: "exclude each other",
		`{"offset_seconds": 1e3}`: "must be an integer", `{"advance_seconds": "1"}`: "must be an integer",
		`{"offset_seconds": 315360001}`: "ten years", `{"advance_seconds": -315360001}`: "ten years",
		`{"access_token_lifetime_seconds": 2592001}`: "30 days", `[]`: "not a JSON object",
	} {
		b.refuses("PUT", "clock", body, 422, "invalid_request_parameters", says)
	}
	if after := b.inspect("GET", "clock", "", 200); !cmp.Equal(before, after) {
		t.Error(cmp.Diff(before, after))
	}
}

func TestInspectorFailures(t *testing.T) {
	b := newBench(t, &Emulator{})
	made := b.inspect("POST", "failures", `{"method": "POST", "path": "`+tokenPath+`", "status": 503, "count": 2}`, 201)
	jwks := "/sso/jwks/" + DefaultClientID
	if got := b.inspect("POST", "failures", `{"path": "`+jwks+`", "delay_ms": 1}`, 201); got["path"] != "/sso/jwks/{clientId}" || got["count"] != 1.0 {
		t.Errorf("%v", got)
	}
	code := b.code(goodAuthorization())
	b.wantAPIError(b.post(tokenPath, codeExchange(code)), 503, "injected_failure", "Service Unavailable")
	if all := b.data("failures"); len(all) != 2 || all[0]["count"] != 1.0 || all[0]["id"] != made["id"] {
		t.Errorf("%v", all)
	}
	b.post(tokenPath, codeExchange(code))
	b.tokens(codeExchange(code)) // which the failures did not use up
	if a := b.get(jwks, nil); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if all := b.data("failures"); len(all) != 0 {
		t.Errorf("%v", all)
	}

	forever := b.inspect("POST", "failures", `{"status": 429, "count": -1}`, 201)["id"].(string)
	b.inspect("POST", "failures", `{"status": 500}`, 201)
	for range 3 {
		b.wantAPIError(b.get(jwks, nil), 429, "injected_failure", "Too Many Requests")
	}
	b.inspect("DELETE", "failures/"+forever, "", 204)
	b.refuses("DELETE", "failures/"+forever, "", 404, "entity_not_found", "Failure")
	b.inspect("DELETE", "failures", "", 204)
	if a := b.get(jwks, nil); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for body, says := range map[string]string{
		`{}`: "a status or a delay_ms", `{"status": 200}`: "400 to 599", `{"status": 600}`: "400 to 599", `{"status": 500, "count": 0}`: "count",
		`{"status": 500, "delay": 1}`: "no field delay", `{"delay_ms": 120001}`: "two minutes", `{"delay_ms": -1}`: "two minutes",
		`{"status": 500, "path": "/nowhere"}`: "no route /nowhere", `{"status": 500, "method": "GET", "path": "` + tokenPath + `"}`: "no route GET",
		`{"status": 500, "path": "/_authfit"}`: "no route", `{"status": "500"}`: "must be an integer",
	} {
		b.refuses("POST", "failures", body, 422, "invalid_request_parameters", says)
	}
	for range maxFailures {
		b.inspect("POST", "failures", `{"status": 500}`, 201)
	}
	b.refuses("POST", "failures", `{"status": 500}`, 507, "emulator_full", "100 failures")
}

// Reset brings back the seeds, in the state file too, and keeps redirect URIs.
func TestInspectorReset(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.db")
	b := newBench(t, &Emulator{
		StateFile: file, ClockAhead: time.Hour, Failures: []Failure{{Path: "/device", Status: 500, Count: 1}},
	})
	before := b.data("users")
	session, code, page := b.login(), b.code(goodAuthorization()), b.open(goodAuthorization())
	b.api("POST", "/user_management/redirect_uris", `{"uri": "http://localhost:9/cb"}`)
	b.api("POST", "/user_management/users", `{"email": "new@example.test"}`)
	b.api("POST", "/user_management/magic_auth", `{"email": "`+DefaultEmail+`"}`)
	b.api("DELETE", "/organizations/"+NorthOrganizationID, "")
	b.inspect("DELETE", "failures", "", 204)
	b.inspect("POST", "failures", `{"status": 418, "path": "/device"}`, 201)
	b.inspect("PUT", "clock", `{"offset_seconds": 5, "access_token_lifetime_seconds": 5}`, 200)
	b.inspect("POST", "reset", "", 204)
	check := func(b *bench) {
		t.Helper()
		if diff := cmp.Diff(before, b.data("users")); diff != "" {
			t.Error(diff)
		}
		status := b.inspect("GET", "status", "", 200)
		counts := map[string]any{"requests": 0.0, "mail": 0.0, "users": 2.0, "organizations": 2.0, "sessions": 0.0, "failures": 1.0}
		if diff := cmp.Diff(counts, status["counts"]); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]any{testRedirectURI, "http://localhost:9/cb"}, status["redirect_uris"]); diff != "" {
			t.Error(diff)
		}
		if all := b.data("failures"); all[0]["status"] != 500.0 {
			t.Errorf("%v", all)
		}
		if at := b.inspect("GET", "clock", "", 200); at["offset_seconds"] != 3600.0 || at["access_token_lifetime_seconds"] != 300.0 {
			t.Errorf("%v", at)
		}
	}
	check(b)
	b.wantOAuthError(b.post(tokenPath, refreshExchange(session.RefreshToken)), 400, "invalid_grant", "invalid refresh token")
	b.wantOAuthError(b.post(tokenPath, codeExchange(code)), 400, "invalid_grant", "the code has expired or is invalid")
	if a := b.post("/user_management/authorize", signInForm(page)); a.status != 400 {
		t.Errorf("the open page is still good: %d", a.status)
	}
	if err := b.e.Close(); err != nil {
		t.Fatal(err)
	}
	next := newBench(t, &Emulator{StateFile: file, ClockAhead: time.Hour, Failures: b.e.Failures})
	defer next.e.Close()
	check(next)
	next.login()
}

// The page is whole without its script, and what came with requests is text in it.
func TestInspectorPage(t *testing.T) {
	b := newBench(t, &Emulator{})
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	r := b.request("GET", "/user_management/authorize?"+goodAuthorization("redirect_uri", "http://localhost/"+hostile, hostile, hostile).Encode(), "", "")
	r.Header.Set("User-Agent", hostile)
	b.do(r)
	b.api("POST", "/user_management/magic_auth", `{"email": "`+DefaultEmail+`"}`)
	b.api("POST", "/organizations", `{"name": "`+strings.ReplaceAll(hostile, `"`, `\"`)+`"}`)
	b.login()
	for section, says := range map[string]string{
		"": "/user_management/authorize", "/": "sign-in page", "/requests": "redirect_uri", "/mail": b.mailed(DefaultEmail), "/users": LocalMember,
		"/organizations": "North Workshop", "/sessions": "by password", "/clock": "2030-", "/failures": tokenPath,
	} {
		for _, search := range []string{"", "?q=e", "?q=" + url.QueryEscape(hostile)} {
			a := b.get(inspectorPath+section+search, nil)
			if a.status != 200 || search == "" && !strings.Contains(a.body, says) {
				t.Errorf("%s%s does not say %q: %d\n%s", section, search, says, a.status, a.body)
			}
			if strings.Contains(a.body, "<img") || strings.Count(a.body, "<script") != 1 || strings.Contains(a.body, "onerror=alert(1)>") {
				t.Errorf("%s%s has markup of a request in it:\n%s", section, search, a.body)
			}
			policy := a.header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q", policy)
			}
		}
	}
	if a := b.get(inspectorPath+"/users?q=GRACE@", nil); !strings.Contains(a.body, LocalMember) || strings.Contains(a.body, DefaultEmail) {
		t.Errorf("the search finds:\n%s", a.body)
	}
	b.wantAPIError(b.get(inspectorPath+"/nowhere", nil), 404, "not_served_by_emulator", "no section nowhere")
	for name, kind := range map[string]string{"inspector.js": "text/javascript; charset=utf-8", "inspector.css": "text/css; charset=utf-8"} {
		a := b.get(inspectorPath+"/"+name, nil)
		if a.status != 200 || a.header.Get("Content-Type") != kind || a.header.Get("X-Content-Type-Options") != "nosniff" || len(a.body) < 1_000 {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
}

// No route of the inspector answers to another site's page.
func TestInspectorGuard(t *testing.T) {
	b := newBench(t, &Emulator{})
	paths := map[string]string{"{id}": "x", "{section}": "mail"}
	fetched := func(site, mode, dest string) map[string]string {
		return map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
	}
	const foreignOrigin = "http://localhost:8000"
	for _, r := range inspectorRoutes {
		path := r.path
		for name, value := range paths {
			path = strings.ReplaceAll(path, name, value)
		}
		page := r.method == "GET" && !strings.HasPrefix(path, inspectorPath+"/api/")
		for _, test := range []struct {
			name    string
			headers map[string]string
			refused bool
		}{
			{"a program", nil, false},
			{"the page", fetched("same-origin", "cors", "empty"), false},
			{"the address bar", fetched("none", "navigate", "document"), false},
			{"another site's script", fetched("cross-site", "cors", "empty"), true},
			{"the app's script", fetched("same-site", "cors", "empty"), true},
			{"another site's frame", fetched("cross-site", "navigate", "iframe"), true},
			{"another site's picture", fetched("cross-site", "no-cors", "image"), true},
			{"another site's link", fetched("cross-site", "navigate", "document"), !page},
			{"the app's link", fetched("same-site", "navigate", "document"), !page},
			{"an old browser", map[string]string{"Origin": foreignOrigin}, r.method != "GET"},
			{"an old browser, nowhere", map[string]string{"Origin": "null"}, r.method != "GET"},
		} {
			request := b.request(r.method, path, "", "")
			for name, value := range test.headers {
				request.Header.Set(name, value)
			}
			if refused := b.status(request) == http.StatusForbidden; refused != test.refused {
				t.Errorf("%s %s for %s: refused %v", r.method, path, test.name, refused)
			}
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json;;"} {
			if got := b.status(b.request(r.method, path, kind, "{}")); got != http.StatusUnsupportedMediaType {
				t.Errorf("%s %s with %s: %d", r.method, path, kind, got)
			}
		}
		request := b.request(r.method, path, "", "")
		request.Host = "authkit.evil.test"
		if got := b.status(request); got != http.StatusMisdirectedRequest {
			t.Errorf("%s %s by another name: %d", r.method, path, got)
		}
	}
	if users := b.data("users"); len(users) != 2 {
		t.Errorf("%v", users)
	}
}

// status is that of an answer whose body may have no end.
func (b *bench) status(r *http.Request) int {
	b.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// BenchmarkRecord is what the inspector costs every request.
func BenchmarkRecord(b *testing.B) {
	e := &Emulator{}
	e.setDefaults()
	form := codeExchange("a code of some length, as they are")
	r, err := http.NewRequestWithContext(b.Context(), "POST", "http://localhost"+tokenPath, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("User-Agent", "WorkOS Python/3.12 Python SDK/10.8.0")
	b.ReportAllocs()
	for b.Loop() {
		c := &call{e: e, r: r, began: time.Now(), log: Request{ID: "x", Method: "POST", Path: tokenPath, Outcome: "authorization_code: tokens"}}
		c.note(form)
		c.finish()
	}
}
