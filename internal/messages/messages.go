// Package messages reads what commands say to people, for tests.
//
// It refuses to judge what a message says; it finds what a person who is no programmer of this project cannot use: slips
// of formatting, arrays of bytes, patterns of Go, words of the operating system and names of libraries.
package messages

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Plain fails the test if something that was said holds what no message holds.
func Plain(t testing.TB, said ...string) {
	t.Helper()
	for _, s := range said {
		for _, c := range Complaints(s) {
			t.Errorf("a message has %s", c)
		}
	}
}

// A word is one kind of thing that no message holds.
type word struct {
	what    string
	pattern string
}

var words = []word{
	{"a slip of formatting", `%![a-zA-Z(]`},
	{"a slip of formatting", `<nil>|\(MISSING\)|\(EXTRA `},
	{"an array of bytes", `\[\]byte\{|\[\]uint8\{|\[\d{1,3} \d{1,3} \d{1,3}\b`},
	{"a value of Go", `&\{|map\[[a-z]+:|0xc0[0-9a-f]{8}`},
	{"a pattern of Go", `\(\?[ims]+[:)]|\\A\(|\)\\z|\^\[A-Za-z|\[A-Za-z0-9[^\]]*\][*+]`},
	{"a word of the operating system", `syscall|\bE(CONNREFUSED|CONNRESET|NOENT|ACCES|PERM|EXIST|ISDIR|NOTDIR|PIPE)\b|(unexpected |: )EOF\b`},
	{"a word of the operating system", `\b(dial|read|write|connect) (tcp|udp|unix|ip)\b|\bi/o timeout|\bfork/exec\b`},
	{"a call of the operating system", `\b(open|openat|stat|lstat|statat|fstatat|read|write|readdirent|mkdir|mkdirat|unlinkat|readlink|rename|chmod|chdir) "?[^ "]+"?: (no such|is a|not a|permission|file|too many|operation|invalid|directory|device)`},
	{"the name of a library", `sigstore-go|protojson|\bproto:|\basn1:|\bx509:|\btls:|\bpem:|go-git|goccy|go-containerregistry|\bpkcs7:|\boauth2:|\boidc:|\bjose:|\bjsontext:|\bproto-json|\bunmarshal|\bstrconv\.|\bnet/http`},
	{"the name of a library", `(^|[^.\w/-])(json|yaml|http|url|base64|hex|zip|tar|gzip|flag|ecdsa|ed25519|rsa|crypto/[a-z0-9]+): [a-z]`},
	{"a word of a library", `invalid value for u?int\d+ field|at start of value|\(expecting |invalid surrogate|error parsing regexp|cannot start any token|\(in ""\)|unsupported elliptic`},
	{"a word of the operating system", `\bno such device or address`},
	{"a value of Go", `\["[^"]*" "|\*[a-z0-9]+\.[A-Z][A-Za-z]+\b`},
	{"the inside of the program", `\bgoroutine \d|runtime error|\.go:\d+\b`},
	{"a word of a failure in place of what was done", `\b(failed|unable) to (verify|parse|read|load|fetch|decode|unmarshal|marshal|get|find|create)\b`},
}

var compiled = sync.OnceValue(func() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, w := range words {
		out = append(out, regexp.MustCompile(w.pattern))
	}
	return out
})

// Complaints returns one phrase for each kind of thing in text that no message holds, with what stands around it.
func Complaints(text string) []string {
	var out []string
	for i, re := range compiled() {
		if at := re.FindStringIndex(text); at != nil {
			out = append(out, fmt.Sprintf("%s, %q, in %q", words[i].what, text[at[0]:at[1]], text[max(0, at[0]-80):min(len(text), at[1]+80)]))
		}
	}
	return out
}

// hint is where a text for people has a next step: on a line of standard error, or in a report, where it is broken into
// several.
var hint = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^sallyport: hint: (.+)$|^  fix    (.+(?:\n         .+)*)`)
})

// Hints returns the next steps that a text for people has, each on one line.
func Hints(text string) []string {
	var out []string
	for _, m := range hint().FindAllStringSubmatch(text, -1) {
		out = append(out, strings.Join(strings.Fields(m[1]+m[2]), " "))
	}
	return out
}

var (
	flags   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`--([a-z][a-z-]*)`) })
	another = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(sallyport [a-z]+|cosign)\b.*`) })
)

// Flags returns the flags that a next step tells people to give to the command at hand, without their dashes. Those of
// another command or program stand behind its name.
func Flags(hint string) []string {
	var out []string
	for _, m := range flags().FindAllStringSubmatch(another().ReplaceAllString(hint, ""), -1) {
		out = append(out, m[1])
	}
	return out
}
