package cli

import (
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// signs reports whether this job signs what it lets into an environment: it is a job
// in it. why is the reason where it does not. Where the policy requires a record, a job
// that could sign and lacks a line is a fault, before anything is judged.
func (r *run) signs(p *policy.Policy, env string) (signs bool, why string, err error) {
	e, _ := p.Environment(env)
	within, known := r.platform.Within()
	if known && within != env {
		return false, "", nil // a job in it judges again and signs
	}
	if e.Record == policy.RecordOff {
		return known, "", nil
	}
	token, err := r.identityToken()
	told := r.in.SigningConfig != "" || r.in.TrustedRoot != "" || r.in.Authority != ""
	if err == nil && told {
		_, _, err = r.instance(token)
	}
	switch {
	case err == nil:
		return true, "", nil
	case told && known && fault.Of(err).Kind != fault.Unavailable:
		return false, "", err // the call says how to sign, and is wrong
	case e.Record == policy.RecordRequired:
		return false, "", fmt.Errorf(
			"the policy requires a record of what enters %q, which this job has to sign: %w",
			env,
			err,
		)
	}
	why = err.Error()
	if hint := fault.Of(err).Hint; hint != "" {
		why += "; " + hint + ", or write record: off"
	}
	return false, why, nil
}

// enters signs what rec lets in, where this job is to, and says so in rec. Where the
// policy requires the record, what is not signed and stored is an error, and nothing
// is passed on.
func (r *run) enters(p *policy.Policy, rec *report.Record, signs bool, why string) error {
	e, _ := p.Environment(rec.Environment)
	if !rec.Outcome.Allows() && !rec.Outcome.Watched || e.Record == policy.RecordOff && len(r.judged.InForce) == 0 {
		return nil // a last entry says that no record is kept any more
	}
	if !signs {
		if why != "" {
			rec.Entry = &report.Entry{Why: why}
		}
		return nil
	}
	entry, err := r.signEntry(p, *rec)
	switch {
	case err == nil:
		rec.Entry = entry
	case e.Record == policy.RecordRequired && !rec.Outcome.Watched:
		f := fault.Of(err)
		return fault.New(
			fault.Unavailable,
			fault.NotAvailable,
			r.orNameStore(f.Hint),
			"the entry into %q that the policy requires was not signed and stored: %w",
			rec.Environment,
			err,
		)
	default:
		rec.Entry = &report.Entry{Why: err.Error()}
	}
	return nil
}

// signEntry signs the entry, makes sure that the next gate will count it, and stores it
// on the platform.
func (r *run) signEntry(p *policy.Policy, rec report.Record) (*report.Entry, error) {
	entry, err := policy.Entering(
		r.judged,
		rec.Verdict,
		r.home,
		policy.Signing{Run: r.platform.Run(), Job: r.platform.Number()},
		*rec.Input,
		rec.Policy.Commit,
	)
	if err != nil {
		return nil, err
	}
	if rec.Core != nil {
		entry.Verdict = statement.DigestSet{SHA256: rec.Core.Hex()}
	}
	kept, err := r.records(r.at)
	if err != nil {
		return nil, err
	}
	a, err := r.attester(kept)
	if err != nil {
		return nil, err
	}
	x := proposal{inputs: []policy.Input{r.judged}}
	if entry.Approvers, err = r.approvers(&x, a.Token); err != nil {
		return nil, err
	}
	var evidence []statement.DigestSet
	for _, j := range rec.Judgements {
		for _, e := range j.Evidence {
			if d, err := subject.ParseDigest(e.Statement); err == nil {
				evidence = append(evidence, statement.DigestSet{SHA256: d.Hex()})
			}
		}
	}
	a.Check = r.signsFor(p, entry.Target)
	defer r.progress("signing the entry")()
	var receipt attest.Receipt
	if rec.Outcome.Watched {
		receipt, err = r.sign(a, statement.WatchedV1, statement.NewWatched(entry, r.Version, p.Digest,
			rec.Outcome.Outcome.String(), r.judged.Agreed(), r.now))
	} else {
		receipt, err = r.sign(a, statement.SummaryV1,
			statement.NewSummary(entry, r.Version, r.policyURI(rec.Policy.File), p.Digest, evidence, r.now))
	}
	if err != nil {
		return nil, err
	}
	signed, err := sigstore.ParseBundle(receipt.Record.Bundle)
	if err != nil {
		return nil, err
	}
	out := &report.Entry{Number: entry.Number, Watched: rec.Outcome.Watched, Statement: signed.ContentDigest(), Lists: x.lists}
	for _, s := range receipt.Stored {
		out.Stored = append(out.Stored, s.Store)
	}
	slices.Sort(out.Stored)
	return out, nil
}

// policyURI is where the policy is from: a file of the repository, or a server.
func (r *run) policyURI(file string) string {
	if r.ofServer != nil {
		return file
	}
	return r.home + "#" + file
}

// readPolicy reads the policy that an entry carries, or that the default branch has.
func readPolicy(source []byte) (*policy.Policy, error) {
	return (*run)(nil).parsed("the policy", source)
}
