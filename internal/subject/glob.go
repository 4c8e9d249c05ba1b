package subject

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of one pattern; the first is that of a name, too.
const (
	maxName     = 4096 // bytes
	maxSegments = 60   // parts between slashes; the states of a walk are bits of one word
)

// meta are the characters that mean something else than themselves.
const meta = "*?["

// A glob is a valid pattern, split at its slashes, with a final "**" written as
// "**/*".
type glob []string

// states is a set of places in a glob: bit i says that the first i segments
// are matched.
type states uint64

// ValidPattern says what is wrong with pattern, if anything. The dialect, for
// attesting and for policies alike:
//
//	/        separates segments; a pattern names a path from the root of the tree
//	*        any characters of one segment, also none, also a leading dot
//	?        one character
//	[abc]    one of these characters; [a-z] one of this range
//	[!abc]   one character that is none of these
//	**       as a whole segment: any number of segments, also none; as the last
//	         segment: everything beneath
//
// Everything else stands for itself, byte for byte: letter case and Unicode form
// count. To match "*", "?" or "[" themselves, write "[*]", "[?]" or "[[]". What
// other dialects read in another way is refused, not guessed: "[^a]", "{a,b}",
// backslashes, a leading "!", "**" beside other characters, empty segments, "."
// and "..", absolute paths.
func ValidPattern(pattern string) error {
	_, err := parseGlob(pattern)
	return err
}

// Match reports whether name, a slash-separated relative path in its shortest
// form, is one that pattern names. A pattern that is not valid matches nothing,
// and no pattern matches a name that is not a path in its shortest form.
func Match(pattern, name string) bool {
	g, err := parseGlob(pattern)
	if err != nil || checkName(name) != nil {
		return false
	}
	s := g.start()
	for segment := range strings.SplitSeq(name, "/") {
		s = g.step(s, segment)
	}
	return g.accepts(s)
}

// Literal returns what every name that pattern names begins with: the part before
// its first special character. It is the whole pattern if that names one name.
func Literal(pattern string) string {
	if at := strings.IndexAny(pattern, "*?["); at >= 0 {
		return pattern[:at]
	}
	return pattern
}

func parseGlob(pattern string) (glob, error) {
	if err := checkPattern(pattern); err != nil {
		return nil, err
	}
	var g glob
	for segment := range strings.SplitSeq(pattern, "/") {
		if err := checkSegment(pattern, segment); err != nil {
			return nil, err
		}
		g = append(g, segment)
	}
	if g[len(g)-1] == "**" {
		g = append(g, "*")
	}
	if len(g) > maxSegments {
		return nil, fault.New(fault.Refused, fault.Limit, "", "pattern %q has %d segments, at most %d are allowed", pattern, len(g), maxSegments)
	}
	return g, nil
}

// checkPattern refuses what other dialects give a meaning.
func checkPattern(pattern string) error {
	if strings.HasPrefix(pattern, "!") {
		return badPath("pattern %q starts with %q, there is no negation", pattern, "!")
	}
	if strings.Contains(pattern, `\`) {
		return badPath("pattern %q has a backslash, want %q between names and %q around a special character", pattern, "/", "[]")
	}
	if strings.ContainsAny(pattern, "{}") {
		return badPath("pattern %q has braces, want one pattern for each alternative", pattern)
	}
	return checkName(pattern)
}

// checkName refuses a path that is absolute, leaves the tree, is not in its
// shortest form, or cannot be shown to a person as it is.
func checkName(name string) error {
	if name == "" {
		return badPath("a path is empty")
	}
	if len(name) > maxName {
		return fault.New(fault.Refused, fault.Limit, "", "path %q has %d bytes, at most %d are allowed", name,
			len(name), maxName)
	}
	if strings.HasPrefix(name, "/") {
		return badPath("path %q is absolute, want one relative to the root of the tree", name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		switch segment {
		case "..":
			return badPath("path %q leaves the tree by %q", name, "..")
		case "", ".":
			return badPath("path %q is not in its shortest form", name)
		}
	}
	return checkShown(name)
}

// checkShown refuses names that a terminal, a page or a log would show as
// something else: control and invisible characters, bidirectional overrides,
// invalid UTF-8.
func checkShown(name string) error {
	if !utf8.ValidString(name) {
		return badPath("name %q is not valid UTF-8", name)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return badPath("name %q has character %U, which cannot be seen", name, r)
		}
	}
	return nil
}

func checkSegment(pattern, segment string) error {
	if strings.Contains(segment, "**") && segment != "**" {
		return badPath("pattern %q has %q beside other characters, want it alone between slashes", pattern, "**")
	}
	for rest := segment; rest != ""; {
		if rest[0] != '[' {
			rest = rest[1:]
			continue
		}
		set, after, err := cutSet(pattern, rest)
		if err != nil {
			return err
		}
		if err := set.check(pattern); err != nil {
			return err
		}
		rest = after
	}
	return nil
}

// start returns the places before the first segment of a name.
func (g glob) start() states { return g.skip(1) }

// skip adds the places that s reaches because "**" may match nothing.
func (g glob) skip(s states) states {
	for i, segment := range g {
		if segment == "**" && s&(1<<i) != 0 {
			s |= 1 << (i + 1)
		}
	}
	return s
}

// step returns the places after one more segment of a name. No places are left
// if nothing that starts like this can match.
func (g glob) step(s states, segment string) states {
	var next states
	for i, p := range g {
		if s&(1<<i) == 0 {
			continue
		}
		if p == "**" {
			next |= 1 << i
		} else if matchSegment(p, segment) {
			next |= 1 << (i + 1)
		}
	}
	return g.skip(next)
}

func (g glob) accepts(s states) bool { return s&(1<<len(g)) != 0 }

// goesOn reports whether something beneath may match.
func (g glob) goesOn(s states) bool { return s&(1<<len(g)-1) != 0 }

// matchSegment matches one segment in at most len(p)*len(s) steps: after a
// mismatch only the last "*" has to take one character more.
func matchSegment(p, s string) bool {
	var backP, backS string
	star := false
	for s != "" || p != "" {
		if strings.HasPrefix(p, "*") {
			p = p[1:]
			backP, backS, star = p, s, true
			continue
		}
		if afterP, afterS, ok := matchOne(p, s); ok {
			p, s = afterP, afterS
			continue
		}
		if !star || backS == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(backS)
		backS = backS[n:]
		p, s = backP, backS
	}
	return true
}

// matchOne takes one character from s and what matches it from p.
func matchOne(p, s string) (afterP, afterS string, ok bool) {
	if p == "" || s == "" {
		return "", "", false
	}
	r, n := utf8.DecodeRuneInString(s)
	switch p[0] {
	case '?':
		return p[1:], s[n:], true
	case '[':
		set, after, err := cutSet(p, p)
		return after, s[n:], err == nil && set.has(r)
	}
	q, m := utf8.DecodeRuneInString(p)
	return p[m:], s[n:], q == r
}

// A charset is what stands between the brackets of a pattern.
type charset struct {
	members string
	negated bool
}

// cutSet splits p, which starts with "[", after the set.
func cutSet(pattern, p string) (set charset, after string, err error) {
	end := strings.IndexByte(p, ']')
	if end < 0 {
		return charset{}, "", badPath("pattern %q has %q without %q", pattern, "[", "]")
	}
	set.members, set.negated = strings.CutPrefix(p[1:end], "!")
	return set, p[end+1:], nil
}

func (c charset) check(pattern string) error {
	if c.members == "" {
		return badPath("pattern %q has an empty set", pattern)
	}
	if strings.HasPrefix(c.members, "^") && !c.negated {
		return badPath("pattern %q has %q, want %q for characters that are not in a set", pattern, "[^", "[!")
	}
	if i := strings.IndexByte(c.members, '['); i >= 0 && i+1 < len(c.members) && strings.IndexByte(":.=", c.members[i+1]) >= 0 {
		return badPath("pattern %q has a named character class, want the characters themselves", pattern)
	}
	ok := true
	c.ranges(func(lo, hi rune) bool { ok = ok && lo <= hi; return false })
	if !ok {
		return badPath("pattern %q has a range that runs backwards", pattern)
	}
	return nil
}

func (c charset) has(r rune) bool {
	in := c.ranges(func(lo, hi rune) bool { return lo <= r && r <= hi })
	return in != c.negated
}

// ranges calls f for each range of the set until f returns true, and returns
// whether it did. A dash at either end stands for itself.
func (c charset) ranges(f func(lo, hi rune) bool) bool {
	for rest := []rune(c.members); len(rest) > 0; {
		lo, hi := rest[0], rest[0]
		rest = rest[1:]
		if len(rest) >= 2 && rest[0] == '-' {
			hi = rest[1]
			rest = rest[2:]
		}
		if f(lo, hi) {
			return true
		}
	}
	return false
}

func badPath(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Path, "", format, args...)
}
