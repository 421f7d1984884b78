package emulator

import (
	"container/list"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The limits that the package comment documents.
const (
	maxPending      = 1_000
	maxCodes        = 10_000
	maxSteps        = 10_000
	maxSessions     = 10_000
	maxAccounts     = 10_000
	pendingLifetime = 30 * time.Minute
	codeLifetime    = 10 * time.Minute
	stepLifetime    = 10 * time.Minute
	sessionLifetime = 30 * 24 * time.Hour
	// impersonationLifetime is how long WorkOS lets an impersonator in.
	impersonationLifetime = time.Hour

	// refreshGrace is how long a refresh token that was just exchanged still
	// gives the pair it was exchanged for. WorkOS documents such a replay grace
	// period, for requests that notice an expired token at the same moment, and
	// its libraries speak of 10 to 30 seconds; this is the strict end.
	refreshGrace = 10 * time.Second
)

// User is someone who can sign in.
type User struct {
	// ID is the user's id ("user_..."). Empty: made from the email, so that it
	// is the same after a restart.
	ID string
	// Email is what the user signs in with; upper and lower case are the same.
	Email             string
	Password          string
	FirstName         string
	LastName          string
	EmailVerified     bool
	ProfilePictureURL string
	ExternalID        string
	Locale            string
	Metadata          map[string]string
	// Memberships are the organisations that the user can sign in to.
	Memberships []Membership
	// Impersonator, when set, is who really signs in as this user: the sessions
	// are an impersonator's, and last an hour.
	Impersonator *Impersonator
}

// Impersonator is somebody of the app's own people who looks at it as one of
// its users.
type Impersonator struct {
	Email  string
	Reason string
}

// account is a user with what the emulator has seen of them.
type account struct {
	User
	createdAt    time.Time
	lastSignInAt time.Time // zero: never
}

// authorization is a checked authorization request, and how far its user has come.
type authorization struct {
	clientID       string
	redirectURI    string
	state          string
	hasState       bool
	challenge      string // S256; empty: no PKCE
	loginHint      string
	signUp         bool   // the app asked for sign-up
	organizationID string // asked for by the app, or chosen by the user
	expires        time.Time

	// Whose password is checked, and when; empty until then.
	email    string
	authTime time.Time
}

// grant is an issued authorization code.
type grant struct {
	clientID    string
	redirectURI string
	challenge   string
	signedIn    signedIn
	expires     time.Time
	used        bool
	sessionID   string // what the code was exchanged for
}

// signedIn is a user whose password was checked, and where they signed in to.
type signedIn struct {
	email          string
	organizationID string // empty: to none
	authTime       time.Time
}

// step is a sign-in that needs another grant to be complete.
type step struct {
	clientID string
	signedIn signedIn
	expires  time.Time
}

// session is a signed-in user. It has one refresh token at a time.
type session struct {
	id       string
	clientID string
	signedIn
	impersonator *Impersonator
	// public: begun without a client secret, so refreshed without one too.
	public  bool
	expires time.Time

	refreshToken  string
	previousToken string // already exchanged for refreshToken
	graceUntil    time.Time
	claims        claims // of the access token issued beside refreshToken
}

// store is everything the emulator remembers. All of its methods may be called
// from several goroutines.
type store struct {
	mu            sync.Mutex
	accounts      map[string]*account     // by lower-case email
	organizations map[string]Organization // by id
	pending       *recent[*authorization]
	codes         *recent[*grant]
	steps         *recent[*step] // by pending authentication token
	sessions      *recent[*session]
	refresh       map[string]string // refresh token, current or previous, to session id
}

func newStore(users []User, organizations []Organization, now time.Time) *store {
	s := &store{
		accounts:      map[string]*account{},
		organizations: map[string]Organization{},
		pending:       newRecent[*authorization](maxPending),
		codes:         newRecent[*grant](maxCodes),
		steps:         newRecent[*step](maxSteps),
		sessions:      newRecent[*session](maxSessions),
		refresh:       map[string]string{},
	}
	s.sessions.dropped = func(gone *session) {
		delete(s.refresh, gone.refreshToken)
		delete(s.refresh, gone.previousToken)
	}
	for _, u := range users {
		s.add(u, now)
	}
	for _, o := range organizations {
		s.organizations[o.ID] = o
	}
	return s
}

// add is called with the lock held, or before anybody else knows the store.
func (s *store) add(u User, now time.Time) {
	if u.ID == "" {
		u.ID = stableID("user_", strings.ToLower(u.Email))
	}
	s.accounts[strings.ToLower(u.Email)] = &account{User: u, createdAt: now}
}

// Why an account cannot be made.
var (
	errEmailTaken = errors.New("there is an account with this email already")
	errFull       = errors.New("this local AuthKit holds as many accounts as it can; restart it")
)

// signUp makes an account.
func (s *store) signUp(u User, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, taken := s.accounts[strings.ToLower(u.Email)]; {
	case taken:
		return errEmailTaken
	case len(s.accounts) >= maxAccounts:
		return errFull
	}
	s.add(u, now)
	return nil
}

// organization gives an organisation by its id.
func (s *store) organization(id string) (Organization, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.organizations[id]
	return o, ok
}

// user gives a user by their email.
func (s *store) user(email string) (account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[strings.ToLower(email)]
	if !ok {
		return account{}, false
	}
	return *a, true
}

// begin remembers an authorization request while its sign-in page is open.
func (s *store) begin(a authorization, now time.Time) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = secret()
	a.expires = now.Add(pendingLifetime)
	s.pending.put(id, &a)
	return id
}

// waiting gives the authorization request of an open sign-in page.
func (s *store) waiting(id string, now time.Time) (authorization, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.pending.get(id)
	if !ok || !now.Before(a.expires) {
		return authorization{}, false
	}
	return *a, true
}

// take is waiting, and the page is done with: only one caller gets it.
func (s *store) take(id string, now time.Time) (authorization, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.pending.get(id)
	if !ok || !now.Before(a.expires) {
		return authorization{}, false
	}
	s.pending.remove(id)
	return *a, true
}

// checkPassword reports whether email and password belong together. The
// email it gives back is the account's own spelling.
func (s *store) checkPassword(email, password string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[strings.ToLower(strings.TrimSpace(email))]
	if !ok || a.Password == "" {
		return "", false
	}
	given, want := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(a.Password))
	return a.Email, subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

// issueCode makes an authorization code for the user who has signed in.
func (s *store) issueCode(a authorization, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	code := secret()
	s.codes.put(code, &grant{
		// Cloned, because each of them may hold on to the whole query.
		clientID: strings.Clone(a.clientID), redirectURI: strings.Clone(a.redirectURI),
		challenge: strings.Clone(a.challenge),
		signedIn:  signedIn{a.email, strings.Clone(a.organizationID), a.authTime},
		expires:   now.Add(codeLifetime),
	})
	return code
}

// redemption is what a token request says about itself.
type redemption struct {
	clientID    string
	public      bool // came without a client secret
	redirectURI string
	verifier    string
	issuer      string
	lifetime    time.Duration
}

// issued is what a token request gets.
type issued struct {
	user         account
	impersonator *Impersonator
	claims       claims
	refreshToken string
}

var invalidCode = oauthFailure("invalid_grant", "the code has expired or is invalid")

// redeem exchanges a code for a session, once.
func (s *store) redeem(code string, by redemption, now time.Time) (issued, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.codes.get(code)
	if !ok || g.clientID != by.clientID {
		return issued{}, invalidCode
	}
	if g.used {
		// Somebody else has the code: what it was exchanged for is not to be
		// trusted any more (RFC 6749, section 4.1.2).
		s.sessions.remove(g.sessionID)
		return issued{}, oauthFailure("invalid_grant",
			"the code has already been used; the session it was exchanged for has ended")
	}
	if !now.Before(g.expires) {
		return issued{}, invalidCode
	}
	// From here on it is this code's own client that asks. One attempt is all
	// it gets: a code whose verifier may be guessed at protects nothing.
	g.used = true
	switch {
	case by.redirectURI != "" && by.redirectURI != g.redirectURI:
		return issued{}, oauthFailure("invalid_grant", "redirect_uri is not the one the code was sent to")
	case g.challenge == "" && by.verifier != "":
		return issued{}, apiFailure(http.StatusBadRequest, "code_challenge_not_found",
			"a code_verifier was sent, but the authorization request had no code_challenge")
	case g.challenge != "" && by.verifier == "":
		return issued{}, oauthFailure("invalid_request",
			"code_verifier is required: the authorization request had a code_challenge")
	case g.challenge != "" && subtle.ConstantTimeCompare([]byte(challengeOf(by.verifier)), []byte(g.challenge)) != 1:
		return issued{}, oauthFailure("invalid_grant", "code_verifier does not match the code_challenge")
	}
	out := s.newSession(g.signedIn, by, now)
	g.sessionID = out.claims.SessionID
	return out, nil
}

// signInWith begins a session without a code, for a user whose password is
// checked. Of several organisations, the app has to ask the user for one first.
func (s *store) signInWith(email string, by redemption, now time.Time) (issued, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, in := s.accounts[strings.ToLower(email)], signedIn{email: email, authTime: now}
	switch len(a.Memberships) {
	case 0:
	case 1:
		in.organizationID = a.Memberships[0].OrganizationID
	default:
		token := secret()
		s.steps.put(token, &step{clientID: by.clientID, signedIn: in, expires: now.Add(stepLifetime)})
		return issued{}, s.organizationSelection(*a, token)
	}
	return s.newSession(in, by, now), nil
}

// selectOrganization goes on with a sign-in that needed an organisation. A
// refusal of the organisation leaves the pending authentication token as it is.
func (s *store) selectOrganization(token, organizationID string, by redemption, now time.Time) (issued, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending, ok := s.steps.get(token)
	if !ok || pending.clientID != by.clientID || !now.Before(pending.expires) {
		return issued{}, oauthFailure("invalid_pending_authentication_token",
			"the pending_authentication_token has expired or is invalid")
	}
	in := pending.signedIn
	if f := s.checkMember(in.email, organizationID); f != nil {
		return issued{}, f
	}
	s.steps.remove(token)
	in.organizationID = organizationID
	return s.newSession(in, by, now), nil
}

// checkMember refuses an organisation that a user cannot sign in to. It is
// called with the lock held.
func (s *store) checkMember(email, organizationID string) *failure {
	if _, ok := s.organizations[organizationID]; !ok {
		return oauthFailure("organization_not_found", "this emulator has no organization "+organizationID)
	}
	if _, ok := s.accounts[strings.ToLower(email)].member(organizationID); !ok {
		return oauthFailure("organization_membership_not_found", "the user is not a member of "+organizationID)
	}
	return nil
}

// newSession is called with the lock held.
func (s *store) newSession(in signedIn, by redemption, now time.Time) issued {
	a := s.accounts[strings.ToLower(in.email)]
	a.lastSignInAt = in.authTime
	n := &session{
		id: newID("session_", now), clientID: by.clientID, signedIn: in, impersonator: a.Impersonator,
		public: by.public, expires: now.Add(sessionLifetime), refreshToken: secret(),
	}
	if n.impersonator != nil {
		n.expires = now.Add(impersonationLifetime)
	}
	n.claims = s.newClaims(n, by, now)
	s.sessions.put(n.id, n)
	s.refresh[n.refreshToken] = n.id
	return s.issued(n)
}

// issued is what a session's client has to know of it. It is called with the
// lock held.
func (s *store) issued(n *session) issued {
	return issued{
		user: *s.accounts[strings.ToLower(n.email)], impersonator: n.impersonator,
		claims: n.claims, refreshToken: n.refreshToken,
	}
}

// rotate exchanges a refresh token for the next pair, in the same organisation
// or in the one that is asked for. The old token is dead from then on, except
// that within refreshGrace, and as long as its successor was not exchanged in
// turn, it gives the very same pair again. A token that comes later is refused,
// but does not end the session: WorkOS does not say that it would. Nor does an
// organisation that is refused, which leaves the token as it was.
func (s *store) rotate(token, organizationID string, by redemption, now time.Time) (issued, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.sessions.get(s.refresh[token])
	if !ok || n.clientID != by.clientID {
		return issued{}, oauthFailure("invalid_grant", "invalid refresh token")
	}
	if by.public && !n.public {
		return issued{}, oauthFailure("invalid_client",
			"client_secret is missing; only a session begun without one is refreshed without one")
	}
	if !now.Before(n.expires) {
		s.sessions.remove(n.id)
		return issued{}, oauthFailure("invalid_grant", "the session has ended")
	}
	if organizationID != "" {
		if f := s.checkMember(n.email, organizationID); f != nil {
			return issued{}, f
		}
	}
	if token == n.previousToken {
		// The same pair cannot be for another organisation.
		if !now.Before(n.graceUntil) || organizationID != "" && organizationID != n.organizationID {
			return issued{}, oauthFailure("invalid_grant", "refresh token already exchanged")
		}
		return s.issued(n), nil
	}
	if organizationID != "" {
		n.organizationID = organizationID
	}
	delete(s.refresh, n.previousToken)
	n.previousToken, n.graceUntil = n.refreshToken, now.Add(refreshGrace)
	n.refreshToken = secret()
	s.refresh[n.refreshToken] = n.id
	n.claims = s.newClaims(n, by, now)
	s.sessions.touch(n.id)
	return s.issued(n), nil
}

// end ends a session and with it its refresh tokens. It reports whether there
// was one.
func (s *store) end(sessionID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions.remove(sessionID)
}

// newClaims is called with the lock held.
func (s *store) newClaims(n *session, by redemption, now time.Time) claims {
	a := s.accounts[strings.ToLower(n.email)]
	c := claims{
		Issuer: by.issuer, Subject: a.ID, SessionID: n.id, TokenID: newID("", now),
		IssuedAt: now.Unix(), Expires: now.Add(by.lifetime).Unix(),
		AuthTime: n.authTime.Unix(), ClientID: n.clientID,
	}
	if m, ok := a.member(n.organizationID); ok {
		o := s.organizations[m.OrganizationID]
		c.OrganizationID, c.Role, c.Roles, c.Permissions = o.ID, m.role(), m.roles(), slugs(m.Permissions)
		c.Entitlements, c.FeatureFlags = slugs(o.Entitlements), slugs(o.FeatureFlags)
	}
	if n.impersonator != nil {
		c.Actor = &actor{Subject: n.impersonator.Email}
	}
	return c
}

// slugs makes a claim that is there when it is empty, too.
func slugs(all []string) []string { return append([]string{}, all...) }

// challengeOf is the S256 challenge of a code verifier (RFC 7636, section 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// recent is a map that holds so many entries and then forgets the one put or
// touched longest ago. It is not safe for concurrent use.
type recent[V any] struct {
	max     int
	items   map[string]*list.Element
	order   *list.List // of entry[V], oldest first
	dropped func(V)    // called for every entry that goes; nil: nothing
}

type entry[V any] struct {
	key   string
	value V
}

func newRecent[V any](max int) *recent[V] {
	return &recent[V]{max: max, items: map[string]*list.Element{}, order: list.New()}
}

func (m *recent[V]) put(key string, value V) {
	if len(m.items) >= m.max {
		m.remove(m.order.Front().Value.(entry[V]).key)
	}
	m.items[key] = m.order.PushBack(entry[V]{key, value})
}

func (m *recent[V]) get(key string) (value V, ok bool) {
	element, ok := m.items[key]
	if !ok {
		return value, false
	}
	return element.Value.(entry[V]).value, true
}

func (m *recent[V]) touch(key string) {
	m.order.MoveToBack(m.items[key])
}

func (m *recent[V]) remove(key string) bool {
	element, ok := m.items[key]
	if !ok {
		return false
	}
	delete(m.items, key)
	m.order.Remove(element)
	if m.dropped != nil {
		m.dropped(element.Value.(entry[V]).value)
	}
	return true
}
