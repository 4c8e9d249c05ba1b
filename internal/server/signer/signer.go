package signer

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// A Prove makes the proof that the ledger of a size begins with what it was at a smaller size.
type Prove = func(from, size int64) ([]ledger.Hash, error)

// A Key is in memory. It asks for no proof: its owner is trusted.
type Key struct {
	Name    string // of the ledger that it was made for
	private string
}

// NewKey takes a key as a file of one holds it.
func NewKey(private string) (Key, error) {
	by, err := note.NewSigner(private)
	if err != nil {
		return Key{}, fault.New(fault.Usage, fault.Config, "make one: sallyport-server key",
			"the ledger's key cannot be read")
	}
	return Key{by.Name(), private}, nil
}

// Key is the verifier of what it signs for an origin.
func (k Key) Key(origin string) (string, error) {
	_, key, err := ledger.Named(k.private, origin)
	return key, err
}

// Sign signs a checkpoint in the name of its origin.
func (k Key) Sign(_ context.Context, c ledger.Checkpoint, _ Prove) (string, error) {
	by, _, err := ledger.Named(k.private, c.Origin)
	if err != nil {
		return "", err
	}
	return c.Sign(by)
}

// A Socket leads to the process that holds the key. What it answers counts if the public key verifies it.
type Socket struct {
	path, public string
	newest       atomic.Int64 // size of the newest checkpoint that it has signed, as far as is known
}

// NewSocket is the way to a process that listens at a path.
func NewSocket(path, public string) *Socket { return &Socket{path: path, public: public} }

// Key is the verifier of what the process signs for an origin.
func (s *Socket) Key(origin string) (string, error) { return ledger.Under(s.public, origin) }

// patience is how long a process may take for one checkpoint.
const patience = 5 * time.Second

// Sign has a checkpoint signed. Servers ask without knowing of each other: where another one was faster, the process
// says
// which size is the newest, and is asked again with the proof for that.
func (s *Socket) Sign(ctx context.Context, c ledger.Checkpoint, prove Prove) (string, error) {
	key, err := s.Key(c.Origin)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for told := false; ; told = true {
		q := request{old: s.newest.Load(), checkpoint: c}
		if q.proof, err = prove(min(q.old, c.Size), max(q.old, c.Size)); err != nil && told {
			return "", err
		}
		if err != nil { // what it said last is perhaps of another origin, or no longer so
			q.old, q.proof = 0, nil
		}
		answer, err := s.ask(ctx, q.text())
		if err != nil {
			return "", err
		}
		size, other := readOld(answer)
		if other && size != q.old {
			s.newest.Store(size)
			continue
		}
		if !strings.HasPrefix(answer, "— ") {
			return "", refused(answer)
		}
		signed := c.Text() + "\n" + answer
		if _, err := ledger.Open(signed, []string{key}); err != nil {
			return "", fault.New(fault.Refused, fault.Ledger,
				"let ledger: public-key be the key of the signer, and ledger: signer its socket",
				"what the signer at %q answers: %w", s.path, err)
		}
		s.newest.Store(max(q.old, c.Size))
		return signed, nil
	}
}

// ask sends one request, and returns the answer.
func (s *Socket) ask(ctx context.Context, text string) (string, error) {
	away := func(err error) error {
		return fault.New(fault.Unavailable, fault.NotAvailable,
			"start it: sallyport-server signer; let its socket be open to the user of this server",
			"the signer at %q does not answer: %w", s.path, fault.Cause(err))
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", s.path)
	if err != nil {
		return "", away(err)
	}
	defer func() { _ = c.Close() }() // the answer was read
	if end, is := ctx.Deadline(); is {
		if err := c.SetDeadline(end); err != nil {
			return "", away(err)
		}
	}
	_, err = io.WriteString(c, text)
	if w, is := c.(*net.UnixConn); err == nil && is {
		err = w.CloseWrite()
	}
	if err != nil {
		return "", away(err)
	}
	b, err := io.ReadAll(io.LimitReader(c, maxRequest))
	if err == nil && len(b) == 0 {
		err = errors.New("it ended before it had answered")
	}
	if err != nil {
		return "", away(err)
	}
	return string(b), nil
}

// refused is the fault of an answer that signs nothing: a code, and the reason.
func refused(answer string) error {
	code, reason, _ := strings.Cut(strings.TrimSpace(answer), " ")
	reason = fault.Bound(reason)
	switch c := fault.Code(code); c {
	case fault.Ledger:
		return fault.New(fault.Refused, c, "stop every server, and find out who has changed the database; "+
			"where it was put back, or its origin or key is another one: docs/server.md",
			"the signer refuses: %s", reason)
	case fault.NotAvailable:
		return fault.New(fault.Unavailable, c, "look into the signer's log", "the signer signs nothing now: %s", reason)
	}
	return fault.New(fault.Internal, fault.InternalError, "let server and signer be of one version",
		"the signer answers %q, want a signature", fault.Cut(answer))
}
