package contents

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const block = 512

// archive reads the members of a tar archive (POSIX.1-2017, pax, and what GNU tar writes of long
// names). It knows less than other readers do, so that there is nothing in which they could differ:
// npm's own goes on after a broken header, stops at two empty blocks, takes a path from the pax
// header and puts a prefix before it, and leaves links out.
type archive struct {
	r     io.Reader
	bytes int64 // of all members so far
	names int   // bytes of all names so far
	files int
}

// member is a file or a folder of an archive.
type member struct {
	name   string // without the slash behind a folder
	size   int64
	mode   int64
	folder bool
	odd    error // it is neither a file nor a folder
}

// errNoArchive says that no block of a file is a header.
var errNoArchive = errors.New("no archive")

// first reads to the first header. A file may begin with something else: npm's reader passes that
// over. So it is an archive if any block is a header, and malformed if that is not its first.
func (a *archive) first() ([]byte, error) {
	h := make([]byte, block)
	for n := 0; ; n++ {
		switch _, err := io.ReadFull(a.r, h); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errNoArchive
		case err != nil:
			return nil, err
		}
		switch {
		case isHeader(h) && n == 0:
			return h, nil
		case isHeader(h):
			return nil, malformed("something stands before the archive in it, which some readers pass over")
		}
		if a.bytes += block; a.bytes > maxBytes {
			return nil, limit("it has more than %d bytes", int64(maxBytes))
		}
	}
}

// header reads the header of the next member; nil at the end of the archive.
func (a *archive) header() ([]byte, error) {
	b := make([]byte, block)
	n, err := io.ReadFull(a.r, b)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, malformed("it ends in the middle of a header: after %d bytes of %d", n, block)
	case err != nil:
		return nil, err
	case allZero(b):
		return nil, a.end()
	case !isHeader(b):
		return nil, malformed("a header in it is broken, which some readers pass over")
	}
	return b, nil
}

// end wants nothing but zeros behind the end of the archive.
func (a *archive) end() error {
	b := make([]byte, 32<<10)
	for length := 0; ; {
		n, err := a.r.Read(b)
		length += n
		if !allZero(b[:n]) {
			return malformed("something follows the end of the archive in it")
		}
		if a.bytes += int64(n); a.bytes > maxBytes {
			return limit("it has more than %d bytes", int64(maxBytes))
		}
		switch {
		case errors.Is(err, io.EOF) && length%block != 0:
			return malformed("it ends in the middle of a block")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// isHeader reports whether a block has the sum that a header has of itself.
func isHeader(b []byte) bool {
	want, err := octal(b[148:156])
	if err != nil {
		return false
	}
	sum := int64(8 * ' ')
	for i, c := range b {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return sum == want
}

// octal reads a number as every reader does: spaces, digits, and then nothing but zeros and spaces. npm
// reads no number behind a zero.
func octal(b []byte) (int64, error) {
	s := strings.TrimRight(strings.TrimLeft(string(b), " "), " \x00")
	n, err := strconv.ParseInt(s, 8, 64)
	if err != nil || strings.ContainsAny(s, "+-_") {
		return 0, errNumber
	}
	return n, nil
}

var errNumber = errors.New("no octal number")

// text reads a text that ends at a zero byte, after which nothing else may stand.
func text(b []byte) (string, error) {
	s, rest, _ := bytes.Cut(b, []byte{0})
	if !allZero(rest) {
		return "", malformed("a name in it has something behind its end")
	}
	return string(s), nil
}

// next returns the next member. h is its header, or that of what describes it.
func (a *archive) next(h []byte) (*member, error) {
	var said described
	for {
		m, err := parse(h)
		if err != nil {
			return nil, err
		}
		switch kind := h[156]; kind {
		case '0', 0, '5':
			return a.named(m, h, said)
		case '1', '2', '3', '4', '6':
			if m.size != 0 {
				return nil, malformed("%q in it has content and is not a file", valid(m.name))
			}
			m.odd = malformed("%q in it is a link or a device, which some readers leave out", valid(m.name))
			return a.named(m, h, said)
		case 'x', 'L', 'g', 'K':
			more, err := a.said(m, kind)
			if err != nil {
				return nil, err
			}
			if said, err = said.and(more); err != nil {
				return nil, err
			}
		default:
			return nil, malformed("%q in it is of type %q, and neither a file nor a folder", valid(m.name), valid(string(kind)))
		}
		if h, err = a.header(); err == nil && h == nil {
			err = malformed("it ends where a file is announced")
		}
		if err != nil {
			return nil, err
		}
	}
}

// described is what stands before a member about it.
type described struct {
	kinds string // of what has said it
	name  string
	size  string // in decimal, where it is said
	link  bool   // it says where a link leads
}

// and is d with more that is said about the same member, by something of another kind.
func (d described) and(more described) (described, error) {
	if strings.ContainsAny(more.kinds, d.kinds) || d.name != "" && more.name != "" {
		return d, malformed("a file in it is described twice")
	}
	more.kinds += d.kinds
	more.name, more.size, more.link = d.name+more.name, d.size+more.size, d.link || more.link
	return more, nil
}

func valid(name string) string { return strings.ToValidUTF8(name, "?") }

// parse reads the fields of a header.
func parse(h []byte) (member, error) {
	var m member
	name, err := text(h[:100])
	if err != nil {
		return m, err
	}
	if m.size, err = octal(h[124:136]); err != nil {
		return m, malformed("a header in it has no size that every reader reads")
	}
	for _, f := range [][]byte{h[100:108], h[108:116], h[116:124], h[136:148], h[329:337], h[337:345]} {
		if _, err := octal(f); err != nil && len(bytes.Trim(f, " \x00")) > 0 {
			return m, malformed("a header in it has a number that npm does not read, which then leaves the file out")
		}
	}
	m.mode, _ = octal(h[100:108]) // none is 0
	if !allZero(h[157:257]) && h[156] != '1' && h[156] != '2' {
		return m, malformed("%q in it has the target of a link and is not a link", valid(name))
	}
	m.name = name
	switch magic := string(h[257:265]); {
	case magic == "ustar\x0000":
		prefix, err := text(h[345:500])
		if err != nil {
			return m, err
		}
		if prefix != "" {
			m.name = prefix + "/" + name
		}
	case magic == "ustar  \x00", allZero(h[257:265]):
		if !allZero(h[345:500]) {
			return m, malformed("a header in it has times or parts in the place of a name")
		}
	default:
		return m, malformed("a header in it is of no kind that every reader knows")
	}
	return m, nil
}

// named gives a member the name that was said before, and holds it to what a name may be.
func (a *archive) named(m member, h []byte, said described) (*member, error) {
	if said.name != "" {
		if string(h[257:265]) == "ustar\x0000" && h[345] != 0 {
			return nil, malformed("a file in it has a long name and a prefix of one")
		}
		m.name = said.name
	}
	if said.size != "" && said.size != strconv.FormatInt(m.size, 10) {
		return nil, malformed("%q in it has two sizes", valid(m.name))
	}
	if said.link && m.odd == nil {
		return nil, malformed("%q in it has the target of a link and is not a link", valid(m.name))
	}
	m.folder = h[156] == '5' || strings.HasSuffix(m.name, "/")
	m.name = strings.TrimSuffix(m.name, "/")
	if m.folder && m.size != 0 {
		return nil, malformed("folder %q in it has content", valid(m.name))
	}
	if a.names += len(m.name); a.names > maxNames || len(m.name) > maxName {
		return nil, limit("its names are longer than %d bytes, or all of them than %d", maxName, maxNames)
	}
	if a.files++; a.files > maxFiles {
		return nil, limit("it has more than %d files", maxFiles)
	}
	if a.bytes += m.size + block; a.bytes > maxBytes || m.size > maxBytes {
		return nil, limit("it has more than %d bytes", int64(maxBytes))
	}
	return &m, nil
}

// maxSaid bounds what describes one member.
const maxSaid = 64 << 10

// said reads what describes the next member: a pax header, or GNU tar's long name.
func (a *archive) said(m member, kind byte) (described, error) {
	if m.size > maxSaid {
		return described{}, limit("a header in it has %d bytes, and at most %d are read", m.size, maxSaid)
	}
	if a.bytes += m.size + block; a.bytes > maxBytes {
		return described{}, limit("it has more than %d bytes", int64(maxBytes))
	}
	b := make([]byte, m.size)
	if err := a.content(b); err != nil {
		return described{}, err
	}
	switch kind {
	case 'L':
		name, err := text(b)
		if err == nil && name == "" {
			err = malformed("a long name in it is empty")
		}
		return described{kinds: "L", name: name}, err
	case 'K':
		return described{kinds: "K", link: true}, nil
	}
	return pax(b, kind == 'g')
}

// content fills b with content, and passes over what fills its last block.
func (a *archive) content(b []byte) error {
	if _, err := io.ReadFull(a.r, b); err != nil {
		return cutOff(err)
	}
	return a.fill(int64(len(b)))
}

// fill passes over what stands between n bytes of content and the next header.
func (a *archive) fill(n int64) error {
	_, err := io.CopyN(io.Discard, a.r, (block-n%block)%block)
	return cutOff(err)
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("it ends in the middle of a file")
	}
	return err
}

// passive are keys of pax headers that change neither where a file is nor what is in it.
var passive = []string{"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"}

// pax reads the records of a pax header. A global one may say nothing of names and sizes.
func pax(b []byte, global bool) (described, error) {
	out, seen := described{kinds: "x"}, map[string]bool{}
	if global {
		out.kinds = ""
	}
	for len(b) > 0 {
		digits, _, ok := bytes.Cut(b, []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n <= len(digits)+1 || n > len(b) || b[n-1] != '\n' ||
			strconv.Itoa(n) != string(digits) {
			return out, malformed("a pax header in it is broken")
		}
		record := string(b[len(digits)+1 : n-1])
		b = b[n:]
		key, value, ok := strings.Cut(record, "=")
		if !ok || seen[key] || strings.ContainsAny(record, "\n\x00") {
			return out, malformed("a pax header in it has a record that not every reader reads")
		}
		seen[key] = true
		switch {
		case key == "path" && !global && value != "":
			out.name = value
		case key == "size" && !global && value != "":
			out.size = value
		case key == "linkpath" && !global:
			out.link = true
		case slices.Contains(passive, key), strings.HasPrefix(key, "LIBARCHIVE."), strings.HasPrefix(key, "SCHILY."):
		default:
			return out, malformed("a pax header in it says %q of a file", valid(key))
		}
	}
	return out, nil
}

// spelled says why a name is not read in one way everywhere, or nil. A file has a folder at the top.
func spelled(name string) error {
	if !utf8.ValidString(name) {
		return malformed("a name in it is not UTF-8: %q", name)
	}
	if strings.ContainsAny(name, `\`) || strings.ContainsFunc(name, unicode.IsControl) {
		return malformed("a name in it has a backslash or a control character: %q", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return malformed("a name in it is absolute, leaves its folder, or could be written in another way: %q", name)
		}
	}
	return nil
}
