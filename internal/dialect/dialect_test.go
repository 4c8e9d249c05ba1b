package dialect

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
)

// A sample is what a builder wrote, with what the certificate says that it was
// signed with.
type sample struct {
	From      string
	Signer    statement.Signer
	Statement struct {
		PredicateType string
		Predicate     map[string]any
	}
}

func load(t *testing.T, name string) sample {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var s sample
	if err := d.Decode(&s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

// with returns the sample with one member of its predicate changed; nil removes
// it.
func (s sample) with(member string, v any) sample {
	s.Statement.Predicate = edit(s.Statement.Predicate, strings.Split(member, "."), v)
	return s
}

func edit(o map[string]any, path []string, v any) map[string]any {
	out := maps.Clone(o)
	if out == nil {
		out = map[string]any{}
	}
	if len(path) > 1 {
		inner, _ := out[path[0]].(map[string]any)
		out[path[0]] = edit(inner, path[1:], v)
		return out
	}
	if v == nil {
		delete(out, path[0])
	} else {
		out[path[0]] = v
	}
	return out
}

func (s sample) get(member string) any {
	var v any = s.Statement.Predicate
	for _, name := range strings.Split(member, ".") {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

func (s sample) compare(t *testing.T, p Policy) (Dialect, *Difference) {
	t.Helper()
	b, err := json.Marshal(s.Statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	return Compare(s.Statement.PredicateType, b, s.Signer, p)
}

// text is the predicate of the sample.
func (s sample) text(t *testing.T) text {
	t.Helper()
	b, err := json.Marshal(s.Statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	out, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// policy is one under which the sample passes: it names the builder, where that
// takes a name, and every input.
func (s sample) policy(t *testing.T, d Dialect) Policy {
	t.Helper()
	p := Policy{Forge: d.Forge}
	if d.Builder == IsNamedByPolicy {
		id, _ := s.get(builderMember(d)).(string)
		p.Builder = id
	}
	for _, c := range d.Chosen {
		o, _ := s.get(c.Member).(map[string]any)
		for name := range o {
			if !known(name, c.Known) {
				p.Inputs = append(p.Inputs, c.Prefix+name)
			}
		}
	}
	return p
}

func builderMember(d Dialect) string {
	if d.Predicate == ProvenanceV02 {
		return v02Builder
	}
	return v1Builder
}

func buildTypeMember(d Dialect) string {
	if d.Predicate == ProvenanceV02 {
		return v02BuildType
	}
	return v1BuildType
}

// each runs f for every entry of the table that has a sample.
func each(t *testing.T, f func(t *testing.T, d Dialect, s sample, p Policy)) {
	t.Helper()
	for _, d := range Table {
		if d.Sample == "" {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			s := load(t, d.Sample)
			f(t, d, s, s.policy(t, d))
		})
	}
}

func TestTable_every_sample_agrees_with_its_certificate(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		got, diff := s.compare(t, p)
		if diff != nil || got.Name != d.Name {
			t.Errorf("%s: difference %+v in dialect %q, want none in %q", d.Sample, diff, got.Name, d.Name)
		}
	})
	for file, name := range map[string]string{"github-workflow-reusable.json": "GitHub workflow", "attest-before-1.3.json": "GitHub workflow, before 1.3"} {
		if got, diff := load(t, file).compare(t, Policy{Forge: GitHub}); diff != nil || got.Name != name {
			t.Errorf("%s: difference %+v in dialect %q, want none in %q", file, diff, got.Name, name)
		}
	}
}

// wrong are values that equal nothing.
var wrong = map[string]any{"another value": "x", "empty": "", "an object": map[string]any{}, "a list": []any{"x"}, "a fraction": json.Number("1.5"), "true": true}

func TestC08_every_member_with_a_counterpart_is_compared(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, e := range d.Equal {
			if !e.Optional {
				if _, diff := s.with(e.Member, nil).compare(t, p); diff == nil {
					t.Errorf("%s: absent passes", e.Member)
				}
			} else if s.get(e.Member) == nil && e.Want.Of(s.Signer) == "" {
				continue // the certificate has nothing to compare it with
			}
			for what, v := range wrong {
				if _, diff := s.with(e.Member, v).compare(t, p); diff == nil {
					t.Errorf("%s: %s passes", e.Member, what)
				}
			}
			if right := e.Want.Of(s.Signer); right != "" {
				if _, diff := s.with(e.Member, right).compare(t, p); diff != nil {
					t.Errorf("%s: %q does not pass: %+v", e.Member, right, diff)
				}
				if _, diff := s.with(e.Member, right+" ").compare(t, p); diff == nil {
					t.Errorf("%s: %q with a blank passes", e.Member, right)
				}
			}
		}
	})
}

func TestC08_null_is_absent_and_never_equal(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, e := range d.Equal {
			path := strings.Split(e.Member, ".")
			edited := edit(s.Statement.Predicate, path, json.RawMessage("null"))
			b, err := json.Marshal(edited)
			if err != nil {
				t.Fatal(err)
			}
			if _, diff := Compare(s.Statement.PredicateType, b, s.Signer, p); diff == nil != e.Optional {
				t.Errorf("%s: null gives %+v, want a difference: %v", e.Member, diff, !e.Optional)
			}
		}
	})
}

// What a certificate lacks, no text makes up for.
func TestC02_an_empty_certificate_equals_nothing(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		s.Signer = statement.Signer{}
		for _, e := range d.Equal {
			s = s.with(e.Member, "")
		}
		if _, diff := s.compare(t, p); diff == nil {
			t.Error("a certificate without a single extension passes")
		}
	})
}

func TestC03_the_builder_has_to_be_the_one_of_its_dialect(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		id, _ := s.get(builderMember(d)).(string)
		for _, bad := range []string{"https://github.com/evil/app/.github/workflows/x.yml@refs/heads/main", id + "x", "x" + id, strings.ToUpper(id), id + "/../x"} {
			if bad == id {
				continue
			}
			_, diff := s.with(builderMember(d), bad).compare(t, p)
			if diff == nil || diff.Code != fault.Predicate {
				t.Errorf("builder %q: difference %+v, want %s", bad, diff, fault.Predicate)
			}
		}
		if d.Builder == IsRun {
			return // may be empty
		}
		if _, diff := s.with(builderMember(d), nil).compare(t, p); diff == nil {
			t.Error("no builder at all passes")
		}
	})
}

func TestC09_a_delegated_builder_counts_only_if_the_policy_names_it(t *testing.T) {
	s := load(t, "slsa-delegated.json")
	p := s.policy(t, Table[slices.IndexFunc(Table, func(d Dialect) bool { return d.Name == "slsa delegated" })])
	if _, diff := s.compare(t, p); diff != nil {
		t.Fatalf("control: %+v", diff)
	}
	id := p.Builder
	for _, named := range []string{"", id[:strings.LastIndex(id, "@")], id + ".1", strings.Replace(id, "maven", "gradle", 1)} {
		p.Builder = named
		if _, diff := s.compare(t, p); diff == nil || diff.Code != fault.Predicate {
			t.Errorf("named %q: difference %+v, want %s", named, diff, fault.Predicate)
		}
	}
}

// A policy may name the builder of any dialect; then it has to be that one.
func TestC09_a_delegated_builder_that_the_policy_does_not_name(t *testing.T) {
	s := load(t, "slsa-delegated.json")
	for builder, reason := range map[string]string{"": "the policy names none", "https://github.com/acme/other": "the policy names another"} {
		_, diff := s.compare(t, Policy{Forge: GitHub, Builder: builder})
		if diff == nil || !strings.Contains(diff.Reason, reason) || diff.Hint != "if that is your builder, name it under built-by: builder: "+diff.Found {
			t.Errorf("%q: %+v, want %q and the line that names the builder", builder, diff, reason)
		}
	}
}

func TestC03_a_named_builder_is_compared_in_every_dialect(t *testing.T) {
	s := load(t, "github-workflow.json")
	p := Policy{Forge: GitHub, Builder: s.Signer.SignerURI}
	if _, diff := s.compare(t, p); diff != nil {
		t.Fatalf("control: %+v", diff)
	}
	p.Builder += "x"
	if _, diff := s.compare(t, p); diff == nil || diff.Code != fault.Predicate || !strings.HasPrefix(diff.Hint, "leave builder out") {
		t.Errorf("difference = %+v, want %s and the way out", diff, fault.Predicate)
	}
}

func TestC23_the_source_is_the_certificates_and_no_other(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		if d.Source.List == "" || d.Source.Exactly < 0 {
			return // TestC23_a_builder_that_lists_no_source
		}
		list, _ := s.get(d.Source.List).([]any)
		at := slices.IndexFunc(list, func(x any) bool {
			o, _ := x.(map[string]any)
			uri, _ := o["uri"].(string)
			return same(uri, d.Source.URI.Of(s.Signer), d.Source.URI)
		})
		if at < 0 {
			t.Fatal("the sample does not list its source")
		}
		own := list[at].(map[string]any)
		put := func(entries ...any) sample { return s.with(d.Source.List, entries) }
		others := slices.Delete(slices.Clone(list), at, at+1)
		cases := map[string]sample{
			"absent": s.with(d.Source.List, nil), "empty": put(), "no list": s.with(d.Source.List, "x"),
			"without the source":        put(others...),
			"a second of the same":      put(append(slices.Clone(list), own)...),
			"an entry that is no entry": put(append(slices.Clone(others), "x")...),
		}
		for what, change := range map[string]func(map[string]any){
			"another commit":    func(o map[string]any) { o["digest"] = map[string]any{d.Source.Digest: strings.Repeat("0", 40)} },
			"no commit":         func(o map[string]any) { o["digest"] = map[string]any{} },
			"another algorithm": func(o map[string]any) { o["digest"] = map[string]any{"md5": s.Signer.Commit} },
			"another address":   func(o map[string]any) { o["uri"] = "git+https://github.com/evil/app@refs/heads/main" },
			"another ref":       func(o map[string]any) { o["uri"] = "git+" + s.Signer.Repository + "@refs/heads/evil" },
			"an empty address":  func(o map[string]any) { o["uri"] = "" },
		} {
			changed := maps.Clone(own)
			change(changed)
			cases[what] = put(append([]any{changed}, others...)...)
		}
		for what, c := range cases {
			if _, diff := c.compare(t, p); diff == nil {
				t.Errorf("%s passes", what)
			}
		}
	})
}

func TestD12_an_input_that_the_policy_does_not_name_denies(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, c := range d.Chosen {
			bad := s.with(c.Member+".cflags", "-DBACKDOOR")
			_, diff := bad.compare(t, p)
			if diff == nil || diff.Code != fault.Source || diff.Found != c.Prefix+"cflags" {
				t.Errorf("%s.cflags: difference %+v, want %s for %s", c.Member, diff, fault.Source, c.Prefix+"cflags")
			}
			allowed := p
			allowed.Inputs = append(slices.Clone(p.Inputs), c.Prefix+"cfl*")
			if strings.Contains(c.Member, ".inputs") || strings.Contains(c.Member, ".client_payload") {
				allowed.Inputs = append(allowed.Inputs, "inputs", "client_payload")
			}
			if _, diff := bad.compare(t, allowed); diff != nil {
				t.Errorf("%s.cflags, named: difference %+v, want none", c.Member, diff)
			}
			if _, diff := s.with(c.Member, []any{map[string]any{"id": "cflags"}}).compare(t, p); diff == nil {
				t.Errorf("%s: a list of inputs passes", c.Member)
			}
			if _, diff := s.with(c.Member, "cflags").compare(t, p); diff == nil {
				t.Errorf("%s: a text in place of inputs passes", c.Member)
			}
		}
	})
}

func TestD12_inputs_that_cannot_be_known_deny_where_the_policy_says_which_there_may_be(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		p.Strict = true
		for _, event := range []string{"push", "workflow_dispatch", "web"} {
			s.Signer.Event = event
			for _, e := range d.Equal {
				if e.Want == Event && s.get(e.Member) != nil {
					s = s.with(e.Member, event)
				}
			}
			_, diff := s.compare(t, p)
			carries := slices.Contains(carry[d.Forge], event)
			told := d.Inputs == InputsTold || d.Inputs == VariablesTold
			max := d.Inputs == ArgsIfMax && d.Predicate == ProvenanceV1
			want := carries && !told && d.Inputs != ArgsIfMax || d.Inputs == ArgsIfMax && !max
			if diff != nil != want {
				t.Errorf("%s: difference %+v, want one: %v", event, diff, want)
			}
		}
	})
	s := load(t, "github-workflow.json").with(v1External+".inputs", map[string]any{})
	if _, diff := s.compare(t, Policy{Forge: GitHub, Strict: true}); diff != nil {
		t.Errorf("a run that recorded that it had no inputs: %+v", diff)
	}
}

func TestD12_an_unknown_build_type_is_told_with_those_that_are_known(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, bad := range []string{"https://evil.example/build@v1", d.BuildType.Head + "x", strings.ToUpper(d.BuildType.String()), ""} {
			_, diff := s.with(buildTypeMember(d), bad).compare(t, p)
			if diff == nil || diff.Code != fault.Predicate || !strings.Contains(diff.Wanted, Policy{Forge: d.Forge}.buildTypes()[0]) {
				t.Errorf("build type %q: difference %+v, want %s with the list", bad, diff, fault.Predicate)
			}
		}
		other := map[string]string{GitHub: GitLab, GitLab: GitHub}[d.Forge]
		if _, diff := s.compare(t, Policy{Forge: other, Builder: p.Builder, Inputs: p.Inputs}); diff == nil {
			t.Error("a dialect of one platform is believed of the other")
		}
	})
}

func TestB09_members_that_differ_in_case_alone_are_refused(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, e := range d.Equal {
			path := strings.Split(e.Member, ".")
			last := path[len(path)-1]
			folded := strings.ToUpper(last)
			if folded == last {
				folded = strings.ToLower(last)
			}
			if s.get(strings.Join(path[:len(path)-1], ".")) == nil && len(path) > 1 {
				continue
			}
			path[len(path)-1] = folded
			_, diff := s.with(strings.Join(path, "."), "x").compare(t, p)
			if diff == nil || diff.Code != fault.Malformed && diff.Code != fault.Source {
				t.Errorf("%s beside %s: difference %+v, want %s", folded, last, diff, fault.Malformed)
			}
		}
	})
}

func TestB04_a_predicate_that_cannot_be_read_is_a_difference(t *testing.T) {
	for _, bad := range []string{"", "null", "[]", `"x"`, "{", `{"a":1,"a":2}`, `{"buildDefinition":[]}`, `{"buildDefinition":{"buildType":1}}`} {
		for _, kind := range Provenance() {
			if _, diff := Compare(kind, []byte(bad), statement.Signer{}, Policy{Forge: GitHub}); diff == nil || diff.Code == "" {
				t.Errorf("%s: difference %+v, want one with a code", bad, diff)
			}
		}
	}
}

// The text is honest, and of another run: somebody signed it again.
func TestC08_a_text_of_another_run_is_refused(t *testing.T) {
	s := load(t, "github-workflow-liar.json")
	if _, diff := s.compare(t, Policy{Forge: GitHub}); diff == nil {
		t.Fatal("the liar passes")
	}
	s = s.with(v1Builder, s.Signer.SignerURI)
	for range 20 {
		_, diff := s.compare(t, Policy{Forge: GitHub})
		if diff == nil {
			return
		}
		i := slices.IndexFunc(Table[0].Equal, func(e Equality) bool { return e.Member == diff.Member })
		if i < 0 {
			return // what is left differs in the list of sources
		}
		s = s.with(diff.Member, Table[0].Equal[i].Want.Of(s.Signer))
	}
	t.Error("mending one difference after the other does not end")
}

func TestC21_a_ref_with_an_at_sign_is_cut_where_the_repository_and_the_ref_are(t *testing.T) {
	s := statement.Signer{Repository: "https://github.com/acme/app", Ref: "refs/tags/@acme/pkg@1.2.3",
		ConfigURI: "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/@acme/pkg@1.2.3"}
	if got := WorkflowPath.Of(s); got != ".github/workflows/release.yml" {
		t.Errorf("path = %q", got)
	}
	if got := WorkflowRef.Of(s); got != s.Ref {
		t.Errorf("ref = %q, want %q", got, s.Ref)
	}
	s.Ref = "refs/pull/7/merge"
	if got, ref := WorkflowPath.Of(s), WorkflowRef.Of(s); got != ".github/workflows/release.yml" || ref != "refs/tags/@acme/pkg@1.2.3" {
		t.Errorf("path %q and ref %q of a workflow of another ref than the source", got, ref)
	}
	s.Repository = "https://github.com/acme/ap"
	if got := WorkflowPath.Of(s); got != "" {
		t.Errorf("path = %q in another repository, want none", got)
	}
}

func TestTable_is_whole(t *testing.T) {
	samples := map[string]bool{}
	for i, d := range Table {
		for _, other := range Table[:i] {
			if d.Name == other.Name || d.Predicate == other.Predicate && d.BuildType == other.BuildType && d.Builder == other.Builder {
				t.Errorf("%s and %s are one dialect", d.Name, other.Name)
			}
		}
		if d.Forge != GitHub && d.Forge != GitLab || !IsProvenance(d.Predicate) || d.Written == "" || len(d.Equal) == 0 || len(d.Chosen) == 0 {
			t.Errorf("%s lacks something: %+v", d.Name, d)
		}
		for _, e := range d.Equal {
			if e.Want.String() == "" || e.Or != 0 && e.Or.String() == "" {
				t.Errorf("%s: %s has a value without words", d.Name, e.Member)
			}
		}
		samples[d.Sample] = true
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	for _, f := range files {
		if s := load(t, filepath.Base(f)); s.From == "" {
			t.Errorf("%s does not say where it is from", f)
		}
	}
	for v := Repository; v <= SignerRepositoryRef; v++ {
		if v.String() == "" {
			t.Errorf("value %d has no words", v)
		}
	}
}

func FuzzCompare(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var s struct {
			Statement struct {
				PredicateType string
				Predicate     json.RawMessage
			}
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			f.Fatal(err)
		}
		f.Add(s.Statement.PredicateType, []byte(s.Statement.Predicate))
	}
	f.Fuzz(func(t *testing.T, kind string, predicate []byte) {
		for _, forge := range []string{GitHub, GitLab} {
			if _, diff := Compare(kind, predicate, statement.Signer{}, Policy{Forge: forge}); diff == nil {
				t.Errorf("%q agrees with a certificate that says nothing", predicate)
			}
		}
	})
}

// A component may sign in another job than the one that built, where a policy
// says so, and then everything but the job is compared.
func TestF13_another_job_signs_only_where_a_policy_says_so(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		if d.Forge != GitLab {
			return
		}
		s.Signer.Run = strings.TrimSuffix(s.Signer.Run, JobID.Of(s.Signer)) + "987654321"
		if _, diff := s.compare(t, p); diff == nil || d.Elsewhere != strings.Contains(diff.Hint, "signed-in: another-job") {
			t.Errorf("%s: %+v, want a difference, with the key in its hint only where it helps", d.Name, diff)
		}
		p.OtherJob = true
		if _, diff := s.compare(t, p); (diff == nil) != d.Elsewhere {
			t.Errorf("%s with signed-in: %+v; want none: %v", d.Name, diff, d.Elsewhere)
		}
		s.Signer.Commit = strings.Repeat("0", 40)
		if _, diff := s.compare(t, p); diff == nil {
			t.Errorf("%s with signed-in: another commit is accepted", d.Name)
		}
	})
}

func TestB09_a_text_that_two_readers_read_in_two_ways_is_no_provenance(t *testing.T) {
	s := load(t, Table[0].Sample)
	good, err := json.Marshal(s.Statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	p := s.policy(t, Table[0])
	if _, diff := Compare(ProvenanceV1, good, s.Signer, p); diff != nil {
		t.Fatalf("control: %+v", diff)
	}
	for name, text := range map[string]string{
		"a name twice": strings.Replace(string(good), `{"buildDefinition":`, `{"buildDefinition":{},"buildDefinition":`, 1),
		"a list":       "[" + string(good) + "]", "a text": `"x"`, "null": "null", "nothing": "", "more behind": string(good) + "{}", "cut": string(good[:len(good)-1]),
		"too deep": `{"buildDefinition":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}",
	} {
		if _, diff := Compare(ProvenanceV1, []byte(text), s.Signer, p); diff == nil || diff.Reason != "the provenance cannot be read" {
			t.Errorf("%s: %+v, want that it cannot be read", name, diff)
		}
	}
}

// What is of another kind than a text is told as the member that it is.
func TestD08_a_member_of_another_kind_is_no_text(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, member := range []string{builderMember(d), buildTypeMember(d)} {
			for _, v := range []any{map[string]any{}, []any{"x"}, json.Number("1"), true} {
				if _, diff := s.with(member, v).compare(t, p); diff == nil || diff.Member != member {
					t.Errorf("%s = %v: %+v, want a difference in it", member, v, diff)
				}
			}
		}
	})
}

// A second value is as good where an entry says so, and only if the certificate
// has it: a workflow may be of another ref than the source.
func TestE13_a_workflow_of_another_ref_than_the_source(t *testing.T) {
	s := load(t, "github-workflow.json")
	s.Signer.ConfigURI = strings.TrimSuffix(s.Signer.ConfigURI, "@refs/heads/main") + "@refs/pull/1/merge"
	s.Signer.SAN, s.Signer.SignerURI = s.Signer.ConfigURI, s.Signer.ConfigURI
	s = s.with(v1Builder, s.Signer.SignerURI)
	for ref, want := range map[string]bool{"refs/heads/main": true, "refs/pull/1/merge": true, "refs/heads/evil": false, "": false} {
		if _, diff := s.with(v1External+".workflow.ref", ref).compare(t, Policy{Forge: GitHub}); (diff == nil) != want {
			t.Errorf("ref %q: %+v, want none: %v", ref, diff, want)
		}
	}
}

// BuildKit's source may go on with the folder that was built; nothing else may
// follow the commit, and no other dialect has folders.
func TestE13_a_folder_follows_the_commit_in_BuildKits_source_alone(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, e := range d.Equal {
			text, ok := s.get(e.Member).(string)
			if !ok || e.Want.String() == "" || e.Want == Ref {
				continue
			}
			if _, diff := s.with(e.Member, text+":sub").compare(t, p); (diff == nil) != (e.Want == GitHashCommit) {
				t.Errorf("%s with a folder: %+v; a source of BuildKit's: %v", e.Member, diff, e.Want == GitHashCommit)
			}
		}
	})
}

func TestD08_what_a_certificate_lacks_is_told_and_equals_nothing(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		s.Signer.Run = ""
		_, diff := s.compare(t, p)
		if d.Builder == IsRun && s.get(builderMember(d)) == "" {
			return // the sample names no run
		}
		if diff == nil {
			t.Fatal("no difference without a run")
		}
		if strings.HasPrefix(diff.Reason, "the certificate lacks") && (diff.Code != fault.Identity || diff.Found != "none" || strings.Contains(diff.Wanted, "`")) {
			t.Errorf("%+v, want E_IDENTITY and words", diff)
		}
		for _, e := range d.Equal {
			if e.Want == Run || e.Want == RunID || e.Want == JobID || e.Want == RunIDAttempt {
				if !e.Optional && d.Builder != IsRun && !strings.HasPrefix(diff.Reason, "the certificate lacks") {
					t.Errorf("%+v, want that the certificate lacks the run", diff)
				}
				return
			}
		}
	})
}

// The source is one entry, of this commit, in a list; neither a second one nor
// something that is no entry stands beside it.
func TestC23_the_source_is_one_entry_of_the_list(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		if d.Source.List == "" || d.Source.Exactly < 0 {
			return
		}
		list, _ := s.get(d.Source.List).([]any)
		at := slices.IndexFunc(list, func(x any) bool { r, _ := x.(map[string]any); return r["uri"] == d.Source.URI.Of(s.Signer) })
		if at < 0 {
			t.Fatalf("no source among %v", list)
		}
		change := func(k string, v any) []any {
			out := slices.Clone(list)
			r := maps.Clone(out[at].(map[string]any))
			r[k] = v
			out[at] = r
			return out
		}
		for name, l := range map[string]any{
			"twice": append(slices.Clone(list), list[at]), "none": []any{}, "an object": map[string]any{"0": list[at]}, "a text": "x", "null": nil,
			"texts": []any{"x"}, "no digest": change("digest", nil), "another commit": change("digest", map[string]any{d.Source.Digest: strings.Repeat("0", 40)}),
			"another key": change("digest", map[string]any{"md5": s.Signer.Commit}), "another ref": change("uri", "git+"+s.Signer.Repository+"@refs/heads/evil"),
			"another host": change("uri", strings.Replace(d.Source.URI.Of(s.Signer), "https://", "https://evil.", 1)),
		} {
			if _, diff := s.with(d.Source.List, l).compare(t, p); diff == nil || diff.Member != d.Source.List {
				t.Errorf("%s: %+v, want a difference in the list", name, diff)
			}
		}
		gone := s
		gone.Signer.Commit = ""
		if _, diff := gone.compare(t, p); diff == nil {
			t.Error("a certificate without a commit is equal")
		}
	})
}

// A builder of slsa-github-generator's framework may build another commit than
// the run's, which is told as that.
func TestHint_a_delegated_build_of_another_commit(t *testing.T) {
	s := load(t, "slsa-delegated.json")
	d := Table[slices.IndexFunc(Table, func(d Dialect) bool { return d.Name == "slsa delegated" })]
	p := s.policy(t, d)
	other := []any{map[string]any{"uri": "git+" + s.Signer.Repository, "digest": map[string]any{"gitCommit": strings.Repeat("1", 40)}}}
	if _, diff := s.with(d.Source.List, other).compare(t, p); diff == nil || diff.Reason != "the builder built another commit than the run's" {
		t.Errorf("%+v, want that it built another commit", diff)
	}
	g := load(t, "github-workflow.json")
	other[0].(map[string]any)["uri"] = "git+" + g.Signer.Repository
	if _, diff := g.with(v1Sources, other).compare(t, Policy{Forge: GitHub}); diff == nil || diff.Reason != "the provenance names another commit than the certificate" {
		t.Errorf("%+v, want that it names another commit", diff)
	}
}

// A signer that checks what it has just signed accepts every name in the places
// that are for names, and no member that nobody knows.
func TestD12_any_name_in_its_place_and_no_other_member(t *testing.T) {
	s := load(t, "github-workflow.json").with(v1External+".inputs", map[string]any{"x": nil})
	if _, diff := s.compare(t, Policy{Forge: GitHub}); diff == nil {
		t.Error("a name that the policy does not know is accepted")
	}
	if _, diff := s.compare(t, Policy{Forge: GitHub, Any: true}); diff != nil {
		t.Errorf("%+v, want none", diff)
	}
	if _, diff := s.with(v1External+".evil", "x").compare(t, Policy{Forge: GitHub, Any: true}); diff == nil {
		t.Error("a member that nobody knows is accepted")
	}
	if _, diff := s.with(v1External+".inputs", "x").compare(t, Policy{Forge: GitHub, Any: true}); diff == nil || diff.Code != fault.Malformed {
		t.Errorf("%+v, want that the inputs cannot be read", diff)
	}
	if _, diff := s.with(v1External+".Inputs", map[string]any{}).compare(t, Policy{Forge: GitHub, Any: true}); diff == nil {
		t.Error("a name that differs in case is accepted")
	}
}

// Sallyport's own text on GitLab names a person's variables under inputs, where a
// variable of the platform's own name is one that a person set.
func TestD12_variables_of_a_pipeline(t *testing.T) {
	s := load(t, "gitlab-job.json").with(v1External+".variables", nil)
	s.Signer.Event = "web"
	strict := Policy{Forge: GitLab, Inputs: []string{"VERSION"}, Strict: true}
	for name, c := range map[string]struct {
		inputs any
		want   bool
	}{
		"unknown": {nil, false}, "none": {map[string]any{}, true}, "known": {map[string]any{"VERSION": nil}, true}, "with its value": {map[string]any{"VERSION": "1"}, true},
		"another": {map[string]any{"DEBUG": nil}, false}, "the platform's": {map[string]any{"CI_COMMIT_SHA": nil}, false},
	} {
		if _, diff := s.with(v1External+".inputs", c.inputs).compare(t, strict); (diff == nil) != c.want {
			t.Errorf("%s: %+v, want none: %v", name, diff, c.want)
		}
	}
}

func TestB09_a_number_is_whole_where_it_is_as_good_as_a_text(t *testing.T) {
	s := load(t, "gitlab-job.json")
	id := JobID.Of(s.Signer)
	for v, want := range map[any]bool{id: true, json.Number(id): true, json.Number("-" + id): false, json.Number(id + ".0"): false, json.Number(id + "e0"): false, true: false, "0" + id: false} {
		if _, diff := s.with(v1Invocation, v).compare(t, s.policy(t, Table[slices.IndexFunc(Table, func(d Dialect) bool { return d.Name == "GitLab job" })])); (diff == nil) != want {
			t.Errorf("%v: %+v, want none: %v", v, diff, want)
		}
	}
}

// Each form of a builder takes what it describes and nothing that is missing.
func TestF11_forms_of_a_builder(t *testing.T) {
	hub, lab := load(t, "github-workflow.json").Signer, load(t, "gitlab-job.json").Signer
	nobody := statement.Signer{}
	project := lab.Repository + "/-/runners/"
	for _, c := range []struct {
		form  BuilderForm
		s     statement.Signer
		id    string
		named string
		want  bool
	}{
		{IsSigner, hub, hub.SignerURI, "", true}, {IsSigner, hub, hub.SignerURI + "x", "", false}, {IsSigner, nobody, "", "", false},
		{IsRunnerClass, hub, runner + "/github-hosted", "", true}, {IsRunnerClass, hub, runner + "/self-hosted", "", false}, {IsRunnerClass, nobody, "", "", false}, {IsRunnerClass, nobody, runner + "/", "", false},
		{IsRunner, hub, runner, "", true}, {IsRunner, hub, runner + "/github-hosted", "", false},
		{IsNPM, hub, "https://github.com/npm/cli@9.5.0", "", true}, {IsNPM, hub, "https://github.com/npm/cli@", "", false}, {IsNPM, hub, "https://github.com/evil/cli@9.5.0", "", false},
		{IsNamedByPolicy, hub, "https://x", "https://x", true}, {IsNamedByPolicy, hub, "https://y", "https://x", false}, {IsNamedByPolicy, hub, "", "", false},
		{IsRun, hub, hub.Run, "", true}, {IsRun, hub, before(hub.Run, "/attempts/"), "", true}, {IsRun, hub, "", "", true}, {IsRun, hub, "https://github.com/x", "", false}, {IsRun, nobody, "x", "", false},
		{IsBelowProject, lab, project + "7", "", true}, {IsBelowProject, lab, "https://gitlab.com/groups/facutuesca/-/runners/7", "", true},
		{IsBelowProject, lab, "https://gitlab.com/groups/evil/-/runners/7", "", false}, {IsBelowProject, lab, project, "", false}, {IsBelowProject, lab, project + "7/x", "", false},
		{IsBelowProject, nobody, "/-/runners/7", "", false}, {IsBelowProject, nobody, "7", "", false}, {IsBelowProject, statement.Signer{Repository: lab.Repository}, "7", "", false},
	} {
		if _, ok := c.form.is(c.id, c.s, c.named); ok != c.want {
			t.Errorf("%s: %q is %v, want %v", c.form, c.id, ok, c.want)
		}
	}
}

// A release that cannot be read names nothing.
func TestC22_a_release_that_cannot_be_read(t *testing.T) {
	read := func(predicate string) (Release, error) {
		return ReadRelease(statement.Statement{Predicate: []byte(predicate), Subject: []statement.Descriptor{{URI: "pkg:github/a/b@v1", Digest: map[string]string{"sha1": strings.Repeat("a", 40)}}}})
	}
	const good = `{"repository":"a/b","repositoryId":"1","tag":"v1","purl":"pkg:github/a/b@v1"}`
	if r, err := read(good); err != nil || r != (Release{"a/b", "1", "v1"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, text := range []string{"", "[]", "{}", strings.Replace(good, `"a/b"`, `""`, 1), strings.Replace(good, `"a/b"`, `["a/b"]`, 1), strings.Replace(good, `"1"`, "1", 1),
		strings.Replace(good, `"tag"`, `"Tag"`, 1), strings.Replace(good, `{`, `{"tag":"v2",`, 1), strings.Replace(good, `}`, `,"packageId":"2"}`, 1), strings.Replace(good, `}`, `,"packageId":2}`, 1)} {
		if r, err := read(text); err == nil || r != (Release{}) {
			t.Errorf("%s: %+v, want an error", text, r)
		}
	}
	if _, err := read(strings.Replace(good, `}`, `,"packageId":"1"}`, 1)); err != nil {
		t.Errorf("with the same packageId: %v", err)
	}
}

func TestC23_a_builder_that_lists_no_source(t *testing.T) {
	n := 0
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		if d.Source.Exactly >= 0 {
			return
		}
		n++
		for _, none := range []any{nil, []any{}} {
			if _, diff := s.with(d.Source.List, none).compare(t, p); diff != nil {
				t.Errorf("%v: %+v", none, diff)
			}
		}
		own := map[string]any{"uri": s.Signer.Repository, "digest": map[string]any{"sha256": s.Signer.Commit}}
		for _, some := range []any{[]any{own}, []any{map[string]any{"uri": "https://evil.example/evil"}}, "x", map[string]any{}} {
			if _, diff := s.with(d.Source.List, some).compare(t, p); diff == nil || diff.Code != fault.Source {
				t.Errorf("%v: %+v, want %s", some, diff, fault.Source)
			}
		}
	})
	if n == 0 {
		t.Error("no builder lists no source")
	}
}

// A source has the digest that its builder writes, and no second one that could
// say something else.
func TestC23_a_source_has_one_digest(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		lie := func(set map[string]any, k string) map[string]any {
			set = maps.Clone(set)
			set[k] = strings.Repeat("1", 40)
			return set
		}
		for _, k := range []string{"sha1", "sha256", "gitCommit", "GitCommit", "x"} {
			for i, e := range d.Equal {
				at, _, is := strings.Cut(e.Member, ".digest.")
				if !is || e.Member == at+".digest."+k {
					continue
				}
				set := s.get(at + ".digest").(map[string]any)
				if _, diff := s.with(at+".digest", lie(set, k)).compare(t, p); diff == nil {
					t.Errorf("%s with %s as well is equal (%d)", e.Member, k, i)
				}
			}
			if d.Source.List == "" || d.Source.Exactly < 0 || k == d.Source.Digest {
				continue
			}
			list := s.get(d.Source.List).([]any)
			for i, x := range list {
				r := maps.Clone(x.(map[string]any))
				set, ok := r["digest"].(map[string]any)
				if !ok || set[d.Source.Digest] != s.Signer.Commit {
					continue
				}
				r["digest"] = lie(set, k)
				changed := slices.Clone(list)
				changed[i] = r
				if _, diff := s.with(d.Source.List, changed).compare(t, p); diff == nil {
					t.Errorf("a source with %s as well is equal", k)
				}
				twin := maps.Clone(x.(map[string]any))
				twin["URI"] = "git+https://evil.example/evil"
				changed[i] = twin
				if _, diff := s.with(d.Source.List, changed).compare(t, p); diff == nil || diff.Code != fault.Malformed {
					t.Errorf("a source with a second URI: %+v, want %s", diff, fault.Malformed)
				}
			}
		}
	})
}

// The other entry of a list is the program of the builder, from the repository
// of the signer.
func TestC23_the_program_of_a_builder_is_the_signers(t *testing.T) {
	n := 0
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		if d.Source.Rest == 0 {
			return
		}
		list := s.get(d.Source.List).([]any)
		for i, x := range list {
			r, _ := x.(map[string]any)
			if r["uri"] != d.Source.Rest.Of(s.Signer) {
				continue
			}
			n++
			for _, other := range []any{"git+https://github.com/evil/evil@refs/tags/v2.1.0", "", nil} {
				changed := slices.Clone(list)
				m := maps.Clone(r)
				m["uri"] = other
				changed[i] = m
				if _, diff := s.with(d.Source.List, changed).compare(t, p); diff == nil || diff.Code != fault.Source {
					t.Errorf("%v: %+v, want %s", other, diff, fault.Source)
				}
			}
		}
	})
	if n == 0 {
		t.Error("no builder names its program")
	}
}

// What is no object in the place of one hides its members from nobody.
func TestD08_a_list_or_a_text_in_the_place_of_an_object(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		members := []string{builderMember(d)}
		for _, e := range d.Equal {
			members = append(members, e.Member)
		}
		for _, c := range d.Chosen {
			members = append(members, c.Member)
		}
		for _, m := range members {
			for i := strings.LastIndexByte(m, '.'); i > 0; i = strings.LastIndexByte(m[:i], '.') {
				parent := m[:i]
				for _, v := range []any{[]any{s.get(parent)}, "x"} {
					if _, diff := s.with(parent, v).compare(t, p); diff == nil {
						t.Errorf("%v in the place of %s: no difference", v, parent)
					}
				}
			}
		}
	})
}

// A run that a person gave inputs to is known only where the builder copies what
// the platform told the run.
func TestD12_a_payload_that_is_not_there_tells_nothing(t *testing.T) {
	n := 0
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		const member = v02Env + ".github_event_payload"
		if s.get(member) == nil {
			return
		}
		n++
		p.Strict = true
		s.Signer.Event = "workflow_dispatch"
		if s.get(v02Env+".github_event_name") != nil {
			s = s.with(v02Env+".github_event_name", s.Signer.Event)
		}
		s = s.with(member, map[string]any{})
		if _, diff := s.compare(t, p); diff != nil {
			t.Errorf("with an empty payload: %+v", diff)
		}
		if _, diff := s.with(member, nil).compare(t, p); diff == nil || diff.Code != fault.Source {
			t.Errorf("without a payload: %+v, want %s", diff, fault.Source)
		}
	})
	if n == 0 {
		t.Error("no sample has a payload")
	}
}

// A provenance without a builder names none, also where a builder may be empty.
func TestC03_a_builder_that_is_not_there(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		member := builderMember(d)
		parent := strings.TrimSuffix(member, ".id")
		for what, x := range map[string]sample{"null": s.with(member, nil), "no member": s.with(parent, map[string]any{}), "no builder": s.with(parent, nil)} {
			if _, diff := x.compare(t, p); diff == nil || diff.Code != fault.Predicate || strings.Contains(diff.Wanted, "[") {
				t.Errorf("%s: %+v, want %s in plain words", what, diff, fault.Predicate)
			}
		}
	})
}

// A source of somebody else stands in a list only where the builder lists others.
func TestC23_a_second_source_of_another_repository(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		if d.Source.Exactly <= 0 {
			return
		}
		list := s.get(d.Source.List).([]any)
		foreign := map[string]any{"uri": "git+https://evil.example/evil@refs/heads/main", "digest": map[string]any{d.Source.Digest: strings.Repeat("1", 40)}}
		if _, diff := s.with(d.Source.List, append(slices.Clone(list), foreign)).compare(t, p); diff == nil || diff.Code != fault.Source {
			t.Errorf("difference = %+v, want %s", diff, fault.Source)
		}
	})
}

// What a certificate lacks is equal to nothing, also not to an empty text.
func TestC02_an_empty_text_equals_no_certificate_that_lacks_it(t *testing.T) {
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, e := range d.Equal {
			if s.get(e.Member) == nil || e.Or != 0 {
				continue
			}
			bare := s.with(e.Member, "")
			bare.Signer = statement.Signer{SignerURI: s.Signer.SignerURI, Runner: s.Signer.Runner, Run: s.Signer.Run, Repository: s.Signer.Repository, Issuer: s.Signer.Issuer}
			if e.Want.Of(bare.Signer) != "" {
				continue
			}
			if diff := bare.text(t).equal(Dialect{Equal: []Equality{e}}, bare.Signer, p); diff == nil {
				t.Errorf("%s: an empty text is equal to nothing at all", e.Member)
			}
		}
		if d.Source.Exactly == 1 {
			bare := s.with(d.Source.List, []any{map[string]any{"uri": d.Source.URI.Of(s.Signer), "digest": map[string]any{d.Source.Digest: ""}}})
			bare.Signer.Commit = ""
			if diff := bare.text(t).source(d, bare.Signer, p); diff == nil {
				t.Error("an empty commit is equal to none")
			}
		}
	})
}

// Another job signs only for a builder that has its text signed elsewhere.
func TestF13_no_other_job_signs_for_a_builder_that_signs_itself(t *testing.T) {
	n := 0
	each(t, func(t *testing.T, d Dialect, s sample, p Policy) {
		for _, e := range d.Equal {
			if e.Want != JobID || d.Elsewhere || s.get(e.Member) == nil {
				continue
			}
			n++
			p.OtherJob = true
			if _, diff := s.with(e.Member, "999999").compare(t, p); diff == nil {
				t.Errorf("%s of another job is equal", e.Member)
			}
		}
	})
	if n == 0 {
		t.Error("no builder names its job")
	}
}
