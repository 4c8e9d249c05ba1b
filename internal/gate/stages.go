package gate

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// stages puts the environments into in that in's environment comes after, and returns what their entries are found
// by. Of one whose number this job may not see, the answer says why.
func (g *Gate) stages(ctx context.Context, in *policy.Input) ([]subject.Subject, error) {
	var marks []subject.Subject
	for _, name := range g.Policy.Stages(in.Environment) {
		s := policy.Stage{Environment: name}
		env, _ := g.Policy.Environment(name)
		id, err := g.Guard.EnvironmentNumber(ctx, name)
		f := fault.Of(err)
		switch {
		case err != nil && f.Kind != fault.Usage:
			return nil, fmt.Errorf("asking for the number of %q: %w", name, err)
		case err != nil:
			s.Why, s.Need = f.Error(), f.Hint
		case g.Records == nil:
			s.Why, s.Need = "no store of entries is looked at here", "run the gate in a job of the repository, or name the store: record-store"
		default:
			s.ID = id
			if t, ok := g.Policy.Target(env, g.Home, id); ok {
				s.Entries.Subject = t.Subject("")
				marks = append(marks, s.Entries.Subject)
			}
		}
		in.Stages = append(in.Stages, s)
	}
	return marks, nil
}

// climb verifies the entries into the environments before, from the newest down to the oldest that claims to have let in
// one of the subjects; older ones say nothing about these. It returns the rest of the evidence.
func (g *Gate) climb(in *policy.Input, evidence Evidence, subjects []subject.Subject) (Evidence, error) {
	for i := range in.Stages {
		s := &in.Stages[i]
		if s.ID == "" {
			continue
		}
		w := g.walk(s.Entries.Subject, evidence, subjects)
		evidence = w.rest
		var items []Item
		for n, group := range w.groups {
			if slices.ContainsFunc(w.groups[n:], func(rest []Item) bool { return slices.ContainsFunc(rest, w.claims) }) {
				items = append(items, group...)
			}
		}
		if len(items) == 0 {
			continue
		}
		all, err := g.candidates([]subject.Subject{w.mark}, Evidence{Items: items})
		if err != nil {
			return evidence, err
		}
		s.Entries.Facts, s.Entries.Rejections, s.Entries.More = all[0].Facts, all[0].Rejections, all[0].More
	}
	return evidence, nil
}

// claims reports whether a bundle claims to be about one of the subjects.
func (w *walk) claims(i Item) bool {
	_, s, ok := stated(i.raw)
	return ok && slices.ContainsFunc(w.subjects, func(x subject.Subject) bool {
		return slices.ContainsFunc(s.Subject, func(d statement.Descriptor) bool { return slices.Contains(d.Digests(), x.Digest) })
	})
}
