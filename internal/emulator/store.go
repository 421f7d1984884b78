package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The limits that the package comment documents.
const (
	maxPending       = 1_000
	maxGrants        = 2_000
	maxCodes         = 10_000
	maxSessions      = 10_000
	maxAccounts      = 10_000
	maxOrganizations = 1_000
	maxMemberships   = 50_000
	maxInvitations   = 10_000
	maxSmall         = 1_000 // roles, permissions, connections, redirect URIs, mail
	pendingLifetime  = 30 * time.Minute
	codeLifetime     = 10 * time.Minute
	stepLifetime     = 10 * time.Minute
	oneTimeLifetime  = 10 * time.Minute
	resetLifetime    = time.Hour
	sessionLifetime  = 30 * 24 * time.Hour
	deviceLifetime   = 5 * time.Minute
	deviceInterval   = 5 * time.Second
	// maxAttempts is how many wrong codes are taken before the right one is not.
	maxAttempts = 10
	// impersonationLifetime is how long WorkOS lets an impersonator in.
	impersonationLifetime = time.Hour

	// refreshGrace is how long a refresh token that was just exchanged still
	// gives the pair it was exchanged for. WorkOS documents such a replay grace
	// period, for requests that notice an expired token at the same moment, and
	// its libraries speak of 10 to 30 seconds; this is the strict end.
	refreshGrace = 10 * time.Second
)

// policy is what sign-ins have to bring.
type policy struct {
	verifyEmail bool
	mfa         bool // everybody needs a factor
}

// store is everything the emulator remembers. Its fields and methods are used
// inside do.
type store struct {
	mu     sync.Mutex
	policy policy
	file   *stateFile // nil: memory alone
	dirty  map[savedKey]bool
	tables map[string]persistent

	users         *table[*user]
	organizations *table[*organization]
	memberships   *table[*membership]
	roles         *table[*role]
	permissions   *table[*permission]
	connections   *table[*connection]
	redirects     *table[*redirectURI]
	corsOrigins   *table[*corsOrigin]
	sessions      *table[*session]
	grants        *table[*grant] // by authorization code
	steps         *table[*step]  // by pending authentication token
	oneTimeCodes  *table[*oneTimeCode]
	resets        *table[*passwordReset]
	invitations   *table[*invitation]
	factors       *table[*factor]
	challenges    *table[*challenge]
	devices       *table[*device] // by device code
	mails         *table[*Message]
	profiles      *table[*profile]
	controls      *table[*keptControl]
	// Open pages are not saved: a browser gets a new one.
	pending *table[*authorization]
	retired *table[*retirement]
}

func newStore() *store {
	s := &store{
		dirty:         map[savedKey]bool{},
		retired:       newTable[*retirement]("retired_user", maxAccounts, nil),
		users:         newTable("user", maxAccounts, (*user).keys),
		organizations: newTable("organization", maxOrganizations, (*organization).keys),
		memberships:   newTable("organization_membership", maxMemberships, (*membership).keys),
		roles:         newTable("role", maxSmall, (*role).keys),
		permissions:   newTable("permission", maxSmall, (*permission).keys),
		connections:   newTable("connection", maxSmall, (*connection).keys),
		redirects:     newTable("redirect_uri", maxSmall, (*redirectURI).keys),
		corsOrigins:   newTable("cors_origin", maxSmall, (*corsOrigin).keys),
		sessions:      newTable("session", maxSessions, (*session).keys),
		grants:        newTable[*grant]("authorization_code", maxGrants, nil),
		steps:         newTable[*step]("pending_authentication", maxCodes, nil),
		oneTimeCodes:  newTable("one_time_code", maxCodes, (*oneTimeCode).keys),
		resets:        newTable("password_reset", maxCodes, (*passwordReset).keys),
		invitations:   newTable("invitation", maxInvitations, (*invitation).keys),
		factors:       newTable("authentication_factor", maxAccounts, (*factor).keys),
		challenges:    newTable[*challenge]("authentication_challenge", maxCodes, nil),
		devices:       newTable("device", maxSmall, (*device).keys),
		mails:         newTable("mail", maxSmall, (*Message).keys),
		profiles:      newTable("profile", maxAccounts, (*profile).keys),
		controls:      newTable[*keptControl]("control", 1, nil),
		pending:       newTable[*authorization]("pending", maxPending, nil),
	}
	s.tables = map[string]persistent{
		s.users.kind: s.users, s.organizations.kind: s.organizations, s.memberships.kind: s.memberships,
		s.roles.kind: s.roles, s.permissions.kind: s.permissions, s.connections.kind: s.connections,
		s.redirects.kind: s.redirects, s.corsOrigins.kind: s.corsOrigins, s.sessions.kind: s.sessions,
		s.grants.kind: s.grants, s.steps.kind: s.steps, s.oneTimeCodes.kind: s.oneTimeCodes,
		s.resets.kind: s.resets, s.invitations.kind: s.invitations, s.factors.kind: s.factors,
		s.challenges.kind: s.challenges, s.devices.kind: s.devices, s.mails.kind: s.mails,
		s.profiles.kind: s.profiles, s.retired.kind: s.retired, s.controls.kind: s.controls,
	}
	return s
}

// keepIn loads what a state file holds, and saves there from now on.
func (s *store) keepIn(name string) (file *stateFile, err error) {
	defer func() {
		// bbolt panics where a page is not what the file says of it.
		if wrong := recover(); wrong != nil {
			err = fmt.Errorf("%v", wrong)
		}
		if err != nil {
			if file != nil {
				_ = file.db.Close() // nothing was written
			}
			file, err = nil, fmt.Errorf("the state file %s cannot be used: %w; %s", name, err, wayOut(err))
		}
	}()
	if file, err = openState(name); err != nil {
		return file, err
	}
	for _, t := range s.tables {
		if err := t.load(file); err != nil {
			return file, err
		}
	}
	for _, t := range s.tables {
		t.watch(func(kind, id string, there bool) { s.dirty[savedKey{kind, id}] = there })
	}
	s.file = file
	return file, nil
}

// do runs f with the store to itself, and returns once what f changed is saved.
// A failure says that it could not be: then nothing of it may be answered, and
// it is tried again with the next change.
func (s *store) do(f func()) *failure {
	ticket := s.change(f)
	if ticket == 0 {
		return nil
	}
	if err := s.file.commit(ticket); err != nil {
		return apiFailure(http.StatusInsufficientStorage, "state_not_saved", "the state file could not be written: "+err.Error())
	}
	return nil
}

// change runs f, and gives the ticket by which what it changed is committed.
func (s *store) change(f func()) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	if s.file == nil || len(s.dirty) == 0 {
		return 0
	}
	changes := make(map[savedKey][]byte, len(s.dirty))
	for key, there := range s.dirty {
		changes[key] = nil
		if there {
			text, err := s.tables[key.kind].encode(key.id)
			if err != nil { // cannot happen: all records are plain structs
				panic(err)
			}
			changes[key] = text
		}
	}
	clear(s.dirty)
	return s.file.add(changes)
}

// password is what is kept of a password: it is salted and hashed, so that a
// state file that gets away does not hold what somebody may use elsewhere. One
// round, because every local login pays for it; this keeps no real user's.
type password struct{ Salt, Hash []byte }

func hashed(text string) *password {
	salt := []byte(secret())
	return &password{salt, hashPassword(salt, text)}
}

func hashPassword(salt []byte, text string) []byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (p *password) matches(text string) bool {
	return p != nil && subtle.ConstantTimeCompare(p.Hash, hashPassword(p.Salt, text)) == 1
}

// checkPassword gives the user whose email and password these are.
func (s *store) checkPassword(email, text string) (*user, bool) {
	u, ok := s.users.by(emailKey(email))
	if !ok || !u.Password.matches(text) {
		return nil, false
	}
	return u, true
}

// freshID is an id for a new user. It is made from the email, so that an app's own
// tables fit after a restart that forgets everything; but never one that
// somebody has or had.
func (s *store) freshID(email string, now time.Time) string {
	id := stableID("user_", strings.ToLower(email))
	if _, taken := s.users.get(id); taken || s.retired.has(id) {
		return newID("user_", now)
	}
	return id
}

// removeUser takes a user away with all that is theirs, and all that was under
// way for them.
func (s *store) removeUser(id string) {
	u, ok := s.users.get(id)
	if !ok {
		return
	}
	s.retired.put(id, &retirement{})
	s.users.remove(id)
	s.memberships.removeBy(userKey(id))
	s.factors.removeBy(userKey(id))
	s.resets.removeBy(userKey(id))
	for _, purpose := range []string{forMagicAuth, forEmailVerification} {
		s.oneTimeCodes.removeBy(codeKey(purpose, u.Email))
	}
	s.endAll(u)
}

// endAll ends everything that somebody has as a user or is about to get:
// sessions, codes, open pages, devices, and a change of the email.
func (s *store) endAll(u *user) {
	id := u.ID
	if u.NewEmail != "" {
		s.oneTimeCodes.removeBy(codeKey(forEmailChange, u.NewEmail))
		u.NewEmail = ""
	}
	s.sessions.removeBy(userKey(id))
	s.grants.removeIf(func(g *grant) bool { return g.SignedIn.UserID == id })
	s.steps.removeIf(func(p *step) bool { return p.SignedIn.UserID == id })
	s.devices.removeIf(func(d *device) bool { return d.SignedIn != nil && d.SignedIn.UserID == id })
	s.pending.removeIf(func(a *authorization) bool { return a.signedIn.UserID == id })
}

// active gives a user's active memberships.
func (s *store) active(userID string) []*membership {
	return slices.DeleteFunc(s.memberships.allBy(userKey(userID)), func(m *membership) bool { return m.Status != statusActive })
}

// membership gives a user's place in an organisation, active or not.
func (s *store) membership(userID, organizationID string) (*membership, bool) {
	for _, m := range s.memberships.allBy(userKey(userID)) {
		if m.OrganizationID == organizationID {
			return m, true
		}
	}
	return nil, false
}

// begin remembers an authorization request while its page is open.
func (s *store) begin(a authorization, now time.Time) (id string) {
	id = secret()
	a.expires = now.Add(pendingLifetime)
	s.pending.put(id, &a)
	return id
}

// waiting gives the authorization request of an open page.
func (s *store) waiting(id string, now time.Time) (*authorization, bool) {
	a, ok := s.pending.get(id)
	if !ok || !now.Before(a.expires) {
		return nil, false
	}
	return a, true
}

// issueCode makes an authorization code for the user who has signed in.
func (s *store) issueCode(a *authorization, now time.Time) string {
	code := secret()
	in := a.signedIn
	in.OrganizationID = strings.Clone(in.OrganizationID)
	s.grants.put(code, &grant{
		// Cloned, because each of them may hold on to the whole query.
		ClientID: strings.Clone(a.clientID), RedirectURI: strings.Clone(a.redirectURI),
		Challenge: strings.Clone(a.challenge),
		SignedIn:  in,
		Expires:   now.Add(codeLifetime),
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
	ipAddress   string
	userAgent   string
	now         time.Time
	// issuedAt is the time by a clock that nobody moved: the app checks its tokens
	// by its own.
	issuedAt time.Time
}

// issued is what a token request gets.
type issued struct {
	user         userObject
	method       string
	impersonator *Impersonator
	claims       claims
	refreshToken string
}

var invalidCode = oauthFailure("invalid_grant", "the code has expired or is invalid")

// redeem exchanges a code for a session, once.
func (s *store) redeem(code, invitationToken string, by redemption) (issued, *failure) {
	g, f := s.use(code, by)
	if f != nil {
		return issued{}, f
	}
	if u, ok := s.users.get(g.SignedIn.UserID); ok && invitationToken != "" {
		if f := s.invite(invitationToken, u, &g.SignedIn, by.now); f != nil {
			return issued{}, f
		}
	}
	out, f := s.newSession(g.SignedIn, by)
	if f == nil {
		// All that a second attempt is told apart by.
		*g = grant{ClientID: g.ClientID, Expires: g.Expires, Used: true, SessionID: out.claims.SessionID}
		s.grants.put(code, g)
	}
	return out, f
}

// use checks a code that is shown, and uses it up.
func (s *store) use(code string, by redemption) (*grant, *failure) {
	g, ok := s.grants.get(code)
	if !ok || g.ClientID != by.clientID {
		return nil, invalidCode
	}
	if g.Used {
		// Somebody else has the code: what it was exchanged for is not to be
		// trusted any more (RFC 6749, section 4.1.2).
		s.sessions.remove(g.SessionID)
		return nil, oauthFailure("invalid_grant",
			"the code has already been used; the session it was exchanged for has ended")
	}
	if !by.now.Before(g.Expires) {
		return nil, invalidCode
	}
	// From here on it is this code's own client that asks. One attempt is all
	// it gets: a code whose verifier may be guessed at protects nothing.
	g.Used = true
	s.grants.put(code, g)
	switch {
	case by.redirectURI != "" && by.redirectURI != g.RedirectURI:
		return nil, oauthFailure("invalid_grant", "redirect_uri is not the one the code was sent to")
	case g.Challenge == "" && by.verifier != "":
		return nil, badRequest("code_challenge_not_found", "a code_verifier was sent, but the authorization request had no code_challenge")
	case g.Challenge != "" && by.verifier == "":
		return nil, oauthFailure("invalid_request",
			"code_verifier is required: the authorization request had a code_challenge")
	case g.Challenge != "" && subtle.ConstantTimeCompare([]byte(challengeOf(by.verifier)), []byte(g.Challenge)) != 1:
		return nil, oauthFailure("invalid_grant", "code_verifier does not match the code_challenge")
	}
	return g, nil
}

// checkMember refuses an organisation that a user cannot sign in to.
func (s *store) checkMember(userID, organizationID string) *failure {
	if _, ok := s.organizations.get(organizationID); !ok {
		return oauthFailure("organization_not_found", "this emulator has no organization "+organizationID)
	}
	if m, ok := s.membership(userID, organizationID); !ok || m.Status != statusActive {
		return oauthFailure("organization_membership_not_found", "the user is not a member of "+organizationID)
	}
	return nil
}

// newSession begins a session for somebody who has shown all that is asked for.
func (s *store) newSession(in signedIn, by redemption) (issued, *failure) {
	u, ok := s.users.get(in.UserID)
	if !ok {
		return issued{}, oauthFailure("invalid_grant", "the user is not there any more")
	}
	if f := s.acceptInvited(&in, u, by.now); f != nil {
		return issued{}, f
	}
	if in.OrganizationID != "" {
		if f := s.checkMember(u.ID, in.OrganizationID); f != nil {
			return issued{}, f
		}
	}
	u.LastSignInAt = in.AuthTime
	s.users.put(u.ID, u)
	if in.IPAddress == "" {
		in.IPAddress = by.ipAddress
	}
	if in.UserAgent == "" {
		in.UserAgent = by.userAgent
	}
	n := &session{
		ID: newID("session_", by.now), ClientID: by.clientID, signedIn: in,
		Public: by.public, RefreshToken: secret(),
		CreatedAt: by.now, UpdatedAt: by.now,
	}
	if u.Impersonator != nil {
		n.Method = methodImpersonation
	}
	n.newToken(by)
	s.sessions.put(n.ID, n)
	return s.issued(n, u, by), nil
}

// issued is what a session's client has to know of it.
func (s *store) issued(n *session, u *user, by redemption) issued {
	return issued{
		user: userResponse(u), method: n.Method, impersonator: u.Impersonator,
		claims: s.claims(n, u, by.issuer), refreshToken: n.RefreshToken,
	}
}

// rotate exchanges a refresh token for the next pair, in the same organisation
// or in the one that is asked for. The old token is dead from then on, except
// that within refreshGrace, and as long as its successor was not exchanged in
// turn, it gives the very same pair again. A token that comes later is refused,
// but does not end the session: WorkOS does not say that it would. Nor does an
// organisation that is refused, which leaves the token as it was.
func (s *store) rotate(token, organizationID string, by redemption) (issued, *failure) {
	n, ok := s.sessions.by(refreshKey(token))
	if !ok || n.ClientID != by.clientID {
		return issued{}, oauthFailure("invalid_grant", "invalid refresh token")
	}
	if by.public && !n.Public {
		return issued{}, oauthFailure("invalid_client",
			"client_secret is missing; only a session begun without one is refreshed without one")
	}
	u, ok := s.users.get(n.UserID)
	if !ok || !by.now.Before(n.expires()) {
		s.sessions.remove(n.ID)
		return issued{}, oauthFailure("invalid_grant", "the session has ended")
	}
	if organizationID != "" {
		if f := s.checkMember(n.UserID, organizationID); f != nil {
			return issued{}, f
		}
	}
	if token == n.PreviousToken {
		// The same pair cannot be for another organisation.
		if by.now.Before(n.UpdatedAt) || !by.now.Before(n.UpdatedAt.Add(refreshGrace)) || organizationID != "" && organizationID != n.OrganizationID {
			return issued{}, oauthFailure("invalid_grant", "refresh token already exchanged")
		}
		return s.issued(n, u, by), nil
	}
	if organizationID != "" {
		n.OrganizationID = organizationID
	}
	if s.checkMember(n.UserID, n.OrganizationID) != nil {
		n.OrganizationID = "" // not any more
	}
	n.PreviousToken, n.RefreshToken, n.UpdatedAt = n.RefreshToken, secret(), by.now
	n.newToken(by)
	s.sessions.put(n.ID, n)
	s.sessions.touch(n.ID)
	return s.issued(n, u, by), nil
}

// newToken makes another access token of a session.
func (n *session) newToken(by redemption) {
	n.TokenIssuedAt, n.TokenExpiresAt = by.issuedAt.Unix(), by.issuedAt.Add(by.lifetime).Unix()
}

// claims are what a session's access token says.
func (s *store) claims(n *session, u *user, issuer string) claims {
	c := claims{
		Issuer: issuer, Subject: u.ID, SessionID: n.ID,
		TokenID:  stableID("", n.RefreshToken), // one for each pair, and no way back
		IssuedAt: n.TokenIssuedAt, Expires: n.TokenExpiresAt,
		AuthTime: n.AuthTime.Unix(), ClientID: n.ClientID,
	}
	if m, ok := s.membership(u.ID, n.OrganizationID); ok && m.Status == statusActive {
		o, _ := s.organizations.get(m.OrganizationID)
		c.OrganizationID, c.Role, c.Roles, c.Permissions = m.OrganizationID, m.Role, slugs(m.Roles), s.permissionsOf(m)
		c.Entitlements, c.FeatureFlags = slugs(o.Entitlements), slugs(o.FeatureFlags)
	}
	if u.Impersonator != nil {
		c.Actor = &actor{Subject: u.Impersonator.Email}
	}
	return c
}

// permissionsOf are a member's own permissions and those of the roles, each once.
func (s *store) permissionsOf(m *membership) []string {
	all := slugs(m.Permissions)
	for _, slug := range m.Roles {
		if r, ok := s.role(m.OrganizationID, slug); ok {
			for _, p := range r.Permissions {
				if !slices.Contains(all, p) {
					all = append(all, p)
				}
			}
		}
	}
	return all
}

// role gives an organisation's own role of a name, or the environment's.
func (s *store) role(organizationID, slug string) (*role, bool) {
	if r, ok := s.roles.by(roleKey(organizationID, slug)); ok {
		return r, true
	}
	return s.roles.by(roleKey("", slug))
}

// slugs makes a claim that is there when it is empty, too.
func slugs(all []string) []string { return append([]string{}, all...) }

// challengeOf is the S256 challenge of a code verifier (RFC 7636, section 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Why an object cannot be made.
func full(what string, max int) *failure {
	return apiFailure(http.StatusInsufficientStorage, "emulator_full",
		fmt.Sprintf("this local AuthKit holds %d %s and no more; reset or restart it", max, what))
}
