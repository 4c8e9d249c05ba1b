// Package subject holds what is judged: an artifact, by digest.
//
// It turns files, globs, checksum lists and OCI image layouts into subjects. It
// refuses to believe names: a name is a label for people, only the digest is
// identity. It never leaves the tree it was given, never follows a link out of
// it, and never returns a digest of a file that changed while it was read.
package subject

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Digest is the identity of an artifact: an algorithm and the digest of the
// artifact's bytes. It is a value: two subjects with the same Digest are the
// same artifact. Every digest that this program takes itself is SHA-256; the
// longer ones come from people and registries that know an artifact by no other.
type Digest struct {
	alg Algorithm
	sum [64]byte // digits beyond the algorithm's length are zero
}

// An Algorithm is a hash function of the SHA-2 family (FIPS 180-4), which are
// the ones that evidence may name an artifact by.
type Algorithm uint8

// The algorithms. The zero is SHA-256.
const (
	AlgSHA256 Algorithm = iota
	AlgSHA384
	AlgSHA512
)

// Algorithms are all of them, shortest first.
var Algorithms = []Algorithm{AlgSHA256, AlgSHA384, AlgSHA512}

// String returns the name of the algorithm in a digest set
// (in-toto Attestation Framework, DigestSet): "sha256".
func (a Algorithm) String() string { return [...]string{"sha256", "sha384", "sha512"}[a] }

// Size returns the number of bytes of a digest.
func (a Algorithm) Size() int { return [...]int{32, 48, 64}[a] }

// SHA256 returns the digest whose bytes are sum.
func SHA256(sum [32]byte) Digest {
	var d Digest
	copy(d.sum[:], sum[:])
	return d
}

// Sum returns the SHA-256 digest of b.
func Sum(b []byte) Digest { return SHA256(sha256.Sum256(b)) }

// Algorithm returns which hash function d is of.
func (d Digest) Algorithm() Algorithm { return d.alg }

// Bytes returns the digest's bytes.
func (d Digest) Bytes() []byte { return bytes.Clone(d.sum[:d.alg.Size()]) }

// String returns the algorithm, a colon and the lower-case hexadecimal digits:
// "sha256:9096…".
func (d Digest) String() string { return d.alg.String() + ":" + d.Hex() }

// Hex returns the lower-case hexadecimal digits alone.
func (d Digest) Hex() string { return hex.EncodeToString(d.sum[:d.alg.Size()]) }

// Compare orders digests by algorithm and bytes.
func (d Digest) Compare(other Digest) int {
	return cmp.Or(cmp.Compare(d.alg, other.alg), bytes.Compare(d.sum[:], other.sum[:]))
}

// ParseDigest reads a SHA-256 digest as Digest.String writes it and nothing
// else: upper case, other lengths and other algorithms are errors.
func ParseDigest(s string) (Digest, error) {
	h, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return Digest{}, fault.Errorf("digest %q does not start with %q", s, "sha256:")
	}
	return ParseHex(h)
}

// ParseAnyDigest reads a digest of any of the Algorithms as Digest.String writes
// it.
func ParseAnyDigest(s string) (Digest, error) {
	name, digits, _ := strings.Cut(s, ":")
	for _, a := range Algorithms {
		if name == a.String() {
			return parseHex(a, digits)
		}
	}
	return Digest{}, fault.Errorf("digest %q does not start with sha256:, sha384: or sha512:", s)
}

// ParseHex reads the 64 lower-case hexadecimal digits of a SHA-256 digest.
func ParseHex(s string) (Digest, error) { return parseHex(AlgSHA256, s) }

func parseHex(a Algorithm, s string) (Digest, error) {
	d := Digest{alg: a}
	if len(s) != 2*a.Size() {
		return Digest{}, fault.Errorf("%s digest %q has %d digits, want %d", a.title(), s, len(s), 2*a.Size())
	}
	if strings.ToLower(s) != s {
		return Digest{}, fault.Errorf("%s digest %q has upper-case digits", a.title(), s)
	}
	if _, err := hex.Decode(d.sum[:], []byte(s)); err != nil {
		return Digest{}, fault.Errorf("%s digest %q has a character that is no hexadecimal digit", a.title(), s)
	}
	return d, nil
}

// title is how people write the name.
func (a Algorithm) title() string { return [...]string{"SHA-256", "SHA-384", "SHA-512"}[a] }

// MarshalText writes the form of String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the form of String.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseAnyDigest(string(b))
	return err
}

// A Subject is an artifact under judgement.
type Subject struct {
	Name   string `json:"name"`            // what a person called it; never identity
	Digest Digest `json:"digest"`          // what it is
	Given  bool   `json:"given,omitempty"` // the call gave the name beside the path: NAME=PATH
}

// Sums are the digests of the same bytes under every one of the Algorithms, in
// their order.
type Sums [3]Digest

// SumAll reads r to its end and returns the digests of what it read.
func SumAll(r io.Reader) (Sums, error) {
	h256, h384, h512 := sha256.New(), sha512.New384(), sha512.New()
	if _, err := io.Copy(io.MultiWriter(h256, h384, h512), r); err != nil {
		return Sums{}, err
	}
	out := Sums{SHA256([32]byte(h256.Sum(nil))), {alg: AlgSHA384}, {alg: AlgSHA512}}
	copy(out[1].sum[:], h384.Sum(nil))
	copy(out[2].sum[:], h512.Sum(nil))
	return out, nil
}
