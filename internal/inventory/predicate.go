package inventory

import (
	"encoding/json"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Types are the predicate types that are read as reports of a kind.
func Types(k Kind) []string {
	switch k {
	case SBOM:
		return []string{"https://spdx.dev/Document/v2.3", "https://cyclonedx.org/bom"}
	case Vulnerabilities:
		return []string{"https://in-toto.io/attestation/vulns/v0.2"}
	case TestResults:
		return []string{"https://in-toto.io/attestation/test-result/v0.1"}
	case VEX:
		return []string{"https://openvex.dev/ns/v0.2.0"}
	}
	return []string{"https://sallyport.dev/known-exploited/v1"}
}

// FromPredicate reads a predicate as a report.
func FromPredicate(k Kind, _ string, b []byte) (Report, error) {
	var x struct {
		Report Report `json:"sallyport_report"`
	}
	_ = k
	if err := strictjson.CheckObject(b, MaxDepth, "the predicate"); err != nil {
		return Report{}, err
	}
	err := json.Unmarshal(b, &x)
	return x.Report, err
}

// Read reads a document.
func Read(Kind, []byte) (Report, error) { return Report{}, nil }

// Predicate is the standard predicate of r.
func (r Report) Predicate([]byte) (string, []byte, error) { return "", nil, nil }
