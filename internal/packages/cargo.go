package packages

import (
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// crateName is the folder of a crate: NAME-VERSION.
var crateName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.+?)-(\d+\.\d+\.\d+.*)$`) })

// cargoFile sorts a file in the home of Cargo: registry/src/INDEX/NAME-VERSION/…,
// registry/cache/INDEX/NAME-VERSION.crate and git/checkouts/REPOSITORY/COMMIT/…
func (s *sorter) cargoFile(root, rel string) {
	p := strings.SplitN(rel, "/", 5)
	switch {
	case len(p) == 5 && p[0] == "registry" && p[1] == "src":
		s.crateFile(root, p[2], p[3], p[4])
	case len(p) == 4 && p[0] == "registry" && p[1] == "cache" && strings.HasSuffix(p[3], ".crate"):
		s.crateFile(root, p[2], strings.TrimSuffix(p[3], ".crate"), "")
	case len(p) == 5 && p[0] == "git" && p[1] == "checkouts":
		at := filepath.Join(root, p[0], p[1], p[2], p[3])
		s.give(cargo, at, p[4], func(*job) outcome { return s.repository(p[3]) })
	}
}

func (s *sorter) crateFile(root, index, crate, inner string) {
	at := filepath.Join(root, "registry", "src", index, crate)
	archive := filepath.Join(root, "registry", "cache", index, crate+".crate")
	s.give(cargo, at, inner, func(j *job) outcome { return s.crateCompare(crate, archive, j) })
}

func (s *sorter) crateCompare(crate, archive string, j *job) outcome {
	all := s.crate[crate]
	if len(all) == 0 {
		o := notLocked("no lock that was read names it")
		if m := crateName().FindStringSubmatch(crate); m != nil {
			o.purl = lockfile.PURL(lockfile.Cargo, m[1], m[2])
		}
		return o
	}
	bySource := map[string]outcome{}
	for _, n := range all {
		one := n.fromArchive(archive, j, ".cargo-ok")
		if had, ok := bySource[n.entry.URL]; ok {
			one = had.worse(one)
		}
		bySource[n.entry.URL] = one
	}
	return best(bySource)
}

// best is the best of the outcomes by the source that a lock has. Two registries may have a crate of one name, and the
// folder does not say whose it is.
func best(bySource map[string]outcome) outcome {
	var out outcome
	for _, url := range slices.Sorted(maps.Keys(bySource)) {
		if o := bySource[url]; out.state == "" || out.worse(o).state == out.state && o.state != out.state {
			out = o
		}
	}
	return out
}

// repository is the outcome for a checkout of a repository: the lock names a commit, whose beginning is the name of the
// folder.
func (s *sorter) repository(commit string) outcome {
	for _, n := range s.repos {
		_, full, _ := strings.Cut(n.entry.URL, "#")
		if len(commit) >= 7 && strings.HasPrefix(full, commit) {
			return n.named("the lock names the commit %s, and files of a commit are not compared", path.Base(full))
		}
	}
	return notLocked("no lock that was read names the commit %q", commit)
}
