package sigstore

import (
	"fmt"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

func benchmarkVerify(b *testing.B, o order) {
	f := newForge()
	raw := []byte(compact(o.make().json()))
	v := verifier(b, f.trust(), Transparent)
	accepts(b, v, raw)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := judge(v, raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify reads and verifies one bundle: an SCT, an entry of the second
// log version, a timestamp, one subject.
func BenchmarkVerify(b *testing.B) { benchmarkVerify(b, newForge().control()) }

// BenchmarkVerifyPromise is the same with an entry of the first log version.
func BenchmarkVerifyPromise(b *testing.B) { benchmarkVerify(b, newForge().control1(media3)) }

// BenchmarkVerify1000Subjects is BenchmarkVerify with a large statement.
func BenchmarkVerify1000Subjects(b *testing.B) {
	var list []subject.Subject
	for i := range 999 {
		name := fmt.Sprintf("dist/file-%d", i)
		list = append(list, subject.Subject{Name: name, Digest: digestOf([]byte(name))})
	}
	list = append(list, subject.Subject{Name: "app.tar.gz", Digest: digestOf(artifact)})
	o := newForge().control()
	o.payload = must(statement.New(list, "https://slsa.dev/provenance/v1", []byte("{}")))
	benchmarkVerify(b, o)
}

// BenchmarkParse reads the bundle of BenchmarkVerify only.
func BenchmarkParse(b *testing.B) {
	raw := []byte(compact(newForge().control().make().json()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseBundle(raw); err != nil {
			b.Fatal(err)
		}
	}
}
