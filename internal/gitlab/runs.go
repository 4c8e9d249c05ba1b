package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A build is one job of a pipeline.
type build struct {
	ID       int64    `json:"id"`
	Name     string   `json:"name"`
	Status   string   `json:"status"`
	Ref      string   `json:"ref"`
	Tag      bool     `json:"tag"`
	Created  string   `json:"created_at"`
	Finished string   `json:"finished_at"`
	User     user     `json:"user"`
	Commit   ref      `json:"commit"`
	Pipeline pipeline `json:"pipeline"`
}

type ref struct {
	ID string `json:"id"`
}

// A pipeline is what jobs belong to.
type pipeline struct {
	ID      int64  `json:"id"`
	Project int64  `json:"project_id"`
	SHA     string `json:"sha"`
	Ref     string `json:"ref"`
	Status  string `json:"status"`
	Source  string `json:"source"`
	Created string `json:"created_at"`
	User    user   `json:"user"`
}

// states are the words of a job and of a pipeline
// (https://docs.gitlab.com/api/jobs/). A word that is not here is no success.
var states = map[string]policy.RunState{
	"success": policy.Succeeded,
	"failed":  policy.Failed, "canceled": policy.Failed, "canceling": policy.Failed, "skipped": policy.Failed,
	"created": policy.Unfinished, "waiting_for_resource": policy.Unfinished, "waiting_for_callback": policy.Unfinished, "preparing": policy.Unfinished,
	"pending": policy.Unfinished, "running": policy.Unfinished, "manual": policy.Unfinished, "scheduled": policy.Unfinished,
}

// Runs asks for each job that a certificate names.
func (repo *Repo) Runs(ctx context.Context, queries []policy.RunQuery) ([]policy.Run, error) {
	all := make([]policy.Run, 0, len(queries))
	var started []policy.Account
	for _, q := range queries {
		if id, ok := repo.jobIn(q.URI); ok {
			b, _, err := repo.built(ctx, id)
			if err != nil && !absent(err) {
				return nil, err
			}
			started = append(started, repo.account(b.User))
		}
	}
	if err := repo.meet(ctx, started); err != nil {
		return nil, err
	}
	for _, q := range queries {
		r, err := repo.run(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (repo *Repo) run(ctx context.Context, q policy.RunQuery) (policy.Run, error) {
	id, ok := repo.jobIn(q.URI)
	if !ok {
		return policy.Run{URI: q.URI, Words: fmt.Sprintf("%q is not a job of %s", q.URI, repo.web(""))}, nil
	}
	b, p, err := repo.built(ctx, id)
	if absent(err) {
		return policy.Run{URI: q.URI, Words: fmt.Sprintf("GitLab does not show job %s, or it is not there", id)}, nil
	}
	if err != nil {
		return policy.Run{}, err
	}
	r := policy.Run{
		URI: q.URI, Commit: b.Commit.ID, Event: p.Source, Ref: b.fullRef(), Pipeline: itoa(p.ID), CreatedAt: moment(b.Created),
		Own: itoa(p.ID) == repo.asker.pipeline,
		// Whoever runs a job of somebody else's pipeline repeats what the other
		// one had put in.
		Again: b.User.ID != p.User.ID,
	}
	if r.By, err = repo.known(ctx, b.User); err != nil {
		return policy.Run{}, err
	}
	if q.Entry { // how the other jobs of the pipeline end is another matter
		r.State, r.Words = states[b.Status], fmt.Sprintf("job %d: %s", b.ID, b.Status)
		r.Own = itoa(b.ID) == repo.asker.job
		r.Ended, _ = time.Parse(time.RFC3339, b.Finished) // without one, the platform does not say when it ended
		return r, nil
	}
	r.State, r.Words, err = repo.outcome(ctx, q, b, p, r.Own)
	return r, err
}

// built asks for a job and its pipeline.
// What has ended does not run again under its number, so that it is asked for once.
func (repo *Repo) built(ctx context.Context, id string) (build, pipeline, error) {
	q := question{path: repo.project("/jobs/" + id)}
	b, err := one[build](ctx, repo, q)
	if err != nil {
		return build{}, pipeline{}, err
	}
	if itoa(b.ID) != id || b.Pipeline.ID <= 0 {
		return build{}, pipeline{}, fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with job %d of pipeline %d, asked for job %s", b.ID, b.Pipeline.ID, id)
	}
	if s := states[b.Status]; s == policy.Succeeded || s == policy.Failed {
		repo.hold(q, time.Time{})
	}
	p, err := repo.origin(ctx, b.Pipeline.ID)
	return b, p, err
}

// origin is a pipeline as it was when it was asked for first: what it is of, and
// who started it, does not change. Its status does.
func (repo *Repo) origin(ctx context.Context, id int64) (pipeline, error) {
	repo.memory.mu.Lock()
	p, ok := repo.memory.origins[id]
	repo.memory.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := repo.pipeline(ctx, id)
	if err != nil {
		return pipeline{}, err
	}
	repo.memory.mu.Lock()
	defer repo.memory.mu.Unlock()
	if repo.memory.origins == nil {
		repo.memory.origins = map[int64]pipeline{}
	}
	repo.memory.origins[id] = p
	return p, nil
}

// pipeline asks for a pipeline as it is now.
func (repo *Repo) pipeline(ctx context.Context, id int64) (pipeline, error) {
	p, err := one[pipeline](ctx, repo, question{path: repo.project("/pipelines/" + itoa(id))})
	switch {
	case err != nil:
	case p.ID != id:
		err = fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with pipeline %d, asked for %d", p.ID,
			id)
	case projectID().MatchString(repo.id) && p.Project != 0 && itoa(p.Project) != repo.id:
		err = fault.New(fault.Refused, fault.Source, "", "pipeline %d is of project %d, want %s", id, p.Project, repo.id)
	}
	return p, err
}

// jobIn reads the number of a job of this project out of its address, as a
// certificate has it.
func (repo *Repo) jobIn(uri string) (string, bool) {
	id, ok := strings.CutPrefix(uri, repo.web("/-/jobs/"))
	return id, ok && projectID().MatchString(id)
}

func (b build) fullRef() string {
	switch {
	case b.Ref == "":
		return ""
	case strings.HasPrefix(b.Ref, "refs/"): // a merge request's
		return b.Ref
	case b.Tag:
		return "refs/tags/" + b.Ref
	}
	return "refs/heads/" + b.Ref
}

// outcome says how a job ended, and with it what was asked about: the jobs that
// the policy names, or the whole pipeline unless that is still running because
// it is the one that asks.
func (repo *Repo) outcome(ctx context.Context, q policy.RunQuery, b build, p pipeline, own bool) (policy.RunState, string, error) {
	words := fmt.Sprintf("job %d, %s: %s", b.ID, b.Name, b.Status)
	state := states[b.Status]
	if state != policy.Succeeded || !q.Outcome {
		return state, words, nil
	}
	if len(q.Jobs) > 0 {
		return repo.jobs(ctx, p, q.Jobs)
	}
	if !own {
		now, err := repo.pipeline(ctx, p.ID)
		return states[now.Status], fmt.Sprintf("%s; pipeline %d: %s", words, p.ID, now.Status), err
	}
	return state, words, nil
}

// jobs wants each of these jobs of a pipeline to have succeeded, in all its
// parallel parts.
func (repo *Repo) jobs(ctx context.Context, p pipeline, names []string) (policy.RunState, string, error) {
	all, err := list[build](ctx, repo, question{path: repo.project("/pipelines/" + itoa(p.ID) + "/jobs")})
	if err != nil {
		return policy.RunUnknown, "", err
	}
	for _, name := range names {
		part, err := regexp.Compile(`^` + regexp.QuoteMeta(name) + `(?: \d+/\d+|: \[.*\])?$`)
		if err != nil {
			return policy.RunUnknown, "", fmt.Errorf("matching jobs: %w", err)
		}
		found := false
		for _, b := range all {
			if !part.MatchString(b.Name) {
				continue
			}
			found = true
			if states[b.Status] != policy.Succeeded {
				return states[b.Status], fmt.Sprintf("pipeline %d, job %d, %s: %s", p.ID, b.ID, b.Name, b.Status), nil
			}
		}
		if !found {
			return policy.RunUnknown, fmt.Sprintf("pipeline %d has no job %q", p.ID, name), nil
		}
	}
	return policy.Succeeded, fmt.Sprintf("pipeline %d, %s: success", p.ID, strings.Join(names, ", ")), nil
}

// asking returns the job that this process runs in, or false outside of one.
// That the two numbers belong together, the API says.
func (repo *Repo) asking(ctx context.Context) (build, pipeline, bool, error) {
	id := repo.asker.job
	if !projectID().MatchString(id) {
		return build{}, pipeline{}, false, nil
	}
	repo.memory.mu.Lock()
	known := repo.memory.own
	repo.memory.mu.Unlock()
	if known != nil {
		return known.build, known.pipeline, true, nil
	}
	b, p, err := repo.within(ctx, id)
	if err != nil {
		return build{}, pipeline{}, false, err
	}
	if want := repo.asker.pipeline; itoa(p.ID) != want {
		return build{}, pipeline{}, false, fault.New(fault.Refused, fault.Source, "", "job %s is of pipeline %d, and CI_PIPELINE_ID is %q", id, p.ID, want)
	}
	repo.memory.mu.Lock()
	defer repo.memory.mu.Unlock()
	repo.memory.own = &own{b, p}
	return b, p, true, nil
}

// within returns a job that the list of the jobs of its pipeline has, which is
// asked for in any case, or else its own record.
func (repo *Repo) within(ctx context.Context, id string) (build, pipeline, error) {
	n, err := strconv.ParseInt(repo.asker.pipeline, 10, 64)
	if err != nil {
		return repo.built(ctx, id)
	}
	p, err := repo.origin(ctx, n)
	if err != nil {
		return repo.built(ctx, id)
	}
	all, err := repo.attempts(ctx, p)
	if err != nil {
		return build{}, pipeline{}, err
	}
	i := slices.IndexFunc(all, func(b build) bool { return itoa(b.ID) == id })
	if i < 0 {
		return repo.built(ctx, id)
	}
	return all[i], p, nil
}

// own is the job that this process runs in, and its pipeline: who started them,
// and what they are of, does not change while it runs.
type own struct {
	build    build
	pipeline pipeline
}

// attempts returns every job of a pipeline, those that were run again too.
func (repo *Repo) attempts(ctx context.Context, p pipeline) ([]build, error) {
	q := question{path: repo.project("/pipelines/" + itoa(p.ID) + "/jobs"), query: url.Values{"include_retried": {"true"}}}
	all, err := list[build](ctx, repo, q)
	for n := range len(all)/perPage + 1 {
		repo.hold(q.page(n+1), repo.Now().Add(often))
	}
	return all, err
}
