package gitlab

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// Resume starts the failed jobs of a pipeline again, in the name of the person whose
// token it has. uri is the address of one of its jobs. It returns in words
// what became of the pipeline.
func (repo *Repo) Resume(ctx context.Context, uri string) (string, error) {
	id, ours := repo.jobIn(uri)
	if !ours {
		return "", fault.New(fault.Refused, fault.Source, "start its failed jobs again there", "%q is not a job of %s", uri,
			repo.Name())
	}
	repo.memory.again()
	_, p, err := repo.built(ctx, id)
	if err == nil {
		p, err = repo.pipeline(ctx, p.ID) // as it is now
	}
	switch {
	case absent(err):
		return "", fault.New(fault.Refused, fault.BuildState, "start a pipeline anew", "job %s is not there any more", id)
	case err != nil:
		return "", err
	case states[p.Status] == policy.Unfinished:
		return fmt.Sprintf("pipeline %d is going on: a gate in it that waits goes on by itself", p.ID), nil
	case states[p.Status] == policy.Succeeded:
		return fmt.Sprintf("pipeline %d has succeeded, and nothing in it is left to start", p.ID), nil
	}
	c, err := repo.reader()
	if err != nil {
		return "", err
	}
	const hint = "start its failed jobs again on the page of the pipeline, or give SALLYPORT_TOKEN scope api, of somebody who may run pipelines on that ref"
	if err := repo.post(ctx, c, http.MethodPost, repo.project("/pipelines/"+itoa(p.ID)+"/retry"), hint, nil); err != nil {
		return "", err
	}
	return fmt.Sprintf("the failed jobs of pipeline %d are started again: %s", p.ID,
		repo.web("/-/pipelines/"+itoa(p.ID))), nil
}
