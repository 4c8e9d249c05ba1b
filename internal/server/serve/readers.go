package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/event"
)

// A reader is who reads what is of a repository: policy, verdicts, leaves. Its token is one of the configuration, for
// the
// whole of the server or for a tenant, or that of a job, for the repository of the job.
type reader struct {
	token      [sha256.Size]byte // its digest: all are compared in the same time
	all        bool
	host       string
	owner      string // a tenant's
	repository string // a job's, by its number
}

// readers are those of the configuration.
func (c *Config) readers() (all []reader, err error) {
	add := func(name, what string, r reader) error {
		token, err := c.secret(name, what)
		if err != nil {
			return err
		}
		r.token = sha256.Sum256(token)
		for _, x := range all {
			if x.token == r.token {
				return fault.New(fault.Usage, fault.Config, "make a token for each: openssl rand -hex 32",
					"%s is the token of another reader", what)
			}
		}
		all = append(all, r)
		return nil
	}
	if c.Read != "" {
		if err := add(c.Read, "the token that reads the ledger", reader{all: true}); err != nil {
			return nil, err
		}
	}
	for _, t := range c.Tenants {
		if err := add(t.Read, "the token of the tenant "+t.Owner, reader{host: t.Host, owner: t.Owner}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sees reports whether a reader may see what is of a repository.
func (r *reader) sees(of event.Repository) bool {
	switch {
	case r.all:
		return true
	case of.Host != r.host:
		return false
	case r.repository != "":
		return of.ID == r.repository
	}
	return of.Owner == r.owner && of.Owner != ""
}

// line is a leaf as a reader may see it: its bytes, or its hash if it is of another one. Each reader sees what the
// server says of itself.
func (r *reader) line(body []byte) ([]byte, error) {
	if r.all || ledger.Hidden(body) {
		return body, nil
	}
	l, err := ledger.ParseLeaf(body)
	if err != nil {
		return nil, err
	}
	if l.Host == "" || r.sees(event.Repository{Host: l.Host, Owner: l.Owner, ID: l.Repository}) {
		return body, nil
	}
	return ledger.HiddenLine(ledger.HashOf(body)), nil
}

// configured finds the reader of the configuration that has a token; nil: there is none.
func (s *Server) configured(token string) (who *reader) {
	sum := sha256.Sum256([]byte(token))
	for i := range s.readers {
		if subtle.ConstantTimeCompare(sum[:], s.readers[i].token[:]) == 1 {
			who = &s.readers[i]
		}
	}
	return who
}

// reader finds who asks; nil: nobody who may read anything. A job may, if the server has a policy for its repository.
func (s *Server) reader(r *http.Request) (*reader, error) {
	token, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !is {
		return nil, nil //nolint:nilnil // somebody without a token reads nothing, which is no error
	}
	if who := s.configured(token); who != nil {
		return who, nil
	}
	job, err := s.taker.Who(r.Context(), token)
	switch {
	case err != nil && fault.Of(err).Kind == fault.Unavailable:
		return nil, err
	case err != nil:
		s.Log.Warn("a question was refused", "code", fault.Of(err).Code)
		return nil, nil //nolint:nilnil // a token that proves nothing reads nothing
	}
	if rule, err := s.rule(job.Repository); err != nil || rule == nil {
		return nil, err
	}
	return &reader{host: job.Host, repository: job.ID, owner: job.Owner}, nil
}

// reading serves those who may read, and answers 404 to others.
func (s *Server) reading(serve func(http.ResponseWriter, *http.Request, *reader) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := s.reader(r)
		if err == nil && who != nil {
			err = serve(w, r, who)
		}
		switch {
		case errors.Is(err, errNotThere), err == nil && who == nil:
			http.NotFound(w, r)
		case err != nil:
			s.Log.Error("something was not read", "path", r.URL.Path, "code", fault.Of(err).Code,
				"reason", fault.Bound(err.Error()))
			refuse(w, err)
		}
	}
}
