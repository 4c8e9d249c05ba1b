package contents_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// entry is a member of a tar archive, byte by byte, as no library writes one.
func entry(name string, kind byte, text string) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00", len(text)))
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	return append(summed(h), append([]byte(text), make([]byte, (512-len(text)%512)%512)...)...)
}

// summed is a header with its own sum.
func summed(h []byte) []byte {
	sum := 8 * 32 // the sum is of spaces in its own place
	for i, c := range h[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// over is an entry with bytes of its header written over.
func over(e []byte, at int, text string) []byte {
	e = bytes.Clone(e)
	copy(e[at:], text)
	return summed(e)
}

// record is one of a pax header.
func record(key, value string) string {
	n := len(key) + len(value) + 3
	for len(fmt.Sprint(n))+len(key)+len(value)+3 != n {
		n++
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

// ended is an archive of entries.
func ended(all ...[]byte) []byte { return append(bytes.Join(all, nil), make([]byte, 1024)...) }

const keyvText = `{"name":"keyv","version":"1.0.0"}`

// own is the manifest that most archives here have.
func own() []byte { return entry("package/package.json", '0', keyvText) }

// What two readers of tar archives read differently is refused, wherever it stands (E11).
func TestE11_headers_that_two_readers_read_differently(t *testing.T) {
	m := own()
	say := func(kind byte, text string) []byte { return entry("x", kind, text) }
	long := strings.Repeat("d/", 60)
	prefixed := over(entry("package.json", '0', keyvText), 345, "package")
	for name, b := range map[string][]byte{
		"zeros that end in a block":        append(ended(m), make([]byte, 100)...),
		"a size with a sign":               over(m, 124, fmt.Sprintf("+%010o\x00", len(keyvText))),
		"a link with content":              ended(m, entry("package/x", '2', "y")),
		"an end behind a description":      append(bytes.Clone(m), say('x', record("mtime", "1"))...),
		"a description at the end":         ended(m, say('x', record("mtime", "1"))),
		"two descriptions":                 ended(say('x', record("mtime", "1")), say('x', record("atime", "1")), m),
		"two long names":                   ended(say('L', "package/a\x00"), say('x', record("path", "package/b")), m),
		"two long names in another order":  ended(say('x', record("path", "package/b")), say('L', "package/a\x00"), m),
		"a long link of a file":            ended(say('K', "package/a\x00"), m),
		"a long link before a description": ended(say('K', "package/a\x00"), say('x', record("mtime", "1")), m),
		"a link before a long name": ended(say('x', record("linkpath", "a")), say('L',
			"package/package.json\x00"), m),
		"a link of a file":                 ended(say('x', record("linkpath", "a")), m),
		"a part of a name in GNU's place":  over(ended(over(m, 257, "ustar  \x00")), 345, "p"),
		"a long name and a prefix":         ended(say('x', record("path", "package/package.json")), prefixed),
		"a size that is another":           ended(say('x', record("size", "1")), m),
		"a folder with content":            ended(m, entry("package/d", '5', "x")),
		"a folder by its name, and more":   ended(m, entry("package/d/", '0', "x")),
		"an empty long name":               ended(say('L', "\x00"), m),
		"a long name with more behind it":  ended(say('L', "package/package.json\x00x"), m),
		"a record without a space":         ended(say('x', "11\n"), m),
		"a record without a number":        ended(say('x', "a mtime=1\n"), m),
		"a record of no length":            ended(say('x', "3 \n"), m),
		"a record of a negative length":    ended(say('x', "-9 mtime=1\n"), m),
		"a record that is too long":        ended(say('x', "99 mtime=1\n"), m),
		"a record without its end":         ended(say('x', "10 mtime=1 "), m),
		"a record of a length with a zero": ended(say('x', "012 mtime=1\n"), m),
		"a record without a value":         ended(say('x', "9 mtime1\n"), m),
		"a record twice":                   ended(say('x', record("mtime", "1")+record("mtime", "2")), m),
		"a record with a zero":             ended(say('x', record("comment", "a\x00b")), m),
		"a record in two lines":            ended(say('x', record("comment", "a\nb")), m),
		"a path for all":                   ended(say('g', record("path", "package/package.json")), m),
		"a size for all":                   ended(say('g', record("size", fmt.Sprint(len(keyvText)))), m),
		"a link for all":                   ended(say('g', record("linkpath", "a")), m),
		"an empty path":                    ended(say('x', record("path", "")), m),
		"an empty size":                    ended(say('x', record("size", "")), m),
		"a path that is not UTF-8": ended(m, say('x', record("path", "package/\xff")), entry("package/y", '0',
			"")),
		"a file where a folder was":     ended(m, entry("package/d/", '5', ""), entry("package/D", '0', "")),
		"a folder where a file was":     ended(m, entry("package/d", '0', ""), entry("package/D/", '5', "")),
		"a folder beside the folder":    ended(m, entry("other/", '5', "")),
		"a deep name beside the folder": ended(m, entry(long+"x", '0', "")),
		"a manifest by a backslash":     ended(entry(`package\package.json`, '0', keyvText)),
	} {
		p, err := contents.Read(name, bytes.NewReader(b))
		if got := fault.Of(err).Code; err == nil || got != fault.Malformed {
			t.Errorf("%s: %s, %v, want %s", name, p.Summary(), err, fault.Malformed)
		}
	}
}

// What every reader of tar archives reads in one way is read.
func TestRead_archives_of_other_programs(t *testing.T) {
	m := own()
	passive := ""
	for _, key := range []string{"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment", "LIBARCHIVE.x",
		"SCHILY.dev"} {
		passive += record(key, "1")
	}
	for name, b := range map[string][]byte{
		"without its end":            m,
		"of the seventh edition":     ended(over(over(m, 257, strings.Repeat("\x00", 8)), 156, "\x00")),
		"of GNU tar":                 ended(over(m, 257, "ustar  \x00")),
		"of git":                     ended(entry("pax_global_header", 'g', record("comment", "9f2c1e7")), m),
		"with all that says nothing": ended(entry("x", 'x', passive), m),
		"with its size said twice":   ended(entry("x", 'x', record("size", fmt.Sprint(len(keyvText)))), m),
		"with a prefix":              ended(over(entry("package.json", '0', keyvText), 345, "package")),
		"with its name said": ended(entry("x", 'x', record("path", "package/package.json")), entry("y", '0',
			keyvText)),
		"with a long name of GNU's": ended(entry("x", 'L', "package/package.json\x00"), entry("y", '0', keyvText)),
		"with folders": ended(entry("package/", '5', ""), m, entry("package/d", '5', ""),
			entry("package/d/", '5', ""), entry("package/e/", '0', "")),
		"with a name in digits": ended(over(m, 265, "root")),
	} {
		p, err := contents.Read(name, bytes.NewReader(b))
		if err != nil || p.Kind != contents.NPM || p.Name != "keyv" || p.Files != 1 {
			t.Errorf("%s: %s, %v, want keyv with one file", name, p.Summary(), err)
		}
	}
	folders := ended(m, entry("package/d/", '0', ""), entry("package/d/x", '0', "1"), entry("package/e", '5', ""),
		entry("package/e/x", '0', "1"))
	if p, err := contents.Read("x", bytes.NewReader(folders)); err != nil || p.Files != 3 {
		t.Errorf("files in folders: %s, %v, want 3 files", p.Summary(), err)
	}
	// Links and devices in what is no package make it none that is refused.
	for _, kind := range "12346" {
		b := ended(entry("app/main.go", '0', "x"), over(entry("app/x", byte(kind), ""), 329, "0000001\x00"))
		if kind < '3' {
			b = ended(entry("app/main.go", '0', "x"), entry("x", 'K', strings.Repeat("a", 200)+"\x00"),
				over(entry("app/x", byte(kind), ""), 157, "a"))
		}
		if p, err := contents.Read("x", bytes.NewReader(b)); err != nil || p.Kind != contents.NotRead {
			t.Errorf("an archive with a member of type %q: %s, %v, want that it is not read", kind, p.Summary(), err)
		}
	}
}

// Limits of names, files and manifests (O01).
func TestO01_archives_of_many_and_of_long_names(t *testing.T) {
	m := own()
	many := func(n int, name string) io.Reader {
		var b bytes.Buffer
		b.Write(m)
		for i := range n {
			b.Write(entry(fmt.Sprintf(name, i), '0', ""))
		}
		return bytes.NewReader(ended(b.Bytes()))
	}
	named := func(n, long int) io.Reader {
		var b bytes.Buffer
		b.Write(m)
		for i := range n {
			b.Write(entry("x", 'x', record("path", fmt.Sprintf("package/%05d%s", i, strings.Repeat("x", long)))))
			b.Write(entry("y", '0', ""))
		}
		return bytes.NewReader(ended(b.Bytes()))
	}
	large := func(n int, name string) io.Reader {
		all := []member{{name: "package/package.json", text: keyvText}}
		for i := range n {
			all = append(all, member{name: fmt.Sprintf(name, i), text: `{"x":"` + strings.Repeat("x",
				1_000_000) + `"}`})
		}
		return bytes.NewReader(archived(t, all...))
	}
	for name, r := range map[string]io.Reader{
		"files":                many(100_001, "package/%d"),
		"a long name":          named(1, 1100),
		"all of the names":     named(17_000, 1000),
		"all of its manifests": large(18, "package/node_modules/m%d/package.json"),
		"a lock file": bytes.NewReader(archived(t, member{name: "package/package.json", text: keyvText},
			member{name: "package/npm-shrinkwrap.json", text: `{"x":"` + strings.Repeat("x", 16<<20) + `"}`})),
		"a name in a lock file": bytes.NewReader(archived(t, member{name: "package/package.json", text: keyvText},
			member{name: "package/npm-shrinkwrap.json", text: `{"packages":{"node_modules/` + strings.Repeat("x",
				2000) + `":{"version":"1"}}}`})),
		"a wheel": io.MultiReader(strings.NewReader("PK\x03\x04"), io.LimitReader(zeros{}, 129<<20)),
		"a member of its metadata": bytes.NewReader(wheeled(t, member{name: "a-1.dist-info/METADATA",
			text: "Name: a\nVersion: 1\nRequires-Dist: " + strings.Repeat("x", 2000) + "\n"})),
		"a long name in a wheel": bytes.NewReader(wheel(t, member{name: "sample/" + strings.Repeat("x", 2000)})),
		"install scripts": bytes.NewReader(packed(t, manifest(t, map[string]any{"name": "x",
			"scripts": doubled(13)}))),
		"a list of its dependencies": bytes.NewReader(packed(t, manifest(t, map[string]any{"name": "x",
			"dependencies": numbered(10_001)}))),
	} {
		_, err := contents.Read(name, r)
		if got := fault.Of(err).Code; err == nil || got != fault.Limit {
			t.Errorf("%s: %v, want %s", name, err, fault.Limit)
		}
		if p, about := contents.Unread(err); !about || p.Kind != contents.Malformed {
			t.Errorf("%s: unread = %+v, %v, want that it is about the file", name, p, about)
		}
	}
	if p := inventory(t, archived(t, member{name: "package/package.json", text: keyvText},
		member{name: "package/npm-shrinkwrap.json", text: `{"x":"` + strings.Repeat("x",
			2<<20) + `"}`})); p.Name != "keyv" {
		t.Errorf("a lock file of 2 MiB: %s, want the package", p.Summary())
	}
}

// doubled are install scripts of 100 KB each, of which each runs the next.
func doubled(n int) map[string]string {
	out := map[string]string{"install": "s0"}
	for i := range n {
		out[fmt.Sprintf("s%d", i)] = fmt.Sprintf("s%d %s", i+1, strings.Repeat("x ", 45_000))
	}
	return out
}

func numbered(n int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out[fmt.Sprintf("d%d", i)] = "1"
	}
	return out
}

// filed is a file of a zip archive, field by field: what its own header says, and what the directory says.
type filed struct {
	name, text         string
	here, there        [5]uint32 // flags, method, sum, packed size and size
	behind             string    // its descriptor, or whatever else follows the content
	attributes         uint32
	signature, comment string
}

// plain is a file of which both say the same.
func plain(name, text string) filed {
	x := [5]uint32{0, 0, crc([]byte(text)), uint32(len(text)), uint32(len(text))}
	return filed{name: name, text: text, here: x, there: x, signature: "PK\x03\x04"}
}

// laid is a zip archive of files. before stands before its directory, and end changes the record at its end.
func laid(all []filed, before string, end func([]byte) []byte) []byte {
	var b, dir bytes.Buffer
	put := func(w *bytes.Buffer, all ...any) {
		for _, v := range all {
			_ = binary.Write(w, binary.LittleEndian, v)
		}
	}
	for _, f := range all {
		at := uint32(b.Len())
		b.WriteString(f.signature)
		put(&b, uint16(20), uint16(f.here[0]), uint16(f.here[1]), uint32(0), f.here[2:], uint16(len(f.name)), uint16(0))
		b.WriteString(f.name + f.text + f.behind)
		dir.WriteString("PK\x01\x02")
		put(&dir, uint16(3<<8|20), uint16(20), uint16(f.there[0]), uint16(f.there[1]), uint32(0), f.there[2:],
			uint16(len(f.name)), uint16(0),
			uint16(len(f.comment)), uint16(0), uint16(0), f.attributes, at)
		dir.WriteString(f.name + f.comment)
	}
	b.WriteString(before)
	at := b.Len()
	b.Write(dir.Bytes())
	var e bytes.Buffer
	e.WriteString("PK\x05\x06")
	put(&e, uint16(0), uint16(0), uint16(len(all)), uint16(len(all)), uint32(dir.Len()), uint32(at), uint16(0))
	out := e.Bytes()
	if end != nil {
		out = end(out)
	}
	return append(b.Bytes(), out...)
}

// Where the two halves of a zip archive do not say the same of a file, readers differ (E11).
func TestE11_a_zip_archive_of_which_the_halves_differ(t *testing.T) {
	info := plain("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n")
	one := func(edit func(f *filed)) []byte {
		f := plain("a/x.py", "x = 1\n")
		edit(&f)
		return laid([]filed{f, info}, "", nil)
	}
	both := func(i int, v uint32) func(*filed) { return func(f *filed) { f.here[i], f.there[i] = v, v } }
	streamed := func(text string, word int) func(*filed) { // sizes behind the content, of 4 or of 8 bytes
		return func(f *filed) {
			f.here, f.there[0] = [5]uint32{8, 0, 0, 0, 0}, 8
			b := binary.LittleEndian.AppendUint32([]byte(text), f.there[2])
			for range 2 {
				if b = binary.LittleEndian.AppendUint32(b, f.there[3]); word == 8 {
					b = append(b, 0, 0, 0, 0)
				}
			}
			f.behind = string(b)
		}
	}
	const sign = "PK\x07\x08"
	for name, b := range map[string][]byte{
		"as it should be":                    one(func(*filed) {}),
		"with sizes behind the content":      one(streamed(sign, 4)),
		"with large sizes behind it":         one(streamed(sign, 8)),
		"with sizes and no sign":             one(streamed("", 4)),
		"with large sizes and no sign":       one(streamed("", 8)),
		"with a folder":                      laid([]filed{plain("a/", ""), plain("a/x.py", "x = 1\n"), info}, "", nil),
		"with a comment on a file":           one(func(f *filed) { f.comment = "c" }),
		"with a name that is said to be one": one(both(0, 0x800)),
		"with a mode":                        one(func(f *filed) { f.attributes = 0o100644 << 16 }),
	} {
		if p, err := contents.Read(name, bytes.NewReader(b)); err != nil || p.Kind != contents.Wheel || p.Files != 2 {
			t.Errorf("%s: %s, %v, want the wheel", name, p.Summary(), err)
		}
	}
	for name, b := range map[string][]byte{
		"other flags":                    one(func(f *filed) { f.here[0] = 2 }),
		"another method":                 one(func(f *filed) { f.here[1] = 8 }),
		"another sum":                    one(func(f *filed) { f.here[2]++ }),
		"another packed size":            one(func(f *filed) { f.here[3]-- }),
		"another size":                   one(func(f *filed) { f.here[4]-- }),
		"a size beyond the end":          one(func(f *filed) { f.there[3] = 1 << 20 }),
		"an encrypted file":              one(both(0, 1)),
		"a compression that few know":    one(both(1, 12)),
		"a header with another sign":     one(func(f *filed) { f.signature = "PK\x03\x05" }),
		"a descriptor of other sizes":    one(func(f *filed) { streamed("PK\x07\x09", 4)(f) }),
		"something behind a file":        one(func(f *filed) { f.behind = "x" }),
		"something before the directory": laid([]filed{info}, "x", nil),
		"a file in no directory": func() []byte {
			f := plain("evil.pth", "import x")
			whole := laid([]filed{f}, "", nil)
			return laid([]filed{info}, string(whole[:30+len(f.name)+len(f.text)]), nil)
		}(),
		"a comment at its end":     laid([]filed{info}, "", func(e []byte) []byte { e[20] = 1; return append(e, 'c') }),
		"a directory at its start": laid([]filed{info}, "", func(e []byte) []byte { e[16]--; return e }),
		"a shorter directory":      laid([]filed{info}, "", func(e []byte) []byte { e[12]--; return e }),
		"a symbolic link":          one(func(f *filed) { f.attributes = 0o120777 << 16 }),
		"a device":                 one(func(f *filed) { f.attributes = 0o020666 << 16 }),
		"a folder that is a file":  laid([]filed{plain("a/x.py/", ""), plain("a/x.py", ""), info}, "", nil),
	} {
		if p, err := contents.Read(name, bytes.NewReader(b)); fault.Of(err).Code != fault.Malformed {
			t.Errorf("%s: %s, %v, want %s", name, p.Summary(), err, fault.Malformed)
		}
	}
	loose := laid([]filed{plain("app/main.py", "")}, "", func(e []byte) []byte { e[20] = 1; return append(e, 'c') })
	if p, err := contents.Read("x", bytes.NewReader(loose)); err != nil || p.Kind != contents.NotRead {
		t.Errorf("a zip archive of something else, with a comment: %s, %v, want that it is not read", p.Summary(), err)
	}
}

// Metadata of which one reader sees a member that another one does not see (E11).
func TestE11_metadata_that_two_readers_read_differently(t *testing.T) {
	for name, more := range map[string]string{
		"a dependency in a second line":      "Requires-Dist: x\n @ https://h/x.whl\n",
		"a dependency behind a tab":          "Requires-Dist: x\n\t@ https://h/x.whl\n",
		"a name that goes on":                "Version: 2\n .1\n",
		"a line that ends twice":             "Summary: x\rRequires-Dist: x @ https://h/x.whl\n",
		"a line that is not a member":        "Requires-Dist\n",
		"a member with a space":              "Requires-Dist : x\n",
		"two versions":                       "Version: 1\nVersion: 2\n",
		"bytes that are no text of any kind": "Summary: \xff\n",
	} {
		b := wheeled(t, member{name: "a-1.dist-info/METADATA", text: "Name: a\n" + more})
		if p, err := contents.Read(name, bytes.NewReader(b)); fault.Of(err).Code != fault.Malformed {
			t.Errorf("%s: %s, %v, want %s", name, p.Summary(), err, fault.Malformed)
		}
	}
	p := inventory(t, wheeled(t, member{name: "a-1.dist-info/METADATA",
		text: "Metadata-Version: 2.1\r\nName: A_b.-c\r\nVersion: 1\r\nLicense: x\r\n        y: z\r\n\t|\r\nRequires-Dist: x\r\n\r\nRequires-Dist: y\r\n"}))
	if p.Name != "a-b-c" || p.Version != "1" || len(p.Dependencies) != 1 || p.Dependencies[0].Spec != "" {
		t.Errorf("metadata of Windows with a licence of several lines: %+v", p)
	}
}

// Each script that npm runs on the machine that installs, and no other.
func TestF10_each_script_that_runs_when_it_is_installed(t *testing.T) {
	before := built(t, nil)
	for _, name := range []string{"preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare",
		"prepublish"} {
		equal(t, name, told(contents.Compare(&before, built(t, scripts(map[string]string{name: "x"})))),
			[]string{"install-scripts " + name + ": x (new)"})
	}
	gyp := member{name: "package/binding.gyp", text: "{}"}
	for _, name := range []string{"preinstall", "install"} { // then npm builds nothing by itself
		got := built(t, scripts(map[string]string{name: "x"}), gyp)
		if len(got.Scripts) != 1 || got.Scripts[0].Text != "x" {
			t.Errorf("an addon with a script %s: %+v, want that script alone", name, got.Scripts)
		}
	}
	for end, word := range map[string]string{"": "./lib/x.sh", ".js": "lib/x", ".cjs": "lib/x", ".mjs": "lib/x",
		".json": "lib/x", "/index.js": "lib/x", ".PY": `lib\x.py`} {
		file := "package/lib/x" + end
		if end == "" {
			file = "package/lib/x.sh"
		}
		run := scripts(map[string]string{"install": "node " + word})
		was, is := built(t, run, member{name: file, text: "1"}), built(t, run, member{name: file, text: "2"})
		if c := contents.Compare(&was, is); len(c) != 1 || c[0].Of != contents.InstallScript {
			t.Errorf("%s: changes = %q, want the script that runs it", file, told(c))
		}
	}
	many := func(last string) contents.Package {
		all, words := []member{}, "sh"
		for i := range 30 {
			name, text := fmt.Sprintf("f%02d", i), ""
			if words += " " + name; i == 29 {
				text = last
			}
			all = append(all, member{name: "package/" + name, text: text})
		}
		return built(t, scripts(map[string]string{"install": words}), all...)
	}
	was, is := many("1"), many("2")
	if c := contents.Compare(&was, is); len(c) != 1 || len(was.Scripts[0].Runs) != 20 {
		t.Errorf("a file beyond those that are listed: changes = %q, with %d files, want the script with 20", told(c),
			len(was.Scripts[0].Runs))
	}
	long := scripts(map[string]string{"install": "echo " + strings.Repeat("x", 2000) + " a"})
	was, is = built(t, long), built(t, scripts(map[string]string{"install": "echo " + strings.Repeat("x", 2000) +
		" b"}))
	if c := contents.Compare(&was, is); len(c) != 1 || len(was.Scripts[0].Text) > 1100 || c[0].Is == c[0].Was {
		t.Errorf("two long texts that begin alike: %q", told(c))
	}
}

// What a manifest says of dependencies and of entry points is read in each form in which npm takes it.
func TestRead_each_form_of_a_manifest(t *testing.T) {
	before := built(t, nil)
	for name, x := range map[string]struct {
		key   string
		value any
		want  []string
	}{
		"a peer": {"peerDependencies", map[string]string{"p": "1"},
			[]string{"dependencies p of peerDependencies: 1 (new)"}},
		"bundled": {"bundleDependencies", []string{"b"},
			[]string{"dependencies b of bundled: in the package itself (new)"}},
		"bundled by another": {"bundledDependencies", []string{"b"},
			[]string{"dependencies b of bundled: in the package itself (new)"}},
		"all bundled": {"bundleDependencies", true,
			[]string{"dependencies every dependency of bundled: in the package itself (new)"}},
		"none bundled": {"bundleDependencies", false, nil},
		"main":         {"main", "x.js", []string{"entry-points main: x.js (was dist/index.js)"}},
		"browser": {"browser", map[string]any{"./a": false, "./b": "./c"},
			[]string{"entry-points browser: ./b: ./c (new)"}},
		"imports": {"imports", map[string]any{"#a": "./a.js"},
			[]string{"entry-points imports: #a: ./a.js (new)"}},
		"a folder of programs": {"directories", map[string]string{"bin": "./dist/"},
			[]string{"binaries dist/index.js: bin, 29 bytes (new)", "entry-points bin: each file of: ./dist/ (new)"}},
		"a folder of another name": {"directories", map[string]string{"bin": "dis"},
			[]string{"entry-points bin: each file of: dis (new)"}},
	} {
		equal(t, name, told(contents.Compare(&before, built(t, with(x.key, x.value)))), x.want)
	}
	for name, x := range map[string]struct {
		key   string
		value any
	}{
		"dependencies in a list":   {"peerDependencies", []string{"a"}},
		"bundled by a number":      {"bundleDependencies", 1},
		"a name that is a number":  {"name", 1},
		"a version in a list":      {"version", []string{"1"}},
		"folders in a list":        {"directories", []string{"a"}},
		"a folder that is a list":  {"directories", map[string]any{"bin": []string{"a"}}},
		"install scripts in nulls": {"scripts", map[string]any{"install": map[string]any{}}},
	} {
		m := keyv()
		m[x.key] = x.value
		if _, err := contents.Read(name, bytes.NewReader(packed(t, manifest(t,
			m)))); fault.Of(err).Code != fault.Malformed {
			t.Errorf("%s: %v, want %s", name, err, fault.Malformed)
		}
	}
	blank := " " // a range may have blanks around it
	for spec, want := range map[string]bool{"..": true, "~": true, "x.tar": true, "~1": false, "npm:@a": true, blank +
		"1" + blank: false} {
		if got := built(t, with("dependencies", map[string]string{"x": spec})).Dependencies[0].Outside; got != want {
			t.Errorf("%q: outside = %v, want %v", spec, got, want)
		}
	}
	for resolved, want := range map[string]bool{
		"http://registry.npmjs.org/x.tgz": false, "https://REGISTRY.npmjs.org/x.tgz": false,
		"ftp://registry.npmjs.org/x.tgz": true, "https://me@registry.npmjs.org/x.tgz": true, "://": true,
	} {
		p := shrinkwrap(t,
			`{"packages":{"node_modules/x":{"version":"1.0.0","integrity":"sha512-AAAA","resolved":"`+resolved+`"}}}`)
		if got := slices.ContainsFunc(p.Dependencies,
			func(d contents.Dependency) bool { return d.Outside }); got != want {
			t.Errorf("%s: outside = %v, want %v", resolved, got, want)
		}
	}
	for sum, want := range map[string]bool{"sha1-A": false, "sha256-A": false, "sha384-A": false,
		"md5-A sha512-A": false, "sha512-": true, "sha512": true, "md5-A": true, "": true} {
		p := shrinkwrap(t, `{"packages":{"node_modules/x":{"version":"1.0.0","integrity":"`+sum+`"}}}`)
		if got := slices.ContainsFunc(p.Dependencies,
			func(d contents.Dependency) bool { return d.Outside }); got != want {
			t.Errorf("integrity %q: outside = %v, want %v", sum, got, want)
		}
	}
}

// What becomes a program, or another kind of one, and what grows, is a change.
func TestCompare_tells_what_becomes_a_program_and_what_grows(t *testing.T) {
	file := func(text string, mode int64) contents.Package {
		return built(t, nil, member{name: "package/x", text: text, mode: mode})
	}
	for name, x := range map[string]struct {
		was, is contents.Package
		want    []string
	}{
		"a script by its first line": {file("x", 0), file("#!/bin/sh", 0),
			[]string{"binaries x: script, 9 bytes (new)"}},
		"a script that becomes native": {file("#!/bin/sh", 0), file("\x7fELF", 0),
			[]string{"binaries x: ELF (was script)"}},
		"one of another machine":        {file("MZ", 0), file("\x7fELF", 0), []string{"binaries x: ELF (was PE)"}},
		"one that was built anew":       {file("\x7fELF1", 0), file("\x7fELF2", 0), nil},
		"a native one that is a script": {file("\x7fELF", 0), file("#!/bin/sh", 0), nil},
		"a mode that is a script":       {file("x", 0o755), file("#!/bin/sh", 0o755), nil},
		"a large file that is new": {file("x", 0), file(strings.Repeat("x", 70_000), 0),
			[]string{"sizes the whole package 70 KB (was 248 bytes)", "sizes x 70 KB (new)"}},
		"one that has doubled": {file(strings.Repeat("x", 70_000), 0), file(strings.Repeat("x", 150_000), 0),
			[]string{"sizes the whole package 150 KB (was 70 KB)", "sizes x 150 KB (was 70 KB)"}},
		"one that has not quite": {file(strings.Repeat("x", 70_000), 0), file(strings.Repeat("x", 139_000), 0),
			nil},
		"one that has become smaller": {file(strings.Repeat("x", 150_000), 0), file(strings.Repeat("x", 70_000), 0),
			nil},
	} {
		got := told(contents.Compare(&x.was, x.is))
		equal(t, name, got, x.want)
	}
	large := func(n, size int) contents.Package {
		var all []member
		for i := range n {
			all = append(all, member{name: fmt.Sprintf("package/l%02d", i), text: strings.Repeat("x", size+i)})
		}
		return built(t, nil, all...)
	}
	full := large(20, 100_000)
	for name, x := range map[string]struct {
		more member
		want int
	}{
		"one that is smaller than the list": {member{name: "package/new", text: strings.Repeat("x", 90_000)}, 0},
		"one that would be on the list":     {member{name: "package/new", text: strings.Repeat("x", 110_000)}, 1},
	} {
		var all []member
		for i := range 20 {
			all = append(all, member{name: fmt.Sprintf("package/l%02d", i), text: strings.Repeat("x", 100_000+i)})
		}
		if c := contents.Compare(&full, built(t, nil, append(all, x.more)...)); len(c) != x.want {
			t.Errorf("%s: changes = %q, want %d", name, told(c), x.want)
		}
	}
	// What is not read says what was there.
	was := built(t, nil)
	c := contents.Compare(&was, contents.Package{Kind: contents.NotRead, Why: "an image"})
	if len(c) != 1 || c[0].Of != contents.Unreadable || c[0].Is != "not-read: an image" ||
		!strings.HasPrefix(c[0].Was, "npm keyv") {
		t.Errorf("what is not read: %+v", c)
	}
	if c := contents.Compare(nil, contents.Package{Kind: contents.Malformed, Why: "x"}); len(c) != 1 || c[0].Was != "" {
		t.Errorf("what is not read, for the first time: %+v", c)
	}
}

// An inventory that an entry may not keep is refused.
func TestValid_inventories_alone(t *testing.T) {
	p := built(t, nil)
	if err := p.Valid(); err != nil {
		t.Errorf("%v, want that it is one", err)
	}
	for name, x := range map[string]contents.Package{
		"what is not read": {Kind: contents.NotRead, Why: "x"},
		"no kind":          {},
		"a large one":      {Kind: contents.NPM, Name: strings.Repeat("x", contents.MaxKept)},
	} {
		if x.Valid() == nil {
			t.Errorf("%s is taken for an inventory that is kept", name)
		}
	}
	kept := contents.Package{Kind: contents.NPM, Name: strings.Repeat("x", contents.MaxKept),
		SHA256: strings.Repeat("a", 64)}
	if again := kept.Kept(10); again.SHA256 != kept.SHA256 {
		t.Error("the digest of an inventory that has one is another")
	}
}

// More forms of what runs whenever Python starts, of what it loads as code, and of where it keeps its library.
func TestF10_every_place_of_what_runs_whenever_Python_starts(t *testing.T) {
	before := inventory(t, wheel(t))
	const data = "sample_project-3.0.0.data/"
	for name, want := range map[string]bool{
		data + "data/lib64/python3.11/os.py": true, data + "data/lib/python3.11/x.pyo": true, data +
			"data/lib/python3.11/x.dll": true,
		data + "data/lib/python3.11/x.sl": true, data + "data/lib/python3.11/x.txt": false, data +
			"data/lib/x.py": true,
		data + "data/lib/sub/x.py": false, data + "data/sub/x._pth": false, data + "data/x.cfg": false, data +
			"data/lib/x.so": false,
		"sample.data": false, "sample.data/x": false, "Sample.Data/data/x.pth": true, data + "headers/bin/x": false,
	} {
		now := inventory(t, wheel(t, member{name: name, text: "x"}))
		c := contents.Compare(&before, now)
		if got := len(c) > 0 && c[0].Of == contents.InstallScript; got != want {
			t.Errorf("%s: changes = %q; an install script: %v, want %v", name, told(c), got, want)
		}
	}
	info := "sample_project-3.0.0.dist-info/entry_points.txt"
	now := inventory(t, wheel(t, member{name: info,
		text: "; x\n\n# y\n[console_scripts]\n;a = b:c\nsample = sample:main\n"}))
	equal(t, "entry points with comments", told(contents.Compare(&before, now)),
		[]string{"entry-points console_scripts: sample: sample:main (new)"})
	p := inventory(t, wheeled(t, member{name: "a-1.dist-info/METADATA",
		text: "Name: a\nRequires-Dist: x[a@b] (>=1)\nRequires-Dist: y[a] @ https://h/y\n"}))
	if p.Dependencies[0].Outside || !p.Dependencies[1].Outside {
		t.Errorf("extras with an at sign: %+v, want that the second is outside", p.Dependencies)
	}
}
