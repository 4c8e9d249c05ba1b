package sigstore

import (
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"testing"

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
	return Verified{}, reject(fault.SubjectMismatch, "evidence is about %d other subjects", len(got.Subjects()))
}

func covers(d statement.Descriptor, a Artifact) bool {
	if a.Bytes == nil {
		return (Verified{hasStmt: true, statement: statement.Statement{Subject: []statement.Descriptor{d}}}).Covers(a.Digest)
	}
	sums, err := subject.SumAll(io.LimitReader(bytes.NewReader(a.Bytes), 1<<30))
	return err == nil && d.Fits(sums)
}

// No real bundle is taken for one whose log entry is another's, whatever kind
// the entry is of; a copy with another payload or signature is, without its
// signature being checked.
func TestPeek_log_entries_of_real_bundles_are_their_own(t *testing.T) {
	all := func(Glimpse) bool { return true }
	seen, entries := 0, 0
	for _, dir := range []string{"testdata", "../cli/testdata/published", "../gate/testdata", "../bundlefile/testdata"} {
		files := must(filepath.Glob(dir + "/*.json"))
		for _, f := range files {
			g, ok := Peek(must(os.ReadFile(f)), all)
			if !ok || g.payload == nil {
				continue
			}
			seen++
			if g.body != nil {
				entries++
			}
			payload := must(base64.StdEncoding.DecodeString(string(g.payload)))
			signed := func(payload []byte) []byte { return preAuth(g.payloadType, payload) }
			if g.foreignEntry(payload, signed(payload)) {
				t.Errorf("%s: its own log entry is taken for another's", f)
			}
			if g.body == nil {
				continue
			}
			if other := append(bytes.Clone(payload), ' '); !g.foreignEntry(other, signed(other)) {
				t.Errorf("%s: the entry of another payload is taken for its own", f)
			}
			g.signature = []byte(base64.StdEncoding.EncodeToString([]byte("another signature, of another length")))
			if !g.foreignEntry(payload, signed(payload)) {
				t.Errorf("%s: the entry of another signature is taken for its own", f)
			}
		}
	}
	if seen < 20 || entries < 15 {
		t.Errorf("%d bundles, %d with an entry, want more", seen, entries)
	}
}
