package change

import (
	"regexp"
	"strings"
	"sync"
)

// The keys of trailers that name who else made a commit, and of those that name
// a tool: these count where they have an address, because most have none and
// name a program.
var (
	person = sync.OnceValue(func() *regexp.Regexp { return key(`co-?(?:authored|developed|committed|written)[- ]by`) })
	tool   = sync.OnceValue(func() *regexp.Regexp {
		return key(`(?:ai-)?(?:assisted|generated|made|created|produced|helped|pair-?programmed)[- ](?:by|with)`)
	})
	either = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(person().String() + "|" +
			tool().String())
	})
	address = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^<>]*<\s*([^<>@,\s]+@[^<>@,\s]+)\s*>$`) })
	several = sync.OnceValue(func() *regexp.Regexp {
		one := `[^<>]*<\s*[^<>@,\s]+@[^<>@,\s]+\s*>\s*`
		return regexp.MustCompile(`^` + one + `(?:(?:[,;&]|and\b)` + one + `)+$`)
	})
	within = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^<>@,;\s"'()]+@[^<>@,;\s"'()]+`) })
)

// key matches a line that begins with a trailer's key, also where a list, a
// quotation or an odd sign stands before it.
func key(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)^[\s>*+•·‣◦–—-]*(?:\d+[.)]\s*)?\**` + name + `\**\s*:\**(.*)$`)
}

// plain writes spaces that are no spaces, and full-width signs, as what a reader
// takes them for, and leaves out what nobody sees.
var plain = strings.NewReplacer("\r", "\n", "\u00a0", " ", "\u2007", " ", "\u202f", " ", "\u3000", " ", "\u2028",
	"\n", "\u2029", "\n", "\u0085", "\n",
	"\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u00ad", "", "：", ":", "﹕", ":", "＠", "@", "＜", "<", "＞", ">", "‐", "-", "‑", "-", "－", "-")

// coAuthors returns the addresses of those whom a commit's message names besides
// its author. Git reads trailers in the last paragraph alone; here each line that
// could be one is taken for one, wherever it stands: a line too many adds a maker,
// a line too few would lose one. What a key of people has and is not a name and an address,
// or several of these, is returned as it stands, so that it stays somebody unknown.
func coAuthors(message string) []string {
	var all []string
	lines := strings.Split(plain.Replace(message), "\n")
	for i := 0; i < len(lines); i++ {
		m, people := person().FindStringSubmatch(lines[i]), true
		if m == nil {
			m, people = tool().FindStringSubmatch(lines[i]), false
		}
		if m == nil {
			continue
		}
		value := m[1]
		for i+1 < len(lines) && folded(lines[i+1]) {
			i++
			value += " " + strings.TrimSpace(lines[i])
		}
		value = strings.TrimSpace(value)
		switch a := address().FindStringSubmatch(value); {
		case a != nil:
			all = append(all, a[1])
		case people && several().MatchString(value): // two in one trailer
			for _, part := range strings.SplitAfter(value, ">") {
				if a := address().FindStringSubmatch(part); a != nil {
					all = append(all, a[1])
				}
			}
		case people:
			all = append(all, value)
		default:
			all = append(all, within().FindAllString(value, -1)...)
		}
	}
	return all
}

// folded reports whether a line goes on with the trailer before it.
func folded(line string) bool {
	return strings.TrimSpace(line) != "" && strings.TrimLeft(line, " \t") != line && !either().MatchString(line)
}
