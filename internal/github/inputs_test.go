package github_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// What a person chose when they started a run is in the event's file, and only
// two events have it.
func TestD12_what_a_run_was_given(t *testing.T) {
	env := labtest.Shared(t).As(t, "github", nil)
	for name, c := range map[string]struct {
		event, file string
		want        map[string]string
		unknown     string
		code        fault.Code
	}{
		"inputs":                  {"workflow_dispatch", `{"inputs":{"version":"1.2","dry_run":true,"n":3},"ref":"refs/heads/main"}`, map[string]string{"version": "1.2", "dry_run": "true", "n": "3"}, "", ""},
		"no inputs":               {"workflow_dispatch", `{"inputs":null}`, map[string]string{}, "", ""},
		"an event without a word": {"workflow_dispatch", `{"ref":"refs/heads/main"}`, nil, "does not say", ""},
		"a dispatch by API":       {"repository_dispatch", `{"action":"x","client_payload":{"unit":false,"deep":{"a":1}}}`, map[string]string{"client_payload.unit": "false", "client_payload.deep": ""}, "", ""},
		"a dispatch without":      {"repository_dispatch", `{"action":"x"}`, nil, "does not say", ""},
		"a push":                  {"push", `{"inputs":{"version":"1.2"}}`, map[string]string{}, "", ""},
		"no JSON":                 {"workflow_dispatch", `{`, nil, "", fault.Malformed},
		"a list":                  {"workflow_dispatch", `{"inputs":["x"]}`, nil, "", fault.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "event.json")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			j, _ := job(t, with(env, "GITHUB_EVENT_NAME", c.event, "GITHUB_EVENT_PATH", path))
			got, unknown, err := j.Inputs(context.Background(), nil)
			if c.code != "" {
				wantFault(t, err, fault.Refused, c.code)
				return
			}
			if err != nil || (got == nil) != (c.want == nil) || !maps.Equal(got, c.want) || (unknown == "") != (c.unknown == "") || !strings.Contains(unknown, c.unknown) {
				t.Errorf("%v, %q, %v; want %v, %q", got, unknown, err, c.want, c.unknown)
			}
		})
	}
	j, _ := job(t, with(env, "GITHUB_EVENT_NAME", "workflow_dispatch"))
	if got, unknown, err := j.Inputs(context.Background(), nil); err != nil || got != nil || unknown == "" {
		t.Errorf("without the file: %v, %q, %v; want unknown", got, unknown, err)
	}
	j, _ = job(t, with(env, "GITHUB_EVENT_NAME", "workflow_dispatch", "GITHUB_EVENT_PATH", t.TempDir()))
	_, _, err := j.Inputs(context.Background(), nil)
	wantFault(t, err, fault.Unavailable, fault.NotAvailable)
}

// Unknown inputs are not written as none.
func TestProvenance_says_which_inputs(t *testing.T) {
	l := labtest.Shared(t)
	v := "1.2"
	for want, in := range map[string]statement.Inputs{
		`/release.yml"}}`:                                       nil,
		`/release.yml"},"inputs":{}}`:                           {},
		`/release.yml"},"inputs":{"dry":null,"version":"1.2"}}`: {"version": &v, "dry": nil},
	} {
		j, _ := job(t, l.As(t, "github", nil))
		p, err := j.Provenance(l.GitHubToken(t, "sigstore", nil), in)
		if err != nil || !strings.HasSuffix(string(p.BuildDefinition.ExternalParameters), want) {
			t.Errorf("%s, %v; want %s", p.BuildDefinition.ExternalParameters, err, want)
		}
	}
}
