//go:build linux && (amd64 || arm64)

package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// seen is a file as it was when it was opened first.
type seen struct {
	path   string
	use    Use
	first  Use
	was    *identity // nil: it was not there
	state  string    // set where it was settled at once
	digest string
	from   string // where it came from by its last rename or link
	plain  uint32 // its path led to it through no link before so many links were made; 0: it is not known
	varied bool   // another file had its name in between
}

// An identity is what changes when a file is another one or has other content. A program can set the time of its
// content back, and not the time of its change.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
	regular      bool
	directory    bool
	fifo         bool
	block        bool
	socket       bool
}

// file is what stays the same when the content changes.
func (i *identity) file() [2]uint64 { return [2]uint64{i.dev, i.ino} }

func (i *identity) sameFile(j *identity) bool { return i.file() == j.file() }

func identityOf(st *unix.Stat_t) *identity {
	kind, dev := st.Mode&unix.S_IFMT, uint64(st.Dev) //nolint:unconvert // Dev has another type elsewhere
	return &identity{dev: dev, ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
		regular: kind == unix.S_IFREG, directory: kind == unix.S_IFDIR,
		fifo: kind == unix.S_IFIFO, block: kind == unix.S_IFBLK, socket: kind == unix.S_IFSOCK}
}

// keep notes a file, and says which one it is; -1 if there are too many.
func (r *recorder) keep(f *found, use Use) int {
	key := f.path
	if f.state == Elsewhere {
		key += fmt.Sprintf("\x00%v", *f.was)
	}
	if i, is := r.paths[key]; is {
		s := &r.files[i]
		if s.state == Absent && f.state != Absent { // it could not be looked up before, and now it can
			s.first, s.was, s.state, s.digest = use, f.was, f.state, f.digest
		}
		s.use |= use
		s.varied = s.varied || f.was != nil && s.was != nil && !s.was.sameFile(f.was)
		return i
	}
	if len(r.files) >= maxFiles || !r.room(len(key)) {
		r.result.Watch.Lost++
		return -1
	}
	first := use
	if f.was == nil && f.state == "" && use&Write != 0 {
		first &^= Read // compilers open their temporary files for both: of before there was nothing to read
	}
	r.paths[key] = len(r.files)
	r.files = append(r.files, seen{path: f.path, use: use, first: first, was: f.was, state: f.state, digest: f.digest})
	return len(r.files) - 1
}

// settle says of each file what became of it, and hashes those that are there, several at once.
func (r *recorder) settle() {
	r.result.Files = make([]File, len(r.files))
	var all sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			buf := make([]byte, 256<<10)
			for i := next.Add(1) - 1; i < int64(len(r.files)); i = next.Add(1) - 1 {
				r.result.Files[i] = r.after(&r.files[i], buf)
			}
		})
	}
	all.Wait()
}

// after is what a file is once the command has ended.
func (r *recorder) after(s *seen, buf []byte) File {
	f := File{Path: s.path, Use: s.use &^ emptied, First: s.first &^ emptied, State: s.state, Digest: s.digest}
	if s.from != s.path {
		f.From = s.from
	}
	if f.State != "" {
		return f
	}
	fd, err := unix.Open(s.path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		f.State = Absent
		if s.was != nil || s.use&(Write|Named) != 0 {
			f.State = Gone
		}
		return f
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		f.State = Unreadable
		return f
	}
	is := identityOf(&st)
	if s.use&Named != 0 {
		f.From = r.cameFrom(s, fd, is)
	}
	if !is.regular || made(s.path) {
		f.State = Irregular
		if s.was != nil && s.was.regular && !is.regular { // what was read is not there any more
			f.State = Gone
		}
		return f
	}
	f.Size = is.size
	switch {
	case s.was == nil:
		f.State = Made
	case *s.was == *is && !s.varied:
		f.State = Certain
	default:
		f.State = Changed
	}
	if is.size > r.options.limit() {
		f.State = Unreadable
		return f
	}
	f.Digest = hashNow(fd, buf)
	if unix.Fstat(fd, &st) != nil || *identityOf(&st) != *is || f.Digest == "" {
		f.State, f.Digest = Unreadable, ""
	}
	return f
}

// made reports whether the kernel makes a file's content when it is read.
func made(path string) bool {
	return strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/")
}

// hashNow is the SHA-256 of a file that was opened without reading it, in hexadecimal; "" if it cannot be read.
func hashNow(of int, buf []byte) string {
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(of), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = unix.Close(fd) }()
	h := sha256.New()
	for {
		switch n, err := unix.Read(fd, buf); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return ""
		case n == 0:
			return hex.EncodeToString(h.Sum(nil))
		default:
			h.Write(buf[:n])
		}
	}
}
