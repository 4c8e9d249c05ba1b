package statement

import (
	"fmt"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// EndingV1 is the predicate type of what a job says of how the deployment of an entry
// ended.
const EndingV1 = OwnPredicates + "ending/v1"

// The outcomes of a deployment.
const (
	OutcomeEntered = "entered"
	OutcomeFailed  = "failed"
)

// Ending is the predicate of such a statement (shared/ending.schema.json). Its subjects
// are the statement of the entry and, last, what the entries into the environment are
// found by.
type Ending struct {
	Target  Target `json:"environment"`
	Entry   Link   `json:"entry"`
	Outcome string `json:"outcome"` // OutcomeEntered or OutcomeFailed
	Run     string `json:"run"`     // the run that says so, as its certificate has it
}

// JSON returns e as the predicate of a statement.
func (e Ending) JSON() ([]byte, error) { return written(e) }

// Subjects returns what e is about.
func (e Ending) Subjects() ([]subject.Subject, error) {
	d, err := DigestSet{SHA256: e.Entry.SHA256}.digest("entry")
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s%s#%d", entryPrefix, e.Target.Name, e.Entry.Number)
	return []subject.Subject{{Name: name, Digest: d}, e.Target.Subject("")}, nil
}

// Ending reads s as what a job says of how a deployment ended. The error has code
// E_PREDICATE, E_MALFORMED or E_SUBJECT_MISMATCH.
func (s Statement) Ending() (Ending, error) {
	var e Ending
	if err := s.own(EndingV1, &e); err != nil {
		return Ending{}, err
	}
	bad := func(format string, args ...any) error {
		return fault.New(fault.Refused, fault.Predicate, "", format, args...)
	}
	switch {
	case !e.Target.whole():
		return Ending{}, bad("the environment lacks its issuer, repository, name or number")
	case e.Outcome != OutcomeEntered && e.Outcome != OutcomeFailed:
		return Ending{}, bad("outcome is %q, want %q or %q", e.Outcome, OutcomeEntered, OutcomeFailed)
	case e.Entry.Number < 1 || e.Run == "":
		return Ending{}, bad("the number of the entry or the run is missing")
	}
	subjects, err := e.Subjects()
	if err != nil {
		return Ending{}, err
	}
	return e, s.about(subjects)
}
