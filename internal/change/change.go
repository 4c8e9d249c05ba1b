// Package change works out who made what wants to enter an environment: every
// commit since the one that is deployed there, every request that brought them,
// everybody who pushed them, and how the whole stands to what is deployed. It
// asks a platform a few questions and knows nothing else about it, so that the
// same history gives the same makers on both platforms.
//
// It refuses to guess. A person whom it cannot name is a maker without a name, and
// so is one for each thing that it could not read: less is never said to be all. It
// refuses to judge whether a maker may approve.
package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Platform answers questions about one repository. What it cannot answer is an
// error; an empty answer means that there is nothing.
type Platform interface {
	// Request is how people call request n: "request 12".
	Request(n int64) string
	// Branch returns the branch that q's head has to be on; where only a pattern
	// is known and no branch of it has the head, the pattern.
	Branch(ctx context.Context, q policy.ChangeQuery) (string, error)
	// Tip returns the commit that a branch is at now, or "" if it is not there.
	Tip(ctx context.Context, branch string) (string, error)
	// Tagged reports whether a tag stands for a commit now.
	Tagged(ctx context.Context, tag, commit string) (bool, error)
	// Span returns all commits of to's history that are not in from's, newest
	// first. From "" has no history. found is false if one of them is not there or
	// they share no history.
	Span(ctx context.Context, from, to string) (all []Commit, found bool, err error)
	// Contains reports whether commit is tip or in its history.
	Contains(ctx context.Context, tip, commit string) (bool, error)
	// Past returns what was deployed into q's environment before. branch is the
	// answer of Branch.
	Past(ctx context.Context, q policy.ChangeQuery, branch string) (Past, error)
	// Merged returns the requests that were merged since a time, into all branches;
	// whole is false where there are more than it lists.
	Merged(ctx context.Context, since time.Time) (all []Request, whole bool, err error)
	// Bringing returns the merged requests of commits that Merged does not explain,
	// by commit.
	Bringing(ctx context.Context, commits []Commit) (map[string][]Request, error)
	// Details returns what each request is asked for, in the order of the questions.
	Details(ctx context.Context, asked []Ask) ([]Details, error)
	// ReviewsOf returns how each of these requests was reviewed, in their order. Unlike its details,
	// that changes after the merge.
	ReviewsOf(ctx context.Context, asked []Request) ([]Reviews, error)
	// Signatures returns what it says of the signatures of commits, by commit. It lacks those
	// of which nothing is known.
	Signatures(ctx context.Context, commits []Commit) (map[string]Signature, error)
	// Pushes returns the pushes to the repository's branches since a time, oldest
	// first; whole is false where it lists the newest alone.
	Pushes(ctx context.Context, since time.Time) (all []Push, whole bool, err error)
	// Closed reports whether nobody may push to a branch now, so that the platform
	// itself made what a merge put there.
	Closed(ctx context.Context, branch string) (bool, error)
	// PushesTo returns the pushes to the branch of one request since a time, also in
	// another repository; seen is false where they may not be seen, or not all.
	PushesTo(ctx context.Context, r Request, since time.Time) (all []Push, seen bool, err error)
	// Accounts returns the accounts behind addresses that people typed, as far as
	// the platform knows them.
	Accounts(ctx context.Context, addresses []string) (map[string]policy.Account, error)
	// CoAuthors returns the accounts of people that the platform itself finds behind
	// co-authors of commits, by commit. It may lack some, and may have none.
	CoAuthors(ctx context.Context, commits []Commit) (map[string][]Identity, error)
	// Kinds returns the accounts with what is behind each.
	Kinds(ctx context.Context, accounts []policy.Account) ([]policy.Account, error)
	// Starters returns the people who started the runs of q first, and those who only
	// started an attempt again.
	Starters(ctx context.Context, q policy.ChangeQuery) (first, again []policy.Maker, err error)
}

// BeginLater is the next step where more is new than a platform can be asked about.
const BeginLater = "set `baseline` in the policy to a commit that is known to be good; " +
	"where something is deployed, that counts instead: release an older commit first, or delete that deployment"

// Deployment is one deployment into an environment.
type Deployment struct {
	ID      int64
	Commit  string
	Created time.Time
	Run     string // address of the run that made it, without an attempt, or of the job
	Entry   int    // number of the entry that says so; 0: the platform lists it
}

func (d Deployment) String() string {
	if d.Entry > 0 {
		return fmt.Sprintf("entry %d of commit %s", d.Entry, short(d.Commit))
	}
	return fmt.Sprintf("deployment %d of commit %s", d.ID, short(d.Commit))
}

// Past is what an environment went through, as far as it matters.
type Past struct {
	Base    *Deployment    // the newest that really succeeded, or nil
	Newer   []Deployment   // after it and in, although their run failed later
	OnWay   []Deployment   // after it, and let in by the rules
	Ignored []string       // in words: what looks like a deployment and does not count
	Makers  []policy.Maker // who made deployments of the head by hand
}

// How long what was read is good for a gate that waits, which asks again every few
// seconds: the history, and whether the head is on its branch.
const (
	seldom = 10 * time.Minute
	often  = time.Minute
)

// Memory is what was found out before. Its zero value knows nothing.
type Memory struct {
	mu     sync.Mutex
	known  map[string]line
	ledger *ledger
}

// line is how a head stands to a base and a branch, and who made what is
// between them.
type line struct {
	until     time.Time
	tip       string    // of the branch
	checked   time.Time // when the branch was asked for
	order     policy.Order
	reachable bool
	all       graph // what was read, of which the head may be a part
	commits   []Commit
	listed    []policy.Request
	makers    []policy.Maker
	notes     []string
	inflow
}

// Of returns who made what q asks about.
func (m *Memory) Of(ctx context.Context, p Platform, q policy.ChangeQuery, now time.Time) (policy.Change, error) {
	p = m.share(p, now)
	branch, err := p.Branch(ctx, q)
	if err != nil {
		return policy.Change{}, err
	}
	past, err := p.Past(ctx, q, branch)
	if err != nil {
		return policy.Change{}, fmt.Errorf("asking what is in %q: %w", q.Environment, err)
	}
	var c policy.Change
	views, err := begin(ctx, p, q.Start, past)
	for i := 0; i < len(views) && err == nil; i++ {
		one := policy.Change{Repository: q.Repository, Head: q.Head, Start: q.Start, Base: q.Start.Baseline, Branch: branch}
		if err = m.since(ctx, p, q, &one, views[i], now); i == 0 {
			c = one
		} else {
			join(&c, one)
		}
	}
	if err != nil {
		return policy.Change{}, err
	}
	c.Makers = append(c.Makers, past.Makers...)
	if past.Base != nil {
		c.Listed = policy.Listed{ID: past.Base.ID, Run: past.Base.Run, Time: past.Base.Created}
	}
	if tag, ok := strings.CutPrefix(q.Ref, "refs/tags/"); ok && c.Reachable {
		if c.Reachable, err = p.Tagged(ctx, tag, q.Head); err != nil {
			return policy.Change{}, err
		}
	}
	first, again, err := p.Starters(ctx, q)
	if err != nil {
		return policy.Change{}, err
	}
	c.Makers, c.Again = append(c.Makers, first...), again
	return c, known(ctx, p, &c)
}

// since fills c in: how its head stands to what past says is in, and who made what
// is between them.
func (m *Memory) since(
	ctx context.Context, p Platform, q policy.ChangeQuery, c *policy.Change, past Past, now time.Time,
) error {
	if past.Base != nil {
		c.Base = past.Base.Commit
	}
	l, err := m.line(ctx, p, q, *c, past, now)
	if err != nil {
		return err
	}
	c.Order, c.Reachable, c.Requests, c.Notes = l.order, l.reachable, l.listed, slices.Clone(l.notes)
	c.Makers = slices.Clone(l.makers)
	for _, x := range l.commits {
		s := l.signatures[x.ID]
		c.Commits = append(c.Commits, policy.Commit{ID: x.ID, Title: x.title(),
			Author: cmp.Or(x.Author.Account.Name, x.Author.Name), Time: x.Time, Account: x.Author.Account,
			Verified: s.Verified, Words: s.Words, Requests: l.requests[x.ID], Pushers: l.pushers[x.ID], Merges: l.merges[x.ID]})
	}
	return settle(ctx, p, c, l, past)
}

// line returns how a change stands and who made it, from memory as far as that is
// good.
func (m *Memory) line(
	ctx context.Context, p Platform, q policy.ChangeQuery, c policy.Change, past Past, now time.Time,
) (line, error) {
	key := strings.Join([]string{c.Base, c.Head, c.Branch, string(q.Forks), fmt.Sprint(q.Mergers, q.Reviews, q.Signatures)}, " ")
	m.mu.Lock()
	l, ok := m.known[key]
	m.mu.Unlock()
	var err error
	switch {
	case !ok || !now.Before(l.until):
		l, err = read(ctx, p, q, c, past)
		l.until, l.checked = now.Add(seldom), now
	case !now.Before(l.checked.Add(often)):
		l.checked, err = now, l.look(ctx, p, c)
	}
	if err != nil {
		return line{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]line{}
	}
	m.known[key] = l
	return l, nil
}

// look asks again whether the head is on its branch, where the branch has moved.
func (l *line) look(ctx context.Context, p Platform, c policy.Change) error {
	tip, err := p.Tip(ctx, c.Branch)
	if err != nil || tip == l.tip {
		return err
	}
	l.tip, l.reachable = tip, false
	if tip != "" {
		l.reachable, err = p.Contains(ctx, tip, c.Head)
	}
	return err
}

// read finds out how a change stands, and who made it.
func read(ctx context.Context, p Platform, q policy.ChangeQuery, c policy.Change, past Past) (line, error) {
	tip, err := p.Tip(ctx, c.Branch)
	if err != nil {
		return line{}, err
	}
	l, err := stand(ctx, p, c, tip, past)
	if err != nil {
		return line{}, err
	}
	entering := l.all
	if len(l.commits) < len(l.all.order) {
		entering = newGraph(l.commits)
	}
	w := newWalk(p, entering, c.Branch, q.Forks)
	w.base, w.alone, w.reviewed, w.signed = c.Base, !q.Mergers, q.Reviews, q.Signatures
	if past.Base != nil {
		w.first = past.Base.Created
	}
	if err = w.makers(ctx); err != nil {
		return line{}, err
	}
	l.tip, l.makers, l.listed, l.notes = tip, w.found, w.listed(), w.notes
	l.inflow, err = w.inflow(ctx, l.listed)
	return l, err
}

// stand finds out how the head stands to the base and to the branch. It looks
// for the head among what the branch has and the base lacks, because that one
// question says which commits are new, whether the head is on the branch, and
// whether the base comes before it.
func stand(ctx context.Context, p Platform, c policy.Change, tip string, past Past) (line, error) {
	if tip != "" {
		all, found, err := p.Span(ctx, c.Base, tip)
		if err != nil {
			return line{}, err
		}
		g := newGraph(all)
		switch {
		case !found:
		case c.Head == c.Base:
			return line{order: policy.Same, reachable: tip == c.Base || follows(all, c.Base), all: g}, nil
		case g.has(c.Head):
			l := line{order: policy.Diverged, reachable: true, all: g, commits: g.part(c.Head)}
			if c.Base == "" {
				l.order = policy.First
			} else if follows(l.commits, c.Base) {
				l.order = policy.Newer
			}
			return l, nil
		}
	}
	return apart(ctx, p, c, tip, past)
}

// apart compares the base and the head alone, where the branch has no new commit
// of that id.
func apart(ctx context.Context, p Platform, c policy.Change, tip string, past Past) (line, error) {
	all, found, err := p.Span(ctx, c.Base, c.Head)
	if err != nil {
		return line{}, err
	}
	if !found {
		return line{}, strange(c, past)
	}
	l := line{order: policy.Diverged, all: newGraph(all), commits: all}
	switch {
	case c.Base == "":
		l.order = policy.First
	case c.Head == c.Base:
		l.order = policy.Same
	case len(all) == 0:
		l.order = policy.Older
		if tip != "" {
			l.reachable, err = p.Contains(ctx, tip, c.Head)
		}
	case follows(all, c.Base):
		l.order = policy.Newer
	}
	return l, err
}

// strange says that a head has no history in common with what it is held against.
func strange(c policy.Change, past Past) error {
	head := short(c.Head)
	switch {
	case c.Base == "":
		return fault.New(fault.Refused, fault.Source, "build and attest a commit that is on a branch of this repository",
			"commit %s is not in the repository", head)
	case past.Base == nil:
		return fault.New(fault.Refused, fault.Source,
			"name a commit under baseline that is in the history of what is released",
			"commit %s has no history in common with the baseline %s, or one of them is not in the repository", head, short(c.Base))
	}
	return fault.New(fault.Refused, fault.Source,
		"bring the deployed commit back on a branch; or, if it is gone for good, delete its deployment on the platform, so that the one before it counts",
		"commit %s has no history in common with %s, or one of them is not in the repository", head, past.Base)
}

// settle says what the order was found against. A deployment after the base
// counts too if it is of a descendant of the head: entering now would undo it.
func settle(ctx context.Context, p Platform, c *policy.Change, l line, past Past) error {
	ignored := ""
	if n := len(past.Ignored); n > 0 {
		ignored = "; not counted: " + strings.Join(past.Ignored[:min(n, 3)], ", ")
		if n > 3 {
			ignored += fmt.Sprintf(" and %d more", n-3)
		}
	}
	switch {
	case past.Base != nil:
		c.Deployed = past.Base.String() + ignored
	case c.Base == "":
		c.Deployed = "nothing is deployed" + ignored
	case c.Order == policy.Newer || c.Order == policy.Same:
		c.Order, c.Deployed = policy.First, "nothing is deployed, and the policy begins with commit "+short(c.Base)+ignored
	default:
		return fault.New(fault.Usage, fault.Policy, "name a commit that comes before everything that is released",
			"baseline %s does not come before commit %s", short(c.Base), short(c.Head))
	}
	in, err := overtaking(ctx, p, c.Head, l, past.Newer)
	if err != nil {
		return err
	}
	if in != nil {
		c.Order, c.Deployed = policy.Older, in.String()+", which came in after"
	}
	if c.Order == policy.Older || c.Order == policy.Diverged {
		return nil // which nothing on its way changes
	}
	coming, err := overtaking(ctx, p, c.Head, l, past.OnWay)
	if coming != nil {
		c.Order, c.Deployed = policy.Overtaken, coming.String()+", which is on its way"
	}
	return err
}

// overtaking returns the first of the deployments that is of a descendant of a head,
// or nil.
func overtaking(ctx context.Context, p Platform, head string, l line, all []Deployment) (*Deployment, error) {
	asked := map[string]bool{head: true}
	for i, d := range all {
		if asked[d.Commit] {
			continue
		}
		asked[d.Commit] = true
		newer := l.all.includes(d.Commit, head)
		if !l.all.has(d.Commit) || !l.all.has(head) {
			var err error
			if newer, err = p.Contains(ctx, d.Commit, head); err != nil {
				return nil, err
			}
		}
		if newer {
			return &all[i], nil
		}
	}
	return nil, nil
}

// kinds says what is behind each maker's account.
func kinds(ctx context.Context, p Platform, makers []policy.Maker) ([]policy.Maker, error) {
	at := map[string]int{}
	var all []policy.Account
	for _, m := range makers {
		if _, ok := at[m.Account.Key()]; m.Account.ID != "" && m.Account.Kind == policy.KindUnknown && !ok {
			at[m.Account.Key()] = len(all)
			all = append(all, m.Account)
		}
	}
	if len(all) == 0 {
		return makers, nil
	}
	known, err := p.Kinds(ctx, all)
	if err != nil {
		return nil, err
	}
	for i, m := range makers {
		if k, ok := at[m.Account.Key()]; ok && m.Account.ID != "" && m.Account.Kind == policy.KindUnknown {
			makers[i].Account = known[k]
		}
	}
	return makers, nil
}

func short(id string) string { return id[:min(7, len(id))] }
