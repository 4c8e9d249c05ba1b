package strictjson

import (
	"encoding"
	"errors"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// ErrMistyped is in the chain of the error about a member of another kind than
// the struct has.
var ErrMistyped = errors.New("mistyped")

// Decode reads b, one strict object that is at most maxDepth levels deep, into
// the struct that into points to. Members that the struct does not have are
// passed over. A member whose name differs from one of the struct's in letter
// case alone is refused: readers that ignore case would find it.
func Decode(b []byte, maxDepth int, what string, into any) error {
	if err := CheckObject(b, maxDepth, what); err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return mistyped(what, err)
	}
	folded := reflect.New(reflect.TypeOf(into).Elem())
	err := json.Unmarshal(b, folded.Interface(), json.MatchCaseInsensitiveNames(true))
	if err != nil || !reflect.DeepEqual(into, folded.Interface()) {
		return fault.New(fault.Refused, fault.Malformed, "",
			"%s has a member that differs from a known one only in case", what)
	}
	return nil
}

// mistyped says which member is of another kind than the struct has.
func mistyped(what string, err error) error {
	var s *json.SemanticError
	if !errors.As(err, &s) {
		return fault.New(fault.Refused, fault.Malformed, "", "%s: %w", what, fault.Cause(err))
	}
	member := strings.ReplaceAll(strings.TrimPrefix(string(s.JSONPointer), "/"), "/", ".")
	if errors.Is(s.Err, json.ErrUnknownName) {
		return fault.New(fault.Refused, fault.Malformed, "", "member %q of %s is not known", member, what)
	}
	if s.GoType != nil && s.JSONKind == String && reflect.PointerTo(s.GoType).Implements(textReader) {
		return fault.New(fault.Refused, fault.Malformed, "", "%w member %q of %s: %w", ErrMistyped,
			member, what, fault.Cause(s.Err))
	}
	return fault.New(fault.Refused, fault.Malformed, "", "%w member %q of %s, a JSON %s, want %s", ErrMistyped,
		member, what, Name(s.JSONKind), wanted(s.GoType))
}

// textReader is what a type implements that reads its own texts, and says what is wrong.
var textReader = reflect.TypeFor[encoding.TextUnmarshaler]()

// wanted returns the word for what a member of type t is written as.
func wanted(t reflect.Type) string {
	if t == nil {
		return "another kind"
	}
	switch t.Kind() {
	case reflect.String:
		return Name(String)
	case reflect.Bool:
		return Name(True)
	case reflect.Slice, reflect.Array:
		return Name(Array)
	case reflect.Struct, reflect.Map:
		return Name(Object)
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "a whole number"
}
