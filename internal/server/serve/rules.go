package serve

import (
	"context"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// rules are the policies, by repository, as they were read at one time.
type rules struct {
	repositories, owners map[string]*decide.Rule
	read                 map[string]*decide.Rule // from git, by the place: what a commit has stays
	config               *Config
}

// A place has a policy and the files that it names.
type place struct {
	name string // for people
	read func(name string, most int64) ([]byte, error)
}

// readRules reads all policies of a configuration, with the files that they name: what is judged under is never half of
// one state and half of another.
func (s *Server) readRules(ctx context.Context, c *Config) (*rules, error) {
	r := &rules{map[string]*decide.Rule{}, map[string]*decide.Rule{}, map[string]*decide.Rule{}, c}
	branches := map[string]branch{}
	for _, p := range c.Policies {
		from, key := c.folder(p), ""
		if p.Git != nil {
			at, err := s.branch(ctx, branches, p)
			if err != nil {
				return nil, err
			}
			from = at.place(ctx, p.Git)
			key = p.Host + " " + p.Git.number() + " " + from.name
		}
		rule := r.read[key]
		if before := s.rules.Load(); rule == nil && before != nil {
			rule = before.read[key]
		}
		if rule == nil || p.SHA256 != "" {
			var err error
			if rule, err = from.rule(p); err != nil {
				return nil, err
			}
		}
		if key != "" {
			r.read[key] = rule
		}
		for _, id := range p.Repositories {
			r.repositories[p.Host+" "+id] = rule
		}
		for _, id := range p.Owners {
			r.owners[p.Host+" "+id] = rule
		}
	}
	return r, nil
}

// folder is where a policy lies in a folder.
func (c *Config) folder(p Policy) place {
	dir := filepath.Dir(c.path(p.File))
	return place{p.File, func(name string, most int64) ([]byte, error) {
		b, err := file.Read(filepath.Join(dir, filepath.FromSlash(name)), most)
		if err != nil {
			return nil, fault.New(fault.Usage, fault.Config, "", "%q: %w", name, fault.Cause(err))
		}
		return b, nil
	}}
}

// A branch is one with policies, at its tip.
type branch struct {
	repo *github.Repo
	tip  string
}

// branch asks for the tip of a branch, once for all policies that are there.
func (s *Server) branch(ctx context.Context, known map[string]branch, p Policy) (at branch, err error) {
	key := p.Host + " " + p.Git.number() + " " + p.Git.Repository + " " + p.Git.Branch
	if at, is := known[key]; is {
		return at, nil
	}
	x, err := s.door(p.Host)
	if err != nil {
		return at, err
	}
	if at.repo, err = x.app.Files(ctx, p.Git.Repository, p.Git.ID); err != nil {
		return at, err
	}
	at.tip, err = at.repo.Tip(ctx, p.Git.Branch)
	if err == nil {
		known[key] = at
	}
	return at, err
}

// place is where a policy lies at the tip.
func (b branch) place(ctx context.Context, g *Git) place {
	return place{g.Repository + "/" + g.Path + "@" + b.tip, func(name string, most int64) ([]byte, error) {
		raw, err := b.repo.FileOf(ctx, g.Repository, b.tip, path.Join(path.Dir(g.Path), name))
		if err == nil && int64(len(raw)) > most {
			err = fault.New(fault.Refused, fault.Limit, "", "%q has %d bytes, want %d at most", name, len(raw), most)
		}
		return raw, err
	}}
}

// rule reads a policy, and each file that it names, which has to have the digest in it.
func (l place) rule(p Policy) (*decide.Rule, error) {
	raw, err := l.read(p.base(), policy.MaxBytes)
	if err != nil {
		return nil, fault.Errorf("the policy %w", err)
	}
	if got := subject.Sum(raw).Hex(); p.SHA256 != "" && p.SHA256 != got {
		return nil, fault.New(fault.Refused, fault.Policy,
			"find out who changed the policy, or name what it has to be now",
			"the policy %q has digest %s, and the configuration pins %s", l.name, got, p.SHA256)
	}
	read, err := policy.Read(raw, l.name, forges.Words())
	if err != nil {
		return nil, err
	}
	rule := &decide.Rule{Policy: read, Source: raw, File: l.name, Files: map[string][]byte{}}
	for _, t := range read.Trusts() {
		if t.Key != nil && t.Key.File != "" {
			if err := l.take(rule, t.Key.File, gate.MaxKeyBytes, t.Key.SHA256); err != nil {
				return nil, err
			}
		}
		if t.Root != "" {
			if err := l.take(rule, t.Root, sigstore.MaxRootBytes, t.SHA256); err != nil {
				return nil, err
			}
		}
	}
	return rule, nil
}

// take reads a file that a policy names.
func (l place) take(rule *decide.Rule, name string, most int64, want subject.Digest) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fault.New(fault.Refused, fault.Path, "", "the policy names the file %q, which is not beside it", name)
	}
	raw, err := l.read(name, most)
	if err != nil {
		return fault.Errorf("beside the policy: %w", err)
	}
	if got := subject.Sum(raw); got != want {
		return fault.New(fault.Refused, fault.TrustRoot, "find out who changed it; the pin is in "+l.name,
			"%q beside the policy has digest %s, and the policy pins %s", name, got, want)
	}
	rule.Files[path.Clean(name)] = raw
	return nil
}

// rule is the policy of a repository: its own, or that of its owner. nil: there is none.
func (s *Server) rule(r event.Repository) (*decide.Rule, error) {
	all := s.rules.Load()
	if x := all.repositories[r.Key()]; x != nil {
		return x, nil
	}
	return all.owners[r.Host+" "+r.Owner], nil
}

// Reload reads the policies again. What is wrong leaves those that were read before.
func (s *Server) Reload(ctx context.Context, c *Config) error {
	r, err := s.readRules(ctx, c)
	if err != nil {
		s.Log.Error("the new policies are not used", "reason", fault.Bound(err.Error()))
		return err
	}
	s.rules.Store(r)
	s.Log.Info("the policies were read again")
	return nil
}

// follow keeps policies of git repositories as new as their branches, until ctx ends. A delivery that tells of a push
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
		switch {
		case err != nil:
			s.Log.Error("the policies were not read again", "code", fault.Of(err).Code, "reason",
				fault.Bound(err.Error()))
		case s.rules.CompareAndSwap(now, r) && r.differs(now):
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

// follows reports whether a policy is of a git repository: of one with this number, or of any.
func (c *Config) follows(id string) bool {
	for _, p := range c.Policies {
		if p.Git != nil && (id == "" || id == p.Git.number()) {
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

// base is the name of the policy's file in its folder.
func (p *Policy) base() string {
	if p.Git != nil {
		return path.Base(p.Git.Path)
	}
	return filepath.Base(strings.TrimSuffix(p.File, "/"))
}
