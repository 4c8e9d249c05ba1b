//go:build linux && (amd64 || arm64)

package record

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A descendant is a process of the command.
type descendant struct {
	pid  int
	name string
}

// descendants are the processes below another one that have not ended.
func descendants(of int) (all []descendant) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children, alive := map[int][]int{}, map[int]bool{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := statusOf(pid); ok {
			children[s.parent] = append(children[s.parent], pid)
			alive[pid] = s.alive
		}
	}
	for next := children[of]; len(next) > 0; {
		pid := next[0]
		next = append(next[1:], children[pid]...)
		if alive[pid] {
			all = append(all, descendant{pid, nameOf(pid)})
		}
	}
	return all
}

// nameOf is the program of a process; "" if it is just ending.
func nameOf(pid int) string {
	at := "/proc/" + strconv.Itoa(pid)
	name, err := os.Readlink(at + "/exe")
	if errors.Is(err, os.ErrPermission) { // another user's
		comm, _ := os.ReadFile(at + "/comm")
		name = strings.TrimSpace(string(comm))
	}
	return name
}

// A status is what the kernel says of a process or a thread (proc_pid_status(5)).
type status struct {
	leader, parent int
	stopped        bool // by a signal
	alive          bool // it does not only wait for its parent to notice that it has ended
}

func statusOf(pid int) (s status, ok bool) {
	var buf [512]byte
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/status", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return s, false
	}
	n, err := unix.Read(fd, buf[:])
	_ = unix.Close(fd)
	if err != nil || n <= 0 {
		return s, false
	}
	b := buf[:n]
	s.leader, s.parent = number(b, "\nTgid:\t"), number(b, "\nPPid:\t")
	state := after(b, "\nState:\t")
	s.stopped = len(state) > 0 && state[0] == 'T'
	s.alive = len(state) > 0 && state[0] != 'Z' && state[0] != 'X'
	return s, true
}

// after is what stands behind the first mark, which is at the start of a line; the name before it can hold none,
// because the kernel writes its line ends as two characters.
func after(b []byte, mark string) []byte {
	_, rest, _ := bytes.Cut(b, []byte(mark))
	return rest
}

func number(b []byte, mark string) int {
	n, _ := strconv.Atoi(line(b, mark))
	return n
}

// noMore reports whether a thread has no right that the recorder has not: it is of the same user and groups, and has no
// capability (credentials(7)). A namespace of users can give it some.
func noMore(pid int) bool {
	theirs, err1 := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	ours, err2 := os.ReadFile("/proc/self/status")
	if err1 != nil || err2 != nil {
		return false
	}
	for _, mark := range []string{"\nUid:\t", "\nGid:\t", "\nGroups:\t"} {
		a, b := line(theirs, mark), line(ours, mark)
		if a == "" && mark != "\nGroups:\t" || a != b {
			return false
		}
	}
	return line(theirs, "\nCapEff:\t") == "0000000000000000"
}

// line is what stands behind the first mark, to the end of the line.
func line(b []byte, mark string) string {
	rest, _, _ := bytes.Cut(after(b, mark), []byte("\n"))
	return string(rest)
}

// signalAll sends a signal to each process below another one, and keeps their names.
func signalAll(of int, sig unix.Signal, names map[string]bool) (pids []int) {
	for _, p := range descendants(of) {
		if names != nil && p.name != "" { // else it has just ended
			names[p.name] = true
		}
		_ = unix.Kill(p.pid, sig)
		pids = append(pids, p.pid)
	}
	return pids
}

// Sweeps over the processes that are to end: until they are gone, or something holds them that no signal ends.
const (
	sweeps = 200
	pause  = 20 * time.Millisecond
)

// killAll ends each process below another one. Those that make new ones are stopped first.
func killAll(of int, names map[string]bool, gone func() bool) bool {
	for range sweeps {
		var before []int
		for range 5 {
			now := signalAll(of, unix.SIGSTOP, names)
			if slices.Equal(before, now) {
				break
			}
			before = now
		}
		signalAll(of, unix.SIGKILL, nil)
		if gone() {
			return true
		}
	}
	return false
}

// inside reports whether a process, named by its number as another one sees it, is of the command.
func (r *recorder) inside(pid, other int) bool {
	if other == pid || other == 0 { // 0 is the caller
		return true
	}
	theirs, err1 := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/pid")
	ours, err2 := os.Readlink("/proc/self/ns/pid")
	if err1 != nil || err2 != nil || theirs != ours {
		return false
	}
	for range 4096 {
		s, ok := statusOf(other)
		switch {
		case !ok || s.parent <= 1:
			return false
		case s.parent == r.self:
			return true
		}
		other = s.parent
	}
	return false
}

// programOf is the program that a process executes.
func programOf(n *notification) string {
	by, _ := os.Readlink("/proc/" + strconv.Itoa(int(n.pid)) + "/exe")
	return by
}
