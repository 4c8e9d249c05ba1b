package gitlab

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Ref says how the ref and the branch of a build are protected now, by the
// project's lists of protected branches and tags. What this token may not see is
// unanswered, with the reason; silence is an error.
func (repo *Repo) Ref(ctx context.Context, q policy.RefQuery) (policy.Ref, error) {
	s := refSurvey{repo: repo, Ref: policy.Ref{Query: q}}
	err := s.ask(ctx)
	if hidden(err) {
		f := fault.Of(err)
		s.Why, s.Need, err = f.Error(), f.Hint, nil
	}
	return s.Ref, err
}

// refSurvey is a policy.Ref while it is asked for.
type refSurvey struct {
	repo *Repo
	policy.Ref
}

func (s *refSurvey) ask(ctx context.Context) error {
	q, repo := s.Query, s.repo
	h, err := repo.here(ctx)
	switch {
	case err != nil:
		return err
	case q.Repository != repo.web(""):
		s.Why = fmt.Sprintf("it is of %s, and %s was asked", q.Repository, repo.web(""))
		return nil
	case q.ID != itoa(h.ID):
		return fault.New(fault.Refused, fault.Source, "",
			"repository %q is number %d, want %s: the name was given to another", q.Repository, h.ID, q.ID)
	case q.Branch != "":
		if err := s.branch(ctx, h); err != nil {
			return err
		}
	}
	name, isBranch := strings.CutPrefix(q.Ref, "refs/heads/")
	switch {
	case q.Open:
	case isBranch && name == s.Branch:
		s.Protected = s.Kept
	case isBranch, !s.OnProtected():
		ok, err := repo.protects(ctx, q.Ref)
		if err != nil {
			return err
		}
		s.Protected = policy.KnownAs(ok)
		if !ok && !isBranch && q.Branch == "" {
			return s.branch(ctx, h)
		}
	}
	return nil
}

// branch finds the branch that the commit has to be on, whether it is, and
// whether the branch is protected.
func (s *refSurvey) branch(ctx context.Context, h home) error {
	q, repo := s.Query, s.repo
	if !full(q.Head) {
		return fault.New(fault.Refused, fault.Source, "", "commit %q, want its full name", q.Head)
	}
	branch, named := policy.ChangeQuery{Ref: q.Ref, Head: q.Head, Branch: q.Branch}.Named()
	switch {
	case named:
	case q.Branch == "":
		branch = h.Default
	default:
		var err error
		if branch, err = repo.branchLike(ctx, q.Branch, q.Head); err != nil {
			return err
		}
	}
	s.Branch = branch
	if branch == q.Branch && !named {
		s.On = policy.No // none of the pattern has it
		return nil
	}
	b, err := repo.branch(ctx, branch)
	if err != nil {
		return err
	}
	// A range that begins with a commit that is not there could be an empty one.
	_, err = one[commit](ctx, repo, question{path: repo.project("/repository/commits/" + q.Head), fixed: true})
	there := !absent(err)
	if err != nil && there {
		return err
	}
	on := false
	if there {
		if on, err = repo.ancestor(ctx, q.Head, b.Commit.ID); err != nil {
			return err
		}
	}
	s.On, s.Kept = policy.KnownAs(on), policy.KnownAs(b.Protected)
	return nil
}
