package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"syscall"
	"testing"
)

// BenchmarkSign is one signature of crypto/rsa, and one access token: how long
// it takes, and its processor time, which other programs do not change. What a
// login costs besides is measured by internal/bench, which runs this too.
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
			before := processorTime()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := f(); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
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

// processorTime is what this process has used, in nanoseconds.
func processorTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it has no other error than a wrong first argument
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
