package gate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Limits of what is done to explain a refusal. They change no outcome.
const (
	maxExplained = 20 // reasons that are kept about one subject
	maxTold      = 3  // bundles of strangers that are verified, to say who they are
	maxNamed     = 5  // bundles about other bytes that are verified because of a name
)

// refuse keeps why a signature is no evidence about the subjects that it claims.
func (w *work) refuse(s *signature, claimed map[int]*policy.Via) {
	more := map[string]int{}
	for i, p := range s.pieces {
		if i >= maxExplained {
			for _, x := range p.proofs {
				more[x.trust]++
			}
			continue
		}
		for _, x := range p.proofs {
			for k := range w.subjects {
				via, ok := claimed[k]
				if (ok || len(claimed) == 0) && w.explains(k, x.trust) {
					w.reject(k, x.err, p.Source, via)
				}
			}
		}
	}
	for trust, n := range more {
		for k := range w.subjects {
			if _, ok := claimed[k]; (ok || len(claimed) == 0) && w.explains(k, trust) {
				w.out[k].More += n
			}
		}
	}
}

// explains reports whether what a trusted root said helps to understand why
// there is no evidence about subject k.
func (w *work) explains(k int, trust string) bool {
	if w.Own == nil {
		return true
	}
	own := w.Own(w.subjects[k])
	return len(own) == 0 || slices.Contains(own, trust)
}

// reject keeps why a bundle is no evidence about subject k, itself or by way of
// an attestation manifest.
func (w *work) reject(k int, err error, source string, via *policy.Via) {
	c := &w.out[k]
	if len(c.Rejections) >= maxExplained {
		c.More++
		return
	}
	var bad *sigstore.Rejection
	if errors.As(err, &bad) {
		hint := bad.Hint
		if w.Next != nil {
			hint = w.Next(bad)
		}
		c.Rejections = append(c.Rejections,
			policy.Rejection{Code: bad.Code, Reason: bad.Error(), Hint: hint, Source: source, Via: via})
	}
}

// explain says, of subjects without a fact, what is there in place of evidence.
func (w *work) explain() error {
	if !slices.ContainsFunc(w.out, policy.Candidate.Lacks) {
		return nil
	}
	if err := w.tellStrangers(); err != nil {
		return err
	}
	if err := w.tellNames(); err != nil {
		return err
	}
	var none []*piece
	for _, s := range w.signatures {
		for _, p := range s.pieces {
			if p.err != nil {
				none = append(none, p)
			}
		}
	}
	longer := w.byLonger()
	for k := range w.out {
		if !w.out[k].Lacks() {
			continue
		}
		kept := min(len(none), maxExplained-len(w.out[k].Rejections))
		for _, p := range none[:kept] {
			w.reject(k, p.err, p.Source, nil)
		}
		w.out[k].More += len(none) - kept
		if len(w.out[k].Rejections) == 0 {
			w.mismatch(k, longer)
		}
	}
	return nil
}

// mismatch says why evidence that is in order is not about subject k. longer is a
// bundle that names its artifacts by longer digests than SHA-256 alone, or nil.
func (w *work) mismatch(k int, longer *piece) {
	s := w.subjects[k]
	why := policy.Rejection{Code: fault.SubjectMismatch}
	switch {
	case longer != nil && s.Digest.Algorithm() == subject.AlgSHA256 && (w.sums == nil || w.sums[k] == nil):
		why.Source, why.Reason = longer.Source, "evidence that names its artifact by a longer digest than SHA-256"
		why.Hint = "hand over the file itself, or its longer digest as sha512:HEX or sha384:HEX"
	case len(w.strangers) == 0 && len(w.signatures) == 1:
		why.Source, why.Reason = w.signatures[0].pieces[0].Source, "the evidence is not about "+s.Digest.String()
	default:
		return
	}
	w.out[k].Rejections = append(w.out[k].Rejections, why)
}

// byLonger returns a bundle that names its artifacts by longer digests than
// SHA-256 alone, as npm does, or nil.
func (w *work) byLonger() *piece {
	for _, s := range w.signatures {
		p := s.first()
		if p == nil {
			continue
		}
		claims := p.bundle.Claims()
		short := func(d statement.Descriptor) bool {
			return len(d.Digests()) == 0 || d.Digests()[0].Algorithm() == subject.AlgSHA256
		}
		if len(claims) > 0 && !slices.ContainsFunc(claims, short) {
			return p
		}
	}
	return nil
}

// tellStrangers counts the bundles of signers whom nobody waits for, and
// verifies a few of them: a builder that the policy forgot is told by its name.
func (w *work) tellStrangers() error {
	if len(w.strangers) == 0 {
		return nil
	}
	slices.SortFunc(w.strangers, func(a, b *piece) int { return bytes.Compare(a.raw, b.raw) })
	first, told := "", 0
	for i := range w.strangers[:min(len(w.strangers), maxExplained)] {
		p := w.strangers[i]
		if s, ok := p.look.Claimed(); ok && first == "" {
			first = s.SAN
		}
		if !p.parse() || !w.claimsOne(p.bundle) {
			continue
		}
		if told++; told > maxTold {
			break
		}
		s := &signature{pieces: []*piece{p}}
		if err := w.try(s); err != nil {
			return err
		}
		if err := w.settle(s); err != nil {
			return err
		}
	}
	for k := range w.out {
		if w.out[k].Lacks() {
			w.out[k].Strangers = policy.Strangers{Count: len(w.strangers), First: first}
		}
	}
	return nil
}

// tellNames looks for bundles that give the name of a subject without evidence
// to other bytes. Junk may claim what it likes: a few are verified, and only
// what verifies is quoted.
func (w *work) tellNames() error {
	n := 0
	named := func(b sigstore.Bundle) map[int]subject.Digest {
		out := map[int]subject.Digest{}
		for _, d := range b.Claims() {
			own := d.Digests()
			for _, k := range w.byName[d.Name] {
				if len(own) > 0 && len(w.out[k].Facts) == 0 && !slices.Contains(own, w.subjects[k].Digest) {
					out[k] = own[0]
				}
			}
		}
		return out
	}
	err := w.prove(func(b sigstore.Bundle) bool {
		if n >= maxNamed || len(named(b)) == 0 {
			return false
		}
		n++
		return true
	})
	if err != nil {
		return err
	}
	for _, s := range w.signatures {
		p := s.first()
		if p == nil {
			continue
		}
		for k, d := range named(p.bundle) {
			w.attested(k, d, s)
		}
	}
	return nil
}

// attested keeps that a genuine bundle gives the name of subject k to other
// bytes.
func (w *work) attested(k int, d subject.Digest, s *signature) {
	for _, p := range s.pieces {
		for _, x := range p.proofs {
			if x.err == nil && w.explains(k, x.trust) && len(w.out[k].Rejections) < maxExplained {
				w.out[k].Rejections = append(w.out[k].Rejections, policy.Rejection{
					Code: fault.SubjectMismatch, Source: p.Source, Attested: &d, Signer: x.verified.Signer(),
					Reason: fmt.Sprintf("%q was attested as %s; this is %s", w.subjects[k].Name, d,
						w.subjects[k].Digest),
				})
				return
			}
		}
	}
}
