package decide

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// A judgement is a verdict, and what it rests on.
type judgement struct {
	verdict  verdict.Verdict
	rule     *Rule // that it was judged under
	input    subject.Digest
	kept     []byte
	record   []byte
	subjects []string
	missing  bool // evidence is missing, which may still come
}

// judge asks the gate about everything that the run has attested; nil: it has attested nothing.
func (d *Decider) judge(ctx context.Context, w keep.Waiting, at Platform) (*judgement, error) {
	rule, err := d.Rule(w.Repository)
	if err != nil {
		return nil, err
	}
	if rule == nil {
		return nil, fault.New(fault.Refused, fault.Policy,
			"name a policy for the repository in the server's configuration",
			"the server has no policy for repository %s (%s)", w.Repository.ID, w.Name)
	}
	if _, known := rule.Environment(w.Environment); !known {
		return nil, fault.New(fault.Refused, fault.Policy, "let the policy say what this environment requires",
			"the server's policy has no environment %q", w.Environment)
	}
	trust := d.Trust(ctx, rule)
	verifiers, anchors, err := rule.Roots(d.Now(), trust)
	if err != nil {
		return nil, err
	}
	subjects, err := d.subjects(ctx, w, rule, verifiers)
	if err != nil {
		return nil, err
	}
	if len(subjects) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to judge, which is no verdict
	}
	guard := served{Platform: at, rule: rule}
	kept, before, err := d.records(ctx, w.Repository, guard)
	if err != nil {
		return nil, err
	}
	now := d.Now().UTC().Truncate(time.Second)
	g := &gate.Gate{
		Policy: rule.Policy, Stores: []gate.Store{d.pushed(w.Repository), at.Evidence()},
		Verifiers: verifiers, Workers: d.Workers, Now: now,
		Guard: gate.Doors{Guard: guard, Policy: rule.Policy, Home: w.Host + "/" + w.Name, Elsewhere: elsewhere,
			Need: func(policy.Forge, string) string { return "" }},
		Home: w.Host + "/" + w.Name, File: policy.UsualPath, Next: func(x *sigstore.Rejection) string { return x.Hint },
		Read: func(source []byte) (*policy.Policy, error) { return policy.Read(source, "the policy", forges.Words()) },
		Roots: func(
			p *policy.Policy, _ string, known map[string]*sigstore.Verifier,
		) (map[string]*sigstore.Verifier, error) {
			return trust.Before(p, known)
		},
		Records: kept, Before: before,
		Deploying: func(ctx context.Context, in *policy.Input) (*policy.Deploying, error) {
			return forges.DeployingOnGitHub(ctx, at, in,
				fmt.Sprintf("%s/%s/actions/runs/%d", w.Host, w.Name, w.Run), d.URL)
		},
	}
	in, err := g.Look(ctx, subjects, w.Environment)
	if err != nil {
		return nil, err
	}
	v, err := gate.Decide(in)
	if err != nil {
		return nil, err
	}
	return d.recorded(w, rule, anchors, &in, v)
}

// records is where entries into environments are kept, now and before: as for the gate, and what was pushed besides.
func (d *Decider) records(
	ctx context.Context, r event.Repository, at served,
) (gate.Store, func() ([]gate.Store, error), error) {
	where := gate.Recorded{At: at, Paths: []string{policy.UsualPath},
		Read: func(name string, source []byte) (*policy.Policy, error) {
			return policy.Read(source, name, forges.Words())
		}}
	name, err := where.Now(ctx)
	if err != nil {
		return nil, nil, err
	}
	own := at.Evidence()
	if name != "" {
		if own, err = store.NewRecords(name, store.OCIOptions{}); err != nil {
			return nil, nil, err
		}
	}
	return both{d.pushed(r), own}, func() ([]gate.Store, error) { return where.Earlier(ctx, own) }, nil
}

// subjects are the artifacts that the run has attested under names of the policy, and those of the release sets that an
// earlier job of this attempt has signed for the environment: artifacts that were built elsewhere. What an earlier
// attempt attested counts too: the jobs that made it did not run again.
func (d *Decider) subjects(
	ctx context.Context, w keep.Waiting, rule *Rule, verifiers map[string]*sigstore.Verifier,
) ([]subject.Subject, error) {
	all, err := d.Keep.OfRun(ctx, w.Repository, w.Run)
	if err != nil {
		return nil, err
	}
	var out []subject.Subject
	add := func(s subject.Subject) {
		same := func(x subject.Subject) bool { return x.Name == s.Name && x.Digest == s.Digest }
		if !slices.ContainsFunc(out, same) {
			out = append(out, s)
		}
	}
	for _, e := range all {
		switch {
		case e.Attempt > w.Attempt:
		case e.Type == statement.ReleaseV1 && e.Attempt == w.Attempt:
			set, err := releaseSet(verifiers, e.Body)
			if err != nil {
				return nil, err
			}
			here := func(p statement.Place) bool { return p.Name == w.Environment }
			if slices.ContainsFunc(set.Environments, here) {
				for _, a := range set.Artifacts {
					add(a)
				}
			}
		case dialect.IsProvenance(e.Type):
			for _, a := range e.About {
				if digest, err := subject.ParseDigest(a.Digest); err == nil && rule.Fits(a.Name) {
					add(subject.Subject{Name: a.Name, Digest: digest})
				}
			}
		}
	}
	return out, nil
}

// releaseSet is the release set that a bundle holds, verified under the policy that counts now.
func releaseSet(verifiers map[string]*sigstore.Verifier, raw []byte) (statement.Set, error) {
	v, err := gate.Verified(verifiers, raw)
	if err != nil {
		return statement.Set{}, fault.Errorf("a release set of the run: %w", err)
	}
	st, _ := v.Statement()
	set, err := st.Set()
	if err != nil {
		return set, fault.Errorf("a release set of the run: %w", err)
	}
	return set, nil
}

// recorded writes down what a verdict rests on.
func (d *Decider) recorded(
	w keep.Waiting, rule *Rule, anchors []gate.Anchor, in *policy.Input, v verdict.Verdict,
) (*judgement, error) {
	shown := gate.Asking(v, d.URL)
	j := &judgement{verdict: shown, rule: rule, missing: lacks(v)}
	var err error
	if j.kept, err = in.JSON(); err != nil {
		return nil, err
	}
	j.input = subject.Sum(j.kept)
	core := policy.NewCore(in, v, j.input)
	digest, err := core.Digest()
	if err != nil {
		return nil, err
	}
	rec := report.NewRecord(d.Program, shown)
	rec.Policy = &report.Policy{File: rule.File, Digest: rule.Digest}
	rec.Rules, rec.Input, rec.Core = policy.Rules, &j.input, &digest
	rec.Home = w.Host + "/" + w.Name
	rec.Run = fmt.Sprintf("%s/actions/runs/%d/attempts/%d", rec.Home, w.Run, w.Attempt)
	for _, a := range anchors {
		rec.TrustedRoots = append(rec.TrustedRoots, report.TrustedRoot{Name: a.Trust.String(), Digest: a.Root.Digest()})
	}
	rec.Stamp(in.Now)
	var b bytes.Buffer
	if err := report.JSON(&b, rec); err != nil {
		return nil, err
	}
	j.record = b.Bytes()
	for _, c := range in.Candidates {
		if s := c.Subject.Digest.String(); !slices.Contains(j.subjects, s) {
			j.subjects = append(j.subjects, s)
		}
	}
	return j, nil
}

// lacks reports whether a verdict denies for nothing but evidence that is not there yet.
func lacks(v verdict.Verdict) bool {
	denies := v.Of(verdict.Deny)
	other := func(f verdict.Finding) bool { return f.Code != fault.EvidenceMissing }
	return len(denies) > 0 && !slices.ContainsFunc(denies, other)
}

// first is the finding that people are shown first.
func first(v verdict.Verdict, o verdict.Outcome) verdict.Finding {
	for _, f := range v.Of(o) {
		return f
	}
	return verdict.Finding{}
}
