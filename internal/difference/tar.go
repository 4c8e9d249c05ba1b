package difference

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// block is the unit of a tar archive (POSIX.1-2017, ustar interchange format).
const block = 512

// maxPax bounds what describes one member.
const maxPax = 1 << 20

var errTar = errors.New("a header of the archive is broken")

// readTar compares tar archives: ustar, pax, and what GNU tar writes of long names.
func readTar(w *walk, p place, c content2) error {
	var list [2][]member
	var end [2]int64
	for i := range c {
		var err error
		if list[i], end[i], err = w.tarMembers(i, c[i]); err != nil {
			return err
		}
	}
	found := w.count()
	x := archive{fields: tarFields, alike: tarAlike, odd: tarOdd, compare: tarContent}
	if img, ok := imageOf(c, list); ok {
		w.image(p, c, img)
		x.skip = img.skip
	}
	w.inStep(p, c, list, x)
	if w.count() > found {
		return nil
	}
	tail := content2{c[0].part(end[0], c[0].size), c[1].part(end[1], c[1].size)}
	if at, err := tail.first(); err == nil && at >= 0 {
		e := c.spots([2]int64{end[0] + at, end[1] + at})
		a, b := valued(e, itoa(tail[0].size)+" bytes", itoa(tail[1].size)+" bytes")
		w.say(p.in("end of the archive"), "padding", a, b)
	}
	return nil
}

// tarMembers lists the members, and says where the end of the archive begins.
func (w *walk) tarMembers(i int, c content) (list []member, end int64, err error) {
	names := 0
	begin := int64(-1)
	name := ""
	h := make([]byte, block)
	for at := int64(0); ; {
		if at == c.size || c.exactly(h, at) == nil && allZero(h) {
			return list, at, nil
		}
		if err := c.exactly(h, at); err != nil {
			return nil, 0, err
		}
		size, ok := tarNumber(h[124:136])
		if !isTar(h) || !ok || size < 0 || size > c.size-at-block {
			return nil, 0, errTar
		}
		if begin < 0 {
			begin = at
		}
		next := at + block + (size+block-1)/block*block
		if meta(h[156]) {
			if n := longName(c, h, at+block, size); n != "" {
				name = n
			}
			at = next
			continue
		}
		if name == "" {
			name = tarName(h)
		}
		if names += len(name); names > maxNames || len(name) > maxName {
			return nil, 0, errSpent
		}
		if err := w.take(i); err != nil {
			return nil, 0, err
		}
		if h[156] == '1' || h[156] == '2' || h[156] == '5' {
			size, next = 0, at+block+sizeOf(h, size) // links and folders have no content, whatever their size says
		}
		m := member{name: name, at: begin, head: at, data: at + block, size: size}
		next = min(next, c.size)
		if c.slow {
			if err := c.hash(&m, next); err != nil {
				return nil, 0, err
			}
		}
		list = append(list, m)
		begin, name, at = -1, "", next
	}
}

// sizeOf is what a folder or a link takes behind its header: nothing, but for a hard link with content (pax).
func sizeOf(h []byte, size int64) int64 {
	if h[156] != '1' {
		return 0
	}
	return (size + block - 1) / block * block
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// isTar reports whether a block has the checksum of a header.
func isTar(h []byte) bool {
	want, ok := tarNumber(h[148:156])
	sum := int64(8 * ' ')
	for i, b := range h {
		if i < 148 || i >= 156 {
			sum += int64(b)
		}
	}
	return ok && sum == want && h[148] != 0
}

// tarNumber reads octal digits, or the base-256 form of GNU tar.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		if len(b) > 8 && !allZero(b[1:len(b)-8]) {
			return 0, false
		}
		n := int64(0)
		for i, x := range b[max(0, len(b)-8):] {
			if i == 0 && len(b) == 8 {
				x &= 0x7f
			}
			n = n<<8 | int64(x)
		}
		return n, n >= 0
	}
	s := strings.Trim(string(b), " \x00")
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 8, 64)
	return n, err == nil
}

// meta reports whether a member describes the next one.
func meta(kind byte) bool { return kind == 'x' || kind == 'g' || kind == 'L' || kind == 'K' }

// longName is the name that a describing member gives the next one, or nothing.
func longName(c content, h []byte, at, size int64) string {
	if size > maxPax {
		return ""
	}
	switch h[156] {
	case 'L':
		return cString(c.bytes(at, size))
	case 'x':
		for _, r := range paxRecords(c.bytes(at, size)) {
			if r.key == "path" {
				return r.value
			}
		}
	}
	return ""
}

func tarName(h []byte) string {
	name := cString(h[:100])
	if string(h[257:263]) == "ustar\x00" && h[345] != 0 {
		return cString(h[345:500]) + "/" + name
	}
	return name
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

type paxRecord struct {
	key, value string
	at         int
}

// paxRecords reads records as far as they are whole (POSIX.1-2017, pax Header Block).
func paxRecords(b []byte) (out []paxRecord) {
	for at := 0; at < len(b); {
		digits, _, ok := bytes.Cut(b[at:], []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n <= len(digits)+1 || n > len(b)-at {
			return out
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(string(b[at+len(digits)+1:at+n]), "\n"), "=")
		out = append(out, paxRecord{key, value, at})
		at += n
	}
	return out
}

// tarFields are the properties of a member, in the order of its header; records of pax headers last.
func tarFields(c content, m member) []field {
	h := c.bytes(m.head, block)
	if len(h) < block {
		return nil
	}
	text := func(from, to int) string { return cString(h[from:to]) }
	uid, gid, uname, gname := number(h[108:116]), number(h[116:124]), text(265, 297), text(297, 329)
	f := []field{
		{name: "type", cause: "type", value: tarType(h[156]), at: m.head + 156},
		{name: "mode", cause: "mode", value: octal(h[100:108]), at: m.head + 100},
		{name: "owner", cause: "owner", value: uid, shown: uid + " " + uname, at: m.head + 108},
		{name: "group", cause: "owner", value: gid, shown: gid + " " + gname, at: m.head + 116},
		{name: "name of the owner", cause: "owner", value: uname, at: m.head + 265},
		{name: "name of the group", cause: "owner", value: gname, at: m.head + 297},
		{name: "mtime", cause: "tar-mtime", value: tarTime(h[136:148]), at: m.head + 136},
		{name: "target", cause: "link", value: text(157, 257), at: m.head + 157},
		{name: "format", cause: "format", value: tarFormat(h), at: m.head + 257},
	}
	if string(h[257:265]) == "ustar  \x00" {
		f = append(f, field{name: "atime and ctime", cause: "tar-mtime", value: cString(h[345:369]), at: m.head + 345})
	} else {
		f = append(f, field{name: "device", cause: "type", value: text(329, 337) + text(337, 345), at: m.head + 329})
	}
	return append(f, tarMeta(c, m)...)
}

// tarMeta are the properties that headers before a member say of it.
func tarMeta(c content, m member) (f []field) {
	for at := m.at; at < m.head; {
		h := c.bytes(at, block)
		if len(h) < block {
			return f
		}
		size, _ := tarNumber(h[124:136])
		kind := string(h[156:157])
		owner := number(h[108:116]) + ":" + number(h[116:124])
		f = append(f, field{name: "header " + kind + " › name", cause: "pax-name", value: tarName(h), at: at},
			field{name: "header " + kind + " › mtime", cause: "tar-mtime", value: tarTime(h[136:148]), at: at + 136},
			field{name: "header " + kind + " › mode", cause: "mode", value: octal(h[100:108]), at: at + 100},
			field{name: "header " + kind + " › owner", cause: "owner", value: owner, at: at + 108})
		body := c.bytes(at+block, min(size, maxPax))
		switch h[156] {
		case 'x', 'g':
			for _, r := range paxRecords(body) {
				if r.key == "size" || r.key == "path" {
					continue // told as what it is: the content, or the name
				}
				f = append(f, field{name: "pax " + r.key, cause: paxCause(r.key), value: r.value, shown: paxShown(r),
					at: at + block + int64(r.at)})
			}
		case 'K':
			f = append(f, field{name: "long target", cause: "link", value: cString(body), at: at + block})
		}
		at += block + (size+block-1)/block*block
	}
	return f
}

func paxCause(key string) string {
	switch key {
	case "mtime", "atime", "ctime", "LIBARCHIVE.creationtime":
		return "tar-mtime"
	case "uid", "gid", "uname", "gname":
		return "owner"
	case "linkpath":
		return "link"
	case "comment":
		return "comment"
	}
	if strings.HasPrefix(key, "SCHILY.") || strings.HasPrefix(key, "LIBARCHIVE.") || strings.HasPrefix(key, "RHT.") {
		return "attributes"
	}
	return "format"
}

func paxShown(r paxRecord) string {
	whole, rest, _ := strings.Cut(r.value, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil && paxCause(r.key) == "tar-mtime" {
		return strings.TrimSuffix(seconds(n)+" and 0."+rest, " and 0.")
	}
	return r.value
}

func number(b []byte) string {
	n, ok := tarNumber(b)
	if !ok {
		return hex.EncodeToString(b)
	}
	return itoa(n)
}

func octal(b []byte) string {
	n, ok := tarNumber(b)
	if !ok {
		return hex.EncodeToString(b)
	}
	return fmt.Sprintf("%04o", n)
}

func tarTime(b []byte) string {
	n, ok := tarNumber(b)
	if !ok {
		return hex.EncodeToString(b)
	}
	return seconds(n)
}

func tarType(b byte) string {
	switch b {
	case 0, '0', '7':
		return "file"
	case '1':
		return "hard link"
	case '2':
		return "symbolic link"
	case '3', '4', '6':
		return "device"
	case '5':
		return "folder"
	}
	return strconv.QuoteToASCII(string(rune(b)))
}

func tarFormat(h []byte) string {
	switch string(h[257:265]) {
	case "ustar\x0000":
		return "ustar"
	case "ustar  \x00":
		return "gnu"
	case "\x00\x00\x00\x00\x00\x00\x00\x00":
		return "v7"
	}
	return hex.EncodeToString(h[257:265])
}

func tarAlike(w *walk, c content2, m [2]member) bool {
	for i := range c {
		if m[i].data-m[i].at != block || c[i].exactly(w.heads[i][:], m[i].at) != nil {
			return false
		}
	}
	return w.heads[0] == w.heads[1]
}

// tarOdd notes bytes of headers that no field names. The size and the checksum follow from the rest.
func tarOdd(w *walk, p place, c content2, m [2]member) {
	for _, x := range [][2]int64{{0, 124}, {136, 148}, {156, block}} {
		var part content2
		var at [2]int64
		for i := range c {
			if at[i] = m[i].head + x[0]; x[0] == 0 {
				at[i] = m[i].at
			}
			part[i] = c[i].part(at[i], m[i].head+x[1]-at[i])
		}
		w.leftover(p.in("header"), c, part, at)
	}
}

// tarContent compares what the members hold, and then what fills their last blocks.
func tarContent(w *walk, p place, c content2, m [2]member) {
	found := w.count()
	w.dive(p, content2{c[0].part(m[0].data, m[0].size), c[1].part(m[1].data, m[1].size)})
	if w.count() > found {
		return
	}
	var part content2
	var at [2]int64
	for i := range c {
		at[i] = m[i].data + m[i].size
		part[i] = c[i].part(at[i], (block-m[i].size%block)%block)
	}
	w.leftover(p.in("padding"), c, part, at)
}

// leftover notes a difference in bytes that mean nothing to readers.
func (w *walk) leftover(p place, c, part content2, at [2]int64) {
	n := int64(-1)
	err := part.chunks(func(off int64, a, b []byte) bool {
		if k := common(a, b); k < max(len(a), len(b)) {
			n = off + int64(k)
		}
		return n < 0
	})
	if err != nil || n < 0 {
		return
	}
	e := c.spots([2]int64{at[0] + n, at[1] + n})
	w.say(p, "format", e[0], e[1])
}

// hash reads all about a member, where that is cheap now and costs much later.
func (c content) hash(m *member, end int64) error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(c.at, m.at, end-m.at)); err != nil {
		return err
	}
	h.Sum(m.sum[:0])
	m.hashed = true
	return nil
}
