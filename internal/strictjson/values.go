package strictjson

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A Value is one value of a text that holds several.
type Value struct {
	Bytes []byte // belong to the text
	Kind  Kind
	Line  int // on which it begins, from 1
}

// mark is the byte order mark. Editors put it before a text; it is not part of
// one (RFC 8259, 8.1).
var mark = []byte("\ufeff")

// Values reads values that white space separates: lines of values, values over
// several lines, texts that were joined. A byte order mark may stand before a
// value. A text of white space alone has no values.
//
// It returns what it read before an error, too: then values are missing, and a
// caller who takes a part for the whole reads another text than was written.
func Values(text []byte, maxDepth int) ([]Value, error) {
	var all []Value
	at, line := 0, 1
	for {
		rest := bytes.TrimLeft(text[at:], space)
		rest = bytes.TrimLeft(bytes.TrimPrefix(rest, mark), space)
		if len(rest) == 0 {
			return all, nil
		}
		begin := len(text) - len(rest)
		line += bytes.Count(text[at:begin], []byte("\n"))
		r := NewReader(rest, maxDepth)
		v := Value{Kind: r.Peek(), Line: line}
		b, err := r.Value()
		if err != nil {
			return all, within(err, begin, line)
		}
		v.Bytes = b
		all = append(all, v)
		at = begin + int(r.Offset())
		line += bytes.Count(text[begin:at], []byte("\n"))
		if at < len(text) && !bytes.ContainsRune([]byte(space), rune(text[at])) && !bytes.HasPrefix(text[at:], mark) {
			return all, fault.New(fault.Refused, fault.Malformed, "",
				"no white space follows the JSON value that ends in line %d, at byte %d", line, at)
		}
	}
}

// space is the white space of JSON.
const space = " \t\r\n"

// within says where in the text the value begins that err is about. Its own
// offsets count from there.
func within(err error, begin, line int) error {
	if begin == 0 {
		return err
	}
	f := fault.Of(err)
	return fault.New(f.Kind, f.Code, f.Hint, "line %d, in the value that begins at byte %d: %w", line, begin, err)
}

// Unquote returns the text of a string from what stands between its quotation
// marks.
func Unquote(between []byte) ([]byte, error) {
	return jsontext.AppendUnquote(nil, slices.Concat([]byte{'"'}, between, []byte{'"'}))
}
