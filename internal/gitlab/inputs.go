package gitlab

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Inputs returns the variables that the pipeline was started with, whoever gave
// them: a form, the API, a trigger, an option of a push. unknown says why they
// cannot be known; it is empty if they are known.
//
// The job's own variables do not tell: there, what a person gave and what the
// project sets look alike. Only the API does, and to a person's or a project's
// token alone.
//
// reach is called before it is asked: in a job without a policy, it finds out
// where.
func (j *Job) Inputs(ctx context.Context, reach func() error) (given map[string]string, unknown string, err error) {
	switch {
	case j.getenv("CI_PIPELINE_SOURCE") == "schedule":
		return nil, "GitLab does not list the variables of a schedule", nil
	case j.getenv("CI_JOB_MANUAL") == "true":
		return nil, "GitLab does not list the variables of a job that somebody started by hand", nil
	case j.access == "":
		return nil, "GitLab lists them for SALLYPORT_TOKEN alone, and it is not set", nil
	}
	id := j.getenv("CI_PIPELINE_ID")
	if !projectID().MatchString(id) {
		return nil, "", fault.New(fault.Usage, fault.Config, "", "CI_PIPELINE_ID is %q, want a number", id)
	}
	if err := reach(); err != nil {
		return nil, "", err
	}
	// The list has no pages.
	all, err := some[struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}](ctx, j.Repo, question{path: j.project("/pipelines/" + id + "/variables")})
	if hidden(err) {
		return nil, "GitLab does not show them to the owner of SALLYPORT_TOKEN, who needs the role Developer", nil
	}
	if err != nil {
		return nil, "", err
	}
	given = map[string]string{}
	for _, v := range all {
		given[v.Key] = v.Value
	}
	return given, "", nil
}
