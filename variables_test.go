package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// lies are values that somebody could put in the place of a runner's own, for
// each variable that a gate's job reads. same says that the answer is what it was.
var lies = map[string][]struct {
	name, value string
	same        bool
}{
	"github": {
		{"GITHUB_REPOSITORY", "acme/witness", false}, {"GITHUB_REPOSITORY_ID", "900001", false}, {"GITHUB_RUN_ID", "17", false},
		{"GITHUB_RUN_ATTEMPT", "7", false}, {"GITHUB_SHA", strings.Repeat("ab", 20), false}, {"GITHUB_REF", "refs/heads/evil", false},
		{"GITHUB_EVENT_NAME", "pull_request", false}, {"GITHUB_SERVER_URL", "$OTHER", false}, {"GITHUB_TOKEN", "ghp_stranger", false},
		{"ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/token", false}, {"GITLAB_CI", "true", false}, {"SALLYPORT_POLICY", "evil.yaml", false},
		{"GITHUB_API_URL", "$OTHER", true}, {"GITHUB_REPOSITORY_OWNER_ID", "1", false}, {"GITHUB_WORKFLOW_REF", "acme/x/.github/workflows/x.yml@refs/heads/main", false},
		{"GITHUB_ACTOR", "mallory", true}, {"SALLYPORT_DIGESTS", "sha256:00", true}, {"GITHUB_OUTPUT", "/nowhere/output", false},
	},
	"gitlab": {
		{"CI_PROJECT_ID", "900001", false}, {"CI_PROJECT_PATH", "acme/witness", false}, {"CI_PIPELINE_ID", "17", false}, {"CI_PIPELINE_SOURCE", "merge_request_event", false},
		{"CI_JOB_ID", "17", false}, {"CI_COMMIT_SHA", strings.Repeat("ab", 20), false}, {"CI_COMMIT_REF_NAME", "evil", false}, {"CI_SERVER_URL", "$OTHER", false},
		{"CI_API_V4_URL", "$OTHER/api/v4", false}, {"CI_JOB_TOKEN", "stranger", false}, {"GITLAB_TOKEN", "stranger", false}, {"SALLYPORT_ID_TOKEN", "a.b.c", false},
		{"GITHUB_ACTIONS", "true", false}, {"SALLYPORT_ENVIRONMENT", "staging", false}, {"SALLYPORT_RELEASE", "sha256:00", false},
		{"GITLAB_USER_ID", "1", true}, {"GITLAB_USER_LOGIN", "mallory", true}, {"CI_JOB_NAME", "mallory", true}, {"CI_JOB_MANUAL", "true", true},
		{"CI_ENVIRONMENT_NAME", "staging", true}, {"SIGSTORE_ID_TOKEN", "a.b.c", true}, {"SALLYPORT_DIGESTS", "sha256:00", true}, {"SALLYPORT_DOTENV", "dist/app", true},
	},
}

// lie PLATFORM ARG... runs a gate in a job of the platform with each variable
// that may lie, one at a time, and expects that the job is refused or that the
// verdict is the one without the lie, but for its times.
func lie(ts *testscript.TestScript, neg bool, args []string) {
	answer := func() string { return clock.ReplaceAllString(read(ts.MkAbs(verdictFile)), "then") }
	runner(ts, false, args[:1])
	ts.Check(ts.Exec("sallyport", append([]string{"gate"}, args[1:]...)...))
	honest := answer()
	for _, l := range lies[args[0]] {
		runner(ts, false, args[:1])
		before := ts.Getenv(l.name)
		ts.Setenv(l.name, strings.ReplaceAll(l.value, "$OTHER", ts.Getenv("OTHER")))
		err := ts.Exec("sallyport", append([]string{"gate"}, args[1:]...)...)
		if (err == nil) != l.same {
			ts.Fatalf("with %s=%s the gate says %v, want the same answer: %v\n%s", l.name, l.value, err, l.same, ts.ReadFile("stderr"))
		}
		if got := answer(); l.same && got != honest || !l.same && strings.Contains(got, `"outcome": "allow"`) {
			ts.Fatalf("with %s=%s the verdict is\n%s\nwant %s", l.name, l.value, got, honest)
		}
		ts.Setenv(l.name, before)
	}
}

// Each variable that the program reads stands on the page that says what happens
// if it lies.
func TestE13_a_variable_that_is_read_is_on_the_page(t *testing.T) {
	page := read("docs/variables.md")
	reading := regexp.MustCompile(`(?:[gG]etenv\(|address\((?:getenv, )?|append\()"([A-Z][A-Z_0-9]+)"`)
	n := 0
	for _, dir := range []string{"cli", "github", "gitlab", "store", "sigstore", "client"} {
		files, err := filepath.Glob("internal/" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range reading.FindAllStringSubmatch(string(b), -1) {
				n++
				if !strings.Contains(page, "`"+m[1]+"`") {
					t.Errorf("%s reads %s, which docs/variables.md does not name", name, m[1])
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("looked at %d places, which cannot be all", n)
	}
}
