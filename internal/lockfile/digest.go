package lockfile

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// sizes are the lengths of digests, in bytes. What is not here is no digest that holds anything.
var sizes = map[string]int{"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}

// strength is the order in which algorithms count; the weakest first.
var strength = []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}

// Strongest are the digests of the strongest algorithm among those of e: one of them has to match.
func (e Entry) Strongest() []Digest {
	var out []Digest
	best := -1
	for _, d := range e.Digests {
		n := slices.Index(strength, d.Alg)
		switch {
		case n > best:
			best, out = n, []Digest{d}
		case n == best && n >= 0:
			out = append(out, d)
		}
	}
	return out
}

// sri reads a text of Subresource Integrity (W3C, section 3.5): digests in base64, between spaces. "" has none.
func sri(text string) ([]Digest, error) {
	var out []Digest
	for _, one := range strings.Fields(text) {
		one, _, _ = strings.Cut(one, "?") // options, of which none has a meaning
		alg, sum, _ := strings.Cut(one, "-")
		b, err := base64.StdEncoding.Strict().DecodeString(sum)
		if err != nil || sizes[alg] == 0 || len(b) != sizes[alg] {
			return nil, malformed("integrity %q is no digest, want such as sha512-…", one)
		}
		out = append(out, Digest{alg, hex.EncodeToString(b)})
	}
	return out, nil
}

// colon reads "sha256:HEX".
func colon(text string) (Digest, error) {
	alg, sum, _ := strings.Cut(text, ":")
	d := Digest{alg, strings.ToLower(sum)}
	if !d.valid() {
		return Digest{}, malformed("hash %q is no digest, want such as sha256:…", text)
	}
	return d, nil
}

// valid reports whether d has as many digits as its algorithm makes.
func (d Digest) valid() bool {
	b, err := hex.DecodeString(d.Hex)
	return err == nil && sizes[d.Alg] > 0 && len(b) == sizes[d.Alg]
}

// kept are the questions in an address that say which part of a repository is meant.
var kept = []string{"branch", "rev", "tag", "subdirectory"}

// address is an address without what may be a secret: what is signed stays public.
func address(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		scheme, _, _ := strings.Cut(text, "://")
		return scheme + "://…"
	}
	if u.User != nil {
		if u.User = nil; strings.HasSuffix(u.Scheme, "ssh") {
			u.User = url.User("git")
		}
	}
	q := url.Values{}
	for k, v := range u.Query() {
		if slices.Contains(kept, k) {
			q[k] = v
		}
	}
	u.RawQuery = q.Encode()
	if strings.Contains(u.Fragment, "=") {
		u.Fragment, u.RawFragment = "", ""
	}
	return u.String()
}
