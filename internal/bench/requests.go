package main

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"authfit/internal/emulator"
	"authfit/internal/example"
	"authfit/internal/verify"
)

// apps has, for each framework, the views that are put beside an example: with
// bench_views.py the app as it was, with bench_login.py the one with a login.
//
//go:embed apps/*/*.py
var apps embed.FS

// How the apps are asked: over how many connections at once, and how often.
const (
	connections = 8
	rounds      = 21
	busy        = 250 // requests of a round, over all connections
	alone       = 60  // requests of a round, one after the other
	logins      = 41
)

// A server is a framework's example and what serves it.
type server struct {
	framework, what string
	boot            []string // MODULE is bench_views or bench_login
	session         bool     // whether the login lives in the framework's own session
}

// servers serve the examples as in production. The keep-alive that gunicorn has
// with threads only leaves the server less to do, and the check a greater part.
var servers = []server{
	{"flask", "gunicorn, 2 workers", append(gunicorn, "MODULE:app"), false},
	{"fastapi", "uvicorn", []string{"{python}", "-m", "uvicorn", "--no-access-log", "--port", "{port}", "MODULE:app"}, false},
	{"django", "gunicorn, 2 workers", append(gunicorn, "readinglist.wsgi"), true},
}

var gunicorn = []string{"{python}", "-m", "gunicorn", "--workers", "2", "--threads", "2", "--bind", "127.0.0.1:{port}"}

// A site is an example app, served.
type site struct {
	*example.App
	process *verify.Process
}

// site serves an example, with the login or as it was.
func (b *bench) site(from server, module, python string, prepare func(*example.App) error) (_ *site, err error) {
	a, err := example.Copy(from.framework, python)
	if err != nil {
		return nil, err
	}
	s := &site{App: a}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := prepare(a); err != nil {
		return nil, err
	}
	views, err := fs.Sub(apps, "apps/"+from.framework)
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(a.Dir, views); err != nil {
		return nil, err
	}
	a.Env = []string{"DJANGO_SETTINGS_MODULE=bench_settings", "BENCH_VIEWS=" + module}
	if err := a.SetUp(b.ctx); err != nil {
		return nil, err
	}
	argv := strings.Split(strings.ReplaceAll(strings.Join(from.boot, "\n"), "MODULE", module), "\n")
	s.process, err = a.Start(b.ctx, argv, a.Port, "http")
	return s, err
}

func (s *site) close() {
	if s.process != nil {
		s.process.Stop()
	}
	s.Close()
}

// An authkit is the emulator, with a record of how often it was asked and how
// long it took to answer.
type authkit struct {
	emulator emulator.Emulator
	mu       sync.Mutex
	asked    int
	spent    time.Duration
}

func (a *authkit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	a.emulator.ServeHTTP(w, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	a.spent += time.Since(start)
}

func (a *authkit) record() (asked int, spent time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked, a.spent
}

// requests measures what a request of the same view takes unprotected, protected
// by the login that authfit added, and protected as the SDK's quickstart does:
// with a client that is made once, load_sealed_session and authenticate.
func (b *bench) requests() error {
	python, err := b.peers()
	if err != nil {
		return err
	}
	if python, err = filepath.Abs(python); err != nil {
		return err
	}
	for _, s := range servers {
		if err := b.serve(s, python); err != nil {
			return fmt.Errorf("%s: %w", s.framework, err)
		}
	}
	return nil
}

// serve starts an example twice, with the login and as it was, and measures both.
func (b *bench) serve(s server, python string) error {
	kit := &authkit{emulator: emulator.Emulator{AccessTokenLifetime: time.Hour}}
	with, err := b.site(s, "bench_login", python, func(a *example.App) error {
		kit.emulator.RedirectURIs = []string{a.Origin() + a.Login.Callback}
		if err := a.Behind(kit); err != nil {
			return err
		}
		return a.Add()
	})
	if err != nil {
		return err
	}
	defer with.close()
	without, err := b.site(s, "bench_views", python, func(a *example.App) error {
		a.Base, a.Key = with.Base, with.Key
		return nil
	})
	if err != nil {
		return err
	}
	defer without.close()
	fmt.Printf("\na request of the same view: %s under %s\n", s.framework, s.what)
	return b.protection(with, without, kit, s.session)
}

// A view is one of the benchmark's, as a signed-in visitor asks for it.
type view struct{ what, url string }

// protection prints what the views of one framework take, and the login itself.
func (b *bench) protection(with, without *site, kit *authkit, session bool) error {
	views := []view{
		{"unprotected, in the app as it was", without.Origin() + "/bench/open"},
		{"unprotected, beside authfit's login", with.Origin() + "/bench/open"},
		{"protected by authfit", with.Origin() + "/bench/protected"},
		{"protected as the SDK's quickstart does", without.Origin() + "/bench/quickstart"},
	}
	if session {
		views = append(views, view{"unprotected, but reads the framework's session", with.Origin() + "/bench/session"})
	}
	v := newVisitor(b, with)
	begin, finish, err := v.logins(kit)
	if err != nil {
		return err
	}
	cookie, err := v.cookies(session)
	if err != nil {
		return err
	}
	if err := b.warmUp(views, cookie, kit); err != nil {
		return err
	}
	before, _ := kit.record()
	all, one := make([][]time.Duration, len(views)), make([][]time.Duration, len(views))
	for range rounds {
		for i, view := range views {
			start := time.Now()
			if _, err := b.load(view.url, cookie, busy, connections); err != nil {
				return err
			}
			all[i] = append(all[i], time.Since(start))
			took, err := b.load(view.url, cookie, alone, 1)
			if err != nil {
				return err
			}
			one[i] = append(one[i], median(took))
		}
	}
	asked, _ := kit.record()
	for i, view := range views {
		fmt.Printf("  %-48s %6.0f req/s  %5.2f x  %6.2f ms  %+6.2f ms\n", view.what, busy/median(all[i]).Seconds(),
			paired(all[0], all[i], func(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }),
			ms(median(one[i])), paired(one[0], one[i], func(a, b time.Duration) float64 { return ms(b - a) }))
	}
	fmt.Printf("  a login besides AuthKit's own work: %.1f ms to begin and %.1f ms to finish it\n", ms(begin), ms(finish))
	fmt.Printf("  requests that reached AuthKit in all %d of these: %d\n", rounds*len(views)*(busy+alone), asked-before)
	return nil
}

// paired is the median of what f makes of the two of each round: what else the
// machine does falls on both.
func paired(a, b []time.Duration, f func(a, b time.Duration) float64) float64 {
	each := make([]float64, len(a))
	for i := range a {
		each[i] = f(a[i], b[i])
	}
	return median(each)
}

// warmUp asks for the views until, three times in a row, no worker asked AuthKit
// for its key set.
func (b *bench) warmUp(views []view, cookie string, kit *authkit) error {
	for quiet, round := 0, 0; quiet < 3; round++ {
		if round == 30 {
			return fmt.Errorf("the app asks AuthKit again and again")
		}
		before, _ := kit.record()
		for _, view := range views {
			if _, err := b.load(view.url, cookie, 100, connections); err != nil {
				return err
			}
		}
		if after, _ := kit.record(); after == before {
			quiet++
		} else {
			quiet = 0
		}
	}
	return nil
}

// load sends n requests for a page over some connections that are kept open, as
// soon as each is free, and is how long each took.
func (b *bench) load(address, cookie string, n, connections int) ([]time.Duration, error) {
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	taken := make([]time.Duration, n)
	failed := make([]error, connections)
	var next atomic.Int64
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && failed[c] == nil; i = next.Add(1) - 1 {
				start := time.Now()
				failed[c] = b.ask(transport, address, cookie)
				taken[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return taken, nil
}

// ask sends one request, and is an error unless the answer is the view's.
func (b *bench) ask(transport *http.Transport, address, cookie string) error {
	r, err := http.NewRequestWithContext(b.ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Cookie", cookie)
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || !strings.Contains(string(body), "reports")) {
		err = fmt.Errorf("%s answers %d", address, answer.StatusCode)
	}
	return err
}

// A visitor signs in to a site.
type visitor struct {
	b      *bench
	site   *site
	client *http.Client
}

func newVisitor(b *bench, s *site) *visitor {
	return &visitor{b, s, &http.Client{
		Timeout:       time.Minute,
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// logins signs in again and again, and is what the app took to begin a login and
// to finish it, without the time in which AuthKit answered.
func (v *visitor) logins(kit *authkit) (begin, finish time.Duration, err error) {
	var begun, finished []time.Duration
	for range logins {
		v.client.Jar, _ = cookiejar.New(nil) // its error is always nil
		start := time.Now()
		request, _, err := v.get(v.site.Origin() + v.site.Login.LoginURL)
		if err != nil {
			return 0, 0, err
		}
		begun = append(begun, time.Since(start))
		callback, err := v.signIn(request)
		if err != nil {
			return 0, 0, err
		}
		_, before := kit.record()
		start = time.Now()
		if _, _, err := v.get(callback); err != nil {
			return 0, 0, err
		}
		took := time.Since(start)
		_, after := kit.record()
		finished = append(finished, took-(after-before))
	}
	return median(begun), median(finished), nil
}

var hidden = regexp.MustCompile(`name="authorization" value="([^"]*)"`)

// signIn fills in AuthKit's form, and is the callback that this leads to.
func (v *visitor) signIn(request string) (string, error) {
	_, page, err := v.get(request)
	if err != nil {
		return "", err
	}
	id := hidden.FindStringSubmatch(page)
	if id == nil {
		return "", fmt.Errorf("AuthKit shows no form to sign in with")
	}
	to, _, _ := strings.Cut(request, "?")
	answer, err := v.client.PostForm(to, url.Values{
		"authorization": {id[1]}, "action": {"sign-in"},
		"email": {emulator.DefaultEmail}, "password": {emulator.DefaultPassword},
	})
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	return answer.Header.Get("Location"), nil
}

// get is where a page leads to, and what it shows.
func (v *visitor) get(address string) (location, body string, err error) {
	r, err := http.NewRequestWithContext(v.b.ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", "", err
	}
	answer, err := v.client.Do(r)
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s answers %d", r.URL.Path, answer.StatusCode)
	}
	return answer.Header.Get("Location"), string(text), err
}

// cookies are those of a signed-in browser. Where the login lives in the
// framework's session they have the quickstart's cookie besides.
func (v *visitor) cookies(session bool) (string, error) {
	at, err := url.Parse(v.site.Origin())
	if err != nil {
		return "", err
	}
	var all []string
	for _, c := range v.client.Jar.Cookies(at) {
		all = append(all, c.Name+"="+c.Value)
	}
	if session {
		_, sealed, err := v.get(v.site.Origin() + "/bench/sealed")
		if err != nil {
			return "", err
		}
		all = append(all, "wos_session="+sealed)
	}
	return strings.Join(all, "; "), nil
}
