package policy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/policy"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/subject"
	"github.com/sallyport-dev/sallyport/internal/verdict"
)

// filler gives every field that it can reach a value of its own.
type filler struct {
	t    *testing.T
	n    int
	zone *time.Location
}

func (f *filler) fill(v reflect.Value, path string) {
	f.n++
	switch x := v.Addr().Interface().(type) {
	case *subject.Digest:
		*x = subject.Sum([]byte(fmt.Sprint(f.n)))
		return
	case *time.Time:
		*x = time.Date(2026, 1, 2, 3, 4, f.n%60, 1000+f.n, f.zone)
		return
	case *json.RawMessage:
		*x = json.RawMessage(fmt.Sprintf("{ \"a\" : %d.0 ,\"<\":\"\\u0041\"}", f.n)) // not the form that any program writes
		return
	case **policy.Policy:
		*x = read(f.t, everything)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%s<&>%d\u2028\b", path, f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 + int64(f.n)%3) // enumerations have at least three words after zero, or two
		if v.Type() == reflect.TypeFor[statement.Log]() || v.Type() == reflect.TypeFor[policy.Known]() || v.Type() == reflect.TypeFor[policy.Bypass]() {
			v.SetInt(1 + int64(f.n)%2)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.fill(v.Index(i), path)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key, path)
		f.fill(value, path)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if sf := v.Type().Field(i); sf.IsExported() {
				f.fill(v.Field(i), path+"."+sf.Name)
			} else if sf.Name != "chain" && sf.Name != "stance" && sf.Name != "read" { // which are made of the others
				f.t.Errorf("%s.%s of %s is not exported, so no document has it", path, sf.Name, v.Type())
			}
		}
	default:
		f.t.Errorf("%s is a %s, which no document can hold", path, v.Type())
	}
}

// everything is a policy with everything that a policy takes from Words.
const everything = good + `    approvals:
      - group: leads
        count: 1
groups:
  leads:
    members: ["code:ada#11", "jobs:acme/leads#12", "jobs:@owner"]
    trust: annex
    sources: [workflow, review]
people:
  ada: ["code:ada#11"]
agents:
  known: true
  also: ["code:bot#5"]
approve-in:
  - issuer: https://ci.example
    repository: acme/app
    repository-id: 1001
    workflow: build/approve.yml
    refs: [refs/heads/main]
`

func TestInput_no_field_is_lost_when_it_is_kept(t *testing.T) {
	var in policy.Input
	(&filler{t: t, zone: time.UTC}).fill(reflect.ValueOf(&in).Elem(), "in")
	kept := again(t, in)
	if !reflect.DeepEqual(kept, in) {
		t.Errorf("read again:\n got %+v\nwant %+v", kept, in)
	}
}

func TestInput_every_time_is_kept_in_UTC(t *testing.T) {
	var in, there policy.Input
	(&filler{t: t, zone: time.UTC}).fill(reflect.ValueOf(&in).Elem(), "in")
	(&filler{t: t, zone: time.FixedZone("there", 2*60*60)}).fill(reflect.ValueOf(&there).Elem(), "in")
	raw, err := there.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(raw, []byte("+02:00")); i >= 0 {
		t.Errorf("a time of another zone is kept: …%s", raw[max(0, i-200):i+6])
	}
	if here, err := in.JSON(); err != nil || len(here) != len(raw) { // the twin: the same but for the hours
		t.Errorf("%d bytes (%v) with times in UTC, and %d in another zone", len(here), err, len(raw))
	}
}

// What a door says about a platform is kept as well, with every field of it.
func TestInput_what_a_policy_takes_from_outside_is_kept(t *testing.T) {
	full := words
	full.Forge = func(issuer string) (f policy.Forge, ok bool) {
		(&filler{t: t, zone: time.UTC}).fill(reflect.ValueOf(&f).Elem(), "forge")
		f.Issuer, f.Kind, f.Started, f.Host = issuer, "github", []string{"manual"}, "https://code.example"
		return f, true
	}
	full.Place = func(name string) (p policy.Place, ok bool) {
		(&filler{t: t, zone: time.UTC}).fill(reflect.ValueOf(&p).Elem(), "place")
		p.Roles = append(p.Roles, "owner")
		p.Host = "https://" + name + ".example"
		return p, true
	}
	p, err := policy.Read([]byte(everything), "policy.yaml", full)
	if err != nil {
		t.Fatal(err)
	}
	in := policy.Input{Policy: p, Environment: "production", Now: now}
	if kept := again(t, in); !reflect.DeepEqual(kept, in) {
		t.Errorf("read again:\n got %+v\nwant %+v", kept.Policy, in.Policy)
	}
}

// again is in, kept and read.
func again(t testing.TB, in policy.Input) policy.Input {
	t.Helper()
	raw, err := in.JSON()
	if err != nil {
		t.Fatalf("keeping the input: %v", err)
	}
	kept, err := policy.ReadInput(raw)
	if err != nil {
		t.Fatalf("reading the input again: %v\n%.2000s", err, raw)
	}
	return kept
}

// refusedInput wants raw to be refused, and returns the fault.
func refusedInput(t *testing.T, raw string) fault.Fault {
	t.Helper()
	_, err := policy.ReadInput([]byte(raw))
	if err == nil {
		t.Fatalf("%.300s is read, want it refused", raw)
	}
	return fault.Of(err)
}

func TestInput_only_the_document_that_is_written_is_read(t *testing.T) {
	in := input(read(t, good), built(t))
	raw, err := in.JSON()
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	edits := map[string]func(string) string{
		"a member that is not known": func(s string) string { return strings.Replace(s, `{"candidates"`, `{"also":1,"candidates"`, 1) },
		"a member of one that is not known": func(s string) string {
			return strings.Replace(s, `"protection":{`, `"protection":{"also":1,`, 1)
		},
		"a member twice":           func(s string) string { return strings.Replace(s, `{"candidates"`, `{"rules":1,"candidates"`, 1) },
		"a member in another case": func(s string) string { return strings.Replace(s, `"environment":`, `"Environment":`, 1) },
		"white space":              func(s string) string { return s + "\n" },
		"another order": func(s string) string {
			return strings.Replace(strings.Replace(s, `"rules":1,`, "", 1), `{"candidates"`, `{"rules":1,"candidates"`, 1)
		},
		"a statement that is missing": func(s string) string {
			return strings.Replace(s, `"statements":[{`, `"statements":[{"type":"x","predicate":"{}","predicateType":"y"},{`, 1)
		},
		"a fact of another statement": func(s string) string { return strings.Replace(s, `"statement":"sha256:`, `"statement":"sha512:`, 1) },
		"another way to write a text": func(s string) string { return strings.Replace(s, "production", `\u0070roduction`, 1) },
		"a zero that is left out":     func(s string) string { return strings.Replace(s, `{"candidates"`, `{"deciding":false,"candidates"`, 1) },
		"a time with an offset": func(s string) string {
			return strings.Replace(s, `"now":"2026-11-22T12:00:00Z"`, `"now":"2026-11-22T12:00:00+00:00"`, 1)
		},
		"a word that is not known":     func(s string) string { return strings.Replace(s, `"state":"protected"`, `"state":"Protected"`, 1) },
		"a number in place of a word":  func(s string) string { return strings.Replace(s, `"state":"protected"`, `"state":3`, 1) },
		"a digest in upper case":       func(s string) string { return strings.Replace(s, `"digest":"sha256:01`, `"digest":"SHA256:01`, 1) },
		"a policy that cannot be read": func(s string) string { return strings.Replace(s, `version: 1\n`, `version: 2\n`, 1) },
		"an issuer without its forge": func(s string) string {
			return strings.Replace(s, `"forges":{"https://ci.example"`, `"forges":{"https://ci.other"`, 1)
		},
		"another schema": func(s string) string { return strings.Replace(s, policy.InputSchema, "other", 1) },
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			if edit(doc) == doc {
				t.Fatalf("nothing was edited in %s", doc)
			}
			if f := refusedInput(t, edit(doc)); f.Kind == fault.Internal {
				t.Errorf("refused as %v, want it to be of the input", f.Err)
			}
		})
	}
	if _, err := policy.ReadInput(raw); err != nil { // the twin
		t.Errorf("the document as it was written: %v", err)
	}
}

func TestInput_of_other_rules_is_the_callers_turn(t *testing.T) {
	raw, err := input(read(t, good)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"2", "0", "1000"} {
		f := refusedInput(t, strings.Replace(string(raw), `"rules":1`, `"rules":`+version, 1))
		if f.Kind != fault.Usage || !strings.Contains(f.Error(), "version "+version+" of the rules") {
			t.Errorf("rules %s: kind %v, %q; want usage that names the version", version, f.Kind, f.Error())
		}
	}
}

func TestInput_that_no_document_can_hold_is_a_fault(t *testing.T) {
	in := input(read(t, good), built(t))
	in.PassedOver = []string{"\xff"}
	if _, err := in.JSON(); err == nil {
		t.Error("a text that is not UTF-8 is kept, want a fault")
	}
	in.PassedOver = []string{"\ufffd"}
	if kept := again(t, in); kept.PassedOver[0] != "\ufffd" { // the twin
		t.Errorf("got %q", kept.PassedOver)
	}
	in.Policy.Environments[0].Unguarded = true // which its file does not say
	for _, x := range []policy.Input{in, {Policy: &policy.Policy{}}, {}} {
		if _, err := x.JSON(); !errors.Is(err, policy.ErrUnread) {
			t.Errorf("error = %v, want %v", err, policy.ErrUnread)
		}
	}
}

func TestInput_names_the_list_of_known_agents_that_judged(t *testing.T) {
	in := input(read(t, everything))
	raw, err := in.JSON()
	if err != nil {
		t.Fatal(err)
	}
	member := fmt.Sprintf(`"agents":%d`, policy.KnownAgents().Version)
	f := refusedInput(t, strings.Replace(string(raw), member, `"agents":99`, 1))
	if f.Kind != fault.Usage || !strings.Contains(f.Error(), "version 99") {
		t.Errorf("a later list: %v, want usage that names its version", f.Err)
	}
}

// core is what the test below compares: the digests of an input and of its core.
func core(t testing.TB, in policy.Input) string {
	t.Helper()
	raw, err := in.JSON()
	if err != nil {
		t.Fatal(err)
	}
	c := policy.NewCore(&in, policy.Evaluate(in), subject.Sum(raw))
	b, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return subject.Sum(raw).String() + " " + string(b)
}

// judged is an input with many kinds of things in it.
func judged(t testing.TB) policy.Input {
	s := page(t, one(t), review(carol))
	return s.input(t)
}

func TestCore_is_the_same_in_another_process_language_and_time_zone(t *testing.T) {
	const child = "SALLYPORT_TEST_CORE"
	if os.Getenv(child) != "" {
		fmt.Printf("core %s\n", core(t, again(t, judged(t))))
		return
	}
	want := "core " + core(t, judged(t)) + "\n"
	for _, env := range [][]string{
		{"LANG=C", "TZ=UTC", "GOMAXPROCS=1"},
		{"LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "TZ=Pacific/Chatham", "GOMAXPROCS=7"},
	} {
		c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = slices.Concat(env, []string{child + "=1"})
		got, err := c.Output()
		if err != nil || !bytes.Contains(got, []byte(want)) {
			t.Errorf("with %v: %v\n got %s\nwant %s", env, err, got, want)
		}
	}
}

func TestCore_has_no_texts_and_says_every_outcome(t *testing.T) {
	in := input(read(t, good))
	v := policy.Evaluate(in)
	c := policy.NewCore(&in, v, subject.Sum(nil))
	b, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"outcome":"deny","policy":`, `"code":"E_EVIDENCE_MISSING","outcome":"deny"`, `"rules":1`, `"time":"2026-11-22T12:00:00Z"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the core has no %s: %s", want, b)
		}
	}
	for i := range v.Judgements {
		for k := range v.Judgements[i].Findings {
			f := &v.Judgements[i].Findings[k]
			f.Reason, f.Hint, f.Found, f.Wanted, f.Line = "another text", "another", "another", "another", 99
		}
	}
	c = policy.NewCore(&in, v, subject.Sum(nil))
	if got, err := c.Digest(); err != nil || got != subject.Sum(b) {
		t.Errorf("digest with other texts = %s (%v), want %s", got, err, subject.Sum(b))
	}
	v.Judgements[0].Findings[0].Outcome = verdict.Allow
	c = policy.NewCore(&in, v, subject.Sum(nil))
	if got, err := c.Digest(); err != nil || got == subject.Sum(b) { // the twin
		t.Errorf("digest with another outcome = %s (%v), want another one", got, err)
	}
}

// A document that was kept leads to the core that was kept with it, whatever has
// changed in this program since. Where it no longer does, Rules is another number.
func TestCore_of_what_was_kept_is_what_it_was(t *testing.T) {
	const input, want = "testdata/kept.input.json", "testdata/kept.core.json"
	if *update {
		in := judged(t)
		raw, err := in.JSON()
		if err != nil {
			t.Fatal(err)
		}
		c := policy.NewCore(&in, policy.Evaluate(in), subject.Sum(raw))
		b, err := c.JSON()
		if err := errors.Join(err, os.WriteFile(input, raw, 0o600), os.WriteFile(want, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	in, err := policy.ReadInput(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := policy.NewCore(&in, policy.Evaluate(in), subject.Sum(raw))
	got, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(want); err != nil || !bytes.Equal(got, b) {
		t.Errorf("core (%v)\n got %s\nwant %s", err, got, b)
	}
}

func TestInput_an_agent_that_is_listed_later_counts_for_nothing(t *testing.T) {
	text := naming(t, "{known: true}")
	s := made(t, text, policy.Maker{Email: "noreply@anthropic.com", Role: policy.CoAuthor, Where: "commit 4f2a91c"}, yes(alice, bob)...)
	wantAllowed(t, s.judge(t)) // the twin: by the list of today
	older := words
	older.Agents = -1 // a list that is older than every entry
	p, err := policy.Read([]byte(text), "policy.yaml", older)
	if err != nil {
		t.Fatal(err)
	}
	s.policy = p
	if got := s.judge(t).Outcome(); got != verdict.Wait {
		t.Errorf("outcome = %v by an older list, want %v: somebody unknown costs one more approval", got, verdict.Wait)
	}
}
