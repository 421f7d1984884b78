package emulator

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// grantsNotServed are WorkOS's other grants. They are known, so that the answer
// says what is missing here and not that the app is wrong.
var grantsNotServed = map[string]bool{
	"urn:workos:oauth:grant-type:magic-auth:code":         true,
	"urn:workos:oauth:grant-type:email-verification:code": true,
	"urn:workos:oauth:grant-type:mfa-totp":                true,
	"urn:ietf:params:oauth:grant-type:device_code":        true,
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
	if form.Get("invitation_token") != "" {
		return oauthFailure("invitation_invalid", "this emulator has no invitations")
	}
	key, err := e.signer()
	if err != nil {
		return keyFailure(err)
	}
	var out issued
	switch {
	case grantType == "authorization_code":
		out, f = e.exchangeCode(form, by, c.now)
	case grantType == "refresh_token":
		out, f = e.exchangeRefreshToken(form, by, c.now)
	case grantType == "password":
		out, f = e.exchangePassword(form, by, c.now)
	case grantType == organizationSelection:
		out, f = e.exchangeSelection(form, by, c.now)
	case grantsNotServed[grantType]:
		f = oauthFailure("unsupported_grant_type", "this emulator does not serve the grant "+grantType+" yet")
	default:
		f = oauthFailure("unsupported_grant_type", "no such grant; this emulator serves authorization_code, refresh_token, password and "+organizationSelection)
	}
	if f != nil {
		return f
	}
	token, err := key.sign(out.claims)
	if err != nil {
		return keyFailure(err)
	}
	c.json(http.StatusOK, grantType+": tokens for "+out.user.Email+", "+out.claims.SessionID,
		authenticationResponse(out, token))
	return nil
}

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
	if secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(e.APIKey)) != 1 {
		return redemption{}, oauthFailure("invalid_client",
			"wrong client_secret; it is not this emulator's API key (WORKOS_API_KEY)")
	}
	return redemption{
		clientID: id,
		public:   secret == "",
		// As WorkOS has it, behind this server's own base URL.
		issuer:   c.base() + "/user_management/" + e.ClientID,
		lifetime: e.AccessTokenLifetime,
	}, nil
}

func (e *Emulator) exchangeCode(form url.Values, by redemption, now time.Time) (issued, *failure) {
	code := form.Get("code")
	by.verifier, by.redirectURI = form.Get("code_verifier"), form.Get("redirect_uri")
	switch {
	case code == "":
		return issued{}, invalidParameters("code is required")
	case by.public && by.verifier == "":
		return issued{}, oauthFailure("invalid_client",
			"client_secret is missing, and no code_verifier stands in for it")
	}
	return e.store.redeem(code, by, now)
}

func (e *Emulator) exchangeRefreshToken(form url.Values, by redemption, now time.Time) (issued, *failure) {
	token := form.Get("refresh_token")
	if token == "" {
		return issued{}, invalidParameters("refresh_token is required")
	}
	return e.store.rotate(token, form.Get("organization_id"), by, now)
}

func (e *Emulator) exchangePassword(form url.Values, by redemption, now time.Time) (issued, *failure) {
	switch {
	case by.public:
		return issued{}, oauthFailure("invalid_client", "client_secret is missing")
	case form.Get("email") == "" || form.Get("password") == "":
		return issued{}, invalidParameters("email and password are required")
	}
	email, ok := e.store.checkPassword(form.Get("email"), form.Get("password"))
	if !ok {
		return issued{}, apiFailure(http.StatusBadRequest, "invalid_credentials", "wrong email or password")
	}
	return e.store.signInWith(email, by, now)
}

// organizationSelection is the grant that answers organization_selection_required.
const organizationSelection = "urn:workos:oauth:grant-type:organization-selection"

func (e *Emulator) exchangeSelection(form url.Values, by redemption, now time.Time) (issued, *failure) {
	token, organizationID := form.Get("pending_authentication_token"), form.Get("organization_id")
	switch {
	case by.public:
		return issued{}, oauthFailure("invalid_client", "client_secret is missing")
	case token == "" || organizationID == "":
		return issued{}, invalidParameters("pending_authentication_token and organization_id are required")
	}
	return e.store.selectOrganization(token, organizationID, by, now)
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

// impersonatorObject is who really signed in. The reason may be null.
type impersonatorObject struct {
	Email  string  `json:"email"`
	Reason *string `json:"reason"`
}

func authenticationResponse(out issued, accessToken string) authenticateResponse {
	r := authenticateResponse{
		User: userResponse(out.user), OrganizationID: out.claims.OrganizationID,
		AccessToken: accessToken, RefreshToken: out.refreshToken, AuthenticationMethod: "Password",
	}
	if by := out.impersonator; by != nil {
		r.AuthenticationMethod = "Impersonation"
		r.Impersonator = &impersonatorObject{by.Email, orNull(by.Reason)}
	}
	return r
}

// userObject is a user as WorkOS shows one. The SDK raises when a key is
// missing, so every key is there, null or not.
type userObject struct {
	Object            string            `json:"object"`
	ID                string            `json:"id"`
	Email             string            `json:"email"`
	EmailVerified     bool              `json:"email_verified"`
	FirstName         *string           `json:"first_name"`
	LastName          *string           `json:"last_name"`
	Name              *string           `json:"name"`
	ProfilePictureURL *string           `json:"profile_picture_url"`
	ExternalID        *string           `json:"external_id"`
	Locale            *string           `json:"locale"`
	Metadata          map[string]string `json:"metadata"`
	LastSignInAt      *string           `json:"last_sign_in_at"`
	CreatedAt         string            `json:"created_at"`
	UpdatedAt         string            `json:"updated_at"`
}

func userResponse(a account) userObject {
	u := userObject{
		Object: "user", ID: a.ID, Email: a.Email, EmailVerified: a.EmailVerified,
		FirstName: orNull(a.FirstName), LastName: orNull(a.LastName),
		Name:              orNull(strings.TrimSpace(a.FirstName + " " + a.LastName)),
		ProfilePictureURL: orNull(a.ProfilePictureURL), ExternalID: orNull(a.ExternalID),
		Locale: orNull(a.Locale), Metadata: a.Metadata,
		CreatedAt: timestamp(a.createdAt), UpdatedAt: timestamp(a.createdAt),
	}
	if u.Metadata == nil {
		u.Metadata = map[string]string{}
	}
	if !a.lastSignInAt.IsZero() {
		u.LastSignInAt = orNull(timestamp(a.lastSignInAt))
	}
	return u
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// timestamp writes a time as WorkOS does: UTC with milliseconds.
func timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// readForm reads the body of a token request, JSON or form-encoded. A parameter
// that is there twice is refused (RFC 6749, section 3.2); one that is null or
// empty counts as missing.
func readForm(r *http.Request) (url.Values, *failure) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, apiFailure(http.StatusRequestEntityTooLarge, "body_too_large", "the body is longer than 64 KiB")
	case err != nil:
		return nil, oauthFailure("invalid_request", "the body could not be read")
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
	notAnObject := oauthFailure("invalid_request", "the body is not a JSON object")
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, notAnObject
	}
	form := url.Values{}
	for decoder.More() {
		name, err := decoder.Token()
		var value any
		if err != nil || decoder.Decode(&value) != nil {
			return nil, notAnObject
		}
		text, _ := value.(string)
		form.Add(name.(string), text)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, notAnObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, notAnObject
	}
	return form, givenTwice(form)
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
