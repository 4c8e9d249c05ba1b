package policy

import "github.com/sallyport-dev/sallyport/internal/dialect"

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

func (p Predicate) judge(Requirement, Signer, Fact) *miss { return nil }
