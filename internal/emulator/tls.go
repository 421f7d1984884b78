package emulator

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	certificateLifetime = 365 * 24 * time.Hour
	// certificateRenewal is how long before its end a certificate is made anew.
	certificateRenewal = 30 * 24 * time.Hour
)

// LocalCertificate gives a certificate for localhost, 127.0.0.1 and ::1 with its
// key. Both are kept in a file (PEM, mode 0600), and made when it is missing or
// ends within a month. Nobody has signed it but itself: who is to trust it is
// told of the certificate, which is kept beside in a file ending in .crt, whose
// name is given too.
func LocalCertificate(file string) (certificate tls.Certificate, public string, err error) {
	public = strings.TrimSuffix(file, filepath.Ext(file)) + ".crt"
	if certificate, ok := keptCertificate(file, public, time.Now()); ok {
		return certificate, public, nil
	}
	text, leaf, err := newCertificate(time.Now())
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("make the emulator's certificate: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return tls.Certificate{}, "", err
	}
	// The public half first: a kept key without it is made anew.
	if err := os.WriteFile(public, leaf, 0o644); err != nil {
		return tls.Certificate{}, "", err
	}
	if err := replaceFile(file, text); err != nil {
		return tls.Certificate{}, "", err
	}
	certificate, err = tls.X509KeyPair(text, text)
	return certificate, public, err
}

// keptCertificate reads a certificate that still has a month to go.
func keptCertificate(file, public string, now time.Time) (tls.Certificate, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return tls.Certificate{}, false
	}
	certificate, err := tls.X509KeyPair(text, text)
	if err != nil || now.Add(certificateRenewal).After(certificate.Leaf.NotAfter) {
		return tls.Certificate{}, false
	}
	leaf, err := os.ReadFile(public)
	return certificate, err == nil && bytes.Contains(text, leaf)
}

// newCertificate makes a key and its certificate, one behind the other, and the
// certificate alone.
func newCertificate(now time.Time) (both, leaf []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "authfit local AuthKit"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		// It stands in a list of authorities that are trusted, and for nobody else.
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	leaf = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), leaf...), leaf, nil
}

// replaceFile writes a private file, whole or not at all.
func replaceFile(name string, text []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(name), ".tls-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(text); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}
