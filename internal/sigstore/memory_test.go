package sigstore

import (
	"bytes"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
)

// A verifier that remembers lets nothing in that it would not let in without: another byte is another bundle, another
// trusted root asks anew, and what does not verify is not remembered.
func TestE01_a_verifier_that_remembers_lets_in_what_it_would_let_in_anew(t *testing.T) {
	f := makeForge()
	v := verifier(t, f.trust(), Transparent)
	v.Remember()
	good := f.control().make()
	first := accepts(t, v, good.json())
	if len(v.memory.seen) != 1 {
		t.Fatalf("it remembers %d bundles, want the one that verified", len(v.memory.seen))
	}
	if again := accepts(t, v, good.json()); again.ContentDigest() != first.ContentDigest() ||
		again.Signer() != first.Signer() || !again.Time().Equal(first.Time()) {
		t.Errorf("again it is %+v, want %+v", again, first)
	}
	other := makeForge().control().make() // everything is in order, under another root
	refuses(t, v, other.json(), fault.Chain)
	if len(v.memory.seen) != 1 {
		t.Errorf("it remembers %d bundles, want no other", len(v.memory.seen))
	}
	changed := bytes.Replace(good.json(), []byte(`"payload":"e`), []byte(`"payload":"f`), 1)
	if _, err := judge(v, changed); err == nil {
		t.Error("a changed payload verifies")
	}
	w := verifier(t, makeForge().trust(), Transparent)
	w.Remember()
	refuses(t, w, good.json(), fault.Chain)
}

func TestE01_what_a_verifier_remembers_is_bounded(t *testing.T) {
	f := makeForge()
	v := verifier(t, f.trust(), Transparent)
	v.Remember()
	b := must(ParseBundle(f.control().make().json()))
	for i := range maxRemembered + 10 {
		b.bytes = digestOf([]byte{byte(i), byte(i >> 8)})
		v.memory.keep(b, Verified{})
	}
	if n := len(v.memory.seen); n == 0 || n > maxRemembered {
		t.Errorf("it remembers %d bundles, want %d at most", n, maxRemembered)
	}
	n := len(v.memory.seen)
	b.bytes, b.size = digestOf([]byte("large")), maxRememberedBytes+1
	v.memory.keep(b, Verified{})
	if len(v.memory.seen) != n {
		t.Error("it remembers a large bundle")
	}
}
