package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// authorization is a checked authorization request, and how far its user has come.
type authorization struct {
	clientID        string
	redirectURI     string
	state           string
	hasState        bool
	challenge       string // S256; empty: no PKCE
	loginHint       string
	domainHint      string
	signUp          bool // the app asked for sign-up
	consent         bool // the app asked that the user be asked
	organizationID  string
	provider        string
	connectionID    string
	invitationToken string
	// sso says that the app wants a profile, and no session.
	sso bool
	// turned says that its user turned to a provider, not the app.
	turned bool
	// deviceCode is of a device that waits; there is no redirect URI then.
	deviceCode string
	expires    time.Time

	// email is where a code was sent; whoever has it has not shown that yet.
	email string
	// factorID is the factor that is being enrolled, or asked for.
	factorID string
	// signedIn is who has shown who they are. Its UserID is empty until then.
	signedIn signedIn
}

// The ways to show who one is, by WorkOS's names (authentication_method).
const (
	methodPassword      = "Password"
	methodMagicAuth     = "MagicAuth"
	methodSSO           = "SSO"
	methodImpersonation = "Impersonation"
)

// need is what somebody who has shown who they are still has to do.
type need int

const (
	nothing need = iota
	emailVerification
	factorEnrollment
	factorChallenge
	organizationChoice
)

// next says what is still missing of a sign-in. Where there is one organisation
// to be in, that is no choice.
func (s *store) next(in *signedIn) need {
	u, ok := s.users.get(in.UserID)
	if !ok || u.Impersonator != nil {
		return nothing
	}
	// Also of who comes from a provider, where somebody else may have made the
	// account: https://workos.com/docs/reference/authkit/authentication-errors.
	if !u.EmailVerified && in.InvitationID == "" && (s.policy.verifyEmail || in.Method != methodPassword) {
		return emailVerification
	}
	// Who comes from an organisation's identity provider has shown there what it
	// asks for.
	if in.Method != methodSSO && !in.SecondFactor {
		switch {
		case s.confirmedFactor(u.ID) != nil:
			return factorChallenge
		case s.policy.mfa:
			return factorEnrollment
		}
	}
	if in.OrganizationID == "" {
		switch active := s.active(u.ID); len(active) {
		case 0:
		case 1:
			in.OrganizationID = active[0].OrganizationID
		default:
			return organizationChoice
		}
	}
	return nothing
}

// within runs f with the store to itself, and then the answer that it gives.
func (e *Emulator) within(c *call, f func() (answer func())) {
	var answer func()
	if unsaved := e.store.do(func() { answer = f() }); unsaved != nil {
		c.errorPage(unsaved.status, errorPage{
			Title: "This could not be saved", Text: sentence(unsaved.text),
			Fixes: []string{"See that there is room for the state file, and that it can be written to. Then send the form again."},
		})
		return
	}
	answer()
}

// over is for a page whose pending authorization is not there any more.
func (e *Emulator) over(c *call) func() {
	page := errorPage{
		Title: "This sign-in is over",
		Text:  "The page was used already, or it was open for more than half an hour, or the emulator was restarted.",
		Fixes: []string{"Go back to the app and sign in again."},
		Link:  e.signInURL(),
	}
	return func() { c.errorPage(http.StatusBadRequest, page) }
}

// submit serves POST /user_management/authorize: the forms of the pages that a
// user sees on the way to the app. The form says which one it is by its action.
func (e *Emulator) submit(c *call) {
	form, ok := c.form()
	if !ok {
		return
	}
	id, action := form.Get("authorization"), form.Get("action")
	e.within(c, func() func() {
		a, ok := e.store.waiting(id, c.now)
		if !ok {
			return e.over(c)
		}
		handle, ok := map[string]func(*call, string, *authorization, url.Values) func(){
			"cancel":              e.cancel,
			"sign-in":             e.signIn,
			"sign-up":             e.signUp,
			"send-code":           e.sendCode,
			"magic-code":          e.magicCode,
			"pick-identity":       e.pickIdentity,
			"verify-email":        e.verifyEmail,
			"resend-code":         e.resendCode,
			"forgot-password":     e.forgotPassword,
			"enroll-factor":       e.enrollFactor,
			"challenge-factor":    e.challengeFactor,
			"choose-organization": e.chooseOrganization,
			"consent":             e.giveConsent,
		}[action]
		if !ok {
			return func() {
				c.errorPage(http.StatusBadRequest, errorPage{
					Title: "This form cannot be read",
					Text:  "Its field action names no form of this local AuthKit.",
					Facts: []fact{{"The form sent", masked("action", orNothing(form["action"]))}},
					Fixes: []string{"Fill in the pages as they come; their buttons send the right `action`."},
				})
			}
		}
		return handle(c, id, a, form)
	})
}

// form reads a form that a page of this emulator sent. Without one the answer
// has been given.
func (c *call) form() (url.Values, bool) {
	// A form can only be posted by its own page: by what is in it, and by what
	// the browser says of where it comes from.
	if err := new(http.CrossOriginProtection).Check(c.r); err != nil {
		c.errorPage(http.StatusForbidden, errorPage{
			Title: "Sign-in refused", Text: "The form was sent by a page of another site.",
			Facts: []fact{{"The browser says", "Origin: " + orNothing(c.r.Header["Origin"])}, {"This page is at", c.base()}},
			Fixes: []string{"Send people to the address of `get_authorization_url(...)`, and let them fill in the page there."},
		})
		return nil, false
	}
	form, f := readForm(c.r)
	if f != nil {
		c.errorPage(f.status, errorPage{
			Title: "This form cannot be read", Text: sentence(f.text), Fixes: []string{"Go back and send the form again."},
		})
		return nil, false
	}
	c.note(form)
	return form, true
}

// turn serves the pages that a sign-in under way can turn to, by a link with the
// id of the pending authorization.
func (e *Emulator) turn(c *call) {
	query, _ := url.ParseQuery(c.r.URL.RawQuery) // what cannot be read is no id
	c.note(query)
	id := query.Get("authorization")
	e.within(c, func() func() {
		a, ok := e.store.waiting(id, c.now)
		if !ok {
			return e.over(c)
		}
		if a.turned {
			a.provider, a.connectionID, a.turned = providerAuthKit, "", false
		}
		switch c.params["page"] {
		case "sign-in":
			return e.signInPage(c, id, a, http.StatusOK, a.loginHint, "")
		case "sign-up":
			return e.signUpPage(c, id, url.Values{"email": {a.loginHint}}, nil)
		case "forgot-password":
			return e.forgotPage(c, id, a.loginHint, "")
		case "identity":
			if _, ok := providers[query.Get("provider")]; ok {
				a.provider, a.turned = query.Get("provider"), true
				return e.identityPage(c, id, a, http.StatusOK, "")
			}
		}
		return func() {
			c.errorPage(http.StatusNotFound, errorPage{
				Title: "There is no such page", Text: "A sign-in has the pages sign-in, sign-up, forgot-password, and identity with the name of a provider.",
				Fixes: []string{"Go back to the app and sign in again."},
			})
		}
	})
}

// signIn serves the sign-in form.
func (e *Emulator) signIn(c *call, id string, a *authorization, form url.Values) func() {
	email := form.Get("email")
	refuse := func(wrong string) func() {
		return e.signInPage(c, id, a, http.StatusUnprocessableEntity, email, wrong)
	}
	if k := e.store.requiredConnection(email); k != nil {
		return e.turnTo(c, id, a, k, email)
	}
	u, ok := e.store.checkPassword(email, form.Get("password"))
	if !ok {
		return refuse(wrongPassword)
	}
	if wrong := e.store.notMember(u, a.organizationID); wrong != "" {
		return refuse(wrong)
	}
	return e.proceed(c, id, u, methodPassword)
}

// notMember says that a user is not a member of the organisation that the app
// asks for.
func (s *store) notMember(u *user, organizationID string) string {
	if organizationID == "" || s.checkMember(u.ID, organizationID) == nil {
		return ""
	}
	o, ok := s.organizations.get(organizationID)
	if !ok {
		return "The organization that the app asks for is not there any more."
	}
	return u.Email + " is not a member of " + o.Name + ", which the app asks for."
}

// proceed takes a user who has shown who they are on to what is still missing,
// or back to the app.
func (e *Emulator) proceed(c *call, id string, u *user, method string) func() {
	a, ok := e.store.waiting(id, c.now)
	if !ok {
		return e.over(c)
	}
	e.store.pending.remove(id)
	a.email, a.factorID = "", "" // they may be of who was here before
	a.signedIn = signedIn{
		UserID: u.ID, OrganizationID: a.organizationID, AuthTime: e.Now(), Method: method,
		IPAddress: c.clientIP(), UserAgent: c.userAgent(),
	}
	// With another id from here on: the one so far was in links, and whoever
	// knows it must not go on for this user and get the code.
	return e.advance(c, e.store.begin(*a, c.now))
}

// advance shows the page for what is missing, or completes the sign-in.
func (e *Emulator) advance(c *call, id string) func() {
	a, _ := e.store.pending.get(id)
	u, ok := e.store.users.get(a.signedIn.UserID)
	if !ok {
		return e.over(c)
	}
	if a.invitationToken != "" {
		c.forgetInvitation()
		token := a.invitationToken
		a.invitationToken = ""
		if wrong := e.store.invite(token, u, &a.signedIn, c.now); wrong != nil {
			e.store.pending.remove(id)
			return e.back(c, a, wrong)
		}
	}
	switch e.store.next(&a.signedIn) {
	case emailVerification:
		if a.email == "" {
			a.email = u.Email
			e.sendVerification(c, u)
		}
		return e.verifyPage(c, id, a, "", false)
	case factorEnrollment:
		return e.enrollPage(c, id, a, http.StatusOK, "")
	case factorChallenge:
		return e.challengePage(c, id, a, "")
	case organizationChoice:
		return e.organizationPage(c, id, a, "")
	}
	if a.consent || a.deviceCode != "" {
		return e.consentPage(c, id, a)
	}
	return e.complete(c, id, a)
}

// complete sends a user who has signed in back to the app, with a code.
func (e *Emulator) complete(c *call, id string, a *authorization) func() {
	e.store.pending.remove(id)
	u, ok := e.store.users.get(a.signedIn.UserID)
	if !ok {
		return e.over(c)
	}
	if wrong := e.store.acceptInvited(&a.signedIn, u, c.now); wrong != nil {
		return e.back(c, a, wrong)
	}
	if a.signedIn.OrganizationID != "" {
		if wrong := e.store.checkMember(u.ID, a.signedIn.OrganizationID); wrong != nil {
			return e.back(c, a, wrong)
		}
	}
	if a.deviceCode != "" {
		return e.approveDevice(c, a)
	}
	outcome := "code for " + u.Email
	if a.signedIn.OrganizationID != "" {
		outcome += " in " + a.signedIn.OrganizationID
	}
	to, answer := a.redirectURI, a.answer("code", e.store.issueCode(a, c.now))
	return func() { c.redirect(to, answer, outcome) }
}

// back sends a user to the app with a refusal.
func (e *Emulator) back(c *call, a *authorization, f *failure) func() {
	if a.deviceCode != "" {
		return e.denyDevice(c, a)
	}
	to, answer := a.redirectURI, a.answer("error", f.code, "error_description", f.text)
	return func() { c.redirect(to, answer, f.code+": "+f.text) }
}

// cancel sends a user who does not want to sign in back to the app.
func (e *Emulator) cancel(c *call, id string, a *authorization, _ url.Values) func() {
	e.store.pending.remove(id)
	return e.back(c, a, oauthFailure("access_denied", "the user cancelled the sign-in"))
}

// giveConsent serves the form on which a user agrees that the app signs them in.
func (e *Emulator) giveConsent(c *call, id string, a *authorization, _ url.Values) func() {
	if a.signedIn.UserID == "" || !a.consent && a.deviceCode == "" || e.store.next(&a.signedIn) != nothing {
		return nobodyYet(c)
	}
	return e.complete(c, id, a)
}

// nobodyYet refuses a form that comes after signing in.
func nobodyYet(c *call) func() {
	return func() {
		c.errorPage(http.StatusBadRequest, errorPage{
			Title: "Nobody has signed in yet", Text: "This form comes after signing in.",
			Fixes: []string{"Go back to the app and sign in again."},
		})
	}
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

// domainOf gives the part of an email address behind the @, in lower case.
func domainOf(email string) string {
	_, domain, _ := strings.Cut(strings.ToLower(strings.TrimSpace(email)), "@")
	return domain
}

// requiredConnection gives the connection that people with such an email have to
// sign in by.
func (s *store) requiredConnection(email string) *connection {
	for _, k := range s.connections.allBy("domain:" + domainOf(email)) {
		if k.Required {
			return k
		}
	}
	return nil
}
