package serve

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/store"
)

// policy hands the policy of a repository to a job of that repository, and to holders of a token that reads it, so
// that one digest is approved, judged by the gate and judged here. For others there is none.
func (s *Server) policy(w http.ResponseWriter, r *http.Request) {
	repository, err := s.asked(r)
	if err != nil {
		s.Log.Error("a policy was not looked up", "reason", fault.Bound(err.Error()))
		refuse(w, fault.New(fault.Unavailable, fault.NotAvailable, "", "not looked up"))
		return
	}
	rule, err := s.rule(repository)
	digest := r.URL.Query().Get("digest")
	if err != nil || repository.ID == "" || rule == nil || digest != "" && digest != rule.Digest.String() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(store.Served{Digest: rule.Digest.String(), Source: rule.Source,
		Files: rule.Files}) // it may be gone
}

// asked is the repository that a request is about, if who asks may know of it.
func (s *Server) asked(r *http.Request) (none event.Repository, err error) {
	token, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !is {
		return none, nil
	}
	q := r.URL.Query()
	host, id := hostOf(q), q.Get("repository")
	if reader := s.readerOf(token); reader != nil {
		owner, err := s.keep.Owner(r.Context(), host, id)
		if err != nil || owner == "" || !reader.sees(host, owner) {
			return none, err
		}
		return event.Repository{Host: host, ID: id, Owner: owner}, nil
	}
	who, err := s.taker.Who(r.Context(), token)
	switch {
	case err != nil && fault.Of(err).Kind == fault.Unavailable:
		return none, err
	case err != nil:
		s.Log.Warn("a question was refused", "code", fault.Of(err).Code)
		return none, nil
	case host != "" && host != who.Host, id != "" && id != who.ID:
		return none, nil
	}
	return who.Repository, nil
}

// said takes words of people about releases, from anybody: the signatures say who speaks.
func (s *Server) said(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	repository := event.Repository{Host: hostOf(q), ID: q.Get("repository")}
	var err error
	if repository.Owner, err = s.keep.Owner(r.Context(), repository.Host, repository.ID); err != nil {
		refuse(w, fault.New(fault.Unavailable, fault.NotAvailable, "", "not looked up"))
		return
	}
	rule, err := s.rule(repository)
	if err != nil || rule == nil || repository.Owner == "" {
		http.NotFound(w, r)
		return
	}
	const most, several = 1 << 20, 10
	var in struct {
		Bundles []json.RawMessage `json:"bundles"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, most)).Decode(&in); err != nil ||
		len(in.Bundles) > several {
		refuse(w, fault.New(fault.Refused, fault.Malformed, "", "no list of some bundles"))
		return
	}
	kept := 0
	for _, b := range in.Bundles {
		fresh, err := s.taker.Said(r.Context(), repository, rule, b)
		if err != nil {
			s.Log.Warn("a word about a release was refused", "repository", repository.ID, "code", fault.Of(err).Code)
			unkept(w, kept, fault.Of(err))
			return
		}
		if fresh {
			kept++
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]int{"kept": kept}) // the client may be gone
}

// hostOf is the platform that a request names: github.com, or https://github.com.
func hostOf(q url.Values) string {
	host := q.Get("host")
	if host != "" && !strings.Contains(host, "://") {
		host = "https://" + host
	}
	return host
}
