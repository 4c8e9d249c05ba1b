package serve

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// Retain says how long bodies are kept: of what is deployed, and for Audit after it was, they stay longer.
type Retain struct{ After, Audit age }

// An age is days, or years of a calendar.
type age struct{ days, years int }

// before is the time that is so long ago.
func (a age) before(now time.Time) time.Time { return now.AddDate(-a.years, 0, -a.days) }

var ageForm = regexp.MustCompile(`^([1-9][0-9]{0,4})([dy])$`)

// age reads one of at least some days.
func (r *configReader) age(n *yamlnode.Node, what string, least int) age {
	const year = 365
	m := ageForm.FindStringSubmatch(n.Text)
	if n.Kind == yamlnode.Scalar && m != nil {
		v, _ := strconv.Atoi(m[1]) // five digits
		a := age{days: v}
		if m[2] == "y" {
			a = age{years: v}
		}
		const most = 100
		if a.days+a.years*year >= least && a.years <= most {
			return a
		}
	}
	r.complain(n, "%s %q, want a time of %d days or more, such as 90d or 10y", what, n.Text, least)
	return age{}
}

// retention reads how long bodies are kept. Ten years are the preset.
func (r *configReader) retention(n *yamlnode.Node) *Retain {
	const wait = 31 // a deployment waits for up to 30 days
	out := &Retain{After: age{years: 10}, Audit: age{years: 1}}
	if n.Kind == yamlnode.Scalar && n.Text == "ten-years" {
		return out
	}
	m := r.fields(n, "retention", "after", "audit-window")
	if x := m["after"]; x != nil {
		out.After = r.age(x, "retention: after", wait)
	}
	if x := m["audit-window"]; x != nil {
		out.Audit = r.age(x, "retention: audit-window", 1)
	}
	return out
}

// retain deletes some of what is older than is kept.
func (s *Server) retain(ctx context.Context) error {
	if s.Config.Retain == nil {
		return nil
	}
	const daily, some = 24 * time.Hour, 500
	now := s.Now()
	d, err := s.keep.Retain(ctx, keep.Retention{Now: now, Before: s.Config.Retain.After.before(now),
		Audit: s.Config.Retain.Audit.before(now), Every: daily, Most: some})
	if err == nil && d != (keep.Deleted{}) {
		s.Log.Info("bodies older than is kept were deleted", "leaves", d.Leaves, "evidence", d.Evidence,
			"decisions", d.Decisions)
	}
	return err
}
