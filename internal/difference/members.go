package difference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Limits of the lists of members.
const (
	maxNames = 64 << 20 // bytes of all names of an archive
	maxName  = 64 << 10 // bytes of one
	maxApart = 200      // members of one side alone that are noted one by one
)

// member is one of an archive, with little enough that there can be many.
type member struct {
	name string
	at   int64 // offset of what describes it
	head int64 // offset of its header
	data int64 // offset of its content
	size int64 // bytes of its content in the archive
	// sum is the SHA-256 of everything about it, where that was read anyway and costs much to read again.
	sum    [32]byte
	hashed bool
}

// field is one property of a member.
type field struct {
	name  string
	cause string
	value string // compared
	shown string // told, if it is not the value
	at    int64
}

// archive is one format of archives: how members are described, and what they hold.
type archive struct {
	fields  func(c content, m member) []field
	alike   func(w *walk, c content2, m [2]member) bool     // what describes them is the same, byte for byte; may be nil
	odd     func(w *walk, p place, c content2, m [2]member) // it differs, and no field says so; may be nil
	compare func(w *walk, p place, c content2, m [2]member) // the contents of members
	skip    func(name string) bool                          // members that are compared in another way; may be nil
}

// inStep compares the members of two archives, in the order of the first as far as both have one order.
func (w *walk) inStep(p place, c content2, list [2][]member, x archive) {
	n := 0
	for n < len(list[0]) && n < len(list[1]) && list[0][n].name == list[1][n].name {
		w.member(p, c, n, [2]member{list[0][n], list[1][n]}, x)
		n++
	}
	if n == len(list[0]) && n == len(list[1]) {
		return
	}
	w.outOfStep(p, c, n, [2][]member{list[0][n:], list[1][n:]}, x)
}

// outOfStep compares members of which the names do not follow each other any more. They are put together by name.
func (w *walk) outOfStep(p place, c content2, n int, list [2][]member, x archive) {
	var alone [2][]int
	var shared [2][]int
	keys := [2]map[string]int{positions(list[0]), positions(list[1])}
	for i := range list {
		seen := map[string]int{}
		for k, m := range list[i] {
			key := numbered(m.name, seen)
			if _, other := keys[1-i][key]; other {
				shared[i] = append(shared[i], k)
			} else {
				alone[i] = append(alone[i], k)
			}
		}
	}
	w.apart(p, c, n, list, alone, x)
	moved := false
	seen := map[string]int{}
	for at, k := range shared[0] {
		m := list[0][k]
		other := keys[1][numbered(m.name, seen)]
		if !moved && list[1][shared[1][at]].name != m.name {
			moved = true
			o := list[1][shared[1][at]]
			e := c.spots([2]int64{m.head, o.head})
			a, b := valued(e, m.name, o.name)
			w.say(p.in(fmt.Sprintf("member %d", n+k+1)).in("order"), "order", a, b)
		}
		w.member(p, c, n+k, [2]member{m, list[1][other]}, x)
	}
}

// positions are where the members are, by numbered name.
func positions(list []member) map[string]int {
	out, seen := make(map[string]int, len(list)), map[string]int{}
	for k, m := range list {
		out[numbered(m.name, seen)] = k
	}
	return out
}

// numbered is a name that no other member has: one that is there twice has its number behind it.
func numbered(name string, seen map[string]int) string {
	n := seen[name]
	seen[name]++
	if n == 0 {
		return name
	}
	return name + "\x00" + itoa(int64(n))
}

// apart notes the members that one side alone has. Two of them in the same place are one that was renamed.
func (w *walk) apart(p place, c content2, n int, list [2][]member, alone [2][]int, x archive) {
	if slices.Equal(alone[0], alone[1]) {
		for at, k := range alone[0] {
			if at == maxApart {
				w.omitted += len(alone[0]) - at
				return
			}
			w.renamed(p, c, n+k, [2]member{list[0][k], list[1][k]}, x)
		}
		return
	}
	type one struct{ at, side int }
	var all []one
	for i := range alone {
		for _, k := range alone[i] {
			all = append(all, one{k, i})
		}
	}
	name := func(o one) string { return list[o.side][o.at].name }
	slices.SortFunc(
		all,
		func(a, b one) int { return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(name(a), name(b))) },
	)
	for at, o := range all {
		if at == 2*maxApart {
			w.omitted += len(all) - at
			return
		}
		w.missing(p, c, o.side, list[o.side][o.at], x)
	}
}

func (w *walk) missing(p place, c content2, i int, m member, x archive) {
	if x.skip != nil && x.skip(m.name) {
		return
	}
	var e [2]Evidence
	e[i] = c[i].evidence(m.head, 0)
	e[i].Value = m.name
	e[1-i] = Evidence{Offset: -1, Value: "(not there)"}
	w.say(p.in("member "+fault.Quote(m.name)), "missing", e[0], e[1])
}

func (w *walk) renamed(p place, c content2, n int, m [2]member, x archive) {
	if x.skip != nil && x.skip(m[0].name) && x.skip(m[1].name) {
		return
	}
	at := common([]byte(m[0].name), []byte(m[1].name))
	id, certain := w.guess(p, [2][]byte{[]byte(m[0].name), []byte(m[1].name)}, at)
	switch id {
	case "content", "size":
		id, certain = "renamed", true
	case "random", "hash":
		id = "random-name"
	}
	e := c.spots([2]int64{m[0].head, m[1].head})
	a, b := valued(e, m[0].name, m[1].name)
	here := p.in(fmt.Sprintf("member %d", n+1))
	w.note(here.in("name"), id, certain, a, b)
	w.within(here, c, m, x)
}

// member compares one member of both.
func (w *walk) member(p place, c content2, n int, m [2]member, x archive) {
	if x.skip != nil && x.skip(m[0].name) {
		return
	}
	w.within(p.in(fmt.Sprintf("member %d %s", n+1, fault.Quote(m[0].name))), c, m, x)
}

// within compares what describes a member, and then its content.
func (w *walk) within(p place, c content2, m [2]member, x archive) {
	if m[0].hashed && m[1].hashed && m[0].sum == m[1].sum || w.stopped(p) {
		return
	}
	if x.alike == nil || !x.alike(w, c, m) {
		f := [2][]field{x.fields(c[0], m[0]), x.fields(c[1], m[1])}
		if w.stopped(p) {
			return
		}
		found := w.count()
		w.fields(p, c, f)
		if w.count() == found && x.odd != nil {
			x.odd(w, p, c, m)
		}
	}
	x.compare(w, p, c, m)
}

// stopped reports whether too much was decompressed already, and says so once.
func (w *walk) stopped(p place) bool {
	if !w.spent() {
		return false
	}
	if !w.stop {
		w.stop = true
		w.unread(p, errSpent)
	}
	return true
}

// fields compares properties by name, in the order of the headers. One that a side lacks is "(none)".
func (w *walk) fields(p place, c content2, f [2][]field) {
	type both struct {
		at    int
		name  string
		field [2]field
	}
	none := field{at: -1, shown: "(none)"}
	byName := map[string]*both{}
	var all []*both
	for i := range f {
		for k, x := range f[i] {
			u := byName[x.name]
			if u == nil {
				u = &both{at: k, name: x.name, field: [2]field{none, none}}
				byName[x.name] = u
				all = append(all, u)
			}
			if u.at = min(u.at, k); u.field[i].name == "" {
				u.field[i] = x
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *both) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.name, b.name))
	})
	for _, u := range all {
		if u.field[0].name != u.field[1].name || u.field[0].value != u.field[1].value {
			w.field(p, c, u.field)
		}
	}
}

func (w *walk) field(p place, c content2, f [2]field) {
	x := f[0]
	if x.name == "" {
		x = f[1]
	}
	var e [2]Evidence
	for i := range f {
		e[i] = c[i].evidence(f[i].at, 0)
		if e[i].Value = f[i].shown; e[i].Value == "" {
			e[i].Value = f[i].value
		}
	}
	id := x.cause
	switch {
	case id == "mode" && umasked(f[0].value, f[1].value):
		id = "umask"
	case strings.HasSuffix(id, "-mtime") || id == "zip-time":
		w.epochs(&e)
	}
	w.say(p.in(x.name), id, e[0], e[1])
}

// dive compares contents of members, in memory if they are slow to read.
func (w *walk) dive(p place, c content2) {
	kept, most := w.memory, w.memory/4
	defer func() { w.memory = kept }()
	for i := range c {
		if !c[i].slow || c[i].size > most {
			continue
		}
		b := w.scratch(p.depth, i, c[i].size)
		if err := c[i].exactly(b, 0); err != nil {
			w.unread(p, err)
			return
		}
		c[i] = memory(b)
	}
	w.look(p, c)
}

// maxScratch is how many bytes are kept for the next member. Those of longer ones are given back.
const maxScratch = 2 << 20

// scratch is memory that is used again by the next member at the same depth.
func (w *walk) scratch(depth, i int, n int64) []byte {
	for len(w.scratches) <= depth {
		w.scratches = append(w.scratches, [2][]byte{})
	}
	if n > maxScratch {
		w.memory -= n
		return make([]byte, n)
	}
	s := &w.scratches[depth][i]
	if int64(cap(*s)) < n {
		*s = make([]byte, n, min(n+n/4, maxScratch))
	}
	return (*s)[:n]
}
