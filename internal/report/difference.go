package report

import (
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// maxChanged is how many lines of a difference are shown.
const maxChanged = 60

// Difference returns the lines that differ between two versions of a text, with those
// around them: each begins with "+", "-" or a space. Of a long one it returns the
// beginning, and cut is how many lines are left out.
func Difference(before, after []byte) (lines []string, cut int) {
	all := strings.Split(strings.TrimSuffix(string(diff.Diff("before", before, "after", after)), "\n"), "\n")
	for _, l := range all {
		if l == "" || strings.HasPrefix(l, "diff ") || strings.HasPrefix(l, "--- ") || strings.HasPrefix(l, "+++ ") {
			continue
		}
		lines = append(lines, Plain(l))
	}
	if n := len(lines) - maxChanged; n > 0 {
		return lines[:maxChanged], n
	}
	return lines, 0
}
