package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// The predicate types that are written.
const (
	vulnsType     = "https://in-toto.io/attestation/vulns/v0.2"
	testType      = "https://in-toto.io/attestation/test-result/v0.1"
	referenceType = "https://in-toto.io/attestation/reference/v0.1"
	spdxType      = "https://spdx.dev/Document"
	cdxType       = "https://cyclonedx.org/bom"
	openVEXType   = "https://openvex.dev/ns/v0.2.0"
	kevType       = "https://sallyport.dev/known-exploited/v1"
	cosignType    = "https://cosign.sigstore.dev/attestation/vuln/v1" // read, and not written
)

// attester is who offers the documents of a reference.
const attester = "https://sallyport.dev/attest/v1"

// MaxInline is the size in bytes up to which a document is itself the predicate. A larger one is stored beside the
// statement, which has its digest and a summary.
const MaxInline = 1 << 20

// MaxPredicate is the size in bytes of the largest predicate that is written or read.
const MaxPredicate = 12 << 20

// Types returns all predicate types that FromPredicate reads for kind, first the one that Predicate writes.
func Types(kind Kind) []string {
	switch kind {
	case SBOM:
		all := []string{spdxType + "/v2.3", cdxType, referenceType, spdxType, spdxType + "/v2.2"}
		for _, v := range []string{"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"} {
			all = append(all, cdxType+"/v"+v)
		}
		return all
	case Vulnerabilities:
		return []string{vulnsType, cosignType}
	case TestResults:
		return []string{testType}
	case VEX:
		return []string{openVEXType, referenceType, vexContext, vexContext + "/v0.0.1"}
	case KnownExploited:
		return []string{kevType}
	}
	return nil
}

// Kind returns what r is a report of; "" for a report of nothing.
func (r Report) Kind() Kind {
	switch {
	case r.Contents != nil:
		return SBOM
	case r.Scan != nil:
		return Vulnerabilities
	case r.Tests != nil:
		return TestResults
	case r.Exploited != nil:
		return KnownExploited
	case r.Statements != nil, strings.HasPrefix(r.Document.Format, "OpenVEX"):
		return VEX
	}
	return ""
}

// vulns is the predicate vulns/v0.2 (in-toto attestation, spec/predicates/vulns_02.md). What the document does not
// say is left out, also times that the specification requires: none is invented.
type vulns struct {
	Scanner struct {
		URI     string `json:"uri"`
		Version string `json:"version"`
		DB      struct {
			URI        string    `json:"uri"`
			Version    string    `json:"version"`
			LastUpdate time.Time `json:"lastUpdate"`
		} `json:"db"`
		Result []vulnsResult `json:"result"`
	} `json:"scanner"`
	Metadata struct {
		Finished time.Time `json:"scanFinishedOn"`
	} `json:"metadata"`
	Report *Report `json:"sallyport_report"`
}

type vulnsResult struct {
	ID       string          `json:"id"`
	Severity []vulnsSeverity `json:"severity"`
}

type vulnsSeverity struct {
	Method string `json:"method"`
	Score  string `json:"score"`
}

// testResult is the predicate test-result/v0.1 (spec/predicates/test-result.md). Its tests are suites, because
// single ones are not kept. configuration is empty: no format names it.
type testResult struct {
	Result        string     `json:"result"`
	Configuration []struct{} `json:"configuration"`
	Passed        []string   `json:"passedTests"`
	Failed        []string   `json:"failedTests"`
	Report        *Report    `json:"sallyport_report"`
}

// reference is the predicate reference/v0.1 (spec/predicates/reference.md). It names the document by its digest, under
// which it is stored beside the statement; an address is not known when it is written.
type reference struct {
	Attester struct {
		ID string `json:"id"`
	} `json:"attester"`
	References []descriptor `json:"references"`
	Report     *Report      `json:"sallyport_report"`
}

type descriptor struct {
	Digest    map[string]string `json:"digest"`
	MediaType string            `json:"mediaType"`
}

// known is the predicate of a list of known exploited vulnerabilities, which has no standard.
type known struct {
	Report *Report `json:"sallyport_report"`
}

// scanners are the sources of scanners by the names that they write.
var scanners = map[string]string{
	"trivy": "pkg:github/aquasecurity/trivy", "grype": "pkg:github/anchore/grype",
	"govulncheck": "pkg:golang/golang.org/x/vuln", "osv-scanner": "pkg:github/google/osv-scanner",
}

func scannerURI(name string) string {
	switch uri := scanners[name]; {
	case uri != "":
		return uri
	case name == "":
		return ""
	}
	return "pkg:generic/" + url.PathEscape(name)
}

// The methods by which severities are given.
const (
	byScanner = "scanner" // in its own word
	byCVSS    = "cvss_score"
)

// standard returns the predicate of a report: the members of the standard are those that follow from it.
func (r *Report) standard() any {
	switch r.Kind() {
	case Vulnerabilities:
		return r.vulns()
	case TestResults:
		return r.testResult()
	case KnownExploited:
		return &known{Report: r}
	case SBOM, VEX:
		return r.reference()
	}
	return nil
}

func (r *Report) vulns() *vulns {
	v := &vulns{Report: r}
	v.Scanner.URI, v.Scanner.Version = scannerURI(r.Tool.Name), r.Tool.Version
	db := r.Scan.Database
	v.Scanner.DB.URI, v.Scanner.DB.Version, v.Scanner.DB.LastUpdate = db.URI, db.Version, db.Updated
	v.Metadata.Finished = r.Time
	v.Scanner.Result = make([]vulnsResult, 0, len(r.Scan.Findings))
	for i := range r.Scan.Findings {
		f := &r.Scan.Findings[i]
		said := []vulnsSeverity{{byScanner, string(f.Severity)}}
		if f.Score != "" {
			said = append(said, vulnsSeverity{byCVSS, f.Score})
		}
		v.Scanner.Result = append(v.Scanner.Result, vulnsResult{f.ID, said})
	}
	return v
}

func (v *vulns) equal(o *vulns) bool {
	if v.Scanner.URI != o.Scanner.URI || v.Scanner.Version != o.Scanner.Version || v.Scanner.DB != o.Scanner.DB ||
		!v.Metadata.Finished.Equal(o.Metadata.Finished) {
		return false
	}
	return slices.EqualFunc(v.Scanner.Result, o.Scanner.Result, func(a, b vulnsResult) bool {
		return a.ID == b.ID && slices.Equal(a.Severity, b.Severity)
	})
}

// testResult says that the tests passed only if some did, none failed and the run is not known to be cut off.
func (r *Report) testResult() *testResult {
	t := &testResult{Result: "FAILED", Configuration: []struct{}{}, Report: r}
	for _, s := range r.Tests.Suites {
		switch {
		case s.Failed > 0:
			t.Failed = append(t.Failed, s.Name)
		case s.Passed > 0:
			t.Passed = append(t.Passed, s.Name)
		}
	}
	if len(t.Failed) == 0 && len(t.Passed) > 0 && r.Tests.Finished != No {
		t.Result = "PASSED"
	}
	return t
}

func (t *testResult) equal(o *testResult) bool {
	return t.Result == o.Result && len(t.Configuration) == len(o.Configuration) &&
		slices.Equal(t.Passed, o.Passed) && slices.Equal(t.Failed, o.Failed)
}

func (r *Report) reference() *reference {
	x := &reference{Report: r}
	x.Attester.ID = attester
	media := "application/json"
	switch {
	case strings.HasPrefix(r.Document.Format, "SPDX"):
		media = "application/spdx+json"
	case strings.HasPrefix(r.Document.Format, "CycloneDX"):
		media = "application/vnd.cyclonedx+json"
	}
	x.References = []descriptor{{map[string]string{"sha256": r.Document.SHA256}, media}}
	return x
}

func (x *reference) equal(o *reference) bool {
	return x.Attester == o.Attester && slices.EqualFunc(x.References, o.References, func(a, b descriptor) bool {
		return a.MediaType == b.MediaType && maps.Equal(a.Digest, b.Digest)
	})
}

// Predicate returns the type and the bytes of the predicate of r: one of the standards of in-toto, or of the list of
// known exploited vulnerabilities our own. document is the file that r was read from. An SBOM or a VEX document of at
// most MaxInline bytes is the predicate as it is: what somebody asserted beside it is not in it. Every other
// predicate has the whole of r in its member sallyport_report, and is written as RFC 8785 has it.
func (r Report) Predicate(document []byte) (predicateType string, predicate []byte, err error) {
	kind := r.Kind()
	if kind == "" {
		return "", nil, fault.New(fault.Internal, fault.InternalError, "", "a report of nothing has no predicate")
	}
	if sum := sha256.Sum256(document); hex.EncodeToString(sum[:]) != r.Document.SHA256 {
		return "", nil, fault.New(fault.Refused, fault.TOCTOU, "attest it again",
			"the document changed after it was read")
	}
	r.Document.Apart = false
	if kind == SBOM || kind == VEX {
		if text := bytes.TrimPrefix(document, mark); len(text) <= MaxInline {
			return r.inlineType(), text, nil
		}
		r.Document.Apart = true
	}
	predicate, err = strictjson.Canonical(r.standard())
	if err != nil {
		return "", nil, fault.New(fault.Refused, fault.Malformed, "", "writing the predicate: %w", fault.Cause(err))
	}
	if len(predicate) > MaxPredicate {
		return "", nil, beyond("the summary of the document has %d bytes, at most %d can be signed",
			len(predicate), MaxPredicate)
	}
	if r.Document.Apart {
		return referenceType, predicate, nil
	}
	return Types(kind)[0], predicate, nil
}

// inlineType is the predicate type of the document itself.
func (r *Report) inlineType() string {
	version := r.Document.Format[strings.LastIndexByte(r.Document.Format, ' ')+1:]
	switch {
	case strings.HasPrefix(r.Document.Format, "SPDX"):
		return spdxType + "/v" + version
	case strings.HasPrefix(r.Document.Format, "CycloneDX"):
		return cdxType
	case version == "0.0.1":
		return vexContext
	}
	return openVEXType
}
