package gitlab_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/doctor"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/raised"
)

func (s scene) protection(name string) policy.Protection {
	s.t.Helper()
	p, err := s.as().Environment(context.Background(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

var maintainers = []fields{{"access_level": 40}}

// An environment is what has its name, its number, and a rule of its own or of
// a group above for its tier.
func TestH07_environment_that_is_not_protected(t *testing.T) {
	s := play(t, 640)
	s.l.Set(t, "/gitlab/groups/64000", fields{"path": "deep/sub", "parent_id": 64001})
	s.l.Set(t, "/gitlab/groups/64001", fields{"path": "deep", "protected_environments": []fields{
		{"name": "staging", "deploy_access_levels": maintainers, "approval_rules": []fields{{"group_id": 4242, "required_approvals": 2}}},
	}})
	s.set("", fields{"path": "deep/sub/p640", "namespace_id": 64000, "fields": fields{"namespace": fields{"id": 64000, "kind": "group", "full_path": "deep/sub", "parent_id": 64001}}})
	s.env = with(s.env, "CI_PROJECT_PATH", "deep/sub/p640")
	for _, e := range []string{"none", "bare", "counted"} {
		s.set("/environments/"+e, fields{})
	}
	s.set("/environments/eu", fields{"tier": "staging"})
	s.set("/environments/us", fields{"tier": "other"})
	s.set("/protected_environments/none", fields{"deploy_access_levels": []any{}, "approval_rules": []any{}})
	s.set("/protected_environments/bare", fields{"deploy_access_levels": maintainers, "approval_rules": []fields{{"id": 1, "user_id": 88, "required_approvals": 0}}})
	s.set("/protected_environments/counted", fields{"deploy_access_levels": maintainers, "approval_rules": []any{}, "required_approval_count": 1})
	s.set("/protected_environments/gone*", fields{"deploy_access_levels": maintainers})
	for name, want := range map[string]struct {
		state policy.State
		asked bool
	}{
		"production": {policy.Protected, true}, "counted": {policy.Protected, true}, "bare": {policy.Protected, false}, "eu": {policy.Protected, true},
		"us": {policy.Unprotected, false}, "none": {policy.Unprotected, false}, "gone1": {policy.Missing, false}, "production-2": {policy.Missing, false},
	} {
		p := s.protection(name)
		if p.State != want.state || p.Asked != want.asked || p.Bypass != policy.NoBypass || (p.ID == "") != (want.state == policy.Missing) {
			t.Errorf("%s: %+v, want state %v, asked %v", name, p, want.state, want.asked)
		}
		if p.Hidden != (name == "us") {
			t.Errorf("%s: %+v, want that a protection without rules is seen, and that none at all may be hidden", name, p)
		}
	}
	if p := s.protection("eu"); len(p.Rules) != 2 || !strings.HasPrefix(p.Rules[0], "group deep: may deploy") {
		t.Errorf("rules = %q, want those of group deep", p.Rules)
	}
	s.fail("/groups/64001/protected_environments", http.StatusForbidden)
	if p := s.protection("eu"); p.State != policy.Unprotected {
		t.Errorf("protection = %+v, want none that can be seen", p)
	}
	if p := s.protection("production"); p.State != policy.Protected {
		t.Errorf("protection = %+v, want that of the project", p)
	}
	s.fail("/groups/64000/protected_environments", http.StatusBadGateway)
	j := s.as()
	j.Budget = 300_000_000
	_, err := j.Environment(context.Background(), "eu")
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}

// An environment that was deleted and made again is another one.
func TestG05_environment_has_a_number(t *testing.T) {
	s := play(t, 641)
	before := s.protection("open")
	s.l.Unset(t, "/gitlab/projects/641/environments/open")
	if p := s.protection("open"); p.State != policy.Missing || p.ID != "" {
		t.Errorf("protection = %+v, want missing", p)
	}
	s.set("/environments/open", fields{})
	if after := s.protection("open"); after.ID == before.ID || after.ID == "" {
		t.Errorf("number %q, then %q; want another", before.ID, after.ID)
	}
}

// Who started a pipeline may approve unless GitLab says that he may not.
func TestH08_self_approval_setting(t *testing.T) {
	s := play(t, 642)
	for v, want := range map[any]bool{false: false, true: true, nil: true} {
		s.set("", fields{"path": s.path, "namespace_id": 4242, "fields": fields{"allow_pipeline_trigger_approve_deployment": v}})
		if p := s.protection("production"); p.Self != want {
			t.Errorf("setting %v: self = %v, want %v", v, p.Self, want)
		}
	}
}

// A plan without protected environments protects none.
func TestG07_plan_without_environments(t *testing.T) {
	s := play(t, 643)
	s.set("/tier", fields{"name": "free"})
	if p := s.protection("production"); p.State != policy.Unprotected || len(p.Rules) > 0 {
		t.Errorf("protection = %+v, want none", p)
	}
	want := doctor.Want{Environment: "production", NoSelf: true, Reviewers: []doctor.Reviewers{{Members: []policy.Member{group("4242", "acme")}, Count: 2}}}
	plan, err := s.job.Plan(context.Background(), want)
	if err != nil || len(plan.Changes) != 0 || len(plan.Cannot) != 1 || !strings.Contains(plan.Cannot[0], "signed approvals") {
		t.Errorf("plan = %+v, %v; want none, and what to use instead", plan, err)
	}
	s.wantRules(want, "plan-without-protection")
}

func (s scene) audit(w doctor.Want) []finding.Finding {
	s.t.Helper()
	all, err := s.as().Audit(context.Background(), []doctor.Want{w})
	if err != nil {
		s.t.Fatal(err)
	}
	return raised.Note(all)
}

func (s scene) wantRules(w doctor.Want, want ...string) []finding.Finding {
	s.t.Helper()
	var got []string
	all := s.audit(w)
	for _, f := range all {
		if f.Code == "" || f.Message == "" || f.Hint == "" {
			s.t.Errorf("finding %+v lacks a part", f)
		}
		got = append(got, f.Rule.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Errorf("findings %q, want %q:\n%+v", got, want, all)
	}
	return all
}

// A project in order has no findings; each mistake has its own.
func TestAudit(t *testing.T) {
	s := play(t, 644)
	s.set("", fields{"path": s.path, "namespace_id": 4243, "unprotected": []string{"production", "open"}})
	s.l.Set(t, "/gitlab/groups/4243", fields{"path": "acme-644"})
	team := []doctor.Reviewers{{Members: []policy.Member{group("4242", "acme")}, Count: 2}}
	rule := func(n int) fields {
		return fields{"deploy_access_levels": maintainers, "approval_rules": []fields{{"id": 5, "group_id": 4242, "access_level_description": "acme", "required_approvals": n}}}
	}
	want := doctor.Want{Environment: "production", Reviewers: team, Refs: []string{"refs/heads/main", "refs/tags/v1.*"}, NoSelf: true, NoBypass: true}
	s.set("/protected_environments/production", rule(2))
	s.set("/protected_tags", []fields{{"name": "v*"}})
	s.set("/variables", []fields{
		{"key": "SALLYPORT_TOKEN", "masked": true, "protected": true}, {"key": "KUBE_TOKEN", "masked": true, "protected": true, "environment_scope": "production"},
		{"key": "LANG"}, {"key": "STAGING_SECRET", "masked": true, "environment_scope": "staging"},
	})
	s.wantRules(want)
	other := want
	other.Environment = "prod"
	s.wantRules(other, "environment-missing", "approval-rules")
	other.Environment, other.Reviewers = "open", nil
	s.wantRules(other, "environment-unprotected")
	s.set("/protected_environments/op*", rule(2))
	s.wantRules(other, "environment-wildcard")
	s.l.Set(t, "/gitlab/groups/4243", fields{"path": "acme-644", "protected_environments": []fields{{"name": "production", "deploy_access_levels": maintainers}}})
	s.wantRules(other, "environment-wildcard", "environment-tier")
	s.l.Set(t, "/gitlab/groups/4243", fields{"path": "acme-644", "protected_environments": []fields{}})
	s.set("/protected_environments/production", rule(1))
	s.wantRules(want, "approval-rules")
	s.set("/protected_environments/production", rule(3))
	s.wantRules(want)
	s.set("/protected_tags", []fields{{"name": "v2*"}})
	s.wantRules(want, "ref-unprotected")
	s.set("/protected_tags", []fields{{"name": "*"}})
	s.set("/variables", []fields{{"key": "DEPLOY_KEY", "masked": true, "environment_scope": "prod*"}, {"key": "AWS_SECRET", "protected": true}})
	found := s.wantRules(want, "variables-unprotected", "variables-unprotected")
	for _, f := range found {
		if !strings.Contains(f.Message, "DEPLOY_KEY") && !strings.Contains(f.Message, "AWS_SECRET") {
			t.Errorf("message %q, want the name of a variable", f.Message)
		}
	}
	s.set("/variables", []fields{})
	s.set("", fields{"path": s.path, "namespace_id": 4243, "fields": fields{"allow_pipeline_trigger_approve_deployment": true}})
	s.wantRules(want, "self-approval")
	s.set("/protected_environments/production", fields{"deploy_access_levels": []fields{}, "approval_rules": rule(3)["approval_rules"]})
	s.wantRules(want, "self-approval", "environment-self-review")
	s.set("/protected_environments/production", rule(3))
	s.set("", fields{"path": s.path, "namespace_id": 4243})
	s.fail("/variables", http.StatusForbidden)
	if all := s.wantRules(want, "cannot-see"); all[0].Severity != finding.Note {
		t.Errorf("finding %+v, want a note", all[0])
	}
	j := s.as()
	j.Budget = 300_000_000
	s.fail("/protected_tags", http.StatusBadGateway)
	_, err := j.Audit(context.Background(), []doctor.Want{want})
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}

// What is asked is planned, written, and there when it is read again; what was
// there before stays.
func TestApply_adds_and_never_takes_away(t *testing.T) {
	s := play(t, 645)
	s.set("", fields{"path": s.path, "namespace_id": 4242, "fields": fields{"allow_pipeline_trigger_approve_deployment": true}})
	s.set("/protected_environments/production", fields{"deploy_access_levels": []fields{{"id": 11, "user_id": 90, "access_level_description": "dana"}}, "approval_rules": []fields{
		{"id": 5, "group_id": 4242, "required_approvals": 1, "group_inheritance_type": 1}, {"id": 6, "user_id": 90, "access_level_description": "dana", "required_approvals": 1},
		{"id": 7, "access_level": 40, "access_level_description": "Maintainers", "required_approvals": 3},
	}})
	want := doctor.Want{Environment: "production", NoSelf: true, NoBypass: true, Reviewers: []doctor.Reviewers{
		{Members: []policy.Member{group("4242", "acme")}, Count: 2},
		{Members: []policy.Member{role("maintainer")}, Count: 1},
		{Members: []policy.Member{member("88", "bob")}, Count: 1},
		{Members: []policy.Member{member("88", "bob"), member("89", "carol"), member("90", "dana")}, Count: 2},
		{Members: []policy.Member{{Kind: policy.MemberTeam, Host: "https://git.example", ID: "77", Name: "elsewhere"}}, Count: 1},
		{Members: []policy.Member{{Kind: policy.MemberEmail, ID: "x@y", Name: "x@y"}}, Count: 1},
	}}
	ctx := context.Background()
	plan, err := s.job.Plan(ctx, want)
	if err != nil || len(plan.Changes) != 3 || len(plan.Cannot) != 3 || !strings.Contains(plan.Text(), "approvals of group 4242\n    now   1\n    want  2") {
		t.Fatalf("plan, %v:\n%s\nwant 3 changes and 3 that cannot be", err, plan.Text())
	}
	before := s.protection("production")
	applied, err := s.job.Apply(ctx, want)
	if err != nil || len(applied.Changes) != 3 {
		t.Fatalf("applied %+v, %v; want the plan", applied, err)
	}
	after := s.protection("production")
	for _, r := range before.Rules {
		if !strings.Contains(r, "of acme") && !strings.Contains(r, "group 4242") && !slices.Contains(after.Rules, r) {
			t.Errorf("rule %q is gone: %q", r, after.Rules)
		}
	}
	if !before.Self || after.Self || len(after.Rules) != len(before.Rules)+1 {
		t.Errorf("rules %q, then %q, self %v; want one more, and no approval by oneself", before.Rules, after.Rules, after.Self)
	}
	if again, err := s.job.Plan(ctx, want); err != nil || len(again.Changes) != 0 {
		t.Errorf("plan = %+v, %v; want nothing left", again, err)
	}
}

func member(id, name string) policy.Member {
	return policy.Member{Kind: policy.MemberUser, Host: server, ID: id, Name: name}
}

// An environment that is open becomes protected.
func TestApply_protects(t *testing.T) {
	s := play(t, 646)
	want := doctor.Want{Environment: "open", Reviewers: []doctor.Reviewers{{Members: []policy.Member{role("developer")}, Count: 1}}, Refs: []string{"refs/heads/main", "refs/heads/dev"}}
	plan, err := s.job.Apply(context.Background(), want)
	if err != nil || len(plan.Changes) != 2 || len(plan.Cannot) != 1 || !strings.Contains(plan.Cannot[0], "dev") {
		t.Errorf("applied %+v, %v; want 2 changes, and that dev cannot be kept out", plan, err)
	}
	if p := s.protection("open"); p.State != policy.Protected || !p.Asked {
		t.Errorf("protection = %+v, want that somebody is asked", p)
	}
	s.wantRules(doctor.Want{Environment: "open", Reviewers: want.Reviewers})
}

// What GitLab takes and does not keep is an error that names it.
func TestApply_reads_again(t *testing.T) {
	s := play(t, 647)
	want := doctor.Want{Environment: "production", Reviewers: []doctor.Reviewers{{Members: []policy.Member{group("999999", "nobody")}, Count: 1}}}
	_, err := s.job.Apply(context.Background(), want)
	wantFault(t, err, fault.Refused, fault.EnvUnprotected)
	if err != nil && !strings.Contains(err.Error(), "group 999999 is no rule, want 1") {
		t.Errorf("error = %v, want the rule that is not there", err)
	}
	s.fail("PUT .*/protected_environments", http.StatusForbidden)
	_, err = s.job.Apply(context.Background(), want)
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if got := fault.Of(err).Hint; !strings.Contains(got, "scope api") {
		t.Errorf("hint = %q, want the scope", got)
	}
}

// A missing environment is made before it is protected, and an answer that
// loses an older rule is an error.
func TestApply_makes_and_compares(t *testing.T) {
	var sent []string
	made, rules := false, `[{"id":1,"user_id":7,"required_approvals":2}]`
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			b, _ := io.ReadAll(r.Body)
			sent = append(sent, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v4/projects/1")+" "+string(b))
			switch {
			case strings.HasSuffix(r.URL.Path, "/environments"):
				made = true
			default:
				rules = `[{"id":2,"group_id":55,"required_approvals":1}]`
			}
			fmt.Fprint(w, "{}")
			return
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/environments") && made:
			fmt.Fprint(w, `[{"id":3,"name":"prod","tier":"production"}]`)
		case strings.HasSuffix(r.URL.Path, "s"):
			fmt.Fprint(w, `[]`)
		case strings.HasSuffix(r.URL.Path, "/protected_environments/prod"):
			fmt.Fprintf(w, `{"name":"prod","deploy_access_levels":[{"id":9,"access_level":40}],"approval_rules":%s}`, rules)
		default:
			fmt.Fprint(w, `{"id":1,"allow_pipeline_trigger_approve_deployment":false}`)
		}
	})
	j, url := at(t, h)
	leads := policy.Member{Kind: policy.MemberTeam, Host: url, ID: "55", Name: "leads"}
	want := doctor.Want{Environment: "prod", NoSelf: true, Reviewers: []doctor.Reviewers{{Members: []policy.Member{leads}, Count: 1}}}
	_, err := j.Apply(context.Background(), want)
	wantFault(t, err, fault.Refused, fault.EnvUnprotected)
	if err != nil && !strings.Contains(err.Error(), "2 approvals of user 7 are gone") {
		t.Errorf("error = %v, want the rule that was lost", err)
	}
	if len(sent) != 2 || !strings.HasPrefix(sent[0], `POST /environments {"name":"prod"}`) || !strings.HasPrefix(sent[1], `PUT /protected_environments/prod {"approval_rules":[{"group_id":55,`) {
		t.Errorf("sent %q, want the environment and then the rule", sent)
	}
	if strings.Contains(strings.Join(sent, ""), "_destroy") {
		t.Errorf("sent %q, want nothing destroyed", sent)
	}
}

// at returns a job whose API is h, and its server.
func at(t *testing.T, h http.Handler, kv ...string) (*gitlab.Job, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	env := map[string]string{"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "a/b", "CI_SERVER_URL": s.URL, "CI_API_V4_URL": s.URL + "/api/v4", "GITLAB_TOKEN": "person"}
	j, _ := job(t, with(env, kv...))
	return j, s.URL
}

// A person at a terminal finds the project by its address.
func TestAt(t *testing.T) {
	s := play(t, 648)
	get := func(k string) string {
		return map[string]string{"CI_SERVER_URL": server, "CI_API_V4_URL": apiOf(s.env), "SALLYPORT_TOKEN": s.env["GITLAB_TOKEN"],
			"CI_JOB_ID": "302", "CI_PIPELINE_ID": "90"}[k] // of a job of another project
	}
	j, err := gitlab.At(get, server+"/", s.path)
	if err != nil {
		t.Fatal(err)
	}
	repository, id, head, ref, err := j.Head(context.Background())
	if err != nil || repository != server+"/"+s.path || id != "648" || head != s.env["CI_COMMIT_SHA"] || ref != "refs/heads/main" {
		t.Errorf("Head = %q, %q, %q, %q, %v", repository, id, head, ref, err)
	}
	if p, err := j.Environment(context.Background(), "production"); err != nil || p.State != policy.Protected {
		t.Errorf("protection = %+v, %v; want it protected", p, err)
	}
	q := s.query("")
	q.Head = head
	if c, err := j.Change(context.Background(), q); err != nil || c.Order != policy.First || !c.Reachable {
		t.Errorf("change = %+v, %v; want the first", c, err)
	}
	if r, err := j.Reviews(context.Background(), "production"); err != nil || len(r.List) > 0 || strings.Contains(r.Run, "302") {
		t.Errorf("reviews = %+v, %v; want none outside of a job", r, err)
	}
	for _, c := range [][2]string{{"http://gitlab.com", s.path}, {server, "noname"}, {server, "../x/y"}, {"", s.path}, {"https://u:p@gitlab.com", s.path}} {
		if _, err := gitlab.At(get, c[0], c[1]); fault.Of(err).Kind != fault.Usage {
			t.Errorf("At(%q, %q): %v, want a fault of usage", c[0], c[1], err)
		}
	}
}

// The token is shown to the API of its own server only.
func TestJ05_address_of_a_job_is_for_its_own_server(t *testing.T) {
	asked := false
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer evil.Close()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "branches") {
			fmt.Fprintf(w, `{"name":"main","commit":{"id":%q}}`, sha("c1"))
			return
		}
		fmt.Fprint(w, `{"id":5,"default_branch":"main"}`)
	}))
	defer own.Close()
	j, err := gitlab.At(func(k string) string {
		return map[string]string{"CI_SERVER_URL": "https://other.example", "CI_API_V4_URL": evil.URL, "SALLYPORT_TOKEN": "t"}[k]
	}, own.URL, "a/b")
	if err != nil {
		t.Fatal(err)
	}
	if _, id, head, _, err := j.Head(context.Background()); err != nil || id != "5" || head != sha("c1") || asked {
		t.Errorf("Head = %q, %q, %v, asked elsewhere %v; want 5 of its own server", id, head, err, asked)
	}
}

// The pipeline's configuration is that which GitLab merges, or none.
func TestH06_merged_configuration(t *testing.T) {
	s := play(t, 649)
	s.set("/lint", fields{"merged_yaml": "build: {script: [make]}\n"})
	if b, err := s.job.Merged(context.Background(), "main"); err != nil || string(b) != "build: {script: [make]}\n" {
		t.Errorf("merged = %q, %v", b, err)
	}
	s.set("/lint", fields{"valid": false, "errors": []string{"jobs config should contain at least one visible job\x1b[2K"}})
	_, err := s.job.Merged(context.Background(), "")
	wantFault(t, err, fault.Refused, fault.Lint)
	if err != nil && (!strings.Contains(err.Error(), "visible job") || strings.Contains(err.Error(), "\x1b")) {
		t.Errorf("error = %q, want the message, quoted", err)
	}
}
