package contents_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// What npm has packed is read: names, scripts, entry points, dependencies and files.
func TestRead_packages_of_other_people(t *testing.T) {
	for _, x := range []struct {
		file, name, version string
		files               int
		build, depends      []string
	}{
		{"npm-v1-tag.tgz", "gundam-visor", "1.0.1", 3, []string{"test"}, nil},
		{"npm-gha-v2.tgz", "@laurentsimon/provenance-npm-test", "1.0.3", 9,
			[]string{"all", "build", "ci", "format", "format-check", "lint", "package", "test"}, []string{"@actions/core ^1.10.0"}},
	} {
		b, err := os.ReadFile("testdata/" + x.file)
		if err != nil {
			t.Fatal(err)
		}
		p := inventory(t, b)
		var build, depends []string
		for _, s := range p.Build {
			build = append(build, s.Name)
		}
		for _, d := range p.Dependencies {
			depends = append(depends, d.Name+" "+d.Spec)
		}
		if p.Kind != contents.NPM || p.Name != x.name || p.Version != x.version || p.Files != x.files || len(p.Scripts) > 0 {
			t.Errorf("%s: %s with %d install scripts, want %s %s and %d files", x.file, p.Summary(), len(p.Scripts), x.name, x.version, x.files)
		}
		equal(t, x.file+" scripts", build, x.build)
		equal(t, x.file+" dependencies", depends, x.depends)
		if c := contents.Compare(&p, p); len(c) > 0 {
			t.Errorf("%s: compared with itself: %v", x.file, c)
		}
	}
}

// keyv, August 2026: the same dist, a script that runs when it is installed, and its payload.
func TestReplay_a_script_that_runs_when_it_is_installed(t *testing.T) {
	before := built(t, nil)
	now := built(t, func(m map[string]any) {
		scripts(map[string]string{"preinstall": "node setup.mjs"})(m)
		m["version"] = "6.0.0"
	},
		member{name: "package/setup.mjs", text: strings.Repeat("x", 700_000)})
	got := told(contents.Compare(&before, now))
	if len(got) != 3 || !strings.HasPrefix(got[0], "install-scripts preinstall: node setup.mjs [setup.mjs, 700 KB, sha256:") ||
		!strings.HasSuffix(got[0], "] (new)") {
		t.Fatalf("changes = %q, want the new script first", got)
	}
	equal(t, "sizes", got[1:], []string{"sizes setup.mjs 700 KB (new)", "sizes the whole package 700 KB (was 247 bytes)"})
}

// What is added is a change of its kind, whatever else is there.
func TestCompare_tells_what_is_new(t *testing.T) {
	before := built(t, nil)
	for name, x := range map[string]struct {
		change func(map[string]any)
		files  []member
		want   []string
	}{
		"nothing":             {with("version", "6.0.1"), nil, nil},
		"a script of a build": {scripts(map[string]string{"prepack": "node pack.js"}), nil, []string{"build-scripts prepack: node pack.js (new)"}},
		"a script that runs another": {scripts(map[string]string{"postinstall": "npm run build"}), nil,
			[]string{"install-scripts postinstall: npm run build (new)"}},
		"an addon that npm builds": {nil, []member{{name: "package/binding.gyp", text: "{}"}},
			[]string{"install-scripts install: node-gyp rebuild [binding.gyp, 2 bytes, sha256:44136fa355b3] (new)"}},
		"the same, switched off": {with("gypfile", false), []member{{name: "package/binding.gyp", text: "{}"}}, nil},
		"a script of a package that it brings": {nil, []member{{name: "package/node_modules/@a/b/package.json", text: `{"scripts":{"install":"sh x"}}`}},
			[]string{"install-scripts install of node_modules/@a/b: sh x (new)"}},
		"an ELF binary": {nil, []member{{name: "package/x", text: "\x7fELF"}}, []string{"binaries x: ELF, 4 bytes (new)"}},
		"WebAssembly":   {nil, []member{{name: "package/x.wasm", text: "\x00asm"}}, []string{"binaries x.wasm: WebAssembly, 4 bytes (new)"}},
		"an addon":      {nil, []member{{name: "package/x.node", text: "x"}}, []string{"binaries x.node: addon of Node.js, 1 bytes (new)"}},
		"a mode":        {nil, []member{{name: "package/x", mode: 0o755}}, []string{"binaries x: mode, 0 bytes (new)"}},
		"a program to run by name": {with("bin", map[string]string{"keyv": "./dist/cli.js", "k2": "dist/index.js"}), nil,
			[]string{"binaries dist/index.js: bin, 29 bytes (new)", "entry-points bin: k2: dist/index.js (new)"}},
		"a dependency": {with("dependencies", map[string]string{"@keyv/serialize": "^1.2.0", "x": "npm:@a/y@1"}), nil,
			[]string{"dependencies @keyv/serialize of dependencies: ^1.2.0 (was ^1.1.0)", "dependencies x of dependencies: npm:@a/y@1 (new)"}},
		"a dependency of a repository": {with("optionalDependencies", map[string]string{"setup": "github:worm/setup#1f2e3d4"}), nil,
			[]string{"outside-dependencies setup of optionalDependencies: github:worm/setup#1f2e3d4 (new)"}},
		"an entry point": {with("exports", map[string]any{".": map[string]string{"import": "./a.mjs"}}), nil,
			[]string{"entry-points exports: . import: ./a.mjs (new)"}},
		"a lock file of its own": {nil, []member{{name: "package/npm-shrinkwrap.json", text: "{}"}},
			[]string{"dependencies npm-shrinkwrap.json of lock file of the package: sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a (new)"}},
	} {
		now := built(t, x.change, x.files...)
		equal(t, name, told(contents.Compare(&before, now)), x.want)
		if back := contents.Compare(&now, before); len(x.want) > 0 && len(x.files) > 0 && len(back) > 0 {
			t.Errorf("%s: taken away again: %q, want no change", name, told(back))
		}
	}
}

// The file that an install script runs is a part of it: another content is another script.
func TestCompare_sees_the_file_that_a_script_runs(t *testing.T) {
	run := scripts(map[string]string{"postinstall": "npm run setup", "presetup": "node ./scripts/pre", "setup": "node scripts/setup.js"})
	before := built(t, run, member{name: "package/scripts/setup.js", text: "1"}, member{name: "package/scripts/pre.cjs", text: "1"})
	for name, now := range map[string]contents.Package{
		"its file":       built(t, run, member{name: "package/scripts/setup.js", text: "2"}, member{name: "package/scripts/pre.cjs", text: "1"}),
		"the one before": built(t, run, member{name: "package/scripts/setup.js", text: "1"}, member{name: "package/scripts/pre.cjs", text: "2"}),
		"the other script": built(t, func(m map[string]any) { run(m); scripts(map[string]string{"setup": "sh -c 'x'"})(m) },
			member{name: "package/scripts/setup.js", text: "1"}, member{name: "package/scripts/pre.cjs", text: "1"}),
	} {
		got := contents.Compare(&before, now)
		if len(got) == 0 || got[0].Of != contents.InstallScript || got[0].Name != "postinstall" {
			t.Errorf("%s: changes = %q, want a changed install script", name, told(got))
		}
	}
}

// Without an inventory of before, everything that runs is new.
func TestCompare_with_nothing(t *testing.T) {
	now := built(t, scripts(map[string]string{"postinstall": "node x"}))
	var of []contents.What
	for _, c := range contents.Compare(nil, now) {
		if c.Was != "" {
			t.Errorf("%q was %q, want nothing", c.Name, c.Was)
		}
		of = append(of, c.Of)
	}
	for _, w := range []contents.What{contents.InstallScript, contents.Binary, contents.Entry, contents.Depends} {
		if !slices.Contains(of, w) {
			t.Errorf("changes are of %v, want %s among them", of, w)
		}
	}
}

// An inventory that was too large to keep has a digest, and everything beside it is new.
func TestKept_of_a_large_inventory(t *testing.T) {
	var many []member
	for i := range 1000 {
		many = append(many, member{name: fmt.Sprintf("package/bin/tool-%d", i), mode: 0o755})
	}
	p := built(t, nil, many...)
	kept := p.Kept(contents.MaxKept)
	if kept.SHA256 == "" || len(kept.Executables) > 0 || kept.Name != "keyv" || kept.Valid() != nil {
		t.Fatalf("kept = %+v (%v), want its digest", kept, kept.Valid())
	}
	if c := contents.Compare(&kept, p); len(c) > 0 {
		t.Errorf("the same: %d changes, want none", len(c))
	}
	more := built(t, with("version", "7.0.0"), many...)
	if a, b := contents.Compare(&kept, more), contents.Compare(nil, more); !reflect.DeepEqual(a, b) {
		t.Errorf("another: %d changes, want the %d of something that is new", len(a), len(b))
	}
	if small := built(t, nil); !reflect.DeepEqual(small.Kept(contents.MaxKept), small) {
		t.Error("a small inventory is not kept whole")
	}
}

// The order of an archive changes nothing, and neither does who packed it.
func TestRead_minds_no_order(t *testing.T) {
	all := append(dist(), manifest(t, keyv()), member{name: "package/bin/x", text: "\x7fELF"}, member{name: "package/big", text: strings.Repeat("x", 70_000)})
	want := inventory(t, packed(t, all...))
	for range 20 {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := inventory(t, packed(t, all...)); !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	}
	if got := inventory(t, archived(t, all...)); !reflect.DeepEqual(got, want) {
		t.Error("without compression it is another package")
	}
	long := strings.Repeat("long/", 40) + "name.js"
	for _, f := range []tar.Format{tar.FormatPAX, tar.FormatGNU} {
		p := inventory(t, packed(t, append(all, member{name: "package/" + long, text: "x", header: func(h *tar.Header) { h.Format = f }})...))
		if p.Files != want.Files+1 {
			t.Errorf("%v: %d files, want %d", f, p.Files, want.Files+1)
		}
	}
}

func TestRead_what_is_no_package(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":                       nil,
		"text":                          []byte("the artifact\n"),
		"a program":                     append([]byte("\x7fELF"), make([]byte, 4000)...),
		"a zip":                         wheeled(t, member{name: "app/main.py"}),
		"packages deeper in a zip":      wheeled(t, member{name: "app/a-1.dist-info/METADATA"}, member{name: "app/b-1.dist-info/METADATA"}),
		"an archive with links":         packed(t, member{name: "app/a"}, member{name: "app/b", header: func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "a" }}),
		"a program that unpacks itself": append([]byte("#!/bin/sh\ntail -c +20 $0\n"), packed(t, member{name: "app/main.go"})...),
		"a program with a stream in it": append([]byte("\x7fELF"), zipped(t, bytes.Repeat([]byte("text"), 500))...),
		"a compressed text":             zipped(t, []byte("text")),
		"an archive of something":       packed(t, member{name: "app-1.0/main.go", text: "package main"}),
		"an archive with odd names":     packed(t, member{name: "./main.go"}, member{name: "/etc/x"}, member{name: "a/../b"}),
		"a manifest further down":       packed(t, member{name: "app/web/package.json", text: "{}"}),
		"an archive of no files":        packed(t),
		"a compressed empty archive":    zipped(t, nil),
	} {
		p, err := contents.Read(name, bytes.NewReader(b))
		if err != nil || p.Kind != contents.NotRead || p.Why == "" {
			t.Errorf("%s: %+v, %v, want that it is not read", name, p, err)
		}
	}
}

// An archive of which two installers could read different things is refused, and not read as less
// than it holds (E11).
func TestE11_an_archive_that_two_readers_read_differently(t *testing.T) {
	m := manifest(t, keyv())
	whole := archived(t, m)
	head := func(change func(*tar.Header)) []byte { return packed(t, member{m.name, m.text, 0o644, change}) }
	as := func(kind byte) func(*tar.Header) {
		return func(h *tar.Header) { h.Typeflag, h.Size, h.Linkname = kind, 0, "package/x" }
	}
	broken := bytes.Clone(archived(t, member{name: "package/a"}, m))
	broken[512+10] ^= 1
	// patched is the archive with a field of its first header overwritten, and the sum of that mended.
	patched := func(at int, text string) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], text)
		sum := 8 * 32 // the sum is of spaces in its own place
		for i, c := range b[:512] {
			if i < 148 || i >= 156 {
				sum += int(c)
			}
		}
		copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
		return zipped(t, b)
	}
	for name, b := range map[string][]byte{
		"the manifest twice":              packed(t, m, m),
		"the manifest in two cases":       packed(t, m, member{name: "package/Package.JSON", text: "{}"}),
		"the manifest in another case":    packed(t, member{name: "package/PACKAGE.json", text: m.text}),
		"a manifest with a dot behind it": packed(t, m, member{name: "package/package.json.", text: "{}"}),
		"a manifest with a joiner":        packed(t, m, member{name: "package/package\u200d.json", text: "{}", header: func(h *tar.Header) { h.Format = tar.FormatPAX }}),
		"a file in two cases":             packed(t, m, member{name: "package/a.js"}, member{name: "package/A.js"}),
		"two folders at the top":          packed(t, m, member{name: "other/package.json", text: m.text}),
		"a file beside the folder":        packed(t, m, member{name: "README"}),
		"a manifest in no folder":         packed(t, member{name: "package.json", text: m.text}),
		"a folder called dot":             packed(t, member{name: "./package.json", text: m.text}),
		"a path that leaves":              packed(t, m, member{name: "package/../../x"}),
		"a path that comes back":          packed(t, member{name: "package/x/../package.json", text: m.text}),
		"an absolute path":                packed(t, m, member{name: "/package/x"}),
		"a backslash":                     packed(t, m, member{name: `package/x\y`}),
		"a newline in a name":             packed(t, m, member{name: "package/x\ny"}),
		"two slashes":                     packed(t, m, member{name: "package//x"}),
		"a file that is a folder":         packed(t, m, member{name: "package/a"}, member{name: "package/a/b"}),
		"a symbolic link":                 packed(t, m, member{name: "package/x", header: as(tar.TypeSymlink)}),
		"a hard link":                     packed(t, m, member{name: "package/x", header: as(tar.TypeLink)}),
		"a device":                        packed(t, m, member{name: "package/x", header: func(h *tar.Header) { h.Typeflag = tar.TypeFifo }}),
		"a long name with a prefix": head(func(h *tar.Header) {
			h.Name = strings.Repeat("p/", 60) + "package.json"
			h.PAXRecords = map[string]string{"X.y": "z"}
			h.Format = tar.FormatPAX
		}),
		"a sparse file":                head(func(h *tar.Header) { h.PAXRecords = map[string]string{"GNU.other": "1"}; h.Format = tar.FormatPAX }),
		"two streams":                  append(zipped(t, whole[:512]), zipped(t, whole[512:])...),
		"something behind the stream":  append(packed(t, m), 0),
		"something behind the end":     zipped(t, append(bytes.Clone(whole), whole...)),
		"something before the stream":  append([]byte("x"), packed(t, m)...),
		"zeros before the stream":      append(make([]byte, 512), packed(t, m)...),
		"other streams before it":      append(bytes.Repeat([]byte{0x1f, 0x8b, 8}, 100)[1:], packed(t, m)...),
		"something before the archive": zipped(t, append(bytes.Repeat([]byte("x"), 512), whole...)),
		"an empty block before it":     zipped(t, append(make([]byte, 512), whole...)),
		"a broken header":              zipped(t, broken),
		"a time in base 256":           patched(136, "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		"a size in base 256":           patched(124, "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
		"a mode that is no number":     patched(100, "rw-r--r-"),
		"a size behind a zero":         patched(124, "\x00"),
		"something behind a name":      patched(40, "x"),
		"the target of a link":         patched(157, "x"),
		"another kind of archive":      patched(257, "ustar\x0001"),
		"a type that nobody knows":     patched(156, "Z"),
		"a file in a row":              patched(156, "7"),
		"an end in a file":             zipped(t, whole[:700]),
		"an end in a header":           zipped(t, archived(t, m, member{name: "package/x"})[:1100]),
		"a broken stream":              packed(t, m)[:60],
		"another compression":          append([]byte{0x28, 0xb5, 0x2f, 0xfd}, whole...),
		"a script twice":               packed(t, member{name: m.name, text: `{"name":"x","scripts":{"install":"a"},"scripts":{}}`}),
		"a script by an escape":        packed(t, member{name: m.name, text: `{"scripts":{"install":"a","inst\u0061ll":"b"}}`}),
		"a script that is no text":     packed(t, member{name: m.name, text: `{"scripts":{"install":1}}`}),
		"scripts that are a list":      packed(t, member{name: m.name, text: `{"scripts":["install"]}`}),
		"a manifest that is no object": packed(t, member{name: m.name, text: `[]`}),
		"a manifest that is no JSON":   packed(t, member{name: m.name, text: `{"name":`}),
		"bytes behind the manifest":    packed(t, member{name: m.name, text: `{} {}`}),
		"a manifest that is not UTF-8": packed(t, member{name: m.name, text: "{\"name\":\"\xff\"}"}),
		"a broken manifest inside":     packed(t, m, member{name: "package/node_modules/x/package.json", text: `{"scripts":{}`}),
	} {
		p, err := contents.Read(name, bytes.NewReader(b))
		if got := fault.Of(err).Code; err == nil || got != fault.Malformed {
			t.Errorf("%s: %s, %v, want %s", name, p.Summary(), err, fault.Malformed)
		}
		if u, ok := contents.Unread(err); !ok || u.Kind != contents.Malformed || u.Why == "" {
			t.Errorf("%s: unread = %+v, %v", name, u, ok)
		}
	}
}

// zeros is an archive member that is all zeros.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A package that is larger than the limits is an error, and is not read to its end (O01).
func TestO01_packages_beyond_the_limits(t *testing.T) {
	m := manifest(t, keyv())
	bomb := func(size int64) io.Reader {
		r, w := io.Pipe()
		go func() {
			z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
			a := tar.NewWriter(z)
			_ = a.WriteHeader(&tar.Header{Name: "package/x", Size: size, Mode: 0o644})
			_, err := io.CopyN(a, zeros{}, size)
			_ = w.CloseWithError(err)
		}()
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	text := func(s string) io.Reader { return bytes.NewReader(packed(t, member{name: m.name, text: s})) }
	for name, r := range map[string]io.Reader{
		"a file that is larger than everything may be": bomb(2 << 30),
		"a manifest":     text(`{"name":"` + strings.Repeat("x", 1<<20) + `"}`),
		"nesting":        text(`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`),
		"a long name":    text(`{"name":"` + strings.Repeat("x", 2000) + `"}`),
		"deep exports":   text(`{"exports":{"` + strings.Repeat("x", 2000) + `":{"a":"b"}}}`),
		"an entry point": text(`{"exports":[` + strings.Repeat(`"a",`, 20_000) + `"a"]}`),
		"a header": bytes.NewReader(packed(t, member{m.name, m.text, 0, func(h *tar.Header) {
			h.Format = tar.FormatPAX
			h.PAXRecords = map[string]string{"LIBARCHIVE.x": strings.Repeat("x", 70_000)}
		}})),
	} {
		_, err := contents.Read(name, r)
		if got := fault.Of(err).Code; err == nil || got != fault.Limit {
			t.Errorf("%s: %v, want %s", name, err, fault.Limit)
		}
	}
}

// An error of the file itself is no word about the package.
func TestRead_of_a_file_that_cannot_be_read(t *testing.T) {
	gone := errors.New("the disk is gone")
	b := packed(t, manifest(t, keyv()))
	for _, n := range []int{0, 1, 10, 60, len(b) - 1} {
		_, err := contents.Read("x", io.MultiReader(bytes.NewReader(b[:n]), failing{gone}))
		if _, about := contents.Unread(err); !errors.Is(err, gone) || about {
			t.Errorf("after %d bytes: %v, about the file: %v", n, err, about)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestOutside_is_what_no_registry_has(t *testing.T) {
	specs := map[string]bool{
		"^1.0.0": false, "1": false, "*": false, "": false, ">=1 <2 || 3.x": false, "latest": false, "~1.2": false, "npm:x@1": false, "npm:@a/b@^1": false, "1.0.0-rc.1+b": false,
		"a/b": true, "github:a/b": true, "git+ssh://git@h/a.git#v1": true, "https://h/a.tgz": true, "file:../x": true, "./x": true, "../x": true, "~/x": true, "/x": true,
		"x.tgz": true, "X.TAR.GZ": true, "link:x": true, "workspace:*": true, `c:\x`: true, "npm:a/b": true, "gist:1": true, ".": true, "a/b#semver:1": true,
	}
	for spec, want := range specs {
		p := built(t, with("dependencies", map[string]string{"x": spec}))
		if got := p.Dependencies[0].Outside; got != want {
			t.Errorf("%q: outside = %v, want %v", spec, got, want)
		}
	}
}

// FuzzE11_packages holds the reader to Go's own: whatever it reads as a package, archive/tar reads
// with the same files.
func FuzzE11_packages(f *testing.F) {
	m := manifest(f, keyv())
	f.Add(archived(f, append(dist(), m)...))
	f.Add(archived(f, m, member{name: "package/" + strings.Repeat("x/", 90) + "y", header: func(h *tar.Header) { h.Format = tar.FormatPAX }}))
	f.Add(archived(f, m, member{name: "package/" + strings.Repeat("x/", 90) + "y", header: func(h *tar.Header) { h.Format = tar.FormatGNU }}))
	f.Add(packed(f, m))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := contents.Read("fuzz", bytes.NewReader(b))
		if err != nil || !p.IsRead() || bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			return
		}
		if c := contents.Compare(&p, p); len(c) > 0 {
			t.Fatalf("compared with itself: %v", c)
		}
		files, size := 0, int64(0)
		for r := tar.NewReader(bytes.NewReader(b)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("archive/tar refuses what was read: %v", err)
			}
			if h.Typeflag == tar.TypeReg {
				files, size = files+1, size+h.Size
			}
		}
		if files != p.Files || size != p.Bytes {
			t.Fatalf("%d files with %d bytes, and archive/tar has %d with %d", p.Files, p.Bytes, files, size)
		}
	})
}

// Whatever a package is and whatever else changes, what is added to it is a change of its kind, and
// nothing is one against itself.
func TestCompare_loses_nothing_that_is_added(t *testing.T) {
	words := []string{"a", "b", "c", "d"}
	some := func() map[string]string {
		out := map[string]string{}
		for range rand.IntN(3) {
			out[words[rand.IntN(4)]] = words[rand.IntN(4)]
		}
		return out
	}
	random := func(m map[string]any) {
		m["dependencies"], m["optionalDependencies"] = some(), some()
		all := some()
		all[[]string{"install", "postinstall", "prepare", "build"}[rand.IntN(4)]] = words[rand.IntN(4)]
		m["scripts"] = all
	}
	for range 300 {
		before := built(t, random)
		if c := contents.Compare(&before, before); len(c) > 0 {
			t.Fatalf("against itself: %q", told(c))
		}
		what := []contents.What{contents.InstallScript, contents.Depends, contents.Outside, contents.Binary, contents.Entry}[rand.IntN(5)]
		now := built(t, func(m map[string]any) {
			random(m)
			switch what {
			case contents.InstallScript:
				m["scripts"].(map[string]string)["preinstall"] = "new"
			case contents.Depends:
				m["dependencies"].(map[string]string)["new"] = "1"
			case contents.Outside:
				m["optionalDependencies"].(map[string]string)["new"] = "a/b"
			case contents.Binary:
				m["bin"] = map[string]string{"keyv": "./dist/cli.js", "new": "dist/index.js"}
			case contents.Entry:
				m["module"] = "new"
			}
		})
		all := contents.Compare(&before, now)
		if !slices.ContainsFunc(all, func(c contents.Change) bool { return c.Of == what }) {
			t.Fatalf("%s was added, and the changes are %q", what, told(all))
		}
		if contents.Digest(all) != contents.Digest(slices.Clone(all)) || contents.Digest(all) == contents.Digest(all[1:]) {
			t.Fatal("the digest of changes does not name them")
		}
	}
}
