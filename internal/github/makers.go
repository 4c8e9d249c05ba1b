package github

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// walk gathers the makers of a set of commits.
type walk struct {
	job       *Job
	branch    string
	change    graph // what wants to enter
	all       graph // that, and the commits that requests lost on their way
	people    *directory
	request   map[string]int // commit that a request lost: the request
	explained map[string]bool
	pulls     []pull
	forked    map[string]bool // commits that came from another repository
	landed    map[string]bool // commits that the page made for a merge that the log does not show
	found     []policy.Maker
	known     map[policy.Maker]bool // in found
}

func newWalk(j *Job, change graph, branch string) *walk {
	w := &walk{
		job: j, branch: branch, change: change, all: newGraph(nil), people: newDirectory(j),
		request: map[string]int{}, explained: map[string]bool{}, forked: map[string]bool{}, landed: map[string]bool{},
	}
	w.all.add(change.list())
	return w
}

// add keeps a maker, each once.
func (w *walk) add(m policy.Maker) {
	if m.Account.ID != "" {
		m.Email = ""
	}
	if w.known == nil {
		w.known = map[policy.Maker]bool{}
	}
	if !w.known[m] {
		w.known[m], w.found = true, append(w.found, m)
	}
}

// makers returns everybody who took part.
func (w *walk) makers(ctx context.Context) ([]policy.Maker, error) {
	if len(w.change.order) == 0 {
		return nil, nil
	}
	if err := w.requests(ctx); err != nil {
		return nil, err
	}
	if err := w.pushes(ctx); err != nil {
		return nil, err
	}
	return w.found, w.authors(ctx)
}

// authors adds those whom the commits name.
func (w *walk) authors(ctx context.Context) error {
	for _, sha := range w.all.order {
		c := w.all.by[sha]
		w.people.learn(c.Commit.Author.Email, c.Author)
		if !c.onPage() {
			w.people.learn(c.Commit.Committer.Email, c.Committer)
		}
	}
	for _, sha := range w.all.order {
		c := w.all.by[sha]
		if err := w.named(ctx, policy.Author, c, c.Commit.Author.Email, c.Author); err != nil {
			return err
		}
		if !c.onPage() {
			if err := w.named(ctx, policy.Committer, c, c.Commit.Committer.Email, c.Committer); err != nil {
				return err
			}
		}
		for _, email := range policy.CoAuthors(c.Commit.Message) {
			if err := w.named(ctx, policy.CoAuthor, c, email, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// named adds somebody whom a commit names: the account that the platform found,
// the one that the address itself tells, or the address.
func (w *walk) named(ctx context.Context, role policy.Role, c commit, email string, u *user) error {
	m := policy.Maker{Role: role, Email: email, Where: w.where(c.SHA), Account: w.job.account(u)}
	if m.Account.ID == "" {
		var err error
		if m.Account, err = w.people.find(ctx, email); err != nil {
			return err
		}
	}
	w.add(m)
	return nil
}

// where names a commit, with the request that it got lost in.
func (w *walk) where(sha string) string {
	if n := w.request[sha]; n != 0 {
		return fmt.Sprintf("%s of request %d", where(sha), n)
	}
	return where(sha)
}

// oldest is when the first of the commits says it was made: what happened
// before is not about them.
func (w *walk) oldest() time.Time {
	var first time.Time
	for i, sha := range w.all.order {
		if t := w.all.by[sha].time(); i == 0 || t.Before(first) {
			first = t
		}
	}
	return first
}
