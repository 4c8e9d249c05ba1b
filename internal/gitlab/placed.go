package gitlab

import (
	"context"
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Placed looks for the deployment that a job made, among those of an environment: it shows
// the numbers of both. A deployment that somebody made with the API names no job.
func (repo *Repo) Placed(ctx context.Context, q policy.PlaceQuery) (policy.Placed, error) {
	out := policy.Placed{
		Query:  q,
		Within: policy.No,
		Why: fmt.Sprintf(
			"GitLab shows no deployment of it to environment %q with the number %s",
			q.Environment,
			q.ID,
		),
	}
	id, ok := repo.jobIn(q.Run)
	if !ok {
		return out, nil
	}
	if err := environmentName(q.Environment); err != nil {
		return out, err
	}
	err := each(ctx, repo, repo.deployments(q.Environment), func(page []deployment) (bool, error) {
		for _, d := range page {
			if d.Deployable != nil && itoa(d.Deployable.ID) == id && itoa(d.Environment.ID) == q.ID &&
				d.Environment.Name == q.Environment {
				out.Within, out.Why = policy.Yes, ""
				return false, nil
			}
		}
		return true, nil
	})
	return out, err
}
