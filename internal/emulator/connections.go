package emulator

import "strings"

func connectionResponse(k *connection) map[string]any {
	domains := []any{}
	for _, d := range k.Domains {
		domains = append(domains, map[string]string{"object": "connection_domain", "id": stableID("conn_domain_", k.ID+d), "domain": d})
	}
	return map[string]any{
		"object": "connection", "id": k.ID, "organization_id": k.OrganizationID, "connection_type": k.Type, "name": k.Name,
		"state": "active", "status": "linked", "domains": domains,
		"created_at": timestamp(k.CreatedAt), "updated_at": timestamp(k.UpdatedAt),
	}
}

func (e *Emulator) listConnections(_ *call, in fields) (any, *failure) {
	kind, domain, organizationID := in.query.Get("connection_type"), in.query.Get("domain"), in.query.Get("organization_id")
	search := strings.ToLower(in.query.Get("search"))
	out := []*connection{}
	for _, k := range e.store.connections.all() {
		if (kind == "" || k.Type == kind) && (organizationID == "" || k.OrganizationID == organizationID) &&
			(domain == "" || strings.Contains(" "+strings.Join(k.Domains, " ")+" ", " "+domain+" ")) &&
			strings.Contains(strings.ToLower(k.Name), search) {
			out = append(out, k)
		}
	}
	return page(in, out, func(k *connection) string { return k.ID }, func(k *connection) any { return connectionResponse(k) })
}

func (e *Emulator) getConnection(c *call, _ fields) (any, *failure) {
	k, ok := e.store.connections.get(c.params["id"])
	if !ok {
		return nil, notFound("Connection", c.params["id"])
	}
	return connectionResponse(k), nil
}

func (e *Emulator) deleteConnection(c *call, _ fields) (any, *failure) {
	if !e.store.connections.remove(c.params["id"]) {
		return nil, notFound("Connection", c.params["id"])
	}
	return nil, nil
}
