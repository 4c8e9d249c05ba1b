package signer

import (
	"reflect"
	"testing"
)

func FuzzO05_a_request(f *testing.F) {
	f.Add("old 0\n\nsallyport.example/ledger\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	f.Add("old 1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\na\n2\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := readRequest(text)
		if err != nil {
			return
		}
		if again, err := readRequest(q.text()); err != nil || !reflect.DeepEqual(again, q) {
			t.Errorf("%q is read again as %+v, %v; want %+v", text, again, err, q)
		}
		small, large := q.checkpoint, q.checkpoint
		small.Size = min(q.old, large.Size)
		begins(large, small, q.proof) // which ends
	})
}
