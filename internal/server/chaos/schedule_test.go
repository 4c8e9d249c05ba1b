package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// An act is one thing that happens, at a time after the start. Those with a length are undone at its end.
type act struct {
	at     time.Duration
	what   string
	who    int // server, or run
	length time.Duration
	how    string
}

// String is an act for people who read a schedule.
func (a act) String() string {
	text := fmt.Sprintf("%6.2f s  %s", a.at.Seconds(), a.what)
	switch a.what {
	case "run reaches production", "run pushes":
		text += fmt.Sprintf(": run %d %s", a.who, a.how)
	default:
		text += fmt.Sprintf(": server %d, for %.2f s %s", a.who, a.length.Seconds(), a.how)
	}
	return strings.TrimSpace(text)
}

// A setting is what a schedule is made for.
type setting struct {
	postgres bool
	servers  int
	clock    bool // of the servers, which can be stepped
}

// settingOf is that of a seed: every other one has PostgreSQL.
func settingOf(seed uint64, clock bool) setting {
	if seed%2 == 1 {
		return setting{true, 3, clock}
	}
	return setting{false, 1, clock}
}

// Faults begin in the window, and have ended when it is over.
const (
	window  = 8 * time.Second
	longest = 2500 * time.Millisecond
)

// schedule is what happens for a seed. The same seed and setting give the same.
func schedule(seed uint64, s setting) []act {
	r := rand.New(rand.NewPCG(seed, 14))
	between := func(from, to time.Duration) time.Duration {
		return (from + time.Duration(r.Int64N(int64(to-from)))).Truncate(10 * time.Millisecond)
	}
	var all []act
	for run := 1; run <= runs; run++ {
		how := []string{"once", "once", "once", "twice", "lost", "late"}[r.IntN(6)]
		at := between(200*time.Millisecond, window-time.Second)
		all = append(all, act{at: at, what: "run reaches production", who: run, how: how})
		if r.IntN(5) == 0 {
			all = append(all, act{at: at + between(0, time.Second), what: "run reaches production", who: run,
				how: "once"})
		}
		if run <= others {
			push := at + between(-2*time.Second, 2*time.Second)
			all = append(all, act{at: min(max(0, push), window), what: "run pushes", who: run})
		}
	}
	faults := []string{"kill -9", "kill -9", "pause", "platform", "platform", "deliveries and pushes"}
	if s.postgres {
		faults = append(faults, "kill PostgreSQL", "partition", "partition", "partition")
	} else {
		faults = append(faults, "full disk", "full disk")
	}
	if s.clock {
		faults = append(faults, "clock", "clock")
	}
	hows := map[string][]string{
		"platform":              {"lost", "unanswered", "slow", "fails", "garbage", "absent"},
		"deliveries and pushes": {"lost", "unanswered", "slow"},
		"partition":             {"lost", "unanswered", "slow"},
		"clock":                 {"7200", "-3600", "600", "-60"},
	}
	const fewest, more = 5, 4
	for range fewest + r.IntN(more) {
		a := act{at: between(300*time.Millisecond, window-longest), what: faults[r.IntN(len(faults))],
			who: r.IntN(s.servers), length: between(300*time.Millisecond, longest)}
		if all := hows[a.what]; all != nil {
			a.how = all[r.IntN(len(all))]
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b act) int { return int(a.at - b.at) })
	return all
}

func told(all []act) string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintln(&b, a)
	}
	return b.String()
}

func TestJ08_the_same_seed_gives_the_same_schedule_and_another_gives_another(t *testing.T) {
	seen := map[string]uint64{}
	kinds := map[string]bool{}
	for seed := range uint64(200) {
		s := settingOf(seed, true)
		all := schedule(seed, s)
		one := told(all)
		if two := told(schedule(seed, s)); one != two {
			t.Fatalf("seed %d gives\n%s\nand then\n%s", seed, one, two)
		}
		if other, is := seen[one]; is {
			t.Errorf("seeds %d and %d give the same", seed, other)
		}
		seen[one] = seed
		for _, a := range all {
			kinds[a.what] = true
			if a.at < 0 || a.at+a.length > window {
				t.Errorf("seed %d: %s, want an end before %v", seed, a, window)
			}
		}
	}
	for _, want := range []string{"kill -9", "pause", "platform", "deliveries and pushes", "kill PostgreSQL",
		"partition", "full disk", "clock"} {
		if !kinds[want] {
			t.Errorf("no schedule has the fault %q", want)
		}
	}
}
