package policy_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// rerun is evidence of the same bytes from a second attempt of the same run, a
// minute ago; edit changes what is signed, or how.
func rerun(t *testing.T, edit func(*statement.Signer, *statement.Provenance)) policy.Fact {
	t.Helper()
	s := signer()
	s.Run = "https://code.example/acme/app/runs/7/attempts/2"
	p := provenance(s)
	p.RunDetails.Metadata.StartedOn = "2026-11-22T11:58:00Z"
	edit(&s, &p)
	f := stated(t, s, p)
	f.Time = now.Add(-time.Minute)
	return hashed(f)
}

func unchanged(*statement.Signer, *statement.Provenance) {}

// attestedAgain puts more evidence beside what two people have approved.
func attestedAgain(t *testing.T, f policy.Fact, more ...func(*policy.Input)) verdict.Verdict {
	t.Helper()
	in := setting(t, second, yes(alice, bob)...).input(t)
	in.Runs = append(in.Runs, policy.Run{URI: f.Signer.Run, State: policy.Succeeded, Commit: f.Signer.Commit, By: account("91", "tom")})
	put(&in, f, false)
	for _, m := range more {
		m(&in)
	}
	in.Refs = kept(in)
	return evaluate(in)
}

func TestControl_the_same_bytes_attested_again_for_the_same_commit_void_nothing(t *testing.T) {
	wantAllowed(t, attestedAgain(t, rerun(t, unchanged)))
	other := rerun(t, func(s *statement.Signer, _ *statement.Provenance) {
		s.Run = "https://code.example/acme/app/runs/9/attempts/1"
	})
	wantAllowed(t, attestedAgain(t, other))
}

func TestI13_evidence_that_says_something_new_voids_an_approval(t *testing.T) {
	for name, edit := range map[string]func(*statement.Signer, *statement.Provenance){
		"another event":                func(s *statement.Signer, p *statement.Provenance) { s.Event = "manual"; *p = provenance(*s) },
		"another ref":                  func(s *statement.Signer, p *statement.Provenance) { reref(s, "refs/tags/v1.4.0"); *p = provenance(*s) },
		"a job of another environment": func(s *statement.Signer, _ *statement.Provenance) { s.Environment = "staging" },
		"something more that it was built from": func(_ *statement.Signer, p *statement.Provenance) {
			p.BuildDefinition.ResolvedDependencies = append(p.BuildDefinition.ResolvedDependencies, statement.Resource{URI: "git+https://code.example/acme/lib@refs/heads/main", Digest: map[string]string{"gitCommit": other}})
		},
		"an input that somebody chose": func(s *statement.Signer, p *statement.Provenance) {
			p.BuildDefinition.ExternalParameters = workflow(*s, `,"inputs":{"debug":"on"}`)
		},
		"a parameter of the builder": func(_ *statement.Signer, p *statement.Provenance) {
			p.BuildDefinition.InternalParameters = json.RawMessage(`{"github":{"event_name":"push","repository_id":"1001","repository_owner_id":"2002","runner_environment":"hosted","x":"y"}}`)
		},
	} {
		f := rerun(t, edit)
		v := attestedAgain(t, f, func(in *policy.Input) {
			in.Policy.Environments[0].Requires[0].Kind = policy.Provenance{Unchecked: true} // what a policy lets count is not what was seen
		})
		if v.Outcome() != verdict.Deny || refusals(v)[0].Code != "E_APPROVAL_STALE" {
			t.Errorf("%s: outcome = %v for %+v, want that the approvals are void", name, v.Outcome(), refusals(v))
		}
	}
}

// The evidence that was seen has to stand by itself.
func TestI13_what_repeats_evidence_that_does_not_stand_voids_an_approval(t *testing.T) {
	f := rerun(t, unchanged)
	for name, spoil := range map[string]func(*policy.Input){
		"it is not there any more":       func(in *policy.Input) { in.Candidates[0].Facts = in.Candidates[0].Facts[1:] },
		"its run failed":                 func(in *policy.Input) { in.Runs[0].State = policy.Failed },
		"nobody says how its run ended":  func(in *policy.Input) { in.Runs[0].Why, in.Runs[0].State = "503", policy.RunUnknown },
		"it is newer than what it tells": func(in *policy.Input) { in.Candidates[0].Facts[0].Time = now.Add(-30 * time.Second) },
		"nobody vouches for its time": func(in *policy.Input) {
			in.Policy.Environments[0].Requires[0].MaxAge, in.Candidates[0].Facts[0].Time = 0, time.Time{}
		},
		"it verified under another root": func(in *policy.Input) { in.Candidates[0].Facts[0].Trust = "annex" },
	} {
		v := attestedAgain(t, f, spoil)
		if v.Outcome() == verdict.Allow {
			t.Errorf("%s: outcome = allow, want that the approvals are void", name)
		}
	}
	wantAllowed(t, attestedAgain(t, f))
}

// A scan is an answer of its day: a newer one was not seen.
func TestI13_a_newer_scan_voids_an_approval(t *testing.T) {
	text := replaced(t, second, "provenance: {max-age: 7d}", "provenance: {max-age: 7d}\n      "+scanType+":")
	s := setting(t, text, yes(alice, bob)...)
	s.facts = append(s.facts, hashed(scan(t, now.Add(-time.Hour))))
	wantAllowed(t, s.judge(t))
	in := s.input(t)
	put(&in, hashed(scan(t, now.Add(-time.Minute))), false)
	wantRefused(t, evaluate(in), "E_APPROVAL_STALE")
}
