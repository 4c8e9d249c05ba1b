package forges

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
)

func TestC22_in_which_environment_the_job_was_that_signed(t *testing.T) {
	for subject, want := range map[string]struct {
		name    string
		outside bool
	}{
		"repo:acme/app:environment:production":       {"production", false},
		"repo:acme/app:environment:eu:west":          {"eu:west", false},
		"repo:acme/app:ref:refs/heads/main":          {"", true},
		"repo:acme/app:pull_request":                 {"", true},
		"repository_owner:acme:job_workflow_ref:a/b": {"", false},
		"": {"", false},
	} {
		if name, outside := environmentOf(policy.BuildQuery{Subject: subject}); name != want.name || outside != want.outside {
			t.Errorf("%q: %q, %t, want %+v", subject, name, outside, want)
		}
	}
	if name, outside := environmentOf(policy.BuildQuery{Environment: "staging", Subject: "repo:a/b:ref:refs/heads/main"}); name != "staging" || outside {
		t.Errorf("%q, %t, want the certificate's own word", name, outside)
	}
}
