package difference

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of texts.
const (
	maxTextSize  = 16 << 20 // bytes; longer ones are compared as bytes
	maxSplit     = 500_000  // lines; texts of more are compared as bytes
	maxTextLines = 2000     // lines that are told
	column       = 48       // bytes before and behind a difference that are shown of a line
)

// textual tells how two texts differ, and reports whether both are texts.
func (w *walk) textual(p place, c content2) bool {
	var text [2][]byte
	for i := range c {
		b, err := c[i].readAll(maxTextSize)
		if err != nil || !isText(b) || bytes.Count(b, []byte("\n")) > maxSplit {
			return false
		}
		text[i] = b
	}
	if len(text[0]) == 0 || len(text[1]) == 0 {
		return false
	}
	if bytes.Equal(unixEnds(text[0]), unixEnds(text[1])) {
		w.wholeText(p, c, text, "line-ends")
		return true
	}
	var lines [2][]string
	for i := range text {
		lines[i] = strings.SplitAfter(string(text[i]), "\n")
	}
	if id := reordered(lines); id != "" {
		w.wholeText(p, c, text, id)
		return true
	}
	w.lines(p, c, lines)
	return true
}

func unixEnds(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

// isText reports whether b is UTF-8 with nothing in it that only binary files have.
func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	for _, x := range b {
		if x < 0x20 && x != '\n' && x != '\r' && x != '\t' && x != '\f' && x != 0x1b || x == 0x7f {
			return false
		}
	}
	return true
}

// wholeText notes one difference of a text as a whole, where it begins.
func (w *walk) wholeText(p place, c content2, text [2][]byte, id string) {
	at := common(text[0], text[1])
	e := c.spot(int64(at))
	n := 1 + bytes.Count(text[0][:at], []byte("\n"))
	from := bytes.LastIndexByte(text[0][:at], '\n') + 1
	a, b := valued(e, shownLine(lineFrom(text[0], from), at-from), shownLine(lineFrom(text[1], from), at-from))
	w.say(p.in(lineAndColumn(n, at-from+1)), id, a, b)
}

func lineFrom(text []byte, from int) string {
	line, _, _ := bytes.Cut(text[min(from, len(text)):], []byte("\n"))
	return string(line)
}

// shownLine is a line, cut around a column.
func shownLine(s string, at int) string {
	s = strings.TrimRight(s, "\n")
	from, to := max(0, min(at, len(s))-column), min(len(s), at+column)
	out := strings.ToValidUTF8(s[from:to], "")
	if from > 0 {
		out = "…" + out
	}
	if to < len(s) {
		out += "…"
	}
	return out
}

// reordered says whether both have the same lines in another order: by the rules of a language, or by chance.
func reordered(lines [2][]string) string {
	if len(lines[0]) != len(lines[1]) || len(lines[0]) < 2 {
		return ""
	}
	var sorted [2][]string
	plain := [2]bool{}
	for i := range lines {
		whole := slices.Clone(lines[i])
		for k := range whole {
			whole[k] = strings.TrimSuffix(whole[k], "\n")
		}
		if len(whole) > 0 && whole[len(whole)-1] == "" {
			whole = whole[:len(whole)-1]
		}
		plain[i] = slices.IsSorted(whole)
		sorted[i] = whole
	}
	folded := [2]bool{byLanguage(sorted[0]), byLanguage(sorted[1])}
	for i := range sorted {
		slices.Sort(sorted[i])
	}
	switch {
	case !slices.Equal(sorted[0], sorted[1]):
		return ""
	case plain[0] && folded[1], plain[1] && folded[0]:
		return "sorted-other"
	}
	return "lines"
}

// byLanguage reports whether lines are sorted as people sort words: capitals and marks do not count.
func byLanguage(lines []string) bool {
	key := func(s string) string { return strings.ToLower(marks.ReplaceAllString(s, "")) }
	return slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(key(a), key(b)) })
}

var marks = regexp.MustCompile(`[^\pL\pN]`)

// lines tells line by line what differs. Lines that one side has more are passed over, where the rest goes on.
func (w *walk) lines(p place, c content2, lines [2][]string) {
	n := [2]int{}
	at := [2]int64{}
	told := 0
	for n[0] < len(lines[0]) && n[1] < len(lines[1]) {
		a, b := lines[0][n[0]], lines[1][n[1]]
		if a == b {
			for i := range n {
				n[i], at[i] = n[i]+1, at[i]+int64(len(a))
			}
			continue
		}
		if told++; told > maxTextLines {
			w.omitted++
			return
		}
		skip := resume([2][]string{lines[0][n[0]:], lines[1][n[1]:]})
		w.hunk(p, c, lines, n, at, skip)
		for i := range n {
			for range skip[i] {
				at[i] += int64(len(lines[i][n[i]]))
				n[i]++
			}
		}
	}
	if n[0] < len(lines[0]) || n[1] < len(lines[1]) {
		w.hunk(p, c, lines, n, at, [2]int{len(lines[0]) - n[0], len(lines[1]) - n[1]})
	}
}

// ahead is how many lines are looked at to find where two texts go on alike.
const ahead = 40

// resume is how many lines of both are to be passed over until they have the same line again. It is the same
// whichever side comes first.
func resume(rest [2][]string) [2]int {
	alike := func(a, b int) bool {
		return a < len(rest[0]) && b < len(rest[1]) && rest[0][a] == rest[1][b] && strings.TrimSpace(rest[0][a]) != ""
	}
	for sum := 1; sum <= ahead; sum++ {
		for a := sum / 2; a >= 0; a-- {
			b := sum - a
			switch there, back := alike(a, b), alike(b, a); {
			case there && back:
				return [2]int{b, b}
			case there:
				return [2]int{a, b}
			case back:
				return [2]int{b, a}
			}
		}
	}
	return [2]int{1, 1}
}

// hunk tells lines that differ: those that stand against each other one by one, and what is left of the longer side.
func (w *walk) hunk(p place, c content2, lines [2][]string, n [2]int, at [2]int64, skip [2]int) {
	for k := range min(skip[0], skip[1]) {
		a, b := lines[0][n[0]+k], lines[1][n[1]+k]
		if a != b {
			w.line(p, c, [2]string{a, b}, n[0]+k, at)
		}
		at[0], at[1] = at[0]+int64(len(a)), at[1]+int64(len(b))
	}
	if skip[0] == skip[1] {
		return
	}
	i := 0
	if skip[1] > skip[0] {
		i = 1
	}
	var e [2]Evidence
	e[i] = c[i].evidence(at[i], 0)
	k := n[i] + skip[1-i]
	e[i].Value = shownLine(lines[i][min(k, len(lines[i])-1)], 0)
	e[1-i] = Evidence{Offset: -1, Value: "(none)"}
	text := [2][]byte{}
	text[i] = []byte(lines[i][min(k, len(lines[i])-1)])
	id, certain := w.guess(p, text, 0)
	if unexplained(id) {
		id, certain = "content", false
	}
	w.note(p.in("line "+itoa(int64(k+1))), id, certain, e[0], e[1])
}

// line tells the first difference of a line, and others further on where the line is long, as in bundles.
func (w *walk) line(p place, c content2, line [2]string, n int, at [2]int64) {
	for k, from := 0, [2]int{}; k < maxInLine; k++ {
		a, b := line[0][from[0]:], line[1][from[1]:]
		i := common([]byte(a), []byte(b))
		if i == len(a) && i == len(b) {
			return
		}
		here := [2]int{from[0] + i, from[1] + i}
		w.column(p, c, line, n, at, here)
		from = rejoin(line, here)
		if from[0] < 0 {
			return
		}
	}
}

// maxInLine is how many differences of one line are told.
const maxInLine = 16

// rejoin is where two lines go on alike behind a difference: at the next place with the same 12 bytes, which is the
// same whichever side comes first. -1 if nowhere.
func rejoin(line [2]string, here [2]int) [2]int {
	const alike, far = 12, 400
	at := map[string]int{}
	for b := min(len(line[1])-alike, here[1]+far); b >= here[1]; b-- {
		at[line[1][b:b+alike]] = b - here[1]
	}
	best := [2]int{far, far}
	for a := 0; a <= far && here[0]+a+alike <= len(line[0]); a++ {
		b, there := at[line[0][here[0]+a:here[0]+a+alike]]
		switch {
		case !there || a+b > best[0]+best[1]:
		case a+b < best[0]+best[1]:
			best = [2]int{a, b}
		default:
			best = [2]int{(a + b + 1) / 2, (a + b + 1) / 2} // two ways, of which neither is better
		}
	}
	if best[0]+best[1] >= 2*far || here[0]+best[0] > len(line[0]) || here[1]+best[1] > len(line[1]) {
		return [2]int{-1, -1}
	}
	return [2]int{here[0] + best[0], here[1] + best[1]}
}

func (w *walk) column(p place, c content2, line [2]string, n int, at [2]int64, here [2]int) {
	from := [2]int{max(0, here[0]-around), max(0, here[1]-around)}
	lead := min(here[0]-from[0], here[1]-from[1])
	var text [2][]byte
	for i := range text {
		text[i] = []byte(line[i][here[i]-lead : min(len(line[i]), here[i]+around)])
	}
	id, certain := w.guess(p, text, lead)
	id = sharpen(id, text, lead)
	e := c.spots([2]int64{at[0] + int64(here[0]), at[1] + int64(here[1])})
	a, b := valued(e, shownLine(line[0], here[0]), shownLine(line[1], here[1]))
	w.note(p.in(lineAndColumn(n+1, here[0]+1)), id, certain, a, b)
}

var decimal = regexp.MustCompile(`[0-9][.,][0-9]`)

// sharpen looks again at what a guess left open: a comma for a point is another language.
func sharpen(id string, text [2][]byte, at int) string {
	if id != "content" || at >= len(text[0]) || at >= len(text[1]) {
		return id
	}
	signs := string([]byte{text[0][at], text[1][at]})
	if (signs == ".," || signs == ",.") && covers(decimal, string(text[0]), at) &&
		covers(decimal, string(text[1]), at) {
		return "locale"
	}
	return id
}
