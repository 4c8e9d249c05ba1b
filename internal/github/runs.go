package github

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// run is one attempt of a workflow run, as the API writes it.
type run struct {
	ID              int64     `json:"id"`
	Attempt         int       `json:"run_attempt"`
	HeadSHA         string    `json:"head_sha"`
	HeadBranch      string    `json:"head_branch"`
	Event           string    `json:"event"`
	Path            string    `json:"path"`
	Status          string    `json:"status"`
	Conclusion      string    `json:"conclusion"`
	Actor           *user     `json:"actor"`
	TriggeringActor *user     `json:"triggering_actor"`
	CreatedAt       time.Time `json:"created_at"`
	Repository      struct {
		ID int64 `json:"id"`
	} `json:"repository"`
	Called []struct {
		Path string `json:"path"` // owner/name/path@ref
		SHA  string `json:"sha"`
		Ref  string `json:"ref"` // in full
	} `json:"referenced_workflows"`
}

func (r run) done() bool      { return r.Status == "completed" }
func (r run) succeeded() bool { return r.done() && r.Conclusion == "success" }

// file is the path of the workflow's file.
func (r run) file() string {
	path, _, _ := strings.Cut(r.Path, "@")
	return path
}

// ref is the ref that the run is of, where the API leaves no doubt: it says a
// branch where it means a tag.
func (r run) ref() string {
	switch r.Event {
	case "schedule", "repository_dispatch", "merge_group":
		if r.HeadBranch != "" {
			return "refs/heads/" + r.HeadBranch
		}
	}
	return ""
}

// on says whether the run was on a ref that one of the patterns names. Where the
// API leaves open whether it was a branch or a tag, both will do.
func (r run) on(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return r.HeadBranch != "" && (subject.Match(p, "refs/heads/"+r.HeadBranch) || r.ref() == "" && subject.Match(p, "refs/tags/"+r.HeadBranch))
	})
}

func (r run) words() string {
	end := r.Conclusion
	if end == "" {
		end = "no conclusion"
	}
	return fmt.Sprintf("run %d, attempt %d: %s, %s", r.ID, r.Attempt, orUnknown(r.Status), end)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// attempt names one attempt of a run of this repository.
type attempt struct {
	id int64
	n  int
}

var runURI = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(.+)/actions/runs/([1-9][0-9]{0,18})/attempts/([1-9][0-9]{0,5})$`)
})

// attempt reads a run's address. Another server's or repository's run is not
// one that this door can vouch for.
func (repo *Repo) attempt(uri string) (attempt, bool) {
	m := runURI().FindStringSubmatch(uri)
	if m == nil || !strings.EqualFold(m[1], repo.web("")) {
		return attempt{}, false
	}
	id, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return attempt{}, false
	}
	n, err := strconv.Atoi(m[3])
	return attempt{id, n}, err == nil
}

// attemptOf is the attempt that variables name; zero where they name none.
func attemptOf(run, attempts string) attempt {
	id, err := strconv.ParseInt(run, 10, 64)
	if err != nil || id <= 0 {
		return attempt{}
	}
	n, err := strconv.Atoi(attempts)
	if err != nil || n <= 0 {
		return attempt{}
	}
	return attempt{id, n}
}

// recent are the newest runs, in one call: the run that asks, the one that
// built, those that approve, and often the one that deployed last.
func (repo *Repo) recent(ctx context.Context) ([]run, error) {
	a, err := repo.once(ctx, repo.at("actions/runs")+"?per_page="+strconv.Itoa(perPage), readActions)
	if err != nil {
		return nil, err
	}
	if !a.found {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, repo.hint(a.status, readActions),
			"the GitHub API shows no runs of %s/%s", repo.owner, repo.name)
	}
	all, _, err := entries[run](repo, a, "workflow_runs")
	return all, err
}

// latest returns a run as it is now.
func (repo *Repo) latest(ctx context.Context, id int64) (run, bool, error) {
	all, err := repo.recent(ctx)
	if err != nil {
		return run{}, false, err
	}
	if i := slices.IndexFunc(all, func(r run) bool { return r.ID == id }); i >= 0 {
		return all[i], true, nil
	}
	return repo.one(ctx, repo.at("actions/runs/%d", id), func(r run) bool { return r.ID == id })
}

// try returns one attempt of a run. The list of runs is large, and not asked for where the run was asked about by
// itself in this look, as one that waits is.
func (repo *Repo) try(ctx context.Context, a attempt) (run, bool, error) {
	if x, asked := repo.known.find(repo.at("actions/runs/%d", a.id), repo.Now()); asked && x.found {
		var r run
		if err := repo.read(x, &r); err != nil || r.ID == a.id && r.Attempt == a.n {
			return r, err == nil, err
		}
	}
	all, err := repo.recent(ctx)
	if err != nil {
		return run{}, false, err
	}
	same := func(r run) bool { return r.ID == a.id && r.Attempt == a.n }
	if i := slices.IndexFunc(all, same); i >= 0 {
		return all[i], true, nil
	}
	return repo.one(ctx, repo.at("actions/runs/%d/attempts/%d", a.id, a.n), same)
}

func (repo *Repo) one(ctx context.Context, path string, same func(run) bool) (run, bool, error) {
	a, err := repo.once(ctx, path, readActions)
	if err != nil || !a.found {
		return run{}, false, err
	}
	var r run
	if err := repo.read(a, &r); err != nil {
		return run{}, false, err
	}
	if !same(r) {
		return run{}, false, fault.New(fault.Refused, fault.Malformed, "", "asked for %q, the GitHub API answered with run %d, attempt %d", path, r.ID, r.Attempt)
	}
	if r.done() {
		repo.known.settle(path)
	}
	return r, true, nil
}

// job is one job of an attempt.
type runJob struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion"`
	HeadSHA    string    `json:"head_sha"`
	Completed  time.Time `json:"completed_at"`
	Steps      []jobStep `json:"steps"`
}

type jobStep struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

// jobs returns all jobs of an attempt, as they were a short while ago or are now.
func (repo *Repo) jobs(ctx context.Context, r run) ([]runJob, error) {
	all, err := repo.jobsNow(ctx, r)
	if err != nil {
		return nil, err
	}
	until := repo.Now().Add(often)
	if r.done() {
		until = time.Time{}
	}
	for n := range len(all)/perPage + 1 {
		repo.known.hold(jobsOf(repo, r).page(n+1), until)
	}
	return all, nil
}

// jobsNow returns all jobs of an attempt as they are now, if jobs was not asked for
// the same attempt before.
func (repo *Repo) jobsNow(ctx context.Context, r run) ([]runJob, error) {
	all, found, err := list[runJob](ctx, repo, jobsOf(repo, r), nil)
	if err == nil && !found {
		err = fault.New(fault.Refused, fault.BuildState, "", "the GitHub API knows run %d and not the jobs of its attempt %d", r.ID, r.Attempt)
	}
	return all, err
}

func jobsOf(repo *Repo, r run) inquiry {
	return inquiry{path: repo.at("actions/runs/%d/attempts/%d/jobs", r.ID, r.Attempt), key: "jobs", need: readActions}
}

// Runs says how the runs ended that certificates name, one answer for each
// question. A run that is not there is unknown, which is not enough.
func (repo *Repo) Runs(ctx context.Context, queries []policy.RunQuery) ([]policy.Run, error) {
	ctx, cancel := repo.within(ctx)
	defer cancel()
	out := make([]policy.Run, 0, len(queries))
	for _, q := range queries {
		r, err := repo.outcome(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("asking about %q: %w", q.URI, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func (repo *Repo) outcome(ctx context.Context, q policy.RunQuery) (policy.Run, error) {
	p := policy.Run{URI: q.URI}
	at, ours := repo.attempt(q.URI)
	if !ours {
		p.Words = fmt.Sprintf("not a run of %s, so nothing is known about it here", repo.web(""))
		return p, nil
	}
	r, found, err := repo.try(ctx, at)
	if err != nil {
		return policy.Run{}, err
	}
	if !found {
		p.Words = fmt.Sprintf("run %d, attempt %d: not there", at.id, at.n)
		return p, nil
	}
	p.Words, p.Commit, p.Path, p.Event, p.Ref = r.words(), r.HeadSHA, r.file(), r.Event, r.ref()
	p.By, p.Again, p.CreatedAt = repo.account(r.TriggeringActor), r.Attempt > 1, r.CreatedAt
	p.Own = at.id == repo.asker.id
	p.State = stateOf(r)
	if q.Entry {
		return repo.signing(ctx, q, r, p)
	}
	if !q.Outcome || !p.Own && len(q.Jobs) == 0 {
		return p, nil
	}
	// Whoever names jobs asks about these: a run whose gate waited for approvals
	// has failed, and what it built has not.
	jobs, err := repo.jobs(ctx, r)
	if err != nil {
		return policy.Run{}, err
	}
	if i := slices.IndexFunc(jobs, func(x runJob) bool { return x.HeadSHA != r.HeadSHA }); i >= 0 {
		return policy.Run{}, fault.New(fault.Refused, fault.Malformed, "", "job %q is of commit %q, its run of %q", jobs[i].Name, jobs[i].HeadSHA, r.HeadSHA)
	}
	p.State, p.Words = stateOfJobs(jobs, q.Jobs)
	p.Words = fmt.Sprintf("run %d, attempt %d: %s", r.ID, r.Attempt, p.Words)
	return p, nil
}

// signing says how the job ended that signed an entry; where its number is not known,
// how the whole run did.
func (repo *Repo) signing(ctx context.Context, q policy.RunQuery, r run, p policy.Run) (policy.Run, error) {
	if q.Job == "" {
		return p, nil
	}
	jobs, err := repo.jobs(ctx, r)
	if err != nil {
		return policy.Run{}, err
	}
	p.State, p.Words = policy.RunUnknown, fmt.Sprintf("run %d, attempt %d: no job %s", r.ID, r.Attempt, q.Job)
	for _, x := range jobs {
		if strconv.FormatInt(x.ID, 10) == q.Job && x.HeadSHA == r.HeadSHA {
			p.State, p.Words = x.state()
			p.Ended = x.Completed
			p.Words = fmt.Sprintf("run %d, attempt %d: %s", r.ID, r.Attempt, p.Words)
		}
	}
	return p, nil
}

// stateOf says how a run ended. Only the one good conclusion is good: what
// nobody has heard of is a failure (F13).
func stateOf(r run) policy.RunState {
	switch r.Status {
	case "completed":
		if r.Conclusion == "success" {
			return policy.Succeeded
		}
		return policy.Failed
	case "queued", "in_progress", "waiting", "requested", "pending":
		return policy.Unfinished
	}
	return policy.RunUnknown
}

// stateOfJobs says how the named jobs ended; without names, whether nothing has
// failed so far and something has succeeded, as the run that asks is not over.
func stateOfJobs(jobs []runJob, names []string) (policy.RunState, string) {
	if len(names) == 0 {
		return soFar(jobs)
	}
	state, words := policy.Succeeded, []string{}
	for _, name := range names {
		n := 0
		for _, x := range jobs {
			if !x.is(name) {
				continue
			}
			n++
			s, w := x.state()
			state = min(state, s)
			words = append(words, w)
		}
		if n == 0 {
			state, words = policy.RunUnknown, append(words, fmt.Sprintf("no job %q", name))
		}
	}
	return state, strings.Join(words, ", ")
}

// is says whether x is the job of that name, one leg of its matrix, or a job of
// the reusable workflow that it calls.
func (x runJob) is(name string) bool {
	return x.Name == name || strings.HasPrefix(x.Name, name+" (") || strings.HasPrefix(x.Name, name+" / ")
}

func (x runJob) state() (policy.RunState, string) {
	if x.Status != "completed" {
		return policy.Unfinished, fmt.Sprintf("job %q: %s", x.Name, orUnknown(x.Status))
	}
	if x.Conclusion == "success" {
		return policy.Succeeded, fmt.Sprintf("job %q: success", x.Name)
	}
	return policy.Failed, fmt.Sprintf("job %q: %s", x.Name, orUnknown(x.Conclusion))
}

func soFar(jobs []runJob) (policy.RunState, string) {
	good := 0
	for _, x := range jobs {
		s, w := x.state()
		switch {
		case s == policy.Failed && x.Conclusion != "skipped":
			return policy.Failed, w
		case s == policy.Succeeded:
			good++
		}
	}
	if good == 0 {
		return policy.Unfinished, "no job has succeeded yet"
	}
	return policy.Succeeded, plural(good, "job") + " succeeded, none failed so far"
}
