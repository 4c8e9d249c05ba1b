package change_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
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
	older    []change.Push // to the branch of a request
	tip      string        // "" is the newest of commits
	cut      bool          // pushes are the newest alone
}

func (p *pure) Request(n int64) string { return fmt.Sprint("request ", n) }

func (p *pure) Branch(context.Context, policy.ChangeQuery) (string, error) { return "main", nil }

func (p *pure) Tip(context.Context, string) (string, error) {
	return cmp.Or(p.tip, p.commits[0].ID), nil
}

func (p *pure) Tagged(context.Context, string, string) (bool, error) { return true, nil }

func (p *pure) Span(context.Context, string, string) ([]change.Commit, bool, error) {
	return p.commits, true, nil
}

func (p *pure) Contains(_ context.Context, tip, _ string) (bool, error) {
	return tip == p.commits[0].ID, nil
}

func (p *pure) Past(context.Context, policy.ChangeQuery, string) (change.Past, error) {
	return change.Past{Base: &p.base}, nil
}

func (p *pure) Merged(context.Context, time.Time) ([]change.Request, bool, error) {
	return p.requests, true, nil
}

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

func (p *pure) Pushes(context.Context, time.Time) ([]change.Push, bool, error) {
	return p.pushes, !p.cut, nil
}

func (p *pure) PushesTo(context.Context, change.Request, time.Time) ([]change.Push, bool, error) {
	return p.older, true, nil
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

// A gate that waits asks at least each minute whether its commit still is on the
// branch.
func TestG14_the_branch_moves_away_while_a_gate_waits(t *testing.T) {
	p, now := large(20, 2), time.Now()
	q := policy.ChangeQuery{Environment: "production", Head: p.commits[0].ID, Ref: "refs/heads/main"}
	var m change.Memory
	on := func(after time.Duration) bool {
		t.Helper()
		c, err := m.Of(t.Context(), p, q, now.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return c.Reachable
	}
	if !on(0) || !on(2*time.Minute) {
		t.Error("not on its branch, which has not moved")
	}
	p.tip = id("elsewhere")
	if on(3 * time.Minute) {
		t.Error("on its branch, which has moved to a commit without it")
	}
	p.tip = ""
	if !on(4 * time.Minute) {
		t.Error("not on its branch, which has moved back")
	}
}

// Where the list of pushes ends too early, somebody may have pushed before to the
// branch of each request.
func TestI03_a_list_of_pushes_that_ends_early(t *testing.T) {
	p := large(20, 2)
	for i, a := range p.pushes {
		if a.Made { // a branch that was there before, so that each push is understood
			p.pushes[i].Made, p.pushes[i].Before = false, p.base.Commit
		}
	}
	q := policy.ChangeQuery{Environment: "production", Head: p.commits[0].ID, Ref: "refs/heads/main"}
	unknown := func() (n int, notes string) {
		c, err := new(change.Memory).Of(t.Context(), p, q, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Makers {
			if x.Account.ID == "" && strings.HasPrefix(x.Where, "request ") {
				n++
			}
		}
		return n, strings.Join(c.Notes, "\n")
	}
	if n, notes := unknown(); n != 0 || notes != "" {
		t.Errorf("the whole list: %d unknown, notes %q; want none", n, notes)
	}
	p.cut = true
	if n, notes := unknown(); n != 2 || !strings.Contains(notes, "read back to 2026-11-01, the newest 22") {
		t.Errorf("a part of the list: %d unknown, notes %q; want one for each request, and how far it was read", n, notes)
	}
}

// branched is a history of one commit, with what happened to a branch before.
func branched(r []change.Request, pushes ...change.Push) *pure {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	z := change.Commit{ID: id("z"), Parents: []string{id("base")}, Message: "z", Author: person(1), Committer: person(1), Time: at}
	p := &pure{commits: []change.Commit{z}, details: map[int64]change.Details{7: {Commits: []change.Commit{z}}}, base: change.Deployment{ID: 1, Commit: id("base"), Created: at}}
	p.requests = r
	for i, a := range pushes {
		a.Time, a.Commits = at.Add(time.Duration(i)*time.Minute), -1
		p.pushes = append(p.pushes, a)
	}
	return p
}

// pushers are who pushed, of the people 1 to 29.
func (p *pure) pushers(t *testing.T) string {
	t.Helper()
	c, err := new(change.Memory).Of(t.Context(), p, policy.ChangeQuery{Environment: "production", Head: id("z"), Ref: "refs/heads/main"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range c.Makers {
		if x.Role == policy.Pusher && !slices.Contains(out, x.Account.ID) {
			out = append(out, x.Account.ID)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func pushed(who int, branch, before, after string) change.Push {
	a := change.Push{By: person(who).Account, Branch: branch, Made: before == "", Gone: after == ""}
	if before != "" {
		a.Before = id(before)
	}
	if after != "" {
		a.After = id(after)
	}
	return a
}

func forced(who int, branch, before, after string) change.Push {
	a := pushed(who, branch, before, after)
	a.Forced = true
	return a
}

// What a forced push left out on a branch was pushed to that branch, and not to one
// of the same name that was there before.
func TestI01_a_branch_of_a_name_that_was_used_before(t *testing.T) {
	main := pushed(3, "main", "base", "z")
	p := branched(nil, pushed(2, "g", "", "y"), forced(4, "g", "y", "z"), main)
	if got := p.pushers(t); got != "1002 1003 1004" {
		t.Errorf("pushers %s, want also who pushed what was left out", got)
	}
	p = branched(nil, pushed(5, "g", "", "x"), pushed(5, "g", "x", ""), pushed(2, "g", "", "y"), forced(4, "g", "y", "z"), main)
	if got := p.pushers(t); got != "1002 1003 1004" {
		t.Errorf("pushers %s, want nobody of the branch that was taken away", got)
	}
	p = branched(nil, pushed(5, "g", "", "x"), pushed(2, "g", "", "y"), forced(4, "g", "y", "z"), main)
	if got := p.pushers(t); got != "1002 1003 1004" {
		t.Errorf("pushers %s, want nobody of the branch that was there before", got)
	}
}

// Where a forced push shows, and the making of its branch is too old for the list,
// the branch itself is asked for.
func TestI01_pushes_that_are_older_than_the_list(t *testing.T) {
	at := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	r := change.Request{Number: 7, Author: person(1).Account, Mergers: []policy.Account{person(3).Account}, Merged: []string{id("z")}, Head: id("z"), Branch: "f", Into: "main", Opened: at, Done: at}
	p := branched([]change.Request{r}, forced(4, "f", "y", "z"))
	p.older = []change.Push{pushed(2, "f", "", "x"), forced(5, "f", "x", "y"), forced(4, "f", "y", "z")}
	if got := p.pushers(t); got != "1002 1004 1005" {
		t.Errorf("pushers %s, want those before the list as well", got)
	}
	for _, before := range [][]change.Push{{pushed(6, "f", "", "w"), pushed(6, "f", "w", "")}, {pushed(6, "f", "", "w")}} {
		p = branched([]change.Request{r}, append(before, pushed(2, "f", "", "x"), forced(5, "f", "x", "y"), forced(4, "f", "y", "z"))...)
		if got := p.pushers(t); got != "1002 1004 1005" {
			t.Errorf("pushers %s, want nobody of a branch of that name before", got)
		}
	}
	p = branched([]change.Request{r}, pushed(4, "f", "base", "z"))
	p.older = []change.Push{pushed(2, "f", "", "x")}
	if got := p.pushers(t); got != "1004" {
		t.Errorf("pushers %s, want those of the list: nothing was left out", got)
	}
}

// What is pushed to the branch of a fork after its request was merged is no part of
// it.
func TestI03_a_fork_that_goes_on(t *testing.T) {
	at := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	r := change.Request{Number: 7, Author: person(1).Account, Mergers: []policy.Account{person(3).Account}, Merged: []string{id("z")}, Head: id("z"), Branch: "f", Into: "main", Fork: true, Opened: at, Done: at}
	p := branched([]change.Request{r})
	early, late := pushed(4, "f", "", "z"), pushed(5, "f", "z", "w")
	early.Time, late.Time = at.Add(-time.Minute), at.Add(time.Minute)
	p.older = []change.Push{early, late}
	if got := p.pushers(t); got != "1004" {
		t.Errorf("pushers %s, want those before the merge", got)
	}
	late.Time = at
	p.older = []change.Push{early, late}
	if got := p.pushers(t); got != "1004 1005" {
		t.Errorf("pushers %s, want also who pushed in the second of the merge", got)
	}
}
