package emulator

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const providerAuthKit = "authkit"

// providers are the ways to sign in with an account elsewhere, by the name on
// the button. Here each is a page on which a local identity is picked.
var providers = map[string]string{
	"AppleOAuth": "Apple", "GitHubOAuth": "GitHub", "GoogleOAuth": "Google", "MicrosoftOAuth": "Microsoft",
	"BitbucketOAuth": "Bitbucket", "GitLabOAuth": "GitLab", "IntuitOAuth": "Intuit", "LinkedInOAuth": "LinkedIn",
	"SalesforceOAuth": "Salesforce", "SlackOAuth": "Slack", "VercelOAuth": "Vercel", "VercelMarketplaceOAuth": "Vercel Marketplace",
	"XeroOAuth": "Xero",
}

// shownProviders are those with a button on the sign-in page.
var shownProviders = []string{"GoogleOAuth", "MicrosoftOAuth", "GitHubOAuth", "AppleOAuth"}

func providerNames() []string { return slices.Sorted(maps.Keys(providers)) }

// identityPage is where somebody picks who they are at a provider, or at an
// organisation's identity provider.
func (e *Emulator) identityPage(c *call, id string, a *authorization, status int, wrong string) func() {
	page := struct {
		ID, At, Organization string
		People               []row
		Field                field
		Back                 bool // to the other ways to sign in
	}{ID: id, Back: a.turned}
	k, sso := e.store.connections.get(a.connectionID)
	page.At = providers[a.provider]
	if sso {
		page.At = k.Name
		o, _ := e.store.organizations.get(k.OrganizationID)
		page.Organization = o.Name
	}
	for _, u := range e.store.users.all() {
		if len(page.People) == 10 { // more than that are picked by their email
			break
		}
		if !sso || e.store.checkMember(u.ID, k.OrganizationID) == nil || slices.Contains(k.Domains, domainOf(u.Email)) {
			page.People = append(page.People, rowOf(u))
		}
	}
	page.Field = field{
		Name: "email", Label: "Somebody else's email", Type: "email", Autocomplete: "off", Value: a.loginHint, Wrong: wrong,
		Focus: wrong != "" || a.loginHint != "" || len(page.People) == 0,
	}
	if len(page.People) == 0 {
		page.Field.Label = "Email"
	}
	return func() { c.page(status, "choice of an identity at "+page.At, "identity.html", page) }
}

// turnTo sends somebody to where their organisation has its people sign in.
func (e *Emulator) turnTo(c *call, id string, a *authorization, k *connection, email string) func() {
	a.connectionID, a.loginHint, a.turned = k.ID, email, true
	return e.identityPage(c, id, a, http.StatusOK, "")
}

// pickIdentity serves its form. Who has no account yet gets one.
func (e *Emulator) pickIdentity(c *call, id string, a *authorization, form url.Values) func() {
	email := strings.TrimSpace(form.Get("email"))
	refuse := func(wrong string) func() {
		a.loginHint = email
		return e.identityPage(c, id, a, http.StatusUnprocessableEntity, wrong)
	}
	k, sso := e.store.connections.get(a.connectionID)
	_, social := providers[a.provider]
	if !sso && !social {
		return func() {
			c.errorPage(http.StatusBadRequest, errorPage{Title: "This form cannot be read", Text: "Nobody asked for an identity.",
				Fixes: []string{"Choose a provider on the sign-in page first, or name one in the authorization request: `provider=GoogleOAuth`."}})
		}
	}
	if !emailAddress(email) {
		return refuse("Enter an email address, such as name@example.test.")
	}
	u, known := e.store.users.by(emailKey(email))
	if !known && e.store.users.full() {
		return refuse(sentence(full("accounts", maxAccounts).text))
	}
	if a.sso && !sso {
		return e.completeSSO(c, id, a, u, email)
	}
	required := e.store.requiredConnection(email)
	switch {
	case sso && !slices.Contains(k.Domains, domainOf(email)) && (!known || e.store.checkMember(u.ID, k.OrganizationID) != nil):
		return refuse(email + " is not one of " + k.Name + "'s people.")
	case a.sso:
		return e.completeSSO(c, id, a, u, email)
	case sso:
		u = e.store.provision(u, email, k, c)
		a.organizationID = k.OrganizationID
		return e.proceed(c, id, u, methodSSO)
	case required != nil:
		a.provider = providerAuthKit
		return e.turnTo(c, id, a, required, email)
	case known:
		if wrong := e.store.notMember(u, a.organizationID); wrong != "" {
			return refuse(wrong)
		}
	default:
		u = e.store.addSeed(User{Email: email, EmailVerified: true}, c.now)
	}
	e.store.link(u, a.provider, c)
	return e.proceed(c, id, u, a.provider)
}

// link notes that a user has an account at a provider, which has verified the
// email of who comes from there, but not of who made an account here before.
func (s *store) link(u *user, provider string, c *call) {
	at := identity{provider, stableID("", provider+u.ID)}
	if !slices.Contains(u.Identities, at) {
		u.Identities = append(u.Identities, at)
	}
	u.UpdatedAt = c.now
	s.users.put(u.ID, u)
}

// provision makes who comes from an organisation's identity provider a user and
// a member.
func (s *store) provision(u *user, email string, k *connection, c *call) *user {
	if u == nil {
		u = s.addSeed(User{Email: email, EmailVerified: true}, c.now)
	}
	if m, ok := s.membership(u.ID, k.OrganizationID); !ok {
		s.addMembership(u.ID, k.OrganizationID, []string{"member"}, c.now)
	} else if m.Status != statusActive {
		m.Status, m.UpdatedAt = statusActive, c.now
		s.memberships.put(m.ID, m)
	}
	return u
}
