package difference_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// told is what a comparison has to say first.
type told struct {
	name  string
	a, b  []byte
	c     difference.Comparison
	path  string
	cause string
	kind  difference.Kind
	sure  bool
}

var (
	at    = time.Unix(1_700_000_000, 0)
	later = time.Unix(1_700_000_777, 0)
	hints = difference.Hints{Paths: [2]string{"/x7/one", "/x7/two"}, Host: [2]string{"heron", "egret"},
		User: [2]string{"ada", "eve"}, Epoch: 1_700_000_000}
)

func texts(name, a, b, path, cause string, kind difference.Kind) told {
	return told{name: name, a: []byte(a), b: []byte(b), path: path, cause: cause, kind: kind}
}

func sure(x told) told {
	x.sure = true
	return x
}

func known(x told) told {
	x.c.Hints, x.sure = hints, true
	return x
}

func table(t *testing.T) []told {
	one := tar.Header{Name: "a", ModTime: at}
	inner := func(when time.Time) []byte { return gz(t, tarOf(t, tar.Header{Name: "lib/x", ModTime: when}), at) }
	return []told{
		texts("a time in a text", "built 2026-01-02T10:00:00Z\n", "built 2026-01-02T10:00:01Z\n", "line 1, column 25",
			"time", difference.Time),
		sure(texts("a time in two zones", "at 2026-01-02T10:00:00Z\n", "at 2026-01-02T12:00:00+02:00\n",
			"line 1, column 16", "zone", difference.Time)),
		texts("a time as C writes it", "x = \"Jan  2 2026 10:00:00\";\n", "x = \"Jan  2 2026 10:00:09\";\n",
			"line 1, column 25", "date-macro", difference.Time),
		texts("seconds", "a\nt=1700000000;\n", "a\nt=1700000777;\n", "line 2, column 10", "time", difference.Time),
		texts("a path in a text", "see /home/ada/src/x.c\n", "see /home/eve/src/x.c\n", "line 1, column 11", "path",
			difference.Path),
		texts("a path of Windows", `see C:\Users\ada\x.c`, `see C:\Users\eve\x.c`, "line 1, column 14", "path",
			difference.Path),
		texts("a UUID", "id 6ba7b810-9dad-11d1-80b4-00c04fd430c8\n", "id 6ba7b811-9dad-11d1-80b4-00c04fd430c8\n",
			"line 1, column 11", "uuid", difference.ID),
		texts("a digest", "x 0123456789abcdef0123\n", "x 9123456789abcdef0123\n", "line 1, column 3", "hash",
			difference.ID),
		texts("an address of memory", "at 0x7ffdc0ffee00\n", "at 0x7ffdbeefee00\n", "line 1, column 10", "address",
			difference.Randomness),
		texts("a random name", "chunk aB3xQ9z1 end\n", "chunk Zk8wP2m4 end\n", "line 1, column 7", "random",
			difference.Randomness),
		texts("a decimal comma", "took 1.5 s\n", "took 1,5 s\n", "line 1, column 7", "locale", difference.Locale),
		sure(texts("line ends", "a\nb\n", "a\r\nb\r\n", "line 1, column 2", "line-ends", difference.Locale)),
		sure(texts("lines in another order", "b\na\nc\n", "c\nb\na\n", "line 1, column 1", "lines", difference.Order)),
		texts("a line more", "a\nc\n", "a\nb\nc\n", "line 2", "content", difference.Content),
		sure(texts("a value of JSON", `{"a":{"x/y":[1,"p"]}}`, `{"a":{"x/y":[1,"q"]}}`, "JSON /a/x~1y/1",
			"json-member", difference.Content)),
		texts("a time in JSON", `{"t":"2026-01-02"}`, `{"t":"2026-01-03"}`, "JSON /t", "time", difference.Time),
		sure(texts("the order of JSON", `{"a":1,"b":2}`, `{"b":2,"a":1}`, "the whole value", "json-order",
			difference.Order)),
		sure(texts("the order of a list of JSON", `{"a":[1,2]}`, `{"a":[2,1]}`, "JSON /a", "json-order",
			difference.Order)),
		sure(texts("a member of JSON more", `{"a":1}`, `{"a":1,"b":2}`, "JSON /b", "json-member", difference.Content)),
		texts("a path in a source map", `{"version":3,"sources":["/tmp/b1/x.ts"],"mappings":""}`,
			`{"version":3,"sources":["/tmp/b2/x.ts"],"mappings":""}`,
			"JSON /sources/0", "map-path", difference.Path),
		known(texts("a folder that is known", "x=/x7/one\n", "x=/x7/two\n", "line 1, column 7", "path",
			difference.Path)),
		known(texts("a machine that is known", "on heron\n", "on egret\n", "line 1, column 4", "host", difference.ID)),
		known(texts("a user who is known", "by ada.\n", "by eve.\n", "line 1, column 4", "user", difference.Owner)),
		known(texts("SOURCE_DATE_EPOCH on one side", "t=1700000000\n", "t=1700000777\n", "line 1, column 10", "epoch",
			difference.Time)),
		{name: "a folder that is known, in a binary file", a: []byte("\x00\x01/x7/one/a.c\x00\x02"),
			b: []byte("\x00\x01/x7/two/a.c\x00\x02"), c: difference.Comparison{Hints: hints}, path: "", cause: "path",
			kind: difference.Path, sure: true},
		{name: "a folder of another length in a binary file", a: []byte("\x00\x05/tmp/build1/a.c\x00\x02"),
			b: []byte("\x00\x06/tmp/build22/a.c\x00\x02"), path: "", cause: "path", kind: difference.Path},
		{name: "bytes", a: []byte("\x00\x01\x02"), b: []byte("\x00\x01\x03"), path: "", cause: "content",
			kind: difference.Content},
		{name: "a byte more", a: []byte("\x00\x01"), b: []byte("\x00\x01\x00"), path: "", cause: "size",
			kind: difference.Size, sure: true},
		{name: "nothing and something", a: nil, b: []byte("x"), path: "", cause: "size", kind: difference.Size,
			sure: true},
		{name: "a member more", a: tarOf(t, one), b: tarOf(t, one, tar.Header{Name: "b", ModTime: at}),
			path: `member "b"`, cause: "missing", kind: difference.Name, sure: true},
		{name: "another name in the same place", a: tarOf(t, one, tar.Header{Name: "log-2026-01-02", ModTime: at}),
			b:    tarOf(t, one, tar.Header{Name: "log-2026-01-03", ModTime: at}),
			path: "member 2 › name", cause: "time", kind: difference.Time},
		{name: "a random name in the same place", a: tarOf(t, tar.Header{Name: "chunk-aB3xQ9z1.js", ModTime: at}),
			b:    tarOf(t, tar.Header{Name: "chunk-Zk8wP2m4.js", ModTime: at}),
			path: "member 1 › name", cause: "random-name", kind: difference.Randomness},
		{name: "the name of an owner", a: tarOf(t, tar.Header{Name: "a", ModTime: at, Uname: "ada"}), b: tarOf(t,
			tar.Header{Name: "a", ModTime: at, Uname: "eve"}),
			path: `member 1 "a" › name of the owner`, cause: "owner", kind: difference.Owner, sure: true},
		{name: "an attribute", a: tarOf(t, tar.Header{Name: "a", ModTime: at,
			PAXRecords: map[string]string{"SCHILY.xattr.user.x": "1"}}),
			b: tarOf(t, tar.Header{Name: "a", ModTime: at,
				PAXRecords: map[string]string{"SCHILY.xattr.user.x": "2"}}),
			path: `member 1 "a" › pax SCHILY.xattr.user.x`, cause: "attributes", kind: difference.Content,
			sure: true},
		{name: "an archive in an archive", a: zipWith(t, "in.tgz", inner(at)), b: zipWith(t, "in.tgz", inner(later)),
			path: `member 1 "in.tgz" › member 1 "lib/x" › mtime`, cause: "tar-mtime", kind: difference.Time,
			sure: true},
		{name: "the comment of a gzip header", a: gzComment(t, "x"), b: gzComment(t, "y"),
			path: "gzip header › comment", cause: "comment", kind: difference.Content, sure: true},
		{name: "an image", a: image(t, at, "x"), b: image(t, later, "x"),
			path: "image manifest 1 › image config › JSON /created", cause: "created", kind: difference.Time,
			sure: true},
		{name: "a layer of an image", a: image(t, at, "x"), b: image(t, at, "y"),
			path: `image manifest 1 › layer 1 › member 1 "x" › mtime`, cause: "tar-mtime", kind: difference.Time,
			sure: true},
		{name: "a saved image", a: saved(t, at), b: saved(t, later), path: "image config › JSON /created",
			cause: "created", kind: difference.Time, sure: true},
	}
}

// Each thing that differs is told by the path to it, and by what sort of thing it is.
func TestCompare_names_the_first_difference(t *testing.T) {
	for _, x := range table(t) {
		t.Run(x.name, func(t *testing.T) {
			r := compare(t, x.c, "out", x.a, x.b)
			if r.First == nil {
				t.Fatal("nothing is told")
			}
			f := r.First
			want := strings.TrimSuffix("out › "+x.path, " › ")
			if path := strings.Join(f.Path, " › "); path != want || f.Cause != x.cause || f.Kind != x.kind ||
				f.Certain != x.sure {
				t.Errorf("told %q: %s, %s, certain: %v; want %q: %s, %s, certain: %v", path, f.Cause, f.Kind,
					f.Certain, want, x.cause, x.kind, x.sure)
			}
			back := compare(t, difference.Comparison{Hints: x.c.Hints.Swapped()}, "out", x.b, x.a)
			if !slices.Equal(back.First.Path, f.Path) || back.First.A != f.B || back.First.B != f.A {
				t.Errorf("the other way round it is %+v", *back.First)
			}
		})
	}
}

func zipWith(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write(content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzComment(t *testing.T, comment string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Comment = comment
	_, _ = w.Write([]byte("content"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type blob struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

func digestOf(b []byte) blob {
	sum := sha256.Sum256(b)
	return blob{"x", "sha256:" + hex.EncodeToString(sum[:]), len(b)}
}

// tarFiles is an archive of files with names and contents, in that order.
func tarFiles(t *testing.T, files ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		content := files[i+1].([]byte)
		if err := w.WriteHeader(&tar.Header{Name: files[i].(string), Size: int64(len(content)),
			Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// image is an OCI image layout as a tar archive, with one image of one layer.
func image(t *testing.T, created time.Time, file string) []byte {
	t.Helper()
	when := at
	if file != "x" {
		when = later
	}
	layer := gz(t, tarOf(t, tar.Header{Name: "x", ModTime: when}), time.Time{})
	config := asJSON(t, map[string]any{"created": created.UTC(),
		"history": []any{map[string]any{"created": created.UTC()}}})
	manifest := asJSON(t, map[string]any{"config": digestOf(config), "layers": []blob{digestOf(layer)}})
	index := asJSON(t, map[string]any{"manifests": []blob{digestOf(manifest)}})
	name := func(b []byte) string { return "blobs/" + strings.Replace(digestOf(b).Digest, ":", "/", 1) }
	return tarFiles(t, name(config), config, name(manifest), manifest, name(layer), layer, "index.json", index,
		"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
}

// saved is what "docker save" has written for many years.
func saved(t *testing.T, created time.Time) []byte {
	t.Helper()
	config := asJSON(t, map[string]any{"created": created.UTC()})
	name := strings.TrimPrefix(digestOf(config).Digest, "sha256:") + ".json"
	layer := tarOf(t, tar.Header{Name: "x", ModTime: at})
	return tarFiles(t, name, config, "l/layer.tar", layer, "manifest.json", asJSON(t,
		[]any{map[string]any{"Config": name, "Layers": []string{"l/layer.tar"}}}))
}

// Everything that differs is told in one go, so that people can mend it in one.
func TestCompare_tells_all_causes_worst_first(t *testing.T) {
	a := gz(t, tarOf(t, tar.Header{Name: "b", ModTime: at}, tar.Header{Name: "a", ModTime: at, Uid: 1},
		tar.Header{Name: "c", ModTime: at}), at)
	b := gz(t, tarOf(t, tar.Header{Name: "a", ModTime: later, Uid: 2}, tar.Header{Name: "b", ModTime: later},
		tar.Header{Name: "c", ModTime: later, Mode: 0o600}), later)
	r := compare(t, difference.Comparison{}, "out", a, b)
	got := map[string]int{}
	for _, c := range r.Causes {
		got[c.ID] = c.Count
	}
	want := map[string]int{"gzip-mtime": 1, "order": 1, "tar-mtime": 3, "owner": 1, "umask": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("causes = %v, want %v", got, want)
	}
}

// What is beyond a limit is said, and the bytes are told all the same.
func TestCompare_stops_at_its_limits_and_says_so(t *testing.T) {
	deep := func(when time.Time) []byte {
		b := tarOf(t, tar.Header{Name: "x", ModTime: when})
		for range 6 {
			b = gz(t, b, time.Time{})
		}
		return b
	}
	big := func(x byte) []byte { return gz(t, append(make([]byte, 1<<20), x), time.Time{}) }
	var many [2][]byte
	for i := range many {
		var h []tar.Header
		for k := range 30 {
			h = append(h, tar.Header{Name: fmt.Sprint(k), ModTime: time.Unix(int64(i), 0)})
		}
		many[i] = tarOf(t, h...)
	}
	for name, x := range map[string]struct {
		limits difference.Limits
		a, b   []byte
	}{
		"containers": {difference.Limits{Depth: 4}, deep(at), deep(later)},
		"bytes":      {difference.Limits{Expanded: 1 << 16}, big(1), big(2)},
		"members":    {difference.Limits{Members: 10}, many[0], many[1]},
	} {
		r := compare(t, difference.Comparison{Limits: x.limits}, "out", x.a, x.b)
		if len(r.NotRead) == 0 || !strings.Contains(r.NotRead[0], "not looked into") {
			t.Errorf("%s: not read: %q, want the limit", name, r.NotRead)
		}
		if r.Same || r.First == nil || r.First.A.Hex == "" || r.Offset < 0 {
			t.Errorf("%s: %+v, want the bytes", name, r)
		}
		if r := compare(t, difference.Comparison{}, "out", x.a, x.b); len(r.NotRead) > 0 {
			t.Errorf("%s: within the limits, not read: %q, want nothing", name, r.NotRead)
		}
	}
}

// A file that cannot be read is an error, and never the same as another.
func TestCompare_of_a_file_that_cannot_be_read_is_an_error(t *testing.T) {
	for _, x := range [][2]difference.File{{broken{}, bytes.NewReader([]byte("x"))}, {bytes.NewReader([]byte("x")),
		broken{}}, {broken{}, broken{}}} {
		if r, err := difference.Compare("out", x[0], x[1]); err == nil || r.Same {
			t.Errorf("report %+v, error %v; want an error", r, err)
		}
	}
}

type broken struct{}

func (broken) Size() int64                       { return 1 }
func (broken) ReadAt([]byte, int64) (int, error) { return 0, fmt.Errorf("the disk is gone") }

// Programs of other systems are compared by section, too.
func TestN04_programs_of_other_systems(t *testing.T) {
	needs(t, "go")
	m := made{}
	for system, want := range map[string]string{"windows": "PE section .rdata",
		"darwin": "Mach-O section __TEXT,__gopclntab"} {
		t.Run(system, func(t *testing.T) {
			root := t.TempDir()
			build := func(name, flags string) []byte {
				return m.run(t, filepath.Join(root, name), "GOOS="+system,
					goProgram+"GOFLAGS= go build -buildvcs=false -ldflags=-s "+flags+" -o out .")
			}
			r := compare(t, difference.Comparison{}, "out", build("one", ""), build("another", ""))
			if r.First == nil || r.First.Cause != "go-path" || !strings.Contains(strings.Join(r.First.Path, " › "),
				"section") {
				b, _ := r.JSON()
				t.Errorf("got %s, want a path in %s", b, want)
			}
			if r := compare(t, difference.Comparison{}, "out", build("mended", "-trimpath"), build("mended-too",
				"-trimpath")); !r.Same {
				t.Errorf("with -trimpath they differ: %+v", *r.First)
			}
		})
	}
}

// The time in the header of a Windows program.
func TestCompare_tells_the_time_of_a_Windows_program(t *testing.T) {
	program := func(when uint32) []byte {
		b := make([]byte, 64+24+512)
		copy(b, "MZ")
		binary.LittleEndian.PutUint32(b[60:], 64)
		copy(b[64:], "PE\x00\x00\x64\x86")
		binary.LittleEndian.PutUint32(b[72:], when)
		return b
	}
	r := compare(t, difference.Comparison{}, "out", program(1_700_000_000), program(1_700_000_777))
	if r.First.Cause != "pe-time" || r.First.A.Value != "2023-11-14T22:13:20Z (1700000000)" {
		t.Errorf("got %+v, want the time", *r.First)
	}
}

// npm writes packages that are the same wherever they are made.
func TestN04_packages_of_npm_are_the_same(t *testing.T) {
	needs(t, "npm")
	root := t.TempDir()
	script := `printf '{"name":"x","version":"1.0.0"}' > package.json; printf x > index.js; touch -d @$AT index.js; npm pack --offline --silent >/dev/null; mv x-1.0.0.tgz out`
	m := made{}
	a, b := m.run(t, filepath.Join(root, "one"), "AT=1", script), m.run(t, filepath.Join(root, "two"), "AT=99", script)
	if r := compare(t, difference.Comparison{}, "x.tgz", a, b); !r.Same {
		t.Errorf("they differ: %+v", *r.First)
	}
}

// Folders are compared by the names of their files.
func TestTree_counts_what_is_the_same(t *testing.T) {
	side := func(x ...string) map[string]difference.File {
		out := map[string]difference.File{}
		for i := 0; i < len(x); i += 2 {
			out[x[i]] = strings.NewReader(x[i+1])
		}
		return out
	}
	r, err := difference.Comparison{}.Tree("dist", side("a", "1", "b", "1", "c", "1"), side("a", "1", "b", "2", "d",
		"1"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (difference.Totals{Same: 1, Different: 1, OnlyA: 1, OnlyB: 1}); r.Totals != want || r.First != "b" ||
		r.Same {
		t.Errorf("got %+v, want %+v and b first", r, want)
	}
	if r, err := (difference.Comparison{}).Tree("dist", side("a", "1"), side("a", "1")); err != nil || !r.Same ||
		r.First != "" {
		t.Errorf("got %+v, %v; want the same", r, err)
	}
}
