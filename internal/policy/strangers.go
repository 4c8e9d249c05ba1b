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

// stranger returns an identity that somebody can have who is nobody that the
// pattern's author meant, and that the pattern matches; or "".
//
// Anybody can have an account of their own with repositories, workflows and refs
// of any name, and an address in a domain of their own. So a pattern has to fix
// the owner, or the domain: each that it allows, found by walking the pattern's
// automaton along the shape of an identity, has to be spelled out in it. One
// that leaves a place open, if only by a dot without its backslash, allows
// others.
func stranger(re *regexp.Regexp, pattern string, f Forge) string {
	n, err := newNFA(pattern)
	if err != nil {
		return ""
	}
	for _, host := range append(hosts(pattern), f.Host) {
		if id := n.openOwner(host + "/"); id != "" && re.MatchString(id) {
			return id
		}
	}
	if id := n.openDomain(); id != "" && re.MatchString(id) {
		return id
	}
	for _, id := range []string{"", "stranger", "https://kubernetes.io/namespaces/stranger/serviceaccounts/stranger"} {
		if re.MatchString(id) {
			return id
		}
	}
	return ""
}

const (
	ownerChars  = "strange0123456789bcdfhijklmopquvwxyz-_ABCDEFGHIJKLMNOPQRSTUVWXYZ."
	domainChars = "strange0123456789bcdfhijklmopquvwxyz-."
	localChars  = ownerChars + "+"
)

// everyone are domains in which anybody can have an address.
var everyone = []string{"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com", "gmx.de", "gmx.net",
	"proton.me", "protonmail.com", "mail.ru", "qq.com", "163.com"}

// openOwner returns the identity of a workflow below prefix that the pattern
// matches, if its owner is not spelled out in the pattern.
func (n nfa) openOwner(prefix string) string {
	w := n.walk(ownerChars, func(at states) bool { return n.common(n.step(at, '/'), identity) != "" })
	if w.from(n.after(n.start(), prefix)); w.open == "" {
		return ""
	}
	return n.common(n.start(), regexp.QuoteMeta(prefix+w.open)+"/"+identity)
}

// identity is the shape of what stands behind an owner.
const identity = `[^@]+(@refs/[^@]+)?`

// openDomain returns an address that the pattern matches, if its domain is not
// spelled out in the pattern, or is everyone's and who it is in it is not.
func (n nfa) openDomain() string {
	domains := n.walk(domainChars, n.ends)
	domains.inside = "." // a domain without one is nobody's
	domains.from(n.step(n.closed(n.start(), localChars), '@'))
	open := domains.open
	for _, d := range domains.names {
		who := n.walk(localChars, func(at states) bool { return n.ends(n.after(at, "@"+d)) })
		if slices.Contains(everyone, d) {
			who.from(n.start())
		}
		if who.open != "" {
			open = d
		}
	}
	if open == "" {
		return ""
	}
	return n.common(n.start(), "[a-z0-9._+-]+@"+regexp.QuoteMeta(open))
}

// hosts are the addresses of platforms that a pattern could mean.
func hosts(pattern string) []string {
	out := []string{"https://stranger.example"}
	for _, run := range literals(pattern) {
		if _, rest, ok := strings.Cut(run, "://"); ok {
			run = rest
		}
		if host, _, _ := strings.Cut(run, "/"); strings.Contains(host, ".") && !strings.Contains(host, "@") && len(out) < 8 {
			out = append(out, "https://"+host)
		}
	}
	return out
}

// literals returns the runs of a pattern that stand for themselves, in order.
func literals(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	var out []string
	var walk func(*syntax.Regexp)
	walk = func(x *syntax.Regexp) {
		if x.Op == syntax.OpLiteral {
			out = append(out, string(x.Rune))
		}
		for _, s := range x.Sub {
			walk(s)
		}
	}
	walk(re)
	return out
}

// spells reports whether name stands in the pattern as a whole name.
func (n nfa) spells(name string) bool {
	return regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_.+-])` + regexp.QuoteMeta(name) + `(?:$|[^A-Za-z0-9_.+?*{-])`).MatchString(n.text)
}

// An nfa is a pattern as the automaton of regexp/syntax. Where the pattern asks
// for a border of words or lines it is taken to be there, so that more matches;
// whoever found a match holds it against the pattern itself.
type nfa struct {
	prog *syntax.Prog
	text string // the pattern, without the backslashes of its dots and dashes
}

func newNFA(pattern string) (nfa, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nfa{}, err
	}
	prog, err := syntax.Compile(re.Simplify())
	return nfa{prog, strings.NewReplacer(`\.`, `.`, `\-`, `-`).Replace(pattern)}, err
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
		n.once(s, pc, i.Out, i.Arg)
	case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
		n.once(s, pc, i.Out)
	case syntax.InstFail:
	default:
		s[pc] = true
	}
}

// once goes on from pc, which is marked so that a circle ends.
func (n nfa) once(s states, pc uint32, next ...uint32) {
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

func (n nfa) after(s states, text string) states {
	for _, r := range text {
		s = n.step(s, r)
	}
	return s
}

// closed returns the states after any text of these characters.
func (n nfa) closed(s states, chars string) states {
	all := states{}
	for next := s; len(next) > 0; {
		found := states{}
		for pc := range next {
			all[pc] = true
		}
		for _, r := range chars {
			for pc := range n.step(next, r) {
				if !all[pc] {
					found[pc] = true
				}
			}
		}
		next = found
	}
	return all
}

// A walk looks at the names that a pattern allows at one place: texts of some
// characters after which the rest can match. Of characters that lead to the same
// states one is followed for all.
type walk struct {
	nfa
	chars  string
	inside string            // what each name has in it
	ends   func(states) bool // whether a name may end in states
	names  []string          // that are spelled out in the pattern
	open   string            // one that is not
	path   map[string]bool   // states on the way to where the walk is
	done   map[string]bool   // states that were walked from
}

func (n nfa) walk(chars string, ends func(states) bool) *walk {
	return &walk{nfa: n, chars: chars, ends: ends, path: map[string]bool{}, done: map[string]bool{}}
}

func (w *walk) from(s states) { w.on("", s) }

// on goes on from s, to which name leads.
func (w *walk) on(name string, s states) {
	here := w.key(name, s)
	w.path[here], w.done[here] = true, true
	defer delete(w.path, here)
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
		if w.ends(at) {
			w.end(name, all, at)
		}
		for _, c := range []string{all[:1], cmp.Or(w.inside, all[:1])} {
			if w.open == "" && strings.Contains(all, c) && !w.done[w.key(name+c, at)] && len(name) < 100 {
				w.on(name+c, at)
			}
		}
	}
}

// key is the same where a walk goes on in the same way.
func (w *walk) key(name string, s states) string {
	if !strings.Contains(name, w.inside) {
		return s.key()
	}
	return s.key() + w.inside
}

// end looks at the names that are name and one of last, after which the walk is
// at. A way that leads round and round has longer ones.
func (w *walk) end(name, last string, at states) {
	for _, r := range last {
		full := name + string(r)
		switch {
		case w.open != "" || !strings.Contains(full, w.inside):
		case w.path[w.key(full, at)] || !w.spells(full):
			w.open = full
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

// common returns a text that leads from s to a match and has the given form, or
// "".
func (n nfa) common(s states, form string) string {
	f, err := newNFA(form)
	if err != nil {
		return ""
	}
	type pair struct{ a, b uint32 }
	type place struct {
		pair
		text string
	}
	var todo []place
	for a := range s {
		for b := range f.start() {
			todo = append(todo, place{pair{a, b}, ""})
		}
	}
	slices.SortFunc(todo, func(x, y place) int { return int(x.a) - int(y.a) })
	seen := map[pair]bool{}
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		x, y := &n.prog.Inst[p.a], &f.prog.Inst[p.b]
		if x.Op == syntax.InstMatch && y.Op == syntax.InstMatch {
			return p.text
		}
		r, ok := both(x, y)
		if seen[p.pair] || !ok {
			continue
		}
		seen[p.pair] = true
		as, bs := states{}, states{}
		n.add(as, x.Out)
		f.add(bs, y.Out)
		for a := range as {
			for b := range bs {
				todo = append(todo, place{pair{a, b}, p.text + string(r)})
			}
		}
	}
	return ""
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
