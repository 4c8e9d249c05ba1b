package policy

import (
	"regexp"
	"strings"
	"sync"
)

var (
	coAuthor = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^\s*co-authored-by\s*:(.*)$`) })
	signed   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^<>]*<\s*([^<>@,\s]+@[^<>@,\s]+)\s*>$`) })
)

// CoAuthors returns the addresses of the co-authors that a commit's message
// names. Every line that could be such a trailer is taken for one, wherever it
// stands: a line too many adds a maker, a line too few would lose one. What is
// not exactly one name and address is returned as it stands, so that it stays
// somebody unknown.
func CoAuthors(message string) []string {
	var all []string
	lines := strings.Split(strings.ReplaceAll(message, "\r", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		m := coAuthor().FindStringSubmatch(lines[i])
		if m == nil {
			continue
		}
		value := m[1]
		for i+1 < len(lines) && folded(lines[i+1]) {
			i++
			value += " " + strings.TrimSpace(lines[i])
		}
		value = strings.TrimSpace(value)
		if a := signed().FindStringSubmatch(value); a != nil {
			value = a[1]
		}
		all = append(all, value)
	}
	return all
}

// folded says whether a line goes on with the trailer before it.
func folded(line string) bool {
	return strings.TrimSpace(line) != "" && strings.TrimLeft(line, " \t") != line && !coAuthor().MatchString(line)
}
