package policy_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// lies are provenances that a job could write and its certificate contradicts.
var lies = []struct {
	name   string
	change func(*statement.Provenance)
	code   fault.Code
	reason string
}{
	{"F11_another_builder", func(p *statement.Provenance) {
		p.RunDetails.Builder.ID = "https://code.example/acme/app/build/evil.yml@refs/heads/main"
	}, fault.Predicate, "names another builder"},
	{"C03_a_builder_that_begins_like_ours", func(p *statement.Provenance) { p.RunDetails.Builder.ID += "-evil" }, fault.Predicate, "names another builder"},
	{"C03_the_host_as_builder", func(p *statement.Provenance) { p.RunDetails.Builder.ID = "https://code.example/" }, fault.Predicate, "names another builder"},
	{"F11_no_builder", func(p *statement.Provenance) { p.RunDetails.Builder.ID = "" }, fault.Predicate, "names another builder"},
	{"E13_another_run", func(p *statement.Provenance) {
		p.RunDetails.Metadata.InvocationID = json.RawMessage(`"https://code.example/acme/app/runs/8/attempts/1"`)
	}, fault.Source, "names another run"},
	{"E13_only_the_attempt_of_the_run", func(p *statement.Provenance) { p.RunDetails.Metadata.InvocationID = json.RawMessage(`"1"`) }, fault.Source, "names another run"},
	{"E13_a_number_instead_of_the_run", func(p *statement.Provenance) { p.RunDetails.Metadata.InvocationID = json.RawMessage(`1`) }, fault.Source, "names another run"},
	{"E13_no_run", func(p *statement.Provenance) { p.RunDetails.Metadata.InvocationID = nil }, fault.Source, "names another run"},
	{"E13_an_empty_run", func(p *statement.Provenance) { p.RunDetails.Metadata.InvocationID = json.RawMessage(`""`) }, fault.Source, "names another run"},
	{"E13_another_commit", func(p *statement.Provenance) {
		p.BuildDefinition.ResolvedDependencies[0].Digest["gitCommit"] = other
	}, fault.Source, "names another commit"},
	{"E13_no_commit", func(p *statement.Provenance) { p.BuildDefinition.ResolvedDependencies = nil }, fault.Source, "names another commit"},
	{"E13_the_commit_of_another_repository", func(p *statement.Provenance) {
		p.BuildDefinition.ResolvedDependencies[0].URI = "git+https://code.example/acme/app-evil@refs/heads/main"
	}, fault.Source, "names another commit"},
	{"E13_our_commit_and_then_another", func(p *statement.Provenance) {
		p.BuildDefinition.ResolvedDependencies = append(p.BuildDefinition.ResolvedDependencies, statement.Resource{
			URI: "git+https://code.example/acme/app@refs/heads/evil", Digest: map[string]string{"gitCommit": other}})
	}, fault.Source, "another number of sources"},
	{"E13_another_commit_and_then_ours", func(p *statement.Provenance) {
		p.BuildDefinition.ResolvedDependencies = append([]statement.Resource{{
			URI: "git+https://code.example/acme/app@refs/heads/evil", Digest: map[string]string{"gitCommit": other}}}, p.BuildDefinition.ResolvedDependencies...)
	}, fault.Source, "another number of sources"},
	{"E13_a_commit_of_another_algorithm", func(p *statement.Provenance) {
		p.BuildDefinition.ResolvedDependencies[0].Digest = map[string]string{"sha1": commit}
	}, fault.Source, "names another commit"},
	{"E13_another_ref_of_the_source", func(p *statement.Provenance) {
		p.BuildDefinition.ResolvedDependencies[0].URI = "git+https://code.example/acme/app@refs/heads/other"
	}, fault.Source, "names another source"},
	{"E13_another_repository", func(p *statement.Provenance) {
		s := signer()
		s.Repository = "https://code.example/acme/other"
		p.BuildDefinition.ExternalParameters = workflow(s, "")
	}, fault.Source, "names another repository"},
	{"E13_another_event", func(p *statement.Provenance) {
		p.BuildDefinition.InternalParameters = json.RawMessage(strings.Replace(string(p.BuildDefinition.InternalParameters), "push", "manual", 1))
	}, fault.Source, "names another event"},
	{"D12_an_unknown_parameter", func(p *statement.Provenance) {
		p.BuildDefinition.ExternalParameters = workflow(signer(), `,"cflags":"-DBACKDOOR"`)
	}, fault.Source, "an input that the policy does not know"},
	{"D12_a_parameter_in_another_case", func(p *statement.Provenance) {
		p.BuildDefinition.ExternalParameters = workflow(signer(), `,"Workflow":{}`)
	}, fault.Malformed, "differs from a known one only in case"},
	{"D12_an_empty_name_of_a_parameter", func(p *statement.Provenance) { p.BuildDefinition.ExternalParameters = workflow(signer(), `,"":1`) }, fault.Source, "an input that the policy does not know"},
	{"D12_an_unknown_member_of_a_parameter", func(p *statement.Provenance) {
		p.BuildDefinition.ExternalParameters = json.RawMessage(strings.Replace(string(workflow(signer(), "")), "}}", `,"cflags":"-DBACKDOOR"}}`, 1))
	}, fault.Source, "an input that the policy does not know"},
	{"D12_a_parameter_that_is_not_what_it_was", func(p *statement.Provenance) {
		p.BuildDefinition.ExternalParameters = workflow(signer(), `,"inputs":"-DBACKDOOR"`)
	}, fault.Malformed, "inputs cannot be read"},
	{"D12_a_build_type_of_another_platform", func(p *statement.Provenance) { p.BuildDefinition.BuildType = "https://evil.example/v1" }, fault.Predicate, "in no dialect"},
}

// caught fails t unless each lie of a threat is denied for its one reason.
func caught(t *testing.T, threat string) {
	t.Helper()
	n := 0
	for _, x := range lies {
		if !strings.HasPrefix(x.name, threat) {
			continue
		}
		n++
		t.Run(x.name, func(t *testing.T) {
			p := provenance(signer())
			x.change(&p)
			f := wantDenied(t, evaluate(input(read(t, good), stated(t, signer(), p))))
			if f.Code != x.code || !strings.Contains(f.Reason, x.reason) || f.Line != 16 {
				t.Errorf("finding = %s %q at line %d, want %s %q at line 16", f.Code, f.Reason, f.Line, x.code, x.reason)
			}
		})
	}
	if n == 0 {
		t.Errorf("no lie of %s", threat)
	}
}

func TestC03_a_builder_is_its_whole_address(t *testing.T)                 { caught(t, "C03") }
func TestD12_an_unknown_parameter_denies(t *testing.T)                    { caught(t, "D12") }
func TestE13_a_provenance_of_another_run_or_commit_denies(t *testing.T)   { caught(t, "E13") }
func TestF11_a_provenance_that_names_another_builder_denies(t *testing.T) { caught(t, "F11") }

func TestProvenance_that_contradicts_its_certificate_is_not_signed_either(t *testing.T) {
	ours, _ := forge("https://ci.example")
	for _, x := range lies {
		p := provenance(signer())
		x.change(&p)
		err := policy.Contradiction(ours, signer(), stated(t, signer(), p).Statement)
		if f := fault.Of(err); err == nil || f.Kind != fault.Refused || f.Code != x.code {
			t.Errorf("%s: err = %v (%s), want %s", x.name, err, f.Code, x.code)
		}
	}
	if err := policy.Contradiction(ours, signer(), built(t).Statement); err != nil {
		t.Errorf("honest provenance: err = %v, want none", err)
	}
	if err := policy.Contradiction(ours, signer(), statement.Statement{Type: statement.TypeV1, PredicateType: scanType}); err != nil {
		t.Errorf("another predicate: err = %v, want none", err)
	}
}

func TestControl_a_job_is_its_number_where_the_platform_says_so(t *testing.T) {
	const second = `      - {issuer: https://jobs.example, repository: acme/app, repository-id: 20, workflow: ci.yml, refs: [refs/heads/main], runner: ours}
environments:`
	p := read(t, edited(t, "environments:", second))
	s := signer()
	s.Issuer, s.Repository, s.RepositoryID, s.Runner = "https://jobs.example", "https://jobs.example/acme/app", "20", "ours"
	renamed(&s, "https://jobs.example/acme/app//ci.yml@refs/heads/main")
	s.Run = "https://jobs.example/acme/app/-/jobs/302"
	honest := provenance(s)
	honest.BuildDefinition.BuildType = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1"
	honest.BuildDefinition.ExternalParameters, honest.BuildDefinition.InternalParameters = json.RawMessage(`{"source":"https://jobs.example/acme/app"}`), nil
	honest.BuildDefinition.ResolvedDependencies[0].URI = s.Repository
	honest.RunDetails.Builder.ID = "https://jobs.example/acme/app/-/runners/1"
	honest.RunDetails.Metadata.InvocationID = json.RawMessage(`302`)
	wantAllowed(t, evaluate(input(p, stated(t, s, honest))))
	for _, id := range []string{"301", "2", `"02"`, `"jobs/302"`, "302.0", "3020"} {
		lie := honest
		lie.RunDetails.Metadata.InvocationID = json.RawMessage(id)
		if f := wantDenied(t, evaluate(input(p, stated(t, s, lie)))); f.Code != fault.Source {
			t.Errorf("%s: code = %s, want %s", id, f.Code, fault.Source)
		}
	}
	honest.RunDetails.Builder.ID = "https://jobs.example.evil.example/acme/app/-/runners/1"
	if f := wantDenied(t, evaluate(input(p, stated(t, s, honest)))); f.Code != fault.Predicate {
		t.Errorf("another host: code = %s, want %s", f.Code, fault.Predicate)
	}
}

func TestD12_a_parameter_that_the_policy_names_may_be_there(t *testing.T) {
	p := provenance(signer())
	p.BuildDefinition.ExternalParameters = workflow(signer(), `,"inputs":{"debug":"1"}`)
	wantDenied(t, evaluate(input(read(t, good), stated(t, signer(), p))))
	wantAllowed(t, evaluate(input(read(t, edited(t, "{max-age: 7d}", "{inputs: [debug]}")), stated(t, signer(), p))))
}

// Without an environment no list of inputs counts, and the next step is to name
// the environment that has one.
func TestHint_inputs_are_listed_by_an_environment(t *testing.T) {
	p := provenance(signer())
	p.BuildDefinition.ExternalParameters = workflow(signer(), `,"inputs":{"debug":"1"}`)
	in := input(read(t, edited(t, "{max-age: 7d}", "{inputs: [debug]}")), stated(t, signer(), p))
	in.Environment = ""
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Source || !strings.Contains(f.Hint, "--for") {
		t.Errorf("finding = %+v, want the way to the environment", f)
	}
	in = input(read(t, edited(t, "{max-age: 7d}", "{inputs: [other]}")), stated(t, signer(), p))
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Source || !strings.Contains(f.Hint, "under inputs") {
		t.Errorf("finding = %+v, want the list of the environment", f)
	}
}

func TestB02_a_statement_of_another_version_denies(t *testing.T) {
	old := built(t)
	old.Statement.Type = statement.TypeV01 // around any predicate: the version says nothing about it
	wantAllowed(t, evaluate(input(read(t, good), old)))
	for _, v := range []string{"", "https://in-toto.io/Statement/v9.9"} {
		f := built(t)
		f.Statement.Type = v
		if got := wantDenied(t, evaluate(input(read(t, good), f))); got.Code != fault.Statement {
			t.Errorf("%q: code = %s, want %s", v, got.Code, fault.Statement)
		}
	}
}

func TestB04_a_provenance_that_cannot_be_read_denies(t *testing.T) {
	for _, raw := range []string{``, `null`, `42`, `"x"`, `[]`, `{}`, `{"buildDefinition":1}`, `{"runDetails":{}} x`, `{"buildDefinition":{},"BuildDefinition":{}}`} {
		f := built(t)
		f.Statement.Predicate = json.RawMessage(raw)
		if got := wantDenied(t, evaluate(input(read(t, good), f))); got.Code == fault.EvidenceMissing || got.Reason == "" {
			t.Errorf("%s: %s %q, want what is wrong with it", raw, got.Code, got.Reason)
		}
	}
}

// scan is a fact of another predicate type.
func scan(t testing.TB, at time.Time) policy.Fact {
	f := built(t)
	f.Statement.PredicateType, f.Statement.Predicate, f.Time = scanType, json.RawMessage(`{"finishedOn":"2026-11-22T12:00:00Z"}`), at
	return f
}

func TestB03_evidence_of_another_kind_meets_no_requirement(t *testing.T) {
	p := read(t, edited(t, "provenance: {max-age: 7d}", "provenance: {max-age: 7d}\n      "+scanType+":"))
	wantAllowed(t, evaluate(input(p, built(t), scan(t, now))))
	for _, x := range []struct {
		fact        policy.Fact
		requirement string
	}{{scan(t, now), "provenance"}, {built(t), scanType}} {
		f := wantDenied(t, evaluate(input(p, x.fact)))
		if f.Code != fault.Predicate || f.Requirement != x.requirement {
			t.Errorf("finding = %+v, want %s of %s", f, fault.Predicate, x.requirement)
		}
	}
	for _, kind := range []string{scanType + "/", strings.ToUpper(scanType), strings.TrimSuffix(scanType, "1"), scanType + "\n"} {
		f := scan(t, now)
		f.Statement.PredicateType = kind
		wantDenied(t, evaluate(input(p, built(t), f)))
	}
}

func TestB03_another_kind_is_held_to_the_same_builder(t *testing.T) {
	p := read(t, edited(t, "provenance: {max-age: 7d}", scanType+":"))
	wantAllowed(t, evaluate(input(p, scan(t, now))))
	f := scan(t, now)
	f.Signer.Event = "pull_request"
	if got := wantDenied(t, evaluate(input(p, f))); got.Code != fault.Source {
		t.Errorf("code = %s, want %s", got.Code, fault.Source)
	}
}

func TestD18_evidence_is_fresh_to_the_second(t *testing.T) {
	p := read(t, good)
	for _, x := range []struct {
		age  time.Duration
		code fault.Code
	}{
		{7 * 24 * time.Hour, fault.OK}, {7*24*time.Hour + time.Second, fault.Stale}, {31 * 24 * time.Hour, fault.Stale},
		{0, fault.OK}, {-policy.Skew, fault.OK}, {-policy.Skew - time.Second, fault.Time}, {-365 * 24 * time.Hour, fault.Time},
	} {
		f := built(t)
		f.Time = now.Add(-x.age)
		v := evaluate(input(p, f))
		if x.code == fault.OK {
			wantAllowed(t, v)
			continue
		}
		if got := wantDenied(t, v); got.Code != x.code || got.Line != 16 {
			t.Errorf("age %v: %s at line %d, want %s at line 16", x.age, got.Code, got.Line, x.code)
		}
	}
}

func TestD18_no_time_at_all_is_not_fresh(t *testing.T) {
	f := built(t)
	f.Time = time.Time{}
	if got := wantDenied(t, evaluate(input(read(t, good), f))); got.Code != fault.Stale {
		t.Errorf("code = %s, want %s", got.Code, fault.Stale)
	}
}

func TestD18_the_freshest_of_several_counts(t *testing.T) {
	old := built(t)
	old.Time = now.Add(-30 * 24 * time.Hour)
	p := read(t, good)
	wantAllowed(t, evaluate(input(p, old, built(t))))
	wantAllowed(t, evaluate(input(p, built(t), old)))
}

func TestA12_evidence_from_the_future_denies_without_any_age_limit(t *testing.T) {
	p := read(t, edited(t, "provenance: {max-age: 7d}", "provenance:"))
	f := built(t)
	f.Time = now.Add(-20 * 365 * 24 * time.Hour)
	wantAllowed(t, evaluate(input(p, f)))
	f.Time = now.Add(time.Hour)
	if got := wantDenied(t, evaluate(input(p, f))); got.Code != fault.Time {
		t.Errorf("code = %s, want %s", got.Code, fault.Time)
	}
}

func TestC12_only_a_protected_environment_may_be_entered(t *testing.T) {
	p := read(t, good)
	for name, x := range map[string]policy.Protection{
		"zero": {}, "unknown": {State: policy.Unknown, Rules: []string{"1 approval"}}, "missing": {State: policy.Missing},
		"unprotected": {State: policy.Unprotected, Found: "only: a wait of 5 minutes"}, "no such state": {State: 99, Rules: []string{"1 approval"}},
		"negative": {State: -1},
	} {
		in := input(p, built(t))
		x.Variables = guarded.Variables
		in.Protection = x
		f := wantDenied(t, evaluate(in))
		if f.Code != fault.EnvUnprotected || f.Requirement != "environment" {
			t.Errorf("%s: finding = %+v, want %s", name, f, fault.EnvUnprotected)
		}
	}
}

func TestC12_what_may_not_be_seen_is_not_said_to_be_open(t *testing.T) {
	for hidden, want := range map[bool]string{
		false: `environment "production" is not protected`,
		true:  `environment "production" is not protected, or its protection may not be seen here`,
	} {
		in := input(read(t, good), built(t))
		in.Protection = policy.Protection{State: policy.Unprotected, Hidden: hidden, Variables: guarded.Variables}
		if f := wantDenied(t, evaluate(in)); f.Reason != want {
			t.Errorf("hidden %v: %q, want %q", hidden, f.Reason, want)
		}
	}
}

func TestC13_an_environment_is_its_name_byte_for_byte(t *testing.T) {
	p := read(t, good)
	for _, name := range []string{"Production", "production ", " production", "produc%74ion", "prоduction", "production/eu", "prod", "production\x00"} {
		in := input(p, built(t))
		in.Environment = name
		v := evaluate(in)
		if v.Outcome() != verdict.Deny || refusals(v)[0].Code != fault.EnvUnprotected {
			t.Errorf("%q: outcome = %v for %+v, want deny with %s", name, v.Outcome(), refusals(v), fault.EnvUnprotected)
		}
	}
}

func TestE01_each_of_several_artifacts_is_judged_alone(t *testing.T) {
	in := input(read(t, good), built(t))
	in.Candidates = append(in.Candidates, policy.Candidate{Subject: subject.Subject{Name: "dist/extra", Digest: subject.SHA256([32]byte{2})}})
	f := wantDenied(t, evaluate(in))
	if f.Code != fault.EvidenceMissing {
		t.Errorf("code = %s, want %s", f.Code, fault.EvidenceMissing)
	}
	v := evaluate(in)
	if a, b := v.Judgements[0].Outcome(), v.Judgements[1].Outcome(); a != verdict.Allow || b != verdict.Deny {
		t.Errorf("outcomes = %v, %v, want allow, deny", a, b)
	}
}

func TestE01_tampering_is_told_from_missing_evidence(t *testing.T) {
	in := input(read(t, good))
	was := subject.SHA256([32]byte{9})
	in.Candidates[0].Rejections = []policy.Rejection{{Code: fault.SubjectMismatch, Reason: "x", Source: "store", Attested: &was, Signer: signer()}}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.SubjectMismatch || f.Wanted != was.String() || f.Found != app().Digest.String() {
		t.Errorf("finding = %+v, want %s with both digests", f, fault.SubjectMismatch)
	}
}

func TestE01_a_stranger_cannot_name_the_artifact_to_deploy(t *testing.T) {
	stranger, nobody, branch := signer(), signer(), signer()
	stranger.RepositoryID, nobody.SANKind, branch.Ref = "666", "", "refs/heads/evil"
	evil := subject.SHA256([32]byte{9})
	for _, s := range []statement.Signer{{}, stranger, nobody, branch} {
		in := input(read(t, good))
		in.Candidates[0].Rejections = []policy.Rejection{{Code: fault.SubjectMismatch, Reason: "x", Source: "store", Attested: &evil, Signer: s}}
		f := wantDenied(t, evaluate(in))
		if f.Code != fault.EvidenceMissing || strings.Contains(f.Found+f.Wanted+f.Hint+f.Reason, evil.Hex()) {
			t.Errorf("finding = %+v, want %s without the stranger's digest", f, fault.EvidenceMissing)
		}
	}
}

func TestD01_nothing_is_allowed_that_no_artifact_of_the_policy_is(t *testing.T) {
	for _, name := range []string{"other/app.tar.gz", "", "dist/sub/app.tar.gz", "registry.example/acme/app:v1", "sha256:" + strings.Repeat("0", 64)} {
		in := input(read(t, good), built(t))
		in.Candidates[0].Subject.Name = name
		if f := wantDenied(t, evaluate(in)); f.Code != fault.SubjectMismatch {
			t.Errorf("%q: code = %s, want %s", name, f.Code, fault.SubjectMismatch)
		}
	}
	digest := "@sha256:" + strings.Repeat("0", 64)
	for _, name := range []string{"registry.example/acme/app", "registry.example/acme/app:v1"} {
		in := input(read(t, good), built(t))
		in.Candidates[0].Subject.Name = name + digest
		wantAllowed(t, evaluate(in))
	}
	for _, name := range []string{"registry.example/acme/app/evil", "registry.example/acme/app-evil", "evil.example/acme/app", "registry.example/acme/app:v1/evil"} {
		in := input(read(t, good), built(t))
		in.Candidates[0].Subject.Name = name + digest
		wantDenied(t, evaluate(in))
	}
}

func TestD02_nothing_is_allowed_about_nothing(t *testing.T) {
	in := input(read(t, good), built(t))
	in.Candidates = nil
	if got := evaluate(in).Outcome(); got != verdict.Deny {
		t.Errorf("outcome = %v, want deny", got)
	}
	if f := wantDenied(t, evaluate(input(read(t, good)))); f.Code != fault.EvidenceMissing {
		t.Errorf("code = %s, want %s", f.Code, fault.EvidenceMissing)
	}
}

func TestD08_a_policy_that_holds_nothing_allows_nothing(t *testing.T) {
	app := policy.Artifact{Name: "app", Subject: []string{"dist/*"}, Trust: policy.Trust{Name: "house"}}
	production := policy.Environment{Name: "production", Requires: []policy.Requirement{{Name: "provenance", Kind: policy.Provenance{}}}}
	for name, p := range map[string]*policy.Policy{
		"zero": {}, "no builder": {Artifacts: []policy.Artifact{app}, Environments: []policy.Environment{production}},
		"a zero builder": {Environments: []policy.Environment{production}, Artifacts: []policy.Artifact{
			{Name: "app", Subject: app.Subject, Trust: app.Trust, BuiltBy: []policy.Builder{{}}}}},
		"no requirement": {Environments: []policy.Environment{{Name: "production"}}, Artifacts: read(t, good).Artifacts},
		"no environment": {Artifacts: read(t, good).Artifacts},
	} {
		zero := stated(t, statement.Signer{}, provenance(statement.Signer{}))
		if v := evaluate(input(p, zero, built(t))); v.Outcome() != verdict.Deny {
			t.Errorf("%s: outcome = %v, want deny", name, v.Outcome())
		}
	}
}

func TestD01_an_environment_that_requires_nothing_says_so(t *testing.T) {
	p := &policy.Policy{Environments: []policy.Environment{{Name: "production", Line: 14}}, Artifacts: read(t, good).Artifacts}
	if f := wantDenied(t, evaluate(input(p, built(t)))); f.Code != fault.PolicyVacuous || f.Line != 14 {
		t.Errorf("finding = %+v, want %s at line 14", f, fault.PolicyVacuous)
	}
}

func TestVerify_without_an_environment_wants_provenance_all_the_same(t *testing.T) {
	in := input(read(t, good), built(t))
	in.Environment, in.Protection = "", policy.Protection{}
	wantAllowed(t, evaluate(in))
	in.Candidates[0].Facts = []policy.Fact{scan(t, now)}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Predicate {
		t.Errorf("code = %s, want %s", f.Code, fault.Predicate)
	}
}

func TestEvaluate_is_a_function_of_its_input(t *testing.T) {
	in := input(read(t, good), scan(t, now), built(t))
	in.Candidates = append(in.Candidates, policy.Candidate{Subject: subject.Subject{Name: "dist/extra"}})
	first := evaluate(in)
	for range 20 {
		if again := evaluate(in); !reflect.DeepEqual(again, first) {
			t.Fatalf("verdict = %+v, want %+v", again, first)
		}
	}
}

func TestSkew_and_ages_read_as_a_person_says_them(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 59 * time.Second: "59 s", 60 * time.Second: "1 min", 119 * time.Minute: "119 min", 2 * time.Hour: "2 h",
		47 * time.Hour: "47 h", 48 * time.Hour: "2 days", 1000 * time.Hour: "41 days",
	} {
		if got := policy.Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
}
