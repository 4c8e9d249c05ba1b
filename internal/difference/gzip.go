package difference

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
)

// Flags of a gzip header (RFC 1952, 2.3.1).
const (
	gzipCheck   = 1 << 1
	gzipExtra   = 1 << 2
	gzipName    = 1 << 3
	gzipComment = 1 << 4
)

// readGzip compares the header of the first gzip member, and then what the stream holds.
func readGzip(w *walk, p place, c content2) error {
	var f [2][]field
	var begin [2]int64
	for i := range c {
		var err error
		if f[i], begin[i], err = gzipFields(c[i]); err != nil {
			return err
		}
	}
	w.fields(p.in("gzip header"), c, f)
	return w.stream(p, c, "gzip", begin, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
}

// gzipFields are the fields of a header, and where the stream begins.
func gzipFields(c content) ([]field, int64, error) {
	h := c.bytes(0, 64<<10)
	if len(h) < 18 || h[2] != 8 {
		return nil, 0, errors.New("its gzip header is cut off")
	}
	le := binary.LittleEndian
	flags := h[3] &^ (gzipExtra | gzipName | gzipComment)
	f := []field{
		{name: "mtime", cause: "gzip-mtime", value: seconds(int64(le.Uint32(h[4:]))), at: 4},
		{name: "level", cause: "gzip-head", value: hex.EncodeToString(h[8:9]), at: 8},
		{name: "system", cause: "gzip-head", value: gzipSystem(h[9]), at: 9},
		{name: "flags", cause: "gzip-head", value: itoa(int64(flags)), at: 3},
	}
	at := 10
	if h[3]&gzipExtra != 0 {
		n := int(le.Uint16(h[at:]))
		if len(h) < at+2+n {
			return nil, 0, errors.New("its gzip header is cut off")
		}
		extra := hex.EncodeToString(h[at+2 : at+2+n])
		f = append(f, field{name: "extra", cause: "gzip-head", value: extra, at: int64(at + 2)})
		at += 2 + n
	}
	for _, x := range []struct {
		flag        byte
		name, cause string
	}{{gzipName, "name", "gzip-name"}, {gzipComment, "comment", "comment"}} {
		if h[3]&x.flag == 0 {
			continue
		}
		n := bytes.IndexByte(h[at:], 0)
		if n < 0 {
			return nil, 0, errors.New("its gzip header has a text without an end")
		}
		f = append(f, field{name: x.name, cause: x.cause, value: string(h[at : at+n]), at: int64(at)})
		at += n + 1
	}
	return f, int64(at), nil
}

// gzipSystem is the system that a header names (RFC 1952, 2.3.1).
func gzipSystem(b byte) string {
	switch b {
	case 0:
		return "0 (FAT)"
	case 3:
		return "3 (Unix)"
	case 7:
		return "7 (Macintosh)"
	case 11:
		return "11 (NTFS)"
	case 255:
		return "255 (unknown)"
	}
	return itoa(int64(b))
}

func readZlib(w *walk, p place, c content2) error {
	return w.stream(p, c, "zlib", [2]int64{2, 2}, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) })
}

func readBzip2(w *walk, p place, c content2) error {
	return w.stream(
		p,
		c,
		"bzip2",
		[2]int64{4, 4},
		func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil },
	)
}

// opener begins to decompress.
type opener func(io.Reader) (io.Reader, error)

// stream compares what is compressed, from begin on each side. Where that is the same, the way of compressing is what
// differs.
func (w *walk) stream(p place, c content2, format string, begin [2]int64, open opener) error {
	inner, done, err := w.expand2(func(i int) (io.Reader, error) { return open(bufio.NewReader(c[i].reader())) })
	defer done()
	if err != nil {
		if errors.Is(err, errSpent) {
			return err
		}
		return errors.New("its stream is broken")
	}
	if inner[0].sum != inner[1].sum {
		w.differing(p, inner, -1)
		return nil
	}
	at, err := content2{c[0].part(begin[0], c[0].size), c[1].part(begin[1], c[1].size)}.first()
	if err == nil && at >= 0 {
		e := c.spots([2]int64{at + begin[0], at + begin[1]})
		w.say(p.in(format+" stream"), "compressed", e[0], e[1])
	}
	return nil
}
