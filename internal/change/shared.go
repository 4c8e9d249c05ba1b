package change

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A ledger keeps what a platform has answered about one base for the next one: forty
// artifacts of one commit that entered at forty others have one history. It is for those
// who ask about the oldest base first.
type ledger struct {
	mu     sync.Mutex
	made   time.Time
	spans  []span
	merged since[Request]
	pushes since[Push]
}

// A span is an answer of Platform.Span.
type span struct {
	from, to string
	all      []Commit
	graph    graph
}

// since is a list of what happened since a time.
type since[T any] struct {
	asked bool
	at    time.Time
	all   []T
	whole bool
}

// list answers from s, or asks. A list that is cut covers no other time. of is when an item
// happened.
func (s *since[T]) list(
	ctx context.Context, at time.Time, of func(T) time.Time,
	ask func(context.Context, time.Time) ([]T, bool, error),
) ([]T, bool, error) {
	if !s.asked || !s.at.Equal(at) && !(s.whole && s.at.Before(at)) {
		all, whole, err := ask(ctx, at)
		if err != nil {
			return nil, false, err
		}
		*s = since[T]{true, at, all, whole}
	}
	out := slices.DeleteFunc(slices.Clone(s.all), func(x T) bool {
		t := of(x)
		return !s.at.Equal(at) && !t.IsZero() && t.Before(at)
	})
	return out, s.whole, nil
}

// A platform that was asked before.
type shared struct {
	Platform
	l *ledger
}

// share returns p with what it has answered not long before now.
func (m *Memory) share(p Platform, now time.Time) Platform {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ledger == nil || !now.Before(m.ledger.made.Add(often)) {
		m.ledger = &ledger{made: now}
	}
	return shared{p, m.ledger}
}

// Span answers from a longer span to the same commit, where the shorter one begins within
// it, after everything that the longer one leaves out.
func (s shared) Span(ctx context.Context, from, to string) ([]Commit, bool, error) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	for i := range s.l.spans {
		x := &s.l.spans[i]
		switch {
		case x.to != to:
		case x.from == from:
			return x.all, true, nil
		case from != "" && x.graph.has(from) && (x.from == "" || follows(x.graph.part(from), x.from)):
			var out []Commit
			for _, c := range x.all {
				if !x.graph.includes(from, c.ID) {
					out = append(out, c)
				}
			}
			return out, true, nil
		}
	}
	all, found, err := s.Platform.Span(ctx, from, to)
	if err == nil && found {
		s.l.spans = append(s.l.spans, span{from, to, all, newGraph(all)})
	}
	return all, found, err
}

func (s shared) Merged(ctx context.Context, at time.Time) ([]Request, bool, error) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	return s.l.merged.list(ctx, at, func(r Request) time.Time { return r.Done }, s.Platform.Merged)
}

func (s shared) Pushes(ctx context.Context, at time.Time) ([]Push, bool, error) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	return s.l.pushes.list(ctx, at, func(p Push) time.Time { return p.Time }, s.Platform.Pushes)
}
