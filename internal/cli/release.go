package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// maxVersion bounds what people have to type to approve a release, in bytes.
const maxVersion = 100

// releaseInputs is what release alone is told.
type releaseInputs struct {
	Version string `input:"version"`
}

// releaseCommand names what is released together.
func releaseCommand(r *run, in releaseInputs) (answer, error) {
	if r.platform == nil {
		return answer{}, fault.New(fault.Usage, fault.Config, "run it in a job of the build; sallyport-lab runs one on this machine",
			"a release is named by the workflow that builds it, and no platform runs this")
	}
	p, err := r.policy()
	if err != nil {
		return answer{}, err
	}
	if err := r.identify(p.Instances()); err != nil {
		return answer{}, err
	}
	c, err := r.subjects(workspace)
	if err == nil {
		err = c.sha256()
	}
	if err != nil {
		return answer{}, err
	}
	token, err := r.identityToken()
	if err != nil {
		return answer{}, err
	}
	set, err := r.releaseSet(in.Version, p, c, token)
	if err != nil {
		return answer{}, err
	}
	predicate, err := set.JSON()
	if err != nil {
		return answer{}, err
	}
	digest := statement.ReleaseDigest(c.list, predicate)
	said := r.progress("signing")
	defer said()
	last := []subject.Subject{statement.ReleaseSubject(set.Version, digest)}
	receipt, err := r.signStatement(c, token, statement.ReleaseV1, predicate, last, attest.Job(forges.Of))
	if err != nil {
		return answer{}, err
	}
	if err := r.released(set, c, digest, receipt); err != nil {
		return answer{}, err
	}
	r.push()
	return done, nil
}

// releaseSet says what is released, after it was made sure that the evidence
// lets it in where it shall go.
func (r *run) releaseSet(version string, p *policy.Policy, c chosen, token string) (statement.Release, error) {
	// An approval has the release and each environment among its subjects as well.
	if most := statement.MaxSubjects - 1 - len(r.in.Environments); len(c.list) > most {
		return statement.Release{}, fault.New(fault.Refused, fault.Limit, "make several releases",
			"%d artifacts in one release, at most %d are allowed", len(c.list), most)
	}
	if v := version; report.Plain(v) != v || strings.TrimSpace(v) != v || len(v) > maxVersion {
		return statement.Release{}, usage("--version %q: people have to read and type it; want at most %d printable characters", v, maxVersion)
	}
	life, err := policy.ParseAge(r.in.Expires)
	if err != nil {
		return statement.Release{}, usage("--expires: %v", err)
	}
	// Making the provenance holds the token against the job that it is used in.
	if _, err := r.platform.Provenance(token, nil); err != nil {
		return statement.Release{}, err
	}
	repository, requester := r.platform.Origin()
	set := statement.Release{
		Version: version, Repository: repository, Policy: statement.DigestSet{SHA256: p.Digest.Hex()},
		Run: r.platform.Run(), Requester: requester, IssuedAt: stamp(r.now), ExpiresAt: stamp(r.now.Add(life)),
	}
	g, _, err := r.gate(p, c, r.at)
	if err != nil {
		return set, err
	}
	g.Deciding = true // it names what shall enter; another run may deploy it
	var looks []policy.Input
	for i, name := range r.in.Environments {
		if slices.Contains(r.in.Environments[:i], name) {
			return set, usage("--environments names %q twice", name)
		}
		in, err := r.look(g, p, c, name)
		if err != nil {
			return set, err
		}
		if lacking := policy.Lacking(in); len(lacking) > 0 {
			f := lacking[0]
			return set, fault.New(kindOf(f), f.Code, f.Hint, "%q could not enter %q: %s", c.list[0].Name, name, f.Reason)
		}
		set.Environments = append(set.Environments, statement.Place{Name: name, ID: in.Protection.ID})
		looks = append(looks, in)
	}
	set.Evidence = seen(looks)
	for _, in := range looks {
		set.Shown, set.Entered = append(set.Shown, policy.Shown(in)...), append(set.Entered, policy.Latest(in)...)
	}
	return set, nil
}

// seen lists the evidence of all environments, each once.
func seen(looks []policy.Input) []statement.DigestSet {
	out := []statement.DigestSet{}
	for _, in := range looks {
		for _, d := range policy.Seen(in) {
			if !slices.Contains(out, d) {
				out = append(out, d)
			}
		}
	}
	return out
}

// gate returns the gate of this command, which asks at, and the trusted roots
// that it verifies under.
func (r *run) gate(p *policy.Policy, c chosen, at door) (*gate.Gate, []report.TrustedRoot, error) {
	trust, err := r.policyTrust(p, r.in.Policy)
	if err != nil {
		return nil, nil, err
	}
	stores, err := r.stores(c)
	if err != nil {
		return nil, nil, err
	}
	workers, err := r.workers()
	if err != nil {
		return nil, nil, err
	}
	g := &gate.Gate{
		Policy: p, Stores: stores, Verifiers: trust.verifiers, Guard: r.doors(at, p), Files: c.sums, Open: c.open, Workers: workers, Now: r.now,
		Next: func(x *sigstore.Rejection) string { return r.next(x, p) }, Home: r.home, Read: readPolicy, File: r.policyPath(), Roots: r.rootsBefore,
	}
	return g, trust.named, nil
}

// looksIntoRecord lets a gate look for entries, where they are kept.
func (r *run) looksIntoRecord(g *gate.Gate, at door) error {
	kept, err := r.records(at)
	if kept != nil {
		g.Records, g.Before = kept, func() ([]gate.Store, error) { return r.recordsBefore(at) }
	}
	return err
}

// look gathers what is known about entering an environment.
func (r *run) look(g *gate.Gate, p *policy.Policy, c chosen, name string) (policy.Input, error) {
	if _, ok := p.Environment(name); !ok {
		return policy.Input{}, usage("the policy has no environment %q", name)
	}
	if err := r.looksIntoRecord(g, r.at); err != nil {
		return policy.Input{}, err
	}
	defer r.progress("collecting and verifying evidence for " + name)()
	return g.Look(r.ctx, c.list, name)
}

// kindOf is the kind of fault that a finding leads to: one that only lacks an answer
// refuses nothing.
func kindOf(f verdict.Finding) fault.Kind {
	if f.Code == fault.NotAvailable {
		return fault.Unavailable
	}
	return fault.Refused
}

// signStatement signs one statement about the artifacts of c and about what
// comes last, a release at least, checks it, and stores it.
func (r *run) signStatement(c chosen, token, kind string, predicate []byte, last []subject.Subject, check attest.Check, also ...attest.Sink) (attest.Receipt, error) {
	signing, verifier, err := r.instance(token)
	if err != nil {
		return attest.Receipt{}, err
	}
	sinks, err := r.sinks(c)
	if err != nil {
		return attest.Receipt{}, err
	}
	a := &attest.Attest{Signing: signing, Verifier: verifier, Token: token, Local: places.Dir{Path: r.in.BundleDir}, Sinks: append(sinks, also...), Check: check}
	receipts, err := a.Sign(r.ctx, append(slices.Clone(c.list), last...), kind, predicate)
	if err != nil {
		return attest.Receipt{}, err
	}
	r.saidNow = append(r.saidNow, receipts[0].Record.Bundle)
	return receipts[0], nil
}

func (r *run) released(set statement.Release, c chosen, digest subject.Digest, receipt attest.Receipt) error {
	var names []string
	for _, p := range set.Environments {
		names = append(names, p.Name)
	}
	end := r.platform.Group("sallyport: release " + set.Version)
	fmt.Fprintf(r.Stdout, "release   %s of %s, for %s\n", report.Plain(set.Version), plural(len(c.list), "artifact"), report.Plain(strings.Join(names, " and ")))
	at := ""
	if r.in.Server != "" {
		at = "--server " + r.in.Server + " "
	}
	fmt.Fprintf(r.Stdout, "  %s\n  approve it with  sallyport approve %s--release %s\n  kept in          %s\n", digest, at, digest, report.Plain(shortName(receipt.Local.ID)))
	for _, s := range receipt.Stored {
		fmt.Fprintf(r.Stdout, "  stored in        %s\n", report.Plain(s.Store))
	}
	end()
	var b strings.Builder
	fmt.Fprintf(&b, "### Sallyport: release %s, for %s\n\n| artifact | digest |\n|---|---|\n", report.Code(set.Version), report.Code(strings.Join(names, ", ")))
	for i, s := range c.list {
		if i == maxSummaryRows {
			fmt.Fprintf(&b, "| %d more | |\n", len(c.list)-maxSummaryRows)
			break
		}
		fmt.Fprintf(&b, "| %s | %s |\n", report.Code(s.Name), report.Code(s.Digest.String()))
	}
	fmt.Fprintf(&b, "\nApprove it until %s with the approve workflow, or at a terminal:\n\n```\nsallyport approve %s--release %s\n```\n", set.ExpiresAt, at, digest)
	if err := r.platform.Summary(b.String(), listed(c)); err != nil {
		return err
	}
	if err := r.output("release", digest.String()); err != nil {
		return err
	}
	return r.output("bundle-path", receipt.Local.ID)
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
