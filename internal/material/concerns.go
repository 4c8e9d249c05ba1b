package material

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// Concerns are the things about a build that a person should look at, the worst first, in words.
func (m *Manifest) Concerns() (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, p := range m.Packages {
		if p.State == OtherDigest {
			say("package %s has other bytes than its lock names: %s", Name(p.PURL), p.Found)
		}
	}
	if len(m.Products) == 0 {
		say("the build made nothing: begin with an empty output, or name what it makes with --products")
	}
	m.notRebuilt(say)
	if slices.ContainsFunc(m.Command, func(w string) bool { return strings.Contains(w, fault.Hidden) }) {
		say("a part of the command is hidden, so nobody can rebuild it: hand secrets over as variables")
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
	if o.Changed == 1 {
		say("1 file changed while the build ran, after it was read%s", m.changed())
	} else if o.Changed > 1 {
		say("%d files changed while the build ran, after they were read%s", o.Changed, m.changed())
	}
	for _, d := range m.Source.Dirty {
		say("file %s is not the commit's", Name(d))
	}
	for _, p := range m.Packages {
		if p.State == NotLocked {
			say("package %s is in no lock", Name(p.PURL))
		}
	}
	for _, l := range m.Locks {
		if l.State != LockRead {
			say("%s: %s, %s", Name(l.Path), l.State, l.Reason)
		}
	}
	for _, x := range m.Materials {
		if x.How == FromBuild && x.Digest == "" {
			say("product %s could not be read, so nothing holds it to its bytes", Name(x.Path))
		}
		if x.Files == 0 && x.How != FromBuild {
			say("%s: %s was read and is not there any more", x.How, Name(x.Path))
			continue
		}
		if x.How == FromOutside || x.How == Untracked || x.How == FromCache {
			say("%s: %s%s", x.How, Name(x.Path), map[bool]string{true: fmt.Sprintf(", %d files", x.Files)}[x.Files > 1])
		}
	}
	for _, a := range m.Actions {
		if a.Digest == "" {
			say("action %s is not pinned to a commit", Name(a.Name))
		}
	}
	for _, i := range m.Images {
		if i.Digest == "" {
			say("image %s is not pinned to a digest", Name(i.Name))
		}
	}
	if o.SameRoot { // last: in a container it is said of each build
		say("the build ran as root, so it could have rewritten what is said here")
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

// notRebuilt tells the first product that nobody can make again, and how many there are.
func (m *Manifest) notRebuilt(say func(format string, args ...any)) {
	var first string
	n := 0
	for _, p := range m.Products {
		if NotRebuilt(p.Path) == "" || m.Source.Commit == "" {
			continue
		}
		if n++; n == 1 {
			first = p.Path
		}
	}
	if n == 1 {
		say("product %s cannot be rebuilt: %s", Name(first), NotRebuilt(first))
	} else if n > 1 {
		say("%d products cannot be rebuilt, such as %s: %s", n, Name(first), NotRebuilt(first))
	}
}

// NotRebuilt says why nobody can make a product again, by its path; "" if somebody can.
func NotRebuilt(path string) string {
	switch {
	case strings.Contains(path, fault.Hidden):
		return "a part of its name is hidden"
	case escaped().MatchString(path) || strings.ContainsRune(path, utf8.RuneError):
		return "its name holds bytes that are no text"
	case strings.HasPrefix(path, "/"):
		return "it lies outside of the checkout"
	}
	return ""
}

// Name is a name that a build chose, as people are told it: in quotes where it could be taken for words of ours.
func Name(s string) string {
	if ordinary().MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// ordinary is a name without spaces, commas, quotes and other marks between words.
var ordinary = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\pL\pN._/@+=~%:#\[\]{}()!$&*<>^|?-]+$`) })

// escaped finds a byte that is no UTF-8, as a manifest writes it.
var escaped = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\x[89a-f][0-9a-f]`) })
