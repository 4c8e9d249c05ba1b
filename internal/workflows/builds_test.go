package workflows

import (
	"slices"
	"testing"
)

func TestBuilds_are_the_jobs_that_hand_on_what_is_released(t *testing.T) {
	for text, want := range map[string][]string{
		"jobs:\n  a:\n    steps: [{run: make test}]\n  b:\n    steps: [{uses: goreleaser/goreleaser-action@v6}]\n":       {"b"},
		"jobs:\n  a:\n    steps: [{run: gh release upload v1 x}]\n  b:\n    steps: [{uses: actions/upload-artifact@v4}]": {"a", "b"},
		"jobs: {a: {uses: ./x.yml}}":             nil,
		"jobs: {a: {steps: [1, {uses: [x]}]}}":   nil,
		"jobs: [":                                nil,
		"":                                       nil,
		"on: push":                               nil,
		"jobs: {a: {steps: {uses: docker/x@y}}}": nil,
	} {
		if got := Builds([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
