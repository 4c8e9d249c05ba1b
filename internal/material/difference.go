package material

import (
	"fmt"
	"slices"
	"strings"
)

// A Change is an input that differs between two builds. Was or Is is empty where one build does not have it.
type Change struct {
	What string `json:"what"` // such as "toolchain", "variable", "material"
	Name string `json:"name"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

func (c Change) String() string {
	if c.What == "product" || c.What == "lock" || c.What == "program" || slices.Contains(Ways, c.What) {
		c.Name = Name(c.Name)
	}
	switch {
	case c.Was == "":
		return fmt.Sprintf("%s %s: %s (new)", c.What, c.Name, c.Is)
	case c.Is == "":
		return fmt.Sprintf("%s %s: was %s (gone)", c.What, c.Name, c.Was)
	}
	return fmt.Sprintf("%s %s: %s (was %s)", c.What, c.Name, c.Is, c.Was)
}

// Diff returns what differs between the inputs of two builds, in the order in which it explains a different output:
// the source, the command, tools, packages, variables, the machine, single files. What the outputs are is last.
func Diff(a, b *Manifest) (all []Change) {
	one := func(what, name, was, is string) {
		if was != is {
			all = append(all, Change{what, name, was, is})
		}
	}
	many := func(what string, was, is map[string]string) {
		names := map[string]bool{}
		for n := range was {
			names[n] = true
		}
		for n := range is {
			names[n] = true
		}
		for _, n := range ordered(names) {
			one(what, n, was[n], is[n])
		}
	}
	one("source", "commit", a.Source.Commit, b.Source.Commit)
	one("source", "clean", fmt.Sprint(a.Source.Clean), fmt.Sprint(b.Source.Clean))
	one("build", "command", strings.Join(a.Command, " "), strings.Join(b.Command, " "))
	one("build", "directory", a.Directory, b.Directory)
	one("build", "network", a.Observation.Network, b.Observation.Network)
	many("toolchain", a.tools(), b.tools())
	many("lock", a.locks(), b.locks())
	many("package", a.packages(), b.packages())
	many("action", references(a.Actions), references(b.Actions))
	many("image", references(a.Images), references(b.Images))
	many("variable", a.variables(), b.variables())
	one("machine", "system", a.Machine.OS+"/"+a.Machine.Arch, b.Machine.OS+"/"+b.Machine.Arch)
	one("machine", "kernel", a.Machine.Kernel, b.Machine.Kernel)
	one("machine", "user", fmt.Sprint(a.Machine.User), fmt.Sprint(b.Machine.User))
	many("program", a.programs(), b.programs())
	for _, how := range Ways {
		many(how, a.materials(how), b.materials(how))
	}
	many("product", a.products(), b.products())
	return all
}

func ordered(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for n := range set {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// of makes a map of a list; a name that is there twice has both values.
func of[T any](list []T, pair func(T) (string, string)) map[string]string {
	out := map[string]string{}
	for _, x := range list {
		name, value := pair(x)
		if old, twice := out[name]; twice && old != value {
			value = old + " " + value
		}
		out[name] = value
	}
	return out
}

func (m *Manifest) tools() map[string]string {
	return of(m.Toolchains, func(t Toolchain) (string, string) {
		return t.Name, strings.TrimSpace(t.Version + " " + short(t.Digest))
	})
}

func (m *Manifest) locks() map[string]string {
	return of(
		m.Locks,
		func(l Lock) (string, string) { return l.Path, strings.TrimSpace(l.State + " " + short(l.Digest)) },
	)
}

func (m *Manifest) packages() map[string]string {
	return of(
		m.Packages,
		func(p Package) (string, string) { return p.PURL, strings.TrimSpace(p.State + " " + short(p.Digest)) },
	)
}

func references(list []Reference) map[string]string {
	return of(list, func(r Reference) (string, string) { return r.Where + " " + r.Name, orNone(r.Digest) })
}

func (m *Manifest) variables() map[string]string {
	return of(m.Variables, func(v Variable) (string, string) { return v.Name, fmt.Sprintf("%q", v.Value) })
}

func (m *Manifest) programs() map[string]string {
	return of(m.Programs, func(p Program) (string, string) { return p.Path, orNone(short(p.Digest)) })
}

func (m *Manifest) materials(how string) map[string]string {
	out := map[string]string{}
	for _, x := range m.Materials {
		if x.How == how {
			out[x.Path] = orNone(short(x.Digest))
		}
	}
	return out
}

func (m *Manifest) products() map[string]string {
	return of(m.Products, func(p Product) (string, string) { return p.Path, short(p.Digest) })
}

func orNone(s string) string {
	if s == "" {
		return "no digest"
	}
	return s
}

// short is the beginning of a digest, for people.
func short(digest string) string { return digest[:min(12, len(digest))] }
