package serve

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/store"
)

// policy hands the policy of a repository to a job of that repository, and to holders of a token that reads it, so
// that one digest is approved, judged by the gate and judged here.
func (s *Server) policy(w http.ResponseWriter, r *http.Request, who *reader) error {
	q := r.URL.Query()
	of := event.Repository{Host: hostOf(q), ID: q.Get("repository"), Owner: who.owner}
	if who.repository != "" { // a job's token says what it is of
		of.Host, of.ID = cmp.Or(of.Host, who.host), cmp.Or(of.ID, who.repository)
	} else if owner, err := s.keep.Owner(r.Context(), of.Host, of.ID); err != nil {
		return err
	} else if of.Owner = owner; owner == "" {
		return errNotThere
	}
	if !who.sees(of) {
		return errNotThere
	}
	rule, err := s.rule(of)
	digest := q.Get("digest")
	if err != nil || rule == nil || digest != "" && digest != rule.Digest.String() {
		return cmp.Or(err, errNotThere)
	}
	if rule.Place != "" {
		if err := s.keep.StillCounts(r.Context(), rule.Place, rule.Digest.String()); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(store.Served{Digest: rule.Digest.String(), Source: rule.Source,
		Files: rule.Files})
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
