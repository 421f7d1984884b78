package emulator

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
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
	// TOTPSecret is the base32 secret of an authentication factor that the user
	// has. Empty: the user has none.
	TOTPSecret string

	at *yaml.Node // in a file of seeds, for its line; so below
}

// Impersonator is somebody of the app's own people who looks at it as one of
// its users.
type Impersonator struct {
	Email  string
	Reason string
}

// Organization is a customer of the app, whose members are users.
type Organization struct {
	// ID is the organisation's id ("org_..."). Empty: made from the name.
	ID         string
	Name       string
	ExternalID string
	Domains    []Domain
	Metadata   map[string]string
	// Entitlements and FeatureFlags are what its members' tokens say of them.
	Entitlements []string
	FeatureFlags []string

	at *yaml.Node
}

// Domain is a part of the email addresses of an organisation's people.
type Domain struct {
	Name string
	// Pending says that it is not verified yet.
	Pending bool
}

// Membership is a user's place in an organisation.
type Membership struct {
	// OrganizationID is the id of the organisation.
	OrganizationID string
	// Role is the slug of the member's role. Empty: "member".
	Role string
	// Roles are all the member's roles. Nil: Role alone.
	Roles []string
	// Permissions are the member's own, beside those of the roles.
	Permissions []string
	// Status is active, inactive or pending. Empty: active.
	Status string

	at *yaml.Node
}

// Invitation asks somebody to sign up, or to join an organisation.
type Invitation struct {
	Email          string
	OrganizationID string
	InviterUserID  string
	// Role is the slug of what they are to be there. Empty: "member".
	Role string

	at *yaml.Node
}

// Role is what members can be.
type Role struct {
	Slug        string
	Name        string
	Description string
	// OrganizationID is whose role it is. Empty: every organisation's.
	OrganizationID string
	// Permissions are the slugs of what the role allows.
	Permissions []string

	at *yaml.Node
}

// Permission is something that a role can allow.
type Permission struct {
	Slug        string
	Name        string
	Description string

	at *yaml.Node
}

// Connection is an organisation's identity provider. Here it is a page on which
// one of the organisation's people is picked.
type Connection struct {
	// ID is the connection's id ("conn_..."). Empty: made from the organisation's.
	ID             string
	OrganizationID string
	Name           string
	// Type is WorkOS's name for the kind. Empty: "GenericSAML".
	Type string
	// Domains are of email addresses whose people can sign in by it.
	Domains []string
	// Required says that these people sign in by it and not otherwise.
	Required bool

	at *yaml.Node
}

func (m Membership) role() string {
	if m.Role == "" {
		return "member"
	}
	return m.Role
}

func (m Membership) roles() []string {
	if m.Roles == nil {
		return []string{m.role()}
	}
	return slugs(m.Roles)
}

// environmentRoles are there without being seeded.
var environmentRoles = []string{"admin", "member"}

// plant puts the objects that were given into an empty store.
func (e *Emulator) plant() {
	s, now := e.store, e.now()
	for _, o := range e.Organizations {
		n := &organization{
			ID: o.ID, Name: o.Name, ExternalID: o.ExternalID, Metadata: o.Metadata,
			Entitlements: o.Entitlements, FeatureFlags: o.FeatureFlags, CreatedAt: now, UpdatedAt: now,
		}
		for _, d := range o.Domains {
			n.Domains = append(n.Domains, newDomain(d.Name, !d.Pending, now))
		}
		s.organizations.put(n.ID, n)
	}
	for _, p := range e.Permissions {
		s.addPermission(p, now)
	}
	roles := e.Roles
	for _, slug := range environmentRoles {
		if !slices.ContainsFunc(roles, func(r Role) bool { return r.Slug == slug && r.OrganizationID == "" }) {
			roles = append([]Role{{Slug: slug}}, roles...)
		}
	}
	for _, r := range roles {
		s.addRole(r, now)
	}
	for _, u := range e.Users {
		s.addSeed(u, now)
	}
	for _, i := range e.Invitations {
		n := &invitation{
			ID: newID("invitation_", now), Email: i.Email, State: statusPending, OrganizationID: i.OrganizationID,
			InviterUserID: i.InviterUserID, Role: i.Role, Token: secret(), Expires: now.AddDate(0, 0, defaultInvitation),
			CreatedAt: now, UpdatedAt: now,
		}
		s.invitations.put(n.ID, n)
		e.unsent = append(e.unsent, n)
	}
	e.sendUnsent()
	for _, c := range e.Connections {
		n := &connection{
			ID: c.ID, OrganizationID: c.OrganizationID, Name: c.Name, Type: c.Type, Domains: c.Domains, Required: c.Required,
			CreatedAt: now, UpdatedAt: now,
		}
		if n.Type == "" {
			n.Type = "GenericSAML"
		}
		s.connections.put(n.ID, n)
	}
}

// sendUnsent sends the mail of seeded invitations, once it is known where their links
// lead.
func (e *Emulator) sendUnsent() {
	if e.base == "" {
		return
	}
	for _, i := range e.unsent {
		e.sendInvitation(e.base, i, e.now())
	}
	e.unsent = nil
}

// addSeed adds a user with everything that they have.
func (s *store) addSeed(u User, now time.Time) *user {
	n := &user{
		ID: u.ID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, EmailVerified: u.EmailVerified,
		ProfilePictureURL: u.ProfilePictureURL, ExternalID: u.ExternalID, Locale: u.Locale, Metadata: u.Metadata,
		Impersonator: u.Impersonator, CreatedAt: now, UpdatedAt: now,
	}
	if n.ID == "" {
		n.ID = s.freshID(u.Email, now)
	}
	if u.Password != "" {
		n.Password = hashed(u.Password)
	}
	s.users.put(n.ID, n)
	for _, m := range u.Memberships {
		id, status := stableID("om_", n.ID+m.OrganizationID), m.Status
		if status == "" {
			status = statusActive
		}
		s.memberships.put(id, &membership{
			ID: id, UserID: n.ID, OrganizationID: m.OrganizationID, Status: status,
			Role: m.role(), Roles: m.roles(), Permissions: m.Permissions, CreatedAt: now, UpdatedAt: now,
		})
	}
	if u.TOTPSecret != "" {
		id := stableID("auth_factor_", n.ID)
		s.factors.put(id, &factor{
			ID: id, UserID: n.ID, Issuer: totpIssuer, User: n.Email, Secret: strings.ToUpper(u.TOTPSecret),
			Confirmed: true, CreatedAt: now, UpdatedAt: now,
		})
	}
	return n
}

func (s *store) addRole(r Role, now time.Time) *role {
	n := &role{
		ID: newID("role_", now), Slug: r.Slug, Name: r.Name, Description: r.Description, OrganizationID: r.OrganizationID,
		Permissions: slugs(r.Permissions), CreatedAt: now, UpdatedAt: now,
	}
	if n.Name == "" {
		n.Name = strings.ToUpper(r.Slug[:1]) + r.Slug[1:]
	}
	for _, slug := range r.Permissions {
		if _, ok := s.permissions.by("slug:" + slug); !ok {
			s.addPermission(Permission{Slug: slug, Name: slug}, now)
		}
	}
	s.roles.put(n.ID, n)
	return n
}

func (s *store) addPermission(p Permission, now time.Time) *permission {
	n := &permission{ID: newID("perm_", now), Slug: p.Slug, Name: p.Name, Description: p.Description, CreatedAt: now, UpdatedAt: now}
	if n.Name == "" {
		n.Name = p.Slug
	}
	s.permissions.put(n.ID, n)
	return n
}
