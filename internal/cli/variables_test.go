package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/inputs"
	"github.com/sallyport-dev/sallyport/internal/policy"
)

// jobs are the variables of a job of each platform.
var jobs = map[inputs.Where]map[string]string{
	inputs.GitHub: {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/app"},
	inputs.GitLab: {"GITLAB_CI": "true", "CI_PROJECT_ID": "1", "CI_PROJECT_PATH": "acme/app", "CI_SERVER_URL": "https://gitlab.com", "CI_API_V4_URL": "https://gitlab.com/api/v4"},
}

// in returns a command in a place, with more variables.
func in(place inputs.Where, more ...string) Command {
	return Command{Now: time.Now, Stderr: io.Discard, Getenv: func(name string) string {
		for i := 0; i+1 < len(more); i += 2 {
			if more[i] == name {
				return more[i+1]
			}
		}
		return jobs[place][name]
	}}
}

// leastArgs are the least that each command has to be told.
var leastArgs = map[string][]string{
	"attest": {"app"}, "verify": {"app"}, "gate": {"--environment", "production", "app"},
	"release": {"--version", "v1", "--environments", "production", "app"}, "settings": {"plan"}, "policy": {"fix"}, "explain": {"verdict.json"}, "run": {"--", "true"}, "manifest": {"show", "m.json"}, "ledger": {"--key", "k", "verify", "ledger.jsonl"},
}

// In a job every variable of an input is refused, whichever command it is an
// input of. At a terminal it says what the flag would say.
func TestE13_no_variable_of_an_input_is_read_in_a_job(t *testing.T) {
	for _, c := range inputs.All() {
		for _, name := range inputs.Variables() {
			for place := range jobs {
				own, ours := c.Input(inputs.Flagged(name))
				if ours && own.Started.In(place) {
					continue
				}
				_, err := in(place, name, "true").newRun(t.Context(), c.Name, leastArgs[c.Name])
				if f := fault.Of(err); err == nil || f.Code != fault.Config || f.Kind != fault.Usage || !strings.Contains(f.Error(), name) {
					t.Errorf("%s with %s in a job: %v, want a refusal that names it", c.Name, name, err)
				}
			}
		}
		for place := range jobs {
			if _, err := in(place).newRun(t.Context(), c.Name, leastArgs[c.Name]); err != nil {
				t.Errorf("%s in a job without variables: %v", c.Name, err)
			}
		}
	}
	r, err := in(0, "SALLYPORT_REPOSITORY", "https://github.com/acme/app").newRun(t.Context(), "approve", nil)
	if err != nil || r.text("repository") != "https://github.com/acme/app" {
		t.Errorf("at a terminal: %v, want the variable's value", err)
	}
}

// What a person says who starts a pipeline by hand may be a variable on GitLab:
// older instances have no inputs for pipelines. It wins over the component's own.
func TestE13_what_a_person_decides_may_be_a_variable_on_gitlab(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	said := []string{"SALLYPORT_RELEASE", digest, "SALLYPORT_DECISION", "reject", "SALLYPORT_REASON", "broken"}
	var log strings.Builder
	c := in(inputs.GitLab, said...)
	c.Stderr = &log
	r, err := c.newRun(t.Context(), "approve", []string{"--with", "release=", "--with", "decision=approve", "--with", "reason="})
	if err != nil || r.text("release") != digest || r.text("decision") != "reject" || r.text("reason") != "broken" {
		t.Errorf("release %q, decision %q, reason %q, %v; want what the variables say", r.text("release"), r.text("decision"), r.text("reason"), err)
	}
	for _, name := range []string{"SALLYPORT_RELEASE", "SALLYPORT_DECISION", "SALLYPORT_REASON"} {
		if !strings.Contains(log.String(), name+" says what the input") {
			t.Errorf("the log says %q, want a warning about %s", log.String(), name)
		}
	}
	if _, err := in(inputs.GitHub, said...).newRun(t.Context(), "approve", nil); fault.Of(err).Code != fault.Config {
		t.Errorf("on GitHub: %v, want a refusal", err)
	}
	if _, err := in(inputs.GitLab, said...).newRun(t.Context(), "gate", leastArgs["gate"]); fault.Of(err).Code != fault.Config {
		t.Errorf("in a gate: %v, want a refusal", err)
	}
}

// A job that says that both platforms run it was told so by somebody.
func TestE13_a_job_has_one_platform(t *testing.T) {
	for _, place := range []inputs.Where{inputs.GitHub, inputs.GitLab} {
		for _, marks := range [][2]string{{"true", "true"}, {"true", "1"}, {"1", "true"}, {"1", "1"}, {"false", "true"}} {
			_, err := in(place, "GITHUB_ACTIONS", marks[0], "GITLAB_CI", marks[1]).newRun(t.Context(), "gate", leastArgs["gate"])
			if f := fault.Of(err); f.Code != fault.Config || !strings.Contains(f.Error(), "both platforms") {
				t.Errorf("%q: %v, want a refusal", marks, err)
			}
		}
		if r, err := in(place).newRun(t.Context(), "gate", leastArgs["gate"]); err != nil || r.platform == nil {
			t.Errorf("a mark of one platform: %v, want its job", err)
		}
	}
	// A runner sets "true", and anything else is no job.
	if r, err := in(inputs.GitHub, "GITHUB_ACTIONS", "1").newRun(t.Context(), "gate", []string{"--environment", "production", "dist/app"}); err == nil && r.platform != nil {
		t.Error("GITHUB_ACTIONS=1 is a job of the platform")
	}
}

func TestE09_a_token_that_no_request_can_carry_is_a_mistake(t *testing.T) {
	for place, names := range map[inputs.Where][]string{
		inputs.GitHub: {"SALLYPORT_TOKEN", "GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"},
		inputs.GitLab: {"SALLYPORT_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN"},
	} {
		for _, name := range names {
			if _, err := in(place, name, "canary").newRun(t.Context(), "gate", leastArgs["gate"]); err != nil {
				t.Errorf("%s: %v, want none", name, err)
			}
			for _, token := range []string{"canary\n", "can\rary", "canary ", "\"canary\"\x00", "“canary”"} {
				_, err := in(place, name, token).newRun(t.Context(), "gate", leastArgs["gate"])
				if err == nil {
					t.Errorf("%s %q: none, want a usage error", name, token)
					continue
				}
				f := fault.Of(err)
				if f.Kind != fault.Usage || !strings.HasPrefix(f.Error(), name+" has a line break") || !strings.Contains(f.Hint, name) {
					t.Errorf("%s %q: %v, want a usage error that names it", name, token, err)
				}
				if strings.Contains(f.Error()+f.Hint, "ary") {
					t.Errorf("%s %q: the token is in %v", name, token, err)
				}
			}
		}
	}
	// A person's too, and what is not used is no mistake.
	for _, x := range []struct {
		mark, name, other string
		bad               bool
	}{{"/", "GH_TOKEN", "", true}, {"//", "GITLAB_TOKEN", "", true}, {"/", "GITHUB_TOKEN", "SALLYPORT_TOKEN", false}, {"//", "GITHUB_TOKEN", "", false}} {
		f := policy.Forge{Host: map[string]string{"/": "https://github.com", "//": "https://gitlab.com"}[x.mark], Mark: x.mark}
		_, err := at(map[string]string{x.name: "canary\n", x.other: "good"}, nil).openDoor(f, "acme/app")
		if (fault.Of(err).Kind == fault.Usage && err != nil) != x.bad {
			t.Errorf("%+v: %v", x, err)
		}
	}
}

// An input that a component hands on and nobody filled in is none; a list has a
// value on each line, or is a JSON array.
func TestE13_what_a_component_hands_on(t *testing.T) {
	gate := func(args ...string) (*run, error) {
		return in(inputs.GitLab).newRun(t.Context(), "gate", append([]string{"--with", "environment=production"}, args...))
	}
	r, err := gate("--with", "subject=dist/a b", "--with", "policy=", "--with", "checksums=")
	if err != nil || r.text("subject") != "dist/a b" || r.text("policy") != ".sallyport/policy.yaml" || r.text("checksums") != "" {
		t.Errorf("subject %q, policy %q, %v", r.list("subject"), r.text("policy"), err)
	}
	if r, err = gate("--with", `subject=["a","b"]`); err != nil || len(r.list("subject")) != 2 {
		t.Errorf("subjects %q, %v, want two", r.list("subject"), err)
	}
	for _, bad := range [][]string{{"--with", "sbject=a"}, {"--with", "subject"}, {"--with", "token=x"}, {"--with", "environment=staging"}, {"--environment", "staging"}, {"--with", ""}} {
		if _, err := gate(bad...); fault.Of(err).Code != fault.Config {
			t.Errorf("%q: %v, want a refusal", bad, err)
		}
	}
}

// Where people who start a pipeline may set variables, none may choose which
// certificates are believed, unless the wiring says that they are the machine's.
func TestE13_no_variable_chooses_certificates_on_gitlab(t *testing.T) {
	for _, name := range steering {
		for _, command := range []string{"attest", "verify", "gate", "release", "approve", "history"} {
			args := leastArgs[command]
			if _, err := in(inputs.GitLab, name, "x").newRun(t.Context(), command, args); fault.Of(err).Code != fault.Config || !strings.Contains(err.Error(), name) {
				t.Errorf("%s with %s: %v, want a refusal", command, name, err)
			}
			if _, err := in(inputs.GitLab, name, "x").newRun(t.Context(), command, append([]string{"--network", "inherit"}, args...)); err != nil {
				t.Errorf("%s with %s, inherited: %v", command, name, err)
			}
			if _, err := in(inputs.GitHub, name, "x").newRun(t.Context(), command, args); err != nil {
				t.Errorf("%s with %s on GitHub: %v", command, name, err)
			}
		}
	}
}

// A verdict names the proxy of the machine, without its password.
func TestE13_the_proxy_is_named_without_its_password(t *testing.T) {
	for named, want := range map[string]string{"": "", "http://proxy.example:3128": "proxy.example:3128", "proxy.example:3128": "proxy.example:3128",
		"http://me:secret@proxy.example:3128/": "proxy.example:3128", "me:secret@proxy.example:3128": "proxy.example:3128", "http://me:se%zz@x": "a proxy whose address is not a URL"} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
			if got := proxy(func(n string) string { return map[string]string{name: named}[n] }); got != want {
				t.Errorf("%s=%s: %q, want %q", name, named, got, want)
			}
		}
	}
}
