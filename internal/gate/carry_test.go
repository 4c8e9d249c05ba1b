package gate_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// dockers is a policy about images that Docker's builder builds and signs.
const dockers = `version: 1
artifacts:
  app:
    subject: [ghcr.io/acme/app]
    trust: {root: trusted_root.json, sha256: %[1]x}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: acme/app
        repository-id: 1001
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
        signer: docker/github-builder/.github/workflows/build.yml@refs/tags/v1
        signer-digest: 0779f7bec68e2bf54a7b0a32bf4763f25ab29702
  example:
    subject: [ghcr.io/slsa-framework/example-package.verifier-e2e.all.tag.main.default.slsa3]
    trust: {root: trusted_root.json, sha256: %[1]x}
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: slsa-framework/example-package
        repository-id: 486325809
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
        signer: docker/github-builder/.github/workflows/build.yml@refs/tags/v1
        signer-digest: 0779f7bec68e2bf54a7b0a32bf4763f25ab29702
environments:
  production:
    repository-id: 1001
    requires:
      provenance: {max-age: 7d, inputs: none}
  any:
    repository-id: 1001
    requires:
      provenance:
  inventory:
    repository-id: 1001
    requires:
      provenance:
      https://spdx.dev/Document:
  loose:
    repository-id: 1001
    requires:
      provenance: {content: unchecked}
  mail:
    repository-id: 1001
    requires:
      provenance: {content: unchecked, signed-by: [{email: bot@acme.example, issuer: https://accounts.example}]}
`

// The job that every honest image of these tests was built in.
var job = labtest.Job{Repository: "acme/app", Commit: "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605", Run: "1000001/attempts/1"}

const imageName = "ghcr.io/acme/app:main"

// builders are the claims of jobs that sign.
var builders = map[string]map[string]any{
	"docker": {"job_workflow_ref": "docker/github-builder/.github/workflows/build.yml@refs/tags/v1",
		"job_workflow_sha": "0779f7bec68e2bf54a7b0a32bf4763f25ab29702"},
	"docker, another tag": {"job_workflow_ref": "docker/github-builder/.github/workflows/build.yml@refs/tags/v2",
		"job_workflow_sha": "0779f7bec68e2bf54a7b0a32bf4763f25ab29702"},
	"docker, the tag moved": {"job_workflow_ref": "docker/github-builder/.github/workflows/build.yml@refs/tags/v1",
		"job_workflow_sha": "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c"},
	"the repository itself": {},
	"a stranger":            {"repository": "evil/app", "repository_id": "666"},
	"docker, for a stranger": {"repository": "evil/app", "repository_id": "666",
		"job_workflow_ref": "docker/github-builder/.github/workflows/build.yml@refs/tags/v1",
		"job_workflow_sha": "0779f7bec68e2bf54a7b0a32bf4763f25ab29702"},
}

// A shop signs with the lab and judges under the policy.
type shop struct {
	t      testing.TB
	lab    *labtest.Lab
	policy *policy.Policy
	gate   gate.Gate
	config *sigstore.SigningConfig
}

func newShop(t testing.TB) shop {
	t.Helper()
	s := shop{t: t, lab: labtest.Shared(t)}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(s.lab.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	raw := read("trusted_root.json")
	root, err := sigstore.ParseTrustedRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sigstore.NewVerifier(root, sigstore.Transparent)
	if err != nil {
		t.Fatal(err)
	}
	if s.config, err = sigstore.ParseSigningConfig(read("signing_config.json")); err != nil {
		t.Fatal(err)
	}
	s.policy, err = policy.Read(fmt.Appendf(nil, dockers, sha256.Sum256(raw)), "policy.yaml", policy.Words{Forge: github.Forge})
	if err != nil {
		t.Fatal(err)
	}
	s.gate = gate.Gate{Policy: s.policy, Verifiers: map[string]*sigstore.Verifier{s.policy.Trusts()[0].ID(): v}, Now: time.Now()}
	return s
}

// in is s for a subtest.
func (s shop) in(t *testing.T) shop { s.t = t; return s }

// A signature is what a builder signs.
type signature struct{ builder, payload string }

var (
	signedMu sync.Mutex
	signed   = map[signature][]byte{} // bundles of the lab
)

// sign returns the bundles of signatures. The log closes a batch of entries at a
// time, so that many are signed as fast as one.
func (s shop) sign(all ...signature) [][]byte {
	s.t.Helper()
	var g errgroup.Group
	g.SetLimit(16)
	signedMu.Lock()
	defer signedMu.Unlock()
	var mu sync.Mutex
	for _, x := range all {
		if signed[x] != nil {
			continue
		}
		signed[x] = []byte{} // on its way
		claims := map[string]any{"repository": "acme/app", "repository_id": "1001"}
		maps.Copy(claims, builders[x.builder])
		token := s.lab.GitHubToken(s.t, "sigstore", claims)
		g.Go(func() error {
			b, err := sigstore.Sign(s.t.Context(), s.config, []byte(x.payload), token)
			mu.Lock()
			defer mu.Unlock()
			signed[x] = b
			return err
		})
	}
	if err := g.Wait(); err != nil {
		s.t.Fatal(err)
	}
	var out [][]byte
	for _, x := range all {
		out = append(out, signed[x])
	}
	return out
}

// A scene is what a registry hands over about one subject.
type scene struct {
	subject string // bytes of the index or image
	name    string // of the image, with its tag
	signed  []signature
	bundles [][]byte // besides those that are signed
	chains  []store.Chain
}

// found is what a store hands over.
func (s shop) found(x scene) store.Found {
	s.t.Helper()
	f := store.Found{Chains: x.chains}
	for _, b := range append(s.sign(x.signed...), x.bundles...) {
		f.Bundles = append(f.Bundles, store.Evidence{Bundle: b, Source: "registry"})
	}
	return f
}

// judge is the verdict about a scene; environment says what is required.
func (s shop) judge(x scene, environment string) verdict.Verdict {
	s.t.Helper()
	d := subject.Sum([]byte(x.subject))
	g := s.gate
	g.For, g.Stores = environment, []gate.Store{shelf{found: s.found(x)}}
	in, err := g.Look(s.t.Context(), []subject.Subject{{Name: cmp.Or(x.name, imageName) + "@" + d.String(), Digest: d}}, "")
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := gate.Decide(in)
	if err != nil {
		s.t.Fatal(err)
	}
	s.keeps(in, v)
	return v
}

// keeps wants what is kept of in to be judged as in was.
func (s shop) keeps(in policy.Input, want verdict.Verdict) {
	s.t.Helper()
	raw, err := in.JSON()
	if err != nil {
		s.t.Fatal(err)
	}
	again, err := policy.ReadInput(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := policy.Evaluate(again); !reflect.DeepEqual(got, want) {
		s.t.Errorf("judged again:\n got %+v\nwant %+v", got, want)
	}
}

// verify verifies a scene for those whom waits waits for.
func (s shop) verify(x scene, subjects []subject.Subject, waits func(sigstore.Glimpse) bool) []policy.Candidate {
	s.t.Helper()
	e, err := gate.Collect(s.t.Context(), []gate.Store{shelf{found: s.found(x)}}, subjects)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := gate.Verify(subjects, e, gate.Checker{Waits: waits, Verifiers: s.gate.Verifiers})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// add puts an attestation manifest into a scene, signed by a builder; "" is
// nobody.
func add(x *scene, b labtest.Built, builder string) {
	c := store.Chain{Index: []byte(x.subject), Manifest: []byte(b.Manifest)}
	for _, l := range b.Statements {
		c.Layers = append(c.Layers, []byte(l))
	}
	x.chains = append(slices.Clip(x.chains), c)
	if builder != "" {
		x.signed = append(slices.Clip(x.signed), signature{builder, labtest.SignPayload(b.Manifest)})
	}
}

// of is an index of images, each signed by a builder.
func of(index string, builder string, all ...labtest.Built) scene {
	x := scene{subject: index}
	for _, b := range all {
		add(&x, b, builder)
	}
	return x
}

func build(platform string, statements ...func(labtest.Built) string) labtest.Built {
	return labtest.BuildKit(job, imageName, platform, statements...)
}

// provenance is what BuildKit states, with one text of it replaced.
func provenance(old, new string) func(labtest.Built) string {
	return func(b labtest.Built) string {
		p := b.Provenance(job, imageName)
		if !strings.Contains(p, old) {
			panic("the provenance has no " + old)
		}
		return strings.ReplaceAll(p, old, new)
	}
}

// states is a statement of any predicate.
func states(predicateType, predicate string) func(labtest.Built) string {
	return func(b labtest.Built) string { return b.State(imageName, predicateType, predicate) }
}

const spdx = "https://spdx.dev/Document"

// refused are the findings that deny.
func refused(v verdict.Verdict) []verdict.Finding {
	var out []verdict.Finding
	for _, j := range v.Judgements {
		for _, f := range j.Findings {
			if f.Outcome != verdict.Allow {
				out = append(out, f)
			}
		}
	}
	return out
}

func (s shop) allowed(x scene, environment string) verdict.Verdict {
	s.t.Helper()
	v := s.judge(x, environment)
	if v.Outcome() != verdict.Allow {
		s.t.Fatalf("outcome = %v for %+v, with %+v, want allow", v.Outcome(), refused(v), v.Judgements[0].Rejections)
	}
	return v
}

// denied wants one reason, with its code and these words in it.
func (s shop) denied(x scene, environment string, code fault.Code, words ...string) {
	s.t.Helper()
	v := s.judge(x, environment)
	bad := refused(v)
	if v.Outcome() != verdict.Deny || len(bad) != 1 {
		s.t.Fatalf("outcome = %v for %+v, want deny with one reason", v.Outcome(), bad)
	}
	f := bad[0]
	text := f.Reason + " | " + f.Found
	for _, w := range words {
		if !strings.Contains(text, w) {
			s.t.Errorf("%s %q, want it to say %q", f.Code, text, w)
		}
	}
	if f.Code != code || f.Wanted == "" || f.Hint == "" || f.Found == "" {
		s.t.Errorf("finding = %+v, want %s with what was found, wanted and to do", f, code)
	}
}

func TestE07_an_index_of_dockers_builder_passes(t *testing.T) {
	s := newShop(t)
	amd, arm := build("linux/amd64"), build("linux/arm64")
	v := s.allowed(of(labtest.Index(amd, arm), "docker", amd, arm), "production")
	j := v.Judgements[0]
	if len(j.Evidence) != 2 || len(j.Rejections) != 0 {
		t.Fatalf("evidence = %+v, rejections %+v, want one piece for each image", j.Evidence, j.Rejections)
	}
	for i, b := range []labtest.Built{amd, arm} {
		want := "attestation manifest " + subject.Sum([]byte(b.Manifest)).String() + ", " + b.Platform
		if e := j.Evidence[i]; e.Via != want || e.PredicateType != "https://slsa.dev/provenance/v1" ||
			e.Statement != subject.Sum([]byte(labtest.SignPayload(b.Manifest))).String() || e.Commit != job.Commit {
			t.Errorf("evidence = %+v, want provenance via %s", e, want)
		}
		if !strings.Contains(j.Findings[0].Reason, "via "+want) {
			t.Errorf("reason %q does not name %s", j.Findings[0].Reason, want)
		}
	}
}

// The image of one platform passes where its attestation manifest names it.
func TestE07_an_image_passes_by_the_attestation_manifest_that_names_it(t *testing.T) {
	s := newShop(t)
	amd := build("linux/amd64")
	named := amd.Attest(amd.Digest())
	alone := func(b labtest.Built, builder string) scene {
		x := scene{subject: amd.Image}
		add(&x, b, builder)
		x.chains[0].Index = nil
		return x
	}
	s.allowed(alone(named, "docker"), "production")
	s.denied(alone(named, ""), "production", fault.EvidenceMissing, "nothing")
	s.denied(alone(amd, "docker"), "production", fault.EvidenceMissing) // it names no image
	s.denied(alone(amd.Attest(build("linux/arm64").Digest()), "docker"), "production", fault.EvidenceMissing)
	s.denied(alone(named, "the repository itself"), "production", fault.Identity, "another signing workflow")
	other := named
	other.Statements = build("linux/arm64").Statements
	s.denied(alone(other.Attest(amd.Digest()), "docker"), "production", fault.EvidenceMissing, "E_SUBJECT", "is about sha256:")
	// The index of the same image passes by the same manifest, and both at once.
	x := of(labtest.Index(named), "docker", named)
	s.allowed(x, "production")
	x.chains = append(x.chains, alone(named, "docker").chains...)
	s.allowed(x, "production")
}

// Every image of an index needs evidence of its own. Each entry spoils one of
// two, and the answer names it.
func TestE07_one_image_without_evidence_denies_the_index(t *testing.T) {
	s := newShop(t)
	amd, arm := build("linux/amd64"), build("linux/arm64")
	good := of(labtest.Index(amd, arm), "docker", amd, arm)
	s.allowed(good, "production")
	// with is the same index with another attestation manifest of the second image.
	with := func(b labtest.Built, builder string) scene {
		x := scene{subject: labtest.Index(amd, b)}
		add(&x, amd, "docker")
		add(&x, b, builder)
		return x
	}
	made := func(statements ...func(labtest.Built) string) labtest.Built {
		return build("linux/arm64", statements...)
	}
	entries := func(all ...string) scene { return of(labtest.IndexOf(all...), "docker", amd, arm) }
	evil := build("linux/evil")
	image := func(platform string) string { // an entry of an image that nobody has built
		e := strings.Replace(evil.Entry(), `"os":"linux","architecture":"evil"`, platform, 1)
		return strings.Replace(e, `,"platform":{}`, "", 1)
	}
	two := []string{amd.Entry(), arm.Entry(), amd.Reference(amd.Digest()), arm.Reference(arm.Digest())}
	s.allowed(entries(two...), "production")
	all := map[string]struct {
		scene scene
		code  fault.Code
		words []string
	}{
		"which nobody has signed":              {with(arm, ""), fault.EvidenceMissing, []string{"linux/arm64: no verified evidence", "nothing"}},
		"which the repository itself signed":   {with(arm, "the repository itself"), fault.Identity, []string{"linux/arm64: the evidence names another signing workflow"}},
		"which a stranger signed":              {with(arm, "docker, for a stranger"), fault.Identity, []string{"linux/arm64: ", "another repository", "evil/app"}},
		"which another version signed":         {with(arm, "docker, another tag"), fault.Identity, []string{"linux/arm64: the evidence names another signing workflow"}},
		"which a moved tag signed":             {with(arm, "docker, the tag moved"), fault.Identity, []string{"linux/arm64: the evidence names another commit of the signing workflow"}},
		"of another commit":                    {with(made(provenance(job.Commit, strings.Repeat("1", 40))), "docker"), fault.Source, []string{"linux/arm64: the provenance names", strings.Repeat("1", 40)}},
		"of another run":                       {with(made(provenance("runs/1000001", "runs/7")), "docker"), fault.Predicate, []string{"linux/arm64: the provenance names another builder"}},
		"of another repository":                {with(made(provenance("https://github.com/acme/app.git", "https://github.com/evil/app.git")), "docker"), fault.Source, []string{"linux/arm64"}},
		"with an input":                        {with(made(provenance(`"vcs:revision"`, `"build-arg:CFLAGS"`)), "docker"), fault.Source, []string{"linux/arm64: the build was given an input", "args.build-arg:CFLAGS"}},
		"with inputs that are left out":        {with(made(provenance(`"request":true`, `"request":false`)), "docker"), fault.Source, []string{"linux/arm64: the builder does not say which inputs"}},
		"under another name":                   {with(made(provenance("ghcr.io/acme/app", "ghcr.io/acme/app-debug")), "docker"), fault.SubjectMismatch, []string{"linux/arm64: these bytes were attested under another name"}},
		"of another builder's build type":      {with(made(provenance("https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md", "https://actions.github.io/buildtypes/workflow/v1")), "docker"), fault.Predicate, []string{"linux/arm64: the provenance is of a build type"}},
		"with an inventory alone":              {with(made(states(spdx, "{}")), "docker"), fault.Predicate, []string{"linux/arm64: the evidence is of another kind", spdx}},
		"with two provenances":                 {with(made(provenance("{", "{"), provenance("golang@1.21", "golang@1.22")), "docker"), fault.Predicate, []string{"linux/arm64: the attestation manifest holds more"}},
		"with two provenances, one in v0.2":    {with(made(provenance("{", "{"), states("https://slsa.dev/provenance/v0.2", "{}")), "docker"), fault.Predicate, []string{"linux/arm64: the attestation manifest holds more"}},
		"whose statement is about another":     {with(made(func(labtest.Built) string { return amd.Statements[0] }), "docker"), fault.EvidenceMissing, []string{"linux/arm64: ", "E_SUBJECT", "is about " + amd.Digest()}},
		"whose statement is about two":         {with(made(provenance(`"subject":[`, `"subject":[{"name":"x","digest":{"sha256":"`+amd.Digest()[7:]+`"}},`)), "docker"), fault.EvidenceMissing, []string{"linux/arm64: ", "E_SUBJECT", "is about " + amd.Digest()}},
		"whose statement has a member twice":   {with(made(provenance(`"predicateType":`, `"predicateType":"https://slsa.dev/provenance/v1","predicateType":`)), "docker"), fault.EvidenceMissing, []string{"linux/arm64: ", "E_MALFORMED"}},
		"whose statement has a new member":     {with(made(provenance(`"predicateType":`, `"x":1,"predicateType":`)), "docker"), fault.EvidenceMissing, []string{"linux/arm64: ", "E_MALFORMED"}},
		"whose statement is of another type":   {with(made(provenance("Statement/v0.1", "Statement/v0.9")), "docker"), fault.EvidenceMissing, []string{"linux/arm64: ", "E_STATEMENT"}},
		"whose statement is empty":             {with(made(func(labtest.Built) string { return "" }), "docker"), fault.EvidenceMissing, []string{"linux/arm64: "}},
		"that names another image":             {with(arm.Attest(amd.Digest()), "docker"), fault.EvidenceMissing, []string{"linux/arm64: "}},
		"swapped with the other":               {entries(amd.Entry(), arm.Entry(), amd.Reference(arm.Digest()), arm.Reference(amd.Digest())), fault.EvidenceMissing, []string{"no verified evidence"}},
		"missing":                              {entries(two[:3]...), fault.EvidenceMissing, []string{"linux/arm64: no verified evidence"}},
		"the same for both":                    {entries(two[0], two[1], two[2], amd.Reference(arm.Digest())), fault.EvidenceMissing, []string{"linux/arm64: ", "is about " + amd.Digest()}},
		"a third image":                        {entries(append(two, image(`"os":"linux","architecture":"s390x"`))...), fault.EvidenceMissing, []string{"linux/s390x: no verified evidence"}},
		"a third image without a platform":     {entries(append(two, image(""))...), fault.EvidenceMissing, []string{"the image without a platform, " + evil.Digest()}},
		"a third image of unknown platform":    {entries(append(two, image(`"os":"unknown","architecture":"unknown"`))...), fault.EvidenceMissing, []string{"unknown/unknown: no verified evidence"}},
		"a third of an evil platform":          {entries(append(two, image(`"os":"linux\nallowed","architecture":"x"`))...), fault.EvidenceMissing, []string{`the image of platform "linux\nallowed/x"`}},
		"an image that says that it attests":   {entries(append(two, strings.Replace(evil.Reference(amd.Digest()), `"os":"unknown"`, `"os":"linux"`, 1))...), fault.EvidenceMissing, []string{"linux/unknown: no verified evidence"}},
		"that attests another index's image":   {entries(append(two, evil.Reference(evil.Digest()))...), fault.EvidenceMissing, []string{"unknown/unknown: no verified evidence"}},
		"that attests itself":                  {entries(append(two, evil.Reference(subject.Sum([]byte(evil.Manifest)).String()))...), fault.EvidenceMissing, []string{"unknown/unknown: no verified evidence"}},
		"that attest each other":               {entries(append(two[:2:2], amd.Reference(subject.Sum([]byte(arm.Manifest)).String()), arm.Reference(subject.Sum([]byte(amd.Manifest)).String()))...), fault.EvidenceMissing, []string{"no verified evidence is about sha256:"}},
		"an index in the index":                {entries(append(two, strings.Replace(image(`"os":"linux","architecture":"s390x"`), labtest.ManifestType, labtest.IndexType, 1))...), fault.SubjectMismatch, []string{"linux/s390x is an index in the index"}},
		"an attested image, also as an index":  {entries(append(two, strings.Replace(arm.Entry(), labtest.ManifestType, labtest.IndexType, 1))...), fault.SubjectMismatch, []string{"linux/arm64 is an index in the index"}},
		"an image by another algorithm":        {entries(append(two, strings.Replace(image(`"os":"linux","architecture":"s390x"`), evil.Digest(), "sha512:"+strings.Repeat("a", 128), 1))...), fault.EvidenceMissing, []string{"linux/s390x: no verified evidence"}},
		"two images of one platform, one good": {entries(append(two, image(`"os":"linux","architecture":"amd64"`))...), fault.EvidenceMissing, []string{"linux/amd64: no verified evidence"}},
	}
	var sign []signature
	for _, c := range all {
		sign = append(sign, c.scene.signed...)
	}
	s.sign(sign...)
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			s.denied(c.scene, "production", c.code, c.words...)
		})
	}
}

// More than what is needed does not stand in the way.
func TestD06_junk_beside_the_attestation_manifests_denies_nothing(t *testing.T) {
	s := newShop(t)
	amd, arm := build("linux/amd64"), build("linux/arm64")
	junk := build("linux/amd64", states("https://slsa.dev/provenance/v1", `{"junk":true}`))
	second := build("linux/amd64", provenance("golang@1.21", "golang@1.22"))
	references := []string{amd.Entry(), arm.Entry(), junk.Reference(amd.Digest()), amd.Reference(amd.Digest()), arm.Reference(arm.Digest())}
	scenes := map[string]scene{
		"two attestation manifests by the builder": of(labtest.IndexOf(append(references, second.Reference(amd.Digest()))...), "docker", amd, arm, second),
		"one of them junk by the builder":          of(labtest.IndexOf(references...), "docker", amd, junk, arm),
		"the same image twice":                     of(labtest.IndexOf(append(references, amd.Entry())...), "docker", amd, arm),
		"the same attestation manifest twice":      of(labtest.IndexOf(append(references, amd.Reference(amd.Digest()))...), "docker", amd, arm),
		"an inventory beside the provenance": of(labtest.Index(build("linux/amd64", provenance("{", "{"), states(spdx, "{}"), states(spdx, `{"stage":2}`))), "docker",
			build("linux/amd64", provenance("{", "{"), states(spdx, "{}"), states(spdx, `{"stage":2}`))),
	}
	x := of(labtest.IndexOf(references...), "docker", amd, arm)
	var sign []signature
	for _, builder := range []string{"the repository itself", "docker, for a stranger"} {
		sign = append(sign, signature{builder, labtest.SignPayload(junk.Manifest)})
	}
	for _, x := range scenes {
		sign = append(sign, x.signed...)
	}
	s.sign(sign...)
	for name, x := range scenes {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			s.allowed(x, "production")
		})
	}
	for _, builder := range []string{"", "the repository itself", "docker, for a stranger"} {
		y := x
		add(&y, junk, builder)
		s.allowed(y, "production")
	}
	// Bytes that anybody may hand over, as chains and as bundles.
	y := x
	y.chains = append(slices.Clone(x.chains), store.Chain{}, store.Chain{Manifest: []byte("x")}, store.Chain{Index: []byte("{}"), Manifest: []byte("{}"), Layers: [][]byte{nil}},
		store.Chain{Index: []byte(labtest.Index(amd)), Manifest: []byte(amd.Manifest)}, store.Chain{Manifest: []byte(arm.Manifest)})
	y.bundles = [][]byte{[]byte("{}"), []byte("x")}
	y.signed = append([]signature{{"docker", labtest.SignPayload("another manifest")}}, x.signed...)
	s.allowed(y, "production")
	// The order of nothing matters.
	slices.Reverse(y.chains)
	slices.Reverse(y.signed)
	s.allowed(y, "production")
}

// Bundles of strangers about an attestation manifest cost what those about the
// image cost: they are counted. Nothing that the manifest carries is looked at
// for their sake.
func TestD06_ten_thousand_strangers_on_an_attestation_manifest_change_nothing(t *testing.T) {
	s := newShop(t)
	amd := build("linux/amd64")
	x := of(labtest.Index(amd), "docker", amd)
	want := s.allowed(x, "production")
	for range 10_000 {
		x.bundles = append(x.bundles, file(t, theirs))
	}
	got := s.allowed(x, "production")
	if !reflect.DeepEqual(got.Judgements[0].Evidence, want.Judgements[0].Evidence) {
		t.Errorf("evidence = %+v, want %+v", got.Judgements[0].Evidence, want.Judgements[0].Evidence)
	}
	subjects := []subject.Subject{{Name: "x", Digest: subject.Sum([]byte(x.subject))}}
	x.signed = nil
	if c := s.verify(x, subjects, func(sigstore.Glimpse) bool { return false }); len(c[0].Facts) != 0 || c[0].Strangers.Count != 10_000 {
		t.Errorf("%d facts and %d strangers, want none and all", len(c[0].Facts), c[0].Strangers.Count)
	}
}

// Of many ways to write one signature down, one that verifies is enough, and the
// others are no reasons.
func TestD06_copies_of_a_signature_are_one(t *testing.T) {
	s := newShop(t)
	amd, arm := build("linux/amd64"), build("linux/arm64")
	x := of(labtest.Index(amd, arm), "docker", amd, arm)
	good := s.sign(x.signed...)
	for i := range 50 {
		x.bundles = append(x.bundles, broke(good[i%2]), bytes.Replace(good[i%2], []byte("{"), fmt.Appendf(nil, "{%*s", i, ""), 1))
	}
	subjects := []subject.Subject{{Name: "x", Digest: subject.Sum([]byte(x.subject))}}
	c := s.verify(x, subjects, func(sigstore.Glimpse) bool { return true })
	if len(c[0].Facts) != 2 || c[0].Lacks() {
		t.Errorf("%d facts, want one for each image", len(c[0].Facts))
	}
	s.allowed(x, "production")
	x.signed, x.bundles = nil, [][]byte{broke(good[0]), broke(good[1])}
	s.denied(x, "production", fault.EvidenceMissing, "2 bundles that prove nothing", "E_TLOG")
}

// Nothing that an attestation manifest carries is read before a signature of the
// manifest has verified.
func TestO02_nothing_in_a_manifest_is_read_before_its_signature_has_verified(t *testing.T) {
	s := newShop(t)
	amd := build("linux/amd64")
	x := of(labtest.Index(amd), "docker", amd)
	x.chains[0].Layers = [][]byte{[]byte("spoiled")}
	subjects := []subject.Subject{{Name: "x", Digest: subject.Sum([]byte(x.subject))}}
	everybody := func(sigstore.Glimpse) bool { return true }
	told := func(x scene) bool {
		return slices.ContainsFunc(s.verify(x, subjects, everybody)[0].Rejections, func(r policy.Rejection) bool {
			return strings.Contains(r.Reason, "statement sha256:")
		})
	}
	if !told(x) {
		t.Error("with a good signature: the statement was not looked for")
	}
	x.bundles, x.signed = [][]byte{broke(s.sign(x.signed...)[0])}, nil
	if told(x) {
		t.Error("with a broken signature: the statement was looked for")
	}
}

// What BuildKit really wrote for an image of slsa-framework/example-package
// passes, once Docker's builder has signed the manifest in a job of that commit.
func TestE07_real_bytes_of_an_image(t *testing.T) {
	s := newShop(t)
	read := func(name string) []byte { return file(t, "buildkit/"+name+".json") }
	x := scene{subject: string(read("index")), chains: []store.Chain{{
		Index: read("index"), Manifest: read("attestation"), Layers: [][]byte{read("statement")}}}}
	for builder, claims := range map[string]map[string]any{
		"example":                  {},
		"example, another commit":  {"sha": strings.Repeat("1", 40)},
		"example, another project": {"repository": "slsa-framework/example", "repository_id": "1"},
	} {
		builders[builder] = map[string]any{"repository": "slsa-framework/example-package", "repository_id": "486325809",
			"sha": "4d329c75e7ec1725f7c9ce917a8799d408d06be3", "run_id": "13531731005"}
		maps.Copy(builders[builder], builders["docker"])
		maps.Copy(builders[builder], claims)
	}
	payload := labtest.SignPayload(string(read("attestation")))
	x.signed = []signature{{"example", payload}}
	x.name = "ghcr.io/slsa-framework/example-package.verifier-e2e.all.tag.main.default.slsa3:main"
	s.allowed(x, "any")
	s.denied(x, "production", fault.Source, "linux/amd64: the builder does not say which inputs")
	x.signed = []signature{{"example, another commit", payload}, {"example, another project", payload}}
	s.denied(x, "any", fault.Source, "linux/amd64: the provenance names another source")
}

// A real signature of Docker's builder says whose an attestation manifest is. By
// itself it is provenance of nothing.
func TestF11_a_real_signature_of_dockers_builder_is_no_provenance(t *testing.T) {
	const bundle = "docker-github-builder.sigstore.json"
	c := checker(t)
	c.Waits = func(sigstore.Glimpse) bool { return true }
	got := verify(t, c, pile{file(t, bundle)}, about(t, bundle))[0]
	if len(got.Facts) != 1 || got.Facts[0].Statement.PredicateType != "https://sigstore.dev/cosign/sign/v1" ||
		got.Facts[0].Signer.Repository != "https://github.com/docker/github-builder-test" || got.Facts[0].Via != nil {
		t.Errorf("facts = %+v, want the signature as it is", got.Facts)
	}
}

// An honest image is kept in by nobody and let in by nobody else: the digests of
// bytes connect it, and whatever a store says does not.
func TestE07_each_arrow_is_a_digest(t *testing.T) {
	s := newShop(t)
	amd, arm := build("linux/amd64"), build("linux/arm64")
	good := func() scene { return of(labtest.Index(amd, arm), "docker", amd, arm) }
	s.allowed(good(), "production")
	for name, c := range map[string]struct {
		spoil func(x *scene)
		words []string
	}{
		"no chains":                              {func(x *scene) { x.chains = nil }, []string{"no verified evidence is about sha256:", "nothing"}},
		"one chain":                              {func(x *scene) { x.chains = x.chains[:1] }, []string{"linux/arm64: no verified evidence"}},
		"no index":                               {func(x *scene) { x.chains[0].Index, x.chains[1].Index = nil, nil }, []string{"no verified evidence is about sha256:"}},
		"another index":                          {func(x *scene) { x.chains[0].Index = []byte(labtest.Index(amd)); x.chains[1].Index = x.chains[0].Index }, []string{"no verified evidence is about sha256:"}},
		"an attestation manifest of other bytes": {func(x *scene) { x.chains[1].Manifest = []byte(arm.Manifest + " ") }, []string{"linux/arm64: no verified evidence"}},
		"no layers":                              {func(x *scene) { x.chains[1].Layers = nil }, []string{"linux/arm64: ", "is not there"}},
		"a layer of other bytes":                 {func(x *scene) { x.chains[1].Layers[0] = append(slices.Clone(x.chains[1].Layers[0]), ' ') }, []string{"linux/arm64: ", "is not there"}},
		"the layers of the other":                {func(x *scene) { x.chains[1].Layers = x.chains[0].Layers }, []string{"linux/arm64: ", "is not there"}},
		"no signature of the first":              {func(x *scene) { x.signed = x.signed[1:] }, []string{"linux/amd64: no verified evidence"}},
		"a broken signature":                     {func(x *scene) { x.bundles, x.signed = [][]byte{broke(s.sign(x.signed[1])[0])}, x.signed[:1] }, []string{"linux/arm64: ", "E_TLOG"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			x := good()
			c.spoil(&x)
			s.denied(x, "production", fault.EvidenceMissing, c.words...)
		})
	}
	t.Run("a layer of another size than the manifest says", func(t *testing.T) {
		s := s.in(t)
		lie := arm
		lie.Manifest = strings.Replace(arm.Manifest, fmt.Sprintf(`"size":%d`, len(arm.Statements[0])), `"size":7`, 1)
		s.denied(of(labtest.Index(amd, lie), "docker", amd, lie), "production", fault.EvidenceMissing, "linux/arm64: ", "bytes")
	})
	t.Run("a layer of another kind than the manifest says", func(t *testing.T) {
		s := s.in(t)
		lie := arm
		lie.Manifest = strings.Replace(arm.Manifest, `"in-toto.io/predicate-type":"https://slsa.dev/provenance/v1"`, `"in-toto.io/predicate-type":"https://spdx.dev/Document"`, 1)
		s.denied(of(labtest.Index(amd, lie), "docker", amd, lie), "production", fault.EvidenceMissing, "linux/arm64: ", "E_PREDICATE")
	})
}

// broke spoils the log's word for a bundle.
func broke(bundle []byte) []byte {
	var b map[string]any
	_ = json.Unmarshal(bundle, &b)
	proof := b["verificationMaterial"].(map[string]any)["tlogEntries"].([]any)[0].(map[string]any)["inclusionProof"].(map[string]any)
	checkpoint := proof["checkpoint"].(map[string]any)
	checkpoint["envelope"] = strings.Replace(checkpoint["envelope"].(string), "\n", "x\n", 1)
	out, _ := json.Marshal(b)
	return out
}

// Only a signature that says that the manifest is the signer's, and nothing
// else, signs what the manifest carries.
func TestF11_a_signature_signs_the_manifest_and_nothing_else(t *testing.T) {
	s := newShop(t)
	amd := build("linux/amd64")
	payload := labtest.SignPayload(amd.Manifest)
	by := func(payload string) scene {
		x := of(labtest.Index(amd), "", amd)
		x.signed = []signature{{"docker", payload}}
		return x
	}
	none := strings.Replace(payload, `"predicateType"`, `"predicate":null,"predicateType"`, 1)
	empty := strings.Replace(payload, `"predicateType"`, `"predicate":{},"predicateType"`, 1)
	all := map[string]struct {
		payload string
		code    fault.Code
	}{
		"a predicate":          {strings.Replace(payload, `"predicateType"`, `"predicate":{"x":1},"predicateType"`, 1), fault.Predicate},
		"another predicate":    {strings.Replace(payload, "https://sigstore.dev/cosign/sign/v1", "https://slsa.dev/provenance/v1", 1), fault.Predicate},
		"another version":      {strings.Replace(payload, "sign/v1", "sign/v2", 1), fault.Predicate},
		"a name":               {strings.Replace(payload, `{"digest"`, `{"name":"app","digest"`, 1), fault.Statement},
		"an address":           {strings.Replace(payload, `{"digest"`, `{"uri":"pkg:docker/x","digest"`, 1), fault.Statement},
		"two subjects":         {strings.Replace(payload, `"subject":[`, `"subject":[{"digest":{"sha256":"`+strings.Repeat("1", 64)+`"}},`, 1), fault.Statement},
		"two digests":          {strings.Replace(payload, `{"sha256":`, `{"sha512":"`+strings.Repeat("1", 128)+`","sha256":`, 1), fault.SubjectMismatch},
		"a statement about it": {strings.Replace(amd.Statements[0], amd.Digest()[7:], subject.Sum([]byte(amd.Manifest)).Hex(), 1), fault.Predicate},
	}
	sign := []signature{{"docker", payload}, {"docker", none}, {"docker", empty}}
	for _, c := range all {
		sign = append(sign, signature{"docker", c.payload})
	}
	s.sign(sign...)
	for _, p := range []string{payload, none, empty} { // absent, unset and empty are the same
		s.allowed(by(p), "production")
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			if c.payload == payload {
				t.Fatal("nothing was changed")
			}
			s := s.in(t)
			s.denied(by(c.payload), "production", fault.EvidenceMissing, string(c.code))
		})
	}
}

// cosign's signature of an image says whose it is and not how it was built.
func TestF11_a_signature_of_the_image_itself_is_no_provenance(t *testing.T) {
	s := newShop(t)
	amd := build("linux/amd64")
	index := labtest.Index(amd)
	x := of(index, "", amd)
	x.signed = []signature{{"docker", labtest.SignPayload(index)}}
	s.denied(x, "production", fault.Predicate, "another kind", "https://sigstore.dev/cosign/sign/v1")
	s.denied(x, "loose", fault.Predicate, "another kind", "https://sigstore.dev/cosign/sign/v1")
	// Nor is the statement without a signature over its manifest.
	x.signed = nil
	s.denied(x, "production", fault.EvidenceMissing, "nothing")
	// Provenance that is signed itself counts as before, whatever its parts have.
	x.signed = []signature{{"docker", strings.Replace(amd.Statements[0], amd.Digest()[7:], subject.Sum([]byte(index)).Hex(), 1)}}
	if v := s.allowed(x, "production"); len(v.Judgements[0].Evidence) != 1 || v.Judgements[0].Evidence[0].Via != "" {
		t.Errorf("evidence = %+v, want the one that is signed itself", v.Judgements[0].Evidence)
	}
}

// A requirement names the predicate type of what the manifests carry, and every
// image has to have it.
func TestE07_an_inventory_of_every_image(t *testing.T) {
	s := newShop(t)
	both := func(platform string) labtest.Built {
		return build(platform, provenance("{", "{"), states(spdx, `{"spdxVersion":"SPDX-2.3"}`))
	}
	amd, arm := both("linux/amd64"), both("linux/arm64")
	v := s.allowed(of(labtest.Index(amd, arm), "docker", amd, arm), "inventory")
	if e := v.Judgements[0].Evidence; len(e) != 4 || e[2].PredicateType != spdx || e[3].Via == e[2].Via {
		t.Errorf("evidence = %+v, want two pieces for each image", e)
	}
	bare := build("linux/arm64")
	s.denied(of(labtest.Index(amd, bare), "docker", amd, bare), "inventory", fault.Predicate, "linux/arm64: the evidence is of another kind")
}

// A policy may accept the signer alone; the chain still has to hold.
func TestContent_unchecked_needs_the_chain(t *testing.T) {
	s := newShop(t)
	lie := build("linux/amd64", provenance(job.Commit, strings.Repeat("1", 40)))
	x := of(labtest.Index(lie), "docker", lie)
	s.denied(x, "production", fault.Source)
	if v := s.allowed(x, "loose"); !slices.Equal(v.Judgements[0].Evidence[0].Accepted, []string{"content unchecked"}) {
		t.Errorf("evidence = %+v, want what was accepted", v.Judgements[0].Evidence)
	}
	s.denied(x, "mail", fault.Identity) // signed-by names somebody else, whose evidence alone counts
	x.chains[0].Layers = nil
	s.denied(x, "loose", fault.EvidenceMissing, "is not there")
}

// The age of an index is that of its oldest part.
func TestE07_the_oldest_image_decides_the_age(t *testing.T) {
	s := newShop(t)
	amd, arm := build("linux/amd64"), build("linux/arm64")
	x := of(labtest.Index(amd, arm), "docker", amd, arm)
	s.allowed(x, "production")
	s.gate.Now = time.Now().Add(8 * 24 * time.Hour)
	s.denied(x, "production", fault.Stale, "linux/amd64: the evidence is too old")
}

// Without a policy nobody says that a signature of a manifest signs what it
// carries. People are told where to say it.
func TestVerify_by_signer_counts_no_attestation_manifest(t *testing.T) {
	s := newShop(t)
	amd := build("linux/amd64")
	x := of(labtest.Index(amd), "docker", amd)
	s.allowed(x, "production")
	name := "https://github.com/" + builders["docker"]["job_workflow_ref"].(string)
	want, err := policy.NewExpectation(name, "", "https://token.actions.githubusercontent.com", policy.Forge{})
	if err != nil {
		t.Fatal(err)
	}
	judge := func(x scene) verdict.Judgement {
		subjects := []subject.Subject{{Name: "x", Digest: subject.Sum([]byte(x.subject))}}
		c := s.verify(x, subjects, func(sigstore.Glimpse) bool { return true })
		return policy.EvaluateSigner(want, c).Judgements[0]
	}
	j := judge(x)
	if f := j.Findings[0]; j.Outcome() != verdict.Deny || f.Code != fault.EvidenceMissing || len(j.Evidence) != 0 ||
		!strings.Contains(f.Found, "linux/amd64, signed by "+name) || !strings.Contains(f.Hint, "--policy") {
		t.Errorf("judgement = %+v, want it told and denied", j)
	}
	x.signed = append(x.signed, signature{"docker", labtest.SignPayload(x.subject)})
	if j := judge(x); j.Outcome() != verdict.Allow || len(j.Evidence) != 1 || j.Evidence[0].Via != "" {
		t.Errorf("judgement = %+v, want it allowed by the signature of the index", j)
	}
}

// Who keeps evidence is given what was looked at, and nothing that was only counted.
func TestO02_evidence_of_strangers_is_not_kept(t *testing.T) {
	s := newShop(t)
	payload := func(name string) string {
		b, err := statement.New([]subject.Subject{{Name: name, Digest: subject.Sum([]byte("image"))}}, statement.ProvenanceV1, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	own, strange := s.sign(signature{"docker", payload("own")})[0], s.sign(signature{"a stranger", payload("strange")})[0]
	chain := store.Chain{Index: []byte("index"), Manifest: []byte("manifest"), Layers: [][]byte{[]byte("layer")}}
	kept := map[string]string{}
	g := s.gate
	g.Keep = func(suffix string, b []byte) { kept[string(b)] = suffix }
	g.Stores = []gate.Store{shelf{found: s.found(scene{bundles: [][]byte{own, strange, none(1)}, chains: []store.Chain{chain}})}}
	if _, err := g.Look(t.Context(), []subject.Subject{{Name: imageName, Digest: subject.Sum([]byte("image"))}}, ""); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{string(own): ".sigstore.json", string(none(1)): ".sigstore.json", "index": ".index.json", "manifest": ".manifest.json", "layer": ".statement.json"}
	if !maps.Equal(kept, want) {
		t.Errorf("kept %q\nwant %q", kept, want)
	}
}
