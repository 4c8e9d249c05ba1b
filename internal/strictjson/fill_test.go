package strictjson

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
)

// either is a text or an object with a name.
type either struct{ name string }

func (e *either) FillFrom(r *Reader) error {
	if r.Peek() == String {
		return r.Fill(&e.name)
	}
	var x struct {
		Name string `json:"name"`
	}
	err := r.Fill(&x)
	e.name = x.Name
	return err
}

type filled struct {
	Name   string            `json:"name"`
	Max    string            `json:"max_severity"`
	N      int               `json:"n"`
	Yes    bool              `json:"yes"`
	Maybe  *bool             `json:"maybe"`
	Score  Literal           `json:"score"`
	Raw    Raw               `json:"raw"`
	List   []filled          `json:"list"`
	Words  []string          `json:"words"`
	Map    map[string]string `json:"map"`
	Time   time.Time         `json:"time"`
	Either either            `json:"either"`
	Plain  struct{ Inner string }
}

func TestFill_reads_every_kind_in_one_pass(t *testing.T) {
	yes := true
	for doc, want := range map[string]filled{
		`{"name":"a\u0062","n":5,"yes":true,"maybe":true,"other":{"x":[1]}}`: {Name: "ab", N: 5, Yes: true, Maybe: &yes},
		`{"score":7.50,"raw":{"a": [1]},"words":["x","y"],"map":{"k":"v"}}`:  {Score: "7.50", Raw: Raw(`{"a": [1]}`), Words: []string{"x", "y"}, Map: map[string]string{"k": "v"}},
		`{"score":"7.5","list":[{"name":"i"},{"n":1}],"words":[]}`:           {Score: "7.5", List: []filled{{Name: "i"}, {N: 1}}},
		`{"name":null,"list":null,"time":null,"either":"e","Plain":{"Inner":"p"}}`: {Either: either{"e"},
			Plain: struct{ Inner string }{"p"}},
		`{"either":{"name":"o"},"time":"2026-01-02T03:04:05.5+01:00"}`: {Either: either{"o"},
			Time: time.Date(2026, 1, 2, 2, 4, 5, 500_000_000, time.UTC)},
	} {
		var got filled
		if err := Fill([]byte(doc), Limits{Depth: 9}, "it", &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", doc, got, err, want)
		}
	}
}

func TestFill_refuses_what_two_readers_could_read_differently(t *testing.T) {
	for doc, want := range map[string]string{
		`{"name":"a","name":"b"}`:             "duplicate",
		`{"other":{"a":1,"\u0061":2}}`:        "duplicate",
		`{"Name":"a"}`:                        `member "Name" of it is called "Name" there, want "name"`,
		`{"list":[{"NAME":"a"}]}`:             `want "name"`,
		`{"maxSeverity":"a"}`:                 `want "max_severity"`,
		"{\"wor\u017f\":1,\"word\u017f\":[]}": `want "words"`,
		`{"name":1}`:                          `mistyped member "name" of it, a JSON number, want string`,
		`{"n":1.5}`:                           `want a whole number`,
		`{"n":"1"}`:                           `want a whole number`,
		`{"yes":"true"}`:                      `want boolean`,
		`{"words":{}}`:                        `want array`,
		`{"words":["a",1]}`:                   `member "words.1" of it`,
		`{"map":[]}`:                          `want object`,
		`{"score":{}}`:                        `want string`,
		`{"time":"yesterday"}`:                `want a time of RFC 3339`,
		`{"time":5}`:                          `want string`,
		`[]`:                                  `it is a JSON array, want object`,
		`{} {}`:                               `more bytes follow`,
		`{"name":"a"`:                         `ends in the middle`,
		"{\"name\":\"\xff\"}":                 `no UTF-8`,
		"{\"other\":\"\xff\"} ":               `no UTF-8`,
		`{"a":[[[[1]]]]}`:                     `deeper than 4 levels`,
		``:                                    `empty`,
	} {
		var got filled
		err := Fill([]byte(doc), Limits{Depth: 4}, "it", &got)
		if err == nil || !strings.Contains(err.Error(), want) || fault.Of(err).Kind != fault.Refused {
			t.Errorf("%s: %v, want %q", doc, err, want)
			continue
		}
		messages.Plain(t, err.Error())
	}
}

func TestFill_refuses_unknown_members_where_every_one_has_to_be_known(t *testing.T) {
	var got filled
	if err := Fill([]byte(`{"list":[{"nome":"a"}]}`), Limits{Depth: 9, Exact: true}, "it", &got); err == nil ||
		!strings.Contains(err.Error(), `member "list.0.nome" of it is not known`) {
		t.Errorf("error = %v", err)
	}
}

func TestFill_holds_no_more_than_it_may(t *testing.T) {
	doc := `{"list":[` + strings.Repeat("{},", 99) + `{}]}`
	size := int(reflect.TypeFor[filled]().Size())
	var got filled
	if err := Fill([]byte(doc), Limits{Depth: 9, Held: 100 * size}, "it", &got); err != nil || len(got.List) != 100 {
		t.Errorf("%d elements, %v, want 100", len(got.List), err)
	}
	got = filled{}
	wantCode(t, "one byte less", Fill([]byte(doc), Limits{Depth: 9, Held: 100*size - 1}, "it", &got), fault.Limit)
	wantCode(t, "a map", Fill([]byte(`{"map":{"a":"b"}}`), Limits{Depth: 9, Held: 8}, "it", &got), fault.Limit)
}

func TestOutline_tells_documents_apart(t *testing.T) {
	for text, want := range map[string]Shape{
		`{"a":{"b":1},"c":["d",{"e":2}],"f\u0067":"h:i"}`: {First: Object, Members: []string{"a", "c", "fg"}},
		"{\"a\":1}\n{\"b\":2}":                            {First: Object, Members: []string{"a"}, Many: true},
		`["a",{"b":1}]`:                                   {First: Array},
		`"a\"b"`:                                          {First: String},
		`{"a":"}{\\"}`:                                    {First: Object, Members: []string{"a"}},
		``:                                                {},
	} {
		got, err := Outline([]byte(text), 3)
		if got.First != want.First || !reflect.DeepEqual(got.Members, want.Members) || got.Many != want.Many || err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	if _, err := Outline([]byte(`[[[]]]`), 2); fault.Of(err).Code != fault.Limit {
		t.Errorf("three levels: %v, want E_LIMIT", err)
	}
}

// FuzzFill holds what is read against the standard library's reader, which takes more.
func FuzzFill(f *testing.F) {
	for _, s := range []string{`{"name":"a","n":1}`, `{"words":["a"],"list":[{"map":{"a":"b"}}]}`, `{"Name":"a"}`, `{"n":1e2}`} {
		f.Add([]byte(s))
	}
	type plain struct {
		Name  string            `json:"name"`
		N     int               `json:"n"`
		Yes   bool              `json:"yes"`
		Words []string          `json:"words"`
		Map   map[string]string `json:"map"`
		List  []struct {
			Name string `json:"name"`
		} `json:"list"`
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want plain
		if Fill(text, Limits{Depth: 20}, "it", &got) != nil {
			return
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is read here, and elsewhere: %v", text, err)
		}
		if len(want.Words) == 0 {
			want.Words = nil
		}
		if len(want.List) == 0 {
			want.List = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\n got %+v\nwant %+v", text, got, want)
		}
	})
}
