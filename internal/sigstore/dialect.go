package sigstore

import (
	"bytes"
	"strings"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sallyport-dev/sallyport/internal/bundlefile"
	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// checkDialect refuses JSON that two readers could read differently (package
// strictjson), and the spellings that proto3 JSON tolerates and does not write:
// names in snake_case, enumerations as numbers, names and base64 with escapes,
// base64 in any spelling but one. So one bundle has one form, and a copy that
// was altered without effect is seen to be altered.
func checkDialect(raw []byte) error {
	d := dialect{strictjson.NewReader(raw, MaxDepth)}
	err := d.message((&protobundle.Bundle{}).ProtoReflect().Descriptor(), "bundle")
	if err == nil {
		err = d.End()
	}
	if err == nil {
		return nil
	}
	if what, known := bundlefile.Name(raw); known {
		return reject(fault.Malformed, "reading bundle: found %s", what)
	}
	return &Rejection{Code: fault.Of(err).Code, Err: fault.Errorf("reading bundle: %w", err)}
}

// A dialect goes through a bundle beside the description of its format.
type dialect struct{ *strictjson.Reader }

func malformed(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "", format, args...)
}

func (d dialect) message(m protoreflect.MessageDescriptor, what string) error {
	if d.Peek() != strictjson.Object {
		return d.mismatch(strictjson.Object, what)
	}
	if err := d.Enter(strictjson.Object, what); err != nil {
		return err
	}
	for {
		name, more, err := d.Member()
		if err != nil || !more {
			return err
		}
		if d.Escaped() {
			return malformed("member %q of %s is written with an escape", name, what)
		}
		f := m.Fields().ByJSONName(name)
		if f == nil {
			return unknownMember(m, what, name)
		}
		if err := d.field(f, name); err != nil {
			return err
		}
	}
}

// unknownMember says what is meant, if it is one of the other spellings.
func unknownMember(m protoreflect.MessageDescriptor, what, name string) error {
	if f := m.Fields().ByTextName(name); f != nil {
		return malformed("%s has member %q, want the proto3 JSON name %q", what, name, f.JSONName())
	}
	if strings.Contains(name, "_") {
		return malformed("%s has member %q, want the proto3 JSON name", what, name)
	}
	return malformed("%s has unknown member %q", what, name)
}

// field reads the value of a member. A null is an absent member.
func (d dialect) field(f protoreflect.FieldDescriptor, what string) error {
	if null, err := d.Null(); null || err != nil {
		return err
	}
	if !f.IsList() {
		return d.value(f, what)
	}
	if d.Peek() != strictjson.Array {
		return d.mismatch(strictjson.Array, what)
	}
	if err := d.Enter(strictjson.Array, what); err != nil {
		return err
	}
	for {
		more, err := d.Element()
		if err != nil || !more {
			return err
		}
		if err := d.value(f, what); err != nil {
			return err
		}
	}
}

func (d dialect) value(f protoreflect.FieldDescriptor, what string) error {
	switch f.Kind() {
	case protoreflect.MessageKind:
		if strings.HasPrefix(string(f.Message().FullName()), "google.protobuf.") {
			break // written in a form of its own
		}
		return d.message(f.Message(), what)
	case protoreflect.BytesKind:
		return d.base64(what)
	case protoreflect.EnumKind:
		return d.enum(f.Enum(), what)
	case protoreflect.StringKind:
		if d.Peek() != strictjson.String {
			return d.mismatch(strictjson.String, what)
		}
	}
	_, err := d.Value()
	return err
}

// enum reads one of some names.
func (d dialect) enum(e protoreflect.EnumDescriptor, what string) error {
	if d.Peek() == strictjson.Number {
		return malformed("%s is a number, want its name", what)
	}
	name, err := d.String(what)
	if err == nil && e.Values().ByName(protoreflect.Name(name)) == nil {
		err = malformed("%s is %q, which is not known", what, name)
	}
	return err
}

// mismatch refuses a value that is not of kind k. What is too deep is too deep
// first, whatever it is.
func (d dialect) mismatch(k strictjson.Kind, what string) error {
	want := d.Want(k, what)
	if strictjson.IsValue(d.Peek()) {
		if _, err := d.Value(); err != nil {
			return err
		}
	}
	return want
}

// base64 reads bytes in the one spelling that encoders write.
func (d dialect) base64(what string) error {
	if d.Peek() != strictjson.String {
		return d.mismatch(strictjson.String, what)
	}
	b, err := d.Value()
	if err != nil {
		return err
	}
	if d.Escaped() {
		return malformed("%s is written with an escape, want plain base64", what)
	}
	if wrong := spelling(b[1 : len(b)-1]); wrong != "" {
		return malformed("%s is base64 %s; want the standard alphabet with padding", what, wrong)
	}
	return nil
}

// digits is the standard alphabet (RFC 4648, table 1).
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// values are the values of its characters; others have 0xff.
var values = func() (v [256]byte) {
	for i := range v {
		v[i] = 0xff
	}
	for i, c := range []byte(digits) {
		v[c] = byte(i)
	}
	return v
}()

// spelling says what is wrong with base64, or nothing.
func spelling(b []byte) string {
	text := bytes.TrimRight(b, "=")
	for _, c := range text {
		if values[c] == 0xff {
			return foreignCharacter(text, c)
		}
	}
	pad := len(b) - len(text)
	if rest := len(text) % 4; rest == 1 || len(b)%4 != 0 || pad > 2 {
		return fault.Text("with %d characters and %d of padding", len(text), pad)
	}
	// One byte left over is twelve bits, of which four are for nothing; two
	// are eighteen, of which two are.
	if spare := byte(1)<<(2*pad) - 1; pad > 0 && values[text[len(text)-1]]&spare != 0 {
		return "with bits after the last byte"
	}
	return ""
}

func foreignCharacter(text []byte, c byte) string {
	switch c {
	case '-', '_':
		return "in the alphabet for URLs"
	case ' ', '\t':
		return "with white space in it"
	case '=':
		return "with padding in the middle"
	}
	return fault.Text("with a foreign character, byte %d", bytes.IndexByte(text, c)+1)
}
