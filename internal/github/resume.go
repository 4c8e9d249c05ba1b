package github

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// How often and how long after its start a run can be started again
// (docs.github.com/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs).
const (
	lastAttempt = 50
	resumable   = 30 * 24 * time.Hour
)

// Resume starts the failed jobs of a run again, in the name of the person whose
// token it has. It returns in words what became of the run.
func (repo *Repo) Resume(ctx context.Context, uri string) (string, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	a, ours := repo.attempt(uri)
	if !ours {
		return "", fault.New(fault.Refused, fault.Source, "start its failed jobs again there", "%q is no run of %s", uri,
			repo.Name())
	}
	repo.known.again()
	r, found, err := repo.latest(ctx, a.id)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", fault.New(fault.Refused, fault.BuildState, "start the workflow anew", "run %d is not there any more", a.id)
	case !r.done():
		return fmt.Sprintf("run %d is going on: a gate in it that waits goes on by itself", a.id), nil
	case r.succeeded():
		return fmt.Sprintf("run %d has succeeded, and nothing in it is left to start", a.id), nil
	case r.Attempt >= lastAttempt:
		return "", fault.New(fault.Refused, fault.Limit, "start the workflow anew",
			"run %d was started %d times, and the platform starts none again after that", a.id, r.Attempt)
	case repo.Now().Sub(r.CreatedAt) > resumable:
		return "", fault.New(fault.Refused, fault.Stale, "start the workflow anew",
			"run %d is of %s, and the platform starts none again after 30 days", a.id, r.CreatedAt.UTC().Format(time.DateOnly))
	}
	req, err := repo.gh().NewRequest(http.MethodPost, repo.at("actions/runs/%d/rerun-failed-jobs", a.id), nil)
	if err != nil {
		return "", fmt.Errorf("asking GitHub: %w", err)
	}
	_, err = repo.send(ctx, req, nil)
	switch status := statusOf(err); {
	case err == nil:
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return "", fault.New(fault.Unavailable, fault.NotAvailable,
			`start its failed jobs again on the page of the run, or give a token that may: "actions: write", of somebody who may write to the repository`,
			"this token may not start run %d again: the GitHub API answered %d", a.id, status)
	case status != 0:
		return "", repo.notTold(status, readActions)
	default:
		return "", repo.unanswered(err)
	}
	return fmt.Sprintf("the failed jobs of run %d are started again: %s", a.id,
		repo.web(fmt.Sprintf("/actions/runs/%d", a.id))), nil
}
