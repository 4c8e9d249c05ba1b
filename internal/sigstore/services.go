package sigstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	tiles "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor/pkg/generated/client/entries"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of signing. A log answers when the entry is in its tree, which takes
// longer than any other answer.
const (
	logTimeout = 30 * time.Second  // of one try at a log
	signBudget = 120 * time.Second // of one signature: certificate, timestamp, log entry, and all tries
	maxSigned  = 10 << 20          // bytes of one answer
)

// A signingService is one of those that sign, as sigstore-go is given it: a transport
// that hands on good answers only. Anything else is a fault that names the
// service; what it said is not repeated, because it may be the token.
type signingService struct {
	what   string // "certificate authority fulcio.example"
	next   http.RoundTripper
	status func(what string, status int) error // explains a status other than 200 and 201
	check  func(body []byte) error             // wants the body to be what was asked for
}

// options are those of a client of the service at address. A redirect is
// followed nowhere: it would take the identity token elsewhere.
func options(address *url.URL) client.Options {
	return client.Options{Base: address, Away: client.RefuseAny, MaxBody: maxSigned}
}

// RoundTrip implements http.RoundTripper.
func (s signingService) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, client.Unanswered(s.what, err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, client.Unanswered(s.what, err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return nil, s.status(s.what, resp.StatusCode)
	}
	if err := s.check(b); err != nil {
		return nil, client.Proxied(s.what, "without "+err.Error())
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp, nil
}

// absent is the fault of a service that is not where the signing config says.
func absent(what, key string, status int) error {
	return fault.New(fault.Usage, fault.Config,
		"check "+key+" in the signing config", "%s answered %d: there is no such service at its address", what, status)
}

func newAuthority(ctx context.Context, address string) (sign.CertificateProvider, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	s := signingService{what: "certificate authority " + base.Host, next: client.Transport(ctx, options(base)),
		status: authorityStatus, check: hasCertificate}
	return sign.NewFulcio(&sign.FulcioOptions{BaseURL: address, Timeout: -1, Transport: s}), nil
}

func authorityStatus(what string, status int) error {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		return fault.New(fault.Refused, fault.Identity,
			"the token must be for the audience that the certificate authority takes (input audience), unexpired, and "+
				"from an issuer that it knows",
			"%s answered %d: it refused the identity token", what, status)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return absent(what, "caUrls", status)
	}
	return client.Status(what, status, "")
}

func hasCertificate(body []byte) error {
	type chain struct {
		Chain struct {
			Certificates []string `json:"certificates"`
		} `json:"chain"`
	}
	var answer struct {
		Embedded chain `json:"signedCertificateEmbeddedSct"`
		Detached chain `json:"signedCertificateDetachedSct"`
	}
	err := json.Unmarshal(body, &answer)
	if err != nil || len(answer.Embedded.Chain.Certificates)+len(answer.Detached.Chain.Certificates) == 0 {
		return errors.New("a certificate")
	}
	return nil
}

func newTimestamps(ctx context.Context, address string) (*sign.TimestampAuthority, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	s := signingService{what: "timestamp authority " + base.Host, next: client.Transport(ctx, options(base)),
		status: timestampStatus, check: hasTimestamp}
	return sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: address, Timeout: -1, Transport: s}), nil
}

func timestampStatus(what string, status int) error {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return absent(what, "tsaUrls", status)
	}
	return client.Status(what, status, "ask whoever runs it who may have timestamps")
}

func hasTimestamp(body []byte) error {
	if _, err := timestamp.ParseResponse(body); err != nil {
		return errors.New("a timestamp")
	}
	return nil
}

// errLogged says that the log has the entry already, after an answer that was
// lost. Another key makes another entry.
var errLogged = errors.New("it has this entry already")

// A transparencyLog writes entries. sigstore-go's own clients take no
// transport, so that this is one.
type transparencyLog struct {
	what string
	base *url.URL
	http *http.Client
}

func newLog(address string, version uint32) (sign.Transparency, error) {
	l, err := newLogClient(address)
	if err != nil {
		return nil, err
	}
	return sign.NewRekor(&sign.RekorOptions{BaseURL: address, Version: version, Client: firstLog{l}, ClientV2: l}), nil
}

func newLogClient(address string) (*transparencyLog, error) {
	base, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil {
		return nil, err
	}
	o := options(base)
	o.PerTry, o.Budget = logTimeout, signBudget
	return &transparencyLog{what: "transparency log " + base.Host, base: base, http: client.New(o)}, nil
}

// A logAnswer is what a log answered.
type logAnswer struct {
	status   int
	location string
	body     []byte
}

// ask sends a request and returns an answer whose status is one of good.
func (l *transparencyLog) ask(ctx context.Context, method, where string, body []byte, good ...int) (logAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, method, l.base.JoinPath(where).String(), bytes.NewReader(body))
	if err != nil {
		return logAnswer{}, fmt.Errorf("asking a transparency log: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := l.http.Do(req)
	if err != nil {
		return logAnswer{}, client.Unanswered(l.what, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return logAnswer{}, client.Unanswered(l.what, err)
	}
	if !slices.Contains(good, resp.StatusCode) {
		return logAnswer{}, logStatus(l.what, resp.StatusCode)
	}
	return logAnswer{resp.StatusCode, resp.Header.Get("Location"), b}, nil
}

func logStatus(what string, status int) error {
	switch status {
	case http.StatusConflict:
		return fault.New(fault.Unavailable, fault.NotAvailable, "try again",
			"%s answered %d: %w", what, status, errLogged)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return absent(what, "rekorTlogUrls", status)
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.Refused, fault.Limit, "attest fewer files at once, or a smaller predicate",
			"%s answered %d: the entry is larger than it takes", what, status)
	}
	return client.Status(what, status, "ask whoever runs it who may write to it")
}

func (l *transparencyLog) noEntry() error {
	return client.Proxied(l.what, "without an entry and its proof")
}

// Add writes an entry to a log of the second version.
func (l *transparencyLog) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	record, ok := entry.(*tiles.HashedRekordRequestV002)
	if !ok {
		return nil, fmt.Errorf("log entry of type %T", entry)
	}
	spec := &tiles.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: record}
	body, err := protojson.Marshal(&tiles.CreateEntryRequest{Spec: spec})
	if err != nil {
		return nil, fmt.Errorf("encoding a log entry: %w", err)
	}
	a, err := l.ask(ctx, http.MethodPost, "/api/v2/log/entries", body, http.StatusCreated)
	if err != nil {
		return nil, err
	}
	var e protorekor.TransparencyLogEntry
	if err := protojson.Unmarshal(a.body, &e); err != nil || len(e.GetCanonicalizedBody()) == 0 ||
		e.GetInclusionProof() == nil {
		return nil, l.noEntry()
	}
	return &e, nil
}

// firstLog is a log of the first version.
type firstLog struct{ *transparencyLog }

// CreateLogEntry writes an entry. If it is there already, after an answer that
// was lost, it is fetched; that it is ours, the verification of the bundle says.
func (l firstLog) CreateLogEntry(p *entries.CreateLogEntryParams,
	_ ...entries.ClientOption) (*entries.CreateLogEntryCreated, error) {
	const all = "/api/v1/log/entries"
	body, err := json.Marshal(p.ProposedEntry)
	if err != nil {
		return nil, fmt.Errorf("encoding a log entry: %w", err)
	}
	a, err := l.ask(p.Context, http.MethodPost, all, body, http.StatusCreated, http.StatusConflict)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusConflict {
		id := a.location[strings.LastIndexByte(a.location, '/')+1:]
		if id == "" {
			return nil, logStatus(l.what, a.status)
		}
		if a, err = l.ask(p.Context, http.MethodGet, all+"/"+url.PathEscape(id), nil, http.StatusOK); err != nil {
			return nil, err
		}
	}
	var found models.LogEntry
	if err := json.Unmarshal(a.body, &found); err != nil || len(found) != 1 {
		return nil, l.noEntry()
	}
	for id, e := range found {
		if complete(e) {
			return &entries.CreateLogEntryCreated{ETag: id, Payload: found}, nil
		}
	}
	return nil, l.noEntry()
}

// complete says whether e has everything that sigstore-go reads without asking.
func complete(e models.LogEntryAnon) bool {
	if e.LogID == nil || e.LogIndex == nil || e.IntegratedTime == nil || e.Verification == nil ||
		e.Verification.InclusionProof == nil {
		return false
	}
	p := e.Verification.InclusionProof
	return p.LogIndex != nil && p.TreeSize != nil && p.RootHash != nil && p.Checkpoint != nil
}

// GetLogEntryByUUID is part of sigstore-go's interface. It asks for an entry
// that is there already, which CreateLogEntry has done.
func (l firstLog) GetLogEntryByUUID(*entries.GetLogEntryByUUIDParams,
	...entries.ClientOption) (*entries.GetLogEntryByUUIDOK, error) {
	return nil, l.noEntry()
}
