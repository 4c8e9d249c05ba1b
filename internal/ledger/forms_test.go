package ledger_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
)

// refused fails unless an error has a code and a text.
func refused(t *testing.T, what string, err error, code fault.Code, text string) {
	t.Helper()
	if err == nil || fault.Of(err).Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %v, want %s and %q", what, err, code, text)
	}
}

func TestG11_a_checkpoint_is_read_in_one_form(t *testing.T) {
	h := begun(t, 3)
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for what, text := range map[string]string{
		"no origin":                   "\n3\n" + root + "\n",
		"an extension":                "sallyport.example/ledger\n3\n" + root + "\nmore\n",
		"no root":                     "sallyport.example/ledger\n3\n",
		"a size below 0":              "sallyport.example/ledger\n-1\n" + root + "\n",
		"a size in another form":      "sallyport.example/ledger\n03\n" + root + "\n",
		"a size with a sign":          "sallyport.example/ledger\n+3\n" + root + "\n",
		"a size that no ledger has":   "sallyport.example/ledger\n1152921504606846977\n" + root + "\n",
		"a size that is not a number": "sallyport.example/ledger\nx\n" + root + "\n",
		"a root of other bytes":       "sallyport.example/ledger\n3\nAAAA\n",
	} {
		_, err := ledger.Parse(text + "\n— somebody AAAA\n")
		refused(t, what, err, fault.Malformed, "a checkpoint ")
	}
	c, err := ledger.Parse("sallyport.example/ledger\n3\n" + root + "\n\n— somebody AAAA\n")
	if err != nil || c.Size != 3 || c.Origin != "sallyport.example/ledger" {
		t.Errorf("in its form: got %+v, %v", c, err)
	}
	for origin, want := range map[string]string{"sallyport.example/ledger": "", "other.example": `of "other.example"`} {
		signed, err := note.Sign(&note.Note{Text: origin + "\n3\n" + root + "\n"}, h.signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Open(string(signed), []string{h.key}); want != "" {
			refused(t, "signed for another ledger", err, fault.Ledger, want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

func TestG11_an_export_is_read_in_one_form(t *testing.T) {
	h := begun(t, 3)
	text := string(h.export(t, 1))
	for _, x := range []struct{ what, from, to, want string }{
		{"a hash with a space", `{"leaf":"`, `{"leaf": "`, "a hash in another form"},
		{"a hash that is none", `{"leaf":"`, `{"leaf":"AAAA`, "a hash in another form"},
		{"a checkpoint with a space", `{"checkpoint":"`, `{"checkpoint": "`, "a checkpoint in another form"},
		{"a line that is too long", `{"leaf":"`, strings.Repeat(" ", ledger.MaxLeaf) + `{"leaf":"`, "a line of more than"},
	} {
		_, err := h.verify([]byte(strings.Replace(text, x.from, x.to, 1)))
		refused(t, x.what, err, fault.Malformed, x.want)
	}
	for line, want := range map[string]bool{
		`{"leaf":"x"}`: true, `{"leaf":"x","more":"y"}`: false, `{"leaf":1}`: false, `{"about":{}}`: false,
	} {
		if got := ledger.Hidden([]byte(line)); got != want {
			t.Errorf("%s: hidden is %t, want %t", line, got, want)
		}
	}
}

func TestG11_a_leaf_has_a_bound_and_a_whole_tenant(t *testing.T) {
	salt := make([]byte, 16)
	good := ledger.Leaf{Kind: ledger.Judged, At: time.Unix(1, 0), Host: "github.com", Owner: "1", Repository: "2",
		About: ledger.About{Reason: "short"}}
	b, err := good.Bytes(salt)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*ledger.Leaf){
		"no repository": func(l *ledger.Leaf) { l.Repository = "" },
		"no owner":      func(l *ledger.Leaf) { l.Owner = "" },
		"no host":       func(l *ledger.Leaf) { l.Host = "" },
	} {
		l := good
		change(&l)
		_, err := l.Bytes(salt)
		refused(t, what, err, fault.Malformed, "together or not at all")
	}
	for _, digit := range []string{"g", "A", " "} {
		_, err := ledger.ParseLeaf(bytes.Replace(b, []byte(`"salt":"0`), []byte(`"salt":"`+digit), 1))
		refused(t, "a salt with "+digit, err, fault.Malformed, "want 32 hexadecimal digits")
	}
	long := strings.Repeat("x", ledger.MaxLeaf)
	l := good
	l.About.Reason = long
	_, err = l.Bytes(salt)
	refused(t, "a leaf that is too long", err, fault.Limit, "a leaf of ")
	_, err = ledger.ParseLeaf(bytes.Replace(b, []byte("short"), []byte(long), 1))
	refused(t, "a leaf that is too long, read", err, fault.Limit, "a leaf of ")
}

func TestG11_what_cannot_be_proved_is_said(t *testing.T) {
	h := begun(t, 4)
	keys := []string{h.key}
	export := func() *bytes.Reader { return bytes.NewReader(h.export(t, 2)) }
	for _, n := range []int64{-1, 4, 5} {
		_, err := ledger.Inclusion(export(), keys, n)
		refused(t, "a place outside", err, fault.Config, "of a ledger of 4 leaves")
	}
	_, err := ledger.Inclusion(export(), keys, 2)
	refused(t, "a leaf that is hidden", err, fault.Ledger, "leaf 2 is not shown in this export")
	longer := begun(t, 5)
	longer.signer = h.signer
	_, err = ledger.Consistency(export(), keys, longer.checkpoint(t, 5))
	refused(t, "a longer ledger", err, fault.Ledger, "the older checkpoint is of 5 leaves, and the export of 4")
	_, err = ledger.Consistency(export(), keys, h.checkpoint(t, 0))
	refused(t, "an empty ledger", err, fault.Ledger, "the older checkpoint is of 0 leaves")

	p, err := ledger.Inclusion(export(), keys, 1)
	if err != nil {
		t.Fatal(err)
	}
	both, neither := p, p
	both.Before = h.checkpoint(t, 2)
	neither.Leaf = ""
	refused(t, "a proof of two things", both.Check(keys), fault.Malformed, "of a leaf or of an older checkpoint")
	refused(t, "a proof of nothing", neither.Check(keys), fault.Malformed, "of a leaf or of an older checkpoint")
	b, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	_, err = ledger.ReadProof(bytes.Replace(b, []byte(`"v": 1`), []byte(`"v": 2`), 1))
	refused(t, "another version", err, fault.Malformed, "version 2 of a proof, want 1")
	_, err = ledger.ReadProof(append(b, bytes.Repeat([]byte(" "), 256<<10)...))
	refused(t, "a proof that is too long", err, fault.Limit, "a proof of ")

	raw := history{signer: h.signer, key: h.key, leaves: [][]byte{[]byte(`{"not":"a leaf"}`)}}
	odd := ledger.Proof{Version: 1, Leaf: string(raw.leaves[0]), Checkpoint: raw.checkpoint(t, 1)}
	refused(t, "what is in the tree and not a leaf", odd.Check(keys), fault.Malformed, "")
}

// Two ledgers may have the same leaves, or the same key under two names: each checkpoint is of one.
func TestG11_a_checkpoint_of_another_origin_proves_nothing(t *testing.T) {
	h := begun(t, 5)
	second := &history{leaves: h.leaves}
	renamed(t, second)
	keys := []string{h.key, second.key}
	_, err := ledger.Verify(bytes.NewReader(h.export(t)), keys, second.checkpoint(t, 3))
	refused(t, "an export", err, fault.Ledger, `is of "sallyport.example/ledger/2", and the export of`)
	p, err := ledger.Consistency(bytes.NewReader(h.export(t)), keys, h.checkpoint(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a proof that follows it", p.Follows(second.checkpoint(t, 3), keys), fault.Ledger,
		"the proof is from 3 leaves of")
	p.Before = second.checkpoint(t, 3)
	refused(t, "a proof from it", p.Check(keys), fault.Malformed, "the checkpoints are of")
}

func TestG11_checkpoints_from_before_a_change_or_a_loss_still_agree(t *testing.T) {
	h := begun(t, 5)
	until := h.checkpoint(t, 5) // of all leaves before the one of the change
	old := h.changes(t, h.key)
	if _, err := ledger.Verify(bytes.NewReader(h.export(t)), []string{old.key, h.key}, until); err != nil {
		t.Errorf("the last checkpoint of the key before: %v", err)
	}
	first := begun(t, 9)
	next := renamed(t, newHistory(t))
	next.add(t, ledger.Leaf{Kind: ledger.Continued, At: time.Unix(10, 0), About: ledger.About{
		Before: first.key, Checkpoint: first.checkpoint(t, 9), Missing: 4}})
	next.add(t, ledger.Leaf{Kind: ledger.Started, At: time.Unix(11, 0)})
	s, err := ledger.Verify(bytes.NewReader(next.export(t)), []string{next.key, first.key}, first.checkpoint(t, 2))
	if err != nil || s.Apart != 1 {
		t.Errorf("a checkpoint of the ledger before that has as many leaves: got %+v, %v", s, err)
	}
}
