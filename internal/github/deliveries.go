package github

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Redeliver asks for each delivery again that no attempt brought, and returns how many the platform sends again. GitHub
// itself tries once, and keeps what it sent for three days (docs.github.com, "Redelivering webhooks"). One that is not
// sent again holds up no other; the error is of the first, and the next time all are looked at again.
func (a *App) Redeliver(ctx context.Context) (taken int, first error) {
	failed, newest, err := a.failed(ctx)
	if err != nil {
		return 0, err
	}
	for _, id := range failed {
		switch err := a.again(ctx, id); {
		case err == nil:
			taken++
		case first == nil:
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if first == nil && ctx.Err() == nil && !newest.IsZero() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.looked = newest
	}
	return taken, first
}

func (a *App) again(ctx context.Context, id int64) error {
	resp, err := a.call(ctx, http.MethodPost, "app/hook/deliveries/"+strconv.FormatInt(id, 10)+"/attempts", nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if resp.StatusCode != http.StatusAccepted {
		return fault.New(fault.Unavailable, fault.NotAvailable, "",
			"the GitHub API does not send delivery %d again: it answered %d", id, resp.StatusCode)
	}
	return nil
}

// How far back deliveries are looked at: until some time before the newest one that was seen last, and so many pages.
const (
	maxDeliveries = 100 // of one page
	deliveryPages = 30
	overlap       = 2 * time.Minute // an attempt takes its time, and one that was asked for again comes later
)

// sent is one attempt of a delivery.
type sent struct {
	ID     int64     `json:"id"`
	GUID   string    `json:"guid"`
	At     time.Time `json:"delivered_at"`
	Status int       `json:"status_code"`
}

// failed are the deliveries of which every attempt failed, one attempt of each, and when the newest was sent. Times are
// GitHub's own.
func (a *App) failed(ctx context.Context) (out []int64, newest time.Time, err error) {
	a.mu.Lock()
	since := a.looked.Add(-overlap)
	a.mu.Unlock()
	var all []sent
	query := url.Values{"per_page": {strconv.Itoa(maxDeliveries)}}
	for range deliveryPages {
		page, next, err := a.sent(ctx, query)
		if err != nil {
			return nil, newest, err
		}
		all = append(all, page...)
		if next == "" || len(page) == 0 || page[len(page)-1].At.Before(since) {
			break
		}
		query.Set("cursor", next)
	}
	arrived := map[string]bool{}
	for _, d := range all {
		arrived[d.GUID] = arrived[d.GUID] || d.Status >= http.StatusOK && d.Status < http.StatusBadRequest
	}
	for _, d := range all {
		if d.At.After(newest) {
			newest = d.At
		}
		if !arrived[d.GUID] {
			arrived[d.GUID] = true // once
			out = append(out, d.ID)
		}
	}
	return out, newest, nil
}

// sent is a page of what was sent, the newest first, and the cursor of the page before; "": there is none.
func (a *App) sent(ctx context.Context, query url.Values) (page []sent, next string, err error) {
	resp, err := a.call(ctx, http.MethodGet, "app/hook/deliveries", query)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, "", fault.New(fault.Unavailable, fault.NotAvailable,
			"compare the app's ID and its private key with its settings page",
			"the GitHub API lists no deliveries of the app: it answered %d", resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, "", fault.New(fault.Refused, fault.Malformed, "",
			"the GitHub API lists deliveries in a form that is not known")
	}
	return page, nextCursor(resp.Header), nil
}

// nextCursor is that of the header Link (RFC 8288). Of its address nothing else is used.
func nextCursor(h http.Header) string {
	for _, link := range strings.Split(h.Get("Link"), ",") {
		address, rel, _ := strings.Cut(strings.TrimSpace(link), ">")
		if u, err := url.Parse(strings.TrimPrefix(address, "<")); err == nil && strings.Contains(rel, `rel="next"`) {
			return u.Query().Get("cursor")
		}
	}
	return ""
}

// call asks as the app itself.
func (a *App) call(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	shown, err := a.jwt()
	if err != nil {
		return nil, err
	}
	ctx, cancel := client.Within(ctx, 0)
	defer cancel()
	address := a.API.JoinPath(path)
	address.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, address.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	h := http.Header{}
	h.Set("Authorization", "Bearer "+shown)
	resp, err := client.New(client.Options{Base: a.API, Credential: h, MaxBody: maxAnswer}).Do(req)
	if err != nil {
		return nil, client.Unanswered(a.API.Host, err)
	}
	return resp, nil
}
