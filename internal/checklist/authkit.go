package main

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"

	"authfit/internal/emulator"
)

// An authkit is the emulator with a place to make it fail, and a record of the
// token requests that it was sent.
type authkit struct {
	mu       sync.Mutex
	emulator *emulator.Emulator
	key      *rsa.PrivateKey
	// refuse answers in the emulator's place where it returns true.
	refuse func(w http.ResponseWriter, r *http.Request) bool
	// alter changes a token response before the app gets it.
	alter     func(answer map[string]any)
	exchanges []exchange
}

// An exchange is a token request with what was answered.
type exchange struct {
	grant, verifier       string
	status                int
	access, refresh, user string
}

func newAuthkit(keyFile, callback, home string) (*authkit, error) {
	a := &authkit{emulator: &emulator.Emulator{KeyFile: keyFile, RedirectURIs: []string{callback}, LogoutURIs: []string{home}}}
	// The first request for the key set makes the file.
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "http://localhost/sso/jwks/"+emulator.DefaultClientID, nil)
	a.emulator.ServeHTTP(w, r)
	src, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(src)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	a.key, _ = parsed.(*rsa.PrivateKey)
	return a, nil
}

// mend takes back what a line did.
func (a *authkit) mend() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse, a.alter = nil, nil
}

// ServeHTTP answers as the emulator does, or as a line wants it.
func (a *authkit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	refuse, alter := a.refuse, a.alter
	a.mu.Unlock()
	if r.URL.Path != "/user_management/authenticate" {
		if refuse == nil || !refuse(w, r) {
			a.emulator.ServeHTTP(w, r)
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	e := exchange{grant: parameter(body, "grant_type"), verifier: parameter(body, "code_verifier")}
	defer func() {
		a.mu.Lock()
		a.exchanges = append(a.exchanges, e)
		a.mu.Unlock()
	}()
	if refuse != nil && refuse(w, r) {
		return
	}
	answered := httptest.NewRecorder()
	a.emulator.ServeHTTP(answered, r)
	e.status = answered.Code
	out := answered.Body.Bytes()
	var answer map[string]any
	if json.Unmarshal(out, &answer) == nil && answered.Code == http.StatusOK {
		e.access, _ = answer["access_token"].(string)
		e.refresh, _ = answer["refresh_token"].(string)
		user, _ := answer["user"].(map[string]any)
		e.user, _ = user["id"].(string)
		if alter != nil {
			alter(answer)
			out, _ = json.Marshal(answer)
		}
	}
	for name, values := range answered.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answered.Code)
	_, _ = w.Write(out)
}

// parameter is a field of a token request, which is JSON or a form.
func parameter(body []byte, name string) string {
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil {
		value, _ := fields[name].(string)
		return value
	}
	form, _ := url.ParseQuery(string(body))
	return form.Get(name)
}

// failWith answers token requests (or, with the path of the key set, those)
// with a status and a JSON body.
func (a *authkit) failWith(path string, status int, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, path) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// hangUp closes the connection without an answer.
func (a *authkit) hangUp(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, path) {
			return false
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		return true
	}
}

func (a *authkit) answering(alter func(answer map[string]any)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alter = alter
}

// seen are the token requests so far.
func (a *authkit) seen() []exchange {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]exchange(nil), a.exchanges...)
}

func (a *authkit) last() exchange {
	all := a.seen()
	if len(all) == 0 {
		fail("AuthKit was not asked for a token")
	}
	return all[len(all)-1]
}

// retoken makes a token anew from one: change edits its claims, and sign says
// how the result is signed.
func retoken(token string, change func(claims map[string]any), sign func(header map[string]any, text func() string) string) string {
	parts := strings.Split(token, ".")
	decode := func(part string) map[string]any {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		must(err)
		out := map[string]any{}
		must(json.Unmarshal(raw, &out))
		return out
	}
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		must(err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	header, claims := decode(parts[0]), decode(parts[1])
	if change != nil {
		change(claims)
	}
	text := func() string { return encode(header) + "." + encode(claims) }
	signature := sign(header, text)
	return text() + "." + signature
}

// byKey signs as AuthKit does, with any RSA key.
func byKey(key *rsa.PrivateKey) func(map[string]any, func() string) string {
	return func(_ map[string]any, text func() string) string {
		sum := sha256.Sum256([]byte(text()))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		must(err)
		return base64.RawURLEncoding.EncodeToString(signature)
	}
}

// unsigned is the algorithm "none".
func unsigned(header map[string]any, _ func() string) string {
	header["alg"] = "none"
	return ""
}

// byPublicKey is HS256 with the public key for a secret.
func byPublicKey(key *rsa.PrivateKey) func(map[string]any, func() string) string {
	return func(header map[string]any, text func() string) string {
		header["alg"] = "HS256"
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		must(err)
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		mac.Write([]byte(text()))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
}
