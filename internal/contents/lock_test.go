package contents_test

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/contents"
	"github.com/sallyport-dev/sallyport/internal/fault"
)

// shrinkwrap is a package with a lock file.
func shrinkwrap(t testing.TB, text string) contents.Package {
	return built(t, nil, member{name: "package/npm-shrinkwrap.json", text: text},
		member{name: "package/node_modules/inside/package.json", text: `{"name":"inside"}`})
}

// npm installs what the lock file of a package says: what is in no registry, or is held to no digest,
// is a dependency from outside (D17).
func TestD17_a_lock_file_brings_what_no_registry_has(t *testing.T) {
	const sum = `,"integrity":"sha512-AAAA"`
	before := shrinkwrap(t, "{}")
	one := func(rest string) string {
		return `{"lockfileVersion":3,"packages":{"":{"name":"keyv"},"node_modules/x":{"version":"1.0.0"` + rest + `}}}`
	}
	for name, x := range map[string]struct{ text, want string }{
		"a repository":                          {one(`,"resolved":"git+ssh://git@github.com/a/x.git#abc"`), "git+ssh://git@github.com/a/x.git#abc"},
		"a file":                                {one(`,"resolved":"file:x.tgz"` + sum), "file:x.tgz"},
		"a folder":                              {one(`,"resolved":"../x","link":true`), "../x"},
		"another host":                          {one(`,"resolved":"https://evil.example/x.tgz"` + sum), "https://evil.example/x.tgz"},
		"a host that begins so":                 {one(`,"resolved":"https://registry.npmjs.org.evil.example/x.tgz"` + sum), "https://registry.npmjs.org.evil.example/x.tgz"},
		"a host behind a user":                  {one(`,"resolved":"https://registry.npmjs.org@evil.example/x.tgz"` + sum), "https://registry.npmjs.org@evil.example/x.tgz"},
		"no digest":                             {one(`,"resolved":"https://registry.npmjs.org/x/-/x-1.0.0.tgz"`), "https://registry.npmjs.org/x/-/x-1.0.0.tgz 1.0.0 without a digest"},
		"a digest of no kind":                   {one(`,"integrity":"crc32-AAAA"`), "1.0.0 without a digest"},
		"said to be brought":                    {one(`,"inBundle":true`), "1.0.0 without a digest"},
		"version 1":                             {`{"lockfileVersion":1,"dependencies":{"x":{"version":"github:a/x#abc"}}}`, "github:a/x#abc"},
		"a byte order mark":                     {"\ufeff" + one(`,"resolved":"git://h/x"`), "git://h/x"},
		"both versions, one of which is honest": {`{"packages":{"node_modules/x":{"version":"1.0.0"` + sum + `}},"dependencies":{"x":{"version":"git://h/x"}}}`, "git://h/x"},
	} {
		got := told(contents.Compare(&before, shrinkwrap(t, x.text)))
		want := "outside-dependencies node_modules/x of npm-shrinkwrap.json: " + x.want + " (new)"
		if len(got) != 2 || !strings.HasPrefix(got[0], "dependencies npm-shrinkwrap.json of lock file of the package: sha256:") || got[1] != want {
			t.Errorf("%s:\ngot  %q\nwant %q, and the file itself", name, got, want)
		}
	}
	deep := shrinkwrap(t, `{"dependencies":{"@a/b":{"version":"1.0.0"`+sum+`,"dependencies":{"x":{"version":"https://h/x.tgz"}}}}}`)
	got := told(contents.Compare(&before, deep))
	if len(got) != 2 || got[1] != "outside-dependencies node_modules/@a/b/node_modules/x of npm-shrinkwrap.json: https://h/x.tgz (new)" {
		t.Errorf("a dependency of a dependency: %q", got)
	}
	nested := built(t, nil, member{name: "package/node_modules/inside/NPM-shrinkwrap.json", text: one(`,"resolved":"git://h/x"`)})
	got = told(contents.Compare(&before, nested))
	if len(got) != 1 || !strings.HasPrefix(got[0], "outside-dependencies node_modules/x of node_modules/inside/NPM-shrinkwrap.json: git://h/x") {
		t.Errorf("a lock file of a package that it brings: %q", got)
	}
}

// A lock file of what the registry has brings nothing from outside.
func TestRead_a_lock_file_of_the_registry(t *testing.T) {
	before := shrinkwrap(t, "{}")
	got := told(contents.Compare(&before, shrinkwrap(t, `{"lockfileVersion":2,"packages":{"":{"name":"keyv"},
		"node_modules/x":{"version":"1.0.0","resolved":"https://registry.npmjs.org/x/-/x-1.0.0.tgz","integrity":"sha512-AAAA"},
		"node_modules/y":{"version":"2.0.0","integrity":"sha1-AAAA"},
		"node_modules/inside":{"version":"1.0.0","inBundle":true}},
		"dependencies":{"x":{"version":"npm:other@1.0.0","integrity":"sha512-AAAA"}}}`)))
	if len(got) != 1 || !strings.HasPrefix(got[0], "dependencies npm-shrinkwrap.json ") {
		t.Errorf("changes = %q, want the file alone", got)
	}
}

// A lock file that cannot be read makes the package one that cannot (E11).
func TestE11_a_lock_file_that_two_readers_read_differently(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":                    "{",
		"a list":                     "[]",
		"a package twice":            `{"packages":{"a":{},"a":{}}}`,
		"packages that are one":      `{"packages":["a"]}`,
		"a package that is not":      `{"packages":{"a":1}}`,
		"an address that is no text": `{"packages":{"a":{"resolved":["b"]}}}`,
		"a dependency that is not":   `{"dependencies":{"a":{"dependencies":1}}}`,
	} {
		_, err := contents.Read(name, bytes.NewReader(packed(t, manifest(t, keyv()), member{name: "package/npm-shrinkwrap.json", text: text})))
		if got := fault.Of(err).Code; got != fault.Malformed {
			t.Errorf("%s: %v, want %s", name, err, fault.Malformed)
		}
	}
}

func international(h *tar.Header) { h.Format = tar.FormatPAX }

// Two names that a file system takes for one are refused, also where they differ in how an accent is
// written (E11).
func TestE11_two_names_that_a_file_system_takes_for_one(t *testing.T) {
	m := manifest(t, keyv())
	for name, pair := range map[string][2]string{
		"an accent of its own":      {"\u00e9.js", "e\u0301.js"},
		"also in another case":      {"\u00c9.js", "e\u0301.js"},
		"two accents in two orders": {"a\u0323\u0302.js", "a\u0302\u0323.js"},
		"Korean":                    {"\ud55c.js", "\u1112\u1161\u11ab.js"},
	} {
		_, err := contents.Read(name, bytes.NewReader(packed(t, m,
			member{name: "package/" + pair[0], header: international}, member{name: "package/" + pair[1], header: international})))
		if got := fault.Of(err).Code; got != fault.Malformed {
			t.Errorf("%s: %v, want %s", name, err, fault.Malformed)
		}
	}
	p := inventory(t, packed(t, m, member{name: "package/\u00e9.js", header: international}, member{name: "package/e.js"},
		member{name: "package/e\u0302.js", header: international}))
	if p.Files != 4 {
		t.Errorf("names that differ: %d files, want 4", p.Files)
	}
}

// What runs by its name runs in every letter case on a file system that minds none (E11).
func TestE11_an_install_script_in_another_letter_case(t *testing.T) {
	before := built(t, nil)
	for name, x := range map[string]struct {
		files []member
		want  string
	}{
		"an addon": {[]member{{name: "package/Binding.GYP", text: "{}"}},
			"install-scripts install: node-gyp rebuild [Binding.GYP, 2 bytes, sha256:44136fa355b3] (new)"},
		"a package that it brings": {[]member{{name: "package/node_modules/x/Package.json", text: `{"scripts":{"install":"a"}}`}},
			"install-scripts install of node_modules/x: a (new)"},
	} {
		equal(t, name, told(contents.Compare(&before, built(t, nil, x.files...))), []string{x.want})
	}
	equal(t, "another file of that kind", told(contents.Compare(&before, built(t, nil, member{name: "package/src/binding.gyp", text: "{}"}))), nil)
	info := member{name: "a-1/PKG-INFO", text: metadata()}
	source := inventory(t, packed(t, info))
	now := inventory(t, packed(t, info, member{name: "a-1/Setup.py", text: "x"}))
	equal(t, "a source distribution", told(contents.Compare(&source, now)),
		[]string{"install-scripts setup.py: python setup.py [Setup.py, 1 bytes, sha256:2d711642b726] (new)"})
}
