package gitlab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/gitlab"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/raised"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// TestMain runs the tests, which have to raise each rule that this room names.
func TestMain(m *testing.M) {
	labtest.Main(m)
	if !raised.All(finding.Settings) {
		os.Exit(1)
	}
}

func job(t *testing.T, env map[string]string) (*gitlab.Job, *bytes.Buffer) {
	t.Helper()
	j, err := gitlab.FromEnv(func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Reach(env["CI_SERVER_URL"], apiOf(env)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	j.Out = &log
	return j, &log
}

func wantFault(t *testing.T, err error, k fault.Kind, c fault.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", c)
	}
	messages.Plain(t, err.Error(), fault.Of(err).Hint)
	if f := fault.Of(err); f.Kind != k || f.Code != c {
		t.Errorf("fault kind %d code %s (%v), want kind %d code %s", f.Kind, f.Code, err, k, c)
	}
}

// apiOf is where the toy is: a test has no proxy in front of it.
func apiOf(env map[string]string) string {
	if api := env["CI_API_V4_URL"]; api != "https://gitlab.com/api/v4" {
		return api
	}
	return env["SALLYPORT_LAB_GITLAB"] + "/api/v4"
}

func known() error { return nil }

func with(env map[string]string, kv ...string) map[string]string {
	env = maps.Clone(env)
	for i := 0; i < len(kv); i += 2 {
		env[kv[i]] = kv[i+1]
	}
	return env
}

// A job with an ID token says what the token says, and no variable's value.
func TestToken_and_provenance(t *testing.T) {
	env := with(labtest.Shared(t).As(t, "gitlab", nil), "SECRET", "canary", "CI_JOB_STARTED_AT", "2026-11-22T10:00:00Z")
	j, log := job(t, env)
	token, err := j.IDToken(context.Background(), "sigstore")
	if err != nil {
		t.Fatal(err)
	}
	p, err := j.Provenance(token, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"source":"https://gitlab.com/acme/widget","entryPoint":"build"}`; string(p.BuildDefinition.ExternalParameters) != want {
		t.Errorf("externalParameters = %s, want %s", p.BuildDefinition.ExternalParameters, want)
	}
	if got, want := p.RunDetails.Builder.ID, "https://gitlab.com/acme/widget/-/runners/"+env["CI_RUNNER_ID"]; got != want {
		t.Errorf("builder = %q, want %q", got, want)
	}
	if got, want := string(p.RunDetails.Metadata.InvocationID), env["CI_JOB_ID"]; got != want {
		t.Errorf("invocationId = %s, want the number %s", got, want)
	}
	if got, want := p.BuildDefinition.ResolvedDependencies[0].Digest["gitCommit"], env["CI_COMMIT_SHA"]; got != want {
		t.Errorf("commit = %q, want %q", got, want)
	}
	if bytes.Contains(b, []byte("canary")) || log.Len() > 0 {
		t.Errorf("predicate %s, log %q; want no value of a variable and no log", b, log)
	}
	if got := j.Visibility(token); got != "public" {
		t.Errorf("visibility = %q, want public", got)
	}
}

// A job without a token is told what to add to it.
func TestNo_token(t *testing.T) {
	j, _ := job(t, with(labtest.Shared(t).As(t, "gitlab", nil), "SIGSTORE_ID_TOKEN", ""))
	_, err := j.IDToken(context.Background(), "sigstore")
	wantFault(t, err, fault.Usage, fault.Config)
	if got := fault.Of(err).Hint; !strings.Contains(got, "id_tokens") {
		t.Errorf("hint = %q, want the id_tokens block", got)
	}
}

// A token for another audience, issuer, time or job is refused and never shown.
func TestC20_foreign_token_is_refused(t *testing.T) {
	l := labtest.Shared(t)
	env := l.As(t, "gitlab", nil)
	for name, c := range map[string]map[string]any{
		"audience":      {"aud": "https://vault.example"},
		"two audiences": {"aud": []string{"sigstore", "evil"}},
		"issuer":        {"iss": "https://gitlab.com.evil.example"},
		"expired":       {"exp": 1700000000},
	} {
		t.Run(name, func(t *testing.T) {
			token := l.GitLabToken(t, "sigstore", c)
			j, log := job(t, with(env, "SIGSTORE_ID_TOKEN", token))
			got, err := j.IDToken(context.Background(), "sigstore")
			wantFault(t, err, fault.Refused, fault.Identity)
			if got != "" || strings.Contains(err.Error()+log.String(), token[:40]) {
				t.Errorf("the token is shown: %v", err)
			}
		})
	}
}

// A token of another job is refused. Each claim alone is enough, whether it says something else or nothing; two are not
// in the tokens of older instances.
func TestC20_token_of_another_job(t *testing.T) {
	l := labtest.Shared(t)
	env := l.As(t, "gitlab", nil)
	j, _ := job(t, env)
	if _, err := j.Provenance(l.GitLabToken(t, "sigstore", nil), nil); err != nil {
		t.Fatalf("the job's own token: %v", err)
	}
	for claim, c := range map[string]struct {
		variable, other string
		newer           bool
	}{
		"project_id":      {"CI_PROJECT_ID", "21", false},
		"project_path":    {"CI_PROJECT_PATH", "acme/other", false},
		"pipeline_id":     {"CI_PIPELINE_ID", "1", false},
		"pipeline_source": {"CI_PIPELINE_SOURCE", "merge_request_event", false},
		"job_id":          {"CI_JOB_ID", "2", false},
		"sha":             {"CI_COMMIT_SHA", strings.Repeat("0", 40), false},
		"ref":             {"CI_COMMIT_REF_NAME", "evil", false},
		"job_project_id":  {"CI_PROJECT_ID", "99", true},
		"runner_id":       {"CI_RUNNER_ID", "99", true},
	} {
		t.Run(claim, func(t *testing.T) {
			_, err := j.Provenance(l.GitLabToken(t, "sigstore", map[string]any{claim: c.other}), nil)
			wantFault(t, err, fault.Refused, fault.Identity)
			if want := fmt.Sprintf("claim %s is %q, %s is %q", claim, c.other, c.variable, env[c.variable]); err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("error %q, want %q in it", err, want)
			}
			_, err = j.Provenance(l.GitLabToken(t, "sigstore", map[string]any{claim: nil}), nil)
			if c.newer {
				if err != nil {
					t.Errorf("without the claim: %v", err)
				}
				return
			}
			wantFault(t, err, fault.Refused, fault.Identity)
			if want := fmt.Sprintf("has no claim %q", claim); err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("error %q, want %q in it", err, want)
			}
		})
	}
}

// A token without a word about visibility counts as private.
func TestF09_unknown_visibility_is_private(t *testing.T) {
	l := labtest.Shared(t)
	j, _ := job(t, l.As(t, "gitlab", nil))
	for claim, want := range map[any]string{nil: "", "private": "private", "internal": "internal", "public": "public"} {
		if got := j.Visibility(l.GitLabToken(t, "sigstore", map[string]any{"project_visibility": claim})); got != want {
			t.Errorf("visibility of claim %v = %q, want %q", claim, got, want)
		}
	}
	if got := j.Visibility("garbage"); got != "" {
		t.Errorf("visibility of garbage = %q, want none", got)
	}
}

// What is uploaded is found again under each subject; other subjects have none.
func TestPackages(t *testing.T) {
	l := labtest.Shared(t)
	l.Set(t, "/gitlab/projects/31", map[string]any{"path": "acme/packages"})
	j, _ := job(t, with(l.As(t, "gitlab", nil), "CI_PROJECT_ID", "31", "CI_PROJECT_PATH", "acme/packages"))
	a, b := subject.Subject{Digest: subject.SHA256([32]byte{1})}, subject.Subject{Digest: subject.SHA256([32]byte{2})}
	const n = 104
	for i := range n {
		rec := store.Record{Subjects: []subject.Subject{a}, Bundle: fmt.Appendf(nil, `{"n":%d}`, i)}
		if i == 0 {
			rec.Subjects = append(rec.Subjects, b)
		}
		for range 1 + i/(n-1) { // the last one twice: duplicates are one
			if _, err := j.Evidence().Put(context.Background(), rec); err != nil {
				t.Fatal(err)
			}
		}
	}
	for s, want := range map[subject.Subject]int{a: n, b: 1, {Digest: subject.SHA256([32]byte{3})}: 0} {
		found, err := j.Evidence().Fetch(context.Background(), []subject.Subject{s})
		if err != nil || len(found.Bundles) != want {
			t.Errorf("%s: found %d bundles, %v; want %d", s.Digest, len(found.Bundles), err, want)
		}
	}
}

// An API that does not answer, or will not, is never an empty list, and never a
// protected environment.
func TestGitLab_API_failures(t *testing.T) {
	l := labtest.Start(t)
	s := []subject.Subject{{Digest: subject.SHA256([32]byte{3})}}
	for name, c := range map[string]struct {
		fault map[string]any
		kind  fault.Kind
		code  fault.Code
	}{
		"503":    {map[string]any{"status": 503}, fault.Unavailable, fault.NotAvailable},
		"429":    {map[string]any{"status": 429, "headers": map[string]string{"Retry-After": "3600"}}, fault.Unavailable, fault.NotAvailable},
		"403":    {map[string]any{"status": 403, "body": `{"message":"CANARY"}`}, fault.Unavailable, fault.NotAvailable},
		"401":    {map[string]any{"status": 401, "body": "{}"}, fault.Unavailable, fault.NotAvailable},
		"closed": {map[string]any{"action": "close"}, fault.Unavailable, fault.NotAvailable},
		"html":   {map[string]any{"status": 200, "body": "<html>CANARY"}, fault.Refused, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			c.fault["target"], c.fault["times"] = "gitlab", -1
			l.Fault(t, c.fault)
			j, _ := job(t, l.As(t, "gitlab", nil))
			_, err := j.Evidence().Fetch(context.Background(), s)
			wantFault(t, err, c.kind, c.code)
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the answer's body is shown: %v", err)
			}
			_, err = j.Environment(context.Background(), "production")
			wantFault(t, err, c.kind, c.code)
		})
	}
	t.Run("403 for protection alone", func(t *testing.T) {
		l.Fault(t, map[string]any{"target": "gitlab", "match": "/protected_environments/", "status": 403, "times": -1})
		j, _ := job(t, l.As(t, "gitlab", nil))
		_, err := j.Environment(context.Background(), "production")
		wantFault(t, err, fault.Unavailable, fault.NotAvailable)
		if got := fault.Of(err).Hint; !strings.Contains(got, "read_api") {
			t.Errorf("hint = %q, want the permission", got)
		}
	})
	j, _ := job(t, l.As(t, "gitlab", nil))
	if found, err := j.Evidence().Fetch(context.Background(), s); err != nil || len(found.Bundles) != 0 {
		t.Errorf("after the faults: %d bundles, %v; want none", len(found.Bundles), err)
	}
}

// A listing of which a page is lost, endless or elsewhere is refused whole.
func TestO02_listings(t *testing.T) {
	for name, c := range map[string]struct {
		page2 int
		next  string
		kind  fault.Kind
		code  fault.Code
	}{
		"page 2 lost":  {http.StatusNotFound, "2", fault.Refused, fault.Malformed},
		"page 2 fails": {http.StatusBadGateway, "2", fault.Unavailable, fault.NotAvailable},
		"same page":    {http.StatusOK, "1", fault.Refused, fault.Malformed},
		"page skipped": {http.StatusOK, "3", fault.Refused, fault.Malformed},
		"endless":      {http.StatusOK, "", fault.Refused, fault.Limit},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				page, _ := strconv.Atoi(r.URL.Query().Get("page"))
				if page > 1 && c.page2 != http.StatusOK {
					w.WriteHeader(c.page2)
					return
				}
				next := c.next
				if next == "" {
					next = strconv.Itoa(page + 1)
				}
				w.Header().Set("X-Next-Page", next)
				fmt.Fprint(w, `[{"id":1,"name":"other","version":"1"}]`)
			}))
			defer s.Close()
			j, _ := job(t, map[string]string{"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "a/b", "CI_SERVER_URL": s.URL, "CI_API_V4_URL": s.URL + "/api/v4", "CI_JOB_TOKEN": "t"})
			j.Budget = 3 * time.Second
			_, err := j.Evidence().Fetch(context.Background(), []subject.Subject{{Digest: subject.SHA256([32]byte{1})}})
			wantFault(t, err, c.kind, c.code)
		})
	}
}

// bundleName is the name of a bundle in the package registry.
func bundleName(bundle string) string {
	return subject.Sum([]byte(bundle)).Hex() + ".sigstore.json"
}

// A download that leads to an object storage elsewhere shows it no token; an
// API that leads elsewhere is not followed.
func TestJ05_tokens_stay_with_the_instance(t *testing.T) {
	var shown []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Authorization", "Private-Token", "Job-Token"} {
			if v := r.Header.Get(h); v != "" {
				shown = append(shown, h)
			}
		}
		fmt.Fprint(w, `{"n":1}`)
	}))
	defer elsewhere.Close()
	var kinds []string
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, h := range []string{"Private-Token", "Job-Token"} {
			if v, ok := r.Header[h]; ok {
				kinds = append(kinds, h+"="+strings.Join(v, ","))
			}
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/packages"):
			fmt.Fprintf(w, `[{"id":7,"name":"sallyport-attestations","version":%q},{"id":9,"name":"sallyport-attestations-evil","version":%[1]q},{"id":9,"name":"sallyport-attestations","version":"1"}]`, subject.SHA256([32]byte{1}).Hex())
		case strings.Contains(r.URL.Path, "/packages/9/"):
			t.Error("a package of another name or version was read")
		case strings.HasSuffix(r.URL.Path, "/package_files"):
			fmt.Fprintf(w, `[{"id":8,"file_name":%q},{"id":9,"file_name":"../evil.sigstore.json"},{"id":9,"file_name":"readme"}]`, bundleName(`{"n":1}`))
		default:
			http.Redirect(w, r, elsewhere.URL+"/object", http.StatusFound)
		}
	}))
	defer instance.Close()
	j, _ := job(t, map[string]string{"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "a/b", "CI_SERVER_URL": instance.URL, "CI_API_V4_URL": instance.URL + "/api/v4", "CI_JOB_TOKEN": "job", "GITLAB_TOKEN": "person"})
	found, err := j.Evidence().Fetch(context.Background(), []subject.Subject{{Digest: subject.SHA256([32]byte{1})}})
	if err != nil || len(found.Bundles) != 1 {
		t.Errorf("found %d bundles, %v; want the one", len(found.Bundles), err)
	}
	for _, k := range kinds {
		if k != "Job-Token=job" {
			t.Errorf("the registry was shown %q, want the job's token alone", k)
		}
	}
	j, _ = job(t, map[string]string{"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "a/b", "CI_SERVER_URL": instance.URL, "CI_API_V4_URL": instance.URL + "/api/v4", "GITLAB_TOKEN": "person"})
	_, err = j.Environment(context.Background(), "production")
	wantFault(t, err, fault.Refused, fault.Leak)
	if len(shown) > 0 {
		t.Errorf("the other host was shown %v", shown)
	}
}

// What protects an environment, and what does not.
func TestC13_environment_protection(t *testing.T) {
	l := labtest.Shared(t)
	l.Set(t, "/gitlab/projects/32", map[string]any{"path": "acme/envs"})
	env := with(l.As(t, "gitlab", nil), "CI_PROJECT_ID", "32", "CI_PROJECT_PATH", "acme/envs")
	j, _ := job(t, env)
	for _, name := range []string{"open", "guarded", "empty", "eu%2Fprod"} {
		l.Set(t, "/gitlab/projects/32/environments/"+name, map[string]any{})
	}
	levels := []any{map[string]any{"id": 1, "access_level": 40, "access_level_description": "Maintainers", "user_id": nil, "group_id": nil, "group_inheritance_type": 0}}
	for _, name := range []string{"guarded", "eu%2Fprod"} {
		l.Set(t, "/gitlab/projects/32/protected_environments/"+name, map[string]any{"deploy_access_levels": levels})
	}
	l.Set(t, "/gitlab/projects/32/protected_environments/empty", map[string]any{"deploy_access_levels": []any{}, "approval_rules": []any{}, "required_approval_count": 0})
	for name, want := range map[string]policy.State{
		"guarded": policy.Protected, "eu/prod": policy.Protected, "open": policy.Unprotected, "empty": policy.Unprotected,
		"nowhere": policy.Missing, "Guarded": policy.Missing, "guarde%64": policy.Missing,
	} {
		p, err := j.Environment(context.Background(), name)
		if err != nil || p.State != want {
			t.Errorf("%q: %+v, %v; want state %v", name, p, err, want)
		}
	}
	for _, name := range []string{"", ".", "..", "guarded ", "a\nb", "guarded\u202e"} {
		_, err := j.Environment(context.Background(), name)
		wantFault(t, err, fault.Usage, fault.Config)
	}
	j, _ = job(t, with(env, "GITLAB_TOKEN", ""))
	_, err := j.Environment(context.Background(), "guarded")
	wantFault(t, err, fault.Usage, fault.Config)
	if got := fault.Of(err).Hint; !strings.Contains(got, "SALLYPORT_TOKEN") {
		t.Errorf("hint = %q, want the variable to set", got)
	}
}

// An instance that answers with another environment than the one asked for
// protects nothing.
func TestC13_answer_about_another_environment(t *testing.T) {
	for name, want := range map[string]policy.State{"production": policy.Protected, "Production": policy.Unprotected} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/environments"):
				fmt.Fprint(w, `[]`)
			case strings.Contains(r.URL.Path, "/protected_environments/"):
				fmt.Fprint(w, `{"name":"production","deploy_access_levels":[{"access_level":40}]}`)
			default:
				fmt.Fprint(w, `{"id":1}`)
			}
		}))
		j, _ := job(t, map[string]string{"CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "a/b", "CI_SERVER_URL": s.URL, "CI_API_V4_URL": s.URL + "/api/v4", "GITLAB_TOKEN": "person"})
		p, err := j.Environment(context.Background(), name)
		if err != nil || p.State != want {
			t.Errorf("%q: %+v, %v; want state %v", name, p, err, want)
		}
		s.Close()
	}
}

// An issuer is known by its whole string.
func TestC15_issuers(t *testing.T) {
	for issuer, runner := range map[string]string{"https://gitlab.com": "gitlab-hosted", "https://git.example": "", "https://git.example:8443": ""} {
		if f, ok := gitlab.Forge(issuer); !ok || f.Host != issuer || f.Issuer != issuer || f.Mark != "//" || f.Runner != runner {
			t.Errorf("Forge(%q) = %+v, %v; want it with runner %q", issuer, f, ok, runner)
		}
	}
	for _, issuer := range []string{
		"", "http://gitlab.com", "https://gitlab.com/", "https://gitlab.com/x", "https://GitLab.com", "https://u@gitlab.com",
		"https://gitlab.com?x", "https://gitlab.com#x", "https://gitlab.com\n", "https://token.actions.githubusercontent.com",
		"https://token.actions.octo.ghe.com",
	} {
		if f, ok := gitlab.Forge(issuer); ok {
			t.Errorf("Forge(%q) = %+v, want none", issuer, f)
		}
	}
}

// No value, whatever it holds, sets a variable of another name.
func TestK01_value_cannot_set_another_variable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "outputs.env")
	j, _ := job(t, labtest.Shared(t).As(t, "gitlab", nil))
	j.Outputs = file
	for _, v := range []string{"a\nVERIFIED=true", "a\r\nVERIFIED=true", "a\u2028V=1", "a\x00", "$SECRET", "\xff", "a\x1b[2K"} {
		if err := j.Output("digests", v); fault.Of(err).Code != fault.Inject {
			t.Errorf("%q: %v, want E_INJECT", v, err)
		}
	}
	for _, k := range []string{"", "A", "a=b", "a b", "a\nb"} {
		if err := j.Output(k, "v"); fault.Of(err).Code != fault.Inject {
			t.Errorf("key %q: %v, want E_INJECT", k, err)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Fatal("something was written all the same")
	}
	for _, kv := range [][2]string{{"digests", "sha256:ab sha256:cd"}, {"bundle-path", "x=y"}} {
		if err := j.Output(kv[0], kv[1]); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if want := "SALLYPORT_DIGESTS=sha256:ab sha256:cd\nSALLYPORT_BUNDLE_PATH=x=y\n"; err != nil || string(b) != want {
		t.Errorf("dotenv %q, %v; want %q", b, err, want)
	}
	wantFault(t, j.Output("digests", strings.Repeat("a", 5100)), fault.Usage, fault.Limit)
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, b) {
		t.Errorf("dotenv %q, %v; want it unchanged", after, err)
	}
}

// Data in the log neither ends a section nor acts on a terminal.
func TestK02_data_is_only_text(t *testing.T) {
	j, log := job(t, labtest.Shared(t).As(t, "gitlab", nil))
	data := "a\x1b[0Ksection_end:1:sallyport\r\x1b[0K\nb\u202e\u0085"
	end := j.Group(data)
	j.Annotate("error", data, 3, data, data)
	end()
	if err := j.Summary("# denied\n", "denied\n"+data); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "\x1b"); got != 8 {
		t.Errorf("%d escapes in %q, want the 8 of two sections", got, log)
	}
	if strings.ContainsAny(log.String(), "\u202e\u0085") {
		t.Errorf("log %q shows what it should not", log)
	}
}

// A name in place of the dotenv report that is none is the job's mistake, and
// nobody waits for the other end of a pipe.
func TestK01_dotenv_report_is_a_file(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, name := range map[string]string{"a named pipe": pipe, "a directory": t.TempDir()} {
		j, _ := job(t, labtest.Shared(t).As(t, "gitlab", nil))
		j.Outputs = name
		if f := fault.Of(j.Output("digests", "x")); f.Kind != fault.Usage || !strings.Contains(f.Error(), "is "+what) {
			t.Errorf("%s: %v, want it to be of kind Usage and to say so", what, f.Err)
		}
	}
}
