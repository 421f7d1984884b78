package emulator

import (
	"slices"
	"strings"
)

// Feature flags are in access tokens, by the organisation; here they are listed.
// They are turned on in the seeds.

func (e *Emulator) listOrganizationFlags(c *call, in fields) (any, *failure) {
	o, f := e.organization(c.params["organizationId"])
	if f != nil {
		return nil, f
	}
	return e.listFlags(in, []*organization{o})
}

// listUserFlags gives those of the organisations that a user is a member of.
func (e *Emulator) listUserFlags(c *call, in fields) (any, *failure) {
	u, ok := e.store.users.get(c.params["userId"])
	if !ok {
		return nil, notFound("User", c.params["userId"])
	}
	organizations := []*organization{}
	for _, m := range e.store.active(u.ID) {
		o, _ := e.store.organizations.get(m.OrganizationID)
		organizations = append(organizations, o)
	}
	return e.listFlags(in, organizations)
}

func (e *Emulator) listFlags(in fields, organizations []*organization) (any, *failure) {
	type flag struct {
		slug string
		of   *organization
	}
	flags := []flag{}
	for _, o := range organizations {
		for _, slug := range o.FeatureFlags {
			if !slices.ContainsFunc(flags, func(f flag) bool { return f.slug == slug }) {
				flags = append(flags, flag{slug, o})
			}
		}
	}
	id := func(f flag) string { return stableID("flag_", f.slug) }
	return page(in, flags, id, func(f flag) any {
		return map[string]any{
			"object": "feature_flag", "id": id(f), "slug": f.slug, "name": strings.ReplaceAll(f.slug, "-", " "), "description": nil, "owner": nil,
			"tags": []string{}, "enabled": true, "default_value": false,
			"created_at": timestamp(f.of.CreatedAt), "updated_at": timestamp(f.of.UpdatedAt),
		}
	})
}
