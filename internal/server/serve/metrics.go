package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/metric"
)

// measure makes the metrics. What is decided and passed by is counted where its leaf is committed.
func (s *Server) measure() {
	s.metrics = metric.New(s.state, func() map[string]int {
		left := map[string]int{}
		for _, d := range s.doors {
			if n, known := d.app.Left(s.Now()); known {
				left[d.Host] = n
			}
		}
		return left
	})
	s.keep.Committed = func(all []ledger.Leaf) {
		for _, l := range all {
			switch l.Kind {
			case ledger.Judged:
				s.metrics.Decided(l.About.Outcome, l.About.Code)
			case ledger.WouldJudge:
				s.metrics.Decided("watched", l.About.Code)
			case ledger.Bypassed:
				s.metrics.Bypassed()
			}
		}
	}
}

// state is what the database says.
func (s *Server) state(ctx context.Context) (out metric.State, err error) {
	if out.Leaves, err = s.keep.Size(ctx); err != nil {
		return out, err
	}
	n, first, err := s.keep.Open(ctx)
	if err != nil {
		return out, err
	}
	if out.Undecided = n; n > 0 {
		out.Oldest = s.Now().Sub(first)
	}
	out.Jobs, err = s.queue.Depth(ctx)
	out.Fit = s.keep.Fit(ctx) == nil
	return out, err
}

// counted counts pushes by their answers.
func (s *Server) counted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := &answered{ResponseWriter: w, status: http.StatusOK}
		next(a, r)
		s.metrics.Pushed(a.status)
	}
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers it.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for limits of time.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Reread reads the configuration and the policies again. What is wrong leaves those that were read before, and raises
// an alarm until it is mended.
func (s *Server) Reread(ctx context.Context, path string) error {
	c, err := ReadConfig(path)
	if err != nil {
		s.Log.Error("the new configuration is not used", "reason", fault.Bound(err.Error()))
	} else {
		err = s.Reload(ctx, c) // it logs what is wrong
	}
	s.metrics.Reloaded(err)
	return err
}

// expose serves the metrics at a listener of their own, which is not for the world. It returns what ends it.
func (s *Server) expose() (end func(context.Context) error, err error) {
	if s.Config.Metrics == "" {
		return func(context.Context) error { return nil }, nil
	}
	l, err := net.Listen("tcp", s.Config.Metrics)
	if err != nil {
		return nil, fault.New(fault.Usage, fault.Config, "let metrics name an address that is free",
			"listening for metrics: %w", fault.Cause(err))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	const head, whole = 5 * time.Second, 30 * time.Second
	h := &http.Server{Handler: mux, ReadHeaderTimeout: head, ReadTimeout: whole, WriteTimeout: whole,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.Log.Error("metrics are not served any more", "reason", fault.Bound(err.Error()))
		}
	}()
	return func(ctx context.Context) error { err := h.Shutdown(ctx); <-ended; return err }, nil
}
