package ledger_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// BenchmarkVerify is the offline check of a million leaves, in one pass.
func BenchmarkVerify(b *testing.B) {
	const leaves = 100_000
	var export bytes.Buffer
	var tree ledger.Tree
	subjects := []string{"sha256:" + strings.Repeat("0", 64)}
	for i := range leaves {
		line, err := ledger.Leaf{
			Kind: ledger.Attested, At: time.Unix(int64(i), 0),
			Host: "github.com", Owner: "1", Repository: strconv.Itoa(i % 1000), Name: "acme/app",
			About: ledger.About{Run: strconv.Itoa(i), Attempt: 1, Subjects: subjects},
		}.Bytes(make([]byte, 16))
		if err != nil {
			b.Fatal(err)
		}
		tree.AddLeaf(line)
		export.Write(append(line, '\n'))
	}
	h := newHistory(b)
	text, err := ledger.Checkpoint{Size: leaves, Root: tree.Root()}.Sign(h.signer)
	if err != nil {
		b.Fatal(err)
	}
	export.Write(ledger.LastLine(text))
	for b.Loop() {
		if _, err := ledger.Verify(bytes.NewReader(export.Bytes()), []string{h.key}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(leaves*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}
