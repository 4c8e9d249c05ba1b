package github

import (
	"slices"
	"sync"
	"time"
)

const (
	maxFiles = 16 << 20  // bytes of files that an app keeps
	fileAge  = time.Hour // as long as a token, which could still read it
)

// fileOf is a file of a full commit, as one repository has read it.
type fileOf struct {
	asker                    tokenOf
	repository, commit, path string
}

type keptFile struct {
	body []byte
	at   time.Time
}

// files are those of full commits, which do not change. Each is kept for the repository that asked, with its own
// token: no other is shown it (J07). A file that was not shown is not kept.
type files struct {
	most int // bytes

	mu   sync.Mutex
	size int
	kept map[fileOf]keptFile
	old  []fileOf // the oldest first
}

func newFiles(most int) *files { return &files{most: most, kept: map[fileOf]keptFile{}} }

func (f *files) find(of fileOf, now time.Time) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x, is := f.kept[of]
	if !is || now.Sub(x.at) >= fileAge {
		return nil, false
	}
	return slices.Clone(x.body), true
}

// keep takes a file; the oldest ones make room for it.
func (f *files) keep(of fileOf, body []byte, now time.Time) {
	if len(body) > f.most {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(func(x fileOf) bool { return x == of })
	f.kept[of] = keptFile{slices.Clone(body), now}
	f.old, f.size = append(f.old, of), f.size+len(body)
	f.drop(func(fileOf) bool { return f.size > f.most })
}

// forget drops what a repository has read.
func (f *files) forget(asker tokenOf) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(func(x fileOf) bool { return x.asker == asker })
}

// drop drops the files that are, the oldest first.
func (f *files) drop(is func(fileOf) bool) {
	f.old = slices.DeleteFunc(f.old, func(x fileOf) bool {
		if !is(x) {
			return false
		}
		f.size -= len(f.kept[x].body)
		delete(f.kept, x)
		return true
	})
}
