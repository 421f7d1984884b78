package emulator

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A SHA-256 hash in URL-safe base64 without padding.
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// prompts are OpenID Connect's values, and "create" of its sign-up extension.
var prompts = []string{"none", "login", "consent", "select_account", "create"}

// authorize serves GET /user_management/authorize: it checks the request and
// shows the sign-in page, or the sign-up page where the app asks for it.
//
// What is wrong with client_id or redirect_uri is shown on a page: an address
// that is not registered is never redirected to (RFC 6749, section 4.1.2.1).
// Everything else that is wrong goes to the redirect URI as an OAuth error.
func (e *Emulator) authorize(c *call) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	c.note(query)
	if err != nil {
		c.errorPage(http.StatusBadRequest, errorPage{
			Title: "This authorization request cannot be read",
			Text:  "Its query is not properly encoded: " + err.Error() + ".",
			Fixes: []string{"Let the SDK build the address: `get_authorization_url(...)`."},
		})
		return
	}
	if !e.checkClient(c, query) || !e.checkRedirectURI(c, query) {
		return
	}
	a, f := e.parseAuthorization(query)
	if f != nil {
		c.redirect(a.redirectURI, a.answer("error", f.code, "error_description", f.text),
			f.code+": "+f.text)
		return
	}
	e.within(c, func() func() {
		if f := e.resolve(c, &a); f != nil {
			return func() {
				c.redirect(a.redirectURI, a.answer("error", f.code, "error_description", f.text), f.code+": "+f.text)
			}
		}
		id := e.store.begin(a, c.now)
		switch {
		case a.connectionID != "" || a.provider != providerAuthKit:
			return e.identityPage(c, id, &a, http.StatusOK, "")
		case a.signUp:
			return e.signUpPage(c, id, url.Values{"email": {a.loginHint}}, nil)
		default:
			return e.signInPage(c, id, &a, http.StatusOK, a.loginHint, "")
		}
	})
}

// checkClient shows a page and reports false when the client is not known.
func (e *Emulator) checkClient(c *call, query url.Values) bool {
	given := query["client_id"]
	if len(given) == 1 && given[0] == e.ClientID {
		return true
	}
	page := errorPage{
		Title: "Unknown client",
		Text:  "The app did not send the client id of this local AuthKit.",
		Facts: []fact{{"The app sent", masked("client_id", orNothing(given))}, {"Known here", e.ClientID}},
		Fixes: []string{
			"Set `WORKOS_CLIENT_ID=" + e.ClientID + "` in the app's environment (.env), and restart the app.",
			"Or start this local AuthKit in the project's folder: `authfit emulate` takes the client id that is in .env.",
		},
	}
	if len(given) > 1 {
		page.Text = "The app sent client_id more than once."
		page.Fixes = []string{"Send `client_id` once."}
	}
	c.errorPage(http.StatusBadRequest, page)
	return false
}

// checkRedirectURI shows a page and reports false when the redirect URI is not
// registered, byte for byte.
func (e *Emulator) checkRedirectURI(c *call, query url.Values) bool {
	given, registered := query["redirect_uri"], e.registered()
	known := len(given) == 1 && (slices.Contains(registered, given[0]) || e.lenient(CheckRedirectURI))
	if known && webAddress(given[0]) {
		return true
	}
	page := errorPage{
		Title:      "Invalid redirect URI",
		Text:       "The app asked to be answered at an address that is not registered here, so nobody is sent there.",
		Facts:      []fact{{"The app sent", orNothing(given)}},
		Registered: registered,
	}
	if len(registered) == 0 {
		page.Facts = append(page.Facts, fact{"Registered here", "(nothing)"})
	}
	switch {
	case known:
		page.Text = "The address is registered here, but it is not an http or https address without a fragment."
		page.Fixes = []string{"Register the address of the app's callback, such as `http://localhost:8000/callback`."}
	case len(given) > 1:
		page.Text = "The app sent redirect_uri more than once."
		page.Fixes = []string{"Send `redirect_uri` once."}
	case len(given) == 0:
		page.Text = "The app did not say where to send the answer."
		page.Fixes = []string{"Pass `redirect_uri` to `get_authorization_url(...)`."}
	default:
		if hint := difference(given[0], registered); hint != "" {
			page.Fixes = append(page.Fixes, hint)
		}
		page.Fixes = append(page.Fixes,
			"If the app is wrong: correct `WORKOS_REDIRECT_URI` in its environment (.env), and restart it.",
			// Not with the address in it: a link may bring anything here, and
			// people paste commands.
			"If the address is right: start the emulator with it, `authfit emulate --redirect-uri URI`.",
		)
	}
	c.errorPage(http.StatusBadRequest, page)
	return false
}

// webAddress reports whether a browser may be redirected to an address (RFC
// 6749, section 3.1.2: no fragment).
func webAddress(address string) bool {
	_, ok := origin(address)
	return ok && !strings.Contains(address, "#")
}

// orNothing shows what was sent for a parameter.
func orNothing(values []string) string {
	if len(values) == 0 {
		return "(nothing)"
	}
	return strings.Join(values, " and ")
}

// difference names the one thing in which an address differs from a registered
// one, for the mistakes that people make; otherwise it is empty.
func difference(given string, registered []string) string {
	g, err := url.Parse(given)
	if err != nil {
		return ""
	}
	for _, known := range registered {
		k, err := url.Parse(known)
		if err != nil {
			continue
		}
		host, port, path := g.Hostname() == k.Hostname(), g.Port() == k.Port(), g.Path == k.Path
		switch {
		case g.Scheme != k.Scheme && host && port && path:
			return "It differs from `" + known + "` only in http or https."
		case g.Scheme != k.Scheme:
			continue
		case !host && port && path:
			return "It differs from `" + known + "` only in the host; to a browser, localhost and 127.0.0.1 are two sites."
		case host && !port && path:
			return "It differs from `" + known + "` only in the port."
		case host && port && strings.TrimSuffix(g.Path, "/") == strings.TrimSuffix(k.Path, "/") && !path:
			return "It differs from `" + known + "` only in the slash at the end."
		case host && port && !path:
			return "It differs from `" + known + "` only in the path."
		}
	}
	return ""
}

// parseAuthorization checks everything but client_id and redirect_uri, which
// are checked already, and what the store has to be asked about. With a failure
// too, the authorization says where it goes.
func (e *Emulator) parseAuthorization(query url.Values) (authorization, *failure) {
	a := authorization{
		clientID:        query.Get("client_id"),
		redirectURI:     query.Get("redirect_uri"),
		challenge:       query.Get("code_challenge"),
		loginHint:       query.Get("login_hint"),
		signUp:          query.Get("screen_hint") == "sign-up" || query.Get("prompt") == "create",
		consent:         slices.Contains(strings.Fields(query.Get("prompt")), "consent"),
		organizationID:  query.Get("organization_id"),
		provider:        query.Get("provider"),
		connectionID:    query.Get("connection_id"),
		domainHint:      query.Get("domain_hint"),
		invitationToken: query.Get("invitation_token"),
	}
	// A state that is there twice is nobody's state.
	if len(query["state"]) == 1 {
		a.state, a.hasState = query.Get("state"), true
	}
	if f := givenTwice(query); f != nil {
		return a, f
	}
	for _, check := range []func(url.Values) *failure{
		checkResponseType, e.checkProvider, e.checkChallenge, checkHints,
	} {
		if f := check(query); f != nil {
			return a, f
		}
	}
	if a.provider == "" {
		a.provider = providerAuthKit
	}
	if query.Get("code_challenge_method") == "plain" {
		a.challenge = challengeOf(a.challenge) // lenient: as if it had been S256
	}
	return a, nil
}

// resolve checks what an authorization names: its organisation, connection and
// invitation.
func (e *Emulator) resolve(c *call, a *authorization) *failure {
	if a.organizationID != "" {
		if _, ok := e.store.organizations.get(a.organizationID); !ok {
			return oauthFailure("organization_invalid", "this emulator has no organization "+a.organizationID)
		}
		// WorkOS takes who asks for an organization with an identity provider there.
		if a.connectionID == "" && a.provider == providerAuthKit {
			for _, k := range e.store.connections.allBy(organizationKey(a.organizationID)) {
				if k.Required {
					a.connectionID = k.ID
				}
			}
		}
	}
	if a.connectionID != "" {
		k, ok := e.store.connections.get(a.connectionID)
		if !ok || a.organizationID != "" && k.OrganizationID != a.organizationID {
			return oauthFailure("connection_invalid", "this emulator has no connection "+a.connectionID+" (of this organization)")
		}
		a.organizationID = k.OrganizationID
	}
	sent := a.invitationToken != ""
	if !sent {
		a.invitationToken = invitationFromCookie(c.r)
	}
	switch i, f := e.store.openInvitation(a.invitationToken, c.now); {
	case f == nil && a.loginHint == "":
		a.loginHint = i.Email
	case f != nil && sent:
		return f
	case f != nil: // the cookie is of one that is over by now, which the app knows nothing of
		a.invitationToken = ""
	}
	return nil
}

func checkResponseType(query url.Values) *failure {
	switch query.Get("response_type") {
	case "code":
		return nil
	case "":
		return oauthFailure("invalid_request", "response_type is required; it is code")
	}
	return oauthFailure("unsupported_response_type", "response_type must be code")
}

// checkProvider wants one of the ways to sign in: WorkOS refuses a request that
// names none.
func (e *Emulator) checkProvider(query url.Values) *failure {
	provider := query.Get("provider")
	if _, ok := providers[provider]; ok || provider == providerAuthKit {
		return nil
	}
	if provider != "" {
		return oauthFailure("invalid_request", "there is no provider "+provider+"; there are authkit, "+strings.Join(providerNames(), ", "))
	}
	if query.Get("connection_id") != "" || query.Get("organization_id") != "" || e.lenient(CheckProvider) {
		return nil
	}
	return oauthFailure("invalid_request", "provider is required (or connection_id, or organization_id): pass provider=authkit")
}

// checkChallenge takes S256 and nothing else (RFC 9700, section 2.1.1). A
// challenge without a method means plain (RFC 7636, section 4.3), and WorkOS
// documents the method as required; the SDKs that take a bare code_challenge
// add it before they send it.
func (e *Emulator) checkChallenge(query url.Values) *failure {
	challenge, method := query.Get("code_challenge"), query.Get("code_challenge_method")
	switch {
	case challenge != "" && e.lenient(CheckPKCE) && (method == "" || method == "plain"):
		return nil
	case challenge == "" && method == "":
		return nil
	case challenge == "":
		return oauthFailure("invalid_request", "code_challenge_method came without a code_challenge")
	case method == "":
		return oauthFailure("invalid_request", "code_challenge_method is required with a code_challenge: S256")
	case method != "S256":
		return oauthFailure("invalid_request", "code_challenge_method must be S256")
	case !challengeForm.MatchString(challenge):
		return oauthFailure("invalid_request", "code_challenge is not an S256 challenge: 43 characters of URL-safe base64")
	}
	return nil
}

func checkHints(query url.Values) *failure {
	if hint := query.Get("screen_hint"); hint != "" && hint != "sign-in" && hint != "sign-up" {
		return oauthFailure("invalid_request", "screen_hint must be sign-in or sign-up")
	}
	for _, prompt := range strings.Fields(query.Get("prompt")) {
		if !slices.Contains(prompts, prompt) {
			return oauthFailure("invalid_request", "prompt must be one of "+strings.Join(prompts, ", "))
		}
		// Every sign-in here asks for the password, which also fulfils any
		// max_age; so nobody is ever signed in beforehand.
		if prompt == "none" {
			return oauthFailure("login_required", "prompt=none, but nobody is signed in at this emulator")
		}
	}
	if age := query.Get("max_age"); age != "" {
		if seconds, err := strconv.Atoi(age); err != nil || seconds < 0 {
			return oauthFailure("invalid_request", "max_age must be a number of seconds, 0 or more")
		}
	}
	return nil
}
