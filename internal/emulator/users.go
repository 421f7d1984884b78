package emulator

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// userObject is a user as WorkOS shows one. The SDK raises when a key is
// missing, so every key is there, null or not.
type userObject struct {
	Object            string            `json:"object"`
	ID                string            `json:"id"`
	Email             string            `json:"email"`
	EmailVerified     bool              `json:"email_verified"`
	FirstName         *string           `json:"first_name"`
	LastName          *string           `json:"last_name"`
	Name              *string           `json:"name"`
	ProfilePictureURL *string           `json:"profile_picture_url"`
	ExternalID        *string           `json:"external_id"`
	Locale            *string           `json:"locale"`
	Metadata          map[string]string `json:"metadata"`
	LastSignInAt      *string           `json:"last_sign_in_at"`
	CreatedAt         string            `json:"created_at"`
	UpdatedAt         string            `json:"updated_at"`
}

func userResponse(u *user) userObject {
	out := userObject{
		Object: "user", ID: u.ID, Email: u.Email, EmailVerified: u.EmailVerified,
		FirstName: orNull(u.FirstName), LastName: orNull(u.LastName),
		Name:              orNull(strings.TrimSpace(u.FirstName + " " + u.LastName)),
		ProfilePictureURL: orNull(u.ProfilePictureURL), ExternalID: orNull(u.ExternalID),
		Locale: orNull(u.Locale), Metadata: u.Metadata, LastSignInAt: timeOrNull(u.LastSignInAt),
		CreatedAt: timestamp(u.CreatedAt), UpdatedAt: timestamp(u.UpdatedAt),
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	return out
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// timestamp writes a time as WorkOS does: UTC with milliseconds.
func timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return orNull(timestamp(t))
}

// user gives the user whose id is in the path.
func (e *Emulator) user(c *call) (*user, *failure) {
	u, ok := e.store.users.get(c.params["id"])
	if !ok {
		return nil, notFound("User", c.params["id"])
	}
	return u, nil
}

// weakPassword says what is wrong with a new password.
func weakPassword(text string) string {
	switch n := utf8.RuneCountInString(text); {
	case n < minPassword:
		return "The password needs at least 8 characters."
	case n > maxPassword:
		return "The password can have 256 characters."
	}
	return ""
}

func (e *Emulator) listUsers(_ *call, in fields) (any, *failure) {
	all := e.store.users.all()
	if email := in.query.Get("email"); email != "" {
		all = e.store.users.allBy(emailKey(email))
	}
	organizationID := in.query.Get("organization_id")
	if organizationID == "" {
		organizationID = in.query.Get("organization")
	}
	if organizationID != "" {
		members := all[:0:0]
		for _, u := range all {
			if _, ok := e.store.membership(u.ID, organizationID); ok {
				members = append(members, u)
			}
		}
		all = members
	}
	return page(in, all, func(u *user) string { return u.ID }, func(u *user) any { return userResponse(u) })
}

func (e *Emulator) createUser(c *call, in fields) (any, *failure) {
	u := &user{CreatedAt: c.now, UpdatedAt: c.now}
	if f := e.change(u, in, c.now); f != nil {
		return nil, f
	}
	if f := in.check("email"); f != nil {
		return nil, f
	}
	if e.store.users.full() {
		return nil, full("accounts", maxAccounts)
	}
	u.ID = newID("user_", c.now)
	e.store.users.put(u.ID, u)
	return userResponse(u), nil
}

func (e *Emulator) getUser(c *call, _ fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	return userResponse(u), nil
}

func (e *Emulator) getUserByExternalID(c *call, _ fields) (any, *failure) {
	u, ok := e.store.users.by("external:" + c.params["external_id"])
	if !ok {
		return nil, notFound("User", c.params["external_id"])
	}
	return userResponse(u), nil
}

func (e *Emulator) updateUser(c *call, in fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	changed := *u
	changed.UpdatedAt = c.now
	if f := e.change(&changed, in, c.now); f != nil {
		return nil, f
	}
	*u = changed
	e.store.users.put(u.ID, u)
	return userResponse(u), nil
}

// change sets what a body says of a user, or says what is wrong with it.
func (e *Emulator) change(u *user, in fields, now time.Time) *failure {
	for name, target := range map[string]*string{
		"first_name": &u.FirstName, "last_name": &u.LastName, "external_id": &u.ExternalID, "locale": &u.Locale,
	} {
		if in.has(name) {
			*target = in.text(name)
		}
	}
	if in.given("name") && !in.given("first_name") && !in.given("last_name") {
		u.FirstName, u.LastName, _ = strings.Cut(in.text("name"), " ")
	}
	oldEmail := u.Email
	if in.given("email") {
		if u.Email = in.text("email"); u.Email == "" {
			in.complain("email", "an email")
		}
	}
	if in.given("email_verified") {
		u.EmailVerified = in.flag("email_verified")
	} else if !strings.EqualFold(u.Email, oldEmail) {
		u.EmailVerified = false
	}
	metadata, invalid := in.metadata(u.Metadata)
	u.Metadata = metadata
	text := in.text("password")
	if f := in.check(); f != nil {
		return f
	}
	if invalid != nil {
		return invalid
	}
	if in.given("password_hash") {
		if text != "" {
			return badRequest("password_and_password_hash_provided", "password and password_hash exclude each other")
		}
		return apiFailure(http.StatusNotImplemented, "not_served_by_emulator", "this local AuthKit imports no password hashes; pass password")
	}
	if u.Email != "" {
		other, taken := e.store.users.by(emailKey(u.Email))
		switch taken = taken && other.ID != u.ID; {
		case !emailAddress(u.Email) && u.ID == "":
			return userCreationError("email_invalid", "email is not an email address")
		case !emailAddress(u.Email):
			return badRequest("invalid_email", "email is not an email address")
		case taken && u.ID == "":
			return userCreationError("email_not_available", "there is an account with this email already")
		case taken:
			return badRequest("email_not_available", "there is an account with this email already")
		}
	}
	if u.ExternalID != "" {
		switch other, taken := e.store.users.by("external:" + u.ExternalID); {
		case taken && u.ID == "":
			return userCreationError("external_id_already_used", "another user has this external_id")
		case taken && other.ID != u.ID:
			return badRequest("external_id_already_used", "another user has this external_id")
		}
	}
	if text != "" {
		if wrong := weakPassword(text); wrong != "" {
			return badRequest("password_strength_error", wrong).
				with("errors", []any{map[string]string{"code": "password_too_weak", "message": wrong}})
		}
		u.Password = hashed(text)
	}
	return nil
}

func userCreationError(code, message string) *failure {
	return badRequest("user_creation_error", "the user could not be created: "+message).
		with("errors", []any{map[string]string{"code": code, "message": message}})
}

func (e *Emulator) deleteUser(c *call, _ fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	e.store.removeUser(u.ID)
	return nil, nil
}

type identityObject struct {
	ID       string `json:"idp_id"`
	Type     string `json:"type"`
	Provider string `json:"provider"`
}

// listIdentities gives a list without anything around it, as WorkOS does.
func (e *Emulator) listIdentities(c *call, _ fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	out := []identityObject{}
	for _, i := range u.Identities {
		provider := i.Provider
		if provider == "GitHubOAuth" { // so it is called here, and nowhere else
			provider = "GithubOAuth"
		}
		out = append(out, identityObject{i.ID, "OAuth", provider})
	}
	return out, nil
}

// The names of authentication methods in a session.
var sessionMethods = map[string]string{
	methodPassword: "password", methodMagicAuth: "magic_code", methodSSO: "sso", methodImpersonation: "impersonation",
}

type sessionObject struct {
	Object         string              `json:"object"`
	ID             string              `json:"id"`
	UserID         string              `json:"user_id"`
	OrganizationID string              `json:"organization_id,omitempty"`
	Status         string              `json:"status"`
	AuthMethod     string              `json:"auth_method"`
	Impersonator   *impersonatorObject `json:"impersonator,omitempty"`
	IPAddress      *string             `json:"ip_address"`
	UserAgent      *string             `json:"user_agent"`
	ExpiresAt      string              `json:"expires_at"`
	EndedAt        *string             `json:"ended_at"`
	CreatedAt      string              `json:"created_at"`
	UpdatedAt      string              `json:"updated_at"`
}

func (s *store) sessionResponse(n *session) sessionObject {
	method, ok := sessionMethods[n.Method]
	if !ok {
		method = "oauth"
	}
	out := sessionObject{
		Object: "session", ID: n.ID, UserID: n.UserID, OrganizationID: n.OrganizationID, Status: "active", AuthMethod: method,
		IPAddress: orNull(n.IPAddress), UserAgent: orNull(n.UserAgent),
		ExpiresAt: timestamp(n.expires()), CreatedAt: timestamp(n.CreatedAt), UpdatedAt: timestamp(n.UpdatedAt),
	}
	if u, ok := s.users.get(n.UserID); ok && u.Impersonator != nil {
		out.Impersonator = impersonation(u.Impersonator)
	}
	return out
}

// listSessions gives the user's sessions that have not ended; no others are kept.
func (e *Emulator) listSessions(c *call, in fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	live := []*session{}
	for _, n := range e.store.sessions.allBy(userKey(u.ID)) {
		if c.now.Before(n.expires()) {
			live = append(live, n)
		}
	}
	return page(in, live, func(n *session) string { return n.ID }, func(n *session) any { return e.store.sessionResponse(n) })
}

func (e *Emulator) revokeSession(_ *call, in fields) (any, *failure) {
	id := in.text("session_id")
	if f := in.check("session_id"); f != nil {
		return nil, f
	}
	n, ok := e.store.sessions.get(id)
	if !ok {
		return nil, badRequest("session_not_found", "there is no session "+id+", or it has ended")
	}
	out := e.store.sessionResponse(n)
	out.Status = "revoked"
	e.store.sessions.remove(id)
	return out, nil
}
