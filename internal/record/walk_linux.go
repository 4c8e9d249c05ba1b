//go:build linux && (amd64 || arm64)

package record

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links the kernel follows in one path (path_resolution(7)).
const maxLinks = 40

// A place is where a path of another process leads.
type place struct {
	fd      int    // opened without reading it; -1 if err is set
	missing string // if nothing is there: the directory that is, with links resolved, and the rest of the path
	err     error
	denied  bool     // a directory on the way, which is none of /proc, may not be searched
	outside []string // what of processes was passed on the way: "PID/member"
}

// A walker follows a path as another process does, link by link: from its own root and its own /proc/self.
type walker struct {
	pid     int
	root    int
	current int
	rest    []string
	links   int
	open    []int
	denied  bool
	outside []string
}

// walk follows a path. dir is a descriptor of the process, or AT_FDCWD. With last, a link at the end is followed.
func walk(pid, dir int, path string, last bool) place {
	w := walker{pid: pid, current: -1}
	defer func() {
		for _, fd := range w.open {
			if fd != w.current {
				_ = unix.Close(fd)
			}
		}
	}()
	err := w.begin(dir, path)
	for err == nil && len(w.rest) > 0 {
		err = w.step(last)
	}
	if err == nil {
		return place{fd: w.current, outside: w.outside}
	}
	p := place{fd: -1, err: err, denied: w.denied, outside: w.outside}
	if w.current >= 0 {
		p.missing = filepath.Join(append([]string{pathOf(w.current)}, w.rest...)...)
	}
	w.current = -1
	return p
}

// ofProcess opens a directory of a process by its name in /proc.
func (w *walker) ofProcess(member string) (int, error) {
	return w.keep(unix.Open("/proc/"+strconv.Itoa(w.pid)+"/"+member, unix.O_PATH|unix.O_CLOEXEC, 0))
}

// keep notes a descriptor that is closed at the end.
func (w *walker) keep(fd int, err error) (int, error) {
	if err == nil {
		w.open = append(w.open, fd)
	}
	return fd, err
}

func (w *walker) begin(dir int, path string) (err error) {
	if w.root, err = w.ofProcess("root"); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(path, "/"):
		w.current = w.root
	case dir == unix.AT_FDCWD:
		w.current, err = w.ofProcess("cwd")
	default:
		w.current, err = w.ofProcess("fd/" + strconv.Itoa(dir))
	}
	w.rest = parts(path)
	return err
}

// parts are the names of a path.
func parts(path string) (all []string) {
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			all = append(all, name)
		}
	}
	return all
}

// step follows one name.
func (w *walker) step(last bool) error {
	name := w.rest[0]
	if name == ".." && same(w.current, w.root) {
		w.rest = w.rest[1:]
		return nil
	}
	next, err := w.keep(unix.Openat(w.current, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0))
	if err != nil {
		w.denied = errors.Is(err, unix.EACCES) && !inProc(w.current)
		return err
	}
	if inProc(w.current) {
		w.pass(name)
	}
	var st unix.Stat_t
	if err := unix.Fstat(next, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK || len(w.rest) == 1 && !last {
		w.current, w.rest = next, w.rest[1:]
		return nil
	}
	if w.links++; w.links > maxLinks {
		return unix.ELOOP
	}
	return w.follow(next, name)
}

// follow goes where a link leads.
func (w *walker) follow(link int, name string) error {
	rest := w.rest[1:]
	if inProc(link) {
		if name == "self" || name == "thread-self" { // of the process that follows it, not of this one
			own, err := w.ofProcess(".")
			w.current, w.rest = own, rest
			return err
		}
		if magic(w.current, name) {
			to, err := w.keep(unix.Openat(w.current, name, unix.O_PATH|unix.O_CLOEXEC, 0))
			if err == nil {
				w.current, w.rest = to, rest
			}
			return err
		}
	}
	var buf [maxPath]byte
	n, err := unix.Readlinkat(link, "", buf[:])
	if err != nil {
		return err
	}
	to := string(buf[:n])
	if strings.HasPrefix(to, "/") {
		w.current = w.root
	}
	w.rest = append(parts(to), rest...)
	return nil
}

// pass notes a member of a process that says what another process has.
func (w *walker) pass(member string) {
	switch member {
	case "environ", "mem", "root", "cwd", "fd", "exe", "map_files":
		process := filepath.Base(pathOf(w.current))
		if _, err := strconv.Atoi(process); err == nil {
			w.outside = append(w.outside, process+"/"+member)
		}
	}
}

// magic reports whether a link of /proc leads to what a process has open, and not to the text that it shows.
func magic(dir int, name string) bool {
	fd, err := unix.Openat2(dir, name, &plainly)
	if err == nil {
		_ = unix.Close(fd)
		return false
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // before Linux 5.6
		return name != "mounts" && name != "net"
	}
	return errors.Is(err, unix.ELOOP)
}

// inProc reports whether a file is of /proc, wherever that is mounted.
func inProc(fd int) bool { return fileSystem(fd) == unix.PROC_SUPER_MAGIC }

// queues is the file system of message queues, each of which is a file there (mq_overview(7), linux/magic.h).
const queues = 0x19800202

// fileSystem is the kind of the file system of a file; 0 if it is not known.
func fileSystem(fd int) int64 {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return 0
	}
	return st.Type
}

func same(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// pathOf is the path of an open file.
func pathOf(fd int) string {
	var buf [maxPath + 16]byte
	n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), buf[:])
	if err != nil {
		return ""
	}
	return string(buf[:n])
}
