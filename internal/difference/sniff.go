package difference

import (
	"bytes"
	"encoding/binary"
)

// format is how the content of one format begins, and who reads it.
type format struct {
	name  string
	is    func(head []byte) bool
	reads reader
}

func begins(with string) func([]byte) bool {
	return func(b []byte) bool { return bytes.HasPrefix(b, []byte(with)) }
}

// formats are tried in this order.
func formats() []format {
	return []format{
		{"a gzip file", begins("\x1f\x8b\x08"), readGzip},
		{"a zip archive", func(b []byte) bool { return begins("PK\x03\x04")(b) || begins("PK\x05\x06")(b) }, readZip},
		{"an ar archive", begins("!<arch>\n"), readAr},
		{"an ELF file", begins("\x7fELF"), readELF},
		{"a Windows program", func(b []byte) bool { return begins("MZ")(b) && len(b) >= 64 }, readPE},
		{"a Mach-O file", isMachO, readMachO},
		{"a bzip2 file", func(b []byte) bool { return begins("BZh")(b) && len(b) > 10 }, readBzip2},
		{"an xz file", begins("\xfd7zXZ\x00"), closed("xz")},
		{"a zstd file", begins("\x28\xb5\x2f\xfd"), closed("zstd")},
		{"a tar archive", func(b []byte) bool { return len(b) >= block && isTar(b[:block]) }, readTar},
		{"a zlib stream", isZlib, readZlib},
		{"JSON", isJSON, readJSON},
	}
}

// isZlib reports whether a header has the check bits of one (RFC 1950, 2.2).
func isZlib(b []byte) bool { return len(b) > 6 && b[0] == 0x78 && binary.BigEndian.Uint16(b)%31 == 0 }

// sniff is the format that both sides have, or nothing.
func sniff(c content2) (string, reader) {
	heads := [2][]byte{c[0].bytes(0, block), c[1].bytes(0, block)}
	for _, f := range formats() {
		if f.is(heads[0]) && f.is(heads[1]) {
			return f.name, f.reads
		}
	}
	return "", nil
}

// closed is a compression that the standard library cannot open.
func closed(name string) reader {
	return func(w *walk, p place, c content2) error {
		w.remark(p, "compressed with "+name+", which is not opened; compare what it holds after unpacking it")
		return errQuiet
	}
}
