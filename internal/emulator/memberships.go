package emulator

import (
	"net/http"
	"slices"
	"time"
)

type roleSlug struct {
	Slug string `json:"slug"`
}

type membershipObject struct {
	Object           string            `json:"object"`
	ID               string            `json:"id"`
	UserID           string            `json:"user_id"`
	OrganizationID   string            `json:"organization_id"`
	OrganizationName string            `json:"organization_name"`
	Status           string            `json:"status"`
	DirectoryManaged bool              `json:"directory_managed"`
	CustomAttributes map[string]string `json:"custom_attributes"`
	Role             roleSlug          `json:"role"`
	Roles            []roleSlug        `json:"roles"`
	User             userObject        `json:"user"`
	CreatedAt        string            `json:"created_at"`
	UpdatedAt        string            `json:"updated_at"`
}

func (s *store) membershipResponse(m *membership) membershipObject {
	o, _ := s.organizations.get(m.OrganizationID)
	u, _ := s.users.get(m.UserID)
	out := membershipObject{
		Object: "organization_membership", ID: m.ID, UserID: m.UserID, OrganizationID: m.OrganizationID, OrganizationName: o.Name,
		Status: m.Status, CustomAttributes: map[string]string{}, Role: roleSlug{m.Role}, Roles: []roleSlug{},
		User: userResponse(u), CreatedAt: timestamp(m.CreatedAt), UpdatedAt: timestamp(m.UpdatedAt),
	}
	for _, slug := range m.Roles {
		out.Roles = append(out.Roles, roleSlug{slug})
	}
	return out
}

// join makes a user an active member with these roles, also who was one before.
func (s *store) join(userID, organizationID string, roles []string, now time.Time) *membership {
	m, ok := s.membership(userID, organizationID)
	if !ok {
		return s.addMembership(userID, organizationID, roles, now)
	}
	m.Status, m.Role, m.Roles, m.UpdatedAt = statusActive, roles[0], roles, now
	s.memberships.put(m.ID, m)
	return m
}

func (s *store) addMembership(userID, organizationID string, roles []string, now time.Time) *membership {
	m := &membership{
		ID: newID("om_", now), UserID: userID, OrganizationID: organizationID, Status: statusActive,
		Role: roles[0], Roles: roles, CreatedAt: now, UpdatedAt: now,
	}
	s.memberships.put(m.ID, m)
	return m
}

func (e *Emulator) listMemberships(_ *call, in fields) (any, *failure) {
	userID, organizationID := in.query.Get("user_id"), in.query.Get("organization_id")
	if userID == "" && organizationID == "" {
		return nil, badRequest("missing_user_id_or_organization_id", "user_id or organization_id is required")
	}
	statuses := commaSeparated(in.query, "statuses")
	if len(statuses) == 0 {
		statuses = []string{statusActive, statusPending}
	}
	for _, status := range statuses {
		if status != statusActive && status != statusInactive && status != statusPending {
			return nil, badRequest("invalid_request_parameters", "statuses are active, inactive and pending")
		}
	}
	key := userKey(userID)
	if userID == "" {
		key = organizationKey(organizationID)
	}
	out := []*membership{}
	for _, m := range e.store.memberships.allBy(key) {
		if (organizationID == "" || m.OrganizationID == organizationID) && slices.Contains(statuses, m.Status) {
			out = append(out, m)
		}
	}
	return page(in, out, func(m *membership) string { return m.ID }, func(m *membership) any { return e.store.membershipResponse(m) })
}

// rolesIn gives the roles that a body asks for in an organisation.
func (e *Emulator) rolesIn(in fields, organizationID string) ([]string, *failure) {
	roles := in.texts("role_slugs")
	if slug := in.text("role_slug"); slug != "" {
		if roles != nil {
			return nil, invalidParameters("role_slug and role_slugs exclude each other")
		}
		roles = []string{slug}
	}
	if f := in.check(); f != nil {
		return nil, f
	}
	for _, slug := range roles {
		if _, ok := e.store.role(organizationID, slug); !ok {
			return nil, apiFailure(http.StatusUnprocessableEntity, "invalid_role", "there is no role "+slug)
		}
	}
	return roles, nil
}

func (e *Emulator) createMembership(c *call, in fields) (any, *failure) {
	userID, organizationID := in.text("user_id"), in.text("organization_id")
	if f := in.check("user_id", "organization_id"); f != nil {
		return nil, f
	}
	if _, ok := e.store.users.get(userID); !ok {
		return nil, notFound("User", userID)
	}
	if _, f := e.organization(organizationID); f != nil {
		return nil, f
	}
	roles, f := e.rolesIn(in, organizationID)
	if f != nil {
		return nil, f
	}
	if m, ok := e.store.membership(userID, organizationID); ok && m.Status != statusInactive {
		return nil, badRequest("organization_membership_already_exists", "the user is a member of the organization already")
	}
	if e.store.memberships.full() {
		return nil, full("memberships", maxMemberships)
	}
	if len(roles) == 0 {
		roles = []string{"member"}
	}
	return e.store.membershipResponse(e.store.join(userID, organizationID, roles, c.now)), nil
}

// theMembership gives the membership whose id is in the path.
func (e *Emulator) theMembership(c *call) (*membership, *failure) {
	m, ok := e.store.memberships.get(c.params["id"])
	if !ok {
		return nil, notFound("Organization membership", c.params["id"])
	}
	return m, nil
}

func (e *Emulator) getMembership(c *call, _ fields) (any, *failure) {
	m, f := e.theMembership(c)
	if f != nil {
		return nil, f
	}
	return e.store.membershipResponse(m), nil
}

func (e *Emulator) updateMembership(c *call, in fields) (any, *failure) {
	m, f := e.theMembership(c)
	if f != nil {
		return nil, f
	}
	roles, f := e.rolesIn(in, m.OrganizationID)
	if f != nil {
		return nil, f
	}
	if len(roles) > 0 {
		m.Role, m.Roles, m.UpdatedAt = roles[0], roles, c.now
		e.store.memberships.put(m.ID, m)
	}
	return e.store.membershipResponse(m), nil
}

func (e *Emulator) deleteMembership(c *call, _ fields) (any, *failure) {
	m, f := e.theMembership(c)
	if f != nil {
		return nil, f
	}
	e.store.memberships.remove(m.ID)
	return nil, nil
}

func (e *Emulator) deactivateMembership(c *call, _ fields) (any, *failure) {
	return e.setMembership(c, statusInactive, "cannot_deactivate_pending_organization_membership")
}

func (e *Emulator) reactivateMembership(c *call, _ fields) (any, *failure) {
	return e.setMembership(c, statusActive, "cannot_reactivate_pending_organization_membership")
}

func (e *Emulator) setMembership(c *call, status, whilePending string) (any, *failure) {
	m, f := e.theMembership(c)
	if f != nil {
		return nil, f
	}
	if m.Status == statusPending {
		return nil, badRequest(whilePending, "the membership is pending")
	}
	m.Status, m.UpdatedAt = status, c.now
	e.store.memberships.put(m.ID, m)
	return e.store.membershipResponse(m), nil
}
