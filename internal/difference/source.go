package difference

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
)

// content is a piece of a file, or what was decompressed of one.
type content struct {
	at   io.ReaderAt
	size int64
	slow bool   // reading backwards means decompressing again
	kept bool   // it is in memory
	sum  string // a digest of what was decompressed
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

// cursor reads a stream at offsets: forwards as it is, a little backwards from what it keeps, and further backwards by
// opening it again.
type cursor struct {
	open func() (io.Reader, error)
	left *int64 // bytes that may still be read
	size int64
	r    io.Reader
	kept [2]stretch // the last two, the older one first
}

// stretch is a part of a stream.
type stretch struct {
	begin int64
	b     []byte
}

func (s stretch) end() int64         { return s.begin + int64(len(s.b)) }
func (s stretch) has(off int64) bool { return off >= s.begin && off < s.end() }

// ReadAt implements io.ReaderAt.
func (c *cursor) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off < 0 || off >= c.size {
			return n, io.EOF
		}
		s, err := c.reach(off)
		if err != nil {
			return n, err
		}
		got := copy(p[n:], s.b[off-s.begin:])
		n, off = n+got, off+int64(got)
	}
	return n, nil
}

// reach is the stretch with the byte at off.
func (c *cursor) reach(off int64) (stretch, error) {
	for _, s := range c.kept {
		if s.has(off) {
			return s, nil
		}
	}
	if c.r == nil || off < c.kept[1].begin {
		r, err := c.open()
		if err != nil {
			return stretch{}, err
		}
		c.r = r
		c.kept[0], c.kept[1] = stretch{b: c.kept[0].b[:0]}, stretch{b: c.kept[1].b[:0]}
	}
	for !c.kept[1].has(off) {
		if err := c.next(); err != nil {
			return stretch{}, err
		}
	}
	return c.kept[1], nil
}

// next reads the next stretch, and forgets the older one.
func (c *cursor) next() error {
	b := c.kept[0].b
	if cap(b) < chunk {
		b = make([]byte, chunk)
	}
	n, err := io.ReadFull(c.r, b[:chunk])
	if *c.left -= int64(n); *c.left < 0 {
		*c.left = -1
		c.r = nil
		return errSpent
	}
	if n == 0 {
		c.r = nil
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	c.kept[0], c.kept[1] = c.kept[1], stretch{c.kept[1].end(), b[:n]}
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
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(h, &kept), io.LimitReader(r, most+1))
	if err != nil {
		return content{}, err
	}
	if n <= most {
		s.expanded -= n
		w.memory -= n
		c := memory(kept.Bytes())
		c.sum = string(h.Sum(nil))
		return c, nil
	}
	kept = bytes.Buffer{}
	more, err := io.CopyBuffer(h, io.LimitReader(r, s.expanded-n+1), make([]byte, chunk))
	if err != nil {
		return content{}, err
	}
	n += more
	if s.expanded -= n; s.expanded < 0 {
		return content{}, errSpent
	}
	return content{at: &cursor{open: open, left: &s.again, size: n}, size: n, slow: true, sum: string(h.Sum(nil))}, nil
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
