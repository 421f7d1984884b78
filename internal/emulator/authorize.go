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
			Fixes: []string{"Let the SDK build the address: get_authorization_url(...)."},
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
	e.show(c, e.store.begin(a, c.now), a, a.signUp)
}

// turn serves the pages that a sign-in under way can turn to: each links to the
// other, by the id of the pending authorization.
func (e *Emulator) turn(signUp bool) func(*call) {
	return func(c *call) {
		query, _ := url.ParseQuery(c.r.URL.RawQuery) // what cannot be read is no id
		c.note(query)
		id := query.Get("authorization")
		a, ok := e.store.waiting(id, c.now)
		if !ok {
			c.errorPage(http.StatusBadRequest, over)
			return
		}
		e.show(c, id, a, signUp)
	}
}

// show shows the sign-in page or the sign-up page.
func (e *Emulator) show(c *call, id string, a authorization, signUp bool) {
	if signUp {
		c.page(http.StatusOK, "sign-up page", "signup.html", signUpForm(id, url.Values{"email": {a.loginHint}}, nil))
		return
	}
	c.signInPage(http.StatusOK, "sign-in page", signInPage{ID: id, Email: a.loginHint})
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
		Fixes: []string{"Set WORKOS_CLIENT_ID=" + e.ClientID + " in the app's environment (.env), and restart the app."},
	}
	if len(given) > 1 {
		page.Text = "The app sent client_id more than once."
		page.Fixes = []string{"Send client_id once."}
	}
	c.errorPage(http.StatusBadRequest, page)
	return false
}

// checkRedirectURI shows a page and reports false when the redirect URI is not
// registered, byte for byte.
func (e *Emulator) checkRedirectURI(c *call, query url.Values) bool {
	given, registered := query["redirect_uri"], e.registered()
	known := len(given) == 1 && slices.Contains(registered, given[0])
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
		page.Fixes = []string{"Register the address of the app's callback, such as http://localhost:8000/callback."}
	case len(given) > 1:
		page.Text = "The app sent redirect_uri more than once."
		page.Fixes = []string{"Send redirect_uri once."}
	case len(given) == 0:
		page.Text = "The app did not say where to send the answer."
		page.Fixes = []string{"Pass redirect_uri to get_authorization_url(...)."}
	default:
		if hint := difference(given[0], registered); hint != "" {
			page.Fixes = append(page.Fixes, hint)
		}
		page.Fixes = append(page.Fixes,
			"If the app is wrong: correct WORKOS_REDIRECT_URI in its environment (.env), and restart it.",
			// Not with the address in it: a link may bring anything here, and
			// people paste commands.
			"If the address is right: start the emulator with it, authfit emulate --redirect-uri URI.",
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
			return "It differs from " + known + " only in http or https."
		case g.Scheme != k.Scheme:
			continue
		case !host && port && path:
			return "It differs from " + known + " only in the host; to a browser, localhost and 127.0.0.1 are two sites."
		case host && !port && path:
			return "It differs from " + known + " only in the port."
		case host && port && strings.TrimSuffix(g.Path, "/") == strings.TrimSuffix(k.Path, "/") && !path:
			return "It differs from " + known + " only in the slash at the end."
		case host && port && !path:
			return "It differs from " + known + " only in the path."
		}
	}
	return ""
}

// parseAuthorization checks everything but client_id and redirect_uri, which
// are checked already. With a failure too, the authorization says where it goes.
func (e *Emulator) parseAuthorization(query url.Values) (authorization, *failure) {
	a := authorization{
		clientID:       query.Get("client_id"),
		redirectURI:    query.Get("redirect_uri"),
		challenge:      query.Get("code_challenge"),
		loginHint:      query.Get("login_hint"),
		signUp:         query.Get("screen_hint") == "sign-up" || query.Get("prompt") == "create",
		organizationID: query.Get("organization_id"),
	}
	// A state that is there twice is nobody's state.
	if len(query["state"]) == 1 {
		a.state, a.hasState = query.Get("state"), true
	}
	if f := givenTwice(query); f != nil {
		return a, f
	}
	for _, check := range []func(url.Values) *failure{
		checkResponseType, checkProvider, checkChallenge, checkHints, e.checkOrganization,
	} {
		if f := check(query); f != nil {
			return a, f
		}
	}
	return a, nil
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

func checkProvider(query url.Values) *failure {
	for _, name := range []string{"connection_id", "invitation_token"} {
		if query.Get(name) != "" {
			return oauthFailure("invalid_request", "this emulator does not serve "+name+" yet")
		}
	}
	switch provider := query.Get("provider"); provider {
	case "authkit":
		return nil
	case "":
		return oauthFailure("invalid_request", "provider is required: pass provider=authkit")
	default:
		return oauthFailure("invalid_request", "this emulator does not serve the provider "+provider+"; it serves provider=authkit")
	}
}

// checkChallenge takes S256 and nothing else (RFC 9700, section 2.1.1). A
// challenge without a method means plain (RFC 7636, section 4.3), and WorkOS
// documents the method as required; the SDKs that take a bare code_challenge
// add it before they send it.
func checkChallenge(query url.Values) *failure {
	challenge, method := query.Get("code_challenge"), query.Get("code_challenge_method")
	switch {
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

// answer gives the parameters that go back to the app: name and value in turn,
// and the state as it came, if one came.
func (a authorization) answer(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	if a.hasState {
		values.Set("state", a.state)
	}
	return values
}

// submit serves POST /user_management/authorize: the forms of the pages that a
// user sees on the way to the app. The form says which one it is by its action.
func (e *Emulator) submit(c *call) {
	// A form can only be posted by its own page: by the id in it, and by what
	// the browser says of where it comes from.
	if err := new(http.CrossOriginProtection).Check(c.r); err != nil {
		c.errorPage(http.StatusForbidden, errorPage{
			Title: "Sign-in refused", Text: "The form was sent by a page of another site.",
		})
		return
	}
	form, f := readForm(c.r)
	if f != nil {
		c.errorPage(f.status, errorPage{Title: "This form cannot be read", Text: "What is wrong: " + f.text + "."})
		return
	}
	c.note(form)
	id := form.Get("authorization")
	a, ok := e.store.waiting(id, c.now)
	if !ok {
		c.errorPage(http.StatusBadRequest, over)
		return
	}
	switch form.Get("action") {
	case "cancel":
		e.cancel(c, id)
	case "sign-in":
		e.signIn(c, id, a, form)
	case "sign-up":
		e.signUp(c, id, a, form)
	case "choose-organization":
		e.chooseOrganization(c, id, a, form)
	default:
		c.errorPage(http.StatusBadRequest, errorPage{
			Title: "This form cannot be read",
			Text:  "Its field action must be sign-in, sign-up, choose-organization or cancel.",
		})
	}
}

// over is for a page whose pending authorization is not there any more.
var over = errorPage{
	Title: "This sign-in is over",
	Text:  "The page was used already, or it was open for more than half an hour, or the emulator was restarted.",
	Fixes: []string{"Go back to the app and sign in again."},
}

// signIn serves the sign-in form.
func (e *Emulator) signIn(c *call, id string, a authorization, form url.Values) {
	email, ok := e.store.checkPassword(form.Get("email"), form.Get("password"))
	wrong := ""
	if !ok {
		wrong = "Wrong email or password."
	} else if user, _ := e.store.user(email); a.organizationID != "" {
		if _, ok := user.member(a.organizationID); !ok {
			o, _ := e.store.organization(a.organizationID)
			wrong = email + " is not a member of " + o.Name + ", which the app asks for."
		}
	}
	if wrong != "" {
		c.signInPage(http.StatusUnprocessableEntity, "sign-in refused: "+wrong, signInPage{
			ID: id, Email: form.Get("email"), Error: wrong,
		})
		return
	}
	e.proceed(c, id, email)
}

// proceed takes a user whose password is checked on to what is still missing, or
// back to the app.
func (e *Emulator) proceed(c *call, id, email string) {
	a, ok := e.store.take(id, c.now)
	if !ok {
		c.errorPage(http.StatusBadRequest, usedAlready)
		return
	}
	user, _ := e.store.user(email)
	a.email, a.authTime = user.Email, c.now
	if a.organizationID == "" && len(user.Memberships) == 1 {
		a.organizationID = user.Memberships[0].OrganizationID
	}
	if a.organizationID == "" && len(user.Memberships) > 1 {
		// With another id from here on: the one so far was in links, and whoever
		// knows it must not choose for this user and get the code.
		e.askForOrganization(c, e.store.begin(a, c.now), user, "")
		return
	}
	e.complete(c, a)
}

// complete sends a user who has signed in back to the app, with a code.
func (e *Emulator) complete(c *call, a authorization) {
	outcome := "code for " + a.email
	if a.organizationID != "" {
		outcome += " in " + a.organizationID
	}
	c.redirect(a.redirectURI, a.answer("code", e.store.issueCode(a, c.now)), outcome)
}

// cancel sends a user who does not want to sign in back to the app.
func (e *Emulator) cancel(c *call, id string) {
	if a, ok := e.store.take(id, c.now); ok {
		c.redirect(a.redirectURI, a.answer("error", "access_denied",
			"error_description", "the user cancelled the sign-in"), "access_denied: cancelled by the user")
		return
	}
	c.errorPage(http.StatusBadRequest, usedAlready)
}

// usedAlready is for the second of two forms sent at once.
var usedAlready = errorPage{Title: "This sign-in is over", Text: "The page was used already."}
