package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// verifyToken checks a token against a key set as a client would, and gives its
// claims.
func verifyToken(t *testing.T, token, keySet string) claims {
	t.Helper()
	b64 := func(s string) []byte {
		t.Helper()
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		return raw
	}
	var set struct{ Keys []jwk }
	if err := json.Unmarshal([]byte(keySet), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("key set %s: %v", keySet, err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	var header map[string]string
	if err := json.Unmarshal(b64(parts[0]), &header); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"alg": "RS256", "typ": "JWT", "kid": set.Keys[0].ID}, header); diff != "" {
		t.Fatal(diff)
	}
	public := &rsa.PublicKey{
		N: new(big.Int).SetBytes(b64(set.Keys[0].Modulus)),
		E: int(new(big.Int).SetBytes(b64(set.Keys[0].Exponent)).Int64()),
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], b64(parts[2])); err != nil {
		t.Fatal(err)
	}
	var out claims
	decoder := json.NewDecoder(strings.NewReader(string(b64(parts[1]))))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKeySet(t *testing.T) {
	b := newBench(t, &Emulator{})
	a := b.get("/sso/jwks/"+DefaultClientID, nil)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || len(set.Keys) != 1 || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	key := set.Keys[0]
	der, err := base64.StdEncoding.DecodeString(key["x5c"].([]any)[0].(string))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature); err != nil {
		t.Errorf("the certificate is not signed by its own key: %v", err)
	}
	public := certificate.PublicKey.(*rsa.PublicKey)
	thumbprint := sha256.Sum256(der)
	want := map[string]any{
		"alg": "RS256", "kty": "RSA", "use": "sig", "kid": key["kid"], "x5c": key["x5c"], "e": "AQAB",
		"n":        base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"x5t#S256": base64.RawURLEncoding.EncodeToString(thumbprint[:]),
	}
	if diff := cmp.Diff(want, key); diff != "" {
		t.Error(diff)
	}
	if len(key["kid"].(string)) != 43 || public.N.BitLen() < 2048 {
		t.Errorf("kid %v, %d bits", key["kid"], public.N.BitLen())
	}

	b.wantAPIError(b.get("/sso/jwks/client_other", nil), 404, "entity_not_found", DefaultClientID)
	for _, path := range []string{"/sso/jwks/", "/sso/jwks/" + DefaultClientID + "/"} {
		b.wantAPIError(b.get(path, nil), 404, "not_served_by_emulator", path)
	}
}

// The thumbprint of RFC 7638, section 3.1, whose key is too good to make up.
func TestKeyID(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	raw, err := base64.RawURLEncoding.DecodeString(n)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := keyID(&rsa.PublicKey{N: new(big.Int).SetBytes(raw), E: 65537}), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeySurvivesRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "key.pem")
	first := newBench(t, &Emulator{KeyFile: file})
	token := first.login().AccessToken
	keySet := first.get("/sso/jwks/"+DefaultClientID, nil).body

	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	second := newBench(t, &Emulator{KeyFile: file})
	if diff := cmp.Diff(keySet, second.get("/sso/jwks/"+DefaultClientID, nil).body); diff != "" {
		t.Errorf("the key set changed:\n%s", diff)
	}
	before, after := second.decode(token), second.decode(second.login().AccessToken)
	if before.Subject != after.Subject {
		t.Errorf("the user is %s after the restart and was %s", after.Subject, before.Subject)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the key file lies something else: %v %v", left, err)
	}
}

// Emulators that start at once on the same new file end up with one key.
func TestKeyFileRace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	ids := make([]string, 4)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			key, err := (&Emulator{KeyFile: file}).signer()
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = key.jwk.ID
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("different keys: %v", ids)
		}
	}
}

func TestKeyFileUnusable(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(weak)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, file, want string }{
		{"a weak key", write("weak", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))), "2048 bits"},
		{"text", write("text", "hello"), `has no PEM block "PRIVATE KEY"`},
		{"empty", write("empty", ""), `has no PEM block "PRIVATE KEY"`},
		{"garbage", write("garbage", "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n"), "cannot be read"},
		{"another kind of key", write("ed25519", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"), "no RSA key"},
		{"a folder", dir, "read the emulator's key file"},
		{"below a file", filepath.Join(write("file", "x"), "key.pem"), "the emulator's key file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &Emulator{KeyFile: test.file}
			if _, err := e.Start("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start: %v, want %q", err, test.want)
			}
			b := newBench(t, e)
			for _, a := range []answer{
				b.get("/sso/jwks/"+DefaultClientID, nil),
				b.post(tokenPath, codeExchange(b.code(goodAuthorization()))),
			} {
				b.wantAPIError(a, 500, "signing_key_unavailable", test.want)
			}
		})
	}
}
