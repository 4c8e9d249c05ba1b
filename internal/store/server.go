package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Server is a sallyport-server, to which a job pushes the bundles of its run (docs/server.md).
type Server struct {
	URL *url.URL
	// Token returns an ID token of the job for the server. Each request needs one of its own.
	Token func(ctx context.Context) (string, error)
}

// maxPush is how many bundles one request has.
const maxPush = 50

// NewServer reads the address of a server: https and a host alone.
func NewServer(address string, token func(context.Context) (string, error)) (*Server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || !client.Confidential(u) {
		return nil, fault.New(fault.Usage, fault.Config,
			"name it as its operator says, such as https://sallyport.example.com",
			"the server %q, want https and a host alone", address)
	}
	return &Server{URL: u, Token: token}, nil
}

// Served is the policy that a server has for a repository, and the files that it names.
type Served struct {
	Digest string            `json:"digest"` // sha256:HEX of Source
	Source []byte            `json:"source"`
	Files  map[string][]byte `json:"files"`
}

// maxServed is how long the answer with a policy is at most: a policy, and the trusted roots and keys that it names.
const maxServed = 16 << 20

// Policy asks for the policy of a repository, by the host that it is on and its number there. A job's token says both,
// so they may be empty.
func (s *Server) Policy(ctx context.Context, host, repository string) (out Served, err error) {
	token, err := s.Token(ctx)
	if err != nil {
		return out, err
	}
	at := s.URL.JoinPath("v1/policy")
	if repository != "" {
		at.RawQuery = url.Values{"host": {host}, "repository": {repository}}.Encode()
	}
	status, b, err := s.read(ctx, at, token, maxServed)
	switch {
	case err != nil:
		return out, err
	case status == http.StatusNotFound:
		return out, fault.New(fault.Refused, fault.Policy,
			"let the server's operator name one for the repository, or give you a token that reads it; before the "+
				"repository's first push the server knows nothing of its owner",
			"the server %s shows no policy for this repository to this token", s.URL.Host)
	case status != http.StatusOK:
		return out, fault.New(fault.Unavailable, fault.NotAvailable, "look into the server's log",
			"the server %s answered %d when it was asked for its policy", s.URL.Host, status)
	}
	if err := json.Unmarshal(b, &out); err != nil || subject.Sum(out.Source).String() != out.Digest {
		return out, fault.New(fault.Refused, fault.Malformed, "",
			"the server %s answered without a policy that has the digest it names", s.URL.Host)
	}
	return out, nil
}

// read asks for a page, with a token if there is one, of at most some bytes; 0: as many as clients take.
func (s *Server) read(ctx context.Context, at *url.URL, token string, most int64) (status int, b []byte, err error) {
	ctx, cancel := client.Within(ctx, 0)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	options := client.Options{Base: s.URL, Credential: h, Away: client.RefuseAny, MaxBody: most}
	resp, err := client.New(options).Do(req)
	if err != nil {
		return 0, nil, client.Unanswered(s.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if b, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil, client.Unanswered(s.URL.Host, err)
	}
	return resp.StatusCode, b, nil
}

// Push hands bundles over, and returns how many the server had not. It keeps each once, so that a push may be repeated.
func (s *Server) Push(ctx context.Context, bundles [][]byte) (fresh int, err error) {
	for chunk := range slices.Chunk(bundles, maxPush) {
		n, bad := s.push(ctx, chunk)
		fresh, err = fresh+n, cmp.Or(err, bad)
		if bad != nil && fault.Of(bad).Kind != fault.Refused {
			break // nobody answers; what is refused says nothing about the others
		}
	}
	return fresh, err
}

// Say hands over what somebody says about releases of a repository, with no token: the signatures say who speaks.
func (s *Server) Say(ctx context.Context, host, repository string, bundles [][]byte) (int, error) {
	at := s.URL.JoinPath("v1/approvals")
	at.RawQuery = url.Values{"host": {host}, "repository": {repository}}.Encode()
	return s.send(ctx, at, "", bundles)
}

func (s *Server) push(ctx context.Context, bundles [][]byte) (int, error) {
	token, err := s.Token(ctx)
	if err != nil {
		return 0, err
	}
	return s.send(ctx, s.URL.JoinPath("v1/evidence"), token, bundles)
}

// send sends bundles, with a token if there is one.
func (s *Server) send(ctx context.Context, to *url.URL, token string, bundles [][]byte) (int, error) {
	raw := make([]json.RawMessage, len(bundles))
	for i, b := range bundles {
		raw[i] = b
	}
	body, err := json.Marshal(map[string]any{"bundles": raw})
	if err != nil {
		return 0, fault.Errorf("a bundle is no JSON: %w", fault.Cause(err))
	}
	ctx, cancel := client.Within(ctx, 0)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.New(client.Options{Base: s.URL, Credential: h, Away: client.RefuseAny}).Do(req)
	if err != nil {
		return 0, client.Unanswered(s.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	var said struct {
		Kept   int    `json:"kept"`
		Code   string `json:"code"`
		Reason string `json:"reason"`
		Hint   string `json:"hint"`
	}
	readable := json.NewDecoder(resp.Body).Decode(&said) == nil
	switch {
	case resp.StatusCode == http.StatusOK && readable:
		return said.Kept, nil
	case readable && said.Reason != "":
		code := fault.Code(said.Code)
		if _, known := fault.Codes[code]; !known {
			code = fault.NotAvailable
		}
		return said.Kept, fault.New(fault.Refused, code, said.Hint, "the server refuses it: %s", fault.Cut(said.Reason))
	default:
		return 0, fault.New(fault.Unavailable, fault.NotAvailable, "look into the server's log",
			"the server answered %d", resp.StatusCode)
	}
}
