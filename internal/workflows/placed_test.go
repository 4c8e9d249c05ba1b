package workflows

import (
	"slices"
	"strings"
	"testing"
)

// Only where each job that may have an identity is in the environment, a certificate of
// the workflow was one of a job in it.
func TestG11_jobs_that_could_sign_outside_the_environment(t *testing.T) {
	const whole = `on: push
permissions: {contents: read}
jobs:
  build:
    runs-on: ubuntu-latest
    steps: [{run: make}]
  deploy:
    runs-on: ubuntu-latest
    environment: production
    permissions: {id-token: write}
    steps: [{run: deploy}]
`
	for name, x := range map[string]struct {
		old, new string
		want     []string
	}{
		"nobody else":              {"", "", nil},
		"the build may sign":       {"  build:\n", "  build:\n    permissions: {id-token: write}\n", []string{"build"}},
		"every job may sign":       {"permissions: {contents: read}", "permissions: {id-token: write}", []string{"build"}},
		"every job may all":        {"permissions: {contents: read}", "permissions: write-all", []string{"build"}},
		"another environment":      {"environment: production", "environment: staging", []string{"deploy"}},
		"a name that is not known": {"environment: production", "environment: ${{ inputs.where }}", []string{"deploy"}},
		"a name in a mapping":      {"environment: production", "environment: {name: production}", nil},
		"a called workflow":        {"  build:\n    runs-on: ubuntu-latest\n    steps: [{run: make}]\n", "  build:\n    uses: ./.github/workflows/b.yml\n    permissions: {id-token: write}\n", []string{"build"}},
	} {
		got, err := Outside("release.yml", []byte(strings.Replace(whole, x.old, x.new, 1)), "production")
		if err != nil || !slices.Equal(got, x.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, x.want)
		}
	}
	for _, text := range []string{"on: push\n", "jobs: [", whole + "  extra: 7\n"} {
		if got, err := Outside("release.yml", []byte(text), "production"); err == nil {
			t.Errorf("%q: %q, want that it cannot be read", text, got)
		}
	}
}
