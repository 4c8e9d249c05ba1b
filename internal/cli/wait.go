package cli

import (
	"errors"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/report"
)

// limit is how long to wait: what the input says, unless the job ends before. A
// wait that no job of this kind can live through is a mistake in its wiring.
func (r *run) limit() (time.Duration, error) {
	if r.in.Wait == "" {
		return 0, nil
	}
	limit, err := policy.ParseAge(r.in.Wait)
	if err != nil {
		return 0, usage("--wait: %v", err)
	}
	if r.platform == nil {
		return limit, nil
	}
	whole, left, hint := r.platform.Lasts(r.Now())
	if whole > 0 && limit > whole {
		return 0, fault.New(fault.Usage, fault.Config, hint, "wait is %s, and this job lasts %s at most", policy.Age(limit), policy.Age(whole))
	}
	if whole > 0 && limit > left-closing {
		r.say("the job ends at %s, so the wait ends before", r.Now().Add(left).UTC().Format("15:04 UTC"))
		limit = max(left-closing, time.Second)
	}
	return limit, nil
}

// closing is what a job needs after a wait, to write its verdict and to keep it.
const closing = time.Minute

// waitFor judges again until people have answered, or time is up. Between two
// looks the pauses grow to a minute.
func (r *run) waitFor(judge func() (report.Record, error)) (report.Record, error) {
	limit, err := r.limit()
	if err != nil {
		return report.Record{}, err
	}
	rec, err := judge()
	if err != nil || limit == 0 {
		return rec, err
	}
	deadline, said := r.Now().Add(limit), ""
	for pause := firstPause; !rec.Outcome.Allows() && !rec.Outcome.Watched && rec.Pending(); pause = min(2*pause, lastPause) {
		if line := report.Waiting(rec); line != said {
			said = line
			r.say("waiting until %s: %s", deadline.UTC().Format("15:04 UTC"), line)
		}
		left := deadline.Sub(r.Now())
		if left <= 0 {
			r.say("nobody has settled it in time")
			return rec, nil
		}
		select {
		case <-r.ctx.Done():
			return rec, fault.New(fault.Unavailable, fault.NotAvailable, "", "the wait was ended: %w", r.ctx.Err())
		case <-time.After(min(pause, left)):
		}
		r.now = r.Now()
		next, err := judge()
		if err != nil {
			if fault.Of(err).Kind != fault.Unavailable || errors.Is(err, fault.ErrCredential) {
				return next, err
			}
			r.say("asking again, because %v", err) // nothing was decided; there is time left
			continue
		}
		rec = next
	}
	return rec, nil
}

const (
	firstPause = 2 * time.Second
	lastPause  = time.Minute
)
