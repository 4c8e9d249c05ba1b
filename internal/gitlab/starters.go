package gitlab

import (
	"context"
	"fmt"
	"net/url"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

// maxUpstream bounds how far up pipelines that start pipelines are followed.
const maxUpstream = 10

// started adds who started the jobs of the change: that which asks, and those
// that the evidence names, with everything that was run again.
func (s *survey) started(ctx context.Context) error {
	if s.query.Self {
		if err := s.asking(ctx); err != nil {
			return err
		}
	}
	for _, uri := range s.query.Runs {
		if err := s.ran(ctx, uri); err != nil {
			return err
		}
	}
	return nil
}

// asking adds who started the job that asks.
func (s *survey) asking(ctx context.Context) error {
	j := s.job
	b, p, inside, err := j.asking(ctx)
	if err != nil {
		return err
	}
	if inside {
		if err := s.starters(ctx, b, p); err != nil {
			return err
		}
		if err := s.deployer(ctx, b); err != nil {
			return err
		}
	}
	if id := j.getenv("GITLAB_USER_ID"); projectID().MatchString(id) {
		a := policy.Account{Host: j.server.String(), ID: id, Name: j.getenv("GITLAB_USER_LOGIN")}
		s.add(policy.Maker{Account: a, Role: policy.Trigger, Where: "job " + j.getenv("CI_JOB_ID")})
	}
	return nil
}

// ran adds who started a job that a certificate names. One that is gone was
// started by somebody unknown.
func (s *survey) ran(ctx context.Context, uri string) error {
	id, ok := s.job.jobIn(uri)
	if !ok {
		s.add(policy.Maker{Role: policy.Trigger, Where: uri})
		return nil
	}
	b, p, err := s.job.built(ctx, id)
	if absent(err) {
		s.add(policy.Maker{Role: policy.Trigger, Where: "job " + id})
		return nil
	}
	if err != nil {
		return err
	}
	return s.starters(ctx, b, p)
}

// starters adds who started a job, in each of its attempts, and its pipeline,
// and the pipelines that started that one.
func (s *survey) starters(ctx context.Context, b build, p pipeline) error {
	s.user(b.User, policy.Trigger, fmt.Sprintf("job %d", b.ID))
	s.user(p.User, policy.Trigger, fmt.Sprintf("pipeline %d", p.ID))
	all, err := s.job.attempts(ctx, p)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.Name == b.Name {
			s.user(o.User, policy.Trigger, fmt.Sprintf("job %d", o.ID))
		}
	}
	return s.upstream(ctx, p)
}

// upstream adds who started the pipelines above p (H11). One in another
// project is not ours to look into, so its starter is unknown.
func (s *survey) upstream(ctx context.Context, p pipeline) error {
	for range maxUpstream {
		where := fmt.Sprintf("the pipeline that started pipeline %d", p.ID)
		switch p.Source {
		case "pipeline":
			s.add(policy.Maker{Role: policy.Trigger, Where: where})
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
			s.add(policy.Maker{Role: policy.Trigger, Where: where})
			return nil
		}
		s.user(up.User, policy.Trigger, fmt.Sprintf("pipeline %d", up.ID))
		p = up
	}
	s.add(policy.Maker{Role: policy.Trigger, Where: fmt.Sprintf("the pipelines above pipeline %d", p.ID)})
	return nil
}

// A bridge is a job that starts a pipeline.
type bridge struct {
	User       user      `json:"user"`
	Downstream *pipeline `json:"downstream_pipeline"`
}

// parent finds the pipeline of this project that started p. No record says it;
// it is on the same commit and has a bridge to p.
func (s *survey) parent(ctx context.Context, p pipeline) (pipeline, bool, error) {
	j := s.job
	all, err := list[pipeline](ctx, j, question{path: j.project("/pipelines"), query: url.Values{"sha": {p.SHA}}})
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
		bridges, err := list[bridge](ctx, j, question{path: j.project("/pipelines/" + itoa(o.ID) + "/bridges")})
		if err != nil {
			return pipeline{}, false, err
		}
		for _, b := range bridges {
			if b.Downstream == nil || b.Downstream.ID != p.ID {
				continue
			}
			s.user(b.User, policy.Trigger, fmt.Sprintf("a job of pipeline %d", o.ID))
			up, err := one[pipeline](ctx, j, question{path: j.project("/pipelines/" + itoa(o.ID))})
			return up, err == nil, err
		}
	}
	return pipeline{}, false, nil
}

// deployer adds who made the deployment that the job which asks is.
func (s *survey) deployer(ctx context.Context, b build) error {
	d := s.entry
	if d == nil {
		var err error
		if d, err = s.job.entering(ctx, s.query.Environment, itoa(b.Pipeline.ID), itoa(b.ID)); err != nil {
			return err
		}
	}
	if d != nil {
		s.user(d.User, policy.Trigger, fmt.Sprintf("deployment %d", d.ID))
	}
	return nil
}
