package lab

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxPage is the largest page; who asks for more gets this many.
const maxPage = 100

// page returns the page that a request asks for and links to its neighbours.
func (g *github) page(w http.ResponseWriter, r *http.Request, all []object) []object {
	return pageOf(g, w, r, all)
}

func pageOf[T any](g *github, w http.ResponseWriter, r *http.Request, all []T) []T {
	size, number := perPage(r, 30), max(1, queryInt(r, "page", 1))
	from := min((number-1)*size, len(all))
	to := min(from+size, len(all))
	var links []string
	if to < len(all) {
		links = append(links, g.link(r, "page", strconv.Itoa(number+1), "next"))
	}
	if number > 1 {
		links = append(links, g.link(r, "page", strconv.Itoa(number-1), "prev"))
	}
	setLinks(w, links)
	return all[from:to]
}

func setLinks(w http.ResponseWriter, links []string) {
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
}

// link is a Link header's entry for the same request with one parameter
// changed; the cursors exclude each other.
func (g *github) link(r *http.Request, name, value, rel string) string {
	q := r.URL.Query()
	q.Del("before")
	q.Del("after")
	q.Set(name, value)
	return "<" + g.base + "/api/v3" + r.URL.EscapedPath() + "?" + q.Encode() + `>; rel="` + rel + `"`
}

// cursorPageOf returns the page after or before the cursor of a request and
// links to its neighbours.
func cursorPageOf[T any](g *github, w http.ResponseWriter, r *http.Request, all []T, name func(T) string) ([]T, error) {
	from, to, err := cursorBounds(r, all, name)
	if err != nil {
		return nil, err
	}
	var links []string
	if to < len(all) && to > from {
		links = append(links, g.link(r, "after", name(all[to-1]), "next"))
	}
	if from > 0 && to > from {
		links = append(links, g.link(r, "before", name(all[from]), "prev"))
	}
	setLinks(w, links)
	return all[from:to], nil
}

// cursorBounds returns the bounds of the page after or before a cursor.
func cursorBounds[T any](r *http.Request, all []T, name func(T) string) (from, to int, err error) {
	size := perPage(r, 30)
	at := func(c string) (int, error) {
		i := slices.IndexFunc(all, func(v T) bool { return name(v) == c })
		if i < 0 {
			return 0, fmt.Errorf("cursor %q is unknown", c)
		}
		return i, nil
	}
	if c := r.URL.Query().Get("before"); c != "" {
		if to, err = at(c); err != nil {
			return 0, 0, err
		}
		return max(0, to-size), to, nil
	}
	if c := r.URL.Query().Get("after"); c != "" {
		if from, err = at(c); err != nil {
			return 0, 0, err
		}
		from++
	}
	return from, min(from+size, len(all)), nil
}

// cursor makes something that no client can take for anything else.
func cursor(of string) string { return base64.RawURLEncoding.EncodeToString([]byte(of)) }

func perPage(r *http.Request, otherwise int) int {
	return min(max(1, queryInt(r, "per_page", otherwise)), maxPage)
}

func queryInt(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return otherwise
	}
	return n
}
