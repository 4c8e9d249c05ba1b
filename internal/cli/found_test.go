package cli

import (
	"bytes"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const oneBuilder = `version: 1
artifacts:
  app:
    subject: ["dist/*"]
    trust: public-good
    built-by:
      - issuer: https://token.actions.githubusercontent.com
        repository: acme/app
        repository-id: 1001
        workflow: .github/workflows/release.yml
        refs: [refs/heads/main]
environments:
  production:
    requires:
      provenance:
`

// A decision is found by each environment that has a number. A release of an earlier
// version that leaves no room for that is decided about all the same.
func TestO02_a_decision_about_a_release_that_leaves_no_room(t *testing.T) {
	p, err := (*run)(nil).parsed("policy.yaml", []byte(oneBuilder))
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	r := &run{Command: Command{Stderr: &said}, home: "https://github.com/acme/app"}
	in := policy.Input{Policy: p, Environment: "production", Protection: policy.Protection{ID: "9001"}}
	unnumbered := policy.Input{Policy: p, Environment: "production"}
	for n, want := range map[int]int{1: 1, statement.MaxSubjects - 2: 1, statement.MaxSubjects - 1: 0} {
		said.Reset()
		x := proposal{inputs: []policy.Input{in, unnumbered}, chosen: chosen{list: make([]subject.Subject, n)}}
		x.targets = r.foundBy(x)
		if len(x.targets) != want || (said.Len() > 0) != (want == 0) || len(x.subjects()) != 1+want {
			t.Errorf("%d artifacts: found by %v, and says %q, want %d", n, x.targets, said.String(), want)
		}
	}
}
