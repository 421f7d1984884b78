package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// north and south are what the tokens of LocalMember say in either organisation.
var (
	north = claims{
		OrganizationID: NorthOrganizationID, Role: "admin", Roles: []string{"admin"}, Permissions: []string{"posts:read", "posts:write"},
		Entitlements: []string{"audit-logs"}, FeatureFlags: []string{"new-editor"},
	}
	south = claims{
		OrganizationID: SouthOrganizationID, Role: "member", Roles: []string{"member"}, Permissions: []string{"posts:read"},
		Entitlements: []string{}, FeatureFlags: []string{},
	}
	nowhere = claims{}
)

// wantOrganization checks what an answer and its access token say of an organisation.
func (b *bench) wantOrganization(got authenticateResponse, want claims) {
	b.Helper()
	c := b.decode(got.AccessToken)
	claimed := claims{
		OrganizationID: c.OrganizationID, Role: c.Role, Roles: c.Roles, Permissions: c.Permissions,
		Entitlements: c.Entitlements, FeatureFlags: c.FeatureFlags,
	}
	if diff := cmp.Diff(want, claimed); diff != "" {
		b.Error(diff)
	}
	if got.OrganizationID != want.OrganizationID {
		b.Errorf("organization_id is %q, want %q", got.OrganizationID, want.OrganizationID)
	}
}

// members are three users: of no organisation, of one, and of several.
func members() *Emulator {
	return &Emulator{
		Organizations: append(DefaultOrganizations(), Organization{ID: "org_closed", Name: "Closed"}),
		Roles:         []Role{{Slug: "billing"}},
		Users: append(DefaultUsers(), User{
			Email: "one@example.test", Password: DefaultPassword, EmailVerified: true,
			Memberships: []Membership{{OrganizationID: SouthOrganizationID, Roles: []string{"billing", "member"}}},
		}),
	}
}

func TestOrganizationAtSignIn(t *testing.T) {
	ofOne := south
	ofOne.Roles, ofOne.Permissions = []string{"billing", "member"}, []string{}
	tests := []struct {
		name, email, asked string
		choose             string // on the page; empty: there is none
		want               claims
	}{
		{"a member of none", DefaultEmail, "", "", nowhere},
		{"a member of one", "one@example.test", "", "", ofOne},
		{"a member of one, asked for", "one@example.test", SouthOrganizationID, "", ofOne},
		{"a member of two", LocalMember, "", NorthOrganizationID, north},
		{"a member of two, the other", LocalMember, "", SouthOrganizationID, south},
		{"a member of two, asked for", LocalMember, SouthOrganizationID, "", south},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, members())
			query := goodAuthorization()
			if test.asked != "" {
				query.Set("organization_id", test.asked)
			}
			signedInAt := b.clock.Now()
			back := b.post("/user_management/authorize", signInForm(b.open(query), "email", test.email))
			if test.choose != "" {
				id := b.id(back, http.StatusOK, "<h1>Choose an organization</h1>")
				b.clock.Advance(time.Minute)
				back = b.post("/user_management/authorize", chosen(id, test.choose))
			}
			got := b.tokensAfter(back)
			b.wantOrganization(got, test.want)
			if claimed := b.decode(got.AccessToken); claimed.AuthTime != signedInAt.Unix() {
				t.Errorf("auth_time is %d, want that of the password, %d", claimed.AuthTime, signedInAt.Unix())
			}
			// A refresh that asks for nothing stays where it is.
			b.wantOrganization(b.tokens(refreshExchange(got.RefreshToken)), test.want)
		})
	}
}

func chosen(id, organizationID string) url.Values {
	return url.Values{"authorization": {id}, "action": {"choose-organization"}, "organization_id": {organizationID}}
}

// With an organisation a token has its lists, empty or not; without, it has none.
func TestOrganizationClaims(t *testing.T) {
	for _, test := range []struct {
		organization string
		want         string
	}{
		{"", ""},
		{SouthOrganizationID, `,"org_id":"` + SouthOrganizationID +
			`","role":"member","roles":["member"],"permissions":["posts:read"],"entitlements":[],"feature_flags":[]`},
	} {
		e := &Emulator{}
		e.setDefaults()
		u, _ := e.store.users.by(emailKey(LocalMember))
		n := &session{ClientID: "c", signedIn: signedIn{UserID: u.ID, OrganizationID: test.organization, AuthTime: time.Now()}}
		text, err := json.Marshal(e.store.claims(n, u, ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, got, _ := strings.Cut(string(text), `"client_id":"c"`); got != test.want+"}" {
			t.Errorf("%q: got %s", test.organization, got)
		}
	}
}

func TestOrganizationRefusedAtSignIn(t *testing.T) {
	b := newBench(t, members())
	for email, organization := range map[string]string{
		DefaultEmail: NorthOrganizationID, "one@example.test": NorthOrganizationID, LocalMember: "org_closed",
	} {
		id := b.open(goodAuthorization("organization_id", organization))
		page := b.post("/user_management/authorize", signInForm(id, "email", email))
		if b.id(page, http.StatusUnprocessableEntity, email+" is not a member of") != id {
			t.Errorf("%s: the page cannot be sent again", email)
		}
		// A wrong password does not tell of memberships.
		page = b.post("/user_management/authorize", signInForm(id, "email", email, "password", "wrong"))
		b.id(page, http.StatusUnprocessableEntity, "Wrong email or password.")
	}
}

func TestOrganizationPage(t *testing.T) {
	b := newBench(t, members())
	first := b.open(goodAuthorization())
	page := b.post("/user_management/authorize", signInForm(first, "email", LocalMember))
	id := b.id(page, http.StatusOK, "<h1>Choose an organization</h1>")
	for _, want := range []string{LocalMember, "North Workshop", "South Workshop", "admin"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page.body, "Closed") {
		t.Error("the page offers an organization of others")
	}

	// The id that was in links before somebody signed in is worth nothing now.
	if id == first {
		t.Error("the page has the sign-in page's id")
	}
	if got := b.post("/user_management/authorize", chosen(first, NorthOrganizationID)); got.status != http.StatusBadRequest {
		t.Errorf("the sign-in page's id chooses: %d", got.status)
	}

	for _, organization := range []string{"org_closed", "org_1", ""} {
		got := b.post("/user_management/authorize", chosen(id, organization))
		if b.id(got, http.StatusUnprocessableEntity, "You are not a member of this organization.") != id {
			t.Errorf("%q: the page cannot be sent again", organization)
		}
	}
	b.callback(b.post("/user_management/authorize", chosen(id, SouthOrganizationID)))
	if got := b.post("/user_management/authorize", chosen(id, SouthOrganizationID)); got.status != http.StatusBadRequest {
		t.Errorf("the page works twice: %d", got.status)
	}

	// Nobody chooses who has not signed in.
	early := b.post("/user_management/authorize", chosen(b.open(goodAuthorization()), NorthOrganizationID))
	if early.status != http.StatusBadRequest || !strings.Contains(early.body, "Nobody has signed in yet") {
		t.Errorf("got %d %s", early.status, early.body)
	}

	// Instead of choosing, one can cancel, or sign in as somebody else.
	id = b.id(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", LocalMember)), http.StatusOK, "Choose")
	b.id(b.get(signInPath, url.Values{"authorization": {id}}), http.StatusOK, "<h1>Sign in</h1>")
	got := b.tokensAfter(b.post("/user_management/authorize", signInForm(id)))
	if b.wantOrganization(got, nowhere); got.User.Email != DefaultEmail {
		t.Errorf("signed in as %s", got.User.Email)
	}
	id = b.id(b.post("/user_management/authorize", signInForm(b.open(goodAuthorization()), "email", LocalMember)), http.StatusOK, "Choose")
	if got := b.callback(b.post("/user_management/authorize", url.Values{"authorization": {id}, "action": {"cancel"}})); got.Get("error") != "access_denied" {
		t.Errorf("got %v", got)
	}
}

// Switching the organisation is a refresh: the session stays, its tokens change.
func TestSwitchOrganization(t *testing.T) {
	b := newBench(t, members())
	first := b.tokensAfter(b.post("/user_management/authorize",
		signInForm(b.open(goodAuthorization("organization_id", NorthOrganizationID)), "email", LocalMember)))
	b.wantOrganization(first, north)
	before := b.decode(first.AccessToken)

	b.clock.Advance(time.Hour)
	second := b.tokens(refreshExchange(first.RefreshToken, "organization_id", SouthOrganizationID))
	b.wantOrganization(second, south)
	after := b.decode(second.AccessToken)
	if after.SessionID != before.SessionID || after.AuthTime != before.AuthTime || after.TokenID == before.TokenID {
		t.Errorf("another session or sign-in: %+v, then %+v", before, after)
	}

	// Within the grace period the old token gives the pair again, also to who
	// asks for this organisation, but not to who asks for another.
	again := b.tokens(refreshExchange(first.RefreshToken, "organization_id", SouthOrganizationID))
	if diff := cmp.Diff(second, again); diff != "" {
		t.Error(diff)
	}
	b.wantOAuthError(b.post(tokenPath, refreshExchange(first.RefreshToken, "organization_id", NorthOrganizationID)), 400, "invalid_grant", "already exchanged")

	third := b.tokens(refreshExchange(second.RefreshToken))
	b.wantOrganization(third, south)
	b.wantOrganization(b.tokens(refreshExchange(third.RefreshToken, "organization_id", NorthOrganizationID)), north)
}

func TestSwitchOrganizationRefused(t *testing.T) {
	b := newBench(t, members())
	ada := b.login().RefreshToken
	for _, test := range []struct{ organization, code, text string }{
		{"org_1", "organization_not_found", "no organization org_1"},
		{NorthOrganizationID, "organization_membership_not_found", "not a member of " + NorthOrganizationID},
		{"org_closed", "organization_membership_not_found", "not a member of org_closed"},
	} {
		b.wantOAuthError(b.post(tokenPath, refreshExchange(ada, "organization_id", test.organization)), 400, test.code, test.text)
	}
	// Only who holds a good token learns of organisations at all.
	b.wantOAuthError(b.post(tokenPath, refreshExchange("made-up", "organization_id", "org_1")), 400, "invalid_grant", "invalid refresh token")
	b.wantOAuthError(b.post(tokenPath, refreshExchange(ada, "organization_id", "org_1", "client_secret", "sk_test_wrong")), 400, "invalid_client", "wrong client_secret")
	b.wantOrganization(b.tokens(refreshExchange(ada)), nowhere) // none of them used the token up
}

func passwordGrant(email string) url.Values {
	return url.Values{
		"grant_type": {"password"}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
		"email": {email}, "password": {DefaultPassword},
	}
}

// Where there is no page, the app has to ask its user for the organisation.
func TestOrganizationSelection(t *testing.T) {
	b := newBench(t, members())
	b.wantOrganization(b.tokens(passwordGrant(DefaultEmail)), nowhere)
	if got := b.tokens(passwordGrant("one@example.test")); got.OrganizationID != SouthOrganizationID {
		t.Errorf("a member of one is in %q", got.OrganizationID)
	}

	type choice struct{ ID, Name string }
	signedInAt := b.clock.Now()
	a := b.post(tokenPath, passwordGrant(LocalMember))
	var refusal struct {
		Code, Message string
		Token         string `json:"pending_authentication_token"`
		User          userObject
		Organizations []choice
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&refusal); err != nil || a.status != http.StatusForbidden {
		t.Fatalf("%v: %d %s", err, a.status, a.body)
	}
	want := []choice{{NorthOrganizationID, "North Workshop"}, {SouthOrganizationID, "South Workshop"}}
	if diff := cmp.Diff(want, refusal.Organizations); diff != "" {
		t.Error(diff)
	}
	if refusal.Code != "organization_selection_required" || refusal.Message == "" || refusal.User.Email != LocalMember || len(refusal.Token) != 43 {
		t.Errorf("got %s", a.body)
	}

	selection := func(pairs ...string) url.Values {
		return values(url.Values{
			"grant_type": {organizationSelection}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
			"pending_authentication_token": {refusal.Token}, "organization_id": {SouthOrganizationID},
		}, pairs...)
	}
	b.wantAPIError(b.post(tokenPath, selection("organization_id", "-")), 422, "invalid_request_parameters", "organization_id")
	b.wantAPIError(b.post(tokenPath, selection("pending_authentication_token", "-")), 422, "invalid_request_parameters", "pending_authentication_token")
	b.wantOAuthError(b.post(tokenPath, selection("client_secret", "-")), 400, "invalid_client", "client_secret is missing")
	b.wantAPIError(b.post(tokenPath, selection("pending_authentication_token", "made-up")), 400, "invalid_pending_authentication_token", "invalid")
	b.wantOAuthError(b.post(tokenPath, selection("organization_id", "org_1")), 400, "organization_not_found", "org_1")
	b.wantOAuthError(b.post(tokenPath, selection("organization_id", "org_closed")), 400, "organization_membership_not_found", "org_closed")

	b.clock.Advance(stepLifetime - time.Second)
	got := b.tokens(selection())
	b.wantOrganization(got, south)
	if claimed := b.decode(got.AccessToken); claimed.AuthTime != signedInAt.Unix() {
		t.Errorf("auth_time %d, want %d", claimed.AuthTime, signedInAt.Unix())
	}
	b.wantAPIError(b.post(tokenPath, selection()), 400, "invalid_pending_authentication_token", "invalid")

	// A late one is refused.
	if err := json.Unmarshal([]byte(b.post(tokenPath, passwordGrant(LocalMember)).body), &refusal); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(stepLifetime)
	b.wantAPIError(b.post(tokenPath, selection()), 400, "invalid_pending_authentication_token", "expired")
}

// What does not fit together is said when the emulator starts, and to whoever
// asks one that was not started.
func TestMisconfigured(t *testing.T) {
	user := func(memberships ...Membership) []User {
		return []User{{Email: "a@example.test", Memberships: memberships}}
	}
	tests := []struct {
		name string
		e    *Emulator
		want string
	}{
		{"no such organization", &Emulator{Users: user(Membership{OrganizationID: "org_1"})}, `"org_1", which is no organization here`},
		{"a member twice", &Emulator{Users: user(Membership{OrganizationID: NorthOrganizationID}, Membership{OrganizationID: NorthOrganizationID})}, "twice"},
		{"a role that is not among the roles", &Emulator{Users: user(Membership{OrganizationID: NorthOrganizationID, Role: "admin", Roles: []string{"member"}})}, `"admin" is not among the roles`},
		{"two users with one email", &Emulator{Users: []User{{Email: "a@example.test"}, {Email: "A@example.test"}}}, "an email of their own"},
		{"no email", &Emulator{Users: []User{{}}}, "a user has an email address"},
		{"two organizations with one id", &Emulator{Organizations: []Organization{{ID: "org_1", Name: "A"}, {ID: "org_1", Name: "B"}}}, "an ID of its own"},
		{"no name", &Emulator{Organizations: []Organization{{ID: "org_1"}}}, "a name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := test.e.Start("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start: %v, want %q", err, test.want)
			}
			b := newBench(t, test.e)
			b.wantAPIError(b.get("/sso/jwks/"+DefaultClientID, nil), 500, "emulator_misconfigured", test.want)
		})
	}
}
