// Package serve is the running server: configuration, listeners, health, drain.
//
// It wires the other rooms together and decides nothing. A panic of a handler answers 500 and ends no other request. No
// secret is in a log: what people hand over is read from files.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/forges"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/server/decide"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/server/hook"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/metric"
	"github.com/sallyport-dev/sallyport/internal/server/push"
	"github.com/sallyport-dev/sallyport/internal/server/queue"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
)

// sweepEvery is how often what was missed is looked for.
const sweepEvery = 30 * time.Second

// Door is the path at which GitHub delivers.
const Door = "/hooks/github"

// A Server is one process. Several may share a PostgreSQL.
type Server struct {
	Config  *Config
	Version string
	Now     func() time.Time
	Log     *slog.Logger

	keep    *keep.Store
	queue   *queue.Queue
	decider *decide.Decider
	taker   *push.Taker
	readers []reader // who reads the ledger
	doors   []door
	rules   atomic.Pointer[rules]
	pushes  chan struct{} // somebody has pushed to a repository with a policy
	ready   atomic.Bool
	metrics *metric.Set
}

type door struct {
	hook.Door
	app *github.App
}

// Open opens the database and reads every file that the configuration names. What is wrong is told before anything is
// served.
func Open(ctx context.Context, c *Config, version string, log *slog.Logger) (*Server, error) {
	s := &Server{Config: c, Version: version, Now: time.Now, Log: log, pushes: make(chan struct{}, 1)}
	if err := s.hosts(); err != nil {
		return nil, err
	}
	seal, err := c.seal()
	if err != nil {
		return nil, err
	}
	if s.readers, err = c.readers(); err != nil {
		return nil, err
	}
	if s.keep, err = keep.Open(ctx, c.Database); err != nil {
		return nil, err
	}
	s.measure()
	if err = s.keep.Guard(ctx, seal); err == nil { // nothing is written to a database that is behind
		err = s.wire(ctx)
	}
	if err != nil {
		s.keep.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) hosts() error {
	for _, h := range s.Config.Hosts {
		key, err := s.Config.secret(h.Key, "the key of the app")
		if err != nil {
			return err
		}
		app, err := github.NewApp(h.Host, h.API, h.App, key)
		if err != nil {
			return err
		}
		d := door{hook.Door{Host: h.Host, API: app.API}, app}
		for _, f := range h.Secrets {
			secret, err := s.Config.secret(f, "the webhook's secret")
			if err != nil {
				return err
			}
			d.Secrets = append(d.Secrets, secret)
		}
		s.doors = append(s.doors, d)
	}
	return nil
}

func (s *Server) wire(ctx context.Context) error {
	r, err := s.readRules(ctx, s.Config, false)
	if err != nil {
		return err
	}
	s.rules.Store(r)
	s.decider = &decide.Decider{Keep: s.keep, Rule: s.rule, Open: s.open, Now: s.Now, Log: s.Log,
		Program: "sallyport-server " + s.Version, URL: s.Config.URL,
		Missing: s.Config.Missing, Approval: 30 * 24 * time.Hour, Trust: s.trust}
	s.taker = &push.Taker{Keep: s.keep, Rule: s.rule, Trust: s.trust, Audience: s.Config.URL, Now: s.Now,
		OfRun: push.MaxOfRun, OfOthers: push.MaxOfOthers, OfSigner: push.MaxOfSigner, Wake: s.wake,
		AtWork: s.atWork}
	for _, h := range s.Config.Hosts {
		issuer := h.Issuer
		if issuer == "" {
			issuer = "https://token.actions.githubusercontent.com"
		}
		s.taker.Hosts = append(s.taker.Hosts, push.Host{Host: h.Host, Issuer: issuer})
	}
	host, err := os.Hostname()
	if err != nil {
		host = "server"
	}
	s.queue, err = queue.New(ctx, s.keep, host+"-"+strconv.Itoa(os.Getpid()), queue.Work{
		Decide: func(ctx context.Context, a queue.Ask) (time.Duration, error) {
			return s.decider.Decide(ctx, event.Repository{Host: a.Host, ID: a.Repository}, a.Deployment)
		},
		Sweep: s.sweep, Every: sweepEvery,
	}, s.Log)
	return err
}

func (s *Server) trust(ctx context.Context, r *decide.Rule) *gate.Trust {
	return &gate.Trust{File: r.File, Beside: r.Beside, Require: func(name string) sigstore.Requirements { return forges.Profiles()[name].Require },
		Instance: func(name string) (*sigstore.TrustedRoot, error) {
			return forges.Profiles()[name].TrustedRoot(ctx,
				sigstore.TUF{Now: s.Now(), Cache: filepath.Join(s.Config.dir, "tuf")})
		}}
}

// door is that of a host.
func (s *Server) door(host string) (*door, error) {
	i := slices.IndexFunc(s.doors, func(d door) bool { return d.Host == host })
	if i < 0 {
		return nil, fault.New(fault.Refused, fault.Config, "name it under platforms",
			"no platform %s is configured", host)
	}
	return &s.doors[i], nil
}

// atWork asks the platform whether a run that pushes is at work.
func (s *Server) atWork(ctx context.Context, r push.Run) error {
	x, err := s.door(r.Host)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.ID, 10, 64)
	if err != nil {
		return err
	}
	return x.app.AtWork(ctx, r.Name, id, r.Run, r.Attempt)
}

// open opens the run of a deployment at its own host.
func (s *Server) open(ctx context.Context, d event.Deployment) (decide.Platform, error) {
	x, err := s.door(d.Host)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(d.Repository.ID, 10, 64)
	if err != nil {
		return nil, err
	}
	w, err := x.app.Waiting(ctx, d.Installation, id, d.Name, d.Run, d.Environment)
	if err != nil {
		return nil, err
	}
	return forges.Waiting{Waiting: w}, nil
}

// sweep gives every deployment that has no answer a job, if it has none.
func (s *Server) sweep(ctx context.Context) error {
	all, err := s.keep.Undecided(ctx)
	if err != nil {
		return err
	}
	for _, w := range all {
		err := s.keep.Write(ctx, func(tx *keep.Tx) error { return s.queue.Add(ctx, tx, ask(w.Deployment)) })
		if err != nil {
			return err
		}
	}
	for _, d := range s.doors {
		n, err := d.app.Redeliver(ctx)
		if err != nil {
			s.Log.Warn("deliveries that failed were not asked for again", "host", d.Host, "code", fault.Of(err).Code)
		}
		if n > 0 {
			s.Log.Info("deliveries that failed were asked for again", "host", d.Host, "count", n)
		}
	}
	if err := s.retain(ctx); err != nil {
		s.Log.Error("what is older than is kept was not deleted", "reason", fault.Bound(err.Error()))
	}
	_, err = s.keep.Checkpoint(ctx)
	return err
}

// wake has the deployments of a run looked at now, or, with 0, all that wait in a repository.
func (s *Server) wake(tx *keep.Tx, r event.Repository, run int64) error {
	all, err := tx.Open(r, run)
	if err != nil {
		return err
	}
	for _, id := range all {
		if err := s.queue.Wake(tx.Context(), tx, queue.Ask{Host: r.Host, Repository: r.ID,
			Deployment: id}); err != nil {
			return err
		}
	}
	return nil
}

func ask(d event.Deployment) queue.Ask {
	return queue.Ask{Host: d.Host, Repository: d.Repository.ID, Deployment: d.ID}
}

// Handler serves the server's addresses.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Door, s.delivered)
	mux.HandleFunc("POST /v1/evidence", s.counted(s.pushed))
	mux.HandleFunc("POST /v1/approvals", s.said)
	mux.HandleFunc("GET /v1/policy", s.reading(s.policy))
	mux.HandleFunc("GET /v1/decisions/{id}", s.decision)
	mux.HandleFunc("GET /v1/ledger/checkpoint", s.checkpoint)
	mux.HandleFunc("GET /v1/ledger/export", s.reading(s.export))
	mux.HandleFunc("GET /v1/ledger/leaves", s.reading(s.leaves))
	mux.HandleFunc("GET /v1/ledger/proof", s.reading(s.proof))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", s.readiness)
	return s.guarded(mux)
}

// guarded bounds what a stranger costs, and turns a panic into an answer.
func (s *Server) guarded(next http.Handler) http.Handler {
	var held atomic.Int64 // bytes of all bodies that are being read
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &bounded{ReadCloser: r.Body, held: &held}
		defer body.release()
		r.Body = body
		defer func() {
			if p := recover(); p != nil {
				s.Log.Error("a handler failed", "path", r.URL.Path)
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
		}()
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// maxHeld is how many bytes of bodies are in memory at once, of all senders together: a slow sender takes the bytes
// that it
// has sent, and nothing else.
const maxHeld = 64 << 20

// bounded is a body that counts towards the bytes that all bodies hold.
type bounded struct {
	io.ReadCloser
	held *atomic.Int64
	took int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.took += int64(n)
	if b.held.Add(int64(n)) > maxHeld {
		return n, fault.New(fault.Unavailable, fault.NotAvailable, "send it again", "the server holds too many bodies")
	}
	return n, err
}

func (b *bounded) release() { b.held.Add(-b.took) }

// refuse answers a fault. Only its code goes to somebody who proved nothing.
func refuse(w http.ResponseWriter, err error) {
	f := fault.Of(err)
	status := http.StatusBadRequest
	switch {
	case f.Code == fault.Authn:
		status = http.StatusUnauthorized
	case f.Code == fault.Limit:
		status = http.StatusRequestEntityTooLarge
	case f.Kind == fault.Unavailable, f.Kind == fault.Internal:
		status = http.StatusServiceUnavailable
	}
	http.Error(w, string(f.Code), status)
}

// delivered takes a webhook: what it is about is committed before the platform gets its answer.
func (s *Server) delivered(w http.ResponseWriter, r *http.Request) {
	d, at, err := s.proved(w, r)
	if err != nil {
		s.Log.Warn("a delivery was refused", "code", fault.Of(err).Code)
		refuse(w, err)
		return
	}
	err = s.keep.Write(r.Context(), func(tx *keep.Tx) error {
		first, err := tx.Delivered(at.Host, d.ID, d.Event, s.Now())
		if err != nil || !first {
			return err
		}
		if d.Begins != nil {
			return s.begun(tx, d.Begins)
		}
		if d.Waits == nil && d.Run > 0 {
			return s.wake(tx, d.About, d.Run)
		}
		if d.Waits == nil {
			return nil
		}
		if _, err := tx.Ask(*d.Waits); err != nil {
			return err
		}
		return s.queue.Add(r.Context(), tx, ask(*d.Waits))
	})
	if err != nil {
		s.Log.Error("a delivery was not kept", "reason", fault.Bound(err.Error()))
		refuse(w, fault.New(fault.Unavailable, fault.NotAvailable, "", "not kept"))
		return
	}
	if d.Event == "push" {
		s.hint(d.About)
	}
	w.WriteHeader(http.StatusAccepted)
}

// begun has a deployment looked at that began in an environment of a policy, as a delivery says: it is perhaps one
// about which nobody has asked.
func (s *Server) begun(tx *keep.Tx, d *event.Deployment) error {
	rule, err := s.rule(d.Repository)
	if err != nil || rule == nil {
		return err
	}
	named := func(e policy.Environment) bool { return strings.EqualFold(e.Name, d.Environment) }
	if !slices.ContainsFunc(rule.Environments, named) {
		return nil
	}
	if _, err := tx.Ask(*d); err != nil {
		return err
	}
	return s.queue.Wake(tx.Context(), tx, ask(*d))
}

// proved reads a delivery as one of the host that the address of the webhook names.
func (s *Server) proved(w http.ResponseWriter, r *http.Request) (hook.Delivery, *door, error) {
	name := hostOf(r.URL.Query()) // of several hosts, the address of the webhook says which
	for i := range s.doors {
		d := &s.doors[i]
		if d.Host != name && (name != "" || len(s.doors) > 1) {
			continue
		}
		out, err := d.Read(w, r, s.Now())
		return out, d, err
	}
	return hook.Delivery{}, nil, fault.New(fault.Refused, fault.Authn, "", "the address of the webhook names no host")
}

// pushed takes evidence of a run.
func (s *Server) pushed(w http.ResponseWriter, r *http.Request) {
	token, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !is {
		refuse(w, fault.New(fault.Refused, fault.Authn, "", "no token"))
		return
	}
	who, err := s.taker.Who(r.Context(), token)
	if err != nil {
		s.Log.Warn("a push was refused", "code", fault.Of(err).Code, "reason", fault.Bound(err.Error()))
		refuse(w, err)
		return
	}
	const most = 32 << 20
	var in struct {
		Bundles []json.RawMessage `json:"bundles"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, most)).Decode(&in); err != nil {
		refuse(w, fault.New(fault.Refused, fault.Malformed, "", "no list of bundles"))
		return
	}
	bundles := make([][]byte, len(in.Bundles))
	for i, b := range in.Bundles {
		bundles[i] = b
	}
	fresh, err := s.taker.Take(r.Context(), who, bundles)
	if err != nil {
		f := fault.Of(err)
		s.Log.Warn("a push was refused", "repository", who.ID, "run", who.Run, "kept", fresh, "code", f.Code,
			"reason", fault.Bound(f.Error()))
		unkept(w, fresh, f)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]int{"kept": fresh}) // the client may be gone
}

// unkept says why not everything was kept of what was sent.
func unkept(w http.ResponseWriter, kept int, f fault.Fault) {
	status := http.StatusUnprocessableEntity
	switch {
	case f.Code == fault.Authn:
		status = http.StatusUnauthorized
	case f.Kind == fault.Unavailable, f.Kind == fault.Internal:
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	said := map[string]any{"kept": kept, "code": f.Code, "reason": fault.Bound(f.Error()), "hint": f.Hint}
	_ = json.NewEncoder(w).Encode(said) // the client may be gone
}

// decision shows one verdict to who has its link, and, when the link has ended, to who may read what is of the
// repository.
func (s *Server) decision(w http.ResponseWriter, r *http.Request) {
	d, there, err := s.keep.Decided(r.Context(), r.PathValue("id"))
	if err != nil || !there || len(d.Verdict) == 0 {
		http.NotFound(w, r)
		return
	}
	show := func(w http.ResponseWriter, r *http.Request, who *reader) error {
		if who != nil && !who.sees(d.Of) {
			return errNotThere
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(d.Verdict) // the client may be gone
		return nil
	}
	if d.At.Before(s.Config.Links.before(s.Now())) {
		s.reading(show)(w, r)
		return
	}
	_ = show(w, r, nil) // nothing is refused to who has the link
}

func (s *Server) readiness(w http.ResponseWriter, r *http.Request) {
	if !s.ready.Load() || s.keep.Fit(r.Context()) != nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n") // the client may be gone
}

// Run serves until ctx ends, and lets what is at work end.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	defer s.keep.Close()
	err := s.keep.Write(ctx, func(tx *keep.Tx) error {
		_, err := tx.Append(ledger.Leaf{Kind: ledger.Started, At: s.Now(),
			About: ledger.About{Program: "sallyport-server " + s.Version}})
		return err
	})
	if err != nil {
		return err
	}
	hide, err := s.expose()
	if err != nil {
		return err
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	if err := s.queue.Start(work); err != nil {
		return fault.Errorf("starting the queue: %w", err)
	}
	go s.follow(work)
	const head, whole, idle = 5 * time.Second, 30 * time.Second, time.Minute
	h := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: head, ReadTimeout: whole, WriteTimeout: whole,
		IdleTimeout: idle, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug)}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	s.ready.Store(true)
	s.Log.Info("serving", "address", l.Addr().String(), "postgresql", s.keep.PostgreSQL())
	select {
	case err := <-failed:
		return fault.Errorf("serving: %w", fault.Cause(err))
	case <-ctx.Done():
	}
	s.ready.Store(false)
	const patience = 25 * time.Second
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return errors.Join(h.Shutdown(end), s.queue.Stop(end), hide(end))
}
