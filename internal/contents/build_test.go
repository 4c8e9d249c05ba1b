package contents_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"hash/crc32"
	"maps"
	"slices"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/contents"
)

// a member of an archive that a test builds.
type member struct {
	name, text string
	mode       int64
	header     func(*tar.Header)
}

// archived is a tar archive of members, in their order.
func archived(t testing.TB, all ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range all {
		h := &tar.Header{Name: m.name, Size: int64(len(m.text)), Mode: m.mode, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if m.header != nil {
			m.header(h)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := w.Write([]byte(m.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func packed(t testing.TB, all ...member) []byte { return zipped(t, archived(t, all...)) }

// keyv is the package that the tests change one thing of.
func keyv() map[string]any {
	return map[string]any{
		"name": "keyv", "version": "6.0.0-rc.1", "main": "dist/index.js", "type": "module",
		"scripts":      map[string]string{"build": "tsc", "test": "vitest run"},
		"dependencies": map[string]string{"@keyv/serialize": "^1.1.0"},
		"bin":          map[string]string{"keyv": "./dist/cli.js"},
	}
}

func manifest(t testing.TB, m map[string]any) member {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return member{name: "package/package.json", text: string(b)}
}

// dist are the files of keyv beside its manifest.
func dist() []member {
	return []member{
		{name: "package/dist/index.js", text: "export default class Keyv {}\n"},
		{name: "package/dist/cli.js", text: "#!/usr/bin/env node\n"},
	}
}

// built is the inventory of keyv with a changed manifest and more files.
func built(t testing.TB, change func(m map[string]any), more ...member) contents.Package {
	t.Helper()
	m := keyv()
	if change != nil {
		change(m)
	}
	return inventory(t, packed(t, append(append([]member{manifest(t, m)}, dist()...), more...)...))
}

func inventory(t testing.TB, b []byte) contents.Package {
	t.Helper()
	p, err := contents.Read("keyv.tgz", bytes.NewReader(b))
	if err != nil {
		t.Fatalf("read: %v, want a package", err)
	}
	return p
}

func with(key string, value any) func(map[string]any) {
	return func(m map[string]any) { m[key] = value }
}

// scripts sets scripts beside those that are there.
func scripts(more map[string]string) func(map[string]any) {
	return func(m map[string]any) {
		all := maps.Clone(m["scripts"].(map[string]string))
		maps.Copy(all, more)
		m["scripts"] = all
	}
}

// told are changes as a person reads them.
func told(all []contents.Change) []string {
	var out []string
	for _, c := range all {
		out = append(out, string(c.Of)+" "+c.String())
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

func crc(b []byte) uint32 { return crc32.ChecksumIEEE(b) }
