// Package hook turns what arrives at a server's door into events: the bytes are proved before anything in them is
// parsed.
//
// An event is a hint to ask the platform again. It refuses to believe more of it than names and numbers, and no address
// in it is ever called: of the callback, only the number of the run is taken.
package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/server/event"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// MaxBody is how large a delivery is at most. What is larger is about something else: GitHub sends up to 25 MB.
const MaxBody = 4 << 20

// A Door is where one host of GitHub delivers.
type Door struct {
	Host    string   // https://github.com
	API     *url.URL // where programs ask
	Secrets [][]byte // the current one, and one before while it is changed; none is empty
}

// A Delivery is a proved one. Waits is nil if it is not about a deployment that waits for an answer.
type Delivery struct {
	ID    string // the same when it is delivered again
	Event string // and its action, as event.action
	Waits *event.Deployment
	// Begins is a deployment that has begun, as the platform says; nil if it is about something else.
	Begins *event.Deployment
	About  event.Repository // the zero value: none
	Run    int64            // that something has become of: it ended, or somebody reviewed it; 0: none
}

// refused is the fault of a delivery that nobody proved.
func refused(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Authn, "compare the webhook's secret with the server's", format, args...)
}

var (
	identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`) })
	word       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_]{1,64}$`) })
	fullName   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`) })
)

// Read proves a delivery, and reads it. w is closed by the limit of the body.
func (d *Door) Read(w http.ResponseWriter, r *http.Request, now time.Time) (Delivery, error) {
	body, err := d.proved(w, r)
	if err != nil {
		return Delivery{}, err
	}
	out := Delivery{ID: r.Header.Get("X-GitHub-Delivery"), Event: r.Header.Get("X-GitHub-Event")}
	if !identifier().MatchString(out.ID) || !word().MatchString(out.Event) {
		return Delivery{}, fault.New(fault.Refused, fault.Malformed, "", "a delivery %q of the event %q",
			fault.Cut(out.ID), fault.Cut(out.Event))
	}
	return out, d.parse(&out, body, now)
}

// proved returns the raw body, which is what was signed.
func (d *Door) proved(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, fault.New(fault.Usage, fault.Config, "", "method %s, want POST", fault.Cut(r.Method))
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, fault.New(fault.Usage, fault.Config, "choose application/json as the webhook's content type",
			"content type %q", fault.Cut(r.Header.Get("Content-Type")))
	}
	signed := r.Header.Values("X-Hub-Signature-256")
	if len(signed) != 1 {
		return nil, refused("%d signatures of the delivery, want one", len(signed))
	}
	text, is := strings.CutPrefix(signed[0], "sha256=")
	given, err := hex.DecodeString(text)
	if !is || err != nil || len(given) != sha256.Size || strings.ToLower(text) != text {
		return nil, refused("the signature has another form than sha256= and 64 digits")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, fault.New(fault.Refused, fault.Limit, "", "a delivery of more than %d bytes", MaxBody)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, fault.NotAvailable, "", "reading the delivery: %w", fault.Cause(err))
	}
	for _, secret := range d.Secrets {
		m := hmac.New(sha256.New, secret)
		m.Write(body)
		if len(secret) > 0 && hmac.Equal(given, m.Sum(nil)) {
			return body, nil
		}
	}
	return nil, refused("the signature is of other bytes, or by another secret")
}

// payload is what of a delivery is read. Its other members are passed over.
type payload struct {
	Action       string `json:"action"`
	Environment  string `json:"environment"`
	Callback     string `json:"deployment_callback_url"`
	Installation *struct {
		ID int64 `json:"id"`
	} `json:"installation"`
	Deployment *struct {
		ID  int64  `json:"id"`
		SHA string `json:"sha"`
		Ref string `json:"ref"`
		At  string `json:"environment"`
	} `json:"deployment"`
	Status *struct {
		State string `json:"state"`
	} `json:"deployment_status"`
	Run *struct {
		ID      int64 `json:"id"`
		Attempt int   `json:"run_attempt"`
	} `json:"workflow_run"`
	Repository *struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
		Owner    struct {
			ID int64 `json:"id"`
		} `json:"owner"`
	} `json:"repository"`
}

func (d *Door) parse(out *Delivery, body []byte, now time.Time) error {
	const depth = 100 // of a payload with a list of labels and their owners it is below 10
	var p payload
	if err := strictjson.Decode(body, depth, "a delivery", &p); err != nil {
		return err
	}
	if p.Action != "" {
		out.Event += "." + fault.Cut(p.Action)
	}
	if r := p.Repository; r != nil && r.ID > 0 && fullName().MatchString(r.FullName) {
		out.About = event.Repository{Host: d.Host, ID: strconv.FormatInt(r.ID, 10),
			Owner: strconv.FormatInt(r.Owner.ID, 10), Name: r.FullName}
	}
	if x := p.Deployment; out.Event == "deployment_status.created" && x != nil && x.ID > 0 && p.Status != nil &&
		p.Run != nil && out.About.ID != "" && p.Installation != nil && p.Installation.ID > 0 {
		if p.Status.State == "in_progress" || p.Status.State == "success" {
			out.Begins = &event.Deployment{Unit: event.Unit{Repository: out.About, Run: p.Run.ID,
				Attempt: p.Run.Attempt, Environment: x.At},
				ID: x.ID, Installation: p.Installation.ID, Commit: x.SHA, Ref: x.Ref, Asked: now}
		}
		return nil
	}
	if out.Event != "deployment_protection_rule.requested" {
		if p.Run != nil && out.About.ID != "" &&
			(strings.HasPrefix(out.Event, "workflow_run.") || strings.HasPrefix(out.Event, "deployment_review.")) {
			out.Run = max(p.Run.ID, 0)
		}
		return nil
	}
	x := p.Deployment
	if x == nil || x.ID <= 0 || p.Installation == nil || p.Installation.ID <= 0 || out.About.ID == "" ||
		p.Environment == "" {
		return fault.New(fault.Refused, fault.Malformed, "",
			"a request that names no repository, installation, environment or deployment")
	}
	run, err := d.run(p.Callback, out.About.Name)
	if err != nil {
		return err
	}
	out.Waits = &event.Deployment{Unit: event.Unit{Repository: out.About, Run: run, Environment: p.Environment},
		ID: x.ID, Installation: p.Installation.ID, Commit: x.SHA, Ref: x.Ref, Asked: now}
	return nil
}

// run takes the number of the run out of a callback, and nothing else: the address that is called is made from the
// configuration.
func (d *Door) run(callback, name string) (int64, error) {
	prefix := d.API.Scheme + "://" + d.API.Host + strings.TrimSuffix(d.API.Path, "/") + "/repos/"
	rest, is := strings.CutPrefix(callback, prefix)
	parts := strings.Split(rest, "/")
	const form = 6 // OWNER/NAME/actions/runs/NUMBER/deployment_protection_rule
	if !is || len(parts) != form || !strings.EqualFold(parts[0]+"/"+parts[1], name) || parts[2] != "actions" ||
		parts[3] != "runs" || parts[5] != "deployment_protection_rule" {
		return 0, fault.New(fault.Refused, fault.SSRF, "", "the callback %q, want one below %s%s",
			fault.Cut(callback), prefix, name)
	}
	run, err := strconv.ParseInt(parts[4], 10, 64)
	if err != nil || run <= 0 || strconv.FormatInt(run, 10) != parts[4] {
		return 0, fault.New(fault.Refused, fault.SSRF, "", "the callback names the run %q, want a number",
			fault.Cut(parts[4]))
	}
	return run, nil
}
