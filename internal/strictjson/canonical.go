package strictjson

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Canonical writes v in the one form that RFC 8785 has for it: no white space, one
// way to write a text or a number, and members in the order of their names, so
// that it does not depend on the order of the fields in a program. Fields of Go's
// zero value are left out. A text that is not UTF-8 is an error: no JSON could hold
// it.
func Canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v, json.OmitZeroStructFields(true))
	if err == nil {
		err = (*jsontext.Value)(&b).Canonicalize()
	}
	return b, err
}

// Sorted is Canonical for a struct whose fields stand in the order of the names of their members, all the way down:
// then nothing has to be sorted, which costs the most. A test of the caller holds the two to each other.
func Sorted(v any) ([]byte, error) {
	return json.Marshal(v, json.OmitZeroStructFields(true))
}

// Is reports whether b is exactly what Sorted writes of the struct that into points to, which is filled from it. Then
// each member is known, there once, and in its one form.
func Is(b []byte, into any) bool {
	if json.Unmarshal(b, into, json.RejectUnknownMembers(true)) != nil {
		return false
	}
	again, err := Sorted(into)
	return err == nil && bytes.Equal(b, again)
}

// DecodeExact reads b, one strict object that is at most maxDepth levels deep, into
// the struct that into points to. Members that the struct does not have are refused.
func DecodeExact(b []byte, maxDepth int, what string, into any) error {
	if err := CheckObject(b, maxDepth, what); err != nil {
		return err
	}
	if err := json.Unmarshal(b, into, json.RejectUnknownMembers(true)); err != nil {
		return mistyped(what, err)
	}
	return nil
}
