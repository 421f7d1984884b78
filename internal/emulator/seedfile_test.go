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
		{"a check", "lenient: [everything]", 0, `no check "everything"`},
		{"mfa", "mfa: sometimes", 0, "optional or required"},
		{"two users of an email", "users:\n  - email: a@b.test\n  - email: A@b.test", 0, "an email of their own"},
		{"a status", "users:\n  - {email: a@b.test, memberships: [{organization: A, status: gone}]}\norganizations: [{name: A}]", 0, "none of active"},
		{"a secret that is none", "users:\n  - {email: a@b.test, totp_secret: '0189'}", 0, "base32"},
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
