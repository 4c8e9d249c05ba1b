package cli

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/attest"
	"github.com/sallyport-dev/sallyport/internal/statement"
	places "github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// foundBy are the environments of a proposal that what is signed is found by: those that
// the platform gives a number. A release of an earlier version may leave no room for
// them; then the decision is signed without.
func (r *run) foundBy(x proposal) []statement.Target {
	var out []statement.Target
	for _, in := range x.inputs {
		env, _ := in.Policy.Environment(in.Environment)
		if t, ok := in.Policy.Target(env, r.home, in.Protection.ID); ok {
			out = append(out, t)
		}
	}
	if len(x.chosen.list)+1+len(out) > statement.MaxSubjects {
		r.say("the release has so many artifacts that sallyport history will not find this decision: make smaller releases")
		return nil
	}
	return out
}

// subjects are what is signed besides the artifacts: the release, and what the decision
// is found by.
func (x proposal) subjects() []subject.Subject {
	out := []subject.Subject{statement.ReleaseSubject(x.set.Version, x.set.Digest)}
	for _, t := range x.targets {
		out = append(out, t.Decisions())
	}
	return out
}

// keepsDecisions is where decisions are kept besides the stores of the call, so that they
// are found by environment: where the entries are, if that is not the platform's own store.
func (r *run) keepsDecisions(x proposal) ([]attest.Sink, error) {
	kept, err := r.records(r.at)
	records, apart := kept.(*places.Records)
	if err != nil || !apart || len(x.targets) == 0 {
		return nil, err
	}
	return []attest.Sink{byMark{records, len(x.targets)}}, nil
}

// byMark keeps a bundle for each of the marks that its subjects end with.
type byMark struct {
	*places.Records
	marks int
}

// Put keeps the bundle.
func (b byMark) Put(ctx context.Context, rec places.Record) (places.Receipt, error) {
	var out places.Receipt
	for _, mark := range rec.Subjects[len(rec.Subjects)-b.marks:] {
		rec.Subjects = []subject.Subject{mark}
		var err error
		if out, err = b.Records.Put(ctx, rec); err != nil {
			return out, err
		}
	}
	return out, nil
}
