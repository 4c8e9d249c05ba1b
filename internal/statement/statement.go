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
	MaxDepth          = 100      // levels of objects and arrays
)

// Descriptor is a subject as a statement names it.
type Descriptor struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"`
	// Annotations are those of ours: what the signer adds to a predicate that is a document of a tool.
	Annotations *Annotations `json:"annotations,omitempty"`
}

// Annotations are the members of a subject's annotations that are read (in-toto ResourceDescriptor, annotations).
type Annotations struct {
	Report json.RawMessage `json:"sallyport_report,omitempty"` // an object
}

// Statement is an in-toto statement. The predicate is kept as the bytes that
// were signed.
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Descriptor    `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate,omitempty"` // {} if it was left out or null
}

// New returns the bytes of a v1 statement about subjects. predicate must be one
// JSON object.
func New(subjects []subject.Subject, predicateType string, predicate []byte) ([]byte, error) {
	return Annotated(subjects, predicateType, predicate, nil)
}

// Annotated is New of subjects of which each has annotations; nil: none.
func Annotated(subjects []subject.Subject, predicateType string, predicate []byte, notes *Annotations) ([]byte, error) {
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
		s.Subject = append(s.Subject, Descriptor{Name: sub.Name, Digest: map[string]string{"sha256": sub.Digest.Hex()}, Annotations: notes})
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding statement: %w", err)
	}
	return b, nil
}

// digestLength is the number of hexadecimal digits of the algorithms that
// artifacts are compared by. Other algorithms are carried, never compared, and
// their values may be anything (in-toto Attestation Framework, DigestSet).
var digestLength = map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}

// algorithms are the names that are read in exactly this spelling.
var algorithms = []string{"sha256", "sha384", "sha512", "sha1", "gitCommit"}

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
	n, compared := digestLength[alg]
	if !compared {
		return checkAlgorithm(name, alg)
	}
	if len(v) != n || strings.Trim(v, hexDigits) != "" {
		return fault.New(fault.Refused, fault.SubjectMismatch, "", "subject %q has %s digest %q, want %d hexadecimal digits", name, alg, v, n)
	}
	if strings.ToLower(v) != v { // the same digest to some readers, and another to others
		return fault.New(fault.Refused, fault.Statement, "",
			"subject %q has %s digest %q in upper case, want lower case", name, alg, v)
	}
	return nil
}

const hexDigits = "0123456789abcdefABCDEF"

// checkAlgorithm refuses an unknown algorithm that differs from a known one
// only in case.
func checkAlgorithm(name, alg string) error {
	for _, known := range algorithms {
		if alg != known && strings.EqualFold(known, alg) {
			return fault.New(fault.Refused, fault.SubjectMismatch, "", "subject %q has a digest named %q, want %q", name, alg, known)
		}
	}
	return nil
}
