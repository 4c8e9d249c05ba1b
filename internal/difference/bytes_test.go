package difference_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/difference"
)

func TestN04_what_is_shown_of_two_long_texts_holds_where_they_part(t *testing.T) {
	t.Parallel()
	long := "/home/runner/work/" + strings.Repeat("directory/", 30)
	for name, of := range map[string]func(s string) string{
		"a path in a program": func(s string) string {
			return "\x7f\x00\x01" + long + s + "\x00" + strings.Repeat(s,
				40)
		},
		"a line of a text": func(s string) string { return "built in " + long + s + "\n" },
	} {
		a, b := of("one/main.c"), of("three/main.c")
		r, err := difference.Compare("app", strings.NewReader(a), strings.NewReader(b))
		if err != nil || r.First == nil {
			t.Fatalf("%s: %v, %v", name, r, err)
		}
		x, y := r.First.A, r.First.B
		if x.Value == y.Value || !strings.Contains(x.Value, "one/") || !strings.Contains(y.Value, "three/") ||
			len(x.Value) > 130 {
			t.Errorf("%s: %q and %q", name, x.Value, y.Value)
		}
		for i, h := range []string{x.Hex, y.Hex} {
			raw, err := hex.DecodeString(h)
			if want := []string{"one/", "three/"}[i]; err != nil || !strings.Contains(string(raw), want) {
				t.Errorf("%s: %q does not show %q", name, raw, want)
			}
		}
	}
}
