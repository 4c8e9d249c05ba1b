package difference

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// Limits of JSON that is read.
const (
	maxJSON      = 8 << 20
	maxJSONDepth = 100
	maxJSONTold  = 500 // members that are told
	maxJSONParts = 300_000
)

func isJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// value is a JSON value that knows where it stands.
type value struct {
	begin, end int64
	raw        string // of what is neither an object nor a list
	open       byte   // '{', '[' or 0
	names      []string
	members    []value
}

// readJSON compares two texts of JSON by their members.
func readJSON(w *walk, p place, c content2) error {
	var v [2]value
	for i := range c {
		b, err := c[i].readAll(maxJSON)
		if err != nil {
			return errQuiet
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		parts := maxJSONParts
		if v[i], err = parse(d, 0, &parts); err != nil || len(bytes.TrimSpace(b[d.InputOffset():])) > 0 {
			return errQuiet
		}
	}
	if m := slices.Index(v[0].names, "mappings"); m >= 0 && slices.Contains(v[0].names, "sources") {
		p.made = "map"
	}
	left := maxJSONTold
	w.values(p, c, v, "", &left)
	return nil
}

// parse reads one value, with at most left parts.
func parse(d *json.Decoder, depth int, left *int) (v value, err error) {
	if *left--; depth > maxJSONDepth || *left < 0 {
		return v, errors.New("nested too deeply, or too long")
	}
	t, err := d.Token()
	if err != nil {
		return v, err
	}
	open, is := t.(json.Delim)
	if !is {
		raw, err := json.Marshal(t)
		v.raw, v.end = string(raw), d.InputOffset()
		v.begin = max(0, v.end-int64(len(raw)))
		return v, err
	}
	v.open, v.begin = byte(open), d.InputOffset()-1
	for d.More() {
		if v.open == '{' {
			name, err := d.Token()
			if err != nil {
				return v, err
			}
			s, _ := name.(string)
			v.names = append(v.names, s)
		}
		m, err := parse(d, depth+1, left)
		if err != nil {
			return v, err
		}
		v.members = append(v.members, m)
	}
	_, err = d.Token()
	v.end = d.InputOffset()
	return v, err
}

// pointer is a JSON Pointer with one more part (RFC 6901).
func pointer(at, name string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// values compares two values. left is how many more differences are told.
func (w *walk) values(p place, c content2, v [2]value, at string, left *int) {
	switch {
	case *left <= 0:
		w.omitted++
	case v[0].open != v[1].open || v[0].open == 0 && v[0].raw != v[1].raw:
		*left--
		w.value(p, c, v, at)
	case v[0].open == '[':
		w.elements(p, c, v, at, left)
	case v[0].open == '{':
		w.members(p, c, v, at, left)
	}
}

func (w *walk) value(p place, c content2, v [2]value, at string) {
	n := int64(common([]byte(v[0].raw), []byte(v[1].raw)))
	id, certain := w.guess(p, [2][]byte{[]byte(v[0].raw), []byte(v[1].raw)}, int(n))
	switch {
	case strings.HasSuffix(at, "/created") && id == "time":
		id, certain = "created", true
	case id == "content":
		id, certain = "json-member", true
	}
	e := c.spots([2]int64{v[0].begin + n, v[1].begin + n})
	a, b := valued(e, shownLine(v[0].shown(), int(n)), shownLine(v[1].shown(), int(n)))
	w.note(w.pointed(p, at), id, certain, a, b)
}

func (v value) shown() string {
	switch v.open {
	case '{':
		return "an object of " + itoa(int64(len(v.members))) + " members"
	case '[':
		return "a list of " + itoa(int64(len(v.members)))
	}
	return v.raw
}

func (w *walk) pointed(p place, at string) place {
	if at == "" {
		return p.in("the whole value")
	}
	return p.in("JSON " + visible(at))
}

func (w *walk) elements(p place, c content2, v [2]value, at string, left *int) {
	if same, other := v[0].shuffled(v[1]); same && other {
		*left--
		w.moved(p, c, v, at)
		return
	}
	for i := range max(len(v[0].members), len(v[1].members)) {
		if i < len(v[0].members) && i < len(v[1].members) {
			w.values(p, c, [2]value{v[0].members[i], v[1].members[i]}, at+"/"+itoa(int64(i)), left)
			continue
		}
		w.lacking(p, c, v, i, at+"/"+itoa(int64(i)), left)
	}
}

// shuffled reports whether two lists of plain values have the same ones, and whether they have another order.
func (v value) shuffled(o value) (same, other bool) {
	if len(v.members) != len(o.members) {
		return false, false
	}
	list := [2][]string{}
	for i, x := range []value{v, o} {
		for _, m := range x.members {
			if m.open != 0 {
				return false, false
			}
			list[i] = append(list[i], m.raw)
		}
	}
	other = !slices.Equal(list[0], list[1])
	slices.Sort(list[0])
	slices.Sort(list[1])
	return slices.Equal(list[0], list[1]), other
}

func (w *walk) lacking(p place, c content2, v [2]value, i int, at string, left *int) {
	if *left--; *left < 0 {
		w.omitted++
		return
	}
	var e [2]Evidence
	for k := range v {
		e[k] = Evidence{Offset: -1, Value: "(not there)"}
		if i >= 0 && i < len(v[k].members) {
			e[k] = c[k].evidence(v[k].members[i].begin, 0)
			e[k].Value = shownLine(v[k].members[i].shown(), 0)
		}
	}
	w.say(w.pointed(p, at), "json-member", e[0], e[1])
}

func (w *walk) moved(p place, c content2, v [2]value, at string) {
	k := 0
	for k < len(v[0].members)-1 && v[0].label(k) == v[1].label(k) {
		k++
	}
	e := c.spots([2]int64{v[0].members[k].begin, v[1].members[k].begin})
	a, b := valued(e, v[0].label(k), v[1].label(k))
	w.say(w.pointed(p, at), "json-order", a, b)
}

// label is what a member is known by: its name, or its value in a list.
func (v value) label(i int) string {
	if v.open == '{' {
		return v.names[i]
	}
	return v.members[i].raw
}

// members compares objects by the names of their members, and says once that the order is another.
func (w *walk) members(p place, c content2, v [2]value, at string, left *int) {
	where := places{{}, {}}
	keys := [2][]string{}
	for i := range v {
		seen := map[string]int{}
		for k, name := range v[i].names {
			key := numbered(name, seen)
			where[i][key] = k
			keys[i] = append(keys[i], key)
		}
	}
	n := 0
	for n < len(keys[0]) && n < len(keys[1]) && keys[0][n] == keys[1][n] {
		w.values(p, c, [2]value{v[0].members[n], v[1].members[n]}, pointer(at, v[0].names[n]), left)
		n++
	}
	if n == len(keys[0]) && n == len(keys[1]) {
		return
	}
	if sameKeys(where) {
		*left--
		w.moved(p, c, v, at)
	} else {
		w.aloneIn(p, c, v, keys, where, at, left)
	}
	for k, key := range keys[0][n:] {
		if b, there := where[1][key]; there {
			w.values(p, c, [2]value{v[0].members[n+k], v[1].members[b]}, pointer(at, v[0].names[n+k]), left)
		}
	}
}

// places are where the members of both objects are, by numbered name.
type places [2]map[string]int

// aloneIn tells the members that one object alone has, in the order in which they stand.
func (w *walk) aloneIn(p place, c content2, v [2]value, keys [2][]string, where places, at string, left *int) {
	type one struct{ at, side int }
	var all []one
	for i := range keys {
		for k, key := range keys[i] {
			if _, both := where[1-i][key]; !both {
				all = append(all, one{k, i})
			}
		}
	}
	slices.SortFunc(all, func(a, b one) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(keys[a.side][a.at], keys[b.side][b.at]))
	})
	for _, o := range all {
		var x [2]value
		x[o.side] = v[o.side]
		w.lacking(p, c, x, o.at, pointer(at, v[o.side].names[o.at]), left)
	}
}

func sameKeys(where places) bool {
	if len(where[0]) != len(where[1]) {
		return false
	}
	for key := range where[0] {
		if _, there := where[1][key]; !there {
			return false
		}
	}
	return true
}
