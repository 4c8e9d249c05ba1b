package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// String is what a person reads: "2 files of another suffix (x.bundle, …)",
// "artifacts.json: a JSON array, no bundle", "registry r: 3 × cosign v2 signature".
// What begins with an article is about files; other stores name things.
func (p Passed) String() string {
	for _, w := range counted {
		if p.What == w.one && p.Count == 1 || p.What == w.many {
			return fmt.Sprintf("%d %s (%s)", p.Count, p.What, p.Source)
		}
		if p.What == w.one {
			return fmt.Sprintf("%d %s (%s)", p.Count, w.many, p.Source)
		}
	}
	about, _, _ := strings.Cut(p.What, " ")
	switch {
	case p.Count == 1:
		return fmt.Sprintf("%s: %s", p.Source, p.What)
	case slices.Contains([]string{"a", "an", "no"}, about):
		return fmt.Sprintf("%d files, each %s (%s)", p.Count, p.What, p.Source)
	}
	return fmt.Sprintf("%s: %d × %s", p.Source, p.Count, p.What)
}

// some is what things are that are passed over: one of them and, if that has a
// number, several.
type some struct{ one, many string }

var (
	otherSuffix      = some{"file of another suffix", "files of another suffix"}
	hiddenFile       = some{"hidden file", "hidden files"}
	deepFolder       = some{"folder below the second level", "folders below the second level"}
	unreadableFolder = some{"folder that cannot be read", "folders that cannot be read"}
	otherReasons     = some{"file that is no bundle for other reasons", "files that are no bundles for other reasons"}
)

// counted are those that are told by their number.
var counted = []some{otherSuffix, hiddenFile, deepFolder, unreadableFolder, otherReasons}

// Limits of what is told.
const (
	maxReasons = 20 // reasons to pass over something
	maxNames   = 3  // names for one reason
)

// passed collects what was passed over, by reason, in the order in which the
// reasons appeared.
type passed struct{ all []group }

type group struct {
	what  some
	names []string
	count int
}

func (p *passed) add(name string, what some) {
	what.one = cutReason(what.one)
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

func (p *passed) list() []Passed {
	var out []Passed
	for _, g := range p.all {
		x := Passed{Source: strings.Join(g.names, ", "), What: g.what.one, Count: g.count}
		if g.count > 1 && g.what.many != "" {
			x.What = g.what.many
		}
		if g.count > maxNames {
			x.Source += ", …"
		}
		out = append(out, x)
	}
	return out
}
