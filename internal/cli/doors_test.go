package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// about is a policy about one repository.
func about(host, repository string) *policy.Policy {
	f := policy.Forge{Host: host, Mark: "/"}
	return &policy.Policy{Artifacts: []policy.Artifact{{BuiltBy: []policy.Builder{{Forge: f, Repository: repository}}}}}
}

// at is a command at somebody's terminal.
func at(env, flags map[string]string) *run {
	r := &run{Command: Command{Getenv: func(name string) string { return env[name] }, Now: time.Now}, values: map[string][]string{}}
	for name, value := range flags {
		r.values[name] = []string{value}
	}
	r.fill(&r.in)
	return r
}

func TestJ05_a_token_goes_to_no_host_that_only_a_policy_names(t *testing.T) {
	strange := about("https://code.example", "acme/app")
	if _, err := at(nil, nil).doorOf(strange); err == nil || fault.Of(err).Kind != fault.Usage || fault.Of(err).Hint == "" {
		t.Errorf("a host of the policy's own: %v, want usage and what to type", err)
	}
	for name, c := range map[string]struct {
		p     *policy.Policy
		flags map[string]string
	}{
		"a host that a person names":      {strange, map[string]string{"repository": "https://code.example/acme/app"}},
		"a host that everybody knows":     {about("https://github.com", "acme/app"), nil},
		"one that everybody knows, named": {about("https://github.com", "acme/app"), map[string]string{"repository": "https://github.com/acme/app/"}},
	} {
		if d, err := at(nil, c.flags).doorOf(c.p); err != nil || d == nil {
			t.Errorf("%s: %v, want a door", name, err)
		}
	}
	if _, err := at(nil, map[string]string{"repository": "https://github.com/acme/other"}).doorOf(about("https://github.com", "acme/app")); fault.Of(err).Kind != fault.Usage {
		t.Errorf("a repository that the policy does not name: %v, want usage", err)
	}
}

func TestJ05_the_token_for_one_platform_is_not_sent_to_the_other(t *testing.T) {
	var sent []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		http.NotFound(w, r)
	}))
	defer s.Close()
	r := at(map[string]string{"SALLYPORT_TOKEN": "canary", "GITHUB_API_URL": s.URL}, nil)
	forge := policy.Forge{Host: "https://github.com", Mark: "/"}
	query := []policy.RunQuery{{URI: "https://github.com/acme/app/actions/runs/1/attempts/1"}}
	for want, open := range map[string]func(policy.Forge, string) (gate.Besides, error){
		"":              func(f policy.Forge, repository string) (gate.Besides, error) { return r.elsewhere(f, repository) },
		"Bearer canary": func(f policy.Forge, repository string) (gate.Besides, error) { return r.openDoor(f, repository) },
	} {
		sent = nil
		d, err := open(forge, "acme/app")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = d.Runs(t.Context(), query) // what it answers is not the question
		if len(sent) == 0 {
			t.Fatal("nothing was asked")
		}
		for _, got := range sent {
			if got != want {
				t.Errorf("authorization %q, want %q", got, want)
			}
		}
	}
}

// doorsOf are the doors of a job of acme/app.
func doorsOf(at door, r *run, p *policy.Policy) gate.Doors {
	r.home = "https://github.com/acme/app"
	return r.doors(at, p)
}

// away are the doors of a job of acme/app on the first platform, under a policy
// that names a builder on the second too, whose API is at api.
func away(t *testing.T, api http.HandlerFunc, env map[string]string) (d gate.Doors, uri string) {
	t.Helper()
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	env["CI_SERVER_URL"] = s.URL
	p := about("https://github.com", "acme/app")
	p.Artifacts[0].BuiltBy = append(p.Artifacts[0].BuiltBy, policy.Builder{Forge: policy.Forge{Host: s.URL, Mark: "//"}, Repository: "acme/app"})
	return doorsOf(&near{}, at(env, nil), p), s.URL + "/acme/app/-/jobs/7"
}

func TestD03_a_place_elsewhere_that_is_silent_has_answered_nothing(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		token  string
		why    string
	}{
		"no token":                {http.StatusOK, "", "there is no token for GitLab acme/app"},
		"a token that is no good": {http.StatusUnauthorized, "canary", "401"},
		"a token that may not":    {http.StatusForbidden, "canary", "403"},
		"a run that is not shown": {http.StatusNotFound, "canary", "job 7"},
	} {
		d, uri := away(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) }, map[string]string{"GITLAB_TOKEN": c.token})
		runs, err := d.Runs(t.Context(), []policy.RunQuery{{Repository: strings.TrimSuffix(uri, "/-/jobs/7"), URI: uri}})
		if err != nil || len(runs) != 1 || !strings.Contains(runs[0].Why, c.why) || !strings.HasPrefix(runs[0].Need, "set GITLAB_TOKEN to a token that may read acme/app") {
			t.Errorf("%s: runs = %+v, %v, want none with %q, and the variable of that platform", name, runs, err, c.why)
		}
		ref, err := d.Ref(t.Context(), policy.RefQuery{Repository: strings.TrimSuffix(uri, "/-/jobs/7")})
		if err != nil || ref.Why == "" || !strings.HasPrefix(ref.Need, "set GITLAB_TOKEN") || ref.Protected != policy.Unanswered {
			t.Errorf("%s: ref = %+v, %v, want no answer, and the variable of that platform", name, ref, err)
		}
		q := policy.BuildQuery{Repository: strings.TrimSuffix(uri, "/-/jobs/7"), Run: uri, ConfigCommit: strings.Repeat("1", 40)}
		b, err := d.Build(t.Context(), q)
		if err != nil || b.Query != q || b.Why == "" || !strings.HasPrefix(b.Need, "set GITLAB_TOKEN") || len(b.Jobs) != 0 {
			t.Errorf("%s: build = %+v, %v, want no answer, and the variable of that platform", name, b, err)
		}
	}
}

func TestD03_a_place_elsewhere_that_contradicts_itself_is_no_silence(t *testing.T) {
	d, uri := away(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":8,"pipeline":{"id":1}}`)) // who asked may be gone
	}, map[string]string{"GITLAB_TOKEN": "canary"})
	if runs, err := d.Runs(t.Context(), []policy.RunQuery{{Repository: strings.TrimSuffix(uri, "/-/jobs/7"), URI: uri}}); fault.Of(err).Kind != fault.Refused {
		t.Errorf("runs = %+v, %v, want a refusal", runs, err)
	}
}

func TestD03_the_own_platform_has_to_answer(t *testing.T) {
	d, _ := away(t, nil, map[string]string{})
	d.Guard = &mute{}
	if runs, err := d.Runs(t.Context(), []policy.RunQuery{{URI: "https://github.com/acme/app/actions/runs/1/attempts/1"}}); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("runs = %+v, %v, want a fault", runs, err)
	}
	if s, err := d.Ref(t.Context(), policy.RefQuery{Repository: "https://github.com/acme/app"}); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("ref = %+v, %v, want a fault", s, err)
	}
}

func TestD03_what_only_lacks_an_answer_is_unavailable(t *testing.T) {
	for code, want := range map[fault.Code]fault.Kind{fault.NotAvailable: fault.Unavailable, fault.BuildState: fault.Refused} {
		if got := kindOf(verdict.Finding{Code: code}); got != want {
			t.Errorf("%s: kind %d, want %d", code, got, want)
		}
	}
}

func TestD03_the_variable_for_a_place_elsewhere_is_one_that_goes_there(t *testing.T) {
	house := policy.Forge{Host: "https://git.example", Mark: "//"}
	const set = "set GITLAB_TOKEN to a token that may read acme/app on "
	for name, c := range map[string]struct {
		r    *run
		f    policy.Forge
		want string
	}{
		"the one that everybody knows": {at(nil, nil), policy.Forge{Host: "https://gitlab.com", Mark: "//"}, set + "https://gitlab.com"},
		"an instance":                  {at(nil, nil), house, set + "https://git.example, and CI_SERVER_URL to https://git.example, where it may then go"},
		"an instance that is named":    {at(map[string]string{"CI_SERVER_URL": "https://git.example/"}, nil), house, set + "https://git.example"},
		"another than the job's":       {&run{Command: at(nil, nil).Command, platform: onGitLab{}}, house, "gate it in a job of https://git.example: no token of this job goes there"},
	} {
		if got := c.r.tokenFor(c.f, "acme/app"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// mute is a door that answers nothing.
type mute struct{ door }

func (mute) Runs(context.Context, []policy.RunQuery) ([]policy.Run, error) {
	return nil, fault.New(fault.Unavailable, fault.NotAvailable, "try again", "no answer")
}

func (mute) Ref(_ context.Context, q policy.RefQuery) (policy.Ref, error) {
	return policy.Ref{Query: q}, fault.New(fault.Unavailable, fault.NotAvailable, "try again", "no answer")
}

// near is a door that answers everything.
type near struct {
	door
	asked int
}

func (n *near) Change(context.Context, policy.ChangeQuery) (policy.Change, error) {
	n.asked++
	return policy.Change{Order: policy.First}, nil
}

func TestI01_commits_of_another_repository_are_not_counted_as_none(t *testing.T) {
	n := &near{}
	d := doorsOf(n, at(nil, nil), about("https://github.com", "acme/app"))
	if _, err := d.Change(t.Context(), policy.ChangeQuery{Repository: "https://github.com/acme/other"}); fault.Of(err).Code != fault.Duties || n.asked != 0 {
		t.Errorf("another repository: %v after %d questions, want a refusal", err, n.asked)
	}
	if c, err := d.Change(t.Context(), policy.ChangeQuery{Repository: "https://github.com/acme/app"}); err != nil || c.Order != policy.First || n.asked != 1 {
		t.Errorf("the own repository: %+v, %v, want the door's answer", c, err)
	}
}

func TestI10_a_release_that_no_gate_would_take_is_not_approved(t *testing.T) {
	p := about("https://github.com", "acme/app")
	r := at(nil, nil)
	r.now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	set := statement.Set{Expires: r.now}
	if err := r.current(set, p, statement.Approve); err != nil {
		t.Errorf("in its last second: %v, want none", err)
	}
	set.Expires = r.now.Add(-time.Second)
	if err := r.current(set, p, statement.Approve); fault.Of(err).Code != fault.ApprovalStale || fault.Of(err).Hint == "" {
		t.Errorf("a second later: %v, want %s and what to do", err, fault.ApprovalStale)
	}
	set.Expires, set.PolicyDigest = r.now, subject.SHA256([32]byte{1})
	if err := r.current(set, p, statement.Approve); fault.Of(err).Code != fault.ApprovalStale || fault.Of(err).Hint == "" {
		t.Errorf("under another policy: %v, want %s and what to do", err, fault.ApprovalStale)
	}
}
