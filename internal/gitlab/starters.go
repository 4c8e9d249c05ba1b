package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxUpstream bounds how far up pipelines that start pipelines are followed.
const maxUpstream = 10

// starting gathers who started the jobs of a change.
type starting struct {
	repo         *Repo
	first, again []policy.Maker
	nobody       bool // nobody may set variables of a pipeline, so that a retry changes nothing
}

// Starters returns who started the job that asks, and the jobs that the evidence
// names. GitLab makes the person who retries a job its user; the first attempt says
// who started it. Who only retried counts as well, unless nobody may override
// variables: elsewhere a retry can bring other ones.
func (h *history) Starters(ctx context.Context, q policy.ChangeQuery) (first, again []policy.Maker, err error) {
	p, err := h.here(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := &starting{repo: h.Repo, nobody: h.variables(p).Nobody}
	if q.Self {
		if err := s.asking(ctx, q, h.entry); err != nil {
			return nil, nil, err
		}
	}
	for _, uri := range q.Runs {
		if err := s.ran(ctx, uri); err != nil {
			return nil, nil, err
		}
	}
	return s.first, s.again, nil
}

func (s *starting) user(u user, where string) { s.add(&s.first, s.repo.account(u), where) }

func (s *starting) unknown(where string) { s.add(&s.first, policy.Account{}, where) }

func (s *starting) add(to *[]policy.Maker, a policy.Account, where string) {
	if m := (policy.Maker{Role: policy.Trigger, Account: a, Where: where, Mark: where}); !slices.Contains(*to, m) {
		*to = append(*to, m)
	}
}

// asking adds who started the job that asks, and who made the deployment that it
// is.
func (s *starting) asking(ctx context.Context, q policy.ChangeQuery, d *deployment) error {
	repo := s.repo
	b, p, inside, err := repo.asking(ctx)
	if err != nil {
		return err
	}
	to := &s.first
	if inside {
		retried, err := s.starters(ctx, b, p)
		if err != nil {
			return err
		}
		if retried && s.nobody {
			to = &s.again
		}
		if d == nil {
			if d, err = repo.entering(ctx, q.Environment, itoa(b.Pipeline.ID), itoa(b.ID)); err != nil {
				return err
			}
		}
		if d != nil && repo.account(d.User).Same(repo.account(b.User)) {
			s.add(to, repo.account(d.User), fmt.Sprintf("deployment %d", d.ID))
		} else if d != nil {
			s.user(d.User, fmt.Sprintf("deployment %d", d.ID))
		}
	}
	if id := repo.asker.user; projectID().MatchString(id) {
		a := policy.Account{Host: repo.server.String(), ID: id, Name: repo.asker.login}
		if inside && !a.Same(repo.account(b.User)) {
			to = &s.first
		}
		s.add(to, a, "job "+repo.asker.job)
	}
	return nil
}

// ran adds who started a job that a certificate names. One that is gone was
// started by somebody unknown.
func (s *starting) ran(ctx context.Context, uri string) error {
	id, ok := s.repo.jobIn(uri)
	if !ok {
		s.unknown(uri)
		return nil
	}
	b, p, err := s.repo.built(ctx, id)
	if absent(err) {
		s.unknown("job " + id)
		return nil
	}
	if err == nil {
		_, err = s.starters(ctx, b, p)
	}
	return err
}

// starters adds who started a job, its pipeline, and the pipelines that started
// that one; retried says that b is not the first attempt of its job.
func (s *starting) starters(ctx context.Context, b build, p pipeline) (retried bool, err error) {
	s.user(p.User, fmt.Sprintf("pipeline %d", p.ID))
	all, err := s.repo.attempts(ctx, p)
	if err != nil {
		return false, err
	}
	first := b
	for _, o := range all {
		if o.Name == b.Name && o.ID < first.ID {
			first = o
		}
	}
	known := s.repo.account(first.User).ID != ""
	for _, o := range append(all, b) {
		where := fmt.Sprintf("job %d", o.ID)
		switch {
		case o.Name != b.Name:
		case o.ID != first.ID && known && s.nobody && o.Commit.ID == first.Commit.ID:
			s.add(&s.again, s.repo.account(o.User), where)
		default:
			s.user(o.User, where)
		}
	}
	return known && first.ID != b.ID, s.upstream(ctx, p)
}

// upstream adds who started the pipelines above p (H11). One in another
// project is not ours to look into, so its starter is unknown.
func (s *starting) upstream(ctx context.Context, p pipeline) error {
	for range maxUpstream {
		where := fmt.Sprintf("the pipeline that started pipeline %d", p.ID)
		switch p.Source {
		case "pipeline":
			s.unknown(where)
			return nil
		case "parent_pipeline":
		default:
			return nil
		}
		up, ok, err := s.parent(ctx, p)
		if err != nil {
			return err
		}
		if !ok {
			s.unknown(where)
			return nil
		}
		s.user(up.User, fmt.Sprintf("pipeline %d", up.ID))
		p = up
	}
	s.unknown(fmt.Sprintf("the pipelines above pipeline %d", p.ID))
	return nil
}

// A bridge is a job that starts a pipeline.
type bridge struct {
	User       user      `json:"user"`
	Downstream *pipeline `json:"downstream_pipeline"`
}

// parent finds the pipeline of this project that started p. No record says it;
// it is on the same commit and has a bridge to p.
func (s *starting) parent(ctx context.Context, p pipeline) (pipeline, bool, error) {
	repo := s.repo
	all, err := list[pipeline](ctx, repo, question{path: repo.project("/pipelines"), query: url.Values{"sha": {p.SHA}}})
	if absent(err) {
		return pipeline{}, false, nil
	}
	if err != nil {
		return pipeline{}, false, err
	}
	for _, o := range all {
		if o.ID == p.ID || o.SHA != p.SHA || o.ID <= 0 {
			continue
		}
		bridges, err := list[bridge](ctx, repo, question{path: repo.project("/pipelines/" + itoa(o.ID) + "/bridges")})
		if err != nil {
			return pipeline{}, false, err
		}
		for _, b := range bridges {
			if b.Downstream == nil || b.Downstream.ID != p.ID {
				continue
			}
			s.user(b.User, fmt.Sprintf("a job of pipeline %d", o.ID))
			up, err := one[pipeline](ctx, repo, question{path: repo.project("/pipelines/" + itoa(o.ID))})
			return up, err == nil, err
		}
	}
	return pipeline{}, false, nil
}
