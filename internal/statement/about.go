package statement

import (
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Digests returns the SHA-2 digests that d names its artifact by. Others, such
// as the digest of a git commit, are no file's, and are carried only. Parse has
// checked their form.
func (d Descriptor) Digests() []subject.Digest {
	var out []subject.Digest
	for _, a := range subject.Algorithms {
		if hex, ok := d.Digest[a.String()]; ok {
			if x, err := subject.ParseAnyDigest(a.String() + ":" + hex); err == nil {
				out = append(out, x)
			}
		}
	}
	return out
}

// Fits reports whether the artifact that d describes can be the one whose bytes
// have these digests: every SHA-2 digest of d has to be one of them.
func (d Descriptor) Fits(s subject.Sums) bool {
	own := d.Digests()
	for _, x := range own {
		if s[x.Algorithm()] != x {
			return false
		}
	}
	return len(own) > 0
}
