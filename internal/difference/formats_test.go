package difference_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// A bundle is one long line: each thing that differs in it is told, and not the first alone.
func TestN04_a_bundle_of_one_line(t *testing.T) {
	bundle := func(dir, when, hash string) string {
		rest := strings.Repeat("function f(x){return x+1}", 30)
		return `(()=>{var p="` + dir + `/src/a.ts";` + rest + `var t="` + when + `";` + rest + `var h="` + hash + `";})();` + "\n//# sourceMappingURL=app.js.map\n"
	}
	a := bundle("/home/ada/app", "2026-01-02T10:00:00.123Z", "0123456789abcdef0123")
	b := bundle("/home/eve/app", "2026-01-02T10:07:41.900Z", "fedcba98765432100123")
	r := compare(t, difference.Comparison{}, "app.js", []byte(a), []byte(b))
	var got []string
	for _, c := range r.Causes {
		got = append(got, c.ID)
	}
	if want := []string{"path", "time", "hash"}; !slices.Equal(got, want) {
		t.Errorf("causes = %q, want %q", got, want)
	}
	if at := strings.Join(r.First.Path, " › "); at != "app.js › line 1, column 20" {
		t.Errorf("first at %q, want the path in the first line", at)
	}
}

// Packages hold packages: the path goes through all of them.
func TestN04_a_path_in_a_static_library_in_a_compressed_archive(t *testing.T) {
	needs(t, []string{"gcc", "ar", "tar", "gzip"}...)
	root := t.TempDir()
	script := `printf 'const char *where = __FILE__;\n' > x.c; gcc $F -c $PWD/x.c -o x.o; ar rcD libx.a x.o; ` +
		`tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@1700000000 --mode=0644 -cf - libx.a | gzip -n > out`
	build := func(name, flags string) []byte { return made{}.run(t, filepath.Join(root, name), "F="+flags, script) }
	r := compare(t, difference.Comparison{}, "x.tar.gz", build("one", ""), build("another", ""))
	want := `x.tar.gz › member 1 "libx.a" › member 2 "x.o" › ELF section .rodata.str1.1`
	at := strings.Join(r.First.Path, " › ")
	if !strings.HasPrefix(at, strings.TrimSuffix(want, ".str1.1")) || r.First.Cause != "c-path" {
		t.Errorf("told %q: %s, want %q: c-path", at, r.First.Cause, want)
	}
	if r := compare(t, difference.Comparison{}, "x.tar.gz", build("mended", "-ffile-prefix-map=$PWD=."),
		build("mended-too", "-ffile-prefix-map=$PWD=.")); !r.Same {
		t.Errorf("with the fix they differ: %+v", *r.First)
	}
}

// What the standard library cannot open is said, and its bytes are compared.
func TestCompare_says_what_it_cannot_open(t *testing.T) {
	a, b := []byte("\xfd7zXZ\x00\x00\x04abc"), []byte("\xfd7zXZ\x00\x00\x04abd")
	r := compare(t, difference.Comparison{}, "x.xz", a, b)
	if len(r.NotRead) != 1 || !strings.Contains(r.NotRead[0], "compressed with xz") || r.First.A.Offset != 10 {
		t.Errorf("not read: %q, first %+v; want xz, and byte 10", r.NotRead, *r.First)
	}
}

// Nothing is told twice of what follows: a program that has a path in it has another build id as well.
func TestCompare_tells_what_follows_last(t *testing.T) {
	needs(t, "gcc")
	root := t.TempDir()
	build := func(name string) []byte {
		return made{}.run(t, filepath.Join(root, name), "",
			cProgram+`gcc -g -Wl,--build-id=sha1 -DTEXT=__FILE__ -o out $PWD/main.c`)
	}
	r := compare(t, difference.Comparison{}, "app", build("one"), build("another"))
	if r.First.Cause != "c-path" {
		t.Errorf("first %s, want c-path", r.First.Cause)
	}
	last := r.Causes[len(r.Causes)-1]
	if !last.Follows || r.Causes[0].Follows {
		t.Errorf("causes %+v, want what follows last", r.Causes)
	}
}
