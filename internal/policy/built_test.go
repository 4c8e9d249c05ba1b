package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// ofApp is where the good fact was built, with everything that can be asked.
func ofApp() policy.Built {
	return policy.Built{Forge: platform(), Repository: "acme/app", RepositoryID: "1001", Owner: "acme",
		Workflow: "build/release.yml", Signer: "acme/app/build/release.yml@refs/heads/main"}
}

// signedBy judges one fact by where it was built.
func signedBy(t *testing.T, b policy.Built, f policy.Fact) verdict.Judgement {
	t.Helper()
	e, err := policy.NewBuiltExpectation("", "", b)
	if err != nil {
		t.Fatal(err)
	}
	return policy.EvaluateSigner(e, []policy.Candidate{{Subject: app(), Facts: []policy.Fact{f}}}).Judgements[0]
}

// wantBuilt wants the good fact to be denied for one reason alone, and to be allowed
// before change was made.
func wantBuilt(t *testing.T, b policy.Built, change func(*policy.Built, *policy.Fact), code fault.Code, reason string) {
	t.Helper()
	f := built(t)
	if j := signedBy(t, b, f); j.Outcome() != verdict.Allow {
		t.Fatalf("the twin is denied: %+v", j.Findings)
	}
	change(&b, &f)
	j := signedBy(t, b, f)
	if len(j.Findings) != 1 || j.Outcome() != verdict.Deny || j.Findings[0].Code != code || !strings.Contains(j.Findings[0].Reason, reason) {
		t.Errorf("findings = %+v, want %s: %s", j.Findings, code, reason)
	}
	if len(j.Findings) == 1 && j.Findings[0].Hint == "" {
		t.Errorf("%s has no next step", j.Findings[0].Reason)
	}
}

func TestBuilt_each_flag_holds_the_certificate_alone(t *testing.T) {
	for name, change := range map[string]func(*policy.Built, *policy.Fact){
		"another issuer":                   func(_ *policy.Built, f *policy.Fact) { f.Signer.Issuer = "https://ci.example/evil" },
		"another kind of signer":           func(_ *policy.Built, f *policy.Fact) { f.Signer.SANKind = "email" },
		"another repository":               func(b *policy.Built, _ *policy.Fact) { b.Repository = "acme/ap" },
		"another repository-id":            func(b *policy.Built, _ *policy.Fact) { b.RepositoryID = "1002" },
		"another owner":                    func(b *policy.Built, _ *policy.Fact) { b.Owner = "acm" },
		"another workflow":                 func(b *policy.Built, _ *policy.Fact) { b.Workflow = "build/release.ym" },
		"another signing workflow":         func(b *policy.Built, _ *policy.Fact) { b.Signer = "acme/app/build/release.yml@refs/heads/mai" },
		"another subject alternative name": func(_ *policy.Built, f *policy.Fact) { f.Signer.SAN += "x" },
	} {
		t.Run(name, func(t *testing.T) { wantBuilt(t, ofApp(), change, fault.Identity, name) })
	}
}

func TestBuilt_a_workflow_of_another_repository_signs_only_if_it_is_named(t *testing.T) {
	elsewhere := func(b *policy.Built, f *policy.Fact) {
		s := signer()
		s.SignerURI = "https://code.example/acme/ci/build/sign.yml@refs/tags/v1"
		s.SAN = s.SignerURI
		*f = stated(t, s, provenance(s))
	}
	b := ofApp()
	b.Signer = ""
	wantBuilt(t, b, elsewhere, fault.Identity, "another signing workflow")

	f := built(t)
	elsewhere(nil, &f)
	for _, named := range []string{"acme/ci/build/sign.yml", "acme/ci/build/sign.yml@refs/tags/v1"} {
		b.Signer = named
		if j := signedBy(t, b, f); j.Outcome() != verdict.Allow {
			t.Errorf("signer %s: %+v", named, j.Findings)
		}
	}
	// Where an owner alone is named, one of their workflows has to have signed.
	wantBuilt(t, policy.Built{Forge: platform(), Owner: "acme"}, func(_ *policy.Built, f *policy.Fact) {
		s := signer()
		s.SignerURI = "https://code.example/acme-evil/ci/build/sign.yml@refs/tags/v1"
		s.SAN = s.SignerURI
		*f = stated(t, s, provenance(s))
	}, fault.Identity, "another signing workflow")
	// A repository whose name goes on is another one.
	near := policy.Built{Forge: platform(), Owner: "acme/ap"}
	if j := signedBy(t, near, built(t)); j.Outcome() != verdict.Deny {
		t.Errorf("owner %q: %+v", near.Owner, j.Findings)
	}
}

func TestBuilt_the_instance_without_a_log_counts_for_what_is_not_public(t *testing.T) {
	b := ofApp()
	b.Own = "annex"
	for visibility, want := range map[string]verdict.Outcome{
		"private": verdict.Allow, "internal": verdict.Allow, "public": verdict.Deny, "": verdict.Deny, "Private": verdict.Deny,
	} {
		s := signer()
		s.Visibility = visibility
		f := stated(t, s, provenance(s))
		if f.Trust = "house"; signedBy(t, b, f).Outcome() != verdict.Allow {
			t.Errorf("%q, logged: %+v", visibility, signedBy(t, b, f).Findings)
		}
		f.Trust = "annex"
		j := signedBy(t, b, f)
		if j.Outcome() != want || want == verdict.Deny && j.Findings[0].Code != fault.TLog {
			t.Errorf("%q, without a log: %+v, want %v", visibility, j.Findings, want)
		}
	}
}

func TestBuilt_what_is_stated_has_to_be_provenance_that_agrees_with_its_certificate(t *testing.T) {
	b := ofApp()
	b.Predicate = statement.ProvenanceV1
	wantBuilt(t, b, func(b *policy.Built, _ *policy.Fact) { b.Predicate = scanType }, fault.Predicate, "another type")
	wantBuilt(t, ofApp(), func(_ *policy.Built, f *policy.Fact) { f.Statement.PredicateType = scanType },
		fault.Predicate, "says nothing about how it was built")
	wantBuilt(t, ofApp(), func(_ *policy.Built, f *policy.Fact) {
		s := signer()
		s.Run = strings.Replace(s.Run, "/runs/", "/runs/9", 1)
		*f = stated(t, s, provenance(signer()))
	}, fault.Source, "another run")
	wantBuilt(t, ofApp(), func(_ *policy.Built, f *policy.Fact) { f.Keyed, f.Signer = true, statement.Signer{} },
		fault.Identity, "signed with a key")
}

func TestBuilt_of_several_misses_the_nearest_is_told(t *testing.T) {
	far, close := built(t), built(t)
	far.Signer.Repository = "https://code.example/acme/other"
	close.Statement.PredicateType = scanType
	e, err := policy.NewBuiltExpectation("", "", ofApp())
	if err != nil {
		t.Fatal(err)
	}
	for _, facts := range [][]policy.Fact{{far, close}, {close, far}} {
		j := policy.EvaluateSigner(e, []policy.Candidate{{Subject: app(), Facts: facts}}).Judgements[0]
		if j.Findings[0].Code != fault.Predicate {
			t.Errorf("findings = %+v, want the type of the predicate", j.Findings)
		}
	}
	all := policy.EvaluateSigner(e, []policy.Candidate{{Subject: app(), Facts: []policy.Fact{far, close, built(t)}}})
	if all.Outcome() != verdict.Allow || len(all.NotAsked) == 0 {
		t.Errorf("%+v, want allow, and what was not asked", all)
	}
}

// One name with two numbers is two repositories. Both are what was asked for, so it is said.
func TestBuilt_a_name_with_two_numbers_is_told(t *testing.T) {
	b := ofApp()
	b.RepositoryID = ""
	other := signer()
	other.RepositoryID = "2002"
	first, second := built(t), stated(t, other, provenance(other))
	for _, x := range []struct {
		id    string
		facts []policy.Fact
		want  bool
	}{{"", []policy.Fact{first, second}, true}, {"", []policy.Fact{first, first}, false}, {"1001", []policy.Fact{first, second}, false}} {
		b.RepositoryID = x.id
		e, err := policy.NewBuiltExpectation("", "", b)
		if err != nil {
			t.Fatal(err)
		}
		v := policy.EvaluateSigner(e, []policy.Candidate{{Subject: app(), Facts: x.facts}})
		if v.Outcome() != verdict.Allow || (len(v.Warnings) == 1) != x.want {
			t.Fatalf("warnings = %q, want one: %v", v.Warnings, x.want)
		}
		if x.want && !strings.Contains(v.Warnings[0], "2 numbers in this evidence (1001, 2002)") {
			t.Errorf("warning = %q, want both numbers", v.Warnings[0])
		}
	}
}

// An owner alone leaves open which of their repositories built it; a repository does not.
func TestBuilt_an_owner_alone_leaves_the_repository_open(t *testing.T) {
	for _, repository := range []string{"", "acme/app"} {
		b := ofApp()
		b.Repository, b.Workflow = repository, ""
		e, err := policy.NewBuiltExpectation("", "", b)
		if err != nil {
			t.Fatal(err)
		}
		v := policy.EvaluateSigner(e, []policy.Candidate{{Subject: app(), Facts: []policy.Fact{built(t)}}})
		if open := strings.Contains(strings.Join(v.NotAsked, "; "), "--repository)"); v.Outcome() != verdict.Allow || open != (repository == "") {
			t.Errorf("%q: %+v, want that the repository is told as not asked: %v", repository, v, repository == "")
		}
	}
}

// Two values that read the same differ in nothing that a person could correct.
func TestBuilt_the_same_bytes_differ_in_no_letter_case(t *testing.T) {
	b := ofApp()
	b.Workflow = "build/release.yml@refs/heads/main"
	if j := signedBy(t, b, built(t)); j.Outcome() != verdict.Deny || strings.Contains(j.Findings[0].Hint, "letter case") {
		t.Errorf("findings = %+v, want a denial that speaks of no letter case", j.Findings)
	}
	b = ofApp()
	b.Repository = "Acme/app"
	if j := signedBy(t, b, built(t)); !strings.Contains(j.Findings[0].Hint, "letter case") {
		t.Errorf("findings = %+v, want that the letter case differs", j.Findings)
	}
}
