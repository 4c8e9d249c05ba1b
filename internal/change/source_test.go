package change_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// judged is what a policy with a rule about the source says of a change: a code for each
// reason, and nothing where it lets the change in.
func judged(t *testing.T, c policy.Change, rule, people string) []string {
	t.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(c.Repository, "https://"), "/")
	host = "https://" + host
	const kind = "https://acme.example/built/v1"
	text := fmt.Sprintf(`version: 1
artifacts:
  app:
    subject: [app]
    trust: house
    built-by: [{issuer: https://ci.example, repository: %s, repository-id: 1, workflow: release.yml, refs: [refs/heads/main]}]
environments:
  production:
    pipeline-variables: unchecked
    source: %s
    requires:
      %q: {}
`, path, rule, kind)
	if people != "" {
		text += "groups:\n  release: {members: [\"x:alice#77\"], sources: [review]}\npeople:\n" + people
	}
	p, err := policy.Read([]byte(text), "policy.yaml", policy.Words{Trusts: []string{"house"},
		Forge: func(issuer string) (policy.Forge, bool) {
			return policy.Forge{Issuer: issuer, Host: host, Mark: "/", Runner: "hosted", Events: []string{"push"}, Kind: "x"}, true
		},
		Place: func(string) (policy.Place, bool) { return policy.Place{Host: host}, true }})
	if err != nil {
		t.Fatal(err)
	}
	uri := c.Repository + "/release.yml@refs/heads/main"
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := statement.Signer{Issuer: "https://ci.example", SAN: uri, SANKind: "uri", SignerURI: uri, SignerDigest: c.Head, Runner: "hosted",
		Repository: c.Repository, Commit: c.Head, Ref: "refs/heads/main", RepositoryID: "1", ConfigURI: uri, ConfigDigest: c.Head, Event: "push",
		Run: c.Repository + "/runs/7/attempts/1"}
	app := subject.Subject{Name: "app", Digest: subject.Sum([]byte("app"))}
	b, err := statement.New([]subject.Subject{app}, kind, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	st, err := statement.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	in := policy.Input{Policy: p, Environment: "production", Now: now, Changes: []policy.Change{c},
		Protection: policy.Protection{State: policy.Protected, Bypass: policy.NoBypass, Rules: []string{"a rule"}},
		Runs:       []policy.Run{{URI: s.Run, State: policy.Succeeded, Commit: c.Head}},
		Candidates: []policy.Candidate{{Subject: app, Facts: []policy.Fact{{Signer: s, Trust: "house", Names: []string{"app"}, Time: now.Add(-time.Hour),
			Statement: st, StatementHash: subject.Sum(b)}}}}}
	q, err := policy.Ask(in)
	if err != nil {
		t.Fatal(err)
	}
	if all := q.Changes(); len(all) != 1 || all[0].Reviews != strings.Contains(rule, "reviewed") || all[0].Signatures != strings.Contains(rule, "verified") {
		t.Fatalf("questions about changes = %+v, want one with what %s asks", all, rule)
	}
	for _, x := range q.Refs() {
		in.Refs = append(in.Refs, policy.Ref{Query: x, Protected: policy.Yes, Branch: "main", On: policy.Yes, Kept: policy.Yes})
	}
	var out []string
	v := policy.Evaluate(in)
	for _, j := range v.Judgements {
		for _, f := range j.Findings {
			switch {
			case f.Outcome == verdict.Allow:
			case strings.HasPrefix(f.Requirement, "source"):
				found := f.Found
				out = append(out, fmt.Sprintf("%s %s: %s", f.Code, f.Reason, found))
			default:
				t.Fatalf("finding %+v, want none but about the source", f)
			}
		}
	}
	if allow := v.Outcome() == verdict.Allow; allow != (len(out) == 0) {
		t.Fatalf("outcome = %v with %q, in %+v", v.Outcome(), out, v.Findings)
	}
	return out
}

// by writes a commit of somebody.
func by(name, author, parents string) commit {
	return commit{name: name, author: author, parents: parents}
}

// page writes a commit that the platform made when it merged.
func page(name, author, parents string) commit {
	return commit{name: name, author: author, parents: parents, committer: "page"}
}

// merge is a history of one request of alice that bob merged.
func merge(reviews ...review) history {
	return history{closed: true, reviewed: true,
		commits: []commit{by("a", "alice", "base"), by("b", "alice", "a"), page("m", "alice", "base b")},
		pushes:  []push{{"alice", "f", "", "a"}, {"alice", "f", "a", "b"}, {"bob", "main", "base", "m"}},
		requests: []request{{number: 7, author: "alice", merger: "bob", branch: "f", head: "b", merge: "m", commits: "a b",
			reviews: reviews}}}
}

// The same history has to be judged alike on both platforms, by who reviewed it.
func TestI01_how_commits_came_onto_the_branch(t *testing.T) {
	const two = "  one: [\"x:carol#99\", \"x:dana#90\"]\n  alice: [\"x:alice#77\"]\n  bob: [\"x:bob#88\"]\n"
	both := "{verified: required, reviewed: 1}"
	squash := func(reviews ...review) history {
		return history{closed: true, reviewed: true,
			commits: []commit{by("a", "alice", "base"), by("b", "carol", "a"), page("s", "alice", "base")},
			pushes:  []push{{"alice", "f", "", "a"}, {"carol", "f", "a", "b"}, {"bob", "main", "base", "s"}},
			requests: []request{{number: 7, author: "alice", merger: "bob", branch: "f", head: "b", squash: "s", commits: "a b",
				reviews: reviews}}}
	}
	stacked := func(inner, outer []review) history {
		return history{closed: true, reviewed: true,
			commits: []commit{by("a", "alice", "base"), by("b", "carol", "a"), page("i", "carol", "a"), page("s", "alice", "base")},
			pushes: []push{{"alice", "outer", "", "a"}, {"carol", "inner", "", "b"}, {"alice", "outer", "a", "i"},
				{"bob", "main", "base", "s"}},
			requests: []request{
				{number: 6, author: "carol", merger: "alice", branch: "inner", into: "outer", head: "b", squash: "i", commits: "b", reviews: inner},
				{number: 7, author: "alice", merger: "bob", branch: "outer", head: "i", squash: "s", commits: "a i", reviews: outer}}}
	}
	unsigned := merge(review{who: "dana"})
	unsigned.unsigned = "b"
	open := merge(review{who: "dana"})
	open.closed = false
	coWritten := merge(review{who: "dana"})
	coWritten.commits[1].message = "Co-authored-by: dana <@dana@>"
	pushedBy := merge(review{who: "dana"})
	pushedBy.pushes[1].who = "dana"
	several := func(first, second []review) history {
		return history{closed: true, reviewed: true,
			commits: []commit{by("a", "alice", "base"), page("m", "alice", "base a"), by("b", "carol", "m"), page("n", "carol", "m b")},
			pushes:  []push{{"alice", "f", "", "a"}, {"bob", "main", "base", "m"}, {"carol", "g", "", "b"}, {"bob", "main", "m", "n"}},
			requests: []request{
				{number: 6, author: "alice", merger: "bob", branch: "f", head: "a", merge: "m", commits: "a", reviews: first},
				{number: 7, author: "carol", merger: "bob", branch: "g", head: "b", merge: "n", commits: "b", reviews: second}}}
	}
	unknown := merge(review{who: "dana"})
	unknown.commits[0].author = "nobody@elsewhere.example"
	rebased := func(reviews ...review) history {
		return history{closed: true, reviewed: true,
			commits: []commit{by("a", "alice", "base"), by("b", "alice", "a"), page("r1", "alice", "base"), page("r2", "alice", "r1")},
			pushes:  []push{{"alice", "f", "", "b"}, {"carol", "main", "base", "r2"}},
			requests: []request{{number: 7, author: "alice", merger: "carol", branch: "f", head: "b", merge: "r2", commits: "a b",
				introduced: "r1 r2", reviews: reviews}}}
	}
	forked := fork{owner: "alice", pushes: []push{{"alice", "f", "", "b"}}}
	fork := merge(review{who: "dana"})
	fork.pushes = fork.pushes[2:]
	fork.requests[0].owner = "alice"
	fork.fork = &forked
	retargeted := merge(review{who: "dana"})
	retargeted.requests[0].moved = 260
	reviewedAgain := merge(review{who: "dana"}, review{who: "erin", at: 270})
	reviewedAgain.requests[0].moved = 260
	moved := several([]review{{who: "dana"}}, []review{{who: "dana"}})
	moved.requests[1].moved = 260
	for i, x := range []struct {
		name    string
		history history
		rule    string
		people  string
		want    []string // codes, and what the reason or what was found has to say
	}{
		{"a direct push", history{reviewed: true, closed: true, commits: []commit{by("a", "alice", "base")}, pushes: []push{{"alice", "main", "base", "a"}}},
			both, "", []string{"E_UNREVIEWED", "pushed"}},
		{"a reviewed request", merge(review{who: "dana"}), both, "", nil},
		{"a review by who merged", merge(review{who: "bob"}), both, "", nil},
		{"no review", merge(), both, "", []string{"E_UNREVIEWED", "0 of 1, no approval counts"}},
		{"a review before a push", merge(review{who: "dana", of: "a"}), both, "", []string{"E_UNREVIEWED", "approved commit"}},
		{"a review after the merge", merge(review{who: "dana", at: 400}), both, "", []string{"E_UNREVIEWED", "after it was merged"}},
		{"a review by the author", merge(review{who: "alice"}), both, "", []string{"E_UNREVIEWED", "alice wrote"}},
		{"a review by a co-author", coWritten, both, "", []string{"E_UNREVIEWED", "dana co-wrote"}},
		{"a review by who pushed", pushedBy, both, "", []string{"E_UNREVIEWED", "dana pushed"}},
		{"a review by a bot", merge(review{who: "reviewer[bot]"}), both, "", []string{"E_UNREVIEWED", "a bot, an app or a service account"}},
		{"a review that was dismissed", merge(review{who: "dana", state: "DISMISSED"}), both, "", []string{"E_UNREVIEWED", "0 of 1"}},
		{"an approval that was taken back", merge(review{who: "dana"}, review{who: "dana", at: 251, state: "CHANGES_REQUESTED"}), both, "",
			[]string{"E_UNREVIEWED", "0 of 1"}},
		{"a review by a stranger", merge(review{who: "eve"}), both, "", []string{"E_UNREVIEWED", "0 of 1"}},
		{"a review by somebody who is gone", merge(review{who: "ghost"}), both, "", []string{"E_UNREVIEWED", "0 of 1"}},
		{"two reviews of one person", merge(review{who: "carol"}, review{who: "dana"}), "{reviewed: 2}", two, []string{"E_UNREVIEWED", "1 of 2"}},
		{"two reviews of two", merge(review{who: "carol"}, review{who: "dana"}), "{reviewed: 2}", "", nil},
		{"an unsigned commit", unsigned, both, "", []string{"E_UNVERIFIED", "unsigned"}},
		{"an unsigned commit that nobody asks about", unsigned, "{reviewed: 1}", "", nil},
		{"a squash", squash(review{who: "dana"}), both, "", nil},
		{"a squash that hides an author", squash(review{who: "carol"}), both, "", []string{"E_UNREVIEWED", "carol"}},
		{"stacked requests", stacked(nil, []review{{who: "dana"}}), both, "", nil},
		{"the outer request alone counts", stacked([]review{{who: "dana"}}, nil), both, "", []string{"E_UNREVIEWED", "request 7"}},
		{"a review by an author of an inner request", stacked(nil, []review{{who: "carol"}}), both, "", []string{"E_UNREVIEWED", "carol"}},
		{"a merge by hand", history{reviewed: true,
			commits: []commit{by("a", "alice", "base"), by("m", "bob", "base a")},
			pushes:  []push{{"alice", "f", "", "a"}, {"bob", "main", "hand:base", "m"}},
			requests: []request{{number: 7, author: "alice", merger: "bob", branch: "f", head: "a", merge: "m", commits: "a",
				reviews: []review{{who: "dana"}}}}}, both, "", []string{"E_UNREVIEWED", "looks like the merge of request 7"}},
		{"a review before the request was pointed at main", retargeted, both, "", []string{"E_UNREVIEWED", "before it was pointed at another branch"}},
		{"a review after that", reviewedAgain, both, "", nil},
		{"a review before that, among several", moved, both, "", []string{"E_UNREVIEWED", "before it was pointed at another branch"}},
		{"two requests", several([]review{{who: "dana"}}, []review{{who: "alice"}}), both, "", nil},
		{"one of two requests", several([]review{{who: "dana"}}, nil), both, "", []string{"E_UNREVIEWED", "2 of 4 commits came in by 1 request"}},
		{"a stranger's review among several", several([]review{{who: "dana"}}, []review{{who: "eve"}}), both, "", []string{"E_UNREVIEWED", "2 of 4 commits"}},
		{"a later review of an older commit", several([]review{{who: "dana"}}, []review{{who: "alice", at: 700}}), both, "",
			[]string{"E_UNREVIEWED", "after it was merged"}},
		{"an author whom nobody knows asks for one more", unknown, both, "", []string{"E_UNREVIEWED", "1 of 2"}},
		{"a request from a fork", fork, both, "", nil},
		{"a rebase", rebased(review{who: "dana"}), both, "", nil},
		{"a rebase without a review", rebased(), both, "", []string{"E_UNREVIEWED", "2 of 2 commits came in by 1 request"}},
		{"a rebase reviewed by its author", rebased(review{who: "alice"}), both, "", []string{"E_UNREVIEWED", "alice wrote"}},
		{"an edit on the page", history{reviewed: true, closed: true, commits: []commit{page("e", "alice", "base")}, pushes: []push{{"alice", "main", "hand:base", "e"}}},
			both, "", []string{"E_UNREVIEWED", "alice"}},
		{"an edit on the page that nobody reviews", history{reviewed: true, closed: true, commits: []commit{page("e", "alice", "base")}, pushes: []push{{"alice", "main", "hand:base", "e"}}},
			"{verified: required}", "", nil},
		{"a request into another branch, which was then pushed", history{reviewed: true, closed: true,
			commits: []commit{by("a", "alice", "base"), page("m", "alice", "base a")},
			pushes:  []push{{"bob", "side", "", "base"}, {"alice", "f", "", "a"}, {"bob", "side", "base", "m"}, {"bob", "main", "hand:base", "m"}},
			requests: []request{{number: 7, author: "alice", merger: "bob", branch: "f", into: "side", head: "a", merge: "m", commits: "a",
				reviews: []review{{who: "dana"}}}}}, both, "", []string{"E_UNREVIEWED", "2 of 2 commits came onto the branch without a request"}},
		{"a merge by hand that takes an older commit for what the branch had", history{reviewed: true,
			commits: []commit{by("x", "eve", "base"), by("a", "alice", "x"), by("m", "bob", "base a")},
			pushes:  []push{{"eve", "main", "base", "x"}, {"alice", "f", "", "a"}, {"bob", "main", "hand:x", "m"}},
			requests: []request{{number: 7, author: "alice", merger: "bob", branch: "f", head: "a", merge: "m", commits: "a",
				reviews: []review{{who: "dana"}}}}}, both, "", []string{"E_UNREVIEWED", "3 of 3 commits came onto the branch without a request"}},
		{"a push below a request", history{reviewed: true, closed: true,
			commits: []commit{by("x", "eve", "base"), by("a", "alice", "x"), page("m", "alice", "x a")},
			pushes:  []push{{"eve", "main", "base", "x"}, {"alice", "f", "", "a"}, {"bob", "main", "x", "m"}},
			requests: []request{{number: 7, author: "alice", merger: "bob", branch: "f", head: "a", merge: "m", commits: "a",
				reviews: []review{{who: "dana"}}}}}, both, "", []string{"E_UNREVIEWED", "1 of 3 commits"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := 7600 + 10*i
			for where, c := range map[string]policy.Change{
				"GitHub": onGitHub(t, fmt.Sprint("source", n), n, x.history), "GitLab": onGitLab(t, n, x.history),
			} {
				got := judged(t, c, x.rule, x.people)
				if len(x.want) == 0 && len(got) > 0 {
					t.Errorf("%s: denied: %q, want it to enter", where, got)
				}
				if len(x.want) > 0 && (len(got) != 1 || !slices.ContainsFunc(got, func(s string) bool {
					return strings.HasPrefix(s, x.want[0]) && strings.Contains(s, x.want[1])
				})) {
					t.Errorf("%s: %q, want %q", where, got, x.want)
				}
			}
		})
	}
}
