package github

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Redeliver asks for each delivery again that no attempt brought, and returns how many the platform sends again. GitHub
// itself tries once, and keeps what it sent for three days (docs.github.com, "Redelivering webhooks"). One that is not
// sent again holds up no other; the error is of the first.
func (a *App) Redeliver(ctx context.Context) (taken int, first error) {
	failed, err := a.failed(ctx)
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

// maxDeliveries are the newest deliveries that are looked at.
const maxDeliveries = 100

// failed are the deliveries of which every attempt failed, one attempt of each.
func (a *App) failed(ctx context.Context) ([]int64, error) {
	newest := url.Values{"per_page": {strconv.Itoa(maxDeliveries)}}
	resp, err := a.call(ctx, http.MethodGet, "app/hook/deliveries", newest)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable,
			"compare the app's ID and its private key with its settings page",
			"the GitHub API lists no deliveries of the app: it answered %d", resp.StatusCode)
	}
	var all []struct {
		ID     int64  `json:"id"`
		GUID   string `json:"guid"`
		Status int    `json:"status_code"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "",
			"the GitHub API lists deliveries in a form that is not known")
	}
	arrived := map[string]bool{}
	for _, d := range all {
		arrived[d.GUID] = arrived[d.GUID] || d.Status >= http.StatusOK && d.Status < http.StatusBadRequest
	}
	var out []int64
	for _, d := range all {
		if !arrived[d.GUID] {
			arrived[d.GUID] = true // once
			out = append(out, d.ID)
		}
	}
	return out, nil
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
