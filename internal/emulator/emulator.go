// Package emulator is a local AuthKit: the part of WorkOS that a login talks
// to, served on loopback by an http.Handler whose zero value is ready to use.
//
// It serves AuthKit's pages, the token endpoint with all of its grants, the key
// set, and the API for users, organisations and what is theirs: served.go has the
// table. Of the rest it says that it does not serve it. It is strict where it
// could be lenient, so that a login that passes here also passes at WorkOS.
//
// # The pages
//
// GET /user_management/authorize answers with the sign-in page, or with the
// sign-up page (screen_hint=sign-up), or with a choice of identities (another
// provider than authkit, or connection_id). What is missing then comes page by
// page: a verified email, a second factor, an organisation, consent. The answer
// to a form is a 302 to the redirect URI, the next page, or the same page with
// status 422.
//
// For programs that fill the forms in: they are posted to
// /user_management/authorize with the hidden "authorization" and with "action":
//
//	sign-in              email, password
//	sign-up              email, password, first_name, last_name
//	send-code            email
//	magic-code           code
//	forgot-password      email
//	pick-identity        email
//	verify-email         code
//	resend-code
//	enroll-factor        code
//	challenge-factor     code
//	choose-organization  organization_id
//	consent
//	cancel
//
// # The inspector
//
// GET /_authfit is a page of what was asked and what came of it, the mail that was
// not sent, users, organisations and sessions; it moves the clock, has requests
// fail and brings back the beginning. /_authfit/api/ is the same for programs:
// docs/authkit.md has the table. What is secret is not shown; codes and links are
// in the mail alone. Pages of other sites are refused.
//
// # What is kept, and how long
//
// Without StateFile everything but the signing key is kept in memory, within
// these limits: 1,000 open pages for 30 minutes, 2,000 authorization codes and
// 10,000 pending authentication tokens and one-time codes for 10 minutes, 1,000
// devices for 5 minutes, 10,000 sessions for 30 days (an impersonator's for an
// hour), 1,000 mails, and the last 500 requests for the inspector. When a limit
// is reached the oldest goes (of the sessions, the one refreshed longest ago).
// At 10,000 accounts, 1,000 organisations, 50,000 memberships, 10,000
// invitations and 1,000 of anything else a new one is refused. Codes, refresh
// tokens and new accounts therefore do not survive a restart; access tokens stay
// valid, if KeyFile keeps the key, and who signs up again with the same email
// gets the same user id.
package emulator

import (
	"errors"
	"net"
	"net/http"
	"net/url"
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
	// StateFile keeps what is in memory otherwise: everything but open pages and
	// the log. What it holds goes before the seeds below, which are planted where
	// there is no such file yet. Empty: memory alone.
	StateFile string
	// Users are who can sign in, beside those who sign up. Nil: DefaultUsers().
	Users []User
	// Organizations are what users can be members of. Nil: DefaultOrganizations().
	Organizations []Organization
	// Roles are what members can be, beside "member" and "admin", which are there.
	Roles []Role
	// Permissions are what roles can allow; those that a role names are there.
	Permissions []Permission
	// Connections are organizations' identity providers.
	Connections []Connection
	// Invitations are open.
	Invitations []Invitation
	// RequireMFA has everybody who signs in by password or code show a code of an
	// authentication factor too, and enroll one first.
	RequireMFA bool
	// SignInURL is where the app starts a sign-in, for links in mails that lead
	// there. Empty: the app's root.
	SignInURL string
	// Lenient are the checks that are not made.
	Lenient []Check
	// ClockAhead is how far the clock is ahead at first; below zero it is behind.
	ClockAhead time.Duration
	// Failures are what the first requests of some routes get.
	Failures []Failure
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// AccessTokenLifetime is how long an access token is valid. Zero: five minutes;
	// below zero it has expired when it is issued.
	AccessTokenLifetime time.Duration
	// Log is called once for every request, after it was answered; secrets are
	// masked. It may be called from several goroutines at once. Nil: no log.
	Log func(Request)

	setUp    sync.Once
	setUpErr error // what is wrong with the seeds or the state file
	store    *store
	state    *stateFile
	control  control // what the inspector changes
	traffic  traffic // what it shows
	blanks   blanks

	vendorSeeds bool          // says that the seeds are of the vendor's file
	base        string        // where it listens, if it was started here
	unsent      []*invitation // seeded, without their mail so far

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
	_ = e.store.do(func() { e.addRedirectURI(uri, e.now()) }) // what a state file did not take is in memory
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
		if e.AccessTokenLifetime == 0 {
			e.AccessTokenLifetime = defaultAccessTokenLifetime
		}
		e.setUpErr = e.open()
	})
}

// open makes the store, from the state file or from the seeds.
func (e *Emulator) open() error {
	e.store = newStore()
	e.store.policy = policy{verifyEmail: !e.lenient(CheckEmailVerification), mfa: e.RequireMFA}
	e.control.set(e)
	if err := e.checkSeeds(); err != nil {
		return err
	}
	if e.StateFile != "" {
		file, err := e.store.keepIn(e.StateFile)
		if err != nil {
			return err
		}
		e.state = file
		if kept, ok := e.store.controls.get(theControl); ok {
			e.control.restore(kept)
		}
	}
	f := e.store.do(func() {
		if e.store.users.len() == 0 && e.store.roles.len() == 0 {
			e.plant()
			e.noteControl()
		}
		e.registerGiven()
	})
	if f != nil {
		return errors.New(f.text)
	}
	return nil
}

// now is the emulator's clock, which the inspector can move.
func (e *Emulator) now() time.Time { return e.Now().Add(e.control.offset()) }

// Close ends who listens to the inspector, and closes the state file. An emulator
// with neither needs no closing.
func (e *Emulator) Close() error {
	e.setDefaults()
	e.traffic.end()
	if e.state == nil {
		return nil
	}
	return e.state.close()
}

// ServeHTTP answers as WorkOS would, or says why not.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.setDefaults()
	c := newCall(e, w, r)
	defer c.finish()
	defer c.rescue()

	// A name that an attacker's page has pointed at this machine (DNS
	// rebinding) must not reach the emulator.
	if !loopbackHost(r.Host) {
		c.refuse(apiFailure(http.StatusMisdirectedRequest, "host_not_loopback",
			"this emulator answers only to localhost, 127.0.0.1 or [::1]; ask for it by one of these names"),
			errorPage{Title: "This local AuthKit has another name"})
		return
	}
	if len(r.URL.RawQuery) > maxQuery {
		c.refuse(apiFailure(http.StatusRequestURITooLong, "query_too_long", "the query is longer than 8 KiB"), errorPage{
			Title: "This request is too long",
			Fixes: []string{"Keep what the app remembers of a sign-in in its session, and only a key to it in `state`."},
		})
		return
	}
	if e.setUpErr != nil {
		c.refuse(apiFailure(http.StatusInternalServerError, "emulator_misconfigured", e.setUpErr.Error()),
			errorPage{Title: "This local AuthKit is set up wrong"})
		return
	}
	path := r.URL.EscapedPath()
	table := routes
	if c.own {
		table = inspectorRoutes
	}
	method := r.Method
	if method == http.MethodHead { // which net/http answers without the body
		method = http.MethodGet
	}
	route, params, allowed := find(table, method, path)
	switch {
	case route != nil:
		c.params, c.log.Route = params, route.path
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch {
		case c.own:
			e.serveOwn(c, route)
		case !e.control.inject(c, route):
			e.serve(c, route)
		}
	case allowed != nil:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		c.refuse(apiFailure(http.StatusMethodNotAllowed, "method_not_allowed", r.URL.Path+" takes "+strings.Join(allowed, " or ")),
			errorPage{Title: "There is no such page", Fixes: []string{"A sign-in begins in the app, not here."}})
	default:
		c.refuse(apiFailure(http.StatusNotFound, "not_served_by_emulator",
			"this local AuthKit does not serve "+r.Method+" "+r.URL.Path+"; docs/authkit.md has all that it serves"),
			errorPage{Title: "There is no such page", Fixes: []string{"A sign-in begins in the app, not here."}})
	}
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
