package github

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/change"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// history answers what the room change asks about one repository.
type history struct{ *Repo }

// Change says who made what wants to enter an environment.
func (repo *Repo) Change(ctx context.Context, q policy.ChangeQuery) (policy.Change, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	if err := repo.mine(ctx, q); err != nil {
		return policy.Change{}, err
	}
	if err := repo.deploys(ctx, q); err != nil {
		return policy.Change{}, err
	}
	return repo.known.changes.Of(ctx, history{repo}, q, repo.Now())
}

// mine refuses what this repository cannot answer for.
func (repo *Repo) mine(ctx context.Context, q policy.ChangeQuery) error {
	if err := environmentName(q.Environment); err != nil {
		return err
	}
	if !fullSHA().MatchString(q.Head) || q.Start.Baseline != "" && !fullSHA().MatchString(q.Start.Baseline) {
		return fault.New(fault.Refused, fault.Source, "", "commits %q and %q, want full names of commits", q.Head, q.Start.Baseline)
	}
	if !strings.EqualFold(q.Repository, repo.web("")) {
		return fault.New(fault.Refused, fault.Source, "run the gate in the repository that was built", "built in %q, and this is %q: nothing here says who made it", q.Repository, repo.web(""))
	}
	id, err := repo.number(ctx)
	if err != nil {
		return err
	}
	if q.ID != "" && q.ID != id {
		return fault.New(fault.Refused, fault.Source, "", "repository %q is number %s, want %s: the name was given to another", q.Repository, id, q.ID)
	}
	return nil
}

// deploys refuses to let a run deploy whose deployment would not count as one:
// the next release would be held against what was there before it, and an older
// one could follow it (G16).
func (repo *Repo) deploys(ctx context.Context, q policy.ChangeQuery) error {
	own := repo.asker
	if !q.Self || own.id == 0 {
		return nil
	}
	r, found, err := repo.try(ctx, own)
	if err != nil || !found {
		return err // Starters says that it is not there
	}
	if len(q.Workflows) > 0 && !slices.Contains(q.Workflows, r.file()) {
		return fault.New(fault.Usage, fault.Policy, "name it under deployed-by, or gate in a workflow that stands there", "this run is of %q, and what that deploys into %q would not count as deployed", r.file(), q.Environment)
	}
	if len(q.Refs) > 0 && !r.on(q.Refs) {
		return fault.New(fault.Usage, fault.Policy, "deploy from a ref of built-by", "this run is on %q, and what is deployed from there into %q would not count as deployed; that counts from %s",
			r.HeadBranch, q.Environment, strings.Join(q.Refs, ", "))
	}
	return nil
}

// Request is how people call a request.
func (h history) Request(n int64) string { return "request " + strconv.FormatInt(n, 10) }

// Branch is the branch that the head has to be on.
func (h history) Branch(ctx context.Context, q policy.ChangeQuery) (string, error) {
	return h.branchOf(ctx, q)
}

// Tip is where a branch is now.
func (h history) Tip(ctx context.Context, branch string) (string, error) { return h.tip(ctx, branch) }

// Tagged reports whether a tag stands for a commit now.
func (h history) Tagged(ctx context.Context, tag, commit string) (bool, error) {
	return h.tagged(ctx, tag, commit)
}

// Span is what to has and from has not.
func (h history) Span(ctx context.Context, from, to string) ([]change.Commit, bool, error) {
	if from == to {
		return nil, true, nil
	}
	all, found, err := h.since(ctx, from, to)
	return h.commits(all), found, err
}

// Contains reports whether commit is tip or before it.
func (h history) Contains(ctx context.Context, tip, commit string) (bool, error) {
	return h.on(ctx, commit, tip)
}

// maxAttempts is more than the platform allows.
const maxAttempts = 100

// Starters returns who started the runs: the first starter of each, and those
// who only started an attempt again. A later attempt repeats the first one, with
// its commit and in its first starter's name, so that the person who presses
// the button adds nothing; where the first starter is not known, that person counts.
func (h history) Starters(ctx context.Context, q policy.ChangeQuery) (first, again []policy.Maker, err error) {
	done := map[int64]bool{}
	var last []attempt
	for _, uri := range q.Runs {
		a, ours := h.attempt(uri)
		if !ours {
			where := fmt.Sprintf("%q, which is not a run of this repository", uri)
			first = append(first, policy.Maker{Role: policy.Trigger, Where: where, Mark: uri})
			continue
		}
		last = append(last, a)
	}
	if own := h.asker; q.Self && own.id != 0 {
		last = append(last, own)
	}
	sort.SliceStable(last, func(a, b int) bool { return last[a].n > last[b].n }) // the last attempt of a run comes first
	for _, a := range last {
		if done[a.id] {
			continue
		}
		done[a.id] = true
		f, g, err := h.started(ctx, a)
		if err != nil {
			return nil, nil, err
		}
		first, again = append(first, f...), append(again, g...)
	}
	return first, again, nil
}

func (h history) started(ctx context.Context, last attempt) (first, again []policy.Maker, err error) {
	if last.n > maxAttempts {
		return nil, nil, fault.New(fault.Refused, fault.Limit, "", "run %d has %d attempts, at most %d are looked at",
			last.id, last.n, maxAttempts)
	}
	commit := ""
	for n := 1; n <= last.n; n++ {
		r, found, err := h.try(ctx, attempt{last.id, n})
		if err != nil {
			return nil, nil, err
		}
		if !found {
			return nil, nil, fault.New(fault.Refused, fault.BuildState, "",
				"run %d, attempt %d, is not there, so nobody knows who started it", last.id, n)
		}
		where := fmt.Sprintf("run %d, attempt %d", last.id, n)
		starters := []policy.Maker{{Role: policy.Trigger, Account: h.account(r.Actor), Where: where, Mark: where}}
		if by := h.account(r.TriggeringActor); !by.Same(starters[0].Account) {
			starters = append(starters, policy.Maker{Role: policy.Trigger, Account: by, Where: where, Mark: where})
		}
		switch {
		case n == 1:
			commit, first = r.HeadSHA, starters
		case r.HeadSHA == commit && h.account(r.Actor).Same(first[0].Account): // which is of somebody known
			again = append(again, starters[1:]...)
		default:
			first = append(first, starters...)
		}
	}
	return first, again, nil
}

// escaped is a ref's name as one segment of a path.
func escaped(name string) string { return url.PathEscape(name) }
