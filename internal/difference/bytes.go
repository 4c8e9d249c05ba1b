package difference

import (
	"cmp"
	"slices"
	"strings"
)

// bytes tells a difference that no reader explains. What stands there decides of which kind it is.
func (w *walk) bytes(p place, c content2, at int64) {
	if w.textual(p, c) {
		return
	}
	if c[0].size == c[1].size {
		w.runs(p, c, at)
		return
	}
	id, certain := w.guessAt(p, c, at)
	if unexplained(id) && w.embedded(p, c) {
		return
	}
	if id == "content" {
		id = w.unnamed(p)
		if id == "content" && at == min(c[0].size, c[1].size) {
			id = "size"
		}
	}
	e := c.spot(at)
	var shown [2]string
	for i := range c {
		shown[i] = w.valueAt(c[i], at, id)
	}
	if id == "size" {
		shown = [2]string{itoa(c[0].size) + " bytes", itoa(c[1].size) + " bytes"}
	}
	a, b := valued(e, shown[0], shown[1])
	w.note(p, id, certain || id == "size", a, b)
}

func unexplained(id string) bool { return id == "content" || id == "size" || id == "random" }

// unnamed is the row for content of which nothing is known: parts of programs follow from their sources.
func (w *walk) unnamed(p place) string {
	if p.rest != "" {
		return p.rest
	}
	return "content"
}

func (w *walk) guessAt(p place, c content2, at int64) (string, bool) {
	from := max(0, at-around)
	return w.guess(p, [2][]byte{c[0].bytes(from, 2*around), c[1].bytes(from, 2*around)}, int(at-from))
}

// valueAt is the text around an offset, if it is one that was recognised.
func (w *walk) valueAt(c content, at int64, id string) string {
	if unexplained(id) || id == "binary" || id == "layout" {
		return ""
	}
	from := max(0, at-around)
	run, _ := printable(c.bytes(from, 2*around), int(at-from))
	return run
}

// Limits of the stretches that differ.
const (
	gap     = 16  // bytes that are the same between two stretches which are one
	maxRuns = 512 // stretches of one piece of content
)

// runs tells each stretch that differs between two contents of one size, as far as it says what it is. If none does,
// the first one is told.
func (w *walk) runs(p place, c content2, first int64) {
	found := w.count()
	n, last := 0, int64(-gap-1)
	err := c.chunks(func(off int64, a, b []byte) bool {
		for i := 0; i < len(a); {
			i += common(a[i:], b[i:])
			if i == len(a) {
				break
			}
			at := off + int64(i)
			if at-last > gap {
				if n++; n > maxRuns {
					w.omitted++
					return false
				}
				w.oneRun(p, c, at)
			}
			for i < len(a) && a[i] != b[i] {
				last = off + int64(i)
				i++
			}
		}
		return true
	})
	if err == nil && w.count() > found {
		return
	}
	id, certain := w.guessAt(p, c, first)
	if id == "content" {
		id = w.unnamed(p)
	}
	e := c.spot(first)
	a, b := valued(e, w.valueAt(c[0], first, id), w.valueAt(c[1], first, id))
	w.note(p, id, certain, a, b)
}

func (w *walk) oneRun(p place, c content2, at int64) {
	id, certain := w.guessAt(p, c, at)
	if unexplained(id) {
		return
	}
	e := c.spot(at)
	a, b := valued(e, w.valueAt(c[0], at, id), w.valueAt(c[1], at, id))
	w.note(p, id, certain, a, b)
}

// Limits of the search for texts within binary content.
const (
	maxSearched = 64 << 20 // bytes of content that is searched
	maxTexts    = 4000     // texts of one side
	shortest    = 8        // characters of a text
	longest     = 1024
)

// found is a text within a binary file that is of a known kind.
type found struct {
	id, text string
	at       int64
	certain  bool
}

// embedded looks for paths, times and the like that one side alone has, where everything behind the first difference
// has moved. It reports whether there are any.
func (w *walk) embedded(p place, c content2) bool {
	if max(c[0].size, c[1].size) > maxSearched {
		return false
	}
	var texts [2]map[string]found
	for i := range c {
		texts[i] = w.texts(p, c[i], i)
	}
	var alone [2][]found
	for i := range texts {
		for key, x := range texts[i] {
			if _, both := texts[1-i][key]; !both {
				alone[i] = append(alone[i], x)
			}
		}
		slices.SortFunc(alone[i], func(a, b found) int {
			return cmp.Or(strings.Compare(a.id, b.id), strings.Compare(a.text, b.text))
		})
	}
	return w.pairs(p, c, alone)
}

// pairs tells texts of one kind side by side. The order is that of the table, so that it is the same for both sides.
func (w *walk) pairs(p place, c content2, alone [2][]found) bool {
	byID := map[string]*[2][]found{}
	var ids []string
	for i := range alone {
		for _, x := range alone[i] {
			if byID[x.id] == nil {
				byID[x.id] = &[2][]found{}
				ids = append(ids, x.id)
			}
			byID[x.id][i] = append(byID[x.id][i], x)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(causeOf(a).rank, causeOf(b).rank), strings.Compare(a, b))
	})
	for _, id := range ids {
		x := byID[id]
		for k := range max(len(x[0]), len(x[1])) {
			var e [2]Evidence
			certain := false
			alike := 0 // bytes of both texts, which are passed over
			if k < min(len(x[0]), len(x[1])) {
				alike = common([]byte(x[0][k].text), []byte(x[1][k].text))
			}
			for i := range e {
				e[i] = Evidence{Offset: -1, Value: "(none)"}
				if k < len(x[i]) {
					e[i] = c[i].evidence(x[i][k].at+int64(alike), int64(min(lead, alike)))
					e[i].Value = x[i][k].text
					certain = certain || x[i][k].certain
				}
			}
			w.note(p, id, certain, e[0], e[1])
		}
	}
	return len(ids) > 0
}

// texts are the runs of printable characters in a content that are of a known kind.
func (w *walk) texts(p place, c content, side int) map[string]found {
	out := map[string]found{}
	var run []byte
	end := func(at int64) {
		if len(run) >= shortest && len(out) < maxTexts {
			if x, ok := w.known(p, string(run), side); ok {
				x.at = at - int64(len(run)) + x.at
				if _, seen := out[x.id+x.text]; !seen {
					out[x.id+x.text] = x
				}
			}
		}
		run = run[:0]
	}
	buf := make([]byte, min(chunk, c.size))
	for off := int64(0); off < c.size; off += chunk {
		b := buf[:min(int64(len(buf)), c.size-off)]
		if c.exactly(b, off) != nil {
			return out
		}
		for i, x := range b {
			if !shows(x) || len(run) == longest {
				end(off + int64(i))
			}
			if shows(x) {
				run = append(run, x)
			}
		}
	}
	end(c.size)
	return out
}

// known says of what kind a text is: a hint, or a pattern that is rare in programs by chance.
func (w *walk) known(p place, s string, side int) (found, bool) {
	for _, x := range []struct {
		id   string
		hint [2]string
	}{{"path", w.hints.Paths}, {"host", w.hints.Host}, {"user", w.hints.User}} {
		h := x.hint[side]
		if len(h) > 2 && x.hint[0] != x.hint[1] && strings.Contains(s, h) {
			return found{w.pathFor(p, x.id), clipAround(s, strings.Index(s, h)), int64(strings.Index(s, h)), true}, true
		}
	}
	for _, x := range patterns {
		if x.both && x.id != "uuid" {
			continue
		}
		if m := x.form.FindStringIndex(s); m != nil && (x.id != "path" || builtAt(s[m[0]:m[1]])) {
			return found{w.pathFor(p, x.id), s[m[0]:m[1]], int64(m[0]), false}, true
		}
	}
	return found{}, false
}

func clipAround(s string, at int) string { return s[at:min(len(s), at+longest)] }

// builtAt reports whether a path begins as those of build folders do.
func builtAt(s string) bool {
	for _, x := range []string{
		"/home/", "/tmp/", "/root/", "/Users/", "/build", "/var/", "/private/", "/workspace",
		"/mnt/", "/opt/", "/usr/src/", "/__w/", "/go/", "/app/", "/src/",
	} {
		if strings.HasPrefix(s, x) {
			return true
		}
	}
	return len(s) > 2 && s[1] == ':'
}
