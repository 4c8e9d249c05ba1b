// Package strictjson reads JSON texts of which every reader reads the same.
//
// It refuses what two readers could read differently: a name twice in an object,
// also where escapes hide it (RFC 7493, 2.3), bytes that are no UTF-8 (2.1),
// bytes after the value, and nesting without a bound. It knows no format; what a
// value means is for the rooms that know one.
package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Kind is the kind of a value, by the character that it begins with.
type Kind = jsontext.Kind

// The kinds of values.
const (
	Object Kind = '{'
	Array  Kind = '['
	String Kind = '"'
	Number Kind = '0'
	True   Kind = 't'
	False  Kind = 'f'
	Null   Kind = 'n'
)

// ErrUnfinished is in the chain of the error about a text that ends in the
// middle of a value.
var ErrUnfinished = errors.New("JSON ends in the middle of a value")

// Check accepts b if it is one strict value that is at most maxDepth levels
// deep.
func Check(b []byte, maxDepth int) error {
	r := NewReader(b, maxDepth)
	if _, err := r.Value(); err != nil {
		return err
	}
	return r.End()
}

// CheckObject accepts b if it is one strict object. what is the name of the
// object in an error.
func CheckObject(b []byte, maxDepth int, what string) error {
	r := NewReader(b, maxDepth)
	if err := r.Want(Object, what); err != nil {
		return err
	}
	if _, err := r.Value(); err != nil {
		return err
	}
	return r.End()
}

// A Reader goes through one text once, token by token. Every error of it is a
// fault of kind Refused, with code E_LIMIT for what is too deep and E_MALFORMED
// for the rest.
type Reader struct {
	text []byte
	dec  *jsontext.Decoder
	max  int
	from int64 // where the last token may begin

	what  string // the text, in the errors of Fill
	held  int    // bytes that Fill may hold yet
	exact bool   // Fill refuses members that it does not know
}

// NewReader returns a reader of b, which has to stay as it is.
func NewReader(b []byte, maxDepth int) *Reader {
	return &Reader{text: b, dec: jsontext.NewDecoder(bytes.NewBuffer(b)), max: maxDepth}
}

// next returns the next token; it is valid until the following call.
func (r *Reader) next() (jsontext.Token, error) {
	r.from = r.dec.InputOffset()
	tok, err := r.dec.ReadToken()
	if err != nil {
		return jsontext.Token{}, r.malformed(err)
	}
	if r.dec.StackDepth() > r.max {
		return jsontext.Token{}, fault.New(fault.Refused, fault.Limit, "",
			"JSON nests deeper than %d levels at byte %d", r.max, r.dec.InputOffset())
	}
	return tok, nil
}

// Peek returns the kind of what follows: of a value, or an end of an object, an
// array or the text, which is no kind of a value.
func (r *Reader) Peek() Kind { return r.dec.PeekKind() }

// Offset returns how many bytes were read.
func (r *Reader) Offset() int64 { return r.dec.InputOffset() }

// Escaped reports whether the name or string that was read last is written with
// an escape.
func (r *Reader) Escaped() bool {
	return bytes.IndexByte(r.text[r.from:r.dec.InputOffset()], '\\') >= 0
}

// Want accepts what follows if it is of kind k.
func (r *Reader) Want(k Kind, what string) error {
	got := r.dec.PeekKind()
	if got == k {
		return nil
	}
	if !IsValue(got) {
		if _, err := r.next(); err != nil {
			return err
		}
	}
	return fault.New(fault.Refused, fault.Malformed, "", "%s is a JSON %s, want %s", what, Name(got), Name(k))
}

// IsValue reports whether k is the kind of a value.
func IsValue(k Kind) bool { return k != jsontext.KindInvalid && k != '}' && k != ']' }

// Value reads one whole value and returns its bytes, which belong to the text.
func (r *Reader) Value() ([]byte, error) {
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

// Skip passes over one value of a text that was checked before: it does not
// look at the depth.
func (r *Reader) Skip() ([]byte, error) {
	start := r.dec.InputOffset()
	if err := r.dec.SkipValue(); err != nil {
		return nil, r.malformed(err)
	}
	return bytes.TrimLeft(r.text[start:r.dec.InputOffset()], " \t\r\n:,"), nil
}

// Null reads a null if one follows, and reports whether it did.
func (r *Reader) Null() (bool, error) {
	if r.dec.PeekKind() != Null {
		return false, nil
	}
	_, err := r.next()
	return true, err
}

// String reads one string.
func (r *Reader) String(what string) (string, error) {
	if err := r.Want(String, what); err != nil {
		return "", err
	}
	tok, err := r.next()
	if err != nil {
		return "", err
	}
	return tok.String(), nil
}

// Enter goes into the object or array that what is.
func (r *Reader) Enter(k Kind, what string) error {
	if err := r.Want(k, what); err != nil {
		return err
	}
	_, err := r.next()
	return err
}

// Member returns the name of the next member of the object that r is in; its
// value is to be read. After the last one, more is false and r is out of the
// object.
func (r *Reader) Member() (name string, more bool, err error) {
	tok, err := r.next()
	if err != nil || tok.Kind() == '}' {
		return "", false, err
	}
	return memberName(tok), true, nil
}

// Element reports whether an element of the array that r is in is to be read.
// After the last one, r is out of the array.
func (r *Reader) Element() (more bool, err error) {
	if r.dec.PeekKind() != ']' {
		return true, nil
	}
	_, err = r.next()
	return false, err
}

// End accepts the end of the text.
func (r *Reader) End() error {
	_, err := r.dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fault.New(fault.Refused, fault.Malformed, "", "more bytes follow the JSON value that ends at byte %d",
		r.dec.InputOffset())
}

// memberName returns the name that tok is, without allocating those that stand
// in one text a thousand times.
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

// Name returns the word for a kind.
func Name(k Kind) string {
	switch k {
	case Object:
		return "object"
	case Array:
		return "array"
	case String:
		return "string"
	case Number:
		return "number"
	case True, False:
		return "boolean"
	}
	return k.String()
}

func (r *Reader) malformed(err error) error {
	if errors.Is(err, io.EOF) {
		return fault.New(fault.Refused, fault.Malformed, "", "no JSON value, the text is empty")
	}
	var s *jsontext.SyntacticError
	if !errors.As(err, &s) {
		return fault.New(fault.Refused, fault.Malformed, "", "JSON: %w", fault.Cause(err))
	}
	end := int64(len(bytes.TrimRight(r.text, space)))
	if errors.Is(s.Err, io.ErrUnexpectedEOF) || s.ByteOffset >= end { // a line end may follow what was cut
		s.ByteOffset = min(s.ByteOffset, end)
		return fault.New(fault.Refused, fault.Malformed, "", "%w, at byte %d", ErrUnfinished, s.ByteOffset)
	}
	if s.JSONPointer == "" {
		return fault.New(fault.Refused, fault.Malformed, "", "JSON: %w at byte %d", wording(s.Err), s.ByteOffset)
	}
	return fault.New(fault.Refused, fault.Malformed, "", "JSON: %w at byte %d, in %q", wording(s.Err), s.ByteOffset, string(s.JSONPointer))
}

// wordings are the ends of what the decoder says, and what each means.
var wordings = []struct{ said, means string }{
	{"at start of value", "where a value begins"},
	{"at start of string", "where the name of a member begins"},
	{"in string", "in a string"},
	{"after object name", "after the name of a member, want a colon"},
	{"after object value", "after a member, want a comma or }"},
	{"after array value", "after an element, want a comma or ]"},
	{"after array element", "after an element, want a comma or ]"},
	{"after top-level value", "after the value"},
	{"in literal", "in a word, want true, false or null"},
	{"within literal", "in a word, want true, false or null"},
	{"in number", "in a number"},
	{"in escape", "in an escape"},
}

// A worded error is one of the decoder in other words.
type worded struct {
	text  string
	whole error
}

func (w worded) Error() string { return w.text }
func (w worded) Unwrap() error { return w.whole }

func wording(err error) error {
	said := err.Error()
	switch {
	case strings.HasPrefix(said, "invalid UTF-8"):
		return worded{"bytes that are no UTF-8", err}
	case strings.HasPrefix(said, "invalid surrogate pair"), strings.HasPrefix(said, "invalid escape"):
		return worded{"an escape that stands for no character", err}
	}
	rest, ok := strings.CutPrefix(said, "invalid character ")
	if quoted, failed := strconv.QuotedPrefix(rest); ok && failed == nil {
		for _, w := range wordings {
			if strings.HasPrefix(strings.TrimSpace(rest[len(quoted):]), w.said) {
				return worded{"the character " + quoted + " " + w.means, err}
			}
		}
		return worded{"the character " + quoted + ", which JSON has not here", err}
	}
	return fault.Brief(err)
}
