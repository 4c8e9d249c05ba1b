package gitlab_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

func (s scene) uri(id int) string { return fmt.Sprintf("%s/%s/-/jobs/%d", server, s.path, id) }

func (s scene) run(q policy.RunQuery) policy.Run {
	s.t.Helper()
	all, err := s.as().Runs(context.Background(), []policy.RunQuery{q})
	if err != nil || len(all) != 1 || all[0].URI != q.URI {
		s.t.Fatalf("Runs = %+v, %v; want one", all, err)
	}
	return all[0]
}

// Only what GitLab itself calls a success is one.
func TestF13_signed_in_a_job_that_failed(t *testing.T) {
	s := play(t, 620)
	s.set("/pipelines/500", fields{"status": "success"})
	s.set("/jobs/400", fields{"pipeline": fields{"id": 500}, "status": "success", "name": "build"})
	want := func(what string, q policy.RunQuery, state policy.RunState) {
		t.Helper()
		if r := s.run(q); r.State != state || r.Words == "" {
			t.Errorf("%s: state %v (%s), want %v", what, r.State, r.Words, state)
		}
	}
	whole := policy.RunQuery{URI: s.uri(400), Outcome: true}
	want("success", whole, policy.Succeeded)
	for status, state := range map[string]policy.RunState{
		"failed": policy.Failed, "canceled": policy.Failed, "skipped": policy.Failed, "running": policy.Unfinished, "manual": policy.Unfinished,
		"created": policy.Unfinished, "blessed": policy.RunUnknown, "Success": policy.RunUnknown, "": policy.RunUnknown,
	} {
		s.set("/jobs/400", fields{"status": status})
		want("job "+status, whole, state)
		s.set("/jobs/400", fields{"status": "success"})
		s.set("/pipelines/500", fields{"status": status})
		want("pipeline "+status, whole, state)
		s.set("/pipelines/500", fields{"status": "success"})
	}
	want("our own pipeline still runs", policy.RunQuery{URI: s.uri(302), Outcome: true}, policy.Succeeded)
	if r := s.run(policy.RunQuery{URI: s.uri(302), Outcome: true}); !r.Own || r.Pipeline != "574" {
		t.Errorf("run = %+v, want our own, of pipeline 574", r)
	}
	s.set("/jobs/401", fields{"pipeline": fields{"id": 500}, "status": "failed", "name": "test 1/2"})
	s.set("/jobs/402", fields{"pipeline": fields{"id": 500}, "status": "success", "name": "test 2/2"})
	named := func(names ...string) policy.RunQuery {
		return policy.RunQuery{URI: s.uri(400), Outcome: true, Jobs: names}
	}
	s.set("/pipelines/500", fields{"status": "running"})
	want("the named job", named("build"), policy.Succeeded)
	want("one part of another", named("build", "test"), policy.Failed)
	want("a job that is not there", named("build", "lint"), policy.RunUnknown)
	s.set("/jobs/403", fields{"pipeline": fields{"id": 500}, "status": "success", "name": "test 1/2"})
	want("run again", named("build", "test"), policy.Succeeded)
}

// A job of another project, or one that is gone, says nothing.
func TestH13_job_of_another_project(t *testing.T) {
	s := play(t, 621)
	for _, uri := range []string{
		server + "/acme/widget/-/jobs/302", "https://gitlab.com.evil.example/" + s.path + "/-/jobs/302", s.uri(302) + "/artifacts", s.uri(302) + "?", server + "/" + s.path + "/-/jobs/0302",
		server + "/" + s.path + "/-/jobs/../302", s.uri(9999), "", strings.ToUpper(s.uri(302)),
	} {
		if r := s.run(policy.RunQuery{URI: uri, Outcome: true}); r.State != policy.RunUnknown || r.Words == "" || r.By.ID != "" {
			t.Errorf("%q: %+v, want unknown, with words", uri, r)
		}
	}
	s.set("/pipelines/574", fields{"project_id": 20})
	_, err := s.job.Runs(context.Background(), []policy.RunQuery{{URI: s.uri(302)}})
	wantFault(t, err, fault.Refused, fault.Source)
}

// Event and ref are what GitLab says, so that a policy can turn them down.
func TestH11_and_H12_events_and_refs(t *testing.T) {
	s := play(t, 622)
	for _, event := range []string{"push", "web", "api", "schedule", "trigger", "pipeline", "parent_pipeline", "merge_request_event", "ondemand_dast_scan"} {
		s.set("/pipelines/574", fields{"source": event})
		if r := s.run(policy.RunQuery{URI: s.uri(302)}); r.Event != event || r.Commit == "" || r.By.ID != "1" || r.By.Host != server {
			t.Errorf("run = %+v, want event %s by user 1", r, event)
		}
	}
	for ref, want := range map[string]string{"main": "refs/heads/main", "refs/merge-requests/1/merge": "refs/merge-requests/1/merge"} {
		s.set("/jobs/302", fields{"ref": ref})
		if r := s.run(policy.RunQuery{URI: s.uri(302)}); r.Ref != want {
			t.Errorf("ref = %q, want %q", r.Ref, want)
		}
	}
	s.set("/jobs/302", fields{"ref": "v1", "tag": true})
	if r := s.run(policy.RunQuery{URI: s.uri(302)}); r.Ref != "refs/tags/v1" || r.Again {
		t.Errorf("run = %+v, want tag v1, not again", r)
	}
	s.set("/jobs/302", fields{"user": bob})
	if r := s.run(policy.RunQuery{URI: s.uri(302)}); !r.Again || r.By.ID != "88" {
		t.Errorf("run = %+v, want again, by 88", r)
	}
}

// Only an active account of a person is one.
func TestI05_kinds_of_account(t *testing.T) {
	s := play(t, 623)
	for i, c := range []struct {
		user fields
		want policy.Kind
	}{
		{fields{"username": "erin"}, policy.Human},
		{fields{"username": "erin", "bot": true}, policy.Machine},
		{fields{"username": "project_123_bot_0a1b", "bot": true}, policy.Machine},
		{fields{"username": "group_55_bot_0a1b", "bot": true}, policy.Machine},
		{fields{"username": "service_account_group_55_0a1b", "bot": true}, policy.Machine},
		{fields{"username": "deployer", "bot": true}, policy.Machine}, // a service account with a name of its own
		{fields{"username": "project_manager_bot"}, policy.Human},     // names are chosen
		{fields{"username": "project_123_bot"}, policy.Human},
		{fields{"username": "erin", "bot": nil}, policy.Unseen},
		{fields{"username": "erin", "state": "blocked"}, policy.Gone},
		{fields{"username": "erin", "state": "deactivated"}, policy.Gone},
		{fields{"username": "erin", "state": "banned"}, policy.Gone},
		{fields{"username": "erin", "state": "new"}, policy.Unseen},
		{fields{"username": "erin", "state": ""}, policy.Unseen},
	} {
		id := 62300 + i
		c.user["id"] = id
		s.l.Set(t, fmt.Sprintf("/gitlab/users/%d", id), c.user)
		s.set("/jobs/302", fields{"user": fields{"id": id}})
		if r := s.run(policy.RunQuery{URI: s.uri(302)}); r.By.Kind != c.want || r.By.ID != fmt.Sprint(id) {
			t.Errorf("%v: %+v, want %v", c.user, r.By, c.want)
		}
	}
	for i, name := range []string{"ghost", "Ghost1", "erin_placeholder_user_3", "import_user_namespace_55"} {
		id := 62350 + i
		s.l.Set(t, fmt.Sprintf("/gitlab/users/%d", id), fields{"id": id, "username": name})
		s.set("/jobs/302", fields{"user": fields{"id": id}})
		if r := s.run(policy.RunQuery{URI: s.uri(302)}); r.By.ID != "" {
			t.Errorf("%s: %+v, want nobody", name, r.By)
		}
	}
	s.set("/jobs/302", fields{"user": bob})
	s.fail("/users/", http.StatusNotFound)
	if r := s.run(policy.RunQuery{URI: s.uri(302)}); r.By.Kind != policy.Unseen {
		t.Errorf("an account without a record is %v, want unseen", r.By.Kind)
	}
}

// A maker is a machine if GitLab calls it one, in whatever role, and unseen if
// GitLab does not say.
func TestI04_a_maker_that_is_a_machine(t *testing.T) {
	s := play(t, 635)
	for id, name := range map[int]string{63501: "project_635_bot_0a1b", 63502: "group_4242_bot_0a1b", 63503: "deployer"} {
		s.l.Set(t, fmt.Sprintf("/gitlab/users/%d", id), fields{"id": id, "username": name, "bot": true, "public_email": name + "@x.example"})
	}
	s.l.Set(t, "/gitlab/users/63504", fields{"id": 63504, "username": "project_manager_bot"})
	s.history(new(script).commit("c1", "x@x.example").commit("f1", "deployer@x.example", "c1").
		push(fields{"id": 63501}, "main", "c1", "f1", 1).
		request(fields{"iid": 1, "author": fields{"id": 63504}, "merge_user": fields{"id": 63502}, "sha": sha("f1"), "commits": []string{sha("f1")}}), "f1")
	s.deployed(7001, "c1")
	s.set("/jobs/302", fields{"user": fields{"id": 63503}})
	kinds := func() map[string]policy.Kind {
		t.Helper()
		out := map[string]policy.Kind{}
		for _, m := range s.change("f1").Makers {
			out[fmt.Sprint(m.Role, " ", m.Account.ID)] = m.Account.Kind
		}
		return out
	}
	all := kinds()
	for who, want := range map[string]policy.Kind{
		"pusher 63501": policy.Machine, "merger 63502": policy.Machine, "trigger 63503": policy.Machine, "author 63503": policy.Machine, "requester 63504": policy.Human,
	} {
		if got, ok := all[who]; !ok || got != want {
			t.Errorf("%s: %v, %v; want %v", who, got, ok, want)
		}
	}
	for _, together := range []string{`{}`, `{"data":{"users":{"nodes":[]}}}`} { // nobody is told of together
		s.say("/api/graphql$", together)
		s.fail("/users/63504$", http.StatusNotFound)
		s.job = s.as()
		if got := kinds()["requester 63504"]; got != policy.Unseen {
			t.Errorf("a requester whose record is hidden is %v, want unseen", got)
		}
		s.l.Unset(t, "/faults")
	}
	s.fail("/api/graphql$", http.StatusNotFound)
	s.fail("/users/63504$", http.StatusForbidden)
	s.job = s.as()
	if _, err := s.job.Change(context.Background(), s.query("f1")); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("error = %v, want unavailable: nobody is a maker less because GitLab refused", err)
	}
}

// An invited group's members and those of the groups above are no direct members
// of a group or project.
func TestI09_direct_members(t *testing.T) {
	s := play(t, 636)
	s.l.Set(t, "/gitlab/groups/63601", fields{"path": "guests-636", "members": []fields{{"id": 90, "access_level": 40}}})
	s.l.Set(t, "/gitlab/groups/63602", fields{"path": "acme-636", "members": []fields{{"id": 88, "access_level": 40}}})
	s.l.Set(t, "/gitlab/groups/63603", fields{"path": "acme-636/leads", "parent_id": 63602, "invited": []int{63601}, "members": []fields{{"id": 89, "access_level": 40}}})
	s.set("", fields{"path": "acme-636/leads/p636", "namespace_id": 63603})
	s.env["CI_PROJECT_PATH"] = "acme-636/leads/p636"
	s.set("/members", []fields{{"id": 1, "access_level": 40}})
	for m, want := range map[policy.Member]string{
		group("63603", "acme-636/leads"): "89", inherited(group("63603", "acme-636/leads")): "89 90 88",
		role("maintainer"): "1", inherited(role("maintainer")): "1 89 90 88",
	} {
		if got, err := s.roster(m); err != nil || ids(got) != want {
			t.Errorf("%s members of %s: %q, %v; want %q", m.Reach, m, ids(got), err, want)
		}
	}
}

func ids(all []policy.Account) string {
	var out []string
	for _, a := range all {
		out = append(out, a.ID)
	}
	return strings.Join(out, " ")
}

func role(name string) policy.Member {
	return policy.Member{Kind: policy.MemberRole, Host: server, Name: name, Reach: policy.Direct}
}

func group(id, name string) policy.Member {
	return policy.Member{Kind: policy.MemberTeam, Host: server, ID: id, Name: name, Reach: policy.Direct}
}

// inherited also means the members that come from elsewhere.
func inherited(m policy.Member) policy.Member {
	m.Reach = policy.Inherited
	return m
}

func (s scene) roster(m policy.Member) ([]policy.Account, error) {
	s.t.Helper()
	all, err := s.as().Rosters(context.Background(), []policy.Member{{Kind: policy.MemberUser, Host: server, ID: "1"}, m, {Kind: policy.MemberEmail, Name: "x@y"}})
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || all[0].Member != m {
		s.t.Fatalf("rosters = %+v, want one, of %v", all, m)
	}
	return all[0].Accounts, nil
}

// A group is the one with its number, and who is in it today.
func TestI09_groups_are_known_by_number(t *testing.T) {
	s := play(t, 624)
	s.l.Set(t, "/gitlab/groups/62400", fields{"path": "acme/leads", "members": []fields{
		{"id": 88, "access_level": 40}, {"id": 62490, "access_level": 40, "membership_state": "awaiting"}, {"id": 89, "access_level": 40, "expires_at": "2020-01-01"}, {"id": 90, "access_level": 40, "expires_at": time.Now().AddDate(0, 0, 2).Format("2006-01-02")},
	}})
	s.l.Set(t, "/gitlab/groups/62401", fields{"path": "acme/leads-2", "members": []fields{{"id": 1, "access_level": 40}}})
	for m, want := range map[policy.Member]string{
		group("62400", "acme/leads"): "88 90", group("62400", "acme/renamed"): "88 90", group("62401", "acme/leads"): "1",
	} {
		if got, err := s.roster(m); err != nil || ids(got) != want {
			t.Errorf("%v: %q, %v; want %q", m, ids(got), err, want)
		}
	}
	s.l.Set(t, "/gitlab/groups/62402", fields{"path": "acme/leads/sub", "parent_id": 62400, "members": []fields{{"id": 1, "access_level": 30}}})
	if got, err := s.roster(group("62402", "acme/leads/sub")); err != nil || ids(got) != "1" {
		t.Errorf("nested: %q, %v; want the direct members alone", ids(got), err)
	}
	if got, err := s.roster(inherited(group("62402", "acme/leads/sub"))); err != nil || ids(got) != "1 88 90" {
		t.Errorf("nested: %q, %v; want the members of the group above too", ids(got), err)
	}
	unsaid := group("62402", "acme/leads/sub")
	unsaid.Reach = ""
	if got, err := s.roster(unsaid); err == nil {
		t.Errorf("of members that nobody said which: %q; want an error", ids(got))
	}
	for m, c := range map[policy.Member]fault.Code{
		group("62499", "acme/leads"): fault.Malformed, group("", "acme/leads"): fault.Policy, group("acme/leads", ""): fault.Policy, role("everybody"): fault.Policy,
	} {
		if got, err := s.roster(m); err == nil || fault.Of(err).Code != c {
			t.Errorf("%+v: %q, %v; want %s", m, ids(got), err, c)
		}
	}
	// The same number on another platform is nobody here.
	if got, err := s.as().Rosters(t.Context(), []policy.Member{{Kind: policy.MemberTeam, Host: "https://git.example", ID: "62400", Name: "acme/leads"}}); err != nil || len(got) != 0 {
		t.Errorf("team of another platform: %v, %v; want no roster", got, err)
	}
	s.fail("/groups/62400/members", http.StatusForbidden)
	if _, err := s.roster(group("62400", "acme/leads")); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("error = %v, want unavailable", err)
	}
}

// A role is everybody with at least that access, past the first hundred.
func TestI09_roles(t *testing.T) {
	s := play(t, 625)
	var members []fields
	for i := range 230 {
		members = append(members, fields{"id": 62500 + i, "username": fmt.Sprint("user", i), "access_level": []int{20, 30, 40}[i%3]})
	}
	members = append([]fields{{"id": 62990, "username": "deployer", "bot": true, "access_level": 40}}, members...)
	members = append(members, fields{"id": 62991, "username": "left", "state": "blocked", "access_level": 40})
	s.set("", fields{"path": "solo/p625", "namespace_id": 625})
	s.set("/members", members)
	for name, want := range map[string]int{"guest": 232, "reporter": 232, "developer": 155, "maintainer": 78, "owner": 0} {
		got, err := s.roster(role(name))
		if err != nil || len(got) != want {
			t.Errorf("%s: %d accounts, %v; want %d", name, len(got), err, want)
		}
	}
	for _, c := range []struct {
		what           string
		humans, others int
	}{{"asked together", 76, 0}, {"asked one by one", 19, 57}} {
		all, err := s.roster(role("maintainer"))
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[policy.Kind]int{}
		for _, a := range all {
			kinds[a.Kind]++
			if want := map[string]policy.Kind{"62990": policy.Machine, "62991": policy.Gone}[a.ID]; want != 0 && a.Kind != want {
				t.Errorf("%s: %s is %v, want %v", c.what, a.Name, a.Kind, want)
			}
		}
		if kinds[policy.Human] != c.humans || kinds[policy.KindUnknown] != c.others {
			t.Errorf("%s: kinds = %v, want %d humans and %d unknown", c.what, kinds, c.humans, c.others)
		}
		s.fail("/api/graphql$", http.StatusNotFound)
	}
}

// blocked makes a deployment of the job that asks, which waits.
func (s scene) blocked() {
	s.t.Helper()
	s.deployed(7200, "c1", "status", "blocked", "deployable", fields{"id": 302, "pipeline": fields{"id": 574}})
}

func (s scene) reviews() policy.Reviews {
	s.t.Helper()
	r, err := s.as().Reviews(context.Background(), "production")
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// An approval is what the deployment of this very job holds.
func TestI06_reviews_of_this_deployment(t *testing.T) {
	s := play(t, 626)
	if r := s.reviews(); len(r.List) != 0 || r.Entered || r.Asked {
		t.Errorf("reviews = %+v, want none", r)
	}
	s.deployed(7100, "c1")
	s.post("/deployments/7100/review", fields{"user": bob, "status": "approved"})
	if r := s.reviews(); len(r.List) != 0 {
		t.Errorf("reviews = %+v, want none: they are of another job", r)
	}
	s.blocked()
	if r := s.reviews(); len(r.List) != 0 || !r.Entered || !r.Asked || !r.Timed {
		t.Errorf("reviews = %+v, want none yet, and that somebody is asked", r)
	}
	s.post("/deployments/7200/review", fields{"user": bob, "status": "approved", "comment": "sha256:ab", "created_at": "2026-11-22T10:00:00.123Z"})
	s.post("/deployments/7200/review", fields{"user": carol, "status": "rejected", "comment": nil})
	r := s.reviews()
	if len(r.List) != 2 {
		t.Fatalf("reviews = %+v, want two", r)
	}
	got := r.List[0]
	if got.Account.ID != "88" || got.Account.Kind != policy.Human || got.Decision != statement.Approve || got.Comment != "sha256:ab" || got.As != "bob" || got.Time.Year() != 2026 ||
		len(got.Environments) != 1 || got.Environments[0].Name != "production" || got.Environments[0].ID == "" {
		t.Errorf("review = %+v, want bob's, for production", got)
	}
	if got := r.List[1]; got.Account.ID != "89" || got.Decision != statement.Reject {
		t.Errorf("review = %+v, want carol's no", got)
	}
}

// A job before the one that deploys sees the approvals of its own pipeline's.
func TestI06_reviews_before_the_deployment(t *testing.T) {
	s := play(t, 627)
	s.deployed(7201, "c1", "status", "blocked", "deployable", fields{"id": 310, "pipeline": fields{"id": 574}})
	s.deployed(7202, "c1", "status", "blocked", "deployable", fields{"id": 311, "pipeline": fields{"id": 575}})
	s.deployed(7203, "c1", "status", "blocked", "environment", "open", "deployable", fields{"id": 312, "pipeline": fields{"id": 574}})
	for _, id := range []int{7201, 7202, 7203} {
		s.post(fmt.Sprintf("/deployments/%d/review", id), fields{"user": fields{"id": 62700 + id}, "status": "approved"})
	}
	if r := s.reviews(); len(r.List) != 1 || r.List[0].Account.ID != fmt.Sprint(62700+7201) || r.Entered {
		t.Errorf("reviews = %+v, want the one of deployment 7201, not entered", r)
	}
	s.blocked()
	s.post("/deployments/7200/review", fields{"user": dana, "status": "approved"})
	if r, err := s.as("CI_PIPELINE_ID", "999").Reviews(context.Background(), "production"); err != nil || len(r.List) != 0 {
		t.Errorf("reviews = %+v, %v; want none: the job is of another pipeline", r, err)
	}
}

// A manual job that somebody started, or that was skipped, is no approval.
func TestH03_manual_job_is_no_approval(t *testing.T) {
	s := play(t, 628)
	s.set("/pipelines/574", fields{"status": "success"})
	s.set("/jobs/303", fields{"pipeline": fields{"id": 574}, "name": "approve", "status": "success", "user": bob, "allow_failure": true})
	s.blocked()
	if r := s.reviews(); len(r.List) != 0 {
		t.Errorf("reviews = %+v, want none", r)
	}
	s.post("/deployments/7200/review", fields{"user": bob, "status": "approved"})
	if r := s.reviews(); len(r.List) != 1 {
		t.Errorf("reviews = %+v, want bob's", r)
	}
}

// Approvals of administrators, of who started it, and for two rules at once are
// told as they are: by number, each with its rule, none left out.
func TestH08_and_H09_whose_approval_it_is(t *testing.T) {
	s := play(t, 629)
	s.set("/protected_environments/production", fields{"approval_rules": []fields{
		{"id": 1, "user_id": 88, "access_level_description": "bob", "required_approvals": 1},
		{"id": 2, "group_id": 4242, "access_level_description": "acme", "required_approvals": 1},
	}})
	s.blocked()
	s.post("/deployments/7200/review", fields{"user": fields{"id": 62901, "username": "root"}, "status": "approved"})
	s.post("/deployments/7200/review", fields{"user": alice, "status": "approved", "represented_as": "nobody's rule"})
	for _, as := range []string{"bob", "acme"} {
		s.post("/deployments/7200/review", fields{"user": bob, "status": "approved", "represented_as": as})
	}
	var got []string
	for _, r := range s.reviews().List {
		got = append(got, r.Account.ID+" "+r.As)
	}
	if strings.Join(got, ", ") != "62901 , 1 , 88 bob, 88 acme" {
		t.Errorf("reviews = %q, want those of 62901 and 1 without a rule, and 88 for both", got)
	}
}

// What stands in the summary alone is heard; a word that nobody knows, or an
// approval of nobody, is refused.
func TestI05_words_of_an_approval(t *testing.T) {
	s := play(t, 630)
	s.blocked()
	no := fields{"user": carol, "status": "rejected", "created_at": "2026-11-22T10:00:00Z"}
	s.set("/deployments/7200", fields{"approvals": []fields{}, "approval_summary": fields{"rules": []fields{{"access_level_description": "leads", "required_approvals": 1, "deployment_approvals": []fields{no}}}}})
	if r := s.reviews(); len(r.List) != 1 || r.List[0].Decision != statement.Reject || r.List[0].As != "leads" {
		t.Errorf("reviews = %+v, want carol's no", r)
	}
	for _, a := range []fields{
		{"user": bob, "status": "pending", "created_at": "2026-11-22T10:00:00Z"},
		{"user": bob, "status": "", "created_at": "2026-11-22T10:00:00Z"},
		{"user": nil, "status": "approved", "created_at": "2026-11-22T10:00:00Z"},
		{"user": bob, "status": "approved", "created_at": "yesterday"},
		{"user": bob, "status": "approved"},
	} {
		s.set("/deployments/7200", fields{"approvals": []fields{a}, "approval_summary": nil})
		_, err := s.as().Reviews(context.Background(), "production")
		wantFault(t, err, fault.Refused, fault.Malformed)
	}
	s.set("/deployments/7200", fields{"approvals": []fields{{"user": bob, "status": "approved", "created_at": "2026-11-22T10:00:00Z"}}, "environment": "open"})
	if r := s.reviews(); len(r.List) != 0 {
		t.Errorf("reviews = %+v, want none: they are for another environment", r)
	}
}

// With no more than the job's own token the approvals can still be read.
func TestReviews_with_the_jobs_token(t *testing.T) {
	s := play(t, 631)
	s.blocked()
	if r, err := s.as("GITLAB_TOKEN", "").Reviews(context.Background(), "production"); err != nil || !r.Entered {
		t.Errorf("reviews = %+v, %v; want the deployment", r, err)
	}
	_, err := s.as("GITLAB_TOKEN", "", "CI_JOB_TOKEN", "").Reviews(context.Background(), "production")
	wantFault(t, err, fault.Usage, fault.Config)
}

// An account is its number: a new name changes nothing, and a name that was
// taken over is somebody else's.
func TestI04_accounts_are_numbers(t *testing.T) {
	s := play(t, 633)
	s.blocked()
	s.post("/deployments/7200/review", fields{"user": fields{"id": 63301, "username": "erin"}, "status": "approved"})
	before := s.reviews().List[0].Account
	s.l.Set(t, "/gitlab/users/63301", fields{"username": "erin-2"})
	s.set("/jobs/302", fields{"user": fields{"id": 63302, "username": "erin"}})
	after := s.reviews().List[0].Account
	if !before.Same(after) || after.Name != "erin-2" {
		t.Errorf("account %+v, then %+v; want one, renamed", before, after)
	}
	if r := s.run(policy.RunQuery{URI: s.uri(302)}); r.By.Same(before) || r.By.Name != "erin" {
		t.Errorf("account %+v, want another than %+v", r.By, before)
	}
}

// A job that starts by itself after a while waits for nobody.
func TestG12_delay_is_no_approval(t *testing.T) {
	s := play(t, 634)
	s.set("/protected_environments/production", fields{"deploy_access_levels": maintainers, "approval_rules": []any{}})
	s.set("/jobs/302", fields{"status": "scheduled"})
	s.blocked()
	if r := s.reviews(); len(r.List) != 0 || r.Asked {
		t.Errorf("reviews = %+v, want none, and nobody asked", r)
	}
	if p := s.protection("production"); p.Asked {
		t.Errorf("protection = %+v, want nobody asked", p)
	}
	s.set("/protected_environments/production", fields{"deploy_access_levels": maintainers, "approval_rules": []fields{{"id": 1, "user_id": 88, "required_approvals": 1}}})
	if p := s.protection("production"); !p.Asked {
		t.Errorf("protection = %+v, want somebody asked", p)
	}
}

// A plan without approvals holds none.
func TestG07_reviews_on_a_plan_without(t *testing.T) {
	s := play(t, 632)
	s.set("/tier", fields{"name": "free"})
	s.blocked()
	if r := s.reviews(); len(r.List) != 0 || r.Asked || !r.Entered {
		t.Errorf("reviews = %+v, want none, and that nobody is asked", r)
	}
}

// What an entry is about is the job that signed it, and not the pipeline that goes on
// after it.
func TestG11_how_the_job_ended_that_signed_an_entry(t *testing.T) {
	s := play(t, 657)
	s.set("/pipelines/601", fields{"sha": sha("c1"), "ref": "main", "status": "failed"})
	for status, want := range map[string]policy.RunState{"success": policy.Succeeded, "failed": policy.Failed, "running": policy.Unfinished} {
		s.set("/jobs/501", fields{"status": status, "ref": "main", "commit": fields{"id": sha("c1")}, "pipeline": fields{"id": 601}})
		got, err := s.as().Runs(t.Context(), []policy.RunQuery{{URI: s.uri(501), Outcome: true, Entry: true}})
		if err != nil || got[0].State != want {
			t.Errorf("job %s: %+v, %v, want state %v", status, got, err, want)
		}
	}
}
