package github

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// review is what the API keeps of a review: neither time, nor attempt, nor
// digest.
type review struct {
	State        string `json:"state"`
	Comment      string `json:"comment"`
	User         *user  `json:"user"`
	Environments []struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"environments"`
}

// Reviews returns what people said on the page of the run that asks, about an
// environment.
func (repo *Repo) Reviews(ctx context.Context, environment string) (policy.Reviews, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	if err := environmentName(environment); err != nil {
		return policy.Reviews{}, err
	}
	own := repo.asker
	if own.id == 0 {
		return policy.Reviews{}, nil // nobody was asked anything outside of a run
	}
	out := policy.Reviews{Run: fmt.Sprintf("run %d, attempt %d", own.id, own.n)}
	e, found, err := repo.environment(ctx, environment)
	if err != nil {
		return policy.Reviews{}, err
	}
	out.Asked = found && e.reviewers() > 0
	if out.Entered, err = repo.entered(ctx, environment); err != nil {
		return policy.Reviews{}, err
	}
	out.List, err = repo.reviews(ctx, environment)
	return out, err
}

func (repo *Repo) reviews(ctx context.Context, environment string) ([]policy.Review, error) {
	own := repo.asker
	a, err := repo.once(ctx, repo.at("actions/runs/%d/approvals", own.id), readActions)
	if err != nil {
		return nil, err
	}
	if !a.found {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, string(readActions), "the GitHub API shows no reviews of run %d", own.id)
	}
	all, _, err := entries[review](repo, a, "")
	if err != nil {
		return nil, err
	}
	var out []policy.Review
	for _, r := range all {
		p, ok, err := repo.review(r, environment)
		if err != nil {
			return nil, err
		}
		if ok {
			p.Run = fmt.Sprintf("run %d", own.id)
			out = append(out, p)
		}
	}
	return out, nil
}

// review reads one; ok is false if it says nothing about the environment. A
// state that is not known could be a no, so it is not passed over.
func (repo *Repo) review(r review, environment string) (p policy.Review, ok bool, err error) {
	p = policy.Review{Account: repo.account(r.User), Comment: r.Comment}
	for _, e := range r.Environments {
		p.Environments = append(p.Environments, statement.Place{Name: e.Name, ID: strconv.FormatInt(e.ID, 10)})
		ok = ok || e.Name == environment
	}
	switch r.State {
	case "approved":
		p.Decision = statement.Approve
	case "rejected":
		p.Decision = statement.Reject
	case "pending":
		return p, false, nil
	default:
		return p, false, fault.New(fault.Refused, fault.Malformed, "", "a review has state %q, want approved, rejected or pending", r.State)
	}
	return p, ok, nil
}
