// Package starter says what a repository needs so that a gate watches it: a policy, lines
// of two files of git, and what the readers of workflows and pipelines add. It also takes
// such lines out again.
//
// It works on texts and facts that others have gathered. It refuses to touch the world, to
// guess a number, and to change a line that is there: it proposes files as they shall
// be, and whoever asked decides.
package starter

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A Change is a file as it is and as it shall be.
type Change struct {
	Path   string
	Before []byte // nil: there is none
	After  []byte // nil: there shall be none
}

// Same reports whether nothing changes.
func (c Change) Same() bool {
	return bytes.Equal(c.Before, c.After) && (c.Before == nil) == (c.After == nil)
}

const around = 3 // lines that a difference shows around what changes

// Diff returns the unified difference of a file, or "" where nothing changes. A name is
// written as it is; who shows the text escapes it.
func (c Change) Diff() string {
	if c.Same() {
		return ""
	}
	a, b := lines(c.Before), lines(c.After)
	var out strings.Builder
	from, to := "a/"+c.Path, "b/"+c.Path
	if c.Before == nil {
		from = "/dev/null"
	}
	if c.After == nil {
		to = "/dev/null"
	}
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", from, to)
	all := compare(a, b)
	for i := 0; i < len(all); {
		if all[i].sign == ' ' {
			i++
			continue
		}
		begin, end := max(0, i-around), i
		for k := i; k < len(all) && k <= end+2*around; k++ {
			if all[k].sign != ' ' {
				end = k
			}
		}
		end = min(len(all)-1, end+around)
		hunk(&out, all, begin, end)
		i = end + 1
	}
	return out.String()
}

// lines are the lines of a text with their ends.
func lines(b []byte) []string { return slices.Collect(strings.Lines(string(b))) }

// A line of a difference: of both texts ' ', of the first '-', of the second '+'.
type line struct {
	sign rune
	text string
}

func hunk(out *strings.Builder, all []line, begin, end int) {
	from, to, before, after := 1, 1, 0, 0
	for i, l := range all[:end+1] {
		switch {
		case i < begin && l.sign != '+' && l.sign != '-':
			from, to = from+1, to+1
		case i < begin && l.sign == '-':
			from++
		case i < begin:
			to++
		case l.sign == '-':
			before++
		case l.sign == '+':
			after++
		default:
			before, after = before+1, after+1
		}
	}
	if before == 0 {
		from--
	}
	if after == 0 {
		to--
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", from, before, to, after)
	for _, l := range all[begin : end+1] {
		text, whole := strings.CutSuffix(l.text, "\n")
		fmt.Fprintf(out, "%c%s\n", l.sign, text)
		if !whole {
			out.WriteString("\\ No newline at end of file\n")
		}
	}
}

const maxCells = 4 << 20 // of the table that finds what two texts have in common

// compare returns the lines of a and b in one list. Where what differs is too much to be
// compared line by line, it is shown whole.
func compare(a, b []string) []line {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []line
	add := func(sign rune, all []string) {
		for _, s := range all {
			out = append(out, line{sign, s})
		}
	}
	add(' ', a[:head])
	ma, mb := a[head:len(a)-tail], b[head:len(b)-tail]
	if (len(ma)+1)*(len(mb)+1) > maxCells {
		add('-', ma)
		add('+', mb)
	} else {
		out = append(out, common(ma, mb)...)
	}
	add(' ', a[len(a)-tail:])
	return out
}

// common finds the longest list of lines that both have, and returns all of them in order.
func common(a, b []string) []line {
	width := len(b) + 1
	best := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for k := len(b) - 1; k >= 0; k-- {
			if best[i*width+k] = max(best[(i+1)*width+k], best[i*width+k+1]); a[i] == b[k] {
				best[i*width+k] = best[(i+1)*width+k+1] + 1
			}
		}
	}
	var out []line
	i, k := 0, 0
	for i < len(a) || k < len(b) {
		switch {
		case i < len(a) && k < len(b) && a[i] == b[k]:
			out = append(out, line{' ', a[i]})
			i, k = i+1, k+1
		case k == len(b) || i < len(a) && best[(i+1)*width+k] >= best[i*width+k+1]:
			out = append(out, line{'-', a[i]})
			i++
		default:
			out = append(out, line{'+', b[k]})
			k++
		}
	}
	return out
}
