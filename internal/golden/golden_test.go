package golden_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/golden"
)

// A record is a test that only notes what it is told.
type record struct {
	testing.TB
	said []string
}

func (*record) Helper() {}

func (r *record) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func TestFile_says_the_first_line_that_differs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for made, want := range map[string]string{
		"one\ntwo\n": "", "one\n2\n": `page.md:2: got "2"`, "one\ntwo\nthree\n": `page.md:3: got "three"`, "one": `page.md:2: got nothing more, want "two"`,
	} {
		var r record
		golden.File(&r, path, []byte(made), false, "it again")
		if got := strings.Join(r.said, "; "); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: said %q, want %q", made, got, want)
		}
	}
	var r record
	if golden.File(&r, path+".new", []byte("one"), false, "it again"); len(r.said) != 1 {
		t.Errorf("without a file: said %q, want that there is none", r.said)
	}
	golden.File(t, path+".new", []byte("one"), true, "it again")
}
