package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// A browser walks pages as a person's browser does, one redirect at a time. It
// keeps cookies as RFC 6265 says, and does not send those marked
// SameSite=Strict with a navigation that another site began.
type browser struct {
	client *http.Client
	jar    *cookiejar.Jar
	strict map[string]bool // names of cookies marked SameSite=Strict, by host and name
	away   string          // the site that the navigation under way was begun by; empty for the address bar
	notes  []string        // what was wrong with the cookies it was given
}

// pageLimit is how much of a page is read, and pageTimeout how long it may
// take: a debug server compiles templates and fills caches on its first pages.
const (
	pageLimit   = 4 << 20
	pageTimeout = 30 * time.Second
)

// cookieLimit is the most bytes of name and value that browsers keep in a
// cookie (RFC 6265bis, 5.6).
const cookieLimit = 4096

func newBrowser() *browser {
	jar, _ := cookiejar.New(nil) // its error is always nil
	b := &browser{jar: jar, strict: map[string]bool{}}
	b.client = &http.Client{
		Timeout: pageTimeout,
		Transport: &http.Transport{
			// No proxy: everything here is on this machine.
			DialContext: dialLoopback,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b
}

// dialLoopback goes nowhere but to this machine, so that a redirect or a form
// that leads out of the walk reaches nobody. For localhost it tries 127.0.0.1
// first: servers told to listen on "localhost" take one or the other.
func dialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if host == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var errs []error
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("%s is not on this machine, and verify goes nowhere else", host)
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(h, port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// close drops the connections that are kept open.
func (b *browser) close() { b.client.CloseIdleConnections() }

// A page is an answer, its body read.
type page struct {
	method string
	url    *url.URL
	status int
	header http.Header
	body   string
}

// String is "GET /login -> 302": what was asked and what came.
func (p *page) String() string {
	return fmt.Sprintf("%s %s -> %d", p.method, p.url.Path, p.status)
}

// redirect is where the page sends the browser to by 302 or 303, or nil.
// Other kinds of redirect repeat the method or are kept for ever, and are
// wrong in a login (RFC 9700, 4.12).
func (p *page) redirect() *url.URL {
	if p.status != http.StatusFound && p.status != http.StatusSeeOther {
		return nil
	}
	return p.location()
}

// location is the target of any redirect, or nil.
func (p *page) location() *url.URL {
	if p.status < 300 || p.status > 399 {
		return nil
	}
	to, err := p.url.Parse(p.header.Get("Location"))
	if err != nil || p.header.Get("Location") == "" {
		return nil
	}
	return to
}

// Headers that a browser and a program that calls an API send.
var (
	asBrowser = http.Header{"Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, "Accept-Language": {"en"}, "User-Agent": {"Mozilla/5.0 (authfit verify)"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
	asProgram = http.Header{"Accept": {"application/json"}, "User-Agent": {"authfit verify"}}
)

// open types an address into the address bar. It follows no redirect.
func (b *browser) open(ctx context.Context, address string) (*page, error) {
	b.away = ""
	return b.do(ctx, http.MethodGet, address, nil, asBrowser)
}

// follow goes where the page on screen sends the browser.
func (b *browser) follow(ctx context.Context, from *page, to *url.URL) (*page, error) {
	b.leave(from.url, to)
	return b.do(ctx, http.MethodGet, to.String(), nil, asBrowser)
}

// submit sends a form of the page on screen.
func (b *browser) submit(ctx context.Context, from *page, f *form, values url.Values) (*page, error) {
	to, err := from.url.Parse(f.action)
	if err != nil {
		return nil, fmt.Errorf("the form's action %q: %w", f.action, err)
	}
	// A form begins a navigation of its own, on the site that shows it.
	b.away = ""
	b.leave(from.url, to)
	if f.method == http.MethodGet {
		to.RawQuery = values.Encode()
		return b.do(ctx, http.MethodGet, to.String(), nil, asBrowser)
	}
	header := asBrowser.Clone()
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	header.Set("Origin", origin(from.url))
	header.Set("Referer", from.url.String())
	return b.do(ctx, http.MethodPost, to.String(), strings.NewReader(values.Encode()), header)
}

// leave notes that a navigation goes from one site to another. Ports do not
// make a site; localhost and 127.0.0.1 do.
func (b *browser) leave(from, to *url.URL) {
	if from.Hostname() != to.Hostname() {
		b.away = from.Hostname()
	}
}

func (b *browser) do(ctx context.Context, method, address string, body io.Reader, header http.Header) (*page, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	// Chrome and Firefox send cookies marked Secure to localhost over http too.
	trusted := *req.URL
	trusted.Scheme = "https"
	for _, c := range b.jar.Cookies(&trusted) {
		if b.away != "" && b.strict[req.URL.Hostname()+" "+c.Name] {
			continue
		}
		req.AddCookie(c)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		var uerr *url.Error
		if errors.As(err, &uerr) {
			err = uerr.Err // without the address, whose query is long and secret
		}
		return nil, fmt.Errorf("%s %s: %w", method, req.URL.Path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, pageLimit))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, req.URL.Path, err)
	}
	b.keep(req.URL, resp.Cookies())
	return &page{method: method, url: req.URL, status: resp.StatusCode, header: resp.Header, body: string(text)}, nil
}

// keep stores the cookies of an answer, apart from those that a browser drops.
func (b *browser) keep(from *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if size := len(c.Name) + len(c.Value); size > cookieLimit {
			b.notes = append(b.notes, fmt.Sprintf("the cookie %q has %d bytes, and browsers drop what is over %d", c.Name, size, cookieLimit))
			continue
		}
		strict := c.SameSite == http.SameSiteStrictMode
		if strict {
			b.notes = append(b.notes, fmt.Sprintf("the cookie %q is SameSite=Strict, which is not sent when AuthKit sends the browser back", c.Name))
		}
		b.strict[from.Hostname()+" "+c.Name] = strict
		b.jar.SetCookies(from, []*http.Cookie{c})
	}
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// A form is an HTML form with what it would send.
type form struct {
	action  string
	method  string
	fields  []field
	buttons []field // those that submit it
}

type field struct {
	name, value, kind, text string
}

// values are what the form holds before anyone types, pressing the button;
// nil for a form without one.
func (f *form) values(button *field) url.Values {
	v := url.Values{}
	for _, in := range f.fields {
		if in.name != "" {
			v.Add(in.name, in.value)
		}
	}
	if button != nil && button.name != "" {
		v.Add(button.name, button.value)
	}
	return v
}

// field is the first input of that type or name, or nil.
func (f *form) field(kindOrName string) *field {
	i := slices.IndexFunc(f.fields, func(in field) bool { return in.kind == kindOrName || in.name == kindOrName })
	if i < 0 {
		return nil
	}
	return &f.fields[i]
}

// forms are the forms of a page, in the order in which they stand.
func (p *page) forms() []*form {
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return nil
	}
	var forms []*form
	var walk func(n *html.Node, in *form)
	walk = func(n *html.Node, in *form) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "form":
				in = &form{action: attr(n, "action"), method: strings.ToUpper(attr(n, "method"))}
				if in.method != http.MethodPost {
					in.method = http.MethodGet
				}
				if in.action == "" {
					in.action = p.url.RequestURI()
				}
				forms = append(forms, in)
			case "input", "button", "textarea", "select":
				if in != nil && !has(n, "disabled") {
					in.add(n)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, in)
		}
	}
	walk(root, nil)
	return forms
}

// add takes a control into the form, as HTML says which of them are sent.
func (f *form) add(n *html.Node) {
	in := field{name: attr(n, "name"), value: attr(n, "value"), kind: strings.ToLower(attr(n, "type")), text: text(n)}
	switch n.Data {
	case "button":
		if in.kind == "" || in.kind == "submit" {
			f.buttons = append(f.buttons, in)
		}
		return
	case "textarea":
		in.value = text(n)
	case "select":
		in.value = selected(n)
	case "input":
		switch in.kind {
		case "submit", "image":
			in.text = in.value
			f.buttons = append(f.buttons, in)
			return
		case "button", "reset", "file":
			return
		case "checkbox", "radio":
			if !has(n, "checked") {
				return
			}
			if in.value == "" {
				in.value = "on"
			}
		}
	}
	f.fields = append(f.fields, in)
}

// selected is the value of the chosen option of a select, else of the first.
func selected(n *html.Node) string {
	value, found := "", false
	for c := range n.Descendants() {
		if c.Type == html.ElementNode && c.Data == "option" && (!found || has(c, "selected")) {
			if value, found = attr(c, "value"), true; !has(c, "value") {
				value = text(c)
			}
		}
	}
	return value
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// broken says whether this is a page that no visitor should see.
func (p *page) broken() bool { return p.status >= 500 || p.traceback() != "" }

// traceback says which framework's error page this is, or nothing for a page
// that a visitor may see.
func (p *page) traceback() string {
	if p.status == http.StatusNotFound {
		return "" // Django's 404 page looks the same, but nothing is broken
	}
	for _, mark := range []struct{ text, what string }{
		{"Werkzeug Debugger", "the Werkzeug debugger"},
		{"You’re seeing this error because you have", "Django's technical error page"},
		{"You're seeing this error because you have", "Django's technical error page"},
		{"Traceback (most recent call last)", "a traceback"},
		{"<h1>500 Server Error</h1>", "Starlette's debug page"},
	} {
		if strings.Contains(p.body, mark.text) {
			return mark.what
		}
	}
	return ""
}

// visible is the text of a page that a person sees.
func visible(source string) string {
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		return ""
	}
	var b strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.ElementNode && (n.Data == "head" || n.Data == "script" || n.Data == "style"):
			return
		case n.Type == html.TextNode:
			b.WriteString(n.Data + " ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return b.String()
}
