package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

func TestControl_the_workflow_that_the_policy_names_may_enter(t *testing.T) {
	wantAllowed(t, evaluate(input(read(t, good), built(t))))
}

// strangers are signers that differ from the good one in one thing, with the
// reason that has to be given. Everything that follows from that thing is
// changed along, so that nothing but the one check stands in the way.
var strangers = []struct {
	name   string
	change func(*statement.Signer)
	code   fault.Code
	reason string
}{
	{"C15_another_issuer", func(s *statement.Signer) { s.Issuer = "https://ci.example/" }, fault.Identity, "another issuer"},
	{"C15_an_issuer_of_the_same_host", func(s *statement.Signer) { s.Issuer = "https://ci.example/evil" }, fault.Identity, "another issuer"},
	{"C15_an_issuer_over_http", func(s *statement.Signer) { s.Issuer = "http://ci.example" }, fault.Identity, "another issuer"},
	{"C23_the_same_project_of_another_instance", func(s *statement.Signer) { s.Issuer = "https://jobs.example" }, fault.Identity, "another issuer"},
	{"C15_no_issuer", func(s *statement.Signer) { s.Issuer = "" }, fault.Identity, "another issuer"},
	{"A21_an_email_that_reads_like_a_workflow", func(s *statement.Signer) { s.SANKind = "email" }, fault.Identity, "another kind of signer"},
	{"A21_a_name_of_no_known_kind", func(s *statement.Signer) { s.SANKind = "" }, fault.Identity, "another kind of signer"},
	{"C06_another_repository", func(s *statement.Signer) { s.Repository = "https://code.example/acme/app-evil" }, fault.Identity, "another repository"},
	{"C06_the_repository_of_another_host", func(s *statement.Signer) { s.Repository = "https://evil.example/acme/app" }, fault.Identity, "another repository"},
	{"B12_the_repository_in_another_case", func(s *statement.Signer) { s.Repository = "https://code.example/Acme/app" }, fault.Identity, "another repository"},
	{"B12_a_homoglyph_of_the_repository", func(s *statement.Signer) { s.Repository = "https://code.example/acmе/app" }, fault.Identity, "another repository"},
	{"C06_a_resurrected_repository", func(s *statement.Signer) { s.RepositoryID = "2002" }, fault.Identity, "another repository-id"},
	{"C06_no_repository_id", func(s *statement.Signer) { s.RepositoryID = "" }, fault.Identity, "another repository-id"},
	{"B09_a_repository_id_with_a_zero_before_it", func(s *statement.Signer) { s.RepositoryID = "01001" }, fault.Identity, "another repository-id"},
	{"C16_another_owner", func(s *statement.Signer) { s.OwnerID = "2003" }, fault.Identity, "another owner-id"},
	{"C16_no_owner", func(s *statement.Signer) { s.OwnerID = "" }, fault.Identity, "another owner-id"},
	{"C03_a_workflow_whose_name_begins_like_ours", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app/build/release.yml.evil.yml@refs/heads/main")
	}, fault.Identity, "another workflow"},
	{"C03_a_workflow_of_another_ending", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app/build/release.yaml@refs/heads/main")
	}, fault.Identity, "another workflow"},
	{"C03_a_workflow_behind_a_climb", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app/build/release.yml/../evil.yml@refs/heads/main")
	}, fault.Identity, "another workflow"},
	{"C03_a_workflow_behind_an_encoded_climb", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app/build/..%2frelease.yml@refs/heads/main")
	}, fault.Identity, "another workflow"},
	{"C03_a_workflow_behind_two_slashes", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app//build/release.yml@refs/heads/main")
	}, fault.Identity, "another workflow"},
	{"C03_a_workflow_with_two_refs", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app/build/release.yml@refs/heads/x@refs/heads/main")
	}, fault.Source, "another ref of the workflow"},
	{"C03_a_workflow_without_a_ref", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app/build/release.yml")
	}, fault.Source, "another ref of the workflow"},
	{"C08_a_reusable_workflow_that_the_policy_does_not_name", func(s *statement.Signer) {
		s.SignerURI = "https://code.example/acme/ci/build/sign.yml@refs/tags/v1"
		s.SAN = s.SignerURI
	}, fault.Identity, "another signing workflow"},
	{"C08_our_workflow_as_a_signer_for_another_caller", func(s *statement.Signer) {
		s.ConfigURI = "https://code.example/acme/app/build/evil.yml@refs/heads/main"
	}, fault.Identity, "another workflow"},
	{"C01_a_name_that_is_not_the_signing_workflow", func(s *statement.Signer) { s.SAN += ".evil" }, fault.Identity, "another subject alternative name"},
	{"C10_a_signing_workflow_at_another_commit", func(s *statement.Signer) { s.SignerDigest = other }, fault.Identity, "another commit of the signing workflow"},
	{"C14_a_self_hosted_runner", func(s *statement.Signer) { s.Runner = "self-hosted" }, fault.Identity, "another runner"},
	{"C14_no_runner", func(s *statement.Signer) { s.Runner = "" }, fault.Identity, "another runner"},
	{"C14_a_runner_in_another_case", func(s *statement.Signer) { s.Runner = "HOSTED" }, fault.Identity, "another runner"},
	{"C14_a_runner_that_a_person_reached", func(s *statement.Signer) { s.Runner = "ssh-rerun" }, fault.Identity, "another runner"},
	{"C05_a_workflow_of_another_ref_than_the_source", func(s *statement.Signer) {
		renamed(s, "https://code.example/acme/app/build/release.yml@refs/heads/evil")
	}, fault.Source, "another ref of the workflow"},
	{"C05_a_branch_named_like_a_tag", func(s *statement.Signer) { reref(s, "refs/heads/v1.0.0") }, fault.Source, "another ref"},
	{"C05_a_tag_named_like_a_branch", func(s *statement.Signer) { reref(s, "refs/tags/main") }, fault.Source, "another ref"},
	{"C05_a_branch_named_like_a_whole_tag", func(s *statement.Signer) { reref(s, "refs/heads/refs/tags/v1") }, fault.Source, "another ref"},
	{"C05_a_short_ref", func(s *statement.Signer) { reref(s, "main") }, fault.Source, "another ref"},
	{"C11_the_merge_ref_of_a_pull_request", func(s *statement.Signer) { reref(s, "refs/pull/1/merge") }, fault.Source, "another ref"},
	{"C11_a_ref_below_an_allowed_one", func(s *statement.Signer) { reref(s, "refs/tags/v1/evil") }, fault.Source, "another ref"},
	{"C11_a_pull_request", func(s *statement.Signer) { s.Event = "pull_request" }, fault.Source, "another event"},
	{"C11_a_pull_request_on_the_target_branch", func(s *statement.Signer) { s.Event = "pull_request_target" }, fault.Source, "another event"},
	{"E13_a_run_started_by_another_run", func(s *statement.Signer) { s.Event = "workflow_run" }, fault.Source, "another event"},
	{"C11_a_comment", func(s *statement.Signer) { s.Event = "issue_comment" }, fault.Source, "another event"},
	{"C11_no_event", func(s *statement.Signer) { s.Event = "" }, fault.Source, "another event"},
	{"C05_no_commit", func(s *statement.Signer) { s.Commit = "" }, fault.Source, "another commit"},
	{"C05_a_short_commit", func(s *statement.Signer) { s.Commit = commit[:12] }, fault.Source, "another commit"},
}

// turnedAway fails t unless each stranger of a threat is denied for its one
// reason.
func turnedAway(t *testing.T, threat string) {
	t.Helper()
	p, n := read(t, good), 0
	for _, x := range strangers {
		if !strings.HasPrefix(x.name, threat) {
			continue
		}
		n++
		t.Run(x.name, func(t *testing.T) {
			s := signer()
			x.change(&s)
			f := wantDenied(t, evaluate(input(p, stated(t, s, provenance(s)))))
			if want := "the evidence names " + x.reason; f.Code != x.code || f.Reason != want {
				t.Errorf("reason = %s %q, want %s %q", f.Code, f.Reason, x.code, want)
			}
			if f.Line != 7 || f.Found == "" || f.Wanted == "" || f.Hint == "" {
				t.Errorf("finding = %+v, want line 7, what was found, what is wanted and a hint", f)
			}
		})
	}
	if n == 0 {
		t.Errorf("no stranger of %s", threat)
	}
}

func TestA21_a_signer_that_is_no_workflow_is_denied(t *testing.T)               { turnedAway(t, "A21") }
func TestB09_a_number_is_compared_as_text(t *testing.T)                         { turnedAway(t, "B09") }
func TestB12_a_name_that_only_looks_the_same_is_denied(t *testing.T)            { turnedAway(t, "B12") }
func TestC01_a_name_that_is_not_the_workflow_is_denied(t *testing.T)            { turnedAway(t, "C01") }
func TestC03_a_workflow_is_its_whole_path(t *testing.T)                         { turnedAway(t, "C03") }
func TestC05_a_branch_is_no_tag_and_a_tag_no_branch(t *testing.T)               { turnedAway(t, "C05") }
func TestC06_a_repository_is_its_name_and_its_number(t *testing.T)              { turnedAway(t, "C06") }
func TestC08_the_caller_and_the_signing_workflow_are_both_checked(t *testing.T) { turnedAway(t, "C08") }
func TestC10_a_signing_workflow_is_its_commit(t *testing.T)                     { turnedAway(t, "C10") }
func TestC11_only_named_refs_and_events_release(t *testing.T)                   { turnedAway(t, "C11") }
func TestC14_only_the_named_runner_builds(t *testing.T)                         { turnedAway(t, "C14") }
func TestC15_an_issuer_is_its_whole_address(t *testing.T)                       { turnedAway(t, "C15") }
func TestC16_an_owner_is_its_number(t *testing.T)                               { turnedAway(t, "C16") }
func TestC23_the_same_names_on_another_instance_are_denied(t *testing.T)        { turnedAway(t, "C23") }
func TestE13_a_run_that_another_run_started_is_denied(t *testing.T)             { turnedAway(t, "E13") }

func TestControl_every_ref_and_event_that_the_policy_names_may_enter(t *testing.T) {
	p := read(t, good)
	for _, ref := range []string{"refs/heads/main", "refs/tags/v1.0.0", "refs/tags/v2"} {
		for _, event := range []string{"push", "manual"} {
			s := signer()
			reref(&s, ref)
			s.Event = event
			wantAllowed(t, evaluate(input(p, stated(t, s, provenance(s)))))
		}
	}
}

func TestC05_a_short_ref_is_none_even_if_a_policy_could_name_it(t *testing.T) {
	p := read(t, good)
	p.Artifacts[0].BuiltBy[0].Refs = []string{"**"}
	wantAllowed(t, evaluate(input(p, built(t))))
	for _, ref := range []string{"main", "refs/pull/1/merge", "refs/remotes/origin/main", "heads/main", ""} {
		s := signer()
		reref(&s, ref)
		if f := wantDenied(t, evaluate(input(p, stated(t, s, provenance(s))))); f.Code != fault.Source {
			t.Errorf("%q: code = %s, want %s", ref, f.Code, fault.Source)
		}
	}
}

// reusable is a signer whose job called a workflow of another repository.
func reusable() statement.Signer {
	s := signer()
	s.SignerURI = "https://code.example/acme/ci/build/sign.yml@refs/tags/v1"
	s.SAN, s.SignerDigest = s.SignerURI, other
	return s
}

const reusablePolicy = "workflow: build/release.yml\n        signer: acme/ci/build/sign.yml@refs/tags/v1\n        signer-digest: " + other

func TestControl_a_reusable_workflow_signs_if_the_policy_names_it_with_its_commit(t *testing.T) {
	p := read(t, edited(t, "workflow: build/release.yml", reusablePolicy))
	wantAllowed(t, evaluate(input(p, stated(t, reusable(), provenance(reusable())))))
}

func TestC09_a_reusable_workflow_vouches_for_nobody_else(t *testing.T) {
	p := read(t, edited(t, "workflow: build/release.yml", reusablePolicy))
	for _, x := range []struct {
		name   string
		change func(*statement.Signer)
		reason string
	}{
		{"C09 a caller from another repository", func(s *statement.Signer) {
			s.Repository, s.RepositoryID = "https://code.example/evil/app", "6666"
			s.ConfigURI = "https://code.example/evil/app/build/release.yml@refs/heads/main"
		}, "another repository"},
		{"C08 another caller in the repository", func(s *statement.Signer) {
			s.ConfigURI = "https://code.example/acme/app/build/evil.yml@refs/heads/main"
		}, "another workflow"},
		{"C08 the caller signed itself", func(s *statement.Signer) { *s = signer() }, "another signing workflow"},
		{"C10 the signing workflow was moved", func(s *statement.Signer) { s.SignerDigest = commit }, "another commit of the signing workflow"},
		{"C10 the signing workflow at another ref", func(s *statement.Signer) {
			s.SignerURI = "https://code.example/acme/ci/build/sign.yml@refs/tags/v2"
			s.SAN = s.SignerURI
		}, "another signing workflow"},
	} {
		s := reusable()
		x.change(&s)
		f := wantDenied(t, evaluate(input(p, stated(t, s, provenance(s)))))
		if f.Code != fault.Identity || f.Reason != "the evidence names "+x.reason {
			t.Errorf("%s: reason = %s %q, want %s, %q", x.name, f.Code, f.Reason, fault.Identity, x.reason)
		}
	}
}

func TestE14_another_trusted_repository_vouches_only_for_its_own_artifacts(t *testing.T) {
	const second = `  tool:
    subject: [tool/*]
    trust: house
    built-by:
      - {issuer: https://ci.example, repository: acme/tool, repository-id: 3003, workflow: build/release.yml, refs: [refs/heads/main]}
environments:`
	p := read(t, strings.Replace(edited(t, "environments:", second), "    requires:", "    repository-id: 1001\n    requires:", 1))
	s := signer()
	s.Repository, s.RepositoryID = "https://code.example/acme/tool", "3003"
	renamed(&s, "https://code.example/acme/tool/build/release.yml@refs/heads/main")
	in := input(p, stated(t, s, provenance(s)))
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Identity {
		t.Errorf("code = %s, want %s", f.Code, fault.Identity)
	}
	in.Candidates[0].Subject.Name = "tool/x"
	wantAllowed(t, evaluate(in))
}

func TestA13_a_fact_of_another_trusted_root_counts_for_nothing(t *testing.T) {
	f := built(t)
	f.Trust = "annex"
	if got := wantDenied(t, evaluate(input(read(t, good), f))); got.Code != fault.EvidenceMissing {
		t.Errorf("code = %s, want %s", got.Code, fault.EvidenceMissing)
	}
}

func TestNearest_of_several_builders_is_the_one_reported(t *testing.T) {
	second := `        refs: [refs/heads/main, "refs/tags/v*"]
      - {issuer: https://jobs.example, repository: acme/app, repository-id: 20, workflow: ci.yml, refs: [refs/heads/main], runner: ours}
      - {issuer: https://ci.example, repository: acme/other, repository-id: 9, workflow: build/release.yml, refs: [refs/heads/main]}`
	p := read(t, strings.Replace(edited(t, `        refs: [refs/heads/main, "refs/tags/v*"]`, second), "    requires:", "    repository-id: 1001\n    requires:", 1))
	wantAllowed(t, evaluate(input(p, built(t))))
	s := signer()
	s.Event = "pull_request"
	f := wantDenied(t, evaluate(input(p, stated(t, s, provenance(s)))))
	if f.Code != fault.Source || f.Line != 7 || f.Found != "pull_request" || f.Wanted != "push or manual" {
		t.Errorf("finding = %+v, want the event that the first builder, line 7, does not have", f)
	}
}

func TestNearest_of_several_facts_is_the_one_reported(t *testing.T) {
	far, near := signer(), signer()
	far.Issuer, near.Event = "https://evil.example", "pull_request"
	p := read(t, good)
	a, b := stated(t, far, provenance(far)), stated(t, near, provenance(near))
	for _, facts := range [][]policy.Fact{{a, b}, {b, a}} {
		if f := wantDenied(t, evaluate(input(p, facts...))); f.Code != fault.Source {
			t.Errorf("code = %s, want %s", f.Code, fault.Source)
		}
	}
}

func TestD06_a_strangers_evidence_changes_no_answer(t *testing.T) {
	p := read(t, good)
	evil := signer()
	evil.Issuer = "https://evil.example"
	junk := stated(t, evil, provenance(evil))
	for _, facts := range [][]policy.Fact{{junk, built(t)}, {built(t), junk}} {
		in := input(p, facts...)
		in.Candidates[0].Rejections = []policy.Rejection{{Code: fault.SignatureInvalid, Reason: "the signature does not verify", Source: "store"}}
		v := evaluate(in)
		wantAllowed(t, v)
		if e := v.Judgements[0].Evidence; len(e) != 1 || e[0].Signer != signer().SAN {
			t.Errorf("evidence = %+v, want only what the policy names", e)
		}
	}
	in := input(p)
	in.Candidates[0].Rejections = []policy.Rejection{{Code: fault.SignatureInvalid, Reason: "the signature does not verify", Source: "store"}}
	f := wantDenied(t, evaluate(in))
	if f.Code != fault.EvidenceMissing || !strings.Contains(f.Found, "the signature does not verify") {
		t.Errorf("finding = %+v, want missing evidence that quotes the rejection", f)
	}
	if v := evaluate(in); len(v.Judgements[0].Rejections) != 1 {
		t.Errorf("rejections = %+v, want the one there was", v.Judgements[0].Rejections)
	}
}

// platform is that of "https://ci.example".
func platform() policy.Forge {
	f, _ := forge("https://ci.example")
	return f
}

func expectation(t *testing.T, identity, pattern, issuer string) policy.Expectation {
	t.Helper()
	e, err := policy.NewExpectation(identity, pattern, issuer, platform())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestC01_a_signer_pattern_matches_the_whole_name(t *testing.T) {
	pattern := `https://code\.example/acme/app/build/[a-z]+\.yml@refs/heads/main`
	e := expectation(t, "", pattern, "https://ci.example")
	exact := expectation(t, signer().SAN, "", "https://ci.example")
	wantAllowed(t, policy.EvaluateSigner(e, input(nil, built(t)).Candidates))
	wantAllowed(t, policy.EvaluateSigner(exact, input(nil, built(t)).Candidates))
	good := signer().SAN
	for _, san := range []string{
		"https://code.example/acme/app-evil/build/release.yml@refs/heads/main", "https://code.example/acme/appx/build/release.yml@refs/heads/main",
		"https://codeXexample/acme/app/build/release.yml@refs/heads/main", "https://evil.example/?" + good, good + "-evil",
		good + "\nx", "x\n" + good, "x\n" + good + "\nx", "", strings.ToUpper(good), " " + good,
	} {
		f := built(t)
		f.Signer.SAN = san
		for _, e := range []policy.Expectation{e, exact} {
			if got := wantDenied(t, policy.EvaluateSigner(e, input(nil, f).Candidates)); got.Code != fault.Identity {
				t.Errorf("%q: code = %s, want %s", san, got.Code, fault.Identity)
			}
		}
	}
	f := built(t)
	f.Signer.Issuer = "https://evil.example"
	if got := wantDenied(t, policy.EvaluateSigner(exact, input(nil, f).Candidates)); got.Code != fault.Identity {
		t.Errorf("another issuer: code = %s, want %s", got.Code, fault.Identity)
	}
}

func TestC01_a_multiline_pattern_is_still_anchored(t *testing.T) {
	e := expectation(t, "", `(?m)^https://code\.example/acme/app$`, "https://ci.example")
	f := built(t)
	f.Signer.SAN = "https://code.example/acme/app"
	wantAllowed(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
	f.Signer.SAN = "evil\nhttps://code.example/acme/app\nevil"
	wantDenied(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
}

func TestC01_an_alternative_cannot_leave_the_anchors(t *testing.T) {
	e := expectation(t, "", `https://a|https://b`, "https://ci.example")
	f := built(t)
	f.Signer.SAN = "https://b"
	wantAllowed(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
	for _, san := range []string{"https://a-evil", "evil-https://b", "https://a\nhttps://b"} {
		f.Signer.SAN = san
		wantDenied(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
	}
	for _, pattern := range []string{`a)|(?:.*`, `a)|(?:https://evil\.example/.*`, `a\z)|(?:.*`, `(`, `\`, `a{1001}`} {
		if _, err := policy.NewExpectation("", pattern, "https://ci.example", platform()); fault.Of(err).Kind != fault.Usage {
			t.Errorf("pattern %q: err = %v, want a usage fault", pattern, err)
		}
	}
}

func TestC02_a_signer_that_could_be_anybody_is_refused(t *testing.T) {
	const issuer, name = "https://ci.example", "https://code.example/acme/app"
	for _, x := range [][3]string{
		{"", "", issuer}, {name, "", ""}, {name, "", " "}, {" ", "", issuer}, {name + " ", "", issuer}, {name, name, issuer},
		{"", ".*", issuer}, {"", ".+", issuer}, {"", "^.*$", issuer}, {"", "(.*)", issuer}, {"", ".*|", issuer}, {"", " ", issuer},
		// What a stranger on the same platform can be called.
		{"", `https://code\.example/.*`, issuer}, {"", `.*/acme/app/.*`, issuer}, {"", `.*release\.yml@refs/heads/main`, issuer}, {"", `.*@refs/heads/main`, issuer},
		{"", `https://code\.example/acme.*`, issuer}, {"", `https://code\.example/[^/]+/app/.*`, issuer}, {"", `https://code\.example/.*/app/.github/workflows/release\.yml@refs/tags/v1`, issuer},
		{"", `https://code\.example/ac.e/app/.*`, issuer}, {"", `.*acme.*`, issuer}, {"", `https?://.*\.example/acme/app/.*`, issuer}, {"", `https://code\.example/(acme|.*)/app/.*`, issuer},
		{"", `.*@.*`, issuer}, {"", `.*@[a-z.]+`, issuer}, {"", `.*acme\.example`, issuer}, {"", `[a-z]+@acme\.example.*`, issuer}, {"", `.*@mail.acme.example`, issuer}, {"", `https://code\.example/.*acme/app/.*`, issuer},
		{"", `https://code\.example/a[b-d]me/app/.*`, issuer}, {"", `https://code\.example/acme?/app/.*`, issuer}, {"", `https://code\.example/acm[d-f]/.*`, issuer}, {"", `https://code\.example/acme\d?/.*`, issuer},
		{"", `https://code\.example/acme{1,2}/.*`, issuer}, {"", `https://code\.example/(?:acme|[x-z]cme)/.*`, issuer}, {"", `https://code\.example/a[a-m]{2}e/.*`, issuer},
		// Borders of words and lines keep nobody out, and a pattern that takes too long to look through is refused.
		{"", `https://code\.example/acme\b.*`, issuer}, {"", `https://code\.example/\B?.*/app/.*`, issuer}, {"", `https://code\.example/(.*a.{20})+/app/.*`, issuer}, {"", `https://code\.example/[ab]*a[ab]{40}c/.*`, issuer}, {"", `[ab]*a[ab]{40}@gmail\.com`, issuer},
		{"", `https://code\.example/[ab]*a[ab]{18}@x/.*|https://code\.example/acme/.*`, issuer}, {"", `https://code\.example/(?:a*b*)*/.*`, issuer},
		{"", `(https://a\.x/b/c|https://b\.x/b/c|https://c\.x/b/c|https://d\.x/b/c|https://e\.x/b/c|https://f\.x/b/c|https://g\.x/b/c|https://h\.x/b/c|https://code\.example/.*)`, issuer},
		// A dot without its backslash leaves the place in front of it open as well, and each of several alternatives counts.
		{"", `.*release.yml@refs/heads/main`, issuer}, {"", `.*/release.yml@.*`, issuer}, {"", `.*acme/app/.github/workflows/release.yml@.*`, issuer},
		{"", `.*acme/app/\.github/workflows/release.yml@.*`, issuer}, {"", `https://code\.example/acme/.*|.*@gmail.com`, issuer}, {"", `https://code\.example/acme/.*|https://code\.example/.*/app/.*`, issuer},
		{"", `https://code\.example/acme[a-z-]*/app/.*`, issuer}, {"", `https://code\.example/a?.me/.*`, issuer}, {"", `.*@(acme\.example|gmail\.com)`, issuer}, {"", `https://code\.example/(?:acme|[a-z]+)/.*`, issuer},
		{"", `(?s).*`, issuer}, {"", `[\s\S]*`, issuer}, {"", `\S+`, issuer}, {"", `https://x|.*`, issuer}, {"", `[^x]*`, issuer}, {"", `.{0,}`, issuer},
	} {
		if _, err := policy.NewExpectation(x[0], x[1], x[2], platform()); fault.Of(err).Kind != fault.Usage {
			t.Errorf("identity %q, pattern %q, issuer %q: err = %v, want a usage fault", x[0], x[1], x[2], err)
		}
	}
}

// Who spells out the owner, or the domain, means somebody.
func TestControl_a_pattern_that_names_its_owner_is_accepted(t *testing.T) {
	for _, pattern := range []string{
		`https://code\.example/acme/app/\.github/workflows/release\.yml@refs/tags/v[0-9.]+`, `https://code\.example/acme/.*`, `https://code\.example/acme/[^/]+/\.github/workflows/.*@refs/heads/main`,
		`^https://code\.example/acme/app/` + `.*$`, `https://code.example/acme/app/.*`, `https://code\.example/(acme|widgets)/app/.*`, `[a-z.]+@acme\.example`, `(?i)https://code\.example/acme/app/.*`, `dana@gmail\.com`, `.*@acme[.]example`, `https://code[.]example/acme/.*`, `https://\Qcode.example\E/acme/.*`, `https://code\.example:8443/acme/.*`, `(dana|bob)@gmail\.com`,
		`https://code\.example/acme/app/\.github/workflows/.*@refs/tags/@acme/app@.*`, `.*@acme.com`,
	} {
		if _, err := policy.NewExpectation("", pattern, "https://ci.example", platform()); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestA21_the_kind_of_a_name_counts(t *testing.T) {
	f := built(t)
	for _, e := range []policy.Expectation{expectation(t, signer().SAN, "", "https://ci.example"), expectation(t, "", `https://code\.example/acme/.*`, "https://ci.example")} {
		f.Signer.SANKind = "uri"
		wantAllowed(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
		for _, kind := range []string{"email", "other", ""} {
			f.Signer.SANKind = kind
			wantDenied(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
		}
	}
	e := expectation(t, "dana@acme.example", "", "https://ci.example")
	f.Signer.SAN, f.Signer.SANKind = "dana@acme.example", "email"
	wantAllowed(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
	f.Signer.SANKind = "uri"
	wantDenied(t, policy.EvaluateSigner(e, input(nil, f).Candidates))
}

func TestA15_a_key_and_a_certificate_do_not_stand_in_for_each_other(t *testing.T) {
	keyed := policy.Fact{Keyed: true, Trust: "house", Time: now, Statement: built(t).Statement}
	byKey, byName := policy.Expectation{Key: true}, expectation(t, signer().SAN, "", "https://ci.example")
	wantAllowed(t, policy.EvaluateSigner(byKey, input(nil, keyed).Candidates))
	wantDenied(t, policy.EvaluateSigner(byKey, input(nil, built(t)).Candidates))
	keyed.Signer = signer() // even if a key's fact said so
	wantDenied(t, policy.EvaluateSigner(byName, input(nil, keyed).Candidates))
	wantDenied(t, evaluate(input(read(t, good), policy.Fact{Keyed: true, Trust: "house", Time: now, Statement: built(t).Statement})))
}

func TestD02_a_signer_without_evidence_is_missing(t *testing.T) {
	e := expectation(t, signer().SAN, "", "https://ci.example")
	f := wantDenied(t, policy.EvaluateSigner(e, input(nil).Candidates))
	if f.Code != fault.EvidenceMissing {
		t.Errorf("code = %s, want %s", f.Code, fault.EvidenceMissing)
	}
	if got := policy.EvaluateSigner(e, nil).Outcome(); got != verdict.Deny {
		t.Errorf("outcome about nothing = %v, want deny", got)
	}
}

// Who asks for nearly the right name is shown what differs, and nobody else is.
func TestHint_for_a_name_that_is_nearly_right(t *testing.T) {
	const path, issuer = "https://code.example/acme/app/build/release.yml", "https://ci.example"
	for asked, says := range map[string]string{
		path + "@main": "ends in @refs/heads/main", path + "@heads/main": "ends in @refs/heads/main", path: "goes on with @refs/heads/main",
		"https://code.example/Acme/app/build/release.yml@refs/heads/main": "letter case", path + "@refs/heads/main/": "slash",
		"http://code.example/acme/app/build/release.yml@refs/heads/main": "scheme", "code.example/acme/app/build/release.yml@refs/heads/main": "scheme",
		"acme/app/build/release.yml@refs/heads/main": "beginning", "https://code.example/acme/app/release.yml@refs/heads/main": "folder",
		path + "@refs/heads/other": "", "https://code.example/acme/app/release.yml@refs/heads/other": "", "https://evil.example/x@refs/heads/main": "",
		"https://code.example/acme/app/build/test.yml@refs/heads/main": "", path + "@mai": "",
	} {
		v := policy.EvaluateSigner(policy.Expectation{Identity: asked, Issuer: issuer}, []policy.Candidate{{Subject: app(), Facts: []policy.Fact{built(t)}}})
		f := wantDenied(t, v)
		if f.Code != fault.Identity || says == "" && f.Hint != "" || !strings.Contains(f.Hint, says) || says != "" && !strings.Contains(f.Hint, "ask for "+signer().SAN) {
			t.Errorf("%s: %+v, want %q in the hint", asked, f, says)
		}
	}
	for asked, says := range map[string]string{"https://ci.example/": "slash", "http://ci.example": "scheme", "https://evil.example": ""} {
		v := policy.EvaluateSigner(policy.Expectation{Identity: signer().SAN, Issuer: asked}, []policy.Candidate{{Subject: app(), Facts: []policy.Fact{built(t)}}})
		if f := wantDenied(t, v); says == "" && f.Hint != "" || !strings.Contains(f.Hint, says) {
			t.Errorf("%s: %+v, want %q in the hint", asked, f, says)
		}
	}
}

// Without a known platform, the host is any that has a dot.
func TestC02_a_pattern_for_an_issuer_that_is_not_known(t *testing.T) {
	for pattern, ok := range map[string]bool{
		`https://sub\.elsewhere\.example/.*`: false, `https://sub\.(elsewhere|other)\.example/[^/]+/app`: false, `https://sub\.elsewhere\.example/acme/.*`: true,
	} {
		if _, err := policy.NewExpectation("", pattern, "https://ci.elsewhere", policy.Forge{}); (err == nil) != ok {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// both is the good policy with a builder on a second platform, before the first
// one or after it.
func both(t testing.TB, first bool) *policy.Policy {
	const one = `      - issuer: https://ci.example
        repository: acme/app
        repository-id: 1001
        owner-id: 2002
        workflow: build/release.yml
        refs: [refs/heads/main, "refs/tags/v*"]
`
	const second = "      - {issuer: https://jobs.example, repository: acme/app, repository-id: 20, workflow: ci.yml, refs: [refs/heads/main], runner: ours}\n"
	text := strings.Replace(good, "    requires:", "    repository-id: 1001\n    requires:", 1)
	if first {
		return read(t, replaced(t, text, one, second+one))
	}
	return read(t, replaced(t, text, one, one+second))
}

func TestE14_another_name_is_the_reason_whichever_builder_signed(t *testing.T) {
	for _, first := range []bool{false, true} {
		p := both(t, first)
		wantAllowed(t, evaluate(input(p, named(t, "dist/app.tar.gz"))))
		f := wantDenied(t, evaluate(input(p, named(t, "dist/other"))))
		if f.Code != fault.SubjectMismatch || f.Found != "dist/other" {
			t.Errorf("the other platform first: %v: %+v, want E_SUBJECT of the builder that signed it", first, f)
		}
	}
}

// A run that failed is a smaller step away than a ref that is open.
func TestNearest_of_several_facts_is_the_one_that_lacks_least(t *testing.T) {
	tagged := signer()
	reref(&tagged, "refs/tags/v1")
	tagged.Run += "2"
	in := input(read(t, good), built(t), stated(t, tagged, provenance(tagged)))
	in.Runs[0].State = policy.Failed
	for i := range in.Refs {
		if in.Refs[i].Query.Ref == tagged.Ref {
			in.Refs[i].Protected, in.Refs[i].On = policy.No, policy.No
		}
	}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.BuildState {
		t.Errorf("finding = %+v, want the run that failed", f)
	}
	in.Runs[0].State = policy.Succeeded
	wantAllowed(t, evaluate(in))
}

func TestNearest_of_a_workflow_and_a_person_is_the_one_of_its_kind(t *testing.T) {
	text := replaced(t, good, "      provenance: {max-age: 7d}\n", `      `+scanType+`:
        signed-by:
          - {issuer: https://ci.example, repository: acme/app, repository-id: 1001, workflow: build/scan.yml, refs: [refs/heads/main]}
          - {email: dana@acme.example, issuer: https://accounts.example}
`)
	wantAllowed(t, evaluate(input(read(t, text), said(scanType, "{}", person("dana@acme.example", "https://accounts.example")))))
	f := wantDenied(t, evaluate(input(read(t, text), said(scanType, "{}", person("dana@acme.example", "https://login.example")))))
	if f.Wanted != "https://accounts.example" || f.Found != "https://login.example" {
		t.Errorf("finding = %+v, want the issuer of the person's address", f)
	}
}

// Each piece of evidence fails at one check, and the one that fails at the later check is told.
func TestNearest_of_several_facts_is_the_one_that_fails_at_the_last_check(t *testing.T) {
	renamed := built(t)
	renamed.Names = []string{"dist/other.tar.gz"}
	altered := signer()
	altered.Run += "2"
	lies := provenance(altered)
	lies.RunDetails.Builder.ID = "https://elsewhere.example/build"
	old := built(t)
	old.Time = now.Add(-60 * 24 * time.Hour)
	tagged := signer()
	reref(&tagged, "refs/tags/v1")
	order := []struct {
		what string
		fact policy.Fact
		code fault.Code
	}{
		{"another name", renamed, fault.SubjectMismatch},
		{"another builder in the provenance", stated(t, altered, lies), fault.Predicate},
		{"too old", old, fault.Stale},
		{"an open ref", stated(t, tagged, provenance(tagged)), fault.Source},
	}
	for i := range order[1:] {
		earlier, later := order[i], order[i+1]
		for _, facts := range [][]policy.Fact{{earlier.fact, later.fact}, {later.fact, earlier.fact}} {
			in := input(read(t, good), facts...)
			for k := range in.Refs {
				if in.Refs[k].Query.Ref == tagged.Ref {
					in.Refs[k].Protected, in.Refs[k].On = policy.No, policy.No
				}
			}
			if f := wantDenied(t, evaluate(in)); f.Code != later.code {
				t.Errorf("%s beside %s: finding = %+v, want %s", earlier.what, later.what, f, later.code)
			}
		}
	}
}
