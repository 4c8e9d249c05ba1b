package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DidYouMean returns ", did you mean …?" for a near miss, and nothing for a
// far one.
func DidYouMean(s string, of []string) string {
	best, at := "", 3
	for _, o := range of {
		if len(s)-len(o) >= at || len(o)-len(s) >= at {
			continue // as many edits at least
		}
		if d := distance(strings.ToLower(s), strings.ToLower(o)); d < at {
			best, at = o, d
		}
	}
	if best == "" && len(s) >= 3 {
		begun := slices.DeleteFunc(slices.Clone(of), func(o string) bool { return !strings.HasPrefix(strings.ToLower(o), strings.ToLower(s)) })
		if len(begun) == 1 {
			best = begun[0]
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is the number of edits between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost = 1 + min(prev, row[j], row[j+1])
			}
			prev, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// utf8Text reports whether b is UTF-8 without control and direction
// characters, which make a reader see another text than the machine.
func utf8Text(b []byte) bool {
	_, _, what := foreign(b)
	return what == ""
}

// foreign returns the place of the first thing in b that is not plain text, and
// what it is; or nothing.
func foreign(b []byte) (line, column int, what string) {
	line, column = 1, 1
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			return line, column, "a byte that is not UTF-8; save the file as UTF-8"
		case r == 0:
			return line, column, "a byte of zero; save the file as UTF-8"
		case r == '\r':
			return line, column, "a carriage return; save the file with LF line ends, and keep them with " +
				"the line .sallyport/** text eol=lf in .gitattributes"
		case r == '\ufeff':
			return line, column, "a byte order mark; save the file as UTF-8 without one"
		case r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)):
			return line, column, fmt.Sprintf("the character %U, which nobody sees; take it out", r)
		case r == '\n':
			line, column = line+1, 0
		}
		column++
		b = b[n:]
	}
	return 0, 0, ""
}
