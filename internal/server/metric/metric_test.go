package metric

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scraped(t *testing.T, s *Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetrics_without_a_database_leave_out_what_it_says_and_count_that(t *testing.T) {
	t.Parallel()
	answer, fails := State{Leaves: 3, Fit: true, Oldest: time.Minute}, errors.New("the database is gone")
	s := New(func(ctx context.Context) (State, error) {
		if end, is := ctx.Deadline(); !is || time.Until(end) > 10*time.Second {
			t.Errorf("the database is asked without an end: %v", end)
		}
		return answer, fails
	}, func() map[string]int { return map[string]int{"https://github.com": 17} })
	scraped(t, s)
	text := scraped(t, s) // the first question is counted by now
	for _, want := range []string{`sallyport_platform_requests_left{host="https://github.com"} 17`,
		"sallyport_metrics_failed_total "} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
	if strings.Contains(text, "sallyport_metrics_failed_total 0") {
		t.Error("a question that the database did not answer is not counted")
	}
	for _, not := range []string{"sallyport_ledger_fit ", "sallyport_ledger_leaves ",
		"sallyport_undecided_deployments ", "sallyport_oldest_undecided_seconds "} {
		if strings.Contains(text, not) {
			t.Errorf("the metrics have %q, which the database did not say", not)
		}
	}
	fails = nil
	text = scraped(t, s)
	for _, want := range []string{"sallyport_ledger_fit 1", "sallyport_ledger_leaves 3",
		"sallyport_oldest_undecided_seconds 60"} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
	if answer.Fit = false; !strings.Contains(scraped(t, s), "sallyport_ledger_fit 0") {
		t.Error("a server that may not append says that it may")
	}
}

func TestMetrics_count_a_push_by_the_status_of_its_answer(t *testing.T) {
	t.Parallel()
	s := New(func(context.Context) (State, error) { return State{}, nil }, func() map[string]int { return nil })
	for _, status := range []int{200, 202, 400, 404, 429, 499, 500, 503} {
		s.Pushed(status)
	}
	text := scraped(t, s)
	for _, want := range []string{`{outcome="kept"} 2`, `{outcome="refused"} 4`, `{outcome="failed"} 2`} {
		if !strings.Contains(text, "sallyport_pushes_total"+want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
}
