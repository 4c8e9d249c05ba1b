package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// mute takes back what the platform said about a run.
func mute(r *policy.Run) {
	*r = policy.Run{URI: r.URI, Why: "the API answered 401: not allowed to ask", Need: "set TOKEN"}
}

// twice is the input with evidence of two runs, of which the second is newer.
func twice(t *testing.T) policy.Input {
	t.Helper()
	s := signer()
	s.Run = "https://code.example/acme/app/runs/8/attempts/1"
	second := stated(t, s, provenance(s))
	second.Time = now.Add(-time.Minute)
	return input(read(t, good), hashed(built(t)), hashed(second))
}

func TestD03_evidence_that_nobody_could_be_asked_about_helps_nobody(t *testing.T) {
	in := input(read(t, good), built(t))
	wantAllowed(t, evaluate(in))
	mute(&in.Runs[0])
	f := wantDenied(t, evaluate(in))
	if f.Code != fault.NotAvailable || f.Hint != "set TOKEN" || !strings.Contains(f.Found, "401") {
		t.Errorf("finding = %+v, want E_UNAVAILABLE with what was answered and what to do", f)
	}
	in.Refs = []policy.Ref{{Query: in.Refs[0].Query, Why: "the API answered 401"}}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.NotAvailable {
		t.Errorf("a ref that nobody answers about either: %+v, want E_UNAVAILABLE", f)
	}
}

func TestD03_other_evidence_that_could_be_asked_about_is_enough(t *testing.T) {
	for i := range 2 {
		in := twice(t)
		mute(&in.Runs[i])
		v := evaluate(in)
		wantAllowed(t, v)
		if e := v.Judgements[0].Evidence; len(e) != 1 || e[0].Run != in.Runs[1-i].URI {
			t.Errorf("evidence = %+v, want that of the run that was answered about", e)
		}
		in.Runs[1-i].State = policy.Failed
		if f := wantDenied(t, evaluate(in)); f.Code != fault.NotAvailable {
			t.Errorf("the other run failed: %+v, want E_UNAVAILABLE, which an answer may mend", f)
		}
	}
}

func TestD03_evidence_about_an_index_that_nobody_could_be_asked_about_is_the_reason(t *testing.T) {
	whole := with(built(t), func(f *policy.Fact) {
		f.Names, f.Signer.Run = []string{"registry.example/acme/app"}, "https://code.example/acme/app/runs/8/attempts/1"
	})
	whole = hashed(with(stated(t, whole.Signer, provenance(whole.Signer)), func(f *policy.Fact) { f.Names = whole.Names }))
	in := ofParts(signing(t, "app:", "app:"), carried(t, signer(), amd), whole)
	wantAllowed(t, evaluate(in))
	mute(&in.Runs[1])
	if f := wantDenied(t, evaluate(in)); f.Code != fault.NotAvailable {
		t.Errorf("finding = %+v, want E_UNAVAILABLE, and not the image that has none of its own", f)
	}
}

// silenced is what a scene comes to when nobody answers about one of its runs.
func silenced(t *testing.T, s scene, uri string) verdict.Verdict {
	t.Helper()
	in := s.input(t)
	i := slices.IndexFunc(in.Runs, func(r policy.Run) bool { return r.URI == uri })
	if i < 0 {
		t.Fatalf("no run %q", uri)
	}
	mute(&in.Runs[i])
	return evaluate(in)
}

func TestD03_a_rejection_that_nobody_could_be_asked_about_is_not_lost(t *testing.T) {
	third := approving(102).Run
	s := setting(t, second, append(yes(alice, bob), no(mallory))...)
	wantAllowed(t, s.judge(t)) // mallory is in no group
	f := wantDenied(t, silenced(t, s, third))
	if f.Code != fault.NotAvailable || f.Hint != "set TOKEN" {
		t.Errorf("finding = %+v, want E_UNAVAILABLE: it may be a no that counts", f)
	}
	elsewhere := no(mallory)
	elsewhere.say = func(a *statement.Approval) { a.Decision, a.Environments[0].Name = statement.Reject, "staging" }
	wantAllowed(t, silenced(t, setting(t, second, append(yes(alice, bob), elsewhere)...), third)) // it is about something else
	s = theirs(t, append(urgent(carol, dana), no(mallory))...)
	wantAllowed(t, s.judge(t))
	if v := silenced(t, s, third); v.Outcome() != verdict.Deny {
		t.Errorf("with emergency approvals: %v, want deny", v.Outcome())
	}
}

func TestD03_a_rejection_on_a_ref_that_nobody_could_be_asked_about_is_not_lost(t *testing.T) {
	tagged := no(mallory)
	tagged.sign = func(f *policy.Fact, _ *policy.Run) {
		uri := "https://code.example/acme/app/build/approve.yml@refs/heads/release-1"
		renamed(&f.Signer, uri)
		f.Signer.Ref = "refs/heads/release-1"
	}
	text := replaced(t, second, "workflow: build/approve.yml, refs: [refs/heads/main]", `workflow: build/approve.yml, refs: [refs/heads/main, "refs/heads/release-*"]`)
	in := setting(t, text, append(yes(alice, bob), tagged)...).input(t)
	wantAllowed(t, evaluate(in))
	i := slices.IndexFunc(in.Refs, func(r policy.Ref) bool { return r.Query.Ref == "refs/heads/release-1" })
	in.Refs[i] = policy.Ref{Query: in.Refs[i].Query, Why: "the API answered 403"}
	if f := wantDenied(t, evaluate(in)); f.Code != fault.NotAvailable || f.Found != "the API answered 403" {
		t.Errorf("finding = %+v, want E_UNAVAILABLE: it may be a no that counts", f)
	}
}

func TestD03_an_approval_that_nobody_could_be_asked_about_does_not_count(t *testing.T) {
	last := approving(101).Run
	wantAllowed(t, setting(t, second, yes(alice, bob)...).judge(t))
	if f := wantDenied(t, silenced(t, setting(t, second, yes(alice, bob)...), last)); f.Code != fault.NotAvailable {
		t.Errorf("finding = %+v, want E_UNAVAILABLE", f)
	}
	wantAllowed(t, silenced(t, setting(t, second, yes(alice, dana, bob)...), approving(102).Run)) // two are enough
	review := replaced(t, second, "    sources: [signature, workflow, review]", "    sources: [signature, review]")
	if f := silenced(t, setting(t, review, yes(dana, bob)...), last); f.Outcome() != verdict.Wait {
		t.Errorf("a word that could not count: %v, want wait", f.Outcome())
	}
}

// pair is a scene with evidence of two commits; nobody answers about the run of
// the newer one, whose makers are others.
func pair(t *testing.T, order policy.Order, author policy.Account) policy.Input {
	t.Helper()
	sc := setting(t, second, yes(alice, bob)...)
	s := signer()
	s.Commit, s.SignerDigest, s.ConfigDigest, s.Run = other, other, other, "https://code.example/acme/app/runs/8/attempts/1"
	f := stated(t, s, provenance(s))
	f.Time = now.Add(-time.Minute)
	sc.facts = append(sc.facts, hashed(f))
	in := sc.input(t)
	in.Changes = append(in.Changes, in.Changes[0])
	in.Changes[0].Order = order
	in.Changes[1].Head = other
	in.Changes[1].Makers = []policy.Maker{{Account: author, Role: policy.Author, Where: "commit 1f2e3d4"}}
	return in
}

func TestI01_the_makers_of_evidence_that_nobody_could_be_asked_about_count(t *testing.T) {
	mia := account("90", "mia")
	in := pair(t, policy.Newer, mia)
	mute(&in.Runs[1])
	wantAllowed(t, evaluate(in))
	in = pair(t, policy.Newer, bob)
	mute(&in.Runs[1])
	if v := evaluate(in); v.Outcome() == verdict.Allow {
		t.Error("a maker has approved, and it enters")
	}
}

func TestG16_evidence_that_nobody_could_be_asked_about_makes_nothing_newer(t *testing.T) {
	mia := account("90", "mia")
	in := pair(t, policy.Older, mia)
	wantAllowed(t, evaluate(in)) // the newer commit is what enters
	mute(&in.Runs[1])
	if f := wantDenied(t, evaluate(in)); f.Code != fault.Rollback {
		t.Errorf("finding = %+v, want E_ROLLBACK", f)
	}
}
