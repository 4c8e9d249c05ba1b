package starter

import (
	"regexp"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/yamlnode"
)

// A line that lost its end by init has none after it either.
var (
	// flowMark is the comment behind brackets into which keys were put.
	flowMark = sync.OnceValue(
		func() *regexp.Regexp { return regexp.MustCompile(` # sallyport: ([a-z-]+(?:, [a-z-]+)*)$`) },
	)
	// gateNeed is a gate in a list of what a job needs, in brackets or on a line.
	gateNeed  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"(gate:[^"]+)"(, )?`) })
	gateBlock = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^"?(gate:[^"]+)"?:$`) })
	// blockMark is the mark of a block.
	blockMark = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(mark + ` ([0-9a-f]{8})$`) })
)

// Unmark takes each block out again that has the mark on its first line and is as it was
// written, and the keys that a mark names. kept are the first lines of blocks that have the mark
// and that somebody has changed since: they stay. The error is ErrNoPlace where what is
// left would not be a part of what was there.
func Unmark(raw []byte, o yamlnode.Options) (after []byte, kept []string, err error) {
	before, err := readOne(raw, o)
	if err != nil {
		return nil, nil, err
	}
	all := lines(raw)
	var out []string
	gates := map[string]bool{}
	for i := 0; i < len(all); {
		text := strings.TrimSuffix(all[i], "\n")
		if m := flowMark().FindStringSubmatch(text); m != nil {
			out = append(out, unflowed(text, m)+all[i][len(text):])
			i++
			continue
		}
		first, end, found := ownBlock(all, i)
		if !found || end == 0 {
			if found {
				kept = append(kept, strings.TrimSpace(first))
			}
			out = append(out, all[i])
			i++
			continue
		}
		if m := gateBlock().FindStringSubmatch(first); m != nil {
			gates[m[1]] = true
		}
		top := strings.HasSuffix(first, ":") && !strings.HasPrefix(strings.TrimSpace(first), "-")
		if last := len(out) - 1; top && last >= 0 && strings.TrimSpace(out[last]) == "" && !owned(first) {
			out = out[:last] // the blank line that was put before it
		}
		if end == len(all) && !strings.HasSuffix(all[end-1], "\n") && len(out) > 0 {
			out[len(out)-1] = strings.TrimSuffix(out[len(out)-1], "\n")
		}
		i = end
	}
	after = []byte(strings.Join(withoutNeeds(out, gates), ""))
	root, err := readOne(after, o)
	if err != nil || !yamlnode.Holds(before, root) {
		return nil, kept, ErrNoPlace
	}
	return after, kept, nil
}

// ownBlock returns the first line of a marked block without its mark, and where the block ends:
// 0 for one that is not as it was written.
func ownBlock(all []string, at int) (first string, end int, found bool) {
	text := strings.TrimSuffix(all[at], "\n")
	m := blockMark().FindStringSubmatch(text)
	if m == nil {
		return "", 0, false
	}
	first = strings.TrimSuffix(text, m[0])
	end, indent := blockEnd(all, at), indentOf(first)
	block := first[indent:] + "\n"
	for _, l := range all[at+1 : end] {
		block += l[min(indent, indentOf(l)):]
	}
	if digestOf(block) != m[1] {
		end = 0
	}
	return first, end, true
}

// owned are keys of a job, which were put in without a blank line.
func owned(text string) bool {
	key := strings.TrimSuffix(strings.TrimSpace(text), ":")
	return key == "permissions" || key == "outputs"
}

// blockEnd is the number of the first line behind a block.
func blockEnd(all []string, at int) int {
	indent, end := indentOf(all[at]), at+1
	for n := at + 1; n < len(all); n++ {
		t := strings.TrimSpace(all[n])
		if t == "" {
			continue
		}
		if indentOf(all[n]) <= indent {
			break
		}
		end = n + 1
	}
	return end
}

// unflowed takes keys out of brackets.
func unflowed(text string, m []string) string {
	text = strings.TrimSuffix(text, m[0])
	for name := range strings.SplitSeq(m[1], ", ") {
		at := strings.Index(text, name+": ")
		if at < 0 {
			continue
		}
		rest := text[at:]
		if end := strings.Index(rest, ", "); end >= 0 {
			text = text[:at] + rest[end+2:]
		} else if end := strings.Index(rest, "}"); end >= 0 {
			text = text[:at] + rest[end:]
		}
	}
	return text
}

// withoutNeeds takes gates that are no more out of what jobs need.
func withoutNeeds(all []string, gates map[string]bool) []string {
	var out []string
	for _, l := range all {
		m := gateNeed().FindStringSubmatch(l)
		switch {
		case m == nil || !gates[m[1]]:
			out = append(out, l)
		case strings.HasPrefix(strings.TrimSpace(l), "- "):
		default:
			out = append(out, strings.Replace(l, m[0], "", 1))
		}
	}
	return out
}
