package emulator

import (
	"strings"
	"time"
)

// The objects that the store keeps. Their exported fields are what a state file
// holds of them, as JSON.

// user is somebody with an account.
type user struct {
	ID                string
	Email             string
	Password          *password // nil: signs in otherwise
	FirstName         string
	LastName          string
	EmailVerified     bool
	ProfilePictureURL string
	ExternalID        string
	Locale            string
	Metadata          map[string]string
	// Impersonator is who really signs in as this user; only seeds have one.
	Impersonator *Impersonator
	Identities   []identity
	// NewEmail is what the email is to be changed to, once it is verified.
	NewEmail     string
	LastSignInAt time.Time // zero: never
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

func (u *user) keys() []string {
	keys := []string{emailKey(u.Email)}
	if u.ExternalID != "" {
		keys = append(keys, "external:"+u.ExternalID)
	}
	return keys
}

// emailKey is how an account is found by an email, whatever its case.
func emailKey(email string) string { return "email:" + strings.ToLower(strings.TrimSpace(email)) }

// Ids and tokens are keys themselves: no two kinds of them are alike, and a text
// that is there already takes no room.
func userKey(id string) string         { return id }
func organizationKey(id string) string { return id }

// retirement keeps the id of a user who was deleted from the next with their email.
type retirement struct{}

// identity is an account elsewhere that a user signed in with.
type identity struct {
	Provider string // "GoogleOAuth"
	ID       string // at the provider
}

// organization is a customer of the app.
type organization struct {
	ID         string
	Name       string
	ExternalID string
	// StripeCustomerID is the organisation's at the payment provider.
	StripeCustomerID string
	Metadata         map[string]string
	Domains          []domain
	Entitlements     []string
	FeatureFlags     []string
	// AllowProfilesOutside says that users of other domains can be members.
	AllowProfilesOutside bool
	CreatedAt            time.Time
	UpdatedAt            time.Time
}

func (o *organization) keys() []string {
	keys := []string{}
	if o.ExternalID != "" {
		keys = append(keys, "external:"+o.ExternalID)
	}
	for _, d := range o.Domains {
		keys = append(keys, "domain:"+d.Domain, "domain_id:"+d.ID)
	}
	return keys
}

// domain is a part of the email addresses of an organisation's people.
type domain struct {
	ID        string
	Domain    string
	Verified  bool
	Token     string // for the DNS record that would verify it
	CreatedAt time.Time
	UpdatedAt time.Time
}

// membership is a user's place in an organisation.
type membership struct {
	ID             string
	UserID         string
	OrganizationID string
	Status         string // active, inactive or pending
	Role           string // slug
	Roles          []string
	// Permissions are the member's own, beside those of the roles.
	Permissions []string
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

func (m *membership) keys() []string {
	return []string{userKey(m.UserID), organizationKey(m.OrganizationID)}
}

// role is what members can be, everywhere or in one organisation.
type role struct {
	ID             string
	Slug           string
	Name           string
	Description    string
	OrganizationID string // empty: of the environment
	Permissions    []string
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

func (r *role) keys() []string { return []string{roleKey(r.OrganizationID, r.Slug)} }

func roleKey(organizationID, slug string) string { return organizationID + "/" + slug }

// permission is what a role can allow.
type permission struct {
	ID          string
	Slug        string
	Name        string
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

func (p *permission) keys() []string { return []string{"slug:" + p.Slug} }

// connection is an organisation's identity provider.
type connection struct {
	ID             string
	OrganizationID string
	Name           string
	Type           string // "OktaSAML"
	Domains        []string
	// Required says that people with an email of these domains sign in by it alone.
	Required  bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

func (c *connection) keys() []string {
	keys := []string{organizationKey(c.OrganizationID)}
	for _, d := range c.Domains {
		keys = append(keys, "domain:"+strings.ToLower(d))
	}
	return keys
}

// redirectURI is where codes may be sent.
type redirectURI struct {
	ID  string
	URI string
	// Given says that it was given at the start, and not registered since.
	Given     bool
	CreatedAt time.Time
}

func (r *redirectURI) keys() []string { return []string{"uri:" + r.URI} }

// corsOrigin is where scripts may come from. It is kept for the app, and
// changes nothing here.
type corsOrigin struct {
	ID        string
	Origin    string
	CreatedAt time.Time
}

func (o *corsOrigin) keys() []string { return []string{"origin:" + o.Origin} }

// session is a signed-in user. It has one refresh token at a time.
type session struct {
	ID       string
	ClientID string
	signedIn
	// Public: begun without a client secret, so refreshed without one too.
	Public    bool
	CreatedAt time.Time
	UpdatedAt time.Time // when RefreshToken was issued

	RefreshToken  string
	PreviousToken string // already exchanged for RefreshToken
	// Of the access token that was issued beside RefreshToken; its other claims
	// follow from the rest.
	TokenIssuedAt  int64
	TokenExpiresAt int64
}

// expires says when the session ends, however often it is refreshed.
func (s *session) expires() time.Time {
	if s.Method == methodImpersonation {
		return s.CreatedAt.Add(impersonationLifetime)
	}
	return s.CreatedAt.Add(sessionLifetime)
}

func (s *session) keys() []string {
	keys := []string{userKey(s.UserID), refreshKey(s.RefreshToken)}
	if s.PreviousToken != "" {
		keys = append(keys, refreshKey(s.PreviousToken))
	}
	return keys
}

func refreshKey(token string) string { return token }

// signedIn is a user who has shown who they are, and how far they have come.
type signedIn struct {
	UserID         string
	OrganizationID string // empty: in none
	AuthTime       time.Time
	// Method is WorkOS's name for how: Password, MagicAuth, GoogleOAuth, SSO ...
	Method string
	// SecondFactor says that a code of an authentication factor was shown too.
	SecondFactor bool
	// InvitationID is the invitation that they come by. It is accepted when nothing
	// is missing any more.
	InvitationID string
	IPAddress    string
	UserAgent    string
}

// grant is an issued authorization code.
type grant struct {
	ClientID    string
	RedirectURI string
	Challenge   string
	SignedIn    signedIn
	Expires     time.Time
	Used        bool
	SessionID   string // what the code was exchanged for
	ProfileID   string // what it is for, in the place of SignedIn
}

// step is a sign-in without a page that needs another grant to be complete. It
// is kept by its pending authentication token.
type step struct {
	ClientID string
	Needs    need // what it was refused for, and can go on with
	SignedIn signedIn
	Expires  time.Time
}

// oneTimeCode is a code that was sent to an email address.
type oneTimeCode struct {
	ID        string
	Purpose   string // magic_auth, email_verification or email_change
	UserID    string // empty: whoever gets it has no account yet
	Email     string
	Code      string
	Attempts  int // wrong ones
	Used      bool
	Expires   time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

func (c *oneTimeCode) keys() []string { return []string{codeKey(c.Purpose, c.Email)} }

func codeKey(purpose, email string) string { return purpose + ":" + emailKey(email) }

// passwordReset is a link that was sent to whoever forgot a password.
type passwordReset struct {
	ID        string
	UserID    string
	Email     string
	Token     string
	Used      bool
	Expires   time.Time
	CreatedAt time.Time
}

func (p *passwordReset) keys() []string { return []string{"token:" + p.Token, userKey(p.UserID)} }

// invitation asks somebody to sign up, or to join an organisation.
type invitation struct {
	ID             string
	Email          string
	State          string // pending, accepted or revoked; expired by its time
	OrganizationID string
	InviterUserID  string
	AcceptedUserID string
	Role           string
	Token          string
	AcceptedAt     time.Time
	RevokedAt      time.Time
	Expires        time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

func (i *invitation) keys() []string {
	return []string{"token:" + i.Token, emailKey(i.Email), organizationKey(i.OrganizationID)}
}

// factor is something that makes one-time codes (RFC 6238).
type factor struct {
	ID     string
	UserID string // empty: the app keeps who it belongs to
	Issuer string
	User   string
	Secret string // base32
	// OnPage says that a page here has made it, which may be left.
	OnPage bool
	// Confirmed says that a code of it was shown once.
	Confirmed bool
	// LastStep is the time step of the last code that was taken; none is taken twice.
	LastStep  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

func (f *factor) keys() []string { return []string{userKey(f.UserID)} }

// challenge is a question for a code of a factor.
type challenge struct {
	ID        string
	FactorID  string
	Attempts  int
	Used      bool
	Expires   time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// device is a sign-in that was begun where there is no browser (RFC 8628). It
// is kept by its device code.
type device struct {
	Code       string
	UserCode   string
	ClientID   string
	Denied     bool
	SignedIn   *signedIn // nil: nobody has yet
	Interval   time.Duration
	LastAsked  time.Time
	RedeemedAt time.Time
	Expires    time.Time
}

func (d *device) keys() []string { return []string{"user_code:" + d.UserCode} }

// Message is a mail that WorkOS would have sent.
type Message struct {
	ID        string    `json:"id"`
	To        string    `json:"to"`
	Kind      string    `json:"kind"` // magic_auth, email_verification, email_change, password_reset or invitation
	Subject   string    `json:"subject"`
	Body      string    `json:"body"`
	Code      string    `json:"code,omitempty"`
	Link      string    `json:"link,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

func (m *Message) keys() []string { return []string{emailKey(m.To)} }
