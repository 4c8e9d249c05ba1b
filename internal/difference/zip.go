package difference

import (
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Sizes and marks of the records of a zip archive (APPNOTE.TXT, 4.3).
const (
	zipEntry   = 46 // bytes of a record of the directory, without what follows it
	zipLocal   = 30 // bytes of the header of a member
	zipEnd     = 22 // bytes of the end of the directory
	zipLocator = 20 // bytes of what says where the end of a 64-bit directory is
)

var errZip = errors.New("its directory is broken")

// readZip compares zip archives by their directories, then by the headers of the members, then by what they hold.
func readZip(w *walk, p place, c content2) error {
	var list [2][]member
	var end [2]int64
	for i := range c {
		var err error
		if list[i], end[i], err = w.zipMembers(i, c[i]); err != nil {
			return err
		}
	}
	found := w.count()
	w.inStep(p, c, list, archive{fields: zipFields, compare: zipContent})
	w.fields(p, c, [2][]field{zipComment(c[0], end[0]), zipComment(c[1], end[1])})
	if w.count() > found {
		return nil
	}
	if at, err := c.first(); err == nil && at >= 0 {
		e := c.spot(at)
		w.say(p.in("between the members"), "format", e[0], e[1])
	}
	return nil
}

func zipComment(c content, end int64) []field {
	b := c.bytes(end+20, 2+65535)
	if len(b) <= 2 {
		return nil
	}
	return []field{{name: "comment of the archive", cause: "comment", value: string(b[2:]), at: end + 22}}
}

// zipMembers lists the members in the order of the directory, and says where the end of the directory is.
func (w *walk) zipMembers(i int, c content) (list []member, end int64, err error) {
	at, stop, end, err := zipDirectory(c)
	if err != nil {
		return nil, 0, err
	}
	names := 0
	for at < stop {
		h := c.bytes(at, zipEntry)
		if len(h) < zipEntry || string(h[:4]) != "PK\x01\x02" {
			return nil, 0, errZip
		}
		le := binary.LittleEndian
		n, extra, comment := int64(le.Uint16(h[28:])), int64(le.Uint16(h[30:])), int64(le.Uint16(h[32:]))
		m := member{at: at, head: int64(le.Uint32(h[42:])), size: int64(le.Uint32(h[20:]))}
		m.name = string(c.bytes(at+zipEntry, n))
		m.wide(h, c.bytes(at+zipEntry+n, extra))
		if names += len(m.name); names > maxNames {
			return nil, 0, errSpent
		}
		if err := w.take(i); err != nil {
			return nil, 0, err
		}
		l := c.bytes(m.head, zipLocal)
		if len(l) < zipLocal || string(l[:4]) != "PK\x03\x04" {
			return nil, 0, errZip
		}
		m.data = m.head + zipLocal + int64(le.Uint16(l[26:])) + int64(le.Uint16(l[28:]))
		if m.size < 0 || m.data > c.size || m.size > c.size-m.data {
			return nil, 0, errZip
		}
		list = append(list, m)
		at += zipEntry + n + extra + comment
	}
	return list, end, nil
}

// wide takes the 64-bit values of a member from its extra field (APPNOTE.TXT, 4.5.3).
func (m *member) wide(h, extra []byte) {
	le := binary.LittleEndian
	for _, x := range zipExtras(extra) {
		b := x.data
		if x.id != 1 {
			continue
		}
		if le.Uint32(h[24:]) == 1<<32-1 && len(b) >= 8 {
			b = b[8:]
		}
		if m.size == 1<<32-1 && len(b) >= 8 {
			m.size, b = int64(le.Uint64(b)), b[8:]
		}
		if m.head == 1<<32-1 && len(b) >= 8 {
			m.head = int64(le.Uint64(b))
		}
	}
}

// zipDirectory is where the directory begins and stops, and where its end record is.
func zipDirectory(c content) (at, stop, end int64, err error) {
	from := max(0, c.size-zipEnd-65535)
	b := c.bytes(from, c.size-from)
	le := binary.LittleEndian
	for i := len(b) - zipEnd; i >= 0; i-- {
		if string(b[i:i+4]) != "PK\x05\x06" || int(le.Uint16(b[i+20:])) > len(b)-i-zipEnd {
			continue
		}
		end = from + int64(i)
		size, off := int64(le.Uint32(b[i+12:])), int64(le.Uint32(b[i+16:]))
		stop = end
		if l := c.bytes(end-zipLocator, zipLocator); len(l) == zipLocator && string(l[:4]) == "PK\x06\x07" {
			stop = int64(le.Uint64(l[8:]))
			if z := c.bytes(stop, 56); len(z) == 56 && string(z[:4]) == "PK\x06\x06" {
				size, off = int64(le.Uint64(z[40:])), int64(le.Uint64(z[48:]))
			}
		}
		if size < 0 || off < 0 || off > c.size || off+size > c.size || off+size > stop {
			return 0, 0, 0, errZip
		}
		return off, off + size, end, nil
	}
	return 0, 0, 0, errZip
}

type zipExtra struct {
	id   uint16
	data []byte
	at   int
}

func zipExtras(b []byte) (out []zipExtra) {
	for at := 0; at+4 <= len(b); {
		id, n := binary.LittleEndian.Uint16(b[at:]), int(binary.LittleEndian.Uint16(b[at+2:]))
		if at+4+n > len(b) {
			return out
		}
		out = append(out, zipExtra{id, b[at+4 : at+4+n], at})
		at += 4 + n
	}
	return out
}

// zipFields are the properties of a member: of the directory first, and of extra fields in both places.
func zipFields(c content, m member) []field {
	h := c.bytes(m.at, zipEntry)
	if len(h) < zipEntry {
		return nil
	}
	le := binary.LittleEndian
	n, extra, comment := int64(le.Uint16(h[28:])), int64(le.Uint16(h[30:])), int64(le.Uint16(h[32:]))
	small := func(at int) string { return itoa(int64(le.Uint16(h[at:]))) }
	f := []field{
		{name: "mtime", cause: "zip-time", value: dosTime(le.Uint16(h[14:]), le.Uint16(h[12:])), at: m.at + 12},
		{name: "mode", cause: "mode", value: zipMode(h), at: m.at + 38},
		{name: "method", cause: "method", value: zipMethod(le.Uint16(h[10:])), at: m.at + 10},
		{name: "system", cause: "zip-head", value: zipSystem(h[5]), at: m.at + 5},
		{
			name:  "version",
			cause: "zip-head",
			value: small(4),
			shown: fmt.Sprintf("%d.%d", h[4]/10, h[4]%10),
			at:    m.at + 4,
		},
		{name: "version needed", cause: "zip-head", value: small(6), at: m.at + 6},
		{name: "flags", cause: "zip-head", value: fmt.Sprintf("%016b", le.Uint16(h[8:])), at: m.at + 8},
		{name: "internal attributes", cause: "zip-head", value: small(36), at: m.at + 36},
		{name: "DOS attributes", cause: "mode", value: hex.EncodeToString(h[38:40]), at: m.at + 38},
	}
	if behind := m.at + zipEntry + n + extra; comment > 0 {
		f = append(f, field{name: "comment", cause: "comment", value: string(c.bytes(behind, comment)), at: behind})
	}
	f = append(f, extraFields("", c.bytes(m.at+zipEntry+n, extra), m.at+zipEntry+n)...)
	l := c.bytes(m.head, zipLocal)
	if len(l) < zipLocal {
		return f
	}
	from := m.head + zipLocal + int64(le.Uint16(l[26:]))
	return append(f, extraFields("local ", c.bytes(from, m.data-from), from)...)
}

// extraFields are what systems add to members: times, owners and others (APPNOTE.TXT, 4.5; Info-ZIP, extrafld.txt).
func extraFields(where string, b []byte, at int64) (f []field) {
	for _, x := range zipExtras(b) {
		here := field{at: at + int64(x.at), value: hex.EncodeToString(x.data)}
		switch x.id {
		case 1:
			continue // sizes, which follow from the content
		case 0x5455: // extended timestamp
			f = append(f, extended(where, x, at)...)
			continue
		case 0x000a:
			here.name, here.cause = "NTFS times", "zip-time"
		case 0x7875, 0x7855, 0x5855:
			here.name, here.cause, here.shown = "Unix owner", "zip-extra", zipOwner(x)
		default:
			here.name, here.cause = fmt.Sprintf("extra field 0x%04x", x.id), "zip-extra"
		}
		here.name = where + here.name
		f = append(f, here)
	}
	return f
}

func extended(where string, x zipExtra, at int64) (f []field) {
	if len(x.data) == 0 {
		return nil
	}
	b := x.data[1:]
	for bit, name := range []string{"mtime", "atime", "ctime"} {
		if x.data[0]&(1<<bit) == 0 || len(b) < 4 {
			continue
		}
		f = append(f, field{name: where + "extended timestamp › " + name, cause: "zip-time",
			value: seconds(int64(binary.LittleEndian.Uint32(b))), at: at + int64(x.at) + 4 + int64(len(x.data)-len(b))})
		b = b[4:]
	}
	return f
}

// zipOwner is a uid and a gid of variable length (Info-ZIP, 0x7875).
func zipOwner(x zipExtra) string {
	var n []string
	if x.id != 0x7875 || len(x.data) < 2 {
		return ""
	}
	for b := x.data[1:]; len(b) > 0; {
		size := int(b[0])
		if size > 8 || size >= len(b)+1 || len(b) < 1+size {
			return ""
		}
		v := uint64(0)
		for i := size; i > 0; i-- {
			v = v<<8 | uint64(b[i])
		}
		n, b = append(n, fmt.Sprint(v)), b[1+size:]
	}
	return strings.Join(n, ":")
}

// dosTime is a time without a zone, in steps of two seconds (APPNOTE.TXT, 4.4.6).
func dosTime(d, t uint16) string {
	return fmt.Sprintf("%d-%02d-%02d %02d:%02d:%02d", 1980+d>>9, d>>5&0xf, d&0x1f, t>>11, t>>5&0x3f, t&0x1f*2)
}

func zipMode(h []byte) string {
	mode := binary.LittleEndian.Uint32(h[38:]) >> 16
	if h[5] != 3 || mode == 0 {
		return "(none)"
	}
	return fmt.Sprintf("%04o", mode)
}

func zipMethod(n uint16) string {
	switch n {
	case 0:
		return "stored"
	case 8:
		return "deflate"
	case 12:
		return "bzip2"
	case 14:
		return "LZMA"
	case 93:
		return "zstd"
	}
	return itoa(int64(n))
}

func zipSystem(b byte) string {
	switch b {
	case 0:
		return "FAT"
	case 3:
		return "Unix"
	case 10:
		return "NTFS"
	case 19:
		return "macOS"
	}
	return itoa(int64(b))
}

// zipContent compares what two members hold, and where that is the same, how it is compressed.
func zipContent(w *walk, p place, c content2, m [2]member) {
	raw := content2{c[0].part(m[0].data, m[0].size), c[1].part(m[1].data, m[1].size)}
	at, err := raw.first()
	if err != nil {
		w.unread(p, err)
		return
	}
	if at < 0 {
		return
	}
	method := [2]uint16{}
	for i := range c {
		method[i] = binary.LittleEndian.Uint16(append(c[i].bytes(m[i].at+10, 2), 0, 0))
	}
	for _, n := range method {
		if n != 0 && n != 8 {
			w.remark(p, "compressed with "+zipMethod(n)+", which is not opened")
			e := raw.spot(at)
			w.say(p.in("compressed content"), "content", e[0], e[1])
			return
		}
	}
	inner, done, err := w.expand2(func(i int) (io.Reader, error) {
		if method[i] == 0 {
			return raw[i].reader(), nil
		}
		return flate.NewReader(raw[i].reader()), nil
	})
	defer done()
	switch {
	case err != nil:
		w.refused(p, "deflate", err)
		e := raw.spot(at)
		w.say(p.in("compressed content"), "content", e[0], e[1])
	case inner[0].sum != inner[1].sum:
		w.differing(p, inner, -1)
	case method[0] == method[1]:
		e := raw.spot(at)
		w.say(p.in("deflate stream"), "compressed", e[0], e[1])
	}
}
