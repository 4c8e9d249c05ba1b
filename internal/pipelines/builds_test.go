package pipelines

import (
	"slices"
	"testing"
)

func TestBuilds_are_the_jobs_that_keep_or_push_what_is_released(t *testing.T) {
	for text, want := range map[string][]string{
		"build: {script: make, artifacts: {paths: [dist/]}}\ntest: {script: make test}\n":           {"build"},
		"image: {script: [docker build ., docker push x]}\n.base: {artifacts: {paths: [x]}}":        {"image"},
		"default: {artifacts: {paths: [x]}}\nreport: {script: x, artifacts: {reports: {junit: x}}}": nil,
		"a: [": nil,
		"":     nil,
		"a: 1": nil,
	} {
		if got := Builds(".gitlab-ci.yml", []byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
