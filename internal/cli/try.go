package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/origin"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/trial"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// tryInputs is what try alone is told.
type tryInputs struct {
	Root     string   `input:"root"`
	Image    []string `input:"image"`
	Releases string   `input:"last"`
	Issuer   string   `input:"certificate-oidc-issuer"`
}

// tryCommand says what a gate would have said of the last releases. It writes nothing, and
// decides nothing.
func tryCommand(r *run, in tryInputs) (answer, error) {
	at, named, err := r.tried(in.Root)
	if err != nil {
		return answer{}, err
	}
	r.in.Sigstore = usualTrust
	f, err := r.forgeOf(at.Host, in.Issuer)
	if err != nil {
		return answer{}, unasked(err)
	}
	if err := short(f, r.in.Repository); err != nil {
		return answer{}, err
	}
	d, err := r.openTrial(f, at.Path, named)
	if err != nil {
		return answer{}, err
	}
	r.at, r.home = d, at.URI()
	want, err := policy.NewBuiltExpectation("", "", policy.Built{Forge: f, Repository: at.Path, Own: r.ownToTry(f)})
	if err != nil {
		return answer{}, err
	}
	many, err := strconv.Atoi(in.Releases)
	if err != nil || many < 1 || many > 9 {
		return answer{}, usage("--last %q, want a number from 1 to 9", in.Releases)
	}
	j := &trialJudge{r: r, forge: f, want: want, images: in.Image}
	if r.in.TrustedRoot+r.in.TUFRoot != "" { // without them, it is fetched when there is something to verify
		if j.trust, err = r.trialTrust(); err != nil {
			return answer{}, err
		}
	}
	p, token := asTrial(d)
	end := r.progress("asking the platform about the last releases")
	got, err := trial.Look(r.ctx, platformOf{p, j}, j, trial.Options{
		Releases: many, Builds: builds(in.Root, f), Lines: attestLines(f)})
	end()
	if err != nil {
		return answer{}, unasked(err)
	}
	got.Token = token
	if r.in.Format == "json" {
		return done, report.Document(r.Stdout, got)
	}
	return done, report.TrialText(r.Stdout, got)
}

// tried is the repository that is looked at; named says that the call names it.
func (r *run) tried(root string) (at origin.Repository, named bool, err error) {
	if r.in.Repository != "" {
		at, _, err = r.addresses("")
		return at, true, err
	}
	all, err := r.remotes(root)
	if err != nil {
		return at, false, err
	}
	x, err := origin.Usual(all)
	if err != nil {
		f := fault.Of(err)
		return at, false, fault.New(f.Kind, f.Code, nameRepository, "%w", err)
	}
	return x.Repository, false, nil
}

// short refuses an address of a page within a repository.
func short(f policy.Forge, address string) error {
	at, err := origin.Parse("https://" + strings.TrimPrefix(address, "https://"))
	if address != "" && err == nil && f.Mark == "/" && strings.Count(at.Path, "/") != 1 {
		return usage("--repository %q, want HOST/OWNER/NAME", address)
	}
	return nil
}

// withoutOwnToken is the environment without SALLYPORT_TOKEN, which names no server: it is for
// a platform that somebody else chose.
func (r *run) withoutOwnToken(name string) string {
	if name == "SALLYPORT_TOKEN" {
		return ""
	}
	return r.Getenv(name)
}

// openTrial opens the door. The remote is the choice of the person who made the clone: a platform
// that is not well known gets only tokens that name its server.
func (r *run) openTrial(f policy.Forge, path string, named bool) (door, error) {
	if r.platform != nil {
		return r.elsewhere(f, path)
	}
	getenv := r.Getenv
	if !named && !forges.WellKnown(f.Host) {
		getenv = r.withoutOwnToken
	}
	d, err := r.openWith(getenv, f, path)
	needs(d, r.tokenFor(f, path))
	return d, err
}

// ownToTry is the platform's own Sigstore instance, unless the call says which root counts.
func (r *run) ownToTry(f policy.Forge) string {
	if r.in.TrustedRoot != "" {
		return ""
	}
	return ownInstance(f)
}

// unasked is the fault of a platform that could not be asked. Whatever else it is, nothing
// is known then, and nobody is denied anything.
func unasked(err error) error {
	f := fault.Of(err)
	if f.Kind == fault.Usage || f.Kind == fault.Internal {
		return err
	}
	return fault.New(fault.Unavailable, f.Code, f.Hint, "%w", err)
}

// trialJudge judges one digest after the other.
type trialJudge struct {
	r      *run
	forge  policy.Forge
	want   policy.Expectation
	images []string
	trust  *anchors
	home   trial.Home
	at     map[string]*places.OCI // registries of images, by digest
}

// platformOf tells the judge what the repository is, once the platform has said it.
type platformOf struct {
	trial.Platform
	j *trialJudge
}

// Self says what the repository is.
func (p platformOf) Self(ctx context.Context) (trial.Home, error) {
	h, err := p.Platform.Self(ctx)
	p.j.home = h
	return h, err
}

// Judge fetches the evidence about a digest and verifies it.
func (j *trialJudge) Judge(ctx context.Context, s subject.Subject) (trial.Judged, error) {
	stores := []gate.Store{j.r.at.evidence()}
	if at := j.at[s.Digest.String()]; at != nil {
		stores = append(stores, at)
	}
	evidence, err := gate.Collect(ctx, stores, []subject.Subject{s})
	if err != nil || len(evidence.Items) == 0 {
		return trial.Judged{Code: fault.EvidenceMissing, Why: "no evidence is about it"}, err
	}
	if j.trust == nil {
		if j.trust, err = j.r.trialTrust(); err != nil {
			e := fault.Of(err) // not the platform: what it answered is not in question
			return trial.Judged{}, fault.New(e.Kind, e.Code, e.Hint, "Sigstore's trusted root: %w", err)
		}
	}
	candidates, err := j.r.verified(chosen{list: []subject.Subject{s}}, evidence, j.want, j.trust)
	if err != nil {
		return trial.Judged{}, err
	}
	return j.judged(candidates[0], len(evidence.Items)), nil
}

// trialTrust is what evidence has to verify under. A trusted root that the call names stands
// for the instance that a starter policy names.
func (r *run) trialTrust() (*anchors, error) {
	t, err := r.signerTrust(verifyInputs{Log: "proof", Intermediates: "root"})
	if err != nil {
		return nil, err
	}
	for _, v := range t.verifiers {
		t.verifiers = map[string]*sigstore.Verifier{usualTrust: v}
	}
	return t, nil
}

// usualTrust is the instance that a starter policy names.
const usualTrust = "public-good"

// judged says what the evidence about one digest came to.
func (j *trialJudge) judged(c policy.Candidate, bundles int) trial.Judged {
	out := trial.Judged{Bundles: bundles}
	for _, f := range c.Facts {
		built, listed := policy.Tells(f.Statement.PredicateType)
		out.Provenance, out.Listed = out.Provenance || built, out.Listed || listed
	}
	v := policy.EvaluateSigner(j.want, []policy.Candidate{c}).Judgements[0]
	if v.Outcome() != verdict.Allow {
		f := v.Findings[0]
		out.Code, out.Why, out.Hint = f.Code, f.Reason, f.Hint
		out.Starter = trial.Starter{Code: f.Code, Why: f.Reason, Hint: f.Hint}
		return out
	}
	for _, f := range c.Facts {
		if f.StatementHash.String() == v.Evidence[0].Statement {
			out.Verified, out.Signer, out.Commit = true, j.signer(f.Signer), f.Signer.Commit
			out.Starter = j.starter(c, f)
			return out
		}
	}
	return out
}

// signer is who signed, in words.
func (j *trialJudge) signer(s statement.Signer) string {
	file, ref, _ := strings.Cut(strings.TrimPrefix(s.ConfigURI, s.Repository+j.forge.Mark), "@")
	out := fmt.Sprintf("workflow %s at %s", file, ref)
	if s.SignerURI != s.ConfigURI {
		out += ", by way of " + strings.TrimPrefix(s.SignerURI, j.forge.Host+"/")
	}
	if s.Event != "" {
		out += ", started by " + s.Event
	}
	if s.Runner != "" {
		out += ", on a runner of class " + s.Runner
	}
	return out
}

// starterPolicy is a policy that names what is usual: this repository, the workflow of the
// evidence, the default branch and the tags.
const starterPolicy = `version: 1
artifacts:
  app:
    subject: ["sha256:*"]
    trust: %s
    built-by:
      - issuer: %s
        repository: %s
        repository-id: %s
        workflow: %q
        refs: [%q, "refs/tags/*"]
environments:
  production:
    requires:
      provenance:
`

// starter judges a candidate under a policy that a beginner would write.
func (j *trialJudge) starter(c policy.Candidate, f policy.Fact) trial.Starter {
	file, _, _ := strings.Cut(strings.TrimPrefix(f.Signer.ConfigURI, f.Signer.Repository+j.forge.Mark), "@")
	trust := usualTrust
	if j.want.Built.Own != "" && f.Trust == j.want.Built.Own {
		trust = j.want.Built.Own
	}
	text := fmt.Sprintf(starterPolicy, trust, j.forge.Issuer, j.want.Built.Repository, j.home.ID, file, "refs/heads/"+j.home.Branch)
	p, err := j.r.parsed("starter.yaml", []byte(text))
	if err != nil {
		e := fault.Of(err)
		return trial.Starter{Code: e.Code, Why: e.Error(), Hint: e.Hint}
	}
	v := policy.Evaluate(policy.Input{Policy: p, Candidates: []policy.Candidate{c}, Now: j.r.now})
	x := v.Judgements[0]
	if x.Outcome() == verdict.Allow {
		return trial.Starter{Allow: true}
	}
	for _, m := range x.Findings {
		if m.Outcome != verdict.Allow {
			return trial.Starter{Code: m.Code, Why: fmt.Sprintf("%s: found %s, wanted %s", m.Reason, m.Found, m.Wanted), Hint: m.Hint}
		}
	}
	return trial.Starter{Code: fault.InternalError}
}

// Images resolves the tag of a release in the registries that the call names, with and
// without its v.
func (j *trialJudge) Images(ctx context.Context, tag string) (out []trial.File, unseen []string) {
	for _, name := range j.images {
		if tag == "" {
			continue
		}
		found := false
		var last error
		for _, t := range []string{tag, strings.TrimPrefix(tag, "v")} {
			sel, err := subject.Parse([]string{"oci://" + name + ":" + t})
			if err != nil {
				last = err
				continue
			}
			c := chosen{}
			images, err := j.r.images(&c, sel)
			if err != nil || len(images) == 0 {
				last = err
				continue
			}
			if j.at == nil {
				j.at = map[string]*places.OCI{}
			}
			j.at[images[0].Digest.String()] = c.oci
			out = append(out, trial.File{Name: name + ":" + t, Kind: "image", Digest: images[0].Digest.String()})
			found = true
			break
		}
		if !found {
			why := "it is not there"
			if last != nil {
				e := fault.Of(last)
				why = e.Error()
			}
			unseen = append(unseen, fmt.Sprintf("image %s:%s: %s", name, tag, why))
		}
	}
	return out, unseen
}
