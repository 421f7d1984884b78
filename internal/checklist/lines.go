package main

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"authfit/internal/emulator"
	"authfit/internal/verify"
)

// A line is one of what a generated login must stand up to.
type line struct {
	number int
	text   string
	try    func(l *lab)
}

// lines are numbered as in the list that they come from.
var lines = []line{
	{1, "login redirects to AuthKit with provider, the exact redirect_uri and response_type=code", authorizationRequest},
	{2, "state of at least 128 random bits, another for each request", freshState},
	{3, "an S256 challenge; the verifier in no URL and no readable cookie", hiddenVerifier},
	{4, "redirect_uri takes nothing from Host or X-Forwarded-Host", fixedRedirectURI},
	{5, "two tabs logging in side by side both arrive", twoTabs},
	{6, "pending logins are few and die within ten minutes", fewPending},
	{7, "next on another site leads to /", func(l *lab) { nextLeadsHome(l, "https://evil.test", "//evil.test", "///evil.test") }},
	{8, "next with backslashes leads to /", func(l *lab) { nextLeadsHome(l, `/\evil.test`, `\\evil.test`, `/\/evil.test`) }},
	{9, "next with a scheme, control characters, CRLF or encoded forms leads to /", oddNext},
	{10, "a path of the app's own survives, with its query", ownNext},
	{11, "callback without a state: 400, and AuthKit is not asked", noState},
	{12, "callback with another browser's state is refused", foreignState},
	{13, "the same callback twice is refused", replayed},
	{14, "an old state is refused", oldState},
	{15, "error=access_denied ends in a clean page, escaped, without a session", denied},
	{16, "no code, or two, is refused", codes},
	{17, "the exchange carries the verifier of the challenge", verifierSent},
	{18, "AuthKit answering 400, 401, 403, 429, 5xx or nothing: a page without a traceback", authkitFails},
	{19, "on success neither code nor state in the address, and no-store", cleanArrival},
	{20, "the session's identifier is new after login; a planted one is dead", fixation},
	{21, "session cookies are HttpOnly, SameSite=Lax, Path=/, and Secure on https", cookieFlags},
	{22, "no cookie over 4,096 bytes with 100 permissions in the token", bigToken},
	{23, "no token in HTML, JSON, a URL or a readable cookie", hiddenTokens},
	{24, "a cut or altered cookie is an anonymous visitor", alteredCookie},
	{25, "a forged token (none, HS256, another key, expired) is refused", forgedToken},
	{26, "the key set unreachable or rotated: no 500", keysGone},
	{27, "the sealed user is the token's sub", foreignUser},
	{28, "an expired token is refreshed, the new one kept, parallel requests stay signed in", refreshed},
	{29, "a refused refresh ends the session, a network error does not", refreshFails},
	{30, "POST logs out with CSRF protection, GET shows a page with a button", logoutByPost},
	{31, "the local session ends with AuthKit down; the redirect has the session_id and an own return_to", logoutAddress},
	{32, "a server-side session's old cookie is dead after logout", oldCookieDead},
	{33, "a browser is sent to login and comes back; an API client gets 401", protectedPages},
	{34, "a user is known by sub, never by an unverified email", knownBySub},
}

const tokenPath, keysPath = "/user_management/authenticate", "/sso/jwks/"

func authorizationRequest(l *lab) {
	q := l.browser().start("").Query()
	for name, want := range map[string]string{
		"provider": "authkit", "response_type": "code", "client_id": emulator.DefaultClientID, "redirect_uri": l.Origin() + l.Login.Callback,
	} {
		if q.Get(name) != want {
			fail("%s is %q, not %q", name, q.Get(name), want)
		}
	}
}

func freshState(l *lab) {
	seen := map[string]bool{}
	for range 5 {
		state := l.browser().start("").Query().Get("state")
		if len(state) < 22 { // 128 bits in base64
			fail("the state has %d characters", len(state))
		}
		seen[state] = true
	}
	if len(seen) != 5 {
		fail("two logins have the same state")
	}
}

func hiddenVerifier(l *lab) {
	b := l.browser()
	request := b.start("")
	q := request.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
		fail("no S256 challenge: %s %s", q.Get("code_challenge_method"), q.Get("code_challenge"))
	}
	cookies := slices.Clone(b.cookies)
	b.get(b.signIn(request).String())
	verifier := l.authkit.last().verifier
	if verifier == "" || strings.Contains(request.String(), verifier) {
		fail("the verifier is in the URL, or missing")
	}
	for _, c := range cookies {
		if readable(c.Value, verifier) {
			fail("the verifier can be read in the cookie %s", c.Name)
		}
	}
}

// readable says whether a value shows a secret to who holds it: as it is, in
// base64, or in zlib in base64, as signed cookies have it.
func readable(value, secret string) bool {
	if secret == "" {
		return false
	}
	unquoted, err := url.QueryUnescape(value)
	if err != nil {
		unquoted = value
	}
	for _, part := range append(strings.FieldsFunc(unquoted, func(r rune) bool { return r == '.' || r == ':' || r == '"' }), unquoted) {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
		if err != nil {
			raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(part, "="))
		}
		if err != nil {
			continue
		}
		if bytes.Contains(raw, []byte(secret)) {
			return true
		}
		if z, err := zlib.NewReader(bytes.NewReader(raw)); err == nil {
			text, _ := io.ReadAll(z) // a cut stream shows what it has
			if bytes.Contains(text, []byte(secret)) {
				return true
			}
		}
	}
	return strings.Contains(unquoted, secret)
}

func fixedRedirectURI(l *lab) {
	for _, header := range [][]string{{"Host", "evil.test"}, {"X-Forwarded-Host", "evil.test"}, {"Forwarded", "host=evil.test"}} {
		p := l.browser().get(l.Login.LoginURL, header...)
		if p.status == http.StatusBadRequest {
			continue // the framework itself turns the host away
		}
		if to := p.location(); to == nil || to.Query().Get("redirect_uri") != l.Origin()+l.Login.Callback {
			fail("with %s: %s, redirect_uri is %v", header[0], header[1], to)
		}
	}
}

func twoTabs(l *lab) {
	b := l.browser()
	first, second := b.start("/?tab=1"), b.start("/?tab=2")
	for i, request := range []*url.URL{first, second} {
		to := b.get(b.signIn(request).String()).location()
		if want := fmt.Sprintf("/?tab=%d", i+1); to == nil || to.RequestURI() != want {
			fail("tab %d arrives at %v", i+1, to)
		}
	}
	if !b.signedIn() {
		fail("nobody is signed in")
	}
}

func fewPending(l *lab) {
	b := l.browser()
	for range 30 {
		b.start("")
	}
	size := 0
	for _, c := range b.cookies {
		size += len(c.Name) + len(c.Value)
	}
	if len(b.cookies) > 10 || size > 8000 {
		fail("%d cookies with %d bytes after 30 logins begun", len(b.cookies), size)
	}
	oldState(l)
}

func nextLeadsHome(l *lab, targets ...string) {
	for _, target := range targets {
		to := l.browser().login(target).location()
		if to == nil || (to.String() != "/" && to.String() != l.Origin()+"/") {
			fail("next=%q leads to %v", target, to)
		}
	}
}

func oddNext(l *lab) {
	nextLeadsHome(l, "javascript:alert(1)", "data:text/html,x", "/\tevil", "/\x00", "/a\r\nSet-Cookie: x=y", "%2f%2fevil.test",
		"/%2fevil.test", "/%5cevil.test", "/%09/evil.test", "http:evil.test", "evil.test", " //evil.test", "/a\u2028b")
	b := l.browser()
	p := b.get(b.signIn(b.toAuthKit(b.get(l.Login.LoginURL + "?return_to=https%3A%2F%2Fevil.test"))).String())
	if to := p.location(); to == nil || to.Host != "" && to.Scheme+"://"+to.Host != l.Origin() {
		fail("return_to leads to %v", to)
	}
}

func ownNext(l *lab) {
	const own = "/somewhere?q=a%20b&x=%2F&y=https://x.test/"
	if to := l.browser().login(own).location(); to == nil || to.RequestURI() != own {
		fail("next=%s leads to %v", own, to)
	}
}

// unasked fails if AuthKit is asked for a token meanwhile.
func unasked(l *lab, do func()) {
	before := len(l.authkit.seen())
	do()
	if len(l.authkit.seen()) > before {
		fail("AuthKit was asked for a token")
	}
}

func noState(l *lab) {
	b := l.browser()
	back := b.signIn(b.start(""))
	unasked(l, func() {
		for _, query := range []string{"?code=" + url.QueryEscape(back.Query().Get("code")), "?code=x&state=", ""} {
			p := b.get(l.Login.Callback + query)
			b.refused(p, "the callback without a state")
			if p.status != http.StatusBadRequest {
				fail("the callback without a state answers %d, not 400", p.status)
			}
		}
	})
}

func foreignState(l *lab) {
	one, other := l.browser(), l.browser()
	back := one.signIn(one.start(""))
	other.start("")
	unasked(l, func() { other.refused(other.get(back.String()), "another browser's callback") })
}

func replayed(l *lab) {
	b := l.browser()
	back := b.signIn(b.start(""))
	pending := b.clone()
	b.get(back.String())
	before := len(l.authkit.seen())
	p := b.get(back.String())
	if p.status < 400 || len(l.authkit.seen()) > before {
		fail("the same callback again answers %d", p.status)
	}
	// With the cookies as they were, only AuthKit can tell: it refuses the code.
	pending.refused(pending.get(back.String()), "the same callback with old cookies")
}

func oldState(l *lab) {
	b := l.browser()
	back := b.signIn(b.start(""))
	l.moveClock(11 * time.Minute)
	unasked(l, func() { b.refused(b.get(back.String()), "a callback after eleven minutes") })
	l.moveClock(0)
}

func denied(l *lab) {
	b := l.browser()
	state := b.start("").Query().Get("state")
	const script = "<script>alert(1)</script>"
	q := url.Values{"state": {state}, "error": {"access_denied" + script}, "error_description": {script}}
	p := b.get(l.Login.Callback + "?" + q.Encode())
	b.refused(p, "error=access_denied")
	if strings.Contains(p.body, script) {
		fail("the page has the error unescaped")
	}
}

func codes(l *lab) {
	for _, code := range []string{"", "&code=", "&code=a&code=b"} {
		b := l.browser()
		state := b.start("").Query().Get("state")
		unasked(l, func() {
			b.refused(b.get(l.Login.Callback+"?state="+url.QueryEscape(state)+code), "the callback with "+code)
		})
	}
}

func verifierSent(l *lab) {
	b := l.browser()
	request := b.start("")
	b.get(b.signIn(request).String())
	sum := sha256.Sum256([]byte(l.authkit.last().verifier))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != request.Query().Get("code_challenge") {
		fail("the verifier is not that of the challenge")
	}
	// The emulator refuses a code with another verifier: the code of one login
	// in the callback of another, of the same browser.
	one, two := b.start(""), b.start("")
	mixed := b.signIn(one)
	q := mixed.Query()
	q.Set("state", two.Query().Get("state"))
	fresh := l.browser()
	fresh.cookies = b.cookies[:0:0]
	for _, c := range b.cookies {
		if !slices.ContainsFunc(b.sessionCookies(), func(s *http.Cookie) bool { return s.Name == c.Name }) {
			fresh.cookies = append(fresh.cookies, c)
		}
	}
	fresh.refused(fresh.get(l.Login.Callback+"?"+q.Encode()), "the code of another login")
}

// sessionCookies are those that the callback set.
func (b *browser) sessionCookies() []*http.Cookie {
	var out []*http.Cookie
	for _, c := range b.cookies {
		if !strings.HasPrefix(c.Name, "wos_login_") && c.Name != "csrftoken" {
			out = append(out, c)
		}
	}
	return out
}

func authkitFails(l *lab) {
	const body = `{"error":"invalid_grant","error_description":"<b>no</b>","code":"invalid_grant","message":"no"}`
	for _, status := range []int{400, 401, 403, 429, 500, 503} {
		b := l.browser()
		back := b.signIn(b.start(""))
		l.authkit.failWith(tokenPath, status, body)
		p := b.get(back.String())
		l.authkit.mend()
		b.refused(p, fmt.Sprintf("AuthKit answering %d", status))
	}
	b := l.browser()
	back := b.signIn(b.start(""))
	l.authkit.failWith(tokenPath, 200, "<html>not JSON")
	p := b.get(back.String())
	l.authkit.mend()
	b.refused(p, "AuthKit answering with HTML")
	b = l.browser()
	back = b.signIn(b.start(""))
	l.authkit.hangUp(tokenPath)
	p = b.get(back.String())
	l.authkit.mend()
	b.refused(p, "AuthKit answering nothing")
}

func cleanArrival(l *lab) {
	p := l.browser().login("/?from=next")
	to := p.location()
	if to.Query().Get("code") != "" || to.Query().Get("state") != "" {
		fail("the callback leads to %s", to)
	}
	if !strings.Contains(p.header.Get("Cache-Control"), "no-store") {
		fail("Cache-Control is %q", p.header.Get("Cache-Control"))
	}
}

func fixation(l *lab) {
	b := l.browser()
	b.login("")
	for _, c := range b.sessionCookies() {
		planted := l.browser()
		planted.cookies = []*http.Cookie{{Name: c.Name, Value: "plantedplantedplantedplantedplanted"}}
		victim := planted.clone()
		victim.login("")
		if victim.cookie(c.Name) == planted.cookie(c.Name) {
			fail("the cookie %s is the same after login", c.Name)
		}
		if planted.signedIn() {
			fail("the planted %s is signed in", c.Name)
		}
	}
	// A login upon a login: what the browser had before is not what it has then.
	again := b.clone()
	again.login("")
	for _, c := range b.sessionCookies() {
		if again.cookie(c.Name) == c.Value {
			fail("the cookie %s is the same after another login", c.Name)
		}
	}
}

func cookieFlags(l *lab) {
	b := l.browser()
	b.login("")
	flags(b, false)
	port, err := verify.FreePort()
	must(err)
	app, err := l.start(port, "https")
	must(err)
	defer app.Stop()
	secure := l.browser()
	host := fmt.Sprintf("localhost:%d", port)
	l.authkit.emulator.RegisterRedirectURI("https://" + host + l.Login.Callback)
	// There is no proxy here that takes https: the browser goes to the app itself.
	secure.origin = "http://" + host
	request := secure.start("")
	secure.origin = "https://" + host
	back := secure.signIn(request)
	secure.origin = "http://" + host
	secure.get(back.RequestURI())
	flags(secure, true)
}

// flags checks the attributes of all cookies of a login that were set.
func flags(b *browser, secure bool) {
	if len(b.set) == 0 {
		fail("no cookie was set")
	}
	for _, c := range b.set {
		switch {
		case c.Name == "csrftoken": // Django's own, which a page's script may read
		case !c.HttpOnly:
			fail("the cookie %s is not HttpOnly", c.Name)
		case c.SameSite != http.SameSiteLaxMode:
			fail("the cookie %s is not SameSite=Lax", c.Name)
		case c.Path != "/":
			fail("the cookie %s has the path %s", c.Name, c.Path)
		case secure && !c.Secure:
			fail("the cookie %s is not Secure on https", c.Name)
		case !secure && c.Secure:
			fail("the cookie %s is Secure on http", c.Name)
		}
	}
}

// resigned has AuthKit answer with a token whose claims are changed, signed
// with its own key.
func resigned(l *lab, change func(claims map[string]any)) {
	l.authkit.answering(func(answer map[string]any) {
		token, _ := answer["access_token"].(string)
		answer["access_token"] = retoken(token, change, byKey(l.authkit.key))
	})
}

func bigToken(l *lab) {
	resigned(l, func(claims map[string]any) {
		var permissions []string
		for i := range 100 {
			permissions = append(permissions, fmt.Sprintf("documents:permission-%03d", i))
		}
		claims["permissions"] = permissions
		claims["role"] = "admin"
	})
	b := l.browser()
	b.login("")
	for _, c := range b.set {
		if size := len(c.Name) + len(c.Value) + 1; size > 4096 {
			fail("the cookie %s has %d bytes", c.Name, size)
		}
	}
	if !b.signedIn() {
		fail("nobody is signed in")
	}
}

func hiddenTokens(l *lab) {
	b := l.browser()
	arrived := b.login("")
	e := l.authkit.last()
	for what, p := range map[string]*page{
		"the callback": arrived, "the home page": b.get("/"), "the account": b.get(l.Login.Account),
		"the account as JSON": b.get(l.Login.Account, "Accept", "application/json"), "the logout page": b.get(l.Login.Logout),
	} {
		for _, token := range []string{e.access, e.refresh} {
			if strings.Contains(p.body, token) || strings.Contains(p.header.Get("Location"), token) {
				fail("%s shows a token", what)
			}
		}
	}
	for _, c := range b.set {
		if readable(c.Value, e.access) || readable(c.Value, e.refresh) {
			fail("a token can be read in the cookie %s", c.Name)
		}
	}
}

func alteredCookie(l *lab) {
	b := l.browser()
	b.login("")
	for _, c := range b.sessionCookies() {
		for _, value := range []string{c.Value[:len(c.Value)/2], flip(c.Value), "x", "", strings.Repeat("A", 4000), "%C3%A4", "gAAAAA==", "%00"} {
			altered := b.clone()
			for i, own := range altered.cookies {
				if own.Name == c.Name {
					altered.cookies[i] = &http.Cookie{Name: c.Name, Value: value}
				}
			}
			if altered.signedIn() {
				fail("%s cut or altered is signed in", c.Name)
			}
			altered.fit(altered.get("/"), "the home page with an altered cookie")
		}
	}
}

// flip changes a character in the middle.
func flip(s string) string {
	at := len(s) / 2
	c := byte('A')
	if s[at] == c {
		c = 'B'
	}
	return s[:at] + string(c) + s[at+1:]
}

func forgedToken(l *lab) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	past := func(claims map[string]any) { claims["exp"] = time.Now().Add(-time.Hour).Unix() }
	for what, forge := range map[string]func(string) string{
		"alg none":                func(t string) string { return retoken(t, nil, unsigned) },
		"HS256 by the public key": func(t string) string { return retoken(t, nil, byPublicKey(l.authkit.key)) },
		"another key":             func(t string) string { return retoken(t, nil, byKey(other)) },
		"other claims": func(t string) string {
			return retoken(t, nil, func(map[string]any, func() string) string { return "AAAA" })
		},
		"no token": func(string) string { return "x" },
	} {
		b := l.browser()
		back := b.signIn(b.start(""))
		l.authkit.answering(func(answer map[string]any) {
			token, _ := answer["access_token"].(string)
			answer["access_token"] = forge(token)
		})
		p := b.get(back.String())
		l.authkit.mend()
		b.refused(p, what)
	}
	// One that has expired is good only as long as AuthKit renews it.
	b := l.browser()
	back := b.signIn(b.start(""))
	resigned(l, past)
	b.get(back.String())
	l.authkit.failWith(tokenPath, 400, `{"error":"invalid_grant","error_description":"no"}`)
	if b.signedIn() {
		fail("an expired token that AuthKit does not renew is signed in")
	}
}

func keysGone(l *lab) {
	b := l.browser()
	b.login("")
	// Another process of the app, which has no key set in memory yet.
	port, err := verify.FreePort()
	must(err)
	l.authkit.hangUp(keysPath)
	app, err := l.start(port, "http")
	must(err)
	defer app.Stop()
	b.origin = fmt.Sprintf("http://localhost:%d", port)
	visit := func(b *browser) {
		for _, path := range []string{"/", l.Login.Account} {
			p := b.get(path)
			b.fit(p, path+" without the key set")
			if p.status == http.StatusInternalServerError {
				fail("%s without the key set answers 500", path)
			}
		}
		l.authkit.mend()
	}
	visit(b.clone())
	l.authkit.failWith(keysPath, 503, `{"message":"no"}`)
	visit(b.clone())
	if !b.signedIn() {
		fail("nobody is signed in when the key set is back")
	}
	l.authkit.failWith(keysPath, 200, `{"keys":[]}`)
	visit(b.clone())
	l.authkit.failWith(keysPath, 200, "<html>")
	visit(b.clone())
	// A token by a key that the set does not have: as after a rotation.
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	fresh := l.browser()
	back := fresh.signIn(fresh.start(""))
	l.authkit.answering(func(answer map[string]any) {
		token, _ := answer["access_token"].(string)
		answer["access_token"] = retoken(token, nil, func(header map[string]any, text func() string) string {
			header["kid"] = "rotated"
			return byKey(other)(header, text)
		})
	})
	fresh.refused(fresh.get(back.String()), "a token by an unknown key")
}

func foreignUser(l *lab) {
	b := l.browser()
	back := b.signIn(b.start(""))
	resigned(l, func(claims map[string]any) { claims["sub"] = "user_somebody_else" })
	b.refused(b.get(back.String()), "a user who is not the token's sub")
}

// expiring signs in with a token that lives for two seconds, and waits for its
// end.
func expiring(l *lab) *browser {
	b := l.browser()
	resigned(l, func(claims map[string]any) { claims["exp"] = time.Now().Add(2 * time.Second).Unix() })
	b.login("")
	l.authkit.answering(nil)
	time.Sleep(2500 * time.Millisecond)
	return b
}

func refreshed(l *lab) {
	b := expiring(l)
	before := len(l.authkit.seen())
	in := make([]bool, 5)
	var wg sync.WaitGroup
	for i := range in {
		tab := b.clone()
		wg.Go(func() {
			defer func() { _ = recover() }() // reported as nobody signed in
			in[i] = tab.signedIn()
		})
	}
	wg.Wait()
	if slices.Contains(in, false) {
		fail("of five requests at once not all stay signed in: %v", in)
	}
	if asked := len(l.authkit.seen()) - before; asked != 1 {
		fail("AuthKit was asked %d times for a new token", asked)
	}
	for range 2 {
		if !b.signedIn() {
			fail("the new token is not kept")
		}
	}
	if asked := len(l.authkit.seen()) - before; asked > 1 {
		fail("the new token is not kept: AuthKit was asked %d times", asked)
	}
}

func refreshFails(l *lab) {
	b := expiring(l)
	l.authkit.hangUp(tokenPath)
	b.fit(b.get("/"), "the home page while AuthKit is away")
	_ = b.signedIn()
	l.authkit.mend()
	time.Sleep(2500 * time.Millisecond) // AuthKit is not asked again at once
	if !b.signedIn() {
		fail("a network error at the refresh ended the session")
	}
	b = expiring(l)
	l.authkit.failWith(tokenPath, 400, `{"error":"invalid_grant","error_description":"session has ended"}`)
	if b.signedIn() {
		fail("a refused refresh leaves somebody signed in")
	}
	l.authkit.mend()
	if b.signedIn() {
		fail("a session whose refresh was refused comes back")
	}
}

func logoutByPost(l *lab) {
	b := l.browser()
	b.login("")
	p := b.get(l.Login.Logout)
	if p.status != http.StatusOK || !strings.Contains(p.body, "<form") || !strings.Contains(p.body, "<button") {
		fail("GET logout answers %d without a form", p.status)
	}
	if !b.signedIn() {
		fail("GET logs out")
	}
	for _, form := range []url.Values{{}, {"form_token": {"x"}, "csrfmiddlewaretoken": {"x"}}} {
		if q := b.post(l.Login.Logout, form); q.status != http.StatusForbidden {
			fail("POST without the form's token answers %d", q.status)
		}
	}
	if !b.signedIn() {
		fail("POST without the form's token logs out")
	}
	if q := b.post(l.Login.Logout, p.hidden()); q.location() == nil {
		fail("POST with the form's token answers %d", q.status)
	}
	if b.signedIn() {
		fail("POST does not log out")
	}
}

func logoutAddress(l *lab) {
	b := l.browser()
	b.login("")
	var sid string
	retoken(l.authkit.last().access, func(claims map[string]any) { sid, _ = claims["sid"].(string) }, unsigned)
	form := b.get(l.Login.Logout).hidden()
	l.authkit.hangUp("/")
	to := b.post(l.Login.Logout, form).location()
	if to == nil || to.Path != "/user_management/sessions/logout" || to.Query().Get("session_id") != sid {
		fail("logout leads to %v, not to AuthKit's with this session's id", to)
	}
	if back := to.Query().Get("return_to"); back != l.Origin()+"/" {
		fail("return_to is %q", back)
	}
	if b.signedIn() {
		fail("the local session does not end while AuthKit is down")
	}
}

func oldCookieDead(l *lab) {
	b := l.browser()
	b.login("")
	old := b.clone()
	b.post(l.Login.Logout, b.get(l.Login.Logout).hidden())
	if l.Name != "django" {
		fail(notHere + "the session is in the cookie itself, sealed: a copy of it is good until its access token ends, within minutes, and cannot be renewed once the browser has been at AuthKit's own logout")
	}
	if old.signedIn() {
		fail("the old cookie is signed in after logout")
	}
}

func protectedPages(l *lab) {
	b := l.browser()
	p := b.get(l.Login.Account)
	to := p.location()
	if to == nil || to.Path != l.Login.LoginURL {
		fail("%s answers %d to %v", l.Login.Account, p.status, to)
	}
	arrived := b.get(b.signIn(b.toAuthKit(b.get(to.RequestURI()))).String()).location()
	if arrived == nil || arrived.Path != l.Login.Account {
		fail("after login the browser is at %v", arrived)
	}
	if api := l.browser().get(l.Login.Account, "Accept", "application/json"); api.status != http.StatusUnauthorized {
		fail("an API client gets %d", api.status)
	}
}

func knownBySub(l *lab) {
	b := l.browser()
	back := b.signIn(b.start(""))
	l.authkit.answering(func(answer map[string]any) {
		token, _ := answer["access_token"].(string)
		answer["access_token"] = retoken(token, func(claims map[string]any) { claims["sub"] = "user_mallory" }, byKey(l.authkit.key))
		user, _ := answer["user"].(map[string]any)
		user["email_verified"] = false // and the email is Ada's
	})
	b.refused(b.get(back.String()), "Ada's email in the session of somebody else")
}
