package gate

import (
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Checker says under which trust the evidence about each subject has to
// verify.
type Checker struct {
	Trust     func(subject.Subject) string
	Also      []string // further trusts that evidence about any subject may verify under
	Verifiers map[string]*sigstore.Verifier
	Files     Files
	Workers   int // 0: as many as there are processors
}

// A job is one verification: a bundle under one trust, for the subjects it
// claims. A bundle about a thousand subjects is one job.
type job struct {
	item     int
	trust    string
	subjects []int
	verified sigstore.Verified
	err      error
}

// Verify verifies evidence for subjects and returns one candidate for each, in
// order. The result is the same for every number of workers.
func Verify(subjects []subject.Subject, evidence []Item, c Checker) ([]policy.Candidate, error) {
	out := make([]policy.Candidate, len(subjects))
	for i, s := range subjects {
		out[i].Subject = s
	}
	evidence, err := read(evidence, c.Workers)
	if err != nil {
		return nil, err
	}
	jobs, err := plan(subjects, evidence, c)
	if err != nil {
		return nil, err
	}
	if err := run(jobs, subjects, evidence, c); err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if err := c.settle(out, j, evidence[j.item].Source); err != nil {
			return nil, err
		}
	}
	for i := range out {
		c.explain(&out[i], evidence)
	}
	return out, nil
}

// plan pairs bundles with the subjects they claim to be about.
func plan(subjects []subject.Subject, evidence []Item, c Checker) ([]job, error) {
	var jobs []job
	perSubject := make([]int, len(subjects))
	for i, e := range evidence {
		byTrust := map[string]int{}
		for k, s := range subjects {
			if e.err != nil || !c.mayBeAbout(e, s) {
				continue
			}
			trusts := c.trusts(s)
			if len(trusts) == 0 {
				continue // the policy names no such artifact, and will say so
			}
			if perSubject[k]++; perSubject[k] > store.MaxPerSubject {
				return nil, fault.New(fault.Refused, fault.Limit, "", "more than %d bundles are about %q", store.MaxPerSubject, s.Name)
			}
			for _, trust := range trusts {
				at, ok := byTrust[trust]
				if !ok {
					at = len(jobs)
					byTrust[trust] = at
					jobs = append(jobs, job{item: i, trust: trust})
				}
				jobs[at].subjects = append(jobs[at].subjects, k)
			}
		}
	}
	return jobs, nil
}

// trusts returns the trusts that evidence about s may verify under, each once.
func (c Checker) trusts(s subject.Subject) []string {
	var out []string
	for _, t := range append([]string{c.Trust(s)}, c.Also...) {
		if c.Verifiers[t] != nil && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// mayBeAbout reports whether verifying e for s is worth the time.
func (c Checker) mayBeAbout(e Item, s subject.Subject) bool {
	return e.bundle.Claims(s.Digest) || c.Files != nil && e.bundle.NamesOtherDigest()
}

func run(jobs []job, subjects []subject.Subject, evidence []Item, c Checker) error {
	return each(len(jobs), c.Workers, func(i int) error {
		j := &jobs[i]
		j.verified, j.err = c.Verifiers[j.trust].Verify(evidence[j.item].bundle, c.artifacts(subjects, j.subjects)...)
		if _, ok := rejection(j.err, ""); j.err != nil && !ok {
			return fmt.Errorf("%s: %w", evidence[j.item].Source, j.err)
		}
		return nil
	})
}

// read parses the bytes of evidence and lets go of them. What is no bundle
// stays in the list, with the reason.
func read(evidence []Item, workers int) ([]Item, error) {
	out := slices.Clone(evidence)
	err := each(len(out), workers, func(i int) error {
		out[i].bundle, out[i].err = sigstore.ParseBundle(out[i].raw)
		out[i].raw = nil
		return nil
	})
	return out, err
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

func (c Checker) artifacts(subjects []subject.Subject, of []int) []sigstore.Artifact {
	out := make([]sigstore.Artifact, len(of))
	for i, k := range of {
		out[i] = sigstore.Artifact{Digest: subjects[k].Digest}
		if c.Files != nil {
			out[i] = c.Files(subjects[k])
		}
	}
	return out
}

func (c Checker) settle(out []policy.Candidate, j job, source string) error {
	for _, k := range j.subjects {
		if j.err != nil {
			if j.trust != c.Trust(out[k].Subject) && c.Trust(out[k].Subject) != "" {
				continue // it verifies under the artifact's own trust, or that says why not
			}
			r, ok := rejection(j.err, source)
			if !ok {
				return j.err
			}
			out[k].Rejections = append(out[k].Rejections, r)
			continue
		}
		if j.verified.Covers(out[k].Subject.Digest) {
			out[k].Facts = append(out[k].Facts, fact(j.verified, j.trust, source))
		}
	}
	return nil
}

// maxExplained bounds the reasons that are kept about bytes that are no
// evidence at all.
const maxExplained = 20

// explain adds, to a subject without a fact, why the evidence at hand is not
// about it. It changes no outcome.
func (c Checker) explain(x *policy.Candidate, evidence []Item) {
	if len(x.Facts) > 0 {
		return
	}
	for _, e := range evidence {
		if len(x.Rejections) >= maxExplained {
			return
		}
		if r, ok := rejection(e.err, e.Source); ok {
			x.Rejections = append(x.Rejections, r)
		} else if d, by, ok := c.attestedAs(e, x.Subject); ok {
			x.Rejections = append(x.Rejections, policy.Rejection{
				Code: fault.SubjectMismatch, Source: e.Source, Attested: &d, Signer: by.Signer(),
				Reason: fmt.Sprintf("%q was attested as %s; this is %s", x.Subject.Name, d, x.Subject.Digest),
			})
		} else if len(evidence) == 1 {
			x.Rejections = append(x.Rejections, policy.Rejection{
				Code: fault.SubjectMismatch, Source: e.Source, Reason: "the evidence is not about " + x.Subject.Digest.String(),
			})
		}
	}
}

// attestedAs returns the other digest that a genuine bundle gives to the name
// of s. Junk may claim what it likes; it is not quoted.
func (c Checker) attestedAs(e Item, s subject.Subject) (subject.Digest, sigstore.Verified, bool) {
	d, ok := e.bundle.AttestedAs(s.Name)
	v := c.Verifiers[c.Trust(s)]
	if !ok || d == s.Digest || v == nil {
		return d, sigstore.Verified{}, false
	}
	by, err := v.Verify(e.bundle, sigstore.Artifact{Digest: d})
	return d, by, err == nil
}
