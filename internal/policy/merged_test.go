package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// onMain is the platform's word that the default branch has p.
func onMain(p *policy.Policy) policy.Merged {
	return policy.Merged{
		Repository: where.Repository.URI,
		ID:         where.Repository.ID,
		Branch:     "trunk",
		Commit:     commit,
		Digest:     p.Digest,
	}
}

// watched is its word about who may change that branch.
func watched(known policy.Known) policy.Ref {
	q := policy.RefQuery{Repository: where.Repository.URI, ID: where.Repository.ID, Ref: "refs/heads/trunk"}
	return policy.Ref{Query: q, Protected: known, Why: "nobody may see it"}
}

// changeFindings are the findings about a change of the policy.
func changeFindings(v verdict.Verdict) []verdict.Finding {
	return slices.DeleteFunc(
		slices.Clone(v.Findings),
		func(f verdict.Finding) bool { return f.Requirement != "policy change" },
	)
}

// opening is a release into an environment that nothing has entered, under a policy.
func opening(t *testing.T, text string, edit func(*policy.Input)) verdict.Verdict {
	t.Helper()
	in := setting(t, text, yes(alice, bob)...).input(t)
	adopt(&in, entering(in.Policy))
	in.Entries.Subject, in.Merged = where.Subject(""), onMain(in.Policy)
	edit(&in)
	in.Changes = slices.Clone(in.Changes)
	in.Changes[0].Start = startOf(t, in)
	return evaluate(in)
}

// The first entry puts a policy into force, so it is the one of the default branch and
// not that of whoever builds.
func TestD15_the_first_policy_is_that_of_the_default_branch(t *testing.T) {
	wantAllowed(t, opening(t, required(t), func(*policy.Input) {}))
	// Where no record is required, the default branch is asked whether it wants one.
	other := subject.Sum([]byte("other"))
	for strict, want := range map[bool]verdict.Outcome{false: verdict.Allow, true: verdict.Deny} {
		for name, text := range map[string]string{"optional": second, "off": replaced(t, second, "count: 2}\n", "count: 2}\n    record: off\n")} {
			v := opening(t, text, func(in *policy.Input) { in.Merged.Digest, in.Merged.Strict = other, strict })
			if v.Outcome() != want {
				t.Errorf(
					"record %s, and a default branch that is strict %v: %v, want %v",
					name,
					strict,
					v.Outcome(),
					want,
				)
			}
		}
	}
	wantAllowed(
		t,
		opening(t, second, func(in *policy.Input) { in.Merged = policy.Merged{Absent: true, Why: "no such file"} }),
	)
	for name, x := range map[string]struct {
		edit func(*policy.Input)
		code fault.Code
		says string
	}{
		"another policy there": {func(in *policy.Input) { in.Merged.Digest = subject.Sum([]byte("other")) }, fault.Policy, "branch \"trunk\" has another one"},
		"no policy there":      {func(in *policy.Input) { in.Merged.Digest, in.Merged.Absent = subject.Digest{}, true }, fault.Policy, "it is not there"},
		"no answer":            {func(in *policy.Input) { in.Merged.Why, in.Merged.Need = "403", "contents: read" }, fault.NotAvailable, "the platform does not show it"},
		"nobody asked":         {func(in *policy.Input) { in.Merged = policy.Merged{} }, fault.NotAvailable, "the platform does not show it"},
	} {
		all := changeFindings(opening(t, required(t), x.edit))
		if len(all) != 1 || all[0].Code != x.code || all[0].Outcome != verdict.Deny ||
			!strings.Contains(all[0].Reason, x.says) {
			t.Errorf("%s: findings = %+v, want %s and %q", name, all, x.code, x.says)
		}
	}
}

// A policy with other roots reads no entry, and so knows no policy in force: it is refused,
// whatever it says of the record and whichever branch has it.
func TestD15_a_policy_that_cannot_read_the_entries(t *testing.T) {
	for _, text := range []string{required(t), second, replaced(t, second, "count: 2}\n", "count: 2}\n    record: off\n")} {
		wantAllowed(t, opening(t, text, func(*policy.Input) {}))
		v := opening(t, text, func(in *policy.Input) {
			in.Entries.Rejections = []policy.Rejection{
				{Code: fault.Chain, Source: "store", Reason: "a root that the policy does not have"},
			}
		})
		all := slices.DeleteFunc(changeFindings(v), func(f verdict.Finding) bool { return f.Outcome != verdict.Deny })
		if len(all) != 1 || all[0].Code != fault.Policy ||
			!strings.Contains(all[0].Reason, "the policy in force is not known") {
			t.Errorf("findings = %+v, want that the policy in force is not known", all)
		}
	}
	// Beside an entry that counts, a bundle that verifies under nothing is junk.
	in := setting(t, required(t), yes(alice, bob)...).input(t)
	adopt(&in, entering(in.Policy, line(t, 1)...))
	in.Entries.Rejections = []policy.Rejection{{Code: fault.Chain, Source: "store", Reason: "junk"}}
	in.Changes = slices.Clone(in.Changes)
	in.Changes[0].Start = startOf(t, in)
	if all := changeFindings(evaluate(in)); len(all) != 0 {
		t.Errorf("findings = %+v, want none", all)
	}
}

// Where the policy in force says merged, another one has to be on the default branch,
// onto which nobody alone may push; on a plan that protects none, every verdict says so.
func TestD15_a_change_that_has_to_be_merged(t *testing.T) {
	before := replaced(t, required(t), "record: required", "record: required\n    policy-change: merged")
	set := func(edit func(*policy.Input)) verdict.Verdict {
		return evaluate(changing(t, before, func(in *policy.Input) {
			in.Merged, in.Refs = onMain(in.Policy), append(in.Refs, watched(policy.Yes))
			edit(in)
		}, yes(alice, bob)...))
	}
	wantAllowed(t, set(func(*policy.Input) {}))
	for name, x := range map[string]struct {
		edit func(*policy.Input)
		code fault.Code
	}{
		"not merged":             {func(in *policy.Input) { in.Merged.Digest = subject.Sum([]byte(before)) }, fault.Policy},
		"a branch of one person": {func(in *policy.Input) { in.Refs[len(in.Refs)-1].Protected = policy.No }, fault.Policy},
		"a branch of which nobody knows": {func(in *policy.Input) {
			in.Refs[len(in.Refs)-1].Protected = policy.Unanswered
		}, fault.NotAvailable},
		"a branch that nobody asked about": {func(in *policy.Input) { in.Refs = in.Refs[:len(in.Refs)-1] }, fault.NotAvailable},
	} {
		all := changeFindings(set(x.edit))
		if len(all) != 1 || all[0].Code != x.code || all[0].Outcome != verdict.Deny {
			t.Errorf("%s: findings = %+v, want %s", name, all, x.code)
		}
	}
	// What the new policy accepts does not count for its own change; what the one before accepts does.
	plan := func(text string) string {
		return replaced(
			t,
			text,
			"workflow: build/release.yml\n",
			"workflow: build/release.yml\n        ref-protection: none\n",
		)
	}
	for text, want := range map[string]verdict.Outcome{before: verdict.Deny, plan(before): verdict.Allow} {
		v := evaluate(changing(t, text, func(in *policy.Input) {
			in.Policy = read(t, plan(weakened(t)))
			in.Merged, in.Refs = onMain(in.Policy), append(in.Refs, watched(policy.No))
		}, yes(alice, bob)...))
		if all := changeFindings(v); len(all) != 1 || all[0].Outcome != want {
			t.Errorf("findings = %+v, want %v", all, want)
		}
		said := slices.ContainsFunc(
			v.Accepted,
			func(s string) bool { return strings.Contains(s, "one person alone may change the policy") },
		)
		if said != (want == verdict.Allow) {
			t.Errorf("accepted = %q, want that one person alone may change it: %v", v.Accepted, want == verdict.Allow)
		}
	}
}

// A policy whose own rule for changes nobody could meet never comes into force.
func TestD15_a_policy_that_nobody_could_change(t *testing.T) {
	text := replaced(
		t,
		required(t),
		"record: required",
		"record: required\n    policy-change: {group: owners, count: 2}",
	)
	text = replaced(t, text, "groups:\n", "groups:\n  owners: {members: [\"code:acme/owners#77\"]}\n")
	roster := func(all ...policy.Account) func(*policy.Input) {
		return func(in *policy.Input) {
			g, _ := in.Policy.Group("owners")
			in.Rosters = append(in.Rosters, policy.Roster{Member: g.Members[0], Accounts: all})
		}
	}
	wantAllowed(t, opening(t, text, roster(alice, bob)))
	// As the policy after another one, too.
	later := changing(
		t,
		required(t),
		func(in *policy.Input) { in.Policy = read(t, text); roster(alice)(in) },
		yes(alice, bob)...)
	if all := changeFindings(evaluate(later)); len(all) != 1 || all[0].Outcome != verdict.Deny {
		t.Errorf("findings = %+v, want that nobody could ever change it", all)
	}
	all := changeFindings(opening(t, text, roster(alice)))
	if len(all) != 2 || all[1].Code != fault.Policy ||
		!strings.Contains(all[1].Reason, "nobody could ever change this policy") {
		t.Errorf("findings = %+v, want that nobody could ever change it", all)
	}
}
