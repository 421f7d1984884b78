package emulator

import (
	"net/http"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	minPassword = 8
	maxPassword = 256
	maxName     = 100
	maxEmail    = 254 // RFC 5321, section 4.5.3.1.3, without its brackets
)

// signUpPage is what signup.html shows.
type signUpPage struct {
	ID     string // of the pending authorization
	Error  string // what no field is to blame for
	Fields []field
}

// signUpForm is the page with what was sent, and what is wrong with it by the
// fields' names. The password is never sent back.
func signUpForm(id string, form url.Values, wrong map[string]string) signUpPage {
	page := signUpPage{ID: id, Error: wrong[""], Fields: []field{
		{Name: "email", Label: "Email", Type: "email", Autocomplete: "username"},
		{Name: "first_name", Label: "First name", Type: "text", Autocomplete: "given-name", Optional: true},
		{Name: "last_name", Label: "Last name", Type: "text", Autocomplete: "family-name", Optional: true},
		newPassword("Password"),
	}}
	// The cursor is in the first field that needs something.
	focused := false
	for i := range page.Fields {
		f := &page.Fields[i]
		f.Wrong = wrong[f.Name]
		if f.Type != "password" {
			f.Value = form.Get(f.Name)
		}
		if !focused && (f.Wrong != "" || len(wrong) == 0 && f.Value == "") {
			f.Focus, focused = true, true
		}
	}
	return page
}

// newPassword is the field for one.
func newPassword(label string) field {
	return field{
		Name: "password", Label: label, Type: "password", Autocomplete: "new-password", MinLength: minPassword,
		Hint: "At least " + strconv.Itoa(minPassword) + " characters.",
	}
}

// signUpPage shows the form, with what was sent and what is wrong with it.
func (e *Emulator) signUpPage(c *call, id string, form url.Values, wrong map[string]string) func() {
	status, outcome := http.StatusOK, "sign-up page"
	if len(wrong) > 0 {
		status, outcome = http.StatusUnprocessableEntity, "sign-up refused"
	}
	page := signUpForm(id, form, wrong)
	return func() { c.page(status, outcome, "signup.html", page) }
}

// signUp serves the sign-up form: it makes an account and signs it in.
func (e *Emulator) signUp(c *call, id string, a *authorization, form url.Values) func() {
	account := User{
		Email:     strings.TrimSpace(form.Get("email")),
		Password:  form.Get("password"),
		FirstName: strings.TrimSpace(form.Get("first_name")),
		LastName:  strings.TrimSpace(form.Get("last_name")),
	}
	wrong := checkAccount(account)
	if o, ok := e.store.organizations.get(a.organizationID); ok && !e.store.invitedTo(a, o.ID) {
		wrong[""] = "The app asks for a member of " + o.Name + ", and a new account is a member of no organization. Sign in as a member."
	}
	if e.store.requiredConnection(account.Email) != nil {
		wrong["email"] = "People with this email sign in by their organization."
	}
	if _, taken := e.store.users.by(emailKey(account.Email)); taken {
		wrong["email"] = "There is an account with this email already. Sign in, or use another email."
	} else if e.store.users.full() {
		wrong[""] = "This local AuthKit holds as many accounts as it can. Restart it."
	}
	if len(wrong) > 0 {
		return e.signUpPage(c, id, form, wrong)
	}
	return e.proceed(c, id, e.store.addSeed(account, c.now), methodPassword)
}

// invitedTo reports whether a sign-in came by an invitation to an organisation.
func (s *store) invitedTo(a *authorization, organizationID string) bool {
	i, ok := s.invitations.by("token:" + a.invitationToken)
	return ok && i.OrganizationID == organizationID
}

// checkAccount names what is wrong with a new account, by the form's fields.
func checkAccount(u User) map[string]string {
	wrong := map[string]string{}
	if !emailAddress(u.Email) {
		wrong["email"] = "Enter an email address, such as name@example.test."
	}
	if text := weakPassword(u.Password); text != "" {
		wrong["password"] = text
	}
	for name, value := range map[string]string{"first_name": u.FirstName, "last_name": u.LastName} {
		if utf8.RuneCountInString(value) > maxName {
			wrong[name] = "A name can have " + strconv.Itoa(maxName) + " characters."
		}
	}
	return wrong
}

// emailAddress says whether a text is an address, without a name or brackets
// around it.
func emailAddress(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text && len(text) <= maxEmail
}
