// Package authkittest gives a Go test a local AuthKit: the same that
// `authfit emulate` runs, in the test's own process and ended with the test.
//
//	func TestLogin(t *testing.T) {
//		kit := authkittest.New(t, authkittest.Config{RedirectURIs: []string{app.URL + "/callback"}})
//		app.Start(kit.Env())
//		...
//	}
//
// It is strict: a redirect URI that is not registered, a wrong secret or a code
// that is used twice is refused as WorkOS would, or more clearly.
package authkittest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"authfit/internal/emulator"
)

// The objects that an AuthKit begins with, and what it says of itself.
type (
	User         = emulator.User
	Organization = emulator.Organization
	Membership   = emulator.Membership
	Domain       = emulator.Domain
	Role         = emulator.Role
	Permission   = emulator.Permission
	Connection   = emulator.Connection
	Invitation   = emulator.Invitation
	Impersonator = emulator.Impersonator
	Check        = emulator.Check
	Failure      = emulator.Failure
	Message      = emulator.Message
	Request      = emulator.Request
)

// The user that is there where Config names none; the password is Password.
const (
	Email    = emulator.DefaultEmail
	Password = emulator.DefaultPassword
	// Member is a user of two organizations, with the same password.
	Member = emulator.LocalMember
)

// Config is what an AuthKit begins with. The zero value has two users and two
// organizations, and no redirect URI.
type Config struct {
	// Seed is a file of seeds (YAML), as `authfit emulate --seed` reads it. The
	// fields below go beside it.
	Seed string

	RedirectURIs  []string
	LogoutURIs    []string
	Users         []User
	Organizations []Organization
	Roles         []Role
	Permissions   []Permission
	Connections   []Connection
	Invitations   []Invitation
	RequireMFA    bool
	// Lenient are the checks that are not made.
	Lenient []Check
	// AccessTokenLifetime is how long an access token is valid. Zero: five minutes.
	AccessTokenLifetime time.Duration
	// TLS serves https. Client trusts the certificate.
	TLS bool
}

// Server is a running AuthKit.
type Server struct {
	// URL is its base URL (WORKOS_BASE_URL).
	URL string
	// ClientID and APIKey are what it knows the app by.
	ClientID, APIKey string
	// Client follows no redirect, and trusts the server's certificate.
	Client *http.Client
	// Certificate is the file of it, with Config.TLS.
	Certificate string

	t        testing.TB
	emulator *emulator.Emulator
}

// New starts an AuthKit on a free port of 127.0.0.1. It is closed, and nothing of
// it is left, when the test ends. What is wrong with the configuration ends the
// test at once.
func New(t testing.TB, config ...Config) *Server {
	t.Helper()
	var c Config
	if len(config) > 0 {
		c = config[0]
	}
	e := &emulator.Emulator{KeyFile: signingKey()}
	if _, err := e.Seed([]byte(c.Seed)); err != nil {
		t.Fatalf("authkittest: the seed: %v", err)
	}
	e.RedirectURIs = append(e.RedirectURIs, c.RedirectURIs...)
	e.LogoutURIs = append(e.LogoutURIs, c.LogoutURIs...)
	e.Users = append(e.Users, c.Users...)
	e.Organizations = append(e.Organizations, c.Organizations...)
	e.Roles = append(e.Roles, c.Roles...)
	e.Permissions = append(e.Permissions, c.Permissions...)
	e.Connections = append(e.Connections, c.Connections...)
	e.Invitations = append(e.Invitations, c.Invitations...)
	e.Lenient = append(e.Lenient, c.Lenient...)
	e.RequireMFA = e.RequireMFA || c.RequireMFA
	if c.AccessTokenLifetime != 0 {
		e.AccessTokenLifetime = c.AccessTokenLifetime
	}
	s := &Server{t: t, emulator: e}
	transport := &http.Transport{}
	server, err := s.start(c.TLS, transport)
	if err != nil {
		t.Fatalf("authkittest: %v", err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Errorf("authkittest: %v", err)
		}
	})
	s.URL, s.ClientID, s.APIKey = server.URL, e.ClientID, e.APIKey
	s.Client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

func (s *Server) start(secure bool, transport *http.Transport) (*emulator.Server, error) {
	if !secure {
		return s.emulator.Start("127.0.0.1:0")
	}
	certificate, file, err := emulator.LocalCertificate(filepath.Join(s.t.TempDir(), "authkit.pem"))
	if err != nil {
		return nil, err
	}
	s.Certificate = file
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return s.emulator.StartTLS("127.0.0.1:0", certificate)
}

// signingKey is one for all tests of this user, since making one takes a while.
// Where there is no cache folder, each AuthKit makes its own.
func signingKey() string {
	cache, err := os.UserCacheDir()
	if err != nil || os.MkdirAll(filepath.Join(cache, "authfit"), 0o700) != nil {
		return ""
	}
	return filepath.Join(cache, "authfit", "emulator.pem")
}

// Env is what an app has to have in its environment to sign in here, as
// NAME=value. The redirect URI is the app's own to set.
func (s *Server) Env() []string {
	env := []string{"WORKOS_BASE_URL=" + s.URL, "WORKOS_CLIENT_ID=" + s.ClientID, "WORKOS_API_KEY=" + s.APIKey}
	if s.Certificate != "" {
		env = append(env, "SSL_CERT_FILE="+s.Certificate)
	}
	return env
}

// RegisterRedirectURI lets codes be sent to an address.
func (s *Server) RegisterRedirectURI(uri string) { s.emulator.RegisterRedirectURI(uri) }

// Mail gives what would have been sent to an email by now, oldest first; with an
// empty one, all of it.
func (s *Server) Mail(to string) []Message { return s.emulator.Mail(to) }

// Requests are the newest 500 that were answered, oldest first, without secrets.
func (s *Server) Requests() []Request { return s.emulator.Requests() }

// MoveClock puts the AuthKit's clock ahead by so much more, or back. The app's
// clock stays: to have it see an expired token use SetAccessTokenLifetime.
func (s *Server) MoveClock(by time.Duration) { s.emulator.MoveClock(by) }

// SetAccessTokenLifetime changes how long the next access tokens are valid. Below
// zero they have expired already; zero is what it was at first.
func (s *Server) SetAccessTokenLifetime(lifetime time.Duration) {
	s.emulator.SetAccessTokenLifetime(lifetime)
}

// Fail has the next requests of a route fail, or take longer. With Count zero it
// is one request. A failure that no request can get ends the test.
func (s *Server) Fail(f Failure) {
	s.t.Helper()
	if err := s.emulator.Fail(f); err != nil {
		s.t.Fatalf("authkittest: %v", err)
	}
}

// Tokens are what signing in gives.
type Tokens struct {
	AccessToken    string `json:"access_token"`
	RefreshToken   string `json:"refresh_token"`
	OrganizationID string `json:"organization_id"`
	User           struct {
		ID    string `json:"id"`
		Email string `json:"email"`
	} `json:"user"`
}

// SignIn signs a user in with a password and without a page. A user who needs
// more than that (a verified email, a second factor, a choice of organizations)
// ends the test.
func (s *Server) SignIn(email, password string) Tokens {
	s.t.Helper()
	return s.tokens(url.Values{"grant_type": {"password"}, "email": {email}, "password": {password}})
}

// Exchange exchanges an authorization code. The verifier is empty where the
// authorization request had no challenge.
func (s *Server) Exchange(code, verifier string) Tokens {
	s.t.Helper()
	grant := url.Values{"grant_type": {"authorization_code"}, "code": {code}}
	if verifier != "" {
		grant.Set("code_verifier", verifier)
	}
	return s.tokens(grant)
}

func (s *Server) tokens(grant url.Values) Tokens {
	s.t.Helper()
	grant.Set("client_id", s.ClientID)
	grant.Set("client_secret", s.APIKey)
	answer, err := s.Client.PostForm(s.URL+"/user_management/authenticate", grant)
	if err != nil {
		s.t.Fatalf("authkittest: %v", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	var out Tokens
	if err != nil || answer.StatusCode != http.StatusOK || json.Unmarshal(text, &out) != nil {
		s.t.Fatalf("authkittest: no tokens, but %d: %s", answer.StatusCode, strings.TrimSpace(string(text)))
	}
	return out
}
