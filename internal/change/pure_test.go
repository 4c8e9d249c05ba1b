package change_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// pure is a platform that answers at once: all of it is in memory.
type pure struct {
	commits  []change.Commit // of main, newest first
	requests []change.Request
	details  map[int64]change.Details
	pushes   []change.Push
	base     change.Deployment
}

func (p *pure) Request(n int64) string { return fmt.Sprint("request ", n) }

func (p *pure) Branch(context.Context, policy.ChangeQuery) (string, error) { return "main", nil }

func (p *pure) Tip(context.Context, string) (string, error) { return p.commits[0].ID, nil }

func (p *pure) Tagged(context.Context, string, string) (bool, error) { return true, nil }

func (p *pure) Span(context.Context, string, string) ([]change.Commit, bool, error) {
	return p.commits, true, nil
}

func (p *pure) Contains(context.Context, string, string) (bool, error) { return false, nil }

func (p *pure) Past(context.Context, policy.ChangeQuery, string) (change.Past, error) {
	return change.Past{Base: &p.base}, nil
}

func (p *pure) Merged(context.Context, time.Time) ([]change.Request, error) { return p.requests, nil }

func (p *pure) Bringing(context.Context, []change.Commit) (map[string][]change.Request, error) {
	return nil, nil
}

func (p *pure) Details(_ context.Context, asked []change.Ask) ([]change.Details, error) {
	var out []change.Details
	for _, a := range asked {
		out = append(out, p.details[a.Number])
	}
	return out, nil
}

func (p *pure) Pushes(context.Context, time.Time) ([]change.Push, error) { return p.pushes, nil }

func (p *pure) PushesTo(context.Context, change.Request, time.Time) ([]change.Push, bool, error) {
	return nil, true, nil
}

func (p *pure) Accounts(context.Context, []string) (map[string]policy.Account, error) {
	return nil, nil
}

func (p *pure) CoAuthors(context.Context, []change.Commit) (map[string][]change.Identity, error) {
	return nil, nil
}

func (p *pure) Kinds(_ context.Context, all []policy.Account) ([]policy.Account, error) {
	return all, nil
}

func (p *pure) Starters(context.Context, policy.ChangeQuery) (first, again []policy.Maker, err error) {
	return nil, nil, nil
}

// person is one of thirty, with an account.
func person(i int) change.Identity {
	n := fmt.Sprint(1000 + i%30)
	return change.Identity{Name: "p" + n, Email: "p" + n + "@acme.example", Account: policy.Account{Host: "https://x.example", ID: n, Name: "p" + n, Kind: policy.Human}}
}

// large is a history of commits on main, of which so many are requests of ten
// commits each that were squashed.
func large(commits, requests int) *pure {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Minute) }
	p := &pure{details: map[int64]change.Details{}, base: change.Deployment{ID: 1, Commit: id("base"), Created: start}}
	add := func(name, parent, message string, i int, page bool) change.Commit {
		return change.Commit{ID: id(name), Parents: []string{parent}, Message: message, Author: person(i), Committer: person(i), Time: at(i), Page: page, Signed: page}
	}
	every, parent := commits/requests, id("base")
	var main []change.Commit
	for i := range commits {
		name := fmt.Sprint("c", i)
		squash := i%every == 0 && i/every < requests
		c := add(name, parent, name+"\n\nCo-authored-by: P <p1001@acme.example>", i, squash)
		main = append(main, c)
		if !squash {
			p.pushes = append(p.pushes, change.Push{By: person(i).Account, Before: parent, After: c.ID, Branch: "main", Time: at(i), Commits: -1})
			parent = c.ID
			continue
		}
		n, branch := int64(i/every+1), fmt.Sprint("f", i)
		var lost []change.Commit
		below := parent
		for k := range 3 {
			x := add(fmt.Sprint("l", i, "-", k), below, "part", i+k, false)
			lost, below = append([]change.Commit{x}, lost...), x.ID
		}
		p.details[n] = change.Details{Commits: lost, Mergers: []policy.Account{person(i + 1).Account}}
		p.requests = append(p.requests, change.Request{Number: n, Author: person(i).Account, Merged: []string{c.ID}, Head: lost[0].ID, Branch: branch, Into: "main", Opened: at(i), Done: at(i + 1)})
		p.pushes = append(p.pushes,
			change.Push{By: person(i).Account, After: lost[0].ID, Branch: branch, Time: at(i), Made: true, Commits: -1},
			change.Push{By: person(i + 1).Account, Before: parent, After: c.ID, Branch: "main", Time: at(i), Merge: true, Commits: -1})
		parent = c.ID
	}
	for i := range main {
		p.commits = append(p.commits, main[len(main)-1-i])
	}
	return p
}

// A history of 5,000 commits and 300 requests, without the time that a platform
// takes to answer.
func BenchmarkChange(b *testing.B) {
	p := large(5000, 300)
	q := policy.ChangeQuery{Environment: "production", Head: p.commits[0].ID, Ref: "refs/heads/main"}
	b.ReportAllocs()
	for b.Loop() {
		var m change.Memory
		c, err := m.Of(b.Context(), p, q, time.Now())
		if err != nil || len(c.Commits) != 5000 || len(c.Requests) != 300 || len(c.Makers) == 0 {
			b.Fatalf("%d commits in %d requests by %d makers, %v", len(c.Commits), len(c.Requests), len(c.Makers), err)
		}
		for _, x := range c.Makers {
			if x.Account.ID == "" {
				b.Fatalf("maker %+v, want an account", x)
			}
		}
	}
}

// bringer is a platform that also says which requests contain a commit.
type bringer struct {
	pure
	brought map[string][]change.Request
}

func (b *bringer) Bringing(context.Context, []change.Commit) (map[string][]change.Request, error) {
	return b.brought, nil
}

// A request that the page rebased made the page's commits; a commit that a person
// made, and that such a request merely contains, was pushed by whoever pushed it.
func TestI01_a_commit_that_a_rebased_request_contains(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	commit := func(name, parent string, page bool) change.Commit {
		return change.Commit{ID: id(name), Parents: []string{id(parent)}, Message: name, Author: person(1), Committer: person(1), Time: at, Page: page}
	}
	r := change.Request{Number: 7, Author: person(2).Account, Mergers: []policy.Account{person(3).Account}, Merged: []string{id("elsewhere")}, Head: id("lost"), Into: "main", Opened: at, Done: at}
	b := &bringer{
		pure: pure{
			commits: []change.Commit{commit("tip", "plain", false), commit("plain", "page", false), commit("page", "base", true)},
			details: map[int64]change.Details{7: {Commits: []change.Commit{commit("lost", "base", false)}, Mergers: []policy.Account{person(3).Account}}},
			pushes: []change.Push{
				{By: person(4).Account, After: id("plain"), Branch: "side", Time: at, Made: true, Commits: -1},
				{By: person(5).Account, Before: id("base"), After: id("tip"), Branch: "main", Time: at, Commits: -1},
			},
			base: change.Deployment{ID: 1, Commit: id("base"), Created: at},
		},
		brought: map[string][]change.Request{id("page"): {r}, id("plain"): {r}},
	}
	var m change.Memory
	c, err := m.Of(t.Context(), b, policy.ChangeQuery{Environment: "production", Head: id("tip"), Ref: "refs/heads/main"}, at)
	if err != nil {
		t.Fatal(err)
	}
	pushed := map[string]bool{}
	for _, x := range c.Makers {
		if x.Role == policy.Pusher && x.Account.ID == person(4).Account.ID {
			pushed[x.Where] = true
		}
	}
	if !pushed["commit "+id("plain")[:7]] || pushed["commit "+id("page")[:7]] || len(c.Requests) != 1 {
		t.Errorf("pushed %v, in %d requests; want the commit of a person alone, in one", pushed, len(c.Requests))
	}
}
