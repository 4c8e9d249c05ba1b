package contents_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// wheeled is a zip archive of members, as Python writes one: sizes stand before the content.
func wheeled(t testing.TB, all ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range all {
		h := &zip.FileHeader{Name: m.name, Method: zip.Store, CRC32: crc([]byte(m.text)),
			CompressedSize64: uint64(len(m.text)), UncompressedSize64: uint64(len(m.text))}
		f, err := w.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(m.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// metadata is that of a package, with more members.
func metadata(more ...string) string {
	return "Metadata-Version: 2.1\nName: Sample_Project\nVersion: 3.0.0\n" + strings.Join(append(more, "", "Name: of the description"), "\n")
}

func wheel(t testing.TB, more ...member) []byte {
	return wheeled(t, append([]member{
		{name: "sample/__init__.py", text: "x = 1\n"},
		{name: "sample_project-3.0.0.dist-info/METADATA", text: metadata("Requires-Dist: peppercorn (>=0.6)")},
		{name: "sample_project-3.0.0.dist-info/WHEEL", text: "Wheel-Version: 1.0\n"},
	}, more...)...)
}

// A wheel runs nothing when it is installed; what runs whenever Python starts counts as a script.
func TestRead_a_wheel(t *testing.T) {
	before := inventory(t, wheel(t))
	if before.Kind != contents.Wheel || before.Name != "sample-project" || before.Version != "3.0.0" || before.Files != 3 {
		t.Fatalf("inventory = %+v", before)
	}
	const info = "sample_project-3.0.0.dist-info/"
	for name, x := range map[string]struct {
		more member
		want []string
	}{
		"nothing":            {member{name: "sample/more.py"}, nil},
		"a file of paths":    {member{name: "x.pth", text: "import os; os.system('x')\n"}, []string{"install-scripts x.pth: import os; os.system('x') (new)", "entry-points module: x.pth: x.pth (new)"}},
		"one in its data":    {member{name: "sample_project-3.0.0.data/purelib/x.pth", text: "import x"}, []string{"install-scripts x.pth: import x (new)", "entry-points module: x.pth: x.pth (new)"}},
		"a module by name":   {member{name: "sitecustomize.py", text: "1"}, []string{"install-scripts sitecustomize.py: 1 (new)", "entry-points module: sitecustomize.py: sitecustomize.py (new)"}},
		"an extension":       {member{name: "sample/x.so", text: "\x7fELF"}, []string{"binaries sample/x.so: ELF, 4 bytes (new)"}},
		"a script":           {member{name: "sample_project-3.0.0.data/scripts/tool", text: "x"}, []string{"binaries sample_project-3.0.0.data/scripts/tool: script, 1 bytes (new)"}},
		"an entry point":     {member{name: info + "entry_points.txt", text: "# x\n[console_scripts]\nsample = sample:main\n"}, []string{"entry-points console_scripts: sample: sample:main (new)"}},
		"a module of others": {member{name: "requests/__init__.py"}, []string{"entry-points module: requests: requests (new)"}},
	} {
		now := inventory(t, wheel(t, x.more))
		equal(t, name, told(contents.Compare(&before, now)), x.want)
	}
	now := inventory(t, wheeled(t, member{name: info + "METADATA", text: metadata("Requires-Dist: peppercorn (>=0.7)", "Requires-Dist: x[y] @ https://h/x.whl ; python_version < '3'", "Requires-Dist: A.b~=1")}, member{name: "sample/__init__.py", text: "x = 1\n"}))
	equal(t, "dependencies", told(contents.Compare(&before, now)), []string{
		"dependencies a-b of requires-dist: ~=1 (new)", "dependencies peppercorn of requires-dist: (>=0.7) (was (>=0.6))",
		"outside-dependencies x of requires-dist: [y] @ https://h/x.whl ; python_version < '3' (new)",
	})
}

// What runs whenever Python starts is an install script, wherever a wheel keeps it and in every form in
// which Python loads it (F10).
func TestF10_a_wheel_with_what_runs_whenever_Python_starts(t *testing.T) {
	const data = "sample_project-3.0.0.data/"
	before := inventory(t, wheel(t))
	for _, name := range []string{
		"x.pth", "X.PTH",
		"x-1.0.data/purelib/x.pth", "SAMPLE.DATA/platlib/x.pth", "x-1.0.data/PURELIB/sitecustomize.py",
		data + "data/lib/python3.11/site-packages/y.pth", data + "data/lib64/python3.11/site-packages/y.pth",
		data + "data/Lib/site-packages/y.pth", data + "data/local/lib/python3.11/dist-packages/y.pth",
		data + "data/y.pth", data + "data/lib/python3.11/site-packages/usercustomize/__init__.py",
		data + "data/lib/python3.11/sitecustomize.py", data + "data/lib/python3.11/os.py", data + "data/lib/python3.11/encodings/__init__.pyc",
		data + "data/Lib/os.py", data + "data/pyvenv.cfg", data + "data/python311._pth",
		"sitecustomize.py", "SiteCustomize.py", "sitecustomize.pyc", "sitecustomize.pyw", "sitecustomize.so", "sitecustomize.pyd",
		"usercustomize.cpython-312-x86_64-linux-gnu.so", "usercustomize.abi3.so", "usercustomize.cp312-win_amd64.pyd",
		"sitecustomize/__init__.py", "sitecustomize/__init__.pyc", "sitecustomize/__init__.abi3.so", "sitecustomize/__init__.pyd",
		"__pycache__/sitecustomize.cpython-312.pyc", "usercustomize/__pycache__/__init__.cpython-312.opt-1.pyc",
		data + "platlib/sitecustomize/__init__.cpython-311-darwin.so", data + "purelib/__pycache__/usercustomize.cpython-312.pyc",
	} {
		now := inventory(t, wheel(t, member{name: name, text: "x"}))
		var of []contents.What
		for _, c := range contents.Compare(&before, now) {
			of = append(of, c.Of)
		}
		if len(of) == 0 || of[0] != contents.InstallScript {
			t.Errorf("%s: changes are of %v, want an install script", name, of)
		}
		other := inventory(t, wheel(t, member{name: name, text: "y"}))
		if c := contents.Compare(&now, other); len(c) != 1 || c[0].Of != contents.InstallScript {
			t.Errorf("%s: with another content: %q, want an install script", name, told(c))
		}
	}
	for _, name := range []string{
		"sample/x.pth", "sample/sitecustomize.py", "sample/data/x.pth", "sitecustomize.pyi", "sitecustomize.txt", "sitecustomizer.py",
		"sitecustomize/helper.py", "mysitecustomize/__init__.py", "sample/site-packages/x.pth",
		data + "purelib/sample/model.pth", data + "data/share/models/net.pth", data + "data/share/x.py", data + "data/lib/libx.so",
		data + "data/lib/pkgconfig/x.pc", data + "data/etc/pyvenv.cfg", data + "headers/x.h", data + "scripts/x.pth",
		data + "data/lib/python3.11/site-packages/sample/more.py",
	} {
		now := inventory(t, wheel(t, member{name: name, text: strings.Repeat("x", 2<<20)}))
		if len(now.Scripts) > 0 {
			t.Errorf("%s: %+v, want no install script", name, now.Scripts)
		}
	}
}

// What a wheel puts among the programs is one, by whichever folder (F10).
func TestF10_a_wheel_with_programs(t *testing.T) {
	before := inventory(t, wheel(t))
	for name, want := range map[string]bool{
		"x-1.0.data/data/bin/python": true, "x-1.0.data/data/Scripts/pip.py": true, "x-1.0.data/scripts/tool": true, "X.DATA/scripts/tool": true,
		"x-1.0.data/data/share/bin/x": false, "x-1.0.data/data/etc/x.conf": false, "bin/x.py": false, "x-1.0.data/purelib/bin/x.py": false,
	} {
		now := inventory(t, wheel(t, member{name: name, text: "x"}))
		c := contents.Compare(&before, now)
		if got := len(c) == 1 && c[0].Of == contents.Binary && c[0].Name == name; got != want {
			t.Errorf("%s: changes = %q; a binary: %v, want %v", name, told(c), got, want)
		}
	}
}

// A source distribution runs setup.py, or the build that pyproject.toml names.
func TestRead_a_source_distribution(t *testing.T) {
	sdist := func(more ...member) []byte {
		return packed(t, append([]member{{name: "sample-3.0.0/PKG-INFO", text: metadata()}, {name: "sample-3.0.0/setup.cfg"}}, more...)...)
	}
	before := inventory(t, sdist())
	if before.Kind != contents.SDist || before.Name != "sample-project" {
		t.Fatalf("inventory = %+v", before)
	}
	now := inventory(t, sdist(member{name: "sample-3.0.0/setup.py", text: "x"},
		member{name: "sample-3.0.0/pyproject.toml", text: "[project]\nname = 1\n[build-system] # ours\nrequires = [\"a\"]\nbuild-backend = \"b\"\n[tool.x]\ny = 1\n"}))
	equal(t, "what it runs", told(contents.Compare(&before, now)), []string{
		`install-scripts pyproject.toml: [build-system] # ours; requires = ["a"]; build-backend = "b" (new)`,
		"install-scripts setup.py: python setup.py [setup.py, 1 bytes, sha256:2d711642b726] (new)",
	})
	for name, text := range map[string]string{
		"a dotted key":    "build-system.requires = []\n",
		"an inline table": "build-system = {requires = []}\n",
		"an escape":       "[\"build\\u002dsystem\"]\nrequires = []\n",
		"an array":        "[build-system]\nrequires = [\n[\"a\"]\n]\nbuild-backend = 'b'\n",
	} {
		p := inventory(t, sdist(member{name: "sample-3.0.0/pyproject.toml", text: text}))
		if len(p.Scripts) != 1 || p.Scripts[0].Text != strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ") {
			t.Errorf("%s: %+v, want the whole file", name, p.Scripts)
		}
	}
	both := inventory(t, sdist(member{name: "sample-3.0.0/package.json", text: `{"name":"x","scripts":{"install":"y"}}`}))
	equal(t, "a package of npm too", told(contents.Compare(&before, both)), []string{"install-scripts install: y (new)"})
}

// A wheel that two readers read differently is refused, by whichever end they begin at (E11).
func TestE11_a_wheel_that_two_readers_read_differently(t *testing.T) {
	good := wheel(t)
	edit := func(find, put string, nth int) []byte {
		b := bytes.Clone(good)
		at := 0
		for range nth {
			at += bytes.Index(b[at+1:], []byte(find)) + 1
		}
		return append(b[:at:at], append([]byte(put), b[at+len(find):]...)...)
	}
	for name, b := range map[string][]byte{
		"a name twice":             wheel(t, member{name: "sample/__init__.py", text: "y"}),
		"a name in two cases":      wheel(t, member{name: "sample/__INIT__.py", text: "y"}),
		"another name in the file": edit("sample/__init__.py", "sample/__evil__.py", 1),
		"another name at the end":  edit("sample/__init__.py", "sample/__evil__.py", 2),
		"other bytes":              edit("x = 1", "x = 2", 1),
		"something before it":      append([]byte("#!/bin/sh\n"), good...),
		"something behind it":      append(bytes.Clone(good), 'x'),
		"a wheel behind it":        append(bytes.Clone(good), wheel(t, member{name: "evil.pth"})...),
		"a path that leaves":       wheel(t, member{name: "../x"}),
		"a file that is a folder":  wheel(t, member{name: "sample"}),
		"no directory":             good[:200],
		"two names of a package":   wheel(t, member{name: "other-1.0.dist-info/METADATA", text: metadata()}),
		"one in two cases":         wheel(t, member{name: "Sample_Project-3.0.0.DIST-INFO/METADATA", text: metadata()}),
		"no metadata":              wheeled(t, member{name: "a-1.dist-info/WHEEL"}),
		"metadata without a name":  wheeled(t, member{name: "a-1.dist-info/METADATA", text: "Version: 1\n"}),
		"metadata with two names":  wheeled(t, member{name: "a-1.dist-info/METADATA", text: "Name: a\nName: b\n"}),
		"a source with links":      packed(t, member{name: "a/PKG-INFO", text: metadata()}, member{name: "a/x", header: func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeSymlink, "y" }}),
		"a source in another case": packed(t, member{name: "a/pkg-info", text: metadata()}),
	} {
		p, err := contents.Read(name, bytes.NewReader(b))
		if got := fault.Of(err).Code; err == nil || got != fault.Malformed {
			t.Errorf("%s: %s, %v, want %s", name, p.Summary(), err, fault.Malformed)
		}
	}
}

// FuzzE11_wheels wants no panic, and nothing that differs from itself.
func FuzzE11_wheels(f *testing.F) {
	f.Add(wheel(f))
	f.Add(wheel(f, member{name: "x.pth", text: "import x"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := contents.Read("fuzz", bytes.NewReader(b))
		if err != nil || !p.IsRead() {
			return
		}
		if c := contents.Compare(&p, p); len(c) > 0 {
			t.Fatalf("compared with itself: %v", c)
		}
	})
}
