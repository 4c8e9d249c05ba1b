// Package decide answers the platform: a deployment that waits → what its run has attested → a verdict → a decision
// that is kept → an answer that is sent → that it arrived.
//
// Only a verdict makes an answer. It refuses to approve because of time, of an error or of a restart: what is not
// decided waits, and what never can be is rejected.
package decide

import (
	"context"
	"errors"
	"log/slog"
	"path"
	"sync/atomic"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// A Rule is the policy of a repository, as the server's configuration names it.
type Rule struct {
	*policy.Policy
	Source []byte
	File   string            // where it is from, for people
	Files  map[string][]byte // that it names: trusted roots and keys
	// Where somebody has to have signed it: the place, of which one policy counts on all servers (keep.Tx.StillCounts),
	// whose signature counts, and when the certificate of that began.
	Place  string
	Signer string
	Issued time.Time

	roots atomic.Pointer[roots]
}

// rootsFor is how long trusted roots are in use before they are asked for again: those of instances change.
const rootsFor = time.Minute

// roots are the verifiers of a rule, and what they trust.
type roots struct {
	verifiers map[string]*sigstore.Verifier
	anchors   []gate.Anchor
	until     time.Time
}

// Roots are the verifiers of the policy by policy.Trust.ID, and the trusted roots behind them. For a while they are the
// same, and remember what has verified.
func (r *Rule) Roots(now time.Time, from *gate.Trust) (map[string]*sigstore.Verifier, []gate.Anchor, error) {
	if x := r.roots.Load(); x != nil && now.Before(x.until) && x.until.Sub(now) <= rootsFor {
		return x.verifiers, x.anchors, nil
	}
	verifiers, anchors, err := from.Of(r.Policy)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range verifiers {
		v.Remember()
	}
	r.roots.Store(&roots{verifiers, anchors, now.Add(rootsFor)})
	return verifiers, anchors, nil
}

// Beside is a file that the policy names.
func (r *Rule) Beside(name string, most int64) ([]byte, error) {
	raw, is := r.Files[path.Clean(name)]
	if !is || int64(len(raw)) > most {
		return nil, fault.New(fault.Refused, fault.Path, "", "%q is no file that was read with the policy", name)
	}
	return raw, nil
}

// Platform is a run that waits at an environment.
type Platform interface {
	gate.Guard
	gate.RecordHome
	forges.Ran
	Evidence() gate.Store
	Attempt() int
	Commit(ctx context.Context) (commit string, done bool, err error)
	Still(ctx context.Context) (bool, error)
	// Waits reports whether a deployment itself waits, or has begun. Still is about its whole environment in the run.
	Waits(ctx context.Context, deployment int64) (waits, began bool, err error)
	Tenant(ctx context.Context) (string, error)
	// Answer tells the platform; state is approved, rejected, or empty for a note. taken is false where nothing waits
	// any more.
	Answer(ctx context.Context, state, comment string) (taken bool, err error)
}

// A Decider decides. Its fields are set once.
type Decider struct {
	Keep     *keep.Store
	Rule     func(r event.Repository) (*Rule, error) // nil: none names the repository
	Open     func(ctx context.Context, d event.Deployment) (Platform, error)
	Trust    func(ctx context.Context, r *Rule) *gate.Trust
	Now      func() time.Time
	Log      *slog.Logger
	Program  string        // and its version
	URL      string        // of the server, for links
	Missing  time.Duration // how long evidence may be missing, or the platform out, before the answer is no
	Approval time.Duration // how long an approval may
	Workers  int
}

// Times between two looks at a deployment that waits, which grow with it: what is pushed here, and what the platform
// tells, wakes it (queue.Wake). Looks find what comes elsewhere, and each costs some of the platform's limit.
const (
	soon  = 5 * time.Second
	often = time.Minute // at most between two looks for evidence
	later = 15 * time.Second
	rare  = 2 * time.Minute // at most between two looks for an approval
)

// pace is a part of an age, and within two bounds.
func pace(age time.Duration, part int, least, most time.Duration) time.Duration {
	return min(max(age/time.Duration(part), least), most)
}

// Decide looks at one deployment. It returns when to look again, 0: never.
func (d *Decider) Decide(ctx context.Context, r event.Repository, id int64) (time.Duration, error) {
	w, there, err := d.Keep.Deployment(ctx, r, id)
	if err != nil || !there || w.State == keep.IsAnswered || w.State == keep.IsClosed {
		return 0, err
	}
	if w, err = d.timed(ctx, w); err != nil {
		return 0, err
	}
	log := d.Log.With("host", w.Host, "repository", w.Repository.ID, "run", w.Run, "deployment", w.ID)
	after, err := d.look(ctx, w, log)
	if err == nil {
		return after, d.failing(ctx, w, time.Time{})
	}
	f := fault.Of(err)
	log.Warn("a deployment was not decided", "code", f.Code, "reason", fault.Bound(f.Error()))
	if gone := (absence{}); errors.As(err, &gone) {
		return 0, d.absent(ctx, w, err)
	}
	if old, kept, _ := d.Keep.Decision(ctx, w); kept && old.Answer == event.Rejected {
		if f.Kind == fault.Refused && d.Now().Sub(old.At) > d.Missing { // the platform does not let this server answer
			return 0, d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Attempted(w, w.Attempt, keep.IsClosed) })
		}
		return 0, err // it stands, and is sent again
	}
	if f.Kind == fault.Refused || f.Kind == fault.Usage { // asking again would give the same
		return 0, d.refuse(ctx, w, err, log)
	}
	// The time counts from the first failure: a deployment may have waited for people before.
	if w.Failing.IsZero() {
		return 0, errors.Join(err, d.failing(ctx, w, d.Now()))
	}
	if d.Now().Sub(w.Failing) < d.Missing {
		return 0, err // the queue asks again
	}
	return 0, d.refuse(ctx, w, fault.New(f.Kind, f.Code, f.Hint, "nothing could be decided for %s: %s",
		policy.Age(d.Missing), f.Error()), log)
}

// timed corrects times that a clock has written that was ahead: what has waited since then would wait for it.
func (d *Decider) timed(ctx context.Context, w keep.Waiting) (keep.Waiting, error) {
	now := d.Now()
	if !w.Asked.After(now) && !w.Failing.After(now) {
		return w, nil
	}
	if w.Asked.After(now) {
		w.Asked = now
	}
	if w.Failing.After(now) {
		w.Failing = now
	}
	return w, d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Now(w, now) })
}

// An absence is that the platform does not know a run. Platforms are wrong for a moment, too.
type absence struct{ error }

// Unwrap is what the platform said.
func (a absence) Unwrap() error { return a.error }

// asked is the error of a question about a run.
func asked(err error) error {
	if err != nil && fault.Of(err).Code == fault.BuildState {
		return absence{err}
	}
	return err
}

// absent closes a deployment whose run the platform has not known for a while, and asks again before that.
func (d *Decider) absent(ctx context.Context, w keep.Waiting, err error) error {
	switch {
	case w.Failing.IsZero():
		return errors.Join(err, d.failing(ctx, w, d.Now()))
	case d.Now().Sub(w.Failing) < d.Missing:
		return err
	}
	return d.close(ctx, w, false, d.Log)
}

// unlisted closes a deployment of which the run does not say that it waits. While its own status says so, one of both
// is wrong, and it is asked about again.
func (d *Decider) unlisted(ctx context.Context, w keep.Waiting, at Platform) error {
	waits, began, err := at.Waits(ctx, w.ID)
	if err != nil || !waits {
		if err == nil {
			err = d.close(ctx, w, began, d.Log)
		}
		return err
	}
	return absence{fault.New(fault.Unavailable, fault.NotAvailable, "",
		"the run does not list the deployment, whose status says that it waits")}
}

// failing keeps since when nothing can be found out about a deployment.
func (d *Decider) failing(ctx context.Context, w keep.Waiting, since time.Time) error {
	if since.IsZero() && w.Failing.IsZero() {
		return nil
	}
	return d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Failing(w, since) })
}

// look is one attempt at one deployment.
func (d *Decider) look(ctx context.Context, w keep.Waiting, log *slog.Logger) (time.Duration, error) {
	at, err := d.Open(ctx, w.Deployment)
	if err != nil {
		return 0, asked(err)
	}
	old, kept, err := d.Keep.Decision(ctx, w)
	if err != nil {
		return 0, err
	}
	switch attempt := at.Attempt(); {
	case w.Attempt == 0: // no event says it
		w.Attempt = attempt
		if err := d.Keep.Write(ctx, func(tx *keep.Tx) error { return tx.Attempted(w, attempt, w.State) }); err != nil {
			return 0, err
		}
	case w.Attempt != attempt: // the run was started again, and that attempt is asked about by itself
		return 0, d.ends(ctx, w, at, log)
	}
	switch commit, done, err := at.Commit(ctx); {
	case err != nil:
		return 0, asked(err)
	case done:
		return 0, d.ends(ctx, w, at, log)
	case commit != w.Commit:
		return 0, d.refuse(ctx, w, fault.New(fault.Refused, fault.Source, "run the workflow again",
			"the deployment names commit %s, and the run is of %s", w.Commit, commit), log)
	}
	if waits, err := at.Still(ctx); err != nil || !waits {
		if err != nil {
			return 0, asked(err)
		}
		return 0, d.unlisted(ctx, w, at)
	}
	if w.Owner, err = at.Tenant(ctx); err != nil {
		return 0, err
	}
	if kept { // it had perhaps arrived, and what waits now is another deployment of the unit
		if waits, began, err := at.Waits(ctx, w.ID); err != nil || !waits {
			if err != nil {
				return 0, err
			}
			return 0, d.close(ctx, w, began, log)
		}
	}
	if kept && old.Answer == event.Rejected {
		return 0, d.send(ctx, w, at, old, log) // it stands
	}
	j, err := d.judge(ctx, w, at)
	if err != nil {
		return 0, err
	}
	return d.conclude(ctx, w, at, j, log)
}
