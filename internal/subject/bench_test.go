package subject

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var hashMiB = flag.Int64("hash-mib", 256, "size in MiB of each file that the hashing benchmarks make")

// BenchmarkHash hashes one and two files; -hash-mib=1024 makes it the 1 GiB of
// docs/performance.md.
func BenchmarkHash(b *testing.B) {
	for _, c := range []struct{ files, workers int }{{1, 1}, {2, 1}, {2, 2}} {
		b.Run(fmt.Sprintf("files=%d/workers=%d", c.files, c.workers), func(b *testing.B) {
			root := b.TempDir()
			for i := range c.files {
				fill(b, filepath.Join(root, fmt.Sprint(i)))
			}
			b.SetBytes(int64(c.files) * *hashMiB << 20)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Files(context.Background(), root, []string{"."}, c.workers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func fill(b *testing.B, name string) {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for i := range *hashMiB {
		block[0] = byte(i)
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFiles1000(b *testing.B) {
	root := b.TempDir()
	for i := range 1000 {
		if err := os.WriteFile(filepath.Join(root, fmt.Sprint(i)), []byte{byte(i)}, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Files(context.Background(), root, []string{"*"}, 2); err != nil {
			b.Fatal(err)
		}
	}
}
