package policy

import (
	"bytes"
	"reflect"
	"slices"

	"github.com/sallyport-dev/sallyport/internal/fault"
	"github.com/sallyport-dev/sallyport/internal/strictjson"
)

// Rules is the version of the rules by which Evaluate judges. Where an input could
// lead to another Core than before, the number is another one. Texts may change
// without it.
const Rules = 1

// InputSchema names the form of the document that an input is kept in.
const InputSchema = "https://sallyport.dev/schemas/input/v1"

// Limits of the document of an input.
const (
	MaxInputBytes = 1 << 30
	maxInputDepth = 16
)

// document is an Input as it is kept.
type document struct {
	Schema string `json:"schema"`
	Rules  int    `json:"rules"`
	Policy source `json:"policy"`
	Input
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
	Trusts []string     `json:"trusts,omitempty"`
	Forges []Forge      `json:"forges,omitempty"`
	Places []namedPlace `json:"places,omitempty"`
	Agents int          `json:"agents"` // version of the list of known agents; 0: it is not used
}

type namedPlace struct {
	Name  string `json:"name"`
	Place Place  `json:"place"`
}

func (v *vocabulary) trust(name string) {
	if !slices.Contains(v.Trusts, name) {
		v.Trusts = append(v.Trusts, name)
	}
}

func (v *vocabulary) forge(f Forge) {
	if !slices.ContainsFunc(v.Forges, func(x Forge) bool { return x.Issuer == f.Issuer }) {
		v.Forges = append(v.Forges, f)
	}
}

func (v *vocabulary) place(name string, p Place) {
	if !slices.ContainsFunc(v.Places, func(x namedPlace) bool { return x.Name == name }) {
		v.Places = append(v.Places, namedPlace{name, p})
	}
}

// words are Words that know what v has, and nothing else.
func (v vocabulary) words() Words {
	return Words{Trusts: v.Trusts, Agents: v.Agents,
		Forge: func(issuer string) (Forge, bool) {
			i := slices.IndexFunc(v.Forges, func(f Forge) bool { return f.Issuer == issuer })
			if i < 0 {
				return Forge{}, false
			}
			return v.Forges[i], true
		},
		Place: func(name string) (Place, bool) {
			i := slices.IndexFunc(v.Places, func(p namedPlace) bool { return p.Name == name })
			if i < 0 {
				return Place{}, false
			}
			return v.Places[i].Place, true
		}}
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
	d := document{Schema: InputSchema, Rules: Rules, Policy: in.Policy.source(), Input: in}
	b, err := strictjson.Canonical(d)
	if err != nil {
		return nil, fault.New(fault.Refused, fault.Malformed, "", "the input of the verdict cannot be kept: %w", fault.Cause(err))
	}
	return b, nil
}

// ReadInput reads a document that JSON has written. It refuses one of other rules,
// and every text that JSON would write in another way: an input has one document,
// so that its digest names it.
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
		return Input{}, fault.New(fault.Refused, fault.Malformed, "", "%s has schema %q, want %q", what, head.Schema, InputSchema)
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
			"the policy is judged with version %d of the list of known agents, and this program knows version %d", d.Policy.Words.Agents, known)
	}
	in := d.Input
	p, err := d.Policy.read()
	if err != nil {
		return Input{}, err
	}
	in.Policy = p
	again, err := in.written()
	if err != nil {
		return Input{}, err
	}
	if !bytes.Equal(again, raw) {
		return Input{}, fault.New(fault.Refused, fault.Malformed, "", "%s is not written in its canonical form (RFC 8785)", what)
	}
	return in, nil
}

// KnowsRules returns a fault if this program does not know a version of the rules.
func KnowsRules(version int) error {
	if version == Rules {
		return nil
	}
	return fault.New(fault.Usage, fault.Config, "judge again with a version of sallyport that knows these rules",
		"it was judged by version %d of the rules, and this program knows version %d", version, Rules)
}
