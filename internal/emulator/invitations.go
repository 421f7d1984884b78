package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	statusActive   = "active"
	statusInactive = "inactive"
	statusPending  = "pending"
	statusAccepted = "accepted"
	statusRevoked  = "revoked"
	statusExpired  = "expired"

	defaultInvitation = 7 // days
	maxInvitation     = 30

	// invitationCookie brings an invitation from the link in a mail to the next
	// authorization request, which the app makes without knowing of it.
	invitationCookie = "authkit_invitation"
)

// state is what an invitation is by now.
func (i *invitation) state(now time.Time) string {
	if i.State == statusPending && !now.Before(i.Expires) {
		return statusExpired
	}
	return i.State
}

// openInvitation gives the invitation of a token that can still be accepted.
func (s *store) openInvitation(token string, now time.Time) (*invitation, *failure) {
	i, ok := s.invitations.by("token:" + token)
	if !ok || i.state(now) != statusPending {
		return nil, oauthFailure("invitation_invalid", "the invitation was accepted or revoked, or has expired, or never was")
	}
	return i, nil
}

// invite takes note of the invitation that a sign-in comes by. It is for that
// email alone, and is accepted when nothing is missing of the sign-in any more.
func (s *store) invite(token string, u *user, in *signedIn, now time.Time) *failure {
	i, f := s.openInvitation(token, now)
	if f != nil {
		return f
	}
	if !strings.EqualFold(i.Email, u.Email) {
		return oauthFailure("invitation_cannot_be_used_for_email", "the invitation is for another email than "+u.Email)
	}
	in.InvitationID = i.ID
	if in.OrganizationID == "" {
		in.OrganizationID = i.OrganizationID
	}
	return nil
}

// acceptInvited accepts the invitation of a sign-in that is complete, if it came by
// one.
func (s *store) acceptInvited(in *signedIn, u *user, now time.Time) *failure {
	if in.InvitationID == "" {
		return nil
	}
	i, ok := s.invitations.get(in.InvitationID)
	if !ok || i.state(now) != statusPending {
		return oauthFailure("invitation_invalid", "the invitation was accepted or revoked meanwhile, or has expired")
	}
	if !strings.EqualFold(i.Email, u.Email) {
		return oauthFailure("invitation_cannot_be_used_for_email", "the invitation is for another email than "+u.Email)
	}
	in.InvitationID = ""
	// Who has the token has the email that it was sent to.
	s.verified(u, in.Method, now)
	s.accept(i, u, now)
	return nil
}

// accept makes a user what an invitation offers.
func (s *store) accept(i *invitation, u *user, now time.Time) {
	i.State, i.AcceptedUserID, i.AcceptedAt, i.UpdatedAt = statusAccepted, u.ID, now, now
	s.invitations.put(i.ID, i)
	if i.OrganizationID == "" {
		return
	}
	roles := []string{"member"}
	if i.Role != "" {
		roles = []string{i.Role}
	}
	s.join(u.ID, i.OrganizationID, roles, now)
}

// invitationFromCookie gives the token that a link in a mail has left.
func invitationFromCookie(r *http.Request) string {
	cookie, err := r.Cookie(invitationCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// forgetInvitation takes it out of the browser: it has been used, by the right
// person or not, and the next sign-in is one like any other.
func (c *call) forgetInvitation() {
	http.SetCookie(c.w, &http.Cookie{Name: invitationCookie, Path: "/user_management/authorize", MaxAge: -1})
}

// invitationPage serves GET /invitation, where the link in the mail leads: it
// remembers the invitation and sends its reader to the app, to sign in there.
func (e *Emulator) invitationPage(c *call) {
	query, _ := url.ParseQuery(c.r.URL.RawQuery) // what cannot be read is no token
	c.note(query)
	token := query.Get("invitation_token")
	e.within(c, func() func() {
		i, f := e.store.openInvitation(token, c.now)
		if f != nil {
			return func() {
				c.errorPage(http.StatusBadRequest, errorPage{
					Title: "This invitation is over", Text: sentence(f.text),
					Fixes: []string{"Ask for another one."},
				})
			}
		}
		page := noticePage{
			Title: "You are invited", Link: e.signInURL(),
			Text: "Sign in or sign up as " + i.Email + " in the app to accept the invitation.",
		}
		if o, ok := e.store.organizations.get(i.OrganizationID); ok {
			page.Text = "Sign in or sign up as " + i.Email + " in the app to join " + o.Name + "."
		}
		return func() {
			http.SetCookie(c.w, &http.Cookie{
				Name: invitationCookie, Value: token, Path: "/user_management/authorize", MaxAge: int(pendingLifetime.Seconds()),
				HttpOnly: true, SameSite: http.SameSiteLaxMode,
			})
			c.page(http.StatusOK, "invitation of "+i.Email, "notice.html", page)
		}
	})
}

type invitationObject struct {
	Object         string  `json:"object"`
	ID             string  `json:"id"`
	Email          string  `json:"email"`
	State          string  `json:"state"`
	AcceptedAt     *string `json:"accepted_at"`
	RevokedAt      *string `json:"revoked_at"`
	ExpiresAt      string  `json:"expires_at"`
	OrganizationID *string `json:"organization_id"`
	InviterUserID  *string `json:"inviter_user_id"`
	AcceptedUserID *string `json:"accepted_user_id"`
	RoleSlug       *string `json:"role_slug"`
	Token          string  `json:"token"`
	AcceptURL      string  `json:"accept_invitation_url"`
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
}

func invitationURL(base string, i *invitation) string {
	return base + "/invitation?" + url.Values{"invitation_token": {i.Token}}.Encode()
}

func (c *call) invitationResponse(i *invitation) invitationObject {
	return invitationObject{
		Object: "invitation", ID: i.ID, Email: i.Email, State: i.state(c.now),
		AcceptedAt: timeOrNull(i.AcceptedAt), RevokedAt: timeOrNull(i.RevokedAt), ExpiresAt: timestamp(i.Expires),
		OrganizationID: orNull(i.OrganizationID), InviterUserID: orNull(i.InviterUserID), AcceptedUserID: orNull(i.AcceptedUserID),
		RoleSlug: orNull(i.Role), Token: i.Token, AcceptURL: invitationURL(c.base(), i),
		CreatedAt: timestamp(i.CreatedAt), UpdatedAt: timestamp(i.UpdatedAt),
	}
}

func (e *Emulator) listInvitations(c *call, in fields) (any, *failure) {
	email, organizationID := in.query.Get("email"), in.query.Get("organization_id")
	out := []*invitation{}
	for _, i := range e.store.invitations.all() {
		if (email == "" || strings.EqualFold(i.Email, email)) && (organizationID == "" || i.OrganizationID == organizationID) {
			out = append(out, i)
		}
	}
	return page(in, out, func(i *invitation) string { return i.ID }, func(i *invitation) any { return c.invitationResponse(i) })
}

func (e *Emulator) createInvitation(c *call, in fields) (any, *failure) {
	i := &invitation{
		ID: newID("invitation_", c.now), Email: in.text("email"), State: statusPending, OrganizationID: in.text("organization_id"),
		InviterUserID: in.text("inviter_user_id"), Role: in.text("role_slug"), Token: secret(), CreatedAt: c.now, UpdatedAt: c.now,
	}
	days := in.number("expires_in_days", defaultInvitation)
	if f := in.check("email"); f != nil {
		return nil, f
	}
	i.Expires = c.now.AddDate(0, 0, days)
	if f := e.checkInvitation(i, days, c.now); f != nil {
		return nil, f
	}
	if e.store.invitations.full() {
		return nil, full("invitations", maxInvitations)
	}
	e.store.invitations.put(i.ID, i)
	e.sendInvitation(c.base(), i, c.now)
	return c.invitationResponse(i), nil
}

func (e *Emulator) checkInvitation(i *invitation, days int, now time.Time) *failure {
	u, known := e.store.users.by(emailKey(i.Email))
	switch {
	case !emailAddress(i.Email):
		return invalidParameters("email must be an email")
	case days < 1:
		return badRequest("expires_in_days_too_short", "expires_in_days must be at least 1")
	case days > maxInvitation:
		return badRequest("expires_in_days_too_long", "expires_in_days must be at most 30")
	case i.OrganizationID == "" && known:
		return badRequest("user_already_exists", "there is an account with this email already")
	}
	if _, ok := e.store.users.get(i.InviterUserID); i.InviterUserID != "" && !ok {
		return notFound("User", i.InviterUserID)
	}
	if i.OrganizationID != "" {
		if _, ok := e.store.organizations.get(i.OrganizationID); !ok {
			return notFound("Organization", i.OrganizationID)
		}
		if known {
			if m, member := e.store.membership(u.ID, i.OrganizationID); member && m.Status != statusInactive {
				return badRequest("user_already_organization_member", "the user is a member of the organization already")
			}
		}
	}
	if i.Role != "" {
		if _, ok := e.store.role(i.OrganizationID, i.Role); !ok {
			return badRequest("invalid_role", "there is no role "+i.Role)
		}
	}
	for _, other := range e.store.invitations.allBy(emailKey(i.Email)) {
		if other.OrganizationID == i.OrganizationID && other.state(now) == statusPending {
			if i.OrganizationID != "" {
				return badRequest("email_already_invited_to_organization", "this email has an open invitation to the organization")
			}
			return badRequest("email_already_invited", "this email has an open invitation")
		}
	}
	return nil
}

func (e *Emulator) sendInvitation(base string, i *invitation, now time.Time) {
	to := "the app"
	if o, ok := e.store.organizations.get(i.OrganizationID); ok {
		to = o.Name
	}
	e.store.send(Message{
		To: i.Email, Kind: "invitation", Subject: "You are invited to " + to, Link: invitationURL(base, i),
		Body: "Accept the invitation: " + invitationURL(base, i),
	}, now)
}

// invitation gives the invitation whose id is in the path.
func (e *Emulator) invitation(c *call) (*invitation, *failure) {
	i, ok := e.store.invitations.get(c.params["id"])
	if !ok {
		return nil, notFound("Invitation", c.params["id"])
	}
	return i, nil
}

func (e *Emulator) getInvitation(c *call, _ fields) (any, *failure) {
	i, f := e.invitation(c)
	if f != nil {
		return nil, f
	}
	return c.invitationResponse(i), nil
}

func (e *Emulator) getInvitationByToken(c *call, _ fields) (any, *failure) {
	i, ok := e.store.invitations.by("token:" + c.params["token"])
	if !ok {
		return nil, notFound("Invitation", "token")
	}
	return c.invitationResponse(i), nil
}

func (e *Emulator) acceptInvitation(c *call, _ fields) (any, *failure) {
	i, f := e.invitation(c)
	if f != nil {
		return nil, f
	}
	u, ok := e.store.users.by(emailKey(i.Email))
	switch {
	case i.state(c.now) != statusPending:
		return nil, badRequest("invite_not_pending", "the invitation is "+i.state(c.now))
	case !ok:
		return nil, badRequest("invalid_invite", "there is no account with the email of the invitation")
	}
	e.store.accept(i, u, c.now)
	return c.invitationResponse(i), nil
}

func (e *Emulator) resendInvitation(c *call, _ fields) (any, *failure) {
	i, f := e.invitation(c)
	if f != nil {
		return nil, f
	}
	if code, over := map[string]string{
		statusExpired: "invite_expired", statusRevoked: "invite_revoked", statusAccepted: "invite_accepted",
	}[i.state(c.now)]; over {
		return nil, badRequest(code, "the invitation is "+i.state(c.now))
	}
	i.UpdatedAt = c.now
	e.store.invitations.put(i.ID, i)
	e.sendInvitation(c.base(), i, c.now)
	return c.invitationResponse(i), nil
}

func (e *Emulator) revokeInvitation(c *call, _ fields) (any, *failure) {
	i, f := e.invitation(c)
	if f != nil {
		return nil, f
	}
	if i.state(c.now) != statusPending {
		return nil, badRequest("invite_not_pending", "the invitation is "+i.state(c.now))
	}
	i.State, i.RevokedAt, i.UpdatedAt = statusRevoked, c.now, c.now
	e.store.invitations.put(i.ID, i)
	return c.invitationResponse(i), nil
}
