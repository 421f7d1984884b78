package emulator

import (
	"crypto/subtle"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The grants that WorkOS has beside OAuth's own (RFC 6749).
const (
	grantMagicAuth         = "urn:workos:oauth:grant-type:magic-auth:code"
	grantEmailVerification = "urn:workos:oauth:grant-type:email-verification:code"
	grantTOTP              = "urn:workos:oauth:grant-type:mfa-totp"
	organizationSelection  = "urn:workos:oauth:grant-type:organization-selection"
	grantDevice            = "urn:ietf:params:oauth:grant-type:device_code" // RFC 8628
)

// grants are how each is exchanged.
var grants = map[string]func(*Emulator, *call, url.Values, redemption) (issued, *failure){
	"authorization_code":   (*Emulator).exchangeCode,
	"refresh_token":        (*Emulator).exchangeRefreshToken,
	"password":             secretly((*Emulator).exchangePassword),
	grantMagicAuth:         secretly((*Emulator).exchangeMagicAuth),
	grantEmailVerification: secretly((*Emulator).exchangeEmailVerification),
	grantTOTP:              secretly((*Emulator).exchangeTOTP),
	organizationSelection:  secretly((*Emulator).exchangeSelection),
	grantDevice:            (*Emulator).exchangeDevice,
}

// secretly is for a grant that only a client with its secret is given.
func secretly(exchange func(*Emulator, *call, url.Values, redemption) (issued, *failure)) func(*Emulator, *call, url.Values, redemption) (issued, *failure) {
	return func(e *Emulator, c *call, form url.Values, by redemption) (issued, *failure) {
		if by.public {
			return issued{}, oauthFailure("invalid_client", "client_secret is missing")
		}
		return exchange(e, c, form, by)
	}
}

// authenticate serves POST /user_management/authenticate.
func (e *Emulator) authenticate(c *call) {
	form, f := readForm(c.r)
	if f == nil {
		c.note(form)
		f = e.exchange(c, form)
	}
	if f != nil {
		c.fail(f)
	}
}

// exchange answers a token request, or says why it is refused.
func (e *Emulator) exchange(c *call, form url.Values) *failure {
	grantType := form.Get("grant_type")
	if grantType == "" {
		return invalidParameters("grant_type is required")
	}
	by, f := e.client(c, form)
	if f != nil {
		return f
	}
	exchange, ok := grants[grantType]
	if !ok {
		return oauthFailure("unsupported_grant_type", "no such grant; this emulator serves "+strings.Join(grantTypes(), ", "))
	}
	key, err := e.signer()
	if err != nil {
		return keyFailure(err)
	}
	var out issued
	if unsaved := e.store.do(func() { out, f = exchange(e, c, form, by) }); unsaved != nil {
		return unsaved
	}
	if f != nil {
		return f
	}
	token, err := key.sign(out.claims)
	if err != nil {
		return keyFailure(err)
	}
	c.log.claims = &out.claims
	c.json(http.StatusOK, grantType+": tokens for "+out.user.Email+", "+out.claims.SessionID,
		authenticationResponse(out, token))
	return nil
}

func grantTypes() []string { return slices.Sorted(maps.Keys(grants)) }

// client checks who asks for tokens. A secret is checked whenever there is one;
// whether it may be missing is for the grant to say.
func (e *Emulator) client(c *call, form url.Values) (redemption, *failure) {
	id := form.Get("client_id")
	switch {
	case id == "":
		return redemption{}, invalidParameters("client_id is required")
	case id != e.ClientID:
		return redemption{}, oauthFailure("invalid_client",
			"unknown client_id; this emulator's is "+e.ClientID+" (WORKOS_CLIENT_ID)")
	}
	secret := form.Get("client_secret")
	if e.lenient(CheckClientSecret) {
		secret = e.APIKey
	}
	if secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(e.APIKey)) != 1 {
		return redemption{}, oauthFailure("invalid_client",
			"wrong client_secret; it is not this emulator's API key (WORKOS_API_KEY)")
	}
	return redemption{
		clientID: e.ClientID, // and not a piece of the form, which would be held with the session
		public:   secret == "",
		// As WorkOS has it, behind this server's own base URL.
		issuer:    c.base() + "/user_management/" + e.ClientID,
		lifetime:  e.tokenLifetime(),
		ipAddress: shortened(form.Get("ip_address")), userAgent: shortened(form.Get("user_agent")),
		now: c.now, issuedAt: e.Now(),
	}, nil
}

// shortened is a copy of what a session keeps of a form, which is not to hold
// the whole of it.
func shortened(s string) string {
	const most = 512
	return strings.Clone(s[:min(len(s), most)])
}

func (e *Emulator) exchangeCode(c *call, form url.Values, by redemption) (issued, *failure) {
	code := form.Get("code")
	by.verifier, by.redirectURI = form.Get("code_verifier"), form.Get("redirect_uri")
	switch {
	case code == "":
		return issued{}, invalidParameters("code is required")
	case by.public && by.verifier == "":
		return issued{}, oauthFailure("invalid_client",
			"client_secret is missing, and no code_verifier stands in for it")
	}
	return e.store.redeem(code, form.Get("invitation_token"), by)
}

func (e *Emulator) exchangeRefreshToken(_ *call, form url.Values, by redemption) (issued, *failure) {
	token := form.Get("refresh_token")
	if token == "" {
		return issued{}, invalidParameters("refresh_token is required")
	}
	return e.store.rotate(token, form.Get("organization_id"), by)
}

func (e *Emulator) exchangePassword(c *call, form url.Values, by redemption) (issued, *failure) {
	email := form.Get("email")
	if email == "" || form.Get("password") == "" {
		return issued{}, invalidParameters("email and password are required")
	}
	if k := e.store.requiredConnection(email); k != nil {
		return issued{}, ssoRequired(email, k)
	}
	u, ok := e.store.checkPassword(email, form.Get("password"))
	if !ok {
		return issued{}, badRequest("invalid_credentials", "wrong email or password")
	}
	return e.signInWithout(c, form, u, methodPassword, by)
}

func (e *Emulator) exchangeMagicAuth(c *call, form url.Values, by redemption) (issued, *failure) {
	email, code := form.Get("email"), form.Get("code")
	if email == "" || code == "" {
		return issued{}, invalidParameters("email and code are required")
	}
	if k := e.store.requiredConnection(email); k != nil {
		return issued{}, ssoRequired(email, k)
	}
	u, f := e.store.signInByCode(email, code, c.now)
	if f != nil {
		return issued{}, f
	}
	return e.signInWithout(c, form, u, methodMagicAuth, by)
}

// ssoRequired refuses somebody whose organisation has them sign in by its
// identity provider.
func ssoRequired(email string, k *connection) *failure {
	f := oauthFailure("sso_required", "people with this email sign in by their organization's connection")
	f.status = http.StatusForbidden
	return f.with("email", email).with("connection_ids", []string{k.ID})
}

// signInWithout begins a session without a page, or says what the app has to ask
// its user for first.
func (e *Emulator) signInWithout(c *call, form url.Values, u *user, method string, by redemption) (issued, *failure) {
	in := signedIn{
		UserID: u.ID, AuthTime: e.Now(), Method: method, IPAddress: form.Get("ip_address"), UserAgent: form.Get("user_agent"),
	}
	if token := form.Get("invitation_token"); token != "" {
		if f := e.store.invite(token, u, &in, c.now); f != nil {
			return issued{}, f
		}
	}
	return e.goOn(c, in, by)
}

// goOn begins a session where nothing is missing. Otherwise the refusal has a
// pending authentication token, with which another grant goes on.
func (e *Emulator) goOn(c *call, in signedIn, by redemption) (issued, *failure) {
	missing := e.store.next(&in)
	if missing == nothing {
		return e.store.newSession(in, by)
	}
	u, _ := e.store.users.get(in.UserID)
	token := secret()
	e.store.steps.put(token, &step{ClientID: by.clientID, Needs: missing, SignedIn: in, Expires: c.now.Add(stepLifetime)})
	f := e.stepUp(c, u, missing)
	return issued{}, f.with("pending_authentication_token", token)
}

// stepUp says what is missing of a sign-in, and what the app needs to ask for it.
func (e *Emulator) stepUp(c *call, u *user, missing need) *failure {
	refuse := func(code, message string) *failure {
		return apiFailure(http.StatusForbidden, code, message).with("user", userResponse(u))
	}
	switch missing {
	case emailVerification:
		return refuse("email_verification_required", "Email ownership must be verified before authentication.").
			with("email", u.Email).with("email_verification_id", e.sendVerification(c, u).ID)
	case factorEnrollment:
		return refuse("mfa_enrollment", "The user must enroll in MFA to finish authenticating.")
	case factorChallenge:
		factors := []any{}
		for _, f := range e.store.factors.allBy(userKey(u.ID)) {
			if f.Confirmed {
				factors = append(factors, map[string]string{"id": f.ID, "type": "totp"})
			}
		}
		return refuse("mfa_challenge", "The user must complete an MFA challenge to finish authenticating.").
			with("authentication_factors", factors)
	default:
		organizations := []any{}
		for _, m := range e.store.active(u.ID) {
			o, _ := e.store.organizations.get(m.OrganizationID)
			organizations = append(organizations, map[string]string{"id": o.ID, "name": o.Name})
		}
		return refuse("organization_selection_required", "The user must choose an organization to finish their authentication.").
			with("organizations", organizations)
	}
}

// pending gives the sign-in that a pending authentication token stands for.
func (e *Emulator) pendingStep(form url.Values, by redemption, needs ...need) (*step, string, *failure) {
	token := form.Get("pending_authentication_token")
	if token == "" {
		return nil, "", invalidParameters("pending_authentication_token is required")
	}
	pending, ok := e.store.steps.get(token)
	if !ok || pending.ClientID != by.clientID || !by.now.Before(pending.Expires) || !slices.Contains(needs, pending.Needs) {
		return nil, "", badRequest("invalid_pending_authentication_token", "the pending_authentication_token has expired or is invalid")
	}
	return pending, token, nil
}

// exchangeSelection goes on with a sign-in that needed an organisation. A
// refusal of the organisation leaves the pending authentication token as it is.
func (e *Emulator) exchangeSelection(c *call, form url.Values, by redemption) (issued, *failure) {
	organizationID := form.Get("organization_id")
	pending, token, f := e.pendingStep(form, by, organizationChoice)
	switch {
	case f != nil:
		return issued{}, f
	case organizationID == "":
		return issued{}, invalidParameters("organization_id is required")
	}
	in := pending.SignedIn
	if f := e.store.checkMember(in.UserID, organizationID); f != nil {
		return issued{}, f
	}
	in.OrganizationID = organizationID
	e.store.steps.remove(token)
	return e.goOn(c, in, by)
}

// exchangeEmailVerification goes on with a sign-in that needed a verified email.
func (e *Emulator) exchangeEmailVerification(c *call, form url.Values, by redemption) (issued, *failure) {
	code := form.Get("code")
	pending, token, f := e.pendingStep(form, by, emailVerification)
	switch {
	case f != nil:
		return issued{}, f
	case code == "":
		return issued{}, invalidParameters("code is required")
	}
	u, ok := e.store.users.get(pending.SignedIn.UserID)
	if !ok {
		return issued{}, invalidCode
	}
	if f := e.store.verifyEmail(u, code, pending.SignedIn.Method, c.now); f != nil {
		return issued{}, f
	}
	e.store.steps.remove(token)
	return e.goOn(c, pending.SignedIn, by)
}

// exchangeTOTP goes on with a sign-in that needed a code of a factor, one that
// the user has or that the app has just enrolled.
func (e *Emulator) exchangeTOTP(c *call, form url.Values, by redemption) (issued, *failure) {
	code, challengeID := form.Get("code"), form.Get("authentication_challenge_id")
	pending, token, f := e.pendingStep(form, by, factorEnrollment, factorChallenge)
	switch {
	case f != nil:
		return issued{}, f
	case code == "" || challengeID == "":
		return issued{}, invalidParameters("code and authentication_challenge_id are required")
	}
	asked, ok := e.store.challenges.get(challengeID)
	if !ok {
		return issued{}, notFound("Authentication challenge", challengeID)
	}
	switch of, ok := e.store.factors.get(asked.FactorID); {
	case !ok || of.UserID != pending.SignedIn.UserID:
		return issued{}, badRequest("user_mismatch", "the challenge is for a factor of another user")
	case !of.Confirmed && e.store.confirmedFactor(of.UserID) != nil:
		return issued{}, badRequest("invalid_one_time_code", "the user has a factor, and the challenge is for a new one")
	}
	_, valid, f := e.store.answer(challengeID, code, c.now, e.Now())
	switch {
	case f != nil:
		return issued{}, f
	case !valid:
		return issued{}, badRequest("invalid_one_time_code", "the code is wrong, or was used already")
	}
	in := pending.SignedIn
	in.SecondFactor = true
	e.store.steps.remove(token)
	return e.goOn(c, in, by)
}

// exchangeDevice answers a device that asks whether it has been let in.
func (e *Emulator) exchangeDevice(_ *call, form url.Values, by redemption) (issued, *failure) {
	return e.store.redeemDevice(form.Get("device_code"), by)
}

// authenticateResponse is what a successful token request gets.
type authenticateResponse struct {
	User                 userObject          `json:"user"`
	OrganizationID       string              `json:"organization_id,omitempty"`
	AccessToken          string              `json:"access_token"`
	RefreshToken         string              `json:"refresh_token"`
	AuthenticationMethod string              `json:"authentication_method"`
	Impersonator         *impersonatorObject `json:"impersonator,omitempty"`
}

// impersonatorObject is who really signed in. The public description lets the
// reason be null, which SDK 5 cannot read; a missing one is empty here.
type impersonatorObject struct {
	Email  string `json:"email"`
	Reason string `json:"reason"`
}

func impersonation(by *Impersonator) *impersonatorObject {
	return &impersonatorObject{by.Email, by.Reason}
}

func authenticationResponse(out issued, accessToken string) authenticateResponse {
	r := authenticateResponse{
		User: out.user, OrganizationID: out.claims.OrganizationID,
		AccessToken: accessToken, RefreshToken: out.refreshToken, AuthenticationMethod: out.method,
	}
	if out.impersonator != nil {
		r.Impersonator = impersonation(out.impersonator)
	}
	return r
}

// readForm reads the body of a token request, JSON or form-encoded. A parameter
// that is there twice is refused (RFC 6749, section 3.2); one that is null or
// empty counts as missing.
func readForm(r *http.Request) (url.Values, *failure) {
	body, f := readBody(r)
	if f != nil {
		return nil, f
	}
	contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		contentType = ""
	}
	switch contentType {
	case "application/json":
		return readJSON(body)
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, oauthFailure("invalid_request", "the body is not form-encoded: "+err.Error())
		}
		return form, givenTwice(form)
	}
	return nil, oauthFailure("invalid_request",
		"the content type must be application/json or application/x-www-form-urlencoded")
}

// readJSON reads an object of texts. Values of other types stand for nothing
// that a grant reads, and are passed over.
func readJSON(body []byte) (url.Values, *failure) {
	object, wrong := readObject(body)
	if wrong != "" {
		return nil, oauthFailure("invalid_request", wrong)
	}
	form := url.Values{}
	for name, value := range object {
		text, _ := value.(string)
		form.Set(name, text)
	}
	return form, nil
}

// givenTwice refuses a parameter that is there more than once.
func givenTwice(values url.Values) *failure {
	for name, all := range values {
		if len(all) > 1 {
			return oauthFailure("invalid_request", "the parameter "+name+" is given more than once")
		}
	}
	return nil
}
