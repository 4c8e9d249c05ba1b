//go:build linux && (amd64 || arm64)

package record

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// loaderOf is the program that the kernel maps beside an ELF file of 64 bits, if its first page says which.
func loaderOf(b []byte) string {
	const header, entry = 64, 56 // sizes of Elf64_Ehdr and Elf64_Phdr
	if len(b) < header || string(b[:4]) != elf.ELFMAG || elf.Class(b[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(b[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return ""
	}
	at, count := binary.LittleEndian.Uint64(b[32:]), uint64(binary.LittleEndian.Uint16(b[56:]))
	for i := range count {
		from := at + i*entry
		if from > uint64(len(b)) || uint64(len(b))-from < entry {
			return ""
		}
		p := b[from:]
		if elf.ProgType(binary.LittleEndian.Uint32(p)) != elf.PT_INTERP {
			continue
		}
		start, size := binary.LittleEndian.Uint64(p[8:]), binary.LittleEndian.Uint64(p[32:])
		if start > uint64(len(b)) || size > uint64(len(b))-start {
			return ""
		}
		name, _, _ := strings.Cut(string(b[start:start+size]), "\x00")
		return name
	}
	return ""
}
