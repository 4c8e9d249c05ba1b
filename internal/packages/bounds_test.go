package packages

import (
	"archive/zip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/lockfile"
)

func archiveOf(t testing.TB, f files) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.tgz")
	if err := os.WriteFile(name, tgz(t, "package/", f), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestO01_an_archive_that_unpacks_to_more_than_is_read(t *testing.T) {
	a := archiveOf(t, files{"a": strings.Repeat("a", 10<<10), "b": "b"})
	if m, err := members(a, []string{"b"}, bounds{16 << 10, 2}); err != nil || len(m) != 1 {
		t.Errorf("within the bounds: %v, %v", m, err)
	}
	for what, most := range map[string]bounds{"bytes": {8 << 10, 2}, "members": {16 << 10, 1}} {
		if _, err := members(a, []string{"b"}, most); !errors.Is(err, errLarge) {
			t.Errorf("%s: %v, want a limit", what, err)
		}
	}
}

// A member that stands twice is the one or the other, by who reads it.
func TestE11_an_archive_that_has_a_file_twice(t *testing.T) {
	m, err := members(
		archiveOf(t, files{"a": "a", "b": "b", "b#2": "c"}),
		[]string{"a", "b"},
		bounds{maxUnpacked, maxMembers},
	)
	if err != nil || m["a"].twice || !m["b"].twice {
		t.Errorf("members = %v (%v)", m, err)
	}
}

// sumOf is an entry with the digest of a file.
func sumOf(t testing.TB, name string) lockfile.Entry {
	t.Helper()
	sum, err := summed(name, "sha256")
	if err != nil {
		t.Fatal(err)
	}
	return lockfile.Entry{Name: "a", PURL: "pkg:npm/a", Digests: []lockfile.Digest{{Alg: "sha256", Hex: sum}}}
}

func TestE11_a_file_that_its_archive_has_twice(t *testing.T) {
	dir := t.TempDir()
	files{"a": "a", "b": "b"}.write(t, dir)
	for f, want := range map[string]State{"a": Locked, "b": Named} {
		archive := archiveOf(t, files{"a": "a", "b": "c", "b#2": "b"})
		o := naming{"l", sumOf(t, archive)}.fromArchive(archive, &job{at: dir, open: []string{f}})
		if o.state != want {
			t.Errorf("%s: %+v, want %s", f, o, want)
		}
	}
}

// An archive that ends in the middle is compared with nothing.
func TestO05_an_archive_that_is_cut(t *testing.T) {
	dir := t.TempDir()
	noise := make([]byte, 40<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	files{"a": string(noise)}.write(t, dir)
	for name, text := range map[string]string{"a": string(noise), "script": "#!x\r\n" + string(noise)} {
		whole := archiveOf(t, files{"a": text})
		b := contentOf(t, whole)
		for _, n := range []int{0, 5, 20, len(b) / 2, len(b) - 600} {
			archive := filepath.Join(dir, "cut")
			if err := os.WriteFile(archive, []byte(b[:max(n, 0)]), 0o600); err != nil {
				t.Fatal(err)
			}
			o := naming{"l", sumOf(t, archive)}.fromArchive(archive, &job{at: dir, open: []string{"a"}})
			if o.state != Named || !strings.Contains(o.found, "cannot be read") {
				t.Errorf("%s, %d of %d bytes: %+v", name, n, len(b), o)
			}
		}
	}
	if _, err := members(filepath.Join(dir, "none"), nil, bounds{1, 1}); err == nil {
		t.Error("an archive that is not there is read")
	}
}

// zipOf is an archive of a module, with members in the order that is given.
func zipOf(t testing.TB, names ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "m.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, n := range names {
		if _, err := z.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if z.Close() != nil || f.Close() != nil {
		t.Fatal("an archive cannot be written")
	}
	return name
}

func TestE11_an_archive_of_a_module_that_has_a_file_twice(t *testing.T) {
	good, bad := zipOf(t, "a.b/c@v1.0.0/a"), zipOf(t, "a.b/c@v1.0.0/a", "a.b/c@v1.0.0/a")
	sum, err := zipHash(good)
	if err != nil {
		t.Fatal(err)
	}
	all := []naming{{"go.sum", lockfile.Entry{Digests: []lockfile.Digest{{Alg: "h1", Hex: sum}}}}}
	for name, want := range map[string]State{good: Locked, bad: OtherDigest} {
		x := mod{path: "a.b/c", version: "v1.0.0", zip: name}
		if o := x.against(all, "h1", func() (string, error) { return zipHash(name) }); o.state != want {
			t.Errorf("%+v, want %s", o, want)
		}
	}
}

// The list of an archive is read into memory, so it is not believed to be of any length.
func TestO01_an_archive_of_a_module_with_a_long_list(t *testing.T) {
	name := zipOf(t, "a.b/c@v1.0.0/a")
	if _, err := zipHash(name); err != nil {
		t.Fatal(err)
	}
	b := []byte(contentOf(t, name))
	copy(b[len(b)-22+12:], "\xff\xff\xff\xff") // the bytes of the list, at the end
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := zipHash(name); !errors.Is(err, errLarge) {
		t.Errorf("%v, want a limit", err)
	}
}

// A module has at most 500 MiB; a folder that is larger is that of no module.
func TestO01_a_module_that_is_larger_than_a_module_is(t *testing.T) {
	x := mod{path: "a.b/c", version: "v1.0.0", dir: t.TempDir()}
	files{"a.go": "package c\n"}.write(t, x.dir)
	sum, err := dirHash(x)
	if err != nil {
		t.Fatal(err)
	}
	all := []naming{{"go.sum", lockfile.Entry{Digests: []lockfile.Digest{{Alg: "h1", Hex: sum}}}}}
	hash := func() (string, error) { return dirHash(x) }
	if o := x.against(all, "h1", hash); o.state != Locked {
		t.Errorf("%+v, want %s", o, Locked)
	}
	files{"b.go": ""}.write(t, x.dir)
	if err := os.Truncate(filepath.Join(x.dir, "b.go"), 501<<20); err != nil {
		t.Fatal(err)
	}
	if o := x.against(all, "h1", hash); o.state != OtherDigest || !strings.Contains(o.found, "which no module has") {
		t.Errorf("%+v, want %s", o, OtherDigest)
	}
}

func TestO01_a_file_that_is_larger_than_is_read(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	for size, want := range map[int64]bool{1 << 10: true, maxArchive + 1: false} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
		_, err := summed(name, "sha256")
		if f, failed := opened(name); (failed == nil) != want {
			t.Errorf("opening %d bytes: %v", size, failed)
		} else if f != nil {
			_ = f.Close()
		}
		if (err == nil) != want || !want && !errors.Is(err, errLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestE11_a_first_line_that_npm_writes_otherwise(t *testing.T) {
	m, err := members(
		archiveOf(t, files{"a": "#!x\r\ny\r\n", "b": "#!x\ny\r\n", "c": "x\r\n#!"}),
		[]string{"a", "b", "c"},
		bounds{maxUnpacked, maxMembers},
	)
	if err != nil {
		t.Fatal(err)
	}
	unix := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(unix, []byte("#!x\ny\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sum, err := summed(unix, "sha256")
	if err != nil || m["a"].alike != sum || m["a"].raw == sum || m["b"].raw != sum || m["b"].alike != "" ||
		m["c"].alike != "" {
		t.Errorf("members = %+v, want %s (%v)", m, sum, err)
	}
}

// What cannot be compared is never locked.
func TestCheck_what_cannot_be_read_is_told(t *testing.T) {
	dir := t.TempDir()
	files{"bad.crate": "x", "registry/src/i/x": "x"}.write(t, dir)
	e := lockfile.Entry{Name: "a", Version: "1.0.0", PURL: "pkg:cargo/a@1.0.0"}
	n := naming{"Cargo.lock", e}
	j := &job{at: dir, open: []string{"a"}}
	if o := n.fromArchive(filepath.Join(dir, "bad.crate"), j); o.state != Named ||
		!strings.Contains(o.found, "no digest") {
		t.Errorf("without a digest: %+v", o)
	}
	sum, err := summed(filepath.Join(dir, "bad.crate"), "sha256")
	if err != nil {
		t.Fatal(err)
	}
	n.entry.Digests = []lockfile.Digest{{Alg: "sha256", Hex: sum}}
	if o := n.fromArchive(filepath.Join(dir, "bad.crate"), j); o.state != Named ||
		!strings.Contains(o.found, "cannot be read") {
		t.Errorf("no archive: %+v", o)
	}
	n.entry.Digests = []lockfile.Digest{{Alg: "md5", Hex: sum}}
	if o := n.fromArchive(filepath.Join(dir, "bad.crate"), j); o.state != Named {
		t.Errorf("an algorithm that is not known: %+v", o)
	}
	if o := n.fromArchive(dir, j); o.state != Named {
		t.Errorf("a folder: %+v", o)
	}
}

// A panic in a comparison is told, and is no yes.
func TestO05_a_panic_in_a_comparison(t *testing.T) {
	j := &job{kind: npm, at: "x", purl: "pkg:npm/a", open: []string{"a"}, look: func(*job) outcome { panic("x") }}
	if p := j.done(); p.State != NotLocked || !strings.Contains(p.Found, "panic") || p.PURL != "pkg:npm/a" {
		t.Errorf("package = %+v", p)
	}
	j.look = func(*job) outcome { return outcome{} }
	if p := j.done(); p.State != NotLocked {
		t.Errorf("no outcome is %q", p.State)
	}
	l := lockfile.Lock{Path: "package-lock.json", Kind: lockfile.NPM, Entries: []lockfile.Entry{
		{Name: "a", At: "node_modules/a", Digests: []lockfile.Digest{{Alg: "sha512", Hex: "a"}}}, // no digits
	}}
	if got := Check([]string{"/p/node_modules/a/a.js"}, []lockfile.Lock{l}, Places{Dir: "/p", NpmCache: "/c"}); len(
		got,
	) != 1 ||
		got[0].State != NotLocked {
		t.Errorf("packages = %+v", got)
	}
}

// A panic while a file is sorted is told, too.
func TestO05_a_panic_while_a_file_is_sorted(t *testing.T) {
	s := newSorter(nil, Places{})
	s.sites = nil // no map can be written to
	s.safely("/x/site-packages/a/a.py")
	if len(s.jobs) != 1 {
		t.Fatalf("%d jobs", len(s.jobs))
	}
	if p := s.jobs[0].done(); p.State != NotLocked || !strings.Contains(p.Found, "panic") {
		t.Errorf("package = %+v", p)
	}
}

// What a header says of the size of a member counts, before anything is unpacked.
func TestO01_an_archive_of_a_module_that_unpacks_to_more_than_a_module_has(t *testing.T) {
	for size, want := range map[uint64]bool{0: true, 501 << 20: false} {
		name := filepath.Join(t.TempDir(), "m.zip")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		if _, err := z.CreateRaw(&zip.FileHeader{Name: "a.b/c@v1.0.0/a", UncompressedSize64: size}); err != nil {
			t.Fatal(err)
		}
		if z.Close() != nil || f.Close() != nil {
			t.Fatal("an archive cannot be written")
		}
		if _, err := zipHash(name); (err == nil) != want || !want && !errors.Is(err, errLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestOutcome_the_worse_counts(t *testing.T) {
	for i, a := range order {
		for k, b := range order {
			if got := (outcome{state: a}).worse(outcome{state: b}).state; got != order[max(i, k)] {
				t.Errorf("of %s and %s, %s counts", a, b, got)
			}
		}
	}
	if got := best(map[string]outcome{"a": {state: OtherDigest}, "b": {state: Locked}, "c": {state: Named}}); got.state != Locked {
		t.Errorf("best is %s", got.state)
	}
}

// Names of files are foreign: whatever they are, a file has at most one package, and nothing panics.
func FuzzO05_names_of_files(f *testing.F) {
	for _, s := range []string{
		"/m/a.b/c@v1.0.0/x.go", "/m/cache/download/a.b/c/@v/v1.0.0.zip", "/d/node_modules/@x/a/b.js", "/d/node_modules/.pnpm/a@1/node_modules/a/b",
		"/c/registry/src/i/a-1.0.0/b", "/c/git/checkouts/r/0123456/b", "/d/lib/site-packages/a/__pycache__/b.pyc", "/d/vendor/a/b.go", "@", "/m/@", "/d/node_modules/@x", "/d/node_modules/",
	} {
		f.Add(s)
	}
	f.Add("/d/node_modules/a/b.js")
	locks := []lockfile.Lock{
		{
			Path:    "package-lock.json",
			Kind:    lockfile.NPM,
			Entries: []lockfile.Entry{{Name: "a", At: "node_modules/a", Inside: true}},
		},
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := Check([]string{name}, locks, Places{GoModCache: "/m", CargoHome: "/c", NpmCache: "/n", Dir: "/d"})
		if len(got) > 1 ||
			slices.ContainsFunc(
				got,
				func(p Package) bool { return p.State != NotLocked || strings.Contains(p.Found, "panic") },
			) {
			t.Errorf("%q: %+v", name, got)
		}
	})
}

// BenchmarkCheck compares a thousand packages of npm of twenty files each.
func BenchmarkCheck(b *testing.B) {
	dir, cache := b.TempDir(), b.TempDir()
	f := thousand(b, dir, cache)
	b.ResetTimer()
	for b.Loop() {
		if got := f.check(); len(got) != 1000 || got[0].State != Locked {
			b.Fatalf("%d packages, the first is %+v", len(got), got[0])
		}
	}
}
