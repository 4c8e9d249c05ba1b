package policy

import (
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/dialect"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// Predicate is evidence of one predicate type whose content is not read: that the right
// signer has signed it is all that counts.
type Predicate struct{ Type string }

// readPredicate reads a requirement that the URI of a predicate type names. That of a
// provenance names a provenance.
func readPredicate(_ *reader, uri string, _ mapping) Evidence {
	if dialect.IsProvenance(uri) {
		return Provenance{Version: uri}
	}
	return Predicate{uri}
}

func (p Predicate) types() []string { return []string{p.Type} }

func (p Predicate) title() string { return p.Type }

func (p Predicate) unchecked() bool { return false }

// passable are what says how good an artifact is, and not who made it: tests, scans and lists
// of contents.
func (p Predicate) passable() bool {
	return slices.ContainsFunc(passableTypes, func(prefix string) bool { return strings.HasPrefix(p.Type, prefix) })
}

// passableTypes begin the predicate types of such evidence
// (https://github.com/in-toto/attestation/tree/main/spec/predicates).
var passableTypes = []string{
	"https://in-toto.io/attestation/test-result/",
	"https://in-toto.io/attestation/vulns/",
	"https://cosign.sigstore.dev/attestation/vuln/",
	"https://spdx.dev/Document",
	"https://cyclonedx.org/bom",
	"https://openvex.dev/ns",
}

func (p Predicate) loosened(*loosening, Requirement) {}

func (p Predicate) judge(x look) *miss {
	if p.Type == statement.SummaryV1 && x.fact.Statement.IsEntry() {
		return &miss{code: fault.Predicate, reason: "an entry into an environment is no evidence about what enters another one",
			found: statement.EntryVerifier, wanted: "a summary of another verifier", hint: "require what the entry rested on: provenance"}
	}
	return nil
}
