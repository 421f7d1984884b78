package emulator

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// slugForm is what WorkOS takes for the slug of a role or permission.
var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_:.*-]{0,47}$`)

type roleObject struct {
	Object       string   `json:"object"`
	ID           string   `json:"id"`
	Slug         string   `json:"slug"`
	Name         string   `json:"name"`
	Description  *string  `json:"description"`
	Type         string   `json:"type"`
	ResourceType string   `json:"resource_type_slug"`
	Permissions  []string `json:"permissions"`
	CreatedAt    string   `json:"created_at"`
	UpdatedAt    string   `json:"updated_at"`
}

func roleResponse(r *role) roleObject {
	out := roleObject{
		Object: "role", ID: r.ID, Slug: r.Slug, Name: r.Name, Description: orNull(r.Description), Type: "EnvironmentRole",
		ResourceType: "organization", Permissions: slugs(r.Permissions), CreatedAt: timestamp(r.CreatedAt), UpdatedAt: timestamp(r.UpdatedAt),
	}
	if r.OrganizationID != "" {
		out.Type = "OrganizationRole"
	}
	return out
}

// listRoles gives the environment's roles, and an organisation's own behind them.
func (e *Emulator) listRoles(c *call, _ fields) (any, *failure) {
	id := c.params["organizationId"]
	if id != "" {
		if _, f := e.organization(id); f != nil {
			return nil, f
		}
	}
	out := []any{}
	for _, of := range slices.Compact([]string{"", id}) {
		for _, r := range e.store.roles.all() {
			if r.OrganizationID == of {
				out = append(out, roleResponse(r))
			}
		}
	}
	return map[string]any{"object": "list", "data": out}, nil
}

func (e *Emulator) createRole(c *call, in fields) (any, *failure) {
	id := c.params["organizationId"]
	if id != "" {
		if _, f := e.organization(id); f != nil {
			return nil, f
		}
	}
	made := Role{Slug: in.text("slug"), Name: in.text("name"), Description: in.text("description"), OrganizationID: id}
	conflict := "role_slug_conflict"
	if id != "" {
		conflict = "organization_role_slug_conflict"
		if made.Slug == "" {
			made.Slug = "org-" + strings.ReplaceAll(strings.ToLower(made.Name), " ", "-")
		}
	} else if f := in.check("slug"); f != nil {
		return nil, f
	}
	if f := in.check("name"); f != nil {
		return nil, f
	}
	if !slugForm.MatchString(made.Slug) {
		return nil, invalidParameters("slug must be of lower-case letters, digits, and - _ : .")
	}
	if _, taken := e.store.roles.by(roleKey(id, made.Slug)); taken {
		return nil, apiFailure(http.StatusConflict, conflict, "there is a role with this slug already")
	}
	if e.store.roles.full() {
		return nil, full("roles", maxSmall)
	}
	return roleResponse(e.store.addRole(made, c.now)), nil
}

// theRole gives the role in the path: an organisation's own, or the
// environment's where the path has no organisation.
func (e *Emulator) theRole(c *call) (*role, *failure) {
	r, ok := e.store.roles.by(roleKey(c.params["organizationId"], c.params["slug"]))
	if !ok {
		return nil, notFound("Role", c.params["slug"])
	}
	return r, nil
}

func (e *Emulator) getRole(c *call, _ fields) (any, *failure) {
	r, ok := e.store.role(c.params["organizationId"], c.params["slug"])
	if !ok {
		return nil, notFound("Role", c.params["slug"])
	}
	return roleResponse(r), nil
}

// described gives the name and description of a role or permission as a body
// changes them.
func (in fields) described(name, description string) (string, string, *failure) {
	if in.given("name") {
		name = in.text("name")
	}
	if in.has("description") {
		description = in.text("description")
	}
	return name, description, in.check()
}

func (e *Emulator) updateRole(c *call, in fields) (any, *failure) {
	r, f := e.theRole(c)
	if f != nil {
		return nil, f
	}
	name, description, f := in.described(r.Name, r.Description)
	if f != nil {
		return nil, f
	}
	r.Name, r.Description, r.UpdatedAt = name, description, c.now
	e.store.roles.put(r.ID, r)
	return roleResponse(r), nil
}

func (e *Emulator) deleteRole(c *call, _ fields) (any, *failure) {
	r, f := e.theRole(c)
	if f != nil {
		return nil, f
	}
	for _, m := range e.store.memberships.allBy(organizationKey(r.OrganizationID)) {
		if slices.Contains(m.Roles, r.Slug) {
			return nil, apiFailure(http.StatusConflict, "role_has_assignments", "there are members with this role")
		}
	}
	e.store.roles.remove(r.ID)
	return nil, nil
}

// setPermissions replaces what a role allows.
func (e *Emulator) setPermissions(c *call, in fields) (any, *failure) {
	wanted := in.texts("permissions")
	if !in.given("permissions") {
		in.complain("permissions", "an array of strings")
	}
	if f := in.check(); f != nil {
		return nil, f
	}
	return e.allow(c, func([]string) []string { return wanted })
}

func (e *Emulator) addRolePermission(c *call, in fields) (any, *failure) {
	slug := in.text("slug")
	if f := in.check("slug"); f != nil {
		return nil, f
	}
	return e.allow(c, func(old []string) []string {
		if slices.Contains(old, slug) {
			return old
		}
		return append(slugs(old), slug)
	})
}

func (e *Emulator) removeRolePermission(c *call, _ fields) (any, *failure) {
	return e.allow(c, func(old []string) []string {
		return slices.DeleteFunc(slugs(old), func(slug string) bool { return slug == c.params["permissionSlug"] })
	})
}

func (e *Emulator) allow(c *call, change func([]string) []string) (any, *failure) {
	r, f := e.theRole(c)
	if f != nil {
		return nil, f
	}
	permissions := change(r.Permissions)
	for _, slug := range permissions {
		if _, ok := e.store.permissions.by("slug:" + slug); !ok {
			return nil, notFound("Permission", slug)
		}
	}
	r.Permissions, r.UpdatedAt = permissions, c.now
	e.store.roles.put(r.ID, r)
	return roleResponse(r), nil
}

type permissionObject struct {
	Object       string  `json:"object"`
	ID           string  `json:"id"`
	Slug         string  `json:"slug"`
	Name         string  `json:"name"`
	Description  *string `json:"description"`
	System       bool    `json:"system"`
	ResourceType string  `json:"resource_type_slug"`
	CreatedAt    string  `json:"created_at"`
	UpdatedAt    string  `json:"updated_at"`
}

func permissionResponse(p *permission) permissionObject {
	return permissionObject{
		Object: "permission", ID: p.ID, Slug: p.Slug, Name: p.Name, Description: orNull(p.Description),
		ResourceType: "organization", CreatedAt: timestamp(p.CreatedAt), UpdatedAt: timestamp(p.UpdatedAt),
	}
}

func (e *Emulator) listPermissions(_ *call, in fields) (any, *failure) {
	return page(in, e.store.permissions.all(), func(p *permission) string { return p.ID },
		func(p *permission) any { return permissionResponse(p) })
}

func (e *Emulator) createPermission(c *call, in fields) (any, *failure) {
	made := Permission{Slug: in.text("slug"), Name: in.text("name"), Description: in.text("description")}
	if f := in.check("slug", "name"); f != nil {
		return nil, f
	}
	if !slugForm.MatchString(made.Slug) {
		return nil, invalidParameters("slug must be of lower-case letters, digits, and - _ : .")
	}
	if _, taken := e.store.permissions.by("slug:" + made.Slug); taken {
		return nil, apiFailure(http.StatusConflict, "permission_slug_conflict", "there is a permission with this slug already")
	}
	if e.store.permissions.full() {
		return nil, full("permissions", maxSmall)
	}
	return permissionResponse(e.store.addPermission(made, c.now)), nil
}

// thePermission gives the permission whose slug is in the path.
func (e *Emulator) thePermission(c *call) (*permission, *failure) {
	p, ok := e.store.permissions.by("slug:" + c.params["slug"])
	if !ok {
		return nil, notFound("Permission", c.params["slug"])
	}
	return p, nil
}

func (e *Emulator) getPermission(c *call, _ fields) (any, *failure) {
	p, f := e.thePermission(c)
	if f != nil {
		return nil, f
	}
	return permissionResponse(p), nil
}

func (e *Emulator) updatePermission(c *call, in fields) (any, *failure) {
	p, f := e.thePermission(c)
	if f != nil {
		return nil, f
	}
	name, description, f := in.described(p.Name, p.Description)
	if f != nil {
		return nil, f
	}
	p.Name, p.Description, p.UpdatedAt = name, description, c.now
	e.store.permissions.put(p.ID, p)
	return permissionResponse(p), nil
}

// deletePermission takes a permission away, and out of the roles that have it.
func (e *Emulator) deletePermission(c *call, _ fields) (any, *failure) {
	p, f := e.thePermission(c)
	if f != nil {
		return nil, f
	}
	e.store.permissions.remove(p.ID)
	for _, r := range e.store.roles.all() {
		if slices.Contains(r.Permissions, p.Slug) {
			r.Permissions = slices.DeleteFunc(slugs(r.Permissions), func(slug string) bool { return slug == p.Slug })
			e.store.roles.put(r.ID, r)
		}
	}
	return nil, nil
}
