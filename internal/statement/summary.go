package statement

import (
	"strings"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Predicate types of Simple Verification Results
// (https://github.com/in-toto/attestation/blob/main/spec/predicates/svr.md).
const (
	ResultV01 = "https://in-toto.io/attestation/svr/v0.1"
	ResultV02 = "https://in-toto.io/attestation/svr/v0.2"
)

// maxSummaryDepth bounds how deep the predicate of a summary nests.
const maxSummaryDepth = 32

// Verified is what another verifier says of an artifact: a SLSA Verification Summary
// (https://slsa.dev/spec/v1.2/verification_summary, and 1.0 and 1.1) or a Simple Verification Result.
type Verified struct {
	Verifier string         // verifier.id
	Resource string         // resourceUri; "" in a result, which has none
	Policy   subject.Digest // of the policy that was applied; zero: it does not say
	Levels   []string       // verifiedLevels, or properties
	Time     time.Time      // as it says; zero: it does not
	Passed   bool
}

// Summaries are the predicate types that Verified is read from.
func Summaries() []string { return []string{SummaryV1, ResultV01, ResultV02} }

// Verified reads s as what another verifier says. Members that are not known are passed over, as both specifications
// want. The error is a fault of code E_PREDICATE or E_MALFORMED.
func (s Statement) Verified() (Verified, error) {
	var p struct {
		Verifier struct {
			ID     string      `json:"id"`
			Policy namedPolicy `json:"policy"`
		} `json:"verifier"`
		TimeVerified string      `json:"timeVerified"`
		TimeCreated  string      `json:"timeCreated"`
		ResourceURI  string      `json:"resourceUri"`
		Policy       namedPolicy `json:"policy"`
		Result       string      `json:"verificationResult"`
		Levels       []string    `json:"verifiedLevels"`
		Properties   []string    `json:"properties"`
	}
	if err := strictjson.Decode(s.Predicate, maxSummaryDepth, "the summary", &p); err != nil {
		return Verified{}, err
	}
	v := Verified{Verifier: p.Verifier.ID, Resource: p.ResourceURI, Levels: p.Levels, Passed: p.Result == "PASSED"}
	at, policy := p.TimeVerified, p.Policy
	if s.PredicateType != SummaryV1 {
		// A result has no failure: it says what was verified, or nothing.
		v.Resource, v.Levels, v.Passed, at = "", p.Properties, true, p.TimeCreated
		if policy.Digest == nil {
			policy = p.Verifier.Policy
		}
	}
	var err error
	if hex, ok := policy.Digest["sha256"]; ok {
		if v.Policy, err = subject.ParseHex(hex); err != nil {
			return Verified{}, fault.New(fault.Refused, fault.Predicate, "", "policy: %w", err)
		}
	}
	if at != "" {
		if v.Time, err = time.Parse(time.RFC3339, at); err != nil {
			return Verified{}, fault.New(fault.Refused, fault.Predicate, "", "the time of the summary is %q, want one as in RFC 3339", at)
		}
	}
	if v.Verifier == "" {
		return Verified{}, fault.New(fault.Refused, fault.Predicate, "", "the summary names no verifier")
	}
	return v, tracks(v.Levels)
}

type namedPolicy struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// tracks refuses two levels of one track (SLSA v1.2, verifiedLevels).
func tracks(levels []string) error {
	seen := map[string]bool{}
	for _, l := range levels {
		track, _, _ := Level(l)
		if track != "" && seen[track] {
			return fault.New(fault.Refused, fault.Predicate, "", "the summary has two levels of the track %s", track)
		}
		seen[track] = true
	}
	return nil
}

// Level divides a level of a SLSA track into the track and its number: SLSA_BUILD_LEVEL_3 is 3 of SLSA_BUILD. Other
// words have no track.
func Level(word string) (track string, number int, ok bool) {
	head, n, found := strings.Cut(word, "_LEVEL_")
	if !found || !strings.HasPrefix(head, "SLSA_") || len(n) != 1 || n[0] < '0' || n[0] > '9' {
		return "", 0, false
	}
	return head, int(n[0] - '0'), true
}
