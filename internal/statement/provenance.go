package statement

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// ProvenanceV1 is the predicate type of SLSA Provenance v1.
const ProvenanceV1 = "https://slsa.dev/provenance/v1"

// Provenance is the predicate of SLSA Provenance v1
// (https://slsa.dev/spec/v1.1/provenance).
type Provenance struct {
	BuildDefinition BuildDefinition `json:"buildDefinition"`
	RunDetails      RunDetails      `json:"runDetails"`
}

// BuildDefinition says what was to be built, from what.
type BuildDefinition struct {
	BuildType            string          `json:"buildType"`
	ExternalParameters   json.RawMessage `json:"externalParameters"`
	InternalParameters   json.RawMessage `json:"internalParameters,omitempty"`
	ResolvedDependencies []Resource      `json:"resolvedDependencies,omitempty"`
}

// Resource is an in-toto ResourceDescriptor; fields that nothing here reads are
// left out.
type Resource struct {
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
	Name   string            `json:"name,omitempty"`
}

// RunDetails says who built, when.
type RunDetails struct {
	Builder  Builder       `json:"builder"`
	Metadata BuildMetadata `json:"metadata,omitzero"`
}

// Builder is the build platform, or the workflow on it.
type Builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// BuildMetadata identifies one run. InvocationID is kept as JSON: one build
// type writes a string, another a number.
type BuildMetadata struct {
	InvocationID json.RawMessage `json:"invocationId,omitempty"`
	StartedOn    string          `json:"startedOn,omitempty"`
	FinishedOn   string          `json:"finishedOn,omitempty"`
}

// Provenance reads s's predicate as SLSA Provenance v1. Unknown fields are
// ignored, as SLSA demands (https://slsa.dev/spec/v1.1/provenance, parsing
// rules); a field that a reader without regard to case would find elsewhere is
// refused.
func (s Statement) Provenance() (Provenance, error) {
	if s.PredicateType != ProvenanceV1 {
		return Provenance{}, fault.New(fault.Refused, fault.Predicate, "", "predicate type is %q, want %q", s.PredicateType, ProvenanceV1)
	}
	var p Provenance
	if err := strictjson.Decode(s.Predicate, MaxDepth, "provenance", &p); errors.Is(err, strictjson.ErrMistyped) {
		return Provenance{}, fault.New(fault.Refused, fault.Predicate, "", "%w", err)
	} else if err != nil {
		return Provenance{}, err
	}
	if err := p.check(); err != nil {
		return Provenance{}, err
	}
	return p, nil
}

// JSON returns p as the predicate of a statement.
func (p Provenance) JSON() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding provenance: %w", err)
	}
	return b, nil
}

// check wants the fields that SLSA requires of every build level.
func (p Provenance) check() error {
	if p.BuildDefinition.BuildType == "" {
		return missing("buildDefinition.buildType")
	}
	if p.RunDetails.Builder.ID == "" {
		return missing("runDetails.builder.id")
	}
	if len(p.BuildDefinition.ExternalParameters) == 0 {
		return missing("buildDefinition.externalParameters")
	}
	return object(p.BuildDefinition.ExternalParameters, "buildDefinition.externalParameters")
}

func missing(field string) error {
	return fault.New(fault.Refused, fault.Predicate, "", "provenance has no %s", field)
}
