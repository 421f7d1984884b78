package emulator

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What a one-time code is for.
const (
	forMagicAuth         = "magic_auth"
	forEmailVerification = "email_verification"
	forEmailChange       = "email_change"
)

// sixDigits makes a code that a person types.
func sixDigits() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil { // cannot happen: the reader never fails
		panic(err)
	}
	return fmt.Sprintf("%06d", n)
}

// newCode makes a one-time code, in place of those for the same purpose before.
func (s *store) newCode(purpose, userID, email string, now time.Time) *oneTimeCode {
	s.oneTimeCodes.removeBy(codeKey(purpose, email))
	code := &oneTimeCode{
		ID: newID(purpose+"_", now), Purpose: purpose, UserID: userID, Email: email, Code: sixDigits(),
		Expires: now.Add(oneTimeLifetime), CreatedAt: now, UpdatedAt: now,
	}
	s.oneTimeCodes.put(code.ID, code)
	return code
}

// takeCode checks a one-time code that somebody shows, and uses it up. The
// failures are WorkOS's, by the name that codes for the purpose have there.
func (s *store) takeCode(purpose, userID, email, shown string, now time.Time) (*oneTimeCode, *failure) {
	wrong := func(what, text string) *failure {
		return badRequest("one_time_code_"+what, text)
	}
	code, ok := s.oneTimeCodes.by(codeKey(purpose, email))
	switch {
	case !ok || userID != "" && code.UserID != userID:
		return nil, badRequest("invalid_one_time_code", "the code is wrong, or none was sent to this email")
	case code.Used:
		return nil, wrong("previously_used", "the code has been used already")
	case !now.Before(code.Expires):
		return nil, wrong("expired", "the code has expired; have a new one sent")
	case code.Attempts >= maxAttempts:
		return nil, wrong("too_many_attempts", "there were too many wrong codes; have a new one sent")
	}
	defer s.oneTimeCodes.put(code.ID, code)
	code.UpdatedAt = now
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(shown)), []byte(code.Code)) != 1 {
		code.Attempts++
		return nil, badRequest("invalid_one_time_code", "the code is wrong")
	}
	code.Used = true
	return code, nil
}

// send puts a mail into the outbox.
func (s *store) send(m Message, now time.Time) {
	m.ID, m.CreatedAt = newID("mail_", now), now
	s.mails.put(m.ID, &m)
}

// codePage is what code.html shows: a form for a code that was sent, or that an
// app on a phone shows.
type codePage struct {
	ID, Title, Text string
	Field           field
	Action          string // of the form
	Mail            bool   // says where the mail is, and offers another code
	Sent            bool   // another one was sent
	Back            bool   // to the other ways to sign in
}

// codeField is the field for a code of six digits.
func codeField(label, wrong string) field {
	return field{Name: "code", Label: label, Type: "text", Autocomplete: "one-time-code", Wrong: wrong, Focus: true}
}

func (e *Emulator) codePage(c *call, outcome string, page codePage) func() {
	status := http.StatusOK
	if page.Field.Wrong != "" {
		status = http.StatusUnprocessableEntity
	}
	return func() { c.page(status, outcome, "code.html", page) }
}

// sendCode serves the button that has a code sent instead of asking for a
// password. Whoever has no account yet gets one with the code.
func (e *Emulator) sendCode(c *call, id string, a *authorization, form url.Values) func() {
	email := strings.TrimSpace(form.Get("email"))
	if !emailAddress(email) {
		return e.signInPage(c, id, a, http.StatusUnprocessableEntity, email, "Enter an email address, such as name@example.test.")
	}
	if k := e.store.requiredConnection(email); k != nil {
		return e.turnTo(c, id, a, k, email)
	}
	a.email = email
	e.sendMagicCode(c, email)
	return e.magicPage(c, id, a, "", false)
}

func (e *Emulator) magicPage(c *call, id string, a *authorization, wrong string, again bool) func() {
	return e.codePage(c, "code sent to "+a.email, codePage{
		ID: id, Title: "Check your email", Text: sentTo(a.email, again),
		Field: codeField("Code", wrong), Action: "magic-code", Mail: true, Sent: again, Back: true,
	})
}

func sentTo(email string, again bool) string {
	if again {
		return "Another code was sent to " + email + ". It takes the place of the one before."
	}
	return "A code was sent to " + email + ". It is good for ten minutes."
}

// sendMagicCode makes and sends a code to sign in with.
func (e *Emulator) sendMagicCode(c *call, email string) *oneTimeCode {
	userID := ""
	if u, ok := e.store.users.by(emailKey(email)); ok {
		userID, email = u.ID, u.Email
	}
	code := e.store.newCode(forMagicAuth, userID, email, c.now)
	e.store.send(Message{
		To: email, Kind: forMagicAuth, Subject: "Your code to sign in", Code: code.Code,
		Body: "Your code is " + code.Code + ". It is good for ten minutes.",
	}, c.now)
	return code
}

// magicCode serves the form for a code that was sent.
func (e *Emulator) magicCode(c *call, id string, a *authorization, form url.Values) func() {
	if a.email == "" || a.signedIn.UserID != "" {
		return nobodyYet(c)
	}
	u, f := e.store.signInByCode(a.email, form.Get("code"), c.now)
	if f != nil {
		return e.magicPage(c, id, a, sentence(f.text), false)
	}
	if wrong := e.store.notMember(u, a.organizationID); wrong != "" {
		return e.magicPage(c, id, a, wrong, false)
	}
	return e.proceed(c, id, u, methodMagicAuth)
}

// signInByCode gives the user whose code this is, with an account made where
// there was none. Who has the code has the email.
func (s *store) signInByCode(email, code string, now time.Time) (*user, *failure) {
	if _, f := s.takeCode(forMagicAuth, "", email, code, now); f != nil {
		return nil, f
	}
	u, ok := s.users.by(emailKey(email))
	if !ok {
		if s.users.full() {
			return nil, full("accounts", maxAccounts)
		}
		return s.addSeed(User{Email: email, EmailVerified: true}, now), nil
	}
	s.verified(u, methodMagicAuth, now)
	return u, nil
}

// verified takes note that who has signed in has the email. Whoever made the
// account before that, and did not have it, gets in no more by the password that
// they chose.
func (s *store) verified(u *user, method string, now time.Time) {
	if u.EmailVerified {
		return
	}
	u.EmailVerified, u.UpdatedAt = true, now
	if method != methodPassword {
		u.Password = nil
		s.factors.removeBy(userKey(u.ID))
		s.endAll(u)
	}
	s.users.put(u.ID, u)
}

// sendVerification makes and sends a code that shows that an email is a user's.
func (e *Emulator) sendVerification(c *call, u *user) *oneTimeCode {
	code := e.store.newCode(forEmailVerification, u.ID, u.Email, c.now)
	e.store.send(Message{
		To: u.Email, Kind: forEmailVerification, Subject: "Verify your email", Code: code.Code,
		Body: "Your code is " + code.Code + ". It is good for ten minutes.",
	}, c.now)
	return code
}

func (e *Emulator) verifyPage(c *call, id string, a *authorization, wrong string, again bool) func() {
	return e.codePage(c, "code to verify "+a.email, codePage{
		ID: id, Title: "Verify your email", Text: sentTo(a.email, again),
		Field: codeField("Code", wrong), Action: "verify-email", Mail: true, Sent: again,
	})
}

// verifyEmail serves the form for the code that shows that an email is the user's.
func (e *Emulator) verifyEmail(c *call, id string, a *authorization, form url.Values) func() {
	u, ok := e.store.users.get(a.signedIn.UserID)
	if !ok || e.store.next(&a.signedIn) != emailVerification {
		return nobodyYet(c)
	}
	if f := e.store.verifyEmail(u, form.Get("code"), a.signedIn.Method, c.now); f != nil {
		return e.verifyPage(c, id, a, sentence(f.text), false)
	}
	e.store.pending.put(id, a) // of all that was open for the user, this goes on
	return e.advance(c, id)
}

// verifyEmail takes the code that was sent to a user's email.
func (s *store) verifyEmail(u *user, code, method string, now time.Time) *failure {
	if _, f := s.takeCode(forEmailVerification, u.ID, u.Email, code, now); f != nil {
		return f
	}
	s.verified(u, method, now)
	return nil
}

// resendCode serves the button for another code.
func (e *Emulator) resendCode(c *call, id string, a *authorization, _ url.Values) func() {
	if u, ok := e.store.users.get(a.signedIn.UserID); ok {
		if e.store.next(&a.signedIn) != emailVerification {
			return nobodyYet(c)
		}
		e.sendVerification(c, u)
		return e.verifyPage(c, id, a, "", true)
	}
	if a.email == "" {
		return nobodyYet(c)
	}
	e.sendMagicCode(c, a.email)
	return e.magicPage(c, id, a, "", true)
}

// sentence makes a sentence of a failure's text.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// forgotPage asks who has forgotten a password.
func (e *Emulator) forgotPage(c *call, id, email, wrong string) func() {
	status := http.StatusOK
	if wrong != "" {
		status = http.StatusUnprocessableEntity
	}
	page := struct {
		ID    string
		Field field
	}{id, field{Name: "email", Label: "Email", Type: "email", Autocomplete: "username", Value: email, Wrong: wrong, Focus: true}}
	return func() { c.page(status, "forgotten password page", "forgot.html", page) }
}

// forgotPassword serves its form. The answer is the same whether there is such an
// account or not.
func (e *Emulator) forgotPassword(c *call, id string, _ *authorization, form url.Values) func() {
	email := strings.TrimSpace(form.Get("email"))
	if !emailAddress(email) {
		return e.forgotPage(c, id, email, "Enter an email address, such as name@example.test.")
	}
	outcome := "no account to reset the password of"
	if u, ok := e.store.users.by(emailKey(email)); ok {
		e.sendReset(c, u)
		outcome = "password reset sent"
	}
	page := noticePage{
		Title: "Check your email", Mail: true, Back: id,
		Text: "If there is an account with " + email + ", a link to set a new password was sent there.",
	}
	return func() { c.page(http.StatusOK, outcome, "notice.html", page) }
}

// sendReset makes and sends a link to set a new password.
func (e *Emulator) sendReset(c *call, u *user) *passwordReset {
	r := &passwordReset{
		ID: newID("password_reset_", c.now), UserID: u.ID, Email: u.Email, Token: secret(),
		Expires: c.now.Add(resetLifetime), CreatedAt: c.now,
	}
	e.store.resets.put(r.ID, r)
	e.store.send(Message{
		To: u.Email, Kind: "password_reset", Subject: "Set a new password", Link: c.resetURL(r),
		Body: "Set a new password: " + c.resetURL(r) + "\nThe link is good for an hour.",
	}, c.now)
	return r
}

func (c *call) resetURL(r *passwordReset) string {
	return c.base() + "/reset-password?" + url.Values{"token": {r.Token}}.Encode()
}

// resetPassword sets a new password by the token of a link. All of the user's
// sessions end, since one of them may be somebody else's.
func (s *store) resetPassword(token, text string, now time.Time) (*user, *failure) {
	r, ok := s.resets.by("token:" + token)
	if !ok {
		return nil, notFound("Password reset", "token")
	}
	refused := func(code, text string) *failure {
		return badRequest("password_reset_error", text).with("errors", []any{map[string]string{"code": code, "message": text}})
	}
	u, ok := s.users.get(r.UserID)
	switch {
	case ok && !strings.EqualFold(r.Email, u.Email):
		return nil, refused("password_reset_token_expired", "the link was sent to an email that is not the user's any more")
	case !ok || r.Used:
		return nil, refused("password_reset_token_used", "the link has been used already")
	case !now.Before(r.Expires):
		return nil, refused("password_reset_token_expired", "the link has expired")
	}
	if wrong := weakPassword(text); wrong != "" {
		return nil, refused("password_too_weak", wrong)
	}
	r.Used = true
	s.resets.put(r.ID, r)
	// Who has the link has the email.
	u.Password, u.EmailVerified, u.UpdatedAt = hashed(text), true, now
	s.endAll(u)
	s.users.put(u.ID, u)
	return u, nil
}

// resetPage serves GET /reset-password, where the link in the mail leads.
func (e *Emulator) resetPage(c *call) {
	query, _ := url.ParseQuery(c.r.URL.RawQuery) // what cannot be read is no token
	c.note(query)
	token := query.Get("token")
	e.within(c, func() func() {
		r, ok := e.store.resets.by("token:" + token)
		u, known := (*user)(nil), false
		if ok {
			u, known = e.store.users.get(r.UserID)
		}
		if !known || r.Used || !c.now.Before(r.Expires) || !strings.EqualFold(r.Email, u.Email) {
			return func() {
				c.errorPage(http.StatusBadRequest, errorPage{
					Title: "This link is over",
					Text:  "It was used already, or it is older than an hour, or the emulator was restarted.",
					Fixes: []string{"Ask for another one on the sign-in page."},
				})
			}
		}
		return e.newPasswordPage(c, token, r.Email, "")
	})
}

func (e *Emulator) newPasswordPage(c *call, token, email, wrong string) func() {
	status := http.StatusOK
	if wrong != "" {
		status = http.StatusUnprocessableEntity
	}
	page := struct {
		Token, Email string
		Field        field
	}{token, email, newPassword("New password")}
	page.Field.Wrong, page.Field.Focus = wrong, true
	return func() { c.page(status, "page for a new password", "reset.html", page) }
}

// submitReset serves its form.
func (e *Emulator) submitReset(c *call) {
	form, ok := c.form()
	if !ok {
		return
	}
	e.within(c, func() func() {
		token := form.Get("token")
		if wrong := weakPassword(form.Get("password")); wrong != "" {
			if r, ok := e.store.resets.by("token:" + token); ok {
				return e.newPasswordPage(c, token, r.Email, wrong)
			}
		}
		if _, f := e.store.resetPassword(token, form.Get("password"), c.now); f != nil {
			return func() {
				c.errorPage(http.StatusBadRequest, errorPage{
					Title: "The password was not changed", Text: sentence(f.text),
					Fixes: []string{"Ask for another link on the sign-in page."},
				})
			}
		}
		page := noticePage{Title: "Your password is changed", Text: "Go back to the app and sign in with the new one.", Link: e.signInURL()}
		return func() { c.page(http.StatusOK, "password changed", "notice.html", page) }
	})
}

// noticePage is what notice.html shows.
type noticePage struct {
	Title, Text string
	Mail        bool   // says where the mail is
	Link        string // to the app
	Back        string // the id of a pending authorization to go on with
}

// signInURL is where the app starts a sign-in, as far as is known.
func (e *Emulator) signInURL() string {
	if e.SignInURL != "" {
		return e.SignInURL
	}
	return rootOf(e.store.redirectURIs())
}

// The API of all this.

type oneTimeCodeObject struct {
	Object    string `json:"object"`
	ID        string `json:"id"`
	UserID    string `json:"user_id"`
	Email     string `json:"email"`
	ExpiresAt string `json:"expires_at"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	Code      string `json:"code"`
}

func codeResponse(c *oneTimeCode) oneTimeCodeObject {
	return oneTimeCodeObject{
		c.Purpose, c.ID, c.UserID, c.Email, timestamp(c.Expires), timestamp(c.CreatedAt), timestamp(c.UpdatedAt), c.Code,
	}
}

// createMagicAuth sends a code. For an email without an account it makes one, as
// WorkOS does, since the answer has a user id.
func (e *Emulator) createMagicAuth(c *call, in fields) (any, *failure) {
	email := in.text("email")
	if f := in.check("email"); f != nil {
		return nil, f
	}
	if !emailAddress(email) {
		return nil, invalidParameters("email must be an email")
	}
	if token := in.text("invitation_token"); token != "" {
		if _, f := e.store.openInvitation(token, c.now); f != nil {
			return nil, f
		}
	}
	if _, ok := e.store.users.by(emailKey(email)); !ok {
		if e.store.users.full() {
			return nil, full("accounts", maxAccounts)
		}
		e.store.addSeed(User{Email: email}, c.now)
	}
	return codeResponse(e.sendMagicCode(c, email)), nil
}

func (e *Emulator) getMagicAuth(c *call, _ fields) (any, *failure) {
	return e.getCode(c, forMagicAuth, "Magic auth")
}

func (e *Emulator) getEmailVerification(c *call, _ fields) (any, *failure) {
	return e.getCode(c, forEmailVerification, "Email verification")
}

func (e *Emulator) getCode(c *call, purpose, kind string) (any, *failure) {
	code, ok := e.store.oneTimeCodes.get(c.params["id"])
	if !ok || code.Purpose != purpose {
		return nil, notFound(kind, c.params["id"])
	}
	return codeResponse(code), nil
}

func (e *Emulator) sendUserVerification(c *call, _ fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	if u.EmailVerified {
		return nil, badRequest("email_already_verified", "the email is verified already")
	}
	e.sendVerification(c, u)
	return map[string]any{"user": userResponse(u)}, nil
}

func (e *Emulator) confirmUserVerification(c *call, in fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	code := in.text("code")
	if f := in.check("code"); f != nil {
		return nil, f
	}
	if u.EmailVerified {
		return nil, badRequest("email_previously_verified", "the email was verified before")
	}
	if f := e.store.verifyEmail(u, code, methodPassword, c.now); f != nil {
		return nil, renamed(f, "email_verification_code_")
	}
	return map[string]any{"user": userResponse(u)}, nil
}

// renamed gives the failure of a one-time code the name that it has where a user
// is confirmed and not signed in.
func renamed(f *failure, prefix string) *failure {
	what := strings.TrimPrefix(f.code, "one_time_code_")
	if f.code == "invalid_one_time_code" {
		what = "incorrect"
	}
	return badRequest(prefix+what, f.text)
}

func (e *Emulator) sendEmailChange(c *call, in fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	email := in.text("new_email")
	if f := in.check("new_email"); f != nil {
		return nil, f
	}
	switch other, taken := e.store.users.by(emailKey(email)); {
	case !emailAddress(email):
		return nil, apiFailure(http.StatusUnprocessableEntity, "invalid_email", "new_email is not an email address")
	case taken && other == u:
		return nil, apiFailure(http.StatusConflict, "email_change_not_needed", "the user has this email already")
	case taken:
		return nil, apiFailure(http.StatusConflict, "email_not_available", "there is an account with this email already")
	}
	if u.NewEmail != "" {
		e.store.oneTimeCodes.removeBy(codeKey(forEmailChange, u.NewEmail))
	}
	u.NewEmail = email
	e.store.users.put(u.ID, u)
	code := e.store.newCode(forEmailChange, u.ID, email, c.now)
	e.store.send(Message{
		To: email, Kind: forEmailChange, Subject: "Confirm your new email", Code: code.Code,
		Body: "Your code is " + code.Code + ". It is good for ten minutes.",
	}, c.now)
	return map[string]any{
		"object": "email_change", "user": userResponse(u), "new_email": email,
		"expires_at": timestamp(code.Expires), "created_at": timestamp(code.CreatedAt),
	}, nil
}

func (e *Emulator) confirmEmailChange(c *call, in fields) (any, *failure) {
	u, f := e.user(c)
	if f != nil {
		return nil, f
	}
	code := in.text("code")
	if f := in.check("code"); f != nil {
		return nil, f
	}
	if u.NewEmail == "" {
		return nil, apiFailure(http.StatusConflict, "no_pending_email_change", "the user has not asked for another email")
	}
	if other, taken := e.store.users.by(emailKey(u.NewEmail)); taken && other != u {
		return nil, apiFailure(http.StatusConflict, "email_not_available", "there is an account with this email already")
	}
	if _, f := e.store.takeCode(forEmailChange, u.ID, u.NewEmail, code, c.now); f != nil {
		f = renamed(f, "email_change_code_")
		switch f.code {
		case "email_change_code_previously_used":
			f.status = http.StatusConflict
		case "email_change_code_too_many_attempts":
			f.status, f.code = http.StatusTooManyRequests, "email_change_too_many_attempts"
		}
		return nil, f
	}
	u.Email, u.NewEmail, u.EmailVerified, u.UpdatedAt = u.NewEmail, "", true, c.now
	e.store.users.put(u.ID, u)
	return map[string]any{"object": "email_change_confirmation", "user": userResponse(u)}, nil
}

func (c *call) resetResponse(r *passwordReset) map[string]any {
	return map[string]any{
		"object": "password_reset", "id": r.ID, "user_id": r.UserID, "email": r.Email,
		"password_reset_token": r.Token, "password_reset_url": c.resetURL(r),
		"expires_at": timestamp(r.Expires), "created_at": timestamp(r.CreatedAt),
	}
}

func (e *Emulator) createPasswordReset(c *call, in fields) (any, *failure) {
	email := in.text("email")
	if f := in.check("email"); f != nil {
		return nil, f
	}
	u, ok := e.store.users.by(emailKey(email))
	if !ok {
		return nil, notFound("User", email)
	}
	return c.resetResponse(e.sendReset(c, u)), nil
}

func (e *Emulator) getPasswordReset(c *call, _ fields) (any, *failure) {
	r, ok := e.store.resets.get(c.params["id"])
	if !ok {
		return nil, notFound("Password reset", c.params["id"])
	}
	return c.resetResponse(r), nil
}

func (e *Emulator) confirmPasswordReset(c *call, in fields) (any, *failure) {
	token, text := in.text("token"), in.text("new_password")
	if f := in.check("token", "new_password"); f != nil {
		return nil, f
	}
	u, f := e.store.resetPassword(token, text, c.now)
	if f != nil {
		return nil, f
	}
	return map[string]any{"user": userResponse(u)}, nil
}

// Mail gives what would have been sent to an email by now, oldest first; with an
// empty one, all of it.
func (e *Emulator) Mail(to string) []Message {
	e.setDefaults()
	out := []Message{}
	_ = e.store.do(func() { // nothing changes
		for _, m := range e.store.mails.all() {
			if to == "" || emailKey(m.To) == emailKey(to) {
				out = append(out, *m)
			}
		}
	})
	return out
}
