// Package metric is the only room that knows Prometheus: what an operator watches, counted by this process, and read
// from the database at each question for the metrics.
//
// No label names a repository, a person or an address, so their number has a bound. It refuses to hold a server up:
// what the database does not answer in time is left out, and a counter says so.
package metric

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A State is what the database says when it is asked.
type State struct {
	Leaves    int64          // of the ledger
	Undecided int            // deployments without an answer that has arrived
	Oldest    time.Duration  // since the oldest of them was asked about; 0: there is none
	Jobs      map[string]int // of the queue, by state
	Fit       bool           // this server may append to the ledger
}

// A Set is what one server tells.
type Set struct {
	registry *prometheus.Registry

	decisions, pushes *prometheus.CounterVec
	bypassed, unread  prometheus.Counter
	reload            prometheus.Gauge
}

// New makes a set. state asks the database, and budgets says how many requests each platform has said are left.
func New(state func(context.Context) (State, error), budgets func() map[string]int) *Set {
	s := &Set{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_decisions_total",
			Help: "Decisions of this process, by what the verdict was and the code of its first finding.",
		}, []string{"outcome", "code"}),
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_pushes_total",
			Help: "Pushes of evidence to this process: kept, refused or failed."}, []string{"outcome"}),
		bypassed: prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_bypassed_deployments_total",
			Help: "Deployments that began without an approval, as this process has seen."}),
		unread: prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_metrics_failed_total",
			Help: "Times that the database did not answer for these metrics."}),
		reload: prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_policy_reload_failed",
			Help: "1: the policies or the configuration could not be read the last time, and those before still " +
				"count."}),
	}
	for _, o := range []string{"kept", "refused", "failed"} {
		s.pushes.WithLabelValues(o) // it is 0 from the start
	}
	s.registry.MustRegister(s.decisions, s.pushes, s.bypassed, s.unread, s.reload, &asked{state, budgets, s.unread},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Decided counts a decision.
func (s *Set) Decided(outcome, code string) { s.decisions.WithLabelValues(outcome, code).Inc() }

// Pushed counts a push by the status of its answer.
func (s *Set) Pushed(status int) {
	outcome := "kept"
	switch {
	case status >= http.StatusInternalServerError:
		outcome = "failed"
	case status >= http.StatusBadRequest:
		outcome = "refused"
	}
	s.pushes.WithLabelValues(outcome).Inc()
}

// Bypassed counts a deployment that began without an approval.
func (s *Set) Bypassed() { s.bypassed.Inc() }

// Reloaded says whether the policies could be read the last time.
func (s *Set) Reloaded(err error) {
	s.reload.Set(0)
	if err != nil {
		s.reload.Set(1)
	}
}

// Handler serves them to Prometheus.
func (s *Set) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
}

// asked is what the database and the platforms say at each question.
type asked struct {
	state   func(context.Context) (State, error)
	budgets func() map[string]int
	unread  prometheus.Counter
}

var (
	leaves    = prometheus.NewDesc("sallyport_ledger_leaves", "Leaves of the ledger.", nil, nil)
	undecided = prometheus.NewDesc("sallyport_undecided_deployments",
		"Deployments without an answer that has arrived.", nil, nil)
	oldest = prometheus.NewDesc("sallyport_oldest_undecided_seconds",
		"Since the oldest of them was asked about; 0: there is none.", nil, nil)
	jobs = prometheus.NewDesc("sallyport_queue_jobs", "Jobs of the queue that have not ended.", []string{"state"}, nil)
	fit  = prometheus.NewDesc("sallyport_ledger_fit",
		"0: this server may not append to the ledger: its database is behind, or the checkpoint cannot be kept.",
		nil, nil)
	budget = prometheus.NewDesc("sallyport_platform_requests_left",
		"Requests that the platform answers until its limit starts anew: the least of all installations.",
		[]string{"host"}, nil)
)

// Describe names them.
func (*asked) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{leaves, undecided, oldest, jobs, fit, budget} {
		c <- d
	}
}

// Collect asks.
func (a *asked) Collect(c chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for host, n := range a.budgets() {
		tell(budget, float64(n), host)
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := a.state(ctx)
	if err != nil {
		a.unread.Inc()
		return
	}
	tell(leaves, float64(s.Leaves))
	tell(undecided, float64(s.Undecided))
	tell(oldest, s.Oldest.Seconds())
	for state, n := range s.Jobs {
		tell(jobs, float64(n), state)
	}
	is := 0.0
	if s.Fit {
		is = 1
	}
	tell(fit, is)
}
