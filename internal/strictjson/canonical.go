package strictjson

import (
	stdjson "encoding/json"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Canonical writes v in the one form that RFC 8785 has for it: no white space, one
// way to write a text or a number, and members in the order of their names, so
// that it does not depend on the order of the fields in a program. Fields of Go's
// zero value are left out. Times are RFC 3339, UTC, with nanoseconds. A
// json.RawMessage is written as a text, so that each byte of it is kept.
//
// A text that is not UTF-8 is an error: no JSON could hold it.
func Canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v, json.OmitZeroStructFields(true), json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(func(e *jsontext.Encoder, t time.Time) error {
			return e.WriteToken(jsontext.String(t.UTC().Format(time.RFC3339Nano)))
		}),
		json.MarshalToFunc(func(e *jsontext.Encoder, raw stdjson.RawMessage) error {
			return e.WriteToken(jsontext.String(string(raw)))
		}),
	)))
	if err == nil {
		err = (*jsontext.Value)(&b).Canonicalize()
	}
	return b, err
}

// DecodeExact reads b, one strict object that is at most maxDepth levels deep and
// was written by Canonical, into the struct that into points to. Members that the
// struct does not have are refused.
func DecodeExact(b []byte, maxDepth int, what string, into any) error {
	if err := CheckObject(b, maxDepth, what); err != nil {
		return err
	}
	err := json.Unmarshal(b, into, json.RejectUnknownMembers(true), json.WithUnmarshalers(
		json.UnmarshalFunc(func(b []byte, raw *stdjson.RawMessage) (err error) {
			*raw, err = jsontext.AppendUnquote(nil, b)
			return err
		}),
	))
	if err != nil {
		return mistyped(what, err)
	}
	return nil
}
