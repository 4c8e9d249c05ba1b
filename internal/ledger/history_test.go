package ledger_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// changes writes the leaf of a change of the key, after which the history is signed by another.
func (h *history) changes(t *testing.T, before string) (old history) {
	t.Helper()
	old = *h
	other := newHistory(t)
	h.add(t, ledger.Leaf{Kind: ledger.NewKey, At: time.Unix(99, 0),
		About: ledger.About{Before: before, Key: other.key}})
	h.signer, h.key = other.signer, other.key
	return old
}

func TestG11_a_ledger_whose_key_was_changed_verifies_with_both_keys(t *testing.T) {
	h := begun(t, 5)
	early := h.checkpoint(t, 4)
	old := h.changes(t, h.key)
	h.add(t, ledger.Leaf{Kind: ledger.Started, At: time.Unix(100, 0)})
	later := h.checkpoint(t, 7)
	old.leaves = h.leaves
	stolen := old.checkpoint(t, 7) // after the change, by the key that was changed
	early7 := *h
	wrong := begun(t, 5)
	wrong.changes(t, wrong.key)
	wrong.changes(t, "sallyport.example/ledger+00000000+AAAA") // no key that counted
	for _, x := range []struct {
		what   string
		export []byte
		keys   []string
		kept   []string
		want   string
	}{
		{"both keys", h.export(t), []string{old.key, h.key}, []string{early, later}, ""},
		{"the new key alone", h.export(t), []string{h.key}, []string{later}, ""},
		{"the old key alone", h.export(t), []string{old.key}, nil, "signed by none of the keys"},
		{"an export that the old key has signed", old.export(t), []string{old.key, h.key}, nil,
			"not signed by the key that counted then"},
		{"a newer checkpoint that the old key has signed", h.export(t), []string{old.key, h.key}, []string{stolen},
			"not signed by the key that counted then"},
		{"an older checkpoint that the new key has signed", h.export(t), []string{old.key, h.key},
			[]string{early7.checkpoint(t, 4)}, "not signed by the key that counted then"},
		{"a change from a key that did not count", wrong.export(t), []string{wrong.key}, nil, "the key changes from"},
	} {
		_, err := ledger.Verify(bytes.NewReader(x.export), x.keys, x.kept...)
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) ||
			fault.Of(err).Code != fault.Ledger) {
			t.Errorf("%s: got %v, want %q", x.what, err, x.want)
		}
	}
}

func TestG11_a_ledger_that_continues_another_says_what_is_missing(t *testing.T) {
	first := begun(t, 9)
	kept := []string{first.checkpoint(t, 9), first.checkpoint(t, 3)}
	follows := func(at int) *history {
		next := newHistory(t)
		for range at {
			next.add(t, ledger.Leaf{Kind: ledger.Started, At: time.Unix(9, 0)})
		}
		next.add(t, ledger.Leaf{Kind: ledger.Continued, At: time.Unix(10, 0), About: ledger.About{
			Before: first.key, Checkpoint: first.checkpoint(t, 9), Missing: 4}})
		return next
	}
	named(t, first, follows(0), kept)
	longer := begun(t, 9)
	longer.signer = first.signer
	longer.leaves = append(append([][]byte{}, first.leaves...), longer.leaves[0])
	other := begun(t, 9)
	other.signer = first.signer
	next, late := renamed(t, follows(0)), renamed(t, follows(1))
	for _, x := range []struct {
		what   string
		export []byte
		keys   []string
		kept   string
		want   string
	}{
		{"without the key of the ledger before", next.export(t), []string{next.key}, "", "whose last checkpoint is signed by none"},
		{"somebody has seen more", next.export(t), []string{next.key, first.key}, longer.checkpoint(t, 10),
			"of 10 leaves, and the ledger was continued as one of 9"},
		{"somebody has seen another", next.export(t), []string{next.key, first.key}, other.checkpoint(t, 9),
			"the first 9 leaves are not those"},
		{"not in the first leaf", late.export(t), []string{late.key, first.key}, "", "in its first leaf"},
	} {
		var all []string
		if x.kept != "" {
			all = []string{x.kept}
		}
		_, err := ledger.Verify(bytes.NewReader(x.export), x.keys, all...)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q", x.what, err, x.want)
		}
	}
}

// named verifies a ledger that continues another.
func named(t *testing.T, first, next *history, kept []string) {
	t.Helper()
	next = renamed(t, next)
	s, err := ledger.Verify(bytes.NewReader(next.export(t)), []string{next.key, first.key}, kept...)
	if err != nil || s.Missing != 4 || s.Before == nil || s.Before.Size != 9 || s.Apart != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// renamed is a history under another origin.
func renamed(t *testing.T, h *history) *history {
	t.Helper()
	signer, key, err := ledger.Named(privateKey(t), "sallyport.example/ledger/2")
	if err != nil {
		t.Fatal(err)
	}
	h.signer, h.key = signer, key
	return h
}

func TestG11_a_key_of_another_name_is_the_same_key(t *testing.T) {
	private := privateKey(t)
	signer, key, err := ledger.Named(private, "sallyport.example/ledger/7")
	if err != nil || signer.Name() != "sallyport.example/ledger/7" {
		t.Fatalf("%v, %v", signer, err)
	}
	text, err := ledger.Checkpoint{Size: 3}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ledger.Open(text, []string{key}); err != nil || c.Origin != "sallyport.example/ledger/7" {
		t.Errorf("got %+v, %v", c, err)
	}
	_, again, err := ledger.Named(private, "sallyport.example/ledger")
	if err != nil || !strings.HasSuffix(again, key[strings.LastIndex(key, "+"):]) {
		t.Errorf("got %s and %s, %v; want the same public key", again, key, err)
	}
	for _, bad := range []string{"", "nonsense", "PRIVATE+KEY+a+00000000+AAAA", private[:len(private)-8] + "AAAAAAA="} {
		if _, _, err := ledger.Named(bad, "x"); fault.Of(err).Code != fault.Config || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%q: got %v, want E_CONFIG and nothing of the key", bad, err)
		}
	}
}

func TestG11_a_proof_follows_the_checkpoint_that_was_kept_and_no_other(t *testing.T) {
	h, other := begun(t, 9), begun(t, 9)
	other.signer = h.signer
	keys := []string{h.key}
	p, err := ledger.Consistency(bytes.NewReader(h.export(t)), keys, h.checkpoint(t, 4))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ what, kept, want string }{
		{"its own", h.checkpoint(t, 4), ""},
		{"of another size", h.checkpoint(t, 5), "the proof is from 4 leaves"},
		{"of another history", other.checkpoint(t, 4), "the first 4 leaves are not those"},
		{"of another server", begun(t, 4).checkpoint(t, 4), "signed by none of the keys"},
	} {
		if err := p.Follows(x.kept, keys); (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("a checkpoint that is %s: got %v, want %q", x.what, err, x.want)
		}
	}
	empty, err := ledger.Checkpoint{Root: ledger.Hash{1}}.Sign(h.signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.verify(h.export(t), empty); err == nil || !strings.Contains(err.Error(), "the first 0 leaves are not those") {
		t.Errorf("a checkpoint of no leaves with a root: got %v", err)
	}
}
