package difference

import (
	"bytes"
	"errors"
	"strings"
)

// arHeader is the size of the header of a member (ar(5)).
const arHeader = 60

// readAr compares ar archives: static libraries and Debian packages.
func readAr(w *walk, p place, c content2) error {
	var list [2][]member
	for i := range c {
		var err error
		if list[i], err = w.arMembers(i, c[i]); err != nil {
			return err
		}
	}
	w.inStep(p, c, list, archive{fields: arFields, compare: arContent})
	return nil
}

// arMembers lists the members, with the long names of System V and of BSD.
func (w *walk) arMembers(i int, c content) (list []member, err error) {
	var long []byte
	for at := int64(8); at < c.size; {
		h := c.bytes(at, arHeader)
		if len(h) < arHeader || string(h[58:]) != "`\n" {
			return nil, errors.New("a header of it is broken")
		}
		size, ok := decimalOf(h[48:58])
		if !ok || size > c.size-at-arHeader {
			return nil, errors.New("a size in it is wrong")
		}
		m := member{name: strings.TrimRight(string(h[:16]), " "), at: at, head: at, data: at + arHeader, size: size}
		switch n, is := decimalOf(bytes.TrimPrefix(h[:16], []byte("#1/"))); {
		case m.name == "//":
			long = c.bytes(m.data, min(size, maxPax))
		case is && string(h[:3]) == "#1/" && n <= size && n <= maxName:
			m.name = cString(c.bytes(m.data, n))
			m.data, m.size = m.data+n, size-n
		case len(m.name) > 1 && m.name[0] == '/':
			if n, ok := decimalOf([]byte(m.name[1:])); ok && n < int64(len(long)) {
				m.name, _, _ = strings.Cut(string(long[n:]), "/\n")
			}
		case m.name != "/":
			m.name = strings.TrimSuffix(m.name, "/")
		}
		if err := w.take(i); err != nil {
			return nil, err
		}
		list = append(list, m)
		at += arHeader + size + size%2
	}
	return list, nil
}

func decimalOf(b []byte) (int64, bool) {
	n := int64(0)
	s := bytes.TrimRight(b, " ")
	for _, x := range s {
		if x < '0' || x > '9' || n > 1<<40 {
			return 0, false
		}
		n = n*10 + int64(x-'0')
	}
	return n, true
}

func arFields(c content, m member) []field {
	h := c.bytes(m.head, arHeader)
	if len(h) < arHeader {
		return nil
	}
	text := func(from, to int) string { return strings.TrimRight(string(h[from:to]), " ") }
	when := text(16, 28)
	if n, ok := decimalOf(h[16:28]); ok && when != "" {
		when = seconds(n)
	}
	return []field{
		{name: "mtime", cause: "ar-mtime", value: when, at: m.head + 16},
		{name: "owner", cause: "ar-owner", value: text(28, 34), at: m.head + 28},
		{name: "group", cause: "ar-owner", value: text(34, 40), at: m.head + 34},
		{name: "mode", cause: "mode", value: arMode(text(40, 48)), at: m.head + 40},
	}
}

func arMode(s string) string { return strings.TrimPrefix(s, "100") }

func arContent(w *walk, p place, c content2, m [2]member) {
	w.dive(p, content2{c[0].part(m[0].data, m[0].size), c[1].part(m[1].data, m[1].size)})
}
