package difference_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

func compare(t *testing.T, c difference.Comparison, name string, a, b []byte) difference.Report {
	t.Helper()
	r, err := c.Compare(name, bytes.NewReader(a), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Causes {
		raised.Store(c.ID, true)
	}
	return r
}

// raised are the rows of the table of causes that tests have raised.
var raised sync.Map

// A row that no test raises is one that nobody knows to be right.
func TestMain(m *testing.M) {
	code := m.Run()
	if f := flag.Lookup("test.run"); code == 0 && f.Value.String() == "" &&
		flag.Lookup("test.fuzz").Value.String() == "" {
		for _, id := range difference.CauseIDs() {
			if _, yes := raised.Load(id); !yes && complete() {
				fmt.Printf("no test raises cause %q\n", id)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// complete reports whether the machine has the tools that raise them.
func complete() bool {
	for _, m := range tools {
		for _, tool := range strings.Fields(m.tools) {
			if _, err := exec.LookPath(tool); err != nil {
				return false
			}
		}
	}
	return true
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
