package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
)

// BenchmarkSign is one signature of crypto/rsa, and one access token. What a
// login may cost beside is measured by internal/bench, which runs this too.
func BenchmarkSign(b *testing.B) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		b.Fatal(err)
	}
	key, err := newSigningKey(private)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	c := claims{
		Issuer: "http://127.0.0.1:4100/user_management/" + DefaultClientID, Subject: "user_01HQZX0V5M7K8N9P2R3S4T5V6W",
		SessionID: "session_01HQZX0V5M7K8N9P2R3S4T5V6W", TokenID: "01HQZX0V5M7K8N9P2R3S4T5V6W",
		IssuedAt: 1_900_000_000, Expires: 1_900_000_300, AuthTime: 1_900_000_000, ClientID: DefaultClientID,
	}
	parallel := func(f func() error) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := f(); err != nil {
						b.Error(err)
					}
				}
			})
		}
	}
	b.Run("rsa", parallel(func() error {
		_, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
		return err
	}))
	b.Run("token", parallel(func() error {
		_, err := key.sign(c)
		return err
	}))
}
