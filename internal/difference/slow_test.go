package difference_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

// bulk is a compressed archive that is larger than what a small comparison keeps in memory.
func bulk(t testing.TB, order []int, change func(i int, body []byte, h *tar.Header) []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range order {
		body := make([]byte, 200_000)
		r := rand.New(rand.NewPCG(uint64(i), 7))
		for k := range body {
			body[k] = byte(r.Uint32() & 7)
		}
		h := &tar.Header{Name: fmt.Sprintf("f%02d", i), Mode: 0o644, ModTime: time.Unix(1_700_000_000, 0)}
		if change != nil {
			body = change(i, body, h)
		}
		h.Size = int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(body)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return gz(t, b.Bytes(), time.Time{})
}

// What is found depends on no limit of memory: an archive that is read again whenever it is needed says the same as
// one that is kept.
func TestCompare_finds_the_same_with_little_memory(t *testing.T) {
	order := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	inner := tarOf(t, tar.Header{Name: "x", ModTime: at})
	for name, x := range map[string]struct {
		order  []int
		change func(i int, body []byte, h *tar.Header) []byte
	}{
		"a byte": {order, func(i int, body []byte, _ *tar.Header) []byte {
			if i == 7 {
				body[150_000]++
			}
			return body
		}},
		"a time":  {order, func(i int, body []byte, h *tar.Header) []byte { h.ModTime = h.ModTime.Add(time.Second); return body }},
		"order":   {[]int{0, 3, 2, 1, 4, 9, 6, 7, 8, 5}, nil},
		"missing": {[]int{0, 1, 2, 4, 5, 6, 7, 8, 9}, nil},
		"an archive": {order, func(i int, body []byte, _ *tar.Header) []byte {
			if i == 5 {
				return append(bytes.Clone(inner), body...)
			}
			return body
		}},
	} {
		a, b := bulk(t, order, nil), bulk(t, x.order, x.change)
		little := compare(t, difference.Comparison{Limits: difference.Limits{Memory: 64 << 10}}, "out", a, b)
		much := compare(t, difference.Comparison{}, "out", a, b)
		if len(little.NotRead) > 0 {
			t.Errorf("%s: not read: %q, want nothing", name, little.NotRead)
		}
		one, _ := little.JSON()
		other, _ := much.JSON()
		if !slices.Equal(one, other) {
			t.Errorf("%s: with little memory %s\nwith much %s", name, one, other)
		}
	}
}

// An archive that would have to be decompressed again and again is given up, and that is said.
func TestCompare_gives_up_an_archive_that_costs_too_much(t *testing.T) {
	order := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	odd := func(_ int, body []byte, h *tar.Header) []byte { h.Uid = 7; return body }
	back := slices.Clone(order)
	slices.Reverse(back)
	limits := difference.Limits{Memory: 64 << 10, Expanded: 2_100_000}
	r := compare(t, difference.Comparison{Limits: limits}, "out", bulk(t, order, nil), bulk(t, back, odd))
	if r.First.Cause != "order" || len(r.NotRead) != 1 || !strings.Contains(r.NotRead[0], "larger than the limits") {
		t.Errorf("first %+v, not read %q; want the order, and the limit", *r.First, r.NotRead)
	}
}
