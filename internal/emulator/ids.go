package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// crockford is the alphabet of ULIDs, which WorkOS's ids are.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newID makes a ULID behind a prefix: 48 bits of time and 80 of chance in 26
// characters.
func newID(prefix string, now time.Time) string {
	var b [16]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	rand.Read(b[6:]) // never fails, says its documentation
	return prefix + ulid(b)
}

// stableID makes an id of the same form from a name, the same every time.
func stableID(prefix, name string) string {
	sum := sha256.Sum256([]byte(name))
	return prefix + ulid([16]byte(sum[:16]))
}

// ulid writes 128 bits as 26 characters of five bits, the first of three.
func ulid(b [16]byte) string {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var out [26]byte
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}

// secret makes a code, a token or another text that nobody can guess: 256 bits.
func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails, says its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}
