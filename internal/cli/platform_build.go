package cli

import (
	"context"
	"io/fs"
	"os"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/workflows"
)

// checkedOut is what forges.BuiltOnGitHub would say of a release of the files in root; ok is false where they do not tell
// it: another repository's, or those of a pipeline.
func checkedOut(root *os.Root, b policy.Builder) (x policy.Build, ok bool) {
	const commit = "0000000000000000000000000000000000000000"
	signer, _, pinned := strings.Cut(b.Signer, "@")
	if b.Forge.Mark != "/" || pinned {
		return x, false
	}
	here := func(path string) workflows.Place {
		return workflows.Place{Repository: b.Repository, Commit: commit, Path: path}
	}
	r := workflows.Release{Repository: b.Repository, Commit: commit, Action: forges.Ours,
		Top: here(b.Workflow), Signer: here(b.Workflow),
		Called: func(string) string { return "" }, Outside: true} // who signs what was built enters nothing
	if signer != "" {
		r.Signer = here(strings.TrimPrefix(strings.TrimPrefix(signer, b.Repository+"/"), "./"))
	}
	read := tree(root)
	r.Read = func(p workflows.Place) ([]byte, error) {
		if p.Repository != b.Repository || p.Commit != commit {
			return nil, fs.ErrNotExist
		}
		return read(p.Path)
	}
	ran, err := r.Ran()
	if err != nil || ran.Unread != "" {
		return x, false
	}
	return forges.Answered(policy.BuildQuery{}, ran), true
}

func (p onGitLab) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return forges.BuiltOnGitLab(ctx, p.Repo, q)
}

func (p onGitHub) Build(ctx context.Context, q policy.BuildQuery) (policy.Build, error) {
	return forges.BuiltOnGitHub(ctx, p, q)
}

func (p onGitHub) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	return forges.PlacedOnGitHub(ctx, p, q)
}
