package fault

import (
	"fmt"
	"reflect"
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
	if all, ok := x.value.([]string); ok {
		cut := make([]any, len(all))
		for i, s := range all {
			cut[i] = quoted{s}
		}
		fmt.Fprintf(f, format, cut)
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
