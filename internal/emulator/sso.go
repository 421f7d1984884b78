package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// WorkOS's single sign-on without AuthKit: an app sends somebody to their
// organisation's identity provider, or to a social one, and gets a profile. Whom
// AuthKit knows has nothing to do with it, but for the people to pick from.

// profileLifetime is how long an access token gives its profile.
const profileLifetime = 10 * time.Minute

// profile is who somebody is at an identity provider.
type profile struct {
	ID             string
	ConnectionID   string
	ConnectionType string
	OrganizationID string
	Email          string
	FirstName      string
	LastName       string
	Role           string // slug; empty: in no organisation here
	// AccessToken gives the profile until Expires.
	AccessToken string
	Expires     time.Time
	// LogoutToken is good for one logout.
	LogoutToken string
}

func (p *profile) keys() []string {
	keys := []string{}
	for _, token := range []string{p.AccessToken, p.LogoutToken} {
		if token != "" {
			keys = append(keys, token)
		}
	}
	return keys
}

// authorizeSSO serves GET /sso/authorize.
func (e *Emulator) authorizeSSO(c *call) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	c.note(query)
	if err != nil {
		c.errorPage(http.StatusBadRequest, errorPage{
			Title: "This authorization request cannot be read", Text: "Its query is not properly encoded: " + err.Error() + ".",
			Fixes: []string{"Let the SDK build the address: `sso.get_authorization_url(...)`."},
		})
		return
	}
	if !e.checkClient(c, query) || !e.checkRedirectURI(c, query) {
		return
	}
	// Its parameters are AuthKit's by other names.
	asked := url.Values{}
	for name, all := range query {
		switch name {
		case "connection", "organization":
			asked[name+"_id"] = all
		default:
			asked[name] = all
		}
	}
	a, f := e.parseAuthorization(asked)
	if f == nil && a.provider == providerAuthKit && a.connectionID == "" && a.organizationID == "" {
		f = oauthFailure("invalid_request", "connection, organization or provider is required, and the provider is not authkit")
	}
	e.within(c, func() func() {
		if f == nil {
			f = e.resolveSSO(&a)
		}
		if f != nil {
			return e.back(c, &a, f)
		}
		a.sso = true
		return e.identityPage(c, e.store.begin(a, c.now), &a, http.StatusOK, "")
	})
}

// resolveSSO finds the connection of an authorization.
func (e *Emulator) resolveSSO(a *authorization) *failure {
	if a.connectionID == "" && a.organizationID != "" {
		all := e.store.connections.allBy(organizationKey(a.organizationID))
		if len(all) == 0 {
			return oauthFailure("organization_invalid", "the organization "+a.organizationID+" has no connection here")
		}
		a.connectionID = all[0].ID
	}
	if _, ok := e.store.connections.get(a.connectionID); a.connectionID != "" && !ok {
		return oauthFailure("connection_invalid", "this emulator has no connection "+a.connectionID)
	}
	return nil
}

// completeSSO sends who picked an identity back to the app, with a code for its
// profile.
func (e *Emulator) completeSSO(c *call, id string, a *authorization, u *user, email string) func() {
	e.store.pending.remove(id)
	p := &profile{Email: email}
	if u != nil {
		p.FirstName, p.LastName = u.FirstName, u.LastName
	}
	if k, ok := e.store.connections.get(a.connectionID); ok {
		p.ConnectionID, p.ConnectionType, p.OrganizationID = k.ID, k.Type, k.OrganizationID
		if u != nil {
			if m, ok := e.store.membership(u.ID, k.OrganizationID); ok {
				p.Role = m.Role
			}
		}
	} else {
		p.ConnectionID, p.ConnectionType = stableID("conn_", a.provider), a.provider
	}
	p.ID = stableID("prof_", p.ConnectionID+emailKey(email))
	e.store.profiles.put(p.ID, p)
	a.signedIn = signedIn{}
	code := secret()
	e.store.grants.put(code, &grant{
		ClientID: strings.Clone(a.clientID), RedirectURI: strings.Clone(a.redirectURI), Challenge: strings.Clone(a.challenge),
		ProfileID: p.ID, Expires: c.now.Add(codeLifetime),
	})
	to, answer := a.redirectURI, a.answer("code", code)
	return func() { c.redirect(to, answer, "code for the profile of "+email) }
}

// tokenSSO serves POST /sso/token, whose parameters are in the body or, as the
// public description has it, in the query.
func (e *Emulator) tokenSSO(c *call) {
	form, f := url.ParseQuery(c.r.URL.RawQuery)
	if f != nil || len(form) == 0 {
		var wrong *failure
		if form, wrong = readForm(c.r); wrong != nil {
			c.fail(wrong)
			return
		}
	}
	c.note(form)
	if wrong := e.exchangeProfile(c, form); wrong != nil {
		c.fail(wrong)
	}
}

func (e *Emulator) exchangeProfile(c *call, form url.Values) *failure {
	by, f := e.client(c, form)
	if f != nil {
		return f
	}
	by.verifier, by.redirectURI = form.Get("code_verifier"), form.Get("redirect_uri")
	switch {
	case form.Get("grant_type") != "authorization_code":
		return oauthFailure("unsupported_grant_type", "grant_type must be authorization_code")
	case form.Get("code") == "":
		return invalidParameters("code is required")
	case by.public && by.verifier == "":
		return oauthFailure("invalid_client", "client_secret is missing, and no code_verifier stands in for it")
	}
	var token string
	var shown map[string]any
	unsaved := e.store.do(func() {
		var g *grant
		if g, f = e.store.use(form.Get("code"), by); f != nil {
			return
		}
		p, ok := e.store.profiles.get(g.ProfileID)
		if !ok {
			f = invalidCode
			return
		}
		p.AccessToken, p.Expires = secret(), c.now.Add(profileLifetime)
		e.store.profiles.put(p.ID, p)
		token, shown = p.AccessToken, profileResponse(p)
	})
	if unsaved != nil {
		return unsaved
	}
	if f == nil {
		c.json(http.StatusOK, "profile", map[string]any{
			"token_type": "Bearer", "access_token": token, "expires_in": int(profileLifetime.Seconds()), "profile": shown,
		})
	}
	return f
}

// profileSSO serves GET /sso/profile, for who has the access token of one.
func (e *Emulator) profileSSO(c *call) {
	_, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	var shown map[string]any
	_ = e.store.do(func() { // nothing changes
		if p, ok := e.store.profiles.by(token); ok && token == p.AccessToken && c.now.Before(p.Expires) {
			shown = profileResponse(p)
		}
	})
	if shown == nil {
		f := oauthFailure("Unauthorized", "the header Authorization must be Bearer and the access token of a profile")
		f.status = http.StatusUnauthorized
		c.fail(f)
		return
	}
	c.json(http.StatusOK, "profile", shown)
}

func profileResponse(p *profile) map[string]any {
	out := map[string]any{
		"object": "profile", "id": p.ID, "connection_id": p.ConnectionID, "connection_type": p.ConnectionType,
		"organization_id": orNull(p.OrganizationID), "idp_id": stableID("", p.ID), "email": p.Email,
		"first_name": orNull(p.FirstName), "last_name": orNull(p.LastName), "name": orNull(strings.TrimSpace(p.FirstName + " " + p.LastName)),
		"groups": []string{}, "custom_attributes": map[string]any{}, "raw_attributes": map[string]any{"email": p.Email},
	}
	if p.Role != "" {
		out["role"], out["roles"] = roleSlug{p.Role}, []roleSlug{{p.Role}}
	}
	return out
}

// authorizeLogout serves POST /sso/logout/authorize.
func (e *Emulator) authorizeLogout(c *call, in fields) (any, *failure) {
	id := in.text("profile_id")
	if f := in.check("profile_id"); f != nil {
		return nil, f
	}
	p, ok := e.store.profiles.get(id)
	if !ok {
		return nil, notFound("Profile", id)
	}
	p.LogoutToken = secret()
	e.store.profiles.put(p.ID, p)
	return map[string]any{
		"logout_token": p.LogoutToken, "logout_url": c.base() + "/sso/logout?" + url.Values{"token": {p.LogoutToken}}.Encode(),
	}, nil
}

// logoutSSO serves GET /sso/logout: nobody is signed in at a provider here, so
// that it only leads back to the app.
func (e *Emulator) logoutSSO(c *call) {
	query, _ := url.ParseQuery(c.r.URL.RawQuery) // what cannot be read is no token
	c.note(query)
	token := query.Get("token")
	e.within(c, func() func() {
		p, ok := e.store.profiles.by(token)
		if !ok || p.LogoutToken != token {
			return func() {
				c.refuse(notFound("Logout token", "token"), errorPage{
					Title: "Signing out failed", Text: "The token in the link was used already, or never was.",
					Fixes: []string{"Ask for another `logout_url`, and send people there once."},
				})
			}
		}
		p.LogoutToken = ""
		e.store.profiles.put(p.ID, p)
		to := e.homepage(e.store.redirectURIs())
		if to == "" {
			return func() { c.page(http.StatusOK, "signed out", "notice.html", signedOut) }
		}
		return func() { c.redirect(to, nil, "signed out of single sign-on") }
	})
}
