//go:build linux && (amd64 || arm64)

package record

import (
	"strings"

	"golang.org/x/sys/unix"
)

// A move is a rename or a link: an old and a new name, each below a directory.
type move struct {
	from     int
	old      uint64
	to       int
	name     uint64
	exchange bool // each gets the name of the other (renameat2(2))
	follow   bool // a link at the end of the old name is followed (linkat(2))
	itself   bool // an empty old name means the descriptor (linkat(2))
}

// A being tells a file from another one that gets its number later. Where the file system does not say when it was
// born, that is 0.
type being struct {
	dev, ino uint64
	born     int64
}

// An origin is where a file was before the command gave it another name.
type origin struct {
	path  string // "": the command made it
	mtime int64  // when it was seen first
}

// emptied is a use that is not told: a file was opened to be written from its beginning.
const emptied = 1 << 7

// moved keeps the name that a file gets by a rename or a link, and where the file came from.
func (r *recorder) moved(n *notification, m move) {
	old, from := r.source(n, &m)
	name, other := r.named(n, m.to, m.name, from)
	if old == nil || old.was == nil || name == nil {
		return
	}
	carried := [][2]string{}
	if old.was.directory {
		carried = append(carried, [2]string{old.path, name.path})
	}
	if m.exchange {
		r.epoch++
		r.named(n, m.from, m.old, other)
		carried = append(carried, [2]string{name.path, old.path})
	}
	r.carry(carried)
}

// source is what gets another name, and where it came from.
func (r *recorder) source(n *notification, m *move) (f *found, from string) {
	said, whole, ok := r.asked(n, m.from, m.old)
	if !ok || len(said) == 0 && !m.itself {
		return nil, ""
	}
	q := question{pid: int(n.pid), dir: m.from, text: string(said), whole: string(whole), last: m.follow, moved: true}
	is := r.answer(q)
	if !r.alive(n) {
		return nil, ""
	}
	r.passed(n, &is)
	if is.was != nil && !is.was.regular { // a link, or a directory with links in it
		r.epoch++
	}
	return &is, r.origin(&is)
}

// named keeps a name that a file gets which came from somewhere. It says what had the name, and where that came from.
func (r *recorder) named(n *notification, dir int, addr uint64, from string) (f *found, other string) {
	said, whole, ok := r.asked(n, dir, addr)
	if !ok || len(said) == 0 || !r.alive(n) {
		return nil, ""
	}
	is := r.answer(question{pid: int(n.pid), dir: dir, text: string(said), whole: string(whole), moved: true})
	r.passed(n, &is)
	other = r.origin(&is)
	kept := is
	if is.was != nil && !is.was.regular { // a link that is replaced
		kept.was = nil
	}
	r.keepFrom(&kept, from)
	return &is, other
}

// keepFrom keeps a name that a file got.
func (r *recorder) keepFrom(f *found, from string) {
	i := r.keep(f, Named)
	if i < 0 {
		return
	}
	s := &r.files[i]
	if from != "" && s.from == "" {
		dir := s.path[:strings.LastIndexByte(s.path, '/')+1]
		r.below[dir] = append(r.below[dir], i)
	}
	s.use &^= emptied
	s.from = from
}

// carry gives what came into a directory its names below the new name of that directory. It keeps the old ones: the
// kernel may refuse the move.
func (r *recorder) carry(moves [][2]string) {
	type carried struct{ path, from string }
	all := []carried{}
	for _, m := range moves {
		for dir, files := range r.below {
			if !strings.HasPrefix(dir, m[0]+"/") {
				continue
			}
			for _, i := range files {
				all = append(all, carried{m[1] + strings.TrimPrefix(r.files[i].path, m[0]), r.files[i].from})
			}
		}
	}
	for _, c := range all {
		r.keepFrom(&found{path: c.path}, c.from)
	}
}

// origin says where something came from that is about to get another name; "" if the command made it.
func (r *recorder) origin(f *found) string {
	if f.was == nil {
		return ""
	}
	key := being{f.was.dev, f.was.ino, f.born}
	o, known := r.origins[key]
	s := r.seenAt(f.path)
	if !known {
		o.mtime = f.was.mtime
		if s != nil && s.was != nil && s.was.sameFile(f.was) {
			o.mtime = s.was.mtime
		}
		if !r.madeIt(f, s) {
			o.path = strings.TrimSuffix(f.path, " (deleted)")
		}
	}
	if rewritten(s, f.was, o) {
		o.path = ""
	}
	if !known && (len(r.origins) >= maxFiles || !r.room(len(o.path))) {
		r.result.Watch.Lost++
		return o.path
	}
	r.origins[key] = o
	return o.path
}

// seenAt is what was kept of a path; nil is nothing.
func (r *recorder) seenAt(path string) *seen {
	if i, is := r.paths[path]; is {
		return &r.files[i]
	}
	return nil
}

// rewritten reports whether the command emptied a file that it found, so that its content is the command's own.
func rewritten(s *seen, is *identity, o origin) bool {
	return s != nil && s.use&emptied != 0 && is.regular && is.mtime != o.mtime
}

// madeIt reports whether the command made a file: it was born after the command began. Where the file system does not
// say when, the command opened it to be written when nothing was there, or it has no name yet.
func (r *recorder) madeIt(f *found, s *seen) bool {
	if f.born != 0 {
		return f.born > r.began
	}
	return f.unnamed || s != nil && s.was == nil && s.first&Write != 0
}

// cameFrom is where the file came from that has a name after the command.
func (r *recorder) cameFrom(s *seen, fd int, is *identity) string {
	o := r.origins[being{is.dev, is.ino, bornAt(fd)}]
	if o.path == s.path || rewritten(s, is, o) {
		return ""
	}
	return o.path
}

// bornAt is when an open file was made, in nanoseconds; 0 if that is not known.
func bornAt(fd int) int64 {
	var st unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st) != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
}

// tick is the time that the kernel gives to a file that it makes now: that of its last tick.
func tick() int64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now) != nil {
		return 0
	}
	return now.Nano()
}
