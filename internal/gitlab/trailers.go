package gitlab

import (
	"regexp"
	"strings"
	"sync"
)

var coAuthor = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^\s*co-authored-by\s*:(.*)$`) })
var bracketed = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<([^<>]*)>`) })

// coAuthors returns the addresses of a message's co-authors. Every line that
// could be such a trailer is taken for one, wherever it stands: a line too many
// adds a maker, a line too few would lose one. What is not exactly one address
// is returned as it stands, so that it stays somebody unknown.
func coAuthors(message string) []string {
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
			value += " " + lines[i]
		}
		all = append(all, addressIn(value))
	}
	return all
}

// folded says whether a line goes on with the trailer before it.
func folded(line string) bool {
	return strings.TrimSpace(line) != "" && strings.TrimLeft(line, " \t") != line && !coAuthor().MatchString(line)
}

func addressIn(value string) string {
	if m := bracketed().FindAllStringSubmatch(value, -1); len(m) == 1 {
		return strings.TrimSpace(m[0][1])
	}
	return strings.TrimSpace(value)
}
