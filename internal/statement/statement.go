// Package statement reads and writes in-toto statements and the predicates
// that Sallyport knows.
//
// It refuses everything that two readers could read differently: unknown
// statement types, duplicate and case-folded keys, digests of the wrong
// length, trailing bytes, invalid UTF-8. What it returns says what was signed;
// whether it was signed is not its business.
package statement

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// TypeV1 is the only _type that is read or written
// (in-toto Attestation Framework, Statement v1).
const TypeV1 = "https://in-toto.io/Statement/v1"

// TypeV01 is the _type of old statements. Parse accepts it, because npm and
// older builders still publish it; a policy never does.
const TypeV01 = "https://in-toto.io/Statement/v0.1"

// PayloadType is the DSSE payload type of a statement.
const PayloadType = "application/vnd.in-toto+json"

// Limits of one statement. They are those of the verifiers that have to read
// what we write.
const (
	MaxSubjects       = 1024     // subjects of one statement
	MaxSubjectDigests = 32       // digests of one subject
	MaxBytes          = 16 << 20 // bytes of one payload
)

// Descriptor is a subject as a statement names it.
type Descriptor struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
}

// Statement is an in-toto statement. The predicate is kept as the bytes that
// were signed.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Descriptor    `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate,omitempty"`
}

// New returns the bytes of a v1 statement about subjects. predicate must be one
// JSON object.
func New(subjects []subject.Subject, predicateType string, predicate []byte) ([]byte, error) {
	if len(subjects) == 0 {
		return nil, fault.New(fault.Refused, fault.SubjectMismatch, "", "a statement needs at least one subject")
	}
	if len(subjects) > MaxSubjects {
		return nil, fault.New(fault.Refused, fault.Limit, "", "%d subjects in one statement, at most %d are allowed", len(subjects), MaxSubjects)
	}
	if predicateType == "" {
		return nil, fault.New(fault.Usage, fault.Config, "", "a statement needs a predicate type")
	}
	if err := object(predicate, "predicate"); err != nil {
		return nil, err
	}
	s := Statement{Type: TypeV1, PredicateType: predicateType, Predicate: predicate}
	for _, sub := range subjects {
		s.Subject = append(s.Subject, Descriptor{Name: sub.Name, Digest: map[string]string{"sha256": sub.Digest.Hex()}})
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding statement: %w", err)
	}
	return b, nil
}

// digestLength is the number of hexadecimal digits of the algorithms that are
// checked. Other algorithms are carried, never compared
// (in-toto Attestation Framework, DigestSet).
var digestLength = map[string]int{"sha256": 64, "sha384": 96, "sha512": 128, "sha1": 40, "gitCommit": 40}

func checkDigests(d Descriptor) error {
	if len(d.Digest) == 0 {
		return fault.New(fault.Refused, fault.SubjectMismatch, "", "subject %q has no digest", d.Name)
	}
	// The first bad digest by name, so that the same statement has the same
	// error each time.
	bad, first := "", error(nil)
	for alg, v := range d.Digest {
		if err := checkDigest(d.Name, alg, v); err != nil && (first == nil || alg < bad) {
			bad, first = alg, err
		}
	}
	return first
}

func checkDigest(name, alg, v string) error {
	n, known := digestLength[alg]
	if !known {
		return checkAlgorithm(name, alg)
	}
	if alg == "gitCommit" && len(v) == 64 {
		n = 64
	}
	if len(v) != n || !isHex(v) {
		return fault.New(fault.Refused, fault.SubjectMismatch, "", "subject %q has %s digest %q, want %d hexadecimal digits", name, alg, v, n)
	}
	return nil
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// checkAlgorithm refuses an unknown algorithm that differs from a known one
// only in case.
func checkAlgorithm(name, alg string) error {
	for known := range digestLength {
		if strings.EqualFold(known, alg) {
			return fault.New(fault.Refused, fault.SubjectMismatch, "", "subject %q has a digest named %q, want %q", name, alg, known)
		}
	}
	return nil
}
