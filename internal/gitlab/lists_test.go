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
)

// A list is read to its end, or there is no list.
func TestO02_lists_of_people(t *testing.T) {
	page := func(w http.ResponseWriter, from, n int) {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"id":%d,"access_level":40}`, from+i))
		}
		fmt.Fprint(w, "["+strings.Join(all, ",")+"]")
	}
	for name, c := range map[string]struct {
		serve func(w http.ResponseWriter, page string)
		count int
		code  fault.Code
	}{
		"two pages": {serve: func(w http.ResponseWriter, p string) {
			w.Header().Set("X-Total", "150")
			if p == "1" {
				w.Header().Set("X-Next-Page", "2")
				page(w, 1, 100)
				return
			}
			w.Header().Set("X-Next-Page", "")
			page(w, 101, 50)
		}, count: 150},
		"shorter than it says": {serve: func(w http.ResponseWriter, _ string) {
			w.Header().Set("X-Total", "3")
			w.Header().Set("X-Next-Page", "")
			page(w, 1, 2)
		}, code: fault.Malformed},
		"without headers": {serve: func(w http.ResponseWriter, p string) {
			if p == "1" {
				page(w, 1, 100)
				return
			}
			page(w, 101, 1)
		}, count: 101},
		"endless": {serve: func(w http.ResponseWriter, _ string) { page(w, 1, 100) }, code: fault.Limit},
		"a page left out": {serve: func(w http.ResponseWriter, _ string) {
			w.Header().Set("X-Next-Page", "3")
			page(w, 1, 100)
		}, code: fault.Malformed},
		"page 2 lost": {serve: func(w http.ResponseWriter, p string) {
			if p == "2" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("X-Next-Page", "2")
			page(w, 1, 100)
		}, code: fault.Malformed},
		"null":          {serve: func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "null") }, code: fault.Malformed},
		"no list":       {serve: func(w http.ResponseWriter, _ string) { fmt.Fprint(w, "{}") }, code: fault.Malformed},
		"nothing":       {serve: func(http.ResponseWriter, string) {}, code: fault.Malformed},
		"another type":  {serve: func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `[{"id":"7"}]`) }, code: fault.Malformed},
		"not modified":  {serve: func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNotModified) }, code: fault.Malformed},
		"cut off":       {serve: func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `[{"id":7}`) }, code: fault.Malformed},
		"an empty list": {serve: func(w http.ResponseWriter, _ string) { fmt.Fprint(w, `[]`) }},
	} {
		t.Run(name, func(t *testing.T) {
			j, host := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/users/") || strings.HasSuffix(r.URL.Path, "/graphql") {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				if q := r.URL.Query(); q.Get("per_page") != "100" {
					t.Errorf("asked for %q a page, want 100", q.Get("per_page"))
				}
				c.serve(w, r.URL.Query().Get("page"))
			}))
			all, err := j.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberRole, Host: host, Name: "maintainer", Reach: policy.Direct}})
			if c.code != "" {
				wantFault(t, err, fault.Refused, c.code)
				return
			}
			if err != nil || len(all[0].Accounts) != c.count {
				t.Errorf("%d accounts, %v; want %d", len(all[0].Accounts), err, c.count)
			}
		})
	}
}

// An answer about something else than what was asked for is refused.
func TestO02_answers_about_something_else(t *testing.T) {
	const job, pipeline, person = `{"id":7,"status":"success","commit":{"id":"x"},"user":{"id":5},"pipeline":{"id":9}}`, `{"id":9,"project_id":1,"user":{"id":5}}`, `{"id":5,"username":"erin","state":"active","bot":false}`
	deployed := func(id int, env string, job int) string {
		return fmt.Sprintf(`{"id":%d,"environment":{"id":4,"name":%q},"deployable":{"id":%d,"pipeline":{"id":9}},"approvals":[{"user":{"id":5},"status":"approved","created_at":"2026-11-22T10:00:00Z"}]}`, id, env, job)
	}
	for name, c := range map[string]struct {
		path, answer string
		code         fault.Code
	}{
		"everything in order":        {},
		"another job":                {"/jobs/7", strings.Replace(job, `"id":7`, `"id":8`, 1), fault.Malformed},
		"a job of no pipeline":       {"/jobs/7", `{"id":7}`, fault.Malformed},
		"another pipeline":           {"/pipelines/9", `{"id":10,"project_id":1,"user":{"id":5}}`, fault.Malformed},
		"another project's pipeline": {"/pipelines/9", `{"id":9,"project_id":2,"user":{"id":5}}`, fault.Source},
		"another user":               {"/users/5", `{"id":6,"bot":false,"state":"active"}`, fault.Malformed},
		"another deployment":         {"/deployments/3", deployed(2, "prod", 7), fault.Malformed},
		"another environment":        {"/deployments/3", deployed(3, "test", 7), fault.Malformed},
		"another job's deployment":   {"/deployments/3", deployed(3, "prod", 8), fault.Malformed},
		"deployments of another":     {"/deployments", "[" + deployed(3, "test", 7) + "]", fault.OK},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answers := map[string]string{
					"/groups/7": `{"id":7}`, "/groups/7/members": `[]`, "/jobs/7": job, "/pipelines/9": pipeline, "/users/5": person,
					"/deployments/3": deployed(3, "prod", 7), "/deployments": "[" + deployed(3, "prod", 7) + "]",
				}
				answers[c.path] = c.answer
				path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/api/v4"), "/projects/1")
				if answers[path] == "" {
					t.Errorf("asked for %q", path)
				}
				fmt.Fprint(w, answers[path])
			})
			j, host := at(t, h, "CI_JOB_ID", "7", "CI_PIPELINE_ID", "9")
			ctx := context.Background()
			_, err := j.Rosters(ctx, []policy.Member{{Kind: policy.MemberTeam, Host: host, Reach: policy.Direct, ID: "7"}})
			if err == nil {
				_, err = j.Runs(ctx, []policy.RunQuery{{URI: host + "/a/b/-/jobs/7", Outcome: true}})
			}
			var r policy.Reviews
			if err == nil {
				r, err = j.Reviews(ctx, "prod")
			}
			switch {
			case c.code == "" && (err != nil || len(r.List) != 1):
				t.Errorf("%+v, %v; want one review", r, err)
			case c.code == fault.OK && (err != nil || len(r.List) != 0):
				t.Errorf("%+v, %v; want no review", r, err)
			case c.code != "" && c.code != fault.OK:
				wantFault(t, err, fault.Refused, c.code)
			}
		})
	}
	j, _ := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/branches/main"):
			fmt.Fprint(w, `{"name":"other","commit":{"id":"9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"}}`)
		case strings.HasSuffix(r.URL.Path, "/projects/1"):
			fmt.Fprint(w, `{"id":1,"default_branch":"main"}`)
		default:
			fmt.Fprint(w, `{"id":8,"pipeline":{"id":9}}`)
		}
	}))
	_, _, _, _, err := j.Head(context.Background())
	wantFault(t, err, fault.Refused, fault.Malformed)
	j, _ = at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/branches/main") {
			fmt.Fprint(w, `{"name":"main","commit":{"id":"9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"}}`)
			return
		}
		fmt.Fprint(w, `{"id":2,"default_branch":"main"}`)
	}))
	_, _, _, _, err = j.Head(context.Background())
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// A server that says when to come back is asked again then, if there is time.
func TestRate_limit_is_honoured(t *testing.T) {
	var calls []time.Time
	wait := "1"
	ask := func() error {
		j, host := at(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls = append(calls, time.Now())
			if len(calls) == 1 || wait != "1" {
				w.Header().Set("Retry-After", wait)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			fmt.Fprint(w, "[]")
		}))
		_, err := j.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberRole, Host: host, Reach: policy.Direct, Name: "owner"}})
		return err
	}
	if err := ask(); err != nil || len(calls) != 2 || calls[1].Sub(calls[0]) < time.Second {
		t.Errorf("%d calls, %v; want two, a second apart", len(calls), err)
	}
	calls, wait = nil, "600"
	wantFault(t, ask(), fault.Unavailable, fault.NotAvailable)
	if len(calls) != 1 {
		t.Errorf("%d calls, want one: there is no time for another", len(calls))
	}
}

// A gate that waits asks again with the tags of the answers it has, and never
// again about what cannot change.
func TestPolling_is_cheap(t *testing.T) {
	s := play(t, 615)
	shipped(s)
	count := func() (all, same int) {
		for _, r := range s.l.Requests(t) {
			if r.Target == "gitlab" {
				all++
				if r.Status == http.StatusNotModified {
					same++
				}
			}
		}
		return all, same
	}
	start, _ := count()
	first := s.look("s2")
	cold, before := count()
	second := s.look("s2")
	warm, same := count()
	same -= before
	t.Logf("%d calls cold, %d warm, of which %d are 304", cold-start, warm-cold, same)
	if warm-cold >= cold-start || same != warm-cold {
		t.Errorf("%d calls, then %d, of which %d were not modified; want fewer, all not modified", cold-start, warm-cold, same)
	}
	if len(first.Makers) != len(second.Makers) || second.Order != policy.Newer {
		t.Errorf("%d makers, then %d; want the same", len(first.Makers), len(second.Makers))
	}
}
