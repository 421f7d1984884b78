package emulator

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// seedCheck collects what is wrong with seeds.
type seedCheck struct {
	// vendor says that they are of the vendor's own file. What its emulator takes
	// is no reason not to start, so it becomes a note.
	vendor bool
	notes  []string
	err    *SeedError // the first
}

func (c *seedCheck) refuse(line int, format string, args ...any) {
	if c.err == nil {
		c.err = seedError(line, format, args...)
	}
}

// mind refuses what the vendor's emulator takes, or notes it.
func (c *seedCheck) mind(line int, format string, args ...any) {
	if c.vendor {
		c.note(line, format, args...)
	} else {
		c.refuse(line, format, args...)
	}
}

func (c *seedCheck) note(line int, format string, args ...any) {
	c.notes = append(c.notes, seedError(line, format, args...).Error())
}

// taken reports whether a name was seen before; an empty one never was.
func taken(seen map[string]bool, name string) bool {
	before := seen[name]
	seen[name] = name != ""
	return before
}

// lineOf gives the line of what stands at a path of keys and places below a node of
// a file, or of the innermost that is there. Without a node it is none.
func lineOf(node *yaml.Node, path ...any) int {
	if node == nil {
		return 0
	}
	_, line := walk(node, path)
	return line
}

func nodeAt(node *yaml.Node, path ...any) *yaml.Node {
	node, _ = walk(node, path)
	return node
}

func walk(node *yaml.Node, path []any) (*yaml.Node, int) {
	line := node.Line
	for _, step := range path {
		next, its := inNode(node, step)
		if next == nil {
			break
		}
		node, line = next, its
	}
	return node, line
}

// inNode gives what stands under a key, with the key's line, or at a place.
func inNode(node *yaml.Node, step any) (*yaml.Node, int) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch step := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && step < len(node.Content) {
			return node.Content[step], node.Content[step].Line
		}
	case string:
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	}
	return nil, 0
}

// checkSeeds names what is wrong with the objects that were given.
func (e *Emulator) checkSeeds() error {
	c := &seedCheck{vendor: e.vendorSeeds}
	e.check(c)
	if c.err != nil {
		return c.err
	}
	return nil
}

func (e *Emulator) check(c *seedCheck) {
	organizations := e.checkOrganizations(c)
	roles := e.checkRoles(c, organizations)
	e.checkUsers(c, organizations, roles)
	e.checkInvitations(c, organizations, roles)
	e.checkConnections(c, organizations)
	for _, f := range e.Failures {
		if _, err := f.checked(); err != nil {
			c.refuse(lineOf(f.at), "%v", err)
		}
	}
}

// checkOrganizations gives the ids of those that are there.
func (e *Emulator) checkOrganizations(c *seedCheck) map[string]bool {
	ids, externals, domains := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range e.Organizations {
		o := &e.Organizations[i]
		if o.ID == "" && o.Name != "" {
			o.ID = stableID("org_", o.Name)
		}
		if o.Name == "" {
			c.refuse(lineOf(o.at), "organization %q: an organization has a name", o.ID)
		}
		if taken(ids, o.ID) {
			c.refuse(lineOf(o.at), "organization %q (%s): an organization has an ID of its own, or a name of its own", o.ID, o.Name)
		}
		if taken(externals, o.ExternalID) {
			c.mind(lineOf(o.at, "external_id"), "organization %q: another has the external id %q", o.Name, o.ExternalID)
		}
		for j, d := range o.Domains {
			if taken(domains, strings.ToLower(d.Name)) {
				c.mind(lineOf(o.at, "domains", j), "organization %q: the domain %s is there already", o.Name, d.Name)
			}
		}
	}
	return ids
}

// checkRoles gives the keys of those that members can have.
func (e *Emulator) checkRoles(c *seedCheck, organizations map[string]bool) map[string]bool {
	roles := map[string]bool{}
	for _, r := range e.Roles {
		switch {
		case r.Slug == "":
			c.refuse(lineOf(r.at), "role %q: a role has a slug", r.Name)
		case r.OrganizationID != "" && !organizations[r.OrganizationID]:
			c.refuse(lineOf(r.at), "role %q: its organization %q is none of these here", r.Slug, r.OrganizationID)
		case taken(roles, roleKey(r.OrganizationID, r.Slug)):
			c.mind(lineOf(r.at, "slug"), "role %q: there is one already", r.Slug)
		}
	}
	permissions := map[string]bool{}
	for _, p := range e.Permissions {
		if p.Slug == "" {
			c.refuse(lineOf(p.at), "permission %q: a permission has a slug", p.Name)
		}
		if taken(permissions, p.Slug) {
			c.mind(lineOf(p.at, "slug"), "permission %q: there is one already", p.Slug)
		}
	}
	for _, slug := range environmentRoles {
		roles[roleKey("", slug)] = true
	}
	return roles
}

func knownRole(roles map[string]bool, organizationID, slug string) bool {
	return roles[roleKey(organizationID, slug)] || roles[roleKey("", slug)]
}

func (e *Emulator) checkUsers(c *seedCheck, organizations, roles map[string]bool) {
	ids, emails, externals := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, u := range e.Users {
		email := strings.ToLower(u.Email)
		if u.ID == "" {
			u.ID = stableID("user_", email)
		}
		if !emailAddress(u.Email) {
			c.refuse(lineOf(u.at, "email"), "user %q: a user has an email address", u.Email)
		}
		if taken(emails, email) {
			c.refuse(lineOf(u.at, "email"), "user %q: a user has an email of their own", u.Email)
		}
		if taken(ids, u.ID) {
			c.refuse(lineOf(u.at, "id"), "user %q: another has the id %s", u.Email, u.ID)
		}
		if taken(externals, u.ExternalID) {
			c.mind(lineOf(u.at, "external_id"), "user %q: another has the external id %q", u.Email, u.ExternalID)
		}
		if wrong := weakPassword(u.Password); u.Password != "" && wrong != "" {
			c.mind(lineOf(u.at, "password"), "the password of %s would be refused: %s", u.Email, wrong)
		}
		if u.TOTPSecret != "" && !validSecret(u.TOTPSecret) {
			c.refuse(lineOf(u.at, "totp_secret"), "user %q: the TOTP secret is not base32 (RFC 4648)", u.Email)
		}
		if u.Impersonator != nil && !emailAddress(u.Impersonator.Email) {
			c.refuse(lineOf(u.at, "impersonator", "email"), "user %q: an impersonator has an email address", u.Email)
		}
		checkMemberships(c, u, organizations, roles)
	}
}

func checkMemberships(c *seedCheck, u User, organizations, roles map[string]bool) {
	seen := map[string]bool{}
	for _, m := range u.Memberships {
		switch {
		case !organizations[m.OrganizationID]:
			c.refuse(lineOf(m.at), "user %q is a member of %q, which is no organization here", u.Email, m.OrganizationID)
		case taken(seen, m.OrganizationID):
			c.mind(lineOf(m.at), "user %q is a member of %q twice", u.Email, m.OrganizationID)
		case !slices.Contains([]string{"", statusActive, statusInactive, statusPending}, m.Status):
			c.refuse(lineOf(m.at, "status"), "user %q in %q: the status %q is none of active, inactive and pending", u.Email, m.OrganizationID, m.Status)
		case m.Roles != nil && !slices.Contains(m.Roles, m.role()):
			c.refuse(lineOf(m.at, "roles"), "user %q in %q: the role %q is not among the roles", u.Email, m.OrganizationID, m.role())
		}
		for _, slug := range m.roles() {
			if !knownRole(roles, m.OrganizationID, slug) {
				c.mind(lineOf(m.at, "role"), "user %q in %q: there is no role %q", u.Email, m.OrganizationID, slug)
			}
		}
	}
}

func (e *Emulator) checkInvitations(c *seedCheck, organizations, roles map[string]bool) {
	invited := map[string]bool{}
	for _, i := range e.Invitations {
		switch {
		case !emailAddress(i.Email):
			c.refuse(lineOf(i.at, "email"), "invitation of %q: it has an email address", i.Email)
		case i.OrganizationID != "" && !organizations[i.OrganizationID]:
			c.refuse(lineOf(i.at), "invitation of %q: %q is no organization here", i.Email, i.OrganizationID)
		case i.Role != "" && !knownRole(roles, i.OrganizationID, i.Role):
			c.mind(lineOf(i.at), "invitation of %q: there is no role %q", i.Email, i.Role)
		case taken(invited, strings.ToLower(i.Email)+" "+i.OrganizationID):
			c.mind(lineOf(i.at, "email"), "invitation of %q: there is one already", i.Email)
		}
	}
}

// checkConnections gives those ids that have none: an organisation's first one its
// own, any other one its name's.
func (e *Emulator) checkConnections(c *seedCheck, organizations map[string]bool) {
	ids := map[string]bool{}
	for i := range e.Connections {
		k := &e.Connections[i]
		if k.ID == "" {
			k.ID = stableID("conn_", k.OrganizationID)
			if ids[k.ID] {
				k.ID = stableID("conn_", k.OrganizationID+" "+k.Name)
			}
		}
		if !organizations[k.OrganizationID] {
			c.refuse(lineOf(k.at), "connection %q is of %q, which is no organization here", k.Name, k.OrganizationID)
		}
		if taken(ids, k.ID) {
			c.refuse(lineOf(k.at), "connection %q: another of its organization has this id or this name", k.Name)
		}
	}
}
