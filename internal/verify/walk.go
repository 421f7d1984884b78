package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"authfit/internal/emulator"
	"authfit/internal/plan"
)

// The checks of the login, in the order of the report.
const (
	idBoot      = "boot"
	idLogin     = "login"
	idCallback  = "callback"
	idSession   = "session"
	idProtected = "protected"
	idLogout    = "logout"
	idBadState  = "bad_state"
	idReplayed  = "replayed_code"
	idDenied    = "denied"
)

// bootLimit is how long an app may take until it answers.
const bootLimit = 60 * time.Second

// A walk is a login through an app that runs.
type walk struct {
	*runner
	plan    *plan.Login
	app     *Process
	authkit *url.URL
	tap     *tap
	passed  map[string]bool
	home    int // what GET Home answers before anyone signs in; 404 in an app that has no such page
	// started says that the app takes requests, though its Home may be broken:
	// then the login is walked all the same, as it is another page's fault.
	started bool

	// The first browser, which login, callback, session and logout share.
	browser   *browser
	signIn    *page    // the answer that sends it back to the app
	callback  *url.URL // where to
	sessionID string   // of the session that the callback began
	refresh   string
}

// login boots the app against an emulator and walks its login.
func (r *runner) login(ctx context.Context) {
	l := r.opts.Plan.Login
	if l == nil || len(l.Boot) == 0 {
		r.add(Check{ID: idBoot, Status: Fail, Detail: "it is not known how this app is started", Fix: "name the app with --app FILE:NAME"})
		r.skipAll("the app was not started")
		return
	}
	w := &walk{runner: r, plan: l, passed: map[string]bool{}, tap: &tap{authkit: &emulator.Emulator{
		RedirectURIs: []string{r.origin() + l.Callback},
		LogoutURIs:   []string{r.origin() + l.Home},
	}}}
	listener, err := emulator.Listen("127.0.0.1:0")
	if err != nil {
		r.add(Check{ID: idBoot, Status: Fail, Detail: "the local AuthKit does not start: " + err.Error()})
		r.skipAll("the app was not started")
		return
	}
	server := &http.Server{Handler: w.tap, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()
	w.authkit = &url.URL{Scheme: "http", Host: listener.Addr().String()}

	if l.Strip != "" {
		proxy, err := Strip(ctx, l.Strip, net.JoinHostPort(r.host(), strconv.Itoa(r.port)), net.JoinHostPort(r.host(), strconv.Itoa(r.appPort)))
		if err != nil {
			r.add(Check{ID: idBoot, Status: Fail, Detail: "the proxy that cuts off " + l.Strip + " does not start: " + err.Error()})
			r.skipAll("the app was not started")
			return
		}
		defer proxy.Close()
	}
	defer func() {
		if w.app != nil {
			w.app.Stop()
		}
	}()
	if !r.try(ctx, idBoot, func() (string, error) { return w.boot(ctx) }) {
		if ctx.Err() != nil {
			return
		}
		if !w.started {
			r.skipAll("the app did not boot")
			return
		}
	}
	w.browser = newBrowser()
	defer w.browser.close()
	for _, s := range []struct {
		id    string
		needs string
		check func(context.Context) (string, error)
	}{
		{idLogin, idBoot, w.checkLogin},
		{idCallback, idLogin, w.checkCallback},
		{idSession, idCallback, w.checkSession},
		{idProtected, idCallback, w.checkProtected},
		{idLogout, idSession, w.checkLogout},
		{idBadState, idLogin, w.checkBadState},
		{idReplayed, idCallback, w.checkReplayed},
		{idDenied, idLogin, w.checkDenied},
	} {
		if s.needs != idBoot && !w.passed[s.needs] {
			r.skip(ctx, s.id, "the check "+s.needs+" did not pass")
			continue
		}
		w.passed[s.id] = r.try(ctx, s.id, func() (string, error) { return s.check(ctx) })
	}
}

// Strip serves at an address for an app that is served below a path it does not
// see, and that listens on app itself: it cuts the path off, as nginx does where
// the app is deployed.
func Strip(ctx context.Context, path, addr, app string) (*http.Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	forward := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(&url.URL{Scheme: "http", Host: app})
		p.Out.Host = p.In.Host
	}}
	server := &http.Server{Handler: http.StripPrefix(path, forward), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return server, nil
}

// skip adds a check that did not run, with the reason.
func (r *runner) skip(ctx context.Context, id, why string) {
	if ctx.Err() == nil {
		r.add(Check{ID: id, Status: Skip, Detail: why})
	}
}

func (r *runner) skipAll(why string) {
	for _, id := range []string{idLogin, idCallback, idSession, idProtected, idLogout, idBadState, idReplayed, idDenied} {
		r.add(Check{ID: id, Status: Skip, Detail: why})
	}
}

// boot starts the app as its owner would, in the copy, and waits for it.
func (w *walk) boot(ctx context.Context) (string, error) {
	dir, base := w.appDir(), w.authkit.String()
	for _, argv := range w.plan.Setup {
		if lines, err := w.command(ctx, argv, dir, base); err != nil {
			return "", failed(cmp.Or(databaseFix(err.Error()), "run it in the project to see it whole"), "before the app is started: %v%s", err, indent(tailOf(lines, 20)))
		}
	}
	argv := w.fillAll(w.plan.Boot)
	w.app = &Process{Argv: argv, Dir: dir, Env: w.env(base), Mask: w.mask}
	if err := w.app.Start(); err != nil {
		return "", failed("check that the project's environment is whole", "%s does not start: %v", show(argv), reason(err))
	}
	err := w.app.WaitReady(ctx, net.JoinHostPort(w.host(), strconv.Itoa(w.appPort)), bootLimit)
	if err != nil {
		return "", w.bootFailure(argv, err.Error())
	}
	b := newBrowser()
	defer b.close()
	home, err := b.open(ctx, w.origin()+w.plan.Home)
	if err != nil {
		return "", w.bootFailure(argv, err.Error())
	}
	if refusesHost(home, w.app.since(0)) {
		return "", failed("put "+w.host()+" into Django's ALLOWED_HOSTS, or Starlette's allowed_hosts; or give WORKOS_REDIRECT_URI the host that is in it",
			"%s: the app does not answer to the name %s, to which the login comes back", home, w.host())
	}
	w.started, w.home = true, home.status
	if home.broken() {
		return "", w.broken(home, 0)
	}
	return fmt.Sprintf("%s answers: %s", show(argv), home), nil
}

// refusedHost is how Django, in its log, and Starlette, in the page, say that a
// request is for a host that is not the app's.
var refusedHost = regexp.MustCompile(`(?i)invalid (?:http_)?host header`)

func refusesHost(p *page, log []string) bool {
	return p.status == http.StatusBadRequest && (refusedHost.MatchString(p.body) || refusedHost.MatchString(strings.Join(log, "\n")))
}

func (w *walk) bootFailure(argv []string, why string) error {
	lines := w.app.LastLines(keptLines)
	e := exception(lines, w.dir)
	if e != "" {
		why = e + "; " + why
	}
	if len(w.skipped) > 0 {
		why += "; not copied, as they are large: " + strings.Join(w.skipped, ", ")
	}
	return failed(cmp.Or(databaseFix(e), "start it yourself and mend what it says: "+show(argv)), "%s does not boot: %s%s", show(argv), why, indent(tailOf(lines, 20)))
}

// broken is the failure of a page that no visitor should see: what it was, and
// what the app wrote about it since the mark.
func (w *walk) broken(p *page, mark int) error {
	what := p.traceback()
	if what == "" {
		what = "an error page"
	}
	// The app may still be writing what it has to say about the page.
	time.Sleep(100 * time.Millisecond)
	fix := "see what the app writes when you open " + p.url.Path
	detail := fmt.Sprintf("%s, %s", p, what)
	if e := exception(w.app.since(mark), w.dir); e != "" {
		detail += ": " + e
		fix = cmp.Or(databaseFix(e), "mend the view behind "+p.url.Path+", where this is raised")
	}
	return failed(fix, "%s", detail)
}

// view is where a route's code is, for a fix.
func view(path string) string { return "look at the view behind " + path }

// inApp says whether the address is the app's own.
func (w *walk) inApp(u *url.URL) bool { return origin(u) == w.origin() }

// atAuthKit says whether the address is an endpoint of the emulator.
func (w *walk) atAuthKit(u *url.URL, path string) bool {
	return origin(u) == w.authkit.String() && u.Path == path
}

// target is how an address is shown: AuthKit's whole, the app's by its path
// and query; parameters that are secret or random are masked on the way out.
func (w *walk) target(u *url.URL) string {
	if w.inApp(u) {
		return u.RequestURI()
	}
	return origin(u) + u.Path
}

const (
	authorizePath = "/user_management/authorize"
	logoutPath    = "/user_management/sessions/logout"
)

// toAuthKit opens a page of the app and follows it to AuthKit: the first
// answer, and the authorization request that it led to.
func (w *walk) toAuthKit(ctx context.Context, b *browser, path string) (first *page, request *url.URL, last *page, err error) {
	p, err := b.open(ctx, w.origin()+path)
	if err != nil {
		return nil, nil, nil, err
	}
	first = p
	mark := w.app.mark()
	for range 10 {
		if p.broken() {
			return nil, nil, nil, w.broken(p, mark)
		}
		to := p.location()
		if to == nil {
			fix := view(path)
			if at := p.url.Path; at != path && p != first {
				fix = "the app sends people to " + at + " before " + path + " is asked: let the paths of the login past what does that, a middleware for instance"
			}
			return nil, nil, nil, failed(fix, "%s, and no redirect to AuthKit%s", p, gist(p))
		}
		if p.redirect() == nil {
			return nil, nil, nil, failed("redirect with 302 or 303: others repeat the method or are cached (RFC 9700)", "%s to %s", p, w.target(to))
		}
		if w.atAuthKit(to, authorizePath) {
			return first, to, p, nil
		}
		if !w.inApp(to) {
			return nil, nil, nil, failed("the client must take its address from WORKOS_BASE_URL: drop a base_url= given in the code", "%s to %s, which is not the AuthKit at %s", p, origin(to), w.authkit)
		}
		if p, err = b.follow(ctx, p, to); err != nil {
			return nil, nil, nil, err
		}
	}
	return nil, nil, nil, failed(view(path), "GET %s is redirected in a circle", path)
}

// cancel is what a button that refuses the sign-in is called.
var cancel = regexp.MustCompile(`(?i)cancel|deny|decline|refuse`)

// atSignIn sends the browser to AuthKit, fills in the page there, presses the
// button (to sign in, or to refuse), and returns where that leads.
func (w *walk) atSignIn(ctx context.Context, b *browser, from *page, to *url.URL, refuse bool) (*page, *url.URL, error) {
	p, err := b.follow(ctx, from, to)
	for range 5 {
		if err != nil {
			return nil, nil, err
		}
		if to := p.redirect(); to != nil {
			if w.inApp(to) {
				return p, to, nil
			}
			p, err = b.follow(ctx, p, to)
			continue
		}
		if p.status >= 400 {
			return nil, nil, failed("mend the parameters that the app gives get_authorization_url", "AuthKit refuses the request with %d%s", p.status, gist(p))
		}
		p, err = w.fillIn(ctx, b, p, refuse)
	}
	return nil, nil, failed("", "the sign-in page at AuthKit leads nowhere")
}

// fillIn submits the sign-in form.
func (w *walk) fillIn(ctx context.Context, b *browser, p *page, refuse bool) (*page, error) {
	for _, f := range p.forms() {
		for _, button := range f.buttons {
			if cancel.MatchString(button.name+" "+button.value+" "+button.text) != refuse {
				continue
			}
			values := f.values(&button)
			if email := f.field("email"); email != nil {
				values.Set(email.name, emulator.DefaultEmail)
			}
			if password := f.field("password"); password != nil {
				values.Set(password.name, emulator.DefaultPassword)
			}
			return b.submit(ctx, p, f, values)
		}
	}
	return nil, failed("", "the sign-in page at AuthKit has no such button%s", gist(p))
}

// arrive opens a page that needs login, or the login itself, signs in, and
// returns where AuthKit sends the browser then.
func (w *walk) arrive(ctx context.Context, b *browser, path string) (*page, *url.URL, error) {
	_, request, last, err := w.toAuthKit(ctx, b, path)
	if err != nil {
		return nil, nil, err
	}
	return w.atSignIn(ctx, b, last, request, false)
}

// land follows redirects inside the app to a page.
func (w *walk) land(ctx context.Context, b *browser, p *page, mark int) (*page, error) {
	for range 10 {
		if p.broken() && !w.brokenBefore(p) {
			return nil, w.broken(p, mark)
		}
		to := p.location()
		if to == nil {
			return p, nil
		}
		if w.atAuthKit(to, authorizePath) {
			return nil, failed(keepFix(b), "the browser is sent to sign in again: the session does not hold%s", b.remarks())
		}
		if !w.inApp(to) {
			return nil, failed("", "%s to %s, which is not the app", p, origin(to))
		}
		var err error
		if p, err = b.follow(ctx, p, to); err != nil {
			return nil, err
		}
	}
	return nil, failed(keepFix(b), "the app redirects in a circle%s", b.remarks())
}

// brokenBefore says whether this is the home page as it was before anyone
// signed in, which the check of the boot has told already.
func (w *walk) brokenBefore(p *page) bool {
	return p.url.Path == w.plan.Home && p.status == w.home
}

func keepFix(b *browser) string {
	if len(b.notes) > 0 {
		return "mend that cookie: HttpOnly, SameSite=Lax, Path=/, under 4,096 bytes"
	}
	return "see how the session cookie is set: its path and name, the secret key, and that callback and pages read the same one"
}

// remarks are what was wrong with the browser's cookies, for a detail.
func (b *browser) remarks() string {
	if len(b.notes) == 0 {
		return ""
	}
	return "; " + strings.Join(b.notes, "; ")
}

// checkLogin: GET login leads to AuthKit with all that it should carry, and
// AuthKit leads back.
func (w *walk) checkLogin(ctx context.Context) (string, error) {
	first, request, last, err := w.toAuthKit(ctx, w.browser, w.plan.LoginURL)
	if err != nil {
		return "", err
	}
	q := request.Query()
	if err := w.authorizeQuery(q); err != nil {
		return "", err
	}
	other := newBrowser()
	defer other.close()
	_, second, _, err := w.toAuthKit(ctx, other, w.plan.LoginURL)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"state", "code_challenge"} {
		if q.Get(name) == second.Query().Get(name) {
			return "", failed("make it anew for each login, with the secrets module", "two logins have the same %s", name)
		}
	}
	w.signIn, w.callback, err = w.atSignIn(ctx, w.browser, last, request, false)
	if err != nil {
		return "", err
	}
	back := w.callback.Query()
	if w.callback.Path != w.plan.Callback || back.Get("code") == "" || back.Get("state") != q.Get("state") {
		return "", failed("", "AuthKit sends the browser to %s, not to %s with code and state", w.target(w.callback), w.plan.Callback)
	}
	return fmt.Sprintf("%s to %s with state, S256 challenge; signing in there -> %d to %s", first, w.target(request), w.signIn.status, w.callback.Path), nil
}

// authorizeQuery checks what the app asks AuthKit for.
func (w *walk) authorizeQuery(q url.Values) error {
	fix := "look at what the view behind " + w.plan.LoginURL + " gives get_authorization_url"
	for _, want := range []struct{ name, value string }{
		{"provider", "authkit"},
		{"response_type", "code"},
		{"client_id", emulator.DefaultClientID},
		{"redirect_uri", w.origin() + w.plan.Callback},
	} {
		if got := q.Get(want.name); got != want.value {
			return failed(fix, "the authorization request has %s=%q, wanted %q", want.name, got, want.value)
		}
	}
	switch {
	case q.Get("state") == "":
		return failed(fix, "the authorization request has no state, so anyone can finish a login in this browser")
	// 128 bits are 22 characters of base64.
	case len(q.Get("state")) < 22:
		return failed(fix, "the state has %d characters, too few for 128 random bits", len(q.Get("state")))
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		return failed(fix, "the authorization request has no S256 code challenge (PKCE, RFC 7636)")
	case q.Get("code_verifier") != "":
		return failed(fix, "the authorization request shows the code verifier, which only the app may know")
	}
	return nil
}

// checkCallback: the code is exchanged, and the browser led away from it.
func (w *walk) checkCallback(ctx context.Context) (string, error) {
	mark, before := w.app.mark(), w.tap.count()
	p, err := w.browser.follow(ctx, w.signIn, w.callback)
	if err != nil {
		return "", err
	}
	if p.broken() {
		return "", w.broken(p, mark)
	}
	fix := view(w.plan.Callback)
	if w.tap.count() == before {
		return "", failed(fix, "%s, but the app did not give AuthKit the code%s", p, gist(p))
	}
	done := w.tap.last()
	if done.status != http.StatusOK {
		return "", failed(fix, "AuthKit refuses the code with %d: %s", done.status, done.refused)
	}
	w.sessionID, w.refresh = done.sessionID, done.refresh
	to := p.redirect()
	switch {
	case to == nil:
		return "", failed(fix+": it should end with a redirect, so that code and state leave the address bar", "%s, wanted a redirect into the app%s", p, gist(p))
	case !w.inApp(to):
		return "", failed(fix, "%s to %s, which is not the app", p, origin(to))
	case to.Query().Has("code") || to.Query().Has("state"):
		return "", failed(fix, "%s to an address that still has code or state", p)
	case !strings.Contains(p.header.Get("Cache-Control"), "no-store"):
		return "", failed(fix+": add the header Cache-Control: no-store", "%s without Cache-Control: no-store", p)
	}
	landed, err := w.browser.follow(ctx, p, to)
	if err != nil {
		return "", err
	}
	if landed, err = w.land(ctx, w.browser, landed, mark); err != nil {
		return "", err
	}
	if landed.status >= 400 && landed.status != w.home {
		return "", failed(fix, "%s to %s, and there is %s", p, w.target(to), landed)
	}
	return fmt.Sprintf("%s to %s, no code or state in the address, no-store; %s", p, w.target(to), landed), nil
}

// checkSession: pages show who is signed in.
func (w *walk) checkSession(ctx context.Context) (string, error) {
	paths := []string{w.plan.Account}
	// A home page that sends visitors away, to a login of the app's own for
	// instance, shows nobody.
	if w.plan.HomeUser && w.home == http.StatusOK {
		paths = append(paths, w.plan.Home)
	}
	var seen []string
	for _, path := range paths {
		mark := w.app.mark()
		p, err := w.browser.open(ctx, w.origin()+path)
		if err != nil {
			return "", err
		}
		if p.broken() {
			return "", w.broken(p, mark)
		}
		if to := p.location(); to != nil {
			return "", failed(keepFix(w.browser), "%s to %s: the session does not hold%s", p, w.target(to), w.browser.remarks())
		}
		if p.status != http.StatusOK || !shows(p) {
			return "", failed(view(path)+", and at its template", "%s, without %s%s%s", p, emulator.DefaultEmail, gist(p), w.browser.remarks())
		}
		seen = append(seen, p.String())
	}
	return fmt.Sprintf("%s, with %s", strings.Join(seen, ", "), emulator.DefaultEmail), nil
}

// shows says whether the page names the user.
func shows(p *page) bool { return strings.Contains(p.body, emulator.DefaultEmail) }

// checkProtected: who is not signed in is sent to sign in, and comes back.
func (w *walk) checkProtected(ctx context.Context) (string, error) {
	b := newBrowser()
	defer b.close()
	path := w.plan.Account
	first, request, last, err := w.toAuthKit(ctx, b, path)
	if err != nil {
		return "", err
	}
	program, err := newBrowser().do(ctx, http.MethodGet, w.origin()+path, nil, asProgram)
	if err != nil {
		return "", err
	}
	if program.status != http.StatusUnauthorized {
		return "", failed("answer 401 where the Accept header wants JSON", "%s for an API client without a session, wanted 401", program)
	}
	mark := w.app.mark()
	from, callback, err := w.atSignIn(ctx, b, last, request, false)
	if err != nil {
		return "", err
	}
	p, err := b.follow(ctx, from, callback)
	if err != nil {
		return "", err
	}
	if p, err = w.land(ctx, b, p, mark); err != nil {
		return "", err
	}
	if p.url.Path != path || !shows(p) {
		return "", failed("keep the page that was asked for with the pending login, and go there after the callback", "after login the browser is at %s, wanted %s", p, path)
	}
	return fmt.Sprintf("without a session: %s to %s, 401 for an API client; after login back at %s", first, w.target(first.location()), path), nil
}

// anonymous checks that the browser is not signed in.
func (w *walk) anonymous(ctx context.Context, b *browser, after string) error {
	mark := w.app.mark()
	p, err := b.open(ctx, w.origin()+w.plan.Account)
	if err != nil {
		return err
	}
	if p.broken() {
		return w.broken(p, mark)
	}
	if p.status < 300 || shows(p) {
		return failed(view(w.plan.Account), "%s after %s: someone is signed in who should not be", p, after)
	}
	return nil
}

// checkLogout: a page with a button, then the end of the session here and at AuthKit.
func (w *walk) checkLogout(ctx context.Context) (string, error) {
	b, path := w.browser, w.plan.Logout
	mark := w.app.mark()
	p, err := b.open(ctx, w.origin()+path)
	if err != nil {
		return "", err
	}
	if p.broken() {
		return "", w.broken(p, mark)
	}
	button := "GET " + path + " should show a page with a form that posts to it, so that an image tag logs nobody out"
	if p.status != http.StatusOK {
		return "", failed(button, "%s, wanted a page with a button", p)
	}
	f := w.logoutForm(p)
	if f == nil {
		return "", failed(button, "%s, a page without a form that posts to %s%s", p, path, gist(p))
	}
	still, err := b.open(ctx, w.origin()+w.plan.Account)
	if err != nil {
		return "", err
	}
	if !shows(still) {
		return "", failed(button, "GET %s alone has ended the session: %s", path, still)
	}
	posted, err := b.submit(ctx, p, f, f.values(first(f.buttons)))
	if err != nil {
		return "", err
	}
	if err := w.loggedOut(posted, mark); err != nil {
		return "", err
	}
	back, err := b.follow(ctx, posted, posted.redirect())
	if err != nil {
		return "", err
	}
	to := back.redirect()
	if to == nil || !w.inApp(to) {
		return "", failed("give get_logout_url a return_to of the app's own", "AuthKit's logout does not lead back to the app: %s%s", back, gist(back))
	}
	landed, err := b.follow(ctx, back, to)
	if err != nil {
		return "", err
	}
	if landed.broken() && !w.brokenBefore(landed) {
		return "", w.broken(landed, mark)
	}
	if err := w.anonymous(ctx, b, "logout"); err != nil {
		return "", err
	}
	if err := w.ended(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s with a form; %s to %s with this session's id, back at %s; %s is protected again, the session at AuthKit is over",
		p, posted, w.target(posted.redirect()), w.target(to), w.plan.Account), nil
}

func first(buttons []field) *field {
	if len(buttons) == 0 {
		return nil
	}
	return &buttons[0]
}

// logoutForm is the form of the page that posts to the logout route, or nil.
func (w *walk) logoutForm(p *page) *form {
	for _, f := range p.forms() {
		to, err := p.url.Parse(f.action)
		if err == nil && f.method == http.MethodPost && w.inApp(to) && to.Path == w.plan.Logout {
			return f
		}
	}
	return nil
}

// loggedOut checks the answer to the logout form.
func (w *walk) loggedOut(p *page, mark int) error {
	fix := view(w.plan.Logout)
	if p.broken() {
		return w.broken(p, mark)
	}
	if p.status == http.StatusForbidden {
		return failed("put the framework's CSRF token into the form", "%s: the form on the logout page is refused%s", p, gist(p))
	}
	to := p.redirect()
	switch {
	case to == nil:
		return failed(fix, "%s, wanted a redirect to AuthKit's logout%s", p, gist(p))
	case !w.atAuthKit(to, logoutPath):
		return failed(fix+": redirect to user_management.get_logout_url(session_id=..., return_to=...)", "%s to %s: the session at AuthKit goes on, and the next login asks for no password", p, w.target(to))
	case to.Query().Get("session_id") != w.sessionID:
		return failed(fix+": session_id is the sid of the access token", "%s to AuthKit's logout with another session_id than this session's", p)
	}
	return nil
}

// ended asks AuthKit for a new access token with the session's refresh token,
// which must be refused.
func (w *walk) ended(ctx context.Context) error {
	body := url.Values{
		"grant_type":    {"refresh_token"},
		"client_id":     {emulator.DefaultClientID},
		"client_secret": {emulator.DefaultAPIKey},
		"refresh_token": {w.refresh},
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	p, err := newBrowser().do(ctx, http.MethodPost, w.authkit.String()+tokenPath, strings.NewReader(body.Encode()), header)
	if err != nil {
		return err
	}
	if p.status < 400 {
		return failed(view(w.plan.Logout), "the session at AuthKit is not over: its refresh token still works")
	}
	return nil
}

// refused opens an address that the app must refuse, without asking AuthKit.
func (w *walk) refused(ctx context.Context, b *browser, callback *url.URL, what string) error {
	mark, before := w.app.mark(), w.tap.count()
	p, err := b.open(ctx, callback.String())
	if err != nil {
		return err
	}
	if err := w.refusal(p, mark, what); err != nil {
		return err
	}
	if w.tap.count() != before {
		return failed(view(w.plan.Callback)+": compare the state before the code is used", "%s: %s, but the app gave AuthKit the code first", what, p)
	}
	return w.anonymous(ctx, b, what)
}

// refusal checks that the page is a plain 4xx.
func (w *walk) refusal(p *page, mark int, what string) error {
	if p.broken() {
		err := w.broken(p, mark)
		var f *failure
		if errors.As(err, &f) {
			f.detail = what + ": " + f.detail
		}
		return err
	}
	if p.status < 400 {
		return failed(view(w.plan.Callback)+": it should refuse this with a page and status 400", "%s: %s, wanted a 4xx", what, p)
	}
	return nil
}

// checkBadState: a callback that does not belong to a login this browser began.
func (w *walk) checkBadState(ctx context.Context) (string, error) {
	for _, try := range []struct {
		what  string
		spoil func(url.Values)
		other bool // opened in a browser that began no login
	}{
		{"another state", func(q url.Values) { q.Set("state", strings.Repeat("A", len(q.Get("state")))) }, false},
		{"no state", func(q url.Values) { q.Del("state") }, false},
		{"the state of another browser", func(url.Values) {}, true},
	} {
		b := newBrowser()
		defer b.close()
		_, callback, err := w.arrive(ctx, b, w.plan.LoginURL)
		if err != nil {
			return "", err
		}
		q := callback.Query()
		try.spoil(q)
		callback.RawQuery = q.Encode()
		if try.other {
			b = newBrowser()
			defer b.close()
		}
		if err := w.refused(ctx, b, callback, try.what); err != nil {
			return "", err
		}
	}
	return "GET " + w.plan.Callback + " with another state, with none, and with another browser's -> 4xx each; AuthKit was not asked, nobody signed in", nil
}

// checkReplayed: a callback that was used already, in the same browser and in another.
func (w *walk) checkReplayed(ctx context.Context) (string, error) {
	mark := w.app.mark()
	b := newBrowser()
	defer b.close()
	from, callback, err := w.arrive(ctx, b, w.plan.LoginURL)
	if err != nil {
		return "", err
	}
	p, err := b.follow(ctx, from, callback)
	if err != nil {
		return "", err
	}
	if _, err := w.land(ctx, b, p, mark); err != nil {
		return "", err
	}
	mark = w.app.mark()
	again, err := b.open(ctx, callback.String())
	if err != nil {
		return "", err
	}
	if err := w.refusal(again, mark, "the same callback again"); err != nil {
		return "", err
	}
	other := newBrowser()
	defer other.close()
	mark = w.app.mark()
	stolen, err := other.open(ctx, callback.String())
	if err != nil {
		return "", err
	}
	if err := w.refusal(stolen, mark, "the same callback in a second browser"); err != nil {
		return "", err
	}
	if err := w.anonymous(ctx, other, "a replayed callback"); err != nil {
		return "", err
	}
	return fmt.Sprintf("the same callback again -> %d, in a second browser -> %d; nobody signed in there", again.status, stolen.status), nil
}

// spoof is what an attacker might put where AuthKit describes an error.
const spoof = `<script>authfit</script>`

// checkDenied: the user refuses to sign in.
func (w *walk) checkDenied(ctx context.Context) (string, error) {
	var seen *page
	for _, spoofed := range []bool{false, true} {
		b := newBrowser()
		defer b.close()
		_, request, last, err := w.toAuthKit(ctx, b, w.plan.LoginURL)
		if err != nil {
			return "", err
		}
		from, callback, err := w.atSignIn(ctx, b, last, request, true)
		if err != nil {
			return "", err
		}
		if got := callback.Query().Get("error"); got != "access_denied" {
			return "", failed("", "AuthKit answers a refusal with error=%q", got)
		}
		if spoofed {
			q := callback.Query()
			q.Set("error_description", spoof)
			callback.RawQuery = q.Encode()
		}
		p, err := w.deniedPage(ctx, b, from, callback)
		if err != nil {
			return "", err
		}
		if !spoofed {
			seen = p
		}
	}
	return fmt.Sprintf("Cancel at AuthKit -> error=access_denied -> %s, a page without a traceback; nobody signed in", seen), nil
}

// deniedPage is what the app shows to someone who refused.
func (w *walk) deniedPage(ctx context.Context, b *browser, from *page, callback *url.URL) (*page, error) {
	mark, before := w.app.mark(), w.tap.count()
	p, err := b.follow(ctx, from, callback)
	if err != nil {
		return nil, err
	}
	answer := p
	if to := p.location(); to != nil && w.atAuthKit(to, authorizePath) {
		return nil, failed(view(w.plan.Callback)+": show a page that says so", "after a refusal the browser is sent straight back to sign in")
	}
	if p, err = w.land(ctx, b, p, mark); err != nil {
		return nil, err
	}
	fix := view(w.plan.Callback)
	switch {
	case answer == p && p.status < 400:
		return nil, failed(fix+": answer with status 400 or 403, or redirect to a page with a message", "a refusal at AuthKit -> %s, wanted a 4xx or a redirect", p)
	case strings.TrimSpace(p.body) == "":
		return nil, failed(fix, "a refusal at AuthKit -> %s, an empty page", p)
	case strings.Contains(p.body, spoof):
		return nil, failed(fix+": escape it, or do not show it", "error_description is shown unescaped, so a link can run scripts on this site")
	case w.tap.count() != before:
		return nil, failed(fix, "a refusal at AuthKit -> %s, and the app asked for a token all the same", answer)
	}
	return answer, w.anonymous(ctx, b, "a refusal at AuthKit")
}

var space = regexp.MustCompile(`\s+`)

// gist is the beginning of what a page says, for the end of a detail.
func gist(p *page) string {
	const longest = 200
	said := p.body
	if strings.Contains(p.header.Get("Content-Type"), "html") {
		said = visible(p.body)
	}
	said = strings.TrimSpace(space.ReplaceAllString(said, " "))
	if said == "" {
		return ""
	}
	if len(said) > longest {
		said = strings.ToValidUTF8(said[:longest], "") + "..."
	}
	return "; it says: " + said
}
