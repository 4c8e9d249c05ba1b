package serve

import (
	"bufio"
	"context"
	"crypto/subtle"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
)

// seal is how the ledger is signed, by the key in a file.
func (c *Config) seal(name string) (keep.Seal, error) {
	key, err := c.secret(name, "the ledger's key")
	if err != nil {
		return keep.Seal{}, err
	}
	if s, err := note.NewSigner(string(key)); err != nil || s.Name() != c.Origin {
		return keep.Seal{}, fault.New(fault.Usage, fault.Config, "make one: sallyport-server key --name "+c.Origin,
			"the ledger's key is not one of the ledger %q", c.Origin)
	}
	return keep.Seal{Name: c.Origin, Private: string(key), File: c.path(c.Seal)}, nil
}

// mended opens the database of a configuration, with no server on it, for a command that mends its ledger.
func mended(
	ctx context.Context, c *Config, f func(s *keep.Store, seal keep.Seal) (ledger.Leaf, error),
) (ledger.Leaf, error) {
	seal, err := c.seal(c.Key)
	if err != nil {
		return ledger.Leaf{}, err
	}
	s, err := keep.Open(ctx, c.Database)
	if err != nil {
		return ledger.Leaf{}, err
	}
	defer s.Close()
	return f(s, seal)
}

// Continue begins a new origin of the ledger in a database that is behind the checkpoint outside of it.
func Continue(ctx context.Context, c *Config, at time.Time) (ledger.Leaf, error) {
	return mended(ctx, c, func(s *keep.Store, seal keep.Seal) (ledger.Leaf, error) { return s.Continue(ctx, seal, at) })
}

// Rotate lets the key of the configuration sign the ledger from here on, which the key before announces.
func Rotate(ctx context.Context, c *Config, before string, at time.Time) (ledger.Leaf, error) {
	old, err := c.seal(before)
	if err != nil {
		return ledger.Leaf{}, err
	}
	return mended(ctx, c, func(s *keep.Store, seal keep.Seal) (ledger.Leaf, error) {
		return s.Rotate(ctx, seal, old.Private, at)
	})
}

// checkpoint is the newest signed state of the ledger. It says nothing about anybody.
func (s *Server) checkpoint(w http.ResponseWriter, r *http.Request) {
	text, err := s.keep.Checkpoint(r.Context(), s.keep.Signer())
	if err != nil {
		refuse(w, fault.New(fault.Unavailable, fault.NotAvailable, "", "no checkpoint"))
		return
	}
	_, _ = io.WriteString(w, text) // the client may be gone
}

// export hands the whole ledger to its reader.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	token, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !is || len(s.reader) == 0 || subtle.ConstantTimeCompare([]byte(token), s.reader) != 1 {
		http.NotFound(w, r)
		return
	}
	text, err := s.keep.Checkpoint(r.Context(), s.keep.Signer())
	if err != nil {
		refuse(w, fault.New(fault.Unavailable, fault.NotAvailable, "", "no checkpoint"))
		return
	}
	c, err := ledger.Parse(text)
	if err != nil {
		refuse(w, err)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // it may be long
	out := bufio.NewWriter(w)
	err = s.keep.Leaves(r.Context(), 0, c.Size, func(_ int64, body []byte) error {
		_, err := out.Write(append(body, '\n'))
		return err
	})
	if err != nil {
		s.Log.Error("an export was not finished", "reason", fault.Bound(err.Error()))
		return // without its last line it is no export
	}
	_, _ = out.Write(append(ledger.LastLine(text), '\n')) // the client may be gone
	_ = out.Flush()
}
