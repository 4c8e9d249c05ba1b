package lockfile

import (
	"errors"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// table are the members of a TOML table, by exactly their names: the decoder beneath would take them in any letter
// case.
type table map[string]any

// tables reads a TOML text (https://toml.io/en/v1.0.0), which refuses keys that stand twice.
func tables(data []byte) (table, error) {
	if err := nesting(data); err != nil {
		return nil, err
	}
	var t map[string]any
	_, err := toml.Decode(string(data), &t)
	if p := (toml.ParseError{}); errors.As(err, &p) {
		return nil, malformed("line %d: %s", p.Position.Line, fault.Cut(p.Message))
	}
	if err != nil {
		return nil, malformed("%w", fault.Cause(err))
	}
	return t, nil
}

// nesting bounds what the decoder goes into by calling itself: brackets within brackets, and dots of keys.
func nesting(data []byte) error {
	s := string(data)
	depth, dots, line := 0, 0, 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\n':
			line, dots = line+1, 0
		case '#':
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				return nil
			}
			i += n - 1
		case '"', '\'':
			n := quoted(s[i:])
			line += strings.Count(s[i:i+n], "\n")
			i += n - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case '.':
			dots++
		}
		if depth > maxDepth || dots > maxDepth {
			return limit("line %d nests deeper than %d levels", line, maxDepth)
		}
	}
	return nil
}

// quoted is the length of the string that s begins with; to the end of the line, or of s, where it does not end.
func quoted(s string) int {
	mark := s[:1]
	if long := strings.Repeat(mark, 3); strings.HasPrefix(s, long) {
		mark = long
	}
	for i := len(mark); i < len(s); i++ {
		switch {
		case s[i] == '\\' && mark[0] == '"':
			i++
		case s[i] == '\n' && len(mark) == 1:
			return i
		case strings.HasPrefix(s[i:], mark):
			return i + len(mark)
		}
	}
	return len(s)
}

// text is a member that is a text; "" where there is none.
func (t table) text(name string) (string, error) {
	switch x := t[name].(type) {
	case nil:
		return "", nil
	case string:
		return x, nil
	}
	return "", malformed("member %q is not a text", name)
}

// texts reads several members.
func (t table) texts(into map[string]*string) error {
	for name, p := range into {
		s, err := t.text(name)
		if err != nil {
			return err
		}
		*p = s
	}
	return nil
}

// table is a member that is a table; empty where there is none.
func (t table) table(name string) (table, error) {
	switch x := t[name].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return x, nil
	}
	return nil, malformed("member %q is not a table", name)
}

// list is a member that is a list of tables.
func (t table) list(name string) ([]table, error) {
	var out []table
	switch x := t[name].(type) {
	case nil:
	case []map[string]any:
		for _, m := range x {
			out = append(out, m)
		}
	case []any:
		for _, v := range x {
			m, ok := v.(map[string]any)
			if !ok {
				return nil, malformed("member %q is not a list of tables", name)
			}
			out = append(out, m)
		}
	default:
		return nil, malformed("member %q is not a list of tables", name)
	}
	return out, nil
}

// each calls f for each package of a lock file, and says which one an error is about.
func (t table) each(f func(name, version string, p table) error) error {
	all, err := t.list("package")
	if err != nil {
		return err
	}
	for i, p := range all {
		var name, version string
		err := p.texts(map[string]*string{"name": &name, "version": &version})
		if err == nil {
			err = f(name, version, p)
		}
		if err != nil {
			kind := fault.Of(err)
			return fault.New(fault.Refused, kind.Code, "", "package %d (%q): %w", i+1, name, err)
		}
	}
	return nil
}
