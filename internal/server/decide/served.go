package decide

import (
	"context"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// served is a platform whose default branch has the server's policy: the repository's own file does not count.
type served struct {
	Platform
	rule *Rule
}

// File is that of the repository, or the policy.
func (s served) File(ctx context.Context, commit, path string) ([]byte, error) {
	return gate.Served(s.rule.Source).File(ctx, s.Platform, commit, path)
}

// Versions are those of the repository's files. Of the server's policy there is one.
func (s served) Versions(ctx context.Context, commit, path string) ([]string, error) {
	return gate.Served(s.rule.Source).Versions(ctx, s.Platform, commit, path)
}

// elsewhere refuses to ask another platform: this server has no token for it.
func elsewhere(f policy.Forge, repository string) (gate.Besides, error) {
	return nil, fault.New(fault.Unavailable, fault.NotAvailable,
		"judge it with the gate, in a job that may read that repository",
		"the server does not ask %s/%s", f.Host, repository)
}

// pushed is the evidence that a repository has pushed, as a store.
func (d *Decider) pushed(r event.Repository) gate.Store { return pushed{d.Keep, r} }

type pushed struct {
	keep *keep.Store
	of   event.Repository
}

// Name is how people call it.
func (pushed) Name() string { return "server" }

// Fetch returns what was pushed about subjects.
func (p pushed) Fetch(ctx context.Context, subjects []subject.Subject) (found store.Found, err error) {
	for _, s := range subjects {
		all, err := p.keep.AboutSubject(ctx, p.of, s.Digest.String())
		if err != nil {
			return found, err
		}
		for _, e := range all {
			found.Bundles = append(found.Bundles, store.Evidence{Bundle: e.Body, Source: "server " + e.Digest})
		}
	}
	return found, nil
}

// both is where entries are found: pushed, and in the platform's own store.
type both [2]gate.Store

// Name is how people call it.
func (b both) Name() string { return b[0].Name() + " and " + b[1].Name() }

// Fetch asks both.
func (b both) Fetch(ctx context.Context, subjects []subject.Subject) (store.Found, error) {
	one, err := b[0].Fetch(ctx, subjects)
	if err != nil {
		return one, err
	}
	other, err := b[1].Fetch(ctx, subjects)
	other.Bundles = append(one.Bundles, other.Bundles...)
	return other, err
}
