// Package emulator is a local AuthKit: the part of WorkOS that a login talks
// to, served on loopback by an http.Handler whose zero value is ready to use.
package emulator

import (
	"net/http"
	"sync"
	"time"
)

// What the emulator answers to when nothing else is set. None of these is a
// secret: they work only against an emulator on this machine.
const (
	DefaultClientID = "client_local_authkit_emulator"
	DefaultAPIKey   = "sk_test_local_authkit_emulator"
	DefaultEmail    = "ada@example.test"
	DefaultPassword = "local-password"
	// DefaultAddr is where the emulator listens when it is not told otherwise.
	DefaultAddr = "127.0.0.1:4100"
)

// Emulator is a local AuthKit. The zero value is ready to use. Fields are set
// before the first request and left alone afterwards; the methods may be called
// at any time, from any goroutine.
type Emulator struct {
	// ClientID is the one client this AuthKit knows. Empty: DefaultClientID.
	ClientID string
	// APIKey is that client's secret. Empty: DefaultAPIKey.
	APIKey string
	// RedirectURIs are where codes may be sent; compared byte for byte.
	RedirectURIs []string
	// LogoutURIs are where a logout may return to, compared byte for byte.
	// The origin of every registered redirect URI is allowed besides.
	LogoutURIs []string
	// KeyFile keeps the RSA signing key over restarts (PEM, mode 0600, made
	// when missing). Empty: a key in memory that dies with the emulator.
	KeyFile string
	// Users are who can sign in. Nil: one user, DefaultEmail with DefaultPassword.
	Users []User
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// AccessTokenLifetime is how long an access token is valid. Zero: five minutes.
	AccessTokenLifetime time.Duration
	// Log is called once for every request, after its answer; secrets are
	// masked. It may be called from several goroutines at once. Nil: no log.
	Log func(Request)

	once sync.Once
}

// User is someone who can sign in.
type User struct {
	// ID is the user's id ("user_..."). Empty: made from the email, so that it
	// is the same after a restart.
	ID            string
	Email         string
	Password      string
	FirstName     string
	LastName      string
	EmailVerified bool
}

// Request is one answered request, for a log line or a test.
type Request struct {
	// ID is what the answer carried as x-request-id.
	ID     string
	Time   time.Time
	Method string
	Path   string
	// Params holds the query and the body, decoded, secrets masked.
	Params map[string]string
	Status int
	// Outcome says in a few words what was decided.
	Outcome string
}

// RegisterRedirectURI adds a redirect URI, also while requests are served.
func (e *Emulator) RegisterRedirectURI(uri string) {}

// ServeHTTP answers as WorkOS would.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.NotFound(w, r)
}
