package contents

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// What says what a change is of.
type What string

// What changes are of. What is only removed does not count as a change: it does not run any more.
const (
	InstallScript What = "install-scripts"
	BuildScript   What = "build-scripts"
	Binary        What = "binaries"
	Entry         What = "entry-points"
	Depends       What = "dependencies"
	Outside       What = "outside-dependencies"
	Sizes         What = "sizes"
	Unreadable    What = "not-read"
)

// Everything are all of them, as a policy names them.
var Everything = []What{InstallScript, BuildScript, Binary, Entry, Depends, Outside, Sizes, Unreadable}

// A Change is one thing in which a package is not what it was.
type Change struct {
	Of   What   `json:"of"`
	Name string `json:"name"`
	Was  string `json:"was,omitempty"` // absent: it was not there
	Is   string `json:"is,omitempty"`
}

// shown bounds a text of a package in a line for people.
const shown = 120

// String is c as a person reads it: "preinstall: node setup.mjs (new)".
func (c Change) String() string {
	s := cut(c.Name)
	if c.Is != "" && c.Of != Sizes {
		s += ":"
	}
	if c.Is != "" {
		s += " " + cut(c.Is)
	}
	if c.Was == "" {
		return s + " (new)"
	}
	return s + " (was " + cut(c.Was) + ")"
}

func cut(s string) string {
	if r := []rune(s); len(r) > shown {
		return string(r[:shown]) + "…"
	}
	return s
}

// Digest names exactly these changes.
func Digest(all []Change) string {
	b, err := strictjson.Canonical(all)
	if err != nil {
		return ""
	}
	return hexOf(b)
}

// Compare returns in what now differs from before, which is nil where nothing is known about what was
// there: then everything is new. It is in the order of Everything, and of names.
func Compare(before *Package, now Package) []Change {
	if !now.IsRead() {
		return unreadable(before, now)
	}
	if before != nil && before.SHA256 != "" {
		if before.SHA256 == cmp.Or(now.SHA256, now.digest()) {
			return nil
		}
		before = nil // its digest says that it is another one, and not in what
	}
	was := Package{}
	if before != nil {
		was = *before
	}
	var out []Change
	add := func(of What, name, was, is string) {
		if was != is {
			out = append(out, Change{of, name, was, is})
		}
	}
	scripts(add, InstallScript, was.Scripts, now.Scripts)
	scripts(add, BuildScript, was.Build, now.Build)
	for _, f := range now.Executables {
		i := slices.IndexFunc(was.Executables, func(x File) bool { return x.Path == f.Path })
		switch {
		case i < 0:
			add(Binary, f.Path, "", fmt.Sprintf("%s, %s", f.Why, Size(f.Size)))
		case f.isNative() && f.Why != was.Executables[i].Why:
			add(Binary, f.Path, was.Executables[i].Why, f.Why)
		}
	}
	targets := map[string]string{}
	for _, e := range was.EntryPoints {
		targets[e.Name] += e.Target + "\n"
	}
	is := map[string]string{}
	for _, e := range now.EntryPoints {
		is[e.Name] += e.Target + "\n"
	}
	for _, e := range now.EntryPoints {
		add(Entry, e.Name, oneLine(targets[e.Name]), oneLine(is[e.Name]))
	}
	for _, d := range now.Dependencies {
		of := Depends
		if d.Outside {
			of = Outside
		}
		add(of, d.Name+" of "+d.Group, was.spec(d), d.Spec)
	}
	sizes(add, before, now)
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(slices.Index(Everything, a.Of), slices.Index(Everything, b.Of)), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Is, b.Is), cmp.Compare(a.Was, b.Was))
	})
	return slices.Compact(out)
}

func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", ", ") }

// unreadable is the change of a package into something that is not read.
func unreadable(before *Package, now Package) []Change {
	c := Change{Of: Unreadable, Name: "what is in it", Is: string(now.Kind) + ": " + now.Why}
	if before != nil {
		c.Was = before.Summary()
	}
	return []Change{c}
}

// scripts adds the scripts that are new, say something else, or run another file.
func scripts(add func(of What, name, was, is string), of What, was, now []Script) {
	for _, s := range now {
		i := slices.IndexFunc(was, func(x Script) bool { return x.Name == s.Name })
		switch {
		case i < 0:
			add(of, s.Name, "", s.told())
		case was[i].SHA256 == s.SHA256:
		case was[i].Text == s.Text && len(s.Text) <= maxText:
			add(of, s.Name, was[i].runs(), s.runs())
		default:
			add(of, s.Name, was[i].told(), s.told())
		}
	}
}

// told is the text of s, and the digest of what it comes to, without which two texts that begin alike
// could be one.
func (s Script) told() string {
	if len(s.Text) > maxText {
		return fmt.Sprintf("%s sha256:%.12s", s.Text, s.SHA256)
	}
	return s.Text + s.files()
}

// runs says which files s runs, of a text that has stayed as it was.
func (s Script) runs() string {
	return fmt.Sprintf("%s%s sha256:%.12s", s.Text, s.files(), s.SHA256)
}

// files are the files that s runs, with the beginnings of their digests: the whole ones are in that of s.
func (s Script) files() string {
	var out []string
	for _, f := range s.Runs {
		out = append(out, fmt.Sprintf("%s, %s, sha256:%.12s", f.Path, Size(f.Size), f.SHA256))
	}
	if len(out) == 0 {
		return ""
	}
	return " [" + strings.Join(out, "; ") + "]"
}

// spec is what p said of a dependency, or "".
func (p Package) spec(d Dependency) string {
	for _, x := range p.Dependencies {
		if x.Name == d.Name && x.Group == d.Group {
			return x.Spec
		}
	}
	return ""
}

// sizes adds what has grown: a large file that is new or more than twice as large as before, and the
// whole.
func sizes(add func(of What, name, was, is string), before *Package, now Package) {
	if before == nil {
		return // everything has its size for the first time
	}
	for _, f := range now.Largest {
		i := slices.IndexFunc(before.Largest, func(x File) bool { return x.Path == f.Path })
		smallest := int64(largeEnough)
		if len(before.Largest) == maxLargest {
			smallest = before.Largest[maxLargest-1].Size // a smaller one may have been there, and is not on the list
		}
		switch {
		case i < 0 && f.Size > smallest:
			add(Sizes, f.Path, "", Size(f.Size))
		case i >= 0 && f.Size > 2*before.Largest[i].Size:
			add(Sizes, f.Path, Size(before.Largest[i].Size), Size(f.Size))
		}
	}
	if now.Bytes > 2*before.Bytes && now.Bytes > before.Bytes+largeEnough {
		add(Sizes, "the whole package", Size(before.Bytes), Size(now.Bytes))
	}
}
