package difference_test

import (
	"bytes"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

func compare(t *testing.T, c difference.Comparison, name string, a, b []byte) difference.Report {
	t.Helper()
	r, err := c.Compare(name, bytes.NewReader(a), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func FuzzCompare(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b []byte) { holds(t, a, b) })
}

// holds checks what is true of every comparison.
func holds(t *testing.T, a, b []byte) {
	t.Helper()
	c := difference.Comparison{Limits: difference.Limits{Expanded: 1 << 20, Memory: 1 << 20, Members: 1000}}
	if r := compare(t, c, "x", a, a); !r.Same || r.First != nil {
		t.Fatalf("a file differs from itself: %+v", r)
	}
	there, back := compare(t, c, "x", a, b), compare(t, c, "x", b, a)
	if there.Same != bytes.Equal(a, b) {
		t.Fatalf("same = %v, want %v", there.Same, bytes.Equal(a, b))
	}
	if there.Same {
		return
	}
	if there.First == nil || back.First == nil {
		t.Fatalf("no first difference: %+v, %+v", there, back)
	}
	if !equal(there.First.Path, back.First.Path) || there.First.Cause != back.First.Cause ||
		there.First.A != back.First.B || there.First.B != back.First.A || there.Offset != back.Offset {
		t.Fatalf("the other way round it is another one:\n%+v\n%+v", *there.First, *back.First)
	}
	if _, err := there.JSON(); err != nil {
		t.Fatal(err)
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
