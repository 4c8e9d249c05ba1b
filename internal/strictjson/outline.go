package strictjson

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Shape is what shows of a text before it is read.
type Shape struct {
	First   Kind     // of the first value
	Members []string // names in the first value, if it is an object; in their order, at most maxMembers
	Many    bool     // more than one value, or something else, follows the first
}

// Has reports whether every one of names is a member of the first value.
func (s Shape) Has(names ...string) bool {
	for _, n := range names {
		if !s.has(n) {
			return false
		}
	}
	return true
}

func (s Shape) has(name string) bool {
	for _, m := range s.Members {
		if m == name {
			return true
		}
	}
	return false
}

// maxMembers is how many names of one object a Shape holds. What has more is none of the
// documents that are told apart by names.
const maxMembers = 256

// Outline looks over text once and says what it seems to be. An error is only that it nests deeper than
// maxDepth levels. It takes the text for JSON: whether that is so, and whether it is strict, a reader
// has to find out.
func Outline(text []byte, maxDepth int) (Shape, error) {
	var s Shape
	depth, ended := 0, false
	name := []byte(nil) // the last text at the first level, until it is known not to be a name
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '"':
			end := stringEnd(text, i)
			if depth == 1 && !ended {
				name = text[i:end]
			}
			s.begin(String, depth, ended)
			i = end - 1
		case '{', '[':
			s.begin(Kind(c), depth, ended)
			if depth++; depth > maxDepth {
				return s, fault.New(fault.Refused, fault.Limit, "", "JSON nests deeper than %d levels at byte %d",
					maxDepth, i)
			}
			continue
		case '}', ']':
			depth--
		case ':':
			if depth == 1 && name != nil && s.First == Object && len(s.Members) < maxMembers {
				s.Members = append(s.Members, unquoted(name))
			}
			name = nil
		case ',':
			name = nil
		default:
			s.begin(jsontext.Kind(c), depth, ended)
		}
		if depth <= 0 {
			ended = true
		}
	}
	return s, nil
}

// begin notes that a value begins.
func (s *Shape) begin(k Kind, depth int, ended bool) {
	switch {
	case depth > 0:
	case ended:
		s.Many = true
	case s.First == 0:
		s.First = k
	}
}

// stringEnd returns where the string ends that begins at from, after its last quotation mark.
func stringEnd(text []byte, from int) int {
	for i := from + 1; i < len(text); {
		n := bytes.IndexAny(text[i:], `"\`)
		if n < 0 {
			break
		}
		if i += n; text[i] == '"' {
			return i + 1
		}
		i += 2
	}
	return len(text)
}

// unquoted returns the text of a string with its quotation marks; anything but a string is left as it is.
func unquoted(b []byte) string {
	if bytes.IndexByte(b, '\\') >= 0 {
		if t, err := jsontext.AppendUnquote(nil, b); err == nil {
			return string(t)
		}
	}
	return string(bytes.Trim(b, `"`))
}
