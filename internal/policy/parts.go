package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// String says by way of what a statement is signed, for a report.
func (v Via) String() string {
	out := "attestation manifest " + v.Manifest.String()
	if v.Platform != "" {
		out += ", " + subject.Part{Digest: v.Image, Platform: v.Platform}.String()
	}
	return out
}

// image is what f is about by way of an attestation manifest; zero for a fact
// about the subject itself.
func (f *Fact) image() subject.Digest {
	if f.Via == nil {
		return subject.Digest{}
	}
	return f.Via.Image
}

// place is the number of the image that f is about, or -1.
func (c Candidate) place(f Fact) int {
	return slices.IndexFunc(c.Parts, func(p subject.Part) bool { return p.Digest == f.image() })
}

// whole returns which of the facts with the numbers in good are about c as a
// whole. Facts about the images of an index are so together, and only if there is
// one about every image: a machine may run any of them (E07).
func (c Candidate) whole(good []int) []int {
	about := func(p subject.Part) bool {
		return !p.Index && slices.ContainsFunc(good, func(i int) bool { return c.Facts[i].image() == p.Digest })
	}
	every := len(c.Parts) > 0
	for _, p := range c.Parts {
		every = every && about(p)
	}
	var out []int
	for _, i := range good {
		if every || !c.partial(c.Facts[i]) {
			out = append(out, i)
		}
	}
	return out
}

// uncovered returns the first image of an index that none of the facts with the
// numbers in good is about. An index in the index comes before all others.
func (c Candidate) uncovered(good []int) (subject.Part, bool) {
	nested := func(p subject.Part) bool { return p.Index }
	bare := func(p subject.Part) bool {
		return !slices.ContainsFunc(good, func(i int) bool { return c.Facts[i].image() == p.Digest })
	}
	for _, lacks := range []func(subject.Part) bool{nested, bare} {
		if i := slices.IndexFunc(c.Parts, lacks); i >= 0 {
			return c.Parts[i], true
		}
	}
	return subject.Part{}, false
}

// nested is why an index in an index is refused.
func nested(p subject.Part) *miss {
	return &miss{
		code: fault.SubjectMismatch, reason: p.String() + " is an index in the index, and nobody looks at what that holds",
		found: p.Digest.String(), wanted: "an index of images",
		hint: "build one index of all images; or gate the inner one by its own digest",
	}
}

// lacking says which image of an index lacks evidence for q, or nil if nothing is
// known of any of them. good are the numbers of facts that meet q; near is, by
// image, why the fact that came nearest does not.
func (c indexed) lacking(a Artifact, q Requirement, good []int, near map[subject.Digest]*miss) *miss {
	p, found := c.uncovered(good)
	if !found || !slices.ContainsFunc(c.Facts, c.partial) {
		return nil
	}
	furthest := &miss{stage: atSigners}
	if len(good) > 0 {
		furthest.stage = atImages
	}
	for _, m := range near {
		furthest = nearer(furthest, m)
	}
	if p.Index {
		m := nested(p)
		m.stage, m.agreed, m.line = furthest.stage, furthest.agreed, q.Line
		return m
	}
	m := &miss{code: fault.EvidenceMissing, line: q.Line, reason: "no verified evidence is about this image of the index",
		wanted: q.Kind.title()}
	if x := near[p.Digest]; x != nil && x.stage > atTrust {
		m = x
	} else if kinds := c.others(q, p); len(kinds) > 0 {
		m.code, m.reason, m.found = fault.Predicate, "the evidence is of another kind", strings.Join(kinds, ", ")
		m.hint = "have the builder write evidence of that kind for every image of the index"
	} else {
		own := c.only(p)
		m.found, m.hint = unproven(a, q, own)
		if who := q.signerNames(a); len(own.Rejections) == 0 && who != "" {
			m.hint = "have it built, and its attestation manifest signed, by " + who + "; or leave it out of the index"
		}
	}
	m.stage, m.agreed, m.reason = furthest.stage, furthest.agreed, p.String()+": "+m.reason
	return m
}

// others are the predicate types of what is verified about an image of c and is
// not what q wants.
func (c Candidate) others(q Requirement, p subject.Part) []string {
	var out []string
	for _, f := range c.Facts {
		if t := f.Statement.PredicateType; f.image() == p.Digest && !q.wants(t) && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// only is c with nothing but what explains why there is no evidence about one of
// its images.
func (c Candidate) only(p subject.Part) Candidate {
	c.More = 0
	c.Rejections = slices.DeleteFunc(slices.Clone(c.Rejections), func(r Rejection) bool {
		return r.Via == nil || r.Via.Image != p.Digest
	})
	return c
}

// maxVia is how many attestation manifests one line tells.
const maxVia = 4

// summaries tells who signed all, which used tells of for a machine. What was
// signed by the same in the same run is told once, with its oldest time.
func summaries(now time.Time, all []Fact, used []verdict.Evidence) string {
	var out []string
	done := make([]bool, len(all))
	same := func(i, k int) bool {
		x, y := all[i], all[k]
		return x.Signer == y.Signer && x.Keyed == y.Keyed && slices.Equal(used[i].Accepted, used[k].Accepted)
	}
	for i, f := range all {
		if done[i] {
			continue
		}
		var via []string
		for k := i; k < len(all); k++ {
			if done[k] || !same(i, k) {
				continue
			}
			if done[k] = true; all[k].Time.Before(f.Time) {
				f = all[k]
			}
			via = append(via, used[k].Via)
		}
		out = append(out, summary(now, f, used[i].Accepted)+byWay(via))
	}
	return strings.Join(out, "; ")
}

// byWay tells attestation manifests behind who signed them.
func byWay(via []string) string {
	var out []string
	for _, v := range via {
		if v = "via " + v; v != "via " && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return ""
	}
	if more := len(out) - maxVia; more > 0 {
		out = append(out[:maxVia], fmt.Sprintf("and of %d more images", more))
	}
	return ", " + strings.Join(out, "; ")
}
