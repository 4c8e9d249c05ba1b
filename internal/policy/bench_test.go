package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/inventory"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// crowd is an input of a policy with some requirements over some facts of twenty types, of which reports are four.
func crowd(b *testing.B, requirements, facts int) policy.Input {
	b.Helper()
	var text strings.Builder
	text.WriteString("provenance: {max-age: 7d}\n")
	text.WriteString("      sbom: {generator: own}\n      test-results: {runner: own}\n      vulnerabilities: {scanner: own, below: high, coverage: unknown}\n")
	for i := range requirements - 4 {
		fmt.Fprintf(&text, "      https://scan.example/%d/v%d: {max-age: 7d}\n", i%16, i/16)
	}
	p := read(b, strings.Replace(good, "provenance: {max-age: 7d}\n", text.String(), 1))
	all := []policy.Fact{built(b)}
	for n := 0; len(all) < facts; n++ {
		age := time.Duration(n+1) * time.Second
		switch k := n % 20; k {
		case 0:
			all = append(all, reported(b, signer(), inventory.SBOM, goodSBOM(), age))
		case 1:
			all = append(all, reported(b, signer(), inventory.TestResults, goodTests(), age))
		case 2:
			all = append(all, reported(b, signer(), inventory.Vulnerabilities, goodScan(), age))
		default:
			f := stated(b, signer(), provenance(signer()))
			f.Statement.PredicateType = fmt.Sprintf("https://scan.example/%d/v%d", k%16, (n/20)%3)
			f.Statement.Predicate = jsonOf(b, map[string]int{"n": n})
			f.Time, f.StatementHash = now.Add(-age), sum(f.Statement.Predicate)
			all = append(all, f)
		}
	}
	in := input(p, all...)
	in.Candidates[0].Documents = []string{sum(large).Hex()}
	in.Candidates[0].Subject.Digest = app().Digest
	return in
}

// BenchmarkEvaluate is one verdict over many facts: 50 requirements over 1,000 facts of 20 types, and twice and half of each.
func BenchmarkEvaluate(b *testing.B) {
	for _, x := range []struct{ requirements, facts int }{{50, 1000}, {25, 1000}, {50, 500}, {50, 2000}, {4, 1000}} {
		in := crowd(b, x.requirements, x.facts)
		b.Run(fmt.Sprintf("%d requirements, %d facts", x.requirements, x.facts), func(b *testing.B) {
			b.ReportAllocs()
			var v verdict.Verdict
			for range b.N {
				v = policy.Evaluate(in)
			}
			b.ReportMetric(float64(len(v.Judgements[0].Findings)), "findings")
		})
	}
}
