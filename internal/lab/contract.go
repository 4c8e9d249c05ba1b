package lab

import (
	"bytes"
	"context"
	_ "embed" // the description below
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// gitHubAPI is GitHub's own description of the operations that the toy
// answers; openapi/cut.js cuts it out of the package @octokit/openapi.
//
//go:embed openapi/github.json
var gitHubAPI []byte

// A Violation is a request or an answer that GitHub's description of its API
// does not allow.
type Violation struct {
	// Side is "request" or "response".
	Side   string `json:"side"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// A contract holds the toy and its clients to the description.
type contract struct {
	loaded func() (*description, error)
	mu     sync.Mutex
	broken []Violation
}

type description struct {
	doc    *openapi3.T
	router routers.Router
}

// newContract starts reading the description, so that it is there when the
// first request comes.
func newContract() *contract {
	c := &contract{loaded: sync.OnceValues(loadDescription), broken: []Violation{}}
	go func() { _, _ = c.loaded() }() // whoever needs it gets the error
	return c
}

func loadDescription() (*description, error) {
	doc, err := openapi3.NewLoader().LoadFromData(gitHubAPI)
	if err != nil {
		return nil, fmt.Errorf("reading the API description: %w", err)
	}
	router, err := gorillamux.NewRouter(doc)
	return &description{doc, router}, err
}

func (c *contract) violations() []Violation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.broken)
}

func (c *contract) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = []Violation{}
}

func (c *contract) record(side string, r *http.Request, reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, Violation{side, r.Method, r.URL.EscapedPath(), reason.Error()})
}

// hold lets only requests through to h that the description allows, and only
// answers out. Paths are relative to the API's root.
func (c *contract) hold(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(r)
		if err != nil {
			gitHubError(w, http.StatusBadRequest, err.Error())
			return
		}
		in, err := c.request(r, body)
		if err != nil {
			c.record("request", r, err)
			gitHubError(w, http.StatusBadRequest, "the API description does not allow this request: "+err.Error())
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a := &answer{header: http.Header{}}
		h.ServeHTTP(a, r)
		if err := c.response(r.Context(), in, a); err != nil {
			c.record("response", r, err)
			gitHubError(w, http.StatusInternalServerError, "the API description does not allow the toy's answer: "+err.Error())
			return
		}
		a.send(w)
	})
}

// undocumented are fields at the top of a body that GitHub takes or gives and
// that its description does not have.
var undocumented = map[string]string{
	"PUT /repos/{owner}/{repo}/environments/{environment_name}": "can_admins_bypass",
	"GET /users/{username}":  "suspended_at",
	"GET /user/{account_id}": "suspended_at",
}

// documented returns a body without the field that the description lacks.
func documented(route *routers.Route, body []byte) []byte {
	name, ok := undocumented[route.Method+" "+route.Path]
	var o map[string]json.RawMessage
	if !ok || json.Unmarshal(body, &o) != nil || o[name] == nil {
		return body
	}
	delete(o, name)
	out, err := json.Marshal(o)
	if err != nil {
		return body
	}
	return out
}

func (c *contract) request(r *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	d, err := c.loaded()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(documented(route, body)))
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true,
		MultiError:            true,
	}}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		return nil, err
	}
	return in, knownQuery(r, route)
}

// knownQuery refuses parameters that the description does not have: GitHub
// ignores them, and a filter that is ignored is a filter that fails open.
func knownQuery(r *http.Request, route *routers.Route) error {
	known := append(slices.Clone(route.Operation.Parameters), route.PathItem.Parameters...)
	for name := range r.URL.Query() {
		if !slices.ContainsFunc(known, func(p *openapi3.ParameterRef) bool { return p.Value.In == "query" && p.Value.Name == name }) {
			return fmt.Errorf("query parameter %q is unknown", name)
		}
	}
	return nil
}

func (c *contract) response(ctx context.Context, in *openapi3filter.RequestValidationInput, a *answer) error {
	if in.Route.Operation.Responses.Status(a.status) == nil && a.status >= 400 {
		return c.errorBody(a.body.Bytes())
	}
	return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header,
		Body: io.NopCloser(bytes.NewReader(documented(in.Route, a.body.Bytes()))), Options: in.Options,
	})
}

// errorBody checks an error that its operation does not list, as most 404s
// are not, against the one shape that all errors have.
func (c *contract) errorBody(body []byte) error {
	d, err := c.loaded()
	if err != nil {
		return err
	}
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("error body: %w", err)
	}
	if s, _ := v["message"].(string); strings.TrimSpace(s) == "" {
		return errors.New("error body has no message")
	}
	return d.doc.Components.Schemas["basic-error"].Value.VisitJSON(v)
}

// An answer is kept until it has been checked.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header, WriteHeader and Write do what a ResponseWriter's do, for later.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the first status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // the client may be gone
}
