package emulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const newEmail, newUsersPassword = "Mary@Example.Test", "correct horse"

func signUp(id string, pairs ...string) url.Values {
	return values(url.Values{
		"authorization": {id}, "email": {newEmail}, "password": {newUsersPassword},
		"first_name": {" Mary "}, "last_name": {"Local"}, "action": {"sign-up"},
	}, pairs...)
}

func TestSignUpPage(t *testing.T) {
	for _, hint := range [][]string{{"screen_hint", "sign-up"}, {"prompt", "create"}} {
		b := newBench(t, &Emulator{})
		page := b.get("/user_management/authorize", goodAuthorization(append(hint, "login_hint", `"><b>@example.test`)...))
		b.id(page, http.StatusOK, "<h1>Create an account</h1>")
		for _, want := range []string{
			`<label for="email">`, `<label for="first_name">`, `<label for="last_name">`, `<label for="password">`,
			`value="&#34;&gt;&lt;b&gt;@example.test"`, `minlength="8"`, `autocomplete="new-password"`,
			`aria-describedby="password-hint"`, `id="password-hint"`,
		} {
			if !strings.Contains(page.body, want) {
				t.Errorf("%v: the page lacks %q", hint, want)
			}
		}
		if n := strings.Count(page.body, " autofocus"); n != 1 {
			t.Errorf("%v: %d fields have the focus", hint, n)
		}
	}
}

// Sign-in and sign-up link to each other, and stay one sign-in.
func TestTurnBetweenPages(t *testing.T) {
	b := newBench(t, &Emulator{})
	page := b.get("/user_management/authorize", goodAuthorization("login_hint", newEmail))
	id := b.id(page, http.StatusOK, "<h1>Sign in</h1>")
	for _, to := range []struct{ path, says string }{
		{signUpPath, "<h1>Create an account</h1>"}, {signInPath, "<h1>Sign in</h1>"}, {signUpPath, "<h1>Create an account</h1>"},
	} {
		if link := `<a href="` + to.path + `?authorization=` + id + `">`; !strings.Contains(page.body, link) {
			t.Fatalf("no link %s in\n%s", link, page.body)
		}
		page = b.get(to.path, url.Values{"authorization": {id}})
		if b.id(page, http.StatusOK, to.says) != id || !strings.Contains(page.body, `value="`+newEmail+`"`) {
			t.Errorf("the sign-in or its login_hint is lost:\n%s", page.body)
		}
	}
	b.callback(b.verify(b.post("/user_management/authorize", signUp(id)), newEmail))

	for name, query := range map[string]url.Values{
		"used": {"authorization": {id}}, "made up": {"authorization": {"x"}}, "none": {}, "unreadable": nil,
	} {
		path := signUpPath
		if query == nil {
			path += "?authorization=%zz"
		}
		if got := b.get(path, query); got.status != http.StatusBadRequest || !strings.Contains(got.body, "This sign-in is over") {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

func TestSignUp(t *testing.T) {
	for _, unverified := range []bool{false, true} {
		b := newBench(t, &Emulator{})
		if unverified {
			b = newBench(t, &Emulator{Lenient: []Check{CheckEmailVerification}})
		}
		signedUpAt := b.clock.Now()
		back := b.post("/user_management/authorize", signUp(b.open(goodAuthorization("screen_hint", "sign-up")), "email", " "+newEmail+" "))
		if !unverified {
			back = b.verify(back, newEmail)
		}
		if got := b.callback(back); got.Get("state") != "the state" || len(got) != 2 {
			t.Errorf("got %v", got)
		}
		got := b.tokensAfter(back)
		user := userObject{
			Object: "user", ID: stableID("user_", strings.ToLower(newEmail)), Email: newEmail, EmailVerified: !unverified,
			FirstName: orNull("Mary"), LastName: orNull("Local"), Name: orNull("Mary Local"), Metadata: map[string]string{},
			LastSignInAt: orNull(timestamp(signedUpAt)), CreatedAt: timestamp(signedUpAt), UpdatedAt: timestamp(signedUpAt),
		}
		if diff := cmp.Diff(user, got.User); diff != "" {
			t.Error(diff)
		}
		if claimed := b.decode(got.AccessToken); claimed.Subject != user.ID || claimed.AuthTime != signedUpAt.Unix() || claimed.OrganizationID != "" {
			t.Errorf("got %+v", claimed)
		}
		b.tokens(refreshExchange(got.RefreshToken))

		// The account is there for the next sign-in.
		b.clock.Advance(time.Hour)
		again := b.tokensAfter(b.post("/user_management/authorize",
			signInForm(b.open(goodAuthorization()), "email", strings.ToUpper(newEmail), "password", newUsersPassword)))
		if again.User.ID != user.ID || again.User.CreatedAt != user.CreatedAt {
			t.Errorf("got %+v", again.User)
		}
	}
}

func TestSignUpRefused(t *testing.T) {
	tests := []struct {
		name   string
		change []string
		field  string // with what is wrong beside it; empty: none
		says   string
	}{
		{"an email that is taken", []string{"email", DefaultEmail}, "email", "There is an account with this email already."},
		{"one in capitals", []string{"email", strings.ToUpper(DefaultEmail)}, "email", "There is an account with this email already."},
		{"no email", []string{"email", "-"}, "email", "Enter an email address"},
		{"no address", []string{"email", "mary"}, "email", "Enter an email address"},
		{"a name around it", []string{"email", "Mary <mary@example.test>"}, "email", "Enter an email address"},
		{"a line break", []string{"email", "mary@example.test\r\nBcc: eve@example.test"}, "email", "Enter an email address"},
		{"a long email", []string{"email", strings.Repeat("x", 250) + "@example.test"}, "email", "Enter an email address"},
		{"no password", []string{"password", "-"}, "password", "at least 8 characters"},
		{"a short password", []string{"password", "1234567"}, "password", "at least 8 characters"},
		{"seven characters in many bytes", []string{"password", "üüüüüüü"}, "password", "at least 8 characters"},
		{"a long password", []string{"password", strings.Repeat("x", maxPassword+1)}, "password", "can have 256 characters"},
		{"a long name", []string{"first_name", strings.Repeat("x", maxName+1)}, "first_name", "can have 100 characters"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, &Emulator{})
			id := b.open(goodAuthorization("screen_hint", "sign-up"))
			page := b.post("/user_management/authorize", signUp(id, test.change...))
			if b.id(page, http.StatusUnprocessableEntity, test.says) != id {
				t.Error("the page cannot be sent again")
			}
			if mark := `aria-invalid="true" aria-describedby="` + test.field + `-wrong" autofocus`; strings.Count(page.body, mark) != 1 {
				t.Errorf("the field %s is not marked:\n%s", test.field, page.body)
			}
			if strings.Contains(page.body, newUsersPassword) {
				t.Error("the page repeats the password")
			}
			b.callback(b.verify(b.post("/user_management/authorize", signUp(id)), newEmail)) // and better data work
		})
	}
}

// The app asks for a member, which a new account is not; nothing is made.
func TestSignUpForOrganization(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization("screen_hint", "sign-up", "organization_id", NorthOrganizationID))
	b.id(b.post("/user_management/authorize", signUp(id)), http.StatusUnprocessableEntity, "a member of North Workshop")
	b.callback(b.verify(b.post("/user_management/authorize", signUp(b.open(goodAuthorization()))), newEmail))
}

func TestSignUpLimit(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization("screen_hint", "sign-up"))
	for i := b.e.store.users.len(); i < maxAccounts; i++ {
		b.e.store.addSeed(User{Email: fmt.Sprintf("%d@example.test", i)}, b.clock.Now())
	}
	b.id(b.post("/user_management/authorize", signUp(id)), http.StatusUnprocessableEntity, "as many accounts as it can")
	b.tokens(codeExchange(b.code(goodAuthorization()))) // and its users sign in as before
}

// Neither the new password nor the name is in the log.
func TestSignUpLog(t *testing.T) {
	b := newBench(t, &Emulator{})
	id := b.open(goodAuthorization())
	b.get(signUpPath, url.Values{"authorization": {id}})
	b.verify(b.post("/user_management/authorize", signUp(id)), newEmail)
	for _, r := range b.log {
		line := fmt.Sprint(r.String(), r.Params)
		for _, secret := range []string{id, newUsersPassword, "Mary "} {
			if strings.Contains(line, secret) {
				t.Errorf("the log has %q in it: %s", secret, line)
			}
		}
	}
	if last := b.log[len(b.log)-1]; last.Outcome != "code for "+newEmail {
		t.Errorf("logged %q", last.Outcome)
	}
}
