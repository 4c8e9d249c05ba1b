package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/file"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
	"github.com/sallyport-dev/sallyport/internal/server/signer"
)

// seal is how the ledger is signed: by the key in a file, or by the process that has it.
func (c *Config) seal() (keep.Seal, error) {
	if c.Signer != "" {
		return keep.Seal{Name: c.Origin, By: signer.NewSocket(c.path(c.Signer), c.Public), File: c.path(c.Seal)}, nil
	}
	return c.sealed(c.Key)
}

// sealed is how it is signed by the key in a file.
func (c *Config) sealed(name string) (keep.Seal, error) {
	private, err := c.secret(name, "the ledger's key")
	if err != nil {
		return keep.Seal{}, err
	}
	key, err := signer.NewKey(string(private))
	if err != nil || key.Name != c.Origin {
		return keep.Seal{}, fault.New(fault.Usage, fault.Config, "make one: sallyport-server key --name "+c.Origin,
			"the ledger's key is not one of the ledger %q", c.Origin)
	}
	return keep.Seal{Name: c.Origin, By: key, File: c.path(c.Seal)}, nil
}

// byHand is how a command signs that begins an origin or changes the key. A signer signs neither, so the command is
// told
// where the key is that the configuration knows the public part of.
func (c *Config) byHand(name string) (keep.Seal, error) {
	switch {
	case c.Signer == "" && name == "":
		return c.sealed(c.Key)
	case c.Signer == "":
		return keep.Seal{}, fault.New(fault.Usage, fault.Config, "leave --key out",
			"--key is for a ledger with a signer, and the configuration names the key %q", c.Key)
	case name == "":
		return keep.Seal{}, fault.New(fault.Usage, fault.Config, "name the file of the key: --key FILE",
			"this command signs with the key itself, and the configuration names a signer")
	}
	s, err := c.sealed(name)
	if err != nil {
		return s, err
	}
	if key, err := s.By.Key(c.Origin); err != nil || key != c.Public {
		return s, fault.New(fault.Usage, fault.Config, "let ledger: public-key be the public part of that key",
			"the key of %q is %s, and the configuration has %s", name, key, c.Public)
	}
	return s, nil
}

// Import puts an export into the empty database of a configuration.
func Import(ctx context.Context, c *Config, path string, keys []string) (sum ledger.Summary, err error) {
	f, err := file.Open(path)
	if err != nil {
		return sum, fault.New(fault.Usage, fault.Path, "", "opening the export %q: %w", path, fault.Cause(err))
	}
	defer func() { _ = f.Close() }() // it was read
	seal, err := c.seal()
	if err != nil {
		return sum, err
	}
	return sum, c.mends(ctx, func(s *keep.Store) error {
		sum, err = s.Import(ctx, seal, f, keys)
		return err
	})
}

// mends opens the database, with no server on it, for a command that mends its ledger.
func (c *Config) mends(ctx context.Context, f func(s *keep.Store) error) error {
	s, err := keep.Open(ctx, c.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

// Continue begins a new origin of the ledger in a database that is behind the checkpoint outside of it. The file of the
// key is named where a signer has it.
func Continue(ctx context.Context, c *Config, key string, at time.Time) (l ledger.Leaf, err error) {
	seal, err := c.byHand(key)
	if err != nil {
		return l, err
	}
	return l, c.mends(ctx, func(s *keep.Store) error {
		l, err = s.Continue(ctx, seal, at)
		return err
	})
}

// Rotate lets the key of the configuration sign the ledger from here on, which the key before announces.
func Rotate(ctx context.Context, c *Config, before, key string, at time.Time) (l ledger.Leaf, err error) {
	old, err := c.sealed(before)
	if err != nil {
		return l, err
	}
	seal, err := c.byHand(key)
	if err != nil {
		return l, err
	}
	return l, c.mends(ctx, func(s *keep.Store) error {
		l, err = s.Rotate(ctx, seal, old.By, at)
		return err
	})
}

// checkpoint is the newest signed state of the ledger. It names no tenant, so it needs no token.
func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request) {
	text, err := s.keep.Checkpoint(r.Context())
	if err != nil { // its text names files and addresses, and anybody may ask
		s.Log.Error("there is no checkpoint", "code", fault.Of(err).Code, "reason", fault.Bound(err.Error()))
		refuse(w, fault.New(fault.Unavailable, fault.NotAvailable,
			"try again; if it stays so, let the server's operator look into its log",
			"the server cannot sign a checkpoint of its ledger now"))
		return
	}
	_, _ = io.WriteString(w, text) // the client may be gone
}

// errNotThere says that there is nothing, or nothing for this reader.
var errNotThere = errors.New("there is none")

// A part is what a request is about: leaves of one origin.
type part struct {
	base       int64
	from       int64
	checkpoint ledger.Checkpoint
	signed     string
	has        url.Values
}

// part reads a request: origin, where it is one that has ended, and from.
func (s *Server) part(r *http.Request) (p part, err error) {
	p.has = r.URL.Query()
	if n := p.has.Get("origin"); n != "" {
		number, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			return p, errNotThere
		}
		text, base, there, err := s.keep.Ended(r.Context(), number)
		if err != nil {
			return p, err
		}
		if !there {
			return p, errNotThere
		}
		p.signed, p.base = text, base
	} else if p.signed, p.base, err = s.keep.Current(r.Context()); err != nil {
		return p, err
	}
	if p.checkpoint, err = ledger.Parse(p.signed); err != nil {
		return p, err
	}
	if n := p.has.Get("from"); n != "" {
		if p.from, err = strconv.ParseInt(n, 10, 64); err != nil || p.from < 0 || p.from > p.checkpoint.Size {
			return p, errNotThere
		}
	}
	return p, nil
}

// perPage is how long a reader may take for a thousand leaves.
const perPage = 30 * time.Second

// export hands a whole origin over, with what the reader may not see as hashes.
func (s *Server) export(w http.ResponseWriter, r *http.Request, who *reader) error {
	p, err := s.part(r)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	const page = 1000
	err = s.keep.LeavesFrom(r.Context(), p.base, 0, p.checkpoint.Size, func(n int64, body []byte) error {
		if n%page == 0 { // a slow reader may go on, one that stands still may not
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(perPage)) // it is one of net/http
		}
		line, err := who.line(body)
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		return err
	})
	if err != nil {
		s.Log.Error("an export was not finished", "reason", fault.Bound(err.Error()))
		return nil // the last line is missing, which every reader of an export refuses
	}
	_, _ = out.Write(append(ledger.LastLine(p.signed), '\n')) // the client may be gone
	_ = out.Flush()
	return nil
}

// maxPart is how many bytes of leaves one answer has, and one leaf more.
const maxPart = 2 << 20

// leaves hands some over, from a place on. Who wants all asks on from where an answer ends.
func (s *Server) leaves(w http.ResponseWriter, r *http.Request, who *reader) error {
	p, err := s.part(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	full := errors.New("enough")
	err = s.keep.LeavesFrom(r.Context(), p.base, p.from, p.checkpoint.Size, func(_ int64, body []byte) error {
		line, err := who.line(body)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
		if b.Len() >= maxPart {
			return full
		}
		return nil
	})
	if err != nil && !errors.Is(err, full) {
		return err
	}
	_, _ = w.Write(b.Bytes()) // the client may be gone
	return nil
}

// proof makes one of a leaf that the reader sees, or that the ledger begins with what it was at a smaller size.
func (s *Server) proof(w http.ResponseWriter, r *http.Request, who *reader) error {
	if r.URL.Query().Has("origin") {
		return errNotThere
	}
	p, err := s.part(r)
	if err != nil {
		return err
	}
	out := ledger.Proof{Version: ledger.Version, Checkpoint: p.signed}
	switch {
	case p.has.Has("leaf"):
		out.Index, err = strconv.ParseInt(p.has.Get("leaf"), 10, 64)
		if err != nil || out.Index < 0 || out.Index >= p.checkpoint.Size {
			return errNotThere
		}
		var body []byte
		if body, out.Hashes, err = s.keep.Inclusion(r.Context(), p.checkpoint.Size, out.Index); err != nil {
			return err
		}
		line, err := who.line(body)
		if err != nil {
			return err
		}
		if ledger.Hidden(line) {
			return errNotThere
		}
		out.Leaf = string(line)
	case p.from > 0:
		if out.Before, out.Hashes, err = s.keep.Consistency(r.Context(), p.from, p.checkpoint.Size); err != nil {
			return err
		}
	default:
		return errNotThere
	}
	if out.Hashes == nil {
		out.Hashes = []ledger.Hash{}
	}
	b, err := out.JSON()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // the client may be gone
	return nil
}
