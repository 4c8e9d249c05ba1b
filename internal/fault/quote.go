package fault

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxQuoted is how many bytes of one foreign value a message repeats. What
// strangers wrote may be of any length; a message is read by people, and is
// copied into logs, summaries and records.
const MaxQuoted = 200

// Quote returns a foreign value as %q has it, cut to MaxQuoted bytes.
func Quote(s string) string { return Text("%q", s) }

// Text is fmt.Sprintf for phrases: what the verb %q quotes is cut to MaxQuoted
// bytes, and the whole length is said.
func Text(format string, args ...any) string {
	bound(args)
	return fmt.Sprintf(format, args...)
}

// Errorf is fmt.Errorf for phrases, and cuts as Text does.
func Errorf(format string, args ...any) error {
	bound(args)
	return fmt.Errorf(format, args...)
}

// Cut returns s if it has at most MaxQuoted bytes, and else so much of it and
// a mark. It is for values that stand by themselves, without quotes.
func Cut(s string) string {
	if len(s) <= MaxQuoted {
		return s
	}
	return begin(s) + "…"
}

// Bound returns a phrase in which no quoted value and no word has more than
// MaxQuoted bytes. It is for whoever shows phrases: a value that somebody wrote
// into one without cutting it is cut there.
func Bound(phrase string) string {
	if len(phrase) <= MaxQuoted {
		return phrase
	}
	var out strings.Builder
	for rest := phrase; rest != ""; {
		n := stretch(rest)
		part := rest[:n]
		rest = rest[n:]
		switch raw, err := strconv.Unquote(part); {
		case part[0] == '"' && err == nil && len(raw) > MaxQuoted:
			out.WriteString(Quote(raw))
		case part[0] == '"' && err == nil:
			out.WriteString(part)
		default:
			out.WriteString(Cut(part))
		}
	}
	return out.String()
}

// stretch returns the length of the quoted value, the word or the space that s
// begins with.
func stretch(s string) int {
	if s[0] == '"' {
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
	}
	if n := len(s) - len(strings.TrimLeft(s, " \n")); n > 0 {
		return min(n, MaxQuoted)
	}
	if n := strings.IndexAny(s[1:], " \n\""); n >= 0 {
		return n + 1
	}
	return len(s)
}

// BoundAll is Bound for a list of values that commas or semicolons separate:
// each of them has at most MaxQuoted bytes.
func BoundAll(values string) string {
	if len(values) <= MaxQuoted {
		return values
	}
	var out strings.Builder
	for rest := values; rest != ""; {
		n := strings.IndexAny(rest, ",;")
		if n < 0 {
			out.WriteString(Cut(rest))
			break
		}
		out.WriteString(Cut(rest[:n]))
		out.WriteString(rest[n : n+1])
		rest = rest[n+1:]
	}
	return out.String()
}

// bound has what %q quotes cut. An error is never touched: %w has to find it.
func bound(args []any) {
	for i, a := range args {
		switch a.(type) {
		case nil, error, quoted:
		case string, []byte, []string, fmt.Stringer:
			args[i] = quoted{a}
		default:
			if k := reflect.TypeOf(a).Kind(); k == reflect.String {
				args[i] = quoted{a}
			}
		}
	}
}

// quoted is a value that the verb %q cuts. Under every other verb it is what it
// was.
type quoted struct{ value any }

// Format implements fmt.Formatter.
func (x quoted) Format(f fmt.State, verb rune) {
	format := fmt.FormatString(f, verb)
	if verb != 'q' {
		fmt.Fprintf(f, format, x.value)
		return
	}
	if all, ok := x.value.([]string); ok && len(all) == 0 {
		fmt.Fprint(f, "[]")
		return
	} else if ok {
		for i, s := range all {
			if i > 0 {
				fmt.Fprint(f, ", ")
			}
			fmt.Fprintf(f, format, quoted{s})
		}
		return
	}
	s := fmt.Sprintf("%s", x.value)
	if len(s) <= MaxQuoted {
		fmt.Fprintf(f, format, s)
		return
	}
	fmt.Fprintf(f, format, begin(s))
	fmt.Fprintf(f, "… (%d bytes)", len(s))
}

// clip is Cut for the text of a library, in which a quoted value may be open
// where it is cut: no escape is split, and the quotes are closed.
func clip(s string) string {
	if len(s) <= MaxQuoted {
		return s
	}
	s = begin(s)
	open, escape := false, -1
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			open = !open
		case s[i] == '\\' && open:
			escape = i
			i++
		}
	}
	if !open {
		return s + "…"
	}
	if escape >= 0 && len(s)-escape < escapeLen(s[escape:]) {
		s = s[:escape]
	}
	return s + "…\""
}

// escapeLen returns the length of the escape that s begins with.
func escapeLen(s string) int {
	if len(s) < 2 {
		return 2
	}
	switch s[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// begin returns the first MaxQuoted bytes of s, without a part of a character.
func begin(s string) string {
	n := MaxQuoted
	for n > 0 && n > MaxQuoted-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Brief returns an error of a library with its text cut to MaxQuoted bytes: a
// library repeats what it read without a limit. The error itself can still be
// found beneath.
func Brief(err error) error {
	if err == nil || len(err.Error()) <= MaxQuoted {
		return err
	}
	return brief{err}
}

type brief struct{ error }

func (b brief) Error() string { return Cut(b.error.Error()) }

// Unwrap returns the whole error.
func (b brief) Unwrap() error { return b.error }
