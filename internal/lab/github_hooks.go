package lab

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// A delivery is one attempt to deliver an event to an app.
type delivery struct {
	id                       int64
	guid                     string
	at                       time.Time
	again                    bool // somebody asked for it
	took                     time.Duration
	status                   string
	code                     int // zero: under way
	event, action            string
	installation, repository int64
	body                     []byte
}

// hookTimeout is how long a receiver has to answer.
const hookTimeout = 10 * time.Second

// How an event can come to its receiver, or not.
const (
	once    = "once"
	twice   = "twice"   // the same bytes with the same GUID
	late    = "late"    // after a while; the errand does not wait for it
	lost    = "lost"    // listed as failed
	unsent  = "unsent"  // not listed at all
	forged  = "forged"  // signed with another secret
	changed = "changed" // and then another body with the same GUID, signed
)

// An Errand says how an event is delivered.
type Errand struct {
	How string `json:"how"`
	// DelayMS is how long a late one waits.
	DelayMS int `json:"delay_ms"`
	// GUID is the delivery's; a new one if it is empty.
	GUID string `json:"guid"`
	// Fields are laid over the event before it is signed; a null takes a field away.
	Fields object `json:"fields"`
	// Other are laid over the second body of a changed one.
	Other object `json:"other"`
}

func (e Errand) check() error {
	if !slices.Contains([]string{"", once, twice, late, lost, unsent, forged, changed}, e.How) {
		return fmt.Errorf("how is %q, want once, twice, late, lost, unsent, forged or changed", e.How)
	}
	return nil
}

// An event is what happened, as an app is told.
type event struct {
	name                     string
	installation, repository int64
	payload                  object
}

// A parcel is a delivery on its way.
type parcel struct {
	to          *app
	d           *delivery
	url, secret string
}

// parcels are what an errand sends. Those of one errand are sent in their order.
func (g *github) parcels(to *app, x event, e Errand) ([]parcel, error) {
	payload := laid(x.payload, e.Fields)
	first, err := g.parcel(to, x, payload, cmp.Or(e.GUID, newGUID()))
	if err != nil {
		return nil, err
	}
	switch e.How {
	case twice:
		second, err := g.parcel(to, x, payload, first.d.guid)
		return []parcel{first, second}, err
	case forged:
		first.secret = "not " + first.secret
	case changed:
		other := e.Other
		if other == nil {
			d, _ := payload["deployment"].(object)
			other = object{"deployment": object{"id": idOf(d) + 1}}
		}
		second, err := g.parcel(to, x, laid(payload, other), first.d.guid)
		return []parcel{first, second}, err
	}
	return []parcel{first}, nil
}

func (g *github) parcel(to *app, x event, payload object, guid string) (parcel, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return parcel{}, err
	}
	action, _ := payload["action"].(string)
	d := &delivery{
		id: g.nextID(), guid: guid, at: time.Now().UTC(), event: x.name, action: action, installation: x.installation,
		repository: x.repository, body: body,
	}
	return parcel{to, d, to.Webhook.URL, to.Webhook.Secret}, nil
}

// laid returns o with fields laid over it, and over the objects in it. A null takes a
// field away.
func laid(o, fields object) object {
	out := with(o, nil)
	for name, v := range fields {
		below, ok := v.(object)
		before, _ := out[name].(object)
		switch {
		case v == nil:
			delete(out, name)
		case ok && before != nil:
			out[name] = laid(before, below)
		default:
			out[name] = v
		}
	}
	return out
}

func newGUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// deliver does an errand. It waits for the receiver's answers, unless the errand is late. The
// state must not be locked: a receiver may ask the toy before it answers.
func (g *github) deliver(e Errand, all []parcel) {
	switch e.How {
	case unsent:
		return
	case lost:
		for _, p := range all {
			g.keep(p, http.StatusBadGateway, "failed to connect to host", 0)
		}
	case late:
		g.later(time.Duration(e.DelayMS)*time.Millisecond, all)
	default:
		for _, p := range all {
			g.send(p)
		}
	}
}

// later sends parcels after a while, unless the lab stops before.
func (g *github) later(pause time.Duration, all []parcel) {
	g.errands.Add(1)
	go func() {
		defer g.errands.Done()
		select {
		case <-time.After(pause):
		case <-g.running.Done():
			return
		}
		for _, p := range all {
			g.send(p)
		}
	}()
}

// stop ends what is on its way.
func (g *github) stop(context.Context) error {
	g.end()
	g.errands.Wait()
	return nil
}

// send delivers one parcel, and keeps what came of it.
func (g *github) send(p parcel) {
	began := time.Now()
	code, err := p.post(g.running)
	took, status := time.Since(began), "OK"
	switch {
	case errors.Is(err, context.DeadlineExceeded), os.IsTimeout(err):
		code, status = http.StatusGatewayTimeout, "timed out"
	case err != nil:
		code, status = http.StatusBadGateway, "failed to connect to host"
	case code < 200 || code > 399:
		status = fmt.Sprintf("Invalid HTTP Response: %d", code)
	}
	g.keep(p, code, status, took)
}

func (g *github) keep(p parcel, code int, status string, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.d.code, p.d.status, p.d.took = code, status, took
	p.to.deliveries = append(p.to.deliveries, p.d)
}

// hooks sends deliveries. A redirect is an answer and is not followed, as there.
var hooks = &http.Client{
	Timeout:       hookTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// post sends the body as GitHub does (docs.github.com, "Webhook events and payloads").
func (p parcel) post(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.d.body))
	if err != nil {
		return 0, err
	}
	m := hmac.New(sha256.New, []byte(p.secret))
	m.Write(p.d.body)
	for name, value := range map[string]string{
		"Accept": "*/*", "Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/1ab0001",
		"X-GitHub-Delivery": p.d.guid, "X-GitHub-Event": p.d.event,
		"X-GitHub-Hook-ID":                       strconv.FormatInt(p.to.id+1, 10),
		"X-GitHub-Hook-Installation-Target-ID":   strconv.FormatInt(p.to.id, 10),
		"X-GitHub-Hook-Installation-Target-Type": "integration",
		"X-Hub-Signature-256":                    "sha256=" + hex.EncodeToString(m.Sum(nil)),
	} {
		req.Header.Set(name, value)
	}
	resp, err := hooks.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // only the status counts
	return resp.StatusCode, resp.Body.Close()
}

// listDeliveries answers the newest first.
func (g *github) listDeliveries(w http.ResponseWriter, req *http.Request, a *app) {
	want := req.URL.Query().Get("status")
	all := []*delivery{}
	for _, d := range a.deliveries {
		if good := d.code < 400; want == "" || good == (want == "success") {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b *delivery) int { return cmp.Compare(b.id, a.id) })
	from := 0
	if c := req.URL.Query().Get("cursor"); c != "" {
		if from = slices.IndexFunc(all, func(d *delivery) bool { return d.cursor() == c }); from < 0 {
			gitHubError(w, http.StatusUnprocessableEntity, "Invalid cursor")
			return
		}
	}
	to := min(from+perPage(req, 30), len(all))
	if to < len(all) {
		setLinks(w, []string{g.link(req, "cursor", all[to].cursor(), "next")})
	}
	out := []object{}
	for _, d := range all[from:to] {
		out = append(out, d.shape())
	}
	writeJSON(w, http.StatusOK, out)
}

func (d *delivery) cursor() string { return fmt.Sprintf("v1_%d", d.id) }

func (d *delivery) shape() object {
	orNone := func(id int64) any {
		if id == 0 {
			return nil
		}
		return id
	}
	return object{
		"id": d.id, "guid": d.guid, "delivered_at": d.at, "redelivery": d.again, "duration": d.took.Seconds(),
		"status": d.status, "status_code": d.code, "event": d.event, "action": orNull(d.action),
		"installation_id": orNone(d.installation), "repository_id": orNone(d.repository), "throttled_at": nil,
	}
}

// postAttempt delivers once more, with the same GUID and body, to where the app is now.
// The answer does not wait for it.
func (g *github) postAttempt(w http.ResponseWriter, req *http.Request, a *app) {
	at := slices.IndexFunc(a.deliveries, func(d *delivery) bool { return d.id == pathID(req, "id") })
	if at < 0 {
		gitHubNotFound(w)
		return
	}
	d := *a.deliveries[at]
	d.id, d.at, d.again, d.code, d.status = g.nextID(), time.Now().UTC(), true, 0, ""
	g.later(0, []parcel{{a, &d, a.Webhook.URL, a.Webhook.Secret}})
	writeJSON(w, http.StatusAccepted, object{})
}

// getDeliveries is what the control API shows of them, the oldest first.
func (g *github) getDeliveries(w http.ResponseWriter, req *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.apps[pathID(req, "id")]
	if a == nil {
		http.Error(w, errNoApp.Error(), http.StatusNotFound)
		return
	}
	out := []object{}
	for _, d := range a.deliveries {
		out = append(out, d.control(a))
	}
	writeJSON(w, http.StatusOK, out)
}

var errNoApp = errors.New("no such app; PUT it first")

func (d *delivery) control(a *app) object {
	return object{
		"id": d.id, "guid": d.guid, "app": a.id, "event": d.event, "action": d.action,
		"redelivery": d.again, "status": d.code, "body": json.RawMessage(d.body),
	}
}

// postDeliver tells an app of any event.
func (g *github) postDeliver(w http.ResponseWriter, req *http.Request) {
	var in struct {
		Errand
		Event        string `json:"event"`
		Installation int64  `json:"installation"`
		Repository   int64  `json:"repository"`
		Body         object `json:"body"`
	}
	if !readErrand(w, req, &in) {
		return
	}
	g.mu.Lock()
	a := g.apps[pathID(req, "id")]
	if a == nil {
		g.mu.Unlock()
		http.Error(w, errNoApp.Error(), http.StatusNotFound)
		return
	}
	all, err := g.parcels(a, event{in.Event, in.Installation, in.Repository, in.Body}, in.Errand)
	g.mu.Unlock()
	g.answerErrand(w, in.Errand, all, object{}, err)
}

// readErrand reads a request into a struct that embeds an Errand. It answers what is wrong, and then reports false.
func readErrand(w http.ResponseWriter, req *http.Request, into interface{ check() error }) bool {
	err := readJSON(req, into)
	if err == nil {
		err = into.check()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

// answerErrand does an errand and says what came of it.
func (g *github) answerErrand(w http.ResponseWriter, e Errand, all []parcel, out object, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.deliver(e, all)
	g.mu.Lock()
	defer g.mu.Unlock()
	shapes := []object{}
	for _, p := range all {
		shapes = append(shapes, p.d.control(p.to))
	}
	out["deliveries"] = shapes
	writeJSON(w, http.StatusOK, out)
}
