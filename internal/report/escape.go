package report

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain returns s as one line that a terminal or a log shows and nothing acts
// on: what is not printable, turns the direction of text or may begin a
// command of a log reader is written as \u{…}. Printable text stays as it is.
func Plain(s string) string {
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x{%x}`, s[i])
		case !shown(r), command(s, i, r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shown says whether r is seen where it stands. unicode.IsPrint knows no
// control, format, surrogate or private character and no space but U+0020, so
// the bidirectional overrides are among those that it refuses.
func shown(r rune) bool { return unicode.IsPrint(r) }

// command says whether the character at i could begin or complete "::" at the
// start of a line or "##[" anywhere, also when s is printed in parts. Each word
// may come to stand at the start of a line when text is wrapped, and those who
// read logs for commands do not mind an indent.
func command(s string, i int, r rune) bool {
	switch r {
	case ':':
		rest := s[i+1:]
		return strings.Trim(s[:i], " ") == "" || s[i-1] == ' ' && (rest == "" || rest[0] == ':')
	case '#':
		rest := s[i+1:]
		return rest == "" || rest[0] == '#' || rest[0] == '['
	}
	return false
}

// Code returns s as a Markdown code span that s cannot leave, also inside a
// table.
func Code(s string) string {
	s = strings.ReplaceAll(Plain(s), "|", `\u{7c}`)
	s = strings.ReplaceAll(s, "`", `\u{60}`)
	if s == "" {
		return "` `"
	}
	return "`" + s + "`"
}

// Block writes lines of a difference as a block of code, which no line of them ends.
func Block(lines []string) string {
	out := "```diff\n"
	for _, l := range lines {
		out += strings.ReplaceAll(Plain(l), "`", `\u{60}`) + "\n"
	}
	return out + "```"
}

// Link returns a Markdown link with text to an https address, or text alone where the address
// is none. Neither can be left.
func Link(text, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || !linkable.MatchString(address) {
		return Code(text)
	}
	return "[" + Code(text) + "](" + address + ")"
}

// linkable are addresses in which nothing means anything to Markdown.
var linkable = regexp.MustCompile(`^https://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~/%@:+=&?#,-]*)?$`)

// PlainLines is Plain for each line of a text.
func PlainLines(s string) string {
	var b strings.Builder
	for l := range strings.Lines(s) {
		b.WriteString(Plain(strings.TrimSuffix(l, "\n")) + "\n")
	}
	return b.String()
}
