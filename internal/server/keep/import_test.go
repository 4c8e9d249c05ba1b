package keep_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/ledger"
	"github.com/sallyport-dev/sallyport/internal/server/keep"
)

// changing is a file that is another one when it is read again.
type changing struct {
	io.Reader
	then []byte
}

func (c *changing) Seek(int64, int) (int64, error) { c.Reader = bytes.NewReader(c.then); return 0, nil }

func TestG11_an_export_is_imported_whole_or_not_at_all(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		x := seal(t)
		s := guarded(t, url, x)
		adds(t, s, 300)
		whole := export(t, s)
		kept := text(t, x.File)
		s.Close()
		empty := urls(t)
		into := open(t, empty["SQLite"])
		if strings.HasPrefix(url, "sqlite:") {
			into = open(t, empty["PostgreSQL"])
		}
		stranger := x
		stranger.By = other(t)
		cut := bytes.Join(bytes.SplitAfter(whole, []byte("\n"))[1:], nil)
		renamed := x
		renamed.Name = "sallyport.example/other"
		key := verifier(t, x, x.Name)
		for what, c := range map[string]struct {
			seal   keep.Seal
			export io.ReadSeeker
			want   fault.Code
		}{
			"a leaf is missing": {x, bytes.NewReader(cut), fault.Ledger},
			"a leaf is changed": {x, bytes.NewReader(bytes.Replace(whole, []byte("acme"), []byte("acne"),
				1)), fault.Ledger},
			"another key is to sign": {stranger, bytes.NewReader(whole), fault.Config},
			"another name":           {renamed, bytes.NewReader(whole), fault.Config},
			"it changes while it is read": {x, &changing{bytes.NewReader(whole),
				bytes.Replace(whole, []byte("acme"), []byte("acne"), 1)}, fault.Ledger},
			"it shrinks while it is read": {x, &changing{bytes.NewReader(whole), cut}, fault.Ledger},
		} {
			if _, err := into.Import(t.Context(), c.seal, c.export, []string{key}); fault.Of(err).Code != c.want {
				t.Errorf("%s: got %v, want %s", what, err, c.want)
			}
		}
		hidden := bytes.SplitAfter(whole, []byte("\n"))
		hidden[7] = append(ledger.HiddenLine(ledger.HashOf(bytes.TrimSpace(hidden[7]))), '\n')
		sum, err := into.Import(t.Context(), x, bytes.NewReader(bytes.Join(hidden, nil)), nil)
		if err != nil || sum.Checkpoint.Size != 300 || sum.Hidden != 1 {
			t.Fatalf("got %+v, %v", sum, err)
		}
		adds(t, into, 1)
		if sum := verifies(t, into, []string{key}, kept); sum.Checkpoint.Size != 301 || sum.Hidden != 1 {
			t.Errorf("got %+v", sum)
		}
		if _, err := into.Import(t.Context(), x, bytes.NewReader(whole), nil); fault.Of(err).Code != fault.Config {
			t.Errorf("into a database that has a ledger: got %v", err)
		}
	})
}

func TestG11_a_key_that_an_import_announces_has_signed_what_was_kept_before(t *testing.T) {
	url, into := urls(t)["SQLite"], urls(t)["SQLite"]
	x := seal(t)
	s := guarded(t, url, x)
	adds(t, s, 2)
	kept := text(t, x.File) // by the key before alone
	after := x
	after.By = other(t)
	if _, err := s.Rotate(t.Context(), after, x.By, time.Unix(9, 0)); err != nil {
		t.Fatal(err)
	}
	whole := export(t, s)
	after.File = filepath.Join(t.TempDir(), "moved.checkpoint")
	if err := os.WriteFile(after.File, []byte(kept), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, into).Import(t.Context(), after, bytes.NewReader(whole), nil); err != nil {
		t.Error(err)
	}
}

func TestG11_a_leaf_that_is_missing_in_the_database_is_not_passed_over(t *testing.T) {
	kinds(t, func(t *testing.T, url string) {
		s := guarded(t, url, seal(t))
		adds(t, s, 5)
		for _, n := range []int64{4, 1} { // the last, and one in between
			if _, err := s.DB.Exec(`delete from leaf where n = $1`, n); err != nil {
				t.Fatal(err)
			}
			seen := int64(0)
			err := s.Leaves(t.Context(), 0, 5, func(int64, []byte) error { seen++; return nil })
			if fault.Of(err).Code != fault.Ledger || !strings.Contains(err.Error(),
				fmt.Sprintf("leaf %d of the", n)) || seen != 0 {
				t.Errorf("without leaf %d: got %v after %d", n, err, seen)
			}
		}
	})
}
