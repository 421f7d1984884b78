package emulator

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"html/template"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// Time-based one-time passwords (RFC 6238): six digits, good for half a minute.
const (
	totpIssuer  = "Local AuthKit"
	totpPeriod  = 30
	totpSkew    = 1 // steps before and after: clocks differ
	qrCodeWidth = 200
)

// validSecret reports whether a text is what authenticator apps take.
func validSecret(text string) bool {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(text))
	return err == nil && len(secret) > 0
}

// newFactor makes a factor. It counts from when a code of it was shown.
func (s *store) newFactor(userID, issuer, user string, now time.Time) (*factor, *failure) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: user, SecretSize: 20})
	if err != nil {
		return nil, invalidParameters("totp_issuer and totp_user are required: " + err.Error())
	}
	f := &factor{
		ID: newID("auth_factor_", now), UserID: userID, Issuer: issuer, User: user, Secret: key.Secret(),
		CreatedAt: now, UpdatedAt: now,
	}
	s.factors.put(f.ID, f)
	return f, nil
}

// uri is what an authenticator app reads (otpauth://totp/...).
func (f *factor) uri() string {
	query := url.Values{"secret": {f.Secret}, "issuer": {f.Issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return "otpauth://totp/" + url.PathEscape(f.Issuer+":"+f.User) + "?" + query.Encode()
}

// qrCode is that as a picture: the address of one that holds it itself.
func (f *factor) qrCode() (string, error) {
	key, err := otp.NewKeyFromURL(f.uri())
	if err != nil {
		return "", err
	}
	picture, err := key.Image(qrCodeWidth, qrCodeWidth)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := png.Encode(&text, picture); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(text.Bytes()), nil
}

// take reports whether a code is the factor's now. Each is taken once (RFC 6238,
// section 5.2).
func (f *factor) take(code string, now time.Time) bool {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	current := now.Unix() / totpPeriod
	for step := current - totpSkew; step <= current+totpSkew; step++ {
		ok, err := totp.ValidateCustom(code, f.Secret, time.Unix(step*totpPeriod, 0), totp.ValidateOpts{
			Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
		})
		if err == nil && ok && step > f.LastStep {
			f.LastStep, f.Confirmed, f.UpdatedAt = step, true, now
			return true
		}
	}
	return false
}

// confirmedFactor gives the factor that a user has to show a code of, or nil.
func (s *store) confirmedFactor(userID string) *factor {
	for _, f := range s.factors.allBy(userKey(userID)) {
		if f.Confirmed {
			return f
		}
	}
	return nil
}

func (s *store) newChallenge(factorID string, now time.Time) *challenge {
	c := &challenge{ID: newID("auth_challenge_", now), FactorID: factorID, Expires: now.Add(oneTimeLifetime), CreatedAt: now, UpdatedAt: now}
	s.challenges.put(c.ID, c)
	return c
}

// answer checks a code against a challenge, which is used up by the right one.
// The code is of the time that the person's own clock has, whoever moved this one.
func (s *store) answer(id, code string, now, unmoved time.Time) (*challenge, bool, *failure) {
	c, ok := s.challenges.get(id)
	if !ok {
		return nil, false, notFound("Authentication challenge", id)
	}
	f, ok := s.factors.get(c.FactorID)
	switch {
	case !ok:
		return nil, false, notFound("Authentication factor", c.FactorID)
	case c.Used:
		return nil, false, apiFailure(http.StatusUnprocessableEntity, "authentication_challenge_previously_verified", "the challenge was answered already")
	case !now.Before(c.Expires):
		return nil, false, apiFailure(http.StatusUnprocessableEntity, "authentication_challenge_expired", "the challenge has expired")
	case c.Attempts >= maxAttempts:
		return nil, false, badRequest("one_time_code_too_many_attempts", "there were too many wrong codes")
	}
	valid := f.take(code, unmoved)
	if valid {
		c.Used = true
		s.factors.put(f.ID, f)
	} else {
		c.Attempts++
	}
	c.UpdatedAt = now
	s.challenges.put(c.ID, c)
	return c, valid, nil
}

// enrollPage is where a user takes up an authenticator app.
func (e *Emulator) enrollPage(c *call, id string, a *authorization, status int, wrong string) func() {
	f, ok := e.store.factors.get(a.factorID)
	if !ok {
		u, known := e.store.users.get(a.signedIn.UserID)
		if !known {
			return e.over(c)
		}
		for _, left := range e.store.factors.allBy(userKey(u.ID)) {
			if left.OnPage && !left.Confirmed {
				e.store.factors.remove(left.ID)
			}
		}
		if e.store.factors.full() {
			return func() { c.fail(full("factors", maxAccounts)) }
		}
		f, _ = e.store.newFactor(u.ID, totpIssuer, u.Email, c.now) // with an issuer and a user it is made
		f.OnPage, a.factorID = true, f.ID
		e.store.factors.put(f.ID, f)
	}
	picture, err := f.qrCode()
	if err != nil {
		return func() { c.fail(apiFailure(http.StatusInternalServerError, "qr_code_failed", err.Error())) }
	}
	page := struct {
		ID, Secret string
		QRCode     template.URL
		Field      field
	}{id, f.Secret, template.URL(picture), codeField("Code that the app shows", wrong)}
	return func() { c.page(status, "enrollment of a factor", "enroll.html", page) }
}

// enrollFactor serves its form.
func (e *Emulator) enrollFactor(c *call, id string, a *authorization, form url.Values) func() {
	f, ok := e.store.factors.get(a.factorID)
	if !ok || e.store.next(&a.signedIn) != factorEnrollment {
		return nobodyYet(c)
	}
	if !f.take(form.Get("code"), e.Now()) {
		return e.enrollPage(c, id, a, http.StatusUnprocessableEntity, "The code is wrong. Enter the one that the app shows now.")
	}
	e.store.factors.put(f.ID, f)
	a.signedIn.SecondFactor = true
	return e.advance(c, id)
}

// challengePage asks for a code of the user's factor.
func (e *Emulator) challengePage(c *call, id string, a *authorization, wrong string) func() {
	if a.factorID == "" {
		f := e.store.confirmedFactor(a.signedIn.UserID)
		a.factorID = e.store.newChallenge(f.ID, c.now).ID
	}
	return e.codePage(c, "challenge of a factor", codePage{
		ID: id, Title: "Enter your code", Text: "Open your authenticator app and enter the six digits that it shows.",
		Field: codeField("Code", wrong), Action: "challenge-factor",
	})
}

// challengeFactor serves its form.
func (e *Emulator) challengeFactor(c *call, id string, a *authorization, form url.Values) func() {
	if a.factorID == "" || e.store.next(&a.signedIn) != factorChallenge {
		if strings.HasPrefix(a.factorID, "auth_challenge_") { // its factor was deleted
			a.factorID = ""
			return e.advance(c, id)
		}
		return nobodyYet(c)
	}
	_, valid, f := e.store.answer(a.factorID, form.Get("code"), c.now, e.Now())
	switch {
	case f != nil:
		e.store.pending.remove(id)
		return e.back(c, a, oauthFailure("access_denied", f.text))
	case !valid:
		return e.challengePage(c, id, a, "The code is wrong, or was used already. Enter the one that the app shows now.")
	}
	a.signedIn.SecondFactor = true
	return e.advance(c, id)
}

// The API of all this.

type factorObject struct {
	Object    string      `json:"object"`
	ID        string      `json:"id"`
	Type      string      `json:"type"`
	UserID    string      `json:"user_id,omitempty"`
	TOTP      totpDetails `json:"totp"`
	CreatedAt string      `json:"created_at"`
	UpdatedAt string      `json:"updated_at"`
}

// totpDetails hold the secret once, when the factor is made.
type totpDetails struct {
	Issuer string `json:"issuer"`
	User   string `json:"user"`
	Secret string `json:"secret,omitempty"`
	QRCode string `json:"qr_code,omitempty"`
	URI    string `json:"uri,omitempty"`
}

func factorResponse(f *factor) factorObject {
	return factorObject{
		Object: "authentication_factor", ID: f.ID, Type: "totp", UserID: f.UserID,
		TOTP:      totpDetails{Issuer: f.Issuer, User: f.User},
		CreatedAt: timestamp(f.CreatedAt), UpdatedAt: timestamp(f.UpdatedAt),
	}
}

func newFactorResponse(f *factor) (factorObject, *failure) {
	picture, err := f.qrCode()
	if err != nil {
		return factorObject{}, apiFailure(http.StatusInternalServerError, "qr_code_failed", err.Error())
	}
	out := factorResponse(f)
	out.TOTP.Secret, out.TOTP.QRCode, out.TOTP.URI = f.Secret, picture, f.uri()
	return out, nil
}

type challengeObject struct {
	Object    string `json:"object"`
	ID        string `json:"id"`
	FactorID  string `json:"authentication_factor_id"`
	ExpiresAt string `json:"expires_at"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func challengeResponse(c *challenge) challengeObject {
	return challengeObject{
		"authentication_challenge", c.ID, c.FactorID, timestamp(c.Expires), timestamp(c.CreatedAt), timestamp(c.UpdatedAt),
	}
}

// enroll makes a factor as a body asks for it.
func (e *Emulator) enroll(c *call, in fields, typeField, userID, user string) (*factor, *failure) {
	kind, issuer := in.text(typeField), in.text("totp_issuer")
	if text := in.text("totp_user"); text != "" {
		user = text
	}
	secret := in.text("totp_secret")
	if f := in.check(typeField); f != nil {
		return nil, f
	}
	if kind != "totp" {
		return nil, apiFailure(http.StatusNotImplemented, "not_served_by_emulator",
			"this local AuthKit serves factors of the type totp, and sends no "+kind)
	}
	if issuer == "" {
		issuer = totpIssuer
	}
	if e.store.factors.full() {
		return nil, full("factors", maxAccounts)
	}
	if secret != "" && !validSecret(secret) {
		return nil, invalidParameters("totp_secret must be base32")
	}
	f, refused := e.store.newFactor(userID, issuer, user, c.now)
	if refused == nil && secret != "" {
		f.Secret = strings.ToUpper(secret)
	}
	return f, refused
}

func (e *Emulator) createFactor(c *call, in fields) (any, *failure) {
	userID := in.text("user_id")
	if _, ok := e.store.users.get(userID); userID != "" && !ok {
		return nil, notFound("User", userID)
	}
	f, refused := e.enroll(c, in, "type", userID, "")
	if refused != nil {
		return nil, refused
	}
	return asAny(newFactorResponse(f))
}

// asAny fits a result to what a route gives.
func asAny[V any](v V, f *failure) (any, *failure) { return v, f }

func (e *Emulator) getFactor(c *call, _ fields) (any, *failure) {
	f, ok := e.store.factors.get(c.params["id"])
	if !ok {
		return nil, notFound("Authentication factor", c.params["id"])
	}
	return factorResponse(f), nil
}

func (e *Emulator) deleteFactor(c *call, _ fields) (any, *failure) {
	if !e.store.factors.remove(c.params["id"]) {
		return nil, notFound("Authentication factor", c.params["id"])
	}
	return nil, nil
}

func (e *Emulator) challengeTheFactor(c *call, _ fields) (any, *failure) {
	if _, ok := e.store.factors.get(c.params["id"]); !ok {
		return nil, notFound("Authentication factor", c.params["id"])
	}
	return challengeResponse(e.store.newChallenge(c.params["id"], c.now)), nil
}

func (e *Emulator) verifyChallenge(c *call, in fields) (any, *failure) {
	code := in.text("code")
	if f := in.check("code"); f != nil {
		return nil, f
	}
	answered, valid, f := e.store.answer(c.params["id"], code, c.now, e.Now())
	if f != nil {
		return nil, f
	}
	return map[string]any{"challenge": challengeResponse(answered), "valid": valid}, nil
}

func (e *Emulator) createUserFactor(c *call, in fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	made, f := e.enroll(c, in, "type", u.ID, u.Email)
	if f != nil {
		return nil, f
	}
	response, f := newFactorResponse(made)
	if f != nil {
		return nil, f
	}
	return map[string]any{
		"authentication_factor":    response,
		"authentication_challenge": challengeResponse(e.store.newChallenge(made.ID, c.now)),
	}, nil
}

func (e *Emulator) listUserFactors(c *call, in fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	return page(in, e.store.factors.allBy(userKey(u.ID)), func(f *factor) string { return f.ID },
		func(f *factor) any { return factorResponse(f) })
}
