package store

import (
	"strconv"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Passed is something that lies where evidence is looked for and is none. It
// explains why nothing was found; nothing rests on it.
type Passed struct {
	Source string // the place, for people: "registry ghcr.io/acme/app", "folder dist"
	What   string // in the singular, as a phrase: "cosign v2 signature", "a JSON array, no bundle"
	Names  string // the names there, the first of several, or ""
	Count  int
}

// String is what a person reads: "folder dist: 2 × file of another suffix
// (a.txt, b.txt)".
func (p Passed) String() string {
	s := p.Source + ": "
	if p.Count > 1 {
		s += strconv.Itoa(p.Count) + " × "
	}
	s += p.What
	if p.Names != "" {
		s += " (" + p.Names + ")"
	}
	return s
}

// What a folder holds beside bundles.
const (
	otherSuffix      = "file of another suffix"
	hiddenFile       = "hidden file"
	deepFolder       = "folder below the second level"
	unreadableFolder = "folder that cannot be read"
	otherReasons     = "file that is no bundle for another reason"
)

// Limits of what is told.
const (
	maxReasons = 20 // reasons to pass over something
	maxNames   = 3  // names for one reason
)

// passed collects what was passed over, by reason, in the order in which the
// reasons appeared.
type passed struct{ all []group }

type group struct {
	what  string
	names []string
	count int
}

func (p *passed) add(name, what string) {
	what = cutReason(what)
	for i := range p.all {
		if p.all[i].what == what {
			p.all[i].add(name)
			return
		}
	}
	if len(p.all) >= maxReasons && what != otherReasons {
		p.add(name, otherReasons)
		return
	}
	p.all = append(p.all, group{what: what})
	p.all[len(p.all)-1].add(name)
}

// cutReason bounds a reason that quotes what stands in a file.
func cutReason(s string) string {
	if len(s) <= 2*fault.MaxQuoted {
		return s
	}
	return fault.Cut(s)
}

func (g *group) add(name string) {
	if g.count++; g.count <= maxNames {
		g.names = append(g.names, fault.Cut(name))
	}
}

func (p *passed) list(source string) []Passed {
	var out []Passed
	for _, g := range p.all {
		x := Passed{Source: source, What: g.what, Names: strings.Join(g.names, ", "), Count: g.count}
		if g.count > maxNames {
			x.Names += ", …"
		}
		out = append(out, x)
	}
	return out
}
