package store

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/subject"
)

// What other tools leave beside an image, as people call it.
const (
	cosignSignature   = "cosign v2 signature, which is no statement about how the image was built"
	cosignAttestation = "cosign v2 attestation, which is not read: it carries no inclusion proof"
)

// otherEvidence looks for what other tools keep beside an image and what is
// never read as evidence, so that people who do have something are told why it
// does not count. It is asked only where there is no bundle at all.
func (r *repository) otherEvidence(ctx context.Context, d subject.Digest) ([]Passed, error) {
	var out []Passed
	for _, t := range []struct{ suffix, what string }{{".sig", cosignSignature}, {".att", cosignAttestation}} {
		tag := fallbackTag(d) + t.suffix
		_, found, err := r.manifest(ctx, tag)
		if err != nil && !isLimit(err) {
			return nil, err
		}
		if found {
			out = append(out, Passed{Source: r.source(), What: t.what, Count: 1})
		}
	}
	return out, nil
}
