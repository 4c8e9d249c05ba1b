package sigstore

import (
	"bytes"
	"io"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// An Artifact is what a bundle may be about: a digest, and the bytes if they are
// at hand.
type Artifact struct {
	Digest subject.Digest
	Bytes  []byte
}

// asFile is an artifact whose bytes are at hand.
func asFile(b []byte) Artifact { return Artifact{subject.Sum(b), b} }

// verifyFor verifies b as a gate does: it proves b, and wants it to cover one of
// the artifacts with every digest that can be compared.
func (v *Verifier) verifyFor(b Bundle, artifacts ...Artifact) (Verified, error) {
	got, err := v.Verify(b)
	if err != nil {
		return Verified{}, err
	}
	for _, a := range artifacts {
		for _, d := range got.Subjects() {
			if covers(d, a) {
				return got, nil
			}
		}
	}
	return Verified{}, reject(fault.SubjectMismatch, "evidence is about %v", got.Subjects())
}

func covers(d statement.Descriptor, a Artifact) bool {
	if a.Bytes == nil {
		return (Verified{hasStmt: true, statement: statement.Statement{Subject: []statement.Descriptor{d}}}).Covers(a.Digest)
	}
	sums, err := subject.SumAll(io.LimitReader(bytes.NewReader(a.Bytes), 1<<30))
	return err == nil && d.Fits(sums)
}
