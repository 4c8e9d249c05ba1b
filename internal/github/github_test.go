package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/finding"
	"github.com/sallyport-dev/sallyport/internal/github"
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

func job(t *testing.T, env map[string]string) (*github.Job, *bytes.Buffer) {
	t.Helper()
	j, err := github.FromEnv(func(k string) string { return env[k] })
	if err == nil {
		err = github.Reach(j, apiOf(env))
	}
	if err != nil {
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
	if api := env["GITHUB_API_URL"]; api != "https://api.github.com" {
		return api
	}
	return env["SALLYPORT_LAB_GITHUB"] + "/api/v3"
}

func with(env map[string]string, kv ...string) map[string]string {
	env = maps.Clone(env)
	for i := 0; i < len(kv); i += 2 {
		env[kv[i]] = kv[i+1]
	}
	return env
}

// A job with the permission gets a token for Sigstore, masked before use, and
// the predicate says what the token says.
func TestToken_and_provenance(t *testing.T) {
	env := labtest.Shared(t).As(t, "github", nil)
	j, log := job(t, env)
	token, err := j.IDToken(context.Background(), "sigstore")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := log.String(), "::add-mask::"+token+"\n"; got != want {
		t.Errorf("log = %q, want the mask first and nothing else", got)
	}
	p, err := j.Provenance(token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.BuildDefinition.ResolvedDependencies[0].Digest["gitCommit"], env["GITHUB_SHA"]; got != want {
		t.Errorf("commit = %q, want %q", got, want)
	}
	want := `{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/acme/widget","path":".github/workflows/release.yml"}}`
	if got := string(p.BuildDefinition.ExternalParameters); got != want {
		t.Errorf("externalParameters = %s, want %s", got, want)
	}
	if got := j.Visibility(token); got != "public" {
		t.Errorf("visibility = %q, want public", got)
	}
}

// A job without the permission is told which one to add.
func TestNo_permission_for_a_token(t *testing.T) {
	env := with(labtest.Shared(t).As(t, "github", nil), "ACTIONS_ID_TOKEN_REQUEST_URL", "")
	j, _ := job(t, env)
	_, err := j.IDToken(context.Background(), "sigstore")
	wantFault(t, err, fault.Usage, fault.Config)
	if got := fault.Of(err).Hint; !strings.Contains(got, "id-token: write") {
		t.Errorf("hint = %q, want the permission", got)
	}
}

// A token for another audience, issuer or time is refused at once and never
// shown.
func TestC20_foreign_token_is_refused(t *testing.T) {
	l := labtest.Shared(t)
	for name, claims := range map[string]map[string]any{
		"audience":      {"aud": "npm"},
		"two audiences": {"aud": []string{"sigstore", "evil"}},
		"issuer":        {"iss": "https://token.actions.githubusercontent.com.evil.example"},
		"expired":       {"exp": 1700000000},
		"not yet valid": {"nbf": 4102444800, "exp": 4102448400},
	} {
		t.Run(name, func(t *testing.T) {
			j, log := job(t, l.As(t, "github", claims))
			token, err := j.IDToken(context.Background(), "sigstore")
			wantFault(t, err, fault.Refused, fault.Identity)
			if token != "" {
				t.Error("a token was returned")
			}
			secret := strings.TrimPrefix(strings.TrimSpace(log.String()), "::add-mask::")
			if err != nil && len(secret) > 20 && strings.Contains(err.Error(), secret[:20]) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

// A token for another job, run or ref than the runner's own is refused. Each claim alone is enough, whether it says
// something else or nothing.
func TestC20_token_of_another_job(t *testing.T) {
	l := labtest.Shared(t)
	env := l.As(t, "github", nil)
	j, _ := job(t, env)
	if _, err := j.Provenance(l.GitHubToken(t, "sigstore", nil), nil); err != nil {
		t.Fatalf("the job's own token: %v", err)
	}
	for claim, c := range map[string]struct{ variable, other string }{
		"repository":          {"GITHUB_REPOSITORY", "acme/other"},
		"repository_id":       {"GITHUB_REPOSITORY_ID", "1"},
		"repository_owner_id": {"GITHUB_REPOSITORY_OWNER_ID", "1"},
		"run_id":              {"GITHUB_RUN_ID", "1"},
		"run_attempt":         {"GITHUB_RUN_ATTEMPT", "9"},
		"sha":                 {"GITHUB_SHA", strings.Repeat("0", 40)},
		"ref":                 {"GITHUB_REF", "refs/heads/evil"},
		"event_name":          {"GITHUB_EVENT_NAME", "pull_request"},
		"workflow_ref":        {"GITHUB_WORKFLOW_REF", "acme/widget/.github/workflows/evil.yml@refs/heads/main"},
	} {
		t.Run(claim, func(t *testing.T) {
			for want, value := range map[string]any{
				fmt.Sprintf("claim %s is %q, %s is %q", claim, c.other, c.variable, env[c.variable]): c.other,
				fmt.Sprintf("has no claim %q", claim):                                                nil,
			} {
				_, err := j.Provenance(l.GitHubToken(t, "sigstore", map[string]any{claim: value}), nil)
				wantFault(t, err, fault.Refused, fault.Identity)
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
			other, _ := job(t, with(env, c.variable, c.other))
			_, err := other.Provenance(l.GitHubToken(t, "sigstore", nil), nil)
			wantFault(t, err, fault.Refused, fault.Identity)
		})
	}
}

// What the provenance is made of has to be in the token.
func TestC20_token_without_what_a_provenance_says(t *testing.T) {
	l := labtest.Shared(t)
	j, _ := job(t, l.As(t, "github", nil))
	for _, claim := range []string{"job_workflow_ref", "runner_environment"} {
		for _, value := range []any{nil, ""} {
			_, err := j.Provenance(l.GitHubToken(t, "sigstore", map[string]any{claim: value}), nil)
			wantFault(t, err, fault.Refused, fault.Identity)
			if err != nil && !strings.Contains(err.Error(), claim) {
				t.Errorf("error %q, want the claim %q in it", err, claim)
			}
		}
	}
}

// A token without a word about visibility counts as private.
func TestF09_unknown_visibility_is_private(t *testing.T) {
	l := labtest.Shared(t)
	j, _ := job(t, l.As(t, "github", nil))
	for claim, want := range map[any]string{nil: "", "private": "private", "internal": "internal", "public": "public"} {
		if got := j.Visibility(l.GitHubToken(t, "sigstore", map[string]any{"repository_visibility": claim})); got != want {
			t.Errorf("visibility of claim %v = %q, want %q", claim, got, want)
		}
	}
	if got := j.Visibility("garbage"); got != "" {
		t.Errorf("visibility of garbage = %q, want none", got)
	}
}

// The token service's failures: silence and 5xx are unavailable, garbage is
// refused, and what the body held is not shown.
func TestOIDC_failures(t *testing.T) {
	l := labtest.Start(t)
	for name, c := range map[string]struct {
		fault map[string]any
		kind  fault.Kind
		code  fault.Code
	}{
		"503":     {map[string]any{"target": "idtoken", "status": 503, "times": -1, "body": "CANARY"}, fault.Unavailable, fault.NotAvailable},
		"closed":  {map[string]any{"target": "idtoken", "action": "close", "times": -1}, fault.Unavailable, fault.NotAvailable},
		"403":     {map[string]any{"target": "idtoken", "status": 403, "times": -1, "body": "CANARY"}, fault.Usage, fault.Config},
		"garbage": {map[string]any{"target": "idtoken", "status": 200, "times": -1, "body": "<html>CANARY"}, fault.Refused, fault.Identity},
		"empty":   {map[string]any{"target": "idtoken", "status": 200, "times": -1, "body": "{}"}, fault.Refused, fault.Identity},
	} {
		t.Run(name, func(t *testing.T) {
			l.Fault(t, c.fault)
			j, log := job(t, l.As(t, "github", nil))
			_, err := j.IDToken(context.Background(), "sigstore")
			wantFault(t, err, c.kind, c.code)
			if err != nil && strings.Contains(err.Error()+log.String(), "CANARY") {
				t.Errorf("the answer's body is shown: %v", err)
			}
		})
	}
	t.Run("once", func(t *testing.T) {
		l.Fault(t, map[string]any{"target": "idtoken", "status": 503, "times": 1})
		j, _ := job(t, l.As(t, "github", nil))
		if _, err := j.IDToken(context.Background(), "sigstore"); err != nil {
			t.Errorf("after one 503: %v", err)
		}
	})
}

func bundle(t *testing.T, digest subject.Digest, n int) []byte {
	t.Helper()
	st, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
		"subject":   []any{map[string]any{"name": "x", "digest": map[string]string{"sha256": digest.Hex()}}},
		"predicate": map[string]any{"n": n, "filler": strings.Repeat("ab", 200)},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{"certificate": map[string]any{"rawBytes": "AAAA"}, "tlogEntries": []any{}},
		"dsseEnvelope":         map[string]any{"payload": st, "payloadType": "application/vnd.in-toto+json", "signatures": []any{map[string]any{"sig": "AAAA"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is uploaded is found again under each subject, over several pages,
// inline or as a compressed blob that is asked for without a credential.
func TestAttestations(t *testing.T) {
	for name, inline := range map[string]bool{"inline": true, "blob": false} {
		t.Run(name, func(t *testing.T) {
			l := labtest.Shared(t)
			repo := "acme/store-" + name
			l.Set(t, "/github/repos/"+repo, map[string]any{"inline_bundles": inline})
			j, _ := job(t, with(l.As(t, "github", nil), "GITHUB_REPOSITORY", repo))
			s := subject.Subject{Name: "x", Digest: subject.SHA256([32]byte{1, byte(len(name))})}
			const n = 103
			for i := range n {
				r, err := j.Evidence().Put(context.Background(), store.Record{Subjects: []subject.Subject{s}, Bundle: bundle(t, s.Digest, i)})
				if err != nil {
					t.Fatal(err)
				}
				if want := "https://github.com/" + repo + "/attestations/" + r.ID; r.URL != want {
					t.Fatalf("URL = %q, want %q", r.URL, want)
				}
			}
			found, err := j.Evidence().Fetch(context.Background(), []subject.Subject{s, {Digest: subject.SHA256([32]byte{9})}})
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Bundles) != n {
				t.Errorf("found %d bundles, want %d", len(found.Bundles), n)
			}
			for _, r := range l.Requests(t) {
				if strings.HasPrefix(r.Path, "/blobs/") && r.Authorization != "none" {
					t.Errorf("a blob was asked for with %s", r.Authorization)
				}
			}
			l.Contract(t)
		})
	}
}

// An API that does not answer, or will not, is never an empty list.
func TestGitHub_API_failures(t *testing.T) {
	l := labtest.Start(t)
	s := []subject.Subject{{Digest: subject.SHA256([32]byte{3})}}
	for name, c := range map[string]struct {
		fault map[string]any
		kind  fault.Kind
		code  fault.Code
	}{
		"503":     {map[string]any{"target": "github", "status": 503, "times": -1}, fault.Unavailable, fault.NotAvailable},
		"429":     {map[string]any{"target": "github", "status": 429, "times": -1, "headers": map[string]string{"Retry-After": "3600"}}, fault.Unavailable, fault.NotAvailable},
		"403":     {map[string]any{"target": "github", "status": 403, "times": -1, "body": "{}"}, fault.Unavailable, fault.NotAvailable},
		"401":     {map[string]any{"target": "github", "status": 401, "times": -1, "body": "{}"}, fault.Unavailable, fault.NotAvailable},
		"closed":  {map[string]any{"target": "github", "action": "close", "times": -1}, fault.Unavailable, fault.NotAvailable},
		"html":    {map[string]any{"target": "github", "status": 200, "times": -1, "body": "<html>"}, fault.Refused, fault.Malformed},
		"nothing": {map[string]any{"target": "github", "status": 200, "times": -1, "body": "{}"}, fault.Refused, fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			l.Fault(t, c.fault)
			j, _ := job(t, l.As(t, "github", nil))
			_, err := j.Evidence().Fetch(context.Background(), s)
			wantFault(t, err, c.kind, c.code)
			p, err := j.Environment(context.Background(), "production")
			if p.State == policy.Protected {
				t.Errorf("protected while the API fails: %v", p)
			}
			if name != "nothing" && err == nil {
				t.Error("no error, want one")
			}
		})
	}
	j, _ := job(t, l.As(t, "github", nil))
	if found, err := j.Evidence().Fetch(context.Background(), s); err != nil || len(found.Bundles) != 0 {
		t.Errorf("after the faults: %d bundles, %v; want none", len(found.Bundles), err)
	}
}

// Upload without the permission is the pipeline author's turn.
func TestPut_without_permission(t *testing.T) {
	l := labtest.Shared(t)
	j, _ := job(t, with(l.As(t, "github", nil), "GITHUB_TOKEN", "wrong"))
	_, err := j.Evidence().Put(context.Background(), store.Record{Bundle: bundle(t, subject.SHA256([32]byte{4}), 0)})
	wantFault(t, err, fault.Usage, fault.Config)
}

// An upload whose answer was lost is repeated; the bundle is there, and being
// there twice harms nobody.
func TestPut_answer_lost(t *testing.T) {
	l := labtest.Start(t)
	j, _ := job(t, l.As(t, "github", nil))
	l.Fault(t, map[string]any{"target": "github", "match": "^POST ", "action": "persist_then_fail", "status": 502, "times": 1})
	s := subject.Subject{Digest: subject.SHA256([32]byte{5})}
	if _, err := j.Evidence().Put(context.Background(), store.Record{Bundle: bundle(t, s.Digest, 0)}); err != nil {
		t.Fatal(err)
	}
	if found, err := j.Evidence().Fetch(context.Background(), []subject.Subject{s}); err != nil || len(found.Bundles) == 0 {
		t.Errorf("found %d bundles, %v; want it", len(found.Bundles), err)
	}
}

// What protects an environment, and what does not.
func TestC13_environment_protection(t *testing.T) {
	l := labtest.Shared(t)
	l.Set(t, "/github/repos/acme/envs", map[string]any{})
	j, _ := job(t, with(l.As(t, "github", nil), "GITHUB_REPOSITORY", "acme/envs"))
	for name, c := range map[string]struct {
		shape map[string]any
		want  policy.State
	}{
		"no-rules":      {map[string]any{"protection_rules": []any{}}, policy.Unprotected},
		"wait-only":     {map[string]any{"protection_rules": []any{map[string]any{"id": 1, "node_id": "x", "type": "wait_timer", "wait_timer": 30}}}, policy.Unprotected},
		"branches":      {map[string]any{"protection_rules": []any{map[string]any{"id": 1, "node_id": "x", "type": "branch_policy"}}, "deployment_branch_policy": map[string]any{"protected_branches": true, "custom_branch_policies": false}}, policy.Protected},
		"unknown-rule":  {map[string]any{"protection_rules": []any{map[string]any{"id": 1, "node_id": "x", "type": "something_new"}}}, policy.Unprotected},
		"eu/production": {map[string]any{"protection_rules": []any{map[string]any{"id": 1, "node_id": "x", "type": "branch_policy"}}, "deployment_branch_policy": map[string]any{"protected_branches": false, "custom_branch_policies": true}}, policy.Protected},
	} {
		t.Run(name, func(t *testing.T) {
			l.Set(t, "/github/repos/acme/envs/environments/"+strings.ReplaceAll(name, "/", "%2F"), c.shape)
			l.Set(t, "/github/repos/acme/envs/environments/"+strings.ReplaceAll(name, "/", "%2F")+"/branch_policies", []any{map[string]any{"id": 1, "node_id": "x", "name": "main", "type": "branch"}})
			p, err := j.Environment(context.Background(), name)
			if err != nil {
				t.Fatal(err)
			}
			if p.State != c.want {
				t.Errorf("state = %v (%v, %q), want %v", p.State, p.Rules, p.Found, c.want)
			}
		})
	}
	for _, name := range []string{"nowhere", "No-Rules", "BRANCHES"} {
		if p, err := j.Environment(context.Background(), name); err != nil || p.State != policy.Missing {
			t.Errorf("%q: state %v, %v; want missing", name, p.State, err)
		}
	}
	for _, name := range []string{"", ".", "..", "branches ", "bra\u202enches", "a\nb"} {
		_, err := j.Environment(context.Background(), name)
		wantFault(t, err, fault.Usage, fault.Config)
	}
	j, _ = job(t, l.As(t, "github", nil))
	p, err := j.Environment(context.Background(), "production")
	if err != nil || p.State != policy.Protected {
		t.Errorf("the lab's production: %+v, %v; want protected", p, err)
	}
}

// An answer without the list of rules says nothing, whatever else it says.
func TestC13_answer_without_rules(t *testing.T) {
	for body, want := range map[string]policy.State{
		`{"name":"production","protection_rules":[]}`:   policy.Protected,
		`{"name":"production"}`:                         policy.Unprotected,
		`{"name":"production","protection_rules":null}`: policy.Unprotected,
		`{"name":"Production","protection_rules":[]}`:   policy.Missing,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/deployment_protection_rules") {
				body := `{"total_count":1,"custom_deployment_protection_rules":[{"id":1,"enabled":true,"app":{"slug":"gate"}}]}`
				fmt.Fprint(w, body)
				return
			}
			fmt.Fprint(w, body)
		}))
		j, _ := job(t, map[string]string{"GITHUB_REPOSITORY": "acme/widget", "GITHUB_API_URL": s.URL})
		p, err := j.Environment(context.Background(), "production")
		if err != nil || p.State != want {
			t.Errorf("%s: %+v, %v; want state %v", body, p, err, want)
		}
		s.Close()
	}
}

// The API's answers cannot send the token elsewhere.
func TestJ05_token_stays_with_the_API(t *testing.T) {
	var shown []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, r.URL.Path+r.Header.Get("Authorization"))
		fmt.Fprint(w, `{"value":"x","name":"production","protection_rules":[]}`)
	}))
	defer elsewhere.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/x", http.StatusMovedPermanently)
	}))
	defer s.Close()
	j, _ := job(t, map[string]string{
		"GITHUB_REPOSITORY": "acme/widget", "GITHUB_API_URL": s.URL, "GITHUB_TOKEN": "canary",
		"ACTIONS_ID_TOKEN_REQUEST_URL": s.URL + "/token?x=y", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary",
	})
	_, err := j.Environment(context.Background(), "production")
	wantFault(t, err, fault.Refused, fault.Leak)
	_, err = j.IDToken(context.Background(), "sigstore")
	wantFault(t, err, fault.Refused, fault.Leak)
	_, err = j.Evidence().Fetch(context.Background(), []subject.Subject{{}})
	wantFault(t, err, fault.Refused, fault.Leak)
	_, err = j.Evidence().Put(context.Background(), store.Record{Bundle: []byte("{}")})
	wantFault(t, err, fault.Refused, fault.Leak)
	if len(shown) > 0 {
		t.Errorf("the other host was asked: %v", shown)
	}
}

// A job in a broken environment does not start.
func TestFromEnv(t *testing.T) {
	for _, env := range []map[string]string{
		{},
		{"GITHUB_REPOSITORY": "acme"},
		{"GITHUB_REPOSITORY": "acme/.."},
		{"GITHUB_REPOSITORY": "acme/widget/x"},
		{"GITHUB_REPOSITORY": "acme/widget", "GITHUB_SERVER_URL": "ftp://x"},
	} {
		_, err := github.FromEnv(func(k string) string { return env[k] })
		wantFault(t, err, fault.Usage, fault.Config)
	}
}

// A name that looks like that of a protected environment is another name, and is
// shown so that the difference can be seen.
func TestB12_look_alike_environment(t *testing.T) {
	j, _ := job(t, labtest.Shared(t).As(t, "github", nil))
	for name, want := range map[string]policy.State{
		"production":       policy.Protected,
		"pr\u043eduction":  policy.Missing, // Cyrillic o
		"producti\u00f3n":  policy.Missing,
		"productio\u0301n": policy.Missing,
	} {
		p, err := j.Environment(context.Background(), name)
		if err != nil || p.State != want {
			t.Errorf("%+q: %+v, %v; want state %v", name, p, err, want)
		}
		if want == policy.Missing && !strings.Contains(p.Found, strconv.QuoteToASCII(name)) {
			t.Errorf("%+q: found %q, want the name in ASCII", name, p.Found)
		}
	}
}

// A ref is data: whatever git allows in its name arrives in the predicate as it
// is, and nowhere else.
func TestC21_ref_names_are_data(t *testing.T) {
	l := labtest.Shared(t)
	for _, ref := range []string{
		"refs/heads/$(id)", "refs/heads/`id`", "refs/heads/;rm", "refs/heads/--flag", "refs/heads/-x", "refs/heads/a\"b'c",
		"refs/heads/a@b", "refs/heads/a|b&c", "refs/heads/%0A::error::x", "refs/heads/${{github.token}}", "refs/heads/\u202ex", "refs/tags/v1@refs/heads/main",
	} {
		claims := map[string]any{"ref": ref, "workflow_ref": "acme/widget/.github/workflows/release.yml@" + ref}
		j, log := job(t, l.As(t, "github", claims))
		p, err := j.Provenance(l.GitHubToken(t, "sigstore", claims), nil)
		if err != nil {
			t.Errorf("%q: %v", ref, err)
			continue
		}
		var got struct{ Workflow struct{ Ref, Path string } }
		if err := json.Unmarshal(p.BuildDefinition.ExternalParameters, &got); err != nil || got.Workflow.Ref != ref || got.Workflow.Path != ".github/workflows/release.yml" {
			t.Errorf("%q: workflow %+v, %v; want the ref as it is", ref, got.Workflow, err)
		}
		if want := "git+https://github.com/acme/widget@" + ref; p.BuildDefinition.ResolvedDependencies[0].URI != want {
			t.Errorf("%q: source %q, want %q", ref, p.BuildDefinition.ResolvedDependencies[0].URI, want)
		}
		if log.Len() > 0 {
			t.Errorf("%q: log %q, want none", ref, log)
		}
	}
}

// An issuer is known by its whole string.
func TestC15_issuers(t *testing.T) {
	for issuer, host := range map[string]string{
		"https://token.actions.githubusercontent.com":      "https://github.com",
		"https://token.actions.githubusercontent.com/acme": "https://github.com",
		"https://token.actions.octo.ghe.com":               "https://octo.ghe.com",
		"https://ghes.example/_services/token":             "https://ghes.example",
	} {
		if f, ok := github.Forge(issuer); !ok || f.Host != host || f.Issuer != issuer || f.Mark != "/" {
			t.Errorf("Forge(%q) = %+v, %v; want host %q", issuer, f, ok, host)
		}
	}
	for _, issuer := range []string{
		"", "https://token.actions.githubusercontent.com/", "http://token.actions.githubusercontent.com",
		"https://token.actions.githubusercontent.com.evil.example", "https://token.actions.githubusercontent.com/a/b",
		"https://token.actions.a.b.ghe.com", "https://token.actions.octo.ghe.com.evil.example", "https://octo.ghe.com",
		"https://ghes.example/_services/token/", "http://ghes.example/_services/token", "https://GHES.example/_services/token",
		"https://github.com/_services/token", "https://octo.ghe.com/_services/token", "https://github.com:443/_services/token",
		"https://u@ghes.example/_services/token", "https://gitlab.com", " https://token.actions.githubusercontent.com",
		"https://token.actions.githubusercontent.com\n",
	} {
		if f, ok := github.Forge(issuer); ok {
			t.Errorf("Forge(%q) = %+v, want none", issuer, f)
		}
	}
}
