package github_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// fakeServer is an API that gives fixed answers by path; what it has no answer
// for is a 404.
func fakeServer(t *testing.T, answers map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			http.Error(w, "{}", http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// newFake is a job at such an API.
func newFake(t *testing.T, answers map[string]string) *github.Job {
	t.Helper()
	j, _ := job(t, map[string]string{
		"GITHUB_REPOSITORY": "acme/widget", "GITHUB_REPOSITORY_ID": "9", "GITHUB_API_URL": fakeServer(t, answers), "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1",
	})
	return j
}

// one is a history of one commit over what is deployed.
func (w *world) one(c object) policy.Change {
	w.t.Helper()
	w.set("/history", object{
		"commits": []object{commit(1, alice, nil), c}, "branches": object{"main": sha(2)},
		"activity": []object{push(0, 1, "main", alice, "push"), push(1, 2, "main", carol, "push")},
	})
	w.run(500, object{"head_sha": sha(1)})
	w.set("/deployments", []object{w.deployed(8, 500, sha(1), "success")})
	return w.change(sha(2))
}

// What a commit says about its author is what anybody may write. An account is
// held for it only where the platform knows the address; whoever it names, the
// one who pushed is named too.
func TestI03_forged_authors(t *testing.T) {
	w := newWorld(t, "forged")
	w.lab.Set(t, "/github/users/olga", object{"login": "olga", "id": 55})
	nobody := func(email string) object { return object{"login": "x", "name": "X", "email": email} }
	for name, c := range map[string]struct{ email, want string }{
		"address of nobody":         {"stranger@evil.example", "?stranger@evil.example"},
		"address with a number":     {"77+alice@users.noreply.github.com", "alice#77"},
		"in capitals":               {"77+Alice@Users.NoReply.GitHub.com", "alice#77"},
		"a number of nobody":        {"4040404+alice@users.noreply.github.com", "?4040404+alice@users.noreply.github.com"},
		"of a bot":                  {"41898282+github-actions[bot]@users.noreply.github.com", "github-actions[bot]#41898282"},
		"old address":               {"olga@users.noreply.github.com", "olga#55"},
		"old address of nobody":     {"nobodyhere@users.noreply.github.com", "?nobodyhere@users.noreply.github.com"},
		"another host":              {"77+alice@users.noreply.github.com.evil.example", "?77+alice@users.noreply.github.com.evil.example"},
		"another host before":       {"77+alice@evil.users.noreply.github.com", "?77+alice@evil.users.noreply.github.com"},
		"number with a zero":        {"077+alice@users.noreply.github.com", "?077+alice@users.noreply.github.com"},
		"no number":                 {"+alice@users.noreply.github.com", "?+alice@users.noreply.github.com"},
		"two addresses":             {"alice@acme.example, bob@acme.example", "?alice@acme.example, bob@acme.example"},
		"two addresses, one number": {"77+alice@users.noreply.github.com,88+bob@users.noreply.github.com", "?77+alice@users.noreply.github.com,88+bob@users.noreply.github.com"},
		"a path":                    {"../orgs/acme@users.noreply.github.com", "?../orgs/acme@users.noreply.github.com"},
	} {
		got := w.one(commit(2, nobody(c.email), nil, 1))
		t.Log(name)
		wantMaker(t, got, "author "+c.want+" commit "+short(2))
		wantMaker(t, got, "pusher carol#99 commit "+short(2))
	}
	got := w.one(commit(2, bob, nil, 1))
	wantMaker(t, got, "author bob#88 commit "+short(2))
	w.lab.Contract(t)
}

// Co-authors stand in trailers, several of them, in any spelling and anywhere.
func TestI03_co_authors(t *testing.T) {
	w := newWorld(t, "trailers")
	for message, want := range map[string][]string{
		"x\n\nCo-authored-by: E <e@x.example>":                                                                   {"?e@x.example"},
		"x\n\nCO-AUTHORED-BY: E <e@x.example>\n":                                                                 {"?e@x.example"},
		"x\n\nco-authored-by:E<e@x.example>\r\nSigned-off-by: F <f@x.example>\r\n":                               {"?e@x.example"},
		"x\n\nReviewed-by: R <r@x.example>\nCo-authored-by: E <e@x.example>\nSigned-off-by: S <s@x.example>":     {"?e@x.example"},
		"x\n\nCo-authored-by: E <e@x.example>\nCo-authored-by: F <f@x.example>\nCo-authored-by: E <e@x.example>": {"?e@x.example", "?f@x.example"},
		"Co-authored-by: E <e@x.example>":                                                                        {"?e@x.example"},
		"x\n\nCo-authored-by: E <e@x.example>\n\nmore text":                                                      {"?e@x.example"},
		"x\n\n  Co-authored-by : E < e@x.example >":                                                              {"?e@x.example"},
		"x\n\nCo-authored-by: bob@acme.example":                                                                  {"?bob@acme.example"},
		"x\n\nCo-authored-by: A <a@x.example> <b@x.example>":                                                     {"?A <a@x.example> <b@x.example>"},
		"x\n\nCo-authored-by: A <a@x.example>, B <b@x.example>":                                                  {"?a@x.example", "?b@x.example"},
		"x\n\nCo-authored-by: A <88+bob@users.noreply.github.com>":                                               {"bob#88"},
		"x\n\nCo-authored-by: C <CAROL@acme.example>":                                                            {"carol#99"},
		"x\n\nCo-authored-by: \n":                                                                                {"?"},
		"x\n\nnot-co-authored-by: E <e@x.example>\nSee Co-authored-by: above":                                    nil,
	} {
		got := w.one(commit(2, carol, object{"message": message}, 1))
		var found []string
		for _, m := range made(got) {
			if who, ok := strings.CutPrefix(m, "co-author "); ok {
				found = append(found, strings.TrimSuffix(who, " commit "+short(2)))
			}
		}
		if strings.Join(found, "|") != strings.Join(want, "|") {
			t.Errorf("%q: co-authors %q, want %q", message, found, want)
		}
	}
}

// An edit on the web page is committed by the platform in somebody's name: the
// platform is nobody, and the one who pushed it is known. The same address
// written by hand says as little; the pusher answers for such a commit.
func TestI03_edit_on_the_page(t *testing.T) {
	w := newWorld(t, "page")
	got := w.one(commit(2, bob, object{"committer": page}, 1))
	wantMakers(t, got, "author bob#88 commit "+short(2), "pusher carol#99 commit "+short(2), "trigger alice#77 run 1000001, attempt 1")
	got = w.one(commit(2, bob, object{"committer": object{"login": "web-flow", "name": "GitHub", "email": "noreply@github.com"}}, 1))
	wantMakers(t, got, "author bob#88 commit "+short(2), "pusher carol#99 commit "+short(2), "trigger alice#77 run 1000001, attempt 1")
	got = w.one(commit(2, bob, object{"committer": object{"login": "web-flow", "id": 4, "email": "noreply@github.com"}}, 1))
	wantMaker(t, got, "committer web-flow#4 commit "+short(2))
	w.lab.Contract(t)
}

// A team is its number; its members are who is in it now, and in the teams
// below it.
func TestI09_teams(t *testing.T) {
	w := newWorld(t, "teams")
	ctx := context.Background()
	lead := policy.Member{Kind: policy.MemberTeam, Host: "https://github.com", Name: "acme/leads", ID: "400"}
	who := func(m policy.Member) (string, error) {
		w.again()
		all, err := w.job.Rosters(ctx, []policy.Member{{Kind: policy.MemberUser, Host: m.Host, Name: "x", ID: "1"}, {Kind: policy.MemberEmail, Host: "x", ID: "a@x"}, m})
		if err != nil {
			return "", err
		}
		var out []string
		for _, r := range all {
			if r.Member != m {
				t.Errorf("roster of %v, want of %v", r.Member, m)
			}
			for _, a := range r.Accounts {
				out = append(out, a.Name+"#"+a.ID)
			}
		}
		return strings.Join(out, " "), nil
	}
	w.lab.Set(t, "/github/orgs/acme/teams/leads", object{"id": 400, "members": []object{alice, bob}})
	w.lab.Set(t, "/github/orgs/acme/teams/leads-eu", object{"id": 401, "members": []object{carol}, "parent": "leads"})
	if got, err := who(lead); err != nil || got != "alice#77 bob#88 carol#99" {
		t.Errorf("members = %q, %v; want those of the team below too", got, err)
	}
	w.lab.Set(t, "/github/orgs/acme/teams/leads", object{"id": 400, "members": []object{bob}})
	w.lab.Unset(t, "/github/orgs/acme/teams/leads-eu")
	if got, err := who(lead); err != nil || got != "bob#88" {
		t.Errorf("members = %q, %v; want bob alone", got, err)
	}
	w.lab.Set(t, "/github/orgs/acme/teams/leads", object{"id": 402, "members": []object{eve}})
	_, err := who(lead)
	wantFault(t, err, fault.Refused, fault.Duties)
	w.lab.Unset(t, "/github/orgs/acme/teams/leads")
	_, err = who(lead)
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	if !strings.Contains(fault.Of(err).Hint, "members and teams") {
		t.Errorf("hint = %q, want the permission", fault.Of(err).Hint)
	}
	for _, name := range []string{"acme", "acme/", "acme/../x", "acme/a/b", "ac me/x", "acme/."} {
		_, err := who(policy.Member{Kind: policy.MemberTeam, Host: "https://github.com", Name: name, ID: "400"})
		wantFault(t, err, fault.Usage, fault.Policy)
	}
	elsewhere := lead
	elsewhere.Host = "https://ghes.example"
	if got, err := who(elsewhere); err != nil || got != "" {
		t.Errorf("team of another server: %q, %v; want nobody", got, err)
	}
	var many []object
	for i := range 250 {
		many = append(many, object{"login": "u" + sha(i), "id": 10_000 + i})
	}
	w.lab.Set(t, "/github/orgs/acme/teams/leads", object{"id": 400, "members": many})
	if got, err := who(lead); err != nil || len(strings.Fields(got)) != 250 {
		t.Errorf("%d members, %v; want 250", len(strings.Fields(got)), err)
	}
	w.lab.Contract(t)
}

// Everybody with an access to the repository, and with no lesser one.
func TestI09_roles(t *testing.T) {
	w := newWorld(t, "roles")
	w.set("/collaborators", []object{merge(clone(alice), object{"permission": "admin"}), merge(clone(bob), object{"permission": "maintain"}), merge(clone(carol), object{"permission": "write"})})
	for role, want := range map[string]int{"admin": 1, "maintain": 2, "push": 3} {
		w.again()
		all, err := w.job.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberRole, Host: "https://github.com", Name: role}})
		if err != nil || len(all) != 1 || len(all[0].Accounts) != want {
			t.Errorf("%s: %+v, %v; want %d", role, all, err, want)
		}
	}
	_, err := w.job.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberRole, Host: "https://github.com", Name: "owner"}})
	wantFault(t, err, fault.Usage, fault.Policy)
	// An answer that forgot the filter helps nobody.
	f := newFake(t, map[string]string{"/repos/acme/widget/collaborators": `[{"login":"a","id":1,"type":"User","permissions":{"push":true,"admin":false}},{"login":"b","id":2,"type":"User"}]`})
	all, err := f.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberRole, Host: "https://github.com", Name: "admin"}})
	if err != nil || len(all) != 1 || len(all[0].Accounts) != 0 {
		t.Errorf("%+v, %v; want nobody", all, err)
	}
}

func clone(o object) object { return merge(object{}, o) }
