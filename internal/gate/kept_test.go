package gate

import (
	"testing"

	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/store"
)

const judgedPolicy = `version: 1
artifacts:
  app:
    subject: [app]
    trust: house
    built-by: [{issuer: https://ci.example, repository: acme/app, repository-id: 1, workflow: build/release.yml, refs: [refs/heads/main], runner: own}]
environments:
  production: {requires: {provenance: }}
`

// Whatever names a stranger gives to files and certificates, the input of the verdict
// can be kept: else one of them could stop every gate.
func TestO02_a_stranger_cannot_make_an_input_that_no_document_holds(t *testing.T) {
	p, err := policy.Read([]byte(judgedPolicy), "policy.yaml", policy.Words{Trusts: []string{"house"},
		Forge: func(issuer string) (policy.Forge, bool) {
			return policy.Forge{Issuer: issuer, Host: "https://code.example", Mark: "/"}, true
		}})
	if err != nil {
		t.Fatal(err)
	}
	const name = "caf\xe9" // no UTF-8
	candidates := func() []policy.Candidate {
		return []policy.Candidate{{Strangers: policy.Strangers{Count: 1, First: name}, Facts: []policy.Fact{{Source: name}},
			Rejections: []policy.Rejection{{Reason: name, Hint: name, Source: name}}}}
	}
	in := policy.Input{Policy: p, Candidates: candidates()}
	if _, err := in.JSON(); err == nil { // the twin
		t.Error("an input with such a name is kept as it is, want an error")
	}
	readable(in.Candidates)
	in.PassedOver = Told([]store.Passed{{Source: "folder " + name, What: "file of another suffix", Count: 1}})
	if _, err := in.JSON(); err != nil {
		t.Errorf("the input is not kept: %v", err)
	}
	if got, want := in.Candidates[0].Rejections[0].Source, "caf\ufffd"; got != want {
		t.Errorf("source = %q, want %q", got, want)
	}
}
