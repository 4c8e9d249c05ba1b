package policy

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/statement"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
	"github.com/sallyport-dev/sallyport/internal/subject"
)

// Rules is the version of the rules by which Evaluate judges. Where an input could
// lead to another Core than before, the number is another one. Texts may change
// without it.
const Rules = 1

// InputSchema names the form of the document that an input is kept in.
const InputSchema = "https://sallyport.dev/schemas/input/v1"

// InputHead stands in the first bytes of each document of an input.
const InputHead = `{"candidates":[`

// Limits of the document of an input.
const (
	MaxInputBytes = 1 << 30
	maxInputDepth = 16
)

// document is an Input as it is kept.
type document struct {
	Schema     string          `json:"schema"`
	Rules      int             `json:"rules"`
	Policy     source          `json:"policy"`
	Candidates []keptCandidate `json:"candidates,omitempty"`
	// Statements are those of all facts, each once, in the order of their digests: one
	// statement may be about a thousand candidates.
	Statements []keptStatement `json:"statements,omitempty"`
	Entries    keptCandidate   `json:"entries"`
	// Before are the entries of the input's stages, in their order.
	Before  []keptCandidate `json:"before,omitempty"`
	InForce []keptInForce   `json:"inForce,omitempty"`
	Input   kept            `json:",embed"`
}

// These have the fields of an Input and of its parts, and not their methods.
type (
	kept          Input
	bareCandidate Candidate
	bareFact      Fact
)

type keptCandidate struct {
	Candidate bareCandidate `json:",embed"`
	Facts     []keptFact    `json:"facts,omitempty"`
}

type keptInForce struct {
	Entry  statement.Link `json:"entry"`
	Policy source         `json:"policy"`
}

type keptFact struct {
	Fact      bareFact       `json:",embed"`
	Statement subject.Digest `json:"statement"` // of a document's statements: the digest of its JSON
}

// keptStatement is a statement as it is kept. Its predicate is a text, so that each byte of it
// is kept.
type keptStatement struct {
	Type          string        `json:"type"`
	Subject       []keptSubject `json:"subject,omitempty"`
	PredicateType string        `json:"predicateType"`
	Predicate     string        `json:"predicate"`
}

// keptSubject is a subject of a statement, with what its signer has added to a report as a text.
type keptSubject struct {
	Name   string            `json:"name"`
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
	Added  string            `json:"added"`
}

func keep(all []statement.Descriptor) []keptSubject {
	var out []keptSubject
	for _, d := range all {
		k := keptSubject{Name: d.Name, URI: d.URI, Digest: d.Digest}
		if d.Annotations != nil {
			k.Added = string(d.Annotations.Report)
		}
		out = append(out, k)
	}
	return out
}

func (k keptSubject) subject() statement.Descriptor {
	d := statement.Descriptor{Name: k.Name, URI: k.URI, Digest: k.Digest}
	if k.Added != "" {
		d.Annotations = &statement.Annotations{Report: raw(k.Added)}
	}
	return d
}

// source is a policy as it is kept: the file, and the words that it uses without
// defining them. With both, Read makes the same policy of it anywhere.
type source struct {
	Text  string     `json:"text"`
	Words vocabulary `json:"words"`
}

// ErrUnread says that an input cannot be kept, because its policy is not what Read
// makes of the policy's file.
var ErrUnread = fault.New(fault.Internal, fault.InternalError, "",
	"an input is kept with the file of its policy, and this policy is not the one that was read from it")

func (p *Policy) source() source { return source{string(p.Source), p.used} }

func (s source) read() (*Policy, error) {
	return Read([]byte(s.Text), "the policy of the input", s.Words.words())
}

// vocabulary is what a policy has used of Words.
type vocabulary struct {
	Trusts []string         `json:"trusts,omitempty"`
	Forges map[string]Forge `json:"forges"` // by issuer
	Places map[string]Place `json:"places"` // by name
	Agents int              `json:"agents"` // version of the list of known agents; 0: it is not used
}

// words are Words that know what v has, and nothing else.
func (v vocabulary) words() Words {
	return Words{Trusts: v.Trusts, Agents: v.Agents,
		Forge: func(issuer string) (Forge, bool) { f := v.Forges[issuer]; return f, f.Issuer == issuer },
		Place: func(name string) (Place, bool) { p, ok := v.Places[name]; return p, ok }}
}

// JSON returns the document of in: everything that Evaluate may look at, in the
// one form that RFC 8785 has for it. The same input gives the same bytes. Its policy
// has to be one that Read has read.
func (in Input) JSON() ([]byte, error) {
	if in.Policy == nil {
		return nil, ErrUnread
	}
	if p, err := in.Policy.source().read(); err != nil || !reflect.DeepEqual(p, in.Policy) {
		return nil, ErrUnread
	}
	return in.written()
}

// written is JSON of an input whose policy is known to be its file's.
func (in Input) written() ([]byte, error) {
	d := document{Schema: InputSchema, Rules: Rules, Policy: in.Policy.source(), Input: kept(in.utc())}
	for _, f := range in.InForce {
		d.InForce = append(d.InForce, keptInForce{f.Entry, f.Policy.source()})
	}
	all := slices.Clone(in.Candidates)
	for _, s := range in.Stages {
		all = append(all, s.Entries)
	}
	err := d.keep(append(all, in.Entries), len(in.Candidates))
	var b []byte
	if err == nil {
		b, err = strictjson.Canonical(d)
	}
	if err != nil {
		return nil, malformed("the input of the verdict cannot be kept: %w", fault.Cause(err))
	}
	return b, nil
}

// utc returns in with every time in UTC.
func (in Input) utc() Input {
	in.Now = in.Now.UTC()
	in.Merged.Modes = in.Merged.Modes.utc()
	in.Runs, in.Changes, in.Reviews.List = slices.Clone(in.Runs), slices.Clone(in.Changes), slices.Clone(in.Reviews.List)
	for i := range in.Runs {
		in.Runs[i].CreatedAt, in.Runs[i].Ended = in.Runs[i].CreatedAt.UTC(), in.Runs[i].Ended.UTC()
	}
	for i := range in.Reviews.List {
		in.Reviews.List[i].Time = in.Reviews.List[i].Time.UTC()
	}
	for i := range in.Changes {
		c := slices.Clone(in.Changes[i].Commits)
		for k := range c {
			c[k].Time = c[k].Time.UTC()
		}
		in.Changes[i].Commits = c
		in.Changes[i].Requests = utcRequests(in.Changes[i].Requests)
		x := &in.Changes[i]
		x.Listed.Time, x.Start.Entered, x.Start.Coming = x.Listed.Time.UTC(), utc(x.Start.Entered), utc(x.Start.Coming)
	}
	return in
}

func utcRequests(all []Request) []Request {
	out := slices.Clone(all)
	for i := range out {
		out[i].Merged, out[i].Moved = out[i].Merged.UTC(), out[i].Moved.UTC()
		out[i].Reviews = slices.Clone(out[i].Reviews)
		for k := range out[i].Reviews {
			out[i].Reviews[k].Time = out[i].Reviews[k].Time.UTC()
		}
	}
	return out
}

func utc(all []Point) []Point {
	out := slices.Clone(all)
	for i := range out {
		out[i].Time = out[i].Time.UTC()
	}
	return out
}

// keep adds n candidates and, after them, the entries of stages and last those of the environment, with each
// statement once.
func (d *document) keep(all []Candidate, n int) error {
	digests := map[memory]subject.Digest{}
	statements := map[subject.Digest]keptStatement{}
	for _, c := range all {
		k := keptCandidate{Candidate: bareCandidate(c)}
		for _, f := range c.Facts {
			at := memoryOf(f.Statement)
			digest, known := digests[at]
			if !known {
				x := f.Statement
				s := keptStatement{x.Type, keep(x.Subject), x.PredicateType, string(x.Predicate)}
				b, err := strictjson.Canonical(s)
				if err != nil {
					return err
				}
				digest = subject.Sum(b)
				digests[at], statements[digest] = digest, s
			}
			x := keptFact{bareFact(f), digest}
			x.Fact.Time = x.Fact.Time.UTC()
			k.Facts = append(k.Facts, x)
		}
		d.Candidates = append(d.Candidates, k)
	}
	last := len(d.Candidates) - 1
	d.Candidates, d.Before, d.Entries = d.Candidates[:n], d.Candidates[n:last], d.Candidates[last]
	for _, digest := range slices.SortedFunc(maps.Keys(statements), subject.Digest.Compare) {
		d.Statements = append(d.Statements, statements[digest])
	}
	return nil
}

// memory is where a statement lies, which facts of one bundle share. So none is
// written a thousand times to find out that it is the same.
type memory struct {
	predicate *byte
	subject   *statement.Descriptor
	lengths   [2]int
	types     [2]string
}

func memoryOf(s statement.Statement) memory {
	m := memory{lengths: [2]int{len(s.Predicate), len(s.Subject)}, types: [2]string{s.Type, s.PredicateType}}
	if len(s.Predicate) > 0 {
		m.predicate = &s.Predicate[0]
	}
	if len(s.Subject) > 0 {
		m.subject = &s.Subject[0]
	}
	return m
}

// candidates are those that keep has added, in its order.
func (d *document) candidates() ([]Candidate, error) {
	statements := map[subject.Digest]statement.Statement{}
	for _, s := range d.Statements {
		b, err := strictjson.Canonical(s)
		if err != nil {
			return nil, err
		}
		var subjects []statement.Descriptor
		for _, k := range s.Subject {
			subjects = append(subjects, k.subject())
		}
		statements[subject.Sum(b)] = statement.Statement{Type: s.Type, Subject: subjects,
			PredicateType: s.PredicateType, Predicate: raw(s.Predicate)}
	}
	var all []Candidate
	for _, k := range slices.Concat(d.Candidates, d.Before, []keptCandidate{d.Entries}) {
		c := Candidate(k.Candidate)
		for _, x := range k.Facts {
			f, known := x.fact(statements)
			if !known {
				return nil, malformed("the input has no statement %s, which a fact of it is made of", x.Statement)
			}
			c.Facts = append(c.Facts, f)
		}
		all = append(all, c)
	}
	return all, nil
}

// fact is the fact that was kept as x. It was made of a bundle that had verified, by
// the program that wrote the document; nobody has verified it here.
func (x keptFact) fact(statements map[subject.Digest]statement.Statement) (f Fact, known bool) {
	x.Fact.Statement, known = statements[x.Statement]
	return Fact(x.Fact), known
}

// raw are the bytes of a predicate; nil for none.
func raw(predicate string) json.RawMessage {
	if predicate == "" {
		return nil
	}
	return json.RawMessage(predicate)
}

// ReadInput reads a document that JSON has written. It refuses one of other rules,
// and every text that JSON would write in another way: an input has one document,
// so that its digest names it.
//
// Nothing that comes of it may let anything in: what it calls verified, somebody else
// has verified. So only explain reads one, which decides nothing.
func ReadInput(raw []byte) (Input, error) {
	const what = "the input"
	var head struct {
		Schema string `json:"schema"`
		Rules  int    `json:"rules"`
	}
	if err := strictjson.Decode(raw, maxInputDepth, what, &head); err != nil {
		return Input{}, err
	}
	if head.Schema != InputSchema {
		return Input{}, malformed("%s has schema %q, want %q", what, head.Schema, InputSchema)
	}
	if err := KnowsRules(head.Rules); err != nil {
		return Input{}, err
	}
	var d document
	if err := strictjson.DecodeExact(raw, maxInputDepth, what, &d); err != nil {
		return Input{}, err
	}
	if known := KnownAgents().Version; d.Policy.Words.Agents > known {
		return Input{}, fault.New(fault.Usage, fault.Config, "use a version of sallyport that has this list",
			"the policy is judged with version %d of the list of known agents, and this program knows version %d",
			d.Policy.Words.Agents, known)
	}
	in := Input(d.Input)
	var err error
	if in.Policy, err = d.Policy.read(); err != nil {
		return Input{}, err
	}
	for _, f := range d.InForce {
		p, err := f.Policy.read()
		if err != nil {
			return Input{}, err
		}
		in.InForce = append(in.InForce, InForce{f.Entry, p})
	}
	all, err := d.candidates()
	if err != nil {
		return Input{}, err
	}
	if len(d.Before) != len(in.Stages) {
		return Input{}, malformed("%s has entries of %d environments before, and names %d", what, len(d.Before), len(in.Stages))
	}
	if n := len(d.Candidates); n > 0 {
		in.Candidates = all[:n]
	}
	for i := range in.Stages {
		in.Stages[i].Entries = all[len(d.Candidates)+i]
	}
	in.Entries = all[len(all)-1]
	again, err := in.written()
	if err != nil {
		return Input{}, err
	}
	if !bytes.Equal(again, raw) {
		return Input{}, malformed("%s is not written in its canonical form (RFC 8785)", what)
	}
	return in, nil
}

// malformed is the fault of an input that is not a document.
func malformed(format string, args ...any) error {
	return fault.New(fault.Refused, fault.Malformed, "", format, args...)
}

// KnowsRules returns a fault if this program does not know a version of the rules.
func KnowsRules(version int) error {
	if version == Rules {
		return nil
	}
	return fault.New(fault.Usage, fault.Config, "judge again with a version of sallyport that knows these rules",
		"it was judged by version %d of the rules, and this program knows version %d", version, Rules)
}
