package gate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
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
// certificate: whoever has one of them can make as many as they like, which
// differ in what others than the signer vouch for. One of them that verifies is
// all of them.
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

// Limits of what is done to explain a refusal. They change no outcome.
const (
	maxExplained = 20 // reasons that are kept about one subject
	maxTold      = 3  // bundles of strangers that are verified, to say who they are
	maxNamed     = 5  // bundles about other bytes that are verified because of a name
)

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
	w := work{Checker: c, subjects: subjects, out: make([]policy.Candidate, len(subjects)), byDigest: map[subject.Digest][]int{}, byName: map[string][]int{}}
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
	slices.SortFunc(own, func(a, b *piece) int { // an order that is that of no store and no network
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
		if p := s.first(); p != nil && w.claimsOne(p.bundle) {
			return w.try(s)
		} else if p != nil {
			p.forget()
		}
		return nil
	})
}

// check passes over what can be seen to be no evidence before a bundle is read.
// Whether the signature holds is asked where one certificate stands beside
// several signatures, as that of a bundle does of which somebody made copies.
// Anywhere else it is asked when the bundle is verified.
func (w *work) check(s *signature, copied bool) {
	first := s.pieces[0]
	forged := copied && first.key != (subject.Digest{}) && first.log != sigstore.LogForeign && first.look.Forged(w.leaf(first.look))
	for _, p := range s.pieces {
		switch {
		case forged:
			p.err = unsigned("the signature is not one of this payload under the certificate beside it")
		case p.log == sigstore.LogForeign:
			p.err = unsigned("payload, signature and log entry do not belong together")
		}
	}
}

func unsigned(reason string) error {
	const again = "get the bundle again from where it was made; this copy was changed, or is no evidence"
	return &sigstore.Rejection{Code: fault.SignatureInvalid, Hint: again, Err: errors.New(reason)}
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
// one: what they differ in is signed by nobody they could be told apart by.
func (w *work) try(s *signature) error {
	s.tried = true
	left := slices.DeleteFunc(sorted(w.Verifiers), func(trust string) bool { return w.Verifiers[trust].Keyed() != s.pieces[0].look.Keyed })
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
			return fault.New(fault.Refused, fault.Limit, "", "more than %d verified bundles are about %q", store.MaxPerSubject, w.subjects[k].Name)
		}
		w.out[k].Facts = append(w.out[k].Facts, fact(x.verified, x.trust, p.Source, names))
	}
	return w.carry(p, x)
}

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
		c.Rejections = append(c.Rejections, policy.Rejection{Code: bad.Code, Reason: bad.Error(), Hint: hint, Source: source, Via: via})
	}
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
		return nil, fault.New(fault.Refused, fault.TOCTOU, "wait until the build has finished writing", "artifact %q changed while it was verified", w.subjects[k].Name)
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

// explain says, of subjects without a fact, what is there in place of evidence.
func (w *work) explain() error {
	bare := func(k int) bool { return w.out[k].Lacks() }
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
	for k := range w.out {
		if !bare(k) {
			continue
		}
		kept := min(len(none), maxExplained-len(w.out[k].Rejections))
		for _, p := range none[:kept] {
			w.reject(k, p.err, p.Source, nil)
		}
		w.out[k].More += len(none) - kept
		if p := w.byLonger(); p != nil && len(w.out[k].Rejections) == 0 && w.subjects[k].Digest.Algorithm() == subject.AlgSHA256 && (w.sums == nil || w.sums[k] == nil) {
			w.out[k].Rejections = append(w.out[k].Rejections, policy.Rejection{Code: fault.SubjectMismatch, Source: p.Source,
				Reason: "evidence that names its artifact by a longer digest than SHA-256", Hint: "hand over the file itself, or its longer digest as sha512:HEX or sha384:HEX"})
		}
		if len(w.out[k].Rejections) == 0 && len(w.strangers) == 0 && len(w.signatures) == 1 {
			w.out[k].Rejections = append(w.out[k].Rejections, policy.Rejection{Code: fault.SubjectMismatch, Source: w.signatures[0].pieces[0].Source,
				Reason: "the evidence is not about " + w.subjects[k].Digest.String()})
		}
	}
	return nil
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
		if len(claims) > 0 && !slices.ContainsFunc(claims, func(d statement.Descriptor) bool {
			return len(d.Digests()) == 0 || d.Digests()[0].Algorithm() == subject.AlgSHA256
		}) {
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
				w.out[k].Rejections = append(w.out[k].Rejections, policy.Rejection{Code: fault.SubjectMismatch, Source: p.Source, Attested: &d, Signer: x.verified.Signer(),
					Reason: fmt.Sprintf("%q was attested as %s; this is %s", w.subjects[k].Name, d, w.subjects[k].Digest)})
				return
			}
		}
	}
}

// rejected reports whether err says that a bundle proves nothing, and not that
// something is wrong with us.
func rejected(err error) bool {
	var bad *sigstore.Rejection
	return errors.As(err, &bad)
}

func sorted(m map[string]*sigstore.Verifier) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
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
