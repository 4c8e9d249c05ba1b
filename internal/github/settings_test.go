package github_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

func member(name string, id int) policy.Member {
	m := policy.Member{Kind: policy.MemberUser, Host: "https://github.com", Name: name, ID: fmt.Sprint(id)}
	if strings.Contains(name, "/") {
		m.Kind = policy.MemberTeam
	}
	return m
}

func want(members ...policy.Member) doctor.Want {
	return doctor.Want{
		Environment: "production", Reviewers: []doctor.Reviewers{{Members: members, Count: 1}}, Refs: []string{"refs/heads/main", "refs/tags/v*"}, NoSelf: true, NoBypass: true,
	}
}

func changed(p doctor.Plan) string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, c.Setting)
	}
	return strings.Join(out, ", ")
}

const everySetting = "required reviewers, prevent self-review, administrators may bypass, deployment branches and tags"

// Settings become what the policy asks, from nothing and from less, and once
// they are there is nothing to do.
func TestSettings_become_what_the_policy_asks(t *testing.T) {
	w := newWorld(t, "settings")
	w.lab.Set(t, "/github/orgs/acme/teams/keepers", object{"id": 500, "members": []object{bob}})
	ctx := context.Background()
	wish := want(member("bob", 88), member("acme/keepers", 500))
	p, err := w.job.Plan(ctx, wish)
	if err != nil || changed(p) != everySetting+", wait timer" || p.Changes[0].Now != "no such environment" || p.Changes[0].Want != "acme/keepers#500, bob#88" || len(p.Cannot) != 0 {
		t.Fatalf("plan = %+v, %v; want every setting of a new environment", p, err)
	}
	if got, err := w.job.Environment(ctx, "production"); err != nil || got.State != policy.Missing {
		t.Errorf("after the plan: %+v, %v; want nothing changed", got, err)
	}
	if p, err = w.job.Apply(ctx, wish); err != nil || len(p.Changes) != 5 {
		t.Fatalf("apply: %+v, %v", p, err)
	}
	for range 2 {
		if p, err = w.job.Apply(ctx, wish); err != nil || len(p.Changes) != 0 {
			t.Errorf("again: %+v, %v; want nothing to do", p, err)
		}
	}
	if got, err := w.job.Environment(ctx, "production"); err != nil || got.State != policy.Protected || got.Bypass != policy.NoBypass || !got.Asked || got.Self {
		t.Errorf("environment: %+v, %v; want it as the policy asks", got, err)
	}
	found, err := w.job.Audit(ctx, []doctor.Want{wish})
	if err != nil || slices.ContainsFunc(found, func(f finding.Finding) bool { return strings.HasPrefix(f.Rule.String(), "environment-") }) {
		t.Errorf("audit: %+v, %v; want nothing about the environment", found, err)
	}
	w.lab.Contract(t)
}

// What is stronger stays: a longer wait, protected branches, a switch that is
// on, other reviewers while there is room, and rules of apps.
func TestSettings_are_never_weakened(t *testing.T) {
	w := newWorld(t, "weaken")
	ctx := context.Background()
	team := func(n int) object {
		return object{"type": "Team", "reviewer": object{"id": n, "slug": fmt.Sprint("t", n)}}
	}
	w.lab.Set(t, "/github/orgs/acme/teams/t600", object{"id": 600, "members": []object{}})
	w.set("/environments/production", object{
		"can_admins_bypass": false, "deployment_branch_policy": object{"protected_branches": true, "custom_branch_policies": false},
		"protection_rules": []object{
			{"id": 1, "node_id": "x", "type": "wait_timer", "wait_timer": 30}, {"id": 2, "node_id": "x", "type": "branch_policy"},
			{"id": 3, "node_id": "x", "type": "required_reviewers", "prevent_self_review": true, "reviewers": []object{team(600)}},
		},
	})
	p, err := w.job.Apply(ctx, doctor.Want{Environment: "production", Reviewers: []doctor.Reviewers{{Members: []policy.Member{member("bob", 88)}, Count: 2}}, Refs: []string{"refs/heads/main", "refs/tags/v*"}})
	if err != nil || changed(p) != "required reviewers" {
		t.Fatalf("apply: %+v, %v; want one more reviewer and nothing else", p, err)
	}
	if len(p.Cannot) != 2 || !strings.Contains(strings.Join(p.Cannot, "\n"), "content with one") || !strings.Contains(strings.Join(p.Cannot, "\n"), "no tags") {
		t.Errorf("cannot = %q, want the second approval and the tags", p.Cannot)
	}
	got := w.environment()
	if got.Wait != 30 || !got.NotSelf || got.Bypass || !got.Protected || got.Custom || got.Reviewers != "88 600" {
		t.Errorf("environment = %+v, want what was there, and bob", got)
	}
	w.lab.Contract(t)
}

type seen struct {
	Wait                               int
	NotSelf, Bypass, Protected, Custom bool
	Reviewers                          string
}

// environment is what the toy now answers, read without the code under test.
func (w *world) environment() seen {
	w.t.Helper()
	var e struct {
		Bypass bool `json:"can_admins_bypass"`
		Branch struct {
			Protected bool `json:"protected_branches"`
			Custom    bool `json:"custom_branch_policies"`
		} `json:"deployment_branch_policy"`
		Rules []struct {
			Wait      int  `json:"wait_timer"`
			NotSelf   bool `json:"prevent_self_review"`
			Reviewers []struct{ Reviewer struct{ ID int } }
		} `json:"protection_rules"`
	}
	w.get("/environments/production", &e)
	s := seen{Bypass: e.Bypass, Protected: e.Branch.Protected, Custom: e.Branch.Custom}
	var ids []int
	for _, r := range e.Rules {
		s.Wait, s.NotSelf = s.Wait+r.Wait, s.NotSelf || r.NotSelf
		for _, x := range r.Reviewers {
			ids = append(ids, x.Reviewer.ID)
		}
	}
	slices.Sort(ids)
	s.Reviewers = strings.Trim(fmt.Sprint(ids), "[]")
	return s
}

// Selected branches get what is missing and lose what lets everybody in;
// others are not touched.
func TestC13_patterns_of_branches(t *testing.T) {
	w := newWorld(t, "patterns")
	ctx := context.Background()
	w.set("/environments/production", object{
		"deployment_branch_policy": object{"protected_branches": false, "custom_branch_policies": true},
		"protection_rules":         []object{{"id": 2, "node_id": "x", "type": "branch_policy"}},
	})
	w.set("/environments/production/branch_policies", []object{{"id": 1, "node_id": "x", "name": "*", "type": "branch"}, {"id": 2, "node_id": "x", "name": "hotfix/*", "type": "branch"}, {"id": 3, "node_id": "x", "name": "v*", "type": "branch"}})
	wish := doctor.Want{Environment: "production", Refs: []string{"refs/heads/main", "refs/tags/v*", "refs/pull/*"}}
	p, err := w.job.Apply(ctx, wish)
	if err != nil || changed(p) != "deployment branches and tags" || p.Changes[0].Want != "selected: branch hotfix/*, branch main, branch v*, tag v*" {
		t.Fatalf("apply: %+v, %v", p, err)
	}
	if len(p.Cannot) != 1 || !strings.Contains(p.Cannot[0], "refs/pull/*") {
		t.Errorf("cannot = %q, want the ref that is no branch", p.Cannot)
	}
	if p, err = w.job.Plan(ctx, wish); err != nil || len(p.Changes) != 0 {
		t.Errorf("again: %+v, %v; want nothing to do", p, err)
	}
	w.lab.Contract(t)
}

// More than six reviewers, roles and addresses are more than the platform has a
// setting for.
func TestSettings_that_the_platform_does_not_have(t *testing.T) {
	w := newWorld(t, "six")
	var all []policy.Member
	for i := range 7 {
		u := object{"login": fmt.Sprint("six", i), "id": 7000 + i}
		w.lab.Set(t, "/github/users/six"+fmt.Sprint(i), u)
		all = append(all, member(fmt.Sprint("six", i), 7000+i))
	}
	all = append(all, policy.Member{Kind: policy.MemberRole, Host: "https://github.com", Name: "maintain"}, policy.Member{Kind: policy.MemberEmail, Host: "https://accounts.example", Name: "a@x", ID: "a@x"})
	p, err := w.job.Apply(context.Background(), want(all...))
	if err != nil || len(p.Cannot) != 2 || !strings.Contains(strings.Join(p.Cannot, "\n"), "six reviewers") || !strings.Contains(strings.Join(p.Cannot, "\n"), "maintain") {
		t.Errorf("apply: %+v, %v; want six asked and the rest said", p, err)
	}
	if got := w.environment(); len(strings.Fields(got.Reviewers)) != 6 {
		t.Errorf("reviewers %q, want six", got.Reviewers)
	}
}

// What a plan of the platform lacks is an error that says what to use instead,
// and nothing is written by halves.
func TestG07_plan_without_reviewers(t *testing.T) {
	w := newWorld(t, "plans")
	ctx := context.Background()
	w.lab.Set(t, w.path(""), object{"id": w.number(), "visibility": "private"})
	w.set("/plan", object{"name": "free"})
	p, err := w.job.Apply(ctx, want(member("bob", 88)))
	if err != nil || len(p.Changes) != 0 || len(p.Cannot) != 1 || !strings.Contains(p.Cannot[0], "protection: approvals") {
		t.Errorf("free: %+v, %v; want nothing but what to use instead", p, err)
	}
	w.set("/plan", object{"name": "team"})
	_, err = w.job.Apply(ctx, want(member("bob", 88)))
	wantFault(t, err, fault.Refused, fault.EnvUnprotected)
	if !strings.Contains(fault.Of(err).Hint, "protection: approvals") {
		t.Errorf("hint = %q, want signed approvals", fault.Of(err).Hint)
	}
	if p, err := w.job.Environment(ctx, "production"); err != nil || p.State != policy.Missing {
		t.Errorf("after the refusal: %+v, %v; want no environment", p, err)
	}
	w.set("/plan", object{"name": "enterprise"})
	if _, err = w.job.Apply(ctx, want(member("bob", 88))); err != nil {
		t.Errorf("enterprise: %v", err)
	}
	_, err = w.job.Apply(ctx, want(member("bob", 88), member("nobody", 424242)))
	wantFault(t, err, fault.Refused, fault.Config)
	w.lab.Contract(t)
}

// What was written is read again. A platform that took it and kept something
// else, or does not know the switch, is found out.
func TestG08_what_was_written_is_read_again(t *testing.T) {
	asked := []string{}
	put := http.StatusOK
	message := ""
	j := at(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method)
		if r.Method == http.MethodPut {
			w.WriteHeader(put)
			fmt.Fprintf(w, `{"message":%q}`, message)
			return
		}
		fmt.Fprint(w, `{"id":5,"name":"production","can_admins_bypass":true,"protection_rules":[]}`)
	})
	wish := doctor.Want{Environment: "production", NoBypass: true}
	_, err := j.Apply(context.Background(), wish)
	wantFault(t, err, fault.Refused, fault.EnvUnprotected)
	if err != nil && !strings.Contains(err.Error(), "administrators may bypass is on, want off") {
		t.Errorf("error %q, want the setting by name", err)
	}
	if got := strings.Join(asked, " "); got != "GET PUT GET" {
		t.Errorf("asked %s, want read, written and read again", got)
	}
	put, message = 422, `Invalid request. "can_admins_bypass" is not a permitted key.`
	_, err = j.Apply(context.Background(), wish)
	wantFault(t, err, fault.Refused, fault.Bypass)
	put, message = 403, "Resource not accessible by integration"
	_, err = j.Apply(context.Background(), wish)
	wantFault(t, err, fault.Usage, fault.Config)
}

// get reads from the toy's API, without the code under test.
func (w *world) get(path string, v any) {
	w.t.Helper()
	env := w.lab.As(w.t, "github", nil)
	req, err := http.NewRequest(http.MethodGet, apiOf(env)+"/repos/acme/"+w.name+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+env["GITHUB_TOKEN"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := decode(resp, v); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}
