package difference_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"testing"
	"time"
)

// seeds are pairs of files that differ in one thing.
func seeds(t testing.TB) [][2][]byte {
	t.Helper()
	at, later := time.Unix(1_700_000_000, 0), time.Unix(1_700_000_777, 0)
	one := tarOf(t, tar.Header{Name: "a", ModTime: at}, tar.Header{Name: "b", ModTime: at})
	two := tarOf(t, tar.Header{Name: "a", ModTime: later}, tar.Header{Name: "b", ModTime: at})
	pax := tarOf(
		t,
		tar.Header{Name: "a", ModTime: at, Format: tar.FormatPAX, AccessTime: at},
		tar.Header{Name: "c", ModTime: at},
	)
	return append(programs(t), [][2][]byte{
		{one, two}, {one, pax}, {gz(t, one, at), gz(t, one, later)}, {gz(t, one, at), gz(t, pax, at)},
		{zipOf(t, at, "a", "b"), zipOf(t, later, "a", "b")}, {zipOf(t, at, "a", "b"), zipOf(t, at, "b", "a")},
		{[]byte(`{"a":1,"b":[1,2]}`), []byte(`{"b":[2,1],"a":1}`)},
		{[]byte("one\ntwo\nthree\n"), []byte("one\nthree\ntwo\n")},
		{[]byte("built 2026-01-02T10:00:00Z\n"), []byte("built 2026-01-02T10:00:01Z\n")},
		{
			[]byte("!<arch>\na.o/            0           0     0     644     2         `\nab"),
			[]byte("!<arch>\na.o/            1           0     0     644     2         `\nab"),
		},
	}...)
}

func tarOf(t testing.TB, members ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		content := "content of " + h.Name + "\n"
		if h.Size = int64(len(content)); h.Typeflag != 0 && h.Typeflag != tar.TypeReg {
			h.Size, content = 0, ""
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, content []byte, at time.Time) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.ModTime = at
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, at time.Time, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: n, Modified: at, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("content of " + n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
