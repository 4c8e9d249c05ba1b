package packages

import (
	"crypto/sha512"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

// inner is a file of a package of the fixture.
func (f *fixture) inner(t testing.TB, end string) string {
	t.Helper()
	i := slices.IndexFunc(f.opened, func(o string) bool { return strings.HasSuffix(o, end) })
	if i < 0 {
		t.Fatalf("no file %s was opened", end)
	}
	return f.opened[i]
}

func remove(t testing.TB, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

// A module whose file was changed after the go command unpacked it compiles without a word.
func TestD17_a_file_that_was_swapped_in_the_cache_of_go(t *testing.T) {
	f := newGo(t)
	got := f.check()
	wants(t, one(t, got, depPURL), Locked, "")
	wants(t, one(t, got, otherPURL), Locked, "")
	if p := one(t, got, depPURL); len(got) != 2 || p.Files != 3 || p.Lock != "go.sum" || len(p.Digests) != 2 {
		t.Errorf("packages = %+v", got)
	}

	swap(t, f.inner(t, "/dep.go"))
	got = f.check()
	p := one(t, got, depPURL)
	wants(t, p, OtherDigest, `"dep.go" has sha256 `)
	wants(t, one(t, got, otherPURL), Locked, "")
	if !strings.HasPrefix(p.Wanted, "sha256 ") || strings.Contains(p.Found, strings.TrimPrefix(p.Wanted, "sha256 ")) {
		t.Errorf("found %q, wanted %q", p.Found, p.Wanted)
	}

	// Without the archive beside it, the digest of the whole is told.
	remove(t, filepath.Join(f.where.GoModCache, "cache/download/example.com/dep/@v/v1.0.0.zip"))
	p = one(t, f.check(), depPURL)
	wants(t, p, OtherDigest, "its files have h1:")
	if !strings.HasPrefix(p.Wanted, "h1:") {
		t.Errorf("wanted %q", p.Wanted)
	}
}

func TestD17_a_file_that_was_added_to_or_taken_from_a_module(t *testing.T) {
	f := newGo(t)
	dir := filepath.Dir(f.inner(t, "/dep.go"))
	wants(t, one(t, f.check(), depPURL), Locked, "")
	more := filepath.Join(dir, "a.go")
	if err := os.WriteFile(more, []byte("package dep\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, one(t, f.check(), depPURL), OtherDigest, `"a.go" is there`)
	remove(t, more)
	wants(t, one(t, f.check(), depPURL), Locked, "")
	remove(t, filepath.Join(dir, "x/x.go"))
	wants(t, one(t, f.check(), depPURL), OtherDigest, `"x/x.go" is missing`)
	if err := os.Symlink("../dep.go", filepath.Join(dir, "x/x.go")); err != nil {
		t.Fatal(err)
	}
	wants(t, one(t, f.check(), depPURL), OtherDigest, "is a link, which no module has")
	remove(t, filepath.Join(dir, "x/x.go"))
	files{"x/x.go": "package x\n"}.write(t, dir)
	wants(t, one(t, f.check(), depPURL), Locked, "")
	files{"x/a\nb": ""}.write(t, dir)
	wants(t, one(t, f.check(), depPURL), OtherDigest, "has a line end in its name, which no module has")
	remove(t, dir)
	wants(t, one(t, f.check(), depPURL), Named, "no such file")
}

func TestD17_an_archive_that_was_swapped_in_the_cache_of_go(t *testing.T) {
	f := newGo(t)
	base := filepath.Join(f.where.GoModCache, "cache/download/example.com/dep/@v/v1.0.0")
	f.opened = []string{base + ".zip", base + ".mod", base + ".info"}
	got := f.check()
	wants(t, one(t, got, depPURL), Locked, "")
	if len(got) != 1 || got[0].Files != 2 {
		t.Errorf("packages = %+v", got)
	}
	swap(t, base+".mod")
	wants(t, one(t, f.check(), depPURL), OtherDigest, "its go.mod in the cache has h1:")
	swap(t, base+".mod")
	other := filepath.Join(f.where.GoModCache, "cache/download/example.com/!big!letters/@v/v1.2.0+incompatible.zip")
	if err := os.WriteFile(base+".zip", []byte(contentOf(t, other)), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, one(t, f.check(), depPURL), OtherDigest, "h1:")
	swap(t, base+".zip")
	wants(t, one(t, f.check(), depPURL), Named, "cannot be compared")
}

// What was not opened says nothing about what was.
func TestCheck_what_was_not_opened_does_not_count(t *testing.T) {
	f := newGo(t)
	base := filepath.Join(f.where.GoModCache, "cache/download/example.com/dep/@v/v1.0.0")
	swap(t, base+".zip")
	wants(t, one(t, f.check(), depPURL), Locked, "")
	swap(t, base+".zip")
	swap(t, f.inner(t, "/dep.go"))
	f.opened = []string{base + ".mod", base + ".zip"}
	wants(t, one(t, f.check(), depPURL), Locked, "")
}

func TestCheck_a_package_of_npm_without_a_digest(t *testing.T) {
	dir := t.TempDir()
	l, err := lockfile.Read("package-lock.json", []byte(
		`{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0","resolved":"git+ssh://git@h/a.git#abc"}}}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{where: Places{Dir: dir}, locks: []lockfile.Lock{l}, opened: []string{"node_modules/a/a.js"}}
	wants(t, one(t, f.check(), "pkg:npm/a@1.0.0"), Named, "the lock has no digest of it")
}

func TestD17_a_module_that_no_lock_names(t *testing.T) {
	f := newGo(t)
	f.locks = []lockfile.Lock{f.locks[0]} // go.mod alone
	wants(t, one(t, f.check(), depPURL), Named, "no go.sum")
	f.locks = nil
	wants(t, one(t, f.check(), depPURL), NotLocked, "no lock")
	f.opened = []string{
		filepath.Join(f.where.GoModCache, "stray/a.go"), filepath.Join(f.where.GoModCache, "a.b/C@v1.0.0/a.go"),
		filepath.Join(
			f.where.GoModCache,
			"cache/lock",
		), filepath.Join(f.where.GoModCache, "cache/download/a.b/c/@v/list"),
	}
	got := f.check()
	wants(t, one(t, got, ""), NotLocked, "in no module")
	if len(got) != 1 || got[0].Files != 2 {
		t.Errorf("packages = %+v", got)
	}
}

// Of a module of which go.sum has nothing but the digest of its go.mod, no file is held to anything.
func TestD17_a_digest_of_go_mod_holds_no_other_file(t *testing.T) {
	f := newGo(t)
	sum := contentOf(t, filepath.Join(f.where.Dir, "go.sum"))
	var kept []string
	for line := range strings.Lines(sum) {
		if !strings.HasPrefix(line, "example.com/dep v1.0.0 ") {
			kept = append(kept, line)
		}
	}
	l, err := lockfile.Read("go.sum", []byte(strings.Join(kept, "")))
	if err != nil {
		t.Fatal(err)
	}
	f.locks[1] = l
	wants(t, one(t, f.check(), depPURL), NotLocked, "no digest h1")
}

// Two locks that differ about one module cannot both be right.
func TestD17_two_locks_that_differ(t *testing.T) {
	f := newGo(t)
	again := f.locks[1]
	again.Path = "sub/go.sum"
	f.locks = append(f.locks, again)
	wants(t, one(t, f.check(), depPURL), Locked, "")
	again.Entries = slices.Clone(again.Entries)
	for i, e := range again.Entries {
		again.Entries[i].Digests = []lockfile.Digest{
			{Alg: "h1", Hex: "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="},
			e.Digests[1],
		}
	}
	f.locks[2] = again
	wants(t, one(t, f.check(), depPURL), OtherDigest, "h1:")
}

func TestCheck_a_toolchain_is_named_by_go_mod(t *testing.T) {
	f := newGo(t)
	l, err := lockfile.Read("go.mod", []byte("module x\ngo 1.26.0\ntoolchain go1.26.8\n"))
	if err != nil {
		t.Fatal(err)
	}
	f.locks = []lockfile.Lock{l}
	for name, want := range map[string]State{
		"toolchain@v0.0.1-go1.26.8.linux-amd64": Named, "toolchain@v0.0.1-go1.26.80.linux-amd64": NotLocked, "toolchain@v0.0.1-go1.26.9.linux-amd64": NotLocked,
	} {
		f.opened = []string{filepath.Join(f.where.GoModCache, "golang.org", name, "bin/go")}
		if got := f.check(); len(got) != 1 || got[0].State != want {
			t.Errorf("%s: %+v, want %s", name, got, want)
		}
	}
}

func TestCheck_what_vendor_has_is_named(t *testing.T) {
	f := newGo(t)
	v := filepath.Join(f.where.Dir, "vendor")
	files{
		"modules.txt":            "# example.com/dep v1.0.0\n## explicit\nexample.com/dep\n# example.com/new v1.0.0 => example.com/BigLetters v1.2.0+incompatible\nexample.com/new\n# example.com/home v1.0.0 => ./home\nexample.com/home\n# example.com/lost v1.0.0\n",
		"example.com/dep/dep.go": "x", "example.com/dep/x/x.go": "x", "example.com/new/a.go": "x", "example.com/home/a.go": "x", "example.com/lost/a.go": "x", "example.com/stray/a.go": "x",
	}.write(t, v)
	f.opened = all(t, v)
	got := f.check()
	wants(t, one(t, got, depPURL), Named, "whole modules")
	wants(t, one(t, got, otherPURL), Named, "whole modules")
	wants(t, one(t, got, "pkg:golang/example.com/lost@v1.0.0"), NotLocked, "modules.txt names it")
	wants(t, one(t, got, ""), NotLocked, "of no module")
	if len(got) != 4 || one(t, got, depPURL).Files != 2 {
		t.Errorf("packages = %+v", got)
	}
}

func TestD17_a_file_that_was_swapped_in_node_modules(t *testing.T) {
	f := newNPM(t)
	got := f.check()
	left, right := one(t, got, leftPURL), one(t, got, rightPURL)
	wants(t, left, Locked, "")
	wants(t, right, Locked, "")
	if len(got) != 2 || left.Files != 4 || right.Files != 4 || left.Lock != "package-lock.json" ||
		len(left.Digests) != 1 {
		t.Errorf("packages = %+v", got)
	}
	if s := contentOf(t, f.inner(t, "left/cli.js")); strings.Contains(s, "\r") {
		t.Errorf("npm has left a carriage return in %q: the exception is for nothing", s)
	}
	for _, name := range []string{"left/lib/a.js", "left/cli.js", "left/package.json"} {
		swap(t, f.inner(t, name))
		p := one(t, f.check(), leftPURL)
		wants(t, p, OtherDigest, `"`+strings.TrimPrefix(name, "left/")+`" has sha256 `)
		if !strings.HasPrefix(p.Wanted, "sha256 ") {
			t.Errorf("wanted %q", p.Wanted)
		}
		wants(t, one(t, f.check(), rightPURL), Locked, "")
		swap(t, f.inner(t, name))
	}
	swap(t, f.inner(t, "node_modules/inner/index.js")) // in the archive of the other one
	wants(t, one(t, f.check(), rightPURL), OtherDigest, `"node_modules/inner/index.js" has sha256 `)
}

func TestE11_a_file_that_was_added_to_a_package_in_node_modules(t *testing.T) {
	f := newNPM(t)
	wants(t, one(t, f.check(), leftPURL), Locked, "")
	made := filepath.Join(filepath.Dir(f.inner(t, "left/cli.js")), "build", "x.node")
	files{"x.node": "x"}.write(t, filepath.Dir(made))
	f.opened = append(f.opened, made)
	p := one(t, f.check(), leftPURL)
	wants(t, p, OtherDigest, `"build/x.node" is there`)
	if p.Wanted != "no such file in the package" {
		t.Errorf("wanted %q", p.Wanted)
	}
	wants(t, one(t, f.check(), rightPURL), Locked, "")

	// A package with a script that is run when it is installed, and a build, make files there.
	const absent = `its archive has not 1 of the files, the first is "build/x.node"`
	f.where.Made = func(path string) bool { return path == made }
	wants(t, one(t, f.check(), leftPURL), Named, absent)
	f.where.Made = func(path string) bool { return path != made }
	wants(t, one(t, f.check(), leftPURL), OtherDigest, `"build/x.node" is there`)
	entries := f.locks[0].Entries
	i := slices.IndexFunc(entries, func(e lockfile.Entry) bool { return e.PURL == leftPURL })
	entries[i].Scripts = true
	wants(t, one(t, f.check(), leftPURL), Named, absent)
	swap(t, f.inner(t, "left/lib/a.js")) // the worse of both is told
	wants(t, one(t, f.check(), leftPURL), OtherDigest, `"lib/a.js"`)
	swap(t, f.inner(t, "left/lib/a.js"))
	entries[i].Scripts = false
	remove(t, made)
	f.opened = append(f.opened[:len(f.opened)-1], filepath.Join(filepath.Dir(f.inner(t, "left/cli.js")), ".npmignore"))
	files{".npmignore": "x"}.write(t, filepath.Dir(f.inner(t, "left/cli.js")))
	wants(t, one(t, f.check(), leftPURL), Named, `the first is ".npmignore"`)
	remove(t, filepath.Join(f.where.NpmCache, "_cacache"))
	wants(t, one(t, f.check(), leftPURL), Named, "its archive is not in the cache")
}

func TestE11_a_file_that_was_added_to_what_comes_inside_of_another_package(t *testing.T) {
	f := newNPM(t)
	inner := filepath.Dir(f.inner(t, "node_modules/inner/index.js"))
	files{"more.js": "x"}.write(t, inner)
	f.opened = append(f.opened, filepath.Join(inner, "more.js"))
	wants(t, one(t, f.check(), rightPURL), OtherDigest, `"node_modules/inner/more.js" is there`)
	entries := f.locks[0].Entries
	i := slices.IndexFunc(entries, func(e lockfile.Entry) bool { return e.Inside })
	entries[i].Scripts = true
	wants(t, one(t, f.check(), rightPURL), Named, `the first is "node_modules/inner/more.js"`)
}

func TestE11_a_file_that_was_added_to_a_crate(t *testing.T) {
	f := newCargo(t)
	wants(t, one(t, f.check(), "pkg:cargo/a-b@1.0.0"), Locked, "")
	dir := filepath.Dir(filepath.Dir(f.inner(t, "/src/lib.rs")))
	files{"src/evil.rs": "x"}.write(t, dir)
	f.opened = append(f.opened, filepath.Join(dir, "src/evil.rs"))
	wants(t, one(t, f.check(), "pkg:cargo/a-b@1.0.0"), OtherDigest, `"src/evil.rs" is there`)
	remove(t, filepath.Join(f.where.CargoHome, "registry/cache"))
	wants(t, one(t, f.check(), "pkg:cargo/a-b@1.0.0"), Named, "its archive is not in the cache")
}

func TestD17_a_package_in_node_modules_that_no_lock_names(t *testing.T) {
	f := newNPM(t)
	n := filepath.Join(f.where.Dir, "node_modules")
	files{
		"stray/package.json": `{"name":"stray","version":"3.0.0"}`, "stray/a.js": "a", ".cache/evil.js": "e", "loose.js": "l",
		"left/node_modules/@y/deep/a.js": "a",
	}.write(t, n)
	f.opened = all(t, n)
	got := f.check()
	wants(t, one(t, got, "pkg:npm/stray@3.0.0"), NotLocked, "no lock")
	wants(t, one(t, got, "pkg:npm/%40y/deep"), NotLocked, "no lock")
	wants(t, one(t, got, leftPURL), Locked, "")
	loose := slices.DeleteFunc(slices.Clone(got), func(p Package) bool { return p.PURL != "" })
	if len(loose) != 2 || loose[0].State != NotLocked || loose[1].State != NotLocked {
		t.Errorf("files of no package: %+v", loose)
	}
	f.locks = nil
	wants(t, one(t, f.check(), leftPURL), NotLocked, "no lock")
}

// Without the archive nothing can be compared but what package.json says of itself.
func TestD17_another_version_in_node_modules(t *testing.T) {
	f := newNPM(t)
	remove(t, filepath.Join(f.where.NpmCache, "_cacache"))
	wants(t, one(t, f.check(), leftPURL), Named, "its archive is not in the cache")
	name := f.inner(t, "left/package.json")
	if err := os.WriteFile(name, []byte(`{"name":"left","version":"1.0.1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, one(t, f.check(), "pkg:npm/left@1.0.1"), NotLocked, `in version "1.0.1"`)
}

func TestD17_an_archive_that_was_swapped_in_the_cache_of_npm(t *testing.T) {
	f := newNPM(t)
	p := one(t, f.check(), leftPURL)
	wants(t, p, Locked, "")
	d := p.Digests[0].Hex
	tarball := filepath.Join(f.where.NpmCache, "_cacache/content-v2/sha512", d[:2], d[2:4], d[4:])
	swap(t, tarball)
	wants(t, one(t, f.check(), leftPURL), OtherDigest, "has sha512 ")
}

func TestCheck_a_file_that_is_gone_is_told(t *testing.T) {
	f := newNPM(t)
	remove(t, f.inner(t, "left/lib/a.js"))
	wants(t, one(t, f.check(), leftPURL), Named, `"lib/a.js" cannot be read any more: no such file`)
}

func TestCheck_packages_of_pnpm(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	b := tgz(t, "package/", files{"package.json": `{"name":"@x/a","version":"1.0.0"}`, "a.js": "a"})
	sum := sha512.Sum512(b)
	h := hex.EncodeToString(sum[:])
	l := lockfile.Lock{Path: "pnpm-lock.yaml", Kind: lockfile.PNPM, Entries: []lockfile.Entry{
		{
			Name:    "@x/a",
			Version: "1.0.0",
			PURL:    "pkg:npm/%40x/a@1.0.0",
			Digests: []lockfile.Digest{{Alg: "sha512", Hex: h}},
		},
	}}
	store := filepath.Join(dir, "node_modules/.pnpm/@x+a@1.0.0_b@2/node_modules")
	files{"@x/a/package.json": `{"name":"@x/a","version":"1.0.0"}`, "@x/a/a.js": "a"}.write(t, store)
	files{"c/a.js": "a"}.write(t, filepath.Join(dir, "node_modules/.pnpm/c@1.0.0/node_modules"))
	if err := os.MkdirAll(filepath.Join(dir, "node_modules/@x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../.pnpm/@x+a@1.0.0_b@2/node_modules/@x/a", filepath.Join(dir, "node_modules/@x/a")); err != nil {
		t.Fatal(err)
	}
	f := fixture{where: Places{Dir: dir, NpmCache: cache}, locks: []lockfile.Lock{l}, opened: []string{
		"node_modules/@x/a/a.js", filepath.Join(store, "@x/a/package.json"), "node_modules/.pnpm/c@1.0.0/node_modules/c/a.js", "node_modules/.modules.yaml",
	}}
	got := f.check()
	wants(t, one(t, got, "pkg:npm/%40x/a@1.0.0"), Named, "its archive is not in the cache")
	wants(t, one(t, got, "pkg:npm/c@1.0.0"), NotLocked, "no lock")
	if len(got) != 2 || one(t, got, "pkg:npm/%40x/a@1.0.0").Files != 2 {
		t.Errorf("packages = %+v", got)
	}
	files{h[4:]: string(b)}.write(t, filepath.Join(cache, "_cacache/content-v2/sha512", h[:2], h[2:4]))
	wants(t, one(t, f.check(), "pkg:npm/%40x/a@1.0.0"), Locked, "")
}

// What a folder of pnpm has besides its own package is what its package.json says.
func TestCheck_a_package_beside_another_one_of_pnpm(t *testing.T) {
	dir := t.TempDir()
	files{
		"node_modules/.pnpm/b@2.0.0/node_modules/a/package.json": `{"name":"a","version":"1.0.0"}`,
		"store/a@3.0.0/node_modules/a/package.json":              `{"name":"a","version":"1.0.0"}`,
	}.write(t, dir)
	l := lockfile.Lock{
		Path:    "pnpm-lock.yaml",
		Kind:    lockfile.PNPM,
		Entries: []lockfile.Entry{{Name: "a", Version: "1.0.0", PURL: "pkg:npm/a@1.0.0"}},
	}
	f := fixture{where: Places{Dir: dir}, locks: []lockfile.Lock{l}, opened: all(t, dir)}
	got := f.check()
	if len(got) != 2 {
		t.Fatalf("packages = %+v", got)
	}
	for _, p := range got {
		wants(t, p, Named, "no digest")
	}
}

const cratePURL = "pkg:cargo/a-b@1.0.0"

func TestD17_a_file_that_was_swapped_in_the_home_of_cargo(t *testing.T) {
	f := newCargo(t)
	got := f.check()
	p := one(t, got, cratePURL)
	wants(t, p, Locked, "")
	wants(t, one(t, got, "pkg:cargo/r@1.0.0"), Named, "the lock names the commit 0123456789")
	if len(got) != 2 || p.Files != 4 {
		t.Errorf("packages = %+v", got)
	}
	swap(t, f.inner(t, "src/lib.rs"))
	wants(t, one(t, f.check(), cratePURL), OtherDigest, `"src/lib.rs" has sha256 `)
	swap(t, f.inner(t, "src/lib.rs"))
	swap(t, f.inner(t, ".crate"))
	wants(t, one(t, f.check(), cratePURL), OtherDigest, `"a-b-1.0.0.crate" has sha256 `)
	remove(t, f.inner(t, ".crate"))
	wants(t, one(t, f.check(), cratePURL), Named, "its archive is not in the cache")
	f.locks = nil
	wants(t, one(t, f.check(), cratePURL), NotLocked, "no lock")
}

// Two locks that differ about one crate of a registry cannot both be right; of two registries, each may.
func TestD17_two_locks_that_differ_about_a_crate(t *testing.T) {
	f := newCargo(t)
	again := lockfile.Lock{Path: "sub/Cargo.lock", Kind: lockfile.Cargo, Entries: slices.Clone(f.locks[0].Entries)}
	f.locks = append(f.locks, again)
	wants(t, one(t, f.check(), cratePURL), Locked, "")
	again.Entries[0].Digests = []lockfile.Digest{{Alg: "sha256", Hex: strings.Repeat("a", 64)}}
	wants(t, one(t, f.check(), cratePURL), OtherDigest, "has sha256 ")
	again.Entries[0].URL = "registry+https://another"
	wants(t, one(t, f.check(), cratePURL), Locked, "")
}

const pipPURL = "pkg:pypi/my-pkg@1.0"

func TestD17_a_package_of_python(t *testing.T) {
	f := newPython(t)
	got := f.check()
	wants(t, one(t, got, pipPURL), Named, "the installer kept none")
	if len(got) != 1 {
		t.Errorf("packages = %+v", got)
	}
	swap(t, f.inner(t, "my_pkg/__init__.py"))
	wants(t, one(t, f.check(), pipPURL), Named, `"my_pkg/__init__.py" has sha256 `)
	stray := filepath.Join(f.where.Dir, "lib/site-packages/stray/a.py")
	files{"a.py": "x"}.write(t, filepath.Dir(stray))
	f.opened = append(f.opened, stray)
	wants(t, one(t, f.check(), ""), NotLocked, "no package says")
	compiled := filepath.Join(f.where.Dir, "lib/site-packages/my_pkg/__pycache__/__init__.cpython-311.pyc")
	f.opened = []string{compiled}
	wants(t, one(t, f.check(), pipPURL), Named, "the installer kept none")
	f.opened = []string{strings.Replace(compiled, "__pycache__", "sub", 1)}
	wants(t, one(t, f.check(), ""), NotLocked, "no package says")
	f.opened = all(t, filepath.Join(f.where.Dir, "lib"))
	l, err := lockfile.Read("requirements.txt", []byte("my-pkg==2.0"))
	if err != nil {
		t.Fatal(err)
	}
	f.locks = []lockfile.Lock{l}
	wants(t, one(t, f.check(), pipPURL), NotLocked, `in version "2.0"`)
	f.locks = nil
	wants(t, one(t, f.check(), pipPURL), NotLocked, "no lock")
}

func TestCheck_files_of_no_package_are_passed_over(t *testing.T) {
	if got := Check([]string{"main.go", "/etc/passwd", "/x/vendor/y.c", "node_modules", "", "/usr/lib/python3/dist-packages/a.py", "/x/my-packages/a.py"}, nil, Places{Dir: t.TempDir()}); len(
		got,
	) != 0 {
		t.Errorf("packages = %+v", got)
	}
	if got := Check(nil, nil, Places{}); len(got) != 0 {
		t.Errorf("packages = %+v", got)
	}
}
