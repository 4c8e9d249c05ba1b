package keep_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/signer"
)

// A process that has the key, in a folder of its own.
type process struct {
	*testing.T
	private, public string
	state, socket   string
	end             func()
}

// asked is a seal of which a process has the key.
func asked(t *testing.T) (keep.Seal, *process) {
	t.Helper()
	dir := t.TempDir()
	p := &process{T: t, state: filepath.Join(dir, "ledger.state"), socket: filepath.Join(dir, "socket")}
	private, public, empty, err := signer.Generate("sallyport.example/ledger")
	if err == nil {
		err = os.WriteFile(p.state, []byte(empty), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.private, p.public = private, public
	p.starts()
	return p.seal(), p
}

// seal is that of a server with a file of its own.
func (p *process) seal() keep.Seal {
	return keep.Seal{Name: "sallyport.example/ledger", By: signer.NewSocket(p.socket, p.public),
		File: filepath.Join(p.TempDir(), "ledger.checkpoint")}
}

// own is the same with the key itself.
func (p *process) own(x keep.Seal) keep.Seal {
	p.Helper()
	key, err := signer.NewKey(p.private)
	if err != nil {
		p.Fatal(err)
	}
	x.By = key
	return x
}

func (p *process) starts() {
	p.Helper()
	x, err := signer.Open(p.private, p.state, slog.New(slog.DiscardHandler))
	if err != nil {
		p.Fatal(err)
	}
	l, err := signer.Listen(p.socket)
	if err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- x.Serve(ctx, l) }()
	p.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.Error(err)
		}
		x.Close()
	})
	p.Cleanup(func() { p.end() })
}

// signed is how many leaves the newest checkpoint of the process is of.
func (p *process) signed() int64 {
	p.Helper()
	c, err := ledger.Open(text(p.T, p.state), []string{p.public})
	if err != nil {
		p.Fatal(err)
	}
	return c.Size
}

func TestG11_a_store_without_the_key_has_its_ledger_signed(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x, p := asked(t)
		s := guarded(t, url, x)
		adds(t, s, 3)
		early := text(t, x.File)
		adds(t, s, 4)
		if got := p.signed(); got != 7 {
			t.Errorf("the signer has signed %d leaves, want 7", got)
		}
		if sum := verifies(t, s, []string{p.public}, early); sum.Checkpoint.Size != 7 {
			t.Errorf("got %+v", sum)
		}
		for _, from := range []int64{1, 3, 7} {
			before, hashes, err := s.Consistency(t.Context(), from, 7)
			if err != nil {
				t.Fatal(err)
			}
			newest, err := s.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			proof := ledger.Proof{Version: ledger.Version, Before: before, Checkpoint: newest, Hashes: hashes}
			if err := proof.Check([]string{p.public}); err != nil {
				t.Errorf("from %d: %v", from, err)
			}
		}
	})
}

// Who has taken over the database and the server writes other leaves in the place of those that were signed, and takes
// the file of the newest checkpoint away. With the key in the server that would be signed.
func TestG11_a_history_that_was_written_again_is_not_signed_without_the_key(t *testing.T) {
	for what, add := range map[string]int{"shorter": 1, "as long": 2, "longer": 4} {
		t.Run(what, func(t *testing.T) {
			kinds(t, func(t *testing.T, url string) {
				x, p := asked(t)
				s := guarded(t, url, x)
				adds(t, s, 3)
				s.Close()
				old := copied(t, url)
				s = guarded(t, url, x)
				adds(t, s, 2)
				s.Close()
				s = open(t, old)
				adds(t, s, add) // by a program that looks at no file
				forged := p.seal()
				err := s.Guard(t.Context(), forged)
				want := "no proof that a ledger of"
				if what == "shorter" {
					want = "the database is behind: its ledger has 4 leaves, and the signer has signed one of 5"
				}
				if f := fault.Of(err); f.Code != fault.Ledger || !strings.Contains(f.Error(), want) || f.Hint == "" {
					t.Errorf("got %v, want %q", err, want)
				}
				if got := p.signed(); got != 5 {
					t.Errorf("the signer has signed %d leaves, want 5", got)
				}
				if _, err := os.Stat(forged.File); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("there is a checkpoint of it: %v", err)
				}
				if err := s.Guard(t.Context(), p.own(forged)); err != nil {
					t.Errorf("with the key: %v", err)
				}
				s.Close()
				adds(t, guarded(t, url, x), 1) // the one that was signed goes on
			})
		})
	}
}

func TestG11_without_a_signer_nothing_is_appended_until_it_is_back(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x, p := asked(t)
		s := guarded(t, url, x)
		adds(t, s, 1)
		p.end()
		adds(t, s, 1) // it was committed before it was to be signed
		for range 2 {
			if err := appends(s, 1); fault.Of(err).Code != fault.NotAvailable || fault.Of(err).Hint == "" {
				t.Errorf("got %v", err)
			}
			if err := s.Fit(t.Context()); fault.Of(err).Code != fault.NotAvailable {
				t.Errorf("it is fit: %v", err)
			}
			if _, err := s.Checkpoint(t.Context()); fault.Of(err).Code != fault.NotAvailable {
				t.Errorf("it shows a checkpoint: %v", err)
			}
		}
		p.starts()
		if err := s.Fit(t.Context()); err != nil {
			t.Errorf("it is not fit: %v", err)
		}
		adds(t, s, 1)
		if got := p.signed(); got != 3 {
			t.Errorf("the signer has signed %d leaves, want 3", got)
		}
	})
}

// Several servers on one PostgreSQL, each with a file and a socket of its own.
func TestG11_several_servers_have_one_ledger_signed(t *testing.T) {
	url := urls(t)["PostgreSQL"]
	x, p := asked(t)
	first := guarded(t, url, x)
	const servers, each = 3, 20
	var all sync.WaitGroup
	for range servers {
		s := guarded(t, url, p.seal())
		all.Go(func() {
			for range each {
				if err := appends(s, 1); err != nil {
					t.Error(err)
				}
				if err := s.Fit(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if sum := verifies(t, first, []string{p.public}); sum.Checkpoint.Size != servers*each ||
		p.signed() != servers*each {
		t.Errorf("got %+v, and the signer has signed %d", sum, p.signed())
	}
}

func TestG11_an_origin_that_a_signer_has_not_begun_is_signed_after_its_state_was_changed(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x, p := asked(t)
		s := guarded(t, url, x)
		adds(t, s, 3)
		s.Close()
		old := copied(t, url)
		s = guarded(t, url, x)
		adds(t, s, 2)
		s.Close()
		s = open(t, old)
		if _, err := s.Continue(t.Context(), x, time.Unix(9, 0)); fault.Of(err).Code != fault.Ledger {
			t.Errorf("by the signer: got %v", err)
		}
		if _, err := s.Continue(t.Context(), p.own(x), time.Unix(9, 0)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s = open(t, old)
		if err := s.Guard(t.Context(), x); fault.Of(err).Code != fault.Ledger ||
			!strings.Contains(err.Error(), `ledger/2", and "sallyport.example/ledger" is signed`) {
			t.Errorf("with the state before: got %v", err)
		}
		p.end()
		if err := os.WriteFile(p.state, []byte(text(t, x.File)), 0o600); err != nil {
			t.Fatal(err)
		}
		p.starts()
		if err := s.Guard(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		adds(t, s, 1)
		if sum := verifies(t, s, []string{p.public, verifier(t, x, x.Name+"/2")}); sum.Missing != 2 ||
			sum.Checkpoint.Size != 2 {
			t.Errorf("got %+v", sum)
		}
	})
}

// What is looked at while others write is no older than what they have had signed meanwhile.
func TestG11_a_store_that_is_written_to_is_fit_at_each_moment(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x, _ := asked(t)
		s := guarded(t, url, x)
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for range 40 {
					if err := appends(s, 1); err != nil {
						t.Error(err)
					}
				}
			})
			all.Go(func() {
				for range 100 {
					if err := s.Fit(context.Background()); err != nil {
						t.Errorf("it is not fit: %v", err)
					}
					if _, err := s.Checkpoint(context.Background()); err != nil {
						t.Errorf("it has no checkpoint: %v", err)
					}
				}
			})
		}
		all.Wait()
	})
}
