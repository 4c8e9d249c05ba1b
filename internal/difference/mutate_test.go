package difference_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Files that are damaged in many ways are compared like all others: what is true of every comparison stays true.
func TestCompare_of_damaged_files_ends_and_is_the_same_both_ways(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range seeds(t) {
		for range 150 {
			a, b := bytes.Clone(s[0]), bytes.Clone(s[r.IntN(2)])
			for range 1 + r.IntN(6) {
				b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
			}
			if r.IntN(4) == 0 {
				b = b[:r.IntN(len(b))]
			}
			if r.IntN(8) == 0 {
				a[r.IntN(len(a))] ^= byte(1 << r.IntN(8))
			}
			holds(t, a, b)
		}
	}
}
