// Package subject holds what is judged: an artifact, by digest.
//
// It turns files, globs, checksum lists and OCI image layouts into subjects. It
// refuses to believe names: a name is a label for people, only the digest is
// identity. It never leaves the tree it was given, never follows a link out of
// it, and never returns a digest of a file that changed while it was read.
package subject

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Digest is a SHA-256 digest. It is a value: two subjects with the same Digest
// are the same artifact.
type Digest [sha256.Size]byte

// String returns the digest as "sha256:" and 64 lower-case hexadecimal digits.
func (d Digest) String() string { return "sha256:" + hex.EncodeToString(d[:]) }

// Hex returns the 64 lower-case hexadecimal digits alone.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what Digest.String writes and nothing else: upper case,
// other lengths and other algorithms are errors.
func ParseDigest(s string) (Digest, error) {
	h, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return Digest{}, fault.Errorf("digest %q does not start with %q", s, "sha256:")
	}
	return ParseHex(h)
}

// ParseHex reads 64 lower-case hexadecimal digits.
func ParseHex(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) {
		return Digest{}, fault.Errorf("SHA-256 digest %q has %d digits, want %d", s, len(s), 2*len(d))
	}
	if strings.ToLower(s) != s {
		return Digest{}, fault.Errorf("SHA-256 digest %q has upper-case digits", s)
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fault.Errorf("SHA-256 digest %q has a character that is no hexadecimal digit", s)
	}
	return d, nil
}

// MarshalText writes the form of String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form of String.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}

// A Subject is an artifact under judgement.
type Subject struct {
	Name   string `json:"name"`   // what a person called it; never identity
	Digest Digest `json:"digest"` // what it is
}
