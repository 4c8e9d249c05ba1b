package gate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/gate"
	"github.com/sallyport-dev/sallyport/internal/sigstore"
	"github.com/sallyport-dev/sallyport/internal/store"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// junk returns a store of n things that say they are bundles and are none.
func junk(t *testing.T, n int) store.Dir {
	t.Helper()
	dir := t.TempDir()
	var lines []byte
	for i := range n {
		lines = append(append(lines, none(i)...), '\n')
	}
	if err := os.WriteFile(filepath.Join(dir, "junk.jsonl"), lines, 0o644); err != nil {
		t.Fatal(err)
	}
	return store.Dir{Path: dir}
}

// none is called a bundle, and is none.
func none(i int) []byte {
	return fmt.Appendf(nil, `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","n":%d}`, i)
}

var one = []subject.Subject{{Name: "app", Digest: subject.SHA256([32]byte{1})}}

func TestD03_one_silent_store_is_a_fault_whatever_the_others_have(t *testing.T) {
	there, gone := junk(t, 1), store.Dir{Path: filepath.Join(t.TempDir(), "gone")}
	if e, err := gate.Collect(t.Context(), []gate.Store{there}, one); err != nil || len(e.Items) != 1 {
		t.Fatalf("control: %d items, %v, want 1", len(e.Items), err)
	}
	for _, stores := range [][]gate.Store{{there, gone}, {gone, there}, {gone}} {
		if e, err := gate.Collect(t.Context(), stores, one); err == nil || e.Items != nil {
			t.Errorf("items = %v, %v, want none and an error", e.Items, err)
		}
	}
}

func TestO02_more_evidence_than_the_limit_is_refused_and_not_cut(t *testing.T) {
	most := junk(t, store.MaxPerSubject)
	if e, err := gate.Collect(t.Context(), []gate.Store{most}, one); err != nil || len(e.Items) != store.MaxPerSubject {
		t.Errorf("at the limit: %d items, %v, want %d", len(e.Items), err, store.MaxPerSubject)
	}
	extra := filepath.Join(t.TempDir(), "extra.json")
	if err := os.WriteFile(extra, none(-1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Collect(t.Context(), []gate.Store{most, store.Dir{Path: extra}}, one); fault.Of(err).Code != fault.Limit {
		t.Errorf("above the limit: err = %v, want %s", err, fault.Limit)
	} else if f := fault.Of(err); !strings.Contains(f.Error(), "20001 bundles for 1 subject, 20000 of them from the "+most.Name()) || !strings.Contains(f.Hint, "from "+fault.Quote(most.Path)+", or hand over") {
		t.Errorf("above the limit: %v, hint %q, want the directory and how to clear it", err, f.Hint)
	}
}

// shelf is a store that answers what it is.
type shelf struct {
	store.Dir
	found store.Found
}

func (s shelf) Fetch(context.Context, []subject.Subject) (store.Found, error) { return s.found, nil }

func TestCollect_adds_up_what_was_passed_over(t *testing.T) {
	a := shelf{found: store.Found{Passed: []store.Passed{{Source: "b", What: "x", Count: 2}, {Source: "a", What: "y", Count: 1}}}}
	b := shelf{found: store.Found{Passed: []store.Passed{{Source: "b", What: "x", Count: 3}, {Source: "a", What: "x", Count: 1}}}}
	want := []store.Passed{{Source: "a", What: "x", Count: 1}, {Source: "a", What: "y", Count: 1}, {Source: "b", What: "x", Count: 5}}
	for _, stores := range [][]gate.Store{{a, b}, {b, a}} {
		if e, err := gate.Collect(t.Context(), stores, one); err != nil || !reflect.DeepEqual(e.Passed, want) {
			t.Errorf("passed over %+v, %v, want %+v", e.Passed, err, want)
		}
	}
}

// A bundle that a store holds and does not hand over is a fault: it may be the
// one that says no. Whoever brings the same bytes from elsewhere hides nothing.
func TestD06_a_covered_bundle_has_to_come_from_elsewhere(t *testing.T) {
	hidden := none(7)
	covered := shelf{found: store.Found{Covered: []store.Covered{{
		Digest: subject.Sum(hidden), Err: fault.New(fault.Refused, fault.SubjectMismatch, "give it", "covered"),
	}}}}
	if e, err := gate.Collect(t.Context(), []gate.Store{junk(t, 3), covered}, one); e.Items != nil || fault.Of(err).Code != fault.SubjectMismatch {
		t.Errorf("%d items, %v, want none and the fault of the store", len(e.Items), err)
	}
	file := filepath.Join(t.TempDir(), "given.json")
	if err := os.WriteFile(file, hidden, 0o644); err != nil {
		t.Fatal(err)
	}
	if e, err := gate.Collect(t.Context(), []gate.Store{junk(t, 3), covered, store.Dir{Path: file}}, one); err != nil || len(e.Items) != 4 {
		t.Errorf("with the bundle at hand: %d items, %v, want four", len(e.Items), err)
	}
}

func TestD06_bytes_that_are_no_evidence_are_reasons_and_never_facts(t *testing.T) {
	e, err := gate.Collect(t.Context(), []gate.Store{junk(t, 3)}, one)
	if err != nil {
		t.Fatal(err)
	}
	for _, verifiers := range []map[string]*sigstore.Verifier{nil, {}, {"": nil}} {
		for _, workers := range []int{0, 1, 64} {
			c, err := gate.Verify(one, e, gate.Checker{Waits: func(sigstore.Glimpse) bool { return true }, Verifiers: verifiers, Workers: workers})
			if err != nil || len(c) != 1 || len(c[0].Facts) != 0 || len(c[0].Rejections) != 3 {
				t.Errorf("candidates = %+v, %v, want one with three rejections and no fact", c, err)
			}
		}
	}
}

// broken is a store with a bug.
type broken struct{ store.Dir }

func (broken) Fetch(ctx context.Context, s []subject.Subject) (store.Found, error) {
	return store.Each(ctx, s, func(context.Context, subject.Subject) (store.Found, error) { panic("boom") })
}

type reckless struct{ store.Dir }

func (reckless) Fetch(context.Context, []subject.Subject) (store.Found, error) { panic("boom") }

func TestO05_a_panic_in_a_store_is_an_internal_fault_and_no_evidence(t *testing.T) {
	for _, s := range []gate.Store{broken{junk(t, 1)}, reckless{junk(t, 1)}} {
		e, err := gate.Collect(t.Context(), []gate.Store{junk(t, 1), s}, one)
		if f := fault.Of(err); e.Items != nil || err == nil || f.Kind != fault.Internal || f.Code != fault.InternalError {
			t.Errorf("items = %v, %v, want none and an internal fault", e.Items, err)
		}
	}
}
