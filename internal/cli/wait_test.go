package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/report"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// waits is a gate that waits for up to a minute, on a clock that stands at each
// of times in turn, and then at the last.
func waits(ctx context.Context, times ...time.Duration) (*run, *bytes.Buffer) {
	var log bytes.Buffer
	start, n := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), 0
	clock := func() time.Time {
		at := times[min(n, len(times)-1)]
		n++
		return start.Add(at)
	}
	return &run{Command: Command{Now: clock, Stderr: &log}, ctx: ctx, in: shared{Wait: "1m"}}, &log
}

// lacking is a verdict that waits for a person, or is final.
func lacking(o verdict.Outcome, pending bool) report.Record {
	f := verdict.Finding{Code: fault.ApprovalMissing, Outcome: o, Requirement: "approvals release", Reason: "0 of 1 approvals of group release", Pending: pending}
	return report.NewRecord("test", verdict.Verdict{Judgements: []verdict.Judgement{{Findings: []verdict.Finding{f}}}})
}

func TestWait_ends_when_its_time_is_up_and_lets_nothing_in(t *testing.T) {
	r, log := waits(t.Context(), 0, time.Minute)
	asked := 0
	rec, err := r.waitFor(func() (report.Record, error) { asked++; return lacking(verdict.Wait, true), nil })
	if err != nil || rec.Outcome.Outcome != verdict.Wait || asked != 1 {
		t.Errorf("outcome = %v after %d looks, %v, want wait after one", rec.Outcome, asked, err)
	}
	if !strings.Contains(log.String(), "nobody has settled it in time") {
		t.Errorf("log = %q, want that time is up", log)
	}
}

func TestWait_does_not_wait_for_what_no_person_can_change(t *testing.T) {
	for _, rec := range []report.Record{lacking(verdict.Deny, false), lacking(verdict.Allow, false)} {
		r, log := waits(t.Context(), 0)
		asked := 0
		got, err := r.waitFor(func() (report.Record, error) { asked++; return rec, nil })
		if err != nil || got.Outcome != rec.Outcome || asked != 1 || log.Len() > 0 {
			t.Errorf("outcome = %v after %d looks, %v, log %q; want %v at once", got.Outcome, asked, err, log, rec.Outcome)
		}
	}
}

func TestWait_asks_again_when_the_platform_did_not_answer_and_stops_at_every_other_fault(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.Unavailable, fault.NotAvailable, "", "no answer")
	broken := fault.New(fault.Refused, fault.Malformed, "", "garbage")
	r, log := waits(t.Context(), 0, time.Second)
	answers := []error{nil, down, broken}
	asked := 0
	_, err := r.waitFor(func() (report.Record, error) {
		asked++
		return lacking(verdict.Wait, true), answers[asked-1]
	})
	if fault.Of(err).Code != fault.Malformed || asked != 3 || !strings.Contains(log.String(), "asking again") {
		t.Errorf("%v after %d looks, log %q; want the third look's fault", err, asked, log)
	}
}

func TestWait_that_is_ended_from_outside_is_no_answer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, _ := waits(ctx, 0, time.Second)
	if _, err := r.waitFor(func() (report.Record, error) { return lacking(verdict.Wait, true), nil }); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("error = %v, want unavailable", err)
	}
}

// lasting is a platform whose jobs end.
type lasting struct {
	platform
	whole, left time.Duration
}

func (l lasting) Lasts(time.Time) (whole, left time.Duration, hint string) {
	return l.whole, l.left, "wait less"
}

func TestWait_never_outlives_the_job(t *testing.T) {
	r, _ := waits(t.Context(), 0)
	r.in.Wait, r.platform = "8h", lasting{whole: 6 * time.Hour, left: 6 * time.Hour}
	asked := 0
	_, err := r.waitFor(func() (report.Record, error) { asked++; return lacking(verdict.Wait, true), nil })
	if f := fault.Of(err); f.Kind != fault.Usage || f.Hint != "wait less" || asked != 0 {
		t.Errorf("%v (%s) after %d looks, want a mistake in the wiring before the first", err, f.Hint, asked)
	}
	for _, c := range []struct{ wait, whole, left, want time.Duration }{
		{6 * time.Hour, 6 * time.Hour, 6 * time.Hour, 6*time.Hour - closing},
		{2 * time.Hour, 6 * time.Hour, 6 * time.Hour, 2 * time.Hour},
		{2 * time.Hour, 2 * time.Hour, time.Hour, time.Hour - closing},
		{2 * time.Hour, 3 * time.Hour, time.Second, time.Second},
		{2 * time.Hour, 0, 0, 2 * time.Hour},
	} {
		r.in.Wait, r.platform = c.wait.String()[:2], lasting{whole: c.whole, left: c.left}
		if got, err := r.limit(); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
	}
}

func TestWait_ends_at_once_with_a_credential_that_is_not_good_any_more(t *testing.T) {
	t.Parallel()
	r, _ := waits(t.Context(), 0, time.Second)
	asked := 0
	_, err := r.waitFor(func() (report.Record, error) {
		if asked++; asked == 1 {
			return lacking(verdict.Wait, true), nil
		}
		return report.Record{}, fault.New(fault.Unavailable, fault.NotAvailable, "", "401 (%w)", fault.ErrCredential)
	})
	if fault.Of(err).Kind != fault.Unavailable || asked != 2 {
		t.Errorf("%v after %d looks, want the second look's fault, with status 5", err, asked)
	}
}
