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

// The log entry of no real bundle is taken for another's, or for one without a
// proof, whatever kind the entry is of. A copy with another payload, signature or
// proof is told from it without a key.
func TestD04_log_entries_of_real_bundles_are_their_own(t *testing.T) {
	all := func(Glimpse) bool { return true }
	seen := map[LogClaim]int{}
	for _, dir := range []string{"testdata", "../cli/testdata/published", "../gate/testdata", "../bundlefile/testdata"} {
		files := must(filepath.Glob(dir + "/*.json"))
		for _, f := range files {
			g, ok := Peek(must(os.ReadFile(f)), all)
			if !ok || g.payload == nil || g.body == nil {
				continue
			}
			want := LogFits
			if g.proof.root == nil {
				want = LogUnseen
			}
			seen[want]++
			if got := g.Log(); got != want {
				t.Errorf("%s: its own log entry is %d, want %d", f, got, want)
			}
			payload := must(base64.StdEncoding.DecodeString(string(g.payload)))
			changed := map[string]func(*Glimpse){
				"another payload": func(g *Glimpse) {
					g.payload = []byte(base64.StdEncoding.EncodeToString(append(bytes.Clone(payload), ' ')))
				},
				"another signature": func(g *Glimpse) {
					g.signature = []byte(base64.StdEncoding.EncodeToString([]byte("another signature, of another length")))
				},
			}
			for what, change := range changed {
				other := g
				if change(&other); other.Log() != LogForeign {
					t.Errorf("%s: its log entry counts for %s", f, what)
				}
			}
			if want != LogFits {
				continue
			}
			spoilt := map[string]func(*Glimpse){
				"the index": func(g *Glimpse) { g.proof.index = []byte("0") },
				"the size":  func(g *Glimpse) { g.proof.size = append(bytes.Clone(g.proof.size), '0') },
				"a hash": func(g *Glimpse) {
					g.proof.hashes = append(g.proof.hashes[1:len(g.proof.hashes):len(g.proof.hashes)], g.proof.root)
				},
				"the root": func(g *Glimpse) { g.proof.root = g.proof.hashes[0] },
				"the checkpoint": func(g *Glimpse) {
					g.proof.checkpoint = bytes.Replace(g.proof.checkpoint, g.proof.root, g.proof.hashes[0], 1)
				},
			}
			for what, spoil := range spoilt {
				other := g
				if spoil(&other); other.Log() != LogMisfit {
					t.Errorf("%s: its proof fits with another %s", f, what)
				}
			}
		}
	}
	if seen[LogFits] < 15 || seen[LogUnseen] < 3 {
		t.Errorf("%v bundles, want more", seen)
	}
}
