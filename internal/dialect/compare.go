package dialect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// A Policy is what somebody wants of a provenance besides that it agrees with
// its certificate.
type Policy struct {
	Forge   string // kind of the platform that the certificate is of
	Builder string // builder.id of a delegated builder; "" if none is named
	// Inputs are the names that a person may have chosen; each may end in "*".
	// Strict says that they were given: then names that cannot be known deny.
	Inputs []string
	Strict bool
	// OtherJob accepts that another job of the project signed the text than the one
	// that it describes, in the dialects where that is usual.
	OtherJob bool
	// Carried says that the text is signed by way of an attestation manifest: then
	// it has to be of a dialect that is.
	Carried bool
	// Any accepts every name in the places that a dialect has for what a person
	// chose. A signer that holds its own text against its certificate says so.
	Any bool
}

// knows reports whether a text may be written in d.
func (p Policy) knows(d Dialect) bool { return d.Forge == p.Forge && (d.Carried || !p.Carried) }

// buildTypes are the build types that a text may have, for a message.
func (p Policy) buildTypes() []string {
	var out []string
	for _, d := range Table {
		if p.knows(d) && !slices.Contains(out, d.BuildType.String()) {
			out = append(out, d.BuildType.String())
		}
	}
	return out
}

// A Difference is the first thing in which a provenance and its certificate, or
// the policy, differ.
type Difference struct {
	Code          fault.Code
	Member        string // of the predicate; "" for the whole
	Reason        string
	Found, Wanted string
	Hint          string
	Given         bool // it is an input that the policy does not list
}

// Compare holds a provenance against the certificate that it was signed with
// and returns the first difference, or nil, with the dialect that it is in.
// predicateType has to be one of Provenance. The member that tells most is
// compared first: who built, in which run, of which source; then all others.
func Compare(predicateType string, predicate []byte, s statement.Signer, p Policy) (Dialect, *Difference) {
	t, err := parse(predicate)
	if err != nil {
		f := fault.Of(err)
		return Dialect{}, &Difference{Code: f.Code, Reason: "the provenance cannot be read", Found: f.Error(), Wanted: "a JSON object as " + predicateType + " describes it"}
	}
	d, diff := t.find(predicateType, s, p)
	if diff != nil {
		return d, diff
	}
	for _, check := range []func(Dialect, statement.Signer, Policy) *Difference{t.builder, t.equal, t.source, t.chosen, t.untold} {
		if diff := check(d, s, p); diff != nil {
			return d, diff
		}
	}
	return d, nil
}

// text is a predicate that was parsed once.
type text struct{ root map[string]any }

func parse(predicate []byte) (text, error) {
	if err := strictjson.Check(predicate, statement.MaxDepth); err != nil {
		return text{}, err
	}
	d := json.NewDecoder(bytes.NewReader(predicate))
	d.UseNumber()
	var t text
	if err := d.Decode(&t.root); err != nil || t.root == nil {
		return text{}, fault.New(fault.Refused, fault.Predicate, "", "it is not a JSON object")
	}
	return t, nil
}

// find returns the entry of the table that the text is written in.
func (t text) find(predicateType string, s statement.Signer, p Policy) (Dialect, *Difference) {
	buildMember, builderMember := v1BuildType, v1Builder
	if predicateType == ProvenanceV02 {
		buildMember, builderMember = v02BuildType, v02Builder
	}
	buildType, diff := t.string(buildMember)
	if diff != nil {
		return Dialect{}, diff
	}
	id, diff := t.string(builderMember)
	if diff != nil {
		return Dialect{}, diff
	}
	var first *Dialect
	for i, d := range Table {
		if d.Predicate != predicateType || !p.knows(d) || !d.BuildType.Is(buildType) {
			continue
		}
		if _, ok := d.Builder.is(id, s, p.Builder); ok {
			return d, nil
		}
		if first == nil {
			first = &Table[i]
		}
	}
	if first != nil {
		return *first, nil // the builder is the difference
	}
	return Dialect{}, &Difference{
		Code: fault.Predicate, Member: buildMember, Reason: "the provenance is of a build type that is in no dialect", Found: orNone(buildType),
		Wanted: strings.Join(p.buildTypes(), ", "),
		Hint:   "build it with a builder of that list, or accept its provenance by its signer alone with content: unchecked",
	}
}

func (t text) builder(d Dialect, s statement.Signer, p Policy) *Difference {
	member := v1Builder
	if d.Predicate == ProvenanceV02 {
		member = v02Builder
	}
	id, diff := t.string(member)
	if diff != nil {
		return diff
	}
	wanted, ok := d.Builder.is(id, s, p.Builder)
	_, present, _ := t.at(member)
	switch {
	case !present:
		return &Difference{
			Code: fault.Predicate, Member: member, Found: "none", Wanted: cmp.Or(wanted, "a builder"),
			Reason: "the provenance names no builder",
		}
	case ok && p.Builder != "" && id != p.Builder:
		return otherBuilder(member, id, p.Builder, "the provenance names another builder than the policy",
			"leave builder out: in provenance of this kind it is the workflow of the certificate, which built-by names already")
	case ok:
		return nil
	case d.Builder != IsNamedByPolicy:
		return otherBuilder(member, id, wanted, "the provenance names another builder than the certificate", "")
	}
	reason := "the provenance is of a delegated builder, and the policy names another"
	if p.Builder == "" {
		reason, wanted = "the provenance is of a delegated builder, and the policy names none", "a builder that the policy names"
	}
	return otherBuilder(member, id, wanted, reason, "if that is your builder, name it under built-by: builder: "+id)
}

func otherBuilder(member, id, wanted, reason, hint string) *Difference {
	return &Difference{Code: fault.Predicate, Member: member, Reason: reason, Found: orNone(id), Wanted: wanted,
		Hint: hint}
}

// reasons say what differs where the value is one that people know by name.
var reasons = map[Value]string{
	Run: "another run", RunID: "another run", RunIDAttempt: "another run", JobID: "another job", Attempt: "another attempt of the run",
	Commit: "another commit", Repository: "another repository", GitRepository: "another repository", GitRepositoryAtRef: "another source",
	GitHashCommit: "another source", RepositoryName: "another repository", RepositoryID: "another repository-id", OwnerID: "another owner-id",
	OwnerName: "another owner", Ref: "another ref", RefType: "another kind of ref", Event: "another event", Runner: "another runner class",
	WorkflowPath: "another workflow", WorkflowName: "another workflow", WorkflowNameAtRef: "another workflow", WorkflowCommit: "another commit of the workflow",
	Issuer: "another platform",
}

func (t text) equal(d Dialect, s statement.Signer, p Policy) *Difference {
	for _, e := range d.Equal {
		if e.Want == JobID && d.Elsewhere && p.OtherJob {
			continue
		}
		v, present, diff := t.at(e.Member)
		if diff != nil {
			return diff
		}
		if !present && e.Optional {
			continue
		}
		if diff := t.lone(e.Member); diff != nil {
			return diff
		}
		want := e.Want.Of(s)
		found, ok := scalar(v, e.Number)
		if ok && present && want != "" && same(found, want, e.Want) {
			continue
		}
		if alt := e.Or.Of(s); ok && present && alt != "" && found == alt {
			continue
		}
		diff = e.difference(v, present, want)
		if e.Want == JobID && d.Elsewhere && present {
			diff.Hint = "sign it in the job that builds; or, where a component signs in a job of its own, say signed-in: another-job under built-by"
		}
		return diff
	}
	return nil
}

// lone refuses a second digest beside the one that is member: a builder writes the
// commit under one key, and another key could name another commit.
func (t text) lone(member string) *Difference {
	at, key, is := strings.Cut(member, ".digest.")
	if !is {
		return nil
	}
	at += ".digest"
	v, present, diff := t.at(at)
	if diff != nil || !present {
		return diff
	}
	set, ok := v.(map[string]any)
	if !ok {
		return unlike(at, v, "an object that holds "+key)
	}
	return alone(at, set, key)
}

// alone refuses a set of digests that holds another key than the wanted one.
func alone(member string, set map[string]any, key string) *Difference {
	if len(set) == 1 {
		return nil
	}
	return &Difference{
		Code: fault.Source, Member: member, Found: orNone(keys(set)), Wanted: key + " alone",
		Reason: "the provenance has other digests of the source than its builder writes",
	}
}

// unlike is a part of a provenance that has another form than its builder writes.
func unlike(member string, v any, wanted string) *Difference {
	return &Difference{
		Code: fault.Malformed, Member: member, Found: show(v, true), Wanted: wanted,
		Reason: "the provenance cannot be read: a part of it has another form than its builder writes",
	}
}

// same compares byte for byte. An address of a source may go on with the folder
// in it that was built.
func same(found, want string, v Value) bool {
	if address, fragment, ok := strings.Cut(found, "#"); ok && v == GitHashCommit {
		found = address + "#" + before(fragment, ":")
	}
	return found == want
}

func (e Equality) difference(v any, present bool, want string) *Difference {
	d := &Difference{Code: fault.Source, Member: e.Member, Found: show(v, present), Wanted: want}
	switch {
	case want == "":
		d.Code = fault.Identity
		d.Reason = "the certificate lacks what " + e.Member + " has to be compared with"
		d.Found, d.Wanted = "none", "a certificate that has "+strings.ReplaceAll(e.Want.String(), "`", "")
		d.Hint = "the certificate is older than the fields that are compared (Fulcio writes them since April 2023): build it again"
	case reasons[e.Want] != "":
		d.Reason = "the provenance names " + reasons[e.Want] + " than the certificate"
	default:
		d.Reason = "the provenance says something else than the certificate"
	}
	return d
}

// source wants the certificate's commit in the list of what the build used, and
// nothing else of that repository in it.
func (t text) source(d Dialect, s statement.Signer, _ Policy) *Difference {
	if d.Source.List == "" {
		return nil
	}
	v, _, diff := t.at(d.Source.List)
	if diff != nil {
		return diff
	}
	list, ok := v.([]any)
	if d.Source.Exactly < 0 {
		if v == nil || ok && len(list) == 0 {
			return nil
		}
		return &Difference{Code: fault.Source, Member: d.Source.List, Reason: "the provenance names sources where its builder names none", Found: show(v, true), Wanted: "an empty list"}
	}
	uri := d.Source.URI.Of(s)
	miss := &Difference{Code: fault.Source, Member: d.Source.List, Reason: "the provenance names another commit than the certificate", Found: "no commit", Wanted: s.Commit}
	if !ok || uri == "" || s.Commit == "" {
		return miss
	}
	if d.Source.Exactly > 0 && len(list) != d.Source.Exactly {
		miss.Reason = "the provenance has another number of sources than its builder writes"
		miss.Found, miss.Wanted = fmt.Sprint(len(list)), fmt.Sprint(d.Source.Exactly)
		return miss
	}
	seen := false
	for _, x := range list {
		r, ok := x.(map[string]any)
		if !ok {
			return miss
		}
		if diff := twins(d.Source.List, r, "uri", "digest"); diff != nil {
			return diff
		}
		own, _ := r["uri"].(string)
		set, _ := r["digest"].(map[string]any)
		commit, _ := set[d.Source.Digest].(string)
		switch {
		case same(own, uri, d.Source.URI) && commit == s.Commit && !seen:
			if diff := alone(d.Source.List, set, d.Source.Digest); diff != nil {
				return diff
			}
			seen = true
		case same(own, uri, d.Source.URI), of(own, s.Repository):
			miss.Found = orNone(commit)
			if commit == s.Commit {
				miss.Reason, miss.Found, miss.Wanted = "the provenance names another source than the certificate", own, uri
			} else if d.Source.Other && own == "git+"+s.Repository {
				miss.Reason = "the builder built another commit than the run's"
			}
			return miss
		case d.Source.Rest != 0 && (own == "" || own != d.Source.Rest.Of(s)):
			miss.Reason, miss.Found, miss.Wanted = "the provenance names another program of the builder than the certificate", orNone(own), d.Source.Rest.Of(s)
			return miss
		}
	}
	if !seen {
		return miss
	}
	return nil
}

// twins refuses an object that has a member which differs from one of names only
// in case: another reader may take it for the same.
func twins(member string, o map[string]any, names ...string) *Difference {
	for k := range o {
		for _, name := range names {
			if k != name && strings.EqualFold(k, name) {
				return &Difference{Code: fault.Malformed, Member: member, Reason: "the provenance has a member that differs from a known one only in case", Found: k, Wanted: name}
			}
		}
	}
	return nil
}

// keys are the names of an object's members, for a message.
func keys(o map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(o)), ", ") }

// of reports whether uri names something in repository.
func of(uri, repository string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(uri, "git+"), repository)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], "@#?/.:"))
}

// chosen wants every name that a person could choose to be one that the policy
// knows.
func (t text) chosen(d Dialect, _ statement.Signer, p Policy) *Difference {
	for _, c := range d.Chosen {
		names, diff := t.names(c)
		if diff != nil {
			return diff
		}
		if p.Any && c.Person {
			continue
		}
		for _, n := range names {
			if known(n, c.Known) || known(c.Prefix+n, p.Inputs) {
				continue
			}
			return &Difference{Code: fault.Source, Member: c.Member, Given: true, Reason: "the build was given an input that the policy does not know", Found: orNone(c.Prefix + n), Wanted: orNone(strings.Join(p.Inputs, ", ")),
				Hint: "build it without that input, or, if every value of it is safe, name it under inputs"}
		}
	}
	return nil
}

// names returns the names of an object's members, in order; of a list, the ids.
func (t text) names(c Chosen) ([]string, *Difference) {
	v, present, diff := t.at(c.Member)
	if diff != nil || !present {
		return nil, diff
	}
	var names []string
	switch v := v.(type) {
	case map[string]any:
		for n := range v {
			names = append(names, n)
		}
	case []any:
		for _, x := range v {
			m, _ := x.(map[string]any)
			id, ok := m["id"].(string)
			if !ok {
				id = show(x, true)
			}
			names = append(names, id)
		}
	default:
		return nil, &Difference{Code: fault.Malformed, Member: c.Member, Reason: "the provenance's inputs cannot be read", Found: show(v, true), Wanted: "an object"}
	}
	slices.Sort(names)
	return names, nil
}

// known reports whether one of all is n, or ends in "*" and begins it.
func known(n string, all []string) bool {
	return slices.ContainsFunc(all, func(k string) bool {
		head, open := strings.CutSuffix(k, "*")
		return k == n || open && strings.HasPrefix(n, head)
	})
}

// carry are the events whose runs a person, or another system, gives inputs to.
var carry = map[string][]string{
	GitHub: {"workflow_dispatch", "repository_dispatch"},
	GitLab: {"web", "api", "trigger", "schedule", "pipeline", "parent_pipeline", "chat", "webide"},
}

// untold denies, where the policy says which inputs there may be, a build whose
// inputs nobody can know.
func (t text) untold(d Dialect, s statement.Signer, p Policy) *Difference {
	if !p.Strict || t.told(d) || d.Inputs != ArgsIfMax && !slices.Contains(carry[d.Forge], s.Event) {
		return nil
	}
	return &Difference{Code: fault.Source, Reason: "the builder does not say which inputs the run was given, and the policy says which it may have",
		Found: "a run started by " + s.Event, Wanted: "a provenance that names its inputs, or an event that carries none",
		Hint: "attest it with Sallyport's attest, which records the names of inputs, or leave out inputs in the policy"}
}

func (t text) told(d Dialect) bool {
	marked := func(member string) bool { _, present, diff := t.at(member); return present && diff == nil }
	switch d.Inputs {
	case InputsUntold:
		return false
	case InputsMarked:
		return marked(v1External + ".inputs")
	case VariablesTold:
		return marked(v1External+".variables") || marked(v1External+".inputs")
	case ArgsIfMax:
		member := "metadata.completeness.parameters"
		if d.Predicate == ProvenanceV1 {
			member = "runDetails.metadata.buildkit_completeness.request"
		}
		v, _, _ := t.at(member)
		return v == true
	default:
		return t.payload(d)
	}
}

// payload reports whether what GitHub told the run is where the builder of d
// copies it to, if it copies it and writes the inputs nowhere else: without it
// nobody knows what a person chose.
func (t text) payload(d Dialect) bool {
	told := true
	for _, c := range d.Chosen {
		parent, ok := strings.CutSuffix(c.Member, ".inputs")
		if !ok {
			continue
		}
		wanted := c.Member
		if strings.HasSuffix(strings.ToLower(parent), "event_payload") {
			wanted = parent
		}
		_, present, diff := t.at(wanted)
		if told = present && diff == nil; told {
			return true
		}
	}
	return told
}

// at returns the value of a member. Null is absent, as in the in-toto
// specification. A member that differs from the wanted one only in case is
// refused, because another reader may take it for the same.
func (t text) at(member string) (v any, present bool, _ *Difference) {
	v = t.root
	for name := range strings.SplitSeq(member, ".") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, false, unlike(member, v, "an object that holds "+name)
		}
		if diff := twins(member, o, name); diff != nil {
			return nil, false, diff
		}
		if v, present = o[name]; v == nil {
			return nil, false, nil
		}
	}
	return v, present, nil
}

// string returns a member that is a text; absent is empty.
func (t text) string(member string) (string, *Difference) {
	v, present, diff := t.at(member)
	if diff != nil || !present {
		return "", diff
	}
	s, ok := v.(string)
	if !ok {
		return "", &Difference{Code: fault.Predicate, Member: member, Reason: "the provenance cannot be read", Found: show(v, true), Wanted: "a text at " + member}
	}
	return s, nil
}

// scalar returns a text, or, where that is as good, a whole number.
func scalar(v any, number bool) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), number
	default:
		return "", false
	}
}

// show writes a foreign value for a message.
func show(v any, present bool) string {
	if !present {
		return "none"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "something that is not JSON"
	}
	if s, ok := v.(string); ok {
		return orNone(s)
	}
	return string(b)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
