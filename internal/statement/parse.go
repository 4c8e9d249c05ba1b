package statement

import (
	"bytes"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Parse reads a statement in one pass. It refuses what New would never write:
// other types, unknown members of the statement or of a subject, a member twice
// or in another case, subjects without a digest, and everything that StrictJSON
// refuses.
//
// The specification lets a reader ignore unknown members. A gate cannot: a
// member that it skips may be the one that another reader believes.
func Parse(payload []byte) (Statement, error) {
	if len(payload) > MaxBytes {
		return Statement{}, fault.New(fault.Refused, fault.Limit, "", "statement has %d bytes, at most %d are allowed", len(payload), MaxBytes)
	}
	r := newReader(payload, MaxDepth)
	s, err := r.statement()
	if err != nil {
		return Statement{}, err
	}
	if err := r.end(); err != nil {
		return Statement{}, err
	}
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	return s, nil
}

func (r *reader) statement() (s Statement, err error) {
	if err := r.enter('{', "statement"); err != nil {
		return s, err
	}
	for {
		name, more, err := r.member()
		if err != nil || !more {
			return s, err
		}
		if err := r.statementMember(&s, name); err != nil {
			return s, err
		}
	}
}

func (r *reader) statementMember(s *Statement, name string) (err error) {
	switch name {
	case "_type":
		s.Type, err = r.statementType()
	case "subject":
		s.Subject, err = r.subjects()
	case "predicateType":
		s.PredicateType, err = r.string("predicateType")
	case "predicate":
		s.Predicate, err = r.predicate()
	default:
		err = unknown("statement", name)
	}
	return err
}

func (r *reader) statementType() (string, error) {
	if k := r.dec.PeekKind(); k != '"' && startsValue(k) {
		return "", fault.New(fault.Refused, fault.Statement, "", "_type is a JSON %s, want %q", kindName(k), TypeV1)
	}
	return r.string("_type")
}

func (r *reader) predicate() ([]byte, error) {
	if err := r.want('{', "predicate"); err != nil {
		return nil, err
	}
	b, err := r.value()
	return bytes.Clone(b), err
}

func (r *reader) subjects() (list []Descriptor, err error) {
	if err := r.enter('[', "subject"); err != nil {
		return nil, err
	}
	for {
		more, err := r.element()
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
func (r *reader) descriptor() (d Descriptor, err error) {
	if err := r.enter('{', "element of subject"); err != nil {
		return d, err
	}
	for {
		name, more, err := r.member()
		if err != nil || !more {
			return d, err
		}
		if err := r.descriptorMember(&d, name); err != nil {
			return d, err
		}
	}
}

func (r *reader) descriptorMember(d *Descriptor, name string) (err error) {
	switch name {
	case "name":
		d.Name, err = r.string("name of a subject")
	case "uri":
		d.URI, err = r.string("uri of a subject")
	case "digest":
		d.Digest, err = r.digests()
	case "content", "downloadLocation", "mediaType":
		_, err = r.string(name)
	case "annotations":
		err = r.skipObject("annotations of a subject")
	default:
		err = unknown("subject", name)
	}
	return err
}

func (r *reader) skipObject(what string) error {
	if err := r.want('{', what); err != nil {
		return err
	}
	_, err := r.value()
	return err
}

func (r *reader) digests() (map[string]string, error) {
	if err := r.enter('{', "digest of a subject"); err != nil {
		return nil, err
	}
	set := make(map[string]string, 1)
	for {
		alg, more, err := r.member()
		if err != nil || !more {
			return set, err
		}
		if len(set) == MaxSubjectDigests {
			return nil, fault.New(fault.Refused, fault.Limit, "", "a subject has more than %d digests", MaxSubjectDigests)
		}
		if set[alg], err = r.string("digest of a subject"); err != nil {
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
