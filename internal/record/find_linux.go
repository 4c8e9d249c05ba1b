//go:build linux && (amd64 || arm64)

package record

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A question is a path that a process said.
type question struct {
	pid, dir int    // dir is a descriptor of the process, or AT_FDCWD
	text     string // as the process said it
	whole    string // absolute, and not cleaned, because a link may stand before ".."
	last     bool   // a link at the end is followed
	program  bool   // it is executed
	moved    bool   // it gets another name, or is a name that something gets
	careful  bool   // the process may see other files than the recorder
	limit    int64  // a larger file is not hashed
	hashed   *sync.Map
	system   int64 // the kind of file system of what is there
}

// A found is what is there.
type found struct {
	path    string // links resolved as far as there is something
	was     *identity
	state   string // set where it is settled at once
	digest  string
	born    int64    // of what is moved: when it was made; 0 if that is not known
	varies  bool     // the same text leads to another place for another process
	queue   bool     // it is a message queue
	unnamed bool     // it has no name by which it could be found afterwards
	head    header   // of a program
	outside []string // what of processes was passed on the way
}

// asked is the path at addr. What it returns is overwritten by the next call. It is not ok if nothing comes
// of the call, or if the path is lost.
func (r *recorder) asked(n *notification, dir int, addr uint64) (said, whole []byte, ok bool) {
	said, short, ok := text(int(n.pid), addr, r.buf[:])
	if !ok {
		r.lost(n, addr)
		return nil, nil, false
	}
	if !short { // the kernel refuses a longer path
		return nil, nil, false
	}
	if len(said) > 0 && said[0] == '/' {
		return said, said, true
	}
	base, err := unix.Readlink(linkOf(int(n.pid), dir), r.base[:])
	if err != nil {
		if !errors.Is(err, unix.ENOENT) { // no such descriptor
			r.lost(n, addr)
		}
		return nil, nil, false
	}
	r.whole = append(append(append(r.whole[:0], r.base[:base]...), '/'), said...)
	return said, r.whole, true
}

// linkOf is the name under which /proc has a directory of a process.
func linkOf(pid, dir int) string {
	if dir == unix.AT_FDCWD {
		return "/proc/" + strconv.Itoa(pid) + "/cwd"
	}
	return "/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(dir)
}

// patience is how long the recorder waits for a file system. One that the command itself mounted may be
// served by a process whose own call waits for the recorder.
const patience = 2 * time.Second

// answer looks at what is there.
func (r *recorder) answer(q question) found {
	q.careful, q.limit, q.hashed = r.careful, r.options.limit(), &r.hashed
	if !q.careful {
		return q.find()
	}
	c := make(chan found, 1)
	go func() { c <- q.find() }()
	select {
	case f := <-c:
		return f
	case <-time.After(patience):
		return found{path: filepath.Clean(q.whole), state: Unreadable}
	}
}

func (q *question) find() found {
	fd, err := -1, error(unix.ELOOP)
	f := found{}
	if !q.careful && q.text != "" {
		fd, err = q.direct()
	}
	missing, denied := "", false
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		if missing = parentOf(q.whole); missing == "" {
			err = unix.ELOOP
		}
	}
	if err != nil && missing == "" {
		p := walk(q.pid, q.dir, q.text, q.last)
		fd, err, missing, denied = p.fd, p.err, p.missing, p.denied
		f.varies, f.outside = true, p.outside
		q.system = fileSystem(fd)
	}
	switch {
	case err == nil:
		defer func() { _ = unix.Close(fd) }()
		q.describe(&f, fd)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		f.path = missing
	case denied && !q.careful && noMore(q.pid): // what the recorder may not look up, the process may not open
		f.path, f.state = filepath.Clean(q.whole), Absent
	default: // the process may see it, and the recorder may not
		f.path, f.state = filepath.Clean(q.whole), Unreadable
	}
	return f
}

// plainly opens without reading, and follows no link of /proc to what a process has open.
var plainly = unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}

// direct opens a path without reading it, unless it leads through /proc.
func (q *question) direct() (int, error) {
	how := plainly
	if !q.last {
		how.Flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat2(unix.AT_FDCWD, q.whole, &how)
	if err != nil {
		return fd, err
	}
	if q.system = fileSystem(fd); q.system == unix.PROC_SUPER_MAGIC {
		_ = unix.Close(fd)
		return -1, unix.ELOOP
	}
	return fd, err
}

// parentOf is where a path leads at which nothing is: the last directory that is there, and the rest. It is "" if that
// has to be found link by link.
func parentOf(path string) string {
	if hasParents(path) {
		return ""
	}
	dir, rest := filepath.Dir(path), filepath.Base(path)
	for {
		fd, err := unix.Openat2(unix.AT_FDCWD, dir, &plainly)
		if err == nil {
			at, proc := pathOf(fd), inProc(fd)
			_ = unix.Close(fd)
			if proc || at == "" {
				return ""
			}
			return filepath.Join(at, rest)
		}
		if dir == "/" || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			return ""
		}
		dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest)
	}
}

// hasParents reports whether ".." is a name of a path.
func hasParents(path string) bool {
	return strings.Contains(path, "/../") || strings.HasSuffix(path, "/..")
}

// describe says what an open file is.
func (q *question) describe(f *found, fd int) {
	var st unix.Stat_t
	f.path = pathOf(fd)
	if f.path == "" || unix.Fstat(fd, &st) != nil {
		f.path, f.state = filepath.Clean(q.whole), Unreadable
		return
	}
	f.was = identityOf(&st)
	f.queue = q.system == queues
	f.unnamed = st.Nlink == 0
	if q.moved || f.was.fifo {
		f.born = bornAt(fd)
	}
	if !f.was.regular {
		return
	}
	if q.careful && !f.unnamed && !isAt(f.path, f.was) {
		f.state = Elsewhere
	}
	if (f.state == Elsewhere || f.unnamed && q.program) && f.was.size <= q.limit {
		f.digest = q.hashOnce(fd, *f.was)
	}
	if q.program && st.Mode&0o111 != 0 {
		f.head = headerOf(fd)
	}
	if q.program && st.Mode&0o111 == 0 {
		f.was.regular = false // the kernel does not execute it
	}
}

// hashOnce is the digest of a file that may be found often.
func (q *question) hashOnce(fd int, is identity) string {
	if d, known := q.hashed.Load(is); known {
		return d.(string)
	}
	d := hashNow(fd, make([]byte, 64<<10))
	q.hashed.Store(is, d)
	return d
}

// isAt reports whether the recorder finds a file at a path.
func isAt(path string, is *identity) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && is.sameFile(identityOf(&st))
}

// A header is what the kernel reads of a program to find what else it executes.
type header struct {
	interpreter, argument string // of a script
	loader                string // of an ELF file
}

// headerOf reads the start of a program (execve(2), elf(5)).
func headerOf(fd int) (h header) {
	f, err := os.Open("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return h
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, pageSize)
	n, _ := f.ReadAt(b, 0)
	b = b[:n]
	if len(b) > 2 && b[0] == '#' && b[1] == '!' {
		line, _, _ := strings.Cut(string(b[2:min(n, 256)]), "\n")
		h.interpreter, h.argument, _ = strings.Cut(strings.Trim(line, " \t"), " ")
		if name, rest, tab := strings.Cut(h.interpreter, "\t"); tab {
			h.interpreter, h.argument = name, strings.TrimSpace(rest+" "+h.argument)
		}
		h.argument = strings.TrimLeft(h.argument, " \t")
		return h
	}
	h.loader = loaderOf(b)
	return h
}
