package difference

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
)

// maxSections bounds the sections of a program that are compared.
const maxSections = 4096

// section is a part of a program.
type section struct {
	name string
	at   int64 // in the file
	data content
}

// program is what is read of a program of any format.
type program struct {
	sections []section
	head     []field // what says something by itself
}

func (x *program) add(c content, name string, at, size int64) {
	x.sections = append(x.sections, section{name: name, at: at, data: c.part(at, size)})
}

// sectionCause is the row of the table for what a section holds, where its name says so.
func sectionCause(name string) string {
	switch name {
	case ".note.go.buildid":
		return "go-build-id"
	case ".note.gnu.build-id":
		return "build-id"
	case ".gnu_debuglink", ".gnu_debugaltlink":
		return "debug-link"
	case ".comment":
		return "toolchain"
	}
	return ""
}

// tables are sections that say where things are, and so follow from the others.
var tables = []string{".symtab", ".strtab", ".shstrtab", ".dynsym", ".gnu.hash", ".hash", ".eh_frame", ".eh_frame_hdr",
	".gopclntab", ".pdata"}

// restCause is the row for bytes of a section that say nothing by themselves.
func restCause(name string) string {
	switch {
	case strings.HasPrefix(name, ".debug_"), strings.HasPrefix(name, ".zdebug_"), strings.HasPrefix(name, ".rel"):
		return "layout"
	case slices.Contains(tables, name):
		return "layout"
	}
	return "binary"
}

// programs compares two programs: what Go says of a build, then the headers, then section by section in the order of
// the file.
func (w *walk) programs(p place, c content2, x [2]program, format string) {
	found := w.count()
	p = w.goBuild(p, c)
	w.fields(p.in(format+" header"), c, [2][]field{x[0].head, x[1].head})
	type both struct {
		at   int
		one  [2]*section
		name string
	}
	byName := map[string]*both{}
	var all []*both
	for i := range x {
		seen := map[string]int{}
		for k := range x[i].sections {
			s := &x[i].sections[k]
			key := numbered(s.name, seen)
			u := byName[key]
			if u == nil {
				u = &both{at: k, name: s.name}
				byName[key] = u
				all = append(all, u)
			}
			u.at, u.one[i] = min(u.at, k), s
		}
	}
	slices.SortStableFunc(all, func(a, b *both) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.name, b.name))
	})
	for _, u := range all {
		w.section(p.in(format+" section "+visible(u.name)), c, u.one)
	}
	if w.count() > found {
		return
	}
	if at, err := c.first(); err == nil && at >= 0 {
		e := c.spot(at)
		w.say(p.in(format+" headers"), "layout", e[0], e[1])
	}
}

func (w *walk) section(p place, c content2, s [2]*section) {
	if s[0] == nil || s[1] == nil {
		var e [2]Evidence
		for i := range s {
			e[i] = Evidence{Offset: -1, Value: "(not there)"}
			if s[i] != nil {
				e[i] = c[i].evidence(s[i].at, 0)
				e[i].Value = itoa(s[i].data.size) + " bytes"
			}
		}
		id := "missing"
		for i := range s {
			if s[i] != nil && sectionCause(s[i].name) != "" {
				id = sectionCause(s[i].name)
			}
		}
		w.say(p, id, e[0], e[1])
		return
	}
	data := content2{s[0].data, s[1].data}
	at, err := data.first()
	if err != nil || at < 0 {
		return
	}
	if id := sectionCause(s[0].name); id != "" {
		e := data.spot(at)
		a, b := valued(e, sectionValue(id, data[0]), sectionValue(id, data[1]))
		w.say(p, id, a, b)
		return
	}
	p.rest = restCause(s[0].name)
	w.bytes(p, data, at)
}

// sectionValue is what a section of a known kind says.
func sectionValue(id string, c content) string {
	b := c.bytes(0, 256)
	switch id {
	case "build-id":
		if len(b) > 16 {
			return hex.EncodeToString(b[16:min(len(b), 16+32)])
		}
	case "go-build-id":
		if len(b) > 16 {
			return cString(b[16:])
		}
	case "debug-link":
		return cString(b)
	case "toolchain":
		return strings.ReplaceAll(strings.Trim(string(b), "\x00"), "\x00", "; ")
	}
	return ""
}

// readELF compares ELF files by section.
func readELF(w *walk, p place, c content2) error {
	var x [2]program
	before := w.memory
	defer func() { w.memory = before }()
	for i := range c {
		var err error
		if x[i], err = w.elf(i, c[i], before/8); err != nil {
			return err
		}
	}
	if p.made == "" {
		p.made = compiledBy(x)
	}
	w.programs(p, c, x, "ELF")
	return nil
}

// compiledBy says which compiler a program comes from, as far as that changes the fix.
func compiledBy(x [2]program) string {
	for _, one := range x {
		for _, s := range one.sections {
			if s.name == ".comment" && bytes.Contains(s.data.bytes(0, 4096), []byte("rustc")) {
				return "rust"
			}
			if strings.HasPrefix(s.name, ".go.") || s.name == ".gopclntab" || s.name == ".note.go.buildid" {
				return "go"
			}
		}
	}
	return "c"
}

func (w *walk) elf(i int, c content, memory int64) (out program, err error) {
	f, err := elf.NewFile(c.at)
	if err != nil {
		return out, errors.New("its header or its table of sections is broken")
	}
	out.head = []field{
		{name: "type", cause: "type", value: f.Type.String(), at: 16},
		{name: "machine", cause: "setting", value: f.Machine.String(), at: 18},
		{name: "class", cause: "setting", value: f.Class.String(), at: 4},
		{name: "OS ABI", cause: "setting", value: f.OSABI.String(), at: 7},
	}
	if len(f.Sections) > maxSections {
		return out, errSpent
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NULL || s.Type == elf.SHT_NOBITS {
			continue
		}
		one := section{name: s.Name, at: int64(s.Offset), data: c.part(int64(s.Offset), int64(s.FileSize))}
		if s.Flags&elf.SHF_COMPRESSED != 0 {
			one.data = w.opened(i, s.Open(), one.data, &memory)
		} else if strings.HasPrefix(s.Name, ".zdebug_") && one.data.size > 12 {
			if z, err := zlib.NewReader(one.data.part(12, one.data.size).reader()); err == nil {
				one.data = w.opened(i, z, one.data, &memory)
			}
		}
		out.sections = append(out.sections, one)
	}
	slices.SortStableFunc(out.sections, func(a, b section) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}

// opened is a compressed section as it was before; as it is, where that is too much or broken.
func (w *walk) opened(i int, r io.Reader, raw content, left *int64) content {
	most := min(*left, w.left[i].expanded)
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil || int64(len(b)) > most {
		return raw
	}
	*left -= int64(len(b))
	w.left[i].expanded -= int64(len(b))
	w.memory -= int64(len(b))
	return memory(b)
}

// isMachO reports whether a file begins as a Mach-O file of one architecture does.
func isMachO(b []byte) bool {
	if len(b) < 32 {
		return false
	}
	switch hex.EncodeToString(b[:4]) {
	case "cffaedfe", "cefaedfe", "feedface", "feedfacf":
		return true
	}
	return false
}

const loadUUID = 0x1b

// readMachO compares Mach-O files by section.
func readMachO(w *walk, p place, c content2) error {
	var x [2]program
	for i := range c {
		f, err := macho.NewFile(c[i].at)
		if err != nil {
			return errors.New("its header is broken")
		}
		x[i].head = []field{
			{name: "type", cause: "type", value: f.Type.String(), at: 12},
			{name: "machine", cause: "setting", value: f.Cpu.String(), at: 4},
		}
		for _, l := range f.Loads {
			if raw := l.Raw(); len(raw) == 24 && f.ByteOrder.Uint32(raw) == loadUUID {
				x[i].head = append(
					x[i].head,
					field{name: "UUID", cause: "build-id", value: hex.EncodeToString(raw[8:]), at: -1},
				)
			}
		}
		if len(f.Sections) > maxSections {
			return errSpent
		}
		for _, s := range f.Sections {
			if s.Offset != 0 {
				name := s.Seg + "," + s.Name
				x[i].add(c[i], name, int64(s.Offset), int64(s.Size))
			}
		}
	}
	p.made = "c"
	w.programs(p, c, x, "Mach-O")
	return nil
}

// readPE compares Windows programs by section.
func readPE(w *walk, p place, c content2) error {
	var x [2]program
	for i := range c {
		f, err := pe.NewFile(c[i].at)
		if err != nil {
			return errQuiet
		}
		at := int64(0)
		if h := c[i].bytes(60, 4); len(h) == 4 {
			at = int64(h[0]) | int64(h[1])<<8 | int64(h[2])<<16 | int64(h[3])<<24
		}
		x[i].head = []field{
			{name: "machine", cause: "setting", value: fmt.Sprintf("0x%04x", f.Machine), at: at + 4},
			{name: "time", cause: "pe-time", value: seconds(int64(f.TimeDateStamp)), at: at + 8},
		}
		if len(f.Sections) > maxSections {
			return errSpent
		}
		for _, s := range f.Sections {
			if s.Offset != 0 {
				x[i].add(c[i], s.Name, int64(s.Offset), int64(s.Size))
			}
		}
	}
	p.made = "c"
	w.programs(p, c, x, "PE")
	return nil
}

// goBuild tells what differs in the build information of Go, and says of both that Go made them.
func (w *walk) goBuild(p place, c content2) place {
	var info [2]*debug.BuildInfo
	for i := range c {
		x, err := buildinfo.Read(c[i].at)
		if err != nil {
			return p
		}
		info[i] = x
	}
	p.made = "go"
	w.fields(p.in("Go build info"), c, [2][]field{goFields(info[0]), goFields(info[1])})
	return p
}

// goFields are the lines of the build information, each with the row of the table that it belongs to.
func goFields(x *debug.BuildInfo) []field {
	f := []field{
		{name: "version of Go", cause: "toolchain", value: x.GoVersion, at: -1},
		{name: "package", cause: "setting", value: x.Path, at: -1},
		{name: "main module", cause: "source", value: x.Main.Path + " " + x.Main.Version + " " + x.Main.Sum, at: -1},
	}
	for _, d := range x.Deps {
		v := d.Version + " " + d.Sum
		if d.Replace != nil {
			v += " => " + d.Replace.Path + " " + d.Replace.Version
		}
		f = append(f, field{name: "module " + visible(d.Path), cause: "module", value: v, at: -1})
	}
	for _, s := range x.Settings {
		f = append(f, field{name: visible(s.Key), cause: goCause(s.Key), value: s.Value, at: -1})
	}
	return f
}

func goCause(key string) string {
	switch key {
	case "-trimpath":
		return "go-path"
	case "vcs.time", "vcs.revision", "vcs.modified", "vcs":
		return "source"
	}
	return "setting"
}
