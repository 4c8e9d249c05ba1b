package github_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

const strong = `{"id":5,"name":"production","can_admins_bypass":false,"protection_rules":[{"id":1,"type":"required_reviewers","prevent_self_review":true,"reviewers":[{"type":"User","reviewer":{"id":88,"login":"bob"}}]}]}`

// answers is the address of an API that h serves.
func answers(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// at is a job at an API that h serves.
func at(t *testing.T, h http.HandlerFunc) *github.Job {
	t.Helper()
	j, _ := job(t, map[string]string{
		"GITHUB_REPOSITORY": "acme/widget", "GITHUB_REPOSITORY_ID": "9", "GITHUB_API_URL": answers(t, h), "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_TOKEN": "t",
	})
	return j
}

// A limit that ends soon is waited for; one that ends later than the budget is
// no answer, and nothing is asked while it lasts.
func TestO05_rate_limits(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header func() map[string]string
	}{
		"429 and a pause":      {429, func() map[string]string { return map[string]string{"Retry-After": "1"} }},
		"403 and a pause":      {403, func() map[string]string { return map[string]string{"Retry-After": "1"} }},
		"403 and nothing left": {403, func() map[string]string { return limit(0, time.Now().Add(time.Second)) }},
		"429 and nothing left": {429, func() map[string]string { return limit(0, time.Now().Add(time.Second)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			answer := func(always bool) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) {
					if n++; n > 1 && !always {
						fmt.Fprint(w, strong)
						return
					}
					for k, v := range c.header() {
						w.Header().Set(k, v)
					}
					w.WriteHeader(c.status)
					fmt.Fprint(w, `{"message":"slow down"}`)
				}
			}
			j := at(t, answer(false))
			p, err := j.Environment(context.Background(), "production")
			if err != nil || p.State != policy.Protected || n != 2 {
				t.Errorf("%+v, %v after %d calls; want protected after two", p, err, n)
			}
			j = at(t, answer(true))
			j.Budget = 500 * time.Millisecond
			n = 0
			began := time.Now()
			p, err = j.Environment(context.Background(), "production")
			wantFault(t, err, fault.Unavailable, fault.NotAvailable)
			if p.State == policy.Protected || n > 4 || time.Since(began) > 5*time.Second {
				t.Errorf("%+v after %d calls and %v; want to give up soon", p, n, time.Since(began))
			}
		})
	}
}

func limit(left int, reset time.Time) map[string]string {
	return map[string]string{"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": fmt.Sprint(left), "X-RateLimit-Reset": fmt.Sprint(reset.Unix())}
}

// Who may not ask is told which permission is missing.
func TestI09_who_may_not_ask(t *testing.T) {
	for _, status := range []int{401, 403, 500, 503} {
		j := at(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, "{}") })
		j.Budget = 100 * time.Millisecond
		_, err := j.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberTeam, Host: "https://github.com", Name: "acme/x", ID: "1"}})
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		_, err = j.Change(context.Background(), policy.ChangeQuery{Environment: "production", Repository: "https://github.com/acme/widget", ID: "9", Head: sha(1), Ref: "refs/heads/main"})
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		_, err = j.Runs(context.Background(), []policy.RunQuery{{URI: "https://github.com/acme/widget/actions/runs/1/attempts/1"}})
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		_, err = j.Reviews(context.Background(), "production")
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
	}
}

// An answer with a tag is kept and asked for again by its tag; a changed one
// replaces it, and a page of another address is another answer.
func TestCache_of_answers(t *testing.T) {
	tag, body, asked := `"a"`, strong, []string{}
	j := at(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match"))
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		if r.Header.Get("If-None-Match") == tag && tag != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, body)
	})
	look := func(want policy.Bypass) {
		t.Helper()
		p, err := j.Environment(context.Background(), "production")
		if err != nil || p.Bypass != want {
			t.Errorf("%+v, %v; want bypass %v", p, err, want)
		}
	}
	look(policy.NoBypass)
	look(policy.NoBypass)
	tag, body = `"b"`, strings.Replace(strong, "false", "true", 1)
	look(policy.BypassOn)
	look(policy.BypassOn)
	tag, body = "", strong
	look(policy.NoBypass)
	look(policy.NoBypass)
	if got, want := strings.Join(asked, ","), `,"a","a","b","b",`; got != want {
		t.Errorf("asked with %q, want %q", got, want)
	}
	// Not modified, and nothing was ever kept: that is no answer.
	j = at(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	_, err := j.Environment(context.Background(), "production")
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// A page that is lost, a list shorter than it was said to be, one that never
// ends and one that is none are no lists.
func TestO02_lists_that_are_not_whole(t *testing.T) {
	user := func(i int) string { return fmt.Sprintf(`{"login":"u%d","id":%d,"type":"User"}`, i, i+1) }
	page := func(from, n int) string {
		var all []string
		for i := range n {
			all = append(all, user(from+i))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	pages := map[string]string{}
	serve := func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/members") {
			fmt.Fprint(w, `{"id":1}`)
			return
		}
		n := r.URL.Query().Get("page")
		body, ok := pages[n]
		if !ok {
			body, ok = pages["*"]
		}
		if !ok {
			http.Error(w, "{}", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, body)
	}
	ask := func() (int, error) {
		all, err := at(t, serve).Rosters(context.Background(), []policy.Member{{Kind: policy.MemberTeam, Host: "https://github.com", Name: "acme/x", ID: "1"}})
		if err != nil {
			return 0, err
		}
		return len(all[0].Accounts), nil
	}
	pages = map[string]string{"": page(0, 100), "2": page(100, 100), "3": page(200, 7)}
	if n, err := ask(); err != nil || n != 207 {
		t.Errorf("three pages without links: %d, %v; want 207", n, err)
	}
	delete(pages, "3")
	_, err := ask()
	wantFault(t, err, fault.Refused, fault.Malformed)
	pages = map[string]string{"*": page(0, 100)}
	_, err = ask()
	wantFault(t, err, fault.Refused, fault.Limit)
	for _, body := range []string{"null", "", "{}", "<html>", `{"message":"x"}`, `[{"id":"1"}]`} {
		pages = map[string]string{"": body}
		_, err = ask()
		wantFault(t, err, fault.Refused, fault.Malformed)
	}
	jobs := newFake(t, map[string]string{
		"/repos/acme/widget/actions/runs":                   `{"total_count":1,"workflow_runs":[{"id":1,"run_attempt":1,"head_sha":"x","status":"in_progress"}]}`,
		"/repos/acme/widget/actions/runs/1/attempts/1/jobs": `{"total_count":3,"jobs":[{"name":"a","status":"completed","conclusion":"success","head_sha":"x"}]}`,
	})
	_, err = jobs.Runs(context.Background(), []policy.RunQuery{{URI: "https://github.com/acme/widget/actions/runs/1/attempts/1", Outcome: true}})
	wantFault(t, err, fault.Refused, fault.Malformed)
}
