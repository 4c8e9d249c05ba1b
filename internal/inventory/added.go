package inventory

import (
	"slices"
	"time"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Added is what the signer of a report has added to a document that is itself the predicate: it is signed as an annotation
// of each subject.
type Added struct {
	Inputs   Inputs    `json:"inputs,omitzero"`
	Asserted []string  `json:"asserted,omitempty"`
	Tool     Tool      `json:"tool,omitzero"` // where it is asserted
	Time     time.Time `json:"time,omitzero"` // where it is asserted
}

// maxAddedDepth bounds how deep what was added nests.
const maxAddedDepth = 4

// Added returns what was added to r as JSON (RFC 8785); nil where nothing was, or where the predicate has it.
func (r Report) Added(predicateType string) ([]byte, error) {
	switch {
	case r.Inputs == nil && len(r.Asserted) == 0:
		return nil, nil
	case slices.Contains([]string{vulnsType, testType, referenceType, kevType}, predicateType):
		return nil, nil
	}
	a := Added{Inputs: r.Inputs, Asserted: r.Asserted}
	if slices.Contains(r.Asserted, "tool") {
		a.Tool = r.Tool
	}
	if slices.Contains(r.Asserted, "time") {
		a.Time = r.Time
	}
	return strictjson.Canonical(a)
}

// With returns r with what Added has written. What the document says stays.
func (r Report) With(added []byte) (Report, error) {
	var a Added
	if err := strictjson.DecodeExact(added, maxAddedDepth, "what the signer has added to the report", &a); err != nil {
		return r, err
	}
	r.Inputs, r.Asserted = a.Inputs, a.Asserted
	if r.Tool.Name == "" || r.Tool.Version == "" && a.Tool.Name == r.Tool.Name {
		r.Tool = a.Tool
	}
	if r.Time.IsZero() {
		r.Time = a.Time
	}
	return r, nil
}
