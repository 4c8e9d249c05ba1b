package fault

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"
)

// Hidden stands in a message where a secret stood.
const Hidden = "[hidden]"

const (
	minSecret = 8  // bytes; what is shorter is no secret, and would be found everywhere
	piece     = 16 // bytes of a secret that are found by themselves: messages are cut, and half a secret is one
)

// Scrub returns text without secrets, for messages that repeat what a service answered. A secret is also found in part,
// broken over lines, with escapes of Go or JSON, percent-encoded (RFC 3986, 2.1), also more than once, and in base64
// (RFC 4648, 4 and 5) with anything before it.
func Scrub(text string, secrets ...string) string { return Scrubber(secrets...)(text) }

// Scrubber is Scrub for many texts.
func Scrubber(secrets ...string) func(text string) string {
	pieces := map[int]map[string]bool{} // by their length
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		for _, form := range forms(s) {
			cut(pieces, form)
		}
	}
	return func(text string) string {
		if len(pieces) == 0 {
			return text
		}
		return scrubbed(text, pieces)
	}
}

func scrubbed(text string, pieces map[int]map[string]bool) string {
	letters := essence(text)
	hide := make([]bool, len(text))
	if !mark(hide, letters, pieces) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case !hide[i]:
			out.WriteByte(text[i])
		case i == 0 || !hide[i-1]:
			out.WriteString(Hidden)
		}
	}
	return out.String()
}

// ScrubFault returns err without secrets: an error with the kind, the code and the hint of its fault, whose text and
// causes are gone with the secret. An error that repeats none is returned as it is.
func ScrubFault(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	said := Scrub(err.Error(), secrets...)
	var f *Fault
	hint := ""
	if errors.As(err, &f) {
		hint = Scrub(f.Hint, secrets...)
	}
	switch {
	case f == nil && said == err.Error(), f != nil && said == err.Error() && hint == f.Hint:
		return err
	case f == nil:
		return errors.New(said)
	}
	return &Fault{Kind: f.Kind, Code: f.Code, Hint: hint, Err: errors.New(said)}
}

// A letter is one byte of a text as a secret has it, and where it stands.
type letter struct {
	is       byte
	from, to int
}

// essence returns the bytes of text that a secret is made of, without what encodings and line breaks put between them.
func essence(text string) []letter {
	var out []letter
	for i := 0; i < len(text); i++ {
		out = append(out, letter{text[i], i, i + 1})
	}
	for range 3 { // an address within an address is encoded again
		n := len(out)
		if out = unescaped(out); len(out) == n {
			break
		}
	}
	kept := out[:0]
	for _, l := range out {
		if l.is > ' ' && l.is < utf8.RuneSelf && !strings.ContainsRune(`"'\>|,`, rune(l.is)) {
			l.is = plainLetter(l.is)
			kept = append(kept, l)
		}
	}
	return kept
}

// plainLetter makes one alphabet of the two of base64.
func plainLetter(b byte) byte {
	switch b {
	case '-':
		return '+'
	case '_':
		return '/'
	}
	return b
}

// unescaped decodes each %2e, \u002e and \x2e, and drops each \n, \r and \t.
func unescaped(in []letter) []letter {
	var out []letter
	for i := 0; i < len(in); i++ {
		digits, skip := 0, 0
		switch next := at(in, i+1); {
		case in[i].is == '%':
			digits, skip = 2, 1
		case in[i].is == '\\' && next == 'x':
			digits, skip = 2, 2
		case in[i].is == '\\' && next == 'u':
			digits, skip = 4, 2
		case in[i].is == '\\' && (next == 'n' || next == 'r' || next == 't'):
			i++
			continue
		}
		if b, ok := hexadecimal(in, i+skip, digits); ok {
			end := i + skip + digits
			out = append(out, letter{b, in[i].from, in[end-1].to})
			i = end - 1
			continue
		}
		out = append(out, in[i])
	}
	return out
}

func at(in []letter, i int) byte {
	if i < len(in) {
		return in[i].is
	}
	return 0
}

func hexadecimal(in []letter, from, digits int) (byte, bool) {
	n := 0
	for i := from; i < from+digits; i++ {
		d := strings.IndexByte("0123456789abcdef", at(in, i)|0x20)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | d
	}
	return byte(n), digits > 0 && n > 0 && n < utf8.RuneSelf
}

// forms are the texts that a secret has: itself, and what base64 makes of it after none, one or two other bytes.
func forms(secret string) []string {
	all := []string{secret}
	for before := range 3 {
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
		mixed := (before*8 + 5) / 6                // letters that the bytes before have a part in
		all = append(all, text[mixed:len(text)-1]) // the last may be of the bytes behind as well
	}
	return all
}

// cut adds the pieces of a form of a secret, by which it is found.
func cut(pieces map[int]map[string]bool, form string) {
	var want []byte
	for _, l := range essence(form) {
		want = append(want, l.is)
	}
	n := min(piece, len(want))
	if n < minSecret {
		return
	}
	if pieces[n] == nil {
		pieces[n] = map[string]bool{}
	}
	for i := 0; i+n <= len(want); i++ {
		pieces[n][string(want[i:i+n])] = true
	}
}

// mark marks in hide where a piece stands among the letters, and reports whether one does.
func mark(hide []bool, letters []letter, pieces map[int]map[string]bool) bool {
	text := make([]byte, len(letters))
	for i, l := range letters {
		text[i] = l.is
	}
	found := false
	for n, of := range pieces {
		for i := 0; i+n <= len(text); i++ {
			if of[string(text[i:i+n])] {
				found = true
				for j := letters[i].from; j < letters[i+n-1].to; j++ {
					hide[j] = true
				}
			}
		}
	}
	return found
}
