package build

import (
	"regexp"
	"strings"
	"sync"
)

// script is a shell script in which each secret word is hidden, and the rest is as it was. ok is false where a secret
// cannot be told
// from what stands around it: then its caller hides the whole.
func (k *maker) script(text string) (out string, ok bool) {
	type span struct{ begin, from, to int } // of a name, and of its value
	var all []span
	for at := 0; ; {
		m := given().FindStringSubmatchIndex(text[at:])
		if m == nil {
			break
		}
		for i := range m {
			m[i] += at
		}
		name, apart, value := text[m[2]:m[3]], text[m[3]:m[4]], strings.TrimRight(text[m[4]:m[5]], ";")
		at = m[3] + 1
		if strings.TrimSpace(apart) == "" && !strings.HasPrefix(name, "-") || !k.Hidden(strings.TrimLeft(name, "-"),
			value) {
			continue
		}
		if !exactly(name, apart, value, text[m[4]+len(value):]) {
			return "", false
		}
		at = m[4] + len(value)
		all = append(all, span{m[2], m[4], at})
	}
	var rest strings.Builder // what is left to be looked at
	var shown strings.Builder
	last := 0
	for _, s := range all {
		rest.WriteString(text[last:s.begin] + "x")
		shown.WriteString(text[last:s.from] + hidden)
		last = s.to
	}
	if k.secret("", rest.String()+text[last:]) {
		return "", false
	}
	return k.Scrub(valid(shown.String() + text[last:])), true
}

// exactly reports whether a value is one whole word of a shell, so that nothing of it stands behind: next is the text
// that does.
func exactly(name, apart, value, next string) bool {
	quote := strings.TrimPrefix(apart, "=")
	if !plainWord().MatchString(value) || apart == quote && (apart != " " || !strings.HasPrefix(name, "-")) {
		return false
	}
	if quote == `"` || quote == "'" {
		var closed bool
		if next, closed = strings.CutPrefix(next, quote); !closed {
			return false
		}
	} else if apart != "=" && apart != " " {
		return false
	}
	return next == "" || strings.ContainsAny(next[:1], " \t\n;")
}

// plainWord has no character that means something to a shell.
var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_+/=.:@%,~^-]+$`) })

// ofShell reports whether an argument is the script of a shell: the one behind -c.
func ofShell(args []string, i int) bool {
	return i > 0 && shellFlag().MatchString(args[i-1]) && strings.ContainsAny(args[i], " \t\n")
}

var shellFlag = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-[a-z]*c$`) })
