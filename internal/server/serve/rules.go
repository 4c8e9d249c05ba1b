package serve

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
)

// rules are the policies, by repository, as they were read at one time.
type rules struct {
	repositories, owners map[string]*decide.Rule
	read                 map[string]*decide.Rule // by what is at a place: what a commit or a digest has stays
	last                 map[string]*decide.Rule // by the place
	config               *Config
}

// readRules reads all policies of a configuration, with the files that they name: what is judged under is never half of
// one state and half of another. One that cannot be read, or is wrong, counts as it was read last, and beside the rules
// there is an error; without one that was read before there are no rules.
func (s *Server) readRules(ctx context.Context, c *Config) (*rules, error) {
	before := s.rules.Load()
	if before == nil {
		before = &rules{}
	}
	r := &rules{map[string]*decide.Rule{}, map[string]*decide.Rule{}, map[string]*decide.Rule{},
		map[string]*decide.Rule{}, c}
	look := s.looks(c)
	var bad error
	for _, p := range c.Policies {
		rule, err := s.readRule(ctx, look, p, r, before)
		if err != nil {
			if rule = before.last[p.id()]; rule == nil {
				return nil, err
			}
			bad = errors.Join(bad, err)
		}
		r.last[p.id()] = rule
		for _, id := range p.Repositories {
			r.repositories[p.Host+" "+id] = rule
		}
		for _, id := range p.Owners {
			r.owners[p.Host+" "+id] = rule
		}
	}
	return r, bad
}

// readRule reads one policy, if it is not known what is at its place.
func (s *Server) readRule(ctx context.Context, look *look, p Policy, r, before *rules) (*decide.Rule, error) {
	at, err := look.at(ctx, p)
	if err != nil {
		return nil, err
	}
	under, err := look.c.signers(ctx, p)
	if err != nil {
		return nil, err
	}
	key := at.key
	if key != "" {
		key += ", sha256 " + p.SHA256
		if under != nil {
			key += ", signed under " + under.Digest.String()
		}
		if rule := cmp.Or(r.read[key], before.read[key]); rule != nil {
			r.read[key] = rule
			return rule, nil
		}
	}
	rule, err := at.rule(ctx, p)
	if err == nil && under != nil {
		err = s.signed(ctx, p, at, rule, under)
	}
	if err != nil {
		return nil, err
	}
	if key != "" {
		r.read[key] = rule
	}
	return rule, nil
}

// rule is the policy of a repository: its own, or that of its owner. nil: there is none.
func (s *Server) rule(r event.Repository) (*decide.Rule, error) {
	all := s.rules.Load()
	if x := all.repositories[r.Key()]; x != nil {
		return x, nil
	}
	return all.owners[r.Host+" "+r.Owner], nil
}

// Reload reads the policies again. What is wrong leaves that policy as it was read before.
func (s *Server) Reload(ctx context.Context, c *Config) error {
	r, err := s.readRules(ctx, c)
	if err != nil {
		s.Log.Error("a new policy is not used", "code", fault.Of(err).Code, "reason", fault.Bound(err.Error()))
	}
	if r == nil {
		return err
	}
	if old := s.rules.Swap(r); err == nil || r.differs(old) {
		s.Log.Info("the policies were read again")
	}
	return err
}

// follow keeps policies of branches and registries as new as what is there, until ctx ends. A delivery that tells of a push
// is a hint to look at once.
func (s *Server) follow(ctx context.Context) {
	const every = 30 * time.Second
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.pushes:
		case <-time.After(every):
		}
		now := s.rules.Load()
		if !now.config.follows("") {
			continue
		}
		r, err := s.readRules(ctx, now.config)
		s.metrics.Reloaded(err)
		if err != nil {
			s.Log.Error("a policy was not read again", "code", fault.Of(err).Code, "reason", fault.Bound(err.Error()))
		}
		if r != nil && s.rules.CompareAndSwap(now, r) && r.differs(now) {
			s.Log.Info("the policies were read again")
		}
	}
}

// hint has follow look at once, if a policy is of a repository to which somebody has pushed.
func (s *Server) hint(r event.Repository) {
	if s.rules.Load().config.follows(r.ID) {
		select {
		case s.pushes <- struct{}{}:
		default: // it is going to look
		}
	}
}

// follows reports whether a policy is of a git repository with this number, or, with "", anywhere but on the machine.
func (c *Config) follows(id string) bool {
	for _, p := range c.Policies {
		if p.Git != nil && (id == "" || id == p.Git.number()) || p.OCI != nil && id == "" {
			return true
		}
	}
	return false
}

// differs reports whether a policy is another one now.
func (r *rules) differs(old *rules) bool {
	for k, x := range r.repositories {
		if y := old.repositories[k]; y == nil || x.Digest != y.Digest {
			return true
		}
	}
	for k, x := range r.owners {
		if y := old.owners[k]; y == nil || x.Digest != y.Digest {
			return true
		}
	}
	return false
}
