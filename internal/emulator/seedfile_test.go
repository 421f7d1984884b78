package emulator

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// vendorSeed has every field that the vendor's emulator documents.
const vendorSeed = `
users:
  - email: alice@acme.test
    first_name: Alice
    last_name: Smith
    password: test1234
    email_verified: true
    external_id: a1
    metadata: {plan: pro}
  - email: bob@acme.test
    impersonator: {email: support@acme.test, reason: ticket 42}
organizations:
  - name: Acme Corp
    external_id: acme
    metadata: {tier: gold}
    domains:
      - domain: acme.test
        state: verified
    memberships:
      - user_id: a1
        role: admin
        status: active
connections:
  - name: Acme SSO
    organization: Acme Corp
    connection_type: GenericSAML
    state: active
    domains: [acme.test]
    profiles:
      - {email: alice@acme.test, first_name: Alice, idp_id: x, groups: [a]}
roles:
  - slug: admin
    name: Admin
    type: EnvironmentRole
    is_default_role: false
    priority: 1
    permissions: [posts:read, posts:write]
permissions:
  - slug: posts:read
    name: Read Posts
  - slug: posts:write
    name: Write Posts
invitations:
  - email: carol@acme.test
    organization_id: acme
    role_slug: admin
    inviter_user_id: a1
pipeConnections:
  - {user_id: a1, provider: github, scopes: []}
webhookEndpoints:
  - url: http://localhost:3000/webhooks
    events: [user.created]
`

func TestVendorSeed(t *testing.T) {
	e := &Emulator{}
	notes, err := e.Seed([]byte(vendorSeed))
	if err != nil || len(notes) != 2 {
		t.Fatalf("%v, %q", err, notes)
	}
	b := newBench(t, e)
	got := b.tokens(url.Values{
		"grant_type": {"password"}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
		"email": {"alice@acme.test"}, "password": {"test1234"},
	})
	claimed := b.decode(got.AccessToken)
	if claimed.Role != "admin" || strings.Join(claimed.Permissions, " ") != "posts:read posts:write" || got.User.Metadata["plan"] != "pro" {
		t.Errorf("got %+v of %+v", claimed, got.User)
	}
	for path, want := range map[string]string{
		"/organizations/external_id/acme":                                  `"domain":"acme.test","state":"verified"`,
		"/connections?domain=acme.test":                                    `"name":"Acme SSO"`,
		"/user_management/invitations?email=carol@acme.test":               `"role_slug":"admin"`,
		"/authorization/permissions/posts:read":                            `"name":"Read Posts"`,
		"/user_management/users?email=bob@acme.test":                       `"email":"bob@acme.test"`,
		"/user_management/users?organization_id=" + claimed.OrganizationID: `"email":"alice@acme.test"`,
	} {
		if a := b.api("GET", path, ""); a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := b.api("GET", "/user_management/users?email="+DefaultEmail, ""); !strings.Contains(a.body, `"data":[]`) {
		t.Errorf("the default users are there beside the file's: %s", a.body)
	}
}

func TestSeedRefused(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
		says       string
	}{
		{"no YAML", "users: [", 1, "did not find expected node content"},
		{"a tab", "users:\n\t- email: a@b.test", 2, "cannot start any token"},
		{"an unknown field", "users:\n  - email: a@b.test\n    pasword: x", 3, "there is no field pasword here"},
		{"an unknown section", "user:\n  - email: a@b.test", 1, "there is no field user here"},
		{"another type", "users:\n  - email: a@b.test\n    email_verified: perhaps", 3, "cannot unmarshal"},
		{"no list", "users: a@b.test", 1, "cannot unmarshal"},
		{"a membership of nobody", "organizations:\n  - name: A\n    memberships:\n      - user: b@c.test", 4, `no user "b@c.test"`},
		{"a membership in nothing", "users:\n  - email: a@b.test\n    memberships:\n      - organization: A", 4, `no organization "A"`},
		{"a role of nothing", "roles:\n  - slug: a\n    organization: B", 3, `no organization "B"`},
		{"a connection of nothing", "connections:\n  - name: a\n    organization: B", 3, `no organization "B"`},
		{"an invitation to nothing", "invitations:\n  - email: a@b.test\n    organization: B", 3, `no organization "B"`},
		{"an inviter who is not there", "invitations:\n  - email: a@b.test\n    inviter: b@b.test", 3, `no user "b@b.test"`},
		{"a state of a domain", "organizations:\n  - name: A\n    domains:\n      - {domain: a.test, state: good}", 4, "verified or pending"},
		{"a time", "clock: tomorrow", 1, "90s, 5m or 1h30m"},
		{"a check", "lenient: [everything]", 1, `no check "everything"`},
		{"mfa", "mfa: sometimes", 1, "optional or required"},
		{"two users of an email", "users:\n  - email: a@b.test\n  - email: A@b.test", 3, "an email of their own"},
		{"a status", "users:\n  - {email: a@b.test, memberships: [{organization: A, status: gone}]}\norganizations: [{name: A}]", 2, "none of active"},
		{"a secret that is none", "users:\n  - {email: a@b.test, totp_secret: '0189'}", 2, "base32"},
		{"no address", "users:\n  - id: user_1\n    email: mary", 3, "an email address"},
		{"no email", "users:\n  - first_name: Mary", 2, "an email address"},
		{"a short password", "users:\n  - email: a@b.test\n    password: short", 3, "at least 8 characters"},
		{"two users of an id", "users:\n  - {email: a@b.test, id: user_1}\n  - {email: b@b.test, id: user_1}", 3, "the id user_1"},
		{"two users of an external id", "users:\n  - {email: a@b.test, external_id: x}\n  - {email: b@b.test, external_id: x}", 3, "external id"},
		{"an impersonator of no email", "users:\n  - email: a@b.test\n    impersonator: {reason: ticket}", 3, "an impersonator has"},
		{"a member of an unknown role", "users:\n  - email: a@b.test\n    memberships:\n      - organization: A\n        role: admn\norganizations: [{name: A}]", 5, `no role "admn"`},
		{"a member of another's role", "organizations:\n  - name: A\n    memberships:\n      - {user: a@b.test, role: x}\n  - name: B\nusers: [{email: a@b.test}]\nroles: [{slug: x, organization: B}]", 4, `no role "x"`},
		{"two organizations of a name", "organizations:\n  - name: A\n  - name: A", 3, "of its own"},
		{"no name", "organizations:\n  - id: org_1", 2, "has a name"},
		{"two organizations of an external id", "organizations:\n  - {name: A, external_id: x}\n  - {name: B, external_id: x}", 3, "external id"},
		{"two organizations of a domain", "organizations:\n  - {name: A, domains: [a.test]}\n  - name: B\n    domains:\n      - A.test", 5, "the domain A.test"},
		{"a field of a domain", "organizations:\n  - name: A\n    domains:\n      - {domain: a.test, stat: verified}", 4, "no field stat here"},
		{"a role twice", "roles:\n  - slug: a\n  - slug: a", 3, "one already"},
		{"a permission twice", "permissions:\n  - slug: a\n  - slug: a", 3, "one already"},
		{"an invitation twice", "invitations:\n  - email: a@b.test\n  - email: A@b.test", 3, "one already"},
		{"an invitation to no role", "invitations:\n  - email: a@b.test\n    role: x", 2, `no role "x"`},
		{"an invitation of nobody", "invitations:\n  - email: nobody", 2, "an email address"},
		{"two connections of a name", "connections:\n  - {organization: A, name: x}\n  - {organization: A, name: y}\n  - {organization: A, name: y}\norganizations: [{name: A}]", 4, "this name"},
		{"a failure of no route", "failures:\n  - {path: /no/such, status: 500}", 2, "no route /no/such"},
		{"a failure of another method", "failures:\n  - {method: PUT, path: /user_management/authenticate, status: 500}", 2, "no route PUT"},
		{"a failure that is none", "failures:\n  - {status: 200}", 2, "from 400 to 599"},
		{"a failure without a status", "failures:\n  - {path: /organizations}", 2, "a status or a delay_ms"},
		{"a failure of no request", "failures:\n  - status: 500\n    count: 0", 3, "how many requests"},
		{"a redirect URI", "redirect_uris:\n  - http://localhost:1/cb\n  - localhost:8000/callback", 3, "no http or https address"},
		{"a logout URI", "logout_uris: ['http://localhost/#x']", 1, "without a fragment"},
		{"no lifetime", "access_token_lifetime: 0s", 1, "above zero"},
		{"two documents", "users:\n  - email: a@b.test\n---\nusers: []", 3, "a second document"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := new(Emulator).Seed([]byte(test.text))
			var wrong *SeedError
			if !errors.As(err, &wrong) || wrong.Line != test.line || !strings.Contains(wrong.Text, test.says) {
				t.Errorf("got %v, want line %d about %q", err, test.line, test.says)
			}
		})
	}
}

// vendorExtras is what the vendor's two emulators document beside, and what both
// start with although nothing of it is found.
const vendorExtras = `
users:
  - email: alice@acme.com
    name: Alice Smith
    password: test123
    oauth_provider: GoogleOAuth
    oauth_idp_id: 108872335
    totp: true
organizations:
  - id: org_01ABC
    name: Acme Corp
    allow_profiles_outside_organization: true
    memberships:
      - email: Alice@acme.com
        role: owner
      - user_id: <user_id>
    groups:
      - {name: Engineers, description: null, members: [alice@acme.com]}
connections:
  - {name: Acme SSO, organization: Acme Corp, state: validating}
  - {name: Other SSO, organization: Other}
connectedAccounts:
  - {email: alice@acme.com, provider: github, scopes: [repo]}
connectApplications:
  - {name: Backend Service, type: m2m, organization: Acme Corp}
apiKeys:
  sk_test_other: {environment: test}
jwtTemplate:
  content: '{"x": "y"}'
invitations:
  - {email: bob@acme.com, inviter_user_id: user_01, role_slug: owner}
errorHooks:
  - {method: '*', path: /organizations, status: 503, count: 2}
  - {method: post, path: /user_management/users, status: 422, body: {message: no}}
  - {method: GET, path: '/connect/*', status: 500}
  - {method: GET, path: /connections, status: 500, rateLimit: {maxRequests: 1, windowMs: 1}}
  - {method: GET, path: /connections, status: 200}
brandNew: true
`

func TestVendorExtras(t *testing.T) {
	e := &Emulator{}
	notes, err := e.SeedVendor([]byte(vendorExtras))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(notes, "\n")
	for _, want := range []string{
		"line 5: the password of alice@acme.com would be refused", "oauth_provider", "totp: the secret of alice@acme.com is ",
		`there is no role "owner"`, `line 16: there is no user "<user_id>"`, "groups: this local AuthKit has no groups",
		"it is validating", `no organization "Other"`, "connectedAccounts: ", "connectApplications: ", "line 26: apiKeys: this local AuthKit has one key",
		"jwtTemplate: ", `no user "user_01"`, "no such bodies", "no route GET /connect/*", "no rates", "from 400 to 599", "line 38: there is no field brandNew here",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no note of %q in\n%s", want, all)
		}
	}
	b := newBench(t, e)
	for _, want := range []int{503, 503, 200} {
		if a := b.api("GET", "/organizations", ""); a.status != want {
			t.Errorf("an error hook that is counted: %d, want %d", a.status, want)
		}
	}
	for range 3 {
		if a := b.api("POST", "/user_management/users", `{"email": "new@acme.com"}`); a.status != 422 {
			t.Errorf("an error hook that is not: %d", a.status)
		}
	}
	if a := b.api("GET", "/user_management/users?organization_id=org_01ABC", ""); !strings.Contains(a.body, `"first_name":"Alice"`) {
		t.Errorf("a member by email: %s", a.body)
	}
	if _, err := new(Emulator).Seed([]byte(vendorExtras)); err == nil || !strings.Contains(err.Error(), "line 38: there is no field brandNew") {
		t.Errorf("in a file of our own: %v", err)
	}
	if _, err := new(Emulator).SeedVendor([]byte("users:\n  - email: [x]\n    new: 1")); err == nil || !strings.Contains(err.Error(), "line 2: cannot unmarshal") {
		t.Errorf("a wrong type in the vendor's file: %v", err)
	}
}

// An organisation's second connection is one of its own, and its first stays what it
// was; a seeded invitation has its mail, after a reset too; tokens of a lifetime
// below zero have expired when they are issued.
func TestSeedIsAllThere(t *testing.T) {
	e := &Emulator{}
	_, err := e.Seed([]byte(`
users: [{email: mary@shop.test, memberships: [{organization: Shop, role: owner}]}]
roles: [{slug: owner, organization: Shop}]
organizations: [{name: Shop}]
connections:
  - {organization: Shop, name: Okta}
  - {organization: Shop, name: Entra}
invitations: [{email: new@shop.test, organization: Shop, role: owner}]
access_token_lifetime: -1s
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		mail := e.Mail("new@shop.test")
		if len(mail) != 1 || !strings.HasPrefix(mail[0].Link, s.URL+"/invitation?invitation_token=") {
			t.Fatalf("mail: %+v", mail)
		}
		answer, err := http.Get(mail[0].Link)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("the invitation: %d", answer.StatusCode)
		}
		if f := e.reset(); f != nil {
			t.Fatal(f.text)
		}
	}
	if all := e.store.connections.all(); len(all) != 2 || all[0].ID != stableID("conn_", stableID("org_", "Shop")) || all[1].Name != "Entra" {
		t.Errorf("connections: %+v", all)
	}
	if got := e.tokenLifetime(); got != -time.Second {
		t.Errorf("lifetime %v", got)
	}
}

// The seed that docs/authkit.md shows is one, and does what it says there.
func TestSeedOfTheManual(t *testing.T) {
	doc, err := os.ReadFile("../../docs/authkit.md")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(doc)
	if text == nil {
		t.Fatal("docs/authkit.md has no seed")
	}
	e := &Emulator{}
	if notes, err := e.Seed(text[1]); err != nil || notes != nil {
		t.Fatalf("%v %q", err, notes)
	}
	b := newBench(t, e)
	password := url.Values{
		"grant_type": {"password"}, "client_id": {DefaultClientID}, "client_secret": {DefaultAPIKey},
		"email": {"mary@shop.test"}, "password": {"correct horse"},
	}
	for range 2 {
		if a := b.post(tokenPath, password); a.status != http.StatusServiceUnavailable {
			t.Errorf("the failures: %d", a.status)
		}
	}
	b.wantStepUp(b.post(tokenPath, password), "mfa_challenge", "authentication_factors")
	if got, want := e.now(), b.clock.Now().Add(-2*time.Hour); !got.Equal(want) {
		t.Errorf("the clock is at %v, not %v", got, want)
	}
	if got := strings.Join(e.registered(), " "); got != "http://localhost:8000/callback" {
		t.Errorf("redirect URIs: %s", got)
	}
}
