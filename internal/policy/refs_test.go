package policy_test

import (
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// onTag is the builder's evidence from a tag.
func onTag(t testing.TB) policy.Fact {
	t.Helper()
	s := signer()
	reref(&s, "refs/tags/v9")
	return stated(t, s, provenance(s))
}

// answered is what lets f in under text, with the platform's answer about its
// ref.
func answered(t testing.TB, text string, f policy.Fact, r policy.Ref) policy.Input {
	t.Helper()
	in := input(read(t, text), f)
	if len(in.Refs) != 1 {
		t.Fatalf("%d questions about refs, want one", len(in.Refs))
	}
	r.Query = in.Refs[0].Query
	in.Refs = []policy.Ref{r}
	return in
}

// What is built on a ref that the platform does not protect is denied, and so is
// what nobody answered about; the same on a protected one enters.
func TestG14_a_build_of_an_unprotected_ref_denies(t *testing.T) {
	named := edited(t, "        workflow:", "        branch: release-9\n        workflow:")
	some := edited(t, "        workflow:", "        branch: release-*\n        workflow:")
	free := edited(t, "        workflow:", "        ref-protection: none\n        branch: release-9\n        workflow:")
	const yes, no = policy.Yes, policy.No
	for name, x := range map[string]struct {
		policy string
		tag    bool
		answer policy.Ref
		denied string // a part of the reason; empty: allowed
	}{
		"protected branch":                    {good, false, policy.Ref{Protected: yes}, ""},
		"open branch":                         {good, false, policy.Ref{Protected: no}, "refs/heads/main is not protected"},
		"no answer about a branch":            {good, false, policy.Ref{Why: "403"}, "the platform did not say whether refs/heads/main"},
		"protected tag":                       {good, true, policy.Ref{Protected: yes}, ""},
		"open tag on the default branch":      {good, true, policy.Ref{Protected: no, Branch: "main", On: yes, Kept: yes}, ""},
		"open tag elsewhere":                  {good, true, policy.Ref{Protected: no, Branch: "main", On: no}, "refs/tags/v9 is not protected"},
		"open tag on an open default branch":  {good, true, policy.Ref{Protected: no, Branch: "main", On: yes, Kept: no}, "refs/tags/v9 is not protected"},
		"open tag, and no more is answered":   {good, true, policy.Ref{Protected: no, Why: "404"}, "refs/tags/v9 is not protected, and the platform did not say whether commit"},
		"no answer about a tag":               {good, true, policy.Ref{}, "the platform did not say whether refs/tags/v9"},
		"on the named branch":                 {named, false, policy.Ref{Protected: yes, Branch: "release-9", On: yes, Kept: yes}, ""},
		"off the named branch":                {named, false, policy.Ref{Protected: yes, Branch: "release-9", On: no, Kept: yes}, `is not on branch "release-9"`},
		"off every branch of the pattern":     {some, false, policy.Ref{Protected: yes, Branch: "release-*", On: no}, `is on no branch of "release-*"`},
		"on the named branch, which is open":  {named, false, policy.Ref{Protected: yes, Branch: "release-9", On: yes, Kept: no}, "branch release-9 is not protected"},
		"on the named branch, of an open ref": {named, false, policy.Ref{Protected: no, Branch: "release-9", On: yes, Kept: yes}, "refs/heads/main is not protected"},
		"no answer about the named branch":    {named, false, policy.Ref{Protected: yes}, "the platform did not say whether commit"},
		"no answer how it is protected":       {named, false, policy.Ref{Protected: yes, Branch: "release-9", On: yes}, "the platform did not say whether commit"},
		"open tag on the named branch":        {named, true, policy.Ref{Branch: "release-9", On: yes, Kept: yes}, ""},
		"protected tag off the named branch":  {named, true, policy.Ref{Protected: yes, Branch: "release-9", On: no}, `is not on branch "release-9"`},
		"a plan without, on the branch":       {free, true, policy.Ref{Branch: "release-9", On: yes}, ""},
		"a plan without, off the branch":      {free, true, policy.Ref{Branch: "release-9", On: no}, `is not on branch "release-9"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := built(t)
			if x.tag {
				f = onTag(t)
			}
			v := evaluate(answered(t, x.policy, f, x.answer))
			if x.denied == "" {
				wantAllowed(t, v)
				return
			}
			d := wantDenied(t, v)
			if d.Code != "E_SOURCE" || !strings.Contains(d.Reason, x.denied) || !strings.Contains(d.Hint, "ref-protection: none") && !strings.Contains(d.Hint, "build a commit") {
				t.Errorf("finding = %s %q, hint %q, want E_SOURCE with %q and the line to write", d.Code, d.Reason, d.Hint, x.denied)
			}
		})
	}
}

// An answer about another commit, branch or repository is no answer.
func TestG14_an_answer_about_another_ref_is_none(t *testing.T) {
	for name, change := range map[string]func(*policy.RefQuery){
		"repository": func(q *policy.RefQuery) { q.Repository = "https://code.example/acme/other" },
		"number":     func(q *policy.RefQuery) { q.ID = "7" },
		"ref":        func(q *policy.RefQuery) { q.Ref = "refs/heads/other" },
		"commit":     func(q *policy.RefQuery) { q.Head = other },
		"branch":     func(q *policy.RefQuery) { q.Branch = "other" },
		"no rules":   func(q *policy.RefQuery) { q.Open = true },
	} {
		in := input(read(t, good), onTag(t))
		wantAllowed(t, evaluate(in))
		change(&in.Refs[0].Query)
		if f := wantDenied(t, evaluate(in)); f.Code != "E_SOURCE" {
			t.Errorf("%s: finding = %s %q, want E_SOURCE", name, f.Code, f.Reason)
		}
	}
}

// What a policy accepts in place of an answer is asked of nobody, and every
// verdict shows it.
func TestG14_what_is_not_asked_is_shown(t *testing.T) {
	for _, line := range []string{"branch: unchecked", "ref-protection: none"} {
		in := input(read(t, edited(t, "        workflow:", "        "+line+"\n        workflow:")), built(t))
		if len(in.Refs) != 0 {
			t.Errorf("%s: questions %+v, want none", line, in.Refs)
		}
		v := policy.Evaluate(in)
		wantAllowed(t, v)
		if got := v.Judgements[0].Evidence[0].Accepted; len(got) != 1 || got[0] != line {
			t.Errorf("accepted = %q, want %q", got, line)
		}
	}
}

// Where no environment is entered nobody is asked, and the verdict says so.
func TestG14_without_an_environment_nobody_is_asked(t *testing.T) {
	in := input(read(t, good), built(t))
	in.Environment, in.Refs = "", nil
	v := policy.Evaluate(in)
	wantAllowed(t, v)
	if len(v.NotAsked) != 1 || !strings.Contains(v.NotAsked[0], "sallyport gate asks") {
		t.Errorf("not asked = %q, want that gate asks", v.NotAsked)
	}
	in = input(read(t, edited(t, "        workflow:", "        branch: unchecked\n        workflow:")), built(t))
	in.Environment = ""
	if v := policy.Evaluate(in); len(v.NotAsked) != 0 {
		t.Errorf("not asked = %q, want nothing where the policy asks nothing", v.NotAsked)
	}
}

// Whoever signs for a requirement of its own is held to its own branch, and an
// approval to that of its workflow.
func TestG14_every_workflow_that_the_policy_names_is_asked_about(t *testing.T) {
	s := setting(t, second, yes(alice, carol)...)
	s.policy = read(t, strings.Replace(second, "workflow: build/approve.yml,", "workflow: build/approve.yml, branch: approvals,", 1))
	wantAllowed(t, s.judge(t))
	in := s.input(t)
	for i := range in.Refs {
		if in.Refs[i].Query.Branch == "approvals" {
			in.Refs[i].On = policy.No
		}
	}
	if f := wantRefused(t, evaluate(in), "E_SOURCE"); !strings.Contains(f.Reason, `is not on branch "approvals"`) {
		t.Errorf("reason = %q, want that the commit of the approval is not on its branch", f.Reason)
	}
}

// Of several entries that fit, any one whose ref is good is enough.
func TestG14_any_one_entry_is_enough(t *testing.T) {
	const entry = `      - issuer: https://ci.example
        repository: acme/app
        repository-id: 1001
        owner-id: 2002
        workflow: build/release.yml
        refs: [refs/heads/main, "refs/tags/v*"]
`
	in := input(read(t, edited(t, entry, entry+strings.Replace(entry, "        workflow:", "        branch: release-9\n        workflow:", 1))), built(t))
	if len(in.Refs) != 2 {
		t.Fatalf("%d questions, want one for each entry", len(in.Refs))
	}
	for i := range in.Refs {
		if in.Refs[i].Query.Branch == "" {
			in.Refs[i].Protected = policy.No
		}
	}
	wantAllowed(t, evaluate(in))
	for i := range in.Refs {
		in.Refs[i].Protected = policy.No
	}
	wantDenied(t, evaluate(in))
}
