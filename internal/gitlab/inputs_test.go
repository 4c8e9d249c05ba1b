package gitlab_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/labtest"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Only the API tells what a person gave a pipeline from what the project sets,
// and not for every pipeline, and not to every token.
func TestD12_what_a_pipeline_was_given(t *testing.T) {
	s := play(t, 680)
	s.set("/pipelines/900", fields{"source": "web", "variables": []fields{{"key": "VERSION", "value": "1.2"}, {"key": "CI_COMMIT_SHA", "value": "x"}}})
	s.set("/pipelines/901", fields{"source": "web"})
	for name, c := range map[string]struct {
		kv      []string
		want    map[string]string
		unknown string
	}{
		"variables":             {nil, map[string]string{"VERSION": "1.2", "CI_COMMIT_SHA": "x"}, ""},
		"none":                  {[]string{"CI_PIPELINE_ID", "901"}, map[string]string{}, ""},
		"without a token":       {[]string{"SALLYPORT_TOKEN", "", "GITLAB_TOKEN", ""}, nil, "SALLYPORT_TOKEN"},
		"a token that may not":  {[]string{"SALLYPORT_TOKEN", "glpat-of-nobody"}, nil, "Developer"},
		"a schedule":            {[]string{"CI_PIPELINE_SOURCE", "schedule"}, nil, "schedule"},
		"a job played by hand":  {[]string{"CI_JOB_MANUAL", "true"}, nil, "by hand"},
		"a pipeline of nowhere": {[]string{"CI_PIPELINE_ID", "999"}, nil, "Developer"},
	} {
		t.Run(name, func(t *testing.T) {
			j := s.as(append([]string{"CI_PIPELINE_ID", "900", "CI_PIPELINE_SOURCE", "web"}, c.kv...)...)
			got, unknown, err := j.Inputs(context.Background(), known)
			if err != nil || (got == nil) != (c.want == nil) || !maps.Equal(got, c.want) || (unknown == "") != (c.unknown == "") || !strings.Contains(unknown, c.unknown) {
				t.Errorf("%v, %q, %v; want %v, %q", got, unknown, err, c.want, c.unknown)
			}
		})
	}
	_, _, err := s.as("CI_PIPELINE_ID", "900/../901").Inputs(context.Background(), known)
	wantFault(t, err, fault.Usage, fault.Config)
}

// Unknown variables are not written as none.
func TestProvenance_says_which_variables(t *testing.T) {
	l := labtest.Shared(t)
	v := "1.2"
	for want, in := range map[string]statement.Inputs{
		`"build"}`:             nil,
		`"build","inputs":{}}`: {},
		`"build","inputs":{"DRY":null,"VERSION":"1.2"}}`: {"VERSION": &v, "DRY": nil},
	} {
		env := l.As(t, "gitlab", nil)
		j, _ := job(t, env)
		p, err := j.Provenance(env["SIGSTORE_ID_TOKEN"], in)
		if err != nil || !strings.HasSuffix(string(p.BuildDefinition.ExternalParameters), want) {
			t.Errorf("%s, %v; want %s", p.BuildDefinition.ExternalParameters, err, want)
		}
	}
}
