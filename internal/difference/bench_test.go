package difference_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// large writes an archive of n files of a megabyte each that do not compress well. The last one differs by odd.
func large(b *testing.B, n int, odd byte, packed bool) difference.File {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "large"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	var out io.Writer = f
	var z *gzip.Writer
	if packed {
		z, _ = gzip.NewWriterLevel(f, gzip.BestSpeed)
		out = z
	}
	w := tar.NewWriter(out)
	r := rand.New(rand.NewPCG(1, 2))
	body := make([]byte, 1<<20)
	for i := range n {
		for k := range body {
			body[k] = byte(r.Uint32() & 0x3f)
		}
		if i == n-1 {
			body[len(body)-1] = odd
		}
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("file%04d", i), Size: int64(len(body)), Mode: 0o644, ModTime: time.Unix(1_700_000_000, 0)}); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if z != nil {
		if err := z.Close(); err != nil {
			b.Fatal(err)
		}
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	return io.NewSectionReader(f, 0, info.Size())
}

// BenchmarkCompare compares two archives of 200 MB of which the last byte of the last file differs.
func BenchmarkCompare(b *testing.B) {
	for _, packed := range []bool{false, true} {
		b.Run(map[bool]string{false: "tar", true: "tar.gz"}[packed], func(b *testing.B) {
			x, y := large(b, 200, 1, packed), large(b, 200, 2, packed)
			b.SetBytes(x.Size() + y.Size())
			b.ReportAllocs()
			for b.Loop() {
				r, err := difference.Compare("large", x, y)
				if err != nil || r.First == nil || r.First.Path[1] != `member 200 "file0199"` {
					b.Fatalf("%v, %+v", err, r.First)
				}
			}
		})
	}
}

// BenchmarkCompare_many compares archives with 100,000 small files, in another order.
func BenchmarkCompare_many(b *testing.B) {
	side := func(first int) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for i := range 100_000 {
			_ = w.WriteHeader(&tar.Header{Name: fmt.Sprintf("file%06d", i^first), Mode: 0o644})
		}
		_ = w.Close()
		return out.Bytes()
	}
	x, y := side(0), side(1)
	b.ReportAllocs()
	for b.Loop() {
		if r, err := difference.Compare("many", bytes.NewReader(x), bytes.NewReader(y)); err != nil ||
			r.First.Cause != "order" {
			b.Fatalf("%v, %+v", err, r.First)
		}
	}
}
