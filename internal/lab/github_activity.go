package lab

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listActivity answers who moved which ref, newest first, a page at a time by
// cursor.
func (g *github) listActivity(w http.ResponseWriter, req *http.Request, r *repo) {
	found := slices.DeleteFunc(slices.Clone(r.history.Activity), func(a activity) bool { return !a.matches(req, time.Now()) })
	slices.SortStableFunc(found, func(a, b activity) int {
		return cmp.Or(strings.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.ID, b.ID))
	})
	if req.URL.Query().Get("direction") != "asc" {
		slices.Reverse(found)
	}
	page, err := cursorPageOf(g, w, req, found, activity.cursor)
	if err != nil {
		gitHubError(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	out := []object{}
	for _, a := range page {
		out = append(out, object{
			"id": a.ID, "node_id": "PSH_" + strconv.FormatInt(a.ID, 10), "before": a.Before, "after": a.After, "ref": a.Ref,
			"timestamp": a.Timestamp, "activity_type": a.Type, "actor": g.user(a.Actor),
		})
	}
	writeJSON(w, http.StatusOK, out)
}

func (a activity) cursor() string { return cursor("activity:" + strconv.FormatInt(a.ID, 10)) }

// matches applies the list's filters; a ref may be the short name of a branch.
func (a activity) matches(req *http.Request, now time.Time) bool {
	q := req.URL.Query()
	if ref := q.Get("ref"); ref != "" && a.Ref != ref && a.Ref != "refs/heads/"+ref {
		return false
	}
	if actor := q.Get("actor"); actor != "" && (a.Actor == nil || !strings.EqualFold(a.Actor.Login, actor)) {
		return false
	}
	if t := q.Get("activity_type"); t != "" && a.Type != t {
		return false
	}
	period, ok := periods[q.Get("time_period")]
	at, err := time.Parse(time.RFC3339, a.Timestamp)
	return !ok || err == nil && now.Sub(at) <= period
}

const day = 24 * time.Hour

var periods = map[string]time.Duration{"day": day, "week": 7 * day, "month": 30 * day, "quarter": 90 * day, "year": 365 * day}
