package change

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// A counter counts the questions about histories that come through.
type counter struct {
	*world
	spans, merged, pushes int
}

func (c *counter) Span(ctx context.Context, from, to string) ([]Commit, bool, error) {
	c.spans++
	return c.world.Span(ctx, from, to)
}

func (c *counter) Merged(ctx context.Context, since time.Time) ([]Request, bool, error) {
	c.merged++
	return c.world.Merged(ctx, since)
}

func (c *counter) Pushes(ctx context.Context, since time.Time) ([]Push, bool, error) {
	c.pushes++
	return c.world.Pushes(ctx, since)
}

// begun asks who made everything since a commit.
func begun(base string, w *world) policy.ChangeQuery {
	return policy.ChangeQuery{Head: w.tips["main"], Ref: "refs/heads/main", Start: policy.Start{Signed: true,
		Entered: []policy.Point{{Commit: base, Entry: 1, Time: w.commits[base].Time}}}}
}

// Who made a change does not depend on what was asked before: each base of a history gives
// the same with a memory of its own and with one that was asked about all of them.
func TestI01_bases_of_one_history_are_answered_from_it(t *testing.T) {
	fewer := 0
	for seed := range uint64(1_000) {
		w := history(seed)
		bases := w.between("", w.tips["main"])
		slices.Reverse(bases) // the oldest first
		one := &counter{world: w}
		var all Memory
		for _, base := range bases {
			q := begun(base, w)
			got, err := all.Of(t.Context(), one, q, w.now())
			want, alone := new(Memory).Of(t.Context(), w, q, w.now())
			if fmt.Sprint(got, err) != fmt.Sprint(want, alone) {
				t.Fatalf("seed %d, since %s:\n got %+v, %v\nwant %+v, %v", seed, base, got, err, want, alone)
			}
		}
		if one.spans < len(bases) {
			fewer++
		}
	}
	if fewer < 900 {
		t.Errorf("of 1000 histories, %d were asked about less often than they have bases, want nearly all", fewer)
	}
}

// Forty bases on one line take one answer about its commits, one about requests and one
// about pushes.
func TestAPI_forty_bases_are_one_history(t *testing.T) {
	for seed := range uint64(200) {
		w := history(seed)
		if w.cut || w.partial {
			continue // a list that is cut answers for no other time
		}
		c := &counter{world: w}
		bases := w.between("", w.tips["main"])
		slices.Reverse(bases)
		var m Memory
		line := 0
		for _, base := range bases[:len(bases)-1] {
			if _, err := m.Of(t.Context(), c, begun(base, w), w.now()); err != nil {
				t.Fatal(err)
			}
			line++
		}
		if line > 5 && c.merged == 1 && c.pushes == 1 && c.spans < line {
			return
		}
	}
	t.Error("no history was answered from one list of requests and one of pushes")
}
