package strictjson

import (
	"strings"
	"testing"
)

func TestCanonical_has_one_form(t *testing.T) {
	type inner struct {
		Z string         `json:"z"`
		A []int          `json:"a,omitempty"`
		M map[string]int `json:"m"`
	}
	v := struct {
		B inner   `json:"b"`
		A string  `json:"a"`
		N bool    `json:"n"`
		P *inner  `json:"p"`
		L []inner `json:"l,omitempty"`
	}{inner{"</\u2028\b\u00e9", []int{}, map[string]int{"y": 1, "x": 2}}, "", false, &inner{}, nil}
	got, err := Canonical(v)
	want := `{"b":{"m":{"x":2,"y":1},"z":"</` + "\u2028" + `\b` + "\u00e9" + `"},"p":{}}`
	if err != nil || string(got) != want {
		t.Errorf("got %s (%v)\nwant %s", got, err, want)
	}
	v.A = "\xff"
	if b, err := Canonical(v); err == nil {
		t.Errorf("got %s of a text that is not UTF-8, want an error", b)
	}
}

func TestDecodeExact_refuses_what_the_struct_does_not_have(t *testing.T) {
	type into struct {
		A string `json:"a"`
	}
	for doc, want := range map[string]string{
		`{"a":"x"}`:         "",
		`{"a":"x","b":1}`:   `member "b" of it is not known`,
		`{"A":"x"}`:         `member "A" of it is not known`,
		`{"a":"x","a":"x"}`: "duplicate",
		`{"a":1}`:           "mistyped",
		`[]`:                "it",
	} {
		var x into
		err := DecodeExact([]byte(doc), 4, "it", &x)
		switch {
		case want == "" && (err != nil || x.A != "x"):
			t.Errorf("%s: %+v, %v; want it read", doc, x, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", doc, err, want)
		}
	}
}

// A type that reads its own texts says what is wrong with one.
func TestDecode_tells_what_a_text_is_not(t *testing.T) {
	var x struct {
		W word `json:"w"`
	}
	err := Decode([]byte(`{"w":"no"}`), 4, "it", &x)
	if want := `mistyped member "w" of it: "no" is not the word`; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
