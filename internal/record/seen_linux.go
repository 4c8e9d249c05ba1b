//go:build linux && (amd64 || arm64)

package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

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
}

// An identity is what changes when a file is another one or has other content. A program can set the time of its
// content back, and not the time of its change.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
	regular      bool
}

func identityOf(st *unix.Stat_t) *identity {
	return &identity{uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Mode&unix.S_IFMT == unix.S_IFREG} //nolint:unconvert // Dev has another type elsewhere
}

// keep notes what is at a path, as the process that opens it sees it.
func (r *recorder) keep(n *notification, said string, use Use) {
	if len(r.names) >= maxFiles {
		r.result.Watch.Lost++
		return
	}
	path := r.ofProc(int(n.pid), said)
	fd, elsewhere, err := r.find(int(n.pid), path)
	s := seen{use: use, first: use}
	switch {
	case err == nil:
		s.path, s.was = whereIs(fd, path)
		if elsewhere {
			s.path, s.state, s.digest = path, Elsewhere, hashNow("/proc/self/fd/"+strconv.Itoa(fd))
		}
		_ = unix.Close(fd)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		s.path = r.placed(int(n.pid), path)
	default: // the process may see it, and the recorder may not
		s.path, s.state = path, Unreadable
	}
	if s.was != nil && !s.was.regular && s.state == "" {
		r.names[said] = -1
		return
	}
	i, known := r.paths[s.path]
	if known {
		r.files[i].use |= use
	} else {
		i = len(r.files)
		r.files = append(r.files, s)
		r.paths[s.path] = i
	}
	r.names[said] = i
}

// find opens a path without reading it. elsewhere says that it is below mounts that the recorder does not see.
func (r *recorder) find(pid int, path string) (fd int, elsewhere bool, err error) {
	if !r.careful {
		fd, err = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		return fd, false, err
	}
	at := "/proc/" + strconv.Itoa(pid)
	root, err := unix.Open(at+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false, err
	}
	defer func() { _ = unix.Close(root) }()
	fd, err = unix.Openat2(root, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	theirs, _ := os.Readlink(at + "/ns/mnt")
	ours, _ := os.Readlink("/proc/self/ns/mnt")
	return fd, theirs != ours, err
}

// whereIs is the path of an open file, with links resolved, and what it is.
func whereIs(fd int, said string) (string, *identity) {
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		path = said
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return path, nil
	}
	return path, identityOf(&st)
}

// placed is the path of a file that is not there: its directory, with links resolved, and its name.
func (r *recorder) placed(pid int, path string) string {
	fd, _, err := r.find(pid, filepath.Dir(path))
	if err != nil {
		return filepath.Clean(path)
	}
	defer func() { _ = unix.Close(fd) }()
	dir, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.Base(path))
}

// ofProc is a path in which /proc/self is the process that said it. What a program reads of a process outside
// is kept as well.
func (r *recorder) ofProc(pid int, path string) string {
	rest, is := strings.CutPrefix(path, "/proc/")
	if !is {
		return path
	}
	first, member, _ := strings.Cut(rest, "/")
	switch first {
	case "self":
		return "/proc/" + strconv.Itoa(pid) + "/" + member
	case "thread-self":
		return "/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/" + member
	}
	other, err := strconv.Atoi(first)
	if err != nil || len(r.around) >= maxAround || r.inside(pid, other) {
		return path
	}
	member = strings.TrimPrefix(member, "task/"+first+"/")
	switch kind, _, _ := strings.Cut(member, "/"); kind {
	case "environ", "mem", "root", "cwd", "fd", "exe", "map_files":
		by, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		r.around["/proc/PID/"+kind+" of a process outside, by "+by] = true
	}
	return path
}

// settle says of each file what became of it, and hashes those that are there, several at once.
func (r *recorder) settle() {
	r.result.Files = make([]File, len(r.files))
	var all sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := range next {
				r.result.Files[i] = r.files[i].after(&r.options)
			}
		})
	}
	for i := range r.files {
		next <- i
	}
	close(next)
	all.Wait()
}

// after is what a file is once the command has ended.
func (s *seen) after(o *Options) File {
	f := File{Path: s.path, Use: s.use, First: s.first, State: s.state, Digest: s.digest}
	if f.State != "" {
		return f
	}
	fd, err := unix.Open(s.path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		f.State = Absent
		if s.was != nil {
			f.State = Gone
		} else if s.use&(Write|Named) != 0 {
			f.State = Gone
		}
		return f
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.State = Irregular
		return f
	}
	is := identityOf(&st)
	f.Size = is.size
	switch {
	case s.was == nil:
		f.State = Made
	case *s.was == *is:
		f.State = Certain
	default:
		f.State = Changed
	}
	limit := o.MaxFile
	if limit == 0 {
		limit = 4 << 30
	}
	for _, dir := range o.Leave {
		if s.path == dir || strings.HasPrefix(s.path, strings.TrimSuffix(dir, "/")+"/") {
			return f
		}
	}
	if is.size > limit {
		f.State = Unreadable
		return f
	}
	f.Digest = hashNow("/proc/self/fd/" + strconv.Itoa(fd))
	if unix.Fstat(fd, &st) != nil || *identityOf(&st) != *is || f.Digest == "" {
		f.State, f.Digest = Unreadable, ""
	}
	return f
}

// hashNow is the SHA-256 of a file in hexadecimal; "" if it cannot be read.
func hashNow(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, 8<<30)); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
