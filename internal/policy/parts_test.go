package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// The images of an index, and their attestation manifests.
var (
	amd = subject.Part{Digest: subject.SHA256([32]byte{10}), Platform: "linux/amd64"}
	arm = subject.Part{Digest: subject.SHA256([32]byte{11}), Platform: "linux/arm64"}
)

// buildKit is what BuildKit states in a job of s about an image.
func buildKit(s statement.Signer) json.RawMessage {
	source := fmt.Sprintf(`{"uri":"%s.git#%s","digest":{"sha1":%q}`, s.Repository, s.Commit, s.Commit)
	return json.RawMessage(fmt.Sprintf(`{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
		"externalParameters":{"configSource":%s}},"resolvedDependencies":[%s}]},"runDetails":{"builder":{"id":%q}}}`, source, source, s.Run))
}

// builder is the good policy with its workflow named as the one that signs.
const builder = "        signer: acme/app/build/release.yml\n        workflow:"

// signing is the good policy with its workflow named as the one that signs, and
// with one text replaced.
func signing(t testing.TB, old, new string) *policy.Policy {
	t.Helper()
	return read(t, replaced(t, edited(t, "        workflow:", builder), old, new))
}

// carried is the fact that s signed the attestation manifest of an image an hour
// ago, and that it carries BuildKit's provenance.
func carried(t testing.TB, s statement.Signer, p subject.Part) policy.Fact {
	t.Helper()
	manifest := subject.Sum(p.Digest.Bytes())
	f := policy.Fact{
		Signer: s, Trust: "house", Time: now.Add(-time.Hour), Source: "store", Names: []string{"pkg:docker/registry.example/acme/app@v1?platform=x"},
		Statement:     statement.Statement{Type: statement.TypeV01, PredicateType: statement.ProvenanceV1, Predicate: buildKit(s)},
		StatementHash: subject.Sum([]byte("sign " + manifest.String() + s.Commit)),
		Via:           &policy.Via{Manifest: manifest, Image: p.Digest, Platform: p.Platform, Kinds: []string{statement.ProvenanceV1}},
	}
	return f
}

// ofParts is what lets an index in.
func ofParts(p *policy.Policy, facts ...policy.Fact) policy.Input {
	in := input(p, facts...)
	in.Candidates[0].Subject.Name = "registry.example/acme/app:v1@" + app().Digest.String()
	in.Candidates[0].Parts = []subject.Part{amd, arm}
	return in
}

func TestE07_every_image_of_an_index_meets_the_policy_or_none_does(t *testing.T) {
	p := signing(t, "app:", "app:")
	a, b := carried(t, signer(), amd), carried(t, signer(), arm)
	v := evaluate(ofParts(p, a, b))
	wantAllowed(t, v)
	e := v.Judgements[0].Evidence
	if len(e) != 2 || e[0].Via != "attestation manifest "+a.Via.Manifest.String()+", linux/amd64" || e[1].Via == e[0].Via {
		t.Errorf("evidence = %+v, want one for each image", e)
	}
	wantAllowed(t, evaluate(ofParts(p, b, a, a)))
	for name, x := range map[string]struct {
		facts  []policy.Fact
		code   fault.Code
		reason string
	}{
		"nothing about one":           {[]policy.Fact{a}, fault.EvidenceMissing, "linux/arm64: no verified evidence"},
		"nothing about the other":     {[]policy.Fact{b, b}, fault.EvidenceMissing, "linux/amd64: no verified evidence"},
		"about another image":         {[]policy.Fact{a, b, carried(t, signer(), subject.Part{Digest: subject.SHA256([32]byte{12})})}, fault.OK, ""},
		"another event for one":       {[]policy.Fact{a, with(b, func(f *policy.Fact) { f.Signer.Event = "pull_request" })}, fault.Source, "linux/arm64: the evidence names another event"},
		"too old for one":             {[]policy.Fact{with(a, func(f *policy.Fact) { f.Time = now.Add(-8 * 24 * time.Hour) }), b}, fault.Stale, "linux/amd64: the evidence is too old"},
		"another trust for one":       {[]policy.Fact{a, with(b, func(f *policy.Fact) { f.Trust = "annex" })}, fault.EvidenceMissing, "linux/arm64: no verified evidence"},
		"a bad one besides":           {[]policy.Fact{a, b, with(b, func(f *policy.Fact) { f.Signer.Event = "pull_request" })}, fault.OK, ""},
		"a bad one besides, and none": {[]policy.Fact{a, with(a, func(f *policy.Fact) { f.Signer.Event = "pull_request" })}, fault.EvidenceMissing, "linux/arm64: no verified evidence"},
	} {
		v := evaluate(ofParts(p, x.facts...))
		if x.code == fault.OK {
			wantAllowed(t, v)
			continue
		}
		if f := wantDenied(t, v); f.Code != x.code || !strings.HasPrefix(f.Reason, x.reason) || f.Line == 0 {
			t.Errorf("%s: %s %q at line %d, want %s %q and a line", name, f.Code, f.Reason, f.Line, x.code, x.reason)
		}
	}
}

// with is a copy of f that was changed.
func with(f policy.Fact, change func(*policy.Fact)) policy.Fact { change(&f); return f }

// Where nobody says which images there are, a part is nothing.
func TestE07_a_part_of_an_unknown_whole_counts_for_nothing(t *testing.T) {
	p := signing(t, "app:", "app:")
	in := ofParts(p, carried(t, signer(), amd), carried(t, signer(), arm))
	in.Candidates[0].Parts = nil
	if f := wantDenied(t, evaluate(in)); f.Code != fault.EvidenceMissing {
		t.Errorf("finding = %+v, want %s", f, fault.EvidenceMissing)
	}
	whole := subject.Part{Digest: app().Digest}
	in = ofParts(p, carried(t, signer(), whole))
	in.Candidates[0].Parts = nil
	wantAllowed(t, evaluate(in)) // the image is the subject
}

func TestE07_an_index_in_an_index_denies(t *testing.T) {
	in := ofParts(signing(t, "app:", "app:"), carried(t, signer(), amd), carried(t, signer(), arm))
	wantAllowed(t, evaluate(in))
	in.Candidates[0].Parts[1].Index = true
	if f := wantDenied(t, evaluate(in)); f.Code != fault.SubjectMismatch || !strings.HasPrefix(f.Reason, "linux/arm64 is an index in the index") {
		t.Errorf("finding = %+v, want the nested index", f)
	}
	// It is told before what another image lacks: nothing else can mend it.
	in.Candidates[0].Facts = in.Candidates[0].Facts[1:]
	if f := wantDenied(t, evaluate(in)); !strings.HasPrefix(f.Reason, "linux/arm64 is an index in the index") {
		t.Errorf("finding = %+v, want the nested index", f)
	}
}

// Two kinds of evidence are counted apart: one about every image does not fill
// the gap of the other.
func TestE07_each_requirement_wants_every_image(t *testing.T) {
	p := signing(t, "provenance: {max-age: 7d}", "provenance: {max-age: 7d}\n      "+scanType+":")
	inventory := func(x subject.Part) policy.Fact {
		return with(carried(t, signer(), x), func(f *policy.Fact) {
			f.Statement.PredicateType, f.Statement.Predicate = scanType, json.RawMessage("{}")
		})
	}
	a, b := carried(t, signer(), amd), carried(t, signer(), arm)
	wantAllowed(t, evaluate(ofParts(p, a, b, inventory(amd), inventory(arm))))
	f := wantDenied(t, evaluate(ofParts(p, a, b, inventory(amd))))
	if f.Code != fault.Predicate || f.Requirement != scanType || !strings.Contains(f.Reason, "linux/arm64: the evidence is of another kind") {
		t.Errorf("finding = %+v, want that arm64 has none", f)
	}
	wantDenied(t, evaluate(ofParts(p, a, inventory(amd), inventory(arm))))
	// The facts that do not meet their requirement are not what was seen.
	if got := policy.Seen(ofParts(p, a, b, inventory(amd))); len(got) != 2 {
		t.Errorf("seen = %v, want the two of the provenance", got)
	}
}

// What a Dockerfile's frontend adds is signed with the rest: of two provenances
// nobody knows which is the builder's.
func TestF11_two_provenances_in_one_manifest_deny(t *testing.T) {
	p := signing(t, "app:", "app:")
	with := func(kinds ...string) policy.Fact {
		f := carried(t, signer(), amd)
		f.Via.Kinds = kinds
		return f
	}
	b := carried(t, signer(), arm)
	for _, kinds := range [][]string{{statement.ProvenanceV1}, {scanType, statement.ProvenanceV1, scanType}} {
		wantAllowed(t, evaluate(ofParts(p, with(kinds...), b)))
	}
	for _, kinds := range [][]string{{statement.ProvenanceV1, statement.ProvenanceV1}, {"https://slsa.dev/provenance/v0.2", statement.ProvenanceV1}, {statement.ProvenanceV1, ""}, nil} {
		f := wantDenied(t, evaluate(ofParts(p, with(kinds...), b)))
		if f.Code != fault.Predicate || !strings.Contains(f.Reason, "linux/amd64: the attestation manifest holds more statements") {
			t.Errorf("%q: finding = %+v, want %s", kinds, f, fault.Predicate)
		}
	}
}

// A text that another builder writes is not believed in an attestation manifest,
// however well it agrees with the certificate.
func TestF11_only_buildkits_provenance_is_carried(t *testing.T) {
	p := signing(t, "app:", "app:")
	honest := built(t)
	wantAllowed(t, evaluate(input(p, honest)))
	f := carried(t, signer(), amd)
	f.Statement = honest.Statement
	got := wantDenied(t, evaluate(ofParts(p, f, carried(t, signer(), arm))))
	if got.Code != fault.Predicate || !strings.Contains(got.Reason, "of a build type that is in no dialect") || strings.Contains(got.Wanted, buildType) {
		t.Errorf("finding = %+v, want BuildKit's build types", got)
	}
	unchecked := signing(t, "{max-age: 7d}", "{content: unchecked}")
	wantAllowed(t, evaluate(ofParts(unchecked, f, carried(t, signer(), arm))))
}

// A builder that carries somebody's text has not approved it, and has released
// nothing.
func TestI06_what_a_manifest_carries_is_no_approval_and_no_release(t *testing.T) {
	for _, kind := range []string{statement.ApprovalV1, statement.ReleaseV1} {
		in := setting(t, second, yes(alice, bob)...).input(t)
		wantAllowed(t, evaluate(in))
		asked, err := policy.Ask(in)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range in.Candidates[0].Facts {
			if f.Statement.PredicateType == kind {
				in.Candidates[0].Facts[i].Via = &policy.Via{Image: app().Digest}
			}
		}
		if v := evaluate(in); v.Outcome() == verdict.Allow {
			t.Errorf("%s by way of an attestation manifest: %+v, want it not counted", kind, v.Judgements[0].Findings)
		}
		again, err := policy.Ask(in)
		if err != nil {
			t.Fatal(err)
		}
		if kind == statement.ApprovalV1 && len(again.Runs()) >= len(asked.Runs()) {
			t.Errorf("%d runs are asked about, before %d, want none of an approval that is none", len(again.Runs()), len(asked.Runs()))
		}
		if kind == statement.ReleaseV1 {
			_, _, d := setting(t, second).set(t)
			if _, _, err := policy.FindRelease(in.Policy, in.Candidates[0].Facts, d); err == nil {
				t.Error("the release set was found, want none")
			}
		}
	}
}

// Every image is asked about as an artifact of its own would be: how its run
// ended, who made its commit, and whether that comes after what is deployed.
func TestG16_each_image_comes_after_what_is_deployed(t *testing.T) {
	older := signer()
	older.Commit, older.ConfigDigest, older.SignerDigest = other, other, other
	older.Run = "https://code.example/acme/app/runs/6/attempts/1"
	scene := setting(t, replaced(t, second, "        workflow: build/release.yml", builder+" build/release.yml"), yes(alice, bob)...)
	scene.facts = []policy.Fact{carried(t, signer(), amd), carried(t, signer(), arm)}
	prepare := func(order policy.Order) policy.Input {
		in := scene.input(t)
		in.Candidates[0].Parts = []subject.Part{amd, arm}
		in.Candidates[0].Subject.Name = "registry.example/acme/app:v1@" + app().Digest.String()
		in.Changes = append(in.Changes, policy.Change{Repository: older.Repository, Head: other, Order: order, Reachable: true,
			Makers: []policy.Maker{{Account: account("90", "mia"), Role: policy.Author, Where: "commit 1f2e3d4"}}})
		return in
	}
	wantAllowed(t, evaluate(prepare(policy.Older))) // nothing is of that commit
	scene.facts[1] = carried(t, older, arm)
	wantAllowed(t, evaluate(prepare(policy.Newer)))
	q, err := policy.Ask(prepare(policy.Newer))
	if err != nil || len(q.Changes()) != 2 || !slices.ContainsFunc(q.Runs(), func(r policy.RunQuery) bool { return r.URI == older.Run }) {
		t.Errorf("questions = %+v, %v, want both commits and both runs", q, err)
	}
	if f := wantDenied(t, evaluate(prepare(policy.Older))); f.Code != fault.Rollback {
		t.Errorf("finding = %+v, want %s", f, fault.Rollback)
	}
	// Evidence about the index itself is of the newer commit, and says all that is
	// needed. The makers of the older one still made it.
	whole := with(hashed(built(t)), func(f *policy.Fact) { f.Names = nil })
	scene.release = func(r *statement.Release) {
		r.Evidence = append(r.Evidence, statement.DigestSet{SHA256: whole.StatementHash.Hex()})
	}
	in := prepare(policy.Older)
	in.Candidates[0].Facts = append(in.Candidates[0].Facts, whole)
	wantAllowed(t, evaluate(in))
	scene.release = nil
	in = prepare(policy.Newer)
	for i := range in.Runs {
		if in.Runs[i].URI == older.Run {
			in.Runs[i].State = policy.Failed
		}
	}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.BuildState || !strings.HasPrefix(f.Reason, "linux/arm64: ") {
		t.Errorf("finding = %+v, want %s for linux/arm64", f, fault.BuildState)
	}
}

// Evidence about the index itself stands alone, and that about its images is then
// not needed.
func TestE07_evidence_about_the_index_itself_is_enough(t *testing.T) {
	p := signing(t, "app:", "app:")
	whole := with(built(t), func(f *policy.Fact) { f.Names = []string{"registry.example/acme/app"} })
	v := evaluate(ofParts(p, carried(t, signer(), amd), whole))
	wantAllowed(t, v)
	if e := v.Judgements[0].Evidence; len(e) != 1 || e[0].Via != "" {
		t.Errorf("evidence = %+v, want the one about the index", e)
	}
	// The nearest miss is told, whichever it is.
	stale := with(whole, func(f *policy.Fact) { f.Time = now.Add(-8 * 24 * time.Hour) })
	if f := wantDenied(t, evaluate(ofParts(p, stale, with(carried(t, signer(), amd), func(f *policy.Fact) { f.Signer.Event = "x" })))); f.Code != fault.Stale {
		t.Errorf("finding = %+v, want %s", f, fault.Stale)
	}
}

// Reports tell every attestation manifest, and of many a few.
func TestE07_what_is_told_of_many_images_is_bounded(t *testing.T) {
	var facts []policy.Fact
	in := ofParts(signing(t, "app:", "app:"))
	in.Candidates[0].Parts = nil
	for i := range 100 {
		p := subject.Part{Digest: subject.SHA256([32]byte{100, byte(i)}), Platform: fmt.Sprintf("linux/cpu%d", i)}
		in.Candidates[0].Parts = append(in.Candidates[0].Parts, p)
		facts = append(facts, carried(t, signer(), p))
	}
	in.Candidates[0].Facts = facts
	in.Runs = []policy.Run{{URI: signer().Run, State: policy.Succeeded, Commit: commit}}
	v := evaluate(in)
	wantAllowed(t, v)
	reason := v.Judgements[0].Findings[0].Reason
	if n := strings.Count(reason, "via attestation manifest"); n != 4 || !strings.HasSuffix(reason, "; and of 96 more images") || len(v.Judgements[0].Evidence) != 100 {
		t.Errorf("reason %q tells %d, and there are %d pieces of evidence, want 4 and all", reason, n, len(v.Judgements[0].Evidence))
	}
}

// A bundle that does not verify, or a manifest that leads elsewhere, explains
// what the image lacks that it is about, and no other.
func TestE07_why_one_image_lacks_evidence(t *testing.T) {
	in := ofParts(signing(t, "app:", "app:"), carried(t, signer(), amd))
	in.Candidates[0].Rejections = []policy.Rejection{
		{Code: fault.SCT, Reason: "of another image", Via: &policy.Via{Image: amd.Digest}},
		{Code: fault.TLog, Reason: "of the index itself"},
		{Code: fault.SubjectMismatch, Reason: "the statement is about another", Via: &policy.Via{Image: arm.Digest}},
	}
	f := wantDenied(t, evaluate(in))
	if want := "1 bundle that proves nothing: E_SUBJECT the statement is about another"; f.Found != want || f.Hint == "" {
		t.Errorf("found %q, hint %q, want %q", f.Found, f.Hint, want)
	}
	in.Candidates[0].Rejections = nil
	in.Candidates[0].Strangers = policy.Strangers{Count: 3, First: "x"}
	if f := wantDenied(t, evaluate(in)); !strings.HasPrefix(f.Found, "3 bundles of signers that are not named") {
		t.Errorf("found %q, want the strangers", f.Found)
	}
}

// A signature of a manifest says whose it is. It signs what the manifest carries
// only where the policy names the signer for that: many sign the image that a tag
// names, and everybody who may push can move the tag.
func TestF11_only_a_named_signer_signs_for_what_a_manifest_carries(t *testing.T) {
	a, b := carried(t, signer(), amd), carried(t, signer(), arm)
	wantAllowed(t, evaluate(ofParts(signing(t, "app:", "app:"), a, b)))
	f := wantDenied(t, evaluate(ofParts(read(t, good), a, b)))
	if f.Code != fault.Identity || !strings.Contains(f.Reason, "the policy names no workflow that signs so") || !strings.HasSuffix(f.Hint, "say so: signer: acme/app/build/release.yml") {
		t.Errorf("finding = %+v, want %s and the key", f, fault.Identity)
	}
	// The same for a requirement with signers of its own.
	const own = "{content: unchecked, signed-by: [%s]}"
	workflow := "{issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/release.yml, refs: [refs/heads/main]%s}"
	wantAllowed(t, evaluate(ofParts(read(t, edited(t, "{max-age: 7d}", fmt.Sprintf(own, fmt.Sprintf(workflow, ", signer: acme/app/build/release.yml")))), a, b)))
	wantDenied(t, evaluate(ofParts(read(t, edited(t, "{max-age: 7d}", fmt.Sprintf(own, fmt.Sprintf(workflow, "")))), a, b)))
	mail := read(t, edited(t, "{max-age: 7d}", fmt.Sprintf(own, "{email: dana@acme.example, issuer: https://accounts.example}")))
	dana := func(f *policy.Fact) {
		f.Signer = statement.Signer{Issuer: "https://accounts.example", SAN: "dana@acme.example", SANKind: "email"}
	}
	wantDenied(t, evaluate(ofParts(mail, with(a, dana), with(b, dana))))
	direct := with(a, dana)
	direct.Via = nil
	wantAllowed(t, evaluate(ofParts(mail, direct)))
}

// A package URL without a registry means Docker's own, under both of its names.
func TestE14_an_image_of_dockers_registry_is_known_by_its_full_name(t *testing.T) {
	for _, c := range []struct {
		pattern, handed, attested string
		allowed                   bool
	}{
		{"docker.io/acme/app", "docker.io/acme/app:v1", "pkg:docker/acme/app@v1", true},
		{"index.docker.io/acme/app", "index.docker.io/acme/app:v1", "pkg:docker/acme/app@v1?platform=linux%2Famd64", true},
		{"docker.io/library/app", "docker.io/library/app:v1", "pkg:docker/app@v1", true},
		{"docker.io/acme/app", "docker.io/acme/app:v1", "pkg:docker/evil/app@v1", false},
		{"docker.io/registry.example/acme/app", "docker.io/registry.example/acme/app", "pkg:docker/registry.example/acme/app@v1", false},
		{"docker.io/localhost:5000/app", "docker.io/localhost:5000/app", "pkg:docker/localhost%3A5000/app@v1", false},
	} {
		p := read(t, edited(t, `["dist/*", registry.example/acme/app]`, `["`+c.pattern+`"]`))
		in := input(p, with(built(t), func(f *policy.Fact) { f.Names = []string{c.attested} }))
		in.Candidates[0].Subject.Name = c.handed + "@" + app().Digest.String()
		if c.allowed {
			wantAllowed(t, evaluate(in))
			continue
		}
		if f := wantDenied(t, evaluate(in)); f.Code != fault.SubjectMismatch || f.Hint == "" {
			t.Errorf("%s: finding = %+v, want %s and a next step", c.attested, f, fault.SubjectMismatch)
		}
	}
}
