package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const keyBits = 2048

// claims are what an access token says, in the form WorkOS documents.
type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	SessionID string `json:"sid"`
	TokenID   string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	Expires   int64  `json:"exp"`
	AuthTime  int64  `json:"auth_time"`
	ClientID  string `json:"client_id"`

	// Of a session in an organisation.
	OrganizationID string   `json:"org_id,omitempty"`
	Role           string   `json:"role,omitempty"`
	Roles          []string `json:"roles,omitzero"`
	Permissions    []string `json:"permissions,omitzero"`
	Entitlements   []string `json:"entitlements,omitzero"`
	FeatureFlags   []string `json:"feature_flags,omitzero"`

	// Of an impersonator's session (RFC 8693, section 4.1).
	Actor *actor `json:"act,omitempty"`
}

// actor is who acts for the subject of a token.
type actor struct {
	Subject string `json:"sub"`
}

// signingKey is an RSA key with what the key set says of it. All of it follows
// from the key alone, so that it is the same after a restart.
type signingKey struct {
	private *rsa.PrivateKey
	jwk     jwk
	header  []byte // of its tokens, encoded, with the dot
}

// jwk is one key of the key set (RFC 7517). The WorkOS SDK requires every field.
type jwk struct {
	Algorithm string `json:"alg"`
	Type      string `json:"kty"`
	Use       string `json:"use"`
	// Chain holds DER in standard base64, padded; the rest is URL-safe.
	Chain      []string `json:"x5c"`
	Modulus    string   `json:"n"`
	Exponent   string   `json:"e"`
	ID         string   `json:"kid"`
	Thumbprint string   `json:"x5t#S256"`
}

// signer gives the signing key, made or read at the first call.
func (e *Emulator) signer() (*signingKey, error) {
	e.keyOnce.Do(func() {
		var private *rsa.PrivateKey
		if e.KeyFile == "" {
			private, e.keyErr = rsa.GenerateKey(rand.Reader, keyBits)
		} else {
			private, e.keyErr = keyFromFile(e.KeyFile)
		}
		if e.keyErr == nil {
			e.key, e.keyErr = newSigningKey(private)
		}
	})
	return e.key, e.keyErr
}

func newSigningKey(private *rsa.PrivateKey) (*signingKey, error) {
	modulus, exponent := jwkNumbers(&private.PublicKey)
	// Serial number and dates are fixed and RS256 signatures have no chance in
	// them, so the same key has the same certificate every time.
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "authfit local AuthKit"},
		NotBefore:             time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280's "no expiry"
		KeyUsage:              x509.KeyUsageDigitalSignature,
		SignatureAlgorithm:    x509.SHA256WithRSA,
		BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, fmt.Errorf("certificate for the signing key: %w", err)
	}
	thumbprint := sha256.Sum256(certificate)
	id := keyID(&private.PublicKey)
	header := fmt.Appendf(nil, `{"alg":"RS256","kid":%q,"typ":"JWT"}`, id)
	return &signingKey{private: private, jwk: jwk{
		Algorithm: "RS256", Type: "RSA", Use: "sig",
		Chain:      []string{base64.StdEncoding.EncodeToString(certificate)},
		Modulus:    modulus,
		Exponent:   exponent,
		ID:         id,
		Thumbprint: base64.RawURLEncoding.EncodeToString(thumbprint[:]),
	}, header: append(base64.RawURLEncoding.AppendEncode(nil, header), '.')}, nil
}

// jwkNumbers gives modulus and exponent as a key set has them (RFC 7518, section 6.3.1).
func jwkNumbers(key *rsa.PublicKey) (modulus, exponent string) {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64(key.N.Bytes()), b64(big.NewInt(int64(key.E)).Bytes())
}

// keyID is the key's thumbprint: a hash over its required members, in this
// order and without blanks (RFC 7638, section 3).
func keyID(key *rsa.PublicKey) string {
	modulus, exponent := jwkNumbers(key)
	sum := sha256.Sum256(fmt.Appendf(nil, `{"e":%q,"kty":"RSA","n":%q}`, exponent, modulus))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sign makes an access token: a JWT with RS256 (RFC 7515, appendix A.2). The
// same claims give the same token.
func (k *signingKey) sign(c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	token := make([]byte, 0, 2*len(payload)+len(k.header)+2*keyBits/8)
	token = base64.RawURLEncoding.AppendEncode(append(token, k.header...), payload)
	digest := sha256.Sum256(token)
	signature, err := rsa.SignPKCS1v15(nil, k.private, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return string(base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)), nil
}

// jwks serves GET /sso/jwks/{client_id}.
func (e *Emulator) jwks(c *call) {
	if strings.TrimPrefix(c.r.URL.Path, "/sso/jwks/") != e.ClientID {
		c.fail(apiFailure(http.StatusNotFound, "entity_not_found",
			"no such client here; this emulator's client id is "+e.ClientID))
		return
	}
	key, err := e.signer()
	if err != nil {
		c.fail(keyFailure(err))
		return
	}
	c.json(http.StatusOK, "key set", map[string][]jwk{"keys": {key.jwk}})
}

// keyFailure is the answer when there is no key to sign with.
func keyFailure(err error) *failure {
	return apiFailure(http.StatusInternalServerError, "signing_key_unavailable", err.Error())
}

// keyFromFile reads the key, or makes one where there is none.
func keyFromFile(name string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKeyFile(name); err != nil {
			return nil, fmt.Errorf("make the emulator's key file: %w", err)
		}
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the emulator's key file: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("the emulator's key file %s %w; move it away and a new key is made", name, err)
	}
	return key, nil
}

func parseKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New(`has no PEM block "PRIVATE KEY"`)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < keyBits {
		return nil, errors.New("has no RSA key of 2048 bits or more")
	}
	return key, nil
}

// makeKeyFile writes a new key, whole or not at all. Of two emulators that do so
// at once, one writes the key and both use it.
func makeKeyFile(name string) error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	err = pem.Encode(temp, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	// A link, unlike a rename, does not replace what another has just written.
	err = os.Link(temp.Name(), name)
	switch {
	case err == nil, errors.Is(err, fs.ErrExist):
		return nil
	default: // a file system without hard links
		return os.Rename(temp.Name(), name)
	}
}
