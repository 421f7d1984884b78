package main

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"html"

	"authfit/internal/emulator"
)

// A browser keeps cookies and follows no redirect by itself.
type browser struct {
	lab     *lab
	origin  string
	cookies []*http.Cookie // as a browser sends them, the older first
	set     []*http.Cookie // all that were ever set, with their attributes
}

func (l *lab) browser() *browser { return &browser{lab: l, origin: l.Origin()} }

// A page is an answer.
type page struct {
	status int
	header http.Header
	body   string
}

func (p *page) location() *url.URL {
	u, err := url.Parse(p.header.Get("Location"))
	if err != nil || p.header.Get("Location") == "" {
		return nil
	}
	return u
}

// client talks to the app and to AuthKit, both on this machine.
var client = &http.Client{
	Timeout:       60 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
}

// get opens a path of the app, or a whole address. The headers are pairs.
func (b *browser) get(address string, header ...string) *page {
	return b.send(http.MethodGet, address, nil, header)
}

func (b *browser) post(address string, form url.Values, header ...string) *page {
	return b.send(http.MethodPost, address, strings.NewReader(form.Encode()), append(header, "Content-Type", "application/x-www-form-urlencoded"))
}

func (b *browser) send(method, address string, body io.Reader, header []string) *page {
	if strings.HasPrefix(address, "/") {
		address = b.origin + address
	}
	r, err := http.NewRequestWithContext(b.lab.ctx, method, address, body)
	must(err)
	r.Header.Set("Accept", "text/html")
	app := strings.HasPrefix(address, b.origin)
	if app {
		for _, c := range b.cookies {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted})
		}
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err)
	if app {
		for _, c := range answer.Cookies() {
			b.keep(c)
		}
	}
	return &page{answer.StatusCode, answer.Header, string(text)}
}

func (b *browser) keep(c *http.Cookie) {
	b.set = append(b.set, c)
	gone := c.MaxAge < 0 || c.Value == "" || !c.Expires.IsZero() && c.Expires.Before(time.Now())
	for i, old := range b.cookies {
		if old.Name == c.Name {
			if gone {
				b.cookies = append(b.cookies[:i:i], b.cookies[i+1:]...)
			} else {
				b.cookies[i] = c
			}
			return
		}
	}
	if !gone {
		b.cookies = append(b.cookies, c)
	}
}

func (b *browser) cookie(name string) string {
	for _, c := range b.cookies {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// clone is a second browser with the same cookies.
func (b *browser) clone() *browser {
	return &browser{lab: b.lab, origin: b.origin, cookies: append([]*http.Cookie(nil), b.cookies...)}
}

// start begins a login, and is the request that it sends AuthKit.
func (b *browser) start(next string) *url.URL {
	path := b.lab.Login.LoginURL
	if next != "" {
		path += "?next=" + url.QueryEscape(next)
	}
	return b.toAuthKit(b.get(path))
}

// toAuthKit is the authorization request that an answer redirects to.
func (b *browser) toAuthKit(p *page) *url.URL {
	to := p.location()
	if p.status != http.StatusFound && p.status != http.StatusSeeOther || to == nil {
		fail("login answers %d, not a redirect with 302 or 303", p.status)
	}
	if to.Scheme+"://"+to.Host != b.lab.Base || to.Path != "/user_management/authorize" {
		fail("login leads to %s://%s%s, not to AuthKit", to.Scheme, to.Host, to.Path)
	}
	return to
}

var hiddenField = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*>`)

func attribute(tag, name string) string {
	m := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// hidden are the hidden fields of a page's forms.
func (p *page) hidden() url.Values {
	values := url.Values{}
	for _, tag := range hiddenField.FindAllString(p.body, -1) {
		values.Set(attribute(tag, "name"), attribute(tag, "value"))
	}
	return values
}

// signIn signs in at AuthKit and is the address in the app that this leads to.
func (b *browser) signIn(request *url.URL) *url.URL {
	form := b.get(request.String())
	if form.status != http.StatusOK {
		fail("AuthKit answers the login's request with %d", form.status)
	}
	values := form.hidden()
	values.Set("action", "sign-in")
	values.Set("email", emulator.DefaultEmail)
	values.Set("password", emulator.DefaultPassword)
	back := b.post(request.Scheme+"://"+request.Host+request.Path, values)
	to := back.location()
	if to == nil || !strings.HasPrefix(to.String(), b.origin) {
		fail("signing in at AuthKit answers %d, not a redirect to the app", back.status)
	}
	return to
}

// login signs in from start to end, and is the callback's answer.
func (b *browser) login(next string) *page {
	p := b.get(b.signIn(b.start(next)).String())
	if p.status != http.StatusFound && p.status != http.StatusSeeOther {
		fail("the callback answers %d", p.status)
	}
	return p
}

// signedIn says whether the app's protected page knows the visitor.
func (b *browser) signedIn() bool {
	p := b.get(b.lab.Login.Account)
	if p.status >= http.StatusInternalServerError {
		fail("%s answers %d", b.lab.Login.Account, p.status)
	}
	return p.status == http.StatusOK && strings.Contains(p.body, emulator.DefaultEmail)
}

// tracebacks are what no visitor should see.
var tracebacks = []string{"Traceback (most recent call last)", "Werkzeug Debugger", "You’re seeing this error because", "You're seeing this error because"}

// fit fails for a page that no visitor should see, or that shows a secret.
func (b *browser) fit(p *page, what string) {
	for _, mark := range tracebacks {
		if strings.Contains(p.body, mark) {
			fail("%s: a traceback is shown", what)
		}
	}
	for _, secret := range []string{emulator.DefaultAPIKey, b.lab.Key} {
		if strings.Contains(p.body, secret) || strings.Contains(p.header.Get("Location"), secret) {
			fail("%s: a secret is shown", what)
		}
	}
}

// refused fails unless an answer turns a callback away with a page.
func (b *browser) refused(p *page, what string) {
	b.fit(p, what)
	if p.status < 400 || p.status > 599 || p.status == http.StatusInternalServerError {
		fail("%s: answered %d", what, p.status)
	}
	if b.signedIn() {
		fail("%s: somebody is signed in", what)
	}
}
