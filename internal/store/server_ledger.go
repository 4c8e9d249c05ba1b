package store

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Checkpoint fetches the newest one of a server's ledger. It needs no token, and verifies nothing.
func (s *Server) Checkpoint(ctx context.Context) (string, error) {
	b, err := s.get(ctx, "v1/ledger/checkpoint", nil, "")
	return string(b), err
}

// Leaves fetches the first leaves of a server's ledger, as the owner of a token may see them: one line for each. Memory
// stays flat.
func (s *Server) Leaves(ctx context.Context, size int64, w io.Writer) error {
	for n := int64(0); n < size; {
		token, err := s.Token(ctx) // that of a job is short-lived, and a ledger is long
		if err != nil {
			return err
		}
		b, err := s.get(ctx, "v1/ledger/leaves", url.Values{"from": {strconv.FormatInt(n, 10)}}, token)
		if err != nil {
			return err
		}
		took := 0
		for n < size {
			end := bytes.IndexByte(b[took:], '\n')
			if end < 0 {
				break
			}
			took += end + 1
			n++
		}
		if took == 0 {
			return fault.New(fault.Refused, fault.Ledger, "ask again; the server may have been changed in between",
				"the server hands over %d leaves, and its checkpoint is of %d", n, size)
		}
		if _, err := w.Write(b[:took]); err != nil {
			return fault.Errorf("writing the export: %w", fault.Cause(err))
		}
	}
	return nil
}

// get asks for something of the ledger, with a token if there is one.
func (s *Server) get(ctx context.Context, path string, query url.Values, token string) ([]byte, error) {
	at := s.URL.JoinPath(path)
	at.RawQuery = query.Encode()
	status, b, err := s.read(ctx, at, token, 0)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusOK:
		return b, nil
	case status != http.StatusNotFound:
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, "look into the server's log",
			"the server %s answered %d when it was asked for its ledger", s.URL.Host, status)
	case token == "":
		return nil, fault.New(fault.Refused, fault.Ledger, "name the address of a sallyport-server",
			"the server %s has no ledger", s.URL.Host)
	}
	return nil, fault.New(fault.Refused, fault.Authn, "take the token from the server's operator",
		"the server %s has no ledger for this token", s.URL.Host)
}
