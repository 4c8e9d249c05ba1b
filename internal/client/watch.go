package client

import (
	"context"
	"fmt"
	"io"
	"time"
)

// slow is an error that says which limit of time was reached. It reads on from
// the name of the one who was slow.
type slow struct{ phrase string }

// Error returns the phrase.
func (s slow) Error() string { return s.phrase }

// Is makes slow a deadline for whoever knows nothing else about it.
func (s slow) Is(target error) bool { return target == context.DeadlineExceeded }

// silence is slow for one try: it is followed by another.
type silence struct{ slow }

// watch gives a try up when nothing moves for a while, in either direction.
type watch struct {
	timer *time.Timer
	limit time.Duration
}

func newWatch(limit time.Duration, giveUp context.CancelCauseFunc) *watch {
	silent := silence{slow{fmt.Sprintf("sent nothing for %s", limit)}}
	return &watch{limit: limit, timer: time.AfterFunc(limit, func() { giveUp(silent) })}
}

func (w *watch) moved() { w.timer.Reset(w.limit) }
func (w *watch) stop()  { w.timer.Stop() }

// watched is a body, of a request or of an answer, whose bytes count as
// movement.
type watched struct {
	io.ReadCloser
	watch *watch
}

// Read reads and notes that something moved.
func (r *watched) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if n > 0 {
		r.watch.moved()
	}
	return n, err
}

// Sleep waits for d, or until ctx ends, and then returns why.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
