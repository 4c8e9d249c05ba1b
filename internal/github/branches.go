package github

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// maxBranches bounds how many branches of a pattern are asked for a commit, one
// by one: the platform has no list of the branches that have it.
const maxBranches = 200

// branchOf is the branch that the commit has to be on: the one that is named,
// the one that it was built on, one of those that a pattern names, or the
// default branch. It is the pattern itself where no branch of it has the commit.
func (repo *Repo) branchOf(ctx context.Context, q policy.ChangeQuery) (string, error) {
	if b, ok := q.Named(); ok {
		return b, nil
	}
	if q.Branch != "" {
		return repo.branchLike(ctx, q.Branch, q.Head)
	}
	r, err := repo.repository(ctx)
	return r.DefaultBranch, err
}

// branchLike returns the first branch of a pattern, by name, that has a commit.
// Those that point at it come first.
func (repo *Repo) branchLike(ctx context.Context, pattern, head string) (string, error) {
	all, err := repo.heads(ctx, pattern)
	if err != nil {
		return "", err
	}
	for _, b := range all {
		if b.tip == head {
			return b.name, nil
		}
	}
	for _, b := range all {
		on, err := repo.on(ctx, head, b.tip)
		if err != nil || on {
			return b.name, err
		}
	}
	return pattern, nil
}

// A head is a branch and the commit that it points at.
type head struct{ name, tip string }

// heads lists the branches of a pattern. The list has no pages of a size that
// one could ask for; where it has pages, its header says so.
func (repo *Repo) heads(ctx context.Context, pattern string) ([]head, error) {
	path := repo.at("git/matching-refs/%s", escaped("heads/"+subject.Literal(pattern)))
	var all []head
	for n := 1; ; n++ {
		at := path
		if n > 1 {
			at = fmt.Sprintf("%s?page=%d", path, n)
		}
		a, err := repo.once(ctx, at, readContents)
		if err != nil {
			return nil, err
		}
		if !a.found {
			return nil, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API lost page %d of the branches of %s/%s", n, repo.owner, repo.name)
		}
		page, _, err := entries[struct {
			Ref    string `json:"ref"`
			Object struct {
				SHA string `json:"sha"`
			} `json:"object"`
		}](repo, a, "")
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			name, ok := strings.CutPrefix(r.Ref, "refs/heads/")
			if !ok || !subject.Match(pattern, name) {
				continue
			}
			if !fullSHA().MatchString(r.Object.SHA) {
				return nil, fault.New(fault.Refused, fault.Malformed, "", "the GitHub API says that branch %q is at %q", name, r.Object.SHA)
			}
			all = append(all, head{name, r.Object.SHA})
		}
		if len(all) > maxBranches || n == maxListed && a.next {
			return nil, fault.New(fault.Refused, fault.Limit, "write a narrower pattern at the key branch, or build on the branches themselves", "more than %d branches fit %q", len(all)-1, pattern)
		}
		if !a.next {
			return all, nil
		}
	}
}

// on says whether a commit is a branch's, whose tip is given.
func (repo *Repo) on(ctx context.Context, sha, tip string) (bool, error) {
	a, err := repo.once(ctx, repo.at("compare/%s...%s", sha, tip)+"?per_page=1", readContents)
	if err != nil || !a.found {
		return false, err
	}
	var said struct {
		Status string `json:"status"`
	}
	err = repo.read(a, &said)
	return said.Status == "ahead" || said.Status == "identical", err
}
