package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
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
}

// Invitation asks somebody to sign up, or to join an organisation.
type Invitation struct {
	Email          string
	OrganizationID string
	InviterUserID  string
	// Role is the slug of what they are to be there. Empty: "member".
	Role string
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
}

// Permission is something that a role can allow.
type Permission struct {
	Slug        string
	Name        string
	Description string
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

// checkSeeds names what is wrong with the objects that were given.
func (e *Emulator) checkSeeds() error {
	organizations, emails := map[string]bool{}, map[string]bool{}
	for i := range e.Organizations {
		o := &e.Organizations[i]
		if o.ID == "" && o.Name != "" {
			o.ID = stableID("org_", o.Name)
		}
		if o.ID == "" || o.Name == "" || organizations[o.ID] {
			return fmt.Errorf("organization %q (%s): an organization has an ID of its own and a name", o.ID, o.Name)
		}
		organizations[o.ID] = true
	}
	for _, u := range e.Users {
		email := strings.ToLower(u.Email)
		if email == "" || emails[email] {
			return fmt.Errorf("user %q: a user has an email of their own", u.Email)
		}
		emails[email] = true
		if err := checkMemberships(u, organizations); err != nil {
			return err
		}
		if u.TOTPSecret != "" && !validSecret(u.TOTPSecret) {
			return fmt.Errorf("user %q: the TOTP secret is not base32 (RFC 4648)", u.Email)
		}
	}
	for _, r := range e.Roles {
		if r.Slug == "" || r.OrganizationID != "" && !organizations[r.OrganizationID] {
			return fmt.Errorf("role %q: a role has a slug, and its organization %q is one of these here", r.Slug, r.OrganizationID)
		}
	}
	for _, p := range e.Permissions {
		if p.Slug == "" {
			return fmt.Errorf("permission %q: a permission has a slug", p.Name)
		}
	}
	for _, i := range e.Invitations {
		if !emailAddress(i.Email) || i.OrganizationID != "" && !organizations[i.OrganizationID] {
			return fmt.Errorf("invitation of %q to %q: it has an email, and its organization is one of these here", i.Email, i.OrganizationID)
		}
	}
	for _, c := range e.Connections {
		if !organizations[c.OrganizationID] {
			return fmt.Errorf("connection %q is of %q, which is no organization here", c.Name, c.OrganizationID)
		}
	}
	return nil
}

func checkMemberships(u User, organizations map[string]bool) error {
	seen := map[string]bool{}
	for _, m := range u.Memberships {
		switch {
		case !organizations[m.OrganizationID]:
			return fmt.Errorf("user %q is a member of %q, which is no organization here", u.Email, m.OrganizationID)
		case seen[m.OrganizationID]:
			return fmt.Errorf("user %q is a member of %q twice", u.Email, m.OrganizationID)
		case !slices.Contains([]string{"", statusActive, statusInactive, statusPending}, m.Status):
			return fmt.Errorf("user %q in %q: the status %q is none of active, inactive and pending", u.Email, m.OrganizationID, m.Status)
		case m.Roles != nil && !slices.Contains(m.Roles, m.role()):
			return fmt.Errorf("user %q in %q: the role %q is not among the roles", u.Email, m.OrganizationID, m.role())
		}
		seen[m.OrganizationID] = true
	}
	return nil
}

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
	for _, slug := range []string{"admin", "member"} {
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
	}
	for _, c := range e.Connections {
		n := &connection{
			ID: c.ID, OrganizationID: c.OrganizationID, Name: c.Name, Type: c.Type, Domains: c.Domains, Required: c.Required,
			CreatedAt: now, UpdatedAt: now,
		}
		if n.ID == "" {
			n.ID = stableID("conn_", c.OrganizationID)
		}
		if n.Type == "" {
			n.Type = "GenericSAML"
		}
		s.connections.put(n.ID, n)
	}
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
