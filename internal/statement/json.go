package statement

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// MaxDepth is how deep objects and arrays of a statement may nest.
const MaxDepth = 100

// StrictJSON accepts b if every reader reads the same JSON text from it: one
// value (RFC 8259) with no name twice in an object (RFC 7493, 2.3), valid UTF-8
// (2.1), at most maxDepth levels deep, and nothing but white space after it.
// Names are compared after their escapes are undone.
func StrictJSON(b []byte, maxDepth int) error {
	r := newReader(b, maxDepth)
	if _, err := r.value(); err != nil {
		return err
	}
	return r.end()
}

// object accepts b if it is one strict JSON object.
func object(b []byte, what string) error {
	if len(b) > MaxBytes {
		return fault.New(fault.Refused, fault.Limit, "", "%s has %d bytes, at most %d are allowed", what, len(b), MaxBytes)
	}
	r := newReader(b, MaxDepth)
	if err := r.want('{', what); err != nil {
		return err
	}
	if _, err := r.value(); err != nil {
		return err
	}
	return r.end()
}

// A reader goes through JSON text once, token by token.
type reader struct {
	text []byte
	dec  *jsontext.Decoder
	max  int
}

func newReader(b []byte, maxDepth int) *reader {
	return &reader{text: b, dec: jsontext.NewDecoder(bytes.NewBuffer(b)), max: maxDepth}
}

// next returns the next token; it is valid until the following call.
func (r *reader) next() (jsontext.Token, error) {
	tok, err := r.dec.ReadToken()
	if err != nil {
		return jsontext.Token{}, malformed(err)
	}
	if r.dec.StackDepth() > r.max {
		return jsontext.Token{}, fault.New(fault.Refused, fault.Limit, "", "JSON nests deeper than %d levels at byte %d", r.max, r.dec.InputOffset())
	}
	return tok, nil
}

// want accepts what follows if it is of kind k.
func (r *reader) want(k jsontext.Kind, what string) error {
	got := r.dec.PeekKind()
	if got == k {
		return nil
	}
	if !startsValue(got) {
		if _, err := r.next(); err != nil {
			return err
		}
	}
	return fault.New(fault.Refused, fault.Malformed, "", "%s is a JSON %s, want %s", what, kindName(got), kindName(k))
}

func startsValue(k jsontext.Kind) bool {
	return k != jsontext.KindInvalid && k != '}' && k != ']'
}

// value reads one whole value and returns its bytes, which belong to the text.
func (r *reader) value() ([]byte, error) {
	depth, start := r.dec.StackDepth(), r.dec.InputOffset()
	for {
		if _, err := r.next(); err != nil {
			return nil, err
		}
		if r.dec.StackDepth() == depth {
			return bytes.TrimLeft(r.text[start:r.dec.InputOffset()], " \t\r\n:,"), nil
		}
	}
}

// string reads one string.
func (r *reader) string(what string) (string, error) {
	if err := r.want('"', what); err != nil {
		return "", err
	}
	tok, err := r.next()
	if err != nil {
		return "", err
	}
	return tok.String(), nil
}

// enter goes into the object or array that what is.
func (r *reader) enter(k jsontext.Kind, what string) error {
	if err := r.want(k, what); err != nil {
		return err
	}
	_, err := r.next()
	return err
}

// member returns the name of the next member of the object that r is in; its
// value is to be read. After the last one, more is false and r is out of the
// object.
func (r *reader) member() (name string, more bool, err error) {
	tok, err := r.next()
	if err != nil || tok.Kind() == '}' {
		return "", false, err
	}
	return memberName(tok), true, nil
}

// element reports whether an element of the array that r is in is to be read.
// After the last one, r is out of the array.
func (r *reader) element() (more bool, err error) {
	if r.dec.PeekKind() != ']' {
		return true, nil
	}
	_, err = r.next()
	return false, err
}

// end accepts the end of the text.
func (r *reader) end() error {
	_, err := r.dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fault.New(fault.Refused, fault.Malformed, "", "more bytes follow the JSON value that ends at byte %d", r.dec.InputOffset())
}

// memberName returns the name that tok is, without allocating the names that every
// statement has.
func memberName(tok jsontext.Token) string {
	switch tok.String() {
	case "name":
		return "name"
	case "digest":
		return "digest"
	case "sha256":
		return "sha256"
	case "uri":
		return "uri"
	}
	return tok.String()
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "boolean"
	}
	return k.String()
}

// maxQuoted is how much of a foreign path an error repeats.
const maxQuoted = 200

func malformed(err error) error {
	if errors.Is(err, io.EOF) {
		return fault.New(fault.Refused, fault.Malformed, "", "no JSON value, the text is empty")
	}
	var s *jsontext.SyntacticError
	if !errors.As(err, &s) {
		return fault.New(fault.Refused, fault.Malformed, "", "JSON: %w", err)
	}
	at := string(s.JSONPointer)
	if len(at) > maxQuoted {
		at = at[:maxQuoted]
	}
	return fault.New(fault.Refused, fault.Malformed, "", "JSON: %w at byte %d (in %q)", s.Err, s.ByteOffset, at)
}
