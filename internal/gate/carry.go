package gate

import (
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Docker's builders sign no statement about an image. They sign that an
// attestation manifest is theirs, and the manifest carries BuildKit's own
// statements as layers. From such a signature to a subject lead these arrows, and
// each is a digest of bytes at hand:
//
//	subject = index ──▶ image ◀── statement, a layer
//	          index ──▶ attestation manifest ──▶ layer
//	                    attestation manifest ◀── signed statement
//
// Without an index the subject is the image, and the attestation manifest names
// it. Nothing that a store says about any of these bytes is believed.

// signPredicate is the predicate type of a statement that says nothing but whose
// something is (cosign, "sign/v1").
const signPredicate = "https://sigstore.dev/cosign/sign/v1"

// A carrier is an attestation manifest that was handed over.
type carrier struct {
	digest   subject.Digest
	bytes    []byte
	within   []subject.Digest // indexes that it was handed over with
	layers   [][]byte
	read     bool
	manifest subject.Carrier
	to       []*link
	broken   []broken                  // told once
	found    map[subject.Digest][]byte // layers by digest, once they were hashed
}

// A link leads from an attestation manifest to an image, and so to a subject: it
// is the image, or an index that holds it.
type link struct {
	subject int
	via     *policy.Via
	read    bool
	states  []statement.Statement // what the manifest says of the image, once a signature has verified
}

// broken is why an attestation manifest does not lead to a subject.
type broken struct {
	subject int
	why     *sigstore.Rejection
}

// An index is one that was handed over, read once.
type index struct {
	bytes []byte
	read  bool
	subject.Index
	err error
}

// carriers sorts chains by the digests of manifests and indexes. These small
// bytes are hashed before any signature was verified, because only their digests
// tell which bundles are about them: without them, every bundle would have to be
// verified. They are parsed later, and layers are hashed later.
func carriers(chains []store.Chain) (map[subject.Digest]*carrier, map[subject.Digest]*index) {
	all, indexes := map[subject.Digest]*carrier{}, map[subject.Digest]*index{}
	known := map[*byte]subject.Digest{} // one index comes with each of its manifests
	for _, c := range chains {
		d := subject.Sum(c.Manifest)
		if all[d] == nil {
			all[d] = &carrier{digest: d, bytes: c.Manifest}
		}
		all[d].layers = append(all[d].layers, c.Layers...)
		if len(c.Index) == 0 {
			continue
		}
		i, seen := known[&c.Index[0]]
		if !seen {
			i = subject.Sum(c.Index)
			known[&c.Index[0]], indexes[i] = i, &index{bytes: c.Index}
		}
		all[d].within = append(all[d].within, i)
	}
	for _, c := range all {
		slices.SortFunc(c.within, subject.Digest.Compare)
		c.within = slices.Compact(c.within)
	}
	return all, indexes
}

// links returns where an attestation manifest leads. It reads the manifest and
// the indexes at the first call.
func (w *work) links(c *carrier) []*link {
	if c == nil {
		return nil
	}
	if c.read {
		return c.to
	}
	c.read = true
	var err error
	if c.manifest, err = subject.ReadCarrier(c.bytes); err != nil {
		for _, i := range c.within {
			c.refuse(w.byDigest[i], rejection(fault.Of(err).Code, "%v", err))
		}
		return nil
	}
	for _, i := range c.within {
		w.within(c, i)
	}
	if s := c.manifest.Subject; s != nil {
		for _, k := range w.byDigest[*s] {
			c.lead(k, subject.Part{Digest: *s})
		}
	}
	return c.to
}

// within follows the arrows of an index that is one of the subjects.
func (w *work) within(c *carrier, digest subject.Digest) {
	subjects := w.byDigest[digest]
	if len(subjects) == 0 {
		return
	}
	x := w.indexes[digest]
	if !x.read {
		x.read = true
		x.Index, x.err = subject.ReadIndex(x.bytes)
		for _, k := range subjects {
			w.out[k].Parts = x.Parts
		}
	}
	if x.err != nil {
		c.refuse(subjects, rejection(fault.Of(x.err).Code, "%v", x.err))
		return
	}
	named := false
	for _, a := range x.Attestations {
		if a.Manifest != c.digest {
			continue
		}
		named = true
		if s := c.manifest.Subject; s != nil && *s != a.Image {
			c.refuse(subjects, rejection(fault.SubjectMismatch,
				"attestation manifest %s names image %s as its subject, the index says %s", c.digest, s, a.Image))
			continue
		}
		part := x.Parts[slices.IndexFunc(x.Parts, func(p subject.Part) bool { return p.Digest == a.Image })]
		for _, k := range subjects {
			c.lead(k, part)
		}
	}
	if !named {
		c.refuse(subjects, rejection(fault.SubjectMismatch,
			"the index does not name %s as attestation manifest of one of its images", c.digest))
	}
}

func (c *carrier) lead(k int, p subject.Part) {
	via := &policy.Via{Manifest: c.digest, Image: p.Digest, Platform: p.Platform}
	c.to = append(c.to, &link{subject: k, via: via})
}

func (c *carrier) refuse(subjects []int, why *sigstore.Rejection) {
	for _, k := range subjects {
		c.broken = append(c.broken, broken{k, why})
	}
}

func rejection(code fault.Code, format string, args ...any) *sigstore.Rejection {
	return &sigstore.Rejection{Code: code, Err: fault.Errorf(format, args...)}
}

// carry turns a proof about attestation manifests into facts about the subjects
// that they lead to: one for each statement that a manifest carries.
func (w *work) carry(p *piece, x proof) error {
	for _, d := range x.verified.Subjects() {
		for _, digest := range d.Digests() {
			c := w.carriers[digest]
			if c == nil {
				continue
			}
			links := w.links(c)
			for _, b := range c.broken {
				w.reject(b.subject, b.why, p.Source, nil)
			}
			c.broken = nil
			if err := signs(x.verified, c); err != nil {
				for _, l := range links {
					w.reject(l.subject, err, p.Source, l.via)
				}
				continue
			}
			for _, l := range links {
				if err := w.follow(p, x, c, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// signs wants v to say of the manifest that it is the signer's, and nothing
// else. Any other statement about it says something that nobody looks at here.
func signs(v sigstore.Verified, c *carrier) error {
	s, ok := v.Statement()
	switch {
	case !ok || s.PredicateType != signPredicate:
		return rejection(fault.Predicate, "attestation manifest %s is signed with a predicate of type %q, want %q",
			c.digest, s.PredicateType, signPredicate)
	case string(s.Predicate) != "{}":
		return rejection(fault.Predicate, "the signature of attestation manifest %s has a predicate, want none", c.digest)
	case len(s.Subject) != 1 || s.Subject[0].Name != "" || s.Subject[0].URI != "":
		return rejection(fault.Statement, "the signature of attestation manifest %s is about %d subjects, the first %q, "+
			"want one without a name", c.digest, len(s.Subject), s.Subject[0].Name)
	case !slices.Equal(s.Subject[0].Digests(), []subject.Digest{c.digest}):
		return rejection(fault.SubjectMismatch, "the signature of attestation manifest %s names it by other digests too",
			c.digest)
	}
	return nil
}

// follow makes facts of the statements that c carries about the image of l. The
// signature of c has verified, so its layers may be hashed.
func (w *work) follow(p *piece, x proof, c *carrier, l *link) error {
	if !l.read {
		l.read = true
		for _, d := range c.manifest.Layers {
			s, err := c.statement(d, l.via.Image)
			if err != nil {
				l.via.Kinds = append(l.via.Kinds, d.Predicate)
				w.reject(l.subject, err, p.Source, l.via)
				continue
			}
			l.via.Kinds, l.states = append(l.via.Kinds, s.PredicateType), append(l.states, s)
		}
	}
	out := &w.out[l.subject]
	for _, s := range l.states {
		if len(out.Facts) >= store.MaxPerSubject {
			return fault.New(fault.Refused, fault.Limit, "", "more than %d verified statements are about %q",
				store.MaxPerSubject, out.Subject.Name)
		}
		var names []string
		for _, d := range s.Subject {
			names = append(names, d.Name)
		}
		f := fact(x.verified, x.trust, p.Source, names)
		f.Statement, f.Via = s, l.via
		out.Facts = append(out.Facts, f)
	}
	return nil
}

// statement returns what a layer states about image, if it states nothing about
// anything else.
func (c *carrier) statement(l subject.Layer, image subject.Digest) (statement.Statement, error) {
	if c.found == nil {
		c.found = map[subject.Digest][]byte{}
		for _, b := range c.layers {
			c.found[subject.Sum(b)] = b
		}
	}
	b, ok := c.found[l.Digest]
	switch {
	case !ok:
		return statement.Statement{}, rejection(fault.Malformed,
			"statement %s of attestation manifest %s is not there", l.Digest, c.digest)
	case int64(len(b)) != l.Size:
		return statement.Statement{}, rejection(fault.Malformed,
			"statement %s has %d bytes, attestation manifest %s says %d", l.Digest, len(b), c.digest, l.Size)
	}
	s, err := statement.Parse(b)
	if err != nil {
		return s, rejection(fault.Of(err).Code, "statement %s of attestation manifest %s: %v", l.Digest, c.digest, err)
	}
	if l.Predicate != "" && l.Predicate != s.PredicateType {
		return s, rejection(fault.Predicate, "statement %s has predicate type %q, attestation manifest %s says %q",
			l.Digest, s.PredicateType, c.digest, l.Predicate)
	}
	for _, d := range s.Subject {
		if own := d.Digests(); !slices.Equal(own, []subject.Digest{image}) {
			return s, rejection(fault.SubjectMismatch, "statement %s of attestation manifest %s is about %s, want %s",
				l.Digest, c.digest, digests(own), image)
		}
	}
	return s, nil
}

// digests tells what a statement is about, in words.
func digests(all []subject.Digest) string {
	if len(all) == 0 {
		return "something without a SHA-2 digest"
	}
	if len(all) == 1 {
		return all[0].String()
	}
	return fmt.Sprintf("%s and %d other digests", all[0], len(all)-1)
}
