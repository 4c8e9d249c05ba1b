package github_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Reviews are what the platform keeps of them, each with the environments that
// it names: one for two environments can be told from one for each.
func TestI11_reviews_and_their_environments(t *testing.T) {
	w := newWorld(t, "reviews")
	w.lab.Set(t, w.path(""), object{"id": w.number(), "protected": []string{"production", "staging"}})
	w.set("/runs/1000001/approvals", []object{})
	w.again()
	p, err := w.job.Environment(context.Background(), "production")
	if err != nil || p.ID == "" || !p.Asked {
		t.Fatalf("%+v, %v; want reviewers and a number", p, err)
	}
	if r, err := w.job.Reviews(context.Background(), "production"); err != nil || len(r.List) != 0 || !r.Asked || r.Entered || r.Timed {
		t.Errorf("%+v, %v; want none, asked for", r, err)
	}
	place := func(names ...string) (out []object) {
		for _, n := range names {
			w.again()
			e, err := w.job.Environment(context.Background(), n)
			if err != nil {
				t.Fatal(err)
			}
			var id int
			_, _ = fmt.Sscan(e.ID, &id)
			out = append(out, object{"id": id, "node_id": "x", "name": n, "url": "https://x.example", "html_url": "https://x.example", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"})
		}
		return out
	}
	w.set("/runs/1000001/approvals", []object{
		{"state": "approved", "user": whole(bob), "comment": "both", "environments": place("staging", "production")},
		{"state": "approved", "user": whole(carol), "comment": "staging", "environments": place("staging")},
		{"state": "rejected", "user": whole(robot), "comment": "no", "environments": place("production")},
		{"state": "pending", "user": whole(alice), "comment": "", "environments": place("production")},
	})
	w.again()
	r, err := w.job.Reviews(context.Background(), "production")
	if err != nil || len(r.List) != 2 {
		t.Fatalf("%+v, %v; want two reviews", r, err)
	}
	a, b := r.List[0], r.List[1]
	if a.Account.ID != "88" || a.Decision != statement.Approve || len(a.Environments) != 2 || a.Comment != "both" || !a.Time.IsZero() || a.Environments[1] != (statement.Place{Name: "production", ID: p.ID}) {
		t.Errorf("first review %+v, want bob's of two environments, without a time", a)
	}
	if b.Decision != statement.Reject || b.Account.Kind != policy.Machine || len(b.Environments) != 1 {
		t.Errorf("second review %+v, want the machine's rejection", b)
	}
	w.lab.Contract(t)
}

// A state that is not known could be a no: it is not passed over.
func TestI06_review_of_an_unknown_state(t *testing.T) {
	for state, good := range map[string]bool{"approved": true, "vetoed": false, "": false} {
		f := newFake(t, map[string]string{
			"/repos/acme/widget/environments/production":  `{"id":5,"name":"production","protection_rules":[]}`,
			"/repos/acme/widget/actions/runs":             `{"total_count":1,"workflow_runs":[{"id":1,"run_attempt":1,"head_sha":"x"}]}`,
			"/repos/acme/widget/deployments":              `[]`,
			"/repos/acme/widget/actions/runs/1/approvals": `[{"state":"` + state + `","user":{"id":1,"login":"a","type":"User"},"environments":[{"id":5,"name":"production"}]}]`,
		})
		r, err := f.Reviews(context.Background(), "production")
		if good {
			if err != nil || len(r.List) != 1 {
				t.Errorf("%q: %+v, %v; want one", state, r, err)
			}
			continue
		}
		wantFault(t, err, fault.Refused, fault.Malformed)
	}
	for _, missing := range []string{"/repos/acme/widget/actions/runs/1/approvals", "/repos/acme/widget/deployments", "/repos/acme/widget/actions/runs"} {
		answers := map[string]string{
			"/repos/acme/widget/environments/production":  `{"id":5,"name":"production","protection_rules":[]}`,
			"/repos/acme/widget/actions/runs":             `{"total_count":1,"workflow_runs":[{"id":1,"run_attempt":1,"head_sha":"x"}]}`,
			"/repos/acme/widget/deployments":              `[]`,
			"/repos/acme/widget/actions/runs/1/approvals": `[]`,
		}
		if _, err := newFake(t, answers).Reviews(context.Background(), "production"); err != nil {
			t.Fatal(err)
		}
		delete(answers, missing)
		_, err := newFake(t, answers).Reviews(context.Background(), "production")
		t.Log(missing)
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	}
}

// A run that is past the rules is in; an administrator who let it in leaves no
// review behind, and that can be seen.
func TestG08_entered_without_a_review(t *testing.T) {
	w := newWorld(t, "entered")
	w.lab.Set(t, w.path(""), object{"id": w.number(), "protected": []string{"production"}})
	w.run(1000001, object{"head_sha": sha(1), "status": "in_progress", "conclusion": nil})
	w.run(600, object{"head_sha": sha(1)})
	for name, c := range map[string]struct {
		deployment object
		want       bool
	}{
		"runs there":        {w.deployed(9, 1000001, sha(1), "queued", "in_progress"), true},
		"has been there":    {w.deployed(9, 1000001, sha(1), "in_progress", "success", "inactive"), true},
		"waits":             {w.deployed(9, 1000001, sha(1), "pending"), false},
		"another run's":     {w.deployed(9, 600, sha(1), "in_progress"), false},
		"of another commit": {w.deployed(9, 1000001, sha(2), "in_progress"), false},
		"made by a person":  {merge(w.deployed(9, 1000001, sha(1), "in_progress"), object{"creator": eve}), false},
		"another place":     {merge(w.deployed(9, 1000001, sha(1), "in_progress"), object{"environment": "staging"}), false},
	} {
		w.set("/deployments", []object{c.deployment})
		w.again()
		r, err := w.job.Reviews(context.Background(), "production")
		if err != nil || r.Entered != c.want || !r.Asked || r.Run != "run 1000001, attempt 1" {
			t.Errorf("%s: %+v, %v; want entered %v", name, r, err, c.want)
		}
	}
	w.lab.Contract(t)
}

// What an environment asks is told, and what it does not say is not known.
func TestG08_bypass_and_self_review(t *testing.T) {
	reviewers := `{"id":1,"type":"required_reviewers","prevent_self_review":%v,"reviewers":[{"type":"User","reviewer":{"id":88,"login":"bob"}}]}`
	for name, c := range map[string]struct {
		body        string
		bypass      policy.Bypass
		asked, self bool
		state       policy.State
	}{
		"all strong":      {`{"id":5,"name":"production","can_admins_bypass":false,"protection_rules":[` + fmt.Sprintf(reviewers, true) + `]}`, policy.NoBypass, true, false, policy.Protected},
		"bypass on":       {`{"id":5,"name":"production","can_admins_bypass":true,"protection_rules":[` + fmt.Sprintf(reviewers, true) + `]}`, policy.BypassOn, true, false, policy.Protected},
		"bypass not told": {`{"id":5,"name":"production","protection_rules":[` + fmt.Sprintf(reviewers, true) + `]}`, policy.BypassUnknown, true, false, policy.Protected},
		"bypass null":     {`{"id":5,"name":"production","can_admins_bypass":null,"protection_rules":[` + fmt.Sprintf(reviewers, true) + `]}`, policy.BypassUnknown, true, false, policy.Protected},
		"self":            {`{"id":5,"name":"production","can_admins_bypass":false,"protection_rules":[` + fmt.Sprintf(reviewers, false) + `]}`, policy.NoBypass, true, true, policy.Protected},
		"nobody":          {`{"id":5,"name":"production","can_admins_bypass":false,"protection_rules":[{"id":1,"type":"required_reviewers","reviewers":[]}]}`, policy.NoBypass, false, true, policy.Unprotected},
		"a wait alone":    {`{"id":5,"name":"production","can_admins_bypass":false,"protection_rules":[{"id":1,"type":"wait_timer","wait_timer":30}]}`, policy.NoBypass, false, true, policy.Unprotected},
	} {
		f := newFake(t, map[string]string{"/repos/acme/widget/environments/production": c.body})
		p, err := f.Environment(context.Background(), "production")
		if err != nil || p.Bypass != c.bypass || p.Asked != c.asked || p.Self != c.self || p.State != c.state || p.ID != "5" {
			t.Errorf("%s: %+v, %v; want bypass %v, asked %v, self %v, state %v", name, p, err, c.bypass, c.asked, c.self, c.state)
		}
	}
}

// whole is an account with all fields that the API's description asks for.
func whole(u object) object {
	out := merge(object{"type": "User", "node_id": "U", "gravatar_id": "", "site_admin": false}, u)
	delete(out, "email")
	for _, f := range []string{"avatar", "html", "followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events", "received_events"} {
		out[f+"_url"] = "https://github.com/x"
	}
	out["url"] = "https://github.com/x"
	return out
}
