package layouts

import (
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"authfit/internal/emulator"
	"authfit/internal/plan"
	"authfit/internal/verify"
)

// A front is where visitors come to the app: a proxy that takes https, or cuts
// a path off, or does neither.
type front struct {
	*httptest.Server
	https bool
	path  string // "/shop"
	keeps bool   // the path, for an app that knows of it
}

// open starts the front of an app on a port.
func (l *layout) open(t *testing.T, port int) *front {
	t.Helper()
	f := &front{}
	for _, line := range l.is["front"] {
		for _, word := range strings.Fields(line) {
			f.https = f.https || word == "https"
			f.keeps = f.keeps || word == "keeping"
			if strings.HasPrefix(word, "/") {
				f.path = word
			}
		}
	}
	app := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(app)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
		if f.path != "" && !f.keeps {
			r.Out.Header.Set("X-Forwarded-Prefix", f.path)
		}
	}}
	var handler http.Handler = proxy
	if !f.keeps {
		handler = http.StripPrefix(f.path, proxy)
	}
	f.Server = httptest.NewUnstartedServer(handler)
	if f.https {
		f.StartTLS()
	} else {
		f.Start()
	}
	t.Cleanup(f.Close)
	return f
}

// at is the address of one of the app's paths. One that has the front's path
// already, since the app knows of it, stays as it is.
func (f *front) at(path string) string {
	if !strings.HasPrefix(path, f.path+"/") {
		path = f.path + path
	}
	return f.URL + path
}

// visit boots a copy of the app behind its front, and signs in and out there as
// a person does: by the links that the pages show.
func (l *layout) visit(t *testing.T, dir, python string, planned *plan.Plan) {
	t.Helper()
	scratch, login := t.TempDir(), planned.Login
	copied := filepath.Join(scratch, "app")
	if err := verify.CopyProject(dir, copied); err != nil {
		t.Fatal(err)
	}
	port, err := verify.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	f := l.open(t, port)
	authkit := httptest.NewServer(&emulator.Emulator{
		Users:        []emulator.User{member()},
		RedirectURIs: []string{f.at(login.Callback)},
		LogoutURIs:   []string{f.at(login.Home)},
	})
	t.Cleanup(authkit.Close)
	fill := strings.NewReplacer("{python}", python, "{port}", strconv.Itoa(port), "{origin}", f.URL, "{scratch}", filepath.ToSlash(scratch)).Replace
	env := l.env(login, copied, authkit.URL, f.at(login.Callback), fill)
	in := filepath.Join(copied, filepath.FromSlash(login.Dir))
	start := func(argv []string) *verify.Process {
		p := &verify.Process{Argv: make([]string, len(argv)), Dir: in, Env: env}
		for i, arg := range argv {
			p.Argv[i] = fill(arg)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Stop)
		return p
	}
	for _, argv := range login.Setup {
		<-start(argv).Done()
	}
	l.check(t, python, in, env)
	boot := login.Boot
	for _, command := range l.is["boot"] {
		boot = strings.Fields(command)
	}
	app := start(boot)
	if err := app.WaitReady(t.Context(), net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Minute); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(app.LastLines(20), "\n"))
	}
	v := newVisitor(t, f)
	v.walk(l, login)
	if t.Failed() {
		t.Logf("the app says:\n%s", strings.Join(app.LastLines(30), "\n"))
	}
}

// member is a user with so many permissions that their token fills more than one
// cookie.
func member() emulator.User {
	user := emulator.DefaultUsers()[0]
	in := emulator.Membership{OrganizationID: emulator.NorthOrganizationID}
	for i := range 100 {
		in.Permissions = append(in.Permissions, fmt.Sprintf("documents:permission-%03d", i))
	}
	user.Memberships = []emulator.Membership{in}
	return user
}

// A visitor is a browser. It follows no redirect by itself.
type visitor struct {
	*testing.T
	front  *front
	client *http.Client
}

func newVisitor(t *testing.T, f *front) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *f.Client()
	client.Jar, client.Timeout = jar, time.Minute
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t, f, &client}
}

// A page is an answer, and where it was found.
type page struct {
	at     *url.URL
	status int
	to     *url.URL // of a redirect
	body   string
}

// String is "GET /account -> 200".
func (p *page) String() string { return fmt.Sprintf("GET %s -> %d", p.at, p.status) }

func (v *visitor) get(address string) *page { return v.send(http.MethodGet, address, nil) }

func (v *visitor) send(method, address string, form url.Values) *page {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Referer", address) // which Django wants with https
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.Fatal(err)
	}
	p := &page{at: r.URL, status: answer.StatusCode, body: string(text)}
	if answer.Header.Get("Location") != "" {
		if p.to, err = answer.Location(); err != nil {
			v.Fatal(err)
		}
	}
	if p.status >= http.StatusInternalServerError {
		v.Fatalf("%s", p)
	}
	for _, c := range answer.Cookies() {
		ours := strings.HasPrefix(c.Name, "wos_") || c.Name == "sessionid" // which is Django's, and has the login
		if c.Value != "" && ours && (c.Secure != v.front.https || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode) {
			v.Errorf("%s sets the cookie %s with Secure %v, HttpOnly %v, SameSite %v", p, c.Name, c.Secure, c.HttpOnly, c.SameSite)
		}
		if size := len(c.Name) + len(c.Value); ours && size > 4096 { // a browser drops it; the jar does not
			v.Errorf("%s sets the cookie %s with %d bytes", p, c.Name, size)
		}
	}
	return p
}

// follow goes where redirects lead, and stops before they leave the app.
func (v *visitor) follow(p *page) *page {
	v.Helper()
	for range 10 {
		if p.to == nil || !strings.HasPrefix(p.to.String(), v.front.URL+"/") {
			return p
		}
		p = v.get(p.to.String())
	}
	v.Fatalf("%s: redirected in a circle", p)
	return nil
}

var (
	anchor     = regexp.MustCompile(`(?s)<a\b([^>]*)>\s*(Sign (?:in|out))\s*</a>`)
	formTag    = regexp.MustCompile(`(?s)<form\b[^>]*method="post"[^>]*>.*?</form>`)
	hiddenTag  = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*>`)
	attributes = regexp.MustCompile(`\b(href|action|name|value)="([^"]*)"`)
)

func attribute(tag, name string) string {
	for _, m := range attributes.FindAllStringSubmatch(tag, -1) {
		if m[1] == name {
			return html.UnescapeString(m[2])
		}
	}
	return ""
}

// link is where the one link of that text leads.
func (v *visitor) link(p *page, text string) string {
	v.Helper()
	var found []string
	for _, m := range anchor.FindAllStringSubmatch(p.body, -1) {
		if m[2] == text {
			to, err := p.at.Parse(attribute(m[1], "href"))
			if err != nil {
				v.Fatal(err)
			}
			found = append(found, to.String())
		}
	}
	if len(found) != 1 {
		v.Fatalf("%s has %d links to %s:\n%s", p, len(found), text, p.body)
	}
	return found[0]
}

// submit posts a page's form with the values added.
func (v *visitor) submit(p *page, values url.Values) *page {
	v.Helper()
	form := formTag.FindString(p.body)
	if form == "" {
		v.Fatalf("%s has no form:\n%s", p, p.body)
	}
	for _, tag := range hiddenTag.FindAllString(form, -1) {
		values.Set(attribute(tag, "name"), attribute(tag, "value"))
	}
	opening, _, _ := strings.Cut(form, ">")
	to, err := p.at.Parse(attribute(opening, "action"))
	if err != nil {
		v.Fatal(err)
	}
	return v.send(http.MethodPost, to.String(), values)
}

// walk signs in and out, and looks at the pages before, between and after.
func (v *visitor) walk(l *layout, login *plan.Login) {
	v.Helper()
	home := v.get(v.front.at(login.Home))
	pages := l.is["links"]
	if login.HomeUser {
		pages = append([]string{login.Home}, pages...)
	}
	v.look(l, pages, "Sign in")
	signIn := v.front.at(login.LoginURL)
	for _, path := range pages {
		if to := v.link(v.get(v.front.at(path)), "Sign in"); to != signIn {
			v.Errorf("on %s the link to sign in leads to %s, want %s", path, to, signIn)
		}
	}
	request := v.get(signIn)
	if request.to == nil || request.to.Query().Get("redirect_uri") != v.front.at(login.Callback) {
		v.Fatalf("%s leads to %v, want AuthKit with the redirect URI %s", request, request.to, v.front.at(login.Callback))
	}
	back := v.submit(v.get(request.to.String()), url.Values{
		"action": {"sign-in"}, "email": {emulator.DefaultEmail}, "password": {emulator.DefaultPassword},
	})
	landed := v.follow(back)
	inside := strings.HasPrefix(landed.at.Path, v.front.path+"/")
	if !inside || landed.status >= 400 && landed.status != home.status {
		v.Errorf("after signing in the browser is at %s, want a page of the app", landed)
	}
	v.look(l, pages, "Sign out")
	account := v.get(v.front.at(login.Account))
	if !strings.Contains(account.body, emulator.DefaultEmail) {
		v.Fatalf("%s does not show the user:\n%s", account, account.body)
	}
	v.signOut(login)
	v.look(l, pages, "Sign in")
	if p := v.get(v.front.at(login.Account)); p.to == nil || !strings.HasPrefix(p.to.String(), signIn+"?next=") {
		v.Errorf("%s leads to %v after signing out, want %s", p, p.to, signIn)
	}
}

// signOut goes to the page with the button, and with that through AuthKit back
// to the home page.
func (v *visitor) signOut(login *plan.Login) {
	v.Helper()
	ended := v.submit(v.get(v.front.at(login.Logout)), url.Values{})
	home := v.front.at(login.Home)
	if ended.to == nil || ended.to.Query().Get("return_to") != home {
		v.Errorf("%s leads to %v, want AuthKit's logout and from there %s", ended, ended.to, home)
	}
}

// look sees that the pages have the link, and the user's address beside the one
// to sign out; and that those that are to be plain have none.
func (v *visitor) look(l *layout, pages []string, text string) {
	v.Helper()
	for _, path := range pages {
		p := v.get(v.front.at(path))
		v.link(p, text)
		if (text == "Sign out") != strings.Contains(p.body, emulator.DefaultEmail) {
			v.Errorf("%s, with a link to %s, is wrong about the user:\n%s", p, text, p.body)
		}
	}
	for _, path := range l.is["plain"] {
		if p := v.get(v.front.at(path)); anchor.MatchString(p.body) || p.status != http.StatusOK {
			v.Errorf("%s is not as it was:\n%s", p, p.body)
		}
	}
}
