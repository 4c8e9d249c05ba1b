package gate

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A walk verifies entries from the one with the highest number downwards, as far as they
// matter: a record of two thousand entries costs what its newest ones cost. Numbers are
// claims until a signature has verified, and claims only say what is verified first.
type walk struct {
	g        *Gate
	mark     subject.Subject
	groups   [][]Item // of one claimed number each, with how their deployments ended; the highest first
	taken    int
	subjects []subject.Subject
	rest     Evidence // that may be about them
	older    bool     // the places where entries were kept before were asked
}

// A claim is what a bundle says that it is, before anybody has verified it.
type claim struct {
	number int
	item   Item
	of     string // SHA-256 of the entry: of itself, or of the one whose ending it is
}

// walk divides evidence into the entries under mark, which it is to walk down, and the
// rest, which may be about subjects.
func (g *Gate) walk(mark subject.Subject, evidence Evidence, subjects []subject.Subject) *walk {
	waited := waits(g.Policy.Wanted())
	about := map[subject.Digest]bool{}
	for _, s := range subjects {
		about[s.Digest] = true
	}
	rest := Evidence{Chains: evidence.Chains, Passed: evidence.Passed}
	var entries []claim
	endings := map[string][]Item{}
	seen := map[subject.Digest]bool{}
	for _, i := range evidence.Items {
		look, ok := sigstore.Peek(i.raw, waited)
		if !ok || !waited(look) {
			rest.Items = append(rest.Items, i)
			continue
		}
		c, kind, others := claimOf(i, mark, about)
		if kind == "" || others {
			rest.Items = append(rest.Items, i)
		}
		d := subject.Sum(i.raw)
		if kind == "" || seen[d] {
			continue
		}
		seen[d] = true
		if kind == statement.EndingV1 {
			endings[c.of] = append(endings[c.of], i)
			continue
		}
		entries = append(entries, c)
	}
	slices.SortStableFunc(entries, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.number, a.number), cmp.Compare(a.of, b.of))
	})
	w := &walk{g: g, mark: mark, subjects: subjects, rest: rest}
	number := 0
	told := map[string]bool{}
	for _, c := range entries {
		if c.number != number || len(w.groups) == 0 {
			w.groups, number = append(w.groups, nil), c.number
		}
		last := &w.groups[len(w.groups)-1]
		if *last = append(*last, c.item); !told[c.of] {
			*last, told[c.of] = append(*last, endings[c.of]...), true
		}
	}
	return w
}

// unread is the number that a statement about entries has which cannot be read: what is not
// known comes first.
const unread = math.MaxInt

// claimOf reads what a bundle claims to be: an entry, or an ending, under mark. others is
// whether it claims to be about one of the subjects too. kind is "" where it is neither.
func claimOf(i Item, mark subject.Subject, about map[subject.Digest]bool) (c claim, kind string, others bool) {
	b, s, ok := stated(i.raw)
	if !ok {
		return c, "", false
	}
	marked := false
	for _, d := range s.Subject {
		for _, x := range d.Digests() {
			marked, others = marked || x == mark.Digest, others || about[x]
		}
	}
	if !marked {
		return c, "", others
	}
	c = claim{number: unread, item: i, of: b.ContentDigest().Hex()}
	switch s.PredicateType {
	case statement.SummaryV1, statement.WatchedV1:
		if e, err := s.Entered(); err == nil {
			c.number = e.Number
		}
		return c, s.PredicateType, others
	case statement.EndingV1:
		e, err := s.Ending()
		if err != nil {
			return c, statement.SummaryV1, others // it is looked at with what cannot be read
		}
		c.of = e.Entry.SHA256
		return c, s.PredicateType, others
	}
	return c, "", others
}

// stated is the statement that a bundle carries, before anybody has verified it.
func stated(raw []byte) (sigstore.Bundle, statement.Statement, bool) {
	b, err := sigstore.ParseBundle(raw)
	if err != nil {
		return b, statement.Statement{}, false
	}
	s, err := statement.Parse(b.Payload())
	return b, s, err == nil
}

// more verifies the next entries and adds them to in. It is false when there are none
// left. The first steps are single numbers, because few entries matter as a rule; later
// ones double, so that a long way is gone with every processor.
func (w *walk) more(in *policy.Input) (bool, error) {
	if w.taken == len(w.groups) {
		return false, nil
	}
	const single = 3
	n := 1
	if w.taken >= single {
		n = w.taken
	}
	end := min(w.taken+n, len(w.groups))
	var items []Item
	for _, g := range w.groups[w.taken:end] {
		items = append(items, g...)
	}
	w.taken = end
	all, err := w.g.candidates([]subject.Subject{w.mark}, Evidence{Items: items})
	if err != nil {
		return false, err
	}
	e := &in.Entries
	e.Facts = append(e.Facts, all[0].Facts...)
	e.Rejections, e.More = append(e.Rejections, all[0].Rejections...), e.More+all[0].More
	return true, nil
}

// before is a walk down the entries that were kept elsewhere before; nil: there are none.
func (w *walk) before(ctx context.Context) (*walk, error) {
	w.older = true
	if w.g.Before == nil {
		return nil, nil
	}
	stores, err := w.g.Before()
	if err != nil || len(stores) == 0 {
		return nil, err
	}
	evidence, err := Collect(ctx, stores, []subject.Subject{w.mark})
	if err != nil {
		return nil, err
	}
	return w.g.walk(w.mark, evidence, nil), nil
}

// hear verifies what is about the subjects once more, with those whom the policies in force
// name: somebody whom the policy at hand has left out may be the one who has to agree to it.
func (w *walk) hear(in *policy.Input) error {
	if w == nil || len(in.InForce) == 0 {
		return nil
	}
	g := *w.g
	g.Verifiers = maps.Clone(g.Verifiers)
	var olds []*policy.Policy
	for i, e := range in.Sources() {
		p := in.InForce[i].Policy
		olds = append(olds, p)
		if g.Roots == nil {
			continue
		}
		more, err := g.Roots(p, e.Commit, g.Verifiers)
		if err != nil {
			return err
		}
		maps.Copy(g.Verifiers, more)
	}
	all, err := g.candidates(w.subjects, w.rest, olds...)
	if err == nil {
		for i := range all {
			all[i].Package = in.Candidates[i].Package
		}
		in.Candidates = all
	}
	return err
}
