package difference

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// seconds is a Unix time as people read it.
func seconds(n int64) string {
	if n == 0 {
		return "0 (not set)"
	}
	if n < 0 || n > 1<<38 {
		return itoa(n) + " seconds since 1970"
	}
	return time.Unix(n, 0).UTC().Format(time.RFC3339) + " (" + itoa(n) + ")"
}

// epochs says of a time that it is SOURCE_DATE_EPOCH.
func (w *walk) epochs(e *[2]Evidence) {
	if w.hints.Epoch == 0 {
		return
	}
	for i := range e {
		if e[i].Value == seconds(w.hints.Epoch) {
			e[i].Value += ", which is SOURCE_DATE_EPOCH"
		}
	}
}

// around is how many bytes on each side of a difference are read for a guess.
const around = 160

// A pattern is a form of text that says of what kind it is.
type pattern struct {
	id   string
	form *regexp.Regexp
	both bool // both sides have to have it
}

const (
	months = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	year   = `(?:19|20)[0-9]{2}`
	clock  = `[0-2][0-9]:[0-5][0-9]:[0-6][0-9]`
	zone   = `(?:Z| ?[+-][0-2][0-9]:?[0-5][0-9])`
	date   = `(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]`
)

// patterns are tried in this order.
var patterns = []pattern{
	{"go-build-id", regexp.MustCompile(`Go build ID: "[^"]*`), true},
	{"time", regexp.MustCompile(date + `(?:[T _]` + clock + `(?:[.,][0-9]+)?)?` + zone + `?`), false},
	{
		"time",
		regexp.MustCompile(`(?:[A-Z][a-z]{2},? )?[0-3]?[0-9] ` + months + ` ` + year + `(?: ` + clock + `)?`),
		false,
	},
	{
		"time",
		regexp.MustCompile(`[A-Z][a-z]{2} ` + months + ` [ 0-3][0-9] ` + clock + `(?: [A-Z]{3,4})? ` + year),
		false,
	},
	{"date-macro", regexp.MustCompile(months + ` [ 0-3][0-9] (?:19|20)[0-9]{2}`), false},
	{"date-macro", regexp.MustCompile(`(?:^|[^0-9:])` + clock + `(?:$|[^0-9:])`), false},
	{"time", regexp.MustCompile(`(?:^|[^0-9])(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]` +
		`(?:[T_-]?[0-2][0-9][0-5][0-9](?:[0-5][0-9])?)?Z?(?:$|[^0-9])`), true},
	{"uuid", regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`), true},
	{"path", regexp.MustCompile(`(?:/[A-Za-z0-9_.@+~-]+){2,}/?`), false},
	{"path", regexp.MustCompile(`[A-Za-z]:[\\/][A-Za-z0-9_.@+~ \\/-]+`), false},
	{"address", regexp.MustCompile(`0x[0-9a-f]{8,16}`), true},
	{"hash", regexp.MustCompile(`(?:^|[^0-9A-Za-z])[0-9a-f]{16,128}(?:$|[^0-9A-Za-z])`), true},
	{"hash", regexp.MustCompile(`sha(?:1|256|384|512)[-:][A-Za-z0-9+/=]{20,90}`), true},
}

// guess says of what kind the texts around a difference are: the row of the table, and whether it is certain. at is
// the index of the first byte that differs in both.
func (w *walk) guess(p place, text [2][]byte, at int) (string, bool) {
	var run [2]string
	var pos [2]int
	for i := range text {
		run[i], pos[i] = printable(text[i], at)
	}
	if id := w.hinted(run, pos); id != "" {
		return w.pathFor(p, id), true
	}
	if id := numbers(run, pos, w.hints.Epoch); id != "" {
		return id, id == "epoch"
	}
	for _, x := range patterns {
		a, b := covers(x.form, run[0], pos[0]), covers(x.form, run[1], pos[1])
		if (a && b) || (a || b) && !x.both {
			if x.id == "time" && sameMoment(run, pos) {
				return "zone", true
			}
			return w.pathFor(p, x.id), false
		}
	}
	if random(token(run[0], pos[0]), token(run[1], pos[1])) {
		return "random", false
	}
	return "content", false
}

// pathFor is the row for a path, which depends on what made the file.
func (w *walk) pathFor(p place, id string) string {
	if id != "path" || p.made == "" {
		return id
	}
	return p.made + "-path"
}

// printable is the run of printable characters around an index, and the index in it.
func printable(b []byte, at int) (string, int) {
	at = min(at, len(b))
	from, to := at, at
	for from > 0 && at-from < around && shows(b[from-1]) {
		from--
	}
	for to < len(b) && to-at < around && shows(b[to]) {
		to++
	}
	return string(b[from:to]), at - from
}

func shows(c byte) bool { return c >= 0x20 && c <= 0x7e }

// hinted says which of the hints stands where the texts differ.
func (w *walk) hinted(run [2]string, at [2]int) string {
	for _, x := range []struct {
		id   string
		hint [2]string
	}{{"path", w.hints.Paths}, {"host", w.hints.Host}, {"user", w.hints.User}} {
		if x.hint[0] == x.hint[1] {
			continue // it stands on both sides, so it is not what differs
		}
		for i := range run {
			if len(x.hint[i]) > 1 && holdsAt(run[i], x.hint[i], at[i]) {
				return x.id
			}
		}
	}
	return ""
}

// holdsAt reports whether s has sub somewhere over or right before the index.
func holdsAt(s, sub string, at int) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], sub)
		if i < 0 {
			return false
		}
		if from+i <= at && at <= from+i+len(sub) {
			return true
		}
		from += i + 1
	}
}

// covers reports whether a match of the form lies over the index.
func covers(form *regexp.Regexp, s string, at int) bool {
	for _, m := range form.FindAllStringIndex(s, 16) {
		if m[0] <= at && at < max(m[1], m[0]+1) {
			return true
		}
	}
	return false
}

// token is the word around an index.
func token(s string, at int) string {
	at = min(at, len(s))
	from, to := at, at
	for from > 0 && wordly(s[from-1]) {
		from--
	}
	for to < len(s) && wordly(s[to]) {
		to++
	}
	return s[from:to]
}

func wordly(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

var stamp = regexp.MustCompile(date + `T` + clock + `(?:Z|[+-][0-2][0-9]:[0-5][0-9])`)

// sameMoment reports whether both texts are one time, written for two time zones (RFC 3339).
func sameMoment(run [2]string, at [2]int) bool {
	var t [2]time.Time
	for i := range run {
		for _, m := range stamp.FindAllStringIndex(run[i], 16) {
			if m[0] <= at[i] && at[i] <= m[1] {
				t[i], _ = time.Parse(time.RFC3339, run[i][m[0]:m[1]])
			}
		}
	}
	return !t[0].IsZero() && t[0].Equal(t[1])
}

// numbers says whether both words are seconds or milliseconds since 1970 that lie within some years.
func numbers(run [2]string, at [2]int, epoch int64) string {
	var n [2]int64
	for i := range run {
		t := token(run[i], at[i])
		if len(t) != 10 && len(t) != 13 {
			return ""
		}
		v, err := strconv.ParseInt(t[:10], 10, 64)
		if err != nil || strings.Trim(t, "0123456789") != "" || v < 400_000_000 || v > 4_200_000_000 {
			return ""
		}
		n[i] = v
	}
	if epoch != 0 && (n[0] == epoch || n[1] == epoch) {
		return "epoch"
	}
	if near := n[0] - n[1]; near > 1<<30 || near < -1<<30 {
		return ""
	}
	return "time"
}

// random reports whether two words look as if they were drawn: as long as each other, and not like words.
func random(a, b string) bool {
	if len(a) != len(b) || len(a) < 6 {
		return false
	}
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	return same*2 <= len(a) && mixed(a) && mixed(b)
}

// mixed reports whether a word has digits between letters, or capitals between small ones.
func mixed(s string) bool {
	turns := 0
	class := func(c byte) int {
		switch {
		case c >= '0' && c <= '9':
			return 0
		case c >= 'a' && c <= 'z':
			return 1
		}
		return 2
	}
	for i := 1; i < len(s); i++ {
		if class(s[i]) != class(s[i-1]) {
			turns++
		}
	}
	return turns >= 2
}

// umasked reports whether two modes differ in what a umask takes away: rights of group and others.
func umasked(a, b string) bool {
	m, err1 := strconv.ParseUint(a, 8, 32)
	n, err2 := strconv.ParseUint(b, 8, 32)
	d := m ^ n
	if err1 != nil || err2 != nil || d == 0 || d&^0o077 != 0 {
		return false
	}
	for _, u := range []uint64{0o002, 0o022, 0o027, 0o077, 0o007} {
		if m&^u == n || n&^u == m || m|u == n|u && (m|0o666)&^u == m|(0o666&^u) {
			return true
		}
	}
	return d&^0o022 == 0
}

// lineAndColumn counts from 1; columns are bytes.
func lineAndColumn(line, column int) string { return fmt.Sprintf("line %d, column %d", line, column) }
