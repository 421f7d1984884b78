package main

import (
	"strings"
	"testing"

	"authfit/internal/chromium"
	"authfit/internal/emulator"
)

// TestChromium goes through each example with a real browser, as a person does:
// wants a page, has no account yet, signs up, and gets that page; signs out,
// signs in again, and signs out by the page's own link. The pictures that it
// takes (see the package chromium) are for a person to look at.
func TestChromium(t *testing.T) {
	for _, framework := range frameworks {
		t.Run(framework, func(t *testing.T) {
			l, err := newLab(t.Context(), framework, python(t))
			if err != nil {
				t.Fatal(err)
			}
			defer l.close()
			p := &person{t, chromium.New(t, framework), l}
			p.signUp("mary@example.test", "correct horse")
			p.signOut()
			p.signIn("mary@example.test", "correct horse")
			p.signOutByLink()
		})
	}
}

// A person at a browser, with an app.
type person struct {
	*testing.T
	*chromium.Browser
	lab *lab
}

// signUp opens the protected page, makes an account at AuthKit and is on that page.
func (p *person) signUp(email, password string) {
	p.Helper()
	p.Open(p.lab.Origin())
	p.Shot("home")
	p.Open(p.lab.Origin() + p.lab.Login.Account)
	p.atAuthKit("Sign in")
	p.Shot("sign-in")
	p.Click("Sign up")
	p.atAuthKit("Create an account")
	p.Shot("sign-up")

	// With an email that somebody has already, at first.
	p.Fill("Email", emulator.DefaultEmail)
	p.Fill("First name", "Mary")
	p.Fill("Password", password)
	p.Click("Sign up")
	p.atAuthKit("There is an account with this email already.")
	if got := p.Focus(); got != "Email" {
		p.Errorf("the focus is on %q, not on the email to correct", got)
	}
	p.Shot("sign-up-refused")
	p.Fill("Email", email)
	p.Fill("Password", password)
	p.Click("Sign up")
	p.atAuthKit("Verify your email")
	mails := p.lab.authkit.emulator.Mail(email)
	p.Fill("Code", mails[len(mails)-1].Code)
	p.Click("Continue")
	p.at(p.lab.Login.Account, email)
	p.Shot("account")
}

// signOut presses the button on the protected page, or on the page for it where
// the protected one has none.
func (p *person) signOut() {
	p.Helper()
	if p.lab.Name == "fastapi" { // its account is JSON
		p.Open(p.lab.Origin() + p.lab.Login.Logout)
	}
	p.Click("Sign out")
	p.at(p.lab.Login.Home, "Sign in")
	p.Shot("signed-out")
}

// signIn follows the home page's link, and is there again, known.
func (p *person) signIn(email, password string) {
	p.Helper()
	p.Click("Sign in")
	p.atAuthKit("Sign in")
	p.Fill("Email", email)
	p.Fill("Password", password)
	p.Click("Sign in")
	p.at(p.lab.Login.Home, email)
	p.Shot("home-signed-in")
}

// signOutByLink follows the home page's link to the page with the button, and is
// a stranger to the protected page afterwards.
func (p *person) signOutByLink() {
	p.Helper()
	p.Click("Sign out")
	p.at(p.lab.Login.Logout, "Do you want to sign out?")
	p.Shot("sign-out")
	p.Click("Sign out")
	p.at(p.lab.Login.Home, "Sign in")
	p.Shot("signed-out-by-link")
	p.Open(p.lab.Origin() + p.lab.Login.Account)
	p.atAuthKit("Sign in")
}

// at fails unless the browser is on a page of the app that says what it should,
// with nothing of the login in its address.
func (p *person) at(path, says string) {
	p.Helper()
	p.on(p.lab.Origin()+path, says)
	if _, rest, _ := strings.Cut(p.Address(), p.lab.Origin()); rest != path {
		p.Errorf("the address is %s, not %s", rest, path)
	}
}

// atAuthKit fails unless the browser is on a page of AuthKit's that says what it should.
func (p *person) atAuthKit(says string) {
	p.Helper()
	p.on(p.lab.Base+"/user_management/authorize", says)
}

func (p *person) on(address, says string) {
	p.Helper()
	if got, text := p.Address(), p.Text(); !strings.HasPrefix(got, address) || !strings.Contains(text, says) {
		p.Fatalf("at %s, not at %s with %q; the page says:\n%s", got, address, says, text)
	}
}
