package starter

import (
	"slices"
	"strings"
)

// maxOwners is how many owners are taken from a file.
const maxOwners = 20

// Owners are who owns everything by a CODEOWNERS file: of the last line about all files.
// names are accounts and teams, without their @; others are addresses and roles, which have no
// number here.
func Owners(text []byte) (names, others []string) {
	var last []string
	for l := range strings.Lines(string(text)) {
		l, _, _ = strings.Cut(l, " #")
		words := strings.Fields(l)
		if len(words) > 1 && slices.Contains([]string{"*", "/**", "**", "/"}, words[0]) {
			last = words[1:]
		}
	}
	for _, w := range last {
		name, ok := strings.CutPrefix(w, "@")
		switch {
		case len(names)+len(others) == maxOwners:
			return names, others
		case ok && !strings.HasPrefix(name, "@") && name != "":
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		default:
			others = append(others, w)
		}
	}
	return names, others
}
