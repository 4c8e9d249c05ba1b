package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

func wantCode(t *testing.T, what string, err error, code fault.Code) {
	t.Helper()
	if f := fault.Of(err); err == nil || f.Code != code || f.Kind != fault.Refused {
		t.Errorf("%.60s: got %.300v (%s), want %s", what, err, f.Code, code)
	}
	if err != nil && len(err.Error()) > 1000 {
		t.Errorf("%.60s: an error of %d bytes", what, len(err.Error()))
	}
	if err != nil {
		messages.Plain(t, err.Error())
	}
}

func TestB04_what_two_readers_read_differently(t *testing.T) {
	for _, s := range []string{`{}`, `[]`, `1`, `"a"`, `null`, ` {"a":[{"a":1},{"a":2}]} `, `[[[]]]`, "\r\n\t[]\n"} {
		if err := Check([]byte(s), 3); err != nil {
			t.Errorf("Check(%q) = %v, want nil", s, err)
		}
	}
	for s, code := range map[string]fault.Code{
		`{"a":1,"a":1}`: fault.Malformed, `[{"a":1,"\u0061":1}]`: fault.Malformed, "": fault.Malformed, `{} {}`: fault.Malformed, `{}x`: fault.Malformed,
		"\"\xff\"": fault.Malformed, "\ufeff{}": fault.Malformed, `[1`: fault.Malformed, `[[[[]]]]`: fault.Limit, `{"a":{"a":{"a":{}}}}`: fault.Limit,
		`{"` + strings.Repeat("k", 5000) + `":{"a":1,"a":2}}`: fault.Malformed, `{"` + strings.Repeat("k", 5000) +
			`":1,"` + strings.Repeat("k", 5000) + `":2}`: fault.Malformed,
	} {
		wantCode(t, s, Check([]byte(s), 3), code)
	}
}

func TestCheckObject_wants_an_object(t *testing.T) {
	if err := CheckObject([]byte(` {"a":1} `), 3, "thing"); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", "[]", "null", `"{}"`, `{}{}`, `{"a":1,"a":1}`, "{"} {
		err := CheckObject([]byte(s), 3, "thing")
		wantCode(t, s, err, fault.Malformed)
		if s == "[]" && !strings.Contains(err.Error(), "thing is a JSON array, want object") {
			t.Errorf("got %v", err)
		}
	}
}

func TestUnfinished_text_is_named(t *testing.T) {
	whole := `{"a":[1,"b",{"c":null}]}`
	for i := 1; i < len(whole); i++ {
		if err := Check([]byte(whole[:i]+"\r\n"), 9); !errors.Is(err, ErrUnfinished) ||
			!strings.Contains(err.Error(), fmt.Sprintf("at byte %d", i)) {
			t.Errorf("%q and a line end: got %v, want it unfinished at byte %d", whole[:i], err, i)
		}
		err := Check([]byte(whole[:i]), 9)
		if !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), fmt.Sprintf("at byte %d", i)) {
			t.Errorf("%q: got %v, want it unfinished at byte %d", whole[:i], err, i)
		}
	}
	for _, s := range []string{whole, `{"a":}`, "", "x"} {
		if err := Check([]byte(s), 9); errors.Is(err, ErrUnfinished) {
			t.Errorf("%q: got %v", s, err)
		}
	}
}

func TestReader_goes_through_an_object(t *testing.T) {
	r := NewReader([]byte(`{"a":null,"\u0062":"x\n","c":[1, {"d" : 2} ],"e":"y"}`), 5)
	if err := r.Enter(Object, "it"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		name, more, err := r.Member()
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
		escaped := r.Escaped()
		null, err := r.Null()
		if err != nil {
			t.Fatal(err)
		}
		value := []byte("null")
		if !null {
			if value, err = r.Value(); err != nil {
				t.Fatal(err)
			}
		}
		got = append(got, fmt.Sprintf("%s %v %v %s", name, escaped, r.Escaped(), value))
	}
	want := []string{"a false false null", `b true true "x\n"`, `c false false [1, {"d" : 2} ]`, `e false false "y"`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := r.End(); err != nil {
		t.Error(err)
	}
}

// White space and byte order marks are nothing two readers differ about.
func TestValues_reads_what_white_space_separates(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, " \r\n\t": nil, "\ufeff": nil, "{}": {"1 {}"}, "\ufeff{}\r\n": {"1 {}"}, "{}\n\n[1]\n": {"1 {}",
			"3 [1]"}, "{} {}": {"1 {}", "1 {}"},
		"{\r\n\"a\": 1\r\n}\r\n{\n}": {"1 {\r\n\"a\": 1\r\n}", "4 {\n}"}, "{}\n\ufeff{}": {"1 {}",
			"2 {}"}, "{}\ufeff\n{}": {"1 {}", "2 {}"}, "1 2": {"1 1", "1 2"},
	} {
		values, err := Values([]byte(in), 5)
		if err != nil || len(values) != len(want) {
			t.Errorf("%q: %d values, %v; want %d", in, len(values), err, len(want))
			continue
		}
		for i, v := range values {
			if got := fmt.Sprintf("%d %s", v.Line, v.Bytes); got != want[i] {
				t.Errorf("%q: got %q, want %q", in, got, want[i])
			}
		}
	}
}

func TestB10_one_bad_value_is_an_error(t *testing.T) {
	for in, code := range map[string]fault.Code{
		"{}{}": fault.Malformed, "{}\n{": fault.Malformed, "{},{}": fault.Malformed, "{}\nx": fault.Malformed, "[[[[[[]]]]]]": fault.Limit, "{}\n[[[[[[]]]]]]": fault.Limit,
		"{}\n{\"a\":1,\"a\":1}": fault.Malformed, "{}\x00": fault.Malformed, "\xfe\xff{}": fault.Malformed, "{}\u00a0{}": fault.Malformed,
	} {
		_, err := Values([]byte(in), 5)
		wantCode(t, in, err, code)
	}
	_, err := Values([]byte("{}\n\n{\"a\":"), 5)
	if !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("got %v, want it unfinished in line 3", err)
	}
}

type inner struct {
	ID int `json:"id"`
}

type outer struct {
	Name  string            `json:"name"`
	Inner inner             `json:"inner"`
	All   []inner           `json:"all"`
	Notes map[string]string `json:"notes"`
}

func TestDecode_reads_known_members_and_passes_over_others(t *testing.T) {
	var got outer
	err := Decode([]byte(`{"name":"a","x":{"y":[]},"inner":{"id":5,"z":1},"all":[{"id":1}],"notes":{"a":"b","A":"c"}}`), 9, "thing", &got)
	if err != nil || got.Name != "a" || got.Inner.ID != 5 || len(got.All) != 1 || got.Notes["A"] != "c" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestB04_members_that_differ_in_case(t *testing.T) {
	for _, s := range []string{`{"Name":"a"}`, `{"name":"a","NAME":"b"}`, `{"inner":{"ID":1}}`, `{"all":[{"Id":1}]}`,
		`{"name":"a","name":"b"}`} {
		wantCode(t, s, Decode([]byte(s), 9, "thing", new(outer)), fault.Malformed)
	}
	for s, want := range map[string]string{
		`{"name":1}`: `member "name" of thing, a JSON number, want string`, `{"inner":{"id":"x"}}`: `member "inner.id" of thing, a JSON string, want a whole number`,
		`{"all":{}}`: `member "all" of thing, a JSON object, want array`, `{"notes":[]}`: `a JSON array, want object`,
	} {
		err := Decode([]byte(s), 9, "thing", new(outer))
		wantCode(t, s, err, fault.Malformed)
		if !errors.Is(err, ErrMistyped) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", s, err, want)
		}
	}
}

// FuzzValues holds what is read against the standard library's reader, which
// takes more: every value that is read here, it reads as well.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"{}", "{}\n[1]\n", "\ufeff{\"a\":1}\r\n2", "{}{}", `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := Values(text, 20)
		if err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(bytes.ReplaceAll(text, mark, nil)))
		for i, v := range values {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil || !bytes.Equal(bytes.ReplaceAll(v.Bytes, mark, nil), raw) {
				t.Fatalf("value %d of %q is %q, another reader has %q, %v", i, text, v.Bytes, raw, err)
			}
		}
		if d.More() {
			t.Fatalf("%q has more than %d values", text, len(values))
		}
	})
}

// What is wrong with a text is said in words of no library.
func TestO05_what_is_no_JSON_is_told_in_plain_words(t *testing.T) {
	for text, want := range map[string]string{
		"xyz ": `JSON: the character 'x' where a value begins at byte 0`, "{\"a\":1\xff} ": "after a member, want a comma or }",
		"{\"a\":\"\x00\"} ": `in a string at byte 6, in "/a"`, `{"\ud800":1} `: "an escape that stands for no character",
		"[1 2] ": "after an element, want a comma or ]", "{1:2} ": "object member name must be a string", "[truth] ": "in a word, want true, false or null",
	} {
		err := Check([]byte(text), 10)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
			continue
		}
		messages.Plain(t, err.Error())
	}
}
