package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The organisations that are there when nothing else is said. LocalMember is a
// member of both; DefaultEmail is a member of none, so that their sign-in has
// one page.
const (
	NorthOrganizationID = "org_local_north"
	SouthOrganizationID = "org_local_south"
	// LocalMember signs in with DefaultPassword.
	LocalMember = "grace@example.test"
)

// DefaultOrganizations are the two that are there when nothing else is said.
func DefaultOrganizations() []Organization {
	return []Organization{
		{ID: NorthOrganizationID, Name: "North Workshop", Entitlements: []string{"audit-logs"}, FeatureFlags: []string{"new-editor"}},
		{ID: SouthOrganizationID, Name: "South Workshop"},
	}
}

// organizationPage shows the page on which a user of several organisations
// chooses one.
func (e *Emulator) organizationPage(c *call, id string, a *authorization, wrong string) func() {
	u, _ := e.store.users.get(a.signedIn.UserID)
	page := struct {
		ID, Email, Error string
		Choices          []row
	}{ID: id, Email: u.Email, Error: wrong}
	for _, m := range e.store.active(u.ID) {
		o, _ := e.store.organizations.get(m.OrganizationID)
		page.Choices = append(page.Choices, row{o.ID, o.Name, m.Role})
	}
	status, outcome := http.StatusOK, "choice of an organization for "+u.Email
	if wrong != "" {
		status, outcome = http.StatusUnprocessableEntity, "no such choice: "+wrong
	}
	return func() { c.page(status, outcome, "organization.html", page) }
}

// chooseOrganization serves its form.
func (e *Emulator) chooseOrganization(c *call, id string, a *authorization, form url.Values) func() {
	if a.signedIn.UserID == "" || e.store.next(&a.signedIn) != organizationChoice {
		return nobodyYet(c)
	}
	organizationID := form.Get("organization_id")
	if e.store.checkMember(a.signedIn.UserID, organizationID) != nil {
		return e.organizationPage(c, id, a, "You are not a member of this organization.")
	}
	a.signedIn.OrganizationID = organizationID
	return e.advance(c, id)
}

// consentPage asks whether the app may sign its user in.
func (e *Emulator) consentPage(c *call, id string, a *authorization) func() {
	u, _ := e.store.users.get(a.signedIn.UserID)
	page := struct {
		ID, To string
		Device string // the code that a device shows, for its user to compare (RFC 8628, section 3.3.1)
		User   row
	}{ID: id, To: a.to(), User: rowOf(u)}
	if d, ok := e.store.devices.get(a.deviceCode); ok {
		page.Device = d.UserCode
	}
	return func() { c.page(http.StatusOK, "consent of "+u.Email, "consent.html", page) }
}

// The API of organisations and their members.

type domainObject struct {
	Object               string  `json:"object"`
	ID                   string  `json:"id"`
	OrganizationID       string  `json:"organization_id"`
	Domain               string  `json:"domain"`
	State                string  `json:"state"`
	VerificationStrategy string  `json:"verification_strategy"`
	VerificationToken    *string `json:"verification_token"`
	VerificationPrefix   *string `json:"verification_prefix"`
	CreatedAt            string  `json:"created_at"`
	UpdatedAt            string  `json:"updated_at"`
}

func domainResponse(organizationID string, d domain) domainObject {
	out := domainObject{
		Object: "organization_domain", ID: d.ID, OrganizationID: organizationID, Domain: d.Domain, State: "pending",
		VerificationStrategy: "dns", VerificationToken: orNull(d.Token), VerificationPrefix: orNull("workos"),
		CreatedAt: timestamp(d.CreatedAt), UpdatedAt: timestamp(d.UpdatedAt),
	}
	if d.Verified {
		out.State, out.VerificationStrategy = "verified", "manual"
	}
	return out
}

func newDomain(name string, verified bool, now time.Time) domain {
	return domain{
		ID: newID("org_domain_", now), Domain: strings.ToLower(name), Verified: verified, Token: secret()[:24],
		CreatedAt: now, UpdatedAt: now,
	}
}

type organizationObject struct {
	Object               string            `json:"object"`
	ID                   string            `json:"id"`
	Name                 string            `json:"name"`
	Domains              []domainObject    `json:"domains"`
	Metadata             map[string]string `json:"metadata"`
	ExternalID           *string           `json:"external_id"`
	StripeCustomerID     string            `json:"stripe_customer_id,omitempty"`
	AllowProfilesOutside bool              `json:"allow_profiles_outside_organization"`
	CreatedAt            string            `json:"created_at"`
	UpdatedAt            string            `json:"updated_at"`
}

func organizationResponse(o *organization) organizationObject {
	out := organizationObject{
		Object: "organization", ID: o.ID, Name: o.Name, Domains: []domainObject{}, Metadata: o.Metadata,
		ExternalID: orNull(o.ExternalID), StripeCustomerID: o.StripeCustomerID, AllowProfilesOutside: o.AllowProfilesOutside,
		CreatedAt: timestamp(o.CreatedAt), UpdatedAt: timestamp(o.UpdatedAt),
	}
	for _, d := range o.Domains {
		out.Domains = append(out.Domains, domainResponse(o.ID, d))
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	return out
}

// organization gives the organisation whose id is in the path.
func (e *Emulator) organization(id string) (*organization, *failure) {
	o, ok := e.store.organizations.get(id)
	if !ok {
		return nil, notFound("Organization", id)
	}
	return o, nil
}

func (e *Emulator) listOrganizations(_ *call, in fields) (any, *failure) {
	wanted := commaSeparated(in.query, "domains")
	search := strings.ToLower(in.query.Get("search"))
	out := []*organization{}
	for _, o := range e.store.organizations.all() {
		inDomain := len(wanted) == 0 || slices.ContainsFunc(o.Domains, func(d domain) bool { return slices.Contains(wanted, d.Domain) })
		if inDomain && strings.Contains(strings.ToLower(o.Name), search) {
			out = append(out, o)
		}
	}
	return page(in, out, func(o *organization) string { return o.ID }, func(o *organization) any { return organizationResponse(o) })
}

// commaSeparated gives the values of a parameter that is repeated, or has them
// all, or is written with brackets.
func commaSeparated(query url.Values, name string) []string {
	all := append(slices.Clone(query[name]), query[name+"[]"]...)
	return strings.FieldsFunc(strings.Join(all, ","), func(r rune) bool { return r == ',' })
}

func (e *Emulator) createOrganization(c *call, in fields) (any, *failure) {
	o := &organization{CreatedAt: c.now, UpdatedAt: c.now}
	if f := e.changeOrganization(o, in, c); f != nil {
		return nil, f
	}
	if f := in.check("name"); f != nil {
		return nil, f
	}
	if e.store.organizations.full() {
		return nil, full("organizations", maxOrganizations)
	}
	o.ID = newID("org_", c.now)
	e.store.organizations.put(o.ID, o)
	return organizationResponse(o), nil
}

// changeOrganization sets what a body says of an organisation, or says what is
// wrong with it.
func (e *Emulator) changeOrganization(o *organization, in fields, c *call) *failure {
	if in.given("name") {
		if o.Name = in.text("name"); o.Name == "" {
			in.complain("name", "a name")
		}
	}
	if in.has("external_id") {
		o.ExternalID = in.text("external_id")
	}
	if in.given("allow_profiles_outside_organization") {
		o.AllowProfilesOutside = in.flag("allow_profiles_outside_organization")
	}
	metadata, invalid := in.metadata(o.Metadata)
	o.Metadata = metadata
	if in.has("stripe_customer_id") {
		o.StripeCustomerID = in.text("stripe_customer_id")
	}
	domains, replaced := []domain{}, in.given("domains") || in.given("domain_data")
	for _, name := range in.texts("domains") {
		domains = append(domains, newDomain(name, true, c.now))
	}
	data, _ := in.body["domain_data"].([]any)
	if data == nil && in.given("domain_data") {
		in.complain("domain_data", "an array of objects")
	}
	for _, item := range data {
		object, _ := item.(map[string]any)
		name, _ := object["domain"].(string)
		state, _ := object["state"].(string)
		if name == "" || state != "verified" && state != "pending" {
			in.complain("domain_data", "an array of objects, each with domain and state (verified or pending)")
		}
		domains = append(domains, newDomain(name, state == "verified", c.now))
	}
	if f := in.check(); f != nil {
		return f
	}
	if invalid != nil {
		return invalid
	}
	for i, d := range domains {
		if other, taken := e.store.organizations.by("domain:" + d.Domain); taken && other.ID != o.ID {
			return apiFailure(http.StatusConflict, "domain_already_exists", "the domain "+d.Domain+" is another organization's")
		}
		for _, old := range o.Domains {
			if old.Domain == d.Domain {
				old.Verified, old.UpdatedAt = d.Verified, c.now
				domains[i] = old
			}
		}
	}
	if replaced {
		o.Domains = domains
	}
	if o.ExternalID != "" {
		if other, taken := e.store.organizations.by("external:" + o.ExternalID); taken && other.ID != o.ID {
			return badRequest("external_id_already_used", "another organization has this external_id")
		}
	}
	return nil
}

func (e *Emulator) getOrganization(c *call, _ fields) (any, *failure) {
	o, f := e.organization(c.params["id"])
	if f != nil {
		return nil, f
	}
	return organizationResponse(o), nil
}

func (e *Emulator) getOrganizationByExternalID(c *call, _ fields) (any, *failure) {
	o, ok := e.store.organizations.by("external:" + c.params["external_id"])
	if !ok {
		return nil, notFound("Organization", c.params["external_id"])
	}
	return organizationResponse(o), nil
}

func (e *Emulator) updateOrganization(c *call, in fields) (any, *failure) {
	o, f := e.organization(c.params["id"])
	if f != nil {
		return nil, f
	}
	changed := *o
	changed.UpdatedAt = c.now
	if f := e.changeOrganization(&changed, in, c); f != nil {
		return nil, f
	}
	*o = changed
	e.store.organizations.put(o.ID, o)
	return organizationResponse(o), nil
}

// deleteOrganization takes an organisation away with its memberships. Its
// members' sessions go on in none, from their next refresh.
func (e *Emulator) deleteOrganization(c *call, _ fields) (any, *failure) {
	o, f := e.organization(c.params["id"])
	if f != nil {
		return nil, f
	}
	e.store.organizations.remove(o.ID)
	e.store.memberships.removeBy(organizationKey(o.ID))
	e.store.connections.removeBy(organizationKey(o.ID))
	e.store.invitations.removeBy(organizationKey(o.ID))
	for _, r := range e.store.roles.all() {
		if r.OrganizationID == o.ID {
			e.store.roles.remove(r.ID)
		}
	}
	return nil, nil
}

func (e *Emulator) createDomain(c *call, in fields) (any, *failure) {
	name, id := in.text("domain"), in.text("organization_id")
	if f := in.check("domain", "organization_id"); f != nil {
		return nil, f
	}
	o, f := e.organization(id)
	if f != nil {
		return nil, f
	}
	d := newDomain(name, false, c.now)
	if _, taken := e.store.organizations.by("domain:" + d.Domain); taken {
		return nil, apiFailure(http.StatusConflict, "domain_already_exists", "the domain is an organization's already")
	}
	o.Domains = append(slices.Clone(o.Domains), d)
	e.store.organizations.put(o.ID, o)
	return domainResponse(o.ID, d), nil
}

// domain gives the domain whose id is in the path, and its organisation.
func (e *Emulator) domain(c *call) (*organization, int, *failure) {
	o, ok := e.store.organizations.by("domain_id:" + c.params["id"])
	if !ok {
		return nil, 0, notFound("Organization domain", c.params["id"])
	}
	return o, slices.IndexFunc(o.Domains, func(d domain) bool { return d.ID == c.params["id"] }), nil
}

func (e *Emulator) getDomain(c *call, _ fields) (any, *failure) {
	o, i, f := e.domain(c)
	if f != nil {
		return nil, f
	}
	return domainResponse(o.ID, o.Domains[i]), nil
}

// verifyDomain takes the owner's word: nothing here asks a name server.
func (e *Emulator) verifyDomain(c *call, _ fields) (any, *failure) {
	o, i, f := e.domain(c)
	if f != nil {
		return nil, f
	}
	if o.Domains[i].Verified {
		return nil, badRequest("domain_already_verified", "the domain is verified already")
	}
	o.Domains[i].Verified, o.Domains[i].UpdatedAt = true, c.now
	e.store.organizations.put(o.ID, o)
	return domainResponse(o.ID, o.Domains[i]), nil
}

func (e *Emulator) deleteDomain(c *call, _ fields) (any, *failure) {
	o, i, f := e.domain(c)
	if f != nil {
		return nil, f
	}
	o.Domains = slices.Delete(slices.Clone(o.Domains), i, i+1)
	e.store.organizations.put(o.ID, o)
	return nil, nil
}
