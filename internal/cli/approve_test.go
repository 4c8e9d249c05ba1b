package cli

import (
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

func TestApprove_promises_no_more_time_than_the_gate_gives(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	in := policy.Input{Environment: "production", Policy: &policy.Policy{Environments: []policy.Environment{
		{Name: "production", MaxAge: 24 * time.Hour, RejectionAge: 36 * time.Hour, Emergency: &policy.Emergency{MaxAge: time.Hour}},
	}}}
	for name, c := range map[string]struct {
		decision    string
		emergency   bool
		expires     string
		asked, want time.Duration
	}{
		"longer than the policy":  {statement.Approve, false, "", 48 * time.Hour, 24 * time.Hour},
		"shorter than the policy": {statement.Approve, false, "2h", 2 * time.Hour, 2 * time.Hour},
		"an emergency approval":   {statement.Approve, true, "2h", 2 * time.Hour, time.Hour},
		"a no for two days":       {statement.Reject, false, "48h", 48 * time.Hour, 48 * time.Hour},
		"a no":                    {statement.Reject, false, "", 48 * time.Hour, 36 * time.Hour},
		"a no of a short release": {statement.Reject, false, "", 2 * time.Hour, 2 * time.Hour},
		"a withdrawal":            {statement.Withdraw, false, "", 48 * time.Hour, 48 * time.Hour},
	} {
		r := &run{now: now, in: shared{Expires: c.expires}}
		told := approveInputs{BreakGlass: c.emergency}
		if got := r.counts(proposal{told: told, decision: c.decision, expires: now.Add(c.asked)}, in).Sub(now); got != c.want {
			t.Errorf("%s: counts for %v, want %v", name, got, c.want)
		}
	}
}
