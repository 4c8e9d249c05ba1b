package change

import (
	"slices"
	"testing"
)

// Whoever is named in a trailer is found, wherever the trailer stands.
func TestI03_co_authors(t *testing.T) {
	for message, want := range map[string][]string{
		"title":                            nil,
		"title\n\nCo-authored-by: B <b@x>": {"b@x"},
		"title\n\nSigned-off-by: A <a@x>\nCO-AUTHORED-BY:B <b@x>\nRef: 1":   {"b@x"},
		"title\n\nco-authored-by: B <b@x>\nCo-Authored-By: C <c@x>\n":       {"b@x", "c@x"},
		"title\r\n\r\nCo-authored-by: B <b@x>\r\n":                          {"b@x"},
		"Co-authored-by: B <b@x>":                                           {"b@x"},
		"title\n\n  Co-authored-by : B <b@x>\n\nnot the last paragraph":     {"b@x"},
		"title\n\nCo-authored-by: B\n <b@x>":                                {"b@x"},
		"title\n\nCo-authored-by: b@x":                                      {"b@x"},
		"title\n\nCo-authored-by: B <b@x>, C <c@x>":                         {"b@x", "c@x"},
		"title\n\nCo-authored-by: B <b@x>; C <c@x> and D <d@x>":             {"b@x", "c@x", "d@x"},
		"title\n\nCo-authored-by: B <b@x>, C":                               {"B <b@x>, C"},
		"title\n\nCo-authored-by: B <>":                                     {"B <>"},
		"title\n\nCo-authored-by:":                                          {""},
		"title\n\nthanks to Co-authored-by: B <b@x>":                        nil,
		"title\n\nCo-authored-by: B <b@x>\n Co-authored-by: C <c@x>\n more": {"b@x", "C <c@x> more"},
		"title\n\nCo-authored-by: A <b@y> <b@x>":                            {"A <b@y> <b@x>"},
	} {
		if got := coAuthors(message); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

func FuzzI03_co_authors(f *testing.F) {
	f.Add("title\n\nCo-authored-by: B <b@x>\n folded")
	f.Fuzz(func(t *testing.T, message string) {
		before := len(coAuthors(message))
		if after := len(coAuthors(message + "\n\nCo-authored-by: Z <z@z>")); after != before+1 {
			t.Errorf("%q: %d co-authors, and %d with one more", message, before, after)
		}
	})
}
