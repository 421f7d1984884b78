// Package emulator is a local AuthKit: the part of WorkOS that a login talks
// to, served on loopback by an http.Handler whose zero value is ready to use.
//
// It serves four things: the authorization endpoint with its pages, the token
// endpoint, the key set, and logout. Whatever else it is asked for, it says that
// it does not serve it. It is strict where it could be lenient, so that a login
// that passes here also passes at WorkOS.
//
// # The pages
//
// GET /user_management/authorize answers with the sign-in page, or with the
// sign-up page (screen_hint=sign-up); each has a link to the other. A user of
// several organisations then chooses one, unless the app asked for one by
// organization_id; a user of one is signed in to it. The answer to a form is a
// 302 to the redirect URI, the next page, or the same page with status 422.
//
// For programs that fill the forms in: they are posted to
// /user_management/authorize with the hidden "authorization" and with "action":
//
//	sign-in              email, password
//	sign-up              email, password, first_name, last_name
//	choose-organization  organization_id
//	cancel
//
// # What is kept, and how long
//
// Everything but the signing key is kept in memory, within these limits: 1,000
// sign-ins under way for 30 minutes, 10,000 authorization codes and as many
// pending authentication tokens for 10 minutes, 10,000 sessions for 30 days (an
// impersonator's for an hour). When a limit is reached the oldest goes (of the
// sessions, the one refreshed longest ago). At 10,000 accounts, sign-up is
// refused. Codes, refresh tokens and new accounts therefore do not survive a
// restart; access tokens stay valid, if KeyFile keeps the key, and who signs up
// again with the same email gets the same user id.
package emulator

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the emulator answers to when nothing else is set. None of these is a
// secret: they work only against an emulator on this machine.
const (
	DefaultClientID = "client_local_authkit_emulator"
	DefaultAPIKey   = "sk_test_local_authkit_emulator"
	DefaultEmail    = "ada@example.test"
	DefaultPassword = "local-password"
	// DefaultAddr is where the emulator listens when nothing else is asked for.
	DefaultAddr = "127.0.0.1:4100"
)

const (
	defaultAccessTokenLifetime = 5 * time.Minute

	// maxBody is far above any token request and sign-in form.
	maxBody = 64 << 10
	// maxQuery bounds what a pending sign-in holds on to (state above all).
	maxQuery = 8 << 10
)

// Emulator is a local AuthKit. The zero value is ready to use. Fields are set
// before the first request and left alone afterwards; the methods may be called
// at any time, from any goroutine.
type Emulator struct {
	// ClientID is the one client this AuthKit knows. Empty: DefaultClientID.
	ClientID string
	// APIKey is that client's secret. Empty: DefaultAPIKey.
	APIKey string
	// RedirectURIs are where codes may be sent; compared byte for byte.
	RedirectURIs []string
	// LogoutURIs are where a logout may return to, compared byte for byte; the
	// first one is where it goes when the app names none. Any address with the
	// origin of a registered redirect URI is allowed besides.
	LogoutURIs []string
	// KeyFile keeps the RSA signing key over restarts (PEM, mode 0600, made
	// when missing). Empty: a key in memory that dies with the emulator.
	KeyFile string
	// Users are who can sign in, beside those who sign up. Nil: DefaultUsers().
	Users []User
	// Organizations are what users can be members of. Nil: DefaultOrganizations().
	Organizations []Organization
	// UnverifiedSignUps gives new accounts an email that is not verified.
	UnverifiedSignUps bool
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// AccessTokenLifetime is how long an access token is valid. Zero: five minutes.
	AccessTokenLifetime time.Duration
	// Log is called once for every request, after it was answered; secrets are
	// masked. It may be called from several goroutines at once. Nil: no log.
	Log func(Request)

	setUp     sync.Once
	setUpErr  error // what is wrong with users and organisations
	store     *store
	mu        sync.Mutex // guards redirects
	redirects []string   // registered redirect URIs, in order of registration

	keyOnce sync.Once
	key     *signingKey
	keyErr  error
}

// DefaultUsers are who can sign in when nothing else is said, both with a
// verified email and DefaultPassword: DefaultEmail, who is in no organisation,
// and LocalMember, who is in both of DefaultOrganizations.
func DefaultUsers() []User {
	return []User{{
		Email:         DefaultEmail,
		Password:      DefaultPassword,
		FirstName:     "Ada",
		LastName:      "Local",
		EmailVerified: true,
	}, {
		Email:         LocalMember,
		Password:      DefaultPassword,
		FirstName:     "Grace",
		LastName:      "Local",
		EmailVerified: true,
		Memberships: []Membership{
			{OrganizationID: NorthOrganizationID, Role: "admin", Permissions: []string{"posts:read", "posts:write"}},
			{OrganizationID: SouthOrganizationID, Role: "member", Permissions: []string{"posts:read"}},
		},
	}}
}

// RegisterRedirectURI adds a redirect URI, also while requests are served.
// Adding one twice is no mistake.
func (e *Emulator) RegisterRedirectURI(uri string) {
	e.setDefaults()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(e.redirects, uri) {
		e.redirects = append(e.redirects, uri)
	}
}

// registered gives the redirect URIs known by now.
func (e *Emulator) registered() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.redirects)
}

// setDefaults gives every field its default. It is the first thing any method does.
func (e *Emulator) setDefaults() {
	e.setUp.Do(func() {
		if e.ClientID == "" {
			e.ClientID = DefaultClientID
		}
		if e.APIKey == "" {
			e.APIKey = DefaultAPIKey
		}
		if e.Users == nil {
			e.Users = DefaultUsers()
		}
		if e.Organizations == nil {
			e.Organizations = DefaultOrganizations()
		}
		if e.Now == nil {
			e.Now = time.Now
		}
		if e.AccessTokenLifetime <= 0 {
			e.AccessTokenLifetime = defaultAccessTokenLifetime
		}
		e.redirects = slices.Clone(e.RedirectURIs)
		e.setUpErr = e.check()
		e.store = newStore(e.Users, e.Organizations, e.Now())
	})
}

// ServeHTTP answers as WorkOS would, or says why not.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.setDefaults()
	c := newCall(e, w, r)
	defer c.finish()

	// A name that an attacker's page has pointed at this machine (DNS
	// rebinding) must not reach the emulator.
	if !loopbackHost(r.Host) {
		c.fail(apiFailure(http.StatusMisdirectedRequest, "host_not_loopback",
			"this emulator answers only to localhost, 127.0.0.1 or [::1]; ask for it by one of these names"))
		return
	}
	if len(r.URL.RawQuery) > maxQuery {
		c.fail(apiFailure(http.StatusRequestURITooLong, "query_too_long", "the query is longer than 8 KiB"))
		return
	}
	if e.setUpErr != nil {
		c.fail(apiFailure(http.StatusInternalServerError, "emulator_misconfigured", e.setUpErr.Error()))
		return
	}
	methods := e.route(r.URL.Path)
	if methods == nil {
		c.fail(apiFailure(http.StatusNotFound, "not_served_by_emulator",
			"this local AuthKit does not serve "+r.Method+" "+r.URL.Path+
				"; it serves /user_management/authorize, /user_management/authenticate, "+
				"/user_management/sessions/logout and /sso/jwks/{client_id}"))
		return
	}
	handle, ok := methods[r.Method]
	if !ok {
		allowed := make([]string, 0, len(methods))
		for method := range methods {
			allowed = append(allowed, method)
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		c.fail(apiFailure(http.StatusMethodNotAllowed, "method_not_allowed",
			r.URL.Path+" takes "+strings.Join(allowed, " or ")))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	handle(c)
}

// route gives what is served at path: a handler for each method, or nil.
func (e *Emulator) route(path string) map[string]func(*call) {
	switch {
	case path == "/user_management/authorize":
		return map[string]func(*call){"GET": e.authorize, "POST": e.submit}
	case path == "/user_management/authorize/sign-in":
		return map[string]func(*call){"GET": e.turn(false)}
	case path == "/user_management/authorize/sign-up":
		return map[string]func(*call){"GET": e.turn(true)}
	case path == "/user_management/authenticate":
		return map[string]func(*call){"POST": e.authenticate}
	case path == "/user_management/sessions/logout":
		return map[string]func(*call){"GET": e.logout}
	case strings.HasPrefix(path, "/sso/jwks/"):
		return map[string]func(*call){"GET": e.jwks}
	}
	return nil
}

// loopbackHost reports whether a Host header names this machine's loopback.
func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// origin gives the scheme and host of an absolute http or https address, and
// false for any other text. Characters that browsers read otherwise than
// net/url does (backslashes, blanks, control characters) make it false too.
func origin(address string) (string, bool) {
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", false
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), true
}
