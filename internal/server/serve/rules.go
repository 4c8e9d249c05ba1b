package serve

import (
	"context"
	"errors"
	"sync"
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

// How policies are read: side by side, so that a place that does not answer holds back none of the others for long.
const (
	sideBySide = 16
	perPolicy  = 20 * time.Second
)

// readRules reads all policies of a configuration, with the files that they name: what is judged under is never half of
// one state and half of another. One that cannot be read, or is wrong, counts as it was read last, and beside the rules
// there is an error; without one that was read before there are no rules. local leaves those on other machines as they
// are, if they were read before.
func (s *Server) readRules(ctx context.Context, c *Config, local bool) (*rules, error) {
	before := s.rules.Load()
	if before == nil {
		before = &rules{}
	}
	r := &rules{map[string]*decide.Rule{}, map[string]*decide.Rule{}, map[string]*decide.Rule{},
		map[string]*decide.Rule{}, c}
	type outcome struct {
		key  string
		rule *decide.Rule
		err  error
	}
	out := make([]outcome, len(c.Policies))
	look, places := s.looks(c), make(chan struct{}, sideBySide)
	var all sync.WaitGroup
	for i, p := range c.Policies {
		if old := before.last[p.id()]; local && p.remote() && old != nil {
			out[i].rule = old
			continue
		}
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, perPolicy)
			defer cancel()
			out[i].key, out[i].rule, out[i].err = s.readRule(ctx, look, p, before)
		})
	}
	all.Wait()
	var bad error
	for i, p := range c.Policies {
		x := out[i]
		if x.err != nil {
			if x.rule = before.last[p.id()]; x.rule == nil {
				return nil, x.err
			}
			bad = errors.Join(bad, x.err)
		}
		r.last[p.id()] = x.rule
		if x.key != "" {
			r.read[x.key] = x.rule
		}
		for _, id := range p.Repositories {
			r.repositories[p.Host+" "+id] = x.rule
		}
		for _, id := range p.Owners {
			r.owners[p.Host+" "+id] = x.rule
		}
	}
	return r, bad
}

// readRule reads one policy, if it is not known what is at its place. key is what is there.
func (s *Server) readRule(
	ctx context.Context, look *look, p Policy, before *rules,
) (key string, rule *decide.Rule, err error) {
	at, err := look.at(ctx, p)
	if err != nil {
		return "", nil, err
	}
	under, err := look.c.signers(ctx, p)
	if err != nil {
		return "", nil, err
	}
	if key = at.key; key != "" {
		key += ", sha256 " + p.SHA256
		if under != nil {
			key += ", signed under " + under.Digest.String()
		}
		rule = before.read[key]
	}
	if rule == nil {
		if rule, err = at.rule(ctx, p); err == nil && under != nil {
			err = s.signed(ctx, p, at, rule, under)
		}
		if err != nil {
			return "", nil, err
		}
	}
	// What nobody has to have signed is noted when it changes here: servers that have different texts would otherwise
	// note it in turn.
	if old := before.last[p.id()]; rule.Place != "" || old == nil || old.Digest != rule.Digest {
		if err := s.counts(ctx, p, rule); err != nil {
			return "", nil, fault.Errorf("the policy %q: %w", at.name, err)
		}
	}
	return key, rule, nil
}

// rule is the policy of a repository: its own, or that of its owner. nil: there is none.
func (s *Server) rule(r event.Repository) (*decide.Rule, error) {
	all := s.rules.Load()
	if x := all.repositories[r.Key()]; x != nil {
		return x, nil
	}
	return all.owners[r.Host+" "+r.Owner], nil
}

// Reload reads the policies again, and those on this machine first. What is wrong leaves that policy as it was read
// before.
func (s *Server) Reload(ctx context.Context, c *Config) error {
	var bad error
	for _, local := range []bool{true, false} {
		if local && !c.follows("") {
			continue
		}
		r, err := s.readRules(ctx, c, local)
		if err != nil && (!local || r == nil) { // the second round tells it, too
			s.Log.Error("a new policy is not used", "code", fault.Of(err).Code, "reason", fault.Bound(err.Error()))
		}
		if bad = err; r == nil {
			return err
		}
		if old := s.rules.Swap(r); !local && err == nil || r.differs(old) {
			s.Log.Info("the policies were read again")
		}
	}
	return bad
}

// follow keeps policies of branches and registries as new as what is there, until ctx ends. A delivery that tells of a
// push
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
		r, err := s.readRules(ctx, now.config, false)
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
