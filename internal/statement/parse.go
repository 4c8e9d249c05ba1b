package statement

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// A reader goes through a statement once.
type reader struct{ *strictjson.Reader }

// Parse reads a statement in one pass. It refuses what New would never write:
// other types, unknown members of the statement or of a subject, a member twice
// or in another case, subjects without a digest, and everything that package
// strictjson refuses. A member that may be absent may be null as well: in proto3
// JSON, which the specification is written in, the two are one.
//
// The specification lets a reader ignore unknown members. A gate cannot: a
// member that it skips may be the one that another reader believes.
func Parse(payload []byte) (Statement, error) {
	if len(payload) > MaxBytes {
		return Statement{}, fault.New(fault.Refused, fault.Limit, "", "statement has %d bytes, at most %d are allowed", len(payload), MaxBytes)
	}
	r := reader{strictjson.NewReader(payload, MaxDepth)}
	s, err := r.statement()
	if err != nil {
		return Statement{}, err
	}
	if err := r.End(); err != nil {
		return Statement{}, err
	}
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	if s.Predicate == nil {
		s.Predicate = json.RawMessage(noPredicate)
	}
	return s, nil
}

// noPredicate is the predicate of a statement that has none: the specification
// makes it the same to leave it out, to leave it unset and to leave it empty.
const noPredicate = "{}"

func (r reader) statement() (s Statement, err error) {
	if err := r.Enter(strictjson.Object, "statement"); err != nil {
		return s, err
	}
	for {
		name, more, err := r.Member()
		if err != nil || !more {
			return s, err
		}
		if err := r.statementMember(&s, name); err != nil {
			return s, err
		}
	}
}

func (r reader) statementMember(s *Statement, name string) (err error) {
	switch name {
	case "_type":
		s.Type, err = r.statementType()
	case "subject":
		s.Subject, err = r.subjects()
	case "predicateType":
		s.PredicateType, err = r.String("predicateType")
	case "predicate":
		s.Predicate, err = r.predicate()
	default:
		err = unknown("statement", name)
	}
	return err
}

func (r reader) statementType() (string, error) {
	if k := r.Peek(); k != strictjson.String && strictjson.IsValue(k) {
		return "", fault.New(fault.Refused, fault.Statement, "", "_type is a JSON %s, want %q", strictjson.Name(k),
			TypeV1)
	}
	return r.String("_type")
}

// predicate reads the predicate. One that is null is the empty one.
func (r reader) predicate() ([]byte, error) {
	if null, err := r.Null(); null || err != nil {
		return nil, err
	}
	if err := r.Want(strictjson.Object, "predicate"); err != nil {
		return nil, err
	}
	b, err := r.Value()
	return bytes.Clone(b), err
}

func (r reader) subjects() (list []Descriptor, err error) {
	if err := r.Enter(strictjson.Array, "subject"); err != nil {
		return nil, err
	}
	for {
		more, err := r.Element()
		if err != nil || !more {
			return list, err
		}
		if len(list) == MaxSubjects {
			return nil, fault.New(fault.Refused, fault.Limit, "", "more than %d subjects in one statement", MaxSubjects)
		}
		d, err := r.descriptor()
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
}

// descriptor reads one in-toto ResourceDescriptor. Members that nothing here
// reads are still read strictly.
func (r reader) descriptor() (d Descriptor, err error) {
	if err := r.Enter(strictjson.Object, "element of subject"); err != nil {
		return d, err
	}
	for {
		name, more, err := r.Member()
		if err != nil || !more {
			return d, err
		}
		if err := r.descriptorMember(&d, name); err != nil {
			return d, err
		}
	}
}

func (r reader) descriptorMember(d *Descriptor, name string) (err error) {
	switch name {
	case "name":
		d.Name, err = r.optional("name of a subject")
	case "uri":
		d.URI, err = r.optional("uri of a subject")
	case "digest":
		d.Digest, err = r.digests()
	case "content", "downloadLocation", "mediaType":
		_, err = r.optional(name + " of a subject")
	case "annotations":
		d.Annotations, err = r.annotations()
	default:
		err = unknown("subject", name)
	}
	return err
}

// optional reads a string, or a null as the empty string.
func (r reader) optional(what string) (string, error) {
	if null, err := r.Null(); null || err != nil {
		return "", err
	}
	return r.String(what)
}

// annotations reads the annotations of a subject, and keeps ours.
func (r reader) annotations() (*Annotations, error) {
	if null, err := r.Null(); null || err != nil {
		return nil, err
	}
	if err := r.Enter(strictjson.Object, "annotations of a subject"); err != nil {
		return nil, err
	}
	var out *Annotations
	for {
		name, more, err := r.Member()
		if err != nil || !more {
			return out, err
		}
		mine := name == annotationOfReport
		if mine {
			err = r.Want(strictjson.Object, "annotation "+annotationOfReport)
		}
		if err != nil {
			return nil, err
		}
		raw, err := r.Value()
		if err != nil {
			return nil, err
		}
		if mine {
			out = &Annotations{Report: bytes.Clone(raw)}
		}
	}
}

// annotationOfReport is the annotation of ours.
const annotationOfReport = "sallyport_report"

func (r reader) digests() (map[string]string, error) {
	if err := r.Enter(strictjson.Object, "digest of a subject"); err != nil {
		return nil, err
	}
	set := make(map[string]string, 1)
	for {
		alg, more, err := r.Member()
		if err != nil || !more {
			return set, err
		}
		if len(set) == MaxSubjectDigests {
			return nil, fault.New(fault.Refused, fault.Limit, "", "a subject has more than %d digests", MaxSubjectDigests)
		}
		if set[alg], err = r.String("digest of a subject"); err != nil {
			return nil, err
		}
	}
}

func (s Statement) check() error {
	if s.Type != TypeV1 && s.Type != TypeV01 {
		return fault.New(fault.Refused, fault.Statement, "", "_type is %q, want %q", s.Type, TypeV1)
	}
	if s.PredicateType == "" {
		return fault.New(fault.Refused, fault.Statement, "", "statement has no predicateType")
	}
	if len(s.Subject) == 0 {
		return fault.New(fault.Refused, fault.SubjectMismatch, "", "statement names no subject")
	}
	for _, d := range s.Subject {
		if err := checkDigests(d); err != nil {
			return err
		}
	}
	return nil
}

// known are the members a reader may look for, whatever case it ignores.
var known = []string{"_type", "subject", "predicateType", "predicate",
	"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}

func unknown(what, name string) error {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return fault.New(fault.Refused, fault.Malformed, "", "%s has member %q, want %q", what, name, k)
		}
	}
	return fault.New(fault.Refused, fault.Malformed, "", "%s has unknown member %q", what, name)
}

// Batches splits subjects, in their order, into lists that each fit one
// statement.
func Batches(subjects []subject.Subject) [][]subject.Subject {
	var out [][]subject.Subject
	for len(subjects) > MaxSubjects {
		out = append(out, subjects[:MaxSubjects:MaxSubjects])
		subjects = subjects[MaxSubjects:]
	}
	if len(subjects) > 0 {
		out = append(out, subjects)
	}
	return out
}
