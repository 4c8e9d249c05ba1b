package github

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/trial"
)

// runOf is one attempt of a run.
type runOf struct {
	repository, run int64
	attempt         int
}

// seenFor is how long an attempt that was seen at work counts as one: steps of a job come one after the other, and each
// question costs some of the platform's limit.
const seenFor = time.Minute

// working are the states of a run that has not ended (docs.github.com, "List workflow runs for a repository").
var working = []string{"in_progress", "queued", "requested", "waiting", "pending", "action_required"}

// AtWork refuses an attempt of a run that is not at work: it has ended, or a newer attempt has taken its place. What the
// platform does not show is an error of another kind: platforms are wrong for a moment, too. The repository is known by
// its number, and asked under its name.
func (a *App) AtWork(ctx context.Context, name string, repository, number int64, attempt int) error {
	of := runOf{repository, number, attempt}
	if a.seen(of) {
		return nil
	}
	r, err := a.run(ctx, name, repository, number)
	switch {
	case err != nil:
		f := fault.Of(err)
		return fault.New(fault.Unavailable, fault.NotAvailable, f.Hint, "nobody knows whether run %d is at work: %w",
			number, err)
	case r.Attempt < attempt: // the API is behind the token
		return fault.New(fault.Unavailable, fault.NotAvailable, "push it again",
			"GitHub shows attempt %d of run %d, and attempt %d asks", r.Attempt, number, attempt)
	case r.Attempt > attempt:
		return ended(number, "attempt %d has taken the place of attempt %d", r.Attempt, attempt)
	case r.done():
		return ended(number, "it is %s", r.Status)
	case !slices.Contains(working, r.Status), r.Repository.ID != repository:
		return fault.New(fault.Unavailable, fault.NotAvailable, "push it again",
			"nobody knows whether run %d of repository %d is at work: GitHub says %q of one of repository %d", number,
			repository, fault.Cut(r.Status), r.Repository.ID)
	}
	a.see(of)
	return nil
}

// run asks for a run as it is now.
func (a *App) run(ctx context.Context, name string, repository, number int64) (none run, err error) {
	installation, err := a.installation(ctx, name)
	if err != nil {
		return none, err
	}
	token, err := a.token(ctx, tokenOf{installation: installation, repository: repository})
	if err != nil {
		return none, err
	}
	repo, err := a.repo(name, token)
	if err != nil {
		return none, err
	}
	repo.counted = func(q trial.Quota) { a.count(installation, q) }
	repo.id = strconv.FormatInt(repository, 10)
	ctx, cancel := repo.within(ctx)
	defer cancel()
	r, found, err := repo.one(ctx, repo.at("actions/runs/%d", number), func(r run) bool { return r.ID == number })
	if err == nil && !found {
		err = noRun(number)
	}
	return r, err
}

// ended is the fault of a run that is not at work any more.
func ended(number int64, format string, args ...any) error {
	return fault.New(fault.Refused, fault.BuildState, "push in the run that signs, while it is at work",
		"run %d is not at work: %s", number, fault.Text(format, args...))
}

// seen reports whether an attempt was seen at work a short while ago.
func (a *App) seen(of runOf) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, is := a.runs[of]
	age := a.Now().Sub(at)
	return is && age >= 0 && age < seenFor
}

func (a *App) see(of runOf) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Now()
	maps.DeleteFunc(a.runs, func(_ runOf, at time.Time) bool { return now.Sub(at) >= seenFor })
	a.runs[of] = now
}
