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
	"github.com/sallyport-dev/sallyport/internal/fault"
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
	absent   bool          // no commit is there
	nothing  bool          // nothing is deployed
	partial  bool          // requests are not all
	forks    policy.Forks
	mergers  bool // somebody who only merged may approve
	closed   bool // nobody may push to any branch
	since    []time.Time
}

func (p *pure) Request(n int64) string { return fmt.Sprint("request ", n) }

func (p *pure) Branch(context.Context, policy.ChangeQuery) (string, error) { return "main", nil }

func (p *pure) Tip(context.Context, string) (string, error) {
	return cmp.Or(p.tip, p.commits[0].ID), nil
}

func (p *pure) Tagged(context.Context, string, string) (bool, error) { return true, nil }

func (p *pure) Span(context.Context, string, string) ([]change.Commit, bool, error) {
	return p.commits, !p.absent, nil
}

func (p *pure) Contains(_ context.Context, tip, commit string) (bool, error) {
	return tip == p.commits[0].ID || tip == p.base.Commit && commit == id("old"), nil
}

func (p *pure) Past(context.Context, policy.ChangeQuery, string) (change.Past, error) {
	if p.nothing {
		return change.Past{}, nil
	}
	return change.Past{Base: &p.base}, nil
}

func (p *pure) Merged(_ context.Context, since time.Time) ([]change.Request, bool, error) {
	p.since = append(p.since, since)
	return p.requests, !p.partial, nil
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

func (p *pure) ReviewsOf(_ context.Context, asked []change.Request) ([]change.Reviews, error) {
	return make([]change.Reviews, len(asked)), nil
}

func (p *pure) Signatures(context.Context, []change.Commit) (map[string]change.Signature, error) {
	return nil, nil
}

func (p *pure) Pushes(context.Context, time.Time) ([]change.Push, bool, error) {
	return p.pushes, !p.cut, nil
}

func (p *pure) Closed(context.Context, string) (bool, error) { return p.closed, nil }

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
	return change.Identity{Name: "p" + n, Email: "p" + n + "@acme.example",
		Account: policy.Account{Host: "https://x.example", ID: n, Name: "p" + n, Kind: policy.Human}}
}

// large is a history of commits on main, of which so many are requests of ten
// commits each that were squashed.
func large(commits, requests int) *pure {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Minute) }
	p := &pure{details: map[int64]change.Details{}, base: change.Deployment{ID: 1, Commit: id("base"), Created: start}}
	add := func(name, parent, message string, i int, page bool) change.Commit {
		return change.Commit{ID: id(name), Parents: []string{parent}, Message: message, Author: person(i),
			Committer: person(i), Time: at(i), Page: page, Signed: page}
	}
	every, parent := commits/requests, id("base")
	var main []change.Commit
	for i := range commits {
		name := fmt.Sprint("c", i)
		squash := i%every == 0 && i/every < requests
		c := add(name, parent, name+"\n\nCo-authored-by: P <p1001@acme.example>", i, squash)
		main = append(main, c)
		if !squash {
			p.pushes = append(p.pushes, change.Push{By: person(i).Account, Before: parent, After: c.ID, Branch: "main",
				Time: at(i), Commits: -1})
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
		p.requests = append(p.requests, change.Request{Number: n, Author: person(i).Account, Merged: []string{c.ID},
			Head: lost[0].ID, Branch: branch, Into: "main", Opened: at(i), Done: at(i + 1)})
		p.pushes = append(p.pushes,
			change.Push{By: person(i).Account, After: lost[0].ID, Branch: branch, Time: at(i), Made: true, Commits: -1},
			change.Push{By: person(i + 1).Account, Before: parent, After: c.ID, Branch: "main", Time: at(i), Merge: true,
				Commits: -1})
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
// made, and that such a request merely contains, has a pusher of its own.
func TestI01_a_commit_that_a_rebased_request_contains(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	commit := func(name, parent string, page bool) change.Commit {
		return change.Commit{ID: id(name), Parents: []string{id(parent)}, Message: name, Author: person(1),
			Committer: person(1), Time: at, Page: page}
	}
	r := change.Request{Number: 7, Author: person(2).Account, Mergers: []policy.Account{person(3).Account},
		Merged: []string{id("elsewhere")}, Head: id("lost"), Into: "main", Opened: at, Done: at}
	b := &bringer{
		pure: pure{
			commits: []change.Commit{commit("tip", "plain", false), commit("plain", "page", false),
				commit("page", "base", true)},
			details: map[int64]change.Details{7: {Commits: []change.Commit{commit("lost", "base", false)},
				Mergers: []policy.Account{person(3).Account}}},
			pushes: []change.Push{
				{By: person(4).Account, After: id("plain"), Branch: "side", Time: at, Made: true, Commits: -1},
				{By: person(5).Account, Before: id("base"), After: id("tip"), Branch: "main", Time: at, Commits: -1},
			},
			base: change.Deployment{ID: 1, Commit: id("base"), Created: at},
		},
		brought: map[string][]change.Request{id("page"): {r}, id("plain"): {r}},
	}
	var m change.Memory
	c, err := m.Of(t.Context(), b, policy.ChangeQuery{Environment: "production", Head: id("tip"),
		Ref: "refs/heads/main"}, at)
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
	z := change.Commit{ID: id("z"), Parents: []string{id("base")}, Message: "z", Author: person(1), Committer: person(1),
		Time: at}
	p := &pure{commits: []change.Commit{z}, details: map[int64]change.Details{7: {Commits: []change.Commit{z}}},
		base: change.Deployment{ID: 1, Commit: id("base"), Created: at}}
	p.requests = r
	for i, a := range pushes {
		a.Time, a.Commits = at.Add(time.Duration(i)*time.Minute), -1
		p.pushes = append(p.pushes, a)
	}
	return p
}

func (p *pure) change(t *testing.T) policy.Change {
	t.Helper()
	c, err := p.of(t)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *pure) of(t *testing.T) (policy.Change, error) {
	t.Helper()
	return new(change.Memory).Of(t.Context(), p, policy.ChangeQuery{Environment: "production", Head: id("z"),
		Ref: "refs/heads/main", Forks: p.forks, Mergers: p.mergers}, time.Now())
}

func changeOf(t *testing.T, p change.Platform, forks policy.Forks) policy.Change {
	t.Helper()
	q := policy.ChangeQuery{Environment: "production", Head: id("z"), Ref: "refs/heads/main", Forks: forks}
	c, err := new(change.Memory).Of(t.Context(), p, q, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pushers are the numbers of those who pushed, "?" for somebody unknown.
func (p *pure) pushers(t *testing.T) string {
	t.Helper()
	return p.who(t, policy.Pusher)
}

func (p *pure) who(t *testing.T, role policy.Role) string {
	t.Helper()
	var out []string
	for _, x := range p.change(t).Makers {
		if n := cmp.Or(x.Account.ID, "?"); x.Role == role && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// merged is a request that z merged, by the third of the people.
func merged(fields func(r *change.Request)) []change.Request {
	at := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	r := change.Request{Number: 7, Author: person(1).Account, Mergers: []policy.Account{person(3).Account},
		Merged: []string{id("z")}, Head: id("y"), Branch: "f", Into: "main", Opened: at, Done: at}
	if fields != nil {
		fields(&r)
	}
	return []change.Request{r}
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

// What a forced push left out on a branch was pushed to that branch, and not to one of
// the same name that was there before: if what that one had is deployed. Else what came
// after it may be the same, written anew.
func TestI01_a_branch_of_a_name_that_was_used_before(t *testing.T) {
	main := pushed(3, "main", "base", "z")
	p := branched(nil, pushed(2, "g", "", "y"), forced(4, "g", "y", "z"), main)
	if got := p.pushers(t); got != "1002 1003 1004" {
		t.Errorf("pushers %s, want also who pushed what was left out", got)
	}
	for had, want := range map[string]string{"old": "1002 1003 1004", "x": "1002 1003 1004 1005"} {
		p = branched(nil, pushed(5, "g", "", had), pushed(5, "g", had, ""), pushed(2, "g", "", "y"),
			forced(4, "g", "y", "z"), main)
		if got := p.pushers(t); got != want {
			t.Errorf("taken away at %s: pushers %s, want %s", had, got, want)
		}
		p = branched(nil, pushed(5, "g", "", had), pushed(2, "g", "", "y"), forced(4, "g", "y", "z"), main)
		if got := p.pushers(t); got != want {
			t.Errorf("there before, at %s: pushers %s, want %s", had, got, want)
		}
		p = branched(nil, pushed(5, "g", "", had), pushed(2, "g", had, ""), pushed(4, "g", "", "z"), main)
		if got := p.pushers(t); got != strings.Replace(want, "1002 ", "", 1) {
			t.Errorf("made again in its place, at %s: pushers %s, want the same", had, got)
		}
	}
}

// A push that only made a branch of what is known, or of what is deployed, brought
// nothing that a later forced push could have left out.
func TestI01_a_branch_that_began_where_others_were(t *testing.T) {
	p := branched(nil, pushed(5, "g", "", "old"), forced(4, "g", "old", "z"), pushed(3, "main", "base", "z"))
	if got := p.pushers(t); got != "1003 1004" {
		t.Errorf("pushers %s, want nobody who made a branch of what is deployed", got)
	}
	p = branched(nil, pushed(2, "main", "base", "w"), pushed(9, "g", "", "w"), pushed(5, "g", "w", "x"), forced(4, "g", "x", "z"), pushed(3, "main", "w", "z"))
	w := p.commits[0]
	w.ID = id("w")
	p.commits[0].Parents = []string{w.ID}
	p.commits = append(p.commits, w)
	if got := p.pushers(t); got != "1002 1003 1004 1005" {
		t.Errorf("pushers %s, want nobody who made a branch of a known commit", got)
	}
}

// Where a forced push shows, and the making of its branch is too old for the list,
// the branch itself is asked for.
func TestI01_pushes_that_are_older_than_the_list(t *testing.T) {
	at := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	r := change.Request{Number: 7, Author: person(1).Account, Mergers: []policy.Account{person(3).Account},
		Merged: []string{id("z")}, Head: id("z"), Branch: "f", Into: "main", Opened: at, Done: at}
	p := branched([]change.Request{r}, forced(4, "f", "y", "z"))
	p.older = []change.Push{pushed(2, "f", "", "x"), forced(5, "f", "x", "y"), forced(4, "f", "y", "z")}
	if got := p.pushers(t); got != "1002 1004 1005" {
		t.Errorf("pushers %s, want those before the list as well", got)
	}
	for _, before := range [][]change.Push{{pushed(6, "f", "", "old"), pushed(6, "f", "old", "")}, {pushed(6, "f", "", "old")}} {
		p = branched([]change.Request{r}, append(before, pushed(2, "f", "", "x"), forced(5, "f", "x", "y"),
			forced(4, "f", "y", "z"))...)
		if got := p.pushers(t); got != "1002 1004 1005" {
			t.Errorf("pushers %s, want nobody of a branch of that name before", got)
		}
	}
	p = branched([]change.Request{r}, pushed(2, "f", "", "z"), pushed(3, "f", "z", ""))
	if got := p.pushers(t); got != "1002" {
		t.Errorf("pushers %s, want who pushed, although the branch was taken away before the merge is listed", got)
	}
	p = branched([]change.Request{r}, pushed(4, "f", "base", "z"))
	p.older = []change.Push{pushed(2, "f", "", "x")}
	if got := p.pushers(t); got != "1004" {
		t.Errorf("pushers %s, want those of the list: nothing was left out", got)
	}
}

// What is pushed to the branch of a fork after its request was merged is not part of
// it.
func TestI03_a_fork_that_goes_on(t *testing.T) {
	at := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	r := change.Request{Number: 7, Author: person(1).Account, Mergers: []policy.Account{person(3).Account},
		Merged: []string{id("z")}, Head: id("z"), Branch: "f", Into: "main", Fork: true, Opened: at, Done: at}
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

// What the request itself shows of a fork counts as well.
func TestI03_pushers_that_a_request_from_a_fork_shows(t *testing.T) {
	p := branched(merged(func(r *change.Request) { r.Fork, r.Owner = true, person(4).Account }))
	d := p.details[7]
	d.Pushers = []policy.Account{person(5).Account}
	p.details[7] = d
	if got := p.pushers(t); got != "1004 1005 ?" {
		t.Errorf("pushers %s, want the owner, who is shown, and somebody unknown", got)
	}
}

// An edit on the page is its author's where the platform signed it; else nobody is
// known to have pushed it.
func TestI03_an_edit_on_the_page_that_no_push_explains(t *testing.T) {
	p := branched(nil)
	p.commits[0].Page = true
	if got := p.pushers(t); got != "?" {
		t.Errorf("unsigned: pushers %s, want somebody unknown", got)
	}
	p.commits[0].Signed = true
	if got := p.pushers(t); got != "1001" {
		t.Errorf("signed by the platform: pushers %s, want the author", got)
	}
}

// The merger answers for what the page made in a merge of a request that is not
// known, and for nothing else.
func TestI03_a_merge_that_no_request_explains(t *testing.T) {
	merge := pushed(3, "main", "base", "z")
	merge.Merge = true
	p := branched(nil, merge)
	if got := p.pushers(t); got != "?" || p.who(t, policy.Merger) != "1003" {
		t.Errorf("pushers %s, mergers %s; want somebody unknown and the merger", got, p.who(t, policy.Merger))
	}
	p.commits[0].Page = true
	if got := p.pushers(t); got != "" || p.who(t, policy.Merger) != "1003" {
		t.Errorf("made by the page: pushers %s, mergers %s; want the merger alone", got, p.who(t, policy.Merger))
	}
}

// The author of what the platform made and signed is whom the merger chose. Of what
// it made and did not sign, and of what it signed without a request, they are an
// author.
func TestI01_the_author_of_a_squash(t *testing.T) {
	p := branched(merged(nil), pushed(3, "main", "base", "z"))
	p.commits[0].Author, p.commits[0].Page = person(9), true
	p.details[7] = change.Details{Commits: []change.Commit{{ID: id("y"), Author: person(1), Committer: person(1),
		Time: p.base.Created}}}
	if got := p.who(t, policy.Author); got != "1001 1009" {
		t.Errorf("unsigned: authors %s, want also the one that is named", got)
	}
	p.commits[0].Signed = true
	if got := p.who(t, policy.Author); got != "1001" {
		t.Errorf("signed: authors %s, want those of the request alone", got)
	}
	p.requests = nil
	if got := p.who(t, policy.Author); got != "1009" {
		t.Errorf("signed, and no request: authors %s, want the one that is named", got)
	}
}

// A machine that merged did so for somebody: the request is asked for them, and if it
// does not say, somebody unknown merged it. A person who merged is enough.
func TestI01_a_machine_that_merges(t *testing.T) {
	robot := policy.Account{Host: "https://x.example", ID: "5", Name: "queue", Kind: policy.Machine}
	p := branched(merged(func(r *change.Request) { r.Mergers = []policy.Account{robot} }))
	p.commits[0].Page = true
	if got := p.who(t, policy.Merger); got != "?" {
		t.Errorf("mergers %s, want somebody unknown", got)
	}
	d := p.details[7]
	d.Mergers = []policy.Account{person(8).Account}
	p.details[7] = d
	if got := p.who(t, policy.Merger); got != "1008" {
		t.Errorf("mergers %s, want the one whom the request names", got)
	}
	p.requests = merged(nil)
	if got := p.who(t, policy.Merger); got != "1003" {
		t.Errorf("mergers %s, want the one whom the list names", got)
	}
}

// A platform that does not say which push merged a request: it is one by a merger to
// the branch that the request went to.
func TestI01_a_push_that_merges(t *testing.T) {
	for name, c := range map[string]struct {
		push change.Push
		want string
	}{
		"by the merger":           {pushed(3, "main", "base", "z"), "?"},
		"by somebody else":        {pushed(4, "main", "base", "z"), "1004"},
		"by the merger elsewhere": {pushed(3, "side", "base", "z"), "1003"},
		"by the merger, by hand":  {byHand(3, "main", "base", "z"), "1003"},
	} {
		p := branched(merged(func(r *change.Request) { r.Head = id("z") }), c.push)
		if got := p.pushers(t); got != c.want {
			t.Errorf("%s: pushers %s, want %s", name, got, c.want)
		}
	}
}

func byHand(who int, branch, before, after string) change.Push {
	a := pushed(who, branch, before, after)
	a.Hand = true
	return a
}

// Where somebody who only merged may approve, a merge is the platform's own if its log
// or its signature says so, or nobody may push. Its signature alone says little of what
// somebody pushed: it signs what is made in its editors, too.
func TestI01_who_made_a_merge(t *testing.T) {
	merge := pushed(3, "main", "base", "z")
	merge.Merge = true
	for name, c := range map[string]struct {
		push                  change.Push
		signed, closed, asked bool
		want                  string
	}{
		"by the platform's log":                 {push: merge, asked: true},
		"nobody may push":                       {push: pushed(3, "main", "base", "z"), asked: true, closed: true},
		"somebody may push":                     {push: pushed(3, "main", "base", "z"), asked: true, want: "1003"},
		"signed, and no push is known":          {push: pushed(3, "side", "", "other"), signed: true, asked: true},
		"unsigned, and no push is known":        {push: pushed(3, "side", "", "other"), asked: true, want: "1003"},
		"signed, and pushed":                    {push: byHand(3, "main", "base", "z"), signed: true, asked: true, want: "1003"},
		"signed, and a branch was made of it":   {push: byHand(3, "develop", "", "z"), signed: true, asked: true},
		"unsigned, and a branch was made of it": {push: byHand(3, "develop", "", "z"), asked: true, want: "1003"},
		"nobody asks":                           {push: pushed(3, "main", "base", "z")},
	} {
		into := cmp.Or(strings.TrimPrefix(c.push.Branch, "side"), "main")
		p := branched(merged(func(r *change.Request) { r.Into = into }), c.push)
		p.details = map[int64]change.Details{7: {}}
		p.commits[0].Page, p.commits[0].Signed, p.closed, p.mergers = true, c.signed, c.closed, c.asked
		if got := p.pushers(t); got != c.want {
			t.Errorf("%s: pushers %q, want %q", name, got, c.want)
		}
	}
}

// A chain of requests, or a heap of them, beyond what is followed closes nothing:
// somebody unknown counts for each that is not read.
func TestO02_more_requests_than_are_followed(t *testing.T) {
	at := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	chain := func(n int) policy.Change {
		p := branched(nil)
		p.details = map[int64]change.Details{}
		for i := range n {
			made, held := fmt.Sprint("n", i), fmt.Sprint("n", i+1)
			if i == 0 {
				made = "z"
			}
			c := change.Commit{ID: id(held), Parents: []string{id("base")}, Author: person(1), Committer: person(1), Time: at,
				Page: true}
			p.requests = append(p.requests, change.Request{Number: int64(i + 1), Author: person(1).Account,
				Mergers: []policy.Account{person(3).Account}, Merged: []string{id(made)}, Head: id(held), Branch: fmt.Sprint("b",
					i), Into: fmt.Sprint("b", i-1), Opened: at, Done: at})
			p.details[int64(i+1)] = change.Details{Commits: []change.Commit{c}}
		}
		return p.change(t)
	}
	behind := func(c policy.Change) (n int) {
		for _, m := range c.Makers {
			if strings.HasPrefix(m.Where, "requests behind") && m.Account.ID == "" {
				n++
			}
		}
		return n
	}
	if c := chain(60); behind(c) != 0 || len(c.Requests) != 60 || len(c.Notes) != 0 {
		t.Errorf("60 deep: %d unknown behind, %d requests, notes %q", behind(c), len(c.Requests), c.Notes)
	}
	if c := chain(120); behind(c) != 1 || len(c.Requests) != 100 || len(c.Notes) != 1 {
		t.Errorf("120 deep: %d unknown behind, %d requests, notes %q; want one behind the hundredth", behind(c),
			len(c.Requests), c.Notes)
	}
	p := branched(nil)
	for i := range 2003 {
		p.requests = append(p.requests, change.Request{Number: int64(i + 1), Author: person(i).Account,
			Mergers: []policy.Account{person(3).Account}, Merged: []string{id("z")}, Head: id("z"), Branch: fmt.Sprint("b",
				i), Into: "main", Opened: at, Done: at})
	}
	if c := p.change(t); behind(c) != 3 || len(c.Requests) != 2000 {
		t.Errorf("2003 requests: %d unknown behind, %d read; want one for each of three", behind(c), len(c.Requests))
	}
}

// How far back is read begins at the first thing that is known, whatever a commit
// says of its date.
func TestI03_dates_do_not_hide_what_came_before(t *testing.T) {
	deployed := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	from := func(fields func(p *pure)) time.Time {
		t.Helper()
		p := branched(merged(func(r *change.Request) { r.Opened = deployed.Add(time.Hour) }))
		p.commits[0].Time = deployed.Add(1000 * time.Hour)
		fields(p)
		p.change(t)
		return slices.MinFunc(p.since, time.Time.Compare)
	}
	for name, c := range map[string]struct {
		fields func(p *pure)
		want   time.Time
	}{
		"a date in the future": {func(*pure) {}, deployed},
		"an older commit":      {func(p *pure) { p.commits[0].Time = deployed.Add(-time.Hour) }, deployed.Add(-time.Hour)},
		"a newer one without a date": {func(p *pure) {
			older := p.commits[0]
			older.ID = id("w")
			p.commits[0].Time, p.commits[0].Parents = time.Time{}, []string{older.ID}
			p.commits = append(p.commits, older)
		}, time.Time{}},
		"a commit without a date": {func(p *pure) { p.commits[0].Time = time.Time{} }, time.Time{}},
		"an older request": {func(p *pure) {
			p.requests[0].Opened = deployed.Add(-2 * time.Hour)
			p.details[7].Commits[0].ID = id("y")
		}, deployed.Add(-2 * time.Hour)},
		"nothing that is deployed": {func(p *pure) { p.nothing = true }, time.Time{}},
	} {
		if got := from(c.fields); !got.Equal(c.want) {
			t.Errorf("%s: read since %v, want %v", name, got, c.want)
		}
	}
}

// What a commit has nothing in common with, and what to do, differ.
func TestG14_a_commit_without_common_history(t *testing.T) {
	q := policy.ChangeQuery{Environment: "production", Head: id("z"), Ref: "refs/heads/main"}
	for want, fields := range map[string]func(p *pure){
		"delete its deployment":   func(*pure) {},
		"under baseline":          func(p *pure) { p.nothing = true; q.Start.Baseline = id("base") },
		"build and attest a comm": func(p *pure) { p.nothing = true; q.Start.Baseline = "" },
	} {
		p := branched(nil)
		p.absent = true
		fields(p)
		_, err := new(change.Memory).Of(t.Context(), p, q, time.Now())
		if f := fault.Of(err); f.Code != fault.Source || !strings.Contains(f.Hint, want) {
			t.Errorf("%v, hint %q; want %q", err, f.Hint, want)
		}
		q.Start.Baseline = ""
	}
}

// coming is a platform on which a deployment of a newer commit is on its way.
type coming struct{ *pure }

func (c coming) Past(context.Context, policy.ChangeQuery, string) (change.Past, error) {
	return change.Past{Base: &c.base, OnWay: []change.Deployment{{ID: 2, Commit: id("newer")}}}, nil
}

func (c coming) Contains(_ context.Context, tip, commit string) (bool, error) {
	return tip == id("newer") && commit == id("z"), nil
}

// What is on its way makes a commit wait only where the commit may come in at all.
func TestG16_a_commit_beside_what_is_deployed_does_not_wait(t *testing.T) {
	for parent, want := range map[string]policy.Order{"base": policy.Overtaken, "elsewhere": policy.Diverged} {
		p := branched(nil)
		p.commits[0].Parents = []string{id(parent)}
		if c := changeOf(t, coming{p}, policy.Unnamed); c.Order != want {
			t.Errorf("on top of %s: order %v (%s), want %v", parent, c.Order, c.Deployed, want)
		}
	}
}

// A request that was merged into the branch of a known one counts where a later push
// left out what its merge had made. Where that merge is deployed by now, it does not.
func TestI01_a_request_that_was_left_out_of_a_branch(t *testing.T) {
	inner := change.Request{Number: 8, Author: person(6).Account, Mergers: []policy.Account{person(3).Account},
		Head: id("x"), Branch: "g", Into: "f"}
	counts := func(made string) bool {
		forced := pushed(1, "f", "lost", "again")
		forced.Forced = true
		p := branched(merged(nil), pushed(1, "f", "", "first"), pushed(3, "f", "first", "lost"), forced,
			pushed(3, "f", "again", "old"), pushed(1, "f", "old", "y"))
		y := p.commits[0]
		y.ID = id("y")
		p.details[7] = change.Details{Commits: []change.Commit{y}}
		inner.Merged, inner.Opened, inner.Done = []string{id(made)}, p.pushes[0].Time, p.pushes[1].Time
		p.requests = append(p.requests, inner)
		return slices.ContainsFunc(p.change(t).Makers, func(m policy.Maker) bool {
			return m.Role == policy.Requester && m.Account.ID == "1006"
		})
	}
	if !counts("lost") {
		t.Error("a request whose merge was left out does not count")
	}
	if counts("old") {
		t.Error("a request whose merge is deployed counts")
	}
}

// A branch that is made again has no past where what it had is deployed by a request of
// its own. A request that was merged elsewhere deployed nothing: anybody who may write
// makes a branch to merge into.
func TestI01_a_branch_that_was_merged_before(t *testing.T) {
	for into, want := range map[string]string{"old": "1002", "elsewhere": "1002 1005"} {
		p := branched(merged(nil), pushed(5, "f", "", "x"), pushed(5, "f", "x", ""), pushed(2, "f", "", "y"), pushed(3, "main", "base", "z"))
		y := p.commits[0]
		y.ID = id("y")
		p.details[7] = change.Details{Commits: []change.Commit{y}}
		p.requests = append(p.requests, change.Request{Number: 5, Author: person(5).Account, Mergers: []policy.Account{person(3).Account},
			Merged: []string{id(into)}, Head: id("x"), Branch: "f", Into: into, Opened: y.Time, Done: y.Time})
		if got := p.pushers(t); got != want {
			t.Errorf("merged into %s: pushers %s, want %s", into, got, want)
		}
	}
}

// Of a request that was merged into a branch and left out of it again, the merger only
// merged, where the platform says that they did.
func TestI01_the_merger_of_what_was_left_out(t *testing.T) {
	merge := pushed(9, "f", "first", "lost")
	for says, want := range map[bool]string{true: "1001 ?", false: "1001 1009 ?"} {
		merge.Merge = says
		p := branched(merged(nil), pushed(1, "f", "", "first"), merge, forced(1, "f", "lost", "y"), pushed(3, "main", "base", "z"))
		y := p.commits[0]
		y.ID = id("y")
		p.details[7] = change.Details{Commits: []change.Commit{y}}
		p.requests = append(p.requests, change.Request{Number: 8, Author: person(6).Account, Mergers: []policy.Account{person(9).Account},
			Merged: []string{id("lost")}, Head: id("x"), Branch: "g", Into: "f", Opened: y.Time, Done: y.Time})
		if got := p.pushers(t); got != want || p.who(t, policy.Merger) != "1003 1009" {
			t.Errorf("the platform says so: %v: pushers %s, mergers %s; want pushers %s", says, got, p.who(t, policy.Merger), want)
		}
	}
}

// A push that begins with a commit of the change, which nobody is known to have pushed by
// then, was preceded by another one. Who makes a branch of that commit may have found it.
func TestI03_a_push_on_top_of_what_nobody_pushed(t *testing.T) {
	for name, c := range map[string]struct {
		other change.Push
		want  string
	}{
		"somebody made a branch of it":     {pushed(9, "g", "", "y"), "1002 1009 ?"},
		"somebody pushed it elsewhere":     {pushed(9, "g", "base", "y"), "1002 1009"},
		"somebody pushed it to the branch": {pushed(9, "f", "base", "y"), "1002 1009"},
		"nobody has to do with it":         {pushed(9, "g", "base", "other"), "1002 ?"},
	} {
		p := branched(merged(func(r *change.Request) { r.Head = id("x") }), c.other, pushed(2, "f", "y", "x"), pushed(3, "main", "base", "z"))
		x, y := p.commits[0], p.commits[0]
		x.ID, x.Parents, y.ID = id("x"), []string{id("y")}, id("y")
		p.details[7] = change.Details{Commits: []change.Commit{x, y}}
		if got := p.pushers(t); got != c.want {
			t.Errorf("%s: pushers %s, want %s", name, got, c.want)
		}
	}
}

// A fork whose owner is not one person has no owner who could count.
func TestI03_a_fork_without_an_owner(t *testing.T) {
	p := branched(merged(func(r *change.Request) { r.Fork = true }))
	p.forks = policy.ForkOwner
	if got := p.pushers(t); got != "?" {
		t.Errorf("pushers %s, want somebody unknown", got)
	}
	p.requests[0].Owner = person(4).Account
	if got := p.pushers(t); got != "1004" {
		t.Errorf("pushers %s, want the owner, as the policy says", got)
	}
	helps := func() bool { // whether the next step may name the owner
		return slices.ContainsFunc(p.change(t).Makers, func(m policy.Maker) bool { return m.Fork })
	}
	if p.forks = policy.Unnamed; !helps() {
		t.Error("pushes to a fork could not be seen, and the maker does not say that forks: owner helps")
	}
	if p.requests[0].Owner = (policy.Account{}); helps() {
		t.Error("forks: owner is said to help where the fork has no owner")
	}
}

// Somebody unknown who pushed counts once, however many commits they brought.
func TestI03_an_unknown_pusher_counts_once(t *testing.T) {
	push := pushed(1, "main", "base", "z")
	push.By = policy.Account{}
	p := branched(nil, push)
	w := p.commits[0]
	w.ID = id("w")
	p.commits[0].Parents = []string{w.ID}
	p.commits = append(p.commits, w)
	n := 0
	for _, m := range p.change(t).Makers {
		if m.Role == policy.Pusher {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d pushers, want one", n)
	}
}

// A squash that is not the page's, of a request that a list which ends early lacks,
// is asked about; and so is what the page made within a request.
func TestI01_requests_that_the_list_lacks(t *testing.T) {
	at := time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
	y := change.Commit{ID: id("y"), Parents: []string{id("base")}, Author: person(1), Committer: person(1), Time: at}
	x := y
	x.ID = id("x")
	found := func(page, partial bool, made string) bool {
		inner := change.Request{
			Number: 8, Author: person(6).Account, Mergers: []policy.Account{person(3).Account}, Merged: []string{id(made)},
			Head: id("x"), Branch: "g", Into: "f", Opened: at, Done: at,
		}
		b := &bringer{pure: *branched(merged(nil)), brought: map[string][]change.Request{id("y"): {inner}}}
		held := y
		held.Page = page
		b.partial = partial
		b.details = map[int64]change.Details{7: {Commits: []change.Commit{held}}, 8: {Commits: []change.Commit{x}}}
		for _, m := range changeOf(t, b, policy.Unnamed).Makers {
			if m.Role == policy.Requester && m.Account.ID == "1006" {
				return true
			}
		}
		return false
	}
	if !found(false, true, "y") {
		t.Error("a squash of a request that the list lacks is not asked about")
	}
	if !found(true, false, "lost") {
		t.Error("what the page made within a request is not asked about")
	}
	if found(false, false, "lost") {
		t.Error("a request that merely contains a commit counts")
	}
}

// A commit that came in with a merge, and is none of the request's, was pushed by
// somebody; so was one that a request contains, which the page did not make.
func TestI01_commits_beside_a_request(t *testing.T) {
	merge := pushed(3, "main", "base", "z")
	merge.Merge = true
	p := branched(merged(nil), pushed(9, "f", "", "k"), merge)
	k := p.commits[0]
	k.ID = id("k")
	p.commits[0].Page, p.commits[0].Parents = true, []string{id("base"), k.ID}
	p.commits = append(p.commits, k)
	y := k
	y.ID = id("y")
	p.details[7] = change.Details{Commits: []change.Commit{y}}
	if got := p.pushers(t); !strings.Contains(got, "1009") {
		t.Errorf("pushers %s, want also who pushed what is none of the request's", got)
	}
	b := &bringer{pure: *p, brought: map[string][]change.Request{id("k"): p.requests}}
	b.pushes = branched(nil, pushed(9, "side", "", "k"), merge).pushes
	var who []string
	for _, m := range changeOf(t, b, policy.Unnamed).Makers {
		if m.Role == policy.Pusher {
			who = append(who, m.Account.ID)
		}
	}
	if !slices.Contains(who, "1009") {
		t.Errorf("pushers %v, want also who pushed a commit that a request contains", who)
	}
}
