package emulator

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
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

// seedFile is a file of seeds. It has all that the workos-emulate.config.yaml of the
// vendor's two emulators has, and more; JSON is YAML too.
type seedFile struct {
	root  *yaml.Node // of the whole file
	check *seedCheck

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
	AccessTokenLifetime *yamlDuration `yaml:"access_token_lifetime"`
	Clock               yamlDuration  `yaml:"clock"` // how far it is ahead
	Failures            []seedFailure `yaml:"failures"`

	ErrorHooks []errorHook `yaml:"errorHooks"`

	// The vendor's, which nothing here answers to: notServed says so.
	APIKeys             any `yaml:"apiKeys"`
	ConnectApplications any `yaml:"connectApplications"`
	ConnectedAccounts   any `yaml:"connectedAccounts"`
	JWTTemplate         any `yaml:"jwtTemplate"`
	PipeConnections     any `yaml:"pipeConnections"`
	WebhookEndpoints    any `yaml:"webhookEndpoints"`
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

	// The vendor's.
	Name          string `yaml:"name"`
	TOTP          bool   `yaml:"totp"`
	OAuthProvider any    `yaml:"oauth_provider"`
	OAuthIDPID    any    `yaml:"oauth_idp_id"`
}

// seedMembership stands at a user, with an organisation, or at an organisation,
// with a user.
type seedMembership struct {
	Organization reference `yaml:"organization"`
	User         reference `yaml:"user"`
	UserID       reference `yaml:"user_id"` // the vendor's first emulator's
	Email        reference `yaml:"email"`   // the vendor's second one's
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

	// The vendor's.
	Groups            any `yaml:"groups"`
	OutsideProfilesOK any `yaml:"allow_profiles_outside_organization"`
}

// seedDomain is a name, or a name with a state.
type seedDomain Domain

func (d *seedDomain) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		d.Name = node.Value
		return nil
	}
	for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
		if key := node.Content[i]; key.Value != "domain" && key.Value != "state" {
			return seedError(key.Line, "there is no field %s here", key.Value)
		}
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
	Count  *int   `yaml:"count"`
}

// errorHook is the vendor's failure: of a path that may end in a star, and of every
// request where it has no count.
type errorHook struct {
	Method    string `yaml:"method"`
	Path      string `yaml:"path"`
	Status    int    `yaml:"status"`
	Count     int    `yaml:"count"`
	Body      any    `yaml:"body"`
	RateLimit any    `yaml:"rateLimit"`
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
	return e.seed(text, &seedCheck{})
}

// SeedVendor is Seed for the vendor's own file, which its emulators start with: what
// they take beside what is served here is a note, too, and so is a field that nobody
// knows.
func (e *Emulator) SeedVendor(text []byte) (notes []string, err error) {
	e.vendorSeeds = true
	return e.seed(text, &seedCheck{vendor: true})
}

func (e *Emulator) seed(text []byte, c *seedCheck) ([]string, error) {
	f, err := readSeeds(text, c)
	if err != nil {
		return nil, err
	}
	if f.Users != nil || f.Organizations != nil {
		e.Users, e.Organizations = []User{}, []Organization{}
	}
	for _, read := range []func(*Emulator){f.organizations, f.users, f.roles, f.connections, f.invitations, f.settings, f.failures} {
		read(e)
	}
	e.check(c)
	f.notServed()
	if c.err != nil {
		return nil, c.err
	}
	return c.notes, nil
}

// readSeeds reads a file twice: for what it says, and for the lines of it.
func readSeeds(text []byte, c *seedCheck) (*seedFile, error) {
	f, document := &seedFile{check: c}, yaml.Node{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		if err := c.unknownFields(err); err != nil {
			return nil, inYAML(err)
		}
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, seedError(second.Line, "a second document begins here: a file of seeds is one")
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, inYAML(err)
	}
	f.root = &document
	if len(document.Content) > 0 {
		f.root = document.Content[0]
	}
	return f, nil
}

// unknownFields notes the fields that nobody knows in the vendor's file, and gives
// what else the YAML reader complains of.
func (c *seedCheck) unknownFields(err error) error {
	var wrong *yaml.TypeError
	if !c.vendor || !errors.As(err, &wrong) {
		return err
	}
	rest := []string{}
	for _, text := range wrong.Errors {
		if found := inYAML(errors.New(text)); strings.HasPrefix(found.Text, noField) {
			c.note(found.Line, "%s", found.Text)
		} else {
			rest = append(rest, text)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return &yaml.TypeError{Errors: rest}
}

// notServed notes what of the vendor's file nothing here answers to.
func (f *seedFile) notServed() {
	for _, x := range []struct {
		name, why string
		there     any
	}{
		{"apiKeys", "this local AuthKit has one key, which is the project's or its own", f.APIKeys},
		{"connectApplications", "this local AuthKit has one application", f.ConnectApplications},
		{"connectedAccounts", "this local AuthKit has no pipes", f.ConnectedAccounts},
		{"jwtTemplate", "this local AuthKit has no templates for tokens", f.JWTTemplate},
		{"pipeConnections", "this local AuthKit has no pipes", f.PipeConnections},
		{"webhookEndpoints", "this local AuthKit calls nobody", f.WebhookEndpoints},
	} {
		if x.there != nil {
			f.check.note(lineOf(f.root, x.name), "%s: %s", x.name, x.why)
		}
	}
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
		return seedError(line, "%s", unknownField.ReplaceAllString(found[2], noField+"$1 here"))
	}
	return seedError(0, "%s", text)
}

const noField = "there is no field "

// unknownField is how the reader complains of one, in terms of this package.
var unknownField = regexp.MustCompile(`^field (\S+) not found in type \S+$`)

func (f *seedFile) organizations(e *Emulator) {
	for i, o := range f.Organizations {
		n := Organization{
			ID: o.ID, Name: o.Name, ExternalID: o.ExternalID, Metadata: o.Metadata, Entitlements: o.Entitlements, FeatureFlags: o.FeatureFlags,
			at: nodeAt(f.root, "organizations", i),
		}
		if n.ID == "" && n.Name != "" {
			n.ID = stableID("org_", n.Name)
		}
		for _, d := range o.Domains {
			n.Domains = append(n.Domains, Domain(d))
		}
		if o.Groups != nil {
			f.check.note(lineOf(n.at, "groups"), "groups: this local AuthKit has no groups")
		}
		e.Organizations = append(e.Organizations, n)
	}
}

func (f *seedFile) users(e *Emulator) {
	for i, u := range f.Users {
		n := User{
			ID: u.ID, Email: u.Email, Password: u.Password, FirstName: u.FirstName, LastName: u.LastName, EmailVerified: u.EmailVerified,
			ProfilePictureURL: u.ProfilePictureURL, ExternalID: u.ExternalID, Locale: u.Locale, Metadata: u.Metadata, TOTPSecret: u.TOTPSecret,
			at: nodeAt(f.root, "users", i),
		}
		if n.ID == "" {
			n.ID = stableID("user_", strings.ToLower(n.Email))
		}
		if u.Impersonator != nil {
			n.Impersonator = &Impersonator{u.Impersonator.Email, u.Impersonator.Reason}
		}
		f.vendorUser(u, &n)
		for j, m := range u.Memberships {
			if id, ok := f.organizationNamed(e, m.Organization, lineOf(n.at, "memberships", j)); ok {
				n.Memberships = append(n.Memberships, m.in(id, nodeAt(n.at, "memberships", j)))
			}
		}
		e.Users = append(e.Users, n)
	}
	for i, o := range f.Organizations {
		for j, m := range o.Memberships {
			at := nodeAt(f.root, "organizations", i, "memberships", j)
			if k, ok := f.userNamed(e, m.User.or(m.UserID).or(m.Email), at.Line); ok {
				e.Users[k].Memberships = append(e.Users[k].Memberships, m.in(e.Organizations[i].ID, at))
			}
		}
	}
}

// vendorUser takes what only the vendor's file says of a user.
func (f *seedFile) vendorUser(u seedUser, n *User) {
	if n.FirstName == "" && n.LastName == "" {
		n.FirstName, n.LastName, _ = strings.Cut(u.Name, " ")
	}
	if u.OAuthProvider != nil || u.OAuthIDPID != nil {
		f.check.note(lineOf(n.at, "oauth_provider"), "oauth_provider: this local AuthKit has no identities before somebody signs in")
	}
	if u.TOTP && n.TOTPSecret == "" {
		sum := sha256.Sum256([]byte(n.ID))
		n.TOTPSecret = base32.StdEncoding.EncodeToString(sum[:20])
		f.check.note(lineOf(n.at, "totp"), "totp: the secret of %s is %s", n.Email, n.TOTPSecret)
	}
}

func (m seedMembership) in(organizationID string, at *yaml.Node) Membership {
	role := m.Role
	if role == "" && len(m.Roles) > 0 {
		role = m.Roles[0]
	}
	return Membership{OrganizationID: organizationID, Role: role, Roles: m.Roles, Permissions: m.Permissions, Status: m.Status, at: at}
}

// organizationNamed gives the id of the organisation with a name or id. The line is
// of who names none.
func (f *seedFile) organizationNamed(e *Emulator, r reference, line int) (string, bool) {
	for _, o := range e.Organizations {
		if r.text != "" && slices.Contains([]string{o.ID, o.Name, o.ExternalID}, r.text) {
			return o.ID, true
		}
	}
	f.check.mind(cmp.Or(r.line, line), "there is no organization %q in this file", r.text)
	return "", false
}

// userNamed gives the place of the user with an email or id.
func (f *seedFile) userNamed(e *Emulator, r reference, line int) (int, bool) {
	for i, u := range e.Users {
		if r.text != "" && (u.ID == r.text || strings.EqualFold(u.Email, r.text) || u.ExternalID == r.text) {
			return i, true
		}
	}
	f.check.mind(cmp.Or(r.line, line), "there is no user %q in this file", r.text)
	return 0, false
}

func (f *seedFile) roles(e *Emulator) {
	for i, r := range f.Roles {
		n := Role{Slug: r.Slug, Name: r.Name, Description: r.Description, Permissions: r.Permissions, at: nodeAt(f.root, "roles", i)}
		if of := r.Organization.or(r.OrganizationID); of.text != "" {
			id, ok := f.organizationNamed(e, of, n.at.Line)
			if !ok {
				continue
			}
			n.OrganizationID = id
		}
		e.Roles = append(e.Roles, n)
	}
	for i, p := range f.Permissions {
		e.Permissions = append(e.Permissions, Permission{p.Slug, p.Name, p.Description, nodeAt(f.root, "permissions", i)})
	}
}

func (f *seedFile) connections(e *Emulator) {
	for i, c := range f.Connections {
		at := nodeAt(f.root, "connections", i)
		id, ok := f.organizationNamed(e, c.Organization, at.Line)
		if !ok {
			continue
		}
		if c.State != "" && c.State != statusActive {
			f.check.note(lineOf(at, "state"), "connection %q: it is %s, so nobody signs in by it", c.Name, c.State)
			continue
		}
		e.Connections = append(e.Connections, Connection{
			ID: c.ID, OrganizationID: id, Name: c.Name, Type: c.Type, Domains: c.Domains, Required: c.Required, at: at,
		})
	}
}

func (f *seedFile) invitations(e *Emulator) {
	for i, v := range f.Invitations {
		n := Invitation{Email: v.Email, Role: cmp.Or(v.Role, v.RoleSlug), at: nodeAt(f.root, "invitations", i)}
		if to := v.Organization.or(v.OrganizationID); to.text != "" {
			id, ok := f.organizationNamed(e, to, n.at.Line)
			if !ok {
				continue
			}
			n.OrganizationID = id
		}
		if by := v.Inviter.or(v.InviterUserID); by.text != "" {
			if k, ok := f.userNamed(e, by, n.at.Line); ok {
				n.InviterUserID = e.Users[k].ID
			}
		}
		e.Invitations = append(e.Invitations, n)
	}
}

func (f *seedFile) settings(e *Emulator) {
	e.RedirectURIs = append(e.RedirectURIs, f.addresses("redirect_uris", f.RedirectURIs)...)
	e.LogoutURIs = append(e.LogoutURIs, f.addresses("logout_uris", f.LogoutURIs)...)
	if f.SignInURL != "" {
		e.SignInURL = f.SignInURL
	}
	switch f.MFA {
	case "", "optional":
	case "required":
		e.RequireMFA = true
	default:
		f.check.refuse(lineOf(f.root, "mfa"), "mfa is optional or required, not %q", f.MFA)
	}
	for i, name := range f.Lenient {
		if !slices.Contains(Checks(), Check(name)) {
			f.check.refuse(lineOf(f.root, "lenient", i), "lenient: there is no check %q; there are %s", name, strings.Join(CheckNames(), ", "))
		}
		e.Lenient = append(e.Lenient, Check(name))
	}
	if f.AccessTokenLifetime != nil {
		e.AccessTokenLifetime = time.Duration(*f.AccessTokenLifetime)
		if e.AccessTokenLifetime == 0 {
			f.check.refuse(lineOf(f.root, "access_token_lifetime"), "access_token_lifetime is above zero, or below: then tokens have expired when they are issued")
		}
	}
	e.ClockAhead = time.Duration(f.Clock)
}

func (f *seedFile) addresses(name string, all []string) []string {
	for i, address := range all {
		if err := CheckAddress(address); err != nil {
			f.check.refuse(lineOf(f.root, name, i), "%s: %v", name, err)
		}
	}
	return all
}

func (f *seedFile) failures(e *Emulator) {
	for i, x := range f.Failures {
		n := Failure{x.Method, x.Path, x.Status, x.Delay, 0, nodeAt(f.root, "failures", i)}
		if x.Count != nil {
			n.Count = *x.Count
			if n.Count == 0 {
				f.check.refuse(lineOf(n.at, "count"), "count is how many requests fail; below 0 it is all")
			}
		}
		e.Failures = append(e.Failures, n)
	}
	for i, x := range f.ErrorHooks {
		at := nodeAt(f.root, "errorHooks", i)
		n := Failure{anyOf(strings.ToUpper(x.Method)), anyOf(x.Path), x.Status, 0, cmp.Or(x.Count, -1), at}
		_, err := n.checked()
		switch {
		case x.RateLimit != nil:
			err = errors.New("this local AuthKit has no rates")
		case x.Status == 0:
			err = errors.New("it has no status")
		}
		if err != nil {
			f.check.note(at.Line, "errorHooks: this one is left out: %v", err)
			continue
		}
		if x.Body != nil {
			f.check.note(lineOf(at, "body"), "errorHooks: this local AuthKit has no such bodies; the status is answered with its own")
		}
		e.Failures = append(e.Failures, n)
	}
}

// anyOf is what the vendor has for a route or method, in words of a Failure.
func anyOf(pattern string) string {
	if pattern == "*" {
		return ""
	}
	return pattern
}
