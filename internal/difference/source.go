package difference

import (
	"bytes"
	"errors"
	"io"
)

// content is a piece of a file, or what was decompressed of one.
type content struct {
	at   io.ReaderAt
	size int64
	slow bool // reading backwards means decompressing again
	kept bool // it is in memory
}

type content2 [2]content

// chunk is how many bytes are read at once.
const chunk = 128 << 10

// errSpent says that a comparison has reached one of its limits.
var errSpent = errors.New("a limit of the comparison was reached")

// part is n bytes of c from off, as far as they are there.
func (c content) part(off, n int64) content {
	off = min(max(off, 0), c.size)
	n = min(max(n, 0), c.size-off)
	return content{at: io.NewSectionReader(c.at, off, n), size: n, slow: c.slow, kept: c.kept}
}

// bytes are up to n bytes of c from off; fewer at its end, or where it cannot be read.
func (c content) bytes(off, n int64) []byte {
	if off < 0 || off >= c.size {
		return nil
	}
	b := make([]byte, min(n, c.size-off))
	got, _ := c.at.ReadAt(b, off)
	return b[:got]
}

// exactly fills b from off.
func (c content) exactly(b []byte, off int64) error {
	if off < 0 || off+int64(len(b)) > c.size {
		return io.ErrUnexpectedEOF
	}
	n, err := c.at.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// chunks calls f with the same stretch of both sides until it returns false. The last ones are shorter on one side.
func (c content2) chunks(f func(off int64, a, b []byte) bool) error {
	size := max(c[0].size, c[1].size)
	buf := [2][]byte{make([]byte, min(chunk, c[0].size)), make([]byte, min(chunk, c[1].size))}
	for off := int64(0); off < size; off += chunk {
		var got [2][]byte
		for i := range c {
			got[i] = buf[i][:max(0, min(int64(len(buf[i])), c[i].size-off))]
			if len(got[i]) == 0 {
				continue
			}
			if err := c[i].exactly(got[i], off); err != nil {
				return err
			}
		}
		if !f(off, got[0], got[1]) {
			return nil
		}
	}
	return nil
}

// first is where two contents begin to differ, or -1.
func (c content2) first() (int64, error) {
	at := int64(-1)
	err := c.chunks(func(off int64, a, b []byte) bool {
		n := common(a, b)
		if n < max(len(a), len(b)) {
			at = off + int64(n)
			return false
		}
		return true
	})
	return at, err
}

// common is how many bytes a and b have in common at their beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	const step = 4096
	at := 0
	for at+step <= n && bytes.Equal(a[at:at+step], b[at:at+step]) {
		at += step
	}
	for at < n && a[at] == b[at] {
		at++
	}
	return at
}

// side is what one side may still take.
type side struct {
	expanded int64 // bytes that are decompressed for the first time
	again    int64 // bytes that are decompressed again
	members  int
}

// cursor reads a stream at offsets: forwards as it is, backwards by opening it again.
type cursor struct {
	open   func() (io.Reader, error)
	left   *int64 // bytes that may still be read
	size   int64
	r      io.Reader
	window []byte
	begin  int64 // offset of window
}

// ReadAt implements io.ReaderAt.
func (c *cursor) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off >= c.size {
			return n, io.EOF
		}
		if err := c.reach(off); err != nil {
			return n, err
		}
		got := copy(p[n:], c.window[off-c.begin:])
		n, off = n+got, off+int64(got)
	}
	return n, nil
}

// reach makes the window hold the byte at off.
func (c *cursor) reach(off int64) error {
	if c.r == nil || off < c.begin {
		r, err := c.open()
		if err != nil {
			return err
		}
		c.r, c.begin, c.window = r, 0, c.window[:0]
	}
	for off >= c.begin+int64(len(c.window)) {
		c.begin += int64(len(c.window))
		if cap(c.window) == 0 {
			c.window = make([]byte, chunk)
		}
		c.window = c.window[:cap(c.window)]
		n, err := io.ReadFull(c.r, c.window)
		c.window = c.window[:n]
		if *c.left -= int64(n); *c.left < 0 {
			return errSpent
		}
		if n == 0 {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	return nil
}

// expand is what open gives: in memory if it is small, else read again whenever it is needed.
func (w *walk) expand(i int, open func() (io.Reader, error)) (content, error) {
	r, err := open()
	if err != nil {
		return content{}, err
	}
	s := &w.left[i]
	most := min(w.memory/8, s.expanded)
	var kept bytes.Buffer
	n, err := io.Copy(&kept, io.LimitReader(r, most+1))
	if err != nil {
		return content{}, err
	}
	if n <= most {
		s.expanded -= n
		w.memory -= n
		return memory(kept.Bytes()), nil
	}
	kept = bytes.Buffer{}
	more, err := io.Copy(io.Discard, io.LimitReader(r, s.expanded-n+1))
	if err != nil {
		return content{}, err
	}
	n += more
	if s.expanded -= n; s.expanded < 0 {
		return content{}, errSpent
	}
	return content{at: &cursor{open: open, left: &s.again, size: n}, size: n, slow: true}, nil
}

// expand2 is expand for both sides. done gives the memory back.
func (w *walk) expand2(open func(i int) (io.Reader, error)) (c content2, done func(), err error) {
	before := w.memory
	done = func() { w.memory = before }
	for i := range c {
		x, one := w.expand(i, func() (io.Reader, error) { return open(i) })
		if one != nil && (err == nil || errors.Is(one, errSpent)) {
			err = one
		}
		c[i] = x
		if i == 0 {
			w.memory = before // both sides have the same to begin with, whichever comes first
		}
	}
	w.memory = before - keptSize(c[0]) - keptSize(c[1])
	return c, done, err
}

func keptSize(c content) int64 {
	if c.kept {
		return c.size
	}
	return 0
}

// memory is content that is in memory already.
func memory(b []byte) content {
	return content{at: bytes.NewReader(b), size: int64(len(b)), kept: true}
}
