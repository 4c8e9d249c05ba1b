package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// cached gives every answer to a GET an ETag and answers a client that has it
// with 304 and no body. A 304 is no answer of its own, so it is not held to
// the description; the answer that it stands for has been.
func cached(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			h.ServeHTTP(w, r)
			return
		}
		a := &answer{header: http.Header{}}
		h.ServeHTTP(a, r)
		if a.status == http.StatusOK {
			a.tag(r)
		}
		a.send(w)
	})
}

// tag names the answer by its content, links included: the next page's link
// can change while this page does not.
func (a *answer) tag(r *http.Request) {
	sum := sha256.Sum256([]byte(a.header.Get("Link") + "\n" + a.body.String()))
	etag := hex.EncodeToString(sum[:])
	a.header.Set("ETag", `W/"`+etag+`"`)
	for _, known := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if strings.Trim(strings.TrimPrefix(strings.TrimSpace(known), "W/"), `"`) == etag {
			a.status, a.body = http.StatusNotModified, bytes.Buffer{}
			a.header.Del("Content-Type")
		}
	}
}

// withSlashes are the paths below a repository whose last parameter is a name
// that can have slashes in it. GitHub takes them as they are; the description,
// which has no such thing, wants them escaped.
var withSlashes = []string{"contents/", "git/ref/", "git/matching-refs/", "rules/branches/", "branches/", "compare/"}

// slashed escapes the slashes of the last parameter.
func slashed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.SplitN(r.URL.EscapedPath(), "/", 5) // "", repos, owner, repo, the rest
		for _, start := range withSlashes {
			if len(parts) < 5 || parts[1] != "repos" {
				break
			}
			if name, ok := strings.CutPrefix(parts[4], start); ok {
				r.URL.RawPath = strings.Join(parts[:4], "/") + "/" + start + strings.ReplaceAll(name, "/", "%2F")
				break
			}
		}
		h.ServeHTTP(w, r)
	})
}
