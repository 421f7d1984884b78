package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// Organization is a customer of the app, whose members are users.
type Organization struct {
	// ID is the organisation's id ("org_...").
	ID   string
	Name string
	// Entitlements and FeatureFlags are what its members' tokens say of them.
	Entitlements []string
	FeatureFlags []string
}

// Membership is a user's place in an organisation.
type Membership struct {
	OrganizationID string
	// Role is the slug of the member's role. Empty: "member".
	Role string
	// Roles are all the member's roles. Nil: Role alone.
	Roles       []string
	Permissions []string
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

// member gives the user's place in an organisation.
func (u User) member(organizationID string) (Membership, bool) {
	for _, m := range u.Memberships {
		if m.OrganizationID == organizationID {
			return m, true
		}
	}
	return Membership{}, false
}

// DefaultOrganizations are the two that are there when nothing else is said.
func DefaultOrganizations() []Organization {
	return []Organization{
		{ID: NorthOrganizationID, Name: "North Workshop", Entitlements: []string{"audit-logs"}, FeatureFlags: []string{"new-editor"}},
		{ID: SouthOrganizationID, Name: "South Workshop"},
	}
}

// check names what is wrong with the users and organisations that were given.
func (e *Emulator) check() error {
	organizations, emails := map[string]bool{}, map[string]bool{}
	for _, o := range e.Organizations {
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
		seen := map[string]bool{}
		for _, m := range u.Memberships {
			switch {
			case !organizations[m.OrganizationID]:
				return fmt.Errorf("user %q is a member of %q, which is no organization here", u.Email, m.OrganizationID)
			case seen[m.OrganizationID]:
				return fmt.Errorf("user %q is a member of %q twice", u.Email, m.OrganizationID)
			case m.Roles != nil && !slices.Contains(m.Roles, m.role()):
				return fmt.Errorf("user %q in %q: the role %q is not among the roles", u.Email, m.OrganizationID, m.role())
			}
			seen[m.OrganizationID] = true
		}
	}
	return nil
}

// checkOrganization refuses an authorization request for an organisation that is
// not there. Whether its user is a member shows when they sign in.
func (e *Emulator) checkOrganization(query url.Values) *failure {
	id := query.Get("organization_id")
	if id == "" {
		return nil
	}
	if _, ok := e.store.organization(id); !ok {
		return oauthFailure("organization_invalid", "this emulator has no organization "+id)
	}
	return nil
}

// organizationObject is an organisation as a step-up names one.
type organizationObject struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// organizationSelection is the refusal of a sign-in without a page by a user of
// several organisations. It is called with the lock held.
func (s *store) organizationSelection(a account, token string) *failure {
	f := apiFailure(http.StatusForbidden, "organization_selection_required",
		"The user must choose an organization to finish their authentication.")
	f.next = &stepUp{Token: token, User: userResponse(a)}
	for _, m := range a.Memberships {
		o := s.organizations[m.OrganizationID]
		f.next.Organizations = append(f.next.Organizations, organizationObject{o.ID, o.Name})
	}
	return f
}

// organizationPage is what organization.html shows.
type organizationPage struct {
	ID      string // of the pending authorization
	Email   string
	Error   string
	Choices []choice
}

// choice is an organisation that the user can sign in to.
type choice struct{ ID, Name, Role string }

// askForOrganization shows the page on which a user of several organisations
// chooses one.
func (e *Emulator) askForOrganization(c *call, id string, a account, wrong string) {
	page := organizationPage{ID: id, Email: a.Email, Error: wrong}
	for _, m := range a.Memberships {
		o, _ := e.store.organization(m.OrganizationID)
		page.Choices = append(page.Choices, choice{o.ID, o.Name, m.role()})
	}
	status, outcome := http.StatusOK, "choice of an organization for "+a.Email
	if wrong != "" {
		status, outcome = http.StatusUnprocessableEntity, "no such choice: "+wrong
	}
	c.page(status, outcome, "organization.html", page)
}

// chooseOrganization serves the form of that page.
func (e *Emulator) chooseOrganization(c *call, id string, a authorization, form url.Values) {
	user, ok := e.store.user(a.email)
	if !ok { // nobody has signed in on this page
		c.errorPage(http.StatusBadRequest, errorPage{
			Title: "Nobody has signed in yet", Text: "An organization can be chosen after signing in.",
		})
		return
	}
	organizationID := form.Get("organization_id")
	if _, ok := user.member(organizationID); !ok {
		e.askForOrganization(c, id, user, "You are not a member of this organization.")
		return
	}
	if a, ok := e.store.take(id, c.now); ok {
		a.organizationID = organizationID
		e.complete(c, a)
		return
	}
	c.errorPage(http.StatusBadRequest, usedAlready)
}
