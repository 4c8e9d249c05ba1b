package statement

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/messages"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

const hexA = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" // SHA-256 of "a"

// good is a statement; tests spoil one place of it.
const good = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"` + hexA + `"}}],` +
	`"predicateType":"https://example.com/p/v1","predicate":{"run":9007199254740993,"list":[1,{"a":2}]}}`

// spoil replaces the one old in good.
func spoil(t *testing.T, old, new string) string {
	t.Helper()
	if strings.Count(good, old) != 1 {
		t.Fatalf("%q is not once in %s", old, good)
	}
	return strings.Replace(good, old, new, 1)
}

func wantCode(t *testing.T, name, payload string, code fault.Code) {
	t.Helper()
	got, err := Parse([]byte(payload))
	f := fault.Of(err)
	if err == nil || f.Code != code || f.Kind != fault.Refused || !reflect.DeepEqual(got, Statement{}) {
		t.Errorf("%s: got %v (%s), want %s", name, err, f.Code, code)
	}
	if err != nil {
		messages.Plain(t, err.Error())
	}
}

func wantParses(t *testing.T, name, payload string) Statement {
	t.Helper()
	s, err := Parse([]byte(payload))
	if err != nil {
		t.Errorf("%s: got %v, want nil", name, err)
	}
	return s
}

func TestParse_reads_what_was_signed(t *testing.T) {
	payload := []byte(good)
	got, err := Parse(payload)
	want := Statement{
		Type:          TypeV1,
		Subject:       []Descriptor{{Name: "a", Digest: map[string]string{"sha256": hexA}}},
		PredicateType: "https://example.com/p/v1",
		Predicate:     json.RawMessage(`{"run":9007199254740993,"list":[1,{"a":2}]}`),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if string(payload) != good {
		t.Error("Parse wrote to its argument")
	}
	clear(payload)
	if !reflect.DeepEqual(got, want) {
		t.Error("the statement changes with the bytes it was read from")
	}
}

func TestParse_accepts_the_rest_of_the_specification(t *testing.T) {
	wantParses(t, "white space", " \n{ \"_type\" : "+good[len(`{"_type":`):]+"\r\n\t ")
	wantParses(t, "descriptor", spoil(t, `"name":"a"`, `"uri":"pkg:x","downloadLocation":"https://x","mediaType":"t","content":"AA==","annotations":{"a":{"b":[1,null]}}`))
	wantParses(t, "escapes", spoil(t, `"name"`, `"n\u0061me"`))
	s := wantParses(t, "spaces around the predicate", spoil(t, `"predicate":{`, "\"predicate\" \n: \t{"))
	if got, want := string(s.Predicate), `{"run":9007199254740993,"list":[1,{"a":2}]}`; got != want {
		t.Errorf("predicate = %s, want %s", got, want)
	}
}

// In proto3 JSON, null and absent are one; so are an empty predicate and none.
func TestParse_null_is_absent(t *testing.T) {
	const predicate = `,"predicate":{"run":9007199254740993,"list":[1,{"a":2}]}`
	for name, p := range map[string]string{"absent": "", "null": `,"predicate":null`, "empty": `,"predicate":{}`} {
		if s := wantParses(t, name, spoil(t, predicate, p)); string(s.Predicate) != "{}" {
			t.Errorf("%s: predicate = %s, want {}", name, s.Predicate)
		}
	}
	want := wantParses(t, "no name", spoil(t, `"name":"a",`, ""))
	for _, member := range []string{"name", "uri", "content", "downloadLocation", "mediaType", "annotations"} {
		got := wantParses(t, member+" null", spoil(t, `"name":"a"`, `"`+member+`":null`))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s null: got %+v, want %+v", member, got, want)
		}
	}
	for _, member := range []string{`"_type":null,"x"`, `"predicateType":null,"x"`, `"subject":null,"x"`} {
		if _, err := Parse([]byte(strings.Replace(good, `{"_type"`, `{`+member, 1))); err == nil {
			t.Errorf("%s is read", member)
		}
	}
	wantCode(t, "digest null", spoil(t, `"digest":{"sha256":"`+hexA+`"}`, `"digest":null`), fault.Malformed)
	wantCode(t, "null twice", spoil(t, `"name":"a"`, `"name":null,"name":"a"`), fault.Malformed)
	wantCode(t, "predicate null twice", spoil(t, `"predicate":{`, `"predicate":null,"predicate":{`), fault.Malformed)
}

func TestB02_unknown_or_missing_type(t *testing.T) {
	v1 := `"https://in-toto.io/Statement/v1"`
	for name, typ := range map[string]string{
		"empty": `""`, "v9.9": `"https://in-toto.io/Statement/v9.9"`, "array": `[` + v1 + `]`, "number": `1`, "null": `null`, "object": `{}`,
		"case": `"https://in-toto.io/statement/v1"`, "slash": `"https://in-toto.io/Statement/v1/"`, "space": `"https://in-toto.io/Statement/v1 "`, "http": `"http://in-toto.io/Statement/v1"`,
	} {
		wantCode(t, name, spoil(t, v1, typ), fault.Statement)
	}
	wantCode(t, "absent", spoil(t, `"_type":`+v1+`,`, ""), fault.Statement)
	wantParses(t, "v1", good)
	if s := wantParses(t, "v0.1", spoil(t, v1, `"https://in-toto.io/Statement/v0.1"`)); s.Type != TypeV01 {
		t.Errorf("type = %q, want %q", s.Type, TypeV01)
	}
}

func TestB03_no_predicate_type(t *testing.T) {
	typ := `"predicateType":"https://example.com/p/v1"`
	wantCode(t, "empty", spoil(t, typ, `"predicateType":""`), fault.Statement)
	wantCode(t, "absent", spoil(t, typ+",", ""), fault.Statement)
	wantCode(t, "array", spoil(t, typ, `"predicateType":["https://example.com/p/v1"]`), fault.Malformed)
	wantParses(t, "there", good)
}

func TestB04_payload_that_is_no_statement(t *testing.T) {
	for _, p := range []string{
		"", " ", "\n", "null", "42", `"str"`, "[]", "true", `{"predicate":1}`, "{", "}", "{}}", good + "x", good + "{}", good + good, good + "\x00",
		good[:len(good)-1], good[:len(good)/2], "\ufeff" + good, "[" + good + "]", "hello", "{]", `{"_type"}`, `{"_type":}`, `{,}`, `{"a":1,}`, "//\n" + good,
	} {
		wantCode(t, fmt.Sprintf("%.60q", p), p, fault.Malformed)
	}
	for _, c := range [][2]string{
		{`"name":"a"`, "\"name\":\"\xff\""}, {`"name":"a"`, `"name":"\ud800"`}, {`"name":"a"`,
			"\"name\":\"\x01\""}, {`"name":"a"`, `"name":1`},
		{`{"a":2}`, "{\"\xc0\x80\":2}"}, {`{"a":2}`, "{'a':2}"}, {`{"a":2}`, "{a:2}"}, {`{"a":2}`, `{"a":02}`}, {`{"a":2}`, `{"a":NaN}`}, {`{"a":2}`, `{"a":2,}`},
		{`"predicate":{`, `"predicate":[{`}, {`"subject":[`, `"subject":{},"x":[`}, {`{"name":"a",`, `1,{"name":"a",`},
		{`{"sha256":`, `["sha256"],"x":{"sha256":`}, {`"` + hexA + `"`, "1"}, {`"name":"a"`, `"annotations":[]`}, {`"name":"a"`, `"content":{}`},
	} {
		wantCode(t, c[1], spoil(t, c[0], c[1]), fault.Malformed)
	}
	wantParses(t, "untouched", good)
}

func TestB04_duplicate_and_folded_keys(t *testing.T) {
	for _, c := range [][2]string{
		{`{"_type"`, `{"_type":"https://in-toto.io/Statement/v1","_type"`},
		{`"subject"`, `"subject":[],"subject"`},
		{`"subject"`, `"Subject":[],"subject"`},
		{`"subject"`, `"\u0073ubject":[],"subject"`},
		{`"subject"`, `"ſubject":[],"subject"`},
		{`"predicateType"`, `"predicatetype":"x","predicateType"`},
		{`"predicate":`, `"PREDICATE":{},"predicate":`},
		{`"subject"`, `"Subject"`},
		{`"name"`, `"Name":"b","name"`},
		{`"name"`, `"name":"b","name"`},
		{`"digest"`, `"Digest":{},"digest"`},
		{`{"sha256"`, `{"sha256":"` + strings.Repeat("0", 64) + `","sha256"`},
		{`{"a":2}`, `{"a":2,"a":2}`},
		{`{"a":2}`, `{"a":2,"\u0061":3}`},
		{`{"run"`, `{"run":1,"run"`},
		{`{"name":"a"`, `{"annotations":{"x":1,"x":2}`},
	} {
		wantCode(t, c[1], spoil(t, c[0], c[1]), fault.Malformed)
	}
	wantParses(t, "predicates may have keys that differ in case", spoil(t, `{"a":2}`, `{"a":2,"A":3}`))
	wantParses(t, "the same key in two objects", spoil(t, `{"a":2}`, `{"a":{"a":{"a":1}},"b":{"a":1}}`))
}

func TestB04_unknown_members(t *testing.T) {
	wantCode(t, "of the statement", spoil(t, `"subject"`, `"critical":true,"subject"`), fault.Malformed)
	wantCode(t, "of a subject", spoil(t, `"name"`, `"critical":true,"name"`), fault.Malformed)
	wantParses(t, "of the predicate", spoil(t, `{"run"`, `{"critical":true,"run"`))
}

func TestB09_numbers_stay_as_they_were_written(t *testing.T) {
	for _, n := range []string{"9007199254740993", "9007199254740992", "1e400", "-0", "0.1000", "1E+2"} {
		s := wantParses(t, n, spoil(t, "9007199254740993", n))
		if !strings.Contains(string(s.Predicate), `"run":`+n+`,`) {
			t.Errorf("predicate = %s, want number %s in it", s.Predicate, n)
		}
	}
}

func TestB09_depth_and_size(t *testing.T) {
	nested := func(n int) string {
		return spoil(t, `{"a":2}`, strings.Repeat("[", n)+strings.Repeat("]", n))
	}
	wantParses(t, "deepest", nested(MaxDepth-3))
	wantCode(t, "deeper", nested(MaxDepth-2), fault.Limit)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wantCode(t, "100,000 arrays", nested(100_000), fault.Limit)
	wantCode(t, "100,000 open arrays", strings.Repeat("[", 100_000), fault.Malformed)
	wantCode(t, "100,000 objects", spoil(t, `{"a":2}`, strings.Repeat(`{"a":`, 100_000)), fault.Limit)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("deep nesting took %d bytes, want at most 64 MiB", n)
	}
	padding := func(n int) string { return good + strings.Repeat(" ", n-len(good)) }
	wantParses(t, "largest", padding(MaxBytes))
	wantCode(t, "larger", padding(MaxBytes+1), fault.Limit)
}

func TestO02_subjects_and_digests_are_counted(t *testing.T) {
	one := `{"name":"a","digest":{"sha256":"` + hexA + `"}}`
	wantParses(t, "most subjects", spoil(t, one, one+strings.Repeat(","+one, MaxSubjects-1)))
	wantCode(t, "more subjects", spoil(t, one, one+strings.Repeat(","+one, MaxSubjects)), fault.Limit)
	wantCode(t, "no subject", spoil(t, one, ""), fault.SubjectMismatch)
	wantCode(t, "subject absent", spoil(t, `"subject":[`+one+`],`, ""), fault.SubjectMismatch)
	digests := func(n int) string {
		var more strings.Builder
		for i := range n - 1 {
			fmt.Fprintf(&more, `"x%d":"0",`, i)
		}
		return spoil(t, `{"sha256"`, "{"+more.String()+`"sha256"`)
	}
	wantParses(t, "most digests", digests(MaxSubjectDigests))
	wantCode(t, "more digests", digests(MaxSubjectDigests+1), fault.Limit)
}

func TestE03_digest_of_another_length(t *testing.T) {
	entry := `"sha256":"` + hexA + `"`
	for name, digest := range map[string]string{
		"40 digits":           `"sha256":"` + hexA[:40] + `"`,
		"128 digits":          `"sha256":"` + hexA + hexA + `"`,
		"63 digits":           `"sha256":"` + hexA[1:] + `"`,
		"none":                `"sha256":""`,
		"not hexadecimal":     `"sha256":"g` + hexA[1:] + `"`,
		"prefix":              `"sha256":"sha256:` + hexA[7:] + `"`,
		"truncated SHA-512":   `"sha512":"` + hexA + `"`,
		"commit, other case":  entry + `,"gitcommit":"` + hexA[:40] + `"`,
		"other case":          `"SHA256":"` + hexA + `"`,
		"other case as well":  `"Sha256":"` + strings.Repeat("0", 64) + `",` + entry,
		"good one beside bad": entry + `,"sha512":"` + hexA + `"`,
		"empty set":           ``,
	} {
		wantCode(t, name, spoil(t, entry, digest), fault.SubjectMismatch)
	}
	wantCode(t, "no set", spoil(t, `,"digest":{`+entry+`}`, ""), fault.SubjectMismatch)
	for name, digest := range map[string]string{
		"SHA-256": entry, "SHA-512": `"sha512":"` + hexA + hexA + `"`, "SHA-1": `"sha1":"` + hexA[:40] + `"`,
		"SHA-1 commit": `"gitCommit":"` + hexA[:40] + `"`, "short commit": entry +
			`,"gitCommit":"abc1234"`, "SHA-1 of nobody": entry + `,"sha1":"?"`, "SHA-256 commit": `"gitCommit":"` +
			hexA + `"`, "other": `"dirHash1":"h1:x="`,
	} {
		wantParses(t, name, spoil(t, entry, digest))
	}
}

// A map of digests has no order; which of two bad ones is named must not depend
// on it.
func TestE03_the_same_digest_is_named_each_time(t *testing.T) {
	p := spoil(t, `"sha256":"`+hexA+`"`, `"sha512":"1","sha256":"2","sha1":"3","sha384":"4"`)
	for range 50 {
		if _, err := Parse([]byte(p)); err == nil || !strings.Contains(err.Error(), "sha256") {
			t.Fatalf("got %v, want an error about sha256", err)
		}
	}
}

func TestE03_upper_case_is_named(t *testing.T) {
	entry := `"sha256":"` + hexA + `"`
	for name, digest := range map[string]string{"SHA-256": strings.Replace(entry, hexA, strings.ToUpper(hexA), 1),
		"SHA-512 beside it": entry + `,"sha512":"` + strings.ToUpper(hexA+hexA) + `"`} {
		p := spoil(t, entry, digest)
		wantCode(t, name, p, fault.Statement)
		if _, err := Parse([]byte(p)); err == nil || !strings.Contains(err.Error(), "upper case") {
			t.Errorf("%s: got %v, want it to say upper case", name, err)
		}
	}
	wantParses(t, "lower case", good)
}

func TestBatches(t *testing.T) {
	for n, want := range map[int][]int{0: nil, 1: {1}, MaxSubjects: {MaxSubjects}, MaxSubjects + 1: {MaxSubjects, 1}, 3*MaxSubjects + 7: {MaxSubjects, MaxSubjects, MaxSubjects, 7}} {
		all := make([]subject.Subject, n)
		for i := range all {
			all[i].Name = fmt.Sprint(i)
		}
		var sizes []int
		var joined []subject.Subject
		for _, b := range Batches(all) {
			sizes = append(sizes, len(b))
			joined = append(joined, b...)
		}
		if !reflect.DeepEqual(sizes, want) || n > 0 && !reflect.DeepEqual(joined, all) {
			t.Errorf("Batches of %d have %v, want %v, in order", n, sizes, want)
		}
	}
}

func subjects(n int) []subject.Subject {
	list := make([]subject.Subject, n)
	for i := range list {
		list[i] = subject.Subject{Name: fmt.Sprintf("dist/file-%d.tar.gz", i), Digest: subject.SHA256([32]byte{byte(i), byte(i >> 8)})}
	}
	return list
}

func TestNew_writes_what_Parse_reads(t *testing.T) {
	list := subjects(MaxSubjects)
	list[0].Name = `<"\` + "\u00e9\n"
	b, err := New(list, "https://example.com/p/v1", []byte(`{"a":[1,2.50]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range s.Subject {
		if d.Name != list[i].Name || d.Digest["sha256"] != list[i].Digest.Hex() {
			t.Errorf("subject %d = %+v, want %+v", i, d, list[i])
		}
	}
	if got := string(s.Predicate); got != `{"a":[1,2.50]}` {
		t.Errorf("predicate = %s", got)
	}
}

func TestNew_refuses_what_Parse_would_refuse(t *testing.T) {
	one := subjects(1)
	for name, c := range map[string]struct {
		subjects  []subject.Subject
		typ, pred string
		code      fault.Code
	}{
		"no subject":    {nil, "t", "{}", fault.SubjectMismatch},
		"many subjects": {subjects(MaxSubjects + 1), "t", "{}", fault.Limit},
		"no type":       {one, "", "{}", fault.Config},
		"no predicate":  {one, "t", "", fault.Malformed},
		"array":         {one, "t", "[]", fault.Malformed},
		"null":          {one, "t", "null", fault.Malformed},
		"key twice":     {one, "t", `{"a":1,"a":1}`, fault.Malformed},
		"trailing":      {one, "t", `{} {}`, fault.Malformed},
		"truncated":     {one, "t", `{"a":`, fault.Malformed},
		"deep":          {one, "t", `{"a":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + "}", fault.Limit},
		"large":         {one, "t", "{" + strings.Repeat(" ", MaxBytes) + "}", fault.Limit},
	} {
		if b, err := New(c.subjects, c.typ, []byte(c.pred)); fault.Of(err).Code != c.code || b != nil {
			t.Errorf("%s: got %.80q, %v, want %s", name, b, err, c.code)
		}
	}
	if _, err := New(one, "t", []byte("{}")); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "/v1", "/v0.1", 1)))
	f.Add([]byte(strings.Replace(good, `{"a":2}`, `{"a":2,"\u0061":3}`, 1)))
	f.Add([]byte(strings.Replace(good, `"name":"a"`, `"uri":"x","annotations":{"a":[]}`, 1)))
	f.Add([]byte(`{"predicate":1}`))
	if b, err := New(subjects(3), ProvenanceV1, []byte(slsa)); err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := Parse(payload)
		if err != nil {
			return
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("encoding what was parsed: %v", err)
		}
		again, err := Parse(b)
		if err != nil {
			t.Fatalf("what was parsed and encoded does not parse: %v", err)
		}
		// Encoding takes white space and some escapes from the predicate.
		s.Predicate, again.Predicate = canonical(t, s.Predicate), canonical(t, again.Predicate)
		if !reflect.DeepEqual(s, again) {
			t.Errorf("got %+v, want %+v", again, s)
		}
		checkDoubled(t, payload)
	})
}

func canonical(t *testing.T, b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkDoubled adds a member that payload has already: no such payload parses.
func checkDoubled(t *testing.T, payload []byte) {
	text := strings.TrimRight(string(payload), " \t\r\n")
	doubled := strings.TrimSuffix(text, "}") + `,"_type":"` + TypeV1 + `"}`
	if _, err := Parse([]byte(doubled)); err == nil {
		t.Errorf("%q parses", doubled)
	}
}

func BenchmarkParse1000(b *testing.B) {
	payload, err := New(subjects(1000), ProvenanceV1, []byte(slsa))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(payload); err != nil {
			b.Fatal(err)
		}
	}
}
