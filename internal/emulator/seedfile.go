package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// seedFile is a file of seeds. It has all that the vendor's
// workos-emulate.config.yaml has, and more; JSON is YAML too.
type seedFile struct {
	Users         []seedUser         `yaml:"users"`
	Organizations []seedOrganization `yaml:"organizations"`
	Roles         []seedRole         `yaml:"roles"`
	Permissions   []seedPermission   `yaml:"permissions"`
	Connections   []seedConnection   `yaml:"connections"`
	Invitations   []seedInvitation   `yaml:"invitations"`

	RedirectURIs        []string      `yaml:"redirect_uris"`
	LogoutURIs          []string      `yaml:"logout_uris"`
	SignInURL           string        `yaml:"sign_in_url"`
	MFA                 string        `yaml:"mfa"` // optional or required
	Lenient             []string      `yaml:"lenient"`
	AccessTokenLifetime yamlDuration  `yaml:"access_token_lifetime"`
	Clock               yamlDuration  `yaml:"clock"` // how far it is ahead
	Failures            []seedFailure `yaml:"failures"`

	// The vendor's, which nothing here answers to.
	PipeConnections  []any `yaml:"pipeConnections"`
	WebhookEndpoints []any `yaml:"webhookEndpoints"`
}

type seedUser struct {
	ID                string            `yaml:"id"`
	Email             string            `yaml:"email"`
	Password          string            `yaml:"password"`
	FirstName         string            `yaml:"first_name"`
	LastName          string            `yaml:"last_name"`
	EmailVerified     bool              `yaml:"email_verified"`
	ProfilePictureURL string            `yaml:"profile_picture_url"`
	ExternalID        string            `yaml:"external_id"`
	Locale            string            `yaml:"locale"`
	Metadata          map[string]string `yaml:"metadata"`
	TOTPSecret        string            `yaml:"totp_secret"`
	Impersonator      *struct {
		Email  string `yaml:"email"`
		Reason string `yaml:"reason"`
	} `yaml:"impersonator"`
	Memberships []seedMembership `yaml:"memberships"`
}

// seedMembership stands at a user, with an organisation, or at an organisation,
// with a user.
type seedMembership struct {
	Organization reference `yaml:"organization"`
	User         reference `yaml:"user"`
	UserID       reference `yaml:"user_id"`
	Role         string    `yaml:"role"`
	Roles        []string  `yaml:"roles"`
	Permissions  []string  `yaml:"permissions"`
	Status       string    `yaml:"status"`
}

type seedOrganization struct {
	ID           string            `yaml:"id"`
	Name         string            `yaml:"name"`
	ExternalID   string            `yaml:"external_id"`
	Metadata     map[string]string `yaml:"metadata"`
	Domains      []seedDomain      `yaml:"domains"`
	Entitlements []string          `yaml:"entitlements"`
	FeatureFlags []string          `yaml:"feature_flags"`
	Memberships  []seedMembership  `yaml:"memberships"`
}

// seedDomain is a name, or a name with a state.
type seedDomain Domain

func (d *seedDomain) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		d.Name = node.Value
		return nil
	}
	var object struct {
		Domain string `yaml:"domain"`
		State  string `yaml:"state"`
	}
	if err := node.Decode(&object); err != nil {
		return err
	}
	if object.Domain == "" || object.State != "" && object.State != "verified" && object.State != statusPending {
		return seedError(node.Line, "a domain is a name, or has domain and state: verified or pending")
	}
	d.Name, d.Pending = object.Domain, object.State != "verified" // as the vendor has it
	return nil
}

type seedRole struct {
	Slug           string    `yaml:"slug"`
	Name           string    `yaml:"name"`
	Description    string    `yaml:"description"`
	Organization   reference `yaml:"organization"`
	OrganizationID reference `yaml:"organization_id"`
	Permissions    []string  `yaml:"permissions"`

	// The vendor's, which follow from the rest here.
	Type          string `yaml:"type"`
	IsDefaultRole bool   `yaml:"is_default_role"`
	Priority      int    `yaml:"priority"`
}

type seedPermission struct {
	Slug        string `yaml:"slug"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
}

type seedConnection struct {
	ID           string    `yaml:"id"`
	Name         string    `yaml:"name"`
	Organization reference `yaml:"organization"`
	Type         string    `yaml:"connection_type"`
	Domains      []string  `yaml:"domains"`
	Required     bool      `yaml:"required"`
	State        string    `yaml:"state"`
	Profiles     []any     `yaml:"profiles"` // the vendor's; whoever is picked has one here
}

type seedInvitation struct {
	Email          string    `yaml:"email"`
	Organization   reference `yaml:"organization"`
	OrganizationID reference `yaml:"organization_id"`
	Inviter        reference `yaml:"inviter"`
	InviterUserID  reference `yaml:"inviter_user_id"`
	Role           string    `yaml:"role"`
	RoleSlug       string    `yaml:"role_slug"`
}

type seedFailure struct {
	Method string `yaml:"method"`
	Path   string `yaml:"path"`
	Status int    `yaml:"status"`
	Delay  int    `yaml:"delay_ms"`
	Count  int    `yaml:"count"`
}

// reference names another object of the file, and knows where it does.
type reference struct {
	text string
	line int
}

func (r *reference) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return seedError(node.Line, "this is a name or an id")
	}
	r.text, r.line = node.Value, node.Line
	return nil
}

// or gives the reference, or another one where it is not there.
func (r reference) or(other reference) reference {
	if r.text == "" {
		return other
	}
	return r
}

// yamlDuration is a time such as 5m or -1h30m.
type yamlDuration time.Duration

func (d *yamlDuration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.ParseDuration(strings.TrimPrefix(node.Value, "+"))
	if err != nil {
		return seedError(node.Line, "a time is written as 90s, 5m or 1h30m")
	}
	*d = yamlDuration(parsed)
	return nil
}

// SeedError says what is wrong with a file of seeds, and where.
type SeedError struct {
	Line int // from 1; 0: nowhere in particular
	Text string
}

func (e *SeedError) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

func seedError(line int, format string, args ...any) *SeedError {
	return &SeedError{line, fmt.Sprintf(format, args...)}
}

// Seed takes users, organisations and what else a file of seeds has (YAML or
// JSON; docs/authkit.md says what), in place of those that are there when nothing
// is said. It is called before the first request. An error is a *SeedError. The
// notes say what of the file nothing here answers to.
func (e *Emulator) Seed(text []byte) (notes []string, err error) {
	var f seedFile
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, inYAML(err)
	}
	if f.Users != nil || f.Organizations != nil {
		e.Users, e.Organizations = []User{}, []Organization{}
	}
	for _, read := range []func(*Emulator) error{f.organizations, f.users, f.roles, f.connections, f.invitations, f.settings} {
		if err := read(e); err != nil {
			return nil, err
		}
	}
	if err := e.checkSeeds(); err != nil {
		return nil, seedError(0, "%s", err)
	}
	if len(f.PipeConnections) > 0 {
		notes = append(notes, "pipeConnections: this local AuthKit has no pipes")
	}
	if len(f.WebhookEndpoints) > 0 {
		notes = append(notes, "webhookEndpoints: this local AuthKit calls nobody")
	}
	return notes, nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s+)?line (\d+): (.*)`)

// inYAML takes the first complaint of the YAML reader apart.
func inYAML(err error) *SeedError {
	var own *SeedError
	if errors.As(err, &own) {
		return own
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:"))
	text, _, _ = strings.Cut(text, "\n")
	if found := yamlLine.FindStringSubmatch(text); found != nil {
		line, _ := strconv.Atoi(found[1]) // digits
		return seedError(line, "%s", unknownField.ReplaceAllString(found[2], "there is no field $1 here"))
	}
	return seedError(0, "%s", text)
}

// unknownField is how the reader complains of one, in terms of this package.
var unknownField = regexp.MustCompile(`^field (\S+) not found in type \S+$`)

func (f *seedFile) organizations(e *Emulator) error {
	for _, o := range f.Organizations {
		n := Organization{
			ID: o.ID, Name: o.Name, ExternalID: o.ExternalID, Metadata: o.Metadata, Entitlements: o.Entitlements, FeatureFlags: o.FeatureFlags,
		}
		if n.ID == "" && n.Name != "" {
			n.ID = stableID("org_", n.Name)
		}
		for _, d := range o.Domains {
			n.Domains = append(n.Domains, Domain(d))
		}
		e.Organizations = append(e.Organizations, n)
	}
	return nil
}

func (f *seedFile) users(e *Emulator) error {
	for _, u := range f.Users {
		n := User{
			ID: u.ID, Email: u.Email, Password: u.Password, FirstName: u.FirstName, LastName: u.LastName, EmailVerified: u.EmailVerified,
			ProfilePictureURL: u.ProfilePictureURL, ExternalID: u.ExternalID, Locale: u.Locale, Metadata: u.Metadata, TOTPSecret: u.TOTPSecret,
		}
		if n.ID == "" {
			n.ID = stableID("user_", strings.ToLower(n.Email))
		}
		if u.Impersonator != nil {
			n.Impersonator = &Impersonator{u.Impersonator.Email, u.Impersonator.Reason}
		}
		for _, m := range u.Memberships {
			id, err := e.organizationNamed(m.Organization)
			if err != nil {
				return err
			}
			n.Memberships = append(n.Memberships, m.in(id))
		}
		e.Users = append(e.Users, n)
	}
	for i, o := range f.Organizations {
		for _, m := range o.Memberships {
			at, err := e.userNamed(m.User.or(m.UserID))
			if err != nil {
				return err
			}
			e.Users[at].Memberships = append(e.Users[at].Memberships, m.in(e.Organizations[i].ID))
		}
	}
	return nil
}

func (m seedMembership) in(organizationID string) Membership {
	role := m.Role
	if role == "" && len(m.Roles) > 0 {
		role = m.Roles[0]
	}
	return Membership{OrganizationID: organizationID, Role: role, Roles: m.Roles, Permissions: m.Permissions, Status: m.Status}
}

// organizationNamed gives the id of the organisation with a name or id.
func (e *Emulator) organizationNamed(r reference) (string, error) {
	for _, o := range e.Organizations {
		if r.text != "" && slices.Contains([]string{o.ID, o.Name, o.ExternalID}, r.text) {
			return o.ID, nil
		}
	}
	return "", seedError(r.line, "there is no organization %q in this file", r.text)
}

// userNamed gives the place of the user with an email or id.
func (e *Emulator) userNamed(r reference) (int, error) {
	for i, u := range e.Users {
		if r.text != "" && (u.ID == r.text || strings.EqualFold(u.Email, r.text) || u.ExternalID == r.text) {
			return i, nil
		}
	}
	return 0, seedError(r.line, "there is no user %q in this file", r.text)
}

func (f *seedFile) roles(e *Emulator) error {
	for _, r := range f.Roles {
		n := Role{Slug: r.Slug, Name: r.Name, Description: r.Description, Permissions: r.Permissions}
		if of := r.Organization.or(r.OrganizationID); of.text != "" {
			id, err := e.organizationNamed(of)
			if err != nil {
				return err
			}
			n.OrganizationID = id
		}
		e.Roles = append(e.Roles, n)
	}
	for _, p := range f.Permissions {
		e.Permissions = append(e.Permissions, Permission(p))
	}
	return nil
}

func (f *seedFile) connections(e *Emulator) error {
	for _, c := range f.Connections {
		id, err := e.organizationNamed(c.Organization)
		if err != nil {
			return err
		}
		if c.State != "" && c.State != statusActive {
			continue // nobody signs in by it
		}
		e.Connections = append(e.Connections, Connection{
			ID: c.ID, OrganizationID: id, Name: c.Name, Type: c.Type, Domains: c.Domains, Required: c.Required,
		})
	}
	return nil
}

func (f *seedFile) invitations(e *Emulator) error {
	for _, i := range f.Invitations {
		n := Invitation{Email: i.Email, Role: i.Role}
		if n.Role == "" {
			n.Role = i.RoleSlug
		}
		if to := i.Organization.or(i.OrganizationID); to.text != "" {
			id, err := e.organizationNamed(to)
			if err != nil {
				return err
			}
			n.OrganizationID = id
		}
		if by := i.Inviter.or(i.InviterUserID); by.text != "" {
			at, err := e.userNamed(by)
			if err != nil {
				return err
			}
			n.InviterUserID = e.Users[at].ID
		}
		e.Invitations = append(e.Invitations, n)
	}
	return nil
}

func (f *seedFile) settings(e *Emulator) error {
	e.RedirectURIs = append(e.RedirectURIs, f.RedirectURIs...)
	e.LogoutURIs = append(e.LogoutURIs, f.LogoutURIs...)
	if f.SignInURL != "" {
		e.SignInURL = f.SignInURL
	}
	switch f.MFA {
	case "", "optional":
	case "required":
		e.RequireMFA = true
	default:
		return seedError(0, "mfa is optional or required, not %q", f.MFA)
	}
	for _, name := range f.Lenient {
		if !slices.Contains(Checks(), Check(name)) {
			return seedError(0, "lenient: there is no check %q; there are %s", name, checkNames())
		}
		e.Lenient = append(e.Lenient, Check(name))
	}
	if f.AccessTokenLifetime > 0 {
		e.AccessTokenLifetime = time.Duration(f.AccessTokenLifetime)
	}
	e.ClockAhead = time.Duration(f.Clock)
	for _, x := range f.Failures {
		if x.Count == 0 {
			x.Count = 1
		}
		e.Failures = append(e.Failures, Failure(x))
	}
	return nil
}
