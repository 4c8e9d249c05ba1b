package material

import (
	"fmt"
	"strings"
)

// Concerns are the things about a build that a person should look at, the worst first, in words.
func (m *Manifest) Concerns() (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, p := range m.Packages {
		if p.State == OtherDigest {
			say("package %s has other bytes than its lock names: %s", p.PURL, p.Found)
		}
	}
	o := m.Observation
	for _, x := range []struct {
		list []string
		what string
	}{{o.Around, "the build went round the recorder"}, {o.Delegated, "a program outside may have worked for the build"}, {o.Outlived, "a program outlived the command and was ended"}} {
		for _, text := range x.list {
			say("%s: %s", x.what, text)
		}
	}
	if o.SameRoot {
		say("the build ran as root, so it could have rewritten what is said here")
	}
	if o.Changed == 1 {
		say("1 file changed while the build ran, after it was read%s", m.changed())
	} else if o.Changed > 1 {
		say("%d files changed while the build ran, after they were read%s", o.Changed, m.changed())
	}
	for _, d := range m.Source.Dirty {
		say("file %s is not the commit's", d)
	}
	for _, p := range m.Packages {
		if p.State == NotLocked {
			say("package %s is in no lock", p.PURL)
		}
	}
	for _, l := range m.Locks {
		if l.State != LockRead {
			say("%s: %s, %s", l.Path, l.State, l.Reason)
		}
	}
	for _, x := range m.Materials {
		if x.How == FromBuild && x.Digest == "" {
			say("product %s could not be read, so nothing holds it to its bytes", x.Path)
		}
		if x.Files == 0 && x.How != FromBuild {
			say("%s: %s was read and is not there any more", x.How, x.Path)
			continue
		}
		if x.How == FromOutside || x.How == Untracked || x.How == FromCache {
			say("%s: %s%s", x.How, x.Path, map[bool]string{true: fmt.Sprintf(", %d files", x.Files)}[x.Files > 1])
		}
	}
	if len(m.Products) == 0 {
		say("the build made nothing: begin with an empty output, or name what it makes with --products")
	}
	for _, a := range m.Actions {
		if a.Digest == "" {
			say("action %s is not pinned to a commit", a.Name)
		}
	}
	for _, i := range m.Images {
		if i.Digest == "" {
			say("image %s is not pinned to a digest", i.Name)
		}
	}
	return all
}

// changed names some of the files, or the directories of files, that changed after they were read.
func (m *Manifest) changed() string {
	const most = 3
	var names []string
	for _, x := range m.Materials {
		if x.Changed && x.Files > 0 && x.How != FromToolchain && x.Path != ".git/index" {
			names = append(names, x.Path)
		}
	}
	more := ""
	if len(names) > most {
		names, more = names[:most], " and others"
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ") + more
}

// Counts says how many files came in which way, in words.
func (m *Manifest) Counts() string {
	n := map[string]int{}
	for _, x := range m.Materials {
		n[x.How] += x.Files
	}
	var words []string
	for _, how := range Ways {
		if n[how] > 0 {
			words = append(words, fmt.Sprintf("%s %d", how, n[how]))
		}
	}
	return strings.Join(words, " · ")
}

// PackageCounts says how packages stand to their locks, in words.
func (m *Manifest) PackageCounts() string {
	n := map[string]int{}
	for _, p := range m.Packages {
		n[p.State]++
	}
	return fmt.Sprintf(
		"%d locked · %d named, not compared · %d not locked · %d with other bytes",
		n[Locked],
		n[Named],
		n[NotLocked],
		n[OtherDigest],
	)
}
