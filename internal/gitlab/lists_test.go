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
		}, code: fault.Limit},
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
				if q := r.URL.Query(); q.Get("per_page") != "100" {
					t.Errorf("asked for %q a page, want 100", q.Get("per_page"))
				}
				c.serve(w, r.URL.Query().Get("page"))
			}))
			all, err := j.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberRole, Host: host, Name: "maintainer"}})
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
	j, host := at(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/branches/main"):
			fmt.Fprint(w, `{"name":"other","commit":{"id":"9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"}}`)
		case strings.HasSuffix(r.URL.Path, "/projects/1"):
			fmt.Fprint(w, `{"id":1,"default_branch":"main"}`)
		default:
			fmt.Fprint(w, `{"id":8,"pipeline":{"id":9}}`)
		}
	}))
	ctx := context.Background()
	_, err := j.Rosters(ctx, []policy.Member{{Kind: policy.MemberTeam, Host: host, ID: "7"}})
	wantFault(t, err, fault.Refused, fault.Malformed)
	_, err = j.Runs(ctx, []policy.RunQuery{{URI: host + "/a/b/-/jobs/7"}})
	wantFault(t, err, fault.Refused, fault.Malformed)
	_, _, _, _, err = j.Head(ctx)
	wantFault(t, err, fault.Refused, fault.Malformed)
}

// A server that says when to come back is asked again then, if there is time.
func TestRate_limit_is_honoured(t *testing.T) {
	var calls []time.Time
	wait := "1"
	j, host := at(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls = append(calls, time.Now())
		if len(calls) == 1 || wait != "1" {
			w.Header().Set("Retry-After", wait)
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, "[]")
	}))
	ask := func() error {
		_, err := j.Rosters(context.Background(), []policy.Member{{Kind: policy.MemberRole, Host: host, Name: "owner"}})
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
