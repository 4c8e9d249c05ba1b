package policy

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// stranger returns an identity that the pattern allows and that belongs to
// somebody whom its author did not name, or "".
//
// Everybody can have an account of their own with repositories, workflows and refs
// of any name, and an address in a domain of their own. Therefore a pattern has to
// fix the owner, or the domain: this function finds each one that the pattern
// allows, by walking its automaton along the shape of an identity, and each has to
// be written out in the pattern. A dot without its backslash allows others.
//
// The walk takes every border of words or lines for given, so that it finds more
// than the pattern matches, and never less.
func stranger(pattern string, f Forge) (string, error) {
	n, err := newNFA(pattern)
	if err != nil {
		return "", err
	}
	host := `https://[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?`
	if f.Host != "" { // all identities of this issuer are there
		host = regexp.QuoteMeta(f.Host)
	}
	for _, host := range []string{host, `https://stranger\.example`} {
		if id := n.openOwner(host); id != "" {
			return id, nil
		}
	}
	if id := n.openDomain(); id != "" {
		return id, nil
	}
	return n.common(n.start(), `stranger|https://kubernetes\.io/namespaces/stranger/[^@]+`), nil
}

const (
	ownerChars  = "strange0123456789bcdfhijklmopquvwxyz-_ABCDEFGHIJKLMNOPQRSTUVWXYZ."
	domainChars = "strange0123456789bcdfhijklmopquvwxyz-."
)

// everyone are domains in which everybody can have an address.
var everyone = []string{
	"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com",
	"gmx.de", "gmx.net", "proton.me", "protonmail.com", "mail.ru", "qq.com", "163.com",
}

// identity is the shape of the part behind an owner.
const identity = `[^@]+(@refs/[^@]+)?`

// openOwner returns the identity of a workflow on a host that the pattern allows,
// if the pattern does not write its owner out. host is a pattern as well.
func (n nfa) openOwner(host string) string {
	owners := n.walk(ownerChars, func(at states) bool { return n.common(n.step(at, '/'), identity) != "" })
	owners.from(n.along(n.start(), host+"/"))
	if owners.open == "" {
		return ""
	}
	return cmp.Or(n.common(n.start(), host+"/"+regexp.QuoteMeta(owners.open)+"/"+identity), owners.open)
}

// openDomain returns an address that the pattern allows, if the pattern does not
// write its domain out, or if everybody can have one there and the pattern does
// not write out who it is.
func (n nfa) openDomain() string {
	const local = `[a-zA-Z0-9._+-]+@`
	domains := n.walk(domainChars, n.ends)
	domains.inside = "." // a registered domain has one
	domains.from(n.along(n.start(), local))
	open := domains.open
	for _, d := range domains.names {
		if !slices.Contains(everyone, d) {
			continue
		}
		people := n.walk(ownerChars+"+", func(at states) bool { return n.ends(n.along(at, regexp.QuoteMeta("@"+d))) })
		if people.from(n.start()); people.open != "" {
			open = d
		}
	}
	if open == "" {
		return ""
	}
	return cmp.Or(n.common(n.start(), local+regexp.QuoteMeta(open)), "@"+open)
}

// An nfa is a pattern as the automaton of regexp/syntax.
type nfa struct {
	prog *syntax.Prog
	text string // the pattern, without what only says that a dot or a dash is one
}

func newNFA(pattern string) (nfa, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nfa{}, err
	}
	prog, err := syntax.Compile(re.Simplify())
	plain := strings.NewReplacer(`\.`, ".", `[.]`, ".", `\-`, "-", `[-]`, "-", `\Q`, "", `\E`, "")
	return nfa{prog, plain.Replace(pattern)}, err
}

// spells reports whether the pattern writes name out as a whole name.
func (n nfa) spells(name string) bool {
	const before, after = `(?i)(?:^|[^A-Za-z0-9_.+-])`, `(?:$|[^A-Za-z0-9_.+?*{-])`
	return regexp.MustCompile(before + regexp.QuoteMeta(name) + after).MatchString(n.text)
}

// states are instructions that wait for a character, and the one that matches.
type states map[uint32]bool

func (n nfa) start() states {
	s := states{}
	n.add(s, uint32(n.prog.Start))
	return s
}

func (n nfa) add(s states, pc uint32) {
	if s[pc] {
		return
	}
	switch i := n.prog.Inst[pc]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		n.pass(s, pc, i.Out, i.Arg)
	case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
		n.pass(s, pc, i.Out)
	case syntax.InstFail:
	default:
		s[pc] = true
	}
}

// pass goes on from pc, which takes no character. It marks pc, so that a circle
// ends.
func (n nfa) pass(s states, pc uint32, next ...uint32) {
	s[pc] = true
	for _, x := range next {
		n.add(s, x)
	}
}

func (n nfa) ends(s states) bool {
	for pc := range s {
		if n.prog.Inst[pc].Op == syntax.InstMatch {
			return true
		}
	}
	return false
}

func (n nfa) step(s states, r rune) states {
	out := states{}
	for pc := range s {
		switch i := &n.prog.Inst[pc]; i.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if i.MatchRune(r) {
				n.add(out, i.Out)
			}
		}
	}
	return out
}

// along returns the states after the texts that have the given form and that lead
// on from s.
func (n nfa) along(s states, form string) states {
	out := states{}
	n.together(s, form, func(at, end uint32, _ string, f nfa) bool {
		if f.prog.Inst[end].Op == syntax.InstMatch {
			out[at] = true
		}
		return false
	})
	return out
}

// common returns a text that leads from s to a match and has the given form, or
// "".
func (n nfa) common(s states, form string) string {
	found := ""
	n.together(s, form, func(at, end uint32, text string, f nfa) bool {
		if n.prog.Inst[at].Op == syntax.InstMatch && f.prog.Inst[end].Op == syntax.InstMatch {
			found = text
			return true
		}
		return false
	})
	return found
}

// A walk looks at the names that a pattern allows at one place: texts of some
// characters after which the rest can match. It follows one of the characters that
// lead to the same states, for all of them.
type walk struct {
	nfa
	chars  string
	inside string            // a text that every name contains
	ends   func(states) bool // whether a name may end in states
	names  []string          // names that the pattern writes out
	open   string            // a name that the pattern does not write out
	path   map[string]bool   // the states between the start and here
	done   map[string]bool   // the states from which the walk went on
}

// maxName is the length of the longest name that a walk looks at. A pattern that
// allows longer names counts as one that leaves the name open.
const maxName = 100

func (n nfa) walk(chars string, ends func(states) bool) *walk {
	return &walk{nfa: n, chars: chars, ends: ends, path: map[string]bool{}, done: map[string]bool{}}
}

func (w *walk) from(s states) { w.follow("", s) }

// follow goes on from s, to which name leads.
func (w *walk) follow(name string, s states) {
	here := w.key(name, s)
	w.path[here], w.done[here] = true, true
	defer delete(w.path, here)
	if len(name) > maxName {
		w.open = name + "…"
		return
	}
	var order []string
	next, group := map[string]states{}, map[string]string{}
	for _, r := range w.chars {
		at := w.step(s, r)
		k := at.key()
		if len(at) > 0 && group[k] == "" {
			next[k] = at
			order = append(order, k)
		}
		group[k] += string(r)
	}
	for _, k := range order {
		at, all := next[k], group[k]
		if w.open == "" && w.ends(at) {
			w.collect(name, all, at)
		}
		for _, c := range []string{all[:1], cmp.Or(w.inside, all[:1])} {
			if w.open == "" && strings.Contains(all, c) && !w.done[w.key(name+c, at)] {
				w.follow(name+c, at)
			}
		}
	}
}

// key is the same for all names and states from which a walk goes on alike.
func (w *walk) key(name string, s states) string {
	if !strings.Contains(name, w.inside) {
		return s.key()
	}
	return s.key() + w.inside
}

// collect takes the names that are name and one of last, which lead to at. Where
// the way leads back to where it came from, there are longer names, without end.
func (w *walk) collect(name, last string, at states) {
	for _, r := range last {
		full := name + string(r)
		switch {
		case !strings.Contains(full, w.inside):
		case w.path[w.key(full, at)] || !w.spells(full):
			w.open = full
			return
		default:
			w.names = append(w.names, full)
		}
	}
}

// key is the same for equal states.
func (s states) key() string {
	var b strings.Builder
	for _, pc := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprint(&b, pc, " ")
	}
	return b.String()
}

// together calls seen with each pair of states that one text leads to: in n from
// s, and in a form, which is a pattern of this file. It ends where seen says so.
func (n nfa) together(s states, form string, seen func(at, end uint32, text string, f nfa) bool) {
	f, err := newNFA(form)
	if err != nil {
		return // a test reads every form
	}
	type pair struct{ at, end uint32 }
	type step struct {
		pair
		text string
	}
	var todo []step
	put := func(as, bs states, text string) {
		for _, a := range slices.Sorted(maps.Keys(as)) {
			for _, b := range slices.Sorted(maps.Keys(bs)) {
				todo = append(todo, step{pair{a, b}, text})
			}
		}
	}
	put(s, f.start(), "")
	done := map[pair]bool{}
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		if done[p.pair] {
			continue
		}
		done[p.pair] = true
		if seen(p.at, p.end, p.text, f) {
			return
		}
		x, y := &n.prog.Inst[p.at], &f.prog.Inst[p.end]
		if r, ok := both(x, y); ok {
			as, bs := states{}, states{}
			n.add(as, x.Out)
			f.add(bs, y.Out)
			put(as, bs, p.text+string(r))
		}
	}
}

// both returns a character that both instructions take.
func both(x, y *syntax.Inst) (rune, bool) {
	candidates := []rune("s/refsmain@.0-_q")
	for _, i := range []*syntax.Inst{x, y} {
		switch i.Op {
		case syntax.InstRune, syntax.InstRune1:
			for _, r := range i.Rune {
				candidates = append(candidates, r)
				for fold := unicode.SimpleFold(r); fold != r; fold = unicode.SimpleFold(fold) {
					candidates = append(candidates, fold)
				}
			}
		case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		default:
			return 0, false
		}
	}
	for _, r := range candidates {
		if x.MatchRune(r) && y.MatchRune(r) {
			return r, true
		}
	}
	return 0, false
}
