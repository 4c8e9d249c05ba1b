package client_test

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/client"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/github"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// answers has a row for every answer of every service that is not the one that
// was asked for: how often it was asked, how the command ends, with which code,
// and what the next step is. Where there is no code, the answer means something:
// that there is none, or that it is not protected. It is written and read by
// hand.
//
//go:embed testdata/answers.txt
var answers string

// A service is one that answers, and something that is asked of it.
type service struct {
	target, match string // as the lab's faults have them
	ask           func(context.Context) (means string, err error)
}

func services(t *testing.T, l *labtest.Lab) map[string]service {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(l.Dir, "signing_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := sigstore.ParseSigningConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	token := l.GitHubToken(t, "sigstore", nil)
	statement := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"` + subject.SHA256([32]byte{1}).Hex() + `"}}],"predicateType":"https://example.com/x","predicate":{}}`
	sign := func(ctx context.Context) (string, error) {
		_, err := sigstore.Sign(ctx, config, []byte(statement), token)
		return "signed", err
	}
	env := func(platform string) func(string) string {
		env := l.As(t, platform, nil)
		return func(name string) string { return env[name] }
	}
	hub, err := github.FromEnv(env("github"))
	if err == nil {
		err = hub.Reach("https://token.actions.githubusercontent.com", l.GitHub+"/api/v3")
	}
	if err != nil {
		t.Fatal(err)
	}
	lab, err := gitlab.FromEnv(env("gitlab"))
	if err == nil {
		err = lab.Reach("https://gitlab.com", l.GitLab)
	}
	if err != nil {
		t.Fatal(err)
	}
	nobody := func(context.Context, string) (store.Credential, error) { return store.Credential{}, nil }
	registry := store.NewOCI(nil, store.OCIOptions{Keychain: nobody})
	image := push(t, l, registry)
	bundle, err := sigstore.Sign(t.Context(), config, []byte(statement), token)
	if err != nil {
		t.Fatal(err)
	}
	file := subject.Subject{Digest: subject.SHA256([32]byte{1})}
	type keeper interface {
		Fetch(context.Context, []subject.Subject) (store.Found, error)
		Put(context.Context, store.Record) (store.Receipt, error)
	}
	fetch := func(k keeper, s subject.Subject) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			found, err := k.Fetch(ctx, []subject.Subject{s})
			return fmt.Sprintf("%d bundles", len(found.Bundles)), err
		}
	}
	put := func(k keeper, s subject.Subject) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			_, err := k.Put(ctx, store.Record{Subjects: []subject.Subject{s}, Bundle: bundle})
			return "kept", err
		}
	}
	type asked func(context.Context) (string, error)
	state := func(environment func(context.Context, string) (policy.Protection, error)) asked {
		return func(ctx context.Context) (string, error) {
			p, err := environment(ctx, "production")
			return map[policy.State]string{policy.Protected: "protected", policy.Unprotected: "unprotected",
				policy.Missing: "missing"}[p.State], err
		}
	}
	return map[string]service{
		"certificate authority": {"fulcio", "", sign},
		"timestamp authority":   {"tsa", "", sign},
		"transparency log":      {"rekor", "", sign},
		"registry, read":        {"registry", "/referrers/", fetch(registry, image)},
		"registry, write":       {"registry", "^PUT .*/manifests/", put(registry, image)},
		"GitHub, read":          {"github", "/attestations/", fetch(hub.Evidence(), file)},
		"GitHub, write":         {"github", "/attestations$", put(hub.Evidence(), file)},
		"GitHub, settings":      {"github", "/environments/production$", state(hub.Environment)},
		"GitLab, read":          {"gitlab", "^GET .*/packages$", fetch(lab.Evidence(), file)},
		"GitLab, write":         {"gitlab", "^PUT ", put(lab.Evidence(), file)},
		"GitLab, settings":      {"gitlab", "/protected_environments/", state(lab.Environment)},
	}
}

// push pushes an image and returns it.
func push(t *testing.T, l *labtest.Lab, s *store.OCI) subject.Subject {
	t.Helper()
	const mediaType = "application/vnd.oci.image.manifest.v1+json"
	ref := l.Registry + "/acme/answers"
	body := `{"schemaVersion":2,"mediaType":"` + mediaType + `","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}`
	req, err := http.NewRequest(http.MethodPut, "http://"+l.Registry+"/v2/acme/answers/manifests/v1",
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_, sub, err := s.Resolve(t.Context(), ref+":v1")
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// given are the answers, as the lab's faults have them.
func given() map[string]map[string]any {
	elsewhere := map[string]string{"Location": "https://127.0.0.1:1/x"}
	hour := map[string]string{"Retry-After": "3600"}
	quota := map[string]string{"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0",
		"X-RateLimit-Reset": fmt.Sprint(time.Now().Add(time.Hour).Unix())}
	all := map[string]map[string]any{
		"200 {}":       {"status": 200, "body": "{}"},
		"201 {}":       {"status": 201, "body": "{}"},
		"204":          {"status": 204},
		"301":          {"status": 301, "headers": elsewhere},
		"403 quota":    {"status": 403, "headers": quota, "body": "{}"},
		"429 one hour": {"status": 429, "headers": hour, "body": "{}"},
		"503 one hour": {"status": 503, "headers": hour, "body": "{}"},
		"closed":       {"action": "close"},
	}
	for _, status := range []int{401, 403, 404, 409, 413, 429, 500, 502, 503, 504} {
		all[fmt.Sprint(status)] = map[string]any{"status": status, "body": "{}"}
	}
	return all
}

var (
	hosts = regexp.MustCompile(`\b(127\.0\.0\.1|localhost):[0-9]+`)
	times = regexp.MustCompile(`\b[0-9]{2}:[0-9]{2} UTC`)
)

func TestAnswers(t *testing.T) {
	client.Hurry(time.Millisecond)
	defer client.Hurry(200 * time.Millisecond)
	l := labtest.Start(t)
	all, fields := services(t, l), given()
	var got []string
	for name, s := range all {
		asked := regexp.MustCompile(s.match)
		// A connection that was closed may be told of after the call, and be counted for the next answer: "closed" is the last.
		for _, answer := range slices.Sorted(maps.Keys(fields)) {
			x := fields[answer]
			x["target"], x["match"], x["times"] = s.target, s.match, -1
			l.Fault(t, x)
			l.Unset(t, "/requests")
			means, err := s.ask(t.Context())
			l.Unset(t, "/faults")
			count := func() (n int) {
				for _, r := range l.Requests(t) {
					if r.Target == s.target && asked.MatchString(r.Method+" "+r.Path) {
						n++
					}
				}
				return n
			}
			n := count()
			// Its own last request too is waited for.
			for wait := 0; answer == "closed" && n < 4 && wait < 40; wait++ {
				time.Sleep(50 * time.Millisecond)
				n = count()
			}
			tries := fmt.Sprint(n)
			if answer == "closed" && n >= 4 {
				tries = "4 or more" // the transport asks again by itself where a connection was used before
			}
			f := fault.Fault{Hint: means}
			if err != nil {
				f = fault.Of(err)
			}
			row := strings.Join([]string{name, answer, tries, exit(err), string(f.Code), f.Hint}, " | ")
			row = strings.TrimSpace(row)
			got = append(got, times.ReplaceAllString(hosts.ReplaceAllString(row, "HOST"), "14:05 UTC"))
		}
	}
	want := map[string]bool{}
	for line := range strings.Lines(answers) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			want[line] = true
		}
	}
	slices.Sort(got)
	for _, row := range got {
		if !want[row] {
			t.Errorf("not in the table: %s", row)
		}
		delete(want, row)
	}
	for row := range want {
		t.Errorf("did not happen: %s", row)
	}
}

func exit(err error) string {
	if err == nil {
		return "0"
	}
	return map[fault.Kind]string{fault.Internal: "1", fault.Usage: "2", fault.Refused: "3",
		fault.Unavailable: "5"}[fault.Of(err).Kind]
}
