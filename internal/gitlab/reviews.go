package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// A deployment is one as the API shows it. The library's own leaves the
// approvals out.
type deployment struct {
	ID          int64       `json:"id"`
	Ref         string      `json:"ref"`
	SHA         string      `json:"sha"`
	Status      string      `json:"status"`
	Created     string      `json:"created_at"`
	User        user        `json:"user"`
	Environment environment `json:"environment"`
	Deployable  *build      `json:"deployable"`
	Pending     int         `json:"pending_approval_count"`
	Approvals   []approval  `json:"approvals"`
	Summary     *struct {
		Rules []struct {
			entry
			Approvals []approval `json:"deployment_approvals"`
		} `json:"rules"`
	} `json:"approval_summary"`
}

type approval struct {
	User    user   `json:"user"`
	Status  string `json:"status"`
	Created string `json:"created_at"`
	Comment string `json:"comment"`
	as      string
}

func (a approval) same(b approval) bool {
	return a.User.ID == b.User.ID && a.Status == b.Status && a.Created == b.Created
}

func (repo *Repo) deployments(env string) question {
	return question{
		path:  repo.project("/deployments"),
		query: url.Values{"environment": {env}, "order_by": {"id"}, "sort": {"desc"}},
		more:  "delete deployments that did not succeed: glab api -X DELETE " + repo.project("/deployments/ID"),
	}
}

// Reviews asks for the approvals of the deployment that this job is, or that
// its pipeline is about to make. A job that somebody has to start by hand is no
// approval: only what the deployment itself holds is one.
func (repo *Repo) Reviews(ctx context.Context, env string) (policy.Reviews, error) {
	if err := environmentName(env); err != nil {
		return policy.Reviews{}, err
	}
	pipe, id := repo.asker.pipeline, repo.asker.job
	out := policy.Reviews{Timed: true, Run: fmt.Sprintf("job %s of pipeline %s", id, pipe)}
	d, err := repo.entering(ctx, env, pipe, id)
	if err != nil || d == nil {
		return out, err
	}
	full, err := one[deployment](ctx, repo, question{path: repo.project("/deployments/" + itoa(d.ID))})
	if err != nil {
		return policy.Reviews{}, err
	}
	if full.ID != d.ID || full.Environment.Name != env || full.Deployable == nil || full.Deployable.ID != d.Deployable.ID {
		return policy.Reviews{}, fault.New(fault.Refused, fault.Malformed, "", "the GitLab API answered with deployment %d to %q, asked for %d to %q", full.ID, full.Environment.Name, d.ID, env)
	}
	out.Run = fmt.Sprintf("deployment %d, job %d of pipeline %s", full.ID, full.Deployable.ID, pipe)
	out.Entered = itoa(full.Deployable.ID) == id
	given := full.given()
	out.Asked = full.asked() || len(given) > 0
	for _, a := range given {
		r, err := repo.review(ctx, full, a)
		if err != nil {
			return policy.Reviews{}, err
		}
		r.Run = out.Run
		out.List = append(out.List, r)
	}
	return out, nil
}

// entering finds the deployment of the job that asks, or else the newest one of
// its pipeline that still waits.
func (repo *Repo) entering(ctx context.Context, env, pipe, id string) (*deployment, error) {
	if pipe == "" || id == "" {
		return nil, nil
	}
	began := moment(repo.asker.began)
	var own, waiting *deployment
	err := each(ctx, repo, repo.deployments(env), func(page []deployment) (bool, error) {
		for _, d := range page {
			b := d.Deployable
			switch {
			case d.Environment.Name != env || b == nil:
			case itoa(b.ID) == id && itoa(b.Pipeline.ID) == pipe:
				own = &d
				return false, nil
			case waiting == nil && itoa(b.Pipeline.ID) == pipe && (d.Status == "blocked" || d.Status == "created"):
				waiting = &d
			case !began.IsZero() && moment(d.Created).Before(began):
				return false, nil
			}
		}
		return true, nil
	})
	if own != nil {
		return own, err
	}
	return waiting, err
}

func (d deployment) asked() bool {
	if d.Summary != nil {
		for _, r := range d.Summary.Rules {
			if r.Required > 0 {
				return true
			}
		}
	}
	return d.Pending > 0
}

// given returns every approval once, with the rule that it was given for. What
// stands in the summary alone is heard too: it may be a no.
func (d deployment) given() []approval {
	all := slices.Clone(d.Approvals)
	if d.Summary == nil {
		return all
	}
	for _, r := range d.Summary.Rules {
		for _, a := range r.Approvals {
			a.as = r.who()
			i := slices.IndexFunc(all, func(b approval) bool { return b.as == "" && a.same(b) })
			if i >= 0 {
				all[i].as = a.as
			} else {
				all = append(all, a)
			}
		}
	}
	return all
}

// decisions are the words of an approval. Any other word is refused: what
// nobody knows could be a no.
var decisions = map[string]string{"approved": statement.Approve, "rejected": statement.Reject}

func (repo *Repo) review(ctx context.Context, d deployment, a approval) (policy.Review, error) {
	decision, ok := decisions[a.Status]
	at := moment(a.Created)
	if !ok || at.IsZero() || a.User.ID <= 0 {
		return policy.Review{}, fault.New(fault.Refused, fault.Malformed, "", "deployment %d has an approval with status %q of user %d at %q", d.ID, a.Status, a.User.ID, a.Created)
	}
	who, err := repo.known(ctx, a.User)
	if err != nil {
		return policy.Review{}, err
	}
	place := statement.Place{Name: d.Environment.Name}
	if d.Environment.ID > 0 {
		place.ID = itoa(d.Environment.ID)
	}
	return policy.Review{Account: who, Decision: decision, Environments: []statement.Place{place}, Comment: a.Comment, Time: at, As: a.as}, nil
}

// moment reads a time of the API; what is none is the zero time.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
