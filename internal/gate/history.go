package gate

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A Record is what is known of an environment from signed statements alone.
type Record struct {
	Input    policy.Input     // with what was found about entries
	Target   statement.Target // the environment
	Said     policy.Candidate // what was found of people's decisions about it
	Exported policy.Candidate // exports of its history
	evidence Evidence
}

// History gathers what is known about an environment from signed statements alone. id is
// the environment's number; "": the numbers are those that the statements at hand give
// it, and each is an environment of its own. With a Guard, the platform is asked about
// the runs of the period that nobody has written down.
func (g *Gate) History(ctx context.Context, environment, id string, period policy.Period) ([]Record, error) {
	env, _ := g.Policy.Environment(environment)
	var evidence Evidence
	var targets []statement.Target
	t, ok := g.Policy.Target(env, g.Home, id)
	var err error
	if ok {
		targets = append(targets, t)
		evidence, err = Collect(ctx, g.Stores, []subject.Subject{t.Subject(""), t.Decisions()})
	} else if evidence, err = Collect(ctx, g.Stores, nil); err == nil {
		targets = g.claimed(evidence, environment)
	}
	if err != nil {
		return nil, err
	}
	var marks []subject.Subject
	for _, t := range targets {
		marks = append(marks, t.Subject(""), t.Decisions(), t.Exports())
	}
	found, err := g.candidates(marks, evidence)
	if err != nil {
		return nil, err
	}
	var out []Record
	for i, t := range targets {
		all := found[3*i : 3*i+3]
		facts := slices.Concat(all[0].Facts, all[1].Facts, all[2].Facts)
		if !ok && len(targets) > 1 && len(facts) == 0 {
			continue // a stranger has made up its number
		}
		rec := Record{Target: t, Said: all[1], Exported: all[2], evidence: evidence, Input: policy.Input{
			Policy:      g.Policy,
			Environment: environment,
			Protection:  policy.Protection{ID: t.ID},
			Entries:     all[0],
			Now:         g.Now,
			Unasked:     g.Guard == nil,
		}}
		if g.Guard != nil {
			if err := g.ask(ctx, &rec.Input, nil); err != nil {
				return nil, err
			}
			if err := g.askWho(ctx, &rec, period); err != nil {
				return nil, err
			}
		}
		out = append(out, rec)
	}
	return out, nil
}

// Entered gathers the entries into an environment, whose number is id, and asks nobody
// about them. An environment that has none has no entries.
func (g *Gate) Entered(ctx context.Context, environment, id string) (policy.Input, error) {
	in := policy.Input{
		Policy: g.Policy, Environment: environment, Protection: policy.Protection{ID: id}, Now: g.Now, Unasked: true,
	}
	env, _ := g.Policy.Environment(environment)
	t, ok := g.Policy.Target(env, g.Home, id)
	if !ok {
		return in, nil
	}
	mark := []subject.Subject{t.Subject("")}
	evidence, err := Collect(ctx, g.Stores, mark)
	if err != nil {
		return in, err
	}
	all, err := g.candidates(mark, evidence)
	if err == nil {
		in.Entries = all[0]
	}
	return in, err
}

// askWho asks the platform about what people have said: about the refs of the workflows
// that carried it, and then who started their runs.
func (g *Gate) askWho(ctx context.Context, rec *Record, period policy.Period) error {
	in := &rec.Input
	asked := map[policy.QuestionKey]bool{}
	for _, r := range in.Refs {
		asked[r.Query.Key()] = true
	}
	for {
		open := in.Heard(rec.Said, period).Questions().Open(asked)
		if len(open) == 0 {
			return nil
		}
		if err := g.answer(ctx, in, open); err != nil {
			return err
		}
		for _, q := range open {
			asked[q.Key()] = true
		}
	}
}

// claimed are the environments of a name that bundles claim to be about. Nothing of it
// is believed: what they state is verified afterwards.
func (g *Gate) claimed(evidence Evidence, environment string) []statement.Target {
	var out []statement.Target
	for _, i := range evidence.Items {
		for _, t := range targetsOf(i.raw) {
			if t.Name != environment {
				continue
			}
			known, ok := g.Policy.Target(
				policy.Environment{Name: environment, RepositoryID: t.Repository.ID},
				g.Home,
				t.ID,
			)
			if ok && known.Issuer == t.Issuer &&
				!slices.ContainsFunc(out, func(o statement.Target) bool { return o.Subject("") == t.Subject("") }) {
				out = append(out, t)
			}
		}
	}
	slices.SortFunc(out, func(a, b statement.Target) int {
		return cmp.Or(len(a.ID)-len(b.ID), strings.Compare(a.ID, b.ID))
	})
	return out
}

// targetsOf are the environments that a bundle claims to be found by.
func targetsOf(raw []byte) []statement.Target {
	_, s, ok := stated(raw)
	if !ok {
		return nil
	}
	switch s.PredicateType {
	case statement.SummaryV1, statement.WatchedV1:
		if e, err := s.Entered(); err == nil {
			return []statement.Target{e.Target}
		}
	case statement.ApprovalV1:
		if a, err := s.Said(); err == nil {
			return a.Targets
		}
	case statement.WaiverV1:
		if w, err := s.Waived(); err == nil {
			return w.Targets
		}
	case statement.HistoryV1:
		if e, err := s.Exported(); err == nil {
			return []statement.Target{e.Target}
		}
	}
	return nil
}

// Claims returns where exports of this history were found, by the digest of what they say.
// Nothing of it is believed: an export that counts for nothing may be among them.
func (rec Record) Claims() map[subject.Digest][]string {
	out := map[subject.Digest][]string{}
	for _, i := range rec.evidence.Items {
		b, s, ok := stated(i.raw)
		if !ok || s.PredicateType != statement.HistoryV1 {
			continue
		}
		if e, err := s.Exported(); err != nil || e.Target.Exports().Digest == rec.Exported.Subject.Digest {
			out[b.ContentDigest()] = append(out[b.ContentDigest()], i.Source)
		}
	}
	return out
}

// Signed names a signature by what it is of and whose it is.
type Signed struct {
	Statement subject.Digest // of the signed payload
	Signer    statement.Signer
}

// Bundles returns a bundle that verifies for each of these signatures, in their order.
func (g *Gate) Bundles(rec Record, want []Signed) ([][]byte, error) {
	found := map[Signed][]byte{}
	for _, i := range rec.evidence.Items {
		b, err := sigstore.ParseBundle(i.raw)
		if err != nil || !slices.ContainsFunc(want, func(w Signed) bool { return w.Statement == b.ContentDigest() }) {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(g.Verifiers)) {
			v, err := g.Verifiers[id].Verify(b)
			if err != nil {
				continue
			}
			// Of several copies the first by its bytes, so that a store's order changes nothing.
			is := Signed{b.ContentDigest(), v.Signer()}
			if old := found[is]; old == nil || bytes.Compare(i.raw, old) < 0 {
				found[is] = i.raw
			}
			break
		}
	}
	var out [][]byte
	for _, w := range want {
		if found[w] == nil {
			return nil, fault.New(
				fault.Internal,
				fault.InternalError,
				"",
				"statement %s was verified and is not here any more",
				w.Statement,
			)
		}
		out = append(out, found[w])
	}
	return out, nil
}
