package ledger_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/mod/sumdb/note"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// A history is a ledger that a test has written.
type history struct {
	signer note.Signer
	key    string
	leaves [][]byte
}

func newHistory(t testing.TB) *history {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "sallyport.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return &history{signer: s, key: public}
}

func begun(t *testing.T, n int) *history {
	t.Helper()
	h := newHistory(t)
	for i := range n {
		h.add(t, ledger.Leaf{
			Kind: ledger.Judged, At: time.Unix(int64(i), 0),
			Host: "github.com", Owner: "1", Repository: "2", Name: "acme/app",
			About: ledger.About{
				Run: fmt.Sprint(i), Attempt: 1, Environment: "production",
				Outcome: "deny", Code: "E_EVIDENCE_MISSING",
			},
		})
	}
	return h
}

func (h *history) add(t *testing.T, l ledger.Leaf) {
	t.Helper()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	b, err := l.Bytes(salt)
	if err != nil {
		t.Fatal(err)
	}
	h.leaves = append(h.leaves, b)
}

// checkpoint is of the first n leaves.
func (h *history) checkpoint(t *testing.T, n int) string {
	t.Helper()
	var tree ledger.Tree
	for _, l := range h.leaves[:n] {
		tree.AddLeaf(l)
	}
	text, err := ledger.Checkpoint{Size: int64(n), Root: tree.Root()}.Sign(h.signer)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// export is of all leaves; those of hidden are not shown.
func (h *history) export(t *testing.T, hidden ...int) []byte {
	t.Helper()
	var b bytes.Buffer
	for i, l := range h.leaves {
		for _, x := range hidden {
			if x == i {
				var one ledger.Tree
				one.AddLeaf(l)
				l = ledger.HiddenLine(one.Root())
			}
		}
		b.Write(append(l, '\n'))
	}
	b.Write(append(ledger.LastLine(h.checkpoint(t, len(h.leaves))), '\n'))
	return b.Bytes()
}

func (h *history) verify(export []byte, kept ...string) (ledger.Summary, error) {
	return ledger.Verify(bytes.NewReader(export), []string{h.key}, kept...)
}

func TestG11_a_ledger_verifies_with_every_checkpoint_that_was_kept(t *testing.T) {
	h := begun(t, 33)
	var kept []string
	for n := range len(h.leaves) + 1 {
		kept = append(kept, h.checkpoint(t, n))
	}
	s, err := h.verify(h.export(t), kept...)
	if err != nil || s.Checkpoint.Size != 33 || s.Kinds[ledger.Judged] != 33 || s.Last.Unix() != 32 {
		t.Fatalf("got %+v, %v", s, err)
	}
	s, err = h.verify(h.export(t, 0, 7, 32), kept...)
	if err != nil || s.Hidden != 3 || s.Kinds[ledger.Judged] != 30 {
		t.Fatalf("got %+v, %v; want 3 hidden leaves", s, err)
	}
}

func TestG11_a_rewritten_a_cut_and_a_forked_history_are_found(t *testing.T) {
	h := begun(t, 20)
	honest := h.export(t)
	kept := []string{h.checkpoint(t, 12)}
	if _, err := h.verify(honest, kept...); err != nil {
		t.Fatal(err)
	}
	other := begun(t, 20)
	other.signer, other.key = h.signer, h.key
	cut := *h
	cut.leaves = h.leaves[:11]
	lines := bytes.SplitAfter(honest, []byte("\n"))
	without := bytes.Join(append(lines[:5:5], lines[6:]...), nil)
	swapped := bytes.Join(append(append(lines[:5:5], lines[6], lines[5]), lines[7:]...), nil)
	replaced := func(old, by string) []byte { return bytes.Replace(honest, []byte(old), []byte(by), 1) }
	hidden := string(ledger.HiddenLine(ledger.Hash{1})) + "\n"
	for name, x := range map[string]struct {
		export []byte
		kept   []string
		want   string
	}{
		"a leaf is changed":                      {replaced(`"deny"`, `"allow"`), nil, "the leaves have the root"},
		"a leaf is left out":                     {without, nil, "19 leaves, and its checkpoint is of 20"},
		"two leaves have changed places":         {swapped, nil, "the leaves have the root"},
		"the end is missing":                     {bytes.Join(lines[:20], nil), nil, "ends without a checkpoint"},
		"the history is rewritten, and signed":   {other.export(t), kept, "the first 12 leaves are not those"},
		"the history is cut, and signed":         {cut.export(t), kept, "of 12 leaves, and the export has 11"},
		"something comes after the checkpoint":   {slices.Concat(honest, lines[0]), nil, "comes after the checkpoint"},
		"a leaf is hidden by another hash":       {replaced(string(lines[3]), hidden), nil, "the leaves have the root"},
		"a leaf in another form":                 {replaced(`{"about"`, `{ "about"`), nil, "canonical form"},
		"a leaf with a member that is not known": {replaced(`"attempt":1`, `"attempt":1,"more":2`), nil, "more"},
	} {
		if _, err := h.verify(x.export, x.kept...); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q", name, err, x.want)
		}
	}
}

func TestG11_another_servers_checkpoint_is_none(t *testing.T) {
	h, other := begun(t, 3), begun(t, 3)
	if _, err := ledger.Verify(bytes.NewReader(h.export(t)), []string{other.key}); fault.Of(err).Code != fault.Ledger {
		t.Errorf("got %v, want E_LEDGER", err)
	}
	if _, err := ledger.Verify(bytes.NewReader(h.export(t)), []string{"nonsense"}); fault.Of(err).Code != fault.Config {
		t.Errorf("got %v, want E_CONFIG", err)
	}
	if _, err := ledger.Verify(bytes.NewReader(h.export(t)), []string{other.key, h.key}); err != nil {
		t.Errorf("with both keys: %v", err)
	}
	twice := []string{other.key, h.key + "\n", h.key}
	if _, err := ledger.Verify(bytes.NewReader(h.export(t)), twice, h.checkpoint(t, 2)); err != nil {
		t.Errorf("with a key that is given twice: %v", err)
	}
}

func TestG11_proofs_hold_for_what_they_are_of_and_for_nothing_else(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7, 8, 13} {
		h := begun(t, size)
		keys := []string{h.key}
		export := bytes.NewReader(h.export(t))
		for i := range size {
			_, _ = export.Seek(0, 0)
			p, err := ledger.Inclusion(export, keys, int64(i))
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", i, size, err)
			}
			b, err := p.JSON()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ledger.ReadProof(b)
			if err != nil || again.Check(keys) != nil {
				t.Fatalf("leaf %d of %d, read again: %v", i, size, err)
			}
			again.Leaf = strings.Replace(again.Leaf, "deny", "allow", 1)
			if fault.Of(again.Check(keys)).Code != fault.Ledger {
				t.Errorf("leaf %d of %d: the proof holds for another leaf", i, size)
			}
			again = p
			if again.Index++; again.Check(keys) == nil {
				t.Errorf("leaf %d of %d: the proof holds for another place", i, size)
			}
		}
		for n := 1; n <= size; n++ {
			_, _ = export.Seek(0, 0)
			p, err := ledger.Consistency(export, keys, h.checkpoint(t, n))
			if err != nil {
				t.Fatalf("%d of %d: %v", n, size, err)
			}
			other := begun(t, size)
			other.signer = h.signer
			if p.Before = other.checkpoint(t, n); p.Check(keys) == nil {
				t.Errorf("%d of %d: the proof holds for another history", n, size)
			}
		}
	}
}

func TestG11_leaves_are_in_one_form(t *testing.T) {
	h := begun(t, 1)
	if _, err := ledger.ParseLeaf(h.leaves[0]); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ from, to string }{
		{`"kind":"judged"`, `"kind":"other"`},
		{`"v":1`, `"v":2`},
		{`"salt":"`, `"salt":"00`},
		{`"host":"github.com"`, `"host":""`},
		{`"name":"acme/app"`, `"name":"acme/app","name":"acme/app"`},
	} {
		text := strings.Replace(string(h.leaves[0]), x.from, x.to, 1)
		if text == string(h.leaves[0]) {
			t.Fatalf("the leaf has no %s", x.from)
		}
		if _, err := ledger.ParseLeaf([]byte(text)); err == nil {
			t.Errorf("%s is read", x.to)
		}
	}
	a, b := begun(t, 1), begun(t, 1)
	if bytes.Equal(a.leaves[0], b.leaves[0]) {
		t.Error("two leaves that say the same have the same bytes, so a hash can be guessed")
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"leaf":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}` + "\n" + `{"checkpoint":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ledger.Verify(bytes.NewReader(b), nil); err == nil {
			t.Error("an export verifies without a key")
		}
	})
}

func TestG11_the_fast_form_of_a_leaf_is_the_canonical_one(t *testing.T) {
	full := ledger.Leaf{
		Kind: ledger.Judged, Host: "h", Owner: "1", Repository: "2",
		Name: "<&>\u2028\x7f\"\\/é\u0001", At: time.Unix(1, 5e8),
	}
	about := reflect.ValueOf(&full.About).Elem()
	for i := range about.NumField() {
		switch f := about.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(full.Name)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{full.Name, ""}))
		default:
			f.SetInt(1 << 40)
		}
	}
	for _, l := range []ledger.Leaf{full, {Kind: ledger.Started, At: time.Unix(1, 0)}} {
		b, err := l.Bytes(make([]byte, 16))
		if err != nil {
			t.Fatal(err)
		}
		read, err := ledger.ParseLeaf(b)
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := strictjson.Canonical(read)
		if err != nil || !bytes.Equal(b, canonical) {
			t.Errorf("got %s\nwant %s, %v", b, canonical, err)
		}
		if err := fits(t, b); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
}

// fits holds a leaf to the schema.
func fits(t *testing.T, b []byte) error {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../shared/ledger-leaf.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestG11_the_schema_refuses_what_the_reader_refuses(t *testing.T) {
	good := string(begun(t, 1).leaves[0])
	if err := fits(t, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ from, to string }{
		{`"kind":"judged"`, `"kind":"other"`},
		{`"v":1`, `"v":2`},
		{`"salt":"`, `"salt":"00`},

		{`"at":"1970-01-01T00:00:00Z",`, ``},
		{`"host":"github.com",`, ``},
		{`"owner":"1",`, ``},
		{`"attempt":1`, `"attempt":0`},
		{`"attempt":1`, `"attempt":1,"more":2`},
		{`"kind":"judged",`, ``},
	} {
		text := strings.Replace(good, x.from, x.to, 1)
		if text == good {
			t.Fatalf("the leaf has no %s", x.from)
		}
		if _, err := ledger.ParseLeaf([]byte(text)); err == nil {
			t.Errorf("%s is read", x.to)
		}
		if err := fits(t, []byte(text)); err == nil {
			t.Errorf("%s fits the schema", x.to)
		}
	}
}

func privateKey(t *testing.T) string {
	t.Helper()
	private, _, err := note.GenerateKey(rand.Reader, "sallyport.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	return private
}
