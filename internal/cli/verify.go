package cli

import (
	"errors"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// verifyInputs is what verify alone is told.
type verifyInputs struct {
	Identity      string `input:"certificate-identity"`
	Pattern       string `input:"certificate-identity-pattern"`
	Issuer        string `input:"certificate-oidc-issuer"`
	Key           string `input:"key"`
	Log           string `input:"log"`
	Intermediates string `input:"intermediates"`
	For           string `input:"for"`

	RepositoryID string `input:"repository-id"`
	Owner        string `input:"owner"`
	Workflow     string `input:"workflow"`
	Signer       string `input:"signer"`
	Predicate    string `input:"predicate-type"`
	Entered      string `input:"entered"`
}

// verifyCommand judges evidence: under a policy, or for one signer.
func verifyCommand(r *run, in verifyInputs) (answer, error) {
	var rec report.Record
	path := ""
	if r.platform != nil {
		path = inputs.VerdictPath
		if err := remove(path, r.component.Tests()); err != nil {
			return answer{}, err
		}
	}
	if err := errors.Join(r.vacate(), r.identifyNamed()); err != nil {
		return answer{}, err
	}
	named, err := r.asksFor(in)
	if err != nil {
		return answer{}, err
	}
	c, err := r.subjects(anywhere)
	if err != nil {
		return answer{}, err
	}
	if len(r.in.Store)+len(r.in.Bundle) == 0 {
		r.in.Store = []string{"auto"}
	}
	if r.in.Policy != "" {
		rec, err = r.verifyPolicy(in, named, c)
	} else {
		rec, err = r.verifySigner(in, named, c)
	}
	if err == nil {
		err = r.keepJudged()
	}
	if err != nil {
		return answer{}, err
	}
	if r.platform == nil {
		return answer{verdict: rec.Outcome}, r.print(rec)
	}
	if _, err = keep(rec, path); err == nil {
		err = r.keepTests(rec)
	}
	if err == nil {
		err = errors.Join(r.output("verdict", path), r.output("outcome", rec.Outcome.String()))
	}
	if err == nil {
		err = r.publish(rec)
	}
	if err != nil {
		return answer{}, errors.Join(err, r.withdraw(), remove(path, r.component.Tests()))
	}
	return answer{verdict: rec.Outcome}, nil
}

func (r *run) verifyPolicy(in verifyInputs, named sought, c chosen) (report.Record, error) {
	for _, other := range []struct{ input, is string }{
		{"certificate-identity", in.Identity}, {"certificate-identity-pattern", in.Pattern},
		{"certificate-oidc-issuer", in.Issuer}, {"key", in.Key}, {"repository-id", in.RepositoryID}, {"owner", in.Owner},
		{"workflow", in.Workflow}, {"signer", in.Signer}, {"predicate-type", in.Predicate}, {"entered", in.Entered},
	} {
		if other.is != "" {
			return report.Record{}, usage("--%s and --policy exclude each other: the policy says who may have signed",
				other.input)
		}
	}
	for _, other := range []string{"sigstore", "log", "intermediates"} {
		if r.flagged(other) {
			return report.Record{}, usage("--%s and --policy exclude each other: the policy says under which trust evidence verifies", other)
		}
	}
	p, err := r.policy()
	if err != nil {
		return report.Record{}, err
	}
	if _, ok := p.Environment(in.For); !ok && in.For != "" {
		return report.Record{}, unknownEnvironment("for", in.For, p)
	}
	if in.For == "" && r.in.Format == "text" && !p.OnlyProvenance() {
		r.say("provenance alone is looked for; --for ENVIRONMENT judges all evidence that it requires")
	}
	if err := r.reachUnder(p, named); err != nil {
		return report.Record{}, err
	}
	return r.judge(p, report.Policy{File: r.in.Policy, Digest: p.Digest}, c, "", in.For)
}

func (r *run) verifySigner(in verifyInputs, named sought, c chosen) (report.Record, error) {
	if in.For != "" {
		return report.Record{}, usage("--for names an environment of a policy; give the policy with --policy")
	}
	for _, kept := range []struct{ input, is string }{{"input", r.in.Input}, {"keep-evidence", r.in.KeepEvidence}} {
		if kept.is != "" {
			return report.Record{}, usage("--%s keeps what is judged under a policy; give the policy with --policy", kept.input)
		}
	}
	want, err := in.expectation(named)
	if err != nil {
		return report.Record{}, err
	}
	if err := r.reach(in, named); err != nil {
		return report.Record{}, err
	}
	stores, err := r.stores(c)
	if err != nil {
		return report.Record{}, err
	}
	t, err := r.signerTrust(in)
	if err != nil {
		return report.Record{}, err
	}
	defer r.progress("collecting and verifying the evidence of " + plural(len(c.list), "artifact"))()
	evidence, err := gate.Collect(r.ctx, stores, c.list)
	if err != nil {
		return report.Record{}, err
	}
	candidates, err := r.verified(c, evidence, want, t)
	if err != nil {
		return report.Record{}, err
	}
	judged := policy.EvaluateSigner(want, candidates)
	judged.PassedOver = gate.Told(evidence.Passed)
	return r.record(judged, t.named), nil
}

// signerTrust is the trusted root that evidence of a signer has to verify under.
func (r *run) signerTrust(in verifyInputs) (*anchors, error) {
	root, profile, err := r.signerRoot(in)
	if err != nil {
		return nil, err
	}
	v, err := signerVerifier(in, root, profile)
	if err != nil {
		return nil, r.advised(err, nil)
	}
	t := &anchors{verifiers: map[string]*sigstore.Verifier{profile.Name: v}}
	if root != nil {
		t.add(policy.Trust{Name: profile.Name}, root)
	}
	return t, nil
}

// verified verifies evidence under what is trusted. Evidence of the platform's own Sigstore
// instance is verified under that one too, where it counts: its trusted root is fetched
// when there is some.
func (r *run) verified(c chosen, evidence gate.Evidence, want policy.Expectation, t *anchors) ([]policy.Candidate, error) {
	workers, err := r.workers()
	if err != nil {
		return nil, err
	}
	own := false
	check := gate.Checker{
		Waits: waitsFor(want), Verifiers: t.verifiers, Files: c.sums, Workers: workers,
		Next: func(x *sigstore.Rejection) string {
			own = own || want.Built != nil && want.Built.Own != "" && issuer(x) == want.Built.Own
			return r.next(x, nil)
		},
	}
	candidates, err := gate.Verify(c.list, evidence, check)
	if err != nil || !own || r.in.Offline || policy.EvaluateSigner(want, candidates).Outcome() == verdict.Allow {
		return candidates, err
	}
	p := forges.Profiles()[want.Built.Own]
	if t.verifiers[p.Name] != nil {
		return candidates, nil
	}
	root, err := r.profileRoot(p)
	if err != nil {
		return nil, err
	}
	if t.verifiers[p.Name], err = sigstore.NewVerifier(root, p.Require); err != nil {
		return nil, r.advised(err, nil)
	}
	t.add(policy.Trust{Name: p.Name}, root)
	return gate.Verify(c.list, evidence, check)
}

func (in verifyInputs) expectation(named sought) (policy.Expectation, error) {
	if in.Key != "" {
		if in.Identity+in.Pattern+in.Issuer != "" {
			return policy.Expectation{}, usage("--key and --certificate-… exclude each other")
		}
		if in.built() {
			return policy.Expectation{}, usage("--key accepts what a key signed, and says nothing about where it was built: " +
				"with it, --repository says where evidence is, and the flags about a build have nothing to compare")
		}
		return policy.Expectation{Key: true, Unlogged: in.Log == "none"}, nil
	}
	if named.built != nil {
		return policy.NewBuiltExpectation(in.Identity, in.Pattern, *named.built)
	}
	if in.Identity+in.Pattern == "" {
		hint := "give --repository, or --policy, or --certificate-identity with --certificate-oidc-issuer, or --key"
		if in.Issuer != "" {
			hint = "give --certificate-identity, or --certificate-identity-pattern, as well"
		}
		return policy.Expectation{}, fault.New(fault.Usage, fault.Config, hint, "nobody is named who may have signed")
	}
	f, _ := forges.Of(in.Issuer)
	return policy.NewExpectation(in.Identity, in.Pattern, in.Issuer, f)
}

// waitsFor tells the bundles of the signer who is waited for from those of others.
func waitsFor(e policy.Expectation) func(sigstore.Glimpse) bool {
	return func(g sigstore.Glimpse) bool {
		if e.Key || g.Keyed {
			return e.Key && g.Keyed
		}
		if e.Built != nil {
			return e.Built.Names(g.Holds)
		}
		if e.Pattern == nil && !g.Holds(e.Identity) {
			return false
		}
		s, ok := g.Claimed()
		return ok && e.Waits(s)
	}
}

// signerRoot chooses the trusted root without a policy, and what bundles have to
// bring: what the instance gives, or less where --log says so.
func (r *run) signerRoot(in verifyInputs) (*sigstore.TrustedRoot, sigstore.Profile, error) {
	p, known := forges.Profiles()[r.in.Sigstore]
	path := r.in.TrustedRoot
	if !known && path == "" {
		return nil, p, usage("--sigstore %s needs --trusted-root", r.in.Sigstore)
	}
	if !known {
		p.Require = sigstore.Transparent
	}
	switch in.Log {
	case "promise":
		p.Require.Proofs = false
	case "none":
		p.Require = sigstore.Unlogged
	}
	p.Require.Intermediates = in.Intermediates == "bundle"
	if in.Key != "" && p.Require.Intermediates {
		return nil, p, usage("--key accepts what a key signed, and --intermediates belongs to certificates")
	}
	if in.Key != "" && in.Log == "none" {
		if path != "" {
			return nil, p, usage("--key with --log none needs no trusted root; leave --trusted-root out")
		}
		return nil, p, nil
	}
	if path == "" {
		root, err := r.profileRoot(p)
		return root, p, err
	}
	p.Name = path
	raw, err := content(path, sigstore.MaxRootBytes)
	if err != nil {
		return nil, p, err
	}
	root, err := sigstore.ParseTrustedRoot(raw)
	return root, p, err
}

func signerVerifier(in verifyInputs, root *sigstore.TrustedRoot, p sigstore.Profile) (*sigstore.Verifier, error) {
	path := in.Key
	if path == "" {
		return sigstore.NewVerifier(root, p.Require)
	}
	pem, err := content(path, gate.MaxKeyBytes)
	if err != nil {
		return nil, err
	}
	require := sigstore.Requirements{Logs: 1, Proofs: p.Require.Proofs}
	if in.Log == "none" {
		require = sigstore.Requirements{}
	}
	return sigstore.NewKeyVerifier(root, pem, require)
}
