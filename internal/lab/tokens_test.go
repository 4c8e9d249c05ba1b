package lab

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// payload returns the claims of a JWT, unverified.
func payload(t *testing.T, token string) Claims {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("token %q, want a JWT", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return decode[Claims](t, b)
}

func encoded(claims string) string { return base64.URLEncoding.EncodeToString([]byte(claims)) }

// The endpoint of a GitHub job gives a token for an audience, with any claim
// changed or left out, to whoever has the request token.
func TestGitHubTokenEndpoint(t *testing.T) {
	get := func(query, auth string) (reply, []byte) {
		return do(t, call{url: labUnderTest.Control + "/github/idtoken?job=build" + query, header: map[string]string{"Authorization": auth}})
	}
	if resp, _ := get("", "Bearer wrong"); resp.status != 401 {
		t.Errorf("wrong request token: status %d, want 401", resp.status)
	}
	auth := "bearer " + labUnderTest.tokens.request
	for query, want := range map[string]Claims{
		"":                   {"aud": "https://github.com/acme", "sub": "repo:acme/widget:ref:refs/heads/main", "iss": gitHubIssuer},
		"&audience=sigstore": {"aud": "sigstore"},
		"&audience=sigstore&claims=" + encoded(`{"environment":"production"}`): {"sub": "repo:acme/widget:environment:production", "environment": "production"},
		"&claims=" + encoded(`{"repository":"acme/other","ref":"refs/tags/v1"}`): {
			"job_workflow_ref": "acme/other/.github/workflows/release.yml@refs/tags/v1", "ref_type": "tag", "sub": "repo:acme/other:ref:refs/tags/v1"},
		"&claims=" + encoded(`{"iss":"https://x.example","aud":"a","exp":5,"nbf":3,"iat":4,"sub":"s","jti":null,"job_workflow_sha":null}`): {
			"iss": "https://x.example", "aud": "a", "exp": 5.0, "nbf": 3.0, "iat": 4.0, "sub": "s", "jti": nil, "job_workflow_sha": nil},
	} {
		resp, b := get(query, auth)
		if resp.status != 200 {
			t.Fatalf("%s: status %d: %s", query, resp.status, b)
		}
		got := payload(t, decode[struct{ Value string }](t, b).Value)
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: claim %s = %v, want %v", query, name, got[name], value)
			}
		}
	}
	for _, bad := range []string{"!", encoded(`[1]`)} {
		if resp, _ := get("&claims="+url.QueryEscape(bad), auth); resp.status != 400 {
			t.Errorf("claims %q: status %d, want 400", bad, resp.status)
		}
	}
}

// The endpoint of a GitLab job answers the token itself.
func TestGitLabTokenEndpoint(t *testing.T) {
	_, b := do(t, call{url: labUnderTest.Control + "/gitlab/idtoken?audience=sigstore&claims=" + encoded(`{"project_path":"acme/x","ref":"v1","ref_type":"tag"}`)})
	got := payload(t, string(b))
	wants := Claims{
		"aud": "sigstore", "iss": gitLabIssuer, "sub": "project_path:acme/x:ref_type:tag:ref:v1", "ref_path": "refs/tags/v1",
		"ci_config_ref_uri": "gitlab.com/acme/x//.gitlab-ci.yml@refs/tags/v1", "project_id": "20", "runner_id": 1.0,
	}
	for name, want := range wants {
		if got[name] != want {
			t.Errorf("claim %s = %v, want %v", name, got[name], want)
		}
	}
}

// What a runner sets says the same as its token.
func TestEnvAgreesWithToken(t *testing.T) {
	vars := func(path string) map[string]string {
		out := map[string]string{}
		for _, line := range strings.Split(strings.TrimSpace(string(control(t, http.MethodGet, path, ""))), "\n") {
			name, value, _ := strings.Cut(line, "=")
			out[name] = strings.Trim(value, "'")
		}
		return out
	}
	q := "&claims=" + encoded(`{"repository":"acme/other","repository_id":"7","project_path":"acme/other","project_id":"7"}`)
	env := vars("/env?as=github" + q)
	_, b := do(t, call{url: env["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=sigstore", header: map[string]string{"Authorization": "Bearer " + env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]}})
	agree(t, env, payload(t, decode[struct{ Value string }](t, b).Value), map[string]string{
		"GITHUB_REPOSITORY": "repository", "GITHUB_REPOSITORY_ID": "repository_id", "GITHUB_REPOSITORY_OWNER_ID": "repository_owner_id",
		"GITHUB_REF": "ref", "GITHUB_SHA": "sha", "GITHUB_RUN_ID": "run_id", "GITHUB_RUN_ATTEMPT": "run_attempt",
		"GITHUB_EVENT_NAME": "event_name", "GITHUB_WORKFLOW_REF": "workflow_ref", "GITHUB_WORKFLOW_SHA": "workflow_sha",
	})
	if got, want := env["GITHUB_API_URL"], apiOfGitHub; got != want {
		t.Errorf("GITHUB_API_URL = %q, want %q", got, want)
	}
	env = vars("/env?as=gitlab" + q)
	agree(t, env, payload(t, env["SIGSTORE_ID_TOKEN"]), map[string]string{
		"CI_PROJECT_PATH": "project_path", "CI_PROJECT_ID": "project_id", "CI_COMMIT_SHA": "sha", "CI_COMMIT_REF_NAME": "ref",
		"CI_PIPELINE_ID": "pipeline_id", "CI_PIPELINE_SOURCE": "pipeline_source", "CI_JOB_ID": "job_id",
	})
}

func agree(t *testing.T, env map[string]string, c Claims, names map[string]string) {
	t.Helper()
	for variable, claim := range names {
		if env[variable] == "" || env[variable] != c.text(claim) {
			t.Errorf("%s = %q, want the claim %s, %q", variable, env[variable], claim, c.text(claim))
		}
	}
}

// A shell reads back from the env file what was written, whatever it is.
func TestEnvFileIsShellSafe(t *testing.T) {
	const value = `$(touch x) 'a' "b" ;&|` + "`c` \\ *\t#"
	file := t.TempDir() + "/lab.env"
	if err := writeEnv(file, []string{"PLAIN=http://127.0.0.1:1/a", "ODD=" + value, "EMPTY="}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `. "$0"; printf '%s|%s|%s' "$PLAIN" "$ODD" "$EMPTY"`, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), "http://127.0.0.1:1/a|"+value+"|"; got != want {
		t.Errorf("shell read %q, want %q", got, want)
	}
	if info, err := os.Stat(labUnderTest.EnvFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("env file: %v, %v, want mode 600", info.Mode(), err)
	}
}

// A job's token names the run, its attempt, the repository and its owner by number, and no
// two tokens are the same: who takes a token once can tell.
func TestGitHubTokenNamesItsJob(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		token, err := labUnderTest.GitHubToken("https://gate.acme.example", Claims{"run_id": "77", "run_attempt": "2"})
		if err != nil {
			t.Fatal(err)
		}
		got := payload(t, token)
		for name, want := range map[string]string{
			"aud": "https://gate.acme.example", "run_id": "77", "run_attempt": "2", "repository_id": "123456789",
			"repository_owner_id": "4242",
		} {
			if got.text(name) != want {
				t.Errorf("%s = %v, want %s", name, got[name], want)
			}
		}
		if id := got.text("jti"); len(id) < 32 || seen[id] {
			t.Errorf("jti = %q, want one that is new", id)
		}
		seen[got.text("jti")] = true
	}
}
