package gitlab

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Build does not say what the jobs of a pipeline did: its files can include others from anywhere, at refs that move, and
// the API does not show a pipeline as it ran.
func (repo *Repo) Build(_ context.Context, q policy.BuildQuery) (policy.Build, error) {
	return policy.Build{Query: q, Unread: "the caches and scripts of GitLab pipelines are not read"}, nil
}
