package gitlab

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// cloned is a project whose git address is served by git itself, for whoever has the token, and a
// job that has nothing else.
func cloned(t *testing.T, files map[string]string) (*Job, func(args ...string) string, *int) {
	t.Helper()
	root := t.TempDir()
	work := filepath.Join(root, "work")
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", work}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(work, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "trunk")
	git("add", "-A")
	git("commit", "-q", "-m", "x")
	git("clone", "-q", "--bare", work, filepath.Join(root, "git/acme/app.git"))
	if out, err := exec.Command("git", "-C", filepath.Join(root, "git/acme/app.git"), "config", "uploadpack.allowFilter", "true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	programs, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	serve := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(programs)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(root, "git"), "GIT_HTTP_EXPORT_ALL=1"}}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, token, _ := r.BasicAuth(); name != "gitlab-ci-token" || token != "job-token-of-this-job" {
			w.WriteHeader(http.StatusUnauthorized) // also what the API says
			return
		}
		asked++
		serve.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &Job{Repo: &Repo{Now: time.Now, id: "20", path: "acme/app", session: "job-token-of-this-job", server: at, api: at}}, git, &asked
}

// A job whose own token is all there is reads the policy of the default branch from the project's git
// address: by version 2 of the protocol, one folder and one file of it, each object held to its name.
func TestD15_the_default_branch_as_git_serves_it(t *testing.T) {
	j, git, asked := cloned(t, map[string]string{".sallyport/policy.yaml": "version: 1\n", "README": strings.Repeat("long ", 1000), "a/b/c/d": "x"})
	repository, id, head, ref, err := j.Head(t.Context())
	if err != nil || head != git("rev-parse", "HEAD") || ref != "refs/heads/trunk" || id != "20" || !strings.HasSuffix(repository, "/acme/app") {
		t.Fatalf("head = %s %s %s %s, %v, want trunk as git has it", repository, id, head, ref, err)
	}
	b, err := j.File(t.Context(), head, ".sallyport/policy.yaml")
	if err != nil || string(b) != "version: 1\n" {
		t.Fatalf("file = %q, %v, want what was committed", b, err)
	}
	if *asked > 8 {
		t.Errorf("%d requests, want two for where the branch is, each time, and two for the file", *asked)
	}
	for name, path := range map[string]string{"no file": ".sallyport/none.yaml", "no folder": "none/policy.yaml", "a folder": ".sallyport"} {
		if _, err := j.File(t.Context(), head, path); fault.Of(err).Code != fault.Policy {
			t.Errorf("%s: %v, want E_POLICY", name, err)
		}
	}
	if _, err := j.File(t.Context(), strings.Repeat("1", 40), ".sallyport/policy.yaml"); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("another commit: %v, want that it is not known", err)
	}
	// With a token that may ask the API, what the API says is all that counts.
	j.access = "glpat-x"
	if _, _, _, _, err := j.Head(t.Context()); err == nil {
		t.Error("a refusal of the API was passed by")
	}
	j.access, j.session = "", ""
	if _, _, _, _, err := j.Head(t.Context()); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("without any token: %v, want unavailable", err)
	}
}

// What is not git's answer is no answer.
func TestD15_a_git_address_that_answers_something_else(t *testing.T) {
	const sha = "9f2c1e7b5a4d3c2b1a0f9e8d7c6b5a4938271605"
	for name, answers := range map[string][2]string{
		"a page":         {"<html>", ""},
		"version 1":      {"001e# service=git-upload-pack\n0000", ""},
		"no filters":     {"000eversion 2\n0011fetch=shallow\n0000", ""},
		"no branch":      {"000eversion 2\n0018fetch=shallow filter\n0000", "0000"},
		"another ref":    {"000eversion 2\n0018fetch=shallow filter\n0000", "0050" + sha + " HEAD symref-target:refs/tags/v1\n0000"},
		"a cut line":     {"000eversion 2\n0018fetch=shallow filter\n0000", "00ff" + sha},
		"a negative one": {"zzzzversion 2\n", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/info/refs") {
				_, _ = w.Write([]byte(answers[0]))
			} else if r.Method == http.MethodPost {
				_, _ = w.Write([]byte(answers[1]))
			} else {
				w.WriteHeader(http.StatusForbidden)
			}
		}))
		at, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		j := &Job{Repo: &Repo{Now: time.Now, id: "20", path: "acme/app", session: "job-token-of-this-job", server: at, api: at}}
		if _, _, head, _, err := j.Head(t.Context()); fault.Of(err).Kind != fault.Unavailable || head != "" {
			t.Errorf("%s: head %q, %v, want unavailable", name, head, err)
		}
		server.Close()
	}
}
