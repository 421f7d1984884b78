package emulator

import "slices"

// Check is one of the things that this emulator is strict about and can be told
// not to be.
type Check string

// The checks that can be turned off, by the names that --lenient takes.
const (
	// CheckClientSecret: a wrong client_secret or API key is refused, and a
	// missing one where no code verifier stands in for it.
	CheckClientSecret Check = "client-secret"
	// CheckRedirectURI: a redirect URI that is not registered is refused.
	CheckRedirectURI Check = "redirect-uri"
	// CheckReturnTo: a logout leads only to where it may.
	CheckReturnTo Check = "return-to"
	// CheckProvider: an authorization request without provider, connection_id or
	// organization_id is refused. Off: it is for authkit.
	CheckProvider Check = "provider"
	// CheckPKCE: a code challenge is S256, and says so. Off: plain is taken too.
	CheckPKCE Check = "pkce"
	// CheckEmailVerification: who signs in with a password has a verified email.
	CheckEmailVerification Check = "email-verification"
)

// Checks are all that can be turned off.
func Checks() []Check {
	return []Check{CheckClientSecret, CheckRedirectURI, CheckReturnTo, CheckProvider, CheckPKCE, CheckEmailVerification}
}

// lenient reports whether a check is turned off.
func (e *Emulator) lenient(c Check) bool { return slices.Contains(e.Lenient, c) }

// CheckNames are the names of all that can be turned off.
func CheckNames() []string {
	names := []string{}
	for _, c := range Checks() {
		names = append(names, string(c))
	}
	return names
}
