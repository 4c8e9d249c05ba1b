package gate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Checker says whose evidence is waited for, and under which trusted roots it
// has to verify.
type Checker struct {
	// Waits reports whether a bundle may be of somebody who counts. It is asked
	// about certificates that nobody has verified.
	Waits     func(sigstore.Glimpse) bool
	Own       func(subject.Subject) []string // trusts whose refusals explain a subject; nil: all
	Verifiers map[string]*sigstore.Verifier  // by policy.Trust.ID
	Files     Files
	Workers   int  // 0: as many as there are processors
	Next      Next // nil: the steps that are the same for every command
}

// A piece is one bundle on its way to a fact.
type piece struct {
	Item
	look     sigstore.Glimpse
	stranger bool
	key      subject.Digest // pieces of one key are one signature
	log      sigstore.LogClaim
	read     bool
	bundle   sigstore.Bundle // once it is read
	err      error           // why it is no bundle, or no signature
	proofs   []proof
}

// parse reads the bundle, once, and reports whether it is one.
func (p *piece) parse() bool {
	if !p.read && p.err == nil {
		p.bundle, p.err = sigstore.ParseBundle(p.raw)
		p.read = true
	}
	return p.err == nil
}

// forget lets go of what was read. It can be read again, and of ten thousand
// bundles few are needed at once.
func (p *piece) forget() { p.bundle, p.read = sigstore.Bundle{}, false }

// A signature is the pieces that carry one signature over one payload under one
// certificate. Somebody who has one piece can make many: they differ in what the
// log and the timestamp authority vouch for. Where one of them verifies, the
// others add nothing.
type signature struct {
	pieces []*piece // those that may verify first
	tried  bool     // to verify them
}

// A proof is what one trusted root said of a piece.
type proof struct {
	trust    string
	verified sigstore.Verified
	err      error
}

// Verify verifies evidence for subjects and returns one candidate for each, in
// order. The result is the same for every order of the evidence and for every
// number of workers.
//
// Work is done in the order of its cost, so that bundles of strangers and copies
// of certificates cost next to nothing: first it is seen whose certificate a
// bundle carries, then whether the signature under that certificate holds, once
// for all bundles that carry it, and only then is one of them read, and verified
// if it claims one of the subjects, or an attestation manifest of one. Of bundles
// with one signature, those whose log entry fits it come first. No artifact is
// hashed before a signature about it has verified, and no statement in an
// attestation manifest is.
func Verify(subjects []subject.Subject, evidence Evidence, c Checker) ([]policy.Candidate, error) {
	w := work{
		Checker: c, subjects: subjects, out: make([]policy.Candidate, len(subjects)),
		byDigest: map[subject.Digest][]int{}, byName: map[string][]int{},
	}
	for i, s := range subjects {
		w.out[i].Subject = s
		w.byDigest[s.Digest] = append(w.byDigest[s.Digest], i)
		w.byName[s.Name] = append(w.byName[s.Name], i)
	}
	w.carriers, w.indexes = carriers(evidence.Chains)
	if err := w.look(evidence.Items); err != nil {
		return nil, err
	}
	for _, s := range w.signatures {
		if err := w.settle(s); err != nil {
			return nil, err
		}
	}
	return w.out, w.explain()
}

// work is one call of Verify.
type work struct {
	Checker
	subjects   []subject.Subject
	out        []policy.Candidate
	byDigest   map[subject.Digest][]int
	byName     map[string][]int
	signatures []*signature // of those who are waited for
	strangers  []*piece
	leaves     sync.Map        // sigstore.Leaf, by the certificate's bytes
	sums       []*subject.Sums // of the files behind the subjects, once hashed
	bySum      map[subject.Digest][]int
	carriers   map[subject.Digest]*carrier // attestation manifests
	indexes    map[subject.Digest]*index   // that name them
}

// look divides the evidence into that of strangers and that of those who are
// waited for, drops copies of bytes, and checks the signatures of the latter.
func (w *work) look(evidence []Item) error {
	all := make([]*piece, len(evidence))
	err := each(len(all), w.Workers, func(i int) error {
		p := &piece{Item: evidence[i]}
		var ok bool
		p.look, ok = sigstore.Peek(p.raw, w.Waits)
		if p.stranger = ok && !w.Waits(p.look); ok && !p.stranger {
			p.key, p.log = p.look.Key(), p.look.Log()
		}
		all[i] = p
		return nil
	})
	if err != nil {
		return err
	}
	var own []*piece
	for _, p := range all {
		if p.stranger {
			w.strangers = append(w.strangers, p)
		} else {
			own = append(own, p)
		}
	}
	slices.SortFunc(own, func(a, b *piece) int { // an order that does not depend on a store or a network
		if c := cmp.Or(a.key.Compare(b.key), cmp.Compare(a.log, b.log)); c != 0 {
			return c
		}
		return cmp.Or(bytes.Compare(a.raw, b.raw), cmp.Compare(a.Source, b.Source))
	})
	var s *signature
	for i, p := range own {
		switch {
		case i > 0 && bytes.Equal(p.raw, own[i-1].raw):
		case i > 0 && p.key == own[i-1].key && p.key != (subject.Digest{}):
			s.pieces = append(s.pieces, p)
		default:
			s = &signature{pieces: []*piece{p}}
			w.signatures = append(w.signatures, s)
		}
	}
	certificates := map[string]int{}
	for _, s := range w.signatures {
		certificates[string(s.pieces[0].look.Leaf)]++
	}
	return each(len(w.signatures), w.Workers, func(i int) error {
		s := w.signatures[i]
		w.check(s, certificates[string(s.pieces[0].look.Leaf)] > 1)
		p := s.first()
		switch {
		case p == nil:
			return nil
		case w.claimsOne(p.bundle):
			return w.try(s)
		default:
			p.forget()
			return nil
		}
	})
}

// check refuses pieces without reading them: those whose log entry is about
// another signature, and, if copied says that the certificate stands beside
// several signatures, those whose signature does not hold. A certificate that
// stands beside one signature is checked when the bundle is verified.
func (w *work) check(s *signature, copied bool) {
	first := s.pieces[0]
	forged := copied && first.key != (subject.Digest{}) && first.log != sigstore.LogForeign &&
		first.look.Forged(w.leaf(first.look))
	for _, p := range s.pieces {
		switch {
		case forged:
			p.err = sigstore.Changed(fault.SignatureInvalid,
				"the signature is not one of this payload under the certificate beside it")
		case p.log == sigstore.LogForeign:
			p.err = sigstore.Changed(fault.SignatureInvalid, "payload, signature and log entry do not belong together")
		}
	}
}

// first reads and returns the first piece that is a bundle, or nil.
func (s *signature) first() *piece {
	for _, p := range s.pieces {
		if p.parse() {
			return p
		}
	}
	return nil
}

// leaf returns the key of g's certificate, which is read once.
func (w *work) leaf(g sigstore.Glimpse) sigstore.Leaf {
	if l, ok := w.leaves.Load(string(g.Leaf)); ok {
		return l.(sigstore.Leaf)
	}
	l := g.ReadLeaf()
	w.leaves.Store(string(g.Leaf), l)
	return l
}

// claimsOne reports whether the unverified bundle may be about one of the
// subjects.
func (w *work) claimsOne(b sigstore.Bundle) bool {
	return slices.ContainsFunc(b.Claims(), func(d statement.Descriptor) bool {
		own := d.Digests()
		if len(own) > 0 && own[0].Algorithm() != subject.AlgSHA256 && w.Files != nil {
			return true // only the bytes tell
		}
		return slices.ContainsFunc(own, func(x subject.Digest) bool { return len(w.byDigest[x]) > 0 || w.carriers[x] != nil })
	})
}

// prove verifies the signatures whose statement worth says is worth it, under
// every trusted root.
func (w *work) prove(worth func(sigstore.Bundle) bool) error {
	var todo []*signature
	for _, s := range w.signatures {
		if p := s.first(); p != nil && !s.tried && worth(p.bundle) {
			todo = append(todo, s)
		}
	}
	return each(len(todo), w.Workers, func(i int) error { return w.try(todo[i]) })
}

// try verifies the pieces of a signature until each trusted root has verified
// one.
func (w *work) try(s *signature) error {
	s.tried = true
	left := slices.DeleteFunc(slices.Sorted(maps.Keys(w.Verifiers)),
		func(trust string) bool { return w.Verifiers[trust].Keyed() != s.pieces[0].look.Keyed })
	for _, p := range s.pieces {
		if len(left) == 0 {
			break
		}
		if !p.parse() {
			continue
		}
		var open []string
		for _, trust := range left {
			verified, err := w.Verifiers[trust].Verify(p.bundle)
			if err != nil && !rejected(err) {
				return fmt.Errorf("%s: %w", p.Source, err)
			}
			if err != nil {
				open = append(open, trust)
			}
			p.proofs = append(p.proofs, proof{trust: trust, verified: verified, err: err})
		}
		p.forget()
		left = open
	}
	return nil
}

// settle turns the proofs of a signature into facts about the subjects that it
// covers, and its refusals into reasons for those that it claims: for all, where
// it names its subjects in a way that only their bytes tell.
func (w *work) settle(s *signature) error {
	holds := false
	for _, p := range s.pieces {
		for _, x := range p.proofs {
			if x.err != nil {
				continue
			}
			holds = true
			if err := w.count(p, x); err != nil {
				return err
			}
		}
	}
	if holds || !s.tried {
		return nil
	}
	if p := s.first(); p != nil {
		w.refuse(s, w.claimed(p.bundle))
	}
	return nil
}

// count turns what verified into facts about the subjects that it covers.
func (w *work) count(p *piece, x proof) error {
	covered, err := w.covered(x.verified)
	if err != nil {
		return err
	}
	for k, names := range covered {
		if len(w.out[k].Facts) >= store.MaxPerSubject {
			return fault.New(fault.Refused, fault.Limit, "", "more than %d verified bundles are about %q",
				store.MaxPerSubject, w.subjects[k].Name)
		}
		w.out[k].Facts = append(w.out[k].Facts, fact(x.verified, x.trust, p.Source, names))
	}
	return w.carry(p, x)
}

// claimed returns the subjects whose digest the unverified bundle names, or that
// of an attestation manifest of them.
func (w *work) claimed(b sigstore.Bundle) map[int]*policy.Via {
	out := map[int]*policy.Via{}
	for _, d := range b.Claims() {
		for _, x := range d.Digests() {
			for _, l := range w.links(w.carriers[x]) {
				out[l.subject] = l.via
			}
			for _, k := range w.byDigest[x] {
				out[k] = nil
			}
		}
	}
	return out
}

// covered returns the subjects that v is about, with the names that it gives
// them. Whose bytes are at hand, all digests of has to fit.
func (w *work) covered(v sigstore.Verified) (map[int][]string, error) {
	out := map[int][]string{}
	for _, d := range v.Subjects() {
		own := d.Digests()
		candidates := map[int]bool{}
		for _, x := range own {
			for _, k := range w.byDigest[x] {
				candidates[k] = true
			}
		}
		if len(candidates) == 0 && len(own) > 0 && own[0].Algorithm() != subject.AlgSHA256 && w.Files != nil {
			if err := w.hashAll(); err != nil {
				return nil, err
			}
			for _, k := range w.bySum[own[0]] {
				candidates[k] = true
			}
		}
		for k := range candidates {
			fits, err := w.fits(k, d)
			if err != nil {
				return nil, err
			}
			if fits {
				out[k] = append(out[k], d.Name)
			}
		}
	}
	return out, nil
}

// fits reports whether every digest of d that can be compared is that of
// subject k.
func (w *work) fits(k int, d statement.Descriptor) (bool, error) {
	if len(d.Digests()) == 1 && d.Digests()[0] == w.subjects[k].Digest {
		return true, nil
	}
	sums, err := w.hash(k)
	if err != nil || sums != nil {
		return sums != nil && d.Fits(*sums), err
	}
	return slices.Contains(d.Digests(), w.subjects[k].Digest), nil
}

// hash returns the digests of the file behind subject k, or nil if there is
// none. Each file is read once.
func (w *work) hash(k int) (*subject.Sums, error) {
	if w.Files == nil {
		return nil, nil
	}
	if w.sums == nil {
		w.sums = make([]*subject.Sums, len(w.subjects))
	}
	if w.sums[k] != nil {
		return w.sums[k], nil
	}
	s, err := w.Files(w.subjects[k])
	if err != nil || s == nil {
		return nil, err
	}
	if s[0] != w.subjects[k].Digest {
		return nil, fault.New(fault.Refused, fault.TOCTOU, "wait until the build has finished writing",
			"artifact %q changed while it was verified", w.subjects[k].Name)
	}
	w.sums[k] = s
	return s, nil
}

// hashAll hashes every file, because a verified bundle names its subjects by
// longer digests alone.
func (w *work) hashAll() error {
	if w.bySum != nil {
		return nil
	}
	w.bySum = map[subject.Digest][]int{}
	for k := range w.subjects {
		s, err := w.hash(k)
		if err != nil {
			return err
		}
		if s != nil {
			for _, x := range s {
				w.bySum[x] = append(w.bySum[x], k)
			}
		}
	}
	return nil
}

// rejected reports whether err says that a bundle proves nothing, and not that
// something is wrong with us.
func rejected(err error) bool {
	var bad *sigstore.Rejection
	return errors.As(err, &bad)
}

// each calls f for every number below n, as many at once as there are workers.
// A single call stays where it is: for a short command, a second thread costs
// more than the work that it would take over.
func each(n, workers int, f func(i int) error) error {
	if n == 1 {
		return safely(f, 0)
	}
	var g errgroup.Group
	g.SetLimit(limit(workers))
	for i := range n {
		g.Go(func() error { return safely(f, i) })
	}
	return g.Wait()
}

// safely calls f so that a panic in it is a fault.
func safely(f func(int) error, i int) (err error) {
	defer fault.Recover(&err, "looking at evidence")
	return f(i)
}

func limit(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}
